//! Calls we make: one INVITE per phone of an agent, one to a trunk, one of a phone of ours.
//!
//! ```text
//!   owner            baton            phone 1         phone 2
//!     |-- Call ------->|-- INVITE ------>|               |
//!     |                |-- INVITE --------------------->|
//!     |<- Progress ----|<- 180 ----------|               |
//!     |<- Answered ----|<- 200 -------------------------|
//!     |                |-- ACK ------------------------>|
//!     |                |-- CANCEL ------>|               |   487; a late 200 gets ACK and BYE
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId, Phone};
use rsip::Method;

use super::carriers::{Outgoing, PATIENCE};
use super::identity::{ANONYMOUS, NOWHERE, is_anonymous};
use super::{Alarm, Stack};
use crate::codec::headers::{CSeq, NameAddr, cseq};
use crate::codec::{Scheme, SipUri, one, push, remove, set};
use crate::flow::Flow;
use crate::fork::{Branch, Cancel, Spare, Spares};
use crate::leg::upkeep::Upkeep;
use crate::leg::{Leg, Party, Phase, Ringing};
use crate::news::News;
use crate::registrar::Binding;
use crate::settings::{Place, Protocol};
use crate::transaction::ClientId;
use crate::wish::{Callee, Offer};

/// One INVITE to be sent.
pub(super) struct Target {
    flow: Flow,
    uri: SipUri,
    to: NameAddr,
    route: Vec<String>,
    party: Party,
    /// Further ways to the same phone.
    spares: VecDeque<Spare>,
}

impl Stack {
    /// Rings somebody.
    pub(super) fn call(&mut self, leg: LegId, to: &Callee, from: &Identity, offer: Offer) {
        if self.legs.contains_key(&leg) || self.frozen.contains_key(&leg) {
            return;
        }
        let targets = match to {
            Callee::Agent(name) => Ok(self.phones(name)),
            Callee::Trunk { trunk, number } => {
                return self.call_out(&Outgoing { leg, trunk, number, from, offer: &offer });
            }
            Callee::Address { account, uri, server, protocol } => {
                self.by_address(account.as_deref(), uri, *server, *protocol).map(|target| vec![target])
            }
        };
        let targets = match targets {
            Ok(targets) => targets,
            Err(status) => return self.tell(News::Failed { leg, status }),
        };
        let Some(party) = targets.first().map(|target| target.party.clone()) else {
            return self.tell(News::Failed { leg, status: 480 });
        };
        let said = Some(from.clone()).filter(|from| !from.user.is_empty() && self.is_told_identities(&party));
        let phase = Phase::Ringing(Ringing { said, ..Ringing::default() });
        self.add_leg(Leg { id: leg, party, phase, focus: None });
        for target in targets {
            self.invite(leg, target, from, &offer);
        }
    }

    /// Every phone of an agent; a phone with several flows by the best of them, and by the next when that is dead (RFC 5626 §5.3).
    fn phones(&self, name: &AgentName) -> Vec<Target> {
        let to = NameAddr::new(SipUri::new(Some(&name.0), &self.settings.domain, None));
        let mut targets: Vec<Target> = Vec::new();
        for binding in self.registrar.lookup(self.now, &name.0) {
            let phone = Self::phone_name(binding);
            let (flow, uri, route) = (binding.flow, binding.contact.clone(), binding.path.clone());
            let party = Party::Agent { name: name.clone(), phone };
            match targets.iter_mut().find(|target| target.party == party) {
                Some(target) => target.spares.push_back(Spare { flow, contact: uri, path: route }),
                None => targets.push(Target { flow, uri, to: to.clone(), route, party, spares: VecDeque::new() }),
            }
        }
        targets
    }

    /// What a phone is called: the name it gives its device, else its Contact.
    pub(super) fn phone_name(binding: &Binding<Flow>) -> Phone {
        Phone(binding.instance().map_or_else(|| binding.contact.to_string(), str::to_owned))
    }

    /// A number at a trunk that is reached by this flow.
    pub(super) fn outside_number(&self, trunk: &str, number: &str, flow: Flow) -> Target {
        let mut uri = match self.trunk(trunk).map(|trunk| &trunk.place) {
            Some(Place::Name { host, port }) => SipUri::new(Some(number), host, *port),
            Some(Place::Address(_)) | None => SipUri::at(Some(number), flow.peer),
        };
        if flow.protocol == Protocol::Tls {
            uri.params.set("transport", flow.uri_transport());
        }
        let party = Party::Trunk(trunk.to_owned());
        Target { flow, to: NameAddr::new(uri.clone()), uri, route: Vec::new(), party, spares: VecDeque::new() }
    }

    fn by_address(
        &mut self,
        account: Option<&str>,
        uri: &str,
        server: SocketAddr,
        protocol: Protocol,
    ) -> Result<Target, u16> {
        let uri = SipUri::parse(uri).map_err(|_| 416_u16)?;
        let flow = self.own.flow_to(protocol, server).ok_or(503_u16)?;
        let name = account.and_then(|account| self.accounts.get(account)).map(|known| known.domain().to_owned());
        self.expect_server(flow, &name.unwrap_or_else(|| uri.host.clone()));
        let party = Party::Server(account.map(str::to_owned));
        let to = NameAddr::new(uri.clone());
        Ok(Target { flow, to, uri, route: Vec::new(), party, spares: VecDeque::new() })
    }

    pub(super) fn invite(&mut self, leg: LegId, target: Target, from: &Identity, offer: &Offer) {
        let Target { flow, uri, to, route, party, spares } = target;
        let spares = (!spares.is_empty()).then(|| Box::new(Spares { flows: spares, offer: offer.clone() }));
        let form = offer.over(flow.protocol);
        let offer = self.told(form, flow);
        let shown = self.shown_as(&party, flow, from);
        let asserted = self.asserted(&party, flow, from);
        let user = shown.uri.user_text().map(|user| user.into_owned());
        let private = matches!(party, Party::Trunk(_)) && shown.uri.host == NOWHERE;
        let shown = self.account_at(&party).unwrap_or(shown);
        let mut request = self.outside(Method::Invite, &uri, shown, to, 1);
        for route in route {
            push(&mut request.headers, "Route", route);
        }
        if let Some(asserted) = asserted {
            push(&mut request.headers, "P-Asserted-Identity", asserted);
        }
        if private {
            // nor is what the carrier knows by itself to be told (RFC 3325 §9.3)
            push(&mut request.headers, "Privacy", "id");
        }
        self.introduce(flow, &mut request.headers, Some(leg), user.as_deref());
        if uri.scheme == Scheme::Sips {
            super::secure::promise(&mut request.headers);
        }
        if offer.is_empty() {
            // a reliable provisional answer would bring their offer, and its PRACK had to answer it (RFC 3262 §5)
            let supported = one(&request.headers, "Supported").unwrap_or_default().replace(", 100rel", "");
            set(&mut request.headers, "Supported", supported);
        }
        Upkeep::default().ask(&mut request.headers, self.session_seconds());
        Self::describe(&mut request.headers, &mut request.body, offer);
        self.sign(flow, &mut request);
        let branch = Branch { spares, strict: form.strict.clone(), ..Branch::new(leg, party, !offer.is_empty()) };
        self.send_invite(flow, request, branch);
    }

    /// A form of our offer as whoever is reached by this flow is told it.
    fn told<'a>(&self, form: &'a Offer, flow: Flow) -> &'a Bytes {
        form.far.as_ref().filter(|_| self.own.is_outside(flow)).unwrap_or(&form.near)
    }

    /// A phone turned our offer down (488): it is offered the stricter form of it, once. `false`: there is none. The others that ring
    /// beside it go on ringing.
    pub(super) fn insists(&mut self, client: ClientId) -> bool {
        let Some(branch) = self.branches.get_mut(&client) else { return false };
        let Some(strict) = branch.strict.take() else { return false };
        // whoever challenges gets new credentials for the new request
        branch.tries = 0;
        let Some((request, flow)) = self.transactions.sent(client) else { return false };
        let mut request = request.clone();
        let number = cseq(&request.headers).map_or(1, |cseq| cseq.number).saturating_add(1);
        set(&mut request.headers, "CSeq", CSeq::new(number, Method::Invite).to_string());
        for name in ["Authorization", "Proxy-Authorization"] {
            remove(&mut request.headers, name);
        }
        request.body = self.told(&strict, flow).to_vec();
        self.sign(flow, &mut request);
        tracing::info!(peer = %flow.peer, "is rung again, with encrypted sound alone");
        self.invite_again(client, flow, request, 0);
        true
    }

    /// A phone's flow is dead: its INVITE goes by the next one that was registered; `false` if there is none. Who has heard
    /// it by the dead one says so by the tag of its answers: the first answer wins as ever.
    pub(super) fn next_flow(&mut self, client: ClientId) -> bool {
        let Some(branch) = self.branches.get_mut(&client).filter(|branch| !branch.again && branch.cancel == Cancel::No)
        else {
            return false;
        };
        let (leg, offered) = (branch.leg, branch.offered);
        let Some(mut spares) = branch.spares.take() else { return false };
        let rings = self.legs.get(&leg).is_some_and(|leg| matches!(leg.phase, Phase::Ringing(_)));
        let Some(Spare { flow, contact, path }) = spares.flows.pop_front().filter(|_| rings) else { return false };
        let Some((request, _)) = self.transactions.sent(client) else { return false };
        let mut request = request.clone();
        request.uri = contact.to_rsip();
        remove(&mut request.headers, "Route");
        for route in path {
            push(&mut request.headers, "Route", route);
        }
        let ours = self.contact_in(flow, Some(leg), None).to_string();
        set(&mut request.headers, "Contact", ours);
        if contact.scheme == Scheme::Sips {
            super::secure::promise(&mut request.headers);
        }
        if offered {
            let form = spares.offer.over(flow.protocol);
            request.body = self.told(form, flow).to_vec();
            let strict = form.strict.clone();
            if let Some(branch) = self.branches.get_mut(&client) {
                branch.strict = strict;
            }
        }
        self.sign(flow, &mut request);
        tracing::info!(peer = %flow.peer, "the phone's next flow is tried");
        if let Some(branch) = self.branches.get_mut(&client) {
            branch.spares = Some(spares).filter(|spares| !spares.flows.is_empty());
        }
        self.invite_again(client, flow, request, 0);
        // what is left is for the new one to try
        if let Some(branch) = self.branches.get_mut(&client) {
            branch.spares = None;
        }
        true
    }

    /// A phone has said nothing by this flow so far, not even 100: it is rung by the next one too. A late answer counts as any
    /// other, and the phone that turns the second INVITE down because it has heard the first (482) goes on ringing.
    pub(super) fn flow_is_silent(&mut self, client: ClientId) {
        let Some(branch) = self.branches.get(&client).filter(|branch| !branch.heard && !branch.closed) else { return };
        let leg = branch.leg;
        if self.next_flow(client)
            && let Some(Phase::Ringing(ringing)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase)
        {
            ringing.open.insert(0, client);
        }
    }

    /// Sends an INVITE (or re-INVITE) for a leg and keeps its branch until its transaction is forgotten.
    pub(super) fn send_invite(&mut self, flow: Flow, mut request: rsip::Request, mut branch: Branch) {
        let for_trunk = matches!(branch.party, Party::Trunk(_));
        let (flow, meant) = if for_trunk { self.widened(flow, &mut request) } else { (flow, None) };
        let leg = branch.leg;
        branch.early = Self::early_key(&request).filter(|_| !branch.again);
        let early = branch.early.clone();
        let client = self.transactions.send(self.now, flow, request);
        if meant.is_some() {
            self.alarms.arm(self.now + PATIENCE, Alarm::NextServer(client));
        }
        self.note_widened(client, meant);
        if branch.spares.is_some() && !branch.again {
            self.alarms.arm(self.now + PATIENCE, Alarm::NextFlow(client));
        }
        self.branches.insert(client, branch);
        let Some(early) = early else { return };
        self.early.insert(early, client);
        if let Some(Phase::Ringing(ringing)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
            ringing.open.push(client);
        }
    }

    /// Our account at a carrier that wants to see it in From.
    fn account_at(&self, party: &Party) -> Option<NameAddr> {
        let Party::Trunk(name) = party else { return None };
        let trunk = self.trunk(name).filter(|trunk| trunk.from_account)?;
        let (user, _) = trunk.credentials.as_ref()?;
        let (host, port) = super::enrol::host_of(&trunk.place);
        Some(NameAddr::new(SipUri::new(Some(user), &host, port)))
    }

    /// Who is shown as calling. A carrier is shown of an anonymous caller nothing but that: or the number of the house, which
    /// says nothing of the caller and without which many carriers take no call.
    pub(super) fn shown_as(&mut self, party: &Party, flow: Flow, from: &Identity) -> NameAddr {
        let display = Some(from.display.clone()).filter(|display| !display.is_empty());
        let (user, host) = match party {
            Party::Agent { .. } => (from.user.clone(), self.settings.domain.clone()),
            Party::Trunk(name) => {
                let number = self.trunk(name).map(|trunk| trunk.caller_id.clone()).filter(|number| !number.is_empty());
                match number {
                    Some(number) if is_anonymous(from) => {
                        return NameAddr::new(SipUri::new(Some(&number), &self.settings.domain, None));
                    }
                    None if is_anonymous(from) => {
                        let nobody = NameAddr::new(SipUri::new(Some(ANONYMOUS), NOWHERE, None));
                        return NameAddr { display: Some("Anonymous".to_owned()), ..nobody };
                    }
                    number => (number.unwrap_or_else(|| from.user.clone()), self.settings.domain.clone()),
                }
            }
            Party::Server(Some(account)) => {
                let domain = self.accounts.get(account).map(|known| known.domain().to_owned());
                (account.clone(), domain.unwrap_or_else(|| self.settings.domain.clone()))
            }
            Party::Server(None) => (from.user.clone(), self.own.shown(flow).ip().to_string()),
        };
        let user = if user.is_empty() { ANONYMOUS.to_owned() } else { user };
        NameAddr { display, ..NameAddr::new(SipUri::new(Some(&user), &host, None)) }
    }
}
