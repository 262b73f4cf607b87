//! One sound made of several, one after the other, read as if it were one. Only borrows: nothing is copied or allocated.

/// Most pieces of one sentence.
const PIECES: usize = 4;

/// What a cue sounds like.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    pieces: [&'a [i16]; PIECES],
    spoken: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn tone(sound: &'a [i16]) -> Self {
        Self { pieces: [sound, &[], &[], &[]], spoken: false }
    }

    pub(super) fn prompt(speech: &'a [i16]) -> Self {
        Self::spoken([speech, &[], &[], &[]])
    }

    pub(super) fn spoken(pieces: [&'a [i16]; PIECES]) -> Self {
        Self { pieces, spoken: true }
    }

    /// The sounds, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [i16]> + use<'a> {
        self.pieces.into_iter().filter(|piece| !piece.is_empty())
    }

    /// Samples in all.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    /// Whether somebody speaks; a tone otherwise.
    #[must_use]
    pub fn is_spoken(&self) -> bool {
        self.spoken
    }

    /// Adds the sound from `position` on to what `out` holds; what would be too loud is limited.
    pub fn add(&self, position: u64, out: &mut [i16]) {
        let mut skip = usize::try_from(position).unwrap_or(usize::MAX);
        let mut rest = out;
        for piece in self.pieces {
            let from = skip.min(piece.len());
            skip -= from;
            let count = rest.len().min(piece.len() - from);
            let (now, later) = rest.split_at_mut(count);
            for (sample, more) in now.iter_mut().zip(&piece[from..]) {
                *sample = sample.saturating_add(*more);
            }
            rest = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_read_anywhere_are_the_sounds_one_after_the_other() {
        let sounds: Vec<i16> = (1..=1_000).collect();
        let pieces = Pieces::spoken([&sounds[..7], &[], &sounds[7..500], &sounds[500..]]);
        assert_eq!((pieces.samples(), pieces.iter().count()), (1_000, 3));
        for from in [0_usize, 1, 6, 7, 8, 400, 499, 500, 990, 1_000, 5_000] {
            let mut out = [5_i16; 160];
            pieces.add(from as u64, &mut out);
            for (n, sample) in out.iter().enumerate() {
                assert_eq!(*sample, 5 + sounds.get(from + n).copied().unwrap_or(0), "at {from} + {n}");
            }
        }
        let mut out = [i16::MAX - 3; 10];
        pieces.add(u64::MAX, &mut out);
        assert_eq!(out, [i16::MAX - 3; 10]);
        pieces.add(0, &mut out);
        assert_eq!(out[9], i16::MAX);
    }
}
