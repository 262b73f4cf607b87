//! What somebody could ask in a call now, and why not where it would be refused.
//!
//! It has no rule of its own: it asks what every command asks first, and changes nothing.

use super::{Action, Allowed, Switchboard};
use crate::conference::{Asked, Call};
use crate::ids::{CallId, ParticipantId};
use crate::input::Asker;
use crate::moment::Moment;
use crate::output::Status;
use crate::refusal::Refusal;

impl Switchboard {
    /// Every action that makes sense for whoever asks, with the refusal that the command would meet now. Nothing if there
    /// is no such call, or they are not in it.
    ///
    /// A transfer is told as it stands for any target; what is wrong with one target the command says.
    #[must_use]
    pub fn allowed(&self, call: CallId, by: &Asker, now: Moment) -> Vec<Allowed> {
        let Ok(asked) = self.asked(call, by) else { return Vec::new() };
        let Some(call) = self.calls.get(&call) else { return Vec::new() };
        let mut all = vec![
            told(Action::Transfer, call.may_transfer(&self.settings, now, asked)),
            told(Action::Cancel, call.may_cancel(asked)),
            told(Action::Swap, call.may_swap(asked)),
            told(Action::Merge, call.may_merge(asked)),
            told(Action::Complete, call.may_complete(asked)),
        ];
        for who in call.people.keys() {
            on_one(call, asked, *who, &mut all);
        }
        all.push(told(Action::End, call.may_end(asked)));
        if call.is_room() {
            let action = if call.locked { Action::Unlock } else { Action::Lock };
            all.push(told(action, call.may_lock(asked)));
        }
        all
    }
}

/// What could be asked of one participant.
fn on_one(call: &Call, asked: Asked, who: ParticipantId, all: &mut Vec<Allowed>) {
    let Some(person) = call.people.get(&who) else { return };
    if !person.lurks() {
        // Who hears music without being held (waiting, or not faced) can be spoken to by the same button.
        let held = person.held.is_some();
        if !held {
            all.push(told(Action::Hold(who), call.may_hold(asked, who)));
        }
        if held || call.status(who) == Some(Status::Held) {
            all.push(told(Action::Unhold(who), call.may_unhold(asked, who)));
        }
    }
    let voice = if person.muted { Action::Unmute(who) } else { Action::Mute(who) };
    all.push(told(voice, call.may_mute(asked, who)));
    all.push(told(Action::Remove(who), call.may_remove(asked, who)));
}

fn told<T>(action: Action, judged: Result<T, Refusal>) -> Allowed {
    Allowed { action, refused: judged.err() }
}
