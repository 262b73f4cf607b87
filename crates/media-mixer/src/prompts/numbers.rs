//! The numbers from 1 to 99 in words: at most two of them, tens and ones.
//!
//! Greater numbers have no words here; what is said instead is the prompt's business.

use super::speech;
use crate::music::MusicError;

macro_rules! words {
    ($($number:literal)*) => {
        [$((concat!("word-", $number, ".flac"), include_bytes!(concat!("../../prompts/word-", $number, ".flac")))),*]
    };
}

/// One to nineteen, then the tens.
static WORDS: [(&str, &[u8]); 27] = words!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 40 50 60 70 80 90);

/// Words below this number are one each.
const TENS_FROM: usize = 20;

/// The words, at the mixer's rate.
pub(super) struct Numbers {
    words: Box<[Box<[i16]>]>,
}

impl Numbers {
    pub(super) fn decode() -> Result<Self, MusicError> {
        let words: Result<Vec<_>, _> = WORDS.iter().map(|(name, flac)| speech(name, flac)).collect();
        Ok(Self { words: words?.into() })
    }

    /// The words of a number, the second one empty if one says it all; `None` for what has no words.
    pub(super) fn words(&self, number: u16) -> Option<[&[i16]; 2]> {
        let number = usize::from(number);
        let word = |place: usize| &*self.words[place];
        let one = |number: usize| word(number - 1);
        let ten = |number: usize| word(TENS_FROM - 1 + number / 10 - 2);
        match number {
            1..TENS_FROM => Some([one(number), &[]]),
            TENS_FROM..100 if number.is_multiple_of(10) => Some([ten(number), &[]]),
            TENS_FROM..100 => Some([ten(number), one(number % 10)]),
            _ => None,
        }
    }

    pub(super) fn piece(&self, file: &str) -> Option<&[i16]> {
        let place = WORDS.iter().position(|(name, _)| *name == file)?;
        self.words.get(place).map(|word| &**word)
    }
}
