//! Who sends a request, as far as it can be proved: agents by digest, trunks by their addresses.
//!
//! ```text
//!   outside a dialog   trunk's address or certificate ─> trunk; digest ─> agent; else 401, the same for everybody (B1)
//!   inside a dialog    the leg's own address, its trunk's addresses, or its agent's digest (C9)
//!   ACK                whoever knows the dialog, as nobody can challenge it; with a description: as above
//! ```

use std::time::Duration;

use conference::LegId;
use rsip::{Method, Request};

use super::{Alarm, Stack};
use crate::codec::headers::from;
use crate::digest::{Attempt, Judged, Verdict};
use crate::flow::Flow;
use crate::gate::{self, Refusal};
use crate::leg::Party;
use crate::news::News;
use crate::settings::Doorkeeping;

/// Challenges held back at once; beyond, they go out at once.
const HELD_BACK: usize = 10_000;

/// Who sent a request outside a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// This agent.
    Agent(String),
    /// This trunk.
    Trunk(String),
    /// A phone's endpoint does not ask.
    Anyone,
}

impl Stack {
    /// A request without To tag.
    pub(super) fn outside_dialog(&mut self, flow: Flow, back: Flow, request: Request) {
        if let Some(refusal) = gate::form(&request).or_else(|| gate::promise(&request, flow)) {
            return self.refuse(back, &request, &refusal);
        }
        // these belong to a dialog or to nothing, whoever sends them
        if matches!(request.method, Method::Bye | Method::Info | Method::Update | Method::PRack) {
            return self.refuse_with(back, &request, 481);
        }
        // a registered phone asks whether we are there
        if request.method == Method::Options && self.registrar.iter().any(|(_, binding)| binding.flow == flow) {
            return self.tell_abilities(back, &request);
        }
        let Some(sender) = self.sender(flow, back, &request) else { return };
        match (request.method, sender) {
            (Method::Invite, sender) => self.arrive(flow, back, request, sender),
            (Method::Register, Sender::Agent(user)) => self.register(flow, back, request, &user),
            (Method::Options, _) => self.tell_abilities(back, &request),
            (Method::Refer, Sender::Agent(user)) => self.referred_outside(flow, back, request, &user),
            (Method::Refer, Sender::Trunk(_) | Sender::Anyone) => self.refer_forbidden(back, request),
            (Method::Subscribe, Sender::Agent(user)) => self.watch_asked(flow, back, request, &user),
            (Method::Subscribe, Sender::Trunk(_)) => self.reply(back, request, &Refusal::plain(403)),
            (method, _) => {
                let refusal = gate::outside_dialog(method, self.allow);
                self.refuse(back, &request, &refusal);
            }
        }
    }

    /// Who sent it; `None` if it was challenged or turned down.
    fn sender(&mut self, flow: Flow, back: Flow, request: &Request) -> Option<Sender> {
        if self.settings.doorkeeping == Doorkeeping::Phone {
            return Some(Sender::Anyone);
        }
        if request.method != Method::Register
            && let Some(trunk) = self.trunk_of(flow, &(&request.uri).into())
        {
            return Some(Sender::Trunk(trunk.name.clone()));
        }
        let user = self.proved(flow, back, request)?;
        let claimed = from(&request.headers).ok().and_then(|from| from.uri.user_text().map(|user| user.to_lowercase()));
        let spoofed = claimed.filter(|claimed| *claimed != user && self.secrets.contains_key(claimed));
        if let Some(claimed) = spoofed {
            self.alert("false-from", flow.peer, format!("{user} as {}", claimed.escape_default()));
            self.refuse_with(back, request, 403);
            return None;
        }
        Some(Sender::Agent(user))
    }

    /// The agent whose credentials the request brings; `None` if it was challenged or turned down.
    pub(super) fn proved(&mut self, flow: Flow, back: Flow, request: &Request) -> Option<String> {
        let secrets = &self.secrets;
        let attempt = Attempt::of(request, flow.peer.ip());
        let Judged { verdict, alarm } = self.digest.judge(self.now, &attempt, |user| secrets.get(user));
        if let Some(alarm) = alarm {
            self.alert(alarm.rule, flow.peer, alarm.detail);
        }
        match verdict {
            Verdict::Granted { user } => return Some(user),
            Verdict::Banned { .. } => self.refuse_with(back, request, 403),
            Verdict::Challenge { stale, after } => self.challenge_after(back, request, stale, after),
        }
        None
    }

    fn challenge_after(&mut self, back: Flow, request: &Request, stale: bool, after: Duration) {
        if after.is_zero() || self.held_back >= HELD_BACK {
            return self.challenge(back, request, stale);
        }
        if let Some(server) = self.transactions.open(back, request.clone()) {
            self.held_back += 1;
            self.alarms.arm(self.now + after, Alarm::Challenge(server, stale));
        }
    }

    /// Whether an ACK to the 2xx that waits for it counts; its dialog and number have been compared. It cannot be
    /// challenged (RFC 3261 §22.1), so that one over another way counts as well, except one that is to bring a
    /// description: that one must come from the leg's own address, its trunk's, or with its agent's digest.
    pub(super) fn may_acknowledge(&mut self, leg: LegId, flow: Flow, request: &Request, describes: bool) -> bool {
        let Some((party, known)) = self.legs.get(&leg).and_then(|leg| Some((leg.party.clone(), leg.dialog()?.flow)))
        else {
            return false;
        };
        if !describes || gate::same_ip(known.peer.ip(), flow.peer.ip()) {
            return true;
        }
        let proved = match party {
            Party::Trunk(name) => self.is_trunks(&name, flow),
            Party::Server(_) => false,
            Party::Agent { name, .. } => {
                let attempt = Attempt::of(request, flow.peer.ip());
                let secrets = &self.secrets;
                self.digest.vouches(self.now, &attempt, &name.0, |user| secrets.get(user))
            }
        };
        if !proved {
            self.alert("foreign-request", flow.peer, request.method.to_string());
        }
        proved
    }

    /// Whether a request inside a dialog, ACK apart, comes from whom the leg is with. If not it was challenged.
    pub(super) fn may_speak(&mut self, leg: LegId, flow: Flow, back: Flow, request: &Request) -> bool {
        let Some((party, known)) = self.legs.get(&leg).and_then(|leg| Some((leg.party.clone(), leg.dialog()?.flow)))
        else {
            return false;
        };
        if known == flow {
            return true;
        }
        let user = match party {
            Party::Trunk(name) => {
                if self.is_trunks(&name, flow) {
                    return true;
                }
                None
            }
            Party::Server(_) => {
                let same = gate::same_ip(known.peer.ip(), flow.peer.ip());
                if !same {
                    self.refuse_with(back, request, 481);
                }
                return same;
            }
            Party::Agent { name, .. } => Some(name.0),
        };
        let Some(proved) = self.proved(flow, back, request) else { return false };
        if Some(proved) != user {
            self.alert("foreign-request", flow.peer, request.method.to_string());
            self.refuse(back, request, &Refusal::plain(403));
            return false;
        }
        self.move_phone(leg, known, flow);
        true
    }

    /// A phone has moved (Wi-Fi to LTE, or its router has forgotten it): with the leg on which it said so go its others that
    /// went the same way. Of them nothing may come before we have something to say there.
    fn move_phone(&mut self, leg: LegId, from: Flow, to: Flow) {
        let Some(phone) = self.legs.get(&leg).map(|leg| leg.party.clone()) else { return };
        self.move_legs(to, |party, flow| *party == phone && flow == from);
    }

    /// Legs go another way from here on.
    pub(super) fn move_legs(&mut self, to: Flow, mut moves: impl FnMut(&Party, Flow) -> bool) {
        let mut elsewhere = Vec::new();
        for leg in self.legs.values_mut() {
            let (id, party) = (leg.id, leg.party.clone());
            let Some(dialog) = leg.dialog_mut().filter(|dialog| moves(&party, dialog.flow)) else { continue };
            if !gate::same_ip(dialog.flow.peer.ip(), to.peer.ip()) {
                elsewhere.push(id);
            }
            dialog.flow = to;
        }
        elsewhere.sort_unstable();
        for leg in elsewhere {
            self.tell(News::Moved { leg, source: to.peer });
        }
    }
}
