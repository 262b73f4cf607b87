//! How legs sounded, counted when each has ended: loss, jitter, round trip, delay and the estimated opinion.

use conference::record::Quality;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Up to which share of packets lost.
const LOSS: [f64; 8] = [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
/// Up to how many seconds.
const JITTER: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const WAY: [f64; 8] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];
/// Up to which opinion; 3.6 is where many people are no longer content (ITU-T G.107 annex B).
const OPINION: [f64; 8] = [1.5, 2.0, 2.6, 3.1, 3.6, 4.0, 4.3, 4.5];

/// What is counted of legs that have ended.
#[derive(Clone)]
pub(super) struct Sound {
    loss: Histogram,
    jitter: Histogram,
    round_trip: Histogram,
    delay: Histogram,
    opinion: Histogram,
}

impl Sound {
    pub(super) fn new() -> Self {
        Self {
            loss: Histogram::new(LOSS),
            jitter: Histogram::new(JITTER),
            round_trip: Histogram::new(WAY),
            delay: Histogram::new(WAY),
            opinion: Histogram::new(OPINION),
        }
    }

    pub(super) fn register(&self, to: &mut Registry) {
        let all = [
            ("media_leg_loss_ratio", "Share of packets lost or too late of a leg, at its end", &self.loss),
            ("media_leg_jitter_seconds", "Interarrival jitter of a leg at its end", &self.jitter),
            ("media_leg_round_trip_seconds", "Round trip of a leg at its end, if it is known", &self.round_trip),
            ("media_leg_delay_seconds", "From a leg's phone to the ears here, at its end", &self.delay),
            ("media_leg_mos", "Estimated mean opinion score of a leg over its whole time", &self.opinion),
        ];
        for (name, help, histogram) in all {
            to.register(name, help, histogram.clone());
        }
    }

    /// A leg has ended. One that was never heard counts nowhere.
    pub(super) fn note(&self, quality: &Quality) {
        let expected = quality.received + quality.lost;
        if quality.received == 0 {
            return;
        }
        self.loss.observe((quality.lost + quality.discarded) as f64 / expected as f64);
        self.jitter.observe(f64::from(quality.jitter_ms) / 1_000.0);
        for (value, histogram) in [(quality.round_trip_ms, &self.round_trip), (quality.delay_ms, &self.delay)] {
            if let Some(ms) = value {
                histogram.observe(f64::from(ms) / 1_000.0);
            }
        }
        if let Some(mos) = quality.mos {
            self.opinion.observe(f64::from(mos));
        }
    }
}
