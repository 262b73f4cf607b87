//! Where a trunk's calls go: to its address, or to the servers its name leads to, one after the other.
//!
//! ```text
//!   Call ──> known? ── no ──> Find ────> (DNS, elsewhere) ────> found ──> INVITE to the first
//!              └─ yes, or DNS is silent and it was known once ──────────> INVITE to the first
//!   503, refused, or not a word in 4 s ─────────────────────────────────> INVITE to the next (RFC 3263 §4.3)
//! ```
//!
//! A server that was not there is tried last for half a minute. Which requests go inside a dialog, its flow says.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use conference::{Identity, LegId, Moment};

use super::{Alarm, Output, Stack};
use crate::codec::set;
use crate::fork::Cancel;
use crate::gate::same_ip;
use crate::leg::{Leg, Party, Phase, Ringing};
use crate::news::News;
use crate::servers::{Found, Question};
use crate::settings::{Place, Protocol, Trunk};
use crate::transaction::ClientId;
use crate::wish::Offer;

/// How long a server, or a phone's flow, may say nothing before the next one is tried, if there is one (fault 25 of trust.md).
pub(super) const PATIENCE: Duration = Duration::from_millis(3500);
/// How long one that was not there is tried last.
const SHUNNED: Duration = Duration::from_secs(30);
/// Servers that are remembered not to have been there.
const MOST_SHUNNED: usize = 1024;
/// Calls that wait for one name.
const MOST_WAITING: usize = 1024;

/// What is known of carriers' names.
#[derive(Debug, Default)]
pub(super) struct Carriers {
    known: BTreeMap<String, Known>,
    /// Calls that wait for the answer, by trunk; there is one question under way for each.
    waiting: BTreeMap<String, Vec<Waiting>>,
    shunned: BTreeMap<SocketAddr, Moment>,
}

#[derive(Debug)]
struct Known {
    question: Question,
    found: Found,
    until: Moment,
}

/// A call that waits to know where to go.
#[derive(Debug)]
struct Waiting {
    leg: LegId,
    number: String,
    from: Identity,
    offer: Offer,
}

/// A call through a trunk whose server is yet to be chosen.
pub(super) struct Outgoing<'a> {
    pub(super) leg: LegId,
    pub(super) trunk: &'a str,
    pub(super) number: &'a str,
    pub(super) from: &'a Identity,
    pub(super) offer: &'a Offer,
}

impl Stack {
    /// Calls a number through a trunk.
    pub(super) fn call_out(&mut self, call: &Outgoing<'_>) {
        let Some(trunk) = self.trunk(call.trunk).filter(|_| !self.trunk_is_full(call.trunk)) else {
            return self.tell(News::Failed { leg: call.leg, status: 503 });
        };
        let question = match &trunk.place {
            Place::Address(address) => {
                let only = (trunk.protocol.unwrap_or(Protocol::Udp), *address);
                self.add_outgoing(call);
                return self.call_first(call.leg, call.trunk, call.number, call.from, call.offer, [only].into());
            }
            Place::Name { host, port } => self.question(host.clone(), *port, trunk.protocol),
        };
        self.add_outgoing(call);
        if let Some(found) = self.known_fresh(call.trunk, &question) {
            return self.call_found(call.trunk, &found, call.leg, call.number, call.from, call.offer);
        }
        let asked = self.carriers.waiting.contains_key(call.trunk);
        let waiting = self.carriers.waiting.entry(call.trunk.to_owned()).or_default();
        if waiting.len() >= MOST_WAITING {
            return self.call_failed(call.leg, 503);
        }
        let (number, from, offer) = (call.number.to_owned(), call.from.clone(), call.offer.clone());
        waiting.push(Waiting { leg: call.leg, number, from, offer });
        if !asked {
            self.out.push_back(Output::Find(call.trunk.to_owned(), question));
        }
    }

    /// What is known of where a trunk's name leads, if it holds still.
    pub(super) fn known_fresh(&self, trunk: &str, question: &Question) -> Option<Found> {
        let known = self.carriers.known.get(trunk)?;
        (known.question == *question && known.until > self.now).then(|| known.found.clone())
    }

    /// Somebody other than a call wants to know where a trunk's name leads. Whether it has to be asked, or is under way.
    pub(super) fn ask_where(&mut self, trunk: &str) -> bool {
        let asked = self.carriers.waiting.contains_key(trunk);
        self.carriers.waiting.entry(trunk.to_owned()).or_default();
        !asked
    }

    /// DNS has answered, or will not.
    pub(crate) fn found(&mut self, now: Moment, trunk: &str, question: &Question, found: Option<Found>) {
        self.now = now;
        let found = match found {
            Some(found) => {
                let known = Known { question: question.clone(), found: found.clone(), until: now + found.life };
                self.carriers.known.insert(trunk.to_owned(), known);
                Some(found)
            }
            // what was known once is better than nothing
            None => self
                .carriers
                .known
                .get(trunk)
                .filter(|known| known.question == *question)
                .map(|known| known.found.clone()),
        };
        for Waiting { leg, number, from, offer } in self.carriers.waiting.remove(trunk).unwrap_or_default() {
            let waits = self
                .legs
                .get(&leg)
                .is_some_and(|leg| matches!(&leg.phase, Phase::Ringing(ringing) if ringing.open.is_empty()));
            match &found {
                _ if !waits => {}
                Some(found) => self.call_found(trunk, found, leg, &number, &from, &offer),
                None => self.call_failed(leg, 503),
            }
        }
        if self.finds_for_enrolment(trunk) {
            self.enrolment_found(trunk, found.as_ref());
        }
        self.settle();
    }

    fn call_found(&mut self, trunk: &str, found: &Found, leg: LegId, number: &str, from: &Identity, offer: &Offer) {
        let servers = self.servers_of(found);
        self.call_first(leg, trunk, number, from, offer, servers);
    }

    /// A carrier's servers in the order in which they are tried.
    pub(super) fn servers_of(&mut self, found: &Found) -> VecDeque<(Protocol, SocketAddr)> {
        let servers = found.in_order(&mut self.chance);
        let now = self.now;
        self.carriers.shunned.retain(|_, until| *until > now);
        let shunned = |(_, address): &(Protocol, SocketAddr)| self.carriers.shunned.contains_key(address);
        let (last, first): (Vec<_>, Vec<_>) = servers.into_iter().partition(shunned);
        first.into_iter().chain(last).collect()
    }

    /// Sends the INVITE to the first server; the others are kept for when it is not there.
    fn call_first(
        &mut self,
        leg: LegId,
        trunk: &str,
        number: &str,
        from: &Identity,
        offer: &Offer,
        mut servers: VecDeque<(Protocol, SocketAddr)>,
    ) {
        while let Some((protocol, address)) = servers.pop_front() {
            let Some(flow) = self.own.flow_to(protocol, address) else { continue };
            self.expect_trunk(trunk, flow);
            let others = !servers.is_empty();
            if let Some(Phase::Ringing(ringing)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
                ringing.servers = servers;
            }
            let target = self.outside_number(trunk, number, flow);
            self.invite(leg, target, from, offer);
            if others {
                self.watch_server(leg);
            }
            return;
        }
        tracing::warn!(trunk, "no listener of ours reaches the trunk: the call fails");
        self.call_failed(leg, 503);
    }

    fn add_outgoing(&mut self, call: &Outgoing<'_>) {
        let party = Party::Trunk(call.trunk.to_owned());
        let said = Some(call.from.clone()).filter(|from| !from.user.is_empty() && self.is_told_identities(&party));
        let phase = Phase::Ringing(Ringing { said, ..Ringing::default() });
        self.add_leg(Leg { id: call.leg, party, phase, focus: None });
    }

    fn call_failed(&mut self, leg: LegId, status: u16) {
        self.drop_leg(leg);
        self.tell(News::Failed { leg, status });
    }

    fn watch_server(&mut self, leg: LegId) {
        let Some(Phase::Ringing(ringing)) = self.legs.get(&leg).map(|leg| &leg.phase) else { return };
        if let Some(client) = ringing.open.last() {
            self.alarms.arm(self.now + PATIENCE, Alarm::NextServer(*client));
        }
    }

    /// Whether a call out has further servers to try.
    fn has_servers(&self, leg: LegId) -> bool {
        let phase = self.legs.get(&leg).map(|leg| &leg.phase);
        matches!(phase, Some(Phase::Ringing(ringing)) if !ringing.servers.is_empty())
    }

    /// A carrier's server has said nothing so far. A late answer of it still counts, or gets its CANCEL.
    pub(super) fn server_is_silent(&mut self, client: ClientId) {
        let Some(branch) = self.branches.get(&client) else { return };
        if branch.heard || branch.closed || branch.cancel != Cancel::No {
            return;
        }
        // a firewall that swallows connections is no dead server: the same one by UDP first, as if it had refused
        if self.is_widened(client) {
            let others = self.branches.get(&client).map(|branch| branch.leg).filter(|leg| self.has_servers(*leg));
            if self.narrowed(client) {
                if let Some(branch) = self.branches.get_mut(&client) {
                    (branch.closed, branch.cancel) = (true, Cancel::Wanted);
                }
                if let Some(leg) = others {
                    self.watch_server(leg);
                }
            }
            return;
        }
        if let Some(branch) = self.branches.get_mut(&client) {
            branch.cancel = Cancel::Wanted;
        }
        self.invite_failed(client, 408);
    }

    /// The next server takes the place of one that is not there; `false` if there is none.
    pub(super) fn next_server(&mut self, client: ClientId, leg: LegId) -> bool {
        self.alarms.disarm(&Alarm::NextServer(client));
        let Some(Leg { party: Party::Trunk(trunk), phase: Phase::Ringing(ringing), .. }) = self.legs.get_mut(&leg)
        else {
            return false;
        };
        let (trunk, mut servers) = (trunk.clone(), std::mem::take(&mut ringing.servers));
        let Some((request, gone)) = self.transactions.sent(client) else { return false };
        let (mut request, gone) = (request.clone(), gone.peer);
        while let Some((protocol, address)) = servers.pop_front() {
            let Some(flow) = self.own.flow_to(protocol, address) else { continue };
            self.shun(gone);
            self.expect_trunk(&trunk, flow);
            let others = !servers.is_empty();
            if let Some(Phase::Ringing(ringing)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
                ringing.servers = servers;
            }
            let contact = self.contact_in(flow, Some(leg), None).to_string();
            set(&mut request.headers, "Contact", contact);
            self.sign(flow, &mut request);
            tracing::info!(trunk, %address, "the next server is tried");
            self.wide.forget(client);
            self.invite_again(client, flow, request, 0);
            if others {
                self.watch_server(leg);
            }
            return true;
        }
        false
    }

    pub(super) fn shun(&mut self, address: SocketAddr) {
        if self.carriers.shunned.len() >= MOST_SHUNNED {
            self.carriers.shunned.clear();
        }
        self.carriers.shunned.insert(address, self.now + SHUNNED);
    }

    pub(super) fn question(&self, host: String, port: Option<u16>, protocol: Option<Protocol>) -> Question {
        Question { host, port, protocol, ours: self.own.protocols(), families: self.own.families() }
    }

    /// A trunk of the settings.
    pub(super) fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.settings.directory.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// Whether a trunk's calls go to this address and port.
    pub(super) fn is_reached_at(&self, trunk: &Trunk, address: SocketAddr) -> bool {
        match &trunk.place {
            Place::Address(known) => *known == address,
            Place::Name { .. } => self.carriers.known.get(&trunk.name).is_some_and(|known| known.found.has(address)),
        }
    }

    /// Whether a trunk's calls go to this address, by whatever port.
    pub(super) fn is_host_of(&self, trunk: &Trunk, ip: IpAddr) -> bool {
        match &trunk.place {
            Place::Address(known) => same_ip(known.ip(), ip),
            Place::Name { .. } => {
                let known = self.carriers.known.get(&trunk.name);
                let mut servers = known.into_iter().flat_map(|known| &known.found.servers);
                servers.any(|server| server.addresses.iter().any(|address| same_ip(address.ip(), ip)))
            }
        }
    }

    /// Where a trunk was reached last, or is always.
    pub(super) fn known_server(&self, trunk: &Trunk) -> Option<(Protocol, SocketAddr)> {
        match &trunk.place {
            Place::Address(address) => Some((trunk.protocol.unwrap_or(Protocol::Udp), *address)),
            Place::Name { .. } => {
                let server = self.carriers.known.get(&trunk.name)?.found.servers.first()?;
                Some((server.protocol, *server.addresses.first()?))
            }
        }
    }
}
