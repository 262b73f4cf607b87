//! How good the encoders of a media thread may be, by how much of its time it needs: less under load, and more again when it has
//! lasted that there is room.
//!
//! It measures nothing and sets no encoder; it is told what a turn took, and asked.

/// The share of the time above which encoders get cheaper, and below which better again, in percent. Far enough apart that one step
/// does not undo the other: the dearest step costs half as much again as the one before it.
const BUSY_PERCENT: u64 = 55;
const IDLE_PERCENT: u64 = 30;

/// Time over which load is measured.
const SPAN_US: u64 = 200_000;

/// Spans of little load, one after the other, before encoders get better: two seconds.
const PATIENCE: u8 = 10;

/// The load of one media thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// By the settings.
    most: u8,
    now: u8,
    busy_us: u64,
    since_us: u64,
    idle_spans: u8,
}

impl Load {
    pub(crate) const fn new(most: u8, now_us: u64) -> Self {
        Self { most, now: most, busy_us: 0, since_us: now_us, idle_spans: 0 }
    }

    /// A turn that ended at `now_us` took so long. Returns the complexity from now on.
    pub(crate) fn worked(&mut self, took_us: u64, now_us: u64) -> u8 {
        self.busy_us += took_us;
        let span = now_us.saturating_sub(self.since_us);
        if span >= SPAN_US {
            let percent = self.busy_us * 100 / span;
            self.busy_us = 0;
            self.since_us = now_us;
            self.judge(percent);
        }
        self.now
    }

    /// Whether nothing is left to be made cheaper that the settings had wanted better.
    pub(crate) const fn is_pressed(&self) -> bool {
        self.now == 0 && self.most > 0
    }

    fn judge(&mut self, percent: u64) {
        if percent > BUSY_PERCENT {
            self.idle_spans = 0;
            // far too much: no time to go step by step
            self.now = if percent > 85 { self.now / 2 } else { self.now.saturating_sub(1) };
            return;
        }
        self.idle_spans = if percent < IDLE_PERCENT { self.idle_spans + 1 } else { 0 };
        if self.idle_spans >= PATIENCE {
            self.idle_spans = 0;
            self.now = (self.now + 1).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many spans of 200 ms at this load.
    fn after(load: &mut Load, spans: u64, percent: u64) -> u8 {
        let mut now = load.now;
        for _ in 0..spans {
            let at = load.since_us + SPAN_US;
            now = load.worked(SPAN_US * percent / 100, at);
        }
        now
    }

    #[test]
    fn encoders_get_cheaper_at_once_and_better_after_two_calm_seconds() {
        let mut load = Load::new(6, 0);
        assert_eq!(after(&mut load, 50, 40), 6);
        assert_eq!(after(&mut load, 2, 70), 4);
        assert_eq!(after(&mut load, 1, 95), 2);
        assert_eq!(after(&mut load, 100, 40), 2, "in between nothing changes");
        assert_eq!(after(&mut load, 9, 10), 2);
        assert_eq!(after(&mut load, 1, 10), 3);
        assert_eq!(after(&mut load, 1_000, 0), 6, "never better than the settings say");
        assert!(!load.is_pressed());
        assert_eq!(after(&mut load, 20, 100), 0);
        assert!(load.is_pressed(), "fewer bits, too");
        assert_eq!(after(&mut load, 10, 0), 1);
        assert!(!load.is_pressed());
        assert!(!Load::new(0, 0).is_pressed(), "that was the operator's choice");
    }
}
