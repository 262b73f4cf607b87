//! The desk's legs: opened, negotiated, closed, frozen and thawed.
//!
//! A leg waits in the lobby until a change-set names it; only then does a media thread get it.

use std::net::IpAddr;

use bytes::Bytes;
use conference::{Direction, LegId};

use super::{Desk, LegRecord, Whereabouts};
use crate::engine::command::{Agreed, Command};
use crate::engine::stats::{Stats, Totals};
use crate::io::Wires;
use crate::jitter::Arrival;
use crate::latch::Latch;
use crate::leg::{Chance, Gear, Leg, LegState, LegStats};
use crate::mixer::{LegError, Offers, OpenError};
use crate::sdp::{Agreement, Forms, LocalMedia, Session, SrtpTerms, Wish};
use crate::settings::Signalling;

/// For so long an agreement may be on its way to the media thread.
const ON_ITS_WAY_US: u64 = 50_000;

impl Desk {
    /// A leg comes into being: it gets ports and waits.
    pub(crate) fn open(&mut self, leg: LegId, signalling: Signalling) -> Result<(), OpenError> {
        let setting = signalling.srtp.unwrap_or(self.srtp);
        let over_tls = signalling.mixed.then(|| setting.of(Signalling { secure: true, ..signalling }));
        let srtp = SrtpTerms { over_tls, ..SrtpTerms::new(setting.of(signalling)) };
        let signalling = signalling.address;
        if self.legs.contains_key(&leg) {
            return Err(OpenError::Known { leg });
        }
        let now_us = self.now_us();
        let chance = chance()?;
        let wires = self.net.bind(self.addresses.own(signalling), now_us)?;
        let local = LocalMedia {
            address: self.addresses.described(signalling),
            port: wires.port,
            codecs: self.codecs.clone(),
            // below 2^63: some phones read it as a signed number
            session_id: (chance.name >> 64) as u64 ^ u64::from(chance.ssrc) << 24,
            opus: self.opus,
            srtp,
        };
        let port = wires.port;
        let latch = Latch::new(self.nat, None, signalling);
        let media = Box::new(Leg::new(leg, wires, latch, chance, now_us, self.arrival()));
        let snapshot = media.snapshot(now_us);
        let session = Session::new(local);
        let at = Whereabouts::Lobby(media);
        self.legs.insert(
            leg,
            LegRecord {
                session,
                signalling,
                port,
                at,
                call: None,
                collected: false,
                volume_db: 0,
                agreed_us: 0,
                snapshot,
            },
        );
        self.seat_late(leg);
        Ok(())
    }

    /// Our offer.
    pub(crate) fn offer(&mut self, leg: LegId, wish: Option<Wish>) -> Result<Bytes, LegError> {
        let session = &mut self.record(leg)?.session;
        Ok(match wish {
            Some(wish) => session.reoffer(wish),
            None => session.offer(),
        })
    }

    /// Our first offer in every form in which whoever is rung by this leg may get it.
    pub(crate) fn offers(&mut self, leg: LegId) -> Result<Offers, LegError> {
        let signalling = self.record(leg)?.signalling;
        let (inside, outside) = (self.addresses.inside(signalling), self.addresses.outside(signalling));
        let session = &mut self.record(leg)?.session;
        session.move_to(inside);
        let Forms { usual, strict, over_tls } = session.offer_in_forms();
        let told = |near: Bytes| {
            let far = outside.filter(|outside| *outside != inside).map(|outside| session.offered_at(&near, outside));
            Offers { near, far, strict: None, over_tls: None }
        };
        Ok(Offers {
            strict: strict.map(|form| Box::new(told(form))),
            over_tls: over_tls.map(|form| Box::new(told(form))),
            ..told(usual)
        })
    }

    /// Our offer was turned down.
    pub(crate) fn withdraw(&mut self, leg: LegId) -> Result<(), LegError> {
        self.record(leg)?.session.withdraw();
        Ok(())
    }

    /// Our last description once more.
    pub(crate) fn repeat(&mut self, leg: LegId) -> Result<Bytes, LegError> {
        Ok(self.record(leg)?.session.repeat())
    }

    /// Our last answer did not go out.
    pub(crate) fn restore(&mut self, leg: LegId) -> Result<Option<Direction>, LegError> {
        let before = self.record(leg)?.session.restore();
        if let Some(agreement) = before {
            self.agreed(leg, agreement);
        }
        Ok(before.map(|agreement| agreement.direction))
    }

    /// A look at an offer.
    pub(crate) fn read(&self, leg: LegId, offer: &[u8]) -> Result<Direction, LegError> {
        let record = self.legs.get(&leg).ok_or(LegError::Unknown { leg })?;
        let reading = record.session.read(offer).map_err(|error| LegError::Sdp { leg, error })?;
        Ok(reading.direction)
    }

    /// Answers an offer; what was agreed is in force with the next tick.
    pub(crate) fn answer(&mut self, leg: LegId, offer: &[u8]) -> Result<Bytes, LegError> {
        let (answer, agreement) =
            self.record(leg)?.session.answer(offer).map_err(|error| LegError::Sdp { leg, error })?;
        self.agreed(leg, agreement);
        Ok(answer)
    }

    /// Takes the answer to our offer.
    pub(crate) fn accept(&mut self, leg: LegId, answer: &[u8]) -> Result<Direction, LegError> {
        let agreement = self.record(leg)?.session.accept(answer).map_err(|error| LegError::Sdp { leg, error })?;
        self.agreed(leg, agreement);
        Ok(agreement.direction)
    }

    /// Takes a provisional answer to our first offer.
    pub(crate) fn accept_early(&mut self, leg: LegId, answer: &[u8]) -> Result<Direction, LegError> {
        let session = &mut self.record(leg)?.session;
        let agreement = session.accept_early(answer).map_err(|error| LegError::Sdp { leg, error })?;
        self.agreed(leg, agreement);
        Ok(agreement.direction)
    }

    /// Signalling of this leg comes from elsewhere now; used from its next agreement on.
    pub(crate) fn moved(&mut self, leg: LegId, signalling: IpAddr) -> Result<(), LegError> {
        let (told, own) = (self.addresses.described(signalling), self.addresses.own(signalling));
        let before = self.record(leg)?.signalling;
        let same_ports = self.addresses.own(before) == own;
        let record = self.record(leg)?;
        record.signalling = signalling;
        if same_ports {
            record.session.move_to(told);
        }
        Ok(())
    }

    /// The leg ends: RTCP BYE, and its ports rest.
    pub(crate) fn close(&mut self, leg: LegId) {
        self.unseat(leg);
        let now_us = self.now_us();
        let Some(record) = self.legs.remove(&leg) else { return };
        match record.at {
            Whereabouts::Lobby(mut media) => {
                media.bye(now_us);
                self.ended(media);
            }
            Whereabouts::On { line, place } => {
                self.departed.leave(leg, record.snapshot.stats());
                self.lines[line].send(Command::Remove { place, bye: true });
            }
            // the word of its removal finds that nobody waits for it
            Whereabouts::Moving { line, place } => {
                self.departed.leave(leg, record.snapshot.stats());
                self.lines[line].free_place(place);
            }
        }
    }

    /// A leg's media end has come back for good.
    pub(super) fn ended(&mut self, leg: Box<Leg>) {
        let now_us = self.now_us();
        self.departed.left(leg.id(), &leg.snapshot(now_us).stats());
        let port = leg.port();
        drop(leg);
        self.net.free(port, now_us);
    }

    /// The leg as it was at most about a second ago.
    pub(crate) fn freeze(&self, leg: LegId) -> Option<LegState> {
        let record = self.legs.get(&leg)?;
        let snapshot = match &record.at {
            Whereabouts::Lobby(media) => media.snapshot(self.now_us()),
            Whereabouts::On { .. } | Whereabouts::Moving { .. } => {
                let mut snapshot = record.snapshot.clone();
                if snapshot.taken_us <= record.agreed_us + ON_ITS_WAY_US {
                    snapshot.forget_timing();
                }
                snapshot
            }
        };
        Some(LegState {
            leg,
            call: record.call,
            port: record.port,
            signalling: record.signalling,
            collected: record.collected,
            volume_db: record.volume_db,
            session: record.session.clone(),
            snapshot,
        })
    }

    /// Takes a leg up again: in this process under its own ports, in another one by binding them anew.
    pub(crate) fn thaw(&mut self, state: LegState) -> Result<(), OpenError> {
        let (now_us, arrival) = (self.now_us(), self.arrival());
        if !self.legs.contains_key(&state.leg) {
            let wires = self.net.rebind(self.addresses.own(state.signalling), state.port)?;
            let media = Box::new(Leg::thaw(&state, wires, now_us, arrival));
            let snapshot = media.snapshot(now_us);
            let at = Whereabouts::Lobby(media);
            let LegState { leg, port, signalling, collected, volume_db, session, .. } = state;
            let (call, agreed_us) = (None, now_us);
            let record = LegRecord { session, signalling, port, at, call, collected, volume_db, agreed_us, snapshot };
            self.legs.insert(leg, record);
            self.seat_late(leg);
            return Ok(());
        }
        let mut thawed = Box::new(Leg::thaw(&state, Wires::none(state.port), now_us, arrival));
        let Some(record) = self.legs.get_mut(&state.leg) else { return Ok(()) };
        record.session = state.session;
        record.signalling = state.signalling;
        record.collected = state.collected;
        record.volume_db = state.volume_db;
        // its numbers are ahead already: should it be frozen again before its first picture, they are not used twice
        record.snapshot = thawed.snapshot(now_us);
        match &mut record.at {
            Whereabouts::Lobby(media) => {
                thawed = thawed.with_ports_of(media);
                *media = thawed;
            }
            Whereabouts::On { line, place } | Whereabouts::Moving { line, place } => {
                let (line, place) = (*line, *place);
                self.lines[line].send(Command::Replace { place, leg: thawed });
            }
        }
        Ok(())
    }

    pub(crate) fn leg_stats(&self, leg: LegId) -> Option<LegStats> {
        self.legs.get(&leg).map(|record| record.snapshot.stats())
    }

    pub(crate) fn stats(&self) -> Stats {
        let Totals { drops, unsent, sent, received, lost } = self.totals();
        Stats {
            workers: self.lines.iter().map(|line| line.counters.read()).collect(),
            drops,
            unsent,
            sent_packets: sent,
            received_packets: received,
            lost_packets: lost,
            legs: self.legs.len(),
            calls: self.calls.len(),
            unbindable_ports: self.net.unbindable(),
        }
    }

    /// What was agreed goes to wherever the leg is.
    fn agreed(&mut self, leg: LegId, agreement: Agreement) {
        let now_us = self.now_us();
        let Some(record) = self.legs.get_mut(&leg) else { return };
        let signalling = record.signalling;
        record.agreed_us = now_us;
        match &mut record.at {
            Whereabouts::Lobby(media) => media.agree(agreement, signalling, &mut Gear::for_agreement(&agreement)),
            Whereabouts::On { line, place } => {
                let gear = Gear::for_agreement(&agreement);
                let agreed = Box::new(Agreed { place: *place, agreement, signalling, gear });
                let line = *line;
                self.lines[line].send(Command::Agree(agreed));
            }
            // told when it gets there
            Whereabouts::Moving { .. } => {}
        }
    }

    fn record(&mut self, leg: LegId) -> Result<&mut LegRecord, LegError> {
        self.legs.get_mut(&leg).ok_or(LegError::Unknown { leg })
    }

    fn arrival(&self) -> Arrival {
        if self.net.stamps() { Arrival::Stamped } else { Arrival::AtTick }
    }
}

fn chance() -> Result<Chance, OpenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| OpenError::NoRandom)?;
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok(Chance {
        ssrc: word(0),
        // the top bit stays free: a wrap in the first seconds only serves attackers of SRTP (RFC 3711 §3.3.1)
        sequence: (word(4) & 0x7fff) as u16,
        timestamp: word(8),
        name: u128::from(word(12)) << 64 | u128::from(word(16)) << 32 | u128::from(word(20)),
        report: word(24),
    })
}
