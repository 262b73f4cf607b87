//! How a leg sounded, in the words of a call's record: from the packets that came, and a score by the E-model.
//!
//! ```text
//!   R   = 93.2 − Id − Ie,eff                                 ITU-T G.107: every other parameter at its default
//!   Id  = 0.024 d + 0.11 (d − 177.3) H(d − 177.3)            d: one way, ms; Cole and Rosenbluth's fit of G.107's curve
//!   Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl)     G.107 §7.4; G.711 with concealment: Ie = 0, Bpl = 25.1
//!                                                            (G.113 appendix I); BurstR: how many packets are lost in a row,
//!                                                            as a multiple of what chance would do (§7.4)
//!   MOS = 1 + 0.035 R + R (R − 60)(100 − R) · 7 · 10⁻⁶       G.107 annex B; 1 below R = 0, 4.5 above R = 100
//! ```
//!
//! d is half the round trip, the wait in our jitter buffer and one packet. Ppl counts what was lost and what came too late, but for what
//! in-band FEC restored. G.722 and Opus are scored on the same scale and by the same numbers: there are none published for them on it,
//! so what they sound better by is not seen, and what loss and delay cost is.
//! It scores what came from the leg's phone, over the whole leg; it listens to no sound, and nothing is decided by it.

use conference::record::{Quality, There};

use crate::leg::LegStats;
use crate::rtcp::Hearing;

/// R of a connection at its defaults, without delay and loss.
const BEST_R: f64 = 93.2;
/// Equipment impairment of G.711.
const IE: f64 = 0.0;
/// How well concealment hides losses of G.711.
const BPL: f64 = 25.1;
/// From this delay on people interrupt each other.
const NOTICED_MS: f64 = 177.3;
/// One packet of speech.
const PACKET_MS: f64 = 20.0;
/// Fewer packets say nothing yet: one second.
const SCORED_FROM: u64 = 50;

impl LegStats {
    /// How the leg has sounded so far.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let score = self.score();
        Quality {
            received: self.rtcp.received_packets,
            lost: self.lost(),
            discarded: self.jitter.late,
            jitter_ms: self.jitter_us as f32 / 1_000.0,
            round_trip_ms: self.rtcp.round_trip_us.map(|us| us as f32 / 1_000.0),
            delay_ms: score.map(|score| score.delay_ms as f32),
            mos: score.map(|score| mos(score.rating) as f32),
            there: self.there(),
            codec: self.codec.map(|codec| codec.name().to_owned()),
            encryption: self.encryption.map(|suite| suite.name().to_owned()),
        }
    }

    /// The same as its phone is told it, if that wants to know. Allocates nothing.
    pub(crate) fn hearing(&self) -> Hearing {
        let buffer_ms = self.added_delay_us.unwrap_or(0) as f32 / 1_000.0;
        let packet_ms = self.packet_ms() as f32;
        let score = self.score();
        Hearing {
            delay_ms: buffer_ms + packet_ms,
            buffer_ms,
            packet_ms,
            discarded: self.jitter.late,
            rating: score.map(|score| score.rating as f32),
            opinions: score.map(|score| (mos(score.listening) as f32, mos(score.rating) as f32)),
        }
    }

    fn lost(&self) -> u64 {
        u64::try_from(self.lost_packets).unwrap_or(0)
    }

    fn packet_ms(&self) -> f64 {
        if self.packet_us == 0 { PACKET_MS } else { f64::from(self.packet_us) / 1_000.0 }
    }

    /// `None`: too little was heard.
    fn score(&self) -> Option<Score> {
        let expected = self.rtcp.received_packets + self.lost();
        if expected < SCORED_FROM {
            return None;
        }
        // of what did not come in time, what in-band FEC restored was not made up
        let made_up_ms =
            self.jitter.concealed as f64 / f64::from(self.codec.map_or(8_000, |codec| codec.rate().hertz())) * 1_000.0;
        let missed = (self.lost() + self.jitter.late).min(expected) as f64;
        let unheard = missed.min(made_up_ms / self.packet_ms());
        let loss_percent = unheard * 100.0 / expected as f64;
        // BurstR: losses in a row, as many times as there would be at random
        let burst = (f64::from(self.mean_run) * (1.0 - loss_percent / 100.0)).max(1.0);
        let waits_ms = f64::from(self.added_delay_us.unwrap_or(0)) / 1_000.0;
        let way_ms = self.rtcp.round_trip_us.map_or(0.0, |us| us as f64 / 2_000.0);
        let delay_ms = way_ms + waits_ms + self.packet_ms();
        let rating = |delay_ms| rating(delay_ms, loss_percent, burst);
        Some(Score { delay_ms, rating: rating(delay_ms), listening: rating(0.0) })
    }

    /// How our sound arrives there, as its phone says; `None`: it said nothing yet.
    fn there(&self) -> Option<There> {
        let rate = f64::from(self.codec?.clock_rate());
        let sent = self.rtcp.sent_packets;
        let told = self.rtcp.round_trip_us.is_some() || self.rtcp.peer_metrics.is_some();
        let lost = u64::try_from(self.rtcp.peer_lost).unwrap_or(0).min(sent);
        let opinion = self.rtcp.peer_metrics.and_then(|metrics| metrics.mos_conversation.or(metrics.mos_listening));
        (told && sent > 0).then(|| There {
            loss_percent: (lost as f64 * 100.0 / sent as f64) as f32,
            jitter_ms: (f64::from(self.rtcp.peer_jitter) * 1_000.0 / rate) as f32,
            mos: opinion.map(|tenths| f32::from(tenths) / 10.0),
        })
    }
}

/// R, whole and without delay, and the delay.
#[derive(Clone, Copy, Debug)]
struct Score {
    delay_ms: f64,
    rating: f64,
    listening: f64,
}

/// R for so many milliseconds one way and so many lost packets in a hundred; `burst`: how bunched they are, 1 at random.
fn rating(delay_ms: f64, loss_percent: f64, burst: f64) -> f64 {
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - NOTICED_MS).max(0.0);
    let equipment = IE + (95.0 - IE) * loss_percent / (loss_percent / burst + BPL);
    BEST_R - delay - equipment
}

/// The opinion that people would have of R on average.
fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(delay_ms: f64, loss_percent: f64) -> f64 {
        mos(rating(delay_ms, loss_percent, 1.0))
    }

    #[test]
    fn the_curve_has_the_values_of_the_recommendation() {
        // G.107 annex B: R 93.2 is 4.41, 80 is 4.03, 70 is 3.60, 60 is 3.10, 50 is 2.58
        for (r, expected) in [(93.2, 4.41), (90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(r) - expected).abs() < 0.01, "R {r}: {}", mos(r));
        }
        assert_eq!((mos(-3.0), mos(100.0), mos(1.0)), (1.0, 4.5, 1.0));
    }

    #[test]
    fn loss_and_delay_cost_what_the_model_says() {
        assert!((rating(0.0, 0.0, 1.0) - 93.2).abs() < 1e-9);
        assert!((rating(150.0, 0.0, 1.0) - (93.2 - 3.6)).abs() < 1e-9);
        assert!((rating(277.3, 0.0, 1.0) - (93.2 - 0.024 * 277.3 - 11.0)).abs() < 1e-9);
        // 5 % of losses: 95 · 5 / 30.1
        assert!((rating(0.0, 5.0, 1.0) - (93.2 - 15.78)).abs() < 0.01);
        assert!(
            score(20.0, 0.0) > 4.3 && score(20.0, 1.0) > 4.2 && score(20.0, 10.0) < 3.6 && score(600.0, 30.0) < 1.5
        );
    }

    #[test]
    fn losses_in_a_row_are_worse_than_as_many_at_random() {
        assert!(rating(50.0, 5.0, 3.0) < rating(50.0, 5.0, 1.0) - 1.5);
        assert!((rating(50.0, 0.0, 3.0) - rating(50.0, 0.0, 1.0)).abs() < 1e-9);
    }

    #[test]
    fn more_loss_and_more_delay_never_sound_better() {
        let mut before = 4.5;
        for step in 0..100 {
            let now = score(f64::from(step) * 8.0, f64::from(step));
            assert!(now <= before && now >= 1.0, "step {step}: {now} after {before}");
            before = now;
        }
    }
}
