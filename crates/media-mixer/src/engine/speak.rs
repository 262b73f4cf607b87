//! The second half of a call's tick: everybody is sent what he hears, encoded once for all who may share it.
//!
//! It decides nothing about who hears whom: the bridge has made the mixes, and what is heard when nobody is heard stands in each
//! mask's `ears`.

use conference::Ears;

use super::call::{Call, Shared, is_resting, plays_music};
use super::command::Word;
use super::worker::Voicebox;
use crate::bridge::group::PAYLOAD;
use crate::bridge::seat::Seat;
use crate::bridge::{Bridge, Heard, Key, Sound};
use crate::codec::{Codec, Encoder, FRAME_SAMPLES, Rate};
use crate::leg::{Coder, Leg, Said};
use crate::noise::Noise;
use crate::resample::{Resampler, past};
use crate::rtp::MAX_PACKET;
use crate::tone::Tone;

/// Samples of 8 kHz before a frame that a change of its rate needs.
const BEFORE: usize = past(Rate::Narrow);

/// Which of the sounds that go on by themselves somebody heard in this tick.
#[derive(Default)]
struct Sounds {
    music: bool,
    queue_music: bool,
    ringback: bool,
}

/// One listener's turn.
struct Turn {
    index: usize,
    group: u16,
    /// Something of its own is added.
    overlay: bool,
    music: bool,
    due_us: u64,
    now_us: u64,
}

impl Call {
    pub(super) fn speak(
        &mut self,
        now_us: u64,
        legs: &mut [Option<Box<Leg>>],
        bridge: &mut Bridge,
        shared: &Shared,
        voicebox: &mut Voicebox,
    ) {
        let mut sounds = Sounds::default();
        let due_us = self.due_us;
        for index in 0..self.seats.len() {
            let Some(seat) = &self.seats[index] else { continue };
            let Some(leg) = &mut legs[seat.place as usize] else { continue };
            let hears = leg.ears_codec().is_some() && !is_resting(seat);
            let group = if hears { self.group(index, seat, leg, bridge, shared, &mut sounds) } else { None };
            match group {
                Some(group) => {
                    let music = plays_music(seat) && bridge.heard(index) == Heard::Ears;
                    let overlay = leg.has_overlay(seat.mask.cues, music);
                    self.say(leg, &Turn { index, group, overlay, music, due_us, now_us }, bridge, shared);
                }
                None => {
                    leg.drop_overlays();
                    leg.say(Said::Nothing, due_us, now_us);
                }
            }
            leg.report(now_us);
            if voicebox.has_room()
                && let Some(picture) = leg.picture(now_us)
            {
                let sample = (self.ticks + 1) * FRAME_SAMPLES as u64;
                voicebox.say(Word::Picture { place: seat.place, picture, sample });
            }
        }
        if sounds.music {
            self.music = self.music.after(FRAME_SAMPLES as u64);
        }
        if sounds.queue_music {
            self.queue_music = self.queue_music.after(FRAME_SAMPLES as u64);
        }
        self.ringback = if sounds.ringback { self.ringback + FRAME_SAMPLES as u64 } else { 0 };
    }

    /// Sends one listener the sound of his group, and what is his own with it.
    fn say(&self, leg: &mut Leg, turn: &Turn, bridge: &mut Bridge, shared: &Shared) {
        match leg.coder(shared.complexity, shared.pressed) {
            Some(coder) => self.say_coded(leg, coder, turn, bridge, shared),
            None => say_plain(leg, turn, bridge, shared),
        }
    }

    /// By an encoder that has a memory: his own, or that of somebody who was sent the same.
    fn say_coded(&self, leg: &mut Leg, mut coder: Box<Coder>, turn: &Turn, bridge: &mut Bridge, shared: &Shared) {
        let (rate, mut payload) = (coder.rate(), [0; MAX_PACKET]);
        let (resampler, groups) = bridge.house();
        let coded = if turn.overlay {
            let mut frame = [0; Rate::MAX_FRAME];
            let frame = &mut frame[..rate.frame()];
            frame.copy_from_slice(groups.frame(turn.group));
            leg.overlay(&shared.prompts, turn.music, rate, resampler, frame);
            coder.own(frame, self.content(OWN | turn.index as u16), &mut payload)
        } else if coder.shares() {
            coder.shared(turn.group, self.content(turn.group), groups)
        } else {
            groups.count_encoding();
            coder.own(groups.frame(turn.group), self.content(turn.group), &mut payload)
        };
        // G.722 is cut into packets as any codec of a fixed rate; Opus is only as its encoder made it
        let said = match leg.ears_codec() {
            Some(Codec::Opus) => Said::Packets(coded),
            Some(_) | None => Said::Bytes(coded.payloads[0]),
        };
        leg.say(said, turn.due_us, turn.now_us);
        leg.give_back_coder(coder);
    }

    /// Names a sound of this tick: no other tick and no other call has the same name.
    fn content(&self, sound: u16) -> u64 {
        (self.id.0 & 0xff_ffff) << 40 | ((self.ticks + 1) & 0xff_ffff) << 16 | u64::from(sound)
    }

    /// The group whose sound this seat hears; `None` if nothing is sent to it.
    fn group(
        &self,
        index: usize,
        seat: &Seat,
        leg: &mut Leg,
        bridge: &mut Bridge,
        shared: &Shared,
        sounds: &mut Sounds,
    ) -> Option<u16> {
        if let Heard::Group(group) = bridge.heard(index) {
            return Some(group);
        }
        let rate = leg.ears_rate();
        let mut play =
            |sound, position, read: &dyn Fn(u64, &mut [i16])| play(bridge, Key::Sound(sound), rate, position, read);
        Some(match &seat.mask.ears {
            Ears::Nothing => return None,
            Ears::HoldMusic => self.hold_music(play, shared, sounds),
            Ears::Queue(queue) => match shared.queues.find(queue) {
                Some((number, music)) => {
                    sounds.queue_music = true;
                    let position = self.queue_music.0;
                    play(Sound::Queue(number), position, &|at, out| music.read(crate::music::MusicPosition(at), out))
                }
                None => self.hold_music(play, shared, sounds),
            },
            Ears::Ringback | Ears::Early => {
                sounds.ringback = true;
                play(Sound::Ringback, self.ringback, &|at, out| tone(Tone::ringback(), at, out))
            }
            Ears::TestTone => {
                let position = self.ticks * FRAME_SAMPLES as u64;
                play(Sound::Test, position, &|at, out| tone(Tone::test(), at, out))
            }
            // the same noise does for everybody; another stretch of it in each tick
            Ears::ComfortNoise => play(Sound::Noise, u64::MAX, &|_, out| {
                Noise::comfort(self.ticks as u32 ^ self.id.0 as u32).fill(out);
            }),
            Ears::Announcement => {
                let position = leg.announce();
                let read = |at, out: &mut [i16]| shared.prompts.announce(at, out);
                self::play(bridge, Key::Own(index as u32), rate, position, &read)
            }
            Ears::Echo => bridge.echo(index, rate),
        })
    }

    fn hold_music(
        &self,
        mut play: impl FnMut(Sound, u64, &dyn Fn(u64, &mut [i16])) -> u16,
        shared: &Shared,
        sounds: &mut Sounds,
    ) -> u16 {
        sounds.music = true;
        play(Sound::Music, self.music.0, &|at, out| shared.music.read(crate::music::MusicPosition(at), out))
    }
}

/// Marks the sound of one listener alone; a group's number is always lower.
const OWN: u16 = 0x8000;

/// By a codec without a memory: encoded once for all who hear the group.
fn say_plain(leg: &mut Leg, turn: &Turn, bridge: &mut Bridge, shared: &Shared) {
    let Some(codec) = leg.ears_codec() else { return };
    let (resampler, groups) = bridge.house();
    if !turn.overlay {
        leg.say(Said::Bytes(groups.payload(turn.group, codec)), turn.due_us, turn.now_us);
        return;
    }
    let (mut frame, mut payload) = ([0; FRAME_SAMPLES], [0; PAYLOAD]);
    frame.copy_from_slice(groups.frame(turn.group));
    leg.overlay(&shared.prompts, turn.music, Rate::Narrow, resampler, &mut frame);
    let length = Encoder::new(codec).encode(&frame, &mut payload);
    leg.say(Said::Bytes(&payload[..length]), turn.due_us, turn.now_us);
}

/// A sound of this house at the listener's rate: it is there at 8 kHz, from `position` on. One that all hear is made once.
fn play(bridge: &mut Bridge, key: Key, rate: Rate, position: u64, read: &dyn Fn(u64, &mut [i16])) -> u16 {
    let (resampler, groups) = bridge.house();
    let known = if matches!(key, Key::Sound(_)) { groups.find(key, rate) } else { None };
    known.unwrap_or_else(|| groups.add(key, rate, |frame| converted(resampler, rate, position, read, frame)))
}

fn converted(resampler: &Resampler, rate: Rate, position: u64, read: &dyn Fn(u64, &mut [i16]), frame: &mut [i16]) {
    if rate == Rate::Narrow {
        read(position, frame);
        return;
    }
    let mut sound = [0; BEFORE + FRAME_SAMPLES];
    // at the very beginning there is less before it
    let before = usize::try_from(position).map_or(BEFORE, |position| position.min(BEFORE));
    read(position - before as u64, &mut sound[BEFORE - before..]);
    resampler.convert(Rate::Narrow, rate, &sound, frame);
}

/// These tones have no end, so there is nothing to be learned from how far they got.
fn tone(tone: Tone, position: u64, frame: &mut [i16]) {
    let _goes_on = tone.read(position, frame);
}
