//! baresip 1.0, steered over its control socket (`ctrl_tcp`: JSON in netstrings).
//!
//! Every phone has a folder of its own for `-f` and HOME, else baresip writes into the user's. Its ear is the decoded
//! side that the `sndfile` module dumps, one file per call.

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ear::Recording;
use super::manner::Codec;
use super::ports::{free_port, rtp_range};
use super::process::{Lines, Process};
use super::{Person, Phone, STEP, write_file};

pub(crate) struct Baresip {
    process: Process,
    control: TcpStream,
    events: Lines,
    read: usize,
    folder: PathBuf,
}

impl Baresip {
    pub(crate) fn start(person: &Person) -> Baresip {
        let control_port = free_port();
        write_settings(person, control_port);
        let mut command = person.command("baresip");
        command.arg("-f").arg(&person.folder).env("HOME", &person.folder);
        let process = Process::start(&mut command);
        let control = connect(control_port, &process);
        let events = Lines::default();
        follow_netstrings(&control, events.clone());
        let phone = Baresip { process, control, events, read: 0, folder: person.folder.clone() };
        if person.registers {
            // Registration may be over before the control socket is open; then only the log has it.
            phone.process.lines.wait(0, STEP, "baresip's registration", |line| line.contains("200 OK"));
        }
        phone
    }

    fn command(&mut self, command: &str, params: &str) {
        let json = format!(r#"{{"command":"{command}","params":"{params}","token":"t"}}"#);
        let netstring = format!("{}:{json},", json.len());
        self.control.write_all(netstring.as_bytes()).unwrap_or_else(|why| panic!("baresip's control socket: {why}"));
        self.expect(&format!("the answer to {command}"), |event| {
            event.contains(r#""response":true"#) && event.contains(r#""ok":true"#)
        });
    }

    fn expect(&mut self, what: &str, matches: impl Fn(&str) -> bool) {
        self.read = self.events.wait(self.read, STEP, &format!("{what} (baresip)"), matches);
    }

    fn event(&mut self, kind: &str) {
        let wanted = format!(r#""type":"{kind}""#);
        self.expect(kind, |event| event.contains(&wanted));
    }
}

impl Phone for Baresip {
    fn call(&mut self, address: &str) {
        self.command("dial", address);
        self.event("CALL_ESTABLISHED");
    }

    fn answer(&mut self) {
        self.event("CALL_INCOMING");
        self.command("accept", "");
        self.event("CALL_ESTABLISHED");
    }

    fn hold(&mut self) {
        self.command("hold", "");
    }

    fn resume(&mut self) {
        self.command("resume", "");
    }

    fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    fn transfer_attended(&mut self) {
        panic!("baresip 1.0 has no attended transfer");
    }

    /// Told that it has worked, it hangs up; told that it has not, it says so.
    fn transfer_blind(&mut self, address: &str) {
        self.command("transfer", address);
        self.event("CALL_CLOSED");
        let failed = self.events.tail(usize::MAX).contains("TRANSFER_FAILED");
        assert!(!failed, "baresip was told that its transfer has failed");
    }

    fn wait_until_ended(&mut self) {
        self.event("CALL_CLOSED");
    }

    fn switch_off(mut self: Box<Self>) -> Recording {
        self.process.terminate();
        self.process.wait(STEP);
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Recording::read(&[] as &[PathBuf]) };
        let mut heard: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        heard.sort();
        Recording::read(&heard)
    }
}

fn write_settings(person: &Person, control_port: u16) {
    let (first, last) = rtp_range();
    let folder = person.folder.display();
    let config = format!(
        "module_path /usr/lib/baresip/modules\n\
         sip_listen {address}:{sip}\n\
         net_interface {address}\n\
         rtp_ports {first}-{last}\n\
         call_hold_other_calls no\n\
         audio_source aufile,{tone}\n\
         audio_player aubridge,nil\n\
         audio_alert aubridge,nil\n\
         snd_path {folder}\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\n\
         module g711.so\nmodule g722.so\nmodule opus.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n",
        address = person.address,
        sip = person.sip_port,
        tone = person.tone_file().display(),
    );
    write_file(&person.folder.join("config"), &config);
    let way = if person.registers {
        let (name, password, server) = (person.name, person.password(), person.server);
        format!(
            "auth_user={name};auth_pass={password};outbound=\"sip:{server}{transport}\";regint=600",
            transport = person.transport()
        )
    } else {
        "regint=0".to_owned()
    };
    let codec = match person.manner.codec {
        Codec::Pcmu => "PCMU/8000/1",
        Codec::Pcma => "PCMA/8000/1",
        Codec::G722 => "G722/16000/1",
        Codec::Opus => "opus/48000/2",
    };
    let encryption = if person.manner.is_encrypted() { ";mediaenc=srtp-mand" } else { "" };
    let account = format!("<{}>;{way};answermode=manual;audio_codecs={codec}{encryption}\n", person.identity());
    write_file(&person.folder.join("accounts"), &account);
    write_file(&person.folder.join("contacts"), "");
}

fn connect(port: u16, process: &Process) -> TcpStream {
    let end = Instant::now() + STEP;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => return stream,
            Err(why) => assert!(
                Instant::now() < end,
                "baresip's control socket does not open: {why}; it said:\n{}",
                process.lines.tail(40)
            ),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn follow_netstrings(control: &TcpStream, events: Lines) {
    let stream = control.try_clone().unwrap_or_else(|why| panic!("baresip's control socket: {why}"));
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        while let Some(event) = netstring(&mut reader) {
            events.push(event);
        }
    });
}

/// Reads `LENGTH:TEXT,`; nothing at the end of the stream or at anything else.
fn netstring(reader: &mut impl Read) -> Option<String> {
    let mut length = 0_usize;
    loop {
        let mut byte = [0];
        reader.read_exact(&mut byte).ok()?;
        match byte[0] {
            b':' => break,
            digit @ b'0'..=b'9' => length = length.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?,
            _ => return None,
        }
    }
    let mut text = vec![0; length.min(1 << 20) + 1];
    reader.read_exact(&mut text).ok()?;
    text.pop();
    Some(String::from_utf8_lossy(&text).into_owned())
}
