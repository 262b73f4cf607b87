//! `baton user`: the users whom the daemon keeps in its database. Passwords are typed unseen or read from standard input,
//! never taken from the command line, where everybody on the machine could read them.

use std::io::{self, BufRead, IsTerminal};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::wire::User;
use super::client::{Client, NewUser, Reach};
use super::outcome::{Failure, lines};
use super::steps::{done, each};
use super::table::{Cell, Table};
use super::terminal::{Paint, password, width};

/// Characters of a password, at most.
const LONGEST: usize = 256;

/// What is done with users.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Users {
    /// Make a new user.
    Add {
        /// The name: lower case; also the user name of the phone.
        name: String,
        /// Shown to people.
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// What a keypad dials.
        #[arg(long, value_name = "DIGITS")]
        extension: Option<String>,
        /// A queue that is served; may be said several times.
        #[arg(long = "queue", value_name = "QUEUE")]
        queues: Vec<String>,
        /// Whether a supervisor.
        #[arg(long)]
        supervisor: bool,
        /// Calls that others may put on them at once.
        #[arg(long, value_name = "COUNT", default_value_t = 2)]
        max_calls: u32,
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        reach: Reach,
    },
    /// Give a user a new password.
    Passwd {
        /// Whose.
        name: String,
        #[command(flatten)]
        secret: Secret,
        #[command(flatten)]
        reach: Reach,
    },
    /// Delete a user.
    Del {
        /// Whom.
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// List all users, those of the settings file too.
    List {
        #[command(flatten)]
        reach: Reach,
    },
}

/// Where the password comes from.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Secret {
    /// Read the password from the first line of standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
}

impl Secret {
    fn read(self, name: &str) -> Result<String, Failure> {
        let password = if self.password_stdin { from_stdin()? } else { from_terminal(name)? };
        match password.chars().count() {
            0 => Err(Failure::Other("the password is empty".to_owned())),
            1..=LONGEST => Ok(password),
            _ => Err(Failure::Other(format!("the password is longer than {LONGEST} characters"))),
        }
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut first = String::new();
    let most = u64::try_from(LONGEST * 4 + 2).unwrap_or(u64::MAX);
    let mut input = io::Read::take(io::stdin().lock(), most);
    input.read_line(&mut first)?;
    Ok(first.trim_end_matches(['\r', '\n']).to_owned())
}

fn from_terminal(name: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let why = "no terminal to ask for the password on; give it on standard input with --password-stdin";
        return Err(Failure::Other(why.to_owned()));
    }
    let given_up = || Failure::Other("nothing is changed".to_owned());
    let first = password(&format!("Password for {}: ", crate::events::masked(name)))?.ok_or_else(given_up)?;
    let second = password("Once more: ")?.ok_or_else(given_up)?;
    if first == second {
        Ok(first)
    } else {
        Err(Failure::Other("the two are not the same: nothing is changed".to_owned()))
    }
}

/// Does it.
pub(super) async fn users(users: Users) -> Result<(), Failure> {
    match users {
        Users::Add { name, display_name, extension, queues, supervisor, max_calls, secret, reach } => {
            let client = Client::new(&reach)?;
            let password = secret.read(&name)?;
            let user = NewUser { name, display_name, extension, queues, supervisor, max_calls, password };
            done(&reach, &client.add_user(&user).await?, None)
        }
        Users::Passwd { name, secret, reach } => {
            let client = Client::new(&reach)?;
            let password = secret.read(&name)?;
            done(&reach, &client.set_password(&name, &password).await?, None)
        }
        Users::Del { name, reach } => done(&reach, &Client::new(&reach)?.delete_user(&name).await?, None),
        Users::List { reach } => {
            let client = Client::new(&reach)?;
            let users = client.users().await?;
            if reach.json { each(&users) } else { list(&client, &users) }
        }
    }
}

fn list(client: &Client, users: &[Value]) -> Result<(), Failure> {
    let mut table = Table::new(&["USER", "NAME", ">EXT", "ROLE", ">MAX CALLS", "QUEUES", "KEPT IN"]);
    for user in users {
        let user: User = client.read(user)?;
        table.row(vec![
            Cell::of(&user.name),
            Cell::of(&user.display_name),
            Cell::of(&user.extension),
            Cell::of(if user.supervisor { "supervisor" } else { "agent" }),
            Cell::of(user.max_calls.to_string()),
            Cell::of(user.queues.join(", ")),
            Cell::of(if user.from_file { "the settings file" } else { "the database" }),
        ]);
    }
    lines(&table.lines(width(), Paint::of_stdout()))
}
