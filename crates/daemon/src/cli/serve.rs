//! `baton serve`: starts the service, says what to type into a softphone, and minds the signals until it is told to stop.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks by printing")]

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use sd_notify::NotifyState;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use super::log::Log;
use crate::config::{self, Checked, Config, Mistakes};
use crate::running::{Counts, Running, run};
use crate::stop::{Asked, Signals, Watchdog, reloading, tell_systemd};

pub(super) fn serve(file: Option<&Path>) -> ExitCode {
    let checked = match load(file) {
        Ok(checked) => checked,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    match start_log().and_then(|log| Ok((log, tokio::runtime::Builder::new_multi_thread().enable_all().build()?))) {
        Ok((log, runtime)) => {
            let code = runtime.block_on(service(file, checked));
            log.flush();
            code
        }
        Err(error) => {
            eprintln!("baton: no threads can be started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start_log() -> std::io::Result<Log> {
    let log = Log::start(std::io::stderr())?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(colours)
        .with_writer(log.clone())
        .init();
    Ok(log)
}

fn load(file: Option<&Path>) -> Result<Checked, Mistakes> {
    match file {
        Some(file) => config::load(file, &config::variables()),
        None => config::defaults(&config::variables()),
    }
}

async fn service(file: Option<&Path>, checked: Checked) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("baton: signals cannot be taken: {error}");
            return ExitCode::FAILURE;
        }
    };
    warn_of(file, &checked);
    let running = match run(checked.config.clone()).await {
        Ok(running) => running,
        Err(error) => {
            for line in error.to_string().lines() {
                eprintln!("baton: {line}");
            }
            return ExitCode::FAILURE;
        }
    };
    // whoever started us may not read what we print: no reason to stop
    let _ = write!(std::io::stdout().lock(), "{}", invitation(&checked.config, &running));
    tell_systemd(&[NotifyState::Ready]);
    let code = mind(&mut signals, file, &running).await;
    tell_systemd(&[NotifyState::Stopping]);
    running.stop().await;
    info!("stopped");
    code
}

/// Until told to stop, or until a part of the service is lost.
async fn mind(signals: &mut Signals, file: Option<&Path>, running: &Running) -> ExitCode {
    let mut watchdog = Watchdog::start();
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            () = watchdog.due() => {
                watchdog.tell(running.alive()).await;
                continue;
            }
            () = running.lost() => {
                error!("a part of the service is lost");
                return ExitCode::FAILURE;
            }
        };
        match asked {
            Asked::Stop => {
                tell_what_is_left(&running.counts().await);
                return ExitCode::SUCCESS;
            }
            Asked::Reload => {
                tell_systemd(&reloading());
                reload(file, running).await;
                tell_systemd(&[NotifyState::Ready]);
            }
        }
    }
}

/// What is in our hands when we are told to stop: on an idle machine nothing but registrations.
fn tell_what_is_left(counts: &Counts) {
    let Counts { calls, legs, dialogs, transactions, timers, registrations, media_legs, files, alarms } = counts;
    info!(
        calls,
        legs, dialogs, transactions, timers, registrations, media_legs, files, alarms, "stopping: everybody is told"
    );
}

/// New users and trunks. A file with mistakes changes nothing.
async fn reload(file: Option<&Path>, running: &Running) {
    match load(file) {
        Ok(checked) => {
            warn_of(file, &checked);
            running.reload(checked.config).await;
        }
        Err(mistakes) => {
            for mistake in &mistakes.all {
                error!("{}", mistake.line(&mistakes.file));
            }
            error!("the settings have mistakes: the old ones stay in force");
        }
    }
}

/// One line each.
fn warn_of(file: Option<&Path>, checked: &Checked) {
    for warning in &checked.warnings {
        warn!("{}", warning.line(file.unwrap_or(Path::new("settings"))));
    }
}

/// What to type into a softphone.
fn invitation(config: &Config, running: &Running) -> String {
    use std::fmt::Write;
    let mut text = String::from("Baton takes calls.\n\n  Type into a softphone:\n");
    let _ = writeln!(text, "    domain     {}", config.server.domain);
    for (protocol, address) in running.addresses() {
        let _ = writeln!(text, "    server     {address} ({})", protocol.name());
    }
    if config.agents.is_empty() {
        text.push_str("    user       none yet: add [[agents]] to the settings\n");
    }
    for agent in &config.agents {
        let demo = agent.password.0 == format!("{}-secret", agent.name.0);
        let password = if demo { format!("{}-secret", agent.name.0) } else { "as in the settings".to_owned() };
        let extension = if agent.extension.is_empty() { "-" } else { &agent.extension };
        let _ = writeln!(text, "    user       {:<12} password {password:<20} extension {extension}", agent.name.0);
    }
    text.push_str("\n  Dial: ");
    let agents = config.agents.iter().map(|agent| (agent.extension.as_str(), agent.display_name.as_str()));
    let rooms = config.rooms.iter().map(|room| (room.extension.as_str(), room.name.as_str()));
    for (extension, name) in agents.chain(rooms).filter(|(extension, _)| !extension.is_empty()) {
        let _ = write!(text, "{extension} {name} · ");
    }
    text.push_str("*43 echo · *44 tone · *45 music · room-NAME a room of your own\n");
    text
}
