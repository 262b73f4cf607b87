//! What Baton says to one person alone: short tones and spoken prompts, compiled in, ready to be played.
//!
//! Decoded once, when the mixer starts; the tick only reads. Decides nothing about who hears which, or when.

use std::sync::{Arc, OnceLock};

use conference::Cue;

use crate::music::{self, MusicError};
use crate::tone::Tone;

/// Samples between the announcement's tone and its speech: 60 ms.
const PAUSE: usize = 480;

/// The sounds, at the mixer's rate.
pub struct Prompts {
    failure: Box<[i16]>,
    notice: Box<[i16]>,
    done: Box<[i16]>,
    refused: Box<[i16]>,
    unknown: Box<[i16]>,
    busy: Box<[i16]>,
    rejected: Box<[i16]>,
    no_answer: Box<[i16]>,
    unreachable: Box<[i16]>,
    announcement: Box<[i16]>,
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
        let mut announcement = tone(&Tone::special_information());
        announcement.extend([0; PAUSE]);
        announcement.extend(speech("announcement.flac", include_bytes!("../prompts/announcement.flac"))?);
        Ok(Self {
            failure: tone(&Tone::failed()).into(),
            notice: tone(&Tone::notice()).into(),
            done: tone(&Tone::done()).into(),
            refused: tone(&Tone::refused()).into(),
            unknown: speech("unknown.flac", include_bytes!("../prompts/unknown.flac"))?.into(),
            busy: speech("busy.flac", include_bytes!("../prompts/busy.flac"))?.into(),
            rejected: speech("rejected.flac", include_bytes!("../prompts/rejected.flac"))?.into(),
            no_answer: speech("no-answer.flac", include_bytes!("../prompts/no-answer.flac"))?.into(),
            unreachable: speech("unreachable.flac", include_bytes!("../prompts/unreachable.flac"))?.into(),
            announcement: announcement.into(),
        })
    }

    /// What a cue sounds like.
    #[must_use]
    pub fn cue(&self, cue: Cue) -> &[i16] {
        match cue {
            Cue::Failure => &self.failure,
            Cue::Notice | Cue::Position(_) | Cue::EnterPin | Cue::Entered | Cue::Left => &self.notice,
            Cue::Done => &self.done,
            Cue::Refused | Cue::WrongPin | Cue::Closed => &self.refused,
            Cue::Unknown => &self.unknown,
            Cue::Busy => &self.busy,
            Cue::Rejected => &self.rejected,
            Cue::NoAnswer => &self.no_answer,
            Cue::Unreachable => &self.unreachable,
        }
    }

    /// "Nobody can take your call": the special information tone, then speech, 5 s at most.
    #[must_use]
    pub fn announcement(&self) -> &[i16] {
        &self.announcement
    }
}

fn speech(name: &str, flac: &'static [u8]) -> Result<Vec<i16>, MusicError> {
    music::decode_embedded(name, flac)
}

fn tone(tone: &Tone) -> Vec<i16> {
    let length = tone.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut samples = vec![0; length];
    tone.read(0, &mut samples);
    samples
}
