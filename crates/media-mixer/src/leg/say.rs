//! The leaving side of a leg: frames become packets of the agreed length with continuous numbers, keys become events, and
//! reports go out when they are due.
//!
//! It mixes nothing. A packet that cannot be sent is counted and forgotten. Nothing here allocates.

use super::{Chance, Coder, Leg};
use crate::bridge::coded::Coded;
use crate::bridge::group::PAYLOAD;
use crate::codec::{Codec, Rate};
use crate::dtmf::{Digit, EventPacket};
use crate::engine::call::TICK_US;
use crate::rtcp::{Hearing, MAX_COMPOUND};
use crate::rtp::{HEADER, MAX_PACKET, Stamp};
use crate::sdp::limits::PTIME_MAX_MS;
use crate::sdp::{Agreement, Direction};
use crate::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD};

/// Milliseconds in a frame.
const FRAME_MS: usize = 20;
/// Payload of the longest packet of a codec whose payloads may be cut anywhere, and of the frame that overfills it.
const PARTIAL: usize = PTIME_MAX_MS as usize / FRAME_MS * PAYLOAD + PAYLOAD;

/// What is said to a leg in one tick.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said<'a> {
    /// Nothing is sent.
    Nothing,
    /// 20 ms in a codec whose payloads may be cut and joined.
    Bytes(&'a [u8]),
    /// As its encoder cut it.
    Packets(Coded<'a>),
}

/// Our stream's numbers, and the packet that is being filled.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) ssrc: u32,
    /// Of the next packet.
    pub(crate) sequence: u16,
    /// Of the next frame.
    pub(crate) timestamp: u32,
    /// When the last frame was due; 0 before the first.
    pub(crate) said_us: u64,
    partial: [u8; PARTIAL],
    filled: usize,
    partial_codec: Option<Codec>,
    /// Nothing was sent last time: the next packet has the marker (RFC 3551 §4.1).
    paused: bool,
    pub(crate) unsent: u64,
}

impl Outgoing {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            ssrc: chance.ssrc,
            sequence: chance.sequence,
            timestamp: chance.timestamp,
            said_us: 0,
            partial: [0; PARTIAL],
            filled: 0,
            partial_codec: None,
            paused: true,
            unsent: 0,
        }
    }

    /// The stream is taken up again; its last frame was due at `said_us`, on the clock of this boot of the machine.
    ///
    /// So the timestamps go on in step with the clock, as if ticks had been lost, and do not jump with the sequence. Where they
    /// jump, receivers differ: some play at once (a jump of more than a second in one widespread buffer, of more than five in
    /// another), but for a smaller jump both wait until its time has come, and say nothing meanwhile. A step of the sequence
    /// alone costs none of them anything: buffers ordered by it go on from the new number when they are empty, or drop the few
    /// frames that wait. With its timestamps in step the same source can go on (RFC 3550 §5.1), and the marker says that a pause
    /// is over (RFC 3551 §4.1).
    pub(crate) fn resume(&mut self, said_us: u64) {
        self.said_us = said_us;
    }

    pub(crate) fn forget_partial(&mut self) {
        self.filled = 0;
        self.partial_codec = None;
    }
}

impl Leg {
    /// The codec in which it wants to hear now; `None` if nothing may be sent to it.
    pub(crate) fn ears_codec(&self) -> Option<Codec> {
        let agreement = self.agreement.as_ref().filter(|agreement| agreement.direction != Direction::Away)?;
        self.latch.target().map(|_| agreement.codec)
    }

    /// The rate at which it hears.
    pub(crate) fn ears_rate(&self) -> Rate {
        self.coder.as_ref().map_or(Rate::Narrow, |coder| coder.rate())
    }

    /// Its own encoder, if its codec has a memory, made ready for this tick.
    pub(crate) fn coder(&mut self, complexity: u8, pressed: bool) -> Option<Box<Coder>> {
        let mut coder = self.coder.take()?;
        coder.prepare(self.loss, complexity, pressed);
        Some(coder)
    }

    /// The encoder comes back.
    pub(crate) fn give_back_coder(&mut self, coder: Box<Coder>) {
        self.coder = Some(coder);
    }

    /// Sends what is said in this tick. To be called once a tick; `due_us` is when that was to be. Ticks that were lost, or passed
    /// while the leg was with nobody, take their part of the stream's clock, and not of its sequence.
    pub(crate) fn say(&mut self, said: Said<'_>, due_us: u64, now_us: u64) {
        let before_us = std::mem::replace(&mut self.out.said_us, due_us);
        let since = if before_us == 0 { TICK_US } else { due_us.saturating_sub(before_us) };
        let lost = ((since + TICK_US / 2) / TICK_US).saturating_sub(1);
        if lost > 0 {
            self.out.forget_partial();
        }
        let clock = self.agreement.map_or(Codec::Pcmu, |agreement| agreement.codec).clock_rate();
        let frame = clock / 1_000 * FRAME_MS as u32;
        let began = self.out.timestamp.wrapping_add((lost * u64::from(frame)) as u32);
        self.out.timestamp = began.wrapping_add(frame);
        match (said, self.agreement) {
            (Said::Bytes(payload), Some(agreement)) => self.bytes(&agreement, payload, began, now_us),
            (Said::Packets(coded), Some(agreement)) => self.packets(&agreement, coded, began, now_us),
            (Said::Nothing, _) | (_, None) => {
                self.out.paused = true;
                self.out.forget_partial();
                if let Some(coder) = &mut self.coder {
                    coder.rest();
                }
            }
        }
    }

    fn bytes(&mut self, agreement: &Agreement, payload: &[u8], began: u32, now_us: u64) {
        if self.out.partial_codec != Some(agreement.codec) {
            self.out.forget_partial();
            self.out.partial_codec = Some(agreement.codec);
        }
        if usize::from(agreement.ptime_ms) == FRAME_MS && self.out.filled == 0 {
            self.packet(agreement, payload, began, now_us);
            return;
        }
        self.fill(agreement, payload, began, now_us);
    }

    /// Packets that are not 20 ms long are put together from, or cut out of, frames that are.
    fn fill(&mut self, agreement: &Agreement, payload: &[u8], began: u32, now_us: u64) {
        let frame = agreement.codec.clock_rate() as usize / 1_000 * FRAME_MS;
        let waiting = (self.out.filled * frame / payload.len().max(1)) as u32;
        let mut timestamp = began.wrapping_sub(waiting);
        let end = self.out.filled + payload.len();
        if end > PARTIAL {
            self.out.forget_partial();
            return;
        }
        self.out.partial[self.out.filled..end].copy_from_slice(payload);
        let ptime_ms = usize::from(agreement.ptime_ms);
        let bytes = ptime_ms * payload.len() / FRAME_MS;
        let mut at = 0;
        while bytes > 0 && end - at >= bytes {
            let mut whole = [0; PARTIAL];
            whole[..bytes].copy_from_slice(&self.out.partial[at..at + bytes]);
            self.packet(agreement, &whole[..bytes], timestamp, now_us);
            timestamp = timestamp.wrapping_add((ptime_ms * frame / FRAME_MS) as u32);
            at += bytes;
        }
        self.out.partial.copy_within(at..end, 0);
        self.out.filled = end - at;
    }

    /// Packets as the encoder made them; the last of several frames ends with this one.
    fn packets(&mut self, agreement: &Agreement, coded: Coded<'_>, began: u32, now_us: u64) {
        let per_ms = agreement.codec.clock_rate() / 1_000;
        let ptime_ms = u32::from(agreement.ptime_ms);
        let earlier_ms = ptime_ms.saturating_sub(FRAME_MS as u32);
        let mut timestamp = began.wrapping_sub(earlier_ms * per_ms);
        for payload in &coded.payloads[..coded.count.min(2)] {
            self.packet(agreement, payload, timestamp, now_us);
            timestamp = timestamp.wrapping_add(ptime_ms * per_ms);
        }
    }

    /// One packet's turn: a telephone event if one is being said, else the sound, if there is some.
    fn packet(&mut self, agreement: &Agreement, payload: &[u8], timestamp: u32, now_us: u64) {
        let step = u32::from(agreement.ptime_ms) * agreement.dtmf_clock / 1_000;
        if let Some(payload_type) = agreement.dtmf_send_pt
            && let Some(EventPacket { marker, timestamp, payload }) = self.digits.next(timestamp, step as u16)
        {
            self.send(payload_type, marker, timestamp, &payload, now_us);
            return;
        }
        if payload.is_empty() {
            self.out.paused = true;
            return;
        }
        let marker = std::mem::take(&mut self.out.paused);
        self.send(agreement.send_pt, marker, timestamp, payload, now_us);
    }

    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8], now_us: u64) {
        let Some(to) = self.latch.target() else { return };
        let stamp = Stamp { marker, payload_type, sequence: self.out.sequence, timestamp, ssrc: self.out.ssrc };
        let mut packet = [0; MAX_PACKET];
        debug_assert!(HEADER + payload.len() + RTP_OVERHEAD <= MAX_PACKET);
        let Ok(length) = stamp.packet(payload, &mut packet) else { return };
        // the number is used up even if the packet was lost on its first step: it was meant to be there
        self.out.sequence = self.out.sequence.wrapping_add(1);
        let sealed = self.wall.seal(&mut packet, length);
        if sealed.is_some_and(|length| self.wires.rtp.send(&packet[..length], to)) {
            self.reporter.sent(timestamp, payload.len(), now_us);
        } else {
            self.out.unsent += 1;
        }
    }

    /// Sends the report that is due, if one is.
    pub(crate) fn report(&mut self, now_us: u64) {
        if self.agreement.is_none() || self.reporter.due_us() > now_us {
            return;
        }
        let random = self.chance();
        let mut compound = [0; MAX_COMPOUND + RTCP_OVERHEAD];
        let hearing =
            if self.reporter.tells_metrics() { self.snapshot(now_us).stats().hearing() } else { Hearing::default() };
        let length = self.reporter.report(now_us, random, &hearing, &mut compound);
        self.send_control(&mut compound, length);
    }

    /// Says goodbye.
    pub(crate) fn bye(&mut self, now_us: u64) {
        if self.agreement.is_some() {
            let mut compound = [0; MAX_COMPOUND + RTCP_OVERHEAD];
            let length = self.reporter.bye(now_us, &mut compound);
            self.send_control(&mut compound, length);
        }
    }

    /// Sends the compound in the first `length` bytes of `room`, if there is one.
    fn send_control(&mut self, room: &mut [u8], length: usize) {
        let mux = self.agreement.is_some_and(|agreement| agreement.rtcp_mux);
        if let Some(to) = self.latch.rtcp_target().filter(|_| length > 0) {
            let wire = if mux { &mut self.wires.rtp } else { &mut self.wires.rtcp };
            let sealed = self.wall.seal_control(room, length);
            if !sealed.is_some_and(|length| wire.send(&room[..length], to)) {
                self.out.unsent += 1;
            }
        }
    }

    /// A digit for this leg's phone, of somebody it hears or pressed for it: as an event if its phone takes those, else as the tone itself.
    pub(crate) fn relay(&mut self, digit: Digit) {
        let digit = digit.relayed();
        if self.agreement.is_some_and(|agreement| agreement.dtmf_send_pt.is_some()) {
            // a full queue loses the digit: thirty-two wait already
            let _full = self.digits.press(digit);
            return;
        }
        self.overlays.digit(digit);
    }
}
