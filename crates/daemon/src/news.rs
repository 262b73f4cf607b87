//! Turns what the edges tell into reports for the core. Descriptions are read by the mixer first, so that the core hears
//! what a phone asks of its leg and never sees SDP.
//!
//! ```text
//!   phone          signalling        switch          mixer           core
//!     |-- re-INVITE -->|--- Offered -->|---- read ---->|               |   RFC 3264 §8.4
//!     |                |               |<- direction --|               |
//!     |                |               |-------- Report::Offered ----->|
//!     |                |               |<- SetAudibility, AnswerOffer -|   masks first
//! ```
//!
//! It decides nothing by what it reads; a description that cannot be used is turned down with the mixer's status.

use std::net::IpAddr;

use bytes::Bytes;
use conference::{Caller, Direction, Ending, Key, LegId, Phone, Report};
use media_mixer::MediaNews;
use sip_signalling::{Arrival, News, Wish};
use tracing::{debug, info, warn};

use crate::carry::{Leg, Waiting};
use crate::events::{self, masked};
use crate::metrics::Enrolment;
use crate::switch::Switch;

/// An answer that cannot be used; nothing that can be told to whoever gave it.
const NOT_ACCEPTABLE: u16 = 488;
/// No leg, no port.
const NO_ROOM: u16 = 503;

impl Switch {
    /// What happened at the signalling edge.
    pub(crate) fn hear(&mut self, news: News) {
        match news {
            News::Arrived(arrival) => self.arrived(arrival),
            News::Progress { leg, status, body } => self.progress(leg, status, &body),
            News::Answered { leg, body, phone, source } => self.answered(leg, &body, phone, source.ip()),
            News::Failed { leg, status } => self.failed(leg, status),
            News::Acknowledged { leg, answer } => self.acknowledged(leg, answer.as_ref()),
            News::Offered { leg, number, offer } => self.offered(leg, number, offer),
            News::OfferCancelled { leg, number } => self.offer_cancelled(leg, number),
            News::OfferWanted { leg } => self.offer_wanted(leg),
            News::OfferAnswered { leg, answer, .. } => self.offer_answered(leg, &answer),
            News::OfferRefused { leg, status, .. } => self.offer_refused(leg, status),
            News::Moved { leg, source } => {
                info!(%leg, %source, "its phone has moved");
                // a leg that the mixer does not know is on its way out
                _ = self.carry.mixer.moved(leg, source.ip());
            }
            News::Ended { leg, how } => self.ended(leg, how),
            News::Digit { leg, digit, duration_ms } => self.carry.mixer.digit(leg, digit, duration_ms),
            News::Referred { refer, at, asks } => self.referred(refer, at, asks),
            // told to phones only
            News::ReferAnswered { .. } | News::Notified { .. } | News::Identified { .. } => {}
            News::Probed { leg, alive } => self.about(leg, Report::Probed { leg, alive }),
            News::Registered { agent, phones } => {
                info!(%agent, phones, "registered");
                let phones = u32::try_from(phones).unwrap_or(u32::MAX);
                self.report(Report::Registered { agent, phones });
            }
            News::PhoneRegistered { .. } => {}
            News::Bound { agent, contacts } => {
                self.carry.ways.phones.learn(&agent, &contacts);
                if let Some(keeper) = &self.keeper {
                    keeper.bound(agent, &contacts);
                }
            }
            News::Watched { watch, package, at, watcher } => self.watched(watch, package, &at, &watcher),
            News::WatchEnded { watch } => self.watch_ended(watch),
            News::Enrolled { trunk, status, expires_s } => match self.carry.metrics.enrolled(&trunk, status) {
                Enrolment::New => info!(trunk, expires_s, "registered at the carrier"),
                Enrolment::Refreshed => debug!(trunk, expires_s, "registered at the carrier"),
                Enrolment::Failed => warn!(trunk, status, "the carrier does not register us; it is tried again"),
            },
            News::Security { rule, source, detail } => {
                self.carry.metrics.security(rule);
                warn!(rule, %source, detail = masked(&detail), "security");
            }
        }
    }

    /// What happened at the media edge.
    pub(crate) fn hear_media(&mut self, news: MediaNews) {
        match news {
            MediaNews::Silent { leg } => self.about(leg, Report::Silent { leg }),
            MediaNews::Talks { leg, talks } => self.about(leg, Report::Talks { leg, talks }),
            MediaNews::OutOfStep { call } => {
                warn!(%call, "the mixer fell out of step; it is told the whole state");
                self.carry.restate(call);
            }
            MediaNews::Digit { leg, digit, duration_ms, collected: true } => {
                self.about(leg, Report::Digit { leg, key: Key { digit, duration_ms } });
            }
            // relayed by the mixer itself, by who hears whom
            MediaNews::DigitBegan { .. } | MediaNews::Digit { collected: false, .. } => {}
            // the BYE that counts is the signalling's
            MediaNews::PeerBye { .. } => {}
            MediaNews::Overload { thread, lost_ticks } => warn!(thread, lost_ticks, "a media thread cannot keep up"),
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let leg = arrival.leg;
        let caller = match &arrival.caller {
            Caller::Agent { name, .. } => name.0.clone(),
            Caller::Customer { trunk, number } => format!("{trunk}/{}", masked(number)),
        };
        let (dialled, call_id) = (masked(&arrival.dialled), masked(&arrival.call_id));
        info!(%leg, caller, dialled, call_id, source = %arrival.source, "arrived");
        if self.carry.legs.is_full() {
            return self.turn_away(leg, NO_ROOM, "too many legs");
        }
        let way = self.carry.ways.from(&arrival.caller, arrival.source.ip(), arrival.secure);
        if let Err(error) = self.carry.mixer.open(leg, way) {
            return self.turn_away(leg, NO_ROOM, &error.to_string());
        }
        let to = self.plan.look_up(&arrival.caller, &arrival.dialled, arrival.ours);
        let (waiting, direction) = match arrival.offer {
            None => (Waiting::NoOffer, Direction::Both),
            Some(offer) => match self.carry.mixer.read(leg, &offer) {
                Ok(direction) => (Waiting::Offer(offer), direction),
                Err(error) => {
                    self.carry.mixer.close(leg);
                    return self.turn_away(leg, error.status(), &error.to_string());
                }
            },
        };
        if let Some(old) = arrival.replaces {
            // made before the core hears of it: the old leg ends with the answer, and only for one that there is
            let waiting = match self.carry.made(leg, &waiting) {
                Ok(made) => made,
                Err(error) => {
                    self.carry.mixer.close(leg);
                    return self.turn_away(leg, error.status(), &error.to_string());
                }
            };
            self.carry.legs.add(leg, Leg::new(waiting, direction));
            return self.report(Report::Replaced { leg, old, caller: arrival.caller, direction });
        }
        self.carry.legs.add(leg, Leg::new(waiting, direction));
        self.report(Report::Arrived { leg, caller: arrival.caller, to, shown: arrival.dialled, direction });
    }

    /// For a leg that the core never heard of.
    fn turn_away(&mut self, leg: LegId, status: u16, why: &str) {
        events::leg(leg, None, &format!("turned away: {}", masked(why)), status);
        // whoever looks for the reason at the phone should find it there
        let reason = (status == NOT_ACCEPTABLE).then(|| masked(why));
        self.carry.endpoint.wish(Wish::Reject { leg, status, reason });
    }

    fn progress(&mut self, leg: LegId, status: u16, body: &Bytes) {
        if status <= 100 {
            return;
        }
        // of several phones that ring by one leg none has the leg's sound before its answer
        let alone = self.carry.legs.get(leg).is_some_and(|known| known.rung.is_none());
        if body.is_empty() || !alone {
            // 180 and 183 alike: somebody's phone has it
            return self.about(leg, Report::Ringing { leg });
        }
        match self.carry.mixer.accept_early(leg, body) {
            Ok(direction) => {
                info!(%leg, status, "has early media");
                self.about(leg, Report::Early { leg, direction });
            }
            Err(error) => {
                // its answer may be a better one
                let why = format!("its early media cannot be used: {}", masked(&error.to_string()));
                events::leg(leg, self.carry.legs.call(leg), &why, status);
                self.about(leg, Report::Ringing { leg });
            }
        }
    }

    fn answered(&mut self, leg: LegId, answer: &Bytes, phone: Option<Phone>, source: IpAddr) {
        if self.carry.legs.get(leg).is_none() {
            return;
        }
        self.carry.legs.take_waiting(leg);
        let read = self.carry.mixer.moved(leg, source).and_then(|()| self.carry.mixer.accept(leg, answer));
        match read {
            Ok(direction) => {
                if let Some(known) = self.carry.legs.get_mut(leg) {
                    known.direction = direction;
                }
                self.report(Report::Answered { leg, direction, phone });
            }
            Err(error) => {
                let why = format!("its answer cannot be used: {}", masked(&error.to_string()));
                events::leg(leg, self.carry.legs.call(leg), &why, NOT_ACCEPTABLE);
                let reason = Some(error.reason());
                self.carry.endpoint.wish(Wish::End { leg, status: Some(NOT_ACCEPTABLE), reason });
                self.report(Report::Failed { leg, status: NOT_ACCEPTABLE });
                self.carry.close(leg);
            }
        }
    }

    fn failed(&mut self, leg: LegId, status: u16) {
        if self.carry.legs.get(leg).is_none() {
            return;
        }
        events::leg(leg, self.carry.legs.call(leg), "could not be had", status);
        self.report(Report::Failed { leg, status });
        self.carry.close(leg);
    }

    fn ended(&mut self, leg: LegId, how: Ending) {
        if self.carry.legs.get(leg).is_none() {
            return;
        }
        self.report(Report::Ended { leg, how });
        self.carry.close(leg);
    }

    /// The ACK to our 200; with an answer where our 200 made the offer (RFC 3261 §13.2.1).
    fn acknowledged(&mut self, leg: LegId, answer: Option<&Bytes>) {
        let waits = self.carry.legs.get(leg).is_some_and(|known| known.waiting == Waiting::Ours);
        if !waits {
            return;
        }
        self.carry.legs.take_waiting(leg);
        let read = answer.map(|answer| self.carry.mixer.accept(leg, answer).map_err(|error| error.to_string()));
        match read.unwrap_or_else(|| Err("there is none".to_owned())) {
            Ok(direction) => self.turned(leg, direction),
            Err(why) => {
                let what = format!("its answer cannot be used: {}", masked(&why));
                events::leg(leg, self.carry.legs.call(leg), &what, NOT_ACCEPTABLE);
                let reason = Some("no usable answer".to_owned());
                self.carry.endpoint.wish(Wish::End { leg, status: None, reason });
                self.ended(leg, Ending::Dead);
            }
        }
    }

    /// What a phone asks of its leg changed by its answer; nobody waits for an answer of ours.
    pub(crate) fn turned(&mut self, leg: LegId, direction: Direction) {
        if self.carry.legs.turn(leg, direction) {
            self.report(Report::Offered { leg, direction });
        }
    }

    fn offered(&mut self, leg: LegId, number: u32, offer: Option<Bytes>) {
        let Some(direction) = self.carry.legs.get(leg).map(|known| known.direction) else { return };
        let (waiting, direction) = match offer {
            // what it wants it says in the ACK
            None => (Waiting::NoOffer, direction),
            Some(offer) => match self.carry.mixer.read(leg, &offer) {
                Ok(direction) => (Waiting::Offer(offer), direction),
                Err(error) => {
                    let why = format!("offer refused: {}", masked(&error.to_string()));
                    let status = error.status();
                    events::leg(leg, self.carry.legs.call(leg), &why, status);
                    self.carry.endpoint.wish(Wish::RefuseOffer { leg, number, status });
                    return;
                }
            },
        };
        self.carry.legs.wait(leg, number, waiting, direction);
        self.report(Report::Offered { leg, direction });
    }

    /// A report about a leg that is still known.
    fn about(&mut self, leg: LegId, report: Report) {
        if self.carry.legs.get(leg).is_some() {
            self.report(report);
        }
    }
}
