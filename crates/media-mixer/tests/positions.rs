//! A caller's place in a queue: the right words for every number, spoken over the queue's music, and only to those who wait.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::collections::BTreeMap;

use conference::{CallId, Cue, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::music::{Music, MusicPosition};
use media_mixer::prompts::Prompts;
use media_mixer::{HoldMusic, MediaSettings};

const CALL: CallId = CallId(1);
/// What is left of the music under a prompt: 12 dB less.
const UNDER: f64 = 0.251;

/// The samples of these files, one after the other.
fn pieces(files: &[&str]) -> Vec<i16> {
    let prompts = Prompts::builtin().unwrap();
    files.iter().flat_map(|file| prompts.piece(&format!("{file}.flac")).unwrap().to_vec()).collect()
}

fn said(position: u16) -> Vec<i16> {
    Prompts::builtin().unwrap().cue(Cue::Position(position)).iter().flatten().copied().collect()
}

/// Which text the README gives a file.
fn text(file: &str) -> &'static str {
    let rows = include_str!("../prompts/README.md").lines();
    let row = rows.filter(|line| line.starts_with("| `")).find(|line| line.contains(&format!("`{file}.flac`")));
    row.unwrap().split('|').nth(3).unwrap().trim()
}

#[test]
fn every_number_is_said_by_its_own_words() {
    for position in 2..=99_u16 {
        let (tens, ones) = (position / 10 * 10, position % 10);
        let words: Vec<String> = match position {
            ..20 => vec![format!("word-{position}")],
            _ if ones == 0 => vec![format!("word-{tens}")],
            _ => vec![format!("word-{tens}"), format!("word-{ones}")],
        };
        let files = ["position-number"].into_iter().chain(words.iter().map(String::as_str)).chain(["position-queue"]);
        assert!(said(position) == pieces(&files.collect::<Vec<_>>()), "{position}");
        assert!(said(position).len() < 3 * 8_000, "{position} is said in less than three seconds");
    }
    for first in [0, 1] {
        assert!(said(first) == pieces(&["position-next"]));
    }
    for many in [100, 101, u16::MAX] {
        assert!(said(many) == pieces(&["position-many"]));
    }
    let all: std::collections::BTreeSet<Vec<i16>> = (1..=100).map(said).collect();
    assert_eq!(all.len(), 100, "no two sound alike");
}

#[test]
fn the_files_are_the_words_they_are_taken_for() {
    let texts = ["word-1", "word-12", "word-13", "word-15", "word-20", "word-40", "word-90"].map(text);
    assert_eq!(texts, ["one", "twelve", "thirteen", "fifteen", "twenty", "forty", "ninety"]);
    assert_eq!(text("position-number"), "You are number");
    assert_eq!(text("position-queue"), "in the queue.");
    assert_eq!(text("position-next"), "You are next.");
    assert!(text("position-many").contains("more than ninety-nine"));
}

fn waiting(leg: LegId, person: u32) -> LegMask {
    LegMask { open: false, ears: Ears::Queue("support".to_owned()), ..mask(leg, person) }
}

/// A caller in a queue with this music, and an agent who is not heard by them.
fn caller(music: HoldMusic) -> (House, LegId, LegId) {
    let queue_music = BTreeMap::from([("support".to_owned(), music)]);
    let mut house = House::new(&MediaSettings { queue_music, ..settings() });
    let (caller, agent) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![waiting(caller, 1), mask(agent, 2)], vec![]);
    house.frames(20, &[(agent, 1_000)]);
    (house, caller, agent)
}

#[test]
fn a_place_is_told_once_and_whole_and_to_nobody_else() {
    let (mut house, caller, agent) = caller(HoldMusic::Silence);
    house.forget_heard();
    house.mixer.cue(caller, Cue::Position(42));
    house.frames(150, &[(agent, 1_000)]);
    let heard: Vec<i16> = house.heard(caller).into_iter().skip_while(|sample| *sample == 0).collect();
    let whole = pieces(&["position-number", "word-40", "word-2", "position-queue"]);
    let whole: Vec<i16> = whole.into_iter().skip_while(|sample| *sample == 0).collect();
    assert!(heard[..whole.len()] == whole);
    assert!(heard[whole.len()..].iter().all(|sample| *sample == 0));
    // the agent hears nobody: comfort noise
    assert!(house.heard(agent).iter().all(|sample| sample.unsigned_abs() < 300));
}

#[test]
fn music_gives_way_while_a_place_is_told_and_comes_back_without_a_click() {
    let (mut house, caller, agent) = caller(HoldMusic::Builtin);
    let before = house.heard(caller).len();
    house.mixer.cue(caller, Cue::Position(3));
    house.frames(200, &[(agent, 1_000)]);
    let heard = house.heard(caller);
    let mut plain = vec![0; heard.len()];
    Music::builtin().read(MusicPosition(0), &mut plain);
    // it rises from silence in the first 5 ms
    assert!(heard[40..before] == plain[40..before], "the music alone");
    let prompt = pieces(&["position-number", "word-3", "position-queue"]);
    let factor = |from: usize, with: &[i16]| {
        let (mut own, mut all) = (0.0, 0.0);
        for (n, sample) in plain[from..from + with.len()].iter().enumerate() {
            own += f64::from(*sample) * f64::from(heard[from + n] - with[n]);
            all += f64::from(*sample) * f64::from(*sample);
        }
        own / all
    };
    let under = factor(before + 800, &prompt[800..8_000]);
    assert!((under - UNDER).abs() < 0.01, "{under} of the music is left under the prompt");
    // the pause after a prompt, and a frame in which the music comes back
    let after = before + prompt.len() + 400 + 3 * FRAME_SAMPLES;
    assert!(heard[after..] == plain[after..], "then it is as before, and where it would have been");
    let bare: Vec<i32> =
        (before..after).map(|n| i32::from(heard[n]) - prompt.get(n - before).copied().map_or(0, i32::from)).collect();
    let (steepest, usual) = (steepest(bare), steepest(plain.iter().map(|s| i32::from(*s)).collect()));
    assert!(steepest <= usual + 100, "a step of {steepest} where the music alone has {usual}");
}

fn steepest(samples: Vec<i32>) -> i32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap()
}

#[test]
fn tones_do_not_lower_the_music_and_voices_are_never_lowered() {
    let (mut house, caller, agent) = caller(HoldMusic::Builtin);
    let before = house.heard(caller).len();
    house.mixer.cue(caller, Cue::Done);
    house.frames(20, &[(agent, 1_000)]);
    let heard = house.heard(caller);
    let mut plain = vec![0; heard.len()];
    Music::builtin().read(MusicPosition(0), &mut plain);
    let tone: Vec<i16> = Prompts::builtin().unwrap().cue(Cue::Done).iter().flatten().copied().collect();
    assert!((0..tone.len()).all(|n| heard[before + n] == plain[before + n].saturating_add(tone[n])));
    // a prompt that is spoken over a voice
    house.masks(CALL, vec![mask(caller, 1)], vec![]);
    house.frames(60, &[(agent, 1_000)]);
    house.forget_heard();
    house.mixer.cue(caller, Cue::NoAnswer);
    house.frames(100, &[(agent, 1_000)]);
    let prompt = Prompts::builtin().unwrap();
    let prompt: Vec<i16> = prompt.cue(Cue::NoAnswer).iter().flatten().copied().collect();
    let heard = house.heard(caller);
    assert!(heard.windows(prompt.len()).any(|part| part.iter().zip(&prompt).all(|(a, b)| a - b == 1_000)));
}

#[test]
fn who_has_left_the_queue_is_not_told_a_place_in_it() {
    let (mut house, caller, agent) = caller(HoldMusic::Silence);
    // one that is being told, one that waits, and another prompt behind them that is still played
    for cue in [Cue::Position(7), Cue::Position(6), Cue::Busy] {
        house.mixer.cue(caller, cue);
    }
    house.frames(20, &[(agent, 0)]);
    house.forget_heard();
    house.masks(CALL, vec![mask(caller, 1)], vec![]);
    house.frames(100, &[(agent, 0)]);
    let heard: Vec<i16> = house.heard(caller).into_iter().skip_while(|sample| *sample == 0).collect();
    let prompts = Prompts::builtin().unwrap();
    let busy: Vec<i16> = prompts.cue(Cue::Busy).iter().flatten().copied().skip_while(|s| *s == 0).collect();
    assert!(heard[..busy.len()] == busy, "the other prompt, from its beginning");
    assert!(heard[busy.len()..].iter().all(|sample| *sample == 0));
}
