//! Answers kept for repeats: whoever sends the same `Idempotency-Key` again gets the answer they missed, and nothing is
//! done twice.
//!
//! Only what was decided is kept: not that the service was away (5xx), not that somebody came too often (429). Where nobody
//! knows what was decided, that is kept: a repeat would perhaps do it twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, HttpBody as _};
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
use crate::limits::{
    IDEMPOTENCY_KEY, KEPT_ANSWERS, KEPT_BYTES, KEPT_BYTES_OF_ALL, KEPT_BYTES_OF_ONE, KEPT_OF_ONE, KEPT_TIME,
};
use crate::logins::TokenHash;
use crate::problem::{OutcomeUnknown, PROBLEM_JSON, Problem};

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
    of_token: HashMap<TokenHash, Taken>,
    bytes: usize,
}

/// What one token's answers take.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    answers: usize,
    bytes: usize,
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
            Some(answer) => shelf.answer(name, answer),
            None => shelf.remove(name),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, name: Name, entry: Entry) {
        if self.of_token.get(&name.0).is_some_and(|taken| taken.answers >= KEPT_OF_ONE) {
            self.remove_oldest_of(&name.0);
        }
        if self.entries.len() >= KEPT_ANSWERS
            && let Some(oldest) = self.order.front().cloned()
        {
            self.remove(&oldest);
        }
        self.of_token.entry(name.0).or_default().answers += 1;
        self.order.push_back(name.clone());
        self.entries.insert(name, entry);
    }

    /// What came of it; older answers go where there is no room.
    fn answer(&mut self, name: &Name, answer: Answer) {
        let bytes = answer.body.len();
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.answer = Some(answer);
        self.bytes += bytes;
        self.of_token.entry(name.0).or_default().bytes += bytes;
        while self.of_token.get(&name.0).is_some_and(|taken| taken.bytes > KEPT_BYTES_OF_ONE) {
            self.remove_oldest_of(&name.0);
        }
        while self.bytes > KEPT_BYTES_OF_ALL
            && let Some(oldest) = self.order.front().cloned()
        {
            self.remove(&oldest);
        }
    }

    fn remove_oldest_of(&mut self, token: &TokenHash) {
        if let Some(oldest) = self.order.iter().find(|kept| kept.0 == *token).cloned() {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, name: &Name) {
        let Some(entry) = self.entries.remove(name) else { return };
        let bytes = entry.answer.map_or(0, |answer| answer.body.len());
        self.bytes -= bytes;
        if let Some(at) = self.order.iter().position(|kept| kept == name) {
            self.order.remove(at);
        }
        if let Some(taken) = self.of_token.get_mut(&name.0) {
            taken.answers -= 1;
            taken.bytes -= bytes;
            if taken.answers == 0 {
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
    if response.extensions().get::<OutcomeUnknown>().is_some() {
        let detail = "nobody knows what came of the request with this Idempotency-Key: look before asking with another";
        let problem = Problem::new(StatusCode::CONFLICT, "idempotency_outcome_unknown", detail);
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))];
        let body = serde_json::to_vec(&problem.text()).unwrap_or_default().into();
        return (Some(Answer { status: problem.status, headers, body }), response);
    }
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let told = |name: header::HeaderName| Some((name.clone(), parts.headers.get(name)?.clone()));
    let headers: Vec<_> = [header::CONTENT_TYPE, header::LOCATION].into_iter().filter_map(told).collect();
    // An answer of no known length, or one too long, is passed on: it was done, and a repeat is told that much.
    if body.size_hint().upper().is_none_or(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > KEPT_BYTES)) {
        let answer = Answer { status, headers: Vec::new(), body: Bytes::new() };
        return (Some(answer), Response::from_parts(parts, body));
    }
    match axum::body::to_bytes(body, KEPT_BYTES).await {
        Ok(body) => {
            let answer = Answer { status, headers, body: body.clone() };
            (Some(answer), Response::from_parts(parts, Body::from(body)))
        }
        Err(_) => {
            (None, Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer was lost").into_response())
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let headers: HeaderMap = self.headers.into_iter().collect();
        let repeated = [("idempotency-replayed", "true")];
        (self.status, headers, repeated, self.body).into_response()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(bytes: usize) -> Response {
        (StatusCode::CREATED, vec![b'x'; bytes]).into_response()
    }

    async fn length(response: Response) -> usize {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_was_done_is_told_however_long_the_answer() {
        for (bytes, again) in [(300_000, 300_000), (KEPT_BYTES + 1, 0)] {
            let (kept, response) = keep(of(bytes)).await;
            assert_eq!((response.status(), length(response).await), (StatusCode::CREATED, bytes));
            let kept = kept.unwrap();
            assert_eq!((kept.status, kept.body.len()), (StatusCode::CREATED, again));
        }
    }

    #[tokio::test]
    async fn answers_take_so_much_room_and_no_more() {
        let shelf = KeptAnswers::default();
        let name = |token: u8, n: usize| ([token; 32], n.to_string());
        for token in 0..12 {
            for n in 0..12 {
                assert!(matches!(shelf.begin(&name(token, n), [0; 32]), Verdict::Do));
                let (answer, _) = keep(of(1_000_000)).await;
                shelf.finish(&name(token, n), answer);
            }
        }
        let kept = shelf.shelf();
        assert!(kept.bytes <= KEPT_BYTES_OF_ALL && kept.bytes > KEPT_BYTES_OF_ALL - 2_000_000, "{}", kept.bytes);
        assert!(kept.of_token.values().all(|taken| taken.bytes <= KEPT_BYTES_OF_ONE));
        assert_eq!(kept.entries.len(), kept.order.len());
        assert!(kept.entries.contains_key(&name(11, 11)));
    }
}
