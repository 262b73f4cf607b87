//! Says recorded speech over bad lines to Baton and to baresip, and writes down what arrived: what `scripts/speech` scores.
//!
//! ```text
//!   speaker ══ loss, jitter ══> Baton ──────────────> listener's ear         baton-CODEC-lLOSS-jJITTER.wav
//!   speaker ══ the same ══════> baresip (Debian) ───> its own recording      peer-CODEC-lLOSS-jJITTER.wav
//! ```
//!
//! Both get the same packets late and lose the same ones. It judges nothing. All lines of one server speak at the same time.
//!
//! `speech --sound FOLDER --out FOLDER`: the first holds `speech-8000.wav`, `-16000` and `-48000`, the same words in each.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod condition;
mod ours;
mod peer;
#[path = "../../../phones/ports.rs"]
#[allow(dead_code, reason = "the phones' drivers use the rest")]
mod ports;
mod sound;

use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| {
        let at = arguments.iter().position(|argument| argument == key);
        at.and_then(|at| arguments.get(at + 1)).map(PathBuf::from)
    };
    let (Some(sound), Some(out)) = (value("--sound"), value("--out")) else {
        eprintln!("usage: speech --sound FOLDER --out FOLDER");
        return ExitCode::FAILURE;
    };
    match say(&sound, &out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("speech: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn say(sound: &std::path::Path, out: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(out)?;
    let recording = sound::read(sound)?;
    println!("speech of {} s over {} lines to Baton", recording.narrow.len() / 8_000, condition::all().len());
    ours::speak(recording, out).await?;
    println!("the same to baresip");
    peer::speak(recording, out).await
}
