//! One leg's RTCP: counts what is sent and received, says when a report is due and what it contains, reads the peer's.
//!
//! It holds no socket and no clock, and freezes with its leg. Random numbers are given to it, so that tests repeat.

use rtc_rtcp::reception_report::ReceptionReport;
use serde::{Deserialize, Serialize};

use super::build::{CNAME, Compound};
use super::bursts::Bursts;
use super::extended::{ExtendedTerms, Hearing, Metrics, PeerMetrics, Telling};
use super::read::{Arrived, RtcpError, SenderInfo, read};
use super::{INTERVAL_US, middle, ntp};
use crate::rtp::{Jitter, Packet, Source};

/// Round trips longer than this are lies, in microseconds.
const LONGEST_ROUND_TRIP_US: u64 = 10_000_000;

/// The two things that the figures of one leg hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// RTP clock rate in Hz.
    pub rate: u32,
    /// Now, in microseconds since the service's epoch.
    pub now_us: u64,
}

/// What a leg's media has come to, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Packets we sent.
    pub sent_packets: u64,
    /// Payload bytes we sent.
    pub sent_octets: u64,
    /// Packets we received, over all sources of the peer.
    pub received_packets: u64,
    /// Payload bytes we received.
    pub received_octets: u64,
    /// Packets of ours that the peer reports lost.
    pub peer_lost: i32,
    /// The share of them since its report before, in 256ths.
    pub peer_fraction_lost: u8,
    /// The jitter that the peer sees, in the codec's clock.
    pub peer_jitter: u32,
    /// What the peer tells of our stream beyond that, if it does.
    #[serde(default)]
    pub peer_metrics: Option<PeerMetrics>,
    /// Round trip to the peer, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Arrived compounds that were unsound.
    pub unsound: u64,
    /// Arrived compounds that came under another SSRC than the media.
    pub foreign: u64,
}

/// The peer's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Peer {
    ssrc: u32,
    source: Source,
    jitter: Jitter,
    /// Middle bits of its last sender report, and when that came.
    last_sr: Option<(u32, u64)>,
    #[serde(default)]
    bursts: Bursts,
}

/// One leg's reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporter {
    ssrc: u32,
    rate: u32,
    /// 96 random bits, our CNAME (RFC 7022 §4.2).
    name: u128,
    counters: Counters,
    /// RTP timestamp and moment of our last packet.
    last_sent: Option<(u32, u64)>,
    /// We sent since the report before last: then a report is a sender report (RFC 3550 §6.4).
    sent_recently: [bool; 2],
    peer: Option<Peer>,
    /// Lost of the sources before this one.
    #[serde(default)]
    lost_before: i64,
    /// What the peer wants to be told by extended reports.
    #[serde(default)]
    terms: ExtendedTerms,
    /// Of its last reference time: whose, its middle bits, when it came.
    #[serde(default)]
    reference: Option<(u32, u32, u64)>,
    due_us: u64,
}

impl Reporter {
    /// A leg that sends as `ssrc`. `name` is 96 random bits for the CNAME (RFC 7022 §4.2), `random` spreads the first report.
    pub fn new(ssrc: u32, clock: Clock, name: u128, random: u32) -> Reporter {
        let digits = CNAME - 1;
        let name = name & ((1 << (digits * 4)) - 1);
        let mut reporter = Reporter {
            ssrc,
            rate: clock.rate,
            name,
            counters: Counters::default(),
            last_sent: None,
            sent_recently: [false; 2],
            peer: None,
            lost_before: 0,
            terms: ExtendedTerms::default(),
            reference: None,
            due_us: 0,
        };
        reporter.due_us = clock.now_us + interval_us(random) / 2;
        reporter
    }

    /// The clock rate of another codec. Jitter is measured anew.
    pub fn set_rate(&mut self, rate: u32) {
        if std::mem::replace(&mut self.rate, rate) != rate
            && let Some(peer) = &mut self.peer
        {
            peer.jitter = Jitter::default();
        }
    }

    /// What the peer wants to be told by extended reports from here on.
    pub fn set_terms(&mut self, terms: ExtendedTerms) {
        self.terms = terms;
    }

    /// Counts a packet of ours.
    pub fn sent(&mut self, timestamp: u32, payload_bytes: usize, now_us: u64) {
        self.counters.sent_packets += 1;
        self.counters.sent_octets += payload_bytes as u64;
        self.last_sent = Some((timestamp, now_us));
        self.sent_recently[0] = true;
    }

    /// Counts a packet of the peer's that was admitted. Another SSRC is another source.
    pub fn received(&mut self, packet: &Packet<'_>, now_us: u64) {
        self.counters.received_packets += 1;
        self.counters.received_octets += packet.payload.len() as u64;
        let arrival = self.rtp_time(now_us);
        match &mut self.peer {
            Some(peer) if peer.ssrc == packet.ssrc => {
                peer.source.update(packet.sequence);
                peer.bursts.received(packet.sequence);
                peer.jitter.update(arrival, packet.timestamp);
            }
            before => {
                self.lost_before += before.map_or(0, |peer| i64::from(peer.source.lost()));
                let mut jitter = Jitter::default();
                jitter.update(arrival, packet.timestamp);
                let (source, mut bursts) = (Source::new(packet.sequence), Bursts::default());
                bursts.received(packet.sequence);
                self.peer = Some(Peer { ssrc: packet.ssrc, source, jitter, last_sr: None, bursts });
            }
        }
    }

    /// When the next report is due, in microseconds since the epoch.
    pub fn due_us(&self) -> u64 {
        self.due_us
    }

    /// Writes the report that is due into `buffer` (at least [`super::MAX_COMPOUND`] bytes), and sets when the next is due. `hearing`:
    /// how the peer's sound arrives, for those who want to know.
    /// Returns its length, 0 if the buffer is too short. Does not allocate.
    pub fn report(&mut self, now_us: u64, random: u32, hearing: &Hearing, buffer: &mut [u8]) -> usize {
        self.due_us = now_us + interval_us(random);
        let length = self.compound(now_us, Some(hearing), buffer);
        self.sent_recently = [false, self.sent_recently[0]];
        length
    }

    /// Writes the last report of this leg, with BYE. Returns its length. Does not allocate.
    pub fn bye(&mut self, now_us: u64, buffer: &mut [u8]) -> usize {
        self.compound(now_us, None, buffer)
    }

    /// Takes an arriving compound from an admitted address. Does not allocate.
    ///
    /// Nothing is believed of a compound whose sender is not the source whose media we hear.
    ///
    /// # Errors
    /// The datagram is unsound; it was counted and nothing of it used.
    pub fn arrived(&mut self, datagram: &[u8], now_us: u64) -> Result<Option<Arrived>, RtcpError> {
        let arrived = read(datagram, self.ssrc).inspect_err(|_| self.counters.unsound += 1)?;
        match &mut self.peer {
            Some(peer) if peer.ssrc != arrived.sender => {
                self.counters.foreign += 1;
                return Ok(None);
            }
            Some(peer) => {
                if let Some(info) = arrived.sender_info {
                    peer.last_sr = Some((middle(info.ntp), now_us));
                }
            }
            // the peer only listens: its reports about us are welcome
            None => (),
        }
        if let Some(block) = arrived.about_us {
            self.counters.peer_lost = block.lost;
            self.counters.peer_fraction_lost = block.fraction_lost;
            self.counters.peer_jitter = block.jitter;
            if block.last_sr != 0 {
                self.measure(block.last_sr, block.delay, now_us);
            }
        }
        let extended = arrived.extended;
        if let Some(reference) = extended.reference {
            self.reference = Some((arrived.sender, reference, now_us));
        }
        if let Some((when, held)) = extended.answered {
            self.measure(when, held, now_us);
        }
        self.counters.peer_metrics = extended.metrics.or(self.counters.peer_metrics);
        Ok(Some(arrived))
    }

    /// Whether the peer wants to be told how its sound arrives.
    pub fn tells_metrics(&self) -> bool {
        self.terms.metrics
    }

    /// Lost packets in a row, on average; 1 at random and without losses.
    pub fn mean_run(&self) -> f32 {
        self.peer.map_or(1.0, |peer| peer.bursts.mean_run() as f32)
    }

    /// What the leg's media has come to.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The jitter of what arrives, in microseconds.
    pub fn jitter_us(&self) -> u64 {
        let estimate = self.peer.map_or(0, |peer| peer.jitter.estimate());
        u64::from(estimate) * 1_000_000 / u64::from(self.rate.max(1))
    }

    /// Packets of the peer's current source that were lost; negative where duplicates came.
    pub fn lost(&self) -> i32 {
        self.peer.map_or(0, |peer| peer.source.lost())
    }

    /// Packets of all the peer's sources that were lost; negative where duplicates came.
    pub fn lost_in_all(&self) -> i64 {
        self.lost_before + i64::from(self.lost())
    }

    /// RFC 3550 §6.4.1: arrival time, less the last report's time, less the time the peer held it.
    fn measure(&mut self, last_sr: u32, delay: u32, now_us: u64) {
        let trip = middle(ntp(now_us)).wrapping_sub(last_sr).wrapping_sub(delay);
        let us = u64::from(trip) * 1_000_000 / 65_536;
        // the peer's clock may make a short trip slightly negative, and a liar may claim anything
        if us <= LONGEST_ROUND_TRIP_US {
            self.counters.round_trip_us = Some(us);
        } else if (trip as i32) < 0 && (trip as i32) > -655 {
            self.counters.round_trip_us = Some(0);
        }
    }

    /// `hearing` is `None` for the last report, with BYE.
    fn compound(&mut self, now_us: u64, hearing: Option<&Hearing>, buffer: &mut [u8]) -> usize {
        let sends = self.sent_recently.contains(&true);
        let sender =
            self.last_sent.filter(|_| sends).map(|(timestamp, at_us)| self.sender_info(timestamp, at_us, now_us));
        let about_peer = self.peer.as_mut().and_then(|peer| peer.report(now_us));
        let cname = self.cname();
        let telling = hearing.map_or_else(Telling::default, |hearing| self.telling(now_us, sender.is_some(), hearing));
        let (extended, length) = telling.write(self.ssrc);
        let bye = hearing.is_none();
        let compound =
            Compound { ssrc: self.ssrc, sender, about_peer, cname: &cname, extended: &extended[..length], bye };
        compound.write(buffer).unwrap_or(0)
    }

    /// What the extended report says. An answer to a reference time is given to whoever sent one.
    fn telling(&self, now_us: u64, sends: bool, hearing: &Hearing) -> Telling {
        let held = |at_us: u64| middle(ntp(now_us.saturating_sub(at_us)));
        Telling {
            // who sends has a round trip by sender reports
            reference: (self.terms.round_trip && !sends).then(|| ntp(now_us)),
            answer: self.reference.map(|(source, when, at_us)| (source, when, held(at_us))),
            metrics: self.peer.filter(|peer| self.terms.metrics && peer.source.is_valid()).map(|peer| {
                let lost = u64::try_from(peer.source.lost()).unwrap_or(0);
                let expected = self.counters.received_packets + lost;
                let share =
                    |packets: u64| (packets * 256).checked_div(expected).map_or(0, |share| share.min(255) as u8);
                Metrics {
                    source: peer.ssrc,
                    loss: share(lost),
                    discard: share(hearing.discarded),
                    bursts: peer.bursts.picture(),
                    round_trip_ms: self.counters.round_trip_us.map_or(0, |us| (us / 1_000) as u16),
                    hearing: *hearing,
                }
            }),
        }
    }

    /// A letter and the name in hexadecimal digits.
    fn cname(&self) -> [u8; CNAME] {
        let mut cname = [b'b'; CNAME];
        for (n, place) in cname[1..].iter_mut().rev().enumerate() {
            *place = b"0123456789abcdef"[(self.name >> (4 * n)) as usize & 15];
        }
        cname
    }

    fn sender_info(&self, timestamp: u32, at_us: u64, now_us: u64) -> SenderInfo {
        let since = self.rtp_time(now_us.saturating_sub(at_us));
        SenderInfo {
            ntp: ntp(now_us),
            rtp: timestamp.wrapping_add(since),
            packets: self.counters.sent_packets as u32,
            octets: self.counters.sent_octets as u32,
        }
    }

    /// Microseconds in the codec's clock, modulo 2^32.
    fn rtp_time(&self, us: u64) -> u32 {
        let whole = (us / 1_000_000).wrapping_mul(u64::from(self.rate));
        let part = (us % 1_000_000) * u64::from(self.rate) / 1_000_000;
        whole.wrapping_add(part) as u32
    }
}

impl Peer {
    /// Our report block about it, once it is a valid source.
    fn report(&mut self, now_us: u64) -> Option<ReceptionReport> {
        if !self.source.is_valid() {
            return None;
        }
        let (last_sender_report, delay) = match self.last_sr {
            Some((sr, at_us)) => (sr, middle(ntp(now_us.saturating_sub(at_us)))),
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: self.source.fraction_lost(),
            total_lost: (self.source.lost() as u32) & 0xff_ffff,
            last_sequence_number: self.source.highest(),
            jitter: self.jitter.estimate(),
            last_sender_report,
            delay,
        })
    }
}

/// Half to one and a half times the interval (RFC 3550 §6.3.1; its compensation belongs to the reconsideration we leave out).
fn interval_us(random: u32) -> u64 {
    INTERVAL_US / 2 + ((INTERVAL_US * u64::from(random)) >> 32)
}

#[cfg(test)]
mod tests;
