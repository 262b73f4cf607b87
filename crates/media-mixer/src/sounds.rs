//! What the media threads play, loaded at the start or at a reload, and shared by all of them: music and prompts.
//!
//! Reads and decodes: never to be called on a tick, which only looks up what is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mixer::StartError;
use crate::music::{Music, MusicError, MusicPosition};
use crate::prompts::Prompts;
use crate::settings::HoldMusic;

/// A queue's music cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("music of queue {queue}: {source}")]
pub struct QueueMusicError {
    /// The queue.
    pub queue: String,
    /// Why not.
    pub source: MusicError,
}

/// What the media threads play.
#[derive(Clone)]
pub(crate) struct Sounds {
    pub(crate) music: Arc<Music>,
    pub(crate) queues: QueueMusic,
    pub(crate) prompts: Arc<Prompts>,
}

impl Sounds {
    pub(crate) fn load(music: &HoldMusic, queues: &BTreeMap<String, HoldMusic>) -> Result<Self, StartError> {
        let music = load(music)?;
        let queues = QueueMusic::load(queues)?;
        Ok(Self { music, queues, prompts: Prompts::builtin().map_err(StartError::Prompts)? })
    }
}

fn load(music: &HoldMusic) -> Result<Arc<Music>, MusicError> {
    match music {
        HoldMusic::Builtin => Ok(Music::builtin()),
        HoldMusic::Silence => Ok(Music::silence()),
        HoldMusic::Path(path) => Music::open(&path.to_string_lossy()),
    }
}

/// Each queue's music.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueMusic {
    /// In the order of the names.
    queues: Box<[(String, Arc<Music>)]>,
}

impl QueueMusic {
    /// Loads all of it. What two queues share is decoded and kept once.
    ///
    /// # Errors
    /// The first queue, in the order of their names, whose music cannot be played.
    pub(crate) fn load(settings: &BTreeMap<String, HoldMusic>) -> Result<Self, QueueMusicError> {
        let mut known: Vec<(&HoldMusic, Arc<Music>)> = Vec::new();
        let mut queues = Vec::with_capacity(settings.len());
        for (queue, setting) in settings {
            let before = known.iter().find(|(other, _)| *other == setting).map(|(_, music)| Arc::clone(music));
            let music = match before {
                Some(music) => music,
                None => load(setting).map_err(|source| QueueMusicError { queue: queue.clone(), source })?,
            };
            known.push((setting, Arc::clone(&music)));
            queues.push((queue.clone(), music));
        }
        Ok(Self { queues: queues.into_boxed_slice() })
    }

    /// The number of a queue's music, by which it is told from that of all others. Neither allocates nor locks.
    pub(crate) fn find(&self, queue: &str) -> Option<u32> {
        let place = self.queues.binary_search_by(|(name, _)| name.as_str().cmp(queue)).ok()?;
        u32::try_from(place).ok()
    }

    /// Reads the music of this number, if there is still such a one.
    pub(crate) fn read(&self, number: u32, position: MusicPosition, out: &mut [i16]) {
        if let Some((_, music)) = self.queues.get(number as usize) {
            music.read(position, out);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_queue_is_found_by_its_name_and_no_other_is() {
        let names = ["support", "sales", "a", "zz", "Ärzte"];
        let settings = names.map(|name| (name.to_owned(), HoldMusic::Silence)).into_iter().collect();
        let queues = QueueMusic::load(&settings).unwrap();
        let mut numbers: Vec<u32> = names.iter().map(|name| queues.find(name).unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert!(queues.find("Support").is_none() && queues.find("").is_none());
        assert!(Arc::ptr_eq(&queues.queues[0].1, &queues.queues[4].1), "the same music is kept once");
    }

    #[test]
    fn music_that_cannot_be_read_is_named_with_its_queue() {
        let bad = HoldMusic::Path("/nowhere/music.wav".into());
        let settings = BTreeMap::from([("good".to_owned(), HoldMusic::Silence), ("support".to_owned(), bad)]);
        let error = QueueMusic::load(&settings).unwrap_err();
        assert_eq!(error.queue, "support");
        assert!(error.to_string().starts_with("music of queue support: /nowhere/music.wav: "), "{error}");
    }
}
