//! What keys pressed on one leg mean: codes, numbers to be dialled, or tones for whoever hears the leg.
//!
//! ```text
//!             a code may begin with it          the code is whole
//!   (none) --------------------------> pending -------------------> Said::Code
//!     |                                |  |  |   start, number, #
//!     | no code begins with it         |  |  +--------------------> Said::Dial
//!     v                                |  | no code goes on with it: as many as needed are let go
//!   Said::Relay <----------------------+  +-> Said::Relay, the rest is judged again
//!                 time is up
//! ```
//!
//! It knows no call: whether a transfer is under way is told to it, and what a code does is `conference::keys`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::input::Key;
use crate::moment::Moment;
use crate::settings::{Codes, TransferSettings};

/// How long the start code, and each digit of the number after it, waits for the next.
pub(crate) const NUMBER_PATIENCE: Duration = Duration::from_secs(5);
/// Digits of a number that is dialled by keypad. E.164 has 15; routes may ask for a prefix.
pub(crate) const LONGEST_NUMBER: usize = 32;

/// The keys of one leg that may still become a code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keypad {
    /// Oldest first.
    pending: Vec<Key>,
    /// When they turn out to be none.
    until: Option<Moment>,
    /// The start code was turned down with a tone already: alone it is not let go to anybody.
    warned: bool,
    /// The number of which the dial plan is being asked whom it reaches.
    looking: Option<String>,
}

/// A whole code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Cancel,
    Complete,
    Merge,
    Swap,
}

/// What keys turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// No code: for whoever hears the leg.
    Relay(Vec<Key>),
    /// A code.
    Code(Code),
    /// The start code while it is suspected to be a late complete: a tone, and no more unless a number follows.
    Warn,
    /// The start code with a number.
    Dial(String),
}

/// What matters of the call the leg is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a TransferSettings,
    /// Whether a transfer is under way.
    pub(crate) transferring: bool,
    /// Whether a transfer of theirs ended just now without their doing.
    pub(crate) bereft: bool,
}

/// What a row of keys is.
enum Reading {
    Nothing,
    /// The beginning of a code.
    Begins,
    /// The start code, and perhaps digits of a number.
    Numbers,
    Whole(Code),
    Number(String),
}

impl Keypad {
    /// A key was pressed and released.
    pub(crate) fn press(&mut self, now: Moment, key: Key, around: Surroundings<'_>) -> Vec<Said> {
        self.pending.push(key);
        self.until = None;
        let mut none = Vec::new();
        let mut said = Vec::new();
        while !self.pending.is_empty() {
            match read(&self.pending, &around.settings.codes, around.transferring) {
                Reading::Nothing => {
                    // what followed the code that was answered with a tone is no number: the code was alone
                    match self.warned_code(&around.settings.codes).filter(|code| self.pending.len() == code + 1) {
                        Some(code) => drop(self.pending.drain(..code)),
                        None => none.push(self.pending.remove(0)),
                    }
                    self.warned = false;
                    continue;
                }
                Reading::Begins => self.until = Some(now + around.settings.code_timeout),
                Reading::Numbers => {
                    self.until = Some(now + NUMBER_PATIENCE);
                    if self.pending.len() == around.settings.codes.start.chars().count() && around.bereft {
                        self.warned = true;
                        said.push(Said::Warn);
                    }
                }
                Reading::Whole(code) => {
                    self.forget();
                    said.push(Said::Code(code));
                }
                Reading::Number(number) => {
                    self.forget();
                    self.looking = Some(number.clone());
                    said.push(Said::Dial(number));
                }
            }
            break;
        }
        if !none.is_empty() {
            said.insert(0, Said::Relay(none));
        }
        said
    }

    /// When `expire` has something to do.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.until
    }

    /// Time is up: the keys that are no code after all.
    pub(crate) fn expire(&mut self, now: Moment, codes: &Codes) -> Vec<Key> {
        if self.until.is_none_or(|until| until > now) {
            return Vec::new();
        }
        let alone = self.warned_code(codes).is_some_and(|code| self.pending.len() == code);
        let keys = std::mem::take(&mut self.pending);
        self.forget();
        if alone { Vec::new() } else { keys }
    }

    /// Whether the dial plan's answer about a number is waited for; it is given once.
    pub(crate) fn found(&mut self, number: &str) -> bool {
        self.looking.take_if(|asked| asked == number).is_some()
    }

    /// How many keys the start code has, if it was answered with a tone.
    fn warned_code(&self, codes: &Codes) -> Option<usize> {
        self.warned.then(|| codes.start.chars().count())
    }

    fn forget(&mut self) {
        self.pending.clear();
        self.until = None;
        self.warned = false;
    }
}

/// Reads a row of keys. An empty code is switched off.
fn read(keys: &[Key], codes: &Codes, transferring: bool) -> Reading {
    let row: String = keys.iter().map(|key| key.digit).collect();
    let whole = [
        (&codes.complete, Code::Complete),
        (&codes.cancel, Code::Cancel),
        (&codes.merge, Code::Merge),
        (&codes.swap, Code::Swap),
    ];
    for (code, means) in whole {
        let start = means == Code::Complete && *code == codes.start && !transferring;
        if *code == row && !start {
            return Reading::Whole(means);
        }
    }
    if !codes.start.is_empty()
        && let Some(number) = row.strip_prefix(codes.start.as_str())
    {
        let digits = number.strip_suffix('#').unwrap_or(number);
        let ends = digits.len() < number.len();
        if digits.len() > LONGEST_NUMBER || !digits.chars().all(|digit| digit.is_ascii_digit()) {
            return Reading::Nothing;
        }
        return match (ends, digits.is_empty()) {
            (true, true) => Reading::Nothing,
            (true, false) => Reading::Number(digits.to_owned()),
            (false, _) => Reading::Numbers,
        };
    }
    let begins = |code: &String| code.starts_with(&row);
    if begins(&codes.start) || whole.iter().any(|(code, _)| begins(code)) { Reading::Begins } else { Reading::Nothing }
}

#[cfg(test)]
mod tests;
