//! Changes of an answered leg's session: re-INVITE and UPDATE from its phone, re-INVITE of ours.
//!
//! ```text
//!   phone            baton                     phone            baton
//!     |--- re-INVITE ->|  News::Offered          |<-- re-INVITE --|  Wish::Offer
//!     |<-- 200 --------|  Wish::AnswerOffer      |--- 491 ------->|  glare: again later, RFC 3261 §14.1
//!     |--- ACK ------->|                         |--- 200 ------->|  News::OfferAnswered, ACK
//! ```
//!
//! One at a time, whoever began. Bodies pass through unread.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, Request, Response};

use super::up::{Accepted, Life, Up};
use crate::codec::headers::cseq;
use crate::codec::{one, push, push_first, respond, respond_in_dialog};
use crate::news::News;
use crate::stack::asked::{Asked, Inside};
use crate::stack::timers::{Timer, TimerId};
use crate::stack::world::{PATIENCE, SDP, World, description, set_body};
use crate::transaction::{ClientId, ServerId};

/// How often one offer of ours is sent at most; a peer that says 491 for ever has lost count.
const TRIES: u8 = 8;
/// The longest Retry-After that is waited for.
const RETRY_AFTER: u64 = 10;

/// A re-INVITE or UPDATE of the phone that waits for the owner.
#[derive(Debug)]
pub(super) struct TheirOffer {
    server: ServerId,
    request: Request,
}

/// A re-INVITE of ours.
#[derive(Debug)]
pub(super) enum OurOffer {
    /// On its way.
    Sent {
        client: ClientId,
        body: Bytes,
        tries: u8,
        /// CANCEL, and later the end, if the phone never says yes or no.
        timer: TimerId,
        /// The Via, once more for the CANCEL.
        via_of: Box<Request>,
        cancelled: bool,
    },
    /// To be sent again.
    Later { body: Bytes, tries: u8, timer: TimerId },
}

impl Up {
    /// A re-INVITE, or an UPDATE, that was let in.
    pub(crate) fn offered(&mut self, leg: LegId, world: &mut World, server: ServerId, request: Request) {
        if self.theirs.is_some() || self.accepted.as_ref().is_some_and(|accepted| accepted.offered) {
            // RFC 3261 §14.2: before the final answer to (or the ACK of) the one before
            let mut response = respond(&request, 500, None);
            push(&mut response.headers, "Retry-After", world.random.below(RETRY_AFTER).to_string());
            world.respond(server, response);
            return;
        }
        if matches!(self.ours, Some(OurOffer::Sent { .. })) || self.ack_due.is_some() {
            world.respond(server, respond(&request, 491, None));
            return;
        }
        self.acknowledged_otherwise(leg, world);
        self.dialog.refresh(&request.headers);
        let offer = description(&request.headers, &request.body);
        if request.method == Method::Update && offer.is_none() {
            // RFC 3311 §5.2: without a description it only refreshes the target
            let contact = world.contact(self.dialog.local_user().as_deref(), self.flow);
            let mut response = respond(&request, 200, None);
            world.describe(&mut response.headers, &contact);
            world.respond(server, response);
            return;
        }
        if request.method == Method::Invite {
            world.respond(server, respond(&request, 100, None));
        }
        self.theirs = Some(TheirOffer { server, request });
        world.tell(News::Offered { leg, offer });
    }

    /// 200 to it.
    pub(crate) fn answer_offer(&mut self, leg: LegId, world: &mut World, body: &[u8]) {
        let Some(theirs) = self.theirs.take() else { return };
        let mut response = respond_in_dialog(&theirs.request, 200, self.dialog.local_tag());
        let contact = world.contact(self.dialog.local_user().as_deref(), self.flow);
        world.describe(&mut response.headers, &contact);
        set_body(&mut response.headers, &mut response.body, SDP, body);
        let sent = world.respond(theirs.server, response);
        if theirs.request.method == Method::Invite {
            let number = cseq(&theirs.request.headers).map_or(0, |cseq| cseq.number);
            let offered = theirs.request.body.is_empty();
            self.accepted = sent.map(|packet| Accepted::new(leg, world, packet, number, offered));
        }
        self.offer_next(leg, world);
    }

    /// A refusal to it; the session is as before.
    pub(crate) fn refuse_offer(&mut self, leg: LegId, world: &mut World, status: u16) {
        let Some(theirs) = self.theirs.take() else { return };
        world.respond(theirs.server, respond(&theirs.request, status, None));
        self.offer_next(leg, world);
    }

    /// Our offer, at once or when the dialog is free. A newer one replaces one that still waits.
    pub(crate) fn offer(&mut self, leg: LegId, world: &mut World, body: Bytes) {
        if let Some(OurOffer::Later { timer, .. }) = self.ours.take_if(|ours| matches!(ours, OurOffer::Later { .. })) {
            world.timers.cancel(timer);
        }
        self.next = Some(body);
        self.offer_next(leg, world);
    }

    /// Sends the offer that waits, if nothing is under way in either direction (RFC 3261 §14.1).
    pub(super) fn offer_next(&mut self, leg: LegId, world: &mut World) {
        let busy = self.ours.is_some() || self.theirs.is_some() || self.accepted.is_some() || self.ack_due.is_some();
        if !busy
            && self.ending.is_none()
            && let Some(body) = self.next.take()
        {
            self.send_offer(leg, world, body, 0);
        }
    }

    /// The deadline of our offer: time to try again, to cancel, or to give the leg up.
    pub(crate) fn offer_due(&mut self, leg: LegId, world: &mut World) -> Life {
        match self.ours.take() {
            None => Life::On,
            Some(OurOffer::Later { body, tries, .. }) => {
                let free = self.theirs.is_none() && self.accepted.is_none();
                if free {
                    self.send_offer(leg, world, body, tries);
                } else if self.next.is_none() {
                    self.next = Some(body);
                }
                Life::On
            }
            Some(OurOffer::Sent { client, cancelled: true, .. }) => {
                world.abandon(client);
                world.tell(News::Ended { leg, how: Ending::Dead });
                Life::Over
            }
            Some(OurOffer::Sent { client, body, tries, via_of, .. }) => {
                world.cancel(&via_of, self.flow);
                let timer = world.after(PATIENCE, Timer::Offer(leg));
                self.ours = Some(OurOffer::Sent { client, body, tries, timer, via_of, cancelled: true });
                Life::On
            }
        }
    }

    /// A final answer to our offer, or what stands for it (408, 503).
    pub(crate) fn offer_answered(
        &mut self,
        leg: LegId,
        world: &mut World,
        client: ClientId,
        status: u16,
        response: Option<&Response>,
    ) -> Life {
        let known = self.ours.take_if(|ours| matches!(ours, OurOffer::Sent { client: known, .. } if *known == client));
        let Some(OurOffer::Sent { body, tries, timer, .. }) = known else { return Life::On };
        world.timers.cancel(timer);
        match (status, response) {
            (200..=299, Some(response)) => {
                self.offer_accepted(leg, world, client, response);
                self.offer_next(leg, world);
                Life::On
            }
            // RFC 3261 §12.2.1.2: the peer knows no such dialog, or is gone
            (408 | 481 | 503, None) | (408 | 481, Some(_)) => {
                world.tell(News::Ended { leg, how: Ending::Dead });
                Life::Over
            }
            (491 | 500, response) if tries < TRIES => {
                let wait = self.wait(world, status, response);
                match wait {
                    Some(wait) => {
                        let timer = world.after(wait, Timer::Offer(leg));
                        self.ours = Some(OurOffer::Later { body, tries: tries + 1, timer });
                    }
                    None => self.offer_refused(leg, world, status),
                }
                Life::On
            }
            (status, _) => {
                self.offer_refused(leg, world, status);
                Life::On
            }
        }
    }

    /// Sends our offer once more, with credentials.
    pub(crate) fn offer_challenged(&mut self, leg: LegId, world: &mut World, client: ClientId) {
        let known = self.ours.take_if(|ours| matches!(ours, OurOffer::Sent { client: known, .. } if *known == client));
        if let Some(OurOffer::Sent { body, tries, timer, .. }) = known {
            world.timers.cancel(timer);
            self.send_offer(leg, world, body, tries);
        }
    }

    /// The offer that is under way or waits, to be stored.
    pub(super) fn unanswered_offer(&self) -> Option<&Bytes> {
        self.next.as_ref().or(match &self.ours {
            Some(OurOffer::Sent { body, .. } | OurOffer::Later { body, .. }) => Some(body),
            None => None,
        })
    }

    /// Leaves no offer behind.
    pub(super) fn close_offers(&mut self, world: &mut World) {
        if let Some(theirs) = self.theirs.take() {
            world.respond(theirs.server, respond(&theirs.request, 487, None));
        }
        match self.ours.take() {
            Some(OurOffer::Sent { client, timer, .. }) => {
                world.timers.cancel(timer);
                world.abandon(client);
            }
            Some(OurOffer::Later { timer, .. }) => world.timers.cancel(timer),
            None => {}
        }
        self.next = None;
    }

    fn send_offer(&mut self, leg: LegId, world: &mut World, body: Bytes, tries: u8) {
        let (client, via_of) = self.ask_offer(leg, world, &body);
        let timer = world.after(PATIENCE, Timer::Offer(leg));
        self.ours = Some(OurOffer::Sent { client, body, tries, timer, via_of: Box::new(via_of), cancelled: false });
    }

    fn offer_accepted(&mut self, leg: LegId, world: &mut World, client: ClientId, response: &Response) {
        self.dialog.refresh(&response.headers);
        if let Some(credentials) = &mut self.credentials {
            credentials.accepted();
        }
        let number = cseq(&response.headers).map_or(0, |cseq| cseq.number);
        let packet = world.ack_packet(self.dialog.ack(number), self.flow);
        world.sends.push(packet.clone());
        // the ACK is repeated for every repeat of the 2xx, as long as those can come
        world.asked.insert(client, Asked::Acknowledged(packet));
        world.after(PATIENCE, Timer::Asked(client));
        world.tell(News::OfferAnswered { leg, answer: Bytes::copy_from_slice(&response.body) });
    }

    fn offer_refused(&mut self, leg: LegId, world: &mut World, status: u16) {
        world.tell(News::OfferRefused { leg, status });
        self.offer_next(leg, world);
    }

    /// How long to wait after glare (RFC 3261 §14.1) or a Retry-After; `None`: it makes no sense to wait.
    fn wait(&self, world: &mut World, status: u16, response: Option<&Response>) -> Option<Duration> {
        if status == 500 {
            let after = response.and_then(|response| one(&response.headers, "Retry-After"))?;
            let seconds = after.split([';', ' ', '(']).next()?.parse().ok()?;
            return (seconds <= RETRY_AFTER).then(|| Duration::from_secs(seconds));
        }
        // in units of 10 ms: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other
        let hundredths = if self.dialog.ours { 210 + world.random.below(191) } else { world.random.below(201) };
        Some(Duration::from_millis(hundredths * 10))
    }

    fn ask_offer(&mut self, leg: LegId, world: &mut World, body: &[u8]) -> (ClientId, Request) {
        let mut request = self.compose(world, &Inside::Offer, body);
        let (client, via) = world.ask(request.clone(), self.flow);
        push_first(&mut request.headers, "Via", via);
        world.asked.insert(client, Asked::Inside { leg, what: Inside::Offer });
        (client, request)
    }
}
