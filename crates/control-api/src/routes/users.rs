//! Users, for the operator. Those of the settings file are shown, but changed there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::Shared;
use crate::asking::Operator;
use crate::body::{At, Said, Wanted};
use crate::house::{self, Ask, HouseError};
use crate::limits::{NAME, PASSWORD};
use crate::pages::Paging;
use crate::problem::Problem;
use crate::shown::{List, User};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(list, add, set_password, delete))]
pub(crate) struct UsersApi;

/// Queues that one user serves at most.
const QUEUES: usize = 1_000;
/// Calls that others may put on a new user at once, when nothing else is said.
const MAX_CALLS: u32 = 2;
/// And at most.
const MAX_CALLS_MOST: u32 = 1_000;

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// The name: what others dial.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
    /// The password, for SIP and for logging in.
    #[schema(min_length = 1, max_length = 256, format = Password)]
    password: String,
    /// Shown to people; the name, if left out.
    #[schema(max_length = 128)]
    display_name: Option<String>,
    /// What a keypad dials.
    #[schema(max_length = 128)]
    extension: Option<String>,
    /// The queues served.
    #[serde(default)]
    queues: Vec<String>,
    /// Whether a supervisor.
    #[serde(default)]
    supervisor: bool,
    /// Calls others may put on them at once.
    #[schema(maximum = 1000)]
    max_calls: Option<u32>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// It.
    #[schema(min_length = 1, max_length = 256, format = Password)]
    password: String,
}

/// The users, by name.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(Paging), responses((status = 200, body = List<User>)))]
pub(super) async fn list(
    State(counter): Shared,
    _: Operator,
    Wanted(paging): Wanted<Paging>,
) -> Result<Json<List<User>>, Problem> {
    let mut users = counter.ask(Ask::Users).await??;
    users.sort_by(|a, b| a.name.cmp(&b.name));
    paging.page(users.iter().map(|user| (user.name.clone(), User::of(user)))).map(Json)
}

/// A new user.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser, responses(
    (status = 201, body = User)))]
pub(super) async fn add(
    State(counter): Shared,
    _: Operator,
    Said(new): Said<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    check_password(&new.password)?;
    let texts = [Some(&new.name), new.display_name.as_ref(), new.extension.as_ref()];
    let odd = |text: &&String| text.chars().count() > NAME || text.contains(char::is_control);
    if new.name.is_empty() || texts.into_iter().flatten().chain(&new.queues).any(|text| odd(&text)) {
        return Err(Problem::invalid(format!("names: 1 to {NAME} characters, none of them invisible")));
    }
    if new.queues.len() > QUEUES {
        return Err(Problem::invalid(format!("queues: at most {QUEUES}")));
    }
    if new.max_calls.is_some_and(|calls| calls > MAX_CALLS_MOST) {
        return Err(Problem::invalid(format!("max_calls: at most {MAX_CALLS_MOST}")));
    }
    let user = house::User {
        display_name: new.display_name.unwrap_or_else(|| new.name.clone()),
        name: new.name,
        extension: new.extension.unwrap_or_default(),
        queues: new.queues,
        supervisor: new.supervisor,
        max_calls: new.max_calls.unwrap_or(MAX_CALLS),
        from_file: false,
    };
    let shown = User::of(&user);
    counter.ask(|reply| Ask::AddUser { user, password: new.password, reply }).await??;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// A user's new password. Their logins end.
#[utoipa::path(put, path = "/v1/users/{name}/password", tag = "users", request_body = NewPassword,
    params(("name" = String, Path, description = "The user's name")), responses((status = 204)))]
pub(super) async fn set_password(
    State(counter): Shared,
    _: Operator,
    At(name): At<String>,
    Said(NewPassword { password }): Said<NewPassword>,
) -> Result<StatusCode, Problem> {
    check_name(&name)?;
    check_password(&password)?;
    counter.ask(|reply| Ask::SetPassword { name: name.clone(), password, reply }).await?.map_err(user_problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user goes. Their logins end.
#[utoipa::path(delete, path = "/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "The user's name")), responses((status = 204)))]
pub(super) async fn delete(State(counter): Shared, _: Operator, At(name): At<String>) -> Result<StatusCode, Problem> {
    check_name(&name)?;
    counter.ask(|reply| Ask::DeleteUser { name: name.clone(), reply }).await?.map_err(user_problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_name(name: &str) -> Result<(), Problem> {
    let odd = name.chars().count() > NAME || name.contains(char::is_control);
    if odd { Err(user_problem(HouseError::NotFound)) } else { Ok(()) }
}

fn check_password(password: &str) -> Result<(), Problem> {
    if password.is_empty() || password.len() > PASSWORD {
        return Err(Problem::invalid(format!("password: 1 to {PASSWORD} bytes")));
    }
    Ok(())
}

fn user_problem(error: HouseError) -> Problem {
    match error {
        HouseError::NotFound => Problem::not_found("user_not_found", "there is no such user"),
        other @ (HouseError::Unavailable(_)
        | HouseError::NoAnswer
        | HouseError::Conflict(_)
        | HouseError::Invalid(_)) => other.into(),
    }
}
