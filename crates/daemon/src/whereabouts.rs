//! From where and how each agent's phones were last heard: behind a NAT, a phone outside is offered our public address, a phone of IPv6
//! our address of that family, and a phone over TLS encrypted sound.
//!
//! Asked of the signalling whenever registrations change, one question at a time; nothing waits for the answer. Without
//! a second address or TLS nobody needs to know, and nothing is asked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use conference::AgentName;
use sip_signalling::{Endpoint, Protocol};
use tokio::task::JoinSet;

/// By agent.
pub(crate) type Seen = BTreeMap<AgentName, Heard>;

/// Of an agent's phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Where the last of them is.
    pub(crate) address: IpAddr,
    /// Whether every one of them speaks TLS: they are all rung with one offer.
    pub(crate) secure: bool,
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    wanted: bool,
    seen: Seen,
    question: JoinSet<Seen>,
    again: bool,
}

impl Whereabouts {
    /// Nobody has been heard of. `wanted`: whether anybody needs to know.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, seen: Seen::new(), question: JoinSet::new(), again: false }
    }

    /// Where and how an agent's phones were last heard.
    pub(crate) fn of(&self, agent: &AgentName) -> Option<Heard> {
        self.seen.get(agent).copied()
    }

    /// Registrations changed.
    pub(crate) fn changed(&mut self, endpoint: &Endpoint) {
        if !self.wanted {
            return;
        }
        if !self.question.is_empty() {
            self.again = true;
            return;
        }
        let endpoint = endpoint.clone();
        self.question.spawn(async move {
            let phones = endpoint.registrations().await;
            let mut seen = Seen::new();
            for phone in phones {
                let (address, secure) = (phone.source.ip(), phone.protocol == Protocol::Tls);
                let others = seen.get(&AgentName(phone.agent.clone())).is_none_or(|heard| heard.secure);
                seen.insert(AgentName(phone.agent), Heard { address, secure: secure && others });
            }
            seen
        });
    }

    /// Waits for the answer to the question that is under way; pends while none is. Cancel-safe.
    pub(crate) async fn answer(&mut self) -> Seen {
        loop {
            match self.question.join_next().await {
                Some(Ok(seen)) => return seen,
                // a task that only asks ends neither by panic nor by abort
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Takes the answer; asks again if something changed meanwhile.
    pub(crate) fn learn(&mut self, seen: Seen, endpoint: &Endpoint) {
        self.seen = seen;
        if std::mem::take(&mut self.again) {
            self.changed(endpoint);
        }
    }
}
