//! Hold music: the piece of this house has no seam and one loudness, files of all kinds sound like what is in them, and what
//! cannot be played is refused by name.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use media_mixer::music::{LOUDNESS_DBFS, Music, MusicError, MusicPosition};
use media_mixer::tone::{Goertzel, level_dbfs};

const SECOND: usize = 8_000;

fn heard(music: &Music, from: usize, samples: usize) -> Vec<i16> {
    let mut out = vec![0; samples];
    music.read(MusicPosition(from as u64), &mut out);
    out
}

fn builtin_twice() -> (usize, Vec<i16>) {
    let music = Music::builtin();
    (music.round_samples(), heard(&music, 0, 2 * music.round_samples()))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/music").join(name)
}

/// A folder of its own for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baton-music-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn wav(&self, name: &str, rate: u32, channels: u16, seconds: f64, hz: f64, peak: f64) -> PathBuf {
        let path = self.0.join(name);
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for i in 0..(f64::from(rate) * seconds) as u32 {
            let sample = (f64::from(i) * std::f64::consts::TAU * hz / f64::from(rate)).sin() * peak;
            (0..channels).for_each(|_| writer.write_sample(sample as i16).unwrap());
        }
        writer.finalize().unwrap();
        path
    }

    fn bytes(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn open(path: &Path) -> Result<std::sync::Arc<Music>, MusicError> {
    Music::open(path.to_str().unwrap())
}

#[test]
fn the_builtin_piece_lasts_over_a_minute_and_is_made_in_a_moment() {
    let before = Instant::now();
    let music = Music::open("builtin").unwrap();
    let took = before.elapsed();
    assert_eq!(music.round_ms(), 72_000);
    // A generous ceiling for a busy machine; usually a fifth of it.
    assert!(took.as_secs() < 3, "composed in {took:?}");
    assert!(std::sync::Arc::ptr_eq(&music, &Music::builtin()), "composed once");
}

#[test]
fn the_builtin_piece_has_one_loudness_throughout_and_no_peaks_that_clip() {
    let (round, music) = builtin_twice();
    let whole = level_dbfs(&music[..round]);
    assert!((whole - LOUDNESS_DBFS).abs() < 0.5, "{whole} dBFS");
    for from in (0..round).step_by(SECOND / 4) {
        let level = level_dbfs(&music[from..from + 5 * SECOND]);
        assert!((level - LOUDNESS_DBFS).abs() < 2.0, "{level} dBFS at {} s", from / SECOND);
    }
    for from in (0..round).step_by(SECOND / 4) {
        assert!(level_dbfs(&music[from..from + SECOND]) > -27.0, "a hole at {} ms", from / 8);
    }
    assert!(music.iter().all(|s| s.unsigned_abs() < 30_000));
    let mean = music[..round].iter().map(|s| f64::from(*s)).sum::<f64>() / round as f64;
    assert!(mean.abs() < 5.0, "offset {mean}");
}

#[test]
fn the_seam_of_the_builtin_piece_cannot_be_told_from_any_other_bar_line() {
    let (round, music) = builtin_twice();
    let bar = 3 * SECOND;
    let steepest = |from: usize| {
        music[from - 40..from + 400].windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap()
    };
    let bends = |from: usize| {
        music[from - 3..from + 4]
            .windows(3)
            .map(|w| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs())
            .max()
            .unwrap()
    };
    // Low, middle and high bands around the bar line.
    let spectrum = |from: usize| {
        [300, 600, 1_200, 2_400].map(|low| {
            let band = (low..2 * low).step_by(10);
            let block = &music[from - SECOND / 4..from + SECOND / 4];
            10.0 * band
                .map(|hz| 10_f64.powf(Goertzel::new(f64::from(hz), 8_000).measure(block).dbfs / 10.0))
                .sum::<f64>()
                .log10()
        })
    };
    let others: Vec<usize> = (1..24).map(|n| n * bar).collect();
    assert!(steepest(round) <= others.iter().map(|at| steepest(*at)).max().unwrap(), "a click at the seam");
    assert!(bends(round) <= others.iter().map(|at| bends(*at)).max().unwrap(), "a kink at the seam");
    let level_jump =
        |at: usize| (level_dbfs(&music[at - 2 * SECOND..at]) - level_dbfs(&music[at..at + 2 * SECOND])).abs();
    assert!(level_jump(round) <= others.iter().map(|at| level_jump(*at)).fold(0.0, f64::max));
    let seam = spectrum(round);
    for (band, here) in seam.iter().enumerate() {
        let rest: Vec<f64> = others.iter().filter(|at| **at > SECOND).map(|at| spectrum(*at)[band]).collect();
        let (low, high) =
            (rest.iter().copied().fold(f64::MAX, f64::min), rest.iter().copied().fold(f64::MIN, f64::max));
        assert!((low - 1.0..=high + 1.0).contains(here), "band {band}: {here} outside {low}..{high}");
    }
}

#[test]
fn the_builtin_piece_does_not_repeat_itself_within_its_round() {
    let (round, music) = builtin_twice();
    let bars: Vec<&[i16]> = music[..round].chunks(3 * SECOND).collect();
    for (n, a) in bars.iter().enumerate() {
        for (m, b) in bars.iter().enumerate().skip(n + 1) {
            let difference: Vec<i16> = a.iter().zip(*b).map(|(x, y)| x.saturating_sub(*y) / 2).collect();
            assert!(level_dbfs(&difference) > level_dbfs(a) - 15.0, "bars {n} and {m} are the same");
        }
    }
}

#[test]
fn music_goes_on_where_it_was() {
    let music = Music::builtin();
    let whole = heard(&music, 0, 2_000);
    let mut position = MusicPosition::default();
    let mut pieces = Vec::new();
    for _ in 0..12 {
        let mut out = [0; 160];
        music.read(position, &mut out);
        position = position.after(160);
        pieces.extend(out);
        let text = serde_json::to_string(&position).unwrap();
        position = serde_json::from_str(&text).unwrap();
    }
    assert_eq!(pieces, whole[..1_920]);
}

#[test]
fn every_kind_of_file_sounds_like_what_is_in_it() {
    for name in ["tone.flac", "tone.ogg", "tone.mp3"] {
        let music = open(&fixture(name)).unwrap();
        // MP3 pads its ends.
        assert!((880..=960).contains(&music.round_ms()), "{name}: {} ms", music.round_ms());
        let middle = heard(&music, SECOND / 4, SECOND / 2);
        let tone = Goertzel::new(500.0, 8_000).measure(&middle);
        assert!(tone.share > 0.99 && (tone.dbfs - LOUDNESS_DBFS).abs() < 0.7, "{name}: {tone:?}");
    }
}

#[test]
fn waves_of_any_rate_width_and_loudness_become_eight_kilohertz_of_the_same_loudness() {
    let folder = Folder::new("rates");
    for (rate, channels, peak) in [(8_000, 1, 500.0), (44_100, 2, 30_000.0), (48_000, 6, 3_000.0), (11_025, 1, 9_000.0)]
    {
        let music = open(&folder.wav("a.wav", rate, channels, 2.0, 700.0, peak)).unwrap();
        assert!(music.round_ms().abs_diff(2_000) <= 1);
        let tone = Goertzel::new(700.0, 8_000).measure(&heard(&music, 800, 14_000));
        assert!(tone.share > 0.999 && (tone.dbfs - LOUDNESS_DBFS).abs() < 0.3, "{rate}: {tone:?}");
        let seam = heard(&music, 15_900, 200);
        assert!(seam.windows(2).all(|w| (w[1] - w[0]).abs() < 3_500) && seam[99].abs() < 100);
    }
}

#[test]
fn a_folder_plays_its_files_in_the_order_of_their_names() {
    let folder = Folder::new("folder");
    folder.wav("2.wav", 8_000, 1, 1.0, 1_500.0, 5_000.0);
    folder.wav("1.WAV", 16_000, 2, 1.0, 600.0, 15_000.0);
    folder.bytes("cover.jpg", b"not music");
    let music = open(&folder.0).unwrap();
    assert_eq!(music.round_ms(), 2 * 1_400);
    assert!(Goertzel::new(600.0, 8_000).measure(&heard(&music, 800, 6_400)).share > 0.99);
    assert!(Goertzel::new(1_500.0, 8_000).measure(&heard(&music, 11_200 + 800, 6_400)).share > 0.99);
    assert_eq!(heard(&music, 8_000, 3_200), vec![0; 3_200]);
}

#[test]
fn what_cannot_be_played_is_refused_by_name() {
    let folder = Folder::new("refused");
    let name = |error: MusicError| error.to_string();
    let missing = folder.0.join("missing.wav");
    assert!(matches!(open(&missing), Err(MusicError::Unreadable { .. })));
    assert!(name(open(&missing).unwrap_err()).contains("missing.wav"));
    assert!(matches!(open(&folder.0), Err(MusicError::EmptyFolder { .. })));
    let text = folder.bytes("text.mp3", &b"This is no music at all. ".repeat(400));
    assert!(matches!(open(&text), Err(MusicError::Undecodable { .. } | MusicError::TooShort { .. })));
    let broken = folder.bytes("broken.wav", b"RIFF\x10\0\0\0WAVEfmt ");
    assert!(matches!(open(&broken), Err(MusicError::Undecodable { .. })));
    let short = folder.wav("short.wav", 8_000, 1, 0.2, 500.0, 9_000.0);
    assert!(matches!(open(&short), Err(MusicError::TooShort { .. })));
    let silent = folder.wav("silent.wav", 8_000, 1, 2.0, 500.0, 0.0);
    assert!(matches!(open(&silent), Err(MusicError::TooShort { .. })));
    assert!(name(open(&folder.0).unwrap_err()).contains("broken.wav"), "one bad file of a folder is named");
}

#[test]
fn a_file_longer_than_an_hour_is_refused() {
    let folder = Folder::new("long");
    // 8-bit µ-law would be smaller, but 16-bit mono at 4 kHz will do: 29 MB, most of it a hole.
    let path = folder.wav("long.wav", 4_000, 1, 1.0, 500.0, 9_000.0);
    let bytes = 4_000 * 2 * 3_700_u32;
    let mut header = std::fs::read(&path).unwrap();
    header[4..8].copy_from_slice(&(36 + bytes).to_le_bytes());
    header[40..44].copy_from_slice(&bytes.to_le_bytes());
    std::fs::write(&path, &header).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(44 + u64::from(bytes)).unwrap();
    assert!(matches!(open(&path), Err(MusicError::TooLong { .. })));
}

#[test]
fn damaged_files_never_panic() {
    let folder = Folder::new("damaged");
    let mut state = 7_u32;
    for name in ["tone.flac", "tone.ogg", "tone.mp3"] {
        let good = std::fs::read(fixture(name)).unwrap();
        for round in 0..40 {
            let mut bad = good.clone();
            for _ in 0..1 + round {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % bad.len();
                bad[at] = state as u8;
            }
            bad.truncate(good.len() - round * 50);
            drop(open(&folder.bytes(name, &bad)));
        }
    }
}
