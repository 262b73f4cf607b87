//! What the endpoint says in a dialog by itself: refreshes of the session (RFC 4028) and who the other side talks to now
//! (RFC 3325), by UPDATE where the phone takes it (RFC 3311), else by a re-INVITE whose description the owner gives.
//!
//! ```text
//!   due, or another identity ── free? ──> UPDATE ── 2xx ──> done
//!                                            ├── 405, 501 ──> re-INVITE: OfferWanted, Refresh
//!                                            ├── 422 ──> again with its Min-SE
//!                                            ├── 491, 500, 503 ──> again a little later
//!                                            ├── 408, 481 ──> BYE, Ended
//!                                            └── anything else ──> left at that; a refresh is tried again in time
//! ```
//!
//! An UPDATE of ours describes nothing, so it meets no offer; all the same it waits until the dialog is free, since some
//! phones answer 491 to anything while a re-INVITE is open.

use std::time::Duration;

use conference::LegId;
use rsip::{Method, Request, Response};

use super::{Alarm, Stack, User};
use crate::codec::one;
use crate::leg::upkeep::{TRIES, granted, is_too_short, min_se};
use crate::leg::{Offers, Party};
use crate::settings::Doorkeeping;
use crate::transaction::ClientId;

impl Stack {
    /// Says what there is to be said, if the dialog is free.
    pub(super) fn attend(&mut self, leg: LegId) {
        let now = self.now;
        let Some(session) = self.session_mut(leg) else { return };
        let upkeep = &session.upkeep;
        let quiet = upkeep.updating.is_none() && !upkeep.asked && upkeep.until.is_none_or(|until| until <= now);
        if !upkeep.needs() || !quiet || !session.is_free() || session.queued.is_some() {
            return;
        }
        if session.dialog.takes_update() {
            self.send_update(leg);
        } else {
            session.upkeep.asked = true;
            self.tell(crate::News::OfferWanted { leg });
        }
    }

    fn send_update(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg) else { return };
        let mut dialog = session.dialog.clone();
        let mut request = self.inside(&mut dialog, Method::Update);
        self.keep_number(leg, &dialog);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, Some(leg), None);
        self.keep_up(leg, &mut request);
        let client = self.send(way, request, User::Update(leg));
        if let Some(session) = self.session_mut(leg) {
            session.upkeep.updating = Some(client);
        }
    }

    /// What every re-INVITE and UPDATE of ours says besides: the session timer. It tells the identity too.
    pub(super) fn keep_up(&mut self, leg: LegId, request: &mut Request) {
        let wanted = self.session_seconds();
        let Some(session) = self.session_mut(leg) else { return };
        session.upkeep.ask(&mut request.headers, wanted);
        session.upkeep.asked = false;
        session.upkeep.said = session.upkeep.shown.clone();
    }

    /// The interval we ask for, in seconds.
    pub(super) fn session_seconds(&self) -> u32 {
        let seconds = u32::try_from(self.settings.session_expires.as_secs()).unwrap_or(u32::MAX);
        seconds.clamp(crate::leg::upkeep::LEAST, crate::leg::upkeep::MOST)
    }

    /// The refusal of a request of theirs whose interval is too short (RFC 4028 §9).
    pub(super) fn too_short(request: &Request) -> Option<crate::gate::Refusal> {
        let least = crate::leg::upkeep::LEAST.to_string();
        is_too_short(&request.headers).then(|| crate::gate::Refusal { status: 422, headers: vec![("Min-SE", least)] })
    }

    /// Our 2xx to an INVITE or UPDATE of theirs: says the session timer and starts it.
    pub(super) fn grant_timer(&mut self, leg: LegId, request: &Request, response: &mut Response) {
        let (wanted, now) = (self.session_seconds(), self.now);
        let Some(session) = self.session_mut(leg) else { return };
        session.upkeep.raise(&request.headers);
        let timer = session.upkeep.grant(&request.headers, &mut response.headers, wanted, now);
        session.upkeep.refreshed(Some(timer));
        self.arm_session(leg);
    }

    /// Their 2xx to an INVITE or UPDATE of ours.
    pub(super) fn timer_granted(&mut self, leg: LegId, response: &Response) {
        let timer = granted(&response.headers, self.now);
        let Some(session) = self.session_mut(leg) else { return };
        session.upkeep.refreshed(timer);
        self.arm_session(leg);
    }

    /// Sets the alarm of a leg's session timer.
    pub(super) fn arm_session(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg) else { return };
        let Some(timer) = session.upkeep.timer else { return self.alarms.disarm(&Alarm::Session(leg)) };
        let at = match (timer.ours, session.upkeep.due) {
            (false, _) => timer.end(),
            (true, false) => timer.half(),
            (true, true) => timer.end().min(self.now + timer.pause()),
        };
        self.alarms.arm(at, Alarm::Session(leg));
    }

    /// A session must be refreshed, or was not.
    pub(super) fn session_alarm(&mut self, leg: LegId) {
        let now = self.now;
        let Some(session) = self.session_mut(leg) else { return };
        let Some(timer) = session.upkeep.timer else { return };
        if now >= timer.end() {
            return self.lost(leg);
        }
        if timer.ours {
            session.upkeep.due = true;
            // whoever was asked and gave no offer is asked again
            session.upkeep.asked = false;
            self.arm_session(leg);
            self.attend(leg);
        }
    }

    /// The final answer to an UPDATE of ours; 408 and 503 also stand for none and no way.
    pub(super) fn updated(&mut self, client: ClientId, leg: LegId, status: u16, response: Option<&Response>) {
        let Some(session) = self.session_mut(leg) else { return };
        if session.upkeep.updating != Some(client) {
            return;
        }
        session.upkeep.updating = None;
        match (status, response) {
            (200..300, Some(response)) => {
                session.dialog.refresh(&response.headers);
                self.timer_granted(leg, response);
                self.see(leg, &response.headers);
            }
            (408 | 481, _) => return self.lost(leg),
            (405 | 501, _) => {
                session.dialog.takes_no_update();
                session.upkeep.said = None;
            }
            (422, Some(response)) if session.upkeep.tries < TRIES => {
                session.upkeep.raise(&response.headers);
                session.upkeep.tries += 1;
                session.upkeep.said = None;
            }
            (491 | 500 | 503, response) if session.upkeep.tries < TRIES => {
                session.upkeep.tries += 1;
                session.upkeep.said = None;
                self.later(leg, status, response);
            }
            (_, _) => self.refresh_refused(leg),
        }
        self.next_offer(leg);
    }

    /// Nothing is said in a leg for as long as a refusal asks for: RFC 3261 §14.1, RFC 3311 §5.3.
    fn later(&mut self, leg: LegId, status: u16, response: Option<&Response>) {
        let asked = response.and_then(|response| one(&response.headers, "Retry-After"));
        let seconds = asked.and_then(|value| value.split([';', '(', ' ']).next()?.parse().ok()).unwrap_or(2_u64);
        let Some(caller) = self.session_mut(leg).map(|session| session.caller) else { return };
        let span = if status == 491 { self.glare_span(caller) } else { Duration::from_secs(seconds.clamp(1, 10)) };
        let until = self.now + span;
        if let Some(session) = self.session_mut(leg) {
            session.upkeep.until = Some(until);
            self.alarms.arm(until, Alarm::Attend(leg));
        }
    }

    /// How long after a 491 (RFC 3261 §14.1).
    pub(super) fn glare_span(&mut self, caller: bool) -> Duration {
        let (least, most) = if caller { (2100, 4000) } else { (0, 2000) };
        self.chance.span(Duration::from_millis(least), Duration::from_millis(most))
    }

    /// A pause is over.
    pub(super) fn attend_again(&mut self, leg: LegId) {
        if let Some(session) = self.session_mut(leg) {
            session.upkeep.until = None;
        }
        self.attend(leg);
    }

    /// A refresh was refused by somebody who lives: who knows of timers is asked again in time; for who does not it is a
    /// sign of life like any other.
    ///
    /// Deviation: RFC 4028 §10 ends a session that was not refreshed; we do not, where the other side never agreed to a
    /// timer: it keeps none, and the call is well.
    pub(super) fn refresh_refused(&mut self, leg: LegId) {
        let now = self.now;
        let Some(session) = self.session_mut(leg) else { return };
        // the next try, if there is one, says the identity by the way: nobody is asked for its sake again
        let due = std::mem::replace(&mut session.upkeep.due, false);
        session.upkeep.tries = 0;
        let Some(timer) = session.upkeep.timer.as_mut().filter(|timer| due && timer.ours) else { return };
        if !timer.spoken {
            timer.since = now;
            return self.arm_session(leg);
        }
        let at = timer.end().min(now + timer.pause());
        self.alarms.arm(at, Alarm::Session(leg));
    }

    /// A re-INVITE of ours was answered 422: it goes out again with a larger interval, if that can help.
    pub(super) fn offer_too_short(&mut self, leg: LegId, response: &Response) -> bool {
        let Some(session) = self.session_mut(leg) else { return false };
        let Offers::Ours { body, wanted } = session.offers.clone() else { return false };
        let before = session.upkeep.least;
        session.upkeep.raise(&response.headers);
        if session.upkeep.least == before || session.upkeep.tries >= TRIES || session.over {
            return false;
        }
        session.upkeep.tries += 1;
        self.send_offer(leg, body, wanted);
        true
    }

    /// The interval of a first INVITE of ours that was answered 422: the larger one, if that can help (RFC 4028 §7.3).
    pub(super) fn larger_interval(request: &Request, response: &Response, tries: u8) -> Option<u32> {
        let before = min_se(&request.headers).unwrap_or(0);
        let least = min_se(&response.headers)?;
        (least > before && least <= crate::leg::upkeep::MOST && tries < TRIES).then_some(least)
    }

    /// Timers and transactions of a leg's upkeep when it comes back.
    pub(super) fn resume_upkeep(&mut self, leg: LegId) {
        let lives = |pending: &super::Pending| matches!(pending.user, User::Update(known) if known == leg);
        let Some(client) = self.session_mut(leg).map(|session| session.upkeep.updating) else { return };
        let lives = client.and_then(|client| self.pending.get(&client)).is_some_and(lives);
        let Some(session) = self.session_mut(leg) else { return };
        let upkeep = &mut session.upkeep;
        upkeep.asked = false;
        if client.is_some() && !lives {
            // nobody knows whether it was heard
            (upkeep.updating, upkeep.said) = (None, None);
        }
        if let Some(until) = upkeep.until {
            self.alarms.arm(until, Alarm::Attend(leg));
        }
        self.arm_session(leg);
        self.attend(leg);
    }

    /// Whether P-Asserted-Identity may be said to somebody (RFC 3325 §5): within our own house, and to carriers that are trusted.
    pub(super) fn is_told_identities(&self, party: &Party) -> bool {
        let trusted = match party {
            Party::Agent { .. } => true,
            Party::Trunk(name) => self.trunk(name).is_some_and(|trunk| trunk.trusted),
            Party::Server(_) => false,
        };
        self.settings.doorkeeping == Doorkeeping::Server && trusted
    }
}
