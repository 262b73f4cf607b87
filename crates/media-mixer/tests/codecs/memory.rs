//! Law 3 with codecs that remember: what was said before a pair opened is in no frame, no repetition and no concealment after it.

use conference::{Ears, LegId, LegMask};
use media_mixer::codec::{Codec, MAX_OPUS_SAMPLES, OpusDecoder, Rate, repeats_the_frame_before};

use crate::lab::{in_side, mask};
use crate::people::{People, loudest};

/// What is said in private, and afterwards.
const SECRET: f64 = 900.0;
const OPEN: f64 = 1_500.0;
/// A tone leaves a trace from here up: the same as the softphone's ears have it.
const TRACE_DBFS: f64 = -50.0;

const FEC: &str = "a=fmtp:96 useinbandfec=1\r\n";

fn waits(mask: LegMask) -> LegMask {
    LegMask { open: false, ears: Ears::ComfortNoise, ..mask }
}

/// Somebody talks with a second one in private while a third one waits; then all three meet, and he says something else.
struct Scene {
    people: People,
    speaker: LegId,
    waiting: LegId,
    asked: LegId,
}

impl Scene {
    fn new(speaks: Codec, waits_with: Codec, loss: u64, seed: u64) -> Self {
        let mut people = People::new();
        people.dice.0 = seed;
        let speaker = people.add(1, speaks, SECRET, FEC);
        let waiting = people.add(2, waits_with, 0.0, FEC);
        let asked = people.add(3, Codec::Opus, 0.0, FEC);
        for person in people.people.values_mut() {
            person.loss = loss;
        }
        let mut scene = Self { people, speaker, waiting, asked };
        scene.private();
        // not always at the same place in a talk spurt
        scene.people.talk(60 + seed % 7);
        scene
    }

    fn private(&mut self) {
        let both = [mask(self.speaker, 1), mask(self.asked, 3)].map(in_side);
        let masks = both.into_iter().chain([waits(mask(self.waiting, 2))]).collect();
        self.people.masks(masks);
        self.says(SECRET);
    }

    fn together(&mut self) {
        self.people.masks(vec![mask(self.speaker, 1), mask(self.asked, 3), mask(self.waiting, 2)]);
        self.says(OPEN);
    }

    fn says(&mut self, hertz: f64) {
        self.people.people.get_mut(&self.speaker).unwrap().hertz = hertz;
    }
}

#[test]
fn nothing_said_before_a_merge_is_heard_after_it_whatever_the_codecs() {
    for speaks in Codec::ALL {
        for waits_with in Codec::ALL {
            for (loss, seed) in [(0, 1), (10, 2)] {
                let mut scene = Scene::new(speaks, waits_with, loss, seed);
                scene.together();
                scene.people.talk(40);
                let (secret, open) =
                    (scene.people.loudest(scene.waiting, SECRET), scene.people.loudest(scene.waiting, OPEN));
                let what = format!("{speaks:?} to {waits_with:?}, {loss} % lost, seed {seed}");
                assert!(secret < TRACE_DBFS, "{what}: {SECRET} Hz at {secret}");
                assert!(open > -18.0, "{what}: {OPEN} Hz at {open}");
            }
        }
    }
}

#[test]
fn swaps_to_and_fro_let_nothing_out_at_ten_percent_of_loss() {
    for (speaks, waits_with) in [(Codec::Opus, Codec::Opus), (Codec::Opus, Codec::Pcmu), (Codec::G722, Codec::Opus)] {
        let mut scene = Scene::new(speaks, waits_with, 10, 11);
        for round in 0..6 {
            scene.together();
            scene.people.talk(12 + round);
            scene.private();
            scene.people.talk(7 + round);
        }
        let secret = scene.people.loudest(scene.waiting, SECRET);
        assert!(secret < TRACE_DBFS, "{speaks:?} to {waits_with:?}: {SECRET} Hz at {secret}");
    }
}

/// What a receiver makes of a stream that recovers every frame from the packet after it.
fn repeated(people: &People, leg: LegId) -> Vec<i16> {
    let (mut decoder, mut sound) = (OpusDecoder::new(), Vec::new());
    for packet in people.packets(leg) {
        if repeats_the_frame_before(&packet.payload) {
            let mut before = [0; 960];
            decoder.recover(&packet.payload, &mut before);
            sound.extend(before);
        }
        let mut out = [0; MAX_OPUS_SAMPLES];
        decoder.decode(&packet.payload, &mut out);
    }
    sound
}

/// The listeners report losses, so that each of their packets repeats the one before.
fn report_losses(people: &mut People, legs: &[LegId]) {
    for leg in legs {
        let phone = &people.house.phones[leg];
        let ours = phone.heard.last().unwrap().ssrc;
        let mut report = vec![0x81, 201, 0, 7];
        report.extend(phone.ssrc.to_be_bytes());
        report.extend(ours.to_be_bytes());
        // a quarter is lost
        report.extend([64, 0, 0, 9]);
        report.extend([0; 16]);
        report.extend([0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, b'x', 0]);
        let to = std::net::SocketAddr::new(phone.server.ip(), phone.server.port() + 1);
        let from = std::net::SocketAddr::new(phone.address.ip(), phone.address.port() + 1);
        let at_us = people.house.lab.now_us();
        people.house.lab.net().arrive(media_mixer::lab::Parcel { from, to, at_us, bytes: report });
    }
    people.talk(20);
}

#[test]
fn an_encoder_that_heard_a_secret_serves_nobody_who_did_not() {
    let mut people = People::new();
    let talker = people.add(1, Codec::Pcmu, SECRET, "");
    let inside: Vec<LegId> = (2..5).map(|n| people.add(n, Codec::Opus, 0.0, FEC)).collect();
    let outside: Vec<LegId> = (5..8).map(|n| people.add(n, Codec::Opus, 0.0, FEC)).collect();
    let quiet = |leg: &LegId| LegMask { muted: true, ..mask(*leg, leg.0 as u32) };
    let private: Vec<LegMask> = [in_side(mask(talker, 1))]
        .into_iter()
        .chain(inside.iter().map(|leg| in_side(quiet(leg))))
        .chain(outside.iter().map(|leg| waits(quiet(leg))))
        .collect();
    people.masks(private);
    people.talk(30);
    report_losses(&mut people, &[&inside[..], &outside[..]].concat());
    people.talk(50);
    assert!(loudest(&repeated(&people, inside[0]), Rate::Full, SECRET) > -30.0, "their packets do repeat");
    let together = [mask(talker, 1)].into_iter().chain(inside.iter().chain(&outside).map(quiet)).collect();
    people.masks(together);
    people.people.get_mut(&talker).unwrap().hertz = OPEN;
    people.talk(3);
    let before = people.house.mixer.stats().workers[0];
    people.talk(60);
    let after = people.house.mixer.stats().workers[0];
    for leg in &outside {
        let secret = loudest(&repeated(&people, *leg), Rate::Full, SECRET);
        assert!(secret < TRACE_DBFS, "repeated for {leg}: {secret}");
        let secret = people.loudest(*leg, SECRET);
        assert!(secret < TRACE_DBFS, "heard by {leg}: {secret}");
        assert!(people.level(*leg, OPEN, 500) > -16.0);
    }
    // once they have settled one encoding serves them all; the talker's silence is the other
    let encodes = after.encodes - before.encodes;
    assert!((60 * 2..60 * 2 + 40).contains(&encodes), "{encodes} encodings in 60 ticks");
}

#[test]
fn a_hole_right_after_a_merge_is_not_filled_with_what_was_said_before() {
    for speaks in Codec::ALL {
        for hole in 1..6 {
            let mut scene = Scene::new(speaks, Codec::Pcmu, 0, hole);
            scene.together();
            let speaker = scene.speaker;
            // the first packets after the merge are lost, and a burst a little later
            for (lost, frames) in [(100, hole), (0, 4), (100, 2), (0, 60)] {
                scene.people.people.get_mut(&speaker).unwrap().loss = lost;
                scene.people.talk(frames);
            }
            let secret = scene.people.loudest(scene.waiting, SECRET);
            assert!(secret < TRACE_DBFS, "{speaks:?}, {hole} lost: {SECRET} Hz at {secret}");
        }
    }
}

/// The speaker pauses in the consult, or seems to, and the merge falls into that pause: a decoder that heard nothing meanwhile must not
/// go on with what it knew.
#[test]
fn a_pause_across_a_merge_carries_nothing_over_it() {
    for speaks in Codec::ALL {
        for (before, after) in [(2, 6), (6, 2), (8, 32), (1, 12)] {
            let mut scene = Scene::new(speaks, Codec::Pcmu, 0, before);
            let speaker = scene.speaker;
            // G.722 and G.711 say that they pause; of Opus the packets fall out behind a frame without voice
            if speaks != Codec::Opus {
                let timestamp = scene.people.people[&speaker].timestamp();
                let phone = scene.people.house.phones.get_mut(&speaker).unwrap();
                let bytes = phone.raw(13, false, timestamp, &[60]);
                let (from, to, at_us) = (phone.address, phone.server, scene.people.house.lab.now_us());
                scene.people.house.lab.net().arrive(media_mixer::lab::Parcel { from, to, at_us, bytes });
            }
            scene.people.people.get_mut(&speaker).unwrap().loss = 100;
            scene.people.talk(before);
            scene.together();
            scene.people.talk(after);
            scene.people.people.get_mut(&speaker).unwrap().loss = 0;
            scene.people.talk(40);
            let (secret, open) =
                (scene.people.loudest(scene.waiting, SECRET), scene.people.loudest(scene.waiting, OPEN));
            assert!(secret < TRACE_DBFS, "{speaks:?}, {before} and {after} frames: {SECRET} Hz at {secret}");
            assert!(open > -18.0, "{speaks:?}, {before} and {after} frames: {OPEN} Hz at {open}");
        }
    }
}
