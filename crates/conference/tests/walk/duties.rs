//! Nobody waits for ever: what must be true once nobody does anything any more, and what a reaction owes a customer.

use std::time::Duration;

use conference::{CallView, Ears, Effect, Ending, Event, Left, Outcome, Output, ParticipantView, Report, Role, Status};

use super::{Input, Walk};
use crate::oracle::Finding;

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Everybody hangs up.
    ByeToAll,
    /// Every phone dies without a word.
    AllDie,
}

impl Walk {
    /// The rest of a walk: silence for a while, then the end.
    pub fn wind_down(&mut self, end: End) -> Result<(), Finding> {
        self.comes_to_rest(Duration::from_secs(300))?;
        if end == End::AllDie {
            self.all_die()?;
        }
        self.everybody_leaves()
    }

    /// Nobody does anything for a while: whoever waits then has somebody to wait for.
    pub fn comes_to_rest(&mut self, span: Duration) -> Result<(), Finding> {
        self.probes.clear();
        self.pass(span, true)?;
        for call in self.board.calls() {
            let masks = self.board.masks(call.id);
            let open = masks.is_some_and(|masks| masks.values().any(|mask| mask.open && mask.supervises.is_none()));
            nobody_waits_for_ever(&call, open)?;
        }
        Ok(())
    }

    /// No phone sends or answers anything: open legs are reported silent, the others are probed in vain.
    fn all_die(&mut self) -> Result<(), Finding> {
        for _ in 0..20 {
            for leg in self.legs() {
                self.apply(Input::Report(Report::Silent { leg }))?;
            }
            self.pass(Duration::from_secs(60), false)?;
        }
        let left: Vec<CallView> = self.board.calls().collect();
        if left.is_empty() { Ok(()) } else { Err(("the dead stay", format!("{left:?}"))) }
    }

    /// What a reaction owes: judged by how the calls were before it.
    pub(super) fn owed(&self, before: &[CallView], outputs: &[Output], input: &Input) -> Result<(), Finding> {
        for output in outputs {
            match output {
                Output::Event(Event::TransferEnded { call, outcome }) => {
                    let failed = matches!(
                        outcome,
                        Outcome::Rejected(_) | Outcome::NoAnswer | Outcome::Unreachable(_) | Outcome::QueueTimeout
                    );
                    let view = before.iter().find(|view| view.id == *call).filter(|_| failed);
                    if let Some(view) = view.filter(|view| view.transfer.as_ref().is_some_and(|transfer| transfer.cold))
                    {
                        recalled(view, outputs)?;
                    }
                }
                Output::Event(Event::ParticipantLeft { call, who, why: Left::Released }) => {
                    let view = before.iter().find(|view| view.id == *call);
                    let person = view.and_then(|view| view.participant(*who));
                    if let (Some(view), Some(person)) = (view, person) {
                        self.may_be_released(view, person, input)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Only a customer who was talking, who heard the announcement, or whose line was ended is released.
    fn may_be_released(&self, view: &CallView, person: &ParticipantView, input: &Input) -> Result<(), Finding> {
        let waits = matches!(person.status, Status::Held | Status::Queued);
        let waited = person.role == Role::Customer && view.room.is_none() && waits;
        let heard_announcement = person.legs.iter().any(|leg| {
            let masks = self.before.get(&view.id);
            // Whose phone holds hears no announcement, but gets one all the same.
            let ears = masks.and_then(|masks| masks.get(&leg.leg)).map(|mask| &mask.ears);
            matches!(ears, Some(Ears::Announcement | Ears::Nothing))
        });
        let undecided = view.transfer.as_ref().is_some_and(|transfer| transfer.undecided);
        let bye = matches!(input, Input::Report(Report::Ended { how: Ending::Bye | Ending::Cancelled, .. }));
        let line_ended = bye && view.transfer.is_some();
        if waited && !heard_announcement && !undecided && !line_ended {
            return Err(("a waiting customer was dropped", format!("{}: {}", view.id, person.who)));
        }
        Ok(())
    }
}

/// A cold hand-over failed: the initiator is rung again if a customer has nobody else.
fn recalled(view: &CallView, outputs: &[Output]) -> Result<(), Finding> {
    let Some(transfer) = &view.transfer else { return Ok(()) };
    let customer =
        view.participants.iter().any(|person| person.role == Role::Customer && person.legs.iter().any(|leg| leg.live));
    let others = view.participants.iter().any(|person| person.role != Role::Customer && person.who != transfer.target);
    let rung = outputs.iter().any(|output| matches!(output, Output::Effect(Effect::Ring { .. })));
    if customer && !others && view.room.is_none() && !rung {
        return Err(("no recall", format!("{}", view.id)));
    }
    Ok(())
}

/// Once nobody does anything any more.
fn nobody_waits_for_ever(call: &CallView, anybody_open: bool) -> Result<(), Finding> {
    let live = |person: &ParticipantView| person.legs.iter().any(|leg| leg.live);
    if let Some(person) = call.participants.iter().find(|person| !live(person)) {
        return Err(("rings for ever", format!("{}: {}", call.id, person.who)));
    }
    if call.transfer.as_ref().is_some_and(|transfer| transfer.undecided) {
        return Err(("never judged", format!("{}", call.id)));
    }
    let served = call.participants.iter().any(|person| person.role != Role::Customer);
    if call.room.is_none() && !served && call.participants.len() > 1 {
        return Err(("customers alone", format!("{}", call.id)));
    }
    let lonely = |person: &ParticipantView| {
        let waits = person.status == Status::Held && call.room.is_none();
        person.role == Role::Customer && waits && !served
    };
    if let Some(person) = call.participants.iter().find(|person| lonely(person)) {
        return Err(("endless music", format!("{}: {}", call.id, person.who)));
    }
    let serving: Vec<&ParticipantView> =
        call.participants.iter().filter(|person| matches!(person.role, Role::Agent | Role::Outside)).collect();
    let stuck = serving.iter().any(|person| person.on_hold_by_somebody);
    if stuck && !anybody_open {
        return Err(("held for ever", format!("{}", call.id)));
    }
    Ok(())
}
