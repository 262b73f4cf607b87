//! Who is listened to: whoever commands has answered, and what is pressed or played for one participant by command
//! follows who hears whom. Judged by how the call was shown before, not by what the house thinks of the asker.

use conference::{Asker, CallId, CallView, Command, Cue, Effect, Key, LegId, Output, ParticipantId, ParticipantView};

use super::{Input, Walk};
use crate::oracle::Finding;

/// The call a command is for, who asks, and for whom it is.
fn aimed(command: &Command) -> Option<(CallId, &Asker, Option<ParticipantId>)> {
    match command {
        Command::Start { call, by, .. }
        | Command::Cancel { call, by }
        | Command::Swap { call, by }
        | Command::Merge { call, by }
        | Command::Complete { call, by }
        | Command::Lock { call, by, .. }
        | Command::End { call, by } => Some((*call, by, None)),
        Command::Hold { call, by, who }
        | Command::Unhold { call, by, who }
        | Command::Mute { call, by, who, .. }
        | Command::Remove { call, by, who }
        | Command::Press { call, by, who, .. }
        | Command::Play { call, by, who, .. }
        | Command::SetVolume { call, by, who, .. } => Some((*call, by, Some(*who))),
        Command::Configure(_)
        | Command::Shutdown
        | Command::Dial { .. }
        | Command::Join { .. }
        | Command::Supervise { .. }
        | Command::SetState { .. }
        | Command::Accept { .. }
        | Command::Reject { .. } => None,
    }
}

fn asker<'a>(view: &'a CallView, by: &Asker) -> Option<&'a ParticipantView> {
    let mut people = view.participants.iter();
    match by {
        Asker::Operator => None,
        Asker::Agent(name) => people.find(|person| person.agent.as_ref() == Some(name)),
        Asker::Leg(leg) | Asker::Keypad(leg) => people.find(|person| person.legs.iter().any(|own| own.leg == *leg)),
    }
}

impl Walk {
    /// What a desktop does beside transfers: a key, a prompt, a volume.
    pub(super) fn says(&mut self, call: CallId, by: Asker, who: ParticipantId) -> Command {
        match self.random.below(5) {
            0 | 1 => Command::Press { call, by, who, keys: vec![Key { digit: '5', duration_ms: 100 }] },
            2 | 3 => Command::Play { call, by, who, cue: Cue::Busy },
            _ => Command::SetVolume { call, by, who, volume_db: if self.random.chance(50) { 6 } else { -6 } },
        }
    }

    /// Looks at a command that was done.
    pub(super) fn asked_rightly(&self, before: &[CallView], input: &Input, outputs: &[Output]) -> Result<(), Finding> {
        let Input::Command(command) = input else { return Ok(()) };
        let Some((call, by, who)) = aimed(command) else { return Ok(()) };
        let view = before.iter().find(|view| view.id == call);
        let Some(person) = view.and_then(|view| asker(view, by)) else { return Ok(()) };
        let leaves = matches!(command, Command::Remove { .. }) && who == Some(person.who);
        if !leaves && !person.legs.iter().any(|leg| leg.live) {
            return Err(("whoever only rings commands", format!("{command:?}")));
        }
        if matches!(command, Command::Press { .. } | Command::Play { .. }) && who != Some(person.who) {
            for leg in outputs.iter().filter_map(said_to) {
                if !person.legs.iter().any(|own| self.board.hears(call, leg, own.leg)) {
                    return Err(("said to somebody who does not hear it", format!("{command:?}")));
                }
            }
        }
        Ok(())
    }
}

fn said_to(output: &Output) -> Option<LegId> {
    match output {
        Output::Effect(Effect::Press { leg, .. } | Effect::Cue { leg, .. }) => Some(*leg),
        _ => None,
    }
}
