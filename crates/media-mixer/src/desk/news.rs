//! What the media threads say, taken from their rings: acknowledgements, things to be freed, pictures, and news for the daemon.
//!
//! Runs on a thread of its own, or by hand in tests. Never on a media thread, and never on one that must not wait for the lock.

use conference::LegId;
use tokio::sync::mpsc;

use super::calls::tell;
use super::{Desk, Whereabouts};
use crate::engine::command::{Command, Word};
use crate::leg::{Gear, Leg, Snapshot};
use crate::mixer::MediaNews;
use crate::settings::NEWS;

impl Desk {
    /// Takes every word that waits, and tells the daemon what is news to it.
    pub(crate) fn listen(&mut self, news: &mpsc::Sender<MediaNews>) {
        for line in 0..self.lines.len() {
            while let Some(word) = self.lines[line].word() {
                self.hear(line, word);
            }
        }
        while let Some(first) = self.untold.pop_front() {
            match news.try_send(first) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(first)) => {
                    self.untold.push_front(first);
                    break;
                }
            }
        }
    }

    /// Acknowledgements never wait for news to be read; news that nobody reads is lost at last.
    fn news(&mut self, news: MediaNews) {
        if self.untold.len() < NEWS {
            self.untold.push_back(news);
        } else {
            tracing::warn!("media news is not read, and lost");
        }
    }

    fn hear(&mut self, line: usize, word: Word) {
        match word {
            Word::Applied(mut change) => {
                if change.end {
                    self.lines[line].free_slot(change.slot);
                }
                let Some(applied) = change.applied else { return };
                if let Some(known) = self.calls.get_mut(&change.call) {
                    known.applied = (change.serial, applied.at_us);
                    known.clock = Some((applied.at_us, applied.sample));
                }
                if let Some(ack) = change.ack.take() {
                    tell(ack, applied);
                }
            }
            Word::Removed { place, leg, ended } => self.removed(line, place, leg, ended),
            Word::Spent(spent) => drop(spent),
            Word::Picture { place, picture, sample } => self.picture(line, place, picture, sample),
            Word::Silent { leg } => self.news(MediaNews::Silent { leg }),
            Word::DigitBegan { leg, digit } => self.news(MediaNews::DigitBegan { leg, digit }),
            Word::Digit { leg, digit, collected } => {
                let (digit, duration_ms) = (digit.symbol, digit.duration_ms);
                self.news(MediaNews::Digit { leg, digit, duration_ms, collected });
            }
            Word::Talks { leg, talks } => self.news(MediaNews::Talks { leg, talks }),
            Word::PeerBye { leg } => self.news(MediaNews::PeerBye { leg }),
            Word::Overload { lost } => self.news(MediaNews::Overload { thread: line, lost_ticks: lost }),
        }
    }

    /// A thread has handed a leg out: it ended, or another thread waits for it.
    fn removed(&mut self, line: usize, place: u32, mut leg: Box<Leg>, ended: bool) {
        self.lines[line].free_place(place);
        let waiting = self.waiting_for(leg.id());
        match waiting {
            Some((to, place)) if !ended => {
                if let Some(record) = self.legs.get_mut(&leg.id()) {
                    record.at = Whereabouts::On { line: to, place };
                    // said and agreed while it was on no thread
                    if record.collected {
                        leg.collect();
                    }
                    leg.set_volume(record.volume_db);
                    if let Some(agreement) = record.session.agreement().filter(|agreed| !leg.has_agreed(agreed)) {
                        leg.agree(*agreement, record.signalling, &mut Gear::for_agreement(agreement));
                    }
                }
                self.lines[to].send(Command::Insert { place, leg });
            }
            Some(_) | None => {
                if !ended {
                    leg.bye(self.now_us());
                }
                self.ended(leg);
            }
        }
    }

    fn waiting_for(&self, leg: LegId) -> Option<(usize, u32)> {
        match self.legs.get(&leg)?.at {
            Whereabouts::Moving { line, place } => Some((line, place)),
            Whereabouts::Lobby(_) | Whereabouts::On { .. } => None,
        }
    }

    fn picture(&mut self, line: usize, place: u32, picture: Box<Snapshot>, sample: u64) {
        if let Some(record) = self.legs.get_mut(&picture.leg) {
            let here = matches!(record.at, Whereabouts::On { line: at, .. } if at == line);
            if let Some(call) = record.call.filter(|_| here).and_then(|call| self.calls.get_mut(&call)) {
                call.clock = Some((picture.taken_us, sample));
            }
            record.snapshot.clone_from(&picture);
            self.lines[line].send(Command::Paper { place, paper: picture });
        }
    }
}
