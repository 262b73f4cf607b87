//! Which cells of phase x event were reached.

use std::collections::BTreeMap;

use conference::{CallId, Command, Phase, Report, Switchboard};

use super::Input;

pub const PHASES: [&str; 5] = ["none", "ringing", "private", "merged", "cold"];

pub const EVENTS: [&str; 26] = [
    "start",
    "cancel",
    "swap",
    "merge",
    "complete",
    "join",
    "join across",
    "hold",
    "unhold",
    "mute",
    "remove",
    "end",
    "supervise",
    "second line",
    "ringing",
    "answered",
    "failed",
    "ended",
    "offered",
    "silent",
    "probed",
    "talks",
    "replaced",
    "digit",
    "looked",
    "time",
];

/// How often each cell was reached.
#[derive(Clone, Debug, Default)]
pub struct Cells(pub BTreeMap<(&'static str, &'static str), u64>);

impl Cells {
    pub fn note(&mut self, board: &Switchboard, input: &Input) {
        let of = |leg| board.call_of(leg);
        let (call, event): (Option<CallId>, &'static str) = match input {
            Input::Expire => {
                for call in board.calls() {
                    *self.0.entry((phase(board, call.id), "time")).or_default() += 1;
                }
                return;
            }
            Input::Command(command) => match command {
                Command::Start { call, .. } => (Some(*call), "start"),
                Command::Cancel { call, .. } => (Some(*call), "cancel"),
                Command::Swap { call, .. } => (Some(*call), "swap"),
                Command::Merge { call, .. } => (Some(*call), "merge"),
                Command::Complete { call, .. } => (Some(*call), "complete"),
                Command::Join { by, named } if of(*named).is_some_and(|call| of(*by) != Some(call)) => {
                    (of(*by), "join across")
                }
                Command::Join { by, .. } => (of(*by), "join"),
                Command::Hold { call, .. } => (Some(*call), "hold"),
                Command::Unhold { call, .. } => (Some(*call), "unhold"),
                Command::Mute { call, .. } => (Some(*call), "mute"),
                Command::Remove { call, .. } => (Some(*call), "remove"),
                Command::End { call, .. } => (Some(*call), "end"),
                Command::Supervise { call, .. } => (Some(*call), "supervise"),
                Command::SetState { .. }
                | Command::Accept { .. }
                | Command::Reject { .. }
                | Command::Lock { .. }
                | Command::Press { .. }
                | Command::Play { .. }
                | Command::SetVolume { .. } => return,
                Command::Configure(_) | Command::Dial { .. } | Command::Shutdown => return,
            },
            Input::Report(report) => match report {
                Report::Arrived { caller, .. } => {
                    if let conference::Caller::Agent { name, phone } = caller {
                        for call in board.calls_of(name) {
                            let view = board.call(call);
                            let mut legs = view.iter().flat_map(|view| &view.participants).flat_map(|p| &p.legs);
                            if legs.any(|leg| leg.phone.as_ref() == Some(phone)) {
                                *self.0.entry((phase(board, call), "second line")).or_default() += 1;
                            }
                        }
                    }
                    return;
                }
                Report::Ringing { leg } => (of(*leg), "ringing"),
                Report::Early { leg, .. } => (of(*leg), "early media"),
                Report::Answered { leg, .. } => (of(*leg), "answered"),
                Report::Failed { leg, .. } => (of(*leg), "failed"),
                Report::Ended { leg, .. } => (of(*leg), "ended"),
                Report::Offered { leg, .. } => (of(*leg), "offered"),
                Report::Silent { leg } => (of(*leg), "silent"),
                Report::Probed { leg, .. } => (of(*leg), "probed"),
                Report::Talks { leg, .. } => (of(*leg), "talks"),
                Report::Replaced { old, .. } => (of(*old), "replaced"),
                Report::Digit { leg, .. } => (of(*leg), "digit"),
                Report::Looked { leg, .. } => (of(*leg), "looked"),
                Report::Registered { .. } | Report::Hours { .. } => return,
            },
        };
        if let Some(call) = call {
            *self.0.entry((phase(board, call), event)).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (cell, count) in &other.0 {
            *self.0.entry(*cell).or_default() += count;
        }
    }

    /// Every cell, with how often it was reached.
    pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        let cells = PHASES.iter().flat_map(|phase| EVENTS.iter().map(move |event| (*phase, *event)));
        cells.map(|cell| (cell.0, cell.1, self.0.get(&cell).copied().unwrap_or(0))).collect()
    }
}

fn phase(board: &Switchboard, call: CallId) -> &'static str {
    match board.call(call).and_then(|call| call.transfer) {
        None => "none",
        Some(transfer) if transfer.cold => "cold",
        Some(transfer) => match transfer.phase {
            Phase::Calling => "ringing",
            Phase::Private => "private",
            Phase::Merged => "merged",
        },
    }
}
