//! The mixer as the daemon sees it: a handle that may be cloned and called from anywhere, and news.
//!
//! No call here waits for a media thread: it takes the desk's lock for a moment and leaves a command in a ring. The handle
//! decides nothing about who hears whom; [`Mixer::set_audibility`] is told.

mod errors;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference::record::Quality;
use conference::{CallId, ChangeSet, Cue, Direction, Key, LegId, LegMask};
use rtrb::RingBuffer;
use tokio::sync::{mpsc, oneshot};

use crate::desk::{Desk, GOODBYE, Line};
use crate::dtmf::Digit;
use crate::engine::call::Shared;
use crate::engine::command::Command;
use crate::engine::stats::{Counters, Stats};
use crate::engine::thread;
use crate::engine::worker::Worker;
use crate::io::PlainNet;
use crate::leg::{LegState, LegStats};
use crate::realtime;
use crate::sdp::Wish;
use crate::settings::{COMMANDS, HoldMusic, Laws, MediaSettings, NEWS, Signalling, WORDS};
use crate::sounds::{QueueMusic, QueueMusicError, Sounds};
pub use errors::{LegError, OpenError, StartError};

/// How long the listener sleeps when nobody wakes it.
const NAP: Duration = Duration::from_millis(20);

/// When a change came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The change-set's version.
    pub version: u64,
    /// The moment, on the monotonic clock in microseconds.
    pub at_us: u64,
    /// The call's media clock: samples of 1/8000 s since its first tick. Every frame from this one on is mixed by the new masks.
    pub sample: u64,
}

/// What became known on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaNews {
    /// An open leg was silent for `media_timeout`. Told once, until it is heard again.
    Silent {
        /// The leg.
        leg: LegId,
    },
    /// A key went down. Exactly one [`MediaNews::Digit`] follows.
    DigitBegan {
        /// Whose phone.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A key was released. Each press is told once, also if its phone told it by a telephone event and by INFO.
    Digit {
        /// Whose phone.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was down.
        duration_ms: u16,
        /// It was sent to nobody ([`Mixer::collect`]); else to whoever may hear the leg.
        collected: bool,
    },
    /// Somebody whom somebody may hear, by the masks and by law 3, has begun to talk, or has stopped; twice a second at most. Of the
    /// talkers of a large call only of those who are mixed.
    Talks {
        /// The leg.
        leg: LegId,
        /// Whether they talk now.
        talks: bool,
    },
    /// The peer ended its stream by RTCP BYE. A hint: the leg lives until signalling ends it.
    PeerBye {
        /// The leg.
        leg: LegId,
    },
    /// A change-set had a version that was not expected. The call is silent until its full state comes.
    OutOfStep {
        /// The call.
        call: CallId,
    },
    /// A media thread could not keep up, or stood still.
    Overload {
        /// Which.
        thread: usize,
        /// Ticks that one call lost in a row.
        lost_ticks: u64,
    },
}

/// A call's masks, by its last change-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audibility {
    /// The change-set's version.
    pub version: u64,
    /// Out of step: silent until the full state comes.
    pub closed: bool,
    /// Leg by leg.
    pub masks: Vec<LegMask>,
}

impl Audibility {
    /// Every pair (listener, speaker) that is audible.
    pub fn pairs(&self) -> impl Iterator<Item = (LegId, LegId)> + '_ {
        let speakers = move |listener: &LegMask| {
            let listener = listener.clone();
            self.masks.iter().filter(move |speaker| listener.hears(speaker)).map(|speaker| speaker.leg)
        };
        self.masks.iter().flat_map(move |listener| speakers(listener).map(|speaker| (listener.leg, speaker)))
    }
}

struct House {
    desk: Mutex<Desk>,
    abandoned: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// The first offer of a leg that may be rung at several places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// What whoever is in our networks is told.
    pub near: Bytes,
    /// What all others are told, if that is another address of ours.
    pub far: Option<Bytes>,
    /// What is offered instead to who turned this down with 488, once: encryption alone.
    pub strict: Option<Box<Offers>>,
    /// What is offered instead to who speaks TLS, by keys that nobody else is told.
    pub over_tls: Option<Box<Offers>>,
}

/// The mixer's handle. When the last clone is gone, its threads end.
#[derive(Clone)]
pub struct Mixer {
    house: Arc<House>,
}

impl Mixer {
    /// Starts the media threads.
    ///
    /// # Errors
    /// As [`StartError`] says; nothing runs then.
    pub fn start(settings: MediaSettings) -> Result<(Self, mpsc::Receiver<MediaNews>), StartError> {
        let net = PlainNet::new(settings.rtp_ports)?;
        let sounds = Sounds::load(&settings.hold_music, &settings.queue_music)?;
        let (news, receiver) = mpsc::channel(NEWS);
        let automatic = settings.workers == 0;
        let count = if automatic { realtime::cores().saturating_sub(1).max(1) } else { settings.workers };
        let (mut lines, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (line, worker, counters) = worker(&settings, sounds.clone(), realtime::now_us());
            lines.push(line);
            workers.push((worker, counters));
        }
        let desk = Desk::new(&settings, Box::new(net), lines, realtime::now_us);
        let mixer = Self::of(desk);
        let listener = mixer.start_listener(news)?;
        let listening = listener.thread().clone();
        let mut threads = vec![listener];
        for (number, (worker, counters)) in workers.into_iter().enumerate() {
            let core = (automatic && realtime::cores() > 1).then_some(number + 1);
            let abandoned = Arc::clone(&mixer.house.abandoned);
            threads.push(thread::start(number, core, worker, counters, abandoned, listening.clone())?);
        }
        *mixer.house.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        Ok((mixer, receiver))
    }

    pub(crate) fn of(desk: Desk) -> Self {
        let abandoned = Arc::new(AtomicBool::new(false));
        Self { house: Arc::new(House { desk: Mutex::new(desk), abandoned, threads: Mutex::new(Vec::new()) }) }
    }

    /// A leg comes into being: it gets ports and waits, in no call, hearing nothing. `signalling`: where its SIP comes from,
    /// and how; an address alone stands for signalling in the clear.
    ///
    /// # Errors
    /// As [`OpenError`] says.
    pub fn open(&self, leg: LegId, signalling: impl Into<Signalling>) -> Result<(), OpenError> {
        self.desk().open(leg, signalling.into())
    }

    /// Our offer for a leg.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn offer(&self, leg: LegId) -> Result<Bytes, LegError> {
        self.desk().offer(leg, None)
    }

    /// Our first offer for a leg that is rung at several places: as it is told in our networks, and outside of them.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn offers(&self, leg: LegId) -> Result<Offers, LegError> {
        self.desk().offers(leg)
    }

    /// Our offer with another wish; a softphone holds and resumes by it.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn reoffer(&self, leg: LegId, wish: Wish) -> Result<Bytes, LegError> {
        self.desk().offer(leg, Some(wish))
    }

    /// Our offer was turned down; what was agreed before goes on.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn withdraw(&self, leg: LegId) -> Result<(), LegError> {
        self.desk().withdraw(leg)
    }

    /// Our last description once more, as an offer: a refresh, by which nothing changes.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn repeat(&self, leg: LegId) -> Result<Bytes, LegError> {
        self.desk().repeat(leg)
    }

    /// Our last answer did not go out, because the offer was called off: what was agreed before it is in force again with
    /// the next tick. Says what that asks of the leg; `None` if nothing was agreed before.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn restore(&self, leg: LegId) -> Result<Option<Direction>, LegError> {
        self.desk().restore(leg)
    }

    /// What an offer asks of its leg. Nothing changes; fails exactly when [`Mixer::answer`] would.
    ///
    /// # Errors
    /// As [`LegError`] says.
    pub fn read(&self, leg: LegId, offer: &[u8]) -> Result<Direction, LegError> {
        self.desk().read(leg, offer)
    }

    /// Answers an offer. What was agreed is in force with the next tick.
    ///
    /// # Errors
    /// As [`LegError`] says; nothing has changed then.
    pub fn answer(&self, leg: LegId, offer: &[u8]) -> Result<Bytes, LegError> {
        self.desk().answer(leg, offer)
    }

    /// Takes the answer to our offer, and says what it asks of the leg.
    ///
    /// # Errors
    /// As [`LegError`] says; nothing has changed then.
    pub fn accept(&self, leg: LegId, answer: &[u8]) -> Result<Direction, LegError> {
        self.desk().accept(leg, answer)
    }

    /// Takes a provisional answer to our first offer (183), and says what it asks of the leg. The answer itself is still to come, by
    /// [`Mixer::accept`]; it may be another one, or empty where this one was all there is.
    ///
    /// # Errors
    /// As [`LegError`] says; nothing has changed then.
    pub fn accept_early(&self, leg: LegId, answer: &[u8]) -> Result<Direction, LegError> {
        self.desk().accept_early(leg, answer)
    }

    /// Signalling of a leg comes from elsewhere now; to be said before the agreement that follows from it.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn moved(&self, leg: LegId, signalling: IpAddr) -> Result<(), LegError> {
        self.desk().moved(leg, signalling)
    }

    /// Changes who hears whom in one call, whole, between two ticks. The receiver is told once the change is in force; it fails
    /// if the change was refused because its version was not expected ([`MediaNews::OutOfStep`]).
    pub fn set_audibility(&self, change: ChangeSet) -> oneshot::Receiver<Applied> {
        let applied = self.desk().set_audibility(change);
        self.wake();
        applied
    }

    /// Plays a cue into one leg, added to what it hears.
    pub fn cue(&self, leg: LegId, cue: Cue) {
        self.desk().cue(leg, cue);
    }

    /// From now on the digits of this leg, by telephone events and by INFO, are sent to nobody: they are told, as
    /// [`MediaNews::Digit`] with `collected`. To say it again changes nothing; a thawed leg goes on being collected.
    pub fn collect(&self, leg: LegId) {
        self.desk().collect(leg);
    }

    /// Sends these keys, one after the other and each for as long as it was down (within the limits of any relayed digit), to
    /// whoever hears the leg at this moment.
    pub fn relay(&self, leg: LegId, keys: &[Key]) {
        self.desk().relay(leg, keys);
    }

    /// Sends these keys, one after the other and each for as long as it was down (within the limits of any relayed digit), to one
    /// leg's phone alone: as telephone events, or as tones where none were agreed. At most [`crate::dtmf::QUEUE`] wait; more are
    /// lost, as are those for a leg that is sent nothing.
    pub fn press(&self, leg: LegId, keys: &[Key]) {
        self.desk().press(leg, keys);
    }

    /// How loud a leg's voice is for all others from the next tick on, in decibels (-40 to 20; beyond that counts as the end);
    /// 0: as it comes. It stays so through freezing and whatever is agreed, until it is said anew.
    pub fn set_volume(&self, leg: LegId, volume_db: i8) {
        self.desk().set_volume(leg, volume_db);
    }

    /// From the next tick on, those who wait in these queues hear this ([`conference::Ears::Queue`]), each where they were; in any
    /// other queue the hold music. Reads and decodes the files before it returns: not for a thread that must not wait.
    ///
    /// # Errors
    /// The first queue whose music cannot be played; everything stays as it was then.
    pub fn set_queue_music(&self, queues: &BTreeMap<String, HoldMusic>) -> Result<(), QueueMusicError> {
        let queues = QueueMusic::load(queues)?;
        self.desk().set_queue_music(&queues);
        Ok(())
    }

    /// A digit that came by INFO is relayed once to whoever hears the leg unless it is collected, and is news like one from RTP.
    pub fn digit(&self, from: LegId, digit: char, duration_ms: u16) {
        self.desk().digit(from, Digit { symbol: digit, duration_ms });
    }

    /// Ends a leg's media: RTCP BYE, and its ports rest.
    pub fn close(&self, leg: LegId) {
        self.desk().close(leg);
    }

    /// The leg as a plain value, for the journal. Its picture is at most about a second old; numbers on the wire are reserved
    /// further ahead than that.
    #[must_use]
    pub fn freeze(&self, leg: LegId) -> Option<LegState> {
        self.desk().freeze(leg)
    }

    /// Takes a frozen leg up again: port, SSRC and negotiation go on. One that lives in this process is replaced in its seat;
    /// otherwise it waits until the call's full state names it.
    ///
    /// # Errors
    /// Its ports are taken by somebody else.
    pub fn thaw(&self, state: LegState) -> Result<(), OpenError> {
        self.desk().thaw(state)
    }

    /// What the mixer has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.desk().stats()
    }

    /// What a leg's media has come to.
    #[must_use]
    pub fn leg_stats(&self, leg: LegId) -> Option<LegStats> {
        self.desk().leg_stats(leg)
    }

    /// How a leg sounds, or sounded in the end if it was closed lately (the last few thousand are known). At most about a second
    /// old while it is open; exact a few milliseconds after it was closed.
    #[must_use]
    pub fn quality(&self, leg: LegId) -> Option<Quality> {
        self.desk().quality(leg)
    }

    /// The present sample of a call's media clock, on which [`Applied::sample`] lies: a whole number of frames, never before the
    /// last change in force, and hardly more than a frame behind. `None`: there is no such call, or nothing of it is in force.
    #[must_use]
    pub fn media_clock(&self, call: CallId) -> Option<u64> {
        self.desk().media_clock(call)
    }

    /// Who hears whom in a call, by its last change-set.
    #[must_use]
    pub fn audibility(&self, call: CallId) -> Option<Audibility> {
        self.desk().audibility(call)
    }

    /// Says goodbye to everybody and ends the threads; waits for that, for half a second at most.
    pub fn stop(self) {
        self.desk().lines().iter_mut().for_each(|line| line.send(Command::Stop));
        let threads = std::mem::take(&mut *self.house.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let until = Instant::now() + GOODBYE;
        let (listener, media) = match threads.split_first() {
            Some((listener, media)) => (listener, media),
            None => return,
        };
        while media.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.house.abandoned.store(true, Ordering::Relaxed);
        listener.thread().unpark();
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        // a panic while the lock was held left the desk as it was between two of its steps: calls go on
        self.house.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// News that came about on this side should not wait for a media thread's next word.
    fn wake(&self) {
        if let Some(listener) = self.house.threads.lock().unwrap_or_else(PoisonError::into_inner).first() {
            listener.thread().unpark();
        }
    }

    fn start_listener(&self, news: mpsc::Sender<MediaNews>) -> std::io::Result<JoinHandle<()>> {
        let house = Arc::downgrade(&self.house);
        std::thread::Builder::new().name("media-news".to_owned()).spawn(move || {
            while let Some(house) = house.upgrade().filter(|house| !house.abandoned.load(Ordering::Relaxed)) {
                {
                    let mut desk = house.desk.lock().unwrap_or_else(PoisonError::into_inner);
                    desk.flush();
                    desk.listen(&news);
                }
                drop(house);
                std::thread::park_timeout(NAP);
            }
        })
    }
}

/// One media thread's worker and the desk's end of it.
pub(crate) fn worker(settings: &MediaSettings, sounds: Sounds, now_us: u64) -> (Line, Worker, Arc<Counters>) {
    let (command_sender, commands) = RingBuffer::new(COMMANDS);
    let (word_sender, words) = RingBuffer::new(WORDS);
    let counters = Arc::new(Counters::default());
    let shared = Shared {
        laws: Laws::new(settings),
        music: sounds.music,
        queues: Box::new(sounds.queues),
        prompts: sounds.prompts,
        media_timeout: settings.media_timeout,
        tail_guard: settings.tail_guard,
        agc: settings.agc,
        complexity: settings.opus.complexity,
        pressed: false,
    };
    let line = Line::new(command_sender, words, Arc::clone(&counters));
    (line, Worker::new(commands, word_sender, Arc::clone(&counters), shared, now_us), counters)
}
