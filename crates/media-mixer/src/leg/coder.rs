//! The encoder of one leg whose codec has a memory, what its listener was sent in the last ticks, and how much of that got lost.
//!
//! ```text
//!   sent the same as somebody with the same terms, for 100 ms  ->  his payloads are copied      (bridge::coded, law 3)
//!   else                                                        ->  own encoder; from its first state if it was not in step
//! ```
//!
//! It holds nothing but what its own listener was sent. Who may hear what was decided before.

use crate::bridge::Groups;
use crate::bridge::coded::{Coded, Past, SETTLED_TICKS, Terms};
use crate::codec::{Codec, Encoder, Rate};
use crate::sdp::Agreement;

/// Samples of 60 ms at 48 kHz, the longest packet.
const LONGEST: usize = 3 * Rate::MAX_FRAME;
/// Payload bytes of the longest packet.
const MOST_BYTES: usize = 1_275;

/// Losses for which encoders are made, in percent, and from how many 256ths on each is taken.
const LOSSES: [(u8, u8); 4] = [(0, 0), (5, 3), (10, 18), (20, 38)];
/// A lower loss must be reported so often, one after the other, before it is believed.
const PATIENCE: u8 = 3;

/// What a listener's receiver reports to lose, in steps: up at once, down slowly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    step: u8,
    lower: u8,
}

impl Loss {
    /// A report: the share lost since the one before, in 256ths.
    pub(crate) fn reported(&mut self, fraction: u8) {
        let step = LOSSES.iter().rposition(|(_, from)| fraction >= *from).unwrap_or(0) as u8;
        if step >= self.step {
            *self = Self { step, lower: 0 };
            return;
        }
        self.lower += 1;
        if self.lower >= PATIENCE {
            *self = Self { step: self.step - 1, lower: 0 };
        }
    }

    /// In percent.
    pub(crate) fn percent(self) -> u8 {
        LOSSES[usize::from(self.step)].0
    }
}

/// The encoder of one leg.
pub(crate) struct Coder {
    terms: Terms,
    encoder: Encoder,
    /// The sounds that its listener was sent in the last ticks.
    heard: Past,
    /// The encoder was given the last of them.
    in_step: bool,
    /// What waits for a packet of more than 20 ms.
    waiting: Box<[i16]>,
    filled: usize,
}

impl Coder {
    /// What `agreement` needs; `None` if its codec has no memory. Allocates.
    pub(super) fn for_agreement(agreement: &Agreement) -> Option<Self> {
        let encoder = match agreement.codec {
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::ComfortNoise => return None,
            Codec::G722 | Codec::Opus => Encoder::on_terms(agreement.codec, &agreement.opus),
        };
        let long = agreement.codec == Codec::Opus && agreement.ptime_ms > 20;
        let waiting = vec![0; if long { LONGEST } else { 0 }].into();
        Some(Self {
            terms: Terms::of(agreement, 0),
            encoder,
            heard: [0; SETTLED_TICKS],
            in_step: false,
            waiting,
            filled: 0,
        })
    }

    /// Whether the encoder of `other` would be no other one.
    pub(super) fn is_made_for_the_same(&self, other: &Self) -> bool {
        Terms { loss: 0, ..self.terms } == other.terms
    }

    /// The rate of the sound it encodes.
    pub(crate) fn rate(&self) -> Rate {
        match self.terms.codec {
            Codec::Opus => self.terms.opus.rate,
            codec @ (Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 | Codec::ComfortNoise) => codec.rate(),
        }
    }

    /// Makes it for other losses, and as good as there is time for.
    pub(super) fn prepare(&mut self, loss: Loss, complexity: u8, pressed: bool) {
        if let Encoder::Opus(encoder) = &mut self.encoder {
            encoder.set_complexity(complexity, pressed);
            encoder.set_loss(loss.percent());
            self.terms.loss = loss.percent();
        }
    }

    /// Nothing is sent in this tick.
    pub(super) fn rest(&mut self) {
        self.heard.rotate_left(1);
        self.heard[SETTLED_TICKS - 1] = 0;
        self.in_step = false;
        self.filled = 0;
    }

    /// Whether others may have its payloads, or it theirs.
    pub(crate) fn shares(&self) -> bool {
        self.terms.may_be_shared()
    }

    /// The payloads of a sound that others may hear too; `content` names it, this tick and no other.
    pub(crate) fn shared<'a>(&mut self, group: u16, content: u64, groups: &'a mut Groups) -> Coded<'a> {
        let past = self.heard;
        self.hears(content);
        let number = match groups.codings().find(group, &self.terms, &past) {
            Some(number) => {
                self.in_step = false;
                number
            }
            None => {
                let (length, terms) = (self.rate().frame(), self.terms);
                let mut frame = [0; Rate::MAX_FRAME];
                frame[..length].copy_from_slice(groups.frame(group));
                groups.count_encoding();
                groups.codings().keep(group, &terms, &past, |out| self.encode(&frame[..length], out))
            }
        };
        groups.codings().get(number)
    }

    /// The payloads of a sound that is this listener's alone.
    pub(crate) fn own<'a>(&mut self, frame: &[i16], content: u64, out: &'a mut [u8]) -> Coded<'a> {
        self.hears(content);
        let ([first, second], count) = self.encode(frame, out);
        let (first, rest) = out.split_at(first);
        Coded { payloads: [first, &rest[..second]], count }
    }

    fn hears(&mut self, content: u64) {
        self.heard.rotate_left(1);
        self.heard[SETTLED_TICKS - 1] = content;
    }

    /// Encodes 20 ms: the lengths of the payloads, and how many there are.
    fn encode(&mut self, frame: &[i16], out: &mut [u8]) -> ([usize; 2], usize) {
        if !std::mem::replace(&mut self.in_step, true) {
            self.encoder.forget();
            self.filled = 0;
        }
        match (self.terms.codec, self.terms.ptime_ms) {
            (Codec::Opus, 10) => {
                let (one, two) = frame.split_at(frame.len() / 2);
                let half = out.len() / 2;
                let first = self.encoder.encode(one, &mut out[..half]);
                let second = self.encoder.encode(two, &mut out[first..first + half]);
                ([first, second], 2)
            }
            (Codec::Opus, ptime_ms @ 21..) => self.collect(frame, usize::from(ptime_ms) / 20, out),
            _ => ([self.encoder.encode(frame, out), 0], 1),
        }
    }

    /// Encodes when so many frames have come.
    fn collect(&mut self, frame: &[i16], frames: usize, out: &mut [u8]) -> ([usize; 2], usize) {
        let end = self.filled + frame.len();
        self.waiting[self.filled..end].copy_from_slice(frame);
        self.filled = end;
        if end < frames * frame.len() {
            return ([0, 0], 0);
        }
        self.filled = 0;
        let room = out.len().min(MOST_BYTES);
        ([self.encoder.encode(&self.waiting[..end], &mut out[..room]), 0], 1)
    }
}

#[cfg(test)]
mod tests;
