//! NOTIFYs about REFERs (RFC 3515 §2.4.4 to §2.4.7, RFC 6665 §4.2), and the BYE that waits for the last one's answer.
//!
//! ```text
//!   phone              baton             owner
//!     |<- NOTIFY 100 ----|                 |   Event: refer (;id=CSeq from the second REFER of a dialog on)
//!     |-- 200 ---------->|<- Notify 180 ---|   one at a time, in order
//!     |<- NOTIFY 180 ----|                 |
//!     |-- 200 ---------->|<- Notify 200 ---|   the last one: terminated;reason=noresource
//!     |<- NOTIFY 200 ----|<- End ----------|
//!     |-- 200 ---------->|                 |   a BYE of ours waits for this answer, at most two seconds
//!     |<- BYE -----------|                 |
//! ```
//!
//! A NOTIFY that is refused or lost ends its subscription, never the dialog, and nobody is told.

use conference::LegId;
use rsip::Method;

use super::{Alarm, Stack, User};
use crate::codec::push;
use crate::flow::Flow;
use crate::news::ReferId;
use crate::refer::{At, EVENT, End, FAREWELL, Heard, Word, sipfrag};
use crate::transaction::ClientId;

impl Stack {
    /// The owner has something to say about a REFER.
    pub(super) fn notify(&mut self, id: ReferId, status: u16, last: bool) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        let status = if (100..700).contains(&status) { status } else { 500 };
        known.say(Word::new(status, last.then_some(End::NoResource)));
        self.next_notify(id);
    }

    /// Sends the next NOTIFY of a subscription, if none is unanswered.
    pub(super) fn next_notify(&mut self, id: ReferId) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        let Some(word) = known.next_word() else { return };
        let event = if known.named { format!("{EVENT};id={}", known.number) } else { EVENT.to_owned() };
        let state = match word.end {
            Some(end) => format!("terminated;reason={}", end.reason()),
            None => format!("active;expires={}", known.ends.since(self.now).as_secs()),
        };
        let (at, leg) = match &known.at {
            At::Leg(leg) => (self.legs.get(leg).and_then(|leg| leg.dialog()), Some(*leg)),
            At::Alone(alone) => (Some(&alone.dialog), None),
            At::Gone => (None, None),
        };
        let Some(mut dialog) = at.cloned() else { return self.remove_refer(id) };
        let mut request = self.inside(&mut dialog, Method::Notify);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, leg, None);
        push(&mut request.headers, "Event", event);
        push(&mut request.headers, "Subscription-State", state);
        push(&mut request.headers, "Content-Type", sipfrag::TYPE);
        request.body = sipfrag::write(word.status);
        self.number_used(id, dialog.last_number());
        let client = self.send(way, request, User::Notify(id));
        if let Some(known) = self.refers.all.get_mut(&id) {
            known.sent(client, word);
        }
    }

    /// Writes the number of a NOTIFY back into its dialog.
    fn number_used(&mut self, id: ReferId, number: u32) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        match &mut known.at {
            At::Leg(leg) => {
                if let Some(dialog) = self.legs.get_mut(leg).and_then(|leg| leg.dialog_mut()) {
                    dialog.number_used(number);
                }
            }
            At::Alone(alone) => alone.dialog.number_used(number),
            At::Gone => {}
        }
    }

    /// The final answer to a NOTIFY, or 408 for none.
    pub(super) fn notify_answered(&mut self, client: ClientId, id: ReferId, status: u16) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        match known.answered(client, status) {
            Heard::Stray => {}
            Heard::Next => self.next_notify(id),
            Heard::Over => {
                let at = known.at.clone();
                self.remove_refer(id);
                if let At::Leg(leg) = at {
                    self.free_to_go(leg);
                }
            }
        }
    }

    /// Somebody challenges a NOTIFY: nobody gets credentials of ours for that (B15).
    pub(super) fn notify_challenged(&mut self, id: ReferId, source: Flow) {
        let at = self.refers.all.get(&id).map(|known| known.at.clone());
        self.remove_refer(id);
        self.alert("digest-leak", source.peer, "challenge to NOTIFY");
        if let Some(At::Leg(leg)) = at {
            self.close_unproved(leg);
        }
    }

    /// BYE, as soon as the last word of every REFER in this dialog has its answer, at most two seconds from now: a phone
    /// that hears BYE first answers the NOTIFY 481 and takes the transfer for failed.
    pub(super) fn farewell(&mut self, leg: LegId) {
        if !self.refers.owe_last_word(leg) {
            return self.bye(leg);
        }
        self.refuse_waiting_offer(leg, 487);
        if self.alarms.at(&Alarm::Farewell(leg)).is_none() {
            self.alarms.arm(self.now + FAREWELL, Alarm::Farewell(leg));
        }
    }

    /// A last word was answered: the leg's BYE may go, if it waits for nothing else.
    fn free_to_go(&mut self, leg: LegId) {
        let waits = self.alarms.at(&Alarm::Farewell(leg)).is_some();
        if waits && !self.refers.owe_last_word(leg) {
            self.bye(leg);
        }
    }
}
