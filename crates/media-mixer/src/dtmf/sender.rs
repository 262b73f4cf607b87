//! Says digits as telephone events: marker on the first packet, one timestamp for the whole event, its end three times.
//!
//! An event that is longer than its duration field can say goes on in segments, each with a timestamp of its own (RFC 4733 §2.5.1.3).
//!
//! It is asked once per packet time and answers at most one packet; while it does, no audio packet goes out. It stamps no
//! sequence number and has no clock.

use serde::{Deserialize, Serialize};

use super::{CLOCK, Digit, LONGEST_MS, SHORTEST_MS, event_of};

/// Digits that may wait.
pub const QUEUE: usize = 32;
/// How often the end is said (RFC 4733 §2.5.1.4).
const ENDS: u8 = 3;
/// Milliseconds of pause between two digits.
const PAUSE_MS: u32 = 50;
/// Volume in -dBm0 (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;
const END_BIT: u8 = 0x80;
/// The most that the duration field of one packet says, in the clock of events.
const LONGEST_SEGMENT: u32 = 0xffff;

/// Too many digits wait, or the symbol is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("digit not taken: {QUEUE} are waiting, or it is none")]
pub struct QueueFull;

/// One telephone-event packet to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The marker bit: the first packet of its event.
    pub marker: bool,
    /// RTP timestamp: that of the event's start, not of now.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; 4],
}

/// A digit to say; without a length it is still pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    event: u8,
    duration_ms: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Saying {
    order: Order,
    /// RTP timestamp of its start.
    start: u32,
    /// In the clock of events.
    said: u32,
    /// Where its present segment begins: so much of it was said in those before.
    segment: u32,
    ends_left: u8,
}

/// The sender of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    waiting: [Option<Order>; QUEUE],
    saying: Option<Saying>,
    /// What is left of the pause before the next digit begins, in the clock of events.
    pause: u32,
    /// Ticks of that clock in a millisecond.
    per_ms: u32,
}

impl Default for Sender {
    fn default() -> Self {
        Self { waiting: [None; QUEUE], saying: None, pause: 0, per_ms: CLOCK / 1_000 }
    }
}

impl Sender {
    /// From now on durations count in a clock of so many ticks a second: 8000, or 48000 beside Opus (RFC 4733 §2.1).
    pub fn set_clock(&mut self, hertz: u32) {
        self.per_ms = (hertz / 1_000).max(1);
    }

    /// Says a whole digit.
    ///
    /// # Errors
    /// `QueueFull`; nothing is said then.
    pub fn press(&mut self, digit: Digit) -> Result<(), QueueFull> {
        self.queue(digit.symbol, Some(digit.duration_ms))
    }

    /// Begins a digit whose length is not known yet; [`Sender::release`] follows.
    ///
    /// # Errors
    /// `QueueFull`; nothing is said then.
    pub fn begin(&mut self, symbol: char) -> Result<(), QueueFull> {
        self.queue(symbol, None)
    }

    /// Ends the digit that was begun. Without one it does nothing.
    pub fn release(&mut self, duration_ms: u16) {
        let said = self.saying.as_mut().map(|saying| &mut saying.order);
        let open = said.into_iter().chain(self.waiting.iter_mut().flatten()).find(|order| order.duration_ms.is_none());
        if let Some(order) = open {
            order.duration_ms = Some(duration_ms);
        }
    }

    /// Whether there is something to say.
    pub fn is_idle(&self) -> bool {
        self.saying.is_none() && self.waiting[0].is_none()
    }

    /// The packet of this packet time, if any. `timestamp` is the RTP timestamp that an audio packet would have now, `step`
    /// one packet time in the clock of events. Does not allocate.
    pub fn next(&mut self, timestamp: u32, step: u16) -> Option<EventPacket> {
        let marker = self.saying.is_none();
        let mut saying = match self.saying.take() {
            Some(saying) => saying,
            None => self.start(timestamp, step)?,
        };
        saying.said = saying.said.saturating_add(u32::from(step));
        // who lets go of a key early cannot take back what was said of it
        let least = if saying.segment > 0 { saying.segment + 1 } else { 0 };
        let planned = self.planned(saying.order).max(least);
        if saying.said.min(planned) - saying.segment > LONGEST_SEGMENT {
            // its last packet says all that fits, and not that it is the end; the next one begins a new segment
            let packet = saying.packet(marker, LONGEST_SEGMENT, false);
            saying.segment += LONGEST_SEGMENT;
            self.saying = Some(saying);
            return Some(packet);
        }
        let over = saying.said >= planned;
        if over {
            // the pause begins where the event ends; the packets that repeat its end are sent in it
            let (left, passed) = match saying.ends_left {
                ENDS => (PAUSE_MS * self.per_ms, saying.said - planned),
                _ => (self.pause, u32::from(step)),
            };
            self.pause = left.saturating_sub(passed);
            saying.said = planned;
            saying.ends_left -= 1;
        }
        let packet = saying.packet(marker, saying.said - saying.segment, over);
        if saying.ends_left > 0 {
            self.saying = Some(saying);
        }
        Some(packet)
    }

    fn queue(&mut self, symbol: char, duration_ms: Option<u16>) -> Result<(), QueueFull> {
        let event = event_of(symbol).ok_or(QueueFull)?;
        let free = self.waiting.iter_mut().find(|place| place.is_none());
        *free.ok_or(QueueFull)? = Some(Order { event, duration_ms });
        Ok(())
    }

    fn start(&mut self, timestamp: u32, step: u16) -> Option<Saying> {
        if self.pause > 0 {
            self.pause = self.pause.saturating_sub(u32::from(step));
            return None;
        }
        let order = self.waiting[0].take()?;
        self.waiting.rotate_left(1);
        Some(Saying { order, start: timestamp, said: 0, segment: 0, ends_left: ENDS })
    }

    /// How long a digit lasts, in the clock of events.
    fn planned(&self, order: Order) -> u32 {
        let ms = order.duration_ms.unwrap_or(LONGEST_MS).clamp(SHORTEST_MS, LONGEST_MS);
        u32::from(ms) * self.per_ms
    }
}

impl Saying {
    fn packet(&self, marker: bool, duration: u32, end: bool) -> EventPacket {
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        let [high, low] = duration.to_be_bytes();
        let flags = VOLUME | if end { END_BIT } else { 0 };
        let timestamp = self.start.wrapping_add(self.segment);
        EventPacket { marker, timestamp, payload: [self.order.event, flags, high, low] }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Key, Receiver};
    use super::*;

    /// Runs the sender for `steps` packet times of 20 ms; (packet time, packet).
    fn said(sender: &mut Sender, steps: u32) -> Vec<(u32, EventPacket)> {
        (0..steps).filter_map(|step| Some((step, sender.next(step * 160, 160)?))).collect()
    }

    #[test]
    fn a_digit_has_one_marker_one_timestamp_and_three_ends() {
        let mut sender = Sender::default();
        let digit = Digit { symbol: '*', duration_ms: 100 };
        sender.press(digit).unwrap();
        let packets = said(&mut sender, 20);
        let durations: Vec<u16> =
            packets.iter().map(|(_, packet)| u16::from_be_bytes([packet.payload[2], packet.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert!(packets.iter().all(|(_, packet)| packet.timestamp == 0 && packet.payload[0] == 10));
        let markers = packets.iter().filter(|(_, packet)| packet.marker).count();
        let ends = packets.iter().filter(|(_, packet)| packet.payload[1] & END_BIT != 0).count();
        assert_eq!((markers, ends, packets[0].1.marker), (1, 3, true));
        assert!(sender.is_idle());
    }

    #[test]
    fn what_is_sent_is_received_once_each_and_in_order() {
        let mut sender = Sender::default();
        let digits: Vec<Digit> = "1159#D".chars().map(|symbol| Digit { symbol, duration_ms: 120 }).collect();
        for digit in &digits {
            sender.press(*digit).unwrap();
        }
        let mut receiver = Receiver::default();
        let mut heard = Vec::new();
        for (step, packet) in said(&mut sender, 400) {
            let news = receiver.packet(packet.timestamp, &packet.payload, u64::from(step) * 20_000);
            heard.extend(news.into_iter().filter_map(|key| match key {
                Key::Ended(digit) => Some(digit),
                Key::Began(_) => None,
            }));
        }
        assert_eq!(heard, digits);
    }

    #[test]
    fn a_relayed_digit_begins_at_once_and_ends_when_it_is_released() {
        let mut sender = Sender::default();
        sender.begin('7').unwrap();
        assert_eq!(said(&mut sender, 10).len(), 10);
        sender.release(200);
        let packets = said(&mut sender, 10);
        assert_eq!(packets.len(), 3);
        assert_eq!(packets[0].1.payload[2..], 1600_u16.to_be_bytes());
        assert!(sender.is_idle());
    }

    #[test]
    fn a_digit_that_nobody_releases_ends_by_itself() {
        let mut sender = Sender::default();
        sender.begin('7').unwrap();
        assert_eq!(said(&mut sender, 1000).len(), 402);
    }

    #[test]
    fn a_digit_that_is_longer_than_its_duration_field_goes_on_in_segments() {
        for duration_ms in [1_360, 1_366, 2_700, 2_735, 5_000, 8_000] {
            let mut sender = Sender::default();
            sender.set_clock(48_000);
            sender.press(Digit { symbol: '5', duration_ms }).unwrap();
            let start = u32::MAX - 100_000;
            let packets: Vec<EventPacket> =
                (0..500).filter_map(|step| sender.next((start).wrapping_add(step * 960), 960)).collect();
            let duration = |packet: &EventPacket| u32::from(u16::from_be_bytes([packet.payload[2], packet.payload[3]]));
            assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
            for two in packets.windows(2) {
                let same = two[0].timestamp == two[1].timestamp;
                let follows = two[1].timestamp == two[0].timestamp.wrapping_add(LONGEST_SEGMENT);
                let full = duration(&two[0]) == LONGEST_SEGMENT && two[0].payload[1] & END_BIT == 0;
                assert!(same || (follows && full), "{duration_ms} ms: {two:?}");
            }
            let last = packets.last().unwrap();
            let said = last.timestamp.wrapping_sub(start) + duration(last);
            assert_eq!(said, u32::from(duration_ms) * 48);
            let ends = packets.iter().filter(|packet| packet.payload[1] & END_BIT != 0);
            assert!(ends.clone().count() == 3 && ends.clone().all(|packet| packet.payload == last.payload));
            // and whoever hears it hears one key
            let mut receiver = Receiver::default();
            receiver.set_clock(48_000);
            let keys: Vec<Key> = (0_u64..)
                .zip(&packets)
                .flat_map(|(n, packet)| receiver.packet(packet.timestamp, &packet.payload, n * 20_000))
                .collect();
            assert_eq!(keys, [Key::Began('5'), Key::Ended(Digit { symbol: '5', duration_ms })]);
        }
    }

    #[test]
    fn a_key_let_go_of_in_its_second_segment_ends_there() {
        let mut sender = Sender::default();
        sender.set_clock(48_000);
        sender.begin('5').unwrap();
        let mut packets: Vec<EventPacket> = (0..80).filter_map(|step| sender.next(step * 960, 960)).collect();
        sender.release(100);
        packets.extend((80..90).filter_map(|step| sender.next(step * 960, 960)));
        let last = packets.last().unwrap();
        assert_eq!((last.timestamp, last.payload), (LONGEST_SEGMENT, [5, VOLUME | END_BIT, 0, 1]));
        assert!(sender.is_idle() && packets.len() == 83);
    }

    #[test]
    fn there_are_fifty_milliseconds_between_two_digits() {
        let mut sender = Sender::default();
        for _ in 0..2 {
            sender.press(Digit { symbol: '1', duration_ms: 40 }).unwrap();
        }
        let starts: Vec<u32> = (0..100)
            .filter_map(|step| sender.next(step * 80, 80))
            .filter(|packet| packet.marker)
            .map(|packet| packet.timestamp)
            .collect();
        assert_eq!(starts, [0, 720]);
    }

    #[test]
    fn the_queue_is_limited_and_takes_digits_only() {
        let mut sender = Sender::default();
        assert_eq!(sender.begin('x'), Err(QueueFull));
        for _ in 0..QUEUE {
            sender.begin('1').unwrap();
        }
        assert_eq!(sender.begin('1'), Err(QueueFull));
    }
}
