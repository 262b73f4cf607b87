//! What people on hold hear: a piece of this house, a file, a folder of files, or silence.
//!
//! A piece is decoded or composed once, kept in memory, shared, and repeated for ever. Whoever listens keeps his own position, so
//! that the music goes on where it was for him, however often he was taken away from it. Decides nothing about who is on hold.

mod compose;
mod file;
mod level;
mod resample;
mod score;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::codec::SAMPLE_RATE;

/// Loudness of all music: RMS over 32768, in dBFS.
pub const LOUDNESS_DBFS: f64 = -20.0;

/// Longest music of one setting, all files together: an hour, 58 MB in memory.
pub const MAX_SECONDS: usize = 3_600;

/// Shortest music that is worth repeating.
pub const MIN_MILLISECONDS: usize = 500;

/// Largest file read.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// Most files in a folder.
pub const MAX_FILES: usize = 200;

/// Why there is no music. Every variant names the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum MusicError {
    /// It cannot be opened or read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no WAV, Ogg Vorbis, MP3 or FLAC file, or a broken one.
    #[error("{path}: not music that can be played (WAV, Ogg Vorbis, MP3 or FLAC): {reason}")]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// More than [`MAX_FILE_BYTES`].
    #[error("{path}: larger than {} MiB", MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Lasts longer than [`MAX_SECONDS`], alone or together with the files before it.
    #[error("{path}: more than {MAX_SECONDS} seconds of music")]
    TooLong {
        /// The file with which it became too much.
        path: PathBuf,
    },
    /// Lasts less than [`MIN_MILLISECONDS`], or is silent throughout.
    #[error("{path}: less than {MIN_MILLISECONDS} milliseconds of sound")]
    TooShort {
        /// The file.
        path: PathBuf,
    },
    /// A folder without a single file of a known extension.
    #[error("{path}: no .wav, .ogg, .oga, .mp3 or .flac file in this folder")]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// More than [`MAX_FILES`].
    #[error("{path}: more than {MAX_FILES} files")]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
}

/// A sound that is compiled in, at the mixer's rate, as loud as it was made. For start-up.
///
/// # Errors
/// `Undecodable`, with `name`.
pub(crate) fn decode_embedded(name: &str, bytes: &'static [u8]) -> Result<Vec<i16>, MusicError> {
    file::embedded(name, bytes)
}

/// Where in the music a listener is, in samples since it began for him. It belongs to the listener's call and is kept with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MusicPosition(pub u64);

impl MusicPosition {
    /// The position `samples` later.
    #[must_use]
    pub const fn after(self, samples: u64) -> Self {
        Self(self.0.wrapping_add(samples))
    }
}

/// Music that repeats for ever.
pub struct Music {
    /// One round, ready to be repeated; one zero for silence.
    round: Box<[i16]>,
}

impl Music {
    /// What a setting (`hold_music` and its like) names: `"builtin"`, `"silence"`, or the path of a file or folder. Reads and
    /// decodes: for start-up, never for a tick.
    ///
    /// # Errors
    /// [`MusicError`], if it names a file or folder that cannot be played in full.
    pub fn open(setting: &str) -> Result<Arc<Self>, MusicError> {
        match setting {
            "builtin" => Ok(Self::builtin()),
            "silence" => Ok(Self::silence()),
            path => Ok(Arc::new(Self::of(file::load(Path::new(path))?))),
        }
    }

    /// The piece of this house: 72 seconds, composed at the first call in a fraction of a second, then shared.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Music>> = OnceLock::new();
        Arc::clone(BUILTIN.get_or_init(|| Arc::new(Self::of(compose::compose()))))
    }

    /// No music.
    #[must_use]
    pub fn silence() -> Arc<Self> {
        Arc::new(Self::of(vec![0]))
    }

    /// Samples in one round.
    #[must_use]
    pub const fn round_samples(&self) -> usize {
        self.round.len()
    }

    /// Milliseconds in one round.
    #[must_use]
    pub const fn round_ms(&self) -> u64 {
        self.round.len() as u64 * 1_000 / SAMPLE_RATE as u64
    }

    /// Fills `out` with the music from `position` on. Neither allocates nor locks.
    pub fn read(&self, position: MusicPosition, out: &mut [i16]) {
        let mut at = (position.0 % self.round.len() as u64) as usize;
        let mut rest = out;
        while !rest.is_empty() {
            let count = rest.len().min(self.round.len() - at);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&self.round[at..at + count]);
            rest = later;
            at = 0;
        }
    }

    fn of(round: Vec<i16>) -> Self {
        debug_assert!(!round.is_empty());
        Self { round: round.into_boxed_slice() }
    }
}

impl std::fmt::Debug for Music {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Music").field("round_ms", &self.round_ms()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn music_read_in_frames_is_the_round_over_and_over() {
        let music = Music::of((0..1_000).collect());
        let mut position = MusicPosition(7_000_000_000_000);
        let mut heard = Vec::new();
        for _ in 0..30 {
            let mut out = [0; 160];
            music.read(position, &mut out);
            position = position.after(160);
            heard.extend(out);
        }
        assert!(heard.iter().enumerate().all(|(n, sample)| *sample == (n % 1_000) as i16));
        let mut long = [0; 2_500];
        music.read(MusicPosition(999), &mut long);
        assert_eq!((long[0], long[1], long[2_499]), (999, 0, 498));
    }

    #[test]
    fn silence_is_silent() {
        let mut out = [1; 160];
        Music::silence().read(MusicPosition(77), &mut out);
        assert_eq!(out, [0; 160]);
    }
}
