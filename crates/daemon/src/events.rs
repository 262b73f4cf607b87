//! One `info` line per call event, with call, participant and leg; never digits or credentials.
//!
//! Text from outside is masked: nobody writes control characters into a terminal by calling themselves so (E2).

use std::collections::BTreeMap;

use conference::{CallId, Cue, Event, LegId, ParticipantId};
use tracing::info;

/// Characters of one text in a log line.
const TEXT: usize = 128;

/// Text from outside, fit for a log line: control characters, direction overrides and invisible characters replaced.
pub(crate) fn masked(text: &str) -> String {
    control_api::masked(&text.chars().take(TEXT).collect::<String>())
}

/// Names that are kept of one call; of a room that has seen more, the oldest are forgotten.
const NAMES: usize = 1_024;

/// What the log knows of one call: whom a transfer is between, by name.
#[derive(Debug, Default)]
struct Known {
    names: BTreeMap<ParticipantId, String>,
    transfer: Option<(ParticipantId, ParticipantId)>,
}

/// Writes the lines. It remembers names, so that a transfer's lines say who and to whom; nothing is decided by them.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: BTreeMap<CallId, Known>,
}

impl Log {
    /// Writes the line of one event.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::ParticipantJoined { call, who, agent, name, .. } => {
                let known = self.calls.entry(*call).or_default();
                let name = agent.as_ref().map_or_else(|| masked(name), |agent| agent.0.clone());
                known.names.insert(*who, name);
                if known.names.len() > NAMES {
                    known.names.pop_first();
                }
                write(event);
            }
            Event::TransferStarted { call, by, target, .. } => {
                self.calls.entry(*call).or_default().transfer = Some((*by, *target));
                let (by, target) = self.between(*call);
                info!(%call, by, target, "transfer started");
            }
            Event::TransferChanged { call, phase, faces_target } => {
                let (by, target) = self.between(*call);
                info!(%call, by, target, ?phase, faces_target, "transfer");
            }
            Event::TransferEnded { call, outcome } => {
                let (by, target) = self.between(*call);
                info!(%call, by, target, ?outcome, "transfer ended");
            }
            Event::CallEnded { call } => {
                self.calls.remove(call);
                write(event);
            }
            Event::CallsJoined { joined, .. } => {
                self.calls.remove(joined);
                write(event);
            }
            Event::CallStarted { .. }
            | Event::StatusChanged { .. }
            | Event::MuteChanged { .. }
            | Event::DirectionChanged { .. }
            | Event::ParticipantLeft { .. }
            | Event::Recalling { .. }
            | Event::FellBack { .. }
            | Event::BridgedByPhone { .. }
            | Event::AgentChanged { .. }
            | Event::QueueChanged { .. }
            | Event::SettingsChanged
            | Event::QueueEntered { .. }
            | Event::QueueMoved { .. }
            | Event::QueueLeft { .. }
            | Event::Reserved { .. }
            | Event::ReservationAccepted { .. }
            | Event::ReservationEnded { .. }
            | Event::VolumeChanged { .. }
            | Event::TalkChanged { .. }
            | Event::LockChanged { .. }
            | Event::PinTyped { .. } => write(event),
        }
    }

    /// Who transfers, and to whom: by name, with their ids in the call.
    fn between(&self, call: CallId) -> (String, String) {
        let Some(known) = self.calls.get(&call) else { return Default::default() };
        let named = |who: ParticipantId| match known.names.get(&who) {
            Some(name) => format!("{who} {name}"),
            None => who.to_string(),
        };
        known.transfer.map(|(by, target)| (named(by), named(target))).unwrap_or_default()
    }
}

/// The line of an event that needs no names.
fn write(event: &Event) {
    match event {
        Event::CallStarted { call, room: Some(room), .. } => info!(%call, room = masked(room), "call started"),
        Event::CallStarted { call, door: Some(door), .. } => info!(%call, door = masked(door), "call started"),
        Event::CallStarted { call, room: None, door: None } => info!(%call, "call started"),
        Event::CallEnded { call } => info!(%call, "call ended"),
        Event::CallsJoined { call, joined } => info!(%call, %joined, "calls joined"),
        Event::ParticipantJoined { call, who, role, agent, name } => {
            let agent = agent.as_ref().map(|agent| tracing::field::display(&agent.0));
            info!(%call, participant = %who, ?role, agent, name = masked(name), "participant joined");
        }
        Event::StatusChanged { call, who, status } => person(*call, *who, "status", &format!("{status:?}")),
        Event::MuteChanged { call, who, muted } => person(*call, *who, "muted", &muted.to_string()),
        Event::DirectionChanged { call, who, leg, direction } => {
            info!(%call, participant = %who, %leg, ?direction, "direction");
        }
        Event::ParticipantLeft { call, who, why } => person(*call, *who, "left", &format!("{why:?}")),
        // written with names
        Event::TransferStarted { .. } | Event::TransferChanged { .. } | Event::TransferEnded { .. } => {}
        Event::AgentChanged { agent, state } => info!(%agent, ?state, "agent"),
        Event::SettingsChanged => info!("settings in force"),
        // told as often as somebody comes or goes, or opens their mouth
        Event::QueueChanged { .. } | Event::QueueMoved { .. } | Event::TalkChanged { .. } => {}
        Event::QueueEntered { call, who, queue, position } => {
            info!(%call, participant = %who, queue, position, "waits in queue");
        }
        Event::QueueLeft { call, who, queue, how } => info!(%call, participant = %who, queue, ?how, "left queue"),
        Event::Reserved { reservation, agent, queue, call, .. } => info!(%call, %reservation, %agent, queue, "offered"),
        Event::ReservationAccepted { reservation, agent, call } => info!(%call, %reservation, %agent, "accepted"),
        Event::ReservationEnded { reservation, agent, call, how } => {
            info!(%call, %reservation, %agent, ?how, "offer ended");
        }
        Event::VolumeChanged { call, who, volume_db } => person(*call, *who, "volume", &volume_db.to_string()),
        Event::LockChanged { call, locked } => info!(%call, locked, "room"),
        Event::PinTyped { call, who, right } => person(*call, *who, "typed the PIN", &right.to_string()),
        Event::Recalling { call, agent } => info!(%call, %agent, "recalling"),
        Event::FellBack { call, who } => person(*call, *who, "goes to", "transfer.fallback"),
        Event::BridgedByPhone { call, who, bridged } => person(*call, *who, "bridged by phone", &bridged.to_string()),
    }
}

/// Writes the line of a leg that was turned away or could not be had.
pub(crate) fn leg(leg: LegId, call: Option<CallId>, what: &str, status: u16) {
    match call {
        Some(call) => info!(%call, %leg, status, "{what}"),
        None => info!(%leg, status, "{what}"),
    }
}

/// Writes the line of a prompt that says why something is not done: what a keypad asked for, or a target that is not had.
pub(crate) fn cue(leg: LegId, call: Option<CallId>, cue: Cue) {
    let call = call.map(tracing::field::display);
    match cue {
        Cue::Refused => info!(call, %leg, "a code on the keypad turned down"),
        Cue::Unknown | Cue::Busy | Cue::Rejected | Cue::NoAnswer | Cue::Unreachable | Cue::Failure => {
            info!(call, %leg, why = ?cue, "told that the target is not had");
        }
        Cue::Notice
        | Cue::Done
        | Cue::Closed
        | Cue::Position(_)
        | Cue::EnterPin
        | Cue::WrongPin
        | Cue::Entered
        | Cue::Left => {}
    }
}

fn person(call: CallId, who: ParticipantId, what: &str, value: &str) {
    info!(%call, participant = %who, "{what} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_told_by_name_until_its_call_has_ended() {
        use conference::{AgentName, Role};
        let (mut log, call) = (Log::default(), CallId(1));
        let joined = |who, agent: Option<&str>, name: &str| Event::ParticipantJoined {
            call,
            who: ParticipantId(who),
            role: Role::Agent,
            agent: agent.map(|agent| AgentName(agent.to_owned())),
            name: name.to_owned(),
        };
        log.note(&joined(1, Some("alice"), "Alice"));
        log.note(&joined(3, None, "+49\u{1b}30"));
        log.note(&Event::TransferStarted {
            call,
            by: ParticipantId(1),
            target: ParticipantId(3),
            to: conference::Destination::Unknown,
        });
        assert_eq!(log.between(call), ("p1 alice".to_owned(), "p3 +49\u{fffd}30".to_owned()));
        log.note(&Event::CallEnded { call });
        assert!(log.calls.is_empty());
    }

    #[test]
    fn of_a_room_with_many_people_the_oldest_names_are_forgotten() {
        use conference::Role;
        let mut log = Log::default();
        for who in 0..2_000 {
            let (call, who, role) = (CallId(1), ParticipantId(who), Role::Customer);
            log.note(&Event::ParticipantJoined { call, who, role, agent: None, name: String::new() });
        }
        assert_eq!(log.calls[&CallId(1)].names.len(), NAMES);
    }

    #[test]
    fn nobody_writes_into_a_terminal_by_a_display_name() {
        assert_eq!(
            masked("Al\u{1b}[31mice\r\n\u{202e}x\u{200b}"),
            "Al\u{fffd}[31mice\u{fffd}\u{fffd}\u{fffd}x\u{fffd}"
        );
        assert_eq!(masked("Zoë Müller 山田"), "Zoë Müller 山田");
        assert_eq!(masked(&"x".repeat(10_000)).len(), TEXT);
    }
}
