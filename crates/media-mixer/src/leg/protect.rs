//! Whether a leg's packets are encrypted, and the ciphers for it. What must be encrypted is sent and taken in no other way, come
//! what may: without its ciphers nothing goes through.
//!
//! What was agreed is the business of `sdp`; what is done to a packet, of `srtp`.

use crate::srtp::{Opened, Progress, Protection, Refused, Shield, Suite};

/// What stands between a leg and its wires.
#[derive(Default)]
pub(crate) struct Wall {
    /// The pair of keys that was agreed on; `None`: plain RTP.
    pair: Option<u32>,
    shield: Option<Box<Shield>>,
    /// The one before: an agreement may be called off, and then its keys go on where they were.
    before: Option<Box<Shield>>,
}

impl Wall {
    /// What was agreed is in force from here on. What of `made` is not needed, or not any more, stays in it. Allocates nothing.
    pub(crate) fn take(&mut self, protection: Option<&Protection>, made: &mut Option<Box<Shield>>) {
        self.pair = protection.map(|protection| protection.pair);
        let is_wanted = |shield: &Option<Box<Shield>>| shield.as_ref().map(|shield| shield.pair()) == self.pair;
        if self.pair.is_none() || is_wanted(&self.shield) {
            return;
        }
        if !is_wanted(&self.before) {
            // the one before the last goes to be freed
            std::mem::swap(&mut self.before, made);
        }
        std::mem::swap(&mut self.shield, &mut self.before);
        if let (Some(now), Some(before)) = (&mut self.shield, &self.before) {
            now.follow(before);
        }
    }

    /// Whether packets are to be encrypted.
    pub(crate) fn stands(&self) -> bool {
        self.pair.is_some()
    }

    /// The length of what is to be sent of the `length` bytes in `room`; `None`: nothing.
    pub(crate) fn seal(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        if !self.stands() {
            return Some(length);
        }
        self.shield()?.seal_rtp(room, length)
    }

    /// The same for a compound of reports.
    pub(crate) fn seal_control(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        if !self.stands() {
            return Some(length);
        }
        self.shield()?.seal_rtcp(room, length)
    }

    /// What is in a packet; `None` where nothing is encrypted.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Option<Result<Opened, Refused>> {
        self.stands().then(|| self.shield().ok_or(Refused::Unproved)?.open_rtp(packet))
    }

    /// The same for a compound of reports.
    pub(crate) fn open_control(&mut self, packet: &mut [u8]) -> Option<Result<Opened, Refused>> {
        self.stands().then(|| self.shield().ok_or(Refused::Unproved)?.open_rtcp(packet))
    }

    /// How its packets are encrypted now.
    pub(crate) fn suite(&self) -> Option<Suite> {
        let shield = self.shield.as_ref().filter(|_| self.stands())?;
        Some(shield.progress().suite())
    }

    /// How far its keys have come, those before them too: they come back if the last agreement is called off.
    pub(crate) fn progress(&self) -> [Option<Progress>; 2] {
        [&self.shield, &self.before].map(|shield| shield.as_ref().map(|shield| shield.progress()))
    }

    /// Its keys go on behind those pictures. `sequence`: the number of the leg's next packet at that time.
    pub(crate) fn resume(&mut self, pictures: &[Option<Progress>; 2], sequence: u16) {
        if let Some(shield) = self.shield() {
            shield.resume(pictures, sequence);
        }
    }

    /// The ciphers of what was agreed, and no others.
    fn shield(&mut self) -> Option<&mut Shield> {
        let pair = self.pair;
        self.shield.as_deref_mut().filter(|shield| Some(shield.pair()) == pair)
    }
}
