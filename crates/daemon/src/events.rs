//! One `info` line per call event, with call, participant and leg; never digits or credentials.
//!
//! Text from outside is masked: nobody writes control characters into a terminal by calling themselves so (E2).

use conference::{CallId, Event, LegId, ParticipantId};
use tracing::info;

/// Characters of one text in a log line.
const TEXT: usize = 128;

/// Text from outside, fit for a log line: control characters, direction overrides and invisible characters replaced.
pub(crate) fn masked(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().take(TEXT).map(|c| if odd(c) { '\u{fffd}' } else { c }).collect()
}

/// Writes the line of one event.
pub(crate) fn note(event: &Event) {
    match event {
        Event::CallStarted { call, room: Some(room) } => info!(%call, room = masked(room), "call started"),
        Event::CallStarted { call, room: None } => info!(%call, "call started"),
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
        Event::TransferStarted { call, by, target } => info!(%call, participant = %by, %target, "transfer started"),
        Event::TransferChanged { call, phase, faces_target } => info!(%call, ?phase, faces_target, "transfer"),
        Event::TransferEnded { call, outcome } => info!(%call, ?outcome, "transfer ended"),
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

fn person(call: CallId, who: ParticipantId, what: &str, value: &str) {
    info!(%call, participant = %who, "{what} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

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
