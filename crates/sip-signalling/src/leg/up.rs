//! A leg that was answered, until its BYE: the repeats of our 200, requests inside its dialog, its end.
//!
//! Changes of its session are in `offers`. Deviation: RFC 3261 §12.2.1.1 sends to the topmost route or the target; we send
//! by the flow the leg has, since phones' contacts behind NAT lead nowhere and a forged Contact must not lead us anywhere.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, Request};

use super::offers::{OurOffer, TheirOffer};
use crate::codec::headers::Reason;
use crate::codec::push;
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::leg::digit;
use crate::news::News;
use crate::stack::asked::{Asked, Farewell, Inside};
use crate::stack::credentials::Credentials;
use crate::stack::timers::{Timer, TimerId};
use crate::stack::world::{PATIENCE, SDP, World, description, set_body};
use crate::transaction::{ClientId, Packet, T1, T2};

/// A 200 of ours that waits for its ACK.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The 200.
    pub(crate) packet: Packet,
    /// The CSeq of its INVITE, and of the ACK.
    pub(crate) cseq: u32,
    /// Whether the 200 made the offer, so that the ACK must answer it.
    pub(crate) offered: bool,
    interval: Duration,
    until: conference::Moment,
    timer: TimerId,
}

impl Accepted {
    /// The 200 just went out for the first time.
    pub(crate) fn new(leg: LegId, world: &mut World, packet: Packet, cseq: u32, offered: bool) -> Self {
        let timer = world.after(T1, Timer::AcceptAgain(leg));
        Self { packet, cseq, offered, interval: T1, until: world.now + PATIENCE, timer }
    }
}

/// Their 2xx made the offer; our ACK must answer it.
#[derive(Debug)]
pub(crate) struct AckDue {
    /// The INVITE.
    pub(crate) invite: ClientId,
    /// Its CSeq.
    pub(crate) cseq: u32,
    /// The tag of the 2xx.
    pub(crate) tag: String,
}

/// Whether a leg goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It does.
    On,
    /// It is to be taken out.
    Over,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) dialog: Dialog,
    /// The way to its phone, and the only one its phone's requests come by unasked.
    pub(crate) flow: Flow,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) accepted: Option<Accepted>,
    pub(crate) ack_due: Option<AckDue>,
    pub(super) theirs: Option<TheirOffer>,
    pub(super) ours: Option<OurOffer>,
    /// An offer of ours that waits until the dialog is free for it.
    pub(super) next: Option<Bytes>,
    probing: bool,
    /// The owner ended it before the ACK was here: BYE as soon as it may be (RFC 3261 §15.1.1), with this Reason.
    pub(crate) ending: Option<Option<String>>,
}

impl Up {
    pub(crate) fn new(dialog: Dialog, flow: Flow, credentials: Option<Credentials>) -> Self {
        Self {
            dialog,
            flow,
            credentials,
            accepted: None,
            ack_due: None,
            theirs: None,
            ours: None,
            next: None,
            probing: false,
            ending: None,
        }
    }

    /// An ACK to a 200 of ours came.
    pub(crate) fn acknowledged(&mut self, leg: LegId, world: &mut World, ack: &Request, cseq: u32) -> Life {
        let Some(accepted) = self.accepted.take_if(|accepted| accepted.cseq == cseq) else { return Life::On };
        world.timers.cancel(accepted.timer);
        if self.ending.is_some() {
            return Life::Over;
        }
        let answer = if accepted.offered { description(&ack.headers, &ack.body) } else { None };
        world.tell(News::Acknowledged { leg, answer });
        self.offer_next(leg, world);
        Life::On
    }

    /// A request that only somebody who has our 200 can send is as good as the ACK, unless the ACK must bring an answer.
    pub(super) fn acknowledged_otherwise(&mut self, leg: LegId, world: &mut World) {
        if let Some(accepted) = self.accepted.take_if(|accepted| !accepted.offered) {
            world.timers.cancel(accepted.timer);
            world.tell(News::Acknowledged { leg, answer: None });
        }
    }

    /// No ACK yet: 200 once more, or the end (RFC 3261 §13.3.1.4).
    pub(crate) fn accept_again(&mut self, leg: LegId, world: &mut World) -> Life {
        let Some(accepted) = &mut self.accepted else { return Life::On };
        if world.now >= accepted.until {
            self.accepted = None;
            if self.ending.is_none() {
                world.tell(News::Ended { leg, how: Ending::Dead });
            }
            return Life::Over;
        }
        world.sends.push(accepted.packet.clone());
        accepted.interval = (accepted.interval * 2).min(T2);
        let next = accepted.interval.min(accepted.until.since(world.now));
        accepted.timer = world.after(next, Timer::AcceptAgain(leg));
        Life::On
    }

    /// Sends the ACK that waited for our answer.
    pub(crate) fn answer_by_ack(&mut self, leg: LegId, world: &mut World, body: &[u8]) {
        let Some(due) = self.ack_due.take() else { return };
        let mut ack = self.dialog.ack(due.cseq);
        set_body(&mut ack.headers, &mut ack.body, SDP, body);
        let packet = world.ack_packet(ack, self.flow);
        world.sends.push(packet.clone());
        if let Some(Asked::Invite(invite)) = world.asked.get_mut(&due.invite) {
            invite.answers.insert(due.tag, Some(packet));
        }
        self.offer_next(leg, world);
    }

    /// Asks something inside the dialog.
    pub(crate) fn ask(&mut self, leg: LegId, world: &mut World, what: Inside) {
        let request = self.compose(world, &what, &[]);
        world.ask_for(request, self.flow, Asked::Inside { leg, what });
    }

    /// The next request of a kind, signed if its server asked for that before.
    pub(super) fn compose(&mut self, world: &mut World, what: &Inside, offer: &[u8]) -> Request {
        let method = match what {
            Inside::Offer => Method::Invite,
            Inside::Probe => Method::Options,
            Inside::Digit(_) => Method::Info,
        };
        let mut request = self.dialog.request(method);
        match what {
            Inside::Offer => {
                let contact = world.contact(self.dialog.local_user().as_deref(), self.flow);
                world.describe(&mut request.headers, &contact);
                set_body(&mut request.headers, &mut request.body, SDP, offer);
            }
            Inside::Probe => push(&mut request.headers, "Accept", SDP),
            Inside::Digit(body) => set_body(&mut request.headers, &mut request.body, digit::RELAY, body.as_bytes()),
        }
        if let Some(credentials) = &mut self.credentials {
            credentials.sign(&mut request, self.flow, &world.random.token());
        }
        request
    }

    /// Asks the phone whether it is there and knows the dialog.
    pub(crate) fn probe(&mut self, leg: LegId, world: &mut World) {
        if !std::mem::replace(&mut self.probing, true) {
            self.ask(leg, world, Inside::Probe);
        }
    }

    /// What came of it.
    pub(crate) fn probed(&mut self, leg: LegId, world: &mut World, alive: bool) {
        if std::mem::take(&mut self.probing) {
            world.tell(News::Probed { leg, alive });
        }
    }

    /// Says goodbye.
    pub(crate) fn bye(mut self, world: &mut World, reason: Option<String>) {
        self.close(world);
        let credentials = self.credentials.take();
        Farewell { dialog: self.dialog, flow: self.flow, reason, credentials }.say(world);
    }

    /// Leaves nothing behind: answers what waits, takes back what is out.
    pub(crate) fn close(&mut self, world: &mut World) {
        if let Some(accepted) = self.accepted.take() {
            world.timers.cancel(accepted.timer);
        }
        if let Some(due) = self.ack_due.take() {
            let packet = world.ack_packet(self.dialog.ack(due.cseq), self.flow);
            world.sends.push(packet.clone());
            if let Some(Asked::Invite(invite)) = world.asked.get_mut(&due.invite) {
                invite.answers.insert(due.tag, Some(packet));
            }
        }
        self.close_offers(world);
    }
}

impl Farewell {
    /// Sends the BYE, once more if it was challenged.
    pub(crate) fn say(mut self, world: &mut World) {
        let mut bye = self.dialog.request(Method::Bye);
        if let Some(text) = &self.reason {
            push(&mut bye.headers, "Reason", Reason::sip(200, text).to_string());
        }
        if let Some(credentials) = &mut self.credentials {
            credentials.sign(&mut bye, self.flow, &world.random.token());
        }
        world.ask_for(bye, self.flow, Asked::Bye(Box::new(self)));
    }
}
