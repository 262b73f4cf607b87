//! The commands on a call: transfer and its steps, hold, hang up, dial, digits, lock; and what an agent answers and says.
//!
//! Each is one request. Done is silent, but for what could not be known before: a new call's id, a transfer's target.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Client, ClientError, Reach, Target, wire};
use super::outcome::{Failure, line};
use super::terminal::json_line;
use crate::events::masked;

/// A call, and who asks.
#[derive(Args, Clone, Debug)]
pub(super) struct OnCall {
    /// The call's id, as `baton calls` shows it.
    #[arg(value_name = "CALL", value_parser = call_id)]
    call: String,
    /// On whose behalf: an agent of the call. Without it the operator's.
    #[arg(long, value_name = "AGENT")]
    by: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// Somebody in a call, and who asks.
#[derive(Args, Clone, Debug)]
pub(super) struct OnPerson {
    /// The call's id, as `baton calls` shows it.
    #[arg(value_name = "CALL", value_parser = call_id)]
    call: String,
    /// Who in it: p2, or an agent's name.
    #[arg(value_name = "PARTICIPANT")]
    who: String,
    /// On whose behalf: an agent of the call. Without it the operator's.
    #[arg(long, value_name = "AGENT")]
    by: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// An agent's answer to an offer.
#[derive(Args, Clone, Debug)]
pub(super) struct OnOffer {
    /// The offer's id, as `baton agents` shows it: r-0001.
    #[arg(value_name = "RESERVATION", value_parser = offer_id)]
    offer: String,
    #[command(flatten)]
    reach: Reach,
}

/// What an agent can say of their availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Said {
    /// Takes calls from queues.
    Ready,
    /// Does not.
    Paused,
    /// Finishes the last call.
    #[value(name = "wrap_up", alias = "wrap-up")]
    WrapUp,
}

impl Said {
    const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Paused => "paused",
            Self::WrapUp => "wrap_up",
        }
    }
}

/// A command on a call.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Step {
    /// Start a warm transfer: the customer hears music, the target rings.
    Transfer {
        /// The call's id, as `baton calls` shows it.
        #[arg(value_name = "CALL", value_parser = call_id)]
        call: String,
        /// The agent who hands over.
        #[arg(long, value_name = "AGENT")]
        by: String,
        /// To whom: an agent's name, queue:NAME, an extension, a number, or sip:ADDRESS.
        #[arg(long, value_name = "TARGET")]
        to: Target,
        #[command(flatten)]
        reach: Reach,
    },
    /// End the transfer before completion: the initiator is back with the customer.
    Cancel(OnCall),
    /// Turn the initiator to the other side.
    Swap(OnCall),
    /// Let everybody hear everybody.
    Merge(OnCall),
    /// Let the initiator leave: target and customer go on.
    Complete(OnCall),
    /// Put somebody on hold.
    Hold(OnPerson),
    /// End somebody's hold.
    Unhold(OnPerson),
    /// Switch somebody's voice off.
    Mute(OnPerson),
    /// Switch somebody's voice on.
    Unmute(OnPerson),
    /// End a call for everybody, or one participant's part in it.
    Hangup {
        /// The call's id, as `baton calls` shows it.
        #[arg(value_name = "CALL", value_parser = call_id)]
        call: String,
        /// Who goes: p2, or an agent's name. Without it the call ends for everybody.
        #[arg(value_name = "PARTICIPANT")]
        who: Option<String>,
        /// On whose behalf: an agent of the call. Without it the operator's.
        #[arg(long, value_name = "AGENT")]
        by: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Ring an agent, then connect them.
    Dial {
        /// The agent who is rung first.
        #[arg(value_name = "AGENT")]
        from: String,
        /// Whom they are connected to: a name, an extension, a number.
        #[arg(value_name = "TO")]
        to: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Send digits to one participant's phone.
    Dtmf {
        /// The call's id, as `baton calls` shows it.
        #[arg(value_name = "CALL", value_parser = call_id)]
        call: String,
        /// Who in it: p2, or an agent's name.
        #[arg(value_name = "PARTICIPANT")]
        who: String,
        /// The digits: 0-9, *, #, A-D.
        #[arg(value_name = "DIGITS", value_parser = keys)]
        digits: String,
        /// On whose behalf: an agent of the call. Without it the operator's.
        #[arg(long, value_name = "AGENT")]
        by: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Let nobody into a room any more.
    Lock(OnCall),
    /// Let people into a room again.
    Unlock(OnCall),
    /// Take an offered call.
    Accept(OnOffer),
    /// Turn an offered call down: it is offered to the next at once.
    Reject(OnOffer),
    /// Say whether an agent takes calls from queues.
    State {
        /// Whose.
        #[arg(value_name = "AGENT")]
        agent: String,
        /// What.
        #[arg(value_name = "STATE", value_enum)]
        state: Said,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Does it.
pub(super) async fn step(step: Step) -> Result<(), Failure> {
    match step {
        Step::Transfer { call, by, to, reach } => {
            let client = Client::new(&reach)?;
            let answer = client.transfer(&call, &by, &to).await?;
            done(&reach, &answer, transfer_words(&answer))
        }
        Step::Cancel(on) => of_transfer(&on, "cancel").await,
        Step::Swap(on) => of_transfer(&on, "swap").await,
        Step::Merge(on) => of_transfer(&on, "merge").await,
        Step::Complete(on) => of_transfer(&on, "complete").await,
        Step::Hold(on) => change(&on, json!({"hold": true})).await,
        Step::Unhold(on) => change(&on, json!({"hold": false})).await,
        Step::Mute(on) => change(&on, json!({"muted": true})).await,
        Step::Unmute(on) => change(&on, json!({"muted": false})).await,
        Step::Hangup { call, who, by, reach } => {
            let client = Client::new(&reach)?;
            let answer = match who {
                Some(who) => {
                    let who = client.participant(&call, &who).await?;
                    client.remove(&call, &who, by.as_deref()).await?
                }
                None => client.end(&call, by.as_deref()).await?,
            };
            done(&reach, &answer, None)
        }
        Step::Dial { from, to, reach } => {
            let answer = Client::new(&reach)?.dial(&from, &to).await?;
            let id = answer.get("id").and_then(Value::as_str).map(masked);
            done(&reach, &answer, id)
        }
        Step::Dtmf { call, who, digits, by, reach } => {
            let client = Client::new(&reach)?;
            let who = client.participant(&call, &who).await?;
            done(&reach, &client.dtmf(&call, &who, &digits, by.as_deref()).await?, None)
        }
        Step::Lock(on) => lock(&on, true).await,
        Step::Unlock(on) => lock(&on, false).await,
        Step::Accept(on) => answer_offer(&on, "accept").await,
        Step::Reject(on) => answer_offer(&on, "reject").await,
        Step::State { agent, state, reach } => {
            let answer = Client::new(&reach)?.set_state(&agent, state.word()).await?;
            done(&reach, &answer, None)
        }
    }
}

async fn of_transfer(on: &OnCall, step: &str) -> Result<(), Failure> {
    let answer = Client::new(&on.reach)?.step(&on.call, step, on.by.as_deref()).await?;
    done(&on.reach, &answer, None)
}

async fn change(on: &OnPerson, change: Value) -> Result<(), Failure> {
    let client = Client::new(&on.reach)?;
    let who = client.participant(&on.call, &on.who).await?;
    done(&on.reach, &client.change(&on.call, &who, change, on.by.as_deref()).await?, None)
}

async fn lock(on: &OnCall, locked: bool) -> Result<(), Failure> {
    let answer = Client::new(&on.reach)?.lock(&on.call, locked, on.by.as_deref()).await?;
    done(&on.reach, &answer, None)
}

async fn answer_offer(on: &OnOffer, answer: &str) -> Result<(), Failure> {
    let answer = Client::new(&on.reach)?.answer_offer(&on.offer, answer).await?;
    done(&on.reach, &answer, None)
}

/// With `--json` what the daemon answered, else what is worth a line.
pub(super) fn done(reach: &Reach, answer: &Value, words: Option<String>) -> Result<(), Failure> {
    match words {
        _ if reach.json => line(&json_line(answer)),
        Some(words) => line(&words),
        None => Ok(()),
    }
}

/// Who is rung now; the answer is the call, or its transfer.
fn transfer_words(answer: &Value) -> Option<String> {
    let transfer = answer.get("transfer").unwrap_or(answer);
    let transfer: wire::Transfer = serde::Deserialize::deserialize(transfer).ok()?;
    if transfer.participant.is_empty() {
        return None;
    }
    Some(masked(&format!("{} {}, {}", transfer.participant, transfer.target.words(), transfer.phase)))
}

/// A call's id: `c-` and a number in hexadecimal.
pub(super) fn call_id(said: &str) -> Result<String, String> {
    id(said, "c-").ok_or_else(|| "a call's id looks like c-7f3a".to_owned())
}

fn offer_id(said: &str) -> Result<String, String> {
    id(said, "r-").ok_or_else(|| "an offer's id looks like r-0001".to_owned())
}

fn id(said: &str, prefix: &str) -> Option<String> {
    let digits = said.strip_prefix(prefix)?;
    let is_id = !digits.is_empty() && digits.len() <= 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| said.to_ascii_lowercase())
}

fn keys(said: &str) -> Result<String, String> {
    let good = !said.is_empty() && said.chars().all(|key| key.is_ascii_digit() || "*#ABCDabcd".contains(key));
    if good && said.len() <= 64 {
        Ok(said.to_ascii_uppercase())
    } else {
        Err("digits are 0-9, *, # and A-D, at most 64".to_owned())
    }
}

/// What a list looks like in JSON: one line for each item.
pub(super) fn each(items: &[Value]) -> Result<(), Failure> {
    items.iter().try_for_each(|item| line(&json_line(item)))
}

impl From<super::client::PlaceError> for Failure {
    fn from(error: super::client::PlaceError) -> Self {
        Self::Client(ClientError::Place(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_from_their_shape() {
        assert_eq!(call_id("c-7F3a"), Ok("c-7f3a".to_owned()));
        for said in ["7f3a", "c-", "c-../x", "r-0001", "c-11112222333344445"] {
            assert!(call_id(said).is_err(), "{said}");
        }
        assert!(offer_id("r-0001").is_ok());
        assert_eq!(keys("12*#a"), Ok("12*#A".to_owned()));
        assert!(keys("").is_err() && keys("1 2").is_err());
    }

    #[test]
    fn a_transfer_that_began_says_whom_it_rings() {
        let transfer = json!({"phase": "calling", "by": "p2", "target": {"agent": "bob"}, "participant": "p3"});
        assert_eq!(transfer_words(&transfer), Some("p3 bob, calling".to_owned()));
        assert_eq!(transfer_words(&json!({"id": "c-1", "transfer": transfer})), Some("p3 bob, calling".to_owned()));
        assert_eq!(transfer_words(&json!({})), None);
    }
}
