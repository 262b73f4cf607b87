//! What encoders with a memory made of the groups of one tick, and who may be sent it: law 3 for encoders.
//!
//! Such an encoder holds what it was given before: Opus repeats the last frame in the next one, and every predictor leaves a trace
//! of its past. So what it makes may be sent to somebody only if he was sent just the same sounds as it was given, for as long as
//! anything of them can be left in it. Whoever was not gets his own encoder. It neither encodes nor sends.

use crate::sdp::{Agreement, Codec, OpusTerms};
use crate::settings::MAX_SEATS;

/// Ticks after which nothing of a sound is left in an encoder: 100 ms. The longest memory is the frame that Opus repeats, 20 ms,
/// on top of a pitch of 21 ms (RFC 6716 §4.2.4, §4.3.7.1); G.722 forgets faster.
pub(crate) const SETTLED_TICKS: usize = 5;

/// Payload bytes of one tick at most: 128 kbit/s, and as much again where the rate varies.
pub(crate) const MOST_BYTES: usize = 640;

/// What somebody was sent, or an encoder was given, in the last ticks; newest last. 0: nothing.
pub(crate) type Past = [u64; SETTLED_TICKS];

/// On what an encoding depends, apart from the sound: whoever shares one has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) codec: Codec,
    pub(crate) opus: OpusTerms,
    pub(crate) ptime_ms: u8,
    /// Losses for which it is made, in percent.
    pub(crate) loss: u8,
}

impl Terms {
    pub(crate) fn of(agreement: &Agreement, loss: u8) -> Self {
        Self { codec: agreement.codec, opus: agreement.opus, ptime_ms: agreement.ptime_ms, loss }
    }

    /// Whether each tick's payloads stand alone, so that others may have them.
    pub(crate) fn may_be_shared(&self) -> bool {
        self.codec != Codec::Opus || self.ptime_ms <= 20
    }
}

/// The payloads of one tick: one, or two where packets of Opus are 10 ms long. An empty one need not be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coded<'a> {
    pub(crate) payloads: [&'a [u8]; 2],
    pub(crate) count: usize,
}

#[derive(Clone, Copy)]
struct Coding {
    group: u16,
    terms: Terms,
    past: Past,
    lengths: [u16; 2],
    count: u8,
}

/// All of one tick.
pub(crate) struct Codings {
    codings: Vec<Coding>,
    bytes: Box<[u8]>,
}

impl Codings {
    pub(super) fn new() -> Self {
        Self { codings: Vec::with_capacity(MAX_SEATS), bytes: vec![0; MAX_SEATS * MOST_BYTES].into() }
    }

    pub(super) fn clear(&mut self) {
        self.codings.clear();
    }

    /// The number of what may be sent, of this group, to somebody on these terms who was sent `past` before.
    pub(crate) fn find(&self, group: u16, terms: &Terms, past: &Past) -> Option<usize> {
        self.codings.iter().position(|known| known.group == group && known.past == *past && known.terms == *terms)
    }

    /// Keeps what an encoder that was given `past` before makes of this group, for others; `encode` fills in the payloads, one
    /// after the other, and says how long each is and how many there are. Returns its number in this tick.
    pub(crate) fn keep(
        &mut self,
        group: u16,
        terms: &Terms,
        past: &Past,
        encode: impl FnOnce(&mut [u8]) -> ([usize; 2], usize),
    ) -> usize {
        // there is one for each seat; should there ever be none, the last is written over
        self.codings.truncate(MAX_SEATS - 1);
        let number = self.codings.len();
        let ([first, second], count) = encode(&mut self.bytes[number * MOST_BYTES..][..MOST_BYTES]);
        let lengths = [first as u16, second as u16];
        self.codings.push(Coding { group, terms: *terms, past: *past, lengths, count: count as u8 });
        number
    }

    /// The payloads with this number.
    pub(crate) fn get(&self, number: usize) -> Coded<'_> {
        let coding = &self.codings[number];
        let bytes = &self.bytes[number * MOST_BYTES..][..MOST_BYTES];
        let [first, second] = coding.lengths.map(usize::from);
        let (first, rest) = bytes.split_at(first.min(MOST_BYTES));
        Coded { payloads: [first, &rest[..second.min(rest.len())]], count: usize::from(coding.count) }
    }
}
