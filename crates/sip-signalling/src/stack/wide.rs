//! Large requests to trunks (RFC 3261 §18.1.1): what no longer fits a datagram goes over TCP, and by UDP after all when nobody
//! takes a connection there.
//!
//! The dialog stays one over UDP: what is small goes as before. Phones are left out: behind a NAT nobody connects to them.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use conference::Moment;
use rsip::{Request, SipMessage};

use super::{Pending, Stack, User};
use crate::codec::write;
use crate::flow::Flow;
use crate::fork::Cancel;
use crate::leg::Party;
use crate::settings::Protocol;
use crate::transaction::ClientId;

/// Bytes a request over UDP may have.
const MOST_BYTES: usize = 1300;
/// How long it is remembered that somebody takes no connections.
const REFUSED: Duration = Duration::from_secs(600);
/// Of how many that is remembered.
const MOST_REFUSED: usize = 1024;

/// What went over TCP because it is large, and who took it not.
#[derive(Debug, Default)]
pub(super) struct Wide {
    /// The flow it would have gone by.
    sent: HashMap<ClientId, Flow>,
    refused: BTreeMap<SocketAddr, Moment>,
}

impl Wide {
    /// A transaction is forgotten.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.sent.remove(&client);
    }
}

impl Stack {
    /// By which way a request to a trunk goes: signed anew if that is another one. The way it should have gone, if so.
    pub(super) fn widened(&mut self, flow: Flow, request: &mut Request) -> (Flow, Option<Flow>) {
        let refuses = self.wide.refused.get(&flow.peer).is_some_and(|until| *until > self.now);
        if flow.protocol != Protocol::Udp || refuses {
            return (flow, None);
        }
        if write(&SipMessage::Request(request.clone())).len() <= MOST_BYTES {
            return (flow, None);
        }
        let Some(wide) = self.own.flow_to(Protocol::Tcp, flow.peer) else { return (flow, None) };
        self.sign(wide, request);
        (wide, Some(flow))
    }

    /// Notes that a request went another way than it should have.
    pub(super) fn note_widened(&mut self, client: ClientId, meant: Option<Flow>) {
        if let Some(meant) = meant {
            self.wide.sent.insert(client, meant);
        }
    }

    /// The way a request was meant to go: what its dialog goes by.
    pub(super) fn meant(&self, client: ClientId, flow: Flow) -> Flow {
        self.wide.sent.get(&client).copied().unwrap_or(flow)
    }

    /// A connection could not be made, or broke: the request goes by UDP. `false` if that is not why it had failed, or if it
    /// was heard there: then it is under way, and another would be another call.
    pub(super) fn narrowed(&mut self, client: ClientId) -> bool {
        if self.branches.get(&client).is_some_and(|branch| branch.heard) {
            return false;
        }
        let Some(flow) = self.wide.sent.remove(&client) else { return false };
        let Some((request, _)) = self.transactions.sent(client) else { return false };
        let mut request = request.clone();
        if self.wide.refused.len() >= MOST_REFUSED {
            self.wide.refused.clear();
        }
        self.wide.refused.insert(flow.peer, self.now + REFUSED);
        self.sign(flow, &mut request);
        if let Some(branch) = self.branches.get(&client) {
            if branch.cancel != Cancel::No || !self.legs.contains_key(&branch.leg) {
                return false;
            }
            let tries = branch.tries;
            self.invite_again(client, flow, request, tries);
            return true;
        }
        let Some(Pending { user, tries }) = self.pending.remove(&client) else { return false };
        let updates = if let User::Update(leg) = &user { Some(*leg) } else { None };
        let again = self.send_signed(flow, request, user, tries);
        if let Some(session) = updates.and_then(|leg| self.session_mut(leg)) {
            session.upkeep.updating = Some(again);
        }
        true
    }

    /// Whether an INVITE went over TCP because it is large.
    pub(super) fn is_widened(&self, client: ClientId) -> bool {
        self.wide.sent.contains_key(&client)
    }

    /// Whether a request of ours, INVITEs apart, is for a trunk.
    pub(super) fn is_for_trunk(&self, user: &User) -> bool {
        let leg = match user {
            User::Update(leg) | User::Digit(leg) | User::Probe(leg) | User::Refer(leg, _) => leg,
            User::Bye(party) => return matches!(party, Party::Trunk(_)),
            User::Prack(..) | User::Nobody | User::Account(_) | User::Enrol(..) | User::Notify(_) | User::Tell(_) => {
                return false;
            }
        };
        self.legs.get(leg).is_some_and(|leg| matches!(leg.party, Party::Trunk(_)))
    }
}
