//! Compares what every ear heard with what it should have heard, and says so in a sentence. It prints nothing.

use softphone::{Heard, Mark};

use super::cast::{Person, Who};
use super::stage::{OPENING, SETTLE};

/// The longest hole in what must be heard, in milliseconds.
const LONGEST_HOLE_MS: usize = 40;
/// Hold music lies between these.
const MUSIC_DBFS: std::ops::Range<f64> = -32.0..-10.0;

/// What one person should hear during a scene.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// The voices of these, and nobody else's.
    Voices(Who, &'static [Who]),
    /// Hold music, and nobody.
    Music(Who),
    /// Nobody.
    Nobody(Who),
}

impl Expected {
    const fn listener(self) -> Who {
        match self {
            Self::Voices(listener, _) | Self::Music(listener) | Self::Nobody(listener) => listener,
        }
    }

    const fn voices(self) -> &'static [Who] {
        match self {
            Self::Voices(_, voices) => voices,
            Self::Music(_) | Self::Nobody(_) => &[],
        }
    }
}

/// A judgement: whether it is so, and the sentence that says it.
pub(super) type Verdict = (bool, String);

/// Whether it is as expected between two marks.
pub(super) fn check(people: &[Person], from: Mark, to: Mark, expected: Expected) -> Verdict {
    let listener = expected.listener();
    let leaks: Vec<String> = people
        .iter()
        .filter(|speaker| !expected.voices().contains(&speaker.who))
        .map(|speaker| (speaker.who, heard_ms(people, listener, &speaker.who.tones().both(), from.after(SETTLE), to)))
        .filter(|(_, ms)| *ms > 0)
        .map(|(who, ms)| format!("{} for {ms} ms", who.name()))
        .collect();
    let name = listener.name();
    if !leaks.is_empty() {
        return (false, format!("{name} must not hear {}", leaks.join(" and ")));
    }
    let settled = heard(people, listener, from.after(OPENING), to);
    if settled.is_empty() {
        return (false, format!("{name} has no line"));
    }
    match expected {
        Expected::Nobody(_) => (true, format!("{name} hears nobody")),
        Expected::Music(_) => {
            let loudness = settled.iter().map(Heard::loudness).fold(f64::NEG_INFINITY, f64::max);
            (MUSIC_DBFS.contains(&loudness), format!("{name} hears hold music ({loudness:.1} dBFS), nobody else"))
        }
        Expected::Voices(_, voices) => {
            let names: Vec<&str> = voices.iter().map(|who| who.name()).collect();
            let said = voices.iter().filter_map(|who| people.iter().find(|person| person.who == *who));
            let holes: Vec<Option<usize>> = said.map(|speaker| hole(&settled, speaker.says)).collect();
            let longest = holes.iter().flatten().max().copied().unwrap_or(0);
            let so = holes.iter().all(Option::is_some) && longest <= LONGEST_HOLE_MS;
            (so, format!("{name} hears {}, nobody else (longest hole {longest} ms)", names.join(" and ")))
        }
    }
}

/// Whether somebody heard none of these tones between two marks; `what` names them.
pub(super) fn never(people: &[Person], listener: Who, tones: &[f64], (from, to): (Mark, Mark), what: &str) -> Verdict {
    let leaked = heard_ms(people, listener, tones, from, to);
    (leaked == 0, format!("{} hears nothing of {what} ({leaked} ms)", listener.name()))
}

/// Whether somebody heard another without a hole between two marks.
pub(super) fn unbroken(people: &[Person], listener: Who, speaker: Who, from: Mark, to: Mark) -> Verdict {
    let settled = heard(people, listener, from, to);
    let says = people.iter().find(|person| person.who == speaker).map_or(0.0, |person| person.says);
    let hole = hole(&settled, says);
    let (listener, speaker) = (listener.name(), speaker.name());
    let said = format!("{listener} hears {speaker} all the while (longest hole {} ms)", hole.unwrap_or(0));
    (hole.is_some_and(|hole| hole <= LONGEST_HOLE_MS), said)
}

/// What each line of somebody heard.
fn heard(people: &[Person], listener: Who, from: Mark, to: Mark) -> Vec<Heard> {
    let person = people.iter().find(|person| person.who == listener);
    person.map(|person| person.ears().iter().map(|ear| ear.between(from, to)).collect()).unwrap_or_default()
}

/// How long somebody heard any of some tones, on whichever line it was most.
fn heard_ms(people: &[Person], listener: Who, tones: &[f64], from: Mark, to: Mark) -> usize {
    let lines = heard(people, listener, from, to);
    lines.iter().flat_map(|line| tones.iter().map(|tone| line.present_ms(*tone))).max().unwrap_or(0)
}

/// The longest hole in a voice, on the line where it is heard; `None`: it is heard on none.
fn hole(lines: &[Heard], hertz: f64) -> Option<usize> {
    lines.iter().filter(|line| line.hears(hertz)).map(|line| line.longest_hole_ms(hertz)).min()
}
