//! By which payload types a description of ours names codecs and events: numbers keep their meaning as long as the session lasts.

use super::{FULL_CLOCK, Session};
use crate::sdp::agreement::Codec;
use crate::sdp::choose::Events;

/// Our telephone events' payload type, unless the peer uses the number for something else.
const EVENTS_PAYLOAD_TYPE: u8 = 101;
/// The same for events of the clock of Opus.
const FULL_EVENTS_PAYLOAD_TYPE: u8 = 110;
/// The dynamic payload types (RFC 3551 §6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

impl Session {
    /// Our codecs, each under the number the peer knows it by, else its static one, else a dynamic one that means nothing yet.
    pub(super) fn numbered_codecs(&self) -> Vec<(u8, Codec)> {
        let (events, full) = (self.events_number(), self.full_events_number());
        let mut free = DYNAMIC.filter(|number| ![events, full].contains(number) && self.is_free(*number));
        let mut number = |codec: Codec| {
            let known = self.line.numbers.iter().find(|(_, known)| *known == codec);
            known.map(|(number, _)| number).or(codec.static_payload_type()).or_else(|| free.next())
        };
        self.local.codecs.iter().filter_map(|codec| Some((number(*codec)?, *codec))).collect()
    }

    /// A dynamic number keeps its meaning for the whole session (RFC 3264 §8.3.2).
    fn events_number(&self) -> u8 {
        let free = |number: &u8| self.is_free(*number);
        self.line
            .events
            .or_else(|| Some(EVENTS_PAYLOAD_TYPE).filter(free))
            .or_else(|| DYNAMIC.rev().find(free))
            .unwrap_or(EVENTS_PAYLOAD_TYPE)
    }

    /// The same for the clock of Opus.
    fn full_events_number(&self) -> u8 {
        let events = self.events_number();
        let free = |number: &u8| *number != events && self.is_free(*number);
        let number = self.line.events_full.or_else(|| Some(FULL_EVENTS_PAYLOAD_TYPE).filter(free));
        number.or_else(|| DYNAMIC.rev().find(free)).unwrap_or(FULL_EVENTS_PAYLOAD_TYPE)
    }

    /// Our telephone events: one for each clock rate among our codecs.
    pub(super) fn numbered_events(&self) -> impl Iterator<Item = Events> {
        let narrow = self.local.codecs.iter().any(|codec| codec.clock_rate() != FULL_CLOCK);
        let full = self.local.codecs.contains(&Codec::Opus);
        let narrow = narrow.then(|| Events { number: self.events_number(), clock: Codec::Pcmu.clock_rate() });
        let full = full.then(|| Events { number: self.full_events_number(), clock: FULL_CLOCK });
        narrow.into_iter().chain(full)
    }

    /// Whether a dynamic number means nothing yet, neither to the peer nor to us.
    fn is_free(&self, number: u8) -> bool {
        self.line.taken & (1 << (number - DYNAMIC.start())) == 0 && self.line.numbers.codec(number).is_none()
    }
}
