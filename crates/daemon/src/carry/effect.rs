//! One `match` over `Effect`: what each of them is in the words of the two edges. It decides nothing.
//!
//! Descriptions meet here: the leg's waiting offer, and the mixer that answers it.

use conference::{CallId, Destination, Direction, Effect, Ending, Identity, LegId, Output, Refusal, Report};
use media_mixer::{LegError, Signalling};
use sip_signalling::{Callee, Offer, Wish};
use tracing::{error, info};

use super::{Carry, Leg, Waiting};
use crate::dialplan::room_user;
use crate::events;
use crate::translate;

/// No media can be had: no port is left, or the mixer is full.
const NO_MEDIA: u16 = 503;

/// The leg that an effect is about.
pub(super) const fn leg(effect: &Effect) -> Option<LegId> {
    match effect {
        Effect::SetAudibility(_) => None,
        Effect::Ring { leg, .. }
        | Effect::Progress { leg }
        | Effect::ProgressWithSound { leg }
        | Effect::Answer { leg }
        | Effect::Reject { leg, .. }
        | Effect::AnswerOffer { leg }
        | Effect::Hangup { leg, .. }
        | Effect::Probe { leg }
        | Effect::AcceptRefer { leg }
        | Effect::NotifyReferrer { leg, .. }
        | Effect::CollectDigits { leg }
        | Effect::Relay { leg, .. }
        | Effect::LookUp { leg, .. }
        | Effect::Identify { leg, .. }
        | Effect::Press { leg, .. }
        | Effect::SetVolume { leg, .. }
        | Effect::Cue { leg, .. } => Some(*leg),
    }
}

impl Carry {
    /// Carries out one output.
    pub(super) fn carry_out(&mut self, output: Output) {
        let effect = match output {
            Output::Event(event) => return self.tell(event),
            Output::Effect(effect) => effect,
        };
        match effect {
            Effect::SetAudibility(change) => self.tell_mixer(change, None),
            Effect::Ring { call, leg, to, shown } => self.ring(call, leg, to, shown),
            Effect::Progress { leg } => self.endpoint.wish(Wish::Ringing { leg }),
            Effect::ProgressWithSound { leg } => self.sound_early(leg),
            Effect::Answer { leg } => {
                // before the answer, which names it (RFC 4579 §5.1)
                self.tell_focus(leg);
                self.answer(leg);
            }
            Effect::Reject { leg, status, refusal } => self.reject(leg, status, refusal),
            Effect::AnswerOffer { leg } => self.answer_offer(leg),
            Effect::Hangup { leg, status } => {
                // nobody missed a call that somebody else took
                self.endpoint.wish(match self.legs.is_elsewhere(leg) {
                    true => Wish::answered_elsewhere(leg),
                    false => Wish::End { leg, status, reason: None },
                });
                self.forget(leg);
            }
            Effect::Probe { leg } => self.endpoint.wish(Wish::Probe { leg }),
            // no REFER waits where a keypad or a second INVITE asked
            Effect::AcceptRefer { leg } => {
                if let Some(refer) = self.referrals.accept(leg) {
                    self.endpoint.wish(Wish::AcceptRefer { refer });
                }
            }
            Effect::NotifyReferrer { leg, status, last } => {
                if let Some(refer) = self.referrals.told(leg, status, last) {
                    self.endpoint.wish(Wish::Notify { refer, status, last });
                }
            }
            Effect::CollectDigits { leg } => self.mixer.collect(leg),
            Effect::Relay { leg, keys } => self.mixer.relay(leg, &keys),
            Effect::Press { leg, keys } => self.mixer.press(leg, &keys),
            Effect::SetVolume { leg, volume_db } => self.mixer.set_volume(leg, volume_db),
            Effect::LookUp { leg, dialled } => self.look_ups.push_back((leg, dialled)),
            Effect::Identify { leg, peer } => self.endpoint.wish(Wish::Identify { leg, peer }),
            Effect::Cue { leg, cue } => {
                events::cue(leg, self.legs.call(leg), cue);
                self.mixer.cue(leg, cue);
            }
        }
    }

    /// If a leg's call is a room, its address is our Contact in it from here on. A door is no room: whoever stands there may
    /// not watch who is inside.
    pub(super) fn tell_focus(&self, leg: LegId) {
        let room = self.legs.call(leg).and_then(|call| self.rooms.get(&call));
        if let Some(user) = room.map(|room| room_user(room)) {
            self.endpoint.wish(Wish::Focus { leg, user });
        }
    }

    fn ring(&mut self, call: CallId, leg: LegId, to: Destination, shown: Identity) {
        let rung = if let Destination::Agent(name) = &to { Some(name.clone()) } else { None };
        let (callee, way) = match to {
            Destination::Agent(name) => {
                let way = self.ways.to_agent(&name);
                (Callee::Agent(name), way)
            }
            Destination::Outside { trunk, number } => {
                let way = self.ways.to_trunk(&trunk);
                (Callee::Trunk { trunk, number }, way)
            }
            // nobody has a phone there
            Destination::Queue(_)
            | Destination::Room(_)
            | Destination::NewRoom
            | Destination::Service(_)
            | Destination::Unknown => {
                self.reports.push_back(Report::Failed { leg, status: 404 });
                return;
            }
        };
        match self.open(leg, way) {
            Ok(offer) => {
                let known = Leg { call: Some(call), rung, ..Leg::new(Waiting::Ours, Direction::Both) };
                self.legs.add(leg, known);
                info!(%call, %leg, "rings");
                self.endpoint.wish(Wish::Call { leg, to: callee, from: shown, offer });
            }
            Err(why) => {
                error!(%call, %leg, why, "no media for a leg that is to ring");
                self.reports.push_back(Report::Failed { leg, status: NO_MEDIA });
            }
        }
    }

    fn open(&self, leg: LegId, way: Signalling) -> Result<Offer, String> {
        self.mixer.open(leg, way).map_err(|error| error.to_string())?;
        let offers = self.mixer.offers(leg).map_err(|error| {
            self.mixer.close(leg);
            error.to_string()
        });
        offers.map(translate::offer)
    }

    /// What our 200 to an INVITE that waits so will say, made beforehand. The leg hears and says nothing by that: it has no
    /// mask.
    ///
    /// # Errors
    /// The mixer cannot answer it.
    pub(crate) fn made(&self, leg: LegId, waiting: &Waiting) -> Result<Waiting, LegError> {
        Ok(match waiting {
            Waiting::Offer(offer) => Waiting::Made { body: self.mixer.answer(leg, offer)?, offers: false },
            Waiting::NoOffer => Waiting::Made { body: self.mixer.offer(leg)?, offers: true },
            Waiting::Nothing | Waiting::Ours | Waiting::Made { .. } => waiting.clone(),
        })
    }

    /// Sound before our answer: what it will say is said already. Without their offer nothing can be, and they heard that it rings.
    fn sound_early(&mut self, leg: LegId) {
        let Some(Waiting::Offer(offer)) = self.legs.get(leg).map(|known| &known.waiting) else { return };
        match self.mixer.answer(leg, offer) {
            Ok(body) => {
                if let Some(known) = self.legs.get_mut(leg) {
                    known.waiting = Waiting::Made { body: body.clone(), offers: false };
                }
                self.endpoint.wish(Wish::Early { leg, body });
            }
            // its answer fails as well, and says so
            Err(error) => events::leg(leg, self.legs.call(leg), &format!("no early media: {error}"), NO_MEDIA),
        }
    }

    fn answer(&mut self, leg: LegId) {
        let body = match self.legs.take_waiting(leg) {
            Waiting::Offer(offer) => self.mixer.answer(leg, &offer),
            Waiting::NoOffer => {
                let offer = self.mixer.offer(leg);
                self.wait_for_answer(leg);
                offer
            }
            Waiting::Made { body, offers } => {
                if offers {
                    self.wait_for_answer(leg);
                }
                Ok(body)
            }
            // answered before
            Waiting::Nothing | Waiting::Ours => return,
        };
        match body {
            Ok(body) => self.endpoint.wish(Wish::Answer { leg, body }),
            Err(error) => {
                let status = error.status();
                events::leg(leg, self.legs.call(leg), &format!("cannot be answered: {error}"), status);
                self.endpoint.wish(Wish::Reject { leg, status, reason: None });
                self.forget(leg);
                self.reports.push_back(Report::Ended { leg, how: Ending::Dead });
            }
        }
    }

    fn answer_offer(&mut self, leg: LegId) {
        if self.legs.take_unasked(leg) {
            return;
        }
        let body = match self.legs.take_waiting(leg) {
            Waiting::Offer(offer) => self.mixer.answer(leg, &offer),
            Waiting::NoOffer => {
                let offer = self.mixer.offer(leg);
                self.wait_for_answer(leg);
                offer
            }
            // its offer was refused or called off: nobody waits for an answer of ours
            Waiting::Nothing | Waiting::Made { .. } => return,
            Waiting::Ours => return self.wait_for_answer(leg),
        };
        match body {
            Ok(body) => {
                let number = self.legs.answered(leg);
                self.endpoint.wish(Wish::AnswerOffer { leg, number, body });
            }
            Err(error) => {
                let status = error.status();
                events::leg(leg, self.legs.call(leg), &format!("offer refused: {error}"), status);
                let number = self.legs.get(leg).map_or(0, |known| known.number);
                self.endpoint.wish(Wish::RefuseOffer { leg, number, status });
                if let Some(direction) = self.legs.as_before(leg) {
                    self.reports.push_back(Report::Offered { leg, direction });
                }
            }
        }
    }

    fn wait_for_answer(&mut self, leg: LegId) {
        if let Some(known) = self.legs.get_mut(leg) {
            known.waiting = Waiting::Ours;
        }
    }

    fn reject(&mut self, leg: LegId, status: u16, refusal: Option<Refusal>) {
        events::leg(leg, self.legs.call(leg), "turned away", status);
        let reason = refusal.map(|refusal| refusal.code().to_owned());
        self.endpoint.wish(Wish::Reject { leg, status, reason });
        self.forget(leg);
    }
}
