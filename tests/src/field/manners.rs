//! What a phone of the field answers by itself, as the makes do: 200 to whatever is right, 489 and 400 to a NOTIFY that they
//! would not understand, 491 to an offer that crosses their own. Repeats of a request get the same answer again.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::raw::{Message, response};

/// A message that came.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) at: Instant,
    pub(super) message: Message,
    pub(super) taken: bool,
}

/// One dialog as far as answers need it.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Our tag.
    pub(super) tag: String,
    /// Our present description.
    pub(super) description: String,
    /// An INVITE of ours is not answered yet.
    pub(super) offering: bool,
    /// So many of the server's offers are still turned down with 491.
    pub(super) turns_down: usize,
    /// One of us said BYE.
    pub(super) over: bool,
    /// An INVITE that rings here.
    pub(super) ringing: Option<Message>,
}

/// Everything a phone knows.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) came: Vec<Came>,
    pub(super) sides: BTreeMap<String, Side>,
    /// What was answered, by branch and method.
    answered: BTreeMap<(String, String), Vec<String>>,
    /// The status for a NOTIFY after our BYE.
    pub(super) notify_after_bye: u16,
    pub(super) contact: String,
    /// What is said to an INVITE of a new call: 180 (and the scenario goes on), or a final status.
    pub(super) says_to_calls: u16,
    /// Header lines that go with it.
    pub(super) says_more: String,
    /// So many copies of a last NOTIFY are still to be overheard.
    pub(super) misses_last_notifies: usize,
}

impl Memory {
    pub(super) const fn with_contact(contact: String) -> Self {
        Self {
            came: Vec::new(),
            sides: BTreeMap::new(),
            answered: BTreeMap::new(),
            notify_after_bye: 481,
            contact,
            says_to_calls: 180,
            says_more: String::new(),
            misses_last_notifies: 0,
        }
    }

    /// Keeps a message and says what is to be sent for it.
    pub(super) fn take(&mut self, message: Message) -> Vec<String> {
        let key =
            (message.header("Via").unwrap_or_default().to_owned(), message.method().unwrap_or_default().to_owned());
        if message.method().is_some()
            && let Some(known) = self.answered.get(&key)
        {
            return known.clone();
        }
        let last = message.header("Subscription-State").is_some_and(|state| state.starts_with("terminated"));
        if last && self.misses_last_notifies > 0 {
            self.misses_last_notifies -= 1;
            return Vec::new();
        }
        let answers = self.answers(&message);
        if message.method().is_some_and(|method| method != "ACK") {
            self.answered.insert(key, answers.clone());
        }
        self.came.push(Came { at: Instant::now(), message, taken: false });
        answers
    }

    fn answers(&mut self, message: &Message) -> Vec<String> {
        let Some(method) = message.method() else { return Vec::new() };
        let call_id = message.header("Call-ID").unwrap_or_default().to_owned();
        let plain = |status| vec![response(message, status, "x", "", "")];
        if method == "INVITE" && !message.need("To").contains(";tag=") {
            return self.is_rung(message, call_id);
        }
        let contact = format!("Contact: {}\r\n", self.contact);
        let after_bye = self.notify_after_bye;
        let Some(side) = self.sides.get_mut(&call_id) else {
            return if method == "ACK" { Vec::new() } else { plain(if method == "OPTIONS" { 200 } else { 481 }) };
        };
        match method {
            "ACK" => Vec::new(),
            "BYE" => {
                let status = if side.over { 481 } else { 200 };
                side.over = true;
                plain(status)
            }
            "CANCEL" => match side.ringing.take() {
                Some(invite) => {
                    side.over = true;
                    let tag = side.tag.clone();
                    vec![response(message, 200, &tag, "", ""), response(&invite, 487, &tag, "", "")]
                }
                None => plain(200),
            },
            "NOTIFY" if side.over => plain(after_bye),
            "NOTIFY" => plain(understood(message)),
            _ if side.over => plain(481),
            "INVITE" | "UPDATE" if !message.body.is_empty() || method == "INVITE" => {
                if side.offering || side.turns_down > 0 {
                    side.turns_down = side.turns_down.saturating_sub(1);
                    return plain(491);
                }
                let more = format!("{contact}Content-Type: application/sdp\r\n");
                vec![response(message, 200, "", &more, &side.description)]
            }
            _ => plain(200),
        }
    }

    fn is_rung(&mut self, invite: &Message, call_id: String) -> Vec<String> {
        let tag = crate::raw::token();
        let contact = format!("Contact: {}\r\n{}", self.contact, self.says_more);
        let status = self.says_to_calls;
        let ringing = (status < 200).then(|| invite.clone());
        let side = Side {
            tag: tag.clone(),
            description: String::new(),
            offering: false,
            turns_down: 0,
            over: status >= 200,
            ringing,
        };
        self.sides.insert(call_id, side);
        vec![response(invite, status, &tag, &contact, "")]
    }
}

/// What baresip (400 to a body that does not start `SIP/2.0 ddd reason`) and liblinphone (489 to another event or kind of
/// body) demand of a NOTIFY.
fn understood(notify: &Message) -> u16 {
    let event = notify.header("Event").unwrap_or_default();
    let kind = notify.header("Content-Type").unwrap_or_default();
    if event.split(';').next().is_none_or(|event| event.trim() != "refer") || !kind.starts_with("message/sipfrag") {
        return 489;
    }
    if sipfrag(notify).is_some() { 200 } else { 400 }
}

/// The status in a NOTIFY's body, if it has one with a reason phrase.
pub(super) fn sipfrag(notify: &Message) -> Option<u16> {
    let (status, reason) = notify.body.strip_prefix("SIP/2.0 ")?.split_once(' ')?;
    let named = reason.lines().next().is_some_and(|reason| !reason.trim().is_empty());
    status.parse().ok().filter(|_| named && status.len() == 3)
}
