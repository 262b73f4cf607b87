//! The `baton` program as an operator meets it: what it prints, how it ends, what signals do.
#![allow(clippy::unwrap_used)]

mod wire;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use wire::{HOUSE, Peer, offer};

fn baton(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(arguments).env("RUST_LOG", "info").env("NO_COLOR", "1");
    // a free port, and a folder of its own: nothing is shared with a service that runs here
    let folder =
        std::env::temp_dir().join(format!("baton-data-{}-{:?}", std::process::id(), std::thread::current().id()));
    command.env("BATON_HTTP__LISTEN", "127.0.0.1:0").env("BATON_SERVER__DATA_DIR", &folder);
    command.env("BATON_HTTP__ADMIN_TOKEN_FILE", folder.join("admin.token"));
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = baton(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A file of the test's own, gone with it.
struct Settings(PathBuf);

impl Settings {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baton-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A service that was started by a test; it is gone with it.
struct Service {
    child: Child,
    udp: SocketAddr,
    printed: String,
    lines: BufReader<ChildStderr>,
    log: String,
}

impl Service {
    fn start(settings: &Settings) -> Self {
        let mut child = baton(&["serve", "--config", settings.path()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        let mut udp = None;
        for line in lines.by_ref() {
            let line = line.unwrap();
            printed += &format!("{line}\n");
            if let Some(address) =
                line.trim().strip_prefix("server").and_then(|rest| rest.trim().strip_suffix(" (udp)"))
            {
                udp = Some(address.parse().unwrap());
            }
            if line.trim_start().starts_with("Dial:") {
                break;
            }
        }
        let udp = udp.unwrap_or_else(|| panic!("no address was printed: {printed}"));
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, udp, printed, lines, log: String::new() }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Reads the log until `wanted` stands in it.
    fn log_until(&mut self, wanted: &str) {
        while !self.log.contains(wanted) {
            let read = self.lines.read_line(&mut self.log).unwrap();
            assert_ne!(read, 0, "the log ended without {wanted}: {}", self.log);
        }
    }

    /// Waits for the end; the exit code and what stood in the log.
    fn end(mut self) -> (i32, String) {
        let mut log = std::mem::take(&mut self.log);
        self.lines.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn check_names_every_mistake_and_exits_1() {
    let settings = Settings::new("check", "[sip]\nlisten = [\"udp:here\"]\n[media]\nworkers = -1\nfoo = 1\n");
    let (code, _, said) = run(&["check", settings.path()]);
    let path = settings.path();
    assert_eq!(code, 1);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(&format!("{path}:2:11: sip.listen ")), "{said}");
    assert!(lines[1].starts_with(&format!("{path}:4:11: media.workers ")), "{said}");
    assert!(lines[2].starts_with(&format!("{path}:5:1: media.foo ")), "{said}");
    assert_eq!(lines[3], format!("{path}: 3 mistakes"));
}

#[test]
fn check_of_a_good_file_exits_0_and_of_none_2() {
    let settings = Settings::new("good", HOUSE);
    let (code, said, _) = run(&["check", settings.path()]);
    assert_eq!((code, said), (0, format!("{}: no mistakes\n", settings.path())));
    assert_eq!(run(&["check"]).0, 2);
    assert_eq!(run(&["sing"]).0, 2);
    assert_eq!(run(&["check", "/nowhere.toml"]).0, 1);
}

#[test]
fn serve_with_a_bad_file_starts_nothing_and_exits_1() {
    let settings = Settings::new("bad", "[sip]\nlisten = [\"udp:here\"]\n");
    let (code, said, complained) = run(&["serve", "--config", settings.path()]);
    assert_eq!((code, said.as_str()), (1, ""));
    assert_eq!(complained.lines().count(), 1, "{complained}");
}

#[test]
fn serve_on_an_address_in_use_is_one_clear_line_and_exits_1() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = Settings::new("taken", &format!("[sip]\nlisten = [\"udp:{address}\"]\n"));
    let (code, said, complained) = run(&["serve", "--config", settings.path()]);
    assert_eq!((code, said.as_str()), (1, ""));
    let clear: Vec<&str> = complained.lines().filter(|line| line.starts_with("baton: ")).collect();
    assert!(clear.len() == 1 && clear[0].contains(&address), "{complained}");
}

#[test]
fn serve_names_every_address_in_use() {
    let taken = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let addresses = taken.each_ref().map(|socket| socket.local_addr().unwrap().to_string());
    let [one, other] = &addresses;
    let settings = Settings::new("both", &format!("[sip]\nlisten = [\"udp:{one}\", \"udp:{other}\"]\n"));
    let (code, _, complained) = run(&["serve", "--config", settings.path()]);
    assert_eq!(code, 1);
    let clear: Vec<&str> = complained.lines().filter(|line| line.starts_with("baton: ")).collect();
    assert!(clear.len() == 2 && clear[0].contains(one) && clear[1].contains(other), "{complained}");
}

#[test]
fn what_is_not_built_yet_is_one_warning_each_and_the_service_starts() {
    let text = HOUSE.replace("listen = [", "listen = [\"ws:127.0.0.1:0\", ");
    let text = text.replace("[media]", "[media]\nsrtp = \"optional\"\ncodecs = [\"opus\", \"G722\", \"PCMA\"]");
    let trunk = "name = \"far\"\naddress = \"127.0.0.1:9\"\nuser = \"us\"\npassword = \"x9y8z7\"\nregister = true";
    let settings = Settings::new("unbuilt", &format!("{text}\n[[trunks]]\n{trunk}\n"));
    let service = Service::start(&settings);
    service.signal("TERM");
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    for (key, warnings) in [("sip.listen", 1), ("trunks[1].register", 0), ("media.srtp", 0), ("media.codecs", 0)] {
        let lines = log.lines().filter(|line| line.contains("WARN") && line.contains(&format!(" {key}"))).count();
        assert_eq!(lines, warnings, "{key}: {log}");
    }
    assert!(!log.contains("x1y2z3") && !log.contains("x9y8z7"), "{log}");
}

#[tokio::test]
async fn sigterm_says_bye_to_everybody_and_exits_0() {
    let settings = Settings::new("term", HOUSE);
    let service = Service::start(&settings);
    assert!(service.printed.contains("alice") && !service.printed.contains("x1y2z3"), "{}", service.printed);
    let mut peer = Peer::new("127.0.0.2", service.udp).await;
    peer.invite("*45", Some(&offer("127.0.0.2", 40_020, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    service.signal("TERM");
    peer.request("BYE").await;
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
}

/// Row E2 of the attacks, in the log: what moves a terminal or hides in a text is masked, and a line stays one line.
#[tokio::test]
async fn nobody_writes_into_the_log_by_a_name() {
    let settings = Settings::new("e2", HOUSE);
    let service = Service::start(&settings);
    let mut peer = Peer::new("127.0.0.2", service.udp).await;
    peer.shown = (
        "\"Al\u{9b}31mi\u{202e}ec\u{200b}\" ".to_owned(),
        "Al%1B%5B31mi%E2%80%AEec%0D%0Abaton%3A%20forged%E2%80%8By".to_owned(),
    );
    peer.invite("room7", Some(&offer("127.0.0.2", 40_024, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    peer.bye().await;
    // and one that is refused
    peer.invite("101%1B%5B2J%0D%0Aforged", Some(&offer("127.0.0.2", 40_026, "0", "sendrecv"))).await;
    peer.status("INVITE", 404).await;
    service.signal("TERM");
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("Al\u{fffd}[31mi\u{fffd}ec\u{fffd}\u{fffd}baton: forged\u{fffd}y"), "{log}");
    for odd in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}', '\r'] {
        assert!(!log.contains(odd), "{odd:?}: {log:?}");
    }
    assert!(!log.lines().any(|line| line.starts_with("baton: forged") || line.starts_with("forged")), "{log}");
}

#[tokio::test]
async fn sighup_with_a_bad_file_keeps_the_old_settings_and_names_the_lines() {
    let settings = Settings::new("hup", HOUSE);
    let mut service = Service::start(&settings);
    std::fs::write(&settings.0, "[sip]\nlisten = 5\n").unwrap();
    service.signal("HUP");
    service.log_until("the old ones stay in force");
    let mut peer = Peer::new("127.0.0.2", service.udp).await;
    peer.invite("*44", Some(&offer("127.0.0.2", 40_022, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    peer.bye().await;
    service.signal("TERM");
    let (code, log) = service.end();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains(&format!("{}:2:10: sip.listen must be a list", settings.path())), "{log}");
}
