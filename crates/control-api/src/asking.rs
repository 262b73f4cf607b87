//! Who asks, and what they may: found out once for each request, before anything else is looked at.
//!
//! What somebody may do *in a call* the core decides.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use conference::{AgentName, Asker, CallId, Refusal};
use tokio::sync::watch;

use crate::counter::Counter;
use crate::house::Ask;
use crate::logins::{TokenHash, hash};
use crate::problem::Problem;
use crate::visitor::Visitor;

/// The prefix of the WebSocket subprotocol that carries a token: browsers can send no header of their own.
pub(crate) const TOKEN_PROTOCOL: &str = "bearer.";

/// Who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The admin token.
    Operator,
    /// An agent's login.
    Agent(AgentName),
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) who: Who,
    pub(crate) token: TokenHash,
    pub(crate) read_only: bool,
    /// Ends when the login does.
    pub(crate) lasts: Option<watch::Receiver<()>>,
}

/// The operator asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator;

impl Asking {
    /// The agent, if it is one.
    pub(crate) const fn agent(&self) -> Option<&AgentName> {
        match &self.who {
            Who::Agent(name) => Some(name),
            Who::Operator => None,
        }
    }

    /// In whose name something is asked in a call: one's own, or as the operator says by `by`.
    pub(crate) async fn by(&self, counter: &Counter, call: CallId, by: Option<&str>) -> Result<Asker, Problem> {
        match (&self.who, by) {
            (Who::Operator, None) => Ok(Asker::Operator),
            (Who::Operator, Some(by)) => Ok(Asker::Agent(AgentName(by.to_owned()))),
            (Who::Agent(name), None) => Ok(Asker::Agent(name.clone())),
            (Who::Agent(name), Some(by)) if by == name.0 => Ok(Asker::Agent(name.clone())),
            (Who::Agent(_), Some(_)) => {
                // Who is not in the call learns nothing of it, not even that.
                crate::routes::calls::sheet(counter, self, call).await?;
                Err(Problem::not_allowed("an agent asks in their own name only"))
            }
        }
    }

    /// What a refusal means to whoever asked: the operator, who sees every call, is told that `by` is not in it.
    pub(crate) async fn explain(&self, counter: &Counter, call: CallId, problem: Problem) -> Problem {
        if self.who != Who::Operator || problem.code != Refusal::CallNotFound.code() {
            return problem;
        }
        match counter.ask(|reply| Ask::Call { call, asker: None, reply }).await {
            Ok(Some(_)) => Refusal::NotAllowed.into(),
            Ok(None) | Err(_) => problem,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::unknown_asker("a token is needed"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Asking::from_request_parts(parts, state).await?.who {
            Who::Operator => Ok(Self),
            Who::Agent(_) => Err(Problem::not_allowed("only the operator may do that")),
        }
    }
}

/// Lets in whoever has a token, not too often, and only to read if the token can only read.
pub(crate) async fn identify(
    State(counter): State<Arc<Counter>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = token_of(request.headers()).ok_or_else(|| Problem::unknown_asker("a token is needed"))?;
    let asking = known(&counter, token)?;
    if let Err(wait) = counter.rates.take(asking.token, counter.rate()) {
        return Err(Problem::too_many("this token asks too often", wait));
    }
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if asking.read_only && !reads && request.uri().path() != "/v1/logout" {
        return Err(read_only());
    }
    request.extensions_mut().insert(asking);
    Ok(next.run(request).await)
}

/// Lets in whoever comes from this machine, or has a token (E12).
pub(crate) async fn identify_from_outside(
    State(counter): State<Arc<Counter>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // Who has no token is known by where they come from.
    let place = hash(&visitor.address.to_string());
    if let Err(wait) = counter.rates.take(place, counter.rate()) {
        return Err(Problem::too_many("somebody at this address asks too often", wait));
    }
    if !visitor.here {
        let token =
            token_of(request.headers()).ok_or_else(|| Problem::unknown_asker("a token is needed from outside"))?;
        known(&counter, token)?;
    }
    Ok(next.run(request).await)
}

/// Browsers come from our own pages, or from where the settings say (E5). Others send no Origin.
pub(crate) async fn check_origin(
    State(counter): State<Arc<Counter>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("null");
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = ["http://", "https://"].iter().any(|scheme| {
            origin.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && rest.eq_ignore_ascii_case(host))
        });
        if !own && !counter.settings.doors.borrow().origins.iter().any(|allowed| allowed == origin) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "no requests from pages of others"));
        }
    }
    Ok(next.run(request).await)
}

/// 403: the token can only read.
pub(crate) fn read_only() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "read_only", "this token can only read")
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    if let Some(said) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = said.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL))
}

fn known(counter: &Counter, token: &str) -> Result<Asking, Problem> {
    let key = hash(token);
    if counter.settings.admin_token.is(token) {
        return Ok(Asking { who: Who::Operator, token: key, read_only: false, lasts: None });
    }
    let login = counter.logins.find(&key).ok_or_else(|| Problem::unknown_asker("this token is not good (any more)"))?;
    Ok(Asking { who: Who::Agent(login.name), token: key, read_only: login.read_only, lasts: Some(login.lasts) })
}
