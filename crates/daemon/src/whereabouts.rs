//! From where and how each agent's phones were last heard: behind a NAT, a phone outside is offered our public address, a phone of IPv6
//! our address of that family, and a phone over TLS encrypted sound.
//!
//! Told by the signalling together with the registrations, and before anybody hears of them: a call that comes with a registration knows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use conference::AgentName;
use sip_signalling::{Protocol, SavedBinding};

/// Of an agent's phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Where the best of them is.
    pub(crate) address: IpAddr,
    /// Whether every one of them speaks TLS.
    pub(crate) secure: bool,
    /// Whether some of them do, and some do not: they are rung with one offer, and the keys of those over TLS are for nobody else.
    pub(crate) mixed: bool,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    seen: BTreeMap<AgentName, Heard>,
}

impl Whereabouts {
    /// Where and how an agent's phones were last heard.
    pub(crate) fn of(&self, agent: &AgentName) -> Option<Heard> {
        self.seen.get(agent).copied()
    }

    /// These are an agent's phones from here on, the best first.
    pub(crate) fn learn(&mut self, agent: &AgentName, contacts: &[SavedBinding]) {
        let is_secure = |contact: &SavedBinding| contact.protocol() == Protocol::Tls;
        let secure = contacts.iter().all(is_secure);
        let mixed = !secure && contacts.iter().any(is_secure);
        match contacts.first() {
            Some(best) => _ = self.seen.insert(agent.clone(), Heard { address: best.source().ip(), secure, mixed }),
            None => _ = self.seen.remove(agent),
        }
    }
}
