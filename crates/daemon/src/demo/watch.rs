//! Listens at every ear all the time and keeps who heard whom, ten times a second, for the picture and the timeline.
//!
//! It knows nothing of the server: only what came off the wire.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use softphone::Ear;
use tokio::task::JoinHandle;

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
/// Louder than this, and nobody's voice: music.
const MUSIC_DBFS: f64 = -40.0;

/// A person as the watch sees them.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) name: &'static str,
    pub(super) hertz: f64,
    pub(super) ear: Option<Ear>,
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
struct Seen {
    people: Vec<Watched>,
    samples: Vec<Sample>,
    chapters: Vec<Chapter>,
}

/// The watch. Looks until it is stopped.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    began: Instant,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch; `draw` is called after each look with the chapter and what was seen.
    pub(super) fn start(draw: impl Fn(&str, &[Watched], &Sample) + Send + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
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
    pub(super) fn finish(self) -> (Vec<&'static str>, Vec<Sample>, Vec<Chapter>) {
        self.task.abort();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.people.iter().map(|person| person.name).collect(), seen.samples.clone(), seen.chapters.clone())
    }
}

fn look(at: Duration, people: &[Watched]) -> Sample {
    let looks = people
        .iter()
        .map(|listener| {
            let heard = listener.ear.as_ref().map(|ear| ear.last(INTERVAL));
            let voices: Vec<bool> = people
                .iter()
                .map(|speaker| heard.as_ref().is_some_and(|heard| heard.present_ms(speaker.hertz) >= 20))
                .collect();
            let loud = heard.is_some_and(|heard| heard.loudness() > MUSIC_DBFS);
            Look { music: loud && !voices.contains(&true), voices }
        })
        .collect();
    Sample { at, looks }
}
