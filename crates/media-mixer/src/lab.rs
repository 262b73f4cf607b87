//! The mixer on a virtual net and a clock that is turned by hand, for tests: the same desk, worker and legs, no thread.
//!
//! Not part of the API that others may rely on.

use std::net::IpAddr;

use tokio::sync::mpsc;

pub use crate::io::virtual_net::{Parcel, VirtualNet};

use crate::desk::Desk;
use crate::engine::worker::Worker;
use crate::mixer::{self, MediaNews, Mixer, StartError};
use crate::settings::{MediaSettings, NEWS};
use crate::sounds::Sounds;

/// The workers of a mixer, to be turned by hand.
pub struct Lab {
    mixer: Mixer,
    net: VirtualNet,
    workers: Vec<Worker>,
    news: mpsc::Sender<MediaNews>,
    now_us: u64,
}

impl Lab {
    /// A mixer on a virtual net, at `now_us` of a clock that only [`Lab::turn`] moves.
    ///
    /// # Errors
    /// The hold music cannot be played.
    pub fn start(
        settings: &MediaSettings,
        now_us: u64,
    ) -> Result<(Self, Mixer, mpsc::Receiver<MediaNews>), StartError> {
        let net = VirtualNet::new(settings.address);
        net.set_time(now_us);
        let sounds = Sounds::load(&settings.hold_music, &settings.queue_music)?;
        let (news, receiver) = mpsc::channel(NEWS);
        let (mut lines, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..settings.workers.max(1) {
            let (line, worker, _) = mixer::worker(settings, sounds.clone(), now_us);
            lines.push(line);
            workers.push(worker);
        }
        let mut desk = Desk::new(settings, Box::new(net.clone()), lines, || 0);
        desk.set_time(now_us);
        let mixer = Mixer::of(desk);
        Ok((Self { mixer: mixer.clone(), net, workers, news, now_us }, mixer, receiver))
    }

    /// The net.
    #[must_use]
    pub fn net(&self) -> &VirtualNet {
        &self.net
    }

    /// The clock.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Turns the clock to `now_us` and lets every worker do what is due then; nothing in between, as after a stall.
    pub fn turn(&mut self, now_us: u64) {
        self.set_time(now_us);
        self.work();
        self.listen();
    }

    /// Turns the clock, and lets nobody do anything.
    pub fn set_time(&mut self, now_us: u64) {
        self.now_us = now_us;
        self.net.set_time(now_us);
        self.mixer.desk().set_time(now_us);
    }

    /// The media threads' part of [`Lab::turn`] alone.
    pub fn work(&mut self) {
        for worker in &mut self.workers {
            worker.turn(self.now_us);
        }
    }

    /// The listening side's part of [`Lab::turn`] alone.
    pub fn listen(&mut self) {
        let mut desk = self.mixer.desk();
        desk.flush();
        desk.listen(&self.news);
    }

    /// Turns the clock on by `us`, slot by slot.
    pub fn run(&mut self, us: u64) {
        let end = self.now_us + us;
        while self.now_us + SLOT_US <= end {
            self.turn(self.now_us + SLOT_US);
        }
    }

    /// Where signalling of a test's phones comes from.
    #[must_use]
    pub fn signalling() -> IpAddr {
        IpAddr::from([127, 0, 0, 9])
    }
}

/// Length of one slot of the wheel.
pub const SLOT_US: u64 = crate::engine::wheel::SLOT_US;
