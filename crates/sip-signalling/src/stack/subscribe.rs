//! SUBSCRIBEs: they refresh or end what a REFER began (RFC 3515 §2.4.4, RFC 6665 §4.2.1) and begin nothing themselves.
//!
//! ```text
//!   phone                 baton
//!     |-- SUBSCRIBE -------->|   Event: refer
//!     |<- 200 ---------------|
//!     |<- NOTIFY ------------|   how it stands; Expires: 0: terminated;reason=timeout
//! ```

use conference::LegId;
use rsip::{Method, Request};

use super::{Alarm, Stack};
use crate::codec::headers::{EventValue, expires};
use crate::codec::{one, push};
use crate::dialog::Order;
use crate::flow::Flow;
use crate::gate::{self, Refusal};
use crate::leg::Phase;
use crate::news::{Package, ReferId};
use crate::refer::{At, EVENT, End, LIFE};

impl Stack {
    /// SUBSCRIBE in the dialog of a leg.
    pub(super) fn subscribed(&mut self, leg: LegId, back: Flow, request: Request) {
        if matches!(self.legs.get(&leg).map(|leg| &leg.phase), Some(Phase::Talking(session)) if session.over) {
            return self.reply(back, request, &Refusal::plain(481));
        }
        let number = match event_id(&request) {
            Ok(number) => number,
            Err(refusal) => return self.reply(back, request, &refusal),
        };
        let here = || self.refers.all.values().filter(|known| known.is_at(leg) && known.waits.is_none());
        let found = match number {
            Some(number) => here().find(|known| known.number == number),
            // without a number the first REFER is meant, or the only one left (RFC 3515 §2.4.6)
            None => here().find(|known| !known.named).or_else(|| here().next().filter(|_| here().count() == 1)),
        };
        match found.map(|known| known.id) {
            Some(id) => self.refresh_refer(id, back, request, Some(leg)),
            // not 481, which would end the call too; RFC 3515 §2.4.4 says 403 where one is to be begun
            None => self.reply(back, request, &Refusal::plain(403)),
        }
    }

    /// The REFER outside dialogs that made the dialog of a request.
    pub(super) fn alone(&self, key: &(String, String), request: &Request) -> Option<ReferId> {
        let id = *self.refers.dialogs.get(key)?;
        match &self.refers.all.get(&id)?.at {
            At::Alone(alone) if alone.dialog.is_from_peer(request) => Some(id),
            At::Alone(_) | At::Leg(_) | At::Gone => None,
        }
    }

    /// A request in the dialog that a REFER outside dialogs made.
    pub(super) fn inside_alone(&mut self, id: ReferId, flow: Flow, back: Flow, request: Request) {
        let Some(At::Alone(alone)) = self.refers.all.get(&id).map(|known| &known.at) else { return };
        let (moved, agent) = (alone.dialog.flow != flow, alone.agent.clone());
        if moved {
            let Some(proved) = self.proved(flow, back, &request) else { return };
            if proved != agent.0 {
                self.alert("foreign-request", flow.peer, request.method.to_string());
                return self.refuse_with(back, &request, 403);
            }
        }
        if let Some(refusal) = gate::form(&request) {
            return self.refuse(back, &request, &refusal);
        }
        let Some(At::Alone(alone)) = self.refers.all.get_mut(&id).map(|known| &mut known.at) else { return };
        alone.dialog.flow = flow;
        match alone.dialog.order(&request) {
            Order::Old => return self.refuse_with(back, &request, 500),
            Order::New => alone.dialog.note(&request),
        }
        match request.method {
            Method::Subscribe => match event_id(&request) {
                Ok(_) => self.refresh_refer(id, back, request, None),
                Err(refusal) => self.reply(back, request, &refusal),
            },
            // one REFER in such a dialog (RFC 6665 §4.5.2)
            Method::Refer => self.reply(back, request, &super::refer::forbidden("not_allowed")),
            Method::Options => self.tell_abilities(back, &request),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Invite
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Register
            | Method::Update => self.reply(back, request, &Refusal::plain(481)),
        }
    }

    fn refresh_refer(&mut self, id: ReferId, back: Flow, request: Request, leg: Option<LegId>) {
        let Ok(asked) = expires(&request.headers) else {
            return self.reply(back, request, &Refusal::plain(400));
        };
        let most = u32::try_from(LIFE.as_secs()).unwrap_or(u32::MAX);
        let seconds = asked.unwrap_or(most).min(most);
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        let dialog = match &known.at {
            At::Leg(leg) => self.legs.get(leg).and_then(|leg| leg.dialog()),
            At::Alone(alone) => Some(&alone.dialog),
            At::Gone => None,
        };
        let Some(dialog) = dialog.cloned() else { return };
        if seconds == 0 {
            known.repeat(Some(End::Timeout));
        } else if known.is_active() {
            known.ends = self.now + std::time::Duration::from_secs(u64::from(seconds));
            known.repeat(None);
            self.alarms.arm(known.ends, Alarm::Refer(id));
        }
        let mut response = self.in_dialog(&request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, leg, None);
        push(&mut response.headers, "Expires", seconds.to_string());
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
        self.next_notify(id);
    }
}

/// The number in an `Event: refer;id=…`; other events are refused.
fn event_id(request: &Request) -> Result<Option<u32>, Refusal> {
    let event = one(&request.headers, "Event").and_then(|value| EventValue::parse(value).ok());
    let event = event.ok_or_else(gate::bad_event)?;
    if Package::of(&event.word).is_some() {
        // known, but each such watch has a dialog of its own (RFC 6665 §4.5.2)
        return Err(Refusal::plain(403));
    }
    let event = Some(event).filter(|event| event.word == EVENT).ok_or_else(gate::bad_event)?;
    event.params.get("id").map(|id| id.parse().map_err(|_| Refusal::plain(400))).transpose()
}
