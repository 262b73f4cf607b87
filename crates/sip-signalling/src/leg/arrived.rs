//! A leg that rings here.
//!
//! ```text
//!   phone            baton
//!     |--- INVITE ---->|   News::Arrived
//!     |<-- 180 --------|   Wish::Ringing; again every minute, RFC 3261 §13.3.1.1
//!     |<-- 200 --------|   Wish::Answer; again at T1, 2*T1 … T2 until the ACK, RFC 3261 §13.3.1.4
//!     |--- ACK ------->|   News::Acknowledged
//! ```
//!
//! CANCEL, or BYE before the answer: 487. The 200 and its repeats are `up`'s.

use std::time::Duration;

use conference::LegId;
use rsip::{Request, Response};

use super::up::{Accepted, Up};
use crate::codec::headers::Reason;
use crate::codec::{push, respond, respond_in_dialog};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::stack::credentials::Credentials;
use crate::stack::timers::{Timer, TimerId};
use crate::stack::world::{SDP, World, set_body};
use crate::transaction::ServerId;

/// RFC 3261 §13.3.1.1: proxies give up after three minutes without a word.
const RING_AGAIN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(crate) struct Arriving {
    /// Its transaction.
    pub(crate) server: ServerId,
    /// The INVITE.
    pub(crate) invite: Request,
    /// Its CSeq.
    pub(crate) cseq: u32,
    /// The dialog it will be.
    pub(crate) dialog: Dialog,
    /// The way it came.
    pub(crate) flow: Flow,
    /// For requests of ours that are challenged.
    pub(crate) credentials: Option<Credentials>,
    /// The next 180.
    pub(crate) ringing: Option<TimerId>,
}

impl Arriving {
    /// Says that it rings (180), now and every minute from now on.
    pub(crate) fn ring(&mut self, leg: LegId, world: &mut World) {
        let response = self.in_dialog(180, world);
        world.respond(self.server, response);
        if let Some(timer) = self.ringing.take() {
            world.timers.cancel(timer);
        }
        self.ringing = Some(world.after(RING_AGAIN, Timer::RingAgain(leg)));
    }

    /// Answers it.
    pub(crate) fn accept(self, leg: LegId, world: &mut World, body: &[u8]) -> Up {
        let mut response = self.in_dialog(200, world);
        set_body(&mut response.headers, &mut response.body, SDP, body);
        self.silence(world);
        let offered = self.invite.body.is_empty();
        let sent = world.respond(self.server, response);
        let mut up = Up::new(self.dialog, self.flow, self.credentials);
        up.accepted = sent.map(|packet| Accepted::new(leg, world, packet, self.cseq, offered));
        up
    }

    /// Turns it down.
    pub(crate) fn reject(self, world: &mut World, status: u16, reason: Option<&str>) {
        self.silence(world);
        let mut response = respond(&self.invite, status, Some(self.dialog.local_tag()));
        if let Some(text) = reason {
            push(&mut response.headers, "Reason", Reason::sip(status, text).to_string());
        }
        world.respond(self.server, response);
    }

    fn silence(&self, world: &mut World) {
        if let Some(timer) = self.ringing {
            world.timers.cancel(timer);
        }
    }

    fn in_dialog(&self, status: u16, world: &mut World) -> Response {
        let mut response = respond_in_dialog(&self.invite, status, self.dialog.local_tag());
        let contact = world.contact(self.dialog.local_user().as_deref(), self.flow);
        world.describe(&mut response.headers, &contact);
        response
    }
}
