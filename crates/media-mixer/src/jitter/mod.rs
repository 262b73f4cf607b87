//! Takes one leg's packets as they come and gives one frame at every tick: in order, without holes, hardly delayed.
//!
//! ```text
//!   push ──> intake ──> store ──> playout ──> pull        delay: how late packets come
//!              │                    │                     pace: whether to shorten or lengthen
//!              └──────> delay ──────┘                     stretch, conceal: the sound of it
//! ```
//!
//! Sans-IO: time comes in as microseconds of one monotonic clock. After construction nothing allocates. Every frame says
//! which speech it contains, stretched and concealed ones included, so that law 3 can be decided per frame. Decides nothing
//! about who hears it, and keeps no audio across a freeze.

mod conceal;
mod delay;
mod intake;
mod pace;
mod playout;
mod store;
mod stretch;

pub use delay::DelayState;

use serde::{Deserialize, Serialize};

use crate::codec::{Codec, Decoder, FRAME_SAMPLES};
use conceal::Conceal;
use delay::Delay;
use pace::Pace;
use store::{MAX_PAYLOAD, Store};

/// Decoded samples that may wait for the next frame: what shortening looks at, and one longest packet.
const FIFO_SAMPLES: usize = 2 * FRAME_SAMPLES + MAX_PAYLOAD;

/// Frames whose sound the concealment may use: more than [`conceal::HISTORY`] samples.
const REMEMBERED_FRAMES: usize = 4;

/// What an RTP header says of a packet, as far as playing it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketMeta {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp of the first sample.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Marker bit: the first packet of a talk spurt. Known but not needed; many phones set it wrongly.
    pub marker: bool,
    /// How the payload is coded.
    pub codec: Codec,
}

/// What the arrival times given to [`Jitter::push`] are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrival {
    /// The kernel's receive time, or a read right after it: good to a millisecond.
    Stamped,
    /// The time of the tick in which the packet was read: late by up to 20 ms. Slow drift then costs a frame now and then.
    AtTick,
}

/// What became of a pushed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Stored,
    /// Its turn is over.
    Late,
    /// A packet with this timestamp waits already.
    Duplicate,
    /// A new source or a jump of the timestamps: everything that waited was dropped, this packet waits.
    Reset,
    /// Empty, too long, without room, or of a source that was just left.
    Refused,
}

/// What a pulled frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the sender sent.
    Decoded,
    /// At least partly made up from what was heard before.
    Concealed,
    /// Zeros: nothing has come yet, the sender pauses, or it stopped.
    Silence,
}

/// What [`Jitter::pull`] says of the 20 ms it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// RTP timestamp of the first sample; of a concealed frame, that of the frame it stands for. `None` for silence.
    pub timestamp: Option<u32>,
    /// No sample derives from speech before this RTP timestamp. Differs from `timestamp` only where concealment repeats
    /// earlier speech or fades out of it. `None` for silence.
    pub oldest: Option<u32>,
    /// What it is made of.
    pub kind: Kind,
    /// First frame of a new source, or the first after the timestamps jumped: what was timed before says nothing any more.
    pub discontinuity: bool,
    /// How many of the samples are concealment.
    pub concealed: u16,
}

impl Frame {
    const SILENCE: Self =
        Self { timestamp: None, oldest: None, kind: Kind::Silence, discontinuity: false, concealed: 0 };

    /// Whether everything in this frame was spoken at or after the RTP timestamp `cut`: law 3's question. Silence holds nothing
    /// spoken but was not timed either: false.
    #[must_use]
    pub fn spoken_since(&self, cut: u32) -> bool {
        self.oldest.is_some_and(|oldest| oldest.wrapping_sub(cut) < 1 << 31)
    }
}

/// What happened to a leg's packets so far. Samples are of the RTP clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Packets that were kept to be played.
    pub stored: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that were empty, too long, or of a source just left.
    pub refused: u64,
    /// Packets dropped because too much waited.
    pub overflowed: u64,
    /// New sources and jumps of the timestamps.
    pub resets: u64,
    /// Samples made up.
    pub concealed: u64,
    /// Samples left out to reduce delay.
    pub shortened: u64,
    /// Samples added to wait longer.
    pub lengthened: u64,
}

/// What of a leg's jitter buffer must outlive the process. No audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JitterState {
    /// Ticks a second of the RTP timestamp.
    pub clock_rate: u32,
    /// The source last heard.
    pub stream: Option<StreamState>,
    /// How late its packets come.
    pub delay: Option<DelayState>,
}

/// Where a source was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Highest RTP timestamp, counted on over its wraps.
    pub timestamp: i64,
    /// Its sequence number.
    pub sequence: u16,
}

/// One leg's jitter buffer.
pub struct Jitter {
    clock_rate: u32,
    arrival: Arrival,
    counts: Counts,

    // What has come.
    store: Store,
    stream: Option<StreamState>,
    /// The source left last, and how many of its packets came in a row since.
    left: Option<(u32, u8)>,
    delay: Option<Delay>,
    /// Greatest step in which packets and ticks both advance: gcd(frame, packet durations).
    grid: i64,
    last_duration: usize,
    last_start: i64,
    /// Packets have come too late since then, and none in time.
    late_since_us: Option<u64>,
    /// The next packet stored is the first after a jump.
    jumped: bool,

    // What goes out.
    playing: bool,
    /// Timestamp of the first sample of `fifo`, or of the next frame if that is empty.
    next: i64,
    /// End of the last packet that was decoded.
    decoded_to: i64,
    fifo: [i16; FIFO_SAMPLES],
    fifo_len: usize,
    payload: [u8; MAX_PAYLOAD],
    decoder: (Codec, Decoder),
    /// A frame that reaches this timestamp is the first after a jump.
    jump_at: Option<i64>,
    conceal: Conceal,
    /// Oldest speech in the hole being filled.
    hole_oldest: i64,
    /// Oldest speech in each of the last frames.
    remembered: [i64; REMEMBERED_FRAMES],
    pace: Pace,
    last_pull_us: Option<u64>,
    /// Nothing was pulled for long: start with the newest packets.
    skip_old: bool,
}

impl Jitter {
    /// An empty buffer for a stream whose timestamps count `clock_rate` ticks a second (8000: one tick is one sample).
    /// The only call that allocates.
    #[must_use]
    pub fn new(clock_rate: u32, arrival: Arrival) -> Self {
        Self {
            clock_rate,
            arrival,
            counts: Counts::default(),
            store: Store::new(),
            stream: None,
            left: None,
            delay: None,
            grid: FRAME_SAMPLES as i64,
            last_duration: FRAME_SAMPLES,
            last_start: 0,
            late_since_us: None,
            jumped: true,
            playing: false,
            next: 0,
            decoded_to: i64::MIN,
            fifo: [0; FIFO_SAMPLES],
            fifo_len: 0,
            payload: [0; MAX_PAYLOAD],
            decoder: (Codec::Pcmu, Decoder::new(Codec::Pcmu)),
            jump_at: None,
            conceal: Conceal::new(),
            hole_oldest: i64::MAX,
            remembered: [i64::MAX; REMEMBERED_FRAMES],
            pace: Pace::new(),
            last_pull_us: None,
            skip_old: false,
        }
    }

    /// The buffer that [`Jitter::freeze`] described, empty. `now_us` counts on where the frozen clock stood, or the first packet
    /// is taken as a jump.
    #[must_use]
    pub fn thaw(state: &JitterState, arrival: Arrival) -> Self {
        let mut jitter = Self::new(state.clock_rate, arrival);
        jitter.stream = state.stream;
        jitter.delay = state.delay.map(|delay| Delay::thaw(state.clock_rate, &delay));
        jitter
    }

    /// What a thaw needs.
    #[must_use]
    pub fn freeze(&self) -> JitterState {
        JitterState { clock_rate: self.clock_rate, stream: self.stream, delay: self.delay.as_ref().map(Delay::freeze) }
    }

    /// Forgets all audio, kept and heard, so that the next frame pulled starts with what comes from now on. What was learnt
    /// about the delay stays. For legs that were away.
    pub fn flush(&mut self) {
        self.store.clear();
        self.stop();
        self.last_pull_us = None;
    }

    /// Forgets the stream as well: the next packet is the first of a new one, whatever its numbers. For legs whose phones may
    /// have stopped their clock meanwhile.
    pub fn forget(&mut self) {
        self.flush();
        self.stream = None;
        self.left = None;
        self.delay = None;
        self.late_since_us = None;
        self.jumped = true;
    }

    /// RTP timestamp of the first sample of a packet that would arrive at `now_us` without having been delayed more than the
    /// least delayed ones; `None` before the first packet. What is being spoken now is at most one packet time and the one-way
    /// path later: that is the business of law 3's guard.
    #[must_use]
    pub fn expected_timestamp(&self, now_us: u64) -> Option<u32> {
        let read_late = match self.arrival {
            Arrival::Stamped => 0,
            Arrival::AtTick => FRAME_SAMPLES as i64,
        };
        let line = self.delay.as_ref()?.line();
        Some((self.ticks(now_us) - line + read_late) as u32)
    }

    /// Interarrival jitter (RFC 3550 §6.4.1) in microseconds.
    #[must_use]
    pub fn jitter_us(&self) -> u32 {
        self.delay.as_ref().map_or(0, |delay| self.micros(i64::from(delay.jitter())))
    }

    /// How long the latest recent packets came after the earliest, in microseconds: what the buffer waits for.
    #[must_use]
    pub fn wait_us(&self) -> u32 {
        self.delay.as_ref().map_or(0, |delay| self.micros(delay.wait()))
    }

    /// How long the first sample of an undelayed packet waits between its arrival and its pull, in microseconds; `None` while
    /// nothing plays.
    #[must_use]
    pub fn added_delay_us(&self) -> Option<u32> {
        let delay = self.delay.as_ref().filter(|_| self.playing)?;
        Some(self.micros((self.pace.lag() - delay.base()).max(0)))
    }

    /// Duration of the last packet in microseconds, 20 000 before the first.
    #[must_use]
    pub fn packet_us(&self) -> u32 {
        self.micros(self.last_duration as i64)
    }

    /// The source being played.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.stream.map(|stream| stream.ssrc)
    }

    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Packets waiting.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.store.len()
    }

    const fn ticks(&self, us: u64) -> i64 {
        (us as u128 * self.clock_rate as u128 / 1_000_000) as i64
    }

    const fn micros(&self, ticks: i64) -> u32 {
        (ticks * 1_000_000 / self.clock_rate as i64) as u32
    }
}
