//! What led to a change of who hears whom, in the words of the history: whose command, or what a phone did.

use conference::record::Cause;
use conference::{AgentName, Asker, Command, Direction, Ending, LegId, Report};

use crate::switch::Switch;

/// What a phone did, by its report.
pub(crate) fn of_report(report: &Report) -> Cause {
    let phone = |leg: &LegId, did: &str| Cause::Phone { leg: *leg, did: did.to_owned() };
    match report {
        Report::Arrived { leg, .. } => phone(leg, "called"),
        Report::Replaced { leg, .. } => phone(leg, "took over"),
        Report::Ringing { leg } => phone(leg, "rang"),
        Report::Early { leg, .. } => phone(leg, "early media"),
        Report::Answered { leg, .. } => phone(leg, "answered"),
        Report::Failed { leg, status } => phone(leg, &format!("failed {status}")),
        Report::Ended { leg, how: Ending::Bye } => phone(leg, "bye"),
        Report::Ended { leg, how: Ending::Cancelled } => phone(leg, "cancel"),
        Report::Ended { leg, how: Ending::Dead } => phone(leg, "died"),
        Report::Offered { leg, direction: Direction::Away } => phone(leg, "hold"),
        Report::Offered { leg, direction: Direction::Both } => phone(leg, "resume"),
        Report::Offered { leg, direction: Direction::Listens } => phone(leg, "listen only"),
        Report::Silent { leg } => phone(leg, "silent"),
        Report::Talks { leg, .. } => phone(leg, "talks"),
        Report::Probed { leg, alive: true } => phone(leg, "alive"),
        Report::Probed { leg, alive: false } => phone(leg, "no answer"),
        Report::Digit { leg, .. } | Report::Looked { leg, .. } => phone(leg, "keypad"),
        Report::Registered { agent, phones } => {
            let name = if *phones == 0 { "unregister" } else { "register" };
            Cause::Command { name: name.to_owned(), by: Some(agent.clone()) }
        }
        // nobody did: the hours began or ended
        Report::Hours { .. } => Cause::Time,
    }
}

/// The leg of a report after which a call may be shown otherwise without an event; `None`: it is about an agent or a queue, or, as
/// keys are, of a kind that comes often and shows nothing by itself.
pub(crate) const fn leg_of(report: &Report) -> Option<LegId> {
    match report {
        Report::Arrived { leg, .. }
        | Report::Replaced { leg, .. }
        | Report::Ringing { leg }
        | Report::Early { leg, .. }
        | Report::Answered { leg, .. }
        | Report::Failed { leg, .. }
        | Report::Ended { leg, .. }
        | Report::Offered { leg, .. }
        | Report::Silent { leg }
        | Report::Probed { leg, .. } => Some(*leg),
        // no watcher is shown who talks
        Report::Talks { .. } => None,
        Report::Digit { .. } | Report::Looked { .. } | Report::Registered { .. } | Report::Hours { .. } => None,
    }
}

/// The name of a command, as people and programs give it.
pub(crate) const fn name(command: &Command) -> &'static str {
    match command {
        Command::Configure(_) => "configure",
        Command::Dial { .. } => "dial",
        Command::Start { .. } => "transfer",
        Command::Cancel { .. } => "cancel",
        Command::Swap { .. } => "swap",
        Command::Merge { .. } => "merge",
        Command::Complete { .. } => "complete",
        Command::Join { .. } => "join",
        Command::Hold { .. } => "hold",
        Command::Unhold { .. } => "unhold",
        Command::Mute { muted: true, .. } => "mute",
        Command::Mute { muted: false, .. } => "unmute",
        Command::Remove { .. } => "remove",
        Command::End { .. } => "end",
        Command::Supervise { .. } => "supervise",
        Command::SetState { .. } => "set_state",
        Command::Accept { .. } => "accept",
        Command::Reject { .. } => "reject",
        Command::Lock { locked: true, .. } => "lock",
        Command::Lock { locked: false, .. } => "unlock",
        Command::Press { .. } => "press",
        Command::Play { .. } => "play",
        Command::SetVolume { .. } => "set_volume",
        Command::Shutdown => "shutdown",
    }
}

impl Switch {
    /// A command's name and who gave it, before it is done: afterwards they may have left.
    pub(crate) fn cause_of_command(&self, command: &Command) -> Cause {
        let by = match command {
            Command::Dial { from, .. } => Some(from.clone()),
            Command::Supervise { by, .. } => Some(by.clone()),
            Command::Join { by, .. } => self.owner(*by),
            Command::Start { by, .. }
            | Command::Cancel { by, .. }
            | Command::Swap { by, .. }
            | Command::Merge { by, .. }
            | Command::Complete { by, .. }
            | Command::Hold { by, .. }
            | Command::Unhold { by, .. }
            | Command::Mute { by, .. }
            | Command::Remove { by, .. }
            | Command::End { by, .. }
            | Command::SetState { by, .. }
            | Command::Accept { by, .. }
            | Command::Reject { by, .. }
            | Command::Lock { by, .. }
            | Command::Press { by, .. }
            | Command::Play { by, .. }
            | Command::SetVolume { by, .. } => self.asker(by),
            Command::Configure(_) | Command::Shutdown => None,
        };
        Cause::Command { name: name(command).to_owned(), by }
    }

    fn asker(&self, by: &Asker) -> Option<AgentName> {
        match by {
            Asker::Agent(name) => Some(name.clone()),
            Asker::Leg(leg) | Asker::Keypad(leg) => self.owner(*leg),
            Asker::Operator => None,
        }
    }

    /// The agent whose leg it is.
    pub(crate) fn owner(&self, leg: LegId) -> Option<AgentName> {
        let (call, who) = self.board.person_of(leg)?;
        self.board.call(call)?.participant(who)?.agent.clone()
    }
}
