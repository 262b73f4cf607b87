//! Calls that raw peers make and take: INVITE to BYE by text, with sound.

use std::net::{IpAddr, SocketAddr};

use super::audio::{Audio, Law, Numbers, rtp};
use super::message::Message;
use super::peer::{Dialog, LIMIT, Peer, response, token};

/// A description of PCMU with telephone events; `lines` (whole ones) end it.
#[must_use]
pub fn sdp(audio: SocketAddr, lines: &str) -> String {
    describe(&audio.ip().to_string(), audio.port(), lines)
}

fn describe(address: &str, port: u16, lines: &str) -> String {
    format!(
        "v=0\r\no=- 7 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n{lines}",
        version = u32::from(port) + u32::try_from(lines.len()).unwrap_or(0),
    )
}

/// A call in which one side is a raw peer.
#[derive(Debug)]
pub struct RawCall {
    /// Its socket.
    pub peer: Peer,
    /// Its dialog.
    pub dialog: Dialog,
    /// Its sound.
    pub audio: Audio,
    /// Where the server takes its sound.
    pub remote: SocketAddr,
    /// The last answer or offer of the server.
    pub described: String,
}

/// An INVITE that a raw phone got and did not answer yet.
#[derive(Debug)]
pub struct Ringing {
    /// The INVITE.
    pub invite: Message,
    /// Our tag.
    pub tag: String,
}

/// A raw peer with the account of an agent.
#[derive(Debug)]
pub struct RawAgent {
    /// Its socket.
    pub peer: Peer,
    /// Its sound.
    pub audio: Audio,
}

impl RawCall {
    /// Calls `dialled` as a customer over UDP and talks once it is answered.
    pub async fn dial(from: IpAddr, server: SocketAddr, dialled: &str, hertz: f64) -> Self {
        Self::dial_by(Peer::udp(from, server).await, dialled, hertz).await
    }

    /// Calls `dialled` as a customer from this socket and talks once it is answered.
    pub async fn dial_by(peer: Peer, dialled: &str, hertz: f64) -> Self {
        let dialog = peer.dialog("+15550100", dialled);
        Self::dial_in(peer, dialog, dialled, hertz).await
    }

    /// As [`RawCall::dial`] with this text as From; our tag is added.
    pub async fn dial_as(from: IpAddr, server: SocketAddr, shown: &str, dialled: &str, hertz: f64) -> Self {
        let peer = Peer::udp(from, server).await;
        let dialog = peer.dialog("+15550100", dialled);
        let dialog = Dialog { local: format!("{shown};tag={}", token()), ..dialog };
        Self::dial_in(peer, dialog, dialled, hertz).await
    }

    /// Calls with what `describe` makes of our audio's address as the offer; the answer that turned it down, if it was.
    pub async fn dial_with(
        from: IpAddr,
        server: SocketAddr,
        dialled: &str,
        describe: impl Fn(SocketAddr) -> String,
    ) -> Result<Self, Message> {
        let mut peer = Peer::udp(from, server).await;
        let mut dialog = peer.dialog("+15550100", dialled);
        let audio = Audio::open(from).await;
        let invite = peer.request(&mut dialog, "INVITE", SDP, &describe(audio.own));
        let answer = peer.ask(&invite).await;
        if answer.status() != Some(200) {
            peer.acknowledge_failure(&invite, &answer).await;
            return Err(answer);
        }
        peer.takes_up(&mut dialog, &answer, "", "").await;
        let remote = media_address(&answer.body);
        Ok(Self { peer, dialog, audio, remote, described: answer.body })
    }

    /// Sends the INVITE of this dialog and talks once it is answered.
    pub async fn dial_in(mut peer: Peer, mut dialog: Dialog, dialled: &str, hertz: f64) -> Self {
        let audio = Audio::open(peer.own.ip()).await;
        let invite = peer.request(&mut dialog, "INVITE", SDP, &sdp(audio.own, ""));
        let answer = peer.ask(&invite).await;
        assert_eq!(answer.status(), Some(200), "{dialled}: {answer:?}");
        peer.takes_up(&mut dialog, &answer, "", "").await;
        let remote = media_address(&answer.body);
        audio.says(remote, hertz);
        Self { peer, dialog, audio, remote, described: answer.body }
    }

    /// Calls without an offer; the answer to the server's offer comes with the ACK.
    pub async fn dial_without_offer(from: IpAddr, server: SocketAddr, dialled: &str, hertz: f64) -> Self {
        let mut peer = Peer::udp(from, server).await;
        let audio = Audio::open(from).await;
        let mut dialog = peer.dialog("+15550100", dialled);
        let invite = peer.request(&mut dialog, "INVITE", "", "");
        let answer = peer.ask(&invite).await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        peer.takes_up(&mut dialog, &answer, SDP, &sdp(audio.own, "")).await;
        let remote = media_address(&answer.body);
        audio.says(remote, hertz);
        Self { peer, dialog, audio, remote, described: answer.body }
    }

    /// A re-INVITE with these last lines of the description; returns the answer, acknowledged if it is a 200.
    pub async fn reinvites(&mut self, lines: &str) -> Message {
        self.offers(&sdp(self.audio.own, lines)).await
    }

    /// An UPDATE (RFC 3311) with these last lines of the description.
    pub async fn updates(&mut self, lines: &str) -> Message {
        let update = self.peer.request(&mut self.dialog, "UPDATE", SDP, &sdp(self.audio.own, lines));
        self.peer.ask(&update).await
    }

    /// A re-INVITE after which PCMA alone is spoken.
    pub async fn changes_to_pcma(&mut self) -> Message {
        let description =
            sdp(self.audio.own, "").replace("RTP/AVP 0", "RTP/AVP 8").replace("rtpmap:0 PCMU", "rtpmap:8 PCMA");
        let answer = self.offers(&description).await;
        self.audio.speaks(Law::A);
        answer
    }

    /// A key by INFO.
    pub async fn keys_by_info(&mut self, digit: char) -> Message {
        let body = format!("Signal={digit}\r\nDuration=100\r\n");
        let info = self.peer.request(&mut self.dialog, "INFO", "Content-Type: application/dtmf-relay\r\n", &body);
        self.peer.ask(&info).await
    }

    /// A key as an RTP event (RFC 4733): its beginning, its middle, and its end three times.
    pub async fn keys(&mut self, event: u8) {
        let numbers = self.audio.numbers();
        let steps = [(160_u16, false), (320, false), (480, true), (480, true), (480, true)];
        for (step, (duration, end)) in (0..).zip(steps) {
            let [high, low] = duration.to_be_bytes();
            let payload = [event, if end { 0x8a } else { 0x0a }, high, low];
            // between two packets of sound, with a number of its own as far as that can be
            let at = Numbers { sequence: numbers.sequence.wrapping_add(step), ..numbers };
            self.audio.throw(&rtp(101, at, &payload), self.remote).await;
        }
    }

    /// A re-INVITE with address zero, as phones held in the days of RFC 2543.
    pub async fn holds_by_address_zero(&mut self) -> Message {
        self.offers(&describe("0.0.0.0", self.audio.own.port(), "")).await
    }

    /// A re-INVITE that closes its stream with port 0.
    pub async fn holds_by_port_zero(&mut self) -> Message {
        self.offers(&describe(&self.audio.own.ip().to_string(), 0, "")).await
    }

    /// A re-INVITE with this description.
    pub async fn offers(&mut self, description: &str) -> Message {
        let invite = self.peer.request(&mut self.dialog, "INVITE", SDP, description);
        let answer = self.peer.ask(&invite).await;
        if answer.status() == Some(200) {
            let ack = self.peer.request(&mut self.dialog, "ACK", "", "");
            self.peer.send(ack).await;
            self.described.clone_from(&answer.body);
        } else {
            self.peer.acknowledge_failure(&invite, &answer).await;
        }
        answer
    }

    /// Hangs up.
    pub async fn hangs_up(&mut self) -> Message {
        let bye = self.peer.request(&mut self.dialog, "BYE", "", "");
        self.peer.ask(&bye).await
    }

    /// Waits for the server's BYE and answers it.
    pub async fn is_hung_up(&mut self) {
        let bye = self.peer.next_request("BYE").await;
        self.peer.send(response(&bye, 200, "", "", "")).await;
    }
}

impl RawAgent {
    /// Registers a raw phone of an agent over UDP.
    pub async fn register(name: &str, server: SocketAddr) -> Self {
        let own = IpAddr::from([127, 0, 0, 1]);
        let mut peer = Peer::udp(own, server).await;
        let answer = peer.register(name).await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        Self { peer, audio: Audio::open(own).await }
    }

    /// Waits for an INVITE and says 180.
    pub async fn is_rung(&mut self) -> Ringing {
        let invite = self.peer.next_request("INVITE").await;
        let ringing = Ringing { invite, tag: token() };
        let contact = format!("Contact: {}\r\n", self.peer.contact("raw"));
        self.peer.send(response(&ringing.invite, 180, &ringing.tag, &contact, "")).await;
        ringing
    }

    /// The 200 to an INVITE, with our description.
    #[must_use]
    pub fn answer(&self, ringing: &Ringing) -> String {
        let more = format!("Contact: {}\r\n{SDP}", self.peer.contact("raw"));
        response(&ringing.invite, 200, &ringing.tag, &more, &sdp(self.audio.own, ""))
    }

    /// Our side's dialog once answered.
    #[must_use]
    pub fn dialog(&self, ringing: &Ringing) -> Dialog {
        let invite = &ringing.invite;
        Dialog {
            call_id: invite.need("Call-ID").to_owned(),
            local: format!("{};tag={}", invite.need("To"), ringing.tag),
            remote: invite.need("From").to_owned(),
            target: invite.address("Contact").unwrap_or_else(|| panic!("no Contact in {invite:?}")),
            cseq: 100,
        }
    }

    /// Answers and talks.
    pub async fn answers(mut self, ringing: Ringing, hertz: f64) -> RawCall {
        self.peer.send(self.answer(&ringing)).await;
        self.peer.next_request("ACK").await;
        let remote = media_address(&ringing.invite.body);
        self.audio.says(remote, hertz);
        let dialog = self.dialog(&ringing);
        RawCall { peer: self.peer, dialog, audio: self.audio, remote, described: ringing.invite.body }
    }

    /// Whether nothing more comes than these methods within [`LIMIT`]; returns the first other message.
    pub async fn other_than(&mut self, methods: &[&str]) -> Option<Message> {
        self.peer.next_that(LIMIT, |message| message.method().is_some_and(|method| !methods.contains(&method))).await
    }
}

/// The header line that goes with a description.
const SDP: &str = "Content-Type: application/sdp\r\n";

/// Where a description wants its audio.
///
/// # Panics
/// If it does not say.
#[must_use]
pub fn media_address(description: &str) -> SocketAddr {
    let host = description.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).map(str::trim);
    let port = description.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next());
    let found = host.zip(port).and_then(|(host, port)| format!("{host}:{port}").parse().ok());
    found.unwrap_or_else(|| panic!("no audio address in {description}"))
}
