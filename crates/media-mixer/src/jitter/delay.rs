//! Learns from arrival times how late packets come, and from that how long they must wait.
//!
//! A packet's *transit* is its arrival, in RTP clock ticks of our clock, minus its timestamp: an arbitrary number whose
//! smallest recent value marks the packets that were not delayed, and whose spread is the jitter. Plays nothing.

use serde::{Deserialize, Serialize};

/// Microseconds in one span of the memory.
const SPAN_US: u64 = 200_000;

/// Spans remembered: five seconds, so that calm after a storm is believed after five seconds.
const SPANS: usize = 25;

/// Jitter above this is not waited for.
const MAX_WAIT_US: u64 = 300_000;

/// A span whose worst packet is later than twice the worst of all other spans plus this is a single mishap: no reason to
/// delay everything that follows.
const MISHAP_US: u64 = 40_000;

/// How fast the least-delay line may rise: faster than any sender's clock is slow, and slow enough to stay a floor.
const LINE_RISE_PPM: u64 = 300;

/// What was seen in one span of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    number: u64,
    least: i64,
    most: i64,
}

/// What a thaw needs of the delay: where the least-delay line lay and how much jitter there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayState {
    /// Clock ticks of our clock minus RTP timestamp, for an undelayed packet.
    pub line: i64,
    /// When that was so, in microseconds of our clock.
    pub line_at_us: u64,
    /// How long packets had to wait for the latest ones, in RTP clock ticks.
    pub wait: u32,
    /// Interarrival jitter (RFC 3550 §6.4.1) in sixteenths of an RTP clock tick.
    pub jitter_16: u32,
}

/// How late packets come.
#[derive(Clone, Debug)]
pub(crate) struct Delay {
    clock_rate: u64,
    spans: [Span; SPANS],
    /// Derived from `spans` at every arrival.
    base: i64,
    wait: i64,
    line: i64,
    line_at_us: u64,
    jitter_16: u32,
    last_transit: Option<i64>,
}

impl Delay {
    /// Starts with the first packet's transit, expecting packets to be late by up to `wait` as they were before.
    pub(crate) fn new(clock_rate: u32, transit: i64, arrival_us: u64, wait: i64) -> Self {
        let unused = Span { number: u64::MAX, least: i64::MAX, most: i64::MIN };
        let mut delay = Self {
            clock_rate: u64::from(clock_rate),
            spans: [unused; SPANS],
            base: transit,
            wait,
            line: transit,
            line_at_us: arrival_us,
            jitter_16: 0,
            last_transit: None,
        };
        delay.note(transit, arrival_us);
        delay.note(transit + wait, arrival_us);
        delay.weigh();
        delay
    }

    pub(crate) fn thaw(clock_rate: u32, state: &DelayState) -> Self {
        let mut delay = Self::new(clock_rate, state.line, state.line_at_us, i64::from(state.wait));
        delay.jitter_16 = state.jitter_16;
        delay
    }

    pub(crate) fn freeze(&self) -> DelayState {
        DelayState {
            line: self.line,
            line_at_us: self.line_at_us,
            wait: self.wait.clamp(0, i64::from(u32::MAX)) as u32,
            jitter_16: self.jitter_16,
        }
    }

    /// Counts one packet in. `ours`: it may be late because this process stood still, so its lateness says nothing about the wire.
    pub(crate) fn arrived(&mut self, transit: i64, arrival_us: u64, ours: bool) {
        let risen = arrival_us.saturating_sub(self.line_at_us) * self.clock_rate * LINE_RISE_PPM / 1_000_000_000_000;
        if risen > 0 || transit <= self.line {
            self.line = transit.min(self.line + risen as i64);
            self.line_at_us = arrival_us;
        }
        if ours {
            self.note(transit.min(self.base + self.wait), arrival_us);
        } else {
            self.note(transit, arrival_us);
            self.count_jitter(transit);
        }
        self.weigh();
    }

    /// Transit of a packet that was not delayed.
    pub(crate) const fn base(&self) -> i64 {
        self.base
    }

    /// How much later than that the latest recent packets came, single mishaps left out.
    pub(crate) const fn wait(&self) -> i64 {
        self.wait
    }

    /// The floor under all transits, for judging what was said when: falls at once, rises hardly.
    pub(crate) const fn line(&self) -> i64 {
        self.line
    }

    /// Interarrival jitter in RTP clock ticks (RFC 3550 §6.4.1).
    pub(crate) const fn jitter(&self) -> u32 {
        self.jitter_16 >> 4
    }

    fn note(&mut self, transit: i64, arrival_us: u64) {
        let number = arrival_us / SPAN_US;
        let span = &mut self.spans[(number % SPANS as u64) as usize];
        if span.number != number {
            *span = Span { number, least: transit, most: transit };
        }
        span.least = span.least.min(transit);
        span.most = span.most.max(transit);
    }

    /// RFC 3550 §6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16, in the integer form of §A.8.
    fn count_jitter(&mut self, transit: i64) {
        if let Some(last) = self.last_transit.replace(transit) {
            let difference = (transit - last).unsigned_abs().min(self.clock_rate) as u32;
            self.jitter_16 = (self.jitter_16 + difference).saturating_sub((self.jitter_16 + 8) >> 4);
        }
    }

    fn weigh(&mut self) {
        let newest = self.spans.iter().map(|s| s.number).filter(|n| *n != u64::MAX).max().unwrap_or(0);
        let oldest = newest.saturating_sub(SPANS as u64 - 1);
        let recent = |s: &&Span| s.number != u64::MAX && s.number >= oldest;
        self.base = self.spans.iter().filter(recent).map(|s| s.least).min().unwrap_or(self.base);
        let Some(worst) = self.spans.iter().filter(recent).max_by_key(|s| s.most) else { return };
        // Its neighbours may hold the other half of the same mishap.
        let others = self.spans.iter().filter(recent).filter(|s| s.number.abs_diff(worst.number) > 1);
        let rest = others.map(|s| s.most).max().map_or(i64::MAX / 4, |most| most - self.base);
        let ticks = |us: u64| (us * self.clock_rate / 1_000_000) as i64;
        let peak = worst.most - self.base;
        let wait = if peak > 2 * rest + ticks(MISHAP_US) { rest } else { peak };
        self.wait = wait.clamp(0, ticks(MAX_WAIT_US));
    }
}
