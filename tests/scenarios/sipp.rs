//! SIPp, which shares no code with Baton, against the daemon as operators run it: register, call, hold, cancel, load.
//!
//! What is said and expected on the wire stands in `tests/sipp/*.xml`; here is only who plays against whom. SIPp's own RTP
//! is too coarse to judge sound by; that is for the real phones and the load generator.

#[path = "../phones/mod.rs"]
#[allow(dead_code, reason = "the real phones' scenarios use the rest")]
mod phones;
#[path = "sipp/transfers.rs"]
mod transfers;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use phones::house::{DOMAIN, House};
use phones::ports::free_port;
use phones::process::Process;

/// No SIPp run here takes longer unless something is wrong.
const LIMIT: Duration = Duration::from_secs(40);

const CUSTOMER: &str = "127.0.0.2";
const AGENT: &str = "127.0.0.1";

#[test]
fn a_customer_calls_the_echo_over_udp() {
    let house = open_house("echo-udp");
    customer(&house, "customer_calls.xml", "*43").ends_well();
    house.close();
}

#[test]
fn a_customer_calls_the_echo_over_tcp() {
    let house = open_house("echo-tcp");
    Sipp::new(&house, "customer_calls.xml", CUSTOMER, "*43").with(&["-t", "t1"]).start().ends_well();
    house.close();
}

#[test]
fn the_built_in_caller_makes_a_hundred_calls() {
    let house = open_house("built-in");
    let mut sipp = Sipp::built_in(&house, "uac", CUSTOMER, "*43");
    sipp.calls(100).with(&["-r", "20"]).start().ends_well();
    house.close();
}

#[test]
fn an_offer_may_come_with_the_answer() {
    let house = open_house("no-offer");
    customer(&house, "customer_calls_without_offer.xml", "*43").ends_well();
    house.close();
}

#[test]
fn every_form_of_hold_is_answered_without_sendrecv() {
    let house = open_house("hold");
    customer(&house, "customer_holds_in_every_form.xml", "*43").ends_well();
    house.close();
}

#[test]
fn a_customer_in_a_call_with_alice_holds_in_every_form() {
    let house = open_house("hold-alice");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_holds_in_every_form.xml", "+15551111").ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_second_bye_gets_481() {
    let house = open_house("bye-twice");
    customer(&house, "customer_says_bye_twice.xml", "*43").ends_well();
    house.close();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let house = open_house("cancel-late");
    customer(&house, "customer_cancels_too_late.xml", "*43").ends_well();
    house.close();
}

#[test]
fn alice_registers_refreshes_and_unregisters_with_md5() {
    let house = open_house("comes-and-goes");
    agent(&house, "alice_comes_and_goes.xml", "alice", free_port(), "alice-secret").ends_well();
    house.close();
}

#[test]
fn alice_registers_over_tcp() {
    let house = open_house("register-tcp");
    Sipp::new(&house, "agent_registers.xml", AGENT, "alice")
        .with(&["-t", "t1", "-au", "alice", "-ap", "alice-secret"])
        .start()
        .ends_well();
    house.close();
}

#[test]
fn alice_registers_with_either_algorithm_where_both_are_offered() {
    let house = House::open("sipp-both-algorithms", &["SHA-256", "MD5"]);
    for algorithm in ["SHA-256", "MD5"] {
        let mut command = Command::new("python3");
        command
            .arg(folder().join("alice"))
            .args(["--register-only", "--server", &house.address.to_string(), "--algorithm", algorithm])
            .args(["--port", &free_port().to_string()]);
        let mut process = Process::start(&mut command);
        let status = process.wait(LIMIT);
        assert!(status.is_some_and(|status| status.success()), "{algorithm}: {}", process.lines.tail(10));
    }
    house.close();
}

#[test]
fn a_wrong_password_is_refused() {
    let house = open_house("wrong-password");
    agent(&house, "wrong_password.xml", "alice", free_port(), "guess").ends_well();
    house.close();
}

#[test]
fn an_agents_call_is_challenged_and_goes_through() {
    let house = open_house("agent-calls");
    alice_calls(&house, "*43").ends_well();
    house.close();
}

#[test]
fn an_agents_call_to_an_outside_number_reaches_the_carrier() {
    let house = open_house("carrier");
    let carrier = Sipp::any(&house, &["-sn", "uas"], "uas", AGENT, house.carrier.port());
    let carrier = carrier.start();
    alice_calls(&house, "+49301112233").ends_well();
    carrier.ends_well();
    house.close();
}

#[test]
fn a_stranger_is_refused() {
    let house = open_house("stranger");
    let alice = alices_phone(&house, "alice_answers.xml");
    Sipp::new(&house, "stranger_is_refused.xml", AGENT, "+15551111").start().ends_well();
    alice.was_left_alone();
    house.close();
}

#[test]
fn a_customer_of_an_agent_without_a_phone_is_refused() {
    let house = open_house("nobody-there");
    customer(&house, "nobody_there.xml", "102").ends_well();
    house.close();
}

#[test]
fn a_customer_calls_alice_and_hangs_up() {
    let house = open_house("alice-answers");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_calls.xml", "+15551111").ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_customer_calls_alice_over_tcp_while_her_phone_speaks_udp() {
    let house = open_house("alice-answers-tcp");
    let alice = alices_phone(&house, "alice_answers.xml");
    Sipp::new(&house, "customer_calls.xml", CUSTOMER, "+15551111").with(&["-t", "t1"]).start().ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_customer_without_an_offer_reaches_alice() {
    let house = open_house("alice-no-offer");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_calls_without_offer.xml", "+15551111").ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_customer_who_gives_up_stops_alices_phone_ringing() {
    let house = open_house("cancel");
    let alice = alices_phone(&house, "alice_rings_until_cancelled.xml");
    customer(&house, "customer_cancels.xml", "+15551111").ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_customer_is_hung_up_when_alice_hangs_up() {
    let house = open_house("alice-hangs-up");
    let alice = alices_phone(&house, "alice_hangs_up.xml");
    customer(&house, "customer_is_hung_up.xml", "+15551111").ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn fifty_customers_call_alice_ten_a_second() {
    let house = open_house("load");
    let port = free_port();
    agent(&house, "agent_registers.xml", "alice", port, "alice-secret").ends_well();
    let alice = Sipp::phone(&house, "alice_answers.xml", port).calls(50).start();
    Sipp::new(&house, "customer_calls.xml", CUSTOMER, "+15551111").calls(50).with(&["-r", "10"]).start().ends_well();
    alice.ends_well();
    house.close();
}

fn open_house(name: &str) -> House {
    House::open(&format!("sipp-{name}"), &["MD5"])
}

fn customer(house: &House, file: &str, whom: &str) -> Running {
    Sipp::new(house, file, CUSTOMER, whom).start()
}

fn agent(house: &House, file: &str, name: &str, port: u16, password: &str) -> Running {
    Sipp::new(house, file, AGENT, name).port(port).with(&["-au", name, "-ap", password]).start()
}

/// An agent's own call. SIPp must be told the URI to sign: by itself it leaves the user out.
fn alice_calls(house: &House, whom: &str) -> Running {
    let signed = format!("{whom}@{DOMAIN}");
    Sipp::new(house, "alice_calls.xml", AGENT, whom)
        .with(&["-au", "alice", "-ap", "alice-secret", "-auth_uri", &signed])
        .start()
}

/// Registers Alice's phone at a free port and starts it there; one call.
fn alices_phone(house: &House, file: &str) -> Running {
    Sipp::phone(house, file, registered(house, "alice")).start()
}

/// A free port that is registered as an agent's phone.
fn registered(house: &House, name: &str) -> u16 {
    let port = free_port();
    agent(house, "agent_registers.xml", name, port, &format!("{name}-secret")).ends_well();
    port
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sipp"))
}

/// One run of SIPp, to be started.
struct Sipp {
    name: String,
    port: u16,
    calls: u32,
    arguments: Vec<String>,
    errors: std::path::PathBuf,
}

impl Sipp {
    /// A scenario of our own that calls or registers.
    fn new(house: &House, file: &str, from: &str, whom: &str) -> Sipp {
        let scenario = folder().join(file).display().to_string();
        Sipp::caller(house, &["-sf", &scenario], file, from, whom)
    }

    /// One of SIPp's built-in scenarios.
    fn built_in(house: &House, scenario: &str, from: &str, whom: &str) -> Sipp {
        Sipp::caller(house, &["-sn", scenario], scenario, from, whom)
    }

    /// A phone that waits for calls at this port.
    fn phone(house: &House, file: &str, port: u16) -> Sipp {
        let scenario = folder().join(file).display().to_string();
        Sipp::any(house, &["-sf", &scenario, "-aa"], file, AGENT, port)
    }

    fn caller(house: &House, scenario: &[&str], name: &str, from: &str, whom: &str) -> Sipp {
        let mut sipp = Sipp::any(house, scenario, name, from, free_port());
        sipp.with(&[&house.address.to_string(), "-s", whom]);
        sipp
    }

    fn any(house: &House, scenario: &[&str], name: &str, from: &str, port: u16) -> Sipp {
        let errors = house.folder().join(format!("{name}-{port}.errors"));
        let mut sipp = Sipp { name: name.to_owned(), port, calls: 1, arguments: Vec::new(), errors };
        sipp.with(scenario).with(&["-i", from, "-mi", from, "-nostdin", "-timeout", "30s", "-timeout_error"]);
        sipp
    }

    fn with(&mut self, arguments: &[&str]) -> &mut Sipp {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    fn port(&mut self, port: u16) -> &mut Sipp {
        self.port = port;
        self
    }

    fn calls(&mut self, calls: u32) -> &mut Sipp {
        self.calls = calls;
        self
    }

    fn start(&self) -> Running {
        let mut command = Command::new("sipp");
        command
            .args(&self.arguments)
            .args(["-p", &self.port.to_string(), "-m", &self.calls.to_string()])
            .args(["-mp", &free_port().to_string(), "-trace_err", "-error_file"])
            .arg(&self.errors)
            .env("TERM", "dumb");
        let mut process = Process::start(&mut command);
        self.listens(&mut process);
        Running { process, name: self.name.clone(), errors: self.errors.clone() }
    }

    /// Waits until its port is open: a call to a phone that is not there yet comes back as 503. One that has ended
    /// already is judged by `ends_well`.
    fn listens(&self, process: &mut Process) {
        let end = Instant::now() + LIMIT;
        while process.is_running() && !is_open(self.port) {
            assert!(Instant::now() < end, "{} never opened port {}\n{}", self.name, self.port, process.lines.tail(20));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether somebody of this machine has this port, by the kernel's own list of UDP and of TCP sockets.
fn is_open(port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    ["/proc/net/udp", "/proc/net/tcp"].iter().any(|list| {
        let list = std::fs::read_to_string(list).unwrap_or_else(|why| panic!("{list}: {why}"));
        list.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&wanted)))
    })
}

/// A SIPp that is playing.
struct Running {
    process: Process,
    name: String,
    errors: std::path::PathBuf,
}

impl Running {
    /// Waits for its end; every call of it must have gone as its scenario says.
    fn ends_well(mut self) {
        let status = self.process.wait(LIMIT);
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(
            status.is_some_and(|status| status.success()),
            "{} ended with {status:?}\n{errors}\n{}",
            self.name,
            self.process.lines.tail(60)
        );
    }

    /// Nobody may have called it: its errors are empty and it still waits.
    fn was_left_alone(mut self) {
        assert!(self.process.is_running(), "{} got a call", self.name);
    }
}
