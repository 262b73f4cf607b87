//! What Baton says to one person alone: short tones and spoken prompts, compiled in, ready to be played.
//!
//! Decoded once, when the mixer starts; the tick only reads. A sentence with a number in it is put together from pieces while it
//! is played, and never copied. Decides nothing about who hears which, or when.

mod numbers;
mod pieces;

use std::sync::{Arc, OnceLock};

use conference::Cue;

use crate::music::{self, MusicError};
use crate::tone::Tone;
use numbers::Numbers;
pub use pieces::Pieces;

/// Samples between the announcement's tone and its speech: 60 ms.
const PAUSE: usize = 480;

/// The sounds, at the mixer's rate.
pub struct Prompts {
    failure: Box<[i16]>,
    notice: Box<[i16]>,
    done: Box<[i16]>,
    refused: Box<[i16]>,
    entered: Box<[i16]>,
    left: Box<[i16]>,
    unknown: Box<[i16]>,
    busy: Box<[i16]>,
    rejected: Box<[i16]>,
    no_answer: Box<[i16]>,
    unreachable: Box<[i16]>,
    closed: Box<[i16]>,
    enter_pin: Box<[i16]>,
    wrong_pin: Box<[i16]>,
    position: PositionPrompts,
    announcement: Box<[i16]>,
}

/// What is said of a place in a queue.
struct PositionPrompts {
    next: Box<[i16]>,
    many: Box<[i16]>,
    before: Box<[i16]>,
    after: Box<[i16]>,
    numbers: Numbers,
}

impl PositionPrompts {
    fn say(&self, position: u16) -> Pieces<'_> {
        match self.numbers.words(position) {
            _ if position <= 1 => Pieces::spoken([&self.next, &[], &[], &[]]),
            Some([first, second]) => Pieces::spoken([&self.before, first, second, &self.after]),
            None => Pieces::spoken([&self.many, &[], &[], &[]]),
        }
    }
}

impl Prompts {
    /// The prompts of this house, decoded at the first call, then shared.
    ///
    /// # Errors
    /// What is compiled in cannot be decoded.
    pub fn builtin() -> Result<Arc<Self>, MusicError> {
        static BUILTIN: OnceLock<Arc<Prompts>> = OnceLock::new();
        if let Some(known) = BUILTIN.get() {
            return Ok(Arc::clone(known));
        }
        let decoded = Arc::new(Self::decode()?);
        Ok(Arc::clone(BUILTIN.get_or_init(|| decoded)))
    }

    fn decode() -> Result<Self, MusicError> {
        let mut announcement = tone(&Tone::special_information()).into_vec();
        announcement.extend([0; PAUSE]);
        announcement.extend(speech("announcement.flac", include_bytes!("../prompts/announcement.flac"))?);
        Ok(Self {
            failure: tone(&Tone::failed()),
            notice: tone(&Tone::notice()),
            done: tone(&Tone::done()),
            refused: tone(&Tone::refused()),
            entered: tone(&Tone::entered()),
            left: tone(&Tone::left()),
            unknown: speech("unknown.flac", include_bytes!("../prompts/unknown.flac"))?,
            busy: speech("busy.flac", include_bytes!("../prompts/busy.flac"))?,
            rejected: speech("rejected.flac", include_bytes!("../prompts/rejected.flac"))?,
            no_answer: speech("no-answer.flac", include_bytes!("../prompts/no-answer.flac"))?,
            unreachable: speech("unreachable.flac", include_bytes!("../prompts/unreachable.flac"))?,
            closed: speech("closed.flac", include_bytes!("../prompts/closed.flac"))?,
            enter_pin: speech("enter-pin.flac", include_bytes!("../prompts/enter-pin.flac"))?,
            wrong_pin: speech("wrong-pin.flac", include_bytes!("../prompts/wrong-pin.flac"))?,
            position: PositionPrompts {
                next: speech("position-next.flac", include_bytes!("../prompts/position-next.flac"))?,
                many: speech("position-many.flac", include_bytes!("../prompts/position-many.flac"))?,
                before: speech("position-number.flac", include_bytes!("../prompts/position-number.flac"))?,
                after: speech("position-queue.flac", include_bytes!("../prompts/position-queue.flac"))?,
                numbers: Numbers::decode()?,
            },
            announcement: announcement.into(),
        })
    }

    /// What a cue sounds like.
    #[must_use]
    pub fn cue(&self, cue: Cue) -> Pieces<'_> {
        match cue {
            Cue::Failure => Pieces::tone(&self.failure),
            Cue::Notice => Pieces::tone(&self.notice),
            Cue::Done => Pieces::tone(&self.done),
            Cue::Refused => Pieces::tone(&self.refused),
            Cue::Entered => Pieces::tone(&self.entered),
            Cue::Left => Pieces::tone(&self.left),
            Cue::Unknown => Pieces::prompt(&self.unknown),
            Cue::Busy => Pieces::prompt(&self.busy),
            Cue::Rejected => Pieces::prompt(&self.rejected),
            Cue::NoAnswer => Pieces::prompt(&self.no_answer),
            Cue::Unreachable => Pieces::prompt(&self.unreachable),
            Cue::Closed => Pieces::prompt(&self.closed),
            Cue::EnterPin => Pieces::prompt(&self.enter_pin),
            Cue::WrongPin => Pieces::prompt(&self.wrong_pin),
            Cue::Position(position) => self.position.say(position),
        }
    }

    /// "Nobody can take your call": the special information tone, then speech, 5 s at most.
    #[must_use]
    pub fn announcement(&self) -> &[i16] {
        &self.announcement
    }

    /// The announcement from `position` on, and silence after it.
    pub(crate) fn announce(&self, position: u64, out: &mut [i16]) {
        Pieces::prompt(&self.announcement).add(position, out);
    }

    /// The samples of one spoken piece by its file, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn piece(&self, file: &str) -> Option<&[i16]> {
        match file {
            "position-next.flac" => Some(&self.position.next),
            "position-many.flac" => Some(&self.position.many),
            "position-number.flac" => Some(&self.position.before),
            "position-queue.flac" => Some(&self.position.after),
            _ => self.position.numbers.piece(file),
        }
    }
}

fn speech(name: &str, flac: &'static [u8]) -> Result<Box<[i16]>, MusicError> {
    music::decode_embedded(name, flac).map(Vec::into_boxed_slice)
}

fn tone(tone: &Tone) -> Box<[i16]> {
    let length = tone.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut samples = vec![0; length];
    tone.read(0, &mut samples);
    samples.into()
}
