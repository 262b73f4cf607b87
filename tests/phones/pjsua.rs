//! pjsua2, steered through `pjsua_phone.py`: one command a line in, one event a line out.
//!
//! The Python to use is `$BATON_PYTHON` (set by `scripts/test` where the module lives in an environment of its own),
//! else `python3`.

use std::path::{Path, PathBuf};

use super::ear::Recording;
use super::manner::Transport;
use super::ports::rtp_range;
use super::process::Process;
use super::{Person, Phone, STEP};

pub(crate) struct Pjsua {
    process: Process,
    read: usize,
    folder: PathBuf,
}

impl Pjsua {
    pub(crate) fn start(person: &Person) -> Pjsua {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("phones/pjsua_phone.py");
        let python = std::env::var("BATON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = person.command(&python);
        command
            .arg(script)
            .args(["--name", person.name, "--domain", person.domain, "--server", &person.server.to_string()])
            .args(["--address", &person.address.to_string()])
            .args(["--sip-port", &person.sip_port.to_string(), "--rtp-port", &rtp_range().0.to_string()])
            .arg("--say")
            .arg(person.tone_file())
            .arg("--folder")
            .arg(&person.folder);
        command.args(["--codec", person.manner.codec.name()]);
        match person.manner.transport {
            Transport::Udp => {}
            Transport::Tcp => drop(command.arg("--tcp")),
            Transport::Tls => drop(command.arg("--tls")),
        }
        if person.manner.is_encrypted() {
            command.arg("--srtp");
        }
        if person.registers {
            command.args(["--password", &person.password()]);
        }
        let mut phone = Pjsua { process: Process::start(&mut command), read: 0, folder: person.folder.clone() };
        phone.expect(if person.registers { "REGISTERED 200" } else { "READY" });
        phone
    }

    fn expect(&mut self, what: &str) {
        self.read = self.find(what);
    }

    /// Signalling and media come up in either order.
    fn expect_connected(&mut self) {
        self.read = self.find("CONNECTED").max(self.find("MEDIA active"));
    }

    fn find(&self, what: &str) -> usize {
        self.process.lines.wait(self.read, STEP, &format!("{what} (pjsua2)"), |line| line.starts_with(what))
    }
}

impl Phone for Pjsua {
    fn call(&mut self, address: &str) {
        self.process.say(&format!("call {address}"));
        self.expect_connected();
    }

    fn answer(&mut self) {
        self.expect("INCOMING");
        self.process.say("answer");
        self.expect_connected();
    }

    fn hold(&mut self) {
        self.process.say("hold");
        self.expect("MEDIA localhold");
    }

    fn resume(&mut self) {
        self.process.say("resume");
        self.expect("MEDIA active");
    }

    fn hang_up(&mut self) {
        self.process.say("hangup");
        self.expect("ENDED");
    }

    /// The server hangs up on both lines: this phone does not by itself.
    fn transfer_attended(&mut self) {
        self.process.say("attend");
        // not read past: a line may have ended before it was told
        self.find("XFER 200 final");
    }

    /// As PJSIP's own application: told that it has worked, it hangs up.
    fn transfer_blind(&mut self, address: &str) {
        self.process.say(&format!("blind {address}"));
        self.expect("XFER 200 final");
        self.process.say("hangup");
    }

    fn wait_until_ended(&mut self) {
        self.expect("ENDED");
    }

    fn switch_off(mut self: Box<Self>) -> Recording {
        self.process.say("quit");
        self.process.wait(STEP);
        let calls = 1..=32;
        let heard: Vec<PathBuf> = calls.map(|call| self.folder.join(format!("heard-{call}.wav"))).collect();
        Recording::read(&heard)
    }
}
