//! The audibility groups of one tick: each distinct sound once, and each of its encodings once.
//!
//! It does not know who hears a group. Its room is taken at the start; a group more than there is room for is silent.

use super::coded::Codings;
use crate::codec::{Codec, Encoder, Rate};
use crate::settings::MAX_SEATS;

/// Longest payload of one frame of a codec without a memory: plain samples.
pub(crate) const PAYLOAD: usize = 2 * Rate::Narrow.frame();

/// Codecs without a memory that one sound may be asked for in.
const CODECS: usize = 3;

/// Places of the table by which a group is found; a power of two, and at least twice as many as groups.
const TABLE: usize = 4 * MAX_SEATS;

/// What a group sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The sum of these talkers, of whom the second are heard from here on: they rise from silence.
    Mix(u64, u64),
    /// A sound that is the same for everybody who hears it.
    Sound(Sound),
    /// The same for those who did not hear it until now: it rises from silence.
    Rising(Sound),
    /// One listener's own.
    Own(u32),
}

/// Sounds shared by all who hear them in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// The hold music.
    Music,
    /// The music of a queue, by its number among those that have one.
    Queue(u32),
    /// Ringback.
    Ringback,
    /// The test tone.
    Test,
    /// Comfort noise.
    Noise,
}

impl Sound {
    /// Music, of the house or of a queue.
    pub(crate) fn is_music(self) -> bool {
        matches!(self, Self::Music | Self::Queue(_))
    }

    fn number(self) -> u64 {
        match self {
            Self::Music => 0,
            Self::Ringback => 1,
            Self::Test => 2,
            Self::Noise => 3,
            Self::Queue(queue) => 4 + u64::from(queue),
        }
    }
}

struct Group {
    key: Key,
    rate: Rate,
    encoded: [Option<Codec>; CODECS],
    payloads: [[u8; PAYLOAD]; CODECS],
    lengths: [u16; CODECS],
}

/// The groups of one tick.
pub(crate) struct Groups {
    groups: Vec<Group>,
    /// Each group's frame, of whatever rate, in room for the longest. Not touched before it is used.
    frames: Box<[i16]>,
    /// What was made of them by encoders that have a memory.
    codings: Codings,
    /// How many of them are of this tick.
    used: usize,
    /// (tick, group); an entry of another tick is empty.
    table: Box<[(u32, u16)]>,
    tick: u32,
    /// Encodings made since the start: the counter of goal 17.
    encodes: u64,
}

impl Groups {
    pub(crate) fn new() -> Self {
        let group = || Group {
            key: Key::Mix(0, 0),
            rate: Rate::Narrow,
            encoded: [None; CODECS],
            payloads: [[0; PAYLOAD]; CODECS],
            lengths: [0; CODECS],
        };
        Self {
            groups: (0..MAX_SEATS).map(|_| group()).collect(),
            frames: vec![0; MAX_SEATS * Rate::MAX_FRAME].into(),
            codings: Codings::new(),
            used: 0,
            table: vec![(0, 0); TABLE].into_boxed_slice(),
            tick: 0,
            encodes: 0,
        }
    }

    /// Begins a tick without groups.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.codings.clear();
        self.tick = self.tick.wrapping_add(1);
        if self.tick == 0 {
            self.table.fill((0, 0));
            self.tick = 1;
        }
    }

    /// The group with this key and rate, if there is one already.
    pub(crate) fn find(&self, key: Key, rate: Rate) -> Option<u16> {
        let mut place = hash(key, rate);
        loop {
            let (tick, group) = self.table[place % TABLE];
            if tick != self.tick {
                return None;
            }
            let known = &self.groups[usize::from(group)];
            if known.key == key && known.rate == rate {
                return Some(group);
            }
            place += 1;
        }
    }

    /// Adds a group that is not there yet and lets `fill` make its sound, from silence.
    pub(crate) fn add(&mut self, key: Key, rate: Rate, fill: impl FnOnce(&mut [i16])) -> u16 {
        let number = self.used.min(MAX_SEATS - 1);
        let group = &mut self.groups[number];
        group.key = key;
        group.rate = rate;
        group.encoded = [None; CODECS];
        let frame = &mut self.frames[number * Rate::MAX_FRAME..][..rate.frame()];
        frame.fill(0);
        if self.used < MAX_SEATS {
            self.used += 1;
            fill(frame);
            let mut place = hash(key, rate);
            while self.table[place % TABLE].0 == self.tick {
                place += 1;
            }
            self.table[place % TABLE] = (self.tick, number as u16);
        }
        number as u16
    }

    /// The sound of a group.
    pub(crate) fn frame(&self, group: u16) -> &[i16] {
        let rate = self.groups[usize::from(group)].rate;
        &self.frames[usize::from(group) * Rate::MAX_FRAME..][..rate.frame()]
    }

    /// What an encoder with a memory made of a group's sound and may be sent to others: [`Codings`] knows to whom.
    pub(crate) fn codings(&mut self) -> &mut Codings {
        &mut self.codings
    }

    /// One more encoding was made, outside.
    pub(crate) fn count_encoding(&mut self) {
        self.encodes += 1;
    }

    /// The sound of a group of 8 kHz in a codec that has no memory, encoded when it is first asked for.
    pub(crate) fn payload(&mut self, group: u16, codec: Codec) -> &[u8] {
        let (number, group) = (usize::from(group), &mut self.groups[usize::from(group)]);
        let known = group.encoded.iter().position(|known| *known == Some(codec));
        let place = known.unwrap_or_else(|| {
            let free = group.encoded.iter().position(Option::is_none).unwrap_or(CODECS - 1);
            group.encoded[free] = Some(codec);
            let frame = &self.frames[number * Rate::MAX_FRAME..][..group.rate.frame()];
            let length = Encoder::new(codec).encode(frame, &mut group.payloads[free]);
            group.lengths[free] = length as u16;
            self.encodes += 1;
            free
        });
        &group.payloads[place][..usize::from(group.lengths[place])]
    }

    /// Encodings made since the start.
    pub(crate) fn encodes(&self) -> u64 {
        self.encodes
    }
}

fn hash(key: Key, rate: Rate) -> usize {
    let bits = match key {
        Key::Mix(set, fresh) => set ^ fresh.rotate_left(32),
        Key::Sound(sound) => !sound.number(),
        Key::Rising(sound) => !(sound.number() << 32),
        Key::Own(seat) => u64::from(seat) << 32 | 0x5a5a,
    };
    // Fibonacci hashing: the high bits of the product are well mixed
    (bits.wrapping_add(rate as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}
