//! Baton, with a speaker and a listener for every line.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use daemon::config;
use softphone::{LineState, Mark, Phone, PhoneSettings, Recording, Voice};

use crate::condition::{self, Condition};
use crate::sound;

const DOMAIN: &str = "baton.local";

/// Says the recording over every line at the same time, and writes what the listeners heard.
///
/// # Errors
/// Something did not start, a call did not come about, or a file cannot be written.
pub(crate) async fn speak(recording: &'static Recording, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let conditions = condition::all();
    let running = daemon::run(config::from_text(&settings(conditions.len()))?).await?;
    let server = running.udp().ok_or("the daemon listens on no UDP address")?;
    let mut calls = Vec::new();
    for (number, condition) in conditions.into_iter().enumerate() {
        let phone = |name: String, voice| {
            let settings = PhoneSettings::agent(&name, "secret", DOMAIN, server, voice);
            PhoneSettings { codecs: vec![condition.codec], ..settings }
        };
        let speaker = Phone::start(phone(format!("s{number}"), Voice::Recording(recording))).await?;
        let listener = Phone::start(phone(format!("l{number}"), Voice::Silence)).await?;
        speaker.register().await?;
        listener.register().await?;
        calls.push((condition, speaker, listener, number));
    }
    let length = Duration::from_millis(recording.narrow.len() as u64 / 8) + Duration::from_secs(1);
    let heard = calls
        .iter()
        .map(|(condition, speaker, listener, number)| one(*condition, speaker, listener, *number, length, out));
    for result in futures_util::future::join_all(heard).await {
        result?;
    }
    for (_, speaker, listener, _) in calls {
        speaker.stop().await;
        listener.stop().await;
    }
    running.stop().await;
    Ok(())
}

async fn one(
    condition: Condition,
    speaker: &Phone,
    listener: &Phone,
    number: usize,
    length: Duration,
    out: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let line = speaker.call(&format!("l{number}"))?;
    speaker.wire(line, condition.wire());
    let ringing = listener.until_ringing().await?;
    let from = Mark::now();
    listener.answer(ringing)?;
    speaker.until_line(line, LineState::Live).await?;
    tokio::time::sleep(length).await;
    let heard = listener.ear(ringing)?.since(from);
    speaker.hang_up(line);
    sound::write(&out.join(condition.file("baton")), &heard.samples)?;
    Ok(())
}

/// A speaker and a listener for each line; every codec, and no second choice.
fn settings(lines: usize) -> String {
    let mut text = format!(
        "[server]\ndomain = \"{DOMAIN}\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n\
         [media]\naddress = \"127.0.0.1\"\nrtp_ports = [30000, 31999]\ncodecs = [\"opus\", \"PCMU\"]\n"
    );
    for number in 0..lines {
        for who in ["s", "l"] {
            let _ = write!(
                text,
                "[[agents]]\nname = \"{who}{number}\"\nextension = \"{}{number:02}\"\npassword = \"secret\"\n",
                if who == "s" { 1 } else { 2 }
            );
        }
    }
    text
}
