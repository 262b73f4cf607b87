//! What Baton says to one person alone: the list, the files and the sounds agree, and nobody but the addressee hears them.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::path::Path;

use conference::{CallId, Cue, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::Codec;
use media_mixer::prompts::Prompts;
use media_mixer::tone::{Goertzel, level_dbfs};
use media_mixer::{HoldMusic, MediaSettings};

const CALL: CallId = CallId(1);
const SPOKEN: [(Cue, &str); 8] = [
    (Cue::Unknown, "unknown.flac"),
    (Cue::Busy, "busy.flac"),
    (Cue::Rejected, "rejected.flac"),
    (Cue::NoAnswer, "no-answer.flac"),
    (Cue::Unreachable, "unreachable.flac"),
    (Cue::Closed, "closed.flac"),
    (Cue::EnterPin, "enter-pin.flac"),
    (Cue::WrongPin, "wrong-pin.flac"),
];
const TONES: [Cue; 6] = [Cue::Failure, Cue::Notice, Cue::Done, Cue::Refused, Cue::Entered, Cue::Left];
/// Files of which a place in a queue is put together: four parts of sentences, and the words of the numbers.
const PIECES: usize = 4 + 27;
/// Conference ends the leg so long after the announcement began.
const ANNOUNCEMENT_MS: usize = 5_000;

/// (file, text, milliseconds) of the table in the folder's README.
fn listed() -> Vec<(String, String, usize)> {
    let text = include_str!("../prompts/README.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[3].to_owned(), cells[4].parse().unwrap())
    };
    rows.map(row).collect()
}

/// All samples of a cue.
fn sound(prompts: &Prompts, cue: Cue) -> Vec<i16> {
    prompts.cue(cue).iter().flatten().copied().collect()
}

/// Speech alone: what the announcement begins with is a tone.
fn spoken(file: &str) -> Vec<i16> {
    let prompts = Prompts::builtin().unwrap();
    match SPOKEN.iter().find(|(_, known)| *known == file) {
        Some((cue, _)) => sound(&prompts, *cue),
        None if file != "announcement.flac" => prompts.piece(file).unwrap().to_vec(),
        None => prompts.announcement()[3 * 270 * 8 + 480..].to_vec(),
    }
}

#[test]
fn the_list_names_every_file_and_its_length() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let mut files: Vec<String> = (std::fs::read_dir(&folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    let listed = listed();
    let mut named: Vec<String> = listed.iter().map(|(file, ..)| file.clone()).collect();
    named.sort();
    assert_eq!(files, named);
    assert_eq!(files.len(), SPOKEN.len() + PIECES + 1, "every spoken prompt has a file");
    for (file, text, ms) in listed {
        assert!(text.len() >= 3, "{file} has a text");
        assert!((spoken(&file).len() / 8).abs_diff(ms) <= 1, "{file}: {} ms", spoken(&file).len() / 8);
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        // FLAC's first block: 20 bits of sample rate, 3 of channels less one, 5 of bits less one (RFC 9639 §8.2)
        let word = u32::from_be_bytes(bytes[18..22].try_into().unwrap());
        assert_eq!((&bytes[..4], word >> 12, word >> 9 & 7, word >> 4 & 31), (&b"fLaC"[..], 16_000, 0, 15), "{file}");
    }
}

#[test]
fn speech_is_as_loud_as_the_tones_short_and_without_clipping_or_long_silence() {
    for (file, ..) in listed() {
        let samples = spoken(&file);
        let most_ms = match file.as_str() {
            "announcement.flac" => ANNOUNCEMENT_MS,
            "closed.flac" | "enter-pin.flac" | "wrong-pin.flac" | "position-many.flac" => 3_000,
            _ if file.starts_with("word-") => 700,
            _ => 1_500,
        };
        assert!(samples.len() <= most_ms * 8, "{file}: {} ms", samples.len() / 8);
        assert!((level_dbfs(&samples) + 20.0).abs() < 2.0, "{file}: {} dBFS", level_dbfs(&samples));
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(peak < 29_000, "{file}: {peak}");
        let silent =
            |samples: &mut dyn Iterator<Item = &i16>| samples.take_while(|s| s.unsigned_abs() < 100).count() / 8;
        let (before, after) = (silent(&mut samples.iter()), silent(&mut samples.iter().rev()));
        assert!(before <= 100 && after <= 100, "{file}: {before} ms of silence before, {after} ms after");
    }
    let announcement = Prompts::builtin().unwrap().announcement().len();
    assert!(announcement <= ANNOUNCEMENT_MS * 8, "{} ms", announcement / 8);
}

#[test]
fn tones_last_two_hundred_milliseconds_at_most_and_can_be_told_apart() {
    let prompts = Prompts::builtin().unwrap();
    let pitches = |cue: Cue| {
        let sound = sound(&prompts, cue);
        assert!((800..=1_600).contains(&sound.len()), "{cue:?}: {} samples", sound.len());
        assert!((level_dbfs(&sound) + 22.0).abs() < 2.0, "{cue:?}: {} dBFS", level_dbfs(&sound));
        let ends = [&sound[..480], &sound[sound.len() - 480..]];
        ends.map(|end| {
            let measured = [400.0, 480.0, 500.0, 620.0, 660.0, 880.0, 1_000.0]
                .map(|hz| (hz, Goertzel::new(hz, 8_000).measure(end).share));
            measured.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(hz, _)| hz as u32).unwrap()
        })
    };
    assert_eq!(TONES.map(pitches), [[620, 480], [660, 660], [660, 880], [400, 400], [500, 1_000], [1_000, 500]]);
}

/// Three phones in one call; C in the consult's place, so that he hears nobody, but silence for music.
fn three() -> (House, LegId, LegId, LegId) {
    let settings = MediaSettings { hold_music: HoldMusic::Silence, ..settings() };
    let mut house = House::new(&settings);
    let legs = [1, 2, 3].map(|n| house.phone(n, Codec::L16));
    let masks = vec![mask(legs[0], 1), mask(legs[1], 2), held(mask(legs[2], 3))];
    house.masks(CALL, masks, vec![]);
    house.frames(60, &[(legs[0], 1_000), (legs[1], -3_000)]);
    house.forget_heard();
    (house, legs[0], legs[1], legs[2])
}

/// The samples without the voice that is heard beside them.
fn without(voice: i16, heard: &[i16]) -> Vec<i16> {
    heard.iter().map(|sample| sample - voice).collect()
}

#[test]
fn each_cue_is_heard_by_its_addressee_and_by_nobody_else() {
    for cue in SPOKEN.iter().map(|(cue, _)| *cue).chain(TONES) {
        let (mut house, a, b, c) = three();
        house.mixer.cue(b, cue);
        house.frames(150, &[(a, 1_000), (b, -3_000)]);
        let heard = without(1_000, &house.heard(b));
        let began = heard.iter().position(|sample| *sample != 0).unwrap_or(0);
        let prompts = Prompts::builtin().unwrap();
        let sound: Vec<i16> = sound(&prompts, cue).into_iter().skip_while(|sample| *sample == 0).collect();
        assert_eq!(heard[began..began + sound.len()], sound, "{cue:?}");
        assert!(heard[began + sound.len()..].iter().all(|sample| *sample == 0), "{cue:?}: and nothing after it");
        assert!(house.heard(a).iter().all(|sample| *sample == -3_000), "{cue:?} at the other's ear");
        assert!(house.heard(c).iter().all(|sample| *sample == 0), "{cue:?} at the ear of one on hold");
    }
}

#[test]
fn cues_wait_for_one_another_and_only_so_many() {
    let (mut house, a, b, _) = three();
    for cue in [Cue::Failure, Cue::Busy].into_iter().chain([Cue::Done; 10]) {
        house.mixer.cue(b, cue);
    }
    house.frames(150, &[(a, 1_000), (b, -3_000)]);
    let heard = without(1_000, &house.heard(b));
    let prompts = Prompts::builtin().unwrap();
    let mut at = 0;
    for cue in [Cue::Failure, Cue::Busy, Cue::Done, Cue::Done] {
        let sound = sound(&prompts, cue);
        let found = (at..heard.len() - sound.len()).find(|at| heard[*at..].starts_with(&sound));
        at = found.unwrap_or_else(|| panic!("{cue:?} is not heard after {at}")) + sound.len();
    }
    assert!(heard[at..].iter().all(|sample| *sample == 0), "four wait at most");
}

#[test]
fn no_cue_is_played_while_two_legs_are_open_nor_later() {
    let (mut house, a, b, _) = three();
    house.masks(CALL, vec![LegMask { cues: false, ..mask(b, 2) }], vec![]);
    house.mixer.cue(b, Cue::Busy);
    house.frames(10, &[(a, 1_000), (b, -3_000)]);
    house.masks(CALL, vec![mask(b, 2)], vec![]);
    house.frames(100, &[(a, 1_000), (b, -3_000)]);
    assert!(house.heard(b).iter().all(|sample| *sample == 1_000));
}

#[test]
fn a_cue_for_a_leg_that_hears_nothing_is_not_heard_later() {
    let (mut house, a, b, _) = three();
    house.masks(CALL, vec![LegMask { open: false, ears: Ears::Nothing, ..mask(b, 2) }], vec![]);
    house.mixer.cue(b, Cue::Busy);
    house.frames(10, &[(a, 1_000)]);
    house.masks(CALL, vec![mask(b, 2)], vec![]);
    house.forget_heard();
    house.frames(100, &[(a, 1_000)]);
    let heard = house.heard(b);
    let whole = heard.iter().position(|sample| *sample == 1_000).unwrap();
    let rise: Vec<i16> = (0..40).map(|n| 25 * n).collect();
    assert_eq!(heard[whole - 40..whole], rise, "the voice rises within 5 ms");
    let rest = heard[..whole - 40].iter().chain(&heard[whole..]);
    assert!(rest.clone().all(|sample| [0, 1_000].contains(sample)), "and there is nothing else");
}

#[test]
fn the_announcement_is_heard_once_and_whole() {
    let (mut house, _, b, _) = three();
    house.masks(CALL, vec![LegMask { open: false, ears: Ears::Announcement, ..mask(b, 2) }], vec![]);
    house.frames(300, &[]);
    let heard: Vec<i16> = house.heard(b).into_iter().skip_while(|sample| *sample == 0).collect();
    let prompts = Prompts::builtin().unwrap();
    let whole: Vec<i16> = prompts.announcement().iter().copied().skip_while(|sample| *sample == 0).collect();
    assert_eq!(heard[..whole.len()], whole);
    assert!(heard[whole.len()..].iter().all(|sample| *sample == 0));
}
