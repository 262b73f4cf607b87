//! A sender of a tone, a wire with seeded mishaps, and a jitter buffer behind it, all on a virtual clock.
#![allow(dead_code, unreachable_pub, missing_docs)]

use media_mixer::codec::{Codec, FRAME_SAMPLES, g711};
use media_mixer::jitter::{Arrival, Frame, Jitter, PacketMeta};

pub const TICK_US: u64 = 20_000;

/// A small generator of repeatable chance.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0;
        (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a sender says at RTP timestamp `t`: 1 kHz at -13 dBFS.
pub fn tone(t: i64) -> u8 {
    g711::encode_ulaw(((t as f64 * std::f64::consts::TAU / 8.0).sin() * 10_000.0) as i16)
}

#[derive(Clone)]
pub struct Sent {
    pub arrives_us: u64,
    pub meta: PacketMeta,
    pub payload: Vec<u8>,
}

pub fn packet(sequence: u64, timestamp: u64, samples: usize, arrives_us: u64) -> Sent {
    Sent {
        arrives_us,
        meta: PacketMeta {
            sequence: sequence as u16,
            timestamp: timestamp as u32,
            ssrc: 7,
            marker: false,
            codec: Codec::Pcmu,
        },
        payload: (0..samples).map(|i| tone(timestamp as i64 + i as i64)).collect(),
    }
}

/// `count` packets of `samples` each, the first at `first_us`, of a sender whose clock is `ppm` fast.
pub fn stream(count: u64, samples: usize, first_us: u64, ppm: i64) -> Vec<Sent> {
    let period_ns = samples as i64 * 125_000;
    (0..count)
        .map(|n| {
            let sent_ns = n as i64 * (period_ns - period_ns * ppm / 1_000_000);
            packet(
                n + 65_000,
                n * samples as u64 + u64::from(u32::MAX) - 9_999,
                samples,
                first_us + (sent_ns / 1_000) as u64,
            )
        })
        .collect()
}

/// One run: packets sorted by arrival, a tick every 20 ms.
pub struct Run {
    pub jitter: Jitter,
    pub wire: Vec<Sent>,
    pub at: usize,
    pub now_us: u64,
    pub frames: Vec<Frame>,
    pub sound: Vec<i16>,
}

impl Run {
    pub fn new(mut wire: Vec<Sent>) -> Self {
        wire.sort_by_key(|sent| sent.arrives_us);
        let jitter = Jitter::new(8_000, Arrival::Stamped);
        Self { jitter, wire, at: 0, now_us: 1_000_000, frames: Vec::new(), sound: Vec::new() }
    }

    pub fn deliver(&mut self, seen_at: impl Fn(u64) -> u64) {
        while let Some(sent) = self.wire.get(self.at).filter(|sent| sent.arrives_us <= self.now_us) {
            self.jitter.push(sent.meta, &sent.payload, seen_at(sent.arrives_us));
            self.at += 1;
        }
    }

    pub fn tick(&mut self) -> Frame {
        self.deliver(|arrived| arrived);
        self.pull()
    }

    pub fn pull(&mut self) -> Frame {
        let mut out = [0; FRAME_SAMPLES];
        let frame = self.jitter.pull(self.now_us, &mut out);
        self.frames.push(frame);
        self.sound.extend(out);
        self.now_us += TICK_US;
        frame
    }

    pub fn ticks(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.tick();
        }
        self
    }

    /// The process stands still, then finds everything that came meanwhile at once.
    pub fn stall(&mut self, us: u64) {
        self.now_us += us;
        let now = self.now_us;
        self.deliver(|_| now);
        self.pull();
    }

    pub fn concealed_ms(&self) -> u64 {
        self.jitter.counts().concealed / 8
    }

    pub fn delay_ms(&self) -> f64 {
        f64::from(self.jitter.added_delay_us().unwrap()) / 1_000.0
    }

    /// Frames after the first sound which are not a clean 1 kHz tone of the right level.
    pub fn broken_frames(&self, from: usize) -> usize {
        self.sound.chunks(FRAME_SAMPLES).skip(from).filter(|frame| !is_tone(frame)).count()
    }
}

pub fn is_tone(frame: &[i16]) -> bool {
    let (mut re, mut im, mut total) = (0.0, 0.0, 0.0);
    for (i, sample) in frame.iter().enumerate() {
        let (s, phase) = (f64::from(*sample), i as f64 * std::f64::consts::TAU / 8.0);
        re += s * phase.cos();
        im += s * phase.sin();
        total += s * s;
    }
    let power = (re * re + im * im) * 2.0 / frame.len() as f64;
    power > 0.9 * total && total / frame.len() as f64 > 5_000.0 * 5_000.0
}

pub fn delayed_randomly(wire: &mut Vec<Sent>, dice: &mut Dice, jitter_us: u64, loss_percent: u64) {
    wire.retain_mut(|sent| {
        sent.arrives_us += dice.below(jitter_us + 1);
        !dice.percent(loss_percent)
    });
}
