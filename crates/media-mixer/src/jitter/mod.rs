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
mod mend;
mod pace;
mod playout;
mod store;
mod stretch;

pub use delay::DelayState;

use serde::{Deserialize, Serialize};

use crate::codec::{Codec, Decoder, G722Decoder, MAX_OPUS_SAMPLES, OpusDecoder, Rate};
use crate::noise::Noise;
use conceal::Conceal;
use delay::Delay;
use pace::Pace;
use store::{MAX_PAYLOAD, Store};

/// Decoded samples that may wait for the next frame: what shortening looks at, and one longest packet.
const fn fifo_samples(rate: Rate) -> usize {
    2 * rate.frame()
        + match rate {
            Rate::Narrow => MAX_PAYLOAD,
            Rate::Wide => 960 * 2,
            Rate::Full => MAX_OPUS_SAMPLES,
        }
}

/// What a buffer needs for what it may be sent. Made on the signalling side, lent to the tick.
#[derive(Debug)]
pub struct Tools {
    fifo: Box<[i16]>,
    opus: Option<Box<OpusDecoder>>,
}

impl Tools {
    /// For streams of these codecs. Allocates.
    #[must_use]
    pub fn new(codecs: impl Iterator<Item = Codec> + Clone) -> Self {
        let rate = codecs.clone().map(Codec::rate).max().unwrap_or_default();
        let opus = codecs.clone().any(|codec| codec == Codec::Opus).then(|| Box::new(OpusDecoder::new()));
        Self { fifo: vec![0; fifo_samples(rate)].into(), opus }
    }

    /// Whether what can be played with these can be played with `other`.
    fn is_covered_by(&self, other: &Self) -> bool {
        other.fifo.len() >= self.fifo.len() && (other.opus.is_some() || self.opus.is_none())
    }
}

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

/// What happened to a leg's packets so far. Samples are of 8 kHz.
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
    /// Samples a second, in which the delay is counted.
    #[serde(default)]
    pub rate: Rate,
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
    /// Ticks a second of the RTP timestamp.
    clock_rate: u32,
    /// Samples a second: in these everything is counted in here.
    rate: Rate,
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
    tools: Tools,
    fifo_len: usize,
    payload: [u8; MAX_PAYLOAD],
    /// The codec of the last packet, and its decoder if that lies in here.
    codec: Codec,
    g722: G722Decoder,
    /// A frame that reaches this timestamp is the first after a jump.
    jump_at: Option<i64>,
    conceal: Conceal,
    /// Oldest speech in the hole being filled.
    hole_oldest: i64,
    /// So many of the samples that wait, from the first one on, were made up by the codec's own decoder.
    made_up: usize,
    /// Up to here something of what was made up may be left in a decoder's memory: speech as old as `hole_oldest`.
    tainted_to: i64,
    /// Samples filled since the last packet, by the codec's own decoder or with comfort noise.
    filled: usize,
    /// The sender pauses: what there is between its packets.
    comfort: Option<Noise>,
    /// The next packet after a lost one may repeat it: until then it is waited for.
    lossy_until_us: u64,
    /// Oldest speech in each of the last frames.
    remembered: [i64; REMEMBERED_FRAMES],
    pace: Pace,
    last_pull_us: Option<u64>,
    /// Nothing was pulled for long: start with the newest packets.
    skip_old: bool,
}

impl Jitter {
    /// An empty buffer for a stream whose timestamps count `clock_rate` ticks a second (8000: one tick is one sample).
    /// It plays what has 8 kHz; for everything else see [`Jitter::equip`]. This and [`Jitter::thaw`] allocate, nothing else.
    #[must_use]
    pub fn new(clock_rate: u32, arrival: Arrival) -> Self {
        Self {
            clock_rate,
            rate: Rate::Narrow,
            arrival,
            counts: Counts::default(),
            store: Store::new(),
            stream: None,
            left: None,
            delay: None,
            grid: Rate::Narrow.frame() as i64,
            last_duration: Rate::Narrow.frame(),
            last_start: 0,
            late_since_us: None,
            jumped: true,
            playing: false,
            next: 0,
            decoded_to: i64::MIN,
            tools: Tools::new([Codec::Pcmu].into_iter()),
            fifo_len: 0,
            payload: [0; MAX_PAYLOAD],
            codec: Codec::Pcmu,
            g722: G722Decoder::default(),
            jump_at: None,
            conceal: Conceal::new(1),
            hole_oldest: i64::MAX,
            made_up: 0,
            tainted_to: i64::MIN,
            filled: 0,
            comfort: None,
            lossy_until_us: 0,
            remembered: [i64::MAX; REMEMBERED_FRAMES],
            pace: Pace::new(1),
            last_pull_us: None,
            skip_old: false,
        }
    }

    /// The buffer that [`Jitter::freeze`] described, empty. `now_us` counts on where the frozen clock stood, or the first packet
    /// is taken as a jump.
    #[must_use]
    pub fn thaw(state: &JitterState, arrival: Arrival) -> Self {
        let mut jitter = Self::new(state.clock_rate, arrival);
        jitter.set_rate(state.rate);
        jitter.stream = state.stream;
        jitter.delay = state.delay.map(|delay| Delay::thaw(state.rate.hertz(), &delay));
        jitter
    }

    /// Takes what the codecs need that were agreed on, if it has not got that yet. `tools` becomes what is not needed, to be freed
    /// by whoever brought it. Nothing of what plays is lost.
    pub fn equip(&mut self, tools: &mut Tools) {
        if tools.is_covered_by(&self.tools) {
            return;
        }
        let waiting = self.fifo_len.min(tools.fifo.len());
        tools.fifo[..waiting].copy_from_slice(&self.tools.fifo[..waiting]);
        self.fifo_len = waiting;
        if self.tools.opus.is_some() {
            std::mem::swap(&mut tools.opus, &mut self.tools.opus);
        }
        std::mem::swap(&mut self.tools, tools);
    }

    /// Samples a second of the next frame.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Ticks a second of the RTP timestamps.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// What a thaw needs.
    #[must_use]
    pub fn freeze(&self) -> JitterState {
        let (clock_rate, rate) = (self.clock_rate, self.rate);
        JitterState { clock_rate, rate, stream: self.stream, delay: self.delay.as_ref().map(Delay::freeze) }
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
            Arrival::AtTick => self.rate.frame() as i64,
        };
        let line = self.delay.as_ref()?.line();
        Some(self.timestamp_of(self.ticks(now_us) - line + read_late))
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

    /// Time on our clock, in samples.
    const fn ticks(&self, us: u64) -> i64 {
        (us as u128 * self.rate.hertz() as u128 / 1_000_000) as i64
    }

    const fn micros(&self, samples: i64) -> u32 {
        (samples * 1_000_000 / self.rate.hertz() as i64) as u32
    }

    /// An unwrapped RTP timestamp in our count.
    const fn place_of(&self, timestamp: i64) -> i64 {
        (timestamp * self.rate.hertz() as i64).div_euclid(self.clock_rate as i64)
    }

    /// Our count as an RTP timestamp, never later than it is.
    const fn timestamp_of(&self, place: i64) -> u32 {
        (place * self.clock_rate as i64).div_euclid(self.rate.hertz() as i64) as u32
    }

    /// Whether a packet of `codec` can be played as the stream is counted now.
    fn is_tuned_to(&self, codec: Codec) -> bool {
        codec.clock_rate() == self.clock_rate && codec.rate() == self.rate
    }

    /// From now on everything is counted as `codec` needs it.
    fn tune(&mut self, codec: Codec) {
        self.clock_rate = codec.clock_rate();
        self.delay = None;
        self.set_rate(codec.rate());
        self.codec = codec;
    }

    /// No decoder keeps anything of what it has heard.
    fn forget_heard(&mut self) {
        self.g722 = G722Decoder::default();
        if let Some(opus) = &mut self.tools.opus {
            opus.forget();
        }
    }

    fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.grid = rate.frame() as i64;
        self.last_duration = rate.frame();
        self.conceal = Conceal::new(rate.times());
        self.stop();
    }

    /// Decodes into what waits, behind it; how many samples that made.
    fn decode(&mut self, codec: Codec, bytes: usize) -> usize {
        let (payload, room) = (&self.payload[..bytes], &mut self.tools.fifo[self.fifo_len..]);
        match codec {
            Codec::G722 => self.g722.decode(payload, room),
            Codec::Opus => self.tools.opus.as_mut().map_or(0, |opus| opus.decode(payload, room)),
            // these have no state, and making their decoders costs nothing
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::ComfortNoise => Decoder::new(codec).decode(payload, room),
        }
    }
}
