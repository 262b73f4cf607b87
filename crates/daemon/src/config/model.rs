//! The settings as the daemon uses them: checked, typed, nothing left to parse. One struct per section of the file.
//!
//! No defaults stand here (they stand in `config/default.toml`) and no checks (they stand beside the reading).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use conference::{AgentName, Strategy};
use regex::Regex;
use secure_wire::Identity;
use sip_signalling::{Algorithm, Ha1s, Network, Place, Protocol, Secret, Source, TrunkSecurity};

use super::scratch::Scratch;
use crate::hours::Hours;

/// Everything a daemon is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// Who we are over TLS: the certificate of `[sip]`. What a reload replaces in it, it replaces wherever it is used.
    pub identity: Option<Identity>,
    /// `[sip]`.
    pub sip: Sip,
    /// `[media]`.
    pub media: Media,
    /// `[http]`.
    pub http: Http,
    /// `[transfer]`.
    pub transfer: Transfer,
    /// `[[agents]]`.
    pub agents: Vec<Agent>,
    /// `[[queues]]`.
    pub queues: Vec<Queue>,
    /// `[[rooms]]`.
    pub rooms: Vec<Room>,
    /// `[[trunks]]`.
    pub trunks: Vec<Trunk>,
    /// The file it was read from.
    pub source: Option<PathBuf>,
    /// The folder that stands in for `data_dir` where nobody named one, for tests and the demo.
    pub scratch: Option<Arc<Scratch>>,
}

/// `[server]`: the house itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The SIP domain agents register in.
    pub domain: String,
    /// Where the service keeps what it must keep.
    pub data_dir: PathBuf,
    /// Networks that are given our own address.
    pub local_networks: Vec<Network>,
    /// Days for which call records are kept; 0: for ever.
    pub retention_days: u32,
}

/// `[sip]`: signalling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// Where to listen, over what is built.
    pub listen: Vec<(Protocol, SocketAddr)>,
    /// Whom to ask where names lead; empty: whom this machine asks.
    pub name_servers: Vec<SocketAddr>,
    /// The public address behind a NAT.
    pub external_address: Option<IpAddr>,
    /// Challenges in order of preference.
    pub digest: Vec<Algorithm>,
    /// The session timer that is asked for.
    pub session_expires: Duration,
    /// How often UDP contacts are kept alive.
    pub keep_alive: Duration,
    /// User-Agent fragments whose requests are dropped without a word.
    pub drop_user_agents: Vec<String>,
    /// Whether wrong passwords from loopback lead to bans too.
    pub ban_loopback: bool,
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// Opus.
    Opus,
    /// G.722.
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// What people on hold hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldMusic {
    /// The music that comes with the service.
    Builtin,
    /// Nothing.
    Silence,
    /// A file or a folder of files.
    Path(PathBuf),
}

/// `[media]`: sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The address media is received at.
    pub address: IpAddr,
    /// The one for phones that are reached over IPv6, if `address` is not.
    pub address_v6: Option<IpAddr>,
    /// First and last RTP port.
    pub rtp_ports: (u16, u16),
    /// Codecs, in order of preference.
    pub codecs: Vec<AudioCodec>,
    /// How Opus is spoken.
    pub opus: Opus,
    /// Whether sound is encrypted.
    pub srtp: Srtp,
    /// Whether sources are learnt (`trust.md`, rule 1); false: only the address of the SDP.
    pub nat: bool,
    /// Media threads, at least 1.
    pub workers: usize,
    /// What people on hold hear.
    pub hold_music: HoldMusic,
    /// Whether quiet voices are made louder and loud ones quieter.
    pub agc: bool,
    /// An open leg that sends nothing this long is silent.
    pub media_timeout: Duration,
    /// Which of the mixer's laws is broken, for the demo of a build that can; no key of the file sets it.
    #[cfg(feature = "break")]
    pub break_law: Option<u8>,
}

/// `media.srtp`, and the same of one agent or trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srtp {
    /// Required over TLS, optional else.
    Auto,
    /// Never.
    Off,
    /// With whom can.
    Optional,
    /// With everybody.
    Required,
}

/// `[media.opus]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opus {
    /// Bits a second, sent and asked for.
    pub bitrate: u32,
    /// 0 to 10, the processor time that encoders may take while there is enough of it.
    pub complexity: u32,
    /// Whether frames are repeated for phones that lose packets.
    pub fec: bool,
    /// Whether nothing is sent in pauses.
    pub dtx: bool,
}

/// `[http]`: the API and the operator's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where it is listened on.
    pub listen: SocketAddr,
    /// Whether over TLS, with the certificate of `[sip]`.
    pub secure: bool,
    /// The file of the operator's token.
    pub admin_token_file: PathBuf,
    /// Origins from which browsers may come besides the API's own.
    pub origins: Vec<String>,
    /// Proxies that are believed on whom they speak for.
    pub trusted_proxies: Vec<IpAddr>,
    /// Requests a second that one token may make for long.
    pub rate_per_s: u32,
    /// Requests that one token may make at once.
    pub burst: u32,
}

/// Where a caller is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An agent.
    Agent(AgentName),
    /// A queue.
    Queue(String),
    /// A room.
    Room(String),
    /// An outside number.
    Number(String),
}

/// `[transfer]`: the rules of transfers, and the keypad's codes.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// How long anybody is rung.
    pub ring_timeout: Duration,
    /// How long an initiator is rung again.
    pub recall: Duration,
    /// Where a customer goes whom nobody is left to serve; `None`: the announcement.
    pub fallback: Option<Target>,
    /// How long an agent or outside party on hold may be without anybody.
    pub held_alone: Duration,
    /// Law 3's guard; zero: measured.
    pub tail_guard: Duration,
    /// Whether supervisors hear consults.
    pub supervise_consults: bool,
    /// How long digits wait for the next inside a code.
    pub code_timeout: Duration,
    /// The codes.
    pub codes: Codes,
}

/// `[transfer.codes]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Starts a transfer.
    pub start: String,
    /// Cancels it.
    pub cancel: String,
    /// Completes it.
    pub complete: String,
    /// Merges.
    pub merge: String,
    /// Swaps.
    pub swap: String,
}

/// One of `[[agents]]`.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The name; also the SIP user.
    pub name: AgentName,
    /// Shown to people.
    pub display_name: String,
    /// What a keypad dials; may be empty.
    pub extension: String,
    /// The password for SIP; empty for a user of the database.
    pub password: Secret,
    /// What is kept of the password of a user of the database.
    pub ha1s: Option<Ha1s>,
    /// The queues served.
    pub queues: Vec<String>,
    /// Whether a supervisor.
    pub supervisor: bool,
    /// Calls others may put on the agent at once.
    pub max_calls: u32,
    /// What they can, and how well.
    pub skills: BTreeMap<String, u8>,
    /// Whether the sound of their phones is encrypted; `None`: as everybody's.
    pub srtp: Option<Srtp>,
}

/// One of `[[queues]]`.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The name.
    pub name: String,
    /// What a keypad dials; may be empty.
    pub extension: String,
    /// Whom it offers a call.
    pub strategy: Strategy,
    /// How long one agent is offered a call.
    pub ring_timeout: Duration,
    /// How long an agent is in wrap-up; zero: not at all.
    pub wrap_up: Duration,
    /// What callers hear.
    pub music: HoldMusic,
    /// Calls that may wait.
    pub max_length: u32,
    /// How long a call may wait; zero: for ever.
    pub max_wait: Duration,
    /// Where calls go that may not wait; `None`: the announcement.
    pub overflow: Option<Target>,
    /// Whether a call waits while nobody who serves it has a phone registered.
    pub wait_when_empty: bool,
    /// When it is open; `None`: always.
    pub hours: Option<Hours>,
    /// How often callers are told their position; zero: never.
    pub position_every: Duration,
    /// An agent of several queues takes the call of the highest first.
    pub priority: u8,
    /// What an agent must be able to do, and how well.
    pub skills: BTreeMap<String, u8>,
}

/// One of `[[rooms]]`.
#[derive(Clone, Debug)]
pub struct Room {
    /// The name.
    pub name: String,
    /// What a keypad dials; may be empty.
    pub extension: String,
    /// How many may be in it.
    pub max_participants: u32,
    /// Whether there is music until an agent is in.
    pub wait_for_agent: bool,
    /// The digits to be typed at the door; empty: it is open.
    pub pin: String,
    /// Whether a tone tells that somebody came or went.
    pub tones: bool,
}

/// One of `[[trunks]]`.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// The name.
    pub name: String,
    /// Where outside numbers go.
    pub place: Place,
    /// Over what; `None`: as DNS says of a name, UDP to an address.
    pub protocol: Option<Protocol>,
    /// What is told and asked over TLS.
    pub security: TrunkSecurity,
    /// Name and password for the carrier.
    pub credentials: Option<(String, Secret)>,
    /// Whether to register there with them.
    pub register: bool,
    /// The number shown to the carrier; empty: the caller's own.
    pub caller_id: String,
    /// Whether From names the account.
    pub from_account: bool,
    /// Whether it is told, and believed, who calls (P-Asserted-Identity).
    pub trusted: bool,
    /// Where its calls come from.
    pub accept_from: Vec<Source>,
    /// Where a call to an unknown number goes; `None`: turned away.
    pub route_in: Option<Target>,
    /// Its numbers, in the order of the file.
    pub numbers: Vec<NumberRule>,
    /// Which numbers it takes; `None`: none.
    pub match_out: Option<Regex>,
    /// Calls at once.
    pub max_calls: u32,
    /// Whether its sound is encrypted; `None`: as everybody's.
    pub srtp: Option<Srtp>,
}

/// One entry of a trunk's `numbers`.
#[derive(Clone, Debug)]
pub struct NumberRule {
    /// Which numbers.
    pub dialled: Dialled,
    /// `agent`, `queue` or `room`.
    pub kind: TargetKind,
    /// The name of the target; with a [`Dialled::Matching`], `$1` stands for its first group.
    pub name: String,
}

/// What a trunk's number rule speaks of.
#[derive(Clone, Debug)]
pub enum Dialled {
    /// Exactly this number.
    Exactly(String),
    /// Whatever matches.
    Matching(Regex),
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// `agent:`.
    Agent,
    /// `queue:`.
    Queue,
    /// `room:`.
    Room,
    /// `number:`.
    Number,
}

impl TargetKind {
    /// The target of this kind and name.
    #[must_use]
    pub fn target(self, name: &str) -> Target {
        match self {
            Self::Agent => Target::Agent(AgentName(name.to_owned())),
            Self::Queue => Target::Queue(name.to_owned()),
            Self::Room => Target::Room(name.to_owned()),
            Self::Number => Target::Number(name.to_owned()),
        }
    }
}
