//! Listens at every ear all the time and keeps who heard whom, ten times a second, for the picture and the timeline.
//!
//! It knows nothing of the server: only what came off the wire.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use softphone::{Ear, Heard};
use tokio::task::JoinHandle;

use super::stage::Seen;

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
/// Louder than this, and nobody's voice: music.
const MUSIC_DBFS: f64 = -40.0;

/// A person as the watch sees them.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) name: &'static str,
    /// Their voices, in hertz.
    pub(super) tones: [f64; 2],
    /// The ears of their lines.
    pub(super) ears: Vec<Ear>,
}

/// What one ear heard in one interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// By speaker, in the order of the cast: whether their voice was there.
    pub(super) voices: Vec<bool>,
    /// Whether something was there that is nobody's voice.
    pub(super) music: bool,
}

/// All ears in one interval.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Since the watch began.
    pub(super) at: Duration,
    /// By listener, in the order of the cast.
    pub(super) looks: Vec<Look>,
}

/// A scene's name and when it began.
pub(super) type Chapter = (Duration, String);

#[derive(Debug, Default)]
struct Notes {
    people: Vec<Watched>,
    samples: Vec<Sample>,
    chapters: Vec<Chapter>,
}

/// The watch. Looks until it is stopped.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Notes>>,
    began: Instant,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch; `draw` is called after each look with the chapter and what was seen.
    pub(super) fn start(draw: impl Fn(&str, &[Watched], &Sample) + Send + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Notes::default()));
        let began = Instant::now();
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                let mut ticks = tokio::time::interval(INTERVAL);
                loop {
                    ticks.tick().await;
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let sample = look(began.elapsed(), &seen.people);
                    let chapter = seen.chapters.last().map(|(_, name)| name.clone()).unwrap_or_default();
                    draw(&chapter, &seen.people, &sample);
                    seen.samples.push(sample);
                }
            }
        });
        Self { seen, began, task }
    }

    /// The cast, as it is from now on.
    pub(super) fn people(&self, people: Vec<Watched>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).people = people;
    }

    /// A scene begins.
    pub(super) fn chapter(&self, name: &str) {
        let at = self.began.elapsed();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).chapters.push((at, name.to_owned()));
    }

    /// Stops watching and gives what was seen.
    pub(super) fn finish(self) -> Seen {
        self.task.abort();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Seen {
            people: seen.people.iter().map(|person| person.name).collect(),
            samples: seen.samples.clone(),
            chapters: seen.chapters.clone(),
        }
    }
}

fn look(at: Duration, people: &[Watched]) -> Sample {
    let looks = people
        .iter()
        .map(|listener| {
            let heard: Vec<Heard> = listener.ears.iter().map(|ear| ear.last(INTERVAL)).collect();
            let speaks = |speaker: &Watched| {
                let tones = speaker.tones;
                heard.iter().any(|line| tones.iter().any(|tone| line.present_ms(*tone) >= 20))
            };
            let voices: Vec<bool> = people.iter().map(speaks).collect();
            let loud = heard.iter().any(|line| line.loudness() > MUSIC_DBFS);
            Look { music: loud && !voices.contains(&true), voices }
        })
        .collect();
    Sample { at, looks }
}
