//! The daemon under load: started from a settings file of its own, watched for the processor time it takes, stopped.
//!
//! Its limits are set so high that only the machine limits the run.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::ports::free_port;
use crate::process::Process;

pub(crate) const DOMAIN: &str = "baton.local";

/// Kernel ticks of processor time a second (`USER_HZ`, fixed at 100 on Linux for all that programs see).
const CPU_TICKS: f64 = 100.0;

pub(crate) struct House {
    process: Process,
    pub(crate) address: SocketAddr,
    /// Where its API is.
    pub(crate) http: SocketAddr,
    folder: PathBuf,
}

impl House {
    /// Starts it with so many desks, `desk0` and on, beside Alice and Bob.
    pub(crate) fn open(program: &Path, desks: usize) -> Result<House, String> {
        let folder = std::env::temp_dir().join(format!("baton-load-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let settings = folder.join("baton.toml");
        std::fs::write(&settings, settings_of(&folder, address, http, desks)).map_err(|why| why.to_string())?;
        let mut command = Command::new(program);
        // One line per call would load the log, not the daemon; the media figures at the end are wanted.
        command.arg("serve").arg("--config").arg(&settings).current_dir(&folder).env("NO_COLOR", "1");
        let mut house = House { process: Process::start(&mut command), address, http, folder };
        house.wait_until_it_answers().map(|()| house)
    }

    /// The operator's token.
    pub(crate) fn token(&self) -> Result<String, String> {
        let token = std::fs::read_to_string(self.folder.join("data/admin.token"));
        token.map(|token| token.trim().to_owned()).map_err(|why| format!("the operator's token: {why}"))
    }

    /// Processor seconds taken since its start.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.process.id())
    }

    /// How many files it has open, and how many of them are sockets.
    pub(crate) fn files(&self) -> Files {
        let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())) else { return Files::default() };
        let links = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        links.fold(Files::default(), |files, link| Files {
            all: files.all + 1,
            sockets: files.sockets + usize::from(link.to_string_lossy().starts_with("socket:")),
        })
    }

    /// Stops it by SIGTERM. Gives what it said at its end, or what is wrong.
    pub(crate) fn close(mut self) -> Result<Said, String> {
        self.process.terminate();
        let status = self.process.wait(Duration::from_secs(8));
        if !status.is_some_and(|status| status.success()) {
            return Err(format!("the daemon ended with {status:?}:\n{}", self.process.lines.tail(30)));
        }
        drop(std::fs::remove_dir_all(&self.folder));
        let lines = self.process.lines.tail(20);
        let after = |word: &str| -> Vec<String> {
            lines.lines().filter_map(|line| line.split_once(word).map(|(_, rest)| rest.trim().to_owned())).collect()
        };
        Ok(Said { ticks: after("media thread ends "), left: after("everybody is told ").concat() })
    }

    fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| why.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(|why| why.to_string())?;
        let own = socket.local_addr().map_err(|why| why.to_string())?;
        let end = Instant::now() + Duration::from_secs(20);
        for attempt in 0.. {
            let options = format!(
                "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKup{attempt};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:up@{to}>;tag=up\r\nTo: <sip:{to}>\r\nCall-ID: up-{attempt}@{own}\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n",
                to = self.address,
            );
            drop(socket.send_to(options.as_bytes(), self.address));
            let mut answer = [0; 2048];
            if socket.recv(&mut answer).is_ok_and(|length| answer[..length].starts_with(b"SIP/2.0 ")) {
                return Ok(());
            }
            if Instant::now() > end || !self.process.is_running() {
                break;
            }
        }
        Err(format!("the daemon does not answer OPTIONS; it said:\n{}", self.process.lines.tail(40)))
    }
}

/// Open files of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) all: usize,
    pub(crate) sockets: usize,
}

/// What the daemon says when it is stopped.
pub(crate) struct Said {
    pub(crate) ticks: Vec<String>,
    /// What was in its hands: `NAME=COUNT`, separated by blanks.
    pub(crate) left: String,
}

/// Processor seconds of a process, user and kernel (`/proc/PID/stat`, fields 14 and 15).
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name, field 2, is in brackets and may hold spaces.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / CPU_TICKS
}

/// Agents of the queue `support`, `taker0` and on.
pub(crate) const TAKERS: usize = 3;

/// All ports below the ephemeral range are for RTP: a freed pair rests for half a minute, which is 12 000 pairs at 200
/// calls a second of two legs each.
fn settings_of(folder: &Path, address: SocketAddr, http: SocketAddr, desks: usize) -> String {
    let desks: String = (0..desks)
        .map(|number| format!("[[agents]]\nname = \"desk{number}\"\npassword = \"desk{number}-secret\"\n"))
        .collect();
    let takers: String = (0..TAKERS)
        .map(|number| {
            format!(
                "[[agents]]\nname = \"taker{number}\"\npassword = \"taker{number}-secret\"\nqueues = [\"support\"]\n"
            )
        })
        .collect();
    format!(
        "[server]\ndomain = \"{DOMAIN}\"\ndata_dir = \"{data}\"\n\
         [sip]\nlisten = [\"udp:{address}\"]\ndigest = [\"MD5\"]\n\
         [media]\naddress = \"127.0.0.1\"\nrtp_ports = [2048, 32767]\ncodecs = [\"PCMU\"]\n\
         [http]\nlisten = \"{http}\"\nadmin_token_file = \"{data}/admin.token\"\n\
         [[agents]]\nname = \"alice\"\nextension = \"101\"\npassword = \"alice-secret\"\nmax_calls = 1000\n\
         [[agents]]\nname = \"bob\"\nextension = \"102\"\npassword = \"bob-secret\"\nmax_calls = 1000\n\
         {desks}{takers}\
         [[queues]]\nname = \"support\"\n\
         [[trunks]]\nname = \"pstn\"\naddress = \"127.0.0.2:9\"\naccept_from = [\"127.0.0.2/32\"]\nroute_in = \"agent:alice\"\n\
         numbers = {{ \"+15551111\" = \"agent:alice\", \"+15552222\" = \"queue:support\", \"/^room(\\\\d+)$/\" = \"room:r$1\", \"/^(desk\\\\d+)$/\" = \"agent:$1\" }}\nmax_calls = 10000\n",
        data = folder.join("data").display(),
    )
}
