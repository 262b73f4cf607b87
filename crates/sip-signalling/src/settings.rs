//! What the endpoint is started with: listeners, accounts, trunks and limits. Checked by whoever reads the configuration.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use conference::AgentName;
use secure_wire::{Identity, Roots};

pub use crate::digest::Ha1s;
pub use crate::registrar::SavedBinding;

/// A password or another secret. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Protocol {
    /// UDP, RFC 3261 §18.
    Udp,
    /// TCP, RFC 3261 §18.
    Tcp,
    /// TLS over TCP, RFC 3261 §26.2.
    Tls,
}

impl Protocol {
    /// Its name in settings and logs: `udp`, `tcp`, `tls`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// What is told and asked over TLS where a trunk is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrunkSecurity {
    /// Whom we believe that the carrier's server is it; `None`: nobody, so that nothing can be sent there over TLS.
    pub trust: Option<Roots>,
    /// The name its certificate must have; empty: the host of its address.
    pub server_name: String,
    /// Who we are to a carrier that asks.
    pub identity: Option<Identity>,
    /// Its calls come over TLS and with a certificate that one of these vouches for; `None`: its addresses say that they are its.
    pub clients: Option<Roots>,
}

/// A range of addresses: `address/prefix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address in it.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

/// From where a trunk's calls may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Any port of a range of addresses.
    Network(Network),
    /// One address and port.
    Exactly(SocketAddr),
}

/// A digest algorithm, RFC 8760.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// MD5.
    Md5,
}

/// An agent's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user part of the address of record, and the digest user name.
    pub name: AgentName,
    /// What proves who it is.
    pub password: Password,
}

/// What is known of an agent's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The password itself (settings file).
    Plain(Secret),
    /// Only its HA1s, made for [`SipSettings::domain`] as realm (users of a database).
    Hashed(Ha1s),
}

/// Where a carrier is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// There.
    Address(SocketAddr),
    /// Wherever this name leads (RFC 3263): with a port to its addresses, without one to the servers that DNS names.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: Option<u16>,
    },
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// A carrier or another system that brings customers' calls and takes calls to outside numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where calls to outside numbers go.
    pub place: Place,
    /// Over what; `None`: as DNS says of a name, UDP to an address.
    pub protocol: Option<Protocol>,
    /// What is told and asked over TLS.
    pub security: TrunkSecurity,
    /// The name and password for the carrier's digest challenges.
    pub credentials: Option<(String, Secret)>,
    /// Whether to register there with them, as who they name.
    pub register: bool,
    /// The number shown to the carrier; empty: the caller's own.
    pub caller_id: String,
    /// Whether From names the account there, and the number stands in P-Asserted-Identity alone (many carriers that register want it so).
    pub from_account: bool,
    /// Whether it is in our trust domain (RFC 3325 §2): it is told P-Asserted-Identity, and believed what it says there of its callers.
    pub trusted: bool,
    /// From where its calls come.
    pub accept_from: Vec<Source>,
    /// Calls at once, both ways together.
    pub max_calls: u32,
}

/// Who may send requests to this endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doorkeeping {
    /// The server: agents authenticate, trunks come from their addresses, everybody else is turned away.
    Server,
    /// A phone: whoever calls is let in (a phone trusts its server).
    Phone,
}

/// Who may register and call; replaced whole by a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The agents.
    pub accounts: Vec<Account>,
    /// The trunks.
    pub trunks: Vec<Trunk>,
}

/// Everything an endpoint is started with.
#[derive(Clone, Debug)]
pub struct SipSettings {
    /// The domain agents register in; also the digest realm.
    pub domain: String,
    /// Where to listen. Port 0 takes a free port (tests).
    pub listen: Vec<(Protocol, SocketAddr)>,
    /// Who we are over TLS; without it no `Tls` in `listen` can be started.
    pub identity: Option<Identity>,
    /// Whom to ask where names lead; empty: whom this machine asks.
    pub name_servers: Vec<SocketAddr>,
    /// For a phone: whom it believes that its server is it.
    pub trust: Option<Roots>,
    /// The public address when behind NAT; given to everybody outside `local_networks`.
    pub external_address: Option<IpAddr>,
    /// These get our own address.
    pub local_networks: Vec<Network>,
    /// The challenges, in order of preference.
    pub digest: Vec<Algorithm>,
    /// Agents and trunks.
    pub directory: Directory,
    /// Server or phone.
    pub doorkeeping: Doorkeeping,
    /// Shown in Server and User-Agent.
    pub user_agent: String,
    /// Whether wrong passwords from loopback addresses lead to bans too (tests of bans).
    pub ban_loopback: bool,
    /// How often UDP contacts are kept alive by OPTIONS.
    pub keep_alive: Duration,
    /// The session timer that is asked for (RFC 4028); at least 90 s.
    pub session_expires: Duration,
    /// User-Agent fragments whose requests are dropped without a word.
    pub dropped_user_agents: Vec<String>,
    /// Registrations from before a restart, as `News::Bound` told them last. Those that have expired are dropped, and those
    /// of agents who are gone; whoever registered over a connection is reachable again when the phone has made a new one.
    pub bindings: Vec<(AgentName, Vec<SavedBinding>)>,
}
