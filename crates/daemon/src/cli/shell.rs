//! `baton completion` and `baton man`: what a shell and a reader are told of the command line, made from its definition.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::outcome::Failure;

/// Which manual pages.
#[derive(Args, Clone, Debug)]
pub(super) struct Man {
    /// The page of one command; without it the page of all of baton.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,
    /// Write every page into this folder, for `man`: /usr/local/share/man/man1.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Writes what a shell needs to complete our commands.
pub(super) fn completion(mut line: Command, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut line, "baton", &mut script);
    Ok(std::io::stdout().lock().write_all(&script)?)
}

/// Writes a manual page, or all of them.
pub(super) fn man(line: Command, man: &Man) -> Result<(), Failure> {
    if let Some(dir) = &man.dir {
        return all(&line, dir);
    }
    let wanted = match &man.command {
        None => line,
        Some(name) => match line.find_subcommand(name) {
            Some(found) => named(found),
            None => return Err(Failure::Other(format!("there is no command {name}"))),
        },
    };
    Ok(std::io::stdout().lock().write_all(&page(wanted)?)?)
}

fn all(line: &Command, dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)?;
    for command in line.get_subcommands().filter(|command| !command.is_hide_set()) {
        std::fs::write(dir.join(format!("baton-{}.1", command.get_name())), page(named(command))?)?;
    }
    Ok(std::fs::write(dir.join("baton.1"), page(line.clone())?)?)
}

/// A command as a page of its own: `baton-calls`, used as `baton calls`.
fn named(command: &Command) -> Command {
    let name = command.get_name();
    command
        .clone()
        .display_name(format!("baton-{name}"))
        .bin_name(format!("baton {name}"))
        .version(env!("CARGO_PKG_VERSION"))
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}
