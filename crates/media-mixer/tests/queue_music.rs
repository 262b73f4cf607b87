//! Each queue has its own music; it goes on where the caller was, and may be changed while calls wait.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::collections::BTreeMap;
use std::path::PathBuf;

use conference::{CallId, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::Codec;
use media_mixer::tone::{Goertzel, level_dbfs};
use media_mixer::{HoldMusic, MediaSettings};

const CALL: CallId = CallId(1);

/// A WAV file of two seconds: a tone that goes up by 100 Hz every quarter of a second.
fn stairs(name: &str, first_hz: u32) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}-{}.wav", std::process::id()));
    let mut phase = 0.0_f64;
    let samples = (0..16_000_u32).map(|n| {
        phase += f64::from(first_hz + 100 * (n / 2_000)) * std::f64::consts::TAU / 8_000.0;
        (phase.sin() * 8_000.0) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    std::fs::write(&path, wav).unwrap();
    path
}

fn house(queues: &[(&str, HoldMusic)]) -> House {
    let queue_music = queues.iter().map(|(name, music)| ((*name).to_owned(), music.clone())).collect();
    House::new(&MediaSettings { hold_music: HoldMusic::Silence, queue_music, ..settings() })
}

fn waiting(leg: LegId, person: u32, queue: &str) -> LegMask {
    LegMask { open: false, ears: Ears::Queue(queue.to_owned()), ..mask(leg, person) }
}

/// The step of the stairs that is heard in the last 100 ms; `None` in silence.
fn step(house: &House, leg: LegId, first_hz: u32) -> Option<u32> {
    let heard = house.heard(leg);
    let last = &heard[heard.len() - 800..];
    let strength = |step: &u32| Goertzel::new(f64::from(first_hz + 100 * step), 8_000).measure(last).share;
    (0..8).find(|step| strength(step) > 0.8)
}

#[test]
fn each_queue_plays_its_own_music_and_an_unknown_one_the_hold_music() {
    let (up, low) = (stairs("own-high", 1_500), stairs("own-low", 300));
    let mut house = house(&[("support", HoldMusic::Path(up)), ("sales", HoldMusic::Path(low))]);
    let legs = [1, 2, 3, 4].map(|n| house.phone(n, Codec::L16));
    let queues = ["support", "sales", "nobody-knows-it", "support"];
    for (n, (leg, queue)) in (1..).zip(legs.iter().zip(queues)) {
        let call = CallId(if n == 4 { 1 } else { u64::from(n) });
        house.masks(call, vec![waiting(*leg, n, queue)], vec![]);
    }
    house.frames(10, &[]);
    assert_eq!((step(&house, legs[0], 1_500), step(&house, legs[0], 300)), (Some(0), None));
    assert_eq!((step(&house, legs[1], 300), step(&house, legs[1], 1_500)), (Some(0), None));
    assert!(level_dbfs(&house.heard(legs[2])) < -80.0, "the hold music is silent here");
    assert!(house.heard(legs[0]) == house.heard(legs[3]), "two in one call hear the same");
}

#[test]
fn music_goes_on_where_the_caller_was() {
    let mut house = house(&[("support", HoldMusic::Path(stairs("goes-on", 500)))]);
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![waiting(a, 1, "support"), mask(b, 2)], vec![]);
    house.frames(43, &[(b, 0)]);
    assert_eq!(step(&house, a, 500), Some(3));
    // an agent answers, is gone again, and the caller is on hold for a while
    house.masks(CALL, vec![mask(a, 1)], vec![]);
    house.frames(40, &[(b, 0)]);
    house.masks(CALL, vec![held(mask(a, 1))], vec![]);
    house.frames(40, &[(b, 0)]);
    house.masks(CALL, vec![waiting(a, 1, "support")], vec![]);
    house.frames(6, &[(b, 0)]);
    assert_eq!(step(&house, a, 500), Some(3));
    house.frames(12, &[(b, 0)]);
    assert_eq!(step(&house, a, 500), Some(4));
}

#[test]
fn music_may_be_changed_while_callers_wait_and_bad_files_change_nothing() {
    let mut house = house(&[("support", HoldMusic::Path(stairs("before", 500)))]);
    let a = house.phone(1, Codec::L16);
    house.masks(CALL, vec![waiting(a, 1, "support")], vec![]);
    house.frames(43, &[]);
    let bad = HoldMusic::Path("/nowhere/music.wav".into());
    let good = HoldMusic::Path(stairs("after", 550));
    let error =
        house.mixer.set_queue_music(&BTreeMap::from([("sales".to_owned(), good.clone()), ("support".to_owned(), bad)]));
    assert_eq!(error.unwrap_err().queue, "support");
    house.frames(12, &[]);
    assert_eq!(step(&house, a, 500), Some(4), "the old music goes on");
    house.mixer.set_queue_music(&BTreeMap::from([("support".to_owned(), good)])).unwrap();
    house.frames(6, &[]);
    assert_eq!(step(&house, a, 550), Some(4), "the new one, at the same place");
    house.mixer.set_queue_music(&BTreeMap::new()).unwrap();
    house.frames(10, &[]);
    let heard = house.heard(a);
    assert!(heard.ends_with(&[0; 1_200]), "a queue that is not named any more plays the hold music");
}

#[test]
fn the_mixer_does_not_start_with_music_that_cannot_be_played() {
    let queue_music = BTreeMap::from([("support".to_owned(), HoldMusic::Path("/nowhere/music.wav".into()))]);
    let settings = MediaSettings { queue_music, ..settings() };
    let error = media_mixer::lab::Lab::start(&settings, START_US).err().unwrap().to_string();
    assert!(error.contains("support") && error.contains("/nowhere/music.wav"), "{error}");
}
