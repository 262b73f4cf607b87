//! Judges what ears heard: voices without holes, music at its loudness, or nobody; and always: nobody else.
//!
//! Judging begins when what should be heard is heard (that has a limit) or, for what should not, [`SETTLE`] after the
//! phones confirmed the change. What must never be heard is said as a tone of its own and looked for from the beginning.
//! A hole may be longer by what the machine itself stalled meanwhile, nothing else.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use softphone::{Ear, Heard, LineId, Mark};

use crate::house::tones;
use crate::people::Person;
use crate::stalls;

/// What was sent before a change may still be read by a phone for so long.
pub const SETTLE: Duration = Duration::from_millis(100);
/// A voice or music that should be heard is heard by then.
pub const OPENING: Duration = Duration::from_secs(3);
/// How long one thing is listened to.
pub const WHILE: Duration = Duration::from_millis(800);
/// The longest hole in what goes on.
pub const LONGEST_HOLE_MS: usize = 40;
/// Hold music's loudness over a stretch of it: −20 dBFS, give or take its own dynamics.
pub const MUSIC_DBFS: RangeInclusive<f64> = -24.0..=-16.0;

/// An ear in a scene, and what it should hear.
#[derive(Clone, Debug)]
pub struct Listener {
    name: &'static str,
    ear: Ear,
    should: Should,
}

#[derive(Clone, Debug)]
enum Should {
    Voices(Vec<f64>),
    Music,
    Nobody,
}

impl Listener {
    /// An ear that should hear these voices and no other.
    #[must_use]
    pub fn of_voices(name: &'static str, ear: Ear, voices: &[f64]) -> Self {
        Self { name, ear, should: Should::Voices(voices.to_vec()) }
    }

    /// An ear that should hear hold music and nobody.
    #[must_use]
    pub const fn of_music(name: &'static str, ear: Ear) -> Self {
        Self { name, ear, should: Should::Music }
    }

    /// An ear that should hear nobody and no music.
    #[must_use]
    pub const fn of_nobody(name: &'static str, ear: Ear) -> Self {
        Self { name, ear, should: Should::Nobody }
    }
}

impl Person {
    /// Should hear these voices and no other.
    #[must_use]
    pub fn hears(&self, line: LineId, voices: &[f64]) -> Listener {
        Listener { name: self.name, ear: self.ear(line), should: Should::Voices(voices.to_vec()) }
    }

    /// Should hear hold music and nobody.
    #[must_use]
    pub fn hears_music(&self, line: LineId) -> Listener {
        Listener { name: self.name, ear: self.ear(line), should: Should::Music }
    }

    /// Should hear nobody and no music.
    #[must_use]
    pub fn hears_nobody(&self, line: LineId) -> Listener {
        Listener { name: self.name, ear: self.ear(line), should: Should::Nobody }
    }
}

/// Listens for [`WHILE`] and judges everybody.
pub async fn judge(listeners: &[Listener]) {
    judge_for(WHILE, listeners).await;
}

/// Listens for a while and judges everybody.
pub async fn judge_for(span: Duration, listeners: &[Listener]) {
    tokio::time::sleep(SETTLE).await;
    let settled = Mark::now();
    for listener in listeners {
        listener.until_opened().await;
    }
    let (from, began) = (Mark::now(), Instant::now());
    tokio::time::sleep(span + SETTLE).await;
    let to = Mark::now();
    let stalled_ms = stalls::longest_ms_since(began);
    for listener in listeners {
        let whole = listener.ear.between(settled, to);
        listener.judge(&whole, &listener.ear.between(from, to), stalled_ms);
    }
}

/// Two people hear each other, nobody hears themselves.
pub async fn they_talk(one: (&Person, LineId), other: (&Person, LineId)) {
    judge(&[one.0.hears(one.1, &[other.0.hertz]), other.0.hears(other.1, &[one.0.hertz])]).await;
}

/// Never since `from` was a tone heard, nor left a trace however soft.
pub fn never_heard(who: &Person, line: LineId, from: Mark, hertz: f64) {
    no_trace_of(who.name, &who.ear(line).since(from), hertz);
}

/// Nothing of a tone is in a stretch of sound, however soft: what every leak test asks.
pub fn no_trace_of(name: &str, heard: &Heard, hertz: f64) {
    no_trace_above(name, heard, hertz, f64::NEG_INFINITY);
}

/// As [`no_trace_of`] for an ear that hears through a codec whose own noise reaches up to `floor` dBFS.
pub fn no_trace_above(name: &str, heard: &Heard, hertz: f64, floor: f64) {
    let leaked = heard.present_ms(hertz);
    assert_eq!(leaked, 0, "{name} heard {hertz} Hz for {leaked} ms");
    if let Some(dbfs) = heard.trace_of(hertz).filter(|dbfs| *dbfs > floor) {
        panic!("{name} heard a trace of {hertz} Hz at {dbfs:.1} dBFS");
    }
}

/// Waits until a tone is heard.
pub async fn until_heard(ear: &Ear, hertz: f64, limit: Duration) -> bool {
    until(limit, || ear.last(Duration::from_millis(100)).hears(hertz)).await
}

/// Looks until something is so; false if it was not within the limit.
pub async fn until(limit: Duration, so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !so() {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

impl Listener {
    async fn until_opened(&self) {
        match &self.should {
            Should::Voices(voices) => {
                for hertz in voices {
                    assert!(until_heard(&self.ear, *hertz, OPENING).await, "{} never hears {hertz} Hz", self.name);
                }
            }
            Should::Music => {
                let plays = || self.ear.last(Duration::from_millis(100)).loudness() > -40.0;
                assert!(until(OPENING, plays).await, "{} never hears music", self.name);
            }
            Should::Nobody => {}
        }
    }

    fn judge(&self, whole: &Heard, opened: &Heard, stalled_ms: usize) {
        let (name, nobody) = (self.name, Vec::new());
        let voices = match &self.should {
            Should::Voices(voices) => voices,
            Should::Music | Should::Nobody => &nobody,
        };
        for hertz in tones::ALL.iter().filter(|hertz| !voices.contains(hertz)) {
            assert_eq!(whole.present_ms(*hertz), 0, "ms for which {name} hears {hertz} Hz");
        }
        for hertz in voices {
            let present = opened.present_ms(*hertz);
            let most = present > 0 && (present + stalled_ms) * 2 > opened.length_ms();
            assert!(most, "{name} hears {hertz} Hz for {present} ms only; the machine stalled {stalled_ms}");
            let hole = opened.longest_hole_ms(*hertz);
            let allowed = LONGEST_HOLE_MS + stalled_ms;
            assert!(
                hole <= allowed,
                "{name} hears {hertz} Hz with a hole of {hole} ms; the machine stalled {stalled_ms}"
            );
        }
        let loudness = opened.loudness();
        match &self.should {
            Should::Voices(_) => {}
            Should::Music => assert!(MUSIC_DBFS.contains(&loudness), "{name} hears music at {loudness:.1} dBFS"),
            Should::Nobody => assert!(loudness < -45.0, "{name} hears something at {loudness:.1} dBFS"),
        }
    }
}

/// A call that goes on while others misbehave: two people who talk all the time.
#[derive(Debug)]
pub struct Talk<'a> {
    one: (&'a Person, LineId),
    other: (&'a Person, LineId),
    since: Mark,
    began: Instant,
}

/// The longest gap in a call's sound while somebody attacks.
const LONGEST_GAP_MS: usize = 60;

impl<'a> Talk<'a> {
    /// Two people who hear each other.
    pub async fn of(one: (&'a Person, LineId), other: (&'a Person, LineId)) -> Self {
        let mut talk = Self { one, other, since: Mark::now(), began: Instant::now() };
        talk.goes_on().await;
        talk
    }

    /// Begins to watch anew, once both are heard.
    pub async fn goes_on(&mut self) {
        tokio::time::sleep(SETTLE).await;
        for (listener, speaker) in [(self.one, self.other), (self.other, self.one)] {
            let heard = until_heard(&listener.0.ear(listener.1), speaker.0.hertz, OPENING).await;
            assert!(heard, "{} never hears {}", listener.0.name, speaker.0.name);
        }
        (self.since, self.began) = (Mark::now(), Instant::now());
    }

    /// Neither had a gap nor heard anybody else since the watch began; it begins anew.
    pub async fn is_unharmed(&mut self, by: &str) {
        tokio::time::sleep(SETTLE).await;
        let stalled_ms = stalls::longest_ms_since(self.began);
        for (listener, speaker) in [(self.one, self.other), (self.other, self.one)] {
            let heard = listener.0.ear(listener.1).since(self.since);
            let (name, hole) = (listener.0.name, heard.longest_hole_ms(speaker.0.hertz));
            let (present, length) = (heard.present_ms(speaker.0.hertz), heard.length_ms());
            let said = speaker.0.name;
            assert!(heard.hears(speaker.0.hertz), "{by}: {name} hears {said} for {present} of {length} ms");
            let allowed = LONGEST_GAP_MS + stalled_ms;
            assert!(hole <= allowed, "{by}: {name} has a gap of {hole} ms; the machine stalled {stalled_ms}");
            for hertz in tones::ALL.iter().filter(|hertz| **hertz != speaker.0.hertz) {
                assert_eq!(heard.present_ms(*hertz), 0, "{by}: ms for which {name} hears {hertz} Hz");
            }
        }
        (self.since, self.began) = (Mark::now(), Instant::now());
    }
}
