//! The second half of a call's tick: everybody is sent what he hears, encoded once for all who may share it.
//!
//! It decides nothing about who hears whom: the bridge has made the mixes, and what is heard when nobody is heard stands in each
//! mask's `ears`.

use conference::Ears;

use super::call::{Call, Shared, is_resting};
use super::command::Word;
use super::worker::Voicebox;
use crate::bridge::group::PAYLOAD;
use crate::bridge::seat::Seat;
use crate::bridge::{self, Bridge, Groups, Key, Sound};
use crate::codec::{Codec, Encoder, FRAME_SAMPLES, Rate};
use crate::leg::{Coder, Leg, Said};
use crate::mix;
use crate::music::MusicPosition;
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

/// What a seat hears, and which sound of this house that is, if it is one.
#[derive(Clone, Copy)]
struct Heard {
    group: u16,
    sound: Option<Sound>,
}

/// One listener's turn.
struct Turn {
    index: usize,
    group: u16,
    /// Something of its own is added.
    overlay: bool,
    /// It hears music.
    music: bool,
    /// The music that it heard until now: it ends with a fall, and not with a click.
    falling: Option<u16>,
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
            let heard = if hears { self.heard(index, seat, leg, bridge, shared, &mut sounds) } else { None };
            match heard {
                Some(Heard { group, sound }) => {
                    let music = sound.is_some_and(Sound::is_music);
                    let falling = self.falling(seat, leg.ears_rate(), sound, bridge, shared);
                    let overlay = leg.has_overlay(seat.mask.cues, music) || falling.is_some();
                    self.say(leg, &Turn { index, group, overlay, music, falling, due_us, now_us }, bridge, shared);
                }
                None => {
                    leg.drop_overlays();
                    leg.say(Said::Nothing, due_us, now_us);
                }
            }
            if voicebox.has_room()
                && let Some(talks) =
                    leg.talks(bridge.voice(index).speech, is_audible(seat, bridge.voice(index).opened_by))
            {
                voicebox.say(Word::Talks { leg: seat.mask.leg, talks });
            }
            leg.report(now_us);
            if voicebox.has_room()
                && let Some(picture) = leg.picture(now_us)
            {
                let sample = (self.ticks + 1) * FRAME_SAMPLES as u64;
                voicebox.say(Word::Picture { place: seat.place, picture, sample });
            }
            if let Some(seat) = &mut self.seats[index] {
                seat.sounded = heard.and_then(|heard| heard.sound);
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
            turn.add_falling(groups, frame);
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

    /// What this seat hears; `None` if nothing is sent to it.
    fn heard(
        &self,
        index: usize,
        seat: &Seat,
        leg: &mut Leg,
        bridge: &mut Bridge,
        shared: &Shared,
        sounds: &mut Sounds,
    ) -> Option<Heard> {
        if let bridge::Heard::Group(group) = bridge.heard(index) {
            return Some(Heard { group, sound: None });
        }
        let rate = leg.ears_rate();
        let sound = match &seat.mask.ears {
            Ears::Nothing => return None,
            Ears::HoldMusic => Sound::Music,
            // a queue without music of its own has the house's
            Ears::Queue(queue) => shared.queues.find(queue).map_or(Sound::Music, Sound::Queue),
            Ears::Ringback | Ears::Early => Sound::Ringback,
            Ears::TestTone => Sound::Test,
            Ears::ComfortNoise => Sound::Noise,
            Ears::Announcement => {
                let position = leg.announce();
                let read = |at, out: &mut [i16]| shared.prompts.announce(at, out);
                let group = play(bridge, Key::Own(index as u32), rate, position, &read);
                return Some(Heard { group, sound: None });
            }
            Ears::Echo => return Some(Heard { group: bridge.echo(index, rate), sound: None }),
        };
        sounds.note(sound);
        let key = if seat.sounded == Some(sound) { Key::Sound(sound) } else { Key::Rising(sound) };
        Some(Heard { group: self.sound(sound, key, rate, bridge, shared), sound: Some(sound) })
    }

    /// The music that a seat heard in the last tick, if it hears it no more. Nobody's voice ends like that: what may not be heard
    /// any more is not there to fade.
    fn falling(
        &self,
        seat: &Seat,
        rate: Rate,
        now: Option<Sound>,
        bridge: &mut Bridge,
        shared: &Shared,
    ) -> Option<u16> {
        let sound = seat.sounded.filter(|before| before.is_music() && Some(*before) != now)?;
        Some(self.sound(sound, Key::Sound(sound), rate, bridge, shared))
    }

    /// A sound of this house, where it is now.
    fn sound(&self, sound: Sound, key: Key, rate: Rate, bridge: &mut Bridge, shared: &Shared) -> u16 {
        let mut play = |position, read: &dyn Fn(u64, &mut [i16])| play(bridge, key, rate, position, read);
        let now = self.ticks * FRAME_SAMPLES as u64;
        match sound {
            Sound::Music => play(self.music.0, &|at, out| shared.music.read(MusicPosition(at), out)),
            Sound::Queue(number) => {
                play(self.queue_music.0, &|at, out| shared.queues.read(number, MusicPosition(at), out))
            }
            Sound::Ringback => play(self.ringback, &|at, out| tone(Tone::ringback(), at, out)),
            Sound::Test => play(now, &|at, out| tone(Tone::test(), at, out)),
            // the same noise does for everybody; another stretch of it in each tick
            Sound::Noise => play(u64::MAX, &|_, out| Noise::comfort(self.ticks as u32 ^ self.id.0 as u32).fill(out)),
        }
    }
}

impl Sounds {
    fn note(&mut self, sound: Sound) {
        match sound {
            Sound::Music => self.music = true,
            Sound::Queue(_) => self.queue_music = true,
            Sound::Ringback => self.ringback = true,
            Sound::Test | Sound::Noise => {}
        }
    }
}

impl Turn {
    fn add_falling(&self, groups: &Groups, frame: &mut [i16]) {
        if let Some(group) = self.falling {
            mix::add_falling(frame, groups.frame(group));
        }
    }
}

/// Whether somebody may hear this seat now: by the masks, among the loudest of a large call, and by law 3. What rings is no talk.
fn is_audible(seat: &Seat, opened_by: u64) -> bool {
    seat.heard && seat.chosen && !seat.mask.early && seat.speaks_since_us() <= opened_by
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
    turn.add_falling(groups, &mut frame);
    leg.overlay(&shared.prompts, turn.music, Rate::Narrow, resampler, &mut frame);
    let length = Encoder::new(codec).encode(&frame, &mut payload);
    leg.say(Said::Bytes(&payload[..length]), turn.due_us, turn.now_us);
}

/// A sound of this house at the listener's rate: it is there at 8 kHz, from `position` on. One that all hear is made once.
fn play(bridge: &mut Bridge, key: Key, rate: Rate, position: u64, read: &dyn Fn(u64, &mut [i16])) -> u16 {
    let (resampler, groups) = bridge.house();
    let known = if matches!(key, Key::Own(_)) { None } else { groups.find(key, rate) };
    known.unwrap_or_else(|| {
        groups.add(key, rate, |frame| {
            converted(resampler, rate, position, read, frame);
            if matches!(key, Key::Rising(_)) {
                mix::raise(frame);
            }
        })
    })
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
