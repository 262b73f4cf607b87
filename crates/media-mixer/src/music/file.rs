//! Reads music from files: WAV, Ogg Vorbis, MP3 and FLAC, one file or all of a folder in the order of their names, brought to
//! one channel, the mixer's rate and the house's loudness. For start-up; what is odd is refused with the file's name.

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::resample::{RATES, Resampler};
use super::{MAX_FILE_BYTES, MAX_FILES, MAX_SECONDS, MIN_MILLISECONDS, MusicError, level};
use crate::codec::SAMPLE_RATE;

/// What is looked for in a folder.
const EXTENSIONS: [&str; 6] = ["wav", "wave", "ogg", "oga", "mp3", "flac"];

/// Silence between two pieces: 400 ms.
const PAUSE_SAMPLES: usize = 3_200;

/// Each piece is faded in and out over 10 ms, so that its repetition does not click.
const FADE_SAMPLES: usize = 80;

/// Damaged packets in a file that are passed over before the file is given up.
const MAX_DAMAGED: u32 = 100;

/// All music of a file or folder, one round.
pub(super) fn load(path: &Path) -> Result<Vec<i16>, MusicError> {
    let folder = std::fs::metadata(path).map_err(|source| unreadable(path, source))?.is_dir();
    if !folder {
        return piece(path, MAX_SECONDS * SAMPLE_RATE as usize);
    }
    let mut round = Vec::new();
    for file in files_in(path)? {
        let room = (MAX_SECONDS * SAMPLE_RATE as usize).saturating_sub(round.len() + PAUSE_SAMPLES);
        round.extend(piece(&file, room)?);
        round.extend([0; PAUSE_SAMPLES]);
    }
    Ok(round)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, MusicError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let file = entry.map_err(|source| unreadable(folder, source))?.path();
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if EXTENSIONS.contains(&extension.as_str()) && file.is_file() {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return Err(MusicError::TooManyFiles { path: folder.into() });
        }
    }
    if files.is_empty() {
        return Err(MusicError::EmptyFolder { path: folder.into() });
    }
    files.sort();
    Ok(files)
}

/// One file's music, at most `room` samples.
fn piece(path: &Path, room: usize) -> Result<Vec<i16>, MusicError> {
    let mut samples = decode(path, open(path)?, room)?;
    let too_short = || MusicError::TooShort { path: path.into() };
    if samples.len() < MIN_MILLISECONDS * SAMPLE_RATE as usize / 1_000 || level::loudness(&samples).is_none() {
        return Err(too_short());
    }
    let last = samples.len() - 1;
    for n in 0..FADE_SAMPLES {
        let gain = n as f32 / FADE_SAMPLES as f32;
        samples[n] *= gain;
        samples[last - n] *= gain;
    }
    Ok(level::finish(&samples))
}

/// A sound that is compiled in, as loud as it is.
pub(super) fn embedded(name: &str, bytes: &'static [u8]) -> Result<Vec<i16>, MusicError> {
    let path = Path::new(name);
    let opened = probe(path, MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default()))?;
    let samples = decode(path, opened, MAX_SECONDS * SAMPLE_RATE as usize)?;
    Ok(samples.into_iter().map(|sample| (sample * 32_767.0) as i16).collect())
}

fn decode(path: &Path, opened: Opened, room: usize) -> Result<Vec<f32>, MusicError> {
    let undecodable =
        |error: &dyn std::fmt::Display| MusicError::Undecodable { path: path.into(), reason: error.to_string() };
    let (mut format, mut decoder, track) = opened;
    let mut resampler: Option<(u32, Resampler)> = None;
    let (mut interleaved, mut mono, mut damaged) = (Vec::new(), Vec::new(), 0);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => packet,
            Ok(Some(_)) => continue,
            // A stream chained to the first one is not played.
            Ok(None) | Err(Error::ResetRequired) => break,
            Err(error) => return Err(undecodable(&error)),
        };
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(Error::DecodeError(reason)) => {
                damaged += 1;
                if damaged > MAX_DAMAGED {
                    return Err(undecodable(&reason));
                }
                continue;
            }
            Err(error) => return Err(undecodable(&error)),
        };
        let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count().max(1));
        if !RATES.contains(&rate) {
            return Err(undecodable(&format_args!("{rate} samples a second")));
        }
        let (known, resampler) = resampler.get_or_insert_with(|| (rate, Resampler::new(rate)));
        if *known != rate {
            return Err(undecodable(&"the sample rate changes in the middle"));
        }
        sound.copy_to_vec_interleaved::<f32>(&mut interleaved);
        mono.clear();
        mono.extend(interleaved.chunks_exact(channels).map(downmix));
        resampler.push(&mono);
        if resampler.len() > room {
            return Err(MusicError::TooLong { path: path.into() });
        }
    }
    Ok(resampler.map(|(_, resampler)| resampler.finish()).unwrap_or_default())
}

type Opened = (Box<dyn FormatReader>, Box<dyn AudioDecoder>, u32);

fn open(path: &Path) -> Result<Opened, MusicError> {
    let undecodable =
        |error: &dyn std::fmt::Display| MusicError::Undecodable { path: path.into(), reason: error.to_string() };
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let about = file.metadata().map_err(|source| unreadable(path, source))?;
    if !about.is_file() {
        return Err(undecodable(&"neither a file nor a folder"));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(MusicError::TooLarge { path: path.into() });
    }
    probe(path, MediaSourceStream::new(Box::new(file), Default::default()))
}

/// Finds out what the sound is; the extension of `path` is a hint.
fn probe(path: &Path, stream: MediaSourceStream<'static>) -> Result<Opened, MusicError> {
    let undecodable =
        |error: &dyn std::fmt::Display| MusicError::Undecodable { path: path.into(), reason: error.to_string() };
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| undecodable(&error))?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| undecodable(&"no sound in it"))?;
    let parameters =
        track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(|| undecodable(&"unknown coding"))?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| undecodable(&error))?;
    let track = track.id;
    Ok((format, decoder, track))
}

/// The mean of all channels; what is not a number becomes silence.
fn downmix(frame: &[f32]) -> f32 {
    let mean = frame.iter().sum::<f32>() / frame.len() as f32;
    if mean.is_finite() { mean.clamp(-4.0, 4.0) } else { 0.0 }
}

fn unreadable(path: &Path, source: std::io::Error) -> MusicError {
    MusicError::Unreadable { path: path.into(), source }
}
