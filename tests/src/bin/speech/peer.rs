//! baresip as Debian has it, one for every line; it answers by itself and records what it plays.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use media_mixer::sdp::Codec;
use softphone::{LineState, Phone, PhoneSettings, Recording, Voice};

use crate::condition::{self, Condition};
use crate::ports::free_port;

/// It is ready to be called within this.
const READY: Duration = Duration::from_secs(20);

/// A baresip of its own folder, stopped when it is dropped.
struct Peer {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

/// Says the recording over every line at the same time, and copies what the peers recorded.
///
/// # Errors
/// Something did not start, a call did not come about, or a file cannot be written.
pub(crate) async fn speak(recording: &'static Recording, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let length = Duration::from_millis(recording.narrow.len() as u64 / 8) + Duration::from_secs(1);
    let all = condition::all();
    let calls = all.iter().enumerate().map(|(number, condition)| one(number, *condition, recording, length, out));
    for result in futures_util::future::join_all(calls).await {
        result?;
    }
    Ok(())
}

async fn one(
    number: usize,
    condition: Condition,
    recording: &'static Recording,
    length: Duration,
    out: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut peer = Peer::start(&out.join(format!("peer-{number}")), condition)?;
    peer.until_ready().await?;
    let voice = Voice::Recording(recording);
    let settings = PhoneSettings::outside("speaker", "127.0.0.1", peer.address, Ipv4Addr::LOCALHOST.into(), voice);
    let speaker = Phone::start(PhoneSettings { codecs: vec![condition.codec], ..settings }).await?;
    let line = speaker.call(&format!("sip:peer@{}", peer.address))?;
    speaker.wire(line, condition.wire());
    speaker.until_line(line, LineState::Live).await?;
    tokio::time::sleep(length).await;
    speaker.hang_up(line);
    peer.stop().await?;
    speaker.stop().await;
    std::fs::copy(peer.heard()?, out.join(condition.file("peer")))?;
    Ok(())
}

impl Peer {
    fn start(folder: &Path, condition: Condition) -> Result<Peer, Box<dyn std::error::Error>> {
        drop(std::fs::remove_dir_all(folder));
        std::fs::create_dir_all(folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        // its filling of holes is a module for G.711, which refuses Opus; that has its own
        let (codec, modules) = match condition.codec {
            Codec::Opus => ("opus/48000/2", "module opus.so"),
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 | Codec::ComfortNoise => {
                ("PCMU/8000/1", "module g711.so\nmodule plc.so")
            }
        };
        let config = format!(
            "module_path /usr/lib/baresip/modules\nsip_listen {address}\nnet_interface 127.0.0.1\n\
             audio_source aubridge,nil\naudio_player aubridge,nil\naudio_alert aubridge,nil\nsnd_path {}\n\
             {modules}\nmodule aubridge.so\nmodule sndfile.so\n\
             module_tmp account.so\nmodule_app menu.so\n",
            folder.display()
        );
        std::fs::write(folder.join("config"), config)?;
        let account = format!("<sip:peer@{address}>;regint=0;answermode=auto;audio_codecs={codec}\n");
        std::fs::write(folder.join("accounts"), account)?;
        std::fs::write(folder.join("contacts"), "")?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder).env("HOME", folder).stdin(Stdio::piped());
        let process = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Peer { process, folder: folder.to_owned(), address })
    }

    /// Until it answers OPTIONS.
    async fn until_ready(&self) -> Result<(), Box<dyn std::error::Error>> {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = socket.local_addr()?;
        let until = Instant::now() + READY;
        while Instant::now() < until {
            let options = format!(
                "OPTIONS sip:peer@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKup;rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:up@{own}>;tag=up\r\nTo: <sip:peer@{to}>\r\nCall-ID: up@{own}\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n",
                to = self.address
            );
            // nobody may be there yet
            drop(socket.send_to(options.as_bytes(), self.address).await);
            let mut answer = [0; 2_048];
            let answered = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut answer)).await;
            if matches!(answered, Ok(Ok(_))) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("baresip does not answer; its log is {}", self.folder.join("log").display()).into())
    }

    /// Its recordings are whole only when it has ended.
    async fn stop(&mut self) -> std::io::Result<()> {
        drop(self.process.stdin.take());
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        let until = Instant::now() + READY;
        while self.process.try_wait()?.is_none() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn heard(&self) -> Result<PathBuf, Box<dyn std::error::Error>> {
        let mut files = std::fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let found = files.find(|path| path.to_string_lossy().ends_with("-dec.wav"));
        found.ok_or_else(|| format!("baresip recorded nothing in {}", self.folder.display()).into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // it has ended, or nobody waits for its recordings
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
