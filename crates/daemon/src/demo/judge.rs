//! Compares what every ear heard with what it should have heard, and says so in a sentence. It prints nothing.

use std::time::Duration;

use softphone::{Heard, Mark};

use super::cast::{Person, Who};
use super::stage::{OPENING, SETTLE};

/// The longest hole in what must be heard, in milliseconds, beyond what the speaker's phone itself left out because the machine did not
/// let it run.
const LONGEST_HOLE_MS: usize = 40;
/// What a phone left out is heard so much later at most: the deepest its packets wait, and the way.
const LATER: Duration = Duration::from_millis(500);
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
            let holes: Vec<Hole> = said.map(|speaker| Hole::of(&settled, speaker, from.after(OPENING), to)).collect();
            let longest = holes.iter().max_by_key(|hole| hole.length_ms.unwrap_or(usize::MAX));
            let so = holes.iter().all(Hole::is_bearable);
            (
                so,
                format!("{name} hears {}, nobody else ({})", names.join(" and "), longest.copied().unwrap_or_default()),
            )
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
    let person = people.iter().find(|person| person.who == speaker);
    let hole = person.map(|person| Hole::of(&settled, person, from, to)).unwrap_or_default();
    let (listener, speaker) = (listener.name(), speaker.name());
    (hole.is_bearable(), format!("{listener} hears {speaker} all the while ({hole})"))
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

/// The longest hole in a voice, on the line where it is heard.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    /// `None`: it is heard on none.
    length_ms: Option<usize>,
    /// For so long the speaker's own phone stood still.
    stood_still_ms: usize,
}

impl Hole {
    fn of(lines: &[Heard], speaker: &Person, from: Mark, to: Mark) -> Self {
        let says = speaker.says;
        let length_ms = lines.iter().filter(|line| line.hears(says)).map(|line| line.longest_hole_ms(says)).min();
        let stood_still = speaker.phone.stood_still(from.before(LATER), to).as_millis();
        Self { length_ms, stood_still_ms: usize::try_from(stood_still).unwrap_or(usize::MAX) }
    }

    /// Whether it is one that people would not mind, the speaker's own silence apart.
    fn is_bearable(&self) -> bool {
        self.length_ms.is_some_and(|length| length.saturating_sub(self.stood_still_ms) <= LONGEST_HOLE_MS)
    }
}

impl std::fmt::Display for Hole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.length_ms {
            Some(length) => write!(f, "longest hole {length} ms")?,
            None => write!(f, "not heard")?,
        }
        match self.stood_still_ms {
            0 => Ok(()),
            stood => write!(f, ", the speaker's phone was not let run for {stood} ms"),
        }
    }
}
