//! The `baton` command: reads the command line and calls what it asks for. The only place that prints.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 usage. What `serve`, `check` and `demo` do not do themselves is asked of a
//! running daemon over its API.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks by printing")]

mod board;
mod check;
mod client;
mod demo;
mod history;
mod house;
mod ladder;
mod live;
mod log;
mod matrix;
mod outcome;
mod serve;
mod sheet;
mod shell;
mod steps;
mod table;
mod terminal;
mod times;
mod trace;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use outcome::Failure;

/// A SIP conferencing media server built around the warm transfer.
#[derive(Debug, Parser)]
#[command(name = "baton", version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the service.
    Serve {
        /// The settings. Without it: the defaults, and BATON_SECTION__KEY from the environment.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Play the demo: scripted phones over real SIP and RTP; exit 0 if everybody heard what they should, and nothing else.
    Demo {
        /// How the transfer is made: by the buttons of a phone with two lines, or by codes on a keypad.
        #[arg(long, value_enum, default_value_t)]
        by: crate::demo::By,
        /// Where the timeline is written.
        #[arg(long, value_name = "FILE", default_value = "baton-demo.svg")]
        timeline: PathBuf,
        /// Break one of the three laws of the mixer, and show what it is there for.
        #[cfg(feature = "break")]
        #[arg(long = "break", value_name = "LAW")]
        broken: Option<crate::demo::Broken>,
    },
    /// Name every mistake in a settings file, with line and column.
    Check {
        /// The settings.
        file: PathBuf,
    },
    #[command(flatten)]
    Client(Client),
    /// Write what a shell needs to complete these commands.
    Completion {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write a manual page.
    Man(shell::Man),
}

/// What is asked of a running daemon.
#[derive(Debug, Subcommand)]
enum Client {
    /// Show the calls: a table that redraws on a terminal.
    Calls(live::Watched),
    /// Show one call: who is in, who hears and heard whom, the transfer, how it sounds.
    Call(sheet::Sheet),
    /// Show the agents: a table that redraws on a terminal.
    Agents(live::Watched),
    /// Show the queues: a table that redraws on a terminal.
    Queues(live::Watched),
    #[command(flatten)]
    Step(steps::Step),
    /// Show the records of calls that are over, newest first.
    History(history::History),
    /// Draw every SIP message as it comes and goes.
    Trace(trace::Trace),
    /// Let no new calls in; those there are go on.
    Drain(house::Drain),
    /// Have the settings read again.
    Reload(client::Reach),
    /// The users whom the daemon keeps in its database.
    #[command(subcommand)]
    User(users::Users),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match Line::parse().verb {
        Verb::Serve { config } => serve::serve(config.as_deref()),
        #[cfg(feature = "break")]
        Verb::Demo { by, timeline, broken } => demo::demo(&crate::demo::Options { by, timeline, broken }),
        #[cfg(not(feature = "break"))]
        Verb::Demo { by, timeline } => demo::demo(&crate::demo::Options { by, timeline }),
        Verb::Check { file } => check::check(&file),
        Verb::Client(asked) => end(with_runtime(asked)),
        Verb::Completion { shell } => end(shell::completion(Line::command(), shell)),
        Verb::Man(man) => end(shell::man(Line::command(), &man)),
    }
}

fn end(done: Result<(), Failure>) -> ExitCode {
    done.map_or_else(|failure| failure.tell(), |()| ExitCode::SUCCESS)
}

fn with_runtime(asked: Client) -> Result<(), Failure> {
    // one thread: a client waits most of the time
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(ask(asked))
}

async fn ask(asked: Client) -> Result<(), Failure> {
    match asked {
        Client::Calls(how) => live::show(live::Shown::Calls, &how).await,
        Client::Call(sheet) => sheet::show(&sheet).await,
        Client::Agents(how) => live::show(live::Shown::Agents, &how).await,
        Client::Queues(how) => live::show(live::Shown::Queues, &how).await,
        Client::Step(step) => steps::step(step).await,
        Client::History(history) => history::history(&history).await,
        Client::Trace(trace) => trace::trace(&trace).await,
        Client::Drain(drain) => house::drain(&drain).await,
        Client::Reload(reach) => house::reload(&reach).await,
        Client::User(users) => users::users(users).await,
    }
}
