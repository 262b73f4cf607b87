//! Makes one digit out of the many packets of one telephone event, whatever of them is lost, late or repeated.
//!
//! An event is known by its RTP timestamp. Lost start: the first packet that comes begins the digit. Lost end, or none ever
//! sent: the digit ends 3000 samples after its last packet. It knows no source: the latch has judged before.

use serde::{Deserialize, Serialize};

use super::{CLOCK, Digit, symbol_of};

/// Microseconds without a packet after which a digit has ended: 3000 samples of 8 kHz (`trust.md` D13).
const TIMEOUT_US: u64 = 375_000;
/// Microseconds after which a key counts as released, whatever its packets say.
const STUCK_US: u64 = 10_000_000;
/// The longest duration of one packet, in samples.
const LONGEST: u32 = 0xffff;

/// What became known about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// It is pressed. Exactly one `Ended` follows.
    Began(char),
    /// It was released.
    Ended(Digit),
}

/// What one packet told: in order, at most the end of the key before, the beginning of the next, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct News {
    keys: [Option<Key>; 3],
}

impl News {
    fn push(&mut self, key: Key) {
        if let Some(free) = self.keys.iter_mut().find(|place| place.is_none()) {
            *free = Some(key);
        }
    }
}

impl IntoIterator for News {
    type Item = Key;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Key>, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter().flatten()
    }
}

/// An event, pressed or just over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Event {
    symbol: char,
    /// RTP timestamp of its first segment.
    start: u32,
    /// Samples since `start`, over all segments.
    length: u32,
    began_us: u64,
    heard_us: u64,
}

impl Event {
    /// Samples from this event's start to `timestamp`; negative for an older one.
    fn ahead(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.start) as i32)
    }

    /// Whether a packet still speaks of this event: the same start, a further segment of a long one (RFC 4733 §2.5.1.3), or
    /// a sender that moves the timestamp while the key is down.
    fn covers(&self, symbol: char, timestamp: u32) -> bool {
        let ahead = self.ahead(timestamp);
        self.symbol == symbol && (ahead == 0 || (ahead > 0 && ahead <= i64::from(self.length)))
    }

    /// Whether a packet belongs to something before this event.
    fn is_behind(&self, timestamp: u32) -> bool {
        (-i64::from(LONGEST)..0).contains(&self.ahead(timestamp))
    }

    /// Samples as its packets claim, but no more than it was really down: its packets' span, and what may have been
    /// lost before and after. Whoever claims more would keep those who hear the digit from hearing anything else.
    fn down(&self, per_ms: u32) -> u32 {
        let possible = (self.heard_us.saturating_sub(self.began_us) + TIMEOUT_US) / 1000 * u64::from(per_ms);
        u32::try_from(possible).map_or(self.length, |possible| self.length.min(possible))
    }

    fn digit(&self, per_ms: u32) -> Digit {
        let duration_ms = self.down(per_ms) / per_ms;
        Digit { symbol: self.symbol, duration_ms: u16::try_from(duration_ms).unwrap_or(u16::MAX) }
    }
}

/// What was under way when the leg was frozen, and may have ended since without this picture of it knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Thawed {
    at_us: u64,
    /// The key that was down.
    pressed: Option<Event>,
}

/// The receiver of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    pressed: Option<Event>,
    /// The event before, so that its repeated end is not a new digit.
    last: Option<Event>,
    thawed: Option<Thawed>,
    /// Ticks in a millisecond of the clock in which events count.
    #[serde(default = "ticks_per_ms")]
    per_ms: u32,
}

const fn ticks_per_ms() -> u32 {
    CLOCK / 1_000
}

impl Default for Receiver {
    fn default() -> Self {
        Self { pressed: None, last: None, thawed: None, per_ms: ticks_per_ms() }
    }
}

impl Receiver {
    /// From now on events count in a clock of so many ticks a second: 8000, or 48000 beside Opus (RFC 4733 §2.1).
    pub fn set_clock(&mut self, hertz: u32) {
        self.per_ms = (hertz / 1_000).max(1);
    }

    /// The receiver of a leg that is taken up again, by a picture of it that may be old. No key that may have ended before
    /// ends a second time: a key goes on only if its packets show that it is still down.
    #[must_use]
    pub fn thaw(mut self, now_us: u64) -> Self {
        self.thawed = Some(Thawed { at_us: now_us, pressed: self.pressed.take() });
        self
    }

    /// Takes a packet of the agreed telephone-event payload type. Unknown events and unsound payloads tell nothing.
    pub fn packet(&mut self, timestamp: u32, payload: &[u8], now_us: u64) -> News {
        let mut news = News::default();
        if let Some(digit) = self.expire(now_us) {
            news.push(Key::Ended(digit));
        }
        let Some((symbol, end, duration)) = parse(payload) else {
            return news;
        };
        if self.is_old(symbol, timestamp) {
            return news;
        }
        if self.pressed.is_none() && self.settle_thawed(symbol, timestamp, end, duration, now_us) {
            return news;
        }
        match &mut self.pressed {
            Some(event) if event.covers(symbol, timestamp) => {
                let length = u32::try_from(event.ahead(timestamp)).unwrap_or(0) + duration;
                event.length = event.length.max(length);
                event.heard_us = now_us;
            }
            Some(_) | None => {
                if let Some(before) = self.release() {
                    news.push(Key::Ended(before));
                }
                self.pressed =
                    Some(Event { symbol, start: timestamp, length: duration, began_us: now_us, heard_us: now_us });
                news.push(Key::Began(symbol));
            }
        }
        if end && let Some(digit) = self.release() {
            news.push(Key::Ended(digit));
        }
        news
    }

    /// Ends a digit of which nothing was heard for 3000 samples, or which is pressed for ever. To be called every tick.
    pub fn expire(&mut self, now_us: u64) -> Option<Digit> {
        let event = self.pressed?;
        let silent = now_us.saturating_sub(event.heard_us) >= TIMEOUT_US;
        let stuck = now_us.saturating_sub(event.began_us) >= STUCK_US;
        if silent || stuck { self.release() } else { None }
    }

    /// The key that is down at the moment.
    pub fn pressed(&self) -> Option<char> {
        self.pressed.map(|event| event.symbol)
    }

    /// Whether a sound that was made from RTP time `from` until before `until` is, or may be, that of a key.
    pub fn is_sound_of_key(&self, from: u32, until: u32) -> bool {
        let begun = |event: &Event| event.ahead(until) > 0;
        let not_over = |event: &Event| event.ahead(from) < i64::from(event.down(self.per_ms));
        self.pressed.as_ref().is_some_and(begun)
            || self.last.as_ref().is_some_and(|event| begun(event) && not_over(event))
    }

    /// What came first after a thaw: true if there is nothing to be told of it.
    fn settle_thawed(&mut self, symbol: char, timestamp: u32, end: bool, duration: u32, now_us: u64) -> bool {
        let Some(Thawed { at_us, pressed }) = self.thawed.take() else { return false };
        if now_us.saturating_sub(at_us) >= TIMEOUT_US {
            return false;
        }
        let known = pressed.filter(|event| event.covers(symbol, timestamp));
        if end {
            // the end of a key that may have been told before: also of one that the picture is too old to know
            self.thawed = Some(Thawed { at_us, pressed: known.map_or(pressed, |_| None) });
            let new = Event { symbol, start: timestamp, length: duration, began_us: now_us, heard_us: now_us };
            self.last = Some(known.unwrap_or(new));
            return true;
        }
        // still down
        self.pressed = known.map(|event| Event { heard_us: now_us, ..event });
        false
    }

    fn is_old(&self, symbol: char, timestamp: u32) -> bool {
        let of_last = self.last.is_some_and(|last| {
            let inside = last.covers(symbol, timestamp);
            // a new press may begin right where the last one ended
            let touches = last.length > 0 && last.ahead(timestamp) == i64::from(last.length);
            (inside && !touches) || last.is_behind(timestamp)
        });
        of_last || self.pressed.is_some_and(|event| event.is_behind(timestamp))
    }

    fn release(&mut self) -> Option<Digit> {
        let event = self.pressed.take()?;
        self.last = Some(event);
        Some(event.digit(self.per_ms))
    }
}

/// RFC 4733 §2.3: event, end bit, volume, duration. Further events in the packet are not read.
fn parse(payload: &[u8]) -> Option<(char, bool, u32)> {
    let [event, flags, d0, d1] = *payload.first_chunk::<4>()?;
    let duration = u32::from(u16::from_be_bytes([d0, d1]));
    Some((symbol_of(event)?, flags & 0x80 != 0, duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(event: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [event, if end { 0x8a } else { 0x0a }, high, low]
    }

    #[test]
    fn a_claimed_duration_keeps_nobody_from_being_heard_for_longer_than_the_key_was_down() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.packet(1_000, &payload(5, false, 65_535), 0).into_iter().count(), 1);
        assert!(receiver.expire(TIMEOUT_US).is_some());
        assert!(receiver.is_sound_of_key(1_000, 1_160));
        assert!(!receiver.is_sound_of_key(1_000 + 3_000, 1_160 + 3_000));
    }

    /// Feeds (timestamp, event, end, duration) every 20 ms, then waits; everything that became known.
    fn heard(packets: &[(u32, u8, bool, u16)]) -> Vec<Key> {
        let mut receiver = Receiver::default();
        let mut keys = Vec::new();
        let mut now = 0;
        for (timestamp, event, end, duration) in packets {
            now += 20_000;
            keys.extend(receiver.packet(*timestamp, &payload(*event, *end, *duration), now));
        }
        keys.extend(receiver.expire(now + TIMEOUT_US).map(Key::Ended));
        keys
    }

    fn digit(symbol: char, duration_ms: u16) -> Vec<Key> {
        vec![Key::Began(symbol), Key::Ended(Digit { symbol, duration_ms })]
    }

    #[test]
    fn one_digit_however_often_its_end_is_repeated() {
        let whole =
            [(800, 5, false, 160), (800, 5, false, 320), (800, 5, true, 480), (800, 5, true, 480), (800, 5, true, 480)];
        assert_eq!(heard(&whole), digit('5', 60));
        assert_eq!(heard(&whole[2..]), digit('5', 60), "lost start");
        assert_eq!(heard(&whole[..2]), digit('5', 40), "lost end");
        assert_eq!(heard(&whole[4..]), digit('5', 60), "only the last");
    }

    #[test]
    fn the_beginning_is_told_with_the_first_packet() {
        let mut receiver = Receiver::default();
        let news: Vec<Key> = receiver.packet(0, &payload(11, false, 160), 0).into_iter().collect();
        assert_eq!(news, [Key::Began('#')]);
        assert_eq!(receiver.pressed(), Some('#'));
        assert_eq!(receiver.expire(TIMEOUT_US - 1), None);
        assert!(receiver.expire(TIMEOUT_US).is_some());
    }

    #[test]
    fn the_same_key_twice_is_two_digits() {
        let twice =
            [(0, 1, false, 400), (0, 1, true, 800), (800, 1, false, 400), (800, 1, true, 800), (0, 1, true, 800)];
        assert_eq!(heard(&twice), [digit('1', 100), digit('1', 100)].concat());
    }

    #[test]
    fn a_new_key_ends_the_one_whose_end_was_lost() {
        let keys = heard(&[(0, 1, false, 400), (1600, 2, true, 800)]);
        assert_eq!(keys, [digit('1', 50), digit('2', 100)].concat());
    }

    #[test]
    fn d13_lies_about_the_duration_make_one_digit() {
        let same = vec![(0, 7, false, 0xffff); 1000];
        assert_eq!(heard(&same).len(), 2, "the same timestamp");
        let ends = vec![(0, 7, true, 0xffff); 1000];
        assert_eq!(heard(&ends), digit('7', 375), "no longer than it can have been");
        let moving: Vec<_> = (0..400).map(|step| (step * 160, 7, false, 0xffff)).collect();
        assert_eq!(heard(&moving).len(), 2, "a moving timestamp");
        let moving: Vec<_> = (0..400).map(|step| (step * 160, 7, true, 0xffff)).collect();
        assert_eq!(heard(&moving), digit('7', 375), "a moving timestamp with ends");
    }

    #[test]
    fn d13_unknown_events_and_short_payloads_tell_nothing() {
        assert_eq!(heard(&[(0, 255, true, 800), (0, 16, true, 800)]), []);
        let mut receiver = Receiver::default();
        assert_eq!(receiver.packet(0, &[5, 0x80, 0], 0), News::default());
    }

    #[test]
    fn a_long_event_in_segments_is_one_digit() {
        let mut receiver = Receiver::default();
        let mut keys = Vec::new();
        for step in 1..=448_u32 {
            // every 20 ms; a new segment begins where the longest duration of the first one is reached
            let (start, said) = if step > 410 { (0xffff, step * 160 - 0xffff) } else { (0, step * 160) };
            let duration = u16::try_from(said).unwrap_or(u16::MAX);
            keys.extend(receiver.packet(start, &payload(3, step == 448, duration), u64::from(step) * 20_000));
        }
        assert_eq!(keys, digit('3', 8960));
    }

    #[test]
    fn a_late_packet_of_an_older_key_is_not_a_digit() {
        let keys = heard(&[(1600, 1, true, 800), (4000, 2, false, 160), (1600, 1, true, 800)]);
        assert_eq!(keys, [digit('1', 100), digit('2', 20)].concat());
    }

    #[test]
    fn a_new_timestamp_base_far_away_is_heard_at_once() {
        let keys = heard(&[(0x9000_0000, 1, true, 800), (0x2000_0000, 1, true, 800)]);
        assert_eq!(keys, [digit('1', 100), digit('1', 100)].concat());
    }
}
