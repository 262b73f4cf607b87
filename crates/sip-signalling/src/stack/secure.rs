//! What TLS adds to who is who: trunks that prove themselves by a certificate, servers that must, and `sips:`.
//!
//! Handshakes and keys are the transport's; here is only whom a connection that is made, or there, belongs to.

use std::collections::{BTreeMap, HashMap};

use rsip::Headers;
use secure_wire::{Connector, Roots};

use super::{Output, Stack};
use crate::codec::headers::{Contacts, contacts};
use crate::codec::{Scheme, SipUri, set};
use crate::flow::Flow;
use crate::gate;
use crate::leg::Party;
use crate::settings::{Directory, Place, Protocol, SipSettings, Trunk};
use crate::transport::Expected;

/// Connections and servers as far as certificates tell of them.
pub(super) struct Secure {
    /// What proves connections that came, and the trunks they are by that.
    proofs: HashMap<Flow, Proof>,
    /// By trunk.
    connectors: BTreeMap<String, Connector>,
    /// Of a phone.
    phone: Option<Connector>,
}

struct Proof {
    chain: Vec<Vec<u8>>,
    trunks: Vec<String>,
}

impl Secure {
    pub(super) fn new(settings: &SipSettings) -> Self {
        let phone = settings.trust.as_ref().map(|trust| Connector::new(trust, None));
        let mut secure = Self { proofs: HashMap::new(), connectors: BTreeMap::new(), phone };
        secure.renew(settings);
        secure
    }

    /// The trunks have changed: whoever was one may be none any more.
    pub(super) fn renew(&mut self, settings: &SipSettings) {
        let trunks = &settings.directory.trunks;
        let connector = |trunk: &Trunk| {
            let connector = Connector::new(trunk.security.trust.as_ref()?, trunk.security.identity.as_ref());
            Some((trunk.name.clone(), connector))
        };
        self.connectors = trunks.iter().filter_map(connector).collect();
        for proof in self.proofs.values_mut() {
            proof.trunks = proved_trunks(trunks, &proof.chain);
        }
    }
}

/// The trunks that these certificates are of.
fn proved_trunks(trunks: &[Trunk], chain: &[Vec<u8>]) -> Vec<String> {
    let vouched = |trunk: &&Trunk| trunk.security.clients.as_ref().is_some_and(|roots| roots.vouch_for(chain));
    trunks.iter().filter(vouched).map(|trunk| trunk.name.clone()).collect()
}

impl Directory {
    /// Who vouches for trunks that prove themselves by a certificate; `None` if none does.
    pub(crate) fn clients(&self) -> Option<Roots> {
        Roots::all_of(self.trunks.iter().filter_map(|trunk| trunk.security.clients.as_ref()))
    }
}

impl Stack {
    /// The handshake of a connection that came is over; `chain` are the certificates it showed.
    pub(crate) fn flow_proved(&mut self, flow: Flow, chain: Vec<Vec<u8>>) {
        if !chain.is_empty() {
            let trunks = proved_trunks(&self.settings.directory.trunks, &chain);
            self.secure.proofs.insert(flow, Proof { chain, trunks });
        }
    }

    /// A connection is gone. What is left to say to a trunk that had made it goes where the trunk is reached: the port it came
    /// from listens to nobody.
    pub(super) fn secure_lost(&mut self, flow: Flow) {
        self.secure.proofs.remove(&flow);
        if flow.protocol != Protocol::Tls {
            return;
        }
        let concerned = self.legs.values().filter(|leg| leg.dialog().is_some_and(|dialog| dialog.flow == flow));
        let concerned = concerned.filter_map(|leg| match &leg.party {
            Party::Trunk(name) => Some((leg.id, name.clone())),
            Party::Agent { .. } | Party::Server(_) => None,
        });
        for (leg, name) in concerned.collect::<Vec<_>>() {
            let Some(way) = self.way_to_trunk(&name).filter(|way| way.protocol == Protocol::Tls) else { continue };
            if let Some(dialog) = self.legs.get_mut(&leg).and_then(|leg| leg.dialog_mut()) {
                dialog.flow = way;
            }
        }
    }

    /// The trunk whose calls come by this flow: one that has proved itself by a certificate, else the one of its address,
    /// else the one that we are registered with by this very flow.
    pub(super) fn trunk_of(&self, flow: Flow, called: &SipUri) -> Option<&Trunk> {
        let trunks = &self.settings.directory.trunks;
        let proved = trunks.iter().find(|trunk| self.is_proved(trunk, flow));
        proved.or_else(|| gate::trunk_of(trunks, flow.peer)).or_else(|| self.enrolled_by(flow, called))
    }

    /// Whether requests by this flow are a trunk's: its calls come from there, or its calls go there.
    pub(super) fn is_trunks(&self, name: &str, flow: Flow) -> bool {
        let Some(trunk) = self.trunk(name) else { return false };
        let by_address = trunk.security.clients.is_none() && gate::accepts_from(trunk, flow.peer);
        by_address || self.is_proved(trunk, flow) || self.is_reached_at(trunk, flow.peer)
    }

    fn is_proved(&self, trunk: &Trunk, flow: Flow) -> bool {
        let proved = self.secure.proofs.get(&flow).is_some_and(|proof| proof.trunks.contains(&trunk.name));
        proved && (trunk.accept_from.is_empty() || gate::accepts_from(trunk, flow.peer))
    }

    /// By which way a trunk's calls go; whom to expect there is told to the transport.
    pub(super) fn way_to_trunk(&mut self, name: &str) -> Option<Flow> {
        let (protocol, address) = self.known_server(self.trunk(name)?)?;
        let flow = self.own.flow_to(protocol, address)?;
        self.expect_trunk(name, flow);
        Some(flow)
    }

    /// Tells the transport whom it must find at the end of a trunk's flow.
    pub(super) fn expect_trunk(&mut self, name: &str, flow: Flow) {
        let Some(trunk) = self.trunk(name) else { return };
        let meant = match (trunk.security.server_name.as_str(), &trunk.place) {
            ("", Place::Address(address)) => address.ip().to_string(),
            // the name that was meant, not the one that DNS made of it (RFC 5922 §4)
            ("", Place::Name { host, .. }) => host.clone(),
            (said, _) => said.to_owned(),
        };
        let connector = self.secure.connectors.get(name).cloned();
        self.expect(flow, meant, connector);
    }

    /// The same for the server of a phone.
    pub(super) fn expect_server(&mut self, flow: Flow, name: &str) {
        let connector = self.secure.phone.clone();
        self.expect(flow, name.to_owned(), connector);
    }

    fn expect(&mut self, flow: Flow, name: String, connector: Option<Connector>) {
        if let Some(connector) = connector.filter(|_| flow.protocol == Protocol::Tls) {
            self.out.push_back(Output::Expect(flow.peer, Expected { name, connector }));
        }
    }
}

/// Our Contact promises TLS, as the request or dialog does that it is part of (RFC 3261 §8.1.1.8, §12.1.1).
pub(super) fn promise(headers: &mut Headers) {
    let Ok(Contacts::These(mut these)) = contacts(headers) else { return };
    let Some(ours) = these.first_mut() else { return };
    ours.uri.scheme = Scheme::Sips;
    // over TLS is what the scheme says already
    ours.uri.params.remove("transport");
    let ours = ours.to_string();
    set(headers, "Contact", ours);
}
