//! Where and how everybody is reached, and what is set for them: all that the mixer is told of a peer when a leg is opened.
//!
//! It decides nothing: what follows for addresses and encryption is the mixer's business.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use conference::{AgentName, Caller};
use media_mixer::{Signalling, Srtp};
use sip_signalling::{Place, Protocol};

use crate::config::{Config, Trunk};
use crate::translate;
use crate::whereabouts::{Heard, Whereabouts};

/// Stands for whoever's address is not known: nobody's (RFC 5737 §3), and outside every network of ours.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The ways to agents and trunks.
#[derive(Debug)]
pub(crate) struct Ways {
    /// Our own address: where a phone is taken to be until it is known better.
    near: IpAddr,
    /// Where the agents' phones are.
    pub(crate) phones: Whereabouts,
    trunks: BTreeMap<String, Signalling>,
    /// What is set for agents of whom something is.
    agents: BTreeMap<AgentName, Srtp>,
}

impl Ways {
    /// Nobody is known.
    pub(crate) fn new(near: IpAddr) -> Self {
        Self { near, phones: Whereabouts::default(), trunks: BTreeMap::new(), agents: BTreeMap::new() }
    }

    /// New settings are in force.
    pub(crate) fn configure(&mut self, config: &Config) {
        self.trunks = config.trunks.iter().map(|trunk| (trunk.name.clone(), way(trunk))).collect();
        let set = config.agents.iter().filter_map(|agent| Some((agent.name.clone(), translate::srtp(agent.srtp?))));
        self.agents = set.collect();
    }

    /// The trunks by name.
    pub(crate) fn trunks(&self) -> impl Iterator<Item = &String> {
        self.trunks.keys()
    }

    /// To an agent's phones.
    pub(crate) fn to_agent(&self, name: &AgentName) -> Signalling {
        let heard = self.phones.of(name);
        let srtp = self.agents.get(name).copied();
        match heard {
            Some(Heard { address, secure, mixed }) => Signalling { address, secure, mixed, srtp },
            None => Signalling { srtp, ..Signalling::from(self.near) },
        }
    }

    /// To a trunk.
    pub(crate) fn to_trunk(&self, name: &str) -> Signalling {
        self.trunks.get(name).copied().unwrap_or(Signalling::from(self.near))
    }

    /// By which a call came.
    pub(crate) fn from(&self, caller: &Caller, address: IpAddr, secure: bool) -> Signalling {
        let srtp = match caller {
            Caller::Agent { name, .. } => self.agents.get(name).copied(),
            Caller::Customer { trunk, .. } => self.trunks.get(trunk).and_then(|way| way.srtp),
        };
        Signalling { address, secure, mixed: false, srtp }
    }
}

/// To a trunk, as far as it is known before it answers: what DNS makes of a name alone is not.
fn way(trunk: &Trunk) -> Signalling {
    let address = match &trunk.place {
        Place::Address(address) => address.ip(),
        Place::Name { .. } => OUTSIDE,
    };
    let secure = trunk.protocol == Some(Protocol::Tls);
    Signalling { address, secure, mixed: false, srtp: trunk.srtp.map(translate::srtp) }
}
