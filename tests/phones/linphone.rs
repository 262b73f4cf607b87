//! linphonec 5.1, steered over stdin and followed in its log file (without a terminal its stdout says nothing).
//!
//! One WAV holds what it heard in all its calls; no time passes in it while a call is held.

use std::fs::File;
use std::io::{Read, Result as IoResult};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ear::Recording;
use super::manner::{Codec, Transport};
use super::ports::rtp_range;
use super::process::{Lines, Process};
use super::{Person, Phone, STEP, make_folder, write_file};

pub(crate) struct Linphone {
    process: Process,
    log: Lines,
    read: usize,
    /// linphonec numbers its calls 1, 2, .. in and out together.
    calls: usize,
    heard: PathBuf,
    over: Arc<AtomicBool>,
}

impl Linphone {
    pub(crate) fn start(person: &Person) -> Linphone {
        let folder = &person.folder;
        make_folder(&folder.join(".local/share/linphone"));
        make_folder(&folder.join(".config/linphone"));
        let (settings, log_path) = (folder.join("rc"), folder.join("log"));
        write_file(&settings, &settings_of(person));
        write_file(&log_path, "");
        let mut command = person.command("linphonec");
        command.arg("-c").arg(&settings).args(["-d", "6", "-l"]).arg(&log_path).env("HOME", folder);
        let process = Process::start(&mut command);
        let (log, over) = (Lines::default(), Arc::new(AtomicBool::new(false)));
        log.follow(Growing::open(&log_path, over.clone()));
        let heard = folder.join("heard.wav");
        let mut phone = Linphone { process, log, read: 0, calls: 0, heard, over };
        if person.manner.is_over_tls() {
            phone.poke_until("LinphoneRegistrationOk");
        }
        phone.expect(if person.registers { "LinphoneRegistrationOk" } else { "Creating listening point" });
        phone.process.say("soundcard use files");
        phone.process.say(&format!("play {}", person.tone_file().display()));
        let record = format!("record {}", phone.heard.display());
        phone.process.say(&record);
        phone
    }

    /// Its TLS handshake goes on only when something is typed (seen with 5.1; not understood).
    fn poke_until(&mut self, what: &str) {
        let end = std::time::Instant::now() + STEP;
        while !self.log.has(|line| line.contains(what)) && std::time::Instant::now() < end {
            self.process.say("status register");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn expect(&mut self, what: &str) {
        self.read = self.find(self.read, what);
    }

    /// It was told 200, and hangs up by itself. Not read past: a line may have ended before it was told.
    fn transferred(&mut self) {
        let accepted = self.find(self.read, "SIP/2.0 202");
        let told = self.find(accepted, "LinphoneCallConnected");
        self.find(told, "to LinphoneCallEnd");
    }

    fn find(&self, from: usize, what: &str) -> usize {
        self.log.wait(from, STEP, &format!("{what} (linphonec)"), |line| line.contains(what))
    }

    fn state(&mut self, state: &str) {
        self.expect(&format!("to LinphoneCall{state}"));
    }
}

impl Phone for Linphone {
    fn call(&mut self, address: &str) {
        self.calls += 1;
        self.process.say(&format!("call {address}"));
        self.state("StreamsRunning");
    }

    fn answer(&mut self) {
        self.state("IncomingReceived");
        self.calls += 1;
        let answer = format!("answer {}", self.calls);
        self.process.say(&answer);
        self.state("StreamsRunning");
    }

    fn hold(&mut self) {
        self.process.say("pause");
        self.state("Paused");
    }

    fn resume(&mut self) {
        let resume = format!("resume {}", self.calls);
        self.process.say(&resume);
        self.state("StreamsRunning");
    }

    fn hang_up(&mut self) {
        let terminate = format!("terminate {}", self.calls);
        self.process.say(&terminate);
        self.state("Released");
    }

    fn transfer_attended(&mut self) {
        let transfer = format!("transfer {} --to-call {}", self.calls - 1, self.calls);
        self.process.say(&transfer);
        self.transferred();
    }

    fn transfer_blind(&mut self, address: &str) {
        let transfer = format!("transfer {} {address}", self.calls);
        self.process.say(&transfer);
        self.transferred();
    }

    fn wait_until_ended(&mut self) {
        self.state("Released");
    }

    fn switch_off(mut self: Box<Self>) -> Recording {
        self.process.say("quit");
        self.process.wait(STEP);
        Recording::read(&[&self.heard])
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn settings_of(person: &Person) -> String {
    let manner = person.manner;
    let known = [Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::G722];
    let known = known.map(|codec| (codec.name(), if codec == Codec::Opus { (48_000, 2) } else { (8_000, 1) }));
    let codecs: String = known
        .into_iter()
        .chain([("speex", (8_000, 1)), ("speex", (16_000, 1)), ("speex", (32_000, 1)), ("GSM", (8_000, 1))])
        .enumerate()
        .map(|(index, (mime, (rate, channels)))| {
            let on = u8::from(mime == manner.codec.name());
            format!("[audio_codec_{index}]\nmime={mime}\nrate={rate}\nchannels={channels}\nenabled={on}\n")
        })
        .collect();
    let account = if person.registers {
        format!(
            "[proxy_0]\nreg_proxy=<sip:{server}{transport}>\nreg_route=<sip:{server};lr{transport}>\nreg_identity={identity}\nreg_expires=600\nreg_sendregister=1\npublish=0\ndial_escape_plus=0\n\
             [auth_info_0]\nusername={name}\npasswd={password}\n",
            server = person.server,
            transport = person.transport(),
            identity = person.identity(),
            name = person.name,
            password = person.password(),
        )
    } else {
        String::new()
    };
    // one transport at a time
    let port = |transport| if manner.transport == transport { person.sip_port } else { 0 };
    format!(
        "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\nverify_server_certs=0\nverify_server_cn=0\nipv6_migration_done=1\nuse_ipv6=0\nguess_hostname=0\nbind_address={address}\n\
         contact={identity}\nmedia_encryption={encryption}\nmedia_encryption_mandatory={mandatory}\ndefault_proxy=0\nregister_only_when_network_is_up=0\n\
         [net]\nfirewall_policy=no_firewall\n\
         [rtp]\naudio_rtp_port={rtp}\n\
         [sound]\nplayback_dev_id=\ncapture_dev_id=\nec=0\nagc=0\nnoise_gate=0\n\
         [video]\nenabled=0\ncapture=0\ndisplay=0\n\
         {account}{codecs}",
        udp = port(Transport::Udp),
        tcp = port(Transport::Tcp),
        tls = port(Transport::Tls),
        encryption = if manner.is_encrypted() { "srtp" } else { "none" },
        mandatory = u8::from(manner.is_encrypted()),
        rtp = rtp_range().0,
        address = person.address,
        identity = person.identity(),
    )
}

/// A log file that somebody else is writing: its end is not the end until the phone is off.
struct Growing {
    file: File,
    over: Arc<AtomicBool>,
}

impl Growing {
    fn open(path: &PathBuf, over: Arc<AtomicBool>) -> Growing {
        let file = File::open(path).unwrap_or_else(|why| panic!("cannot read {}: {why}", path.display()));
        Growing { file, over }
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        loop {
            let count = self.file.read(buffer)?;
            if count > 0 || self.over.load(Ordering::Relaxed) {
                return Ok(count);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
