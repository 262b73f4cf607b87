//! The stage: the cast, the watch, and what the judge found. Whatever a scene does to a person it does through here, so
//! that the watch knows every line.

use std::time::{Duration, Instant};

use softphone::{LineId, Mark};

use super::cast::{Person, Who};
use super::judge::{self, Expected, Verdict};
use super::picture::Picture;
use super::watch::{Chapter, Sample, Watch, Watched};

/// After a change is confirmed, packets sent before it may still be read for so long.
pub(super) const SETTLE: Duration = Duration::from_millis(25);
/// A newly opened pair is heard without a hole by then: the guard of law 3 (300 ms at most), what waits in the jitter buffer for the
/// jitter of [`super::scenes`] (150 ms), and the filling of a hole with older speech (up to 160 ms), which the law keeps back too.
pub(super) const OPENING: Duration = Duration::from_millis(700);
/// What a keypad asked for is heard by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is listened whether it is.
const LISTEN: Duration = Duration::from_millis(20);

/// What was seen of a whole play.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) people: Vec<&'static str>,
    pub(super) samples: Vec<Sample>,
    pub(super) chapters: Vec<Chapter>,
}

/// How a play came out.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) failures: usize,
    pub(super) expectations: usize,
    pub(super) seen: Seen,
}

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    people: Vec<Person>,
    watch: Watch,
    picture: std::sync::Arc<Picture>,
    failures: usize,
    expectations: usize,
}

impl Stage {
    pub(super) fn new(people: Vec<Person>) -> Self {
        let picture = std::sync::Arc::new(Picture::new());
        let watch = Watch::start({
            let picture = picture.clone();
            move |chapter, people, sample| picture.draw(chapter, people, sample)
        });
        let stage = Self { people, watch, picture, failures: 0, expectations: 0 };
        stage.recast();
        stage
    }

    /// Somebody of the cast; whoever asks for somebody who does not play has written another script.
    pub(super) fn person(&self, who: Who) -> &Person {
        let found = self.people.iter().find(|person| person.who == who);
        found.unwrap_or(&self.people[0])
    }

    fn person_mut(&mut self, who: Who) -> &mut Person {
        let at = self.people.iter().position(|person| person.who == who).unwrap_or(0);
        &mut self.people[at]
    }

    /// A line of somebody's that came just now.
    pub(super) fn takes(&mut self, who: Who, line: LineId) {
        let person = self.person_mut(who);
        person.lines.push(line);
        person.say(person.says);
        self.recast();
    }

    /// Forgets lines of an earlier act.
    pub(super) fn clear(&mut self) {
        self.people.iter_mut().for_each(|person| person.lines.clear());
        self.recast();
    }

    /// Somebody says in private what others must not hear.
    pub(super) fn says_in_private(&mut self, who: Who) {
        self.person_mut(who).say(who.tones().private);
    }

    /// Somebody speaks for everybody again who may hear it.
    pub(super) fn says_aloud(&mut self, who: Who) {
        self.person_mut(who).say(who.tones().ordinary);
    }

    /// Tells the watch about lines that came or went.
    fn recast(&self) {
        let watched = |person: &Person| Watched {
            name: person.who.name(),
            tones: person.who.tones().both(),
            ears: person.ears(),
        };
        self.watch.people(self.people.iter().map(watched).collect());
    }

    /// A new scene.
    pub(super) fn scene(&self, name: &str) {
        self.watch.chapter(name);
        self.picture.say(&format!("— {name}"));
    }

    /// Lets the scene go on for `span` and compares what every ear heard since `from` with what it should have.
    pub(super) async fn judge(&mut self, from: Mark, span: Duration, expected: &[Expected]) {
        tokio::time::sleep(span).await;
        let to = Mark::now();
        for expectation in expected {
            let verdict = judge::check(&self.people, from, to, *expectation);
            self.verdict(verdict);
        }
    }

    /// Somebody heard none of these tones in a span.
    pub(super) fn never(&mut self, listener: Who, tones: &[f64], span: (Mark, Mark), what: &str) {
        let verdict = judge::never(&self.people, listener, tones, span, what);
        self.verdict(verdict);
    }

    /// Somebody heard another all the while since `from`.
    pub(super) fn unbroken(&mut self, listener: Who, speaker: Who, from: Mark) {
        let verdict = judge::unbroken(&self.people, listener, speaker, from, Mark::now());
        self.verdict(verdict);
    }

    /// Waits until somebody hears another: what a keypad asked for is confirmed to nobody but by ear.
    pub(super) async fn until_heard(&mut self, listener: Who, speaker: Who) {
        let tone = self.person(speaker).says;
        let heard =
            |stage: &Self| stage.person(listener).ears().iter().any(|ear| ear.last(3 * LISTEN).present_ms(tone) >= 40);
        let until = Instant::now() + PATIENCE;
        while !heard(self) {
            if Instant::now() >= until {
                self.verdict((false, format!("{} comes to hear {}", listener.name(), speaker.name())));
                return;
            }
            tokio::time::sleep(LISTEN).await;
        }
    }

    /// Notes a verdict and prints it.
    pub(super) fn verdict(&mut self, (so, said): Verdict) {
        self.expectations += 1;
        self.failures += usize::from(!so);
        self.picture.say(&format!("  {} {said}", if so { "✓" } else { "✗" }));
    }

    /// Ends the play: what failed, how many expectations there were, and what was seen.
    pub(super) async fn finish(self) -> Played {
        let seen = self.watch.finish();
        for person in self.people {
            person.phone.stop().await;
        }
        Played { failures: self.failures, expectations: self.expectations, seen }
    }
}
