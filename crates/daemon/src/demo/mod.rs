//! `baton demo`: the daemon on free ports and people with phones, over real SIP and RTP on loopback.
//!
//! What is drawn and judged is what the phones' ears measured; the server is never asked.

#![allow(clippy::print_stdout, reason = "the demo speaks by printing")]

mod cast;
mod picture;
mod scenes;
mod stage;
mod timeline;
mod watch;

use std::path::{Path, PathBuf};

use softphone::PhoneError;

use crate::config::{self, Config, Mistakes};
use crate::running::{Running, StartError, run};
use cast::Person;
use stage::Stage;

/// The demo's settings: those that `scripts/run` starts, but for the ports.
const SETTINGS: &str = include_str!("../../../../config/baton.toml");

/// Which law of the mixer is broken, for a build with the `break` feature only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(feature = "break")]
pub struct Broken(pub u8);

#[cfg(feature = "break")]
impl std::str::FromStr for Broken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "law1" => Ok(Self(1)),
            "law2" => Ok(Self(2)),
            "law3" => Ok(Self(3)),
            _ => Err("one of law1, law2, law3"),
        }
    }
}

/// How the demo is played.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the timeline is written.
    pub timeline: PathBuf,
    /// The law that is broken.
    #[cfg(feature = "break")]
    pub broken: Option<Broken>,
}

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The demo's settings do not fit this build.
    #[error("{0}")]
    Settings(#[from] Mistakes),
    /// The daemon did not start.
    #[error("the daemon does not start: {0}")]
    Start(#[from] StartError),
    /// A phone could not do its part.
    #[error("{0}")]
    Phone(#[from] PhoneError),
    /// The daemon listens nowhere.
    #[error("the daemon listens on no UDP address")]
    NoAddress,
    /// The timeline cannot be written.
    #[error("{}: {source}", file.display())]
    Timeline {
        /// Where.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Plays the demo. True: every expectation held.
///
/// # Errors
/// It could not be played to its end.
pub async fn play(options: &Options) -> Result<bool, DemoError> {
    let running = run(settings(options)?).await?;
    let played = perform(&running, &options.timeline).await;
    running.stop().await;
    played
}

async fn perform(running: &Running, timeline: &Path) -> Result<bool, DemoError> {
    let server = running.udp().ok_or(DemoError::NoAddress)?;
    let alice = Person::agent("Alice", 2_500.0, server).await?;
    let customer = Person::customer("Customer", 2_900.0, server).await?;
    let mut stage = Stage::new(alice, customer);
    let played = scenes::play(&mut stage).await;
    let (failures, expectations, (people, samples, chapters)) = stage.finish().await;
    std::fs::write(timeline, timeline::svg(&people, &samples, &chapters))
        .map_err(|source| DemoError::Timeline { file: timeline.to_owned(), source })?;
    println!("{} of {expectations} expectations held; timeline: {}", expectations - failures.len(), timeline.display());
    played?;
    Ok(failures.is_empty())
}

fn settings(options: &Options) -> Result<Config, DemoError> {
    let mut config = config::from_text(SETTINGS)?;
    for (_, address) in &mut config.sip.listen {
        address.set_port(0);
    }
    #[cfg(feature = "break")]
    {
        config.media.break_law = options.broken.map(|Broken(law)| law);
    }
    #[cfg(not(feature = "break"))]
    let _ = options;
    for trunk in &mut config.trunks {
        trunk.accept_from.retain(|source| matches!(source, sip_signalling::Source::Network(_)));
    }
    Ok(config)
}
