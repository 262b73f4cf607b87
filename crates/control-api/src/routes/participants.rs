//! What is done to one participant: the pause button, mute, volume, keys, prompts, hanging up.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use conference::{Action, Asker, CallId, Command, Cue, Key, ParticipantId};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::Shared;
use super::calls::{By, command, sheet};
use super::transfer::as_it_is_now;
use crate::asking::Asking;
use crate::body::{At, Said, call_id, participant_id};
use crate::counter::Counter;
use crate::house::CallSheet;
use crate::limits::KEYS;
use crate::problem::Problem;
use crate::shown::Call;

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(change, remove, dtmf, play))]
pub(crate) struct ParticipantsApi;

/// How long a key is down when nothing else is said, in milliseconds.
const KEY_MS: u16 = 100;

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ParticipantChange)]
pub(crate) struct Change {
    /// On hold, or not any more.
    hold: Option<bool>,
    /// Voice off, or on.
    muted: Option<bool>,
    /// How loud their voice is for the others, in decibels; 0: as it comes.
    #[schema(minimum = -40, maximum = 20)]
    volume_db: Option<i8>,
    /// In whose name the operator asks.
    #[schema(max_length = 128)]
    by: Option<String>,
}

/// Keys for one participant's phone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    #[schema(pattern = "^[0-9*#A-D]{1,64}$", min_length = 1, max_length = 64)]
    digits: String,
    /// How long each is down, in milliseconds.
    #[schema(minimum = 40, maximum = 2000)]
    duration_ms: Option<u16>,
    /// In whose name the operator asks.
    #[schema(max_length = 128)]
    by: Option<String>,
}

/// A tone or prompt for one participant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// Which.
    prompt: PromptName,
    /// The place that `position` speaks of, 1 being next.
    #[schema(minimum = 1, maximum = 65535)]
    position: Option<u16>,
    /// In whose name the operator asks.
    #[schema(max_length = 128)]
    by: Option<String>,
}

/// What can be played.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PromptName {
    /// A tone: that did not work.
    Failure,
    /// A tone: look here.
    Notice,
    /// A tone: done.
    Done,
    /// A tone: not possible now.
    Refused,
    /// Spoken: nobody has that number.
    Unknown,
    /// Spoken: busy.
    Busy,
    /// Spoken: turned down.
    Rejected,
    /// Spoken: no answer.
    NoAnswer,
    /// Spoken: cannot be reached.
    Unreachable,
    /// Spoken: the queue is closed.
    Closed,
    /// Spoken: the place in the queue, see `position`.
    Position,
}

/// Hold, mute, volume: all that is asked, or nothing.
#[utoipa::path(patch, path = "/v1/calls/{id}/participants/{pid}", tag = "participants", request_body = Change,
    params(("id" = String, Path, description = "`c-7f3a`"), ("pid" = String, Path, description = "`p1`")),
    responses((status = 200, body = Call)))]
pub(super) async fn change(
    State(counter): Shared,
    asking: Asking,
    At((id, pid)): At<(String, String)>,
    Said(wanted): Said<Change>,
) -> Result<Json<Call>, Problem> {
    let call = call_id(&id)?;
    let by = asking.by(&counter, call, wanted.by.as_deref()).await?;
    let before = sheet(&counter, &asking, call).await?;
    let who = participant_id(&pid)?;
    if wanted.volume_db.is_some_and(|db| !(-40..=20).contains(&db)) {
        return Err(Problem::invalid("volume_db: -40 to 20"));
    }
    let steps = steps(&before, call, &by, who, &wanted)?;
    let mut undo = Vec::new();
    for (step, back) in steps {
        if let Err(problem) = command(&counter, &asking, call, step).await {
            let mut undone = true;
            for back in undo.into_iter().rev() {
                undone &= counter.command(back).await.is_ok();
            }
            return Err(if undone { problem } else { half_done(&problem) });
        }
        undo.push(back);
    }
    Ok(Json(Call::of(&sheet(&counter, &asking, call).await?)))
}

/// Hangs up one participant; oneself: leaves.
#[utoipa::path(delete, path = "/v1/calls/{id}/participants/{pid}", tag = "participants", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`"), ("pid" = String, Path, description = "`p1`")),
    responses((status = 200, body = Call), (status = 204, description = "Done, and whoever asked has left the call")))]
pub(super) async fn remove(
    State(counter): Shared,
    asking: Asking,
    At((id, pid)): At<(String, String)>,
    Said(By { by }): Said<By>,
) -> Result<Response, Problem> {
    let (call, by, who) = addressed(&counter, &asking, &id, &pid, by.as_deref()).await?;
    command(&counter, &asking, call, Command::Remove { call, by, who }).await?;
    Ok(as_it_is_now(&counter, &asking, call).await)
}

/// Sends keys to one participant's phone.
#[utoipa::path(post, path = "/v1/calls/{id}/participants/{pid}/dtmf", tag = "participants", request_body = Keys,
    params(("id" = String, Path, description = "`c-7f3a`"), ("pid" = String, Path, description = "`p1`")),
    responses((status = 204)))]
pub(super) async fn dtmf(
    State(counter): Shared,
    asking: Asking,
    At((id, pid)): At<(String, String)>,
    Said(wanted): Said<Keys>,
) -> Result<StatusCode, Problem> {
    let (call, by, who) = addressed(&counter, &asking, &id, &pid, wanted.by.as_deref()).await?;
    let duration_ms = wanted.duration_ms.unwrap_or(KEY_MS);
    if !(40..=2_000).contains(&duration_ms) {
        return Err(Problem::invalid("duration_ms: 40 to 2000"));
    }
    let is_key = |digit: char| matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D');
    if wanted.digits.is_empty() || wanted.digits.len() > KEYS || !wanted.digits.chars().all(is_key) {
        return Err(Problem::invalid(format!("digits: 1 to {KEYS} of 0-9, *, #, A-D")));
    }
    let keys = wanted.digits.chars().map(|digit| Key { digit, duration_ms }).collect();
    command(&counter, &asking, call, Command::Press { call, by, who, keys }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Plays a tone or prompt to one participant.
#[utoipa::path(post, path = "/v1/calls/{id}/participants/{pid}/play", tag = "participants", request_body = Prompt,
    params(("id" = String, Path, description = "`c-7f3a`"), ("pid" = String, Path, description = "`p1`")),
    responses((status = 204)))]
pub(super) async fn play(
    State(counter): Shared,
    asking: Asking,
    At((id, pid)): At<(String, String)>,
    Said(wanted): Said<Prompt>,
) -> Result<StatusCode, Problem> {
    let (call, by, who) = addressed(&counter, &asking, &id, &pid, wanted.by.as_deref()).await?;
    let cue = cue(wanted.prompt, wanted.position)?;
    command(&counter, &asking, call, Command::Play { call, by, who, cue }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The call, who asks, and whom it concerns: looked at in this order, so that nobody learns of calls they are not in.
async fn addressed(
    counter: &Counter,
    asking: &Asking,
    id: &str,
    pid: &str,
    by: Option<&str>,
) -> Result<(CallId, Asker, ParticipantId), Problem> {
    let call = call_id(id)?;
    let by = asking.by(counter, call, by).await?;
    match participant_id(pid) {
        Ok(who) => Ok((call, by, who)),
        Err(problem) => {
            sheet(counter, asking, call).await?;
            Err(problem)
        }
    }
}

/// The commands of a change, each with the one that takes it back. Hold comes last: it is the one that cannot be taken
/// back exactly. What is known to be refused is refused before anything is done.
fn steps(
    before: &CallSheet,
    call: CallId,
    by: &Asker,
    who: ParticipantId,
    wanted: &Change,
) -> Result<Vec<(Command, Command)>, Problem> {
    let person = before.view.participant(who).ok_or(conference::Refusal::ParticipantNotFound)?;
    let by = || by.clone();
    let mut steps = Vec::new();
    let mut actions = Vec::new();
    if let Some(volume_db) = wanted.volume_db {
        let set = |volume_db| Command::SetVolume { call, by: by(), who, volume_db };
        steps.push((set(volume_db), set(person.volume_db)));
    }
    if let Some(muted) = wanted.muted {
        let mute = |muted| Command::Mute { call, by: by(), who, muted };
        actions.push(if muted { Action::Mute(who) } else { Action::Unmute(who) });
        steps.push((mute(muted), mute(person.muted)));
    }
    if let Some(held) = wanted.hold {
        let (hold, unhold) = (Command::Hold { call, by: by(), who }, Command::Unhold { call, by: by(), who });
        actions.push(if held { Action::Hold(who) } else { Action::Unhold(who) });
        steps.push(if held { (hold, unhold) } else { (unhold, hold) });
    }
    if steps.len() > 1 {
        let refused = |action: &Action| {
            before.allowed.iter().find(|allowed| allowed.action == *action).and_then(|allowed| allowed.refused)
        };
        if let Some(refusal) = actions.iter().find_map(refused) {
            return Err(refusal.into());
        }
    }
    Ok(steps)
}

fn half_done(problem: &Problem) -> Problem {
    let detail = format!("{}; what was changed before could not be taken back", problem.detail);
    Problem::new(problem.status, problem.code, detail)
}

fn cue(prompt: PromptName, position: Option<u16>) -> Result<Cue, Problem> {
    Ok(match prompt {
        PromptName::Failure => Cue::Failure,
        PromptName::Notice => Cue::Notice,
        PromptName::Done => Cue::Done,
        PromptName::Refused => Cue::Refused,
        PromptName::Unknown => Cue::Unknown,
        PromptName::Busy => Cue::Busy,
        PromptName::Rejected => Cue::Rejected,
        PromptName::NoAnswer => Cue::NoAnswer,
        PromptName::Unreachable => Cue::Unreachable,
        PromptName::Closed => Cue::Closed,
        PromptName::Position => match position {
            Some(position) if position > 0 => Cue::Position(position),
            Some(_) | None => return Err(Problem::invalid("position: the place in the queue is needed, from 1")),
        },
    })
}
