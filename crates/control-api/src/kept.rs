//! Answers kept for repeats: whoever sends the same `Idempotency-Key` again gets the answer they missed, and nothing is
//! done twice.
//!
//! Only what was decided is kept: not that the service was away (5xx), not that somebody came too often (429).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::asking::Asking;
use crate::body::read;
use crate::counter::Counter;
use crate::limits::{IDEMPOTENCY_KEY, KEPT_ANSWERS, KEPT_BYTES, KEPT_OF_ONE, KEPT_TIME};
use crate::logins::TokenHash;
use crate::problem::Problem;

const KEY: &str = "idempotency-key";

type Name = (TokenHash, String);

/// What was asked, and what came of it.
#[derive(Clone, Debug)]
struct Entry {
    asked: [u8; 32],
    since: Instant,
    /// `None`: it is being done.
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    body: Bytes,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Name, Entry>,
    order: VecDeque<Name>,
    of_token: HashMap<TokenHash, usize>,
}

/// The answers of all tokens.
#[derive(Debug, Default)]
pub(crate) struct KeptAnswers {
    shelf: Mutex<Shelf>,
}

/// What to do with a request.
enum Verdict {
    /// Nobody asked it before.
    Do,
    Repeat(Answer),
    Refuse(Problem),
}

impl KeptAnswers {
    fn begin(&self, name: &Name, asked: [u8; 32]) -> Verdict {
        let mut shelf = self.shelf();
        shelf.forget_old();
        if let Some(entry) = shelf.entries.get(name) {
            return if entry.asked != asked {
                let detail = "this Idempotency-Key was used for another request";
                Verdict::Refuse(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail))
            } else if let Some(answer) = &entry.answer {
                Verdict::Repeat(answer.clone())
            } else {
                let detail = "the request with this Idempotency-Key is still being done";
                Verdict::Refuse(Problem::new(StatusCode::CONFLICT, "idempotency_in_progress", detail))
            };
        }
        shelf.put(name.clone(), Entry { asked, since: Instant::now(), answer: None });
        Verdict::Do
    }

    fn finish(&self, name: &Name, answer: Option<Answer>) {
        let mut shelf = self.shelf();
        match answer {
            Some(answer) => {
                if let Some(entry) = shelf.entries.get_mut(name) {
                    entry.answer = Some(answer);
                }
            }
            None => shelf.remove(name),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, name: Name, entry: Entry) {
        if self.of_token.get(&name.0).is_some_and(|count| *count >= KEPT_OF_ONE)
            && let Some(oldest) = self.order.iter().find(|kept| kept.0 == name.0).cloned()
        {
            self.remove(&oldest);
        }
        if self.entries.len() >= KEPT_ANSWERS
            && let Some(oldest) = self.order.front().cloned()
        {
            self.remove(&oldest);
        }
        *self.of_token.entry(name.0).or_default() += 1;
        self.order.push_back(name.clone());
        self.entries.insert(name, entry);
    }

    fn remove(&mut self, name: &Name) {
        if self.entries.remove(name).is_none() {
            return;
        }
        if let Some(at) = self.order.iter().position(|kept| kept == name) {
            self.order.remove(at);
        }
        if let Some(count) = self.of_token.get_mut(&name.0) {
            *count -= 1;
            if *count == 0 {
                self.of_token.remove(&name.0);
            }
        }
    }

    fn forget_old(&mut self) {
        let now = Instant::now();
        while let Some(oldest) = self.order.front().cloned() {
            if self.entries.get(&oldest).is_some_and(|entry| now < entry.since + KEPT_TIME) {
                return;
            }
            self.remove(&oldest);
        }
    }
}

/// Serves a request that has an `Idempotency-Key` once, whoever goes away meanwhile.
pub(crate) async fn once(
    State(counter): State<Arc<Counter>>,
    asking: Asking,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(request.method());
    let Some(key) = request.headers().get(KEY).filter(|_| changes) else { return Ok(next.run(request).await) };
    let name = (asking.token, key_of(key)?);
    let (parts, body) = request.into_parts();
    let body = read(&parts.headers, body).await?;
    let mut asked = Sha256::new();
    asked.update(parts.method.as_str());
    asked.update([0]);
    asked.update(parts.uri.to_string());
    asked.update([0]);
    asked.update(&body);
    match counter.kept.begin(&name, asked.finalize().into()) {
        Verdict::Refuse(problem) => return Err(problem),
        Verdict::Repeat(answer) => return Ok(answer.into_response()),
        Verdict::Do => {}
    }
    // In a task of its own: a client that hangs up must not leave the question open whether it was done.
    let done = tokio::spawn(async move {
        let mut open = Open { counter: &counter, name: &name, answer: None };
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        let (answer, response) = keep(response).await;
        open.answer = answer;
        drop(open);
        response
    });
    done.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "that went wrong"))
}

/// A request that is being done; it is settled however its task ends.
struct Open<'a> {
    counter: &'a Counter,
    name: &'a Name,
    answer: Option<Answer>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.counter.kept.finish(self.name, self.answer.take());
    }
}

fn key_of(key: &HeaderValue) -> Result<String, Problem> {
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY {
        return Err(Problem::bad("bad_idempotency_key", "an Idempotency-Key has 1 to 255 visible ASCII characters"));
    }
    Ok(key.to_owned())
}

/// Takes a copy of an answer, if it is one to be repeated.
async fn keep(response: Response) -> (Option<Answer>, Response) {
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, KEPT_BYTES).await else {
        let detail = "the answer is too long to be kept for a repeat";
        return (None, Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response());
    };
    let told = |name: header::HeaderName| Some((name.clone(), parts.headers.get(name)?.clone()));
    let headers = [header::CONTENT_TYPE, header::LOCATION].into_iter().filter_map(told).collect();
    let answer = Answer { status, headers, body: body.clone() };
    (Some(answer), Response::from_parts(parts, Body::from(body)))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let headers: HeaderMap = self.headers.into_iter().collect();
        let repeated = [("idempotency-replayed", "true")];
        (self.status, headers, repeated, self.body).into_response()
    }
}
