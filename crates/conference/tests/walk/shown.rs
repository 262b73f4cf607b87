//! Whom phones show: once two are left with each other, each phone that was told anything was told the other.

use std::collections::BTreeMap;

use conference::{CallId, CallView, Command, Effect, Identity, LegId, Output, ParticipantView, Report};

use super::{Input, Walk};
use crate::oracle::{Call, Finding};

/// What each phone was told last.
#[derive(Clone, Debug, Default)]
pub struct Shown(BTreeMap<LegId, Identity>);

fn identity(person: &ParticipantView) -> Identity {
    let user = person.agent.as_ref().map_or_else(|| person.name.clone(), |agent| agent.0.clone());
    Identity { display: String::new(), user }
}

impl Walk {
    /// Reads what phones were told, and compares it with who is there.
    pub(super) fn phones_show_who_is_there(&mut self, input: &Input, outputs: &[Output]) -> Result<(), Finding> {
        if let Input::Report(Report::Replaced { leg, old, .. }) = input
            && let Some(shown) = self.shown.0.get(old).cloned()
        {
            self.shown.0.insert(*leg, shown);
        }
        for output in outputs {
            match output {
                Output::Effect(Effect::Ring { leg, shown, .. })
                    if !matches!(input, Input::Command(Command::Dial { .. })) =>
                {
                    self.shown.0.insert(*leg, shown.clone());
                }
                Output::Effect(Effect::Identify { leg, peer }) => {
                    let call = self.board.call_of(*leg).and_then(|call| self.board.call(call));
                    if call.is_none_or(|call| call.transfer.is_some()) {
                        return Err(("shown peer", format!("{leg} is told {peer:?} in a transfer")));
                    }
                    if self.shown.0.insert(*leg, peer.clone()).as_ref() == Some(peer) {
                        return Err(("shown peer", format!("{leg} is told {peer:?} again")));
                    }
                }
                _ => {}
            }
        }
        let two = |call: &Call| call.people.values().filter(|person| !Call::lurking(person)).count() == 2;
        let left: Vec<CallId> = self.oracle.calls.iter().filter(|(_, call)| two(call)).map(|(id, _)| *id).collect();
        for id in left {
            if let Some(call) = self.board.call(id) {
                self.both_show_each_other(&call)?;
            }
        }
        self.shown.0.retain(|leg, _| self.board.call_of(*leg).is_some());
        Ok(())
    }

    fn both_show_each_other(&mut self, call: &CallView) -> Result<(), Finding> {
        let Some(known) = self.oracle.calls.get(&call.id) else { return Ok(()) };
        let lurks = |person: &&ParticipantView| known.people.get(&person.who).is_some_and(Call::lurking);
        let present: Vec<&ParticipantView> = call.participants.iter().filter(|person| !lurks(person)).collect();
        let [one, other] = present[..] else { return Ok(()) };
        let live = |person: &ParticipantView| person.legs.iter().any(|leg| leg.live);
        if known.service || call.room.is_some() || call.transfer.is_some() || !live(one) || !live(other) {
            return Ok(());
        }
        for (mine, theirs) in [(one, other), (other, one)] {
            for leg in mine.legs.iter().filter(|leg| leg.live) {
                let shown = self.shown.0.entry(leg.leg).or_insert_with(|| identity(theirs));
                if *shown != identity(theirs) {
                    return Err(("shown peer", format!("{} shows {shown:?} and faces {}", leg.leg, theirs.who)));
                }
            }
        }
        Ok(())
    }
}
