//! A house: the daemon in this process, on free ports, with the agents alice, bob and carol and one trunk.
//!
//! It judges nothing but what a daemon owes at the end of every call: that nothing is left of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use daemon::Running;
use daemon::config::{Config, from_text};
use media_mixer::sdp::{Codec, SrtpTerms};
use sip_signalling::Protocol;
use softphone::{LineId, LineState, PhoneSettings, Voice};

use crate::hearing::judge;
use crate::people::Person;
use crate::raw::{RawAgent, RawCall};
use crate::stalls;

/// The SIP domain of every house.
pub const DOMAIN: &str = "baton.local";
/// Calls from here are customers'.
pub const CUSTOMERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// The carrier: calls to outside numbers go here.
pub const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5));
/// The number under which the trunk reaches the queue `support`.
pub const SUPPORTS_NUMBER: &str = "+15552222";
/// The number under which the trunk reaches Alice.
pub const ALICES_NUMBER: &str = "+15551111";

/// What people say, all at multiples of 50 Hz, so that 20 ms are enough to tell them apart, and above the hold music.
pub mod tones {
    /// Alice.
    pub const ALICE: f64 = 2_300.0;
    /// Bob, and his other phone.
    pub const BOB: f64 = 2_600.0;
    /// Bob's other phone.
    pub const BOB_TOO: f64 = 2_450.0;
    /// Carol.
    pub const CAROL: f64 = 2_900.0;
    /// A customer.
    pub const CUSTOMER: f64 = 3_200.0;
    /// Another customer.
    pub const STRANGER: f64 = 3_050.0;
    /// Whoever answers at the carrier.
    pub const OUTSIDE: f64 = 2_750.0;
    /// What is said while it must not be heard.
    pub const SECRET: f64 = 3_500.0;
    /// All of them.
    pub const ALL: [f64; 8] = [ALICE, BOB, BOB_TOO, CAROL, CUSTOMER, STRANGER, OUTSIDE, SECRET];
}

/// What most phones of the scenarios speak.
const G711: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];
/// RTP ports of one house, and where they lie: below those of the real phones' houses.
const RTP_SPAN: u16 = 200;
const RTP_FIRST: u16 = 10_000;
const RTP_LAST: u16 = 19_999;
/// Nothing may be left of a call after so long.
const CLEAN_UP: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(20);

/// What differs from house to house.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `transfer.fallback`.
    pub fallback: &'static str,
    /// `transfer.ring_timeout_s`.
    pub ring_timeout_s: u32,
    /// `transfer.recall_s`.
    pub recall_s: u32,
    /// `transfer.held_alone_s`.
    pub held_alone_s: u32,
    /// `media.media_timeout_s`.
    pub media_timeout_s: u32,
    /// `sip.ban_loopback`.
    pub ban_loopback: bool,
    /// More lines of the trunk.
    pub trunk: &'static str,
    /// How many RTP ports it has; a port rests for a while after each call.
    pub rtp_ports: u16,
    /// More lines of the queue `support`, which all agents serve and whose extension is 200.
    pub queue: &'static str,
    /// More tables.
    pub more: &'static str,
    /// More listeners, each with a comma before it.
    pub listen: &'static str,
    /// More lines of `[server]`.
    pub server: &'static str,
    /// More lines of `[sip]`.
    pub sip: &'static str,
    /// More lines of `[media]`.
    pub media: &'static str,
    /// The agents' names; their passwords are `NAME-secret`, their extensions 101, 102 ….
    pub agents: &'static [&'static str],
}

impl Setup {
    /// The usual house.
    pub const USUAL: Self = Self {
        fallback: "announce",
        ring_timeout_s: 25,
        recall_s: 25,
        held_alone_s: 60,
        media_timeout_s: 20,
        ban_loopback: false,
        trunk: "",
        rtp_ports: RTP_SPAN,
        queue: "",
        more: "",
        listen: "",
        server: "",
        sip: "",
        media: "",
        agents: &["alice", "bob", "carol"],
    };
}

impl Default for Setup {
    fn default() -> Self {
        Self::USUAL
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct House {
    /// The daemon.
    pub running: Running,
    /// Where it listens over UDP.
    pub udp: SocketAddr,
    /// Where it listens over TCP.
    pub tcp: SocketAddr,
    /// Where its calls to outside numbers go; nobody listens there until a scenario does.
    pub carrier: SocketAddr,
    /// Its first and last RTP port.
    pub rtp_ports: (u16, u16),
    /// What it keeps; goes with the house.
    data: Data,
}

/// A folder of its own for what a daemon keeps.
#[derive(Debug)]
struct Data(PathBuf);

impl Data {
    fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("baton-house-{}-{number}", std::process::id()));
        // of an older process of this number
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder for what the daemon keeps");
        Self(folder)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl House {
    /// Starts the usual house.
    pub async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    /// Starts a house that differs.
    pub async fn with(setup: Setup) -> Self {
        log_if_asked();
        stalls::begin();
        let (carrier, rtp_ports, data) = (free_address(CARRIER), rtp_range(setup.rtp_ports), Data::new());
        let running = daemon::run(settings(&setup, carrier, rtp_ports, &data.0)).await.expect("the daemon starts");
        let listening = |wanted: Protocol| {
            let found = running.addresses().into_iter().find(|(protocol, _)| *protocol == wanted);
            found.map(|(_, address)| address).expect("it listens")
        };
        Self { udp: listening(Protocol::Udp), tcp: listening(Protocol::Tcp), running, carrier, rtp_ports, data }
    }

    /// The same house's settings with something else in them, for a reload; they stand in its settings file too.
    #[must_use]
    pub fn settings(&self, setup: &Setup) -> Config {
        settings(setup, self.carrier, self.rtp_ports, &self.data.0)
    }

    /// Where it listens over this, by IPv6 or by IPv4.
    #[must_use]
    pub fn listening(&self, wanted: Protocol, six: bool) -> SocketAddr {
        let all = self.running.addresses();
        let found = all.into_iter().find(|(protocol, address)| *protocol == wanted && address.is_ipv6() == six);
        found.map(|(_, address)| address).expect("it listens")
    }

    /// A registered phone of an agent.
    pub async fn agent(&self, name: &'static str, hertz: f64) -> Person {
        self.agent_speaking(name, hertz, &G711).await
    }

    /// A registered phone of an agent that speaks these codecs.
    pub async fn agent_speaking(&self, name: &'static str, hertz: f64, codecs: &[Codec]) -> Person {
        self.agent_encrypting(name, hertz, codecs, SrtpTerms::default()).await
    }

    /// A registered phone of an agent that protects its sound like this.
    pub async fn agent_encrypting(&self, name: &'static str, hertz: f64, codecs: &[Codec], srtp: SrtpTerms) -> Person {
        let settings = PhoneSettings {
            codecs: codecs.to_vec(),
            srtp,
            ..PhoneSettings::agent(name, &format!("{name}-secret"), DOMAIN, self.udp, Voice::Tone(hertz))
        };
        let person = Person::start(name, hertz, settings).await;
        person.phone.register().await.unwrap_or_else(|error| panic!("{error}"));
        person
    }

    /// Alice's registered phone.
    pub async fn alice(&self) -> Person {
        self.agent("alice", tones::ALICE).await
    }

    /// Bob's registered phone.
    pub async fn bob(&self) -> Person {
        self.agent("bob", tones::BOB).await
    }

    /// Carol's registered phone.
    pub async fn carol(&self) -> Person {
        self.agent("carol", tones::CAROL).await
    }

    /// A customer's phone; it calls by way of the trunk.
    pub async fn customer(&self) -> Person {
        self.outside("customer", tones::CUSTOMER).await
    }

    /// Somebody outside with a voice of their own.
    pub async fn outside(&self, name: &'static str, hertz: f64) -> Person {
        self.outside_speaking(name, hertz, &G711).await
    }

    /// Somebody outside whose phone speaks these codecs.
    pub async fn outside_speaking(&self, name: &'static str, hertz: f64, codecs: &[Codec]) -> Person {
        self.outside_encrypting(name, hertz, codecs, SrtpTerms::default()).await
    }

    /// Somebody outside whose phone protects its sound like this.
    pub async fn outside_encrypting(
        &self,
        name: &'static str,
        hertz: f64,
        codecs: &[Codec],
        srtp: SrtpTerms,
    ) -> Person {
        let settings = PhoneSettings {
            codecs: codecs.to_vec(),
            srtp,
            ..PhoneSettings::outside("+15550100", DOMAIN, self.udp, CUSTOMERS, Voice::Tone(hertz))
        };
        Person::start(name, hertz, settings).await
    }

    /// Whoever answers at the carrier.
    pub async fn at_the_carrier(&self) -> Person {
        let settings = PhoneSettings {
            port: self.carrier.port(),
            ..PhoneSettings::outside("carrier", DOMAIN, self.udp, CARRIER, Voice::Tone(tones::OUTSIDE))
        };
        Person::start("outside", tones::OUTSIDE, settings).await
    }

    /// A customer called Alice, whose phone is a raw one, and hears her: the customer's line and her call.
    pub async fn talks_with_raw_alice(&self, customer: &Person) -> (LineId, RawCall) {
        let mut phone = RawAgent::register("alice", self.udp).await;
        let theirs = customer.calls(ALICES_NUMBER);
        let ringing = phone.is_rung().await;
        let alice = phone.answers(ringing, tones::ALICE).await;
        customer.comes_to(theirs, LineState::Live).await;
        judge(&[customer.hears(theirs, &[tones::ALICE])]).await;
        (theirs, alice)
    }

    /// The folder of what it keeps.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data.0
    }

    /// The settings file.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.data.0.join("baton.toml")
    }

    /// Freezes and thaws every live call; there must be this many legs.
    pub async fn freeze_and_thaw(&self, legs: usize) {
        let frozen = self.running.freeze_and_thaw().await.unwrap_or_else(|error| panic!("freeze and thaw: {error}"));
        assert_eq!(frozen, legs, "legs that were frozen and thawed");
        // the dialogs come back one after the other: a request may name another than its own
        let end = Instant::now() + CLEAN_UP;
        while self.running.counts().await.dialogs < legs {
            assert!(Instant::now() < end, "not all dialogs came back");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing is left of any call: no leg, no dialog, no port.
    pub async fn is_empty(&self) {
        self.is_left_with(0).await;
    }

    /// Waits until there are this many calls of two people and nothing else.
    pub async fn is_left_with(&self, calls: usize) {
        let end = Instant::now() + CLEAN_UP;
        loop {
            let counts = self.running.counts().await;
            if (counts.calls, counts.legs, counts.dialogs, counts.media_legs)
                == (calls, 2 * calls, 2 * calls, 2 * calls)
            {
                return;
            }
            assert!(Instant::now() < end, "left behind: {counts:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Everybody has hung up: nothing may be left, and the daemon stops.
    pub async fn close(self) {
        self.is_empty().await;
        self.running.stop().await;
    }
}

/// An address that is free right now for UDP.
fn free_address(ip: IpAddr) -> SocketAddr {
    UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr()).expect("a free port")
}

fn rtp_range(ports: u16) -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own_start = u16::try_from(std::process::id() % 47).unwrap_or(0) * RTP_SPAN;
    let taken = NEXT.fetch_add(ports, Ordering::Relaxed).wrapping_add(own_start);
    let first = RTP_FIRST + taken % (RTP_LAST - RTP_FIRST - ports) / 2 * 2;
    (first, first + ports - 1)
}

/// With RUST_LOG set the daemon's log is shown with the test that failed.
fn log_if_asked() {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer();
        // the first house of the process has set it already
        drop(subscriber.try_init());
    }
}

fn settings(setup: &Setup, carrier: SocketAddr, (first, last): (u16, u16), data: &Path) -> Config {
    let agents: String = setup
        .agents
        .iter()
        .enumerate()
        .map(|(index, name)| {
            format!(
                "[[agents]]\nname = \"{name}\"\ndisplay_name = \"{name}\"\nextension = \"{}\"\npassword = \"{name}-secret\"\nqueues = [\"support\"]\n",
                101 + index
            )
        })
        .collect();
    let text = format!(
        "[server]\ndomain = \"{DOMAIN}\"\ndata_dir = \"{data}\"\n{server}\
         [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"{data}/admin.token\"\n\
         [sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"{listen}]\nban_loopback = {ban}\n{sip}\
         [media]\naddress = \"127.0.0.1\"\nrtp_ports = [{first}, {last}]\ncodecs = [\"opus\", \"G722\", \"PCMU\", \"PCMA\"]\nworkers = 1\n\
         media_timeout_s = {media_timeout_s}\n{media}\n\
         [transfer]\nring_timeout_s = {ring_timeout_s}\nrecall_s = {recall_s}\nheld_alone_s = {held_alone_s}\n\
         fallback = \"{fallback}\"\n\
         {agents}\
         [[queues]]\nname = \"support\"\nextension = \"200\"\n{queue}\n\
         [[rooms]]\nname = \"standup\"\nextension = \"300\"\n\
         [[trunks]]\nname = \"pstn\"\naddress = \"{carrier}\"\naccept_from = [\"127.0.0.2/32\"]\n\
         numbers = {{ \"{ALICES_NUMBER}\" = \"agent:alice\", \"{SUPPORTS_NUMBER}\" = \"queue:support\", \"/^room(\\\\d+)$/\" = \"room:r$1\" }}\n\
         match_out = \"^\\\\+?[0-9]{{4,15}}$\"\n{trunk}\n{more}",
        ban = setup.ban_loopback,
        media_timeout_s = setup.media_timeout_s,
        ring_timeout_s = setup.ring_timeout_s,
        recall_s = setup.recall_s,
        held_alone_s = setup.held_alone_s,
        fallback = setup.fallback,
        trunk = setup.trunk,
        queue = setup.queue,
        more = setup.more,
        listen = setup.listen,
        server = setup.server,
        sip = setup.sip,
        media = setup.media,
        data = data.display(),
    );
    let file = data.join("baton.toml");
    std::fs::write(&file, &text).expect("the settings file");
    let config = from_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
    let config = Config { source: Some(file), ..config };
    #[cfg(feature = "break")]
    let config = broken(config);
    config
}

/// The same settings with the law of the mixer broken that `BATON_BREAK` names.
#[cfg(feature = "break")]
fn broken(mut config: Config) -> Config {
    config.media.break_law = std::env::var("BATON_BREAK").ok().and_then(|law| law.parse().ok());
    config
}
