//! What a phone does by itself: keeps its lines, answers offers, takes note of news. What its person does is in `phone`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use conference::{Ending, LegId};
use media_mixer::sdp::{LocalMedia, Session};
use sip_signalling::{Arrival, Endpoint, News, Wish};
use tokio::sync::watch;

use crate::ear::Ear;
use crate::line::{Line, LineId, LineState, LineView, ReferProgress};
use crate::settings::{Goodbye, PhoneError, PhoneSettings};
use crate::sound::Sound;

/// The lines of a phone, and all that belongs to them.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) settings: PhoneSettings,
    pub(crate) sound: Sound,
    pub(crate) lines: Mutex<BTreeMap<LineId, Line>>,
    pub(crate) ears: Mutex<BTreeMap<LineId, Ear>>,
    pub(crate) registered: Mutex<Option<u16>>,
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) next: AtomicU64,
}

impl Desk {
    pub(crate) fn open(&self, line: LineId) -> Result<Session, PhoneError> {
        let settings = &self.settings;
        let (port, ear) = self
            .sound
            .open(line, settings.address, settings.voice)
            .map_err(|error| PhoneError::Sound(settings.name.clone(), error))?;
        locked(&self.ears).insert(line, ear);
        Ok(Session::new(LocalMedia {
            address: settings.address,
            port,
            codecs: settings.codecs.clone(),
            session_id: line.0 & 0xffff_ffff,
            opus: settings.opus,
            srtp: settings.srtp.clone(),
        }))
    }

    pub(crate) fn add(&self, id: LineId, state: LineState, peer: &str, session: Session, offered: Option<Bytes>) {
        let view = LineView {
            id,
            state,
            offering: false,
            peer: peer.to_owned(),
            shown: None,
            refer: None,
            digits: String::new(),
            refused: Vec::new(),
        };
        locked(&self.lines).insert(id, Line { view, session, offered, said: None, then: None });
    }

    pub(crate) fn views(&self) -> Vec<LineView> {
        locked(&self.lines).values().map(|line| line.view.clone()).collect()
    }

    pub(crate) fn answer_call(&self, line: LineId) -> Option<Bytes> {
        let mut lines = locked(&self.lines);
        let entry = lines.get_mut(&line).filter(|entry| entry.view.state == LineState::RingingHere)?;
        let body = match (entry.said.take(), entry.offered.take()) {
            (Some(said), _) => said,
            (None, Some(offer)) => {
                let (body, agreement) = entry.session.answer(&offer).ok()?;
                self.sound.agree(line, agreement, true);
                body
            }
            (None, None) => entry.session.offer(),
        };
        entry.view.state = LineState::Live;
        Some(body)
    }

    /// Speaks and hears on a line that rings here; what is to be said of it. `None`: it does not, or has no usable offer.
    pub(crate) fn sounds_early(&self, line: LineId) -> Option<Bytes> {
        let mut lines = locked(&self.lines);
        let entry = lines.get_mut(&line).filter(|entry| entry.view.state == LineState::RingingHere)?;
        let (body, agreement) = entry.session.answer(&entry.offered.take()?).ok()?;
        self.sound.agree(line, agreement, true);
        entry.said = Some(body.clone());
        Some(body)
    }

    pub(crate) fn over(&self, line: LineId, state: LineState) {
        self.sound.close(line);
        if let Some(entry) = locked(&self.lines).get_mut(&line)
            && !entry.view.state.is_over()
        {
            entry.view.state = state;
            entry.view.offering = false;
        }
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn take(&self, endpoint: &Endpoint, news: News) {
        match news {
            News::Arrived(arrival) => self.arrived(endpoint, arrival),
            News::Progress { leg, body, .. } => self.change(leg, |line| {
                line.view.state = LineState::RingingThere;
                if !body.is_empty()
                    && let Ok(agreement) = line.session.accept_early(&body)
                {
                    self.sound.agree(leg, agreement, true);
                }
            }),
            News::Answered { leg, body, .. } => self.answered(endpoint, leg, &body),
            News::Failed { leg, status } => self.over(leg, LineState::Failed(status)),
            News::Acknowledged { leg, answer: Some(answer) } => {
                self.change(leg, |line| self.accept(line, &answer));
            }
            News::Offered { leg, number, offer } => self.offered(endpoint, leg, number, offer),
            // it was answered at once: that answer did not go out
            News::OfferCancelled { leg, .. } => self.change(leg, |line| {
                if let Some(agreement) = line.session.restore() {
                    self.sound.agree(leg, agreement, true);
                }
            }),
            // an offer of the person's own has overtaken it
            News::OfferAnswered { leg, wanted: true, .. } | News::OfferRefused { leg, wanted: true, .. }
                if self.offers(leg) => {}
            News::OfferRefused { leg, wanted: true, .. } => self.change(leg, |line| line.session.withdraw()),
            News::OfferAnswered { leg, answer, wanted: true } => self.change(leg, |line| self.accept(line, &answer)),
            News::OfferAnswered { leg, answer, wanted: false } => self.change(leg, |line| {
                self.accept(line, &answer);
                line.view.offering = false;
                line.view.state = line.then.take().unwrap_or(line.view.state);
            }),
            News::OfferRefused { leg, status, wanted: false } => self.change(leg, |line| {
                line.session.withdraw();
                line.then = None;
                line.view.offering = false;
                line.view.refused.push(status);
            }),
            News::Ended { leg, how } => self.over(leg, LineState::Ended(how)),
            News::Digit { leg, digit, .. } => self.change(leg, |line| line.view.digits.push(digit)),
            News::PhoneRegistered { status, .. } => *locked(&self.registered) = Some(status),
            News::OfferWanted { leg } if self.offers(leg) => {}
            News::OfferWanted { leg } => self.change(leg, |line| {
                let body = line.session.repeat();
                endpoint.wish(Wish::Refresh { leg, body });
            }),
            News::ReferAnswered { leg, status } => self.refer_answered(endpoint, leg, status),
            News::Notified { leg, status, last } => self.notified(endpoint, leg, status, last),
            News::Identified { leg, peer } => self.change(leg, |line| line.view.shown = Some(peer)),
            // a REFER to us is answered by the endpoint: nobody moves this phone
            News::Referred { refer, .. } => endpoint.wish(Wish::RefuseRefer { refer, status: 403, reason: None }),
            News::Acknowledged { answer: None, .. }
            | News::Probed { .. }
            | News::Registered { .. }
            | News::Bound { .. }
            | News::Moved { .. }
            | News::Enrolled { .. }
            | News::Watched { .. }
            | News::WatchEnded { .. }
            | News::Security { .. } => {}
        }
    }

    /// Changes a line that is not over: its last news may cross the hanging up.
    fn change(&self, leg: LegId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = locked(&self.lines).get_mut(&leg).filter(|line| !line.view.state.is_over()) {
            change(line);
        }
    }

    fn arrived(&self, endpoint: &Endpoint, arrival: Arrival) {
        let Ok(session) = self.open(arrival.leg) else {
            endpoint.wish(Wish::Reject { leg: arrival.leg, status: 500, reason: None });
            return;
        };
        self.add(arrival.leg, LineState::RingingHere, &arrival.display, session, arrival.offer);
        endpoint.wish(Wish::Ringing { leg: arrival.leg });
    }

    fn answered(&self, endpoint: &Endpoint, leg: LegId, body: &Bytes) {
        let mut usable = true;
        self.change(leg, |line| match line.session.accept(body) {
            Ok(agreement) => {
                self.sound.agree(leg, agreement, true);
                line.view.state = LineState::Live;
            }
            Err(_) => usable = false,
        });
        if !usable {
            endpoint.wish(Wish::End { leg, status: None, reason: None });
            self.over(leg, LineState::Failed(488));
        }
    }

    /// Whether an offer of the person's own is still unanswered.
    fn offers(&self, leg: LegId) -> bool {
        locked(&self.lines).get(&leg).is_some_and(|line| line.view.offering)
    }

    fn offered(&self, endpoint: &Endpoint, leg: LegId, number: u32, offer: Option<Bytes>) {
        self.change(leg, |line| {
            let body = match &offer {
                Some(offer) => line.session.answer(offer).ok().map(|(body, agreement)| {
                    self.sound.agree(leg, agreement, true);
                    body
                }),
                None => Some(line.session.reoffer(line.session.wish())),
            };
            endpoint.wish(match body {
                Some(body) => Wish::AnswerOffer { leg, number, body },
                None => Wish::RefuseOffer { leg, number, status: 488 },
            });
        });
    }

    fn refer_answered(&self, endpoint: &Endpoint, leg: LegId, status: u16) {
        self.referred(leg, |refer| refer.answer = Some(status));
        if (200..300).contains(&status) && self.settings.goodbye == Goodbye::AtAccepted {
            self.say_goodbye(endpoint, leg);
        }
    }

    fn notified(&self, endpoint: &Endpoint, leg: LegId, status: u16, last: bool) {
        self.referred(leg, |refer| {
            refer.notified.push(status);
            refer.over |= last;
        });
        match self.settings.goodbye {
            Goodbye::AtNotify => self.say_goodbye(endpoint, leg),
            Goodbye::AtSuccess if (200..300).contains(&status) => self.say_goodbye(endpoint, leg),
            Goodbye::AtAccepted | Goodbye::AtSuccess | Goodbye::Never => {}
        }
    }

    /// Notes what came of a REFER, also on a line that is over: its last news may cross the hanging up.
    fn referred(&self, leg: LegId, note: impl FnOnce(&mut ReferProgress)) {
        if let Some(line) = locked(&self.lines).get_mut(&leg) {
            note(line.view.refer.get_or_insert_default());
        }
    }

    fn say_goodbye(&self, endpoint: &Endpoint, leg: LegId) {
        let talks = locked(&self.lines).get(&leg).is_some_and(|line| !line.view.state.is_over());
        if talks {
            endpoint.wish(Wish::End { leg, status: None, reason: None });
            self.over(leg, LineState::Ended(Ending::Bye));
        }
    }

    fn accept(&self, line: &mut Line, answer: &Bytes) {
        if let Ok(agreement) = line.session.accept(answer) {
            self.sound.agree(line.view.id, agreement, true);
        }
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
