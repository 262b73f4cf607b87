//! Calls that a phone of the field makes and takes, from the INVITE to its last answer.

use super::*;

/// A call of ours that is not answered yet.
#[derive(Debug)]
pub struct Dialling {
    dialog: Dialog,
    audio: Audio,
    invite: String,
    hertz: f64,
}

impl FieldPhone {
    /// Calls somebody and waits until it rings there.
    pub async fn dials(&self, dialled: &str, hertz: f64) -> Dialling {
        self.dials_with(dialled, hertz, "invite", &Gaps::new()).await
    }

    /// As [`FieldPhone::dials`], by a section of the fixture.
    pub async fn dials_with(&self, dialled: &str, hertz: f64, section: &str, gaps: &Gaps) -> Dialling {
        let audio = Audio::open(self.own.ip()).await;
        let mut dialog = self.dialog(dialled);
        let mut gaps = gaps.clone();
        gaps.insert("rtp", audio.own.port().to_string());
        self.remember(&dialog, &audio, true);
        let invite = self.send(&mut dialog, section, &gaps).await;
        let answer = self.answer_to(&invite, |status| status != 100).await;
        let invite = if answer.status() == Some(401) {
            self.acknowledge(&invite, &answer).await;
            gaps.insert("auth", self.credentials(&answer, "INVITE", &dialog.target));
            let invite = self.send(&mut dialog, section, &gaps).await;
            let ringing = self.peek(&invite, |status| status != 100).await;
            dialog.remote = ringing.need("To").to_owned();
            invite
        } else {
            dialog.remote = answer.need("To").to_owned();
            invite
        };
        Dialling { dialog, audio, invite, hertz }
    }

    /// The status of a call that could not be had.
    pub async fn is_turned_down(&self, dialling: Dialling) -> u16 {
        let answer = self.answer_to(&dialling.invite, |status| status >= 200).await;
        self.acknowledge(&dialling.invite, &answer).await;
        self.forget(&dialling.dialog);
        answer.status().unwrap_or(0)
    }

    /// Waits until a call is answered, and talks.
    pub async fn gets_through(&self, dialling: Dialling) -> FieldLine {
        let answer = self.answer_to(&dialling.invite, |status| status >= 200).await;
        self.takes_up(dialling, &answer).await
    }

    /// Talks on a call of ours that this 200 answered.
    pub async fn takes_up(&self, dialling: Dialling, answer: &Message) -> FieldLine {
        let Dialling { mut dialog, audio, hertz, .. } = dialling;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        answer.need("To").clone_into(&mut dialog.remote);
        dialog.target = answer.address("Contact").expect("a Contact");
        self.side(&dialog, |side| side.offering = false);
        self.acknowledges(&dialog).await;
        let remote = media_address(&answer.body);
        audio.says(remote, hertz);
        FieldLine { name: self.user, port: audio.own.port(), dialog, audio, remote }
    }

    /// Gives a call up that rings; the status of the CANCEL, and the INVITE's answer (a 200 is still to be acknowledged).
    pub async fn gives_up(&self, dialling: &Dialling) -> (u16, Message) {
        let asked = Message::read(dialling.invite.as_bytes()).expect("our own text");
        let number = asked.need("CSeq").split(' ').next().unwrap_or_default();
        let cancel = format!(
            "CANCEL {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n",
            uri = asked.start.split(' ').nth(1).unwrap_or_default(),
            via = asked.need("Via"),
            from = asked.need("From"),
            to = asked.need("To"),
            id = asked.need("Call-ID"),
        );
        self.throw(&cancel).await;
        let cancelled = self.answer_to(&cancel, |status| status >= 200).await;
        let answer = self.answer_to(&dialling.invite, |status| status >= 200).await;
        if answer.status().is_some_and(|status| status >= 300) {
            self.acknowledge(&dialling.invite, &answer).await;
        }
        (cancelled.status().unwrap_or(0), answer)
    }

    /// Waits until it is rung, and rings.
    pub async fn is_rung(&self) -> Message {
        self.next_that(LIMIT, "an INVITE", |message| {
            message.method() == Some("INVITE") && !message.need("To").contains(";tag=")
        })
        .await
    }

    /// Answers a call that rings here, and talks.
    pub async fn answers(&self, invite: &Message, hertz: f64) -> FieldLine {
        let audio = Audio::open(self.own.ip()).await;
        let call_id = invite.need("Call-ID").to_owned();
        let tag = self.memory().sides.get(&call_id).expect("it rings").tag.clone();
        let dialog = Dialog {
            call_id,
            local: format!("{};tag={tag}", invite.need("To")),
            remote: invite.need("From").to_owned(),
            target: invite.address("Contact").expect("a Contact"),
            cseq: 100,
        };
        self.remember(&dialog, &audio, false);
        let gaps = self.complete(&dialog, &self.gaps(audio.own.port()));
        let more = self.fixture.fill("answer", &gaps);
        let (more, description) = more.split_once("\r\n\r\n").expect("a body");
        self.side(&dialog, |side| description.clone_into(&mut side.description));
        self.throw(&response(invite, 200, &tag, &format!("{more}\r\n"), description)).await;
        let acked = |message: &Message| {
            message.method() == Some("ACK") && message.header("Call-ID") == Some(dialog.call_id.as_str())
        };
        self.next_that(LIMIT, "the ACK", acked).await;
        let remote = media_address(&invite.body);
        audio.says(remote, hertz);
        FieldLine { name: self.user, port: audio.own.port(), dialog, audio, remote }
    }
}

impl Dialling {
    /// The early dialog, with the server's tag.
    #[must_use]
    pub const fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// The text of the INVITE.
    #[must_use]
    pub fn invite(&self) -> &str {
        &self.invite
    }

    /// What it hears meanwhile.
    #[must_use]
    pub const fn audio(&self) -> &Audio {
        &self.audio
    }
}
