//! The stage: the cast, the watch, and the judge who compares what every ear heard with what it should have.

use std::time::Duration;

use softphone::{Heard, Mark};

use super::cast::{Person, SECRET_HERTZ};
use super::picture::Picture;
use super::watch::{Chapter, Sample, Watch, Watched};

/// After a change is confirmed, packets sent before it may still be read for so long.
const SETTLE: Duration = Duration::from_millis(25);
/// A newly opened pair is heard by then: the guard of law 3 and a tick.
const OPENING: Duration = Duration::from_millis(400);
/// The longest hole in what must be heard.
const LONGEST_HOLE_MS: usize = 40;
/// Music lies between these.
const MUSIC_DBFS: std::ops::Range<f64> = -32.0..-10.0;

/// What one ear should hear during a scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    listener: &'static str,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Voice(&'static str),
    Music,
    Nothing,
}

impl Expected {
    pub(super) const fn voice(listener: &'static str, speaker: &'static str) -> Self {
        Self { listener, what: What::Voice(speaker) }
    }

    pub(super) const fn music(listener: &'static str) -> Self {
        Self { listener, what: What::Music }
    }

    pub(super) const fn nothing(listener: &'static str) -> Self {
        Self { listener, what: What::Nothing }
    }
}

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    people: Vec<Person>,
    watch: Watch,
    picture: std::sync::Arc<Picture>,
    failures: Vec<String>,
    expectations: usize,
}

impl Stage {
    /// Alice and the customer, in this order.
    pub(super) fn new(alice: Person, customer: Person) -> Self {
        let picture = std::sync::Arc::new(Picture::new());
        let watch = Watch::start({
            let picture = picture.clone();
            move |chapter, people, sample| picture.draw(chapter, people, sample)
        });
        let stage = Self { people: vec![alice, customer], watch, picture, failures: Vec::new(), expectations: 0 };
        stage.recast();
        stage
    }

    pub(super) fn alice(&self) -> &Person {
        &self.people[0]
    }

    pub(super) fn alice_mut(&mut self) -> &mut Person {
        &mut self.people[0]
    }

    pub(super) fn customer(&self) -> &Person {
        &self.people[1]
    }

    pub(super) fn customer_mut(&mut self) -> &mut Person {
        &mut self.people[1]
    }

    /// Tells the watch about lines that came or went.
    pub(super) fn recast(&self) {
        self.watch.people(
            self.people
                .iter()
                .map(|person| Watched { name: person.name, hertz: person.hertz, ear: person.ear() })
                .collect(),
        );
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
            let (so, said) = self.check(from, to, expectation);
            self.verdict(so, &said);
        }
    }

    /// Nothing that was said in secret was heard since `from`.
    pub(super) fn judge_secret(&mut self, from: Mark, listener: &str) {
        let leaked = self.heard(listener, from, Mark::now()).map_or(0, |heard| heard.present_ms(SECRET_HERTZ));
        self.verdict(leaked == 0, &format!("{listener} hears nothing of what was said on hold ({leaked} ms)"));
    }

    /// Notes a verdict and prints it.
    pub(super) fn verdict(&mut self, so: bool, said: &str) {
        self.expectations += 1;
        self.picture.say(&format!("  {} {said}", if so { "✓" } else { "✗" }));
        if !so {
            self.failures.push(said.to_owned());
        }
    }

    /// Ends the play: what failed, how many expectations there were, and what was seen.
    pub(super) async fn finish(self) -> (Vec<String>, usize, (Vec<&'static str>, Vec<Sample>, Vec<Chapter>)) {
        let seen = self.watch.finish();
        for person in self.people {
            person.phone.stop().await;
        }
        (self.failures, self.expectations, seen)
    }

    fn heard(&self, listener: &str, from: Mark, to: Mark) -> Option<Heard> {
        self.people.iter().find(|person| person.name == listener).and_then(|person| person.heard(from, to))
    }

    /// Whether it is as expected, and the sentence that says so.
    fn check(&self, from: Mark, to: Mark, expectation: &Expected) -> (bool, String) {
        let listener = expectation.listener;
        let Some(whole) = self.heard(listener, from.after(SETTLE), to) else {
            return (false, format!("{listener} has no line"));
        };
        let allowed = match expectation.what {
            What::Voice(speaker) => Some(speaker),
            What::Music | What::Nothing => None,
        };
        let leaks: Vec<String> = self
            .people
            .iter()
            .filter(|person| Some(person.name) != allowed)
            .map(|person| (person.name, whole.present_ms(person.hertz).max(secret_ms(person, &whole))))
            .filter(|(_, ms)| *ms > 0)
            .map(|(name, ms)| format!("{name} for {ms} ms"))
            .collect();
        if !leaks.is_empty() {
            return (false, format!("{listener} must not hear {}", leaks.join(" and ")));
        }
        self.check_wanted(from, to, expectation)
    }

    fn check_wanted(&self, from: Mark, to: Mark, expectation: &Expected) -> (bool, String) {
        let listener = expectation.listener;
        let Some(settled) = self.heard(listener, from.after(OPENING), to) else {
            return (false, format!("{listener} has no line"));
        };
        match expectation.what {
            What::Nothing => (true, format!("{listener} hears nobody")),
            What::Music => {
                let loudness = settled.loudness();
                (
                    MUSIC_DBFS.contains(&loudness),
                    format!("{listener} hears hold music ({loudness:.1} dBFS), nobody else"),
                )
            }
            What::Voice(speaker) => {
                let hertz = self.people.iter().find(|person| person.name == speaker).map_or(0.0, |person| person.hertz);
                let hole = settled.longest_hole_ms(hertz);
                let so = settled.hears(hertz) && hole <= LONGEST_HOLE_MS;
                (so, format!("{listener} hears {speaker}, nobody else (longest hole {hole} ms)"))
            }
        }
    }
}

/// Whatever is said in secret is Alice's.
fn secret_ms(person: &Person, heard: &Heard) -> usize {
    if person.name == "Alice" { heard.present_ms(SECRET_HERTZ) } else { 0 }
}
