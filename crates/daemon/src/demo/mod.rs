//! `baton demo`: the daemon on free ports and people with phones, over real SIP and RTP on loopback.
//!
//! What is drawn and judged is what the phones' ears measured; the server is never asked.

#![allow(clippy::print_stdout, reason = "the demo speaks by printing")]

mod cast;
mod judge;
mod picture;
mod scenes;
mod stage;
mod timeline;
mod watch;

use std::path::{Path, PathBuf};

use softphone::PhoneError;

use crate::config::{self, Config, Mistakes};
use crate::running::{Running, StartError, run};
use cast::{Person, Who};
use stage::{Played, Stage};

/// The demo's settings: those that `scripts/run` starts, but for the ports and for where things are kept: beside a service that runs,
/// and any number of times, the demo is the same.
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

/// How Alice asks for the steps of her transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// By the buttons of a phone with two lines.
    #[default]
    Buttons,
    /// By codes on the keypad of a phone with one line.
    Codes,
}

/// How the demo is played.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the steps are asked for.
    pub by: By,
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
    let played = perform(&running, options.by, &options.timeline).await;
    running.stop().await;
    played
}

async fn perform(running: &Running, by: By, timeline: &Path) -> Result<bool, DemoError> {
    let server = running.udp().ok_or(DemoError::NoAddress)?;
    let people = vec![
        Person::agent(Who::Alice, server).await?,
        Person::customer(server).await?,
        Person::agent(Who::Bob, server).await?,
    ];
    let mut stage = Stage::new(people);
    let ended = match by {
        By::Buttons => scenes::buttons::play(&mut stage).await,
        By::Codes => scenes::codes::play(&mut stage).await,
    };
    let Played { failures, expectations, seen } = stage.finish().await;
    std::fs::write(timeline, timeline::svg(&seen))
        .map_err(|source| DemoError::Timeline { file: timeline.to_owned(), source })?;
    println!("{} of {expectations} expectations held; timeline: {}", expectations - failures, timeline.display());
    ended?;
    Ok(failures == 0)
}

fn settings(options: &Options) -> Result<Config, DemoError> {
    let mut config = config::from_text(SETTINGS)?;
    for (_, address) in &mut config.sip.listen {
        address.set_port(0);
    }
    config.http.listen.set_port(0);
    config.keep_in_scratch();
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
