//! Real phones, driven by script: baresip, linphonec and pjsua2, none of which shares a line of code with Baton.
//!
//! What a phone *did* is read from its own events; whether it was right is judged only by what its ear recorded
//! (`ear`). These files start, steer and stop the programs. They do not know what a scenario expects, and they speak
//! no SIP of their own.

#[path = "../../crates/secure-wire/tests/authority/mod.rs"]
pub(crate) mod authority;
pub(crate) mod baresip;
pub(crate) mod ear;
pub(crate) mod goertzel;
pub(crate) mod house;
pub(crate) mod inside;
pub(crate) mod linphone;
pub(crate) mod manner;
pub(crate) mod network;
pub(crate) mod pjsua;
pub(crate) mod ports;
pub(crate) mod process;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::ear::Recording;
use self::manner::Manner;

/// How long a phone may take for one step: to start, register, ring, connect, or notice the other end's BYE.
/// Generous, because a build may share the machine; a phone that works needs well under a second.
pub(crate) const STEP: Duration = Duration::from_secs(20);

/// One phone of one person: its account, the tone it says without end, where it is, and the folder it lives in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// The account's name; the password is `NAME-secret`, as in the demo configuration. A number for somebody outside.
    pub(crate) name: &'static str,
    /// Whether it has an account and registers; else it is somebody outside, who calls the server by its address.
    pub(crate) registers: bool,
    /// The address it binds its sockets to.
    pub(crate) address: IpAddr,
    /// Its port for SIP.
    pub(crate) sip_port: u16,
    /// The network namespace it runs in, if not this one.
    pub(crate) namespace: Option<String>,
    /// The pitch of the one tone this person says, in Hz.
    pub(crate) pitch: f64,
    /// How it speaks.
    pub(crate) manner: Manner,
    /// Where the phone registers and sends its calls.
    pub(crate) server: SocketAddr,
    /// The SIP domain of the account.
    pub(crate) domain: &'static str,
    /// The phone's own folder: settings, tone, recordings, log.
    pub(crate) folder: PathBuf,
}

impl Person {
    pub(crate) fn password(&self) -> String {
        format!("{}-secret", self.name)
    }

    /// Its address of record, or what somebody outside shows.
    pub(crate) fn identity(&self) -> String {
        if self.registers {
            format!("sip:{}@{}", self.name, self.domain)
        } else {
            format!("sip:{}@{}", self.name, self.address)
        }
    }

    /// What stands behind the server's address in a URI.
    pub(crate) fn transport(&self) -> &'static str {
        self.manner.transport.parameter()
    }

    /// A program of this person's, to be started where the phone is.
    pub(crate) fn command(&self, program: &str) -> Command {
        process::command_in(self.namespace.as_deref(), program)
    }

    /// Writes this person's tone as a WAV, long enough for any scenario, as its codec wants it, and says where it lies.
    pub(crate) fn tone_file(&self) -> PathBuf {
        let path = self.folder.join("tone.wav");
        if !path.exists() {
            ear::write_tone(&path, self.pitch, Duration::from_secs(120), self.manner.codec);
        }
        path
    }
}

/// What every phone can be asked. Each call returns when the phone itself says that the step is done, or panics after
/// [`STEP`] with the end of the phone's log.
pub(crate) trait Phone: Send {
    /// Dials, and returns when the call is connected.
    fn call(&mut self, address: &str);
    /// Waits until the phone rings, picks up, and returns when the call is connected.
    fn answer(&mut self);
    /// Presses hold.
    fn hold(&mut self);
    /// Ends the hold.
    fn resume(&mut self);
    /// Ends the call.
    fn hang_up(&mut self);
    /// Presses Transfer with two lines, the one on hold and the one opened last: REFER with Replaces. Returns when the
    /// phone was told that it has worked.
    fn transfer_attended(&mut self);
    /// Transfers the one call without a consult: REFER without Replaces. Returns when the phone was told that it has
    /// worked.
    fn transfer_blind(&mut self, address: &str);
    /// Waits until the call was ended by the other side.
    fn wait_until_ended(&mut self);
    /// Switches the phone off and returns what its ear recorded, all calls one after the other.
    fn switch_off(self: Box<Self>) -> Recording;
}

/// Which program is the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// baresip 1.0 (Debian `baresip-core`), steered over `ctrl_tcp`. As a holder its ear is not to be trusted:
    /// its recording ends at the hold. It has no attended transfer.
    Baresip,
    /// linphonec 5.1 (Debian `linphone-cli`), steered over stdin, followed in its log.
    Linphone,
    /// pjsua2 2.15 (PyPI `pjsua2-python`), steered by `pjsua_phone.py`.
    Pjsua,
}

impl Kind {
    /// Whether this phone answers a SHA-256 challenge. baresip 1.0 gives up as soon as it is offered one.
    pub(crate) fn knows_sha256(self) -> bool {
        self != Kind::Baresip
    }

    /// Starts the phone and returns when it is registered, or ready.
    pub(crate) fn start(self, person: Person) -> Box<dyn Phone> {
        make_folder(&person.folder);
        match self {
            Kind::Baresip => Box::new(baresip::Baresip::start(&person)),
            Kind::Linphone => Box::new(linphone::Linphone::start(&person)),
            Kind::Pjsua => Box::new(pjsua::Pjsua::start(&person)),
        }
    }
}

/// Makes a folder and all above it.
pub(crate) fn make_folder(path: &Path) {
    std::fs::create_dir_all(path).unwrap_or_else(|why| panic!("cannot make {}: {why}", path.display()));
}

/// Writes one of a phone's settings files.
pub(crate) fn write_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|why| panic!("cannot write {}: {why}", path.display()));
}
