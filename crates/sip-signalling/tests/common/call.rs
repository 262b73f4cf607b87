//! Calls of phones that are written by hand.

use bytes::Bytes;
use conference::LegId;
use sip_signalling::{Arrival, News, Wish};

use super::raw::{Ask, Login, Message, Raw, ask};
use super::{House, Told};

/// A call of a user's phone that was answered: the request whose `next` stands inside the dialog.
pub(crate) async fn talks(server: &mut House, raw: &Raw, user: &str) -> (Ask, LegId) {
    raw.register(user).await;
    dials(server, raw, user).await
}

/// The same of a phone that is registered.
pub(crate) async fn dials(server: &mut House, raw: &Raw, user: &str) -> (Ask, LegId) {
    let (invite, arrival) = rings(server, raw, user, "").await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let dialog = taken(raw, &invite).await;
    server.news.until(|news| matches!(news, News::Acknowledged { .. })).await;
    (dialog, arrival.leg)
}

/// A call that was let in and waits for its answer.
pub(crate) async fn rings(server: &mut House, raw: &Raw, user: &str, more: &str) -> (Ask, Arrival) {
    let second = authorized(raw, user, more).await;
    raw.ask(&second).await;
    (second, server.news.arrival().await)
}

/// An INVITE with credentials for the challenge that its first try got.
pub(crate) async fn authorized(raw: &Raw, user: &str, more: &str) -> Ask {
    let aor = format!("sip:{user}@baton.local");
    let call = ask("INVITE", "sip:*43@baton.local", &aor, "sip:*43@baton.local").more(more).offer();
    let challenge = raw.answer(&call).await.challenge("SHA-256");
    let password = format!("{user}-secret");
    let login = Login { user, password: &password, algorithm: "SHA-256", method: "INVITE", uri: &call.uri, nc: 1 };
    call.next("INVITE").more(more).offer().more(&login.header(&challenge))
}

/// Waits for the 200 and acknowledges it.
pub(crate) async fn taken(raw: &Raw, invite: &Ask) -> Ask {
    let ok = raw
        .until(|message| {
            message.status() == 200
                && message.one("CSeq").ends_with("INVITE")
                && message.one("Call-ID") == invite.call_id
        })
        .await;
    let dialog = inside(invite, &ok);
    let mut ack = dialog.next("ACK");
    ack.cseq = invite.cseq;
    raw.ask(&ack).await;
    dialog
}

/// The dialog an answer made.
pub(crate) fn inside(invite: &Ask, ok: &Message) -> Ask {
    let contact = ok.one("Contact");
    let uri = contact[contact.find('<').unwrap() + 1..contact.find('>').unwrap()].to_owned();
    Ask { uri, to: ok.one("To").to_owned(), ..invite.next("") }
}

/// The tag in a From or To.
pub(crate) fn tag(address: &str) -> &str {
    address.split(";tag=").nth(1).unwrap_or("")
}

/// The Replaces of a REFER that names this dialog of the phone's, unescaped.
pub(crate) fn replaces(dialog: &Ask) -> String {
    format!("{};to-tag={};from-tag={}", dialog.call_id, tag(&dialog.to), tag(&dialog.from))
}
