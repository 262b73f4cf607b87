//! Nobody is brought together unasked: judged by the inputs alone, whatever the events say of it.
//!
//! The oracle believes the events that a transfer began, merged or ended. This does not: who was kept apart by a private
//! consult meets only because somebody asked for it, or because the initiator's own legs ended. And a caller from a trunk
//! stays a customer, whatever they are said to be, until a REFER with Replaces joins two calls.

use std::collections::BTreeSet;

use conference::{CallView, Caller, Command, LegId, ParticipantView, Report, Role, Switchboard};

use super::{Input, Walk};
use crate::oracle::Finding;

/// Callers from trunks, whose role nobody may change.
#[derive(Clone, Debug, Default)]
pub struct Customers(BTreeSet<LegId>);

impl Customers {
    /// Takes note of an input before the house has it.
    pub fn note(&mut self, board: &Switchboard, input: &Input) {
        match input {
            Input::Report(Report::Arrived { leg, caller: Caller::Customer { .. }, .. })
                if board.call_of(*leg).is_none() =>
            {
                self.0.insert(*leg);
            }
            // Whoever is brought along serves from then on.
            Input::Command(Command::Join { .. }) => self.0.clear(),
            Input::Report(_) | Input::Command(_) | Input::Expire => {}
        }
    }
}

impl Walk {
    /// Compares every call that was private before the input with what it is now.
    pub(super) fn nobody_meets_unasked(&self, before: &[CallView], input: &Input) -> Result<(), Finding> {
        for view in before {
            let private =
                view.transfer.as_ref().filter(|transfer| !transfer.cold && transfer.phase != conference::Phase::Merged);
            let (Some(transfer), Some(after)) = (private, self.board.call(view.id)) else { continue };
            if may_meet(input)
                || self.keyed.as_ref().is_some_and(asks_to_meet)
                || (after.participant(transfer.by).is_none() && may_be_gone(input))
            {
                continue;
            }
            for other in view.participants.iter().filter(|other| ![transfer.by, transfer.target].contains(&other.who)) {
                let target = after.participant(transfer.target);
                let pair = target.zip(after.participant(other.who)).filter(|_| other.role != Role::Supervisor);
                if pair.is_some_and(|(target, other)| self.hear_each_other(view, target, other)) {
                    let text = format!("{}: {} and {}", view.id, transfer.target, other.who);
                    return Err(("who was kept apart meets unasked", text));
                }
            }
        }
        self.customers_stay_customers()
    }

    fn hear_each_other(&self, call: &CallView, one: &ParticipantView, other: &ParticipantView) -> bool {
        let pairs = one.legs.iter().flat_map(|one| other.legs.iter().map(move |other| (one.leg, other.leg)));
        pairs
            .into_iter()
            .any(|(one, other)| self.board.hears(call.id, one, other) || self.board.hears(call.id, other, one))
    }

    fn customers_stay_customers(&self) -> Result<(), Finding> {
        for call in self.board.calls() {
            let wrong = call.participants.iter().find(|person| {
                person.role != Role::Customer && person.legs.iter().any(|leg| self.customers.0.contains(&leg.leg))
            });
            if let Some(person) = wrong {
                return Err(("a customer became something else", format!("{}: {}", call.id, person.who)));
            }
        }
        Ok(())
    }
}

/// Whether somebody asked for something that ends a consult's privacy.
fn may_meet(input: &Input) -> bool {
    match input {
        Input::Command(command) => asks_to_meet(command),
        Input::Report(_) | Input::Expire => false,
    }
}

fn asks_to_meet(command: &Command) -> bool {
    matches!(command, Command::Merge { .. } | Command::Unhold { .. } | Command::Complete { .. } | Command::Join { .. })
}

/// Whether the initiator may have left by this: asked, hung up, or found dead.
fn may_be_gone(input: &Input) -> bool {
    match input {
        Input::Command(command) => {
            matches!(command, Command::Remove { .. } | Command::End { .. } | Command::Shutdown)
        }
        Input::Report(report) => matches!(
            report,
            Report::Ended { .. } | Report::Failed { .. } | Report::Silent { .. } | Report::Probed { .. }
        ),
        Input::Expire => true,
    }
}
