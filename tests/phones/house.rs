//! A house for real phones: the `baton` program itself, started on free ports from a settings file of its own.
//!
//! The program is `$BATON_BIN` (set by `scripts/test`), else it is built once with the profile of the tests. Nothing of
//! the daemon is linked in: what answers the phones is what operators run.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::ports::{free_port, rtp_range};
use super::process::Process;
use super::{Person, STEP, make_folder, write_file};

/// The SIP domain of every house.
pub(crate) const DOMAIN: &str = "baton.local";

/// A running daemon with the agents alice, bob and carol, and a trunk that accepts calls from 127.0.0.2.
pub(crate) struct House {
    process: Process,
    /// Where it listens, UDP and TCP.
    pub(crate) address: SocketAddr,
    /// Where its calls to outside numbers go; nobody listens there until a scenario does.
    pub(crate) carrier: SocketAddr,
    folder: PathBuf,
}

impl House {
    /// Starts a daemon and returns once it answers SIP. `name` is the scenario's: it names the folder.
    pub(crate) fn open(name: &str, digest: &[&str]) -> House {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        make_folder(&folder);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let carrier = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let settings = folder.join("baton.toml");
        write_file(&settings, &settings_of(&folder, address, carrier, digest));
        let mut command = Command::new(program());
        command.arg("serve").arg("--config").arg(&settings).current_dir(&folder);
        let mut house = House { process: Process::start(&mut command), address, carrier, folder };
        house.wait_until_it_answers();
        house
    }

    /// A person of this house, to be given a phone.
    pub(crate) fn person(&self, name: &'static str, pitch: f64) -> Person {
        Person { name, pitch, server: self.address, domain: DOMAIN, folder: self.folder.join(name) }
    }

    /// The scenario's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of the daemon's log.
    pub(crate) fn log(&self) -> String {
        self.process.lines.tail(60)
    }

    /// Stops the daemon by SIGTERM; it must end well within five seconds.
    pub(crate) fn close(mut self) {
        self.process.terminate();
        let status = self.process.wait(Duration::from_secs(8));
        assert!(status.is_some_and(|status| status.success()), "the daemon ended with {status:?}:\n{}", self.log());
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
                Instant::now() < end && self.process.is_running(),
                "the daemon does not answer OPTIONS; it said:\n{}",
                self.log()
            );
        }
    }
}

fn settings_of(folder: &Path, address: SocketAddr, carrier: SocketAddr, digest: &[&str]) -> String {
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
         [media]\naddress = \"127.0.0.1\"\nrtp_ports = [{first}, {last}]\ncodecs = [\"PCMU\", \"PCMA\"]\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\nadmin_token_file = \"{data}/admin.token\"\n\
         {agents}\
         [[rooms]]\nname = \"standup\"\nextension = \"300\"\n\
         [[trunks]]\nname = \"pstn\"\naddress = \"{carrier}\"\naccept_from = [\"127.0.0.2/32\"]\nroute_in = \"agent:alice\"\n\
         numbers = {{ \"+15551111\" = \"agent:alice\", \"/^room(\\\\d+)$/\" = \"room:r$1\" }}\n\
         match_out = \"^\\\\+?[0-9]{{3,15}}$\"\nmax_calls = 1000\n",
        data = folder.join("data").display(),
        http = free_port(),
    )
}

/// The daemon's program: given by the environment, else built here, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("BATON_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let status = Command::new(env!("CARGO")).args(["build", "--locked", "-p", "daemon", "--bin", "baton"]).status();
    assert!(status.is_ok_and(|status| status.success()), "the daemon does not build");
    // The temporary folder of tests lies in the target folder, beside the profile's.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("target"));
    target.join("debug/baton")
}
