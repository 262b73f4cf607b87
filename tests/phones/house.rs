//! A house for real phones: the `baton` program itself, started on free ports from a settings file of its own.
//!
//! What answers the phones is what operators run. Where a call is to be frozen, the same settings start the daemon inside this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton_tests::program::baton;

use super::authority::{Authority, NAMES};
use super::inside::Inside;
use super::manner::{Manner, Transport};
use super::network::{Host, Network};
use super::ports::{free_port, rtp_range};
use super::process::{Process, command_in};
use super::{Person, STEP, make_folder, write_file};

/// The SIP domain of every house.
pub(crate) const DOMAIN: &str = "baton.local";

/// What most houses speak.
const FEW_CODECS: &str = "codecs = [\"PCMU\", \"PCMA\"]";
/// What a house speaks that is open to all; media is encrypted for whoever wants it.
const ALL_CODECS: &str = "codecs = [\"opus\", \"G722\", \"PCMU\", \"PCMA\"]\nsrtp = \"optional\"";

/// The number a customer shows.
const CUSTOMERS_NUMBER: &str = "+15550100";

/// A running daemon with the agents alice, bob and carol, and a trunk that accepts calls from 127.0.0.2 and from the
/// customer's phone.
pub(crate) struct House {
    daemon: Daemon,
    /// Where it listens, UDP and TCP.
    pub(crate) address: SocketAddr,
    /// Where its calls to outside numbers go; nobody listens there until a scenario does.
    pub(crate) carrier: SocketAddr,
    /// From where a customer's phone calls: not every phone can be bound to an address of its own on loopback.
    customer: SocketAddr,
    folder: PathBuf,
    /// What it has for TLS, if its agents' phones speak that.
    secure: Option<Secure>,
}

/// Where it listens over TLS, and what it shows there.
struct Secure {
    address: SocketAddr,
    authority: Authority,
}

enum Daemon {
    Program(Process),
    Inside(Box<Inside>),
}

impl House {
    /// Starts a daemon and returns once it answers SIP. `name` is the scenario's: it names the folder.
    pub(crate) fn open(name: &str, digest: &[&str]) -> House {
        let folder = fresh_folder(name);
        let [address, carrier, customer] = here();
        let process = serve(None, &folder, &settings_of(&folder, address, carrier, customer, digest));
        let mut house = House { daemon: Daemon::Program(process), address, carrier, customer, folder, secure: None };
        house.wait_until_it_answers();
        house
    }

    /// The same that listens over TLS as well, and speaks every codec.
    pub(crate) fn open_to_all(name: &str, digest: &[&str]) -> House {
        let folder = fresh_folder(name);
        let [address, carrier, customer] = here();
        let secure = Secure { address: (Ipv4Addr::LOCALHOST, free_port()).into(), authority: Authority::new() };
        let issued = secure.authority.issue(NAMES, 30);
        let usual = settings_of(&folder, address, carrier, customer, digest);
        let listen = format!(
            ", \"tls:{}\"]\ncertificate = \"{}\"\nprivate_key = \"{}\"\ndigest",
            secure.address,
            issued.certificate.display(),
            issued.key.display()
        );
        let settings = usual.replacen("]\ndigest", &listen, 1).replacen(FEW_CODECS, ALL_CODECS, 1);
        let process = serve(None, &folder, &settings);
        let daemon = Daemon::Program(process);
        let mut house = House { daemon, address, carrier, customer, folder, secure: Some(secure) };
        house.wait_until_it_answers();
        house
    }

    /// Starts a daemon inside this process, so that its calls can be frozen.
    pub(crate) fn open_inside(name: &str, digest: &[&str]) -> House {
        let folder = fresh_folder(name);
        let [address, carrier, customer] = here();
        let daemon = Box::new(Inside::start(&settings_of(&folder, address, carrier, customer, digest)));
        House { daemon: Daemon::Inside(daemon), address, carrier, customer, folder, secure: None }
    }

    /// Starts a daemon on the public side of a network of our own.
    pub(crate) fn open_in(network: &Network, name: &str, digest: &[&str]) -> House {
        let (folder, here) = (fresh_folder(name), network.house());
        let (address, carrier) = (SocketAddr::new(here.address, 5060), SocketAddr::new(here.address, 5080));
        let customer = SocketAddr::new(network.customer().address, 5060);
        let settings = settings_of(&folder, address, carrier, customer, digest);
        let process = serve(Some(&here.namespace), &folder, &settings);
        process.lines.wait(0, STEP, "the daemon's first word", |line| line.contains("Baton takes calls"));
        House { daemon: Daemon::Program(process), address, carrier, customer, folder, secure: None }
    }

    /// An agent of this house, to be given a phone.
    pub(crate) fn person(&self, name: &'static str, pitch: f64) -> Person {
        Person {
            name,
            registers: true,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sip_port: free_port(),
            namespace: None,
            manner: Manner::default(),
            pitch,
            server: self.address,
            domain: DOMAIN,
            folder: self.folder.join(name),
        }
    }

    /// The same, with a phone that speaks in this manner.
    pub(crate) fn person_who(&self, name: &'static str, pitch: f64, manner: Manner) -> Person {
        let person = self.person(name, pitch);
        let over_tls = self.secure.as_ref().filter(|_| manner.is_over_tls());
        Person { manner, server: over_tls.map_or(person.server, |secure| secure.address), ..person }
    }

    /// A customer, to be given a phone: calls from the trunk's address, without an account.
    pub(crate) fn customer(&self, pitch: f64) -> Person {
        self.customer_who(pitch, Manner::default())
    }

    /// The same over UDP, who otherwise speaks in this manner.
    pub(crate) fn customer_who(&self, pitch: f64, manner: Manner) -> Person {
        let person = self.person_who(CUSTOMERS_NUMBER, pitch, Manner { transport: Transport::Udp, ..manner });
        let (address, sip_port) = (self.customer.ip(), self.customer.port());
        Person { registers: false, address, sip_port, folder: self.folder.join("customer"), ..person }
    }

    /// What a customer dials to reach Alice.
    pub(crate) fn alices_number(&self) -> String {
        format!("sip:+15551111@{}", self.address)
    }

    /// The scenario's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of the daemon's log.
    pub(crate) fn log(&self) -> String {
        match &self.daemon {
            Daemon::Program(process) => process.lines.tail(60),
            Daemon::Inside(_) => "(its log is not kept)".to_owned(),
        }
    }

    /// Freezes and thaws every live call of a house that was opened inside; there must be this many legs.
    pub(crate) fn freeze_and_thaw(&self, legs: usize) {
        let Daemon::Inside(inside) = &self.daemon else { panic!("only a house inside can be frozen") };
        assert_eq!(inside.freeze_and_thaw(), legs, "legs that were frozen and thawed");
    }

    /// Stops the daemon: a program by SIGTERM, it must end well within five seconds; inside nothing may be left of a call.
    pub(crate) fn close(self) {
        let mut process = match self.daemon {
            Daemon::Inside(inside) => return inside.close(),
            Daemon::Program(process) => process,
        };
        process.terminate();
        let status = process.wait(Duration::from_secs(8));
        let log = process.lines.tail(60);
        assert!(status.is_some_and(|status| status.success()), "the daemon ended with {status:?}:\n{log}");
    }

    fn is_running(&mut self) -> bool {
        match &mut self.daemon {
            Daemon::Program(process) => process.is_running(),
            Daemon::Inside(_) => true,
        }
    }

    fn wait_until_it_answers(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|why| panic!("no UDP socket: {why}"));
        drop(socket.set_read_timeout(Some(Duration::from_millis(200))));
        let own = socket.local_addr().map_or(0, |address| address.port());
        let end = Instant::now() + STEP;
        for attempt in 0.. {
            let options = format!(
                "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKup{attempt};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:up@{to}>;tag=up{attempt}\r\nTo: <sip:{to}>\r\n\
                 Call-ID: up-{attempt}@127.0.0.1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                to = self.address,
            );
            drop(socket.send_to(options.as_bytes(), self.address));
            let mut answer = [0; 2048];
            if socket.recv(&mut answer).is_ok_and(|length| answer[..length].starts_with(b"SIP/2.0 ")) {
                return;
            }
            assert!(
                Instant::now() < end && self.is_running(),
                "the daemon does not answer OPTIONS; it said:\n{}",
                self.log()
            );
        }
    }
}

impl Person {
    /// The same person with the phone at another place.
    pub(crate) fn at(self, host: &Host) -> Person {
        Person { address: host.address, namespace: Some(host.namespace.clone()), ..self }
    }
}

/// Three addresses on loopback that nobody has.
fn here() -> [SocketAddr; 3] {
    [(); 3].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())))
}

fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    make_folder(&folder);
    folder
}

fn serve(namespace: Option<&str>, folder: &Path, settings: &str) -> Process {
    let file = folder.join("baton.toml");
    write_file(&file, settings);
    let mut command = command_in(namespace, &baton().display().to_string());
    command.arg("serve").arg("--config").arg(&file).current_dir(folder).env("BATON_HTTP__LISTEN", "127.0.0.1:0");
    Process::start(&mut command)
}

fn settings_of(
    folder: &Path,
    address: SocketAddr,
    carrier: SocketAddr,
    customer: SocketAddr,
    digest: &[&str],
) -> String {
    let (first, last) = rtp_range();
    let agents: String = [("alice", 101), ("bob", 102), ("carol", 103)]
        .map(|(name, extension)| {
            format!(
                "[[agents]]\nname = \"{name}\"\ndisplay_name = \"{name}\"\nextension = \"{extension}\"\npassword = \"{name}-secret\"\nmax_calls = 200\n"
            )
        })
        .concat();
    format!(
        "[server]\ndomain = \"{DOMAIN}\"\ndata_dir = \"{data}\"\n\
         [sip]\nlisten = [\"udp:{address}\", \"tcp:{address}\"]\ndigest = {digest:?}\n\
         [media]\naddress = \"{media}\"\nrtp_ports = [{first}, {last}]\n{FEW_CODECS}\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\nadmin_token_file = \"{data}/admin.token\"\n\
         {agents}\
         [[rooms]]\nname = \"standup\"\nextension = \"300\"\n\
         [[trunks]]\nname = \"pstn\"\naddress = \"{carrier}\"\naccept_from = [\"127.0.0.2/32\", \"{customer}\"]\nroute_in = \"agent:alice\"\n\
         numbers = {{ \"+15551111\" = \"agent:alice\", \"/^room(\\\\d+)$/\" = \"room:r$1\" }}\n\
         match_out = \"^\\\\+?[0-9]{{3,15}}$\"\nmax_calls = 1000\n",
        media = address.ip(),
        data = folder.join("data").display(),
        http = free_port(),
    )
}
