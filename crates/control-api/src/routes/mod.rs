//! Which path leads where, and what every request passes on its way: headers, origin, token, repeats.

#![allow(unused_qualifications, reason = "utoipa's macros write them")]

pub(crate) mod calls;
mod events;
mod history;
mod operate;
mod participants;
mod people;
mod reservations;
mod service;
mod session;
mod transfer;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use tokio::sync::watch;

use crate::asking::{check_origin, identify, identify_from_outside};
use crate::counter::Counter;
use crate::feed::Feed;
use crate::house::House;
use crate::kept::once;
use crate::problem::Problem;
use crate::settings::ApiSettings;
use crate::visitor;

pub(crate) use calls::CallsApi;
pub(crate) use events::EventsApi;
pub(crate) use history::HistoryApi;
pub(crate) use operate::OperateApi;
pub(crate) use participants::ParticipantsApi;
pub(crate) use people::PeopleApi;
pub(crate) use reservations::ReservationsApi;
pub(crate) use service::ServiceApi;
pub(crate) use session::SessionApi;
pub(crate) use transfer::TransferApi;
pub(crate) use users::UsersApi;

/// What all handlers are given.
pub(crate) type Shared = State<Arc<Counter>>;

/// Ends logins as soon as they stand for nobody any more, whoever changed that and by which way.
async fn follow_standing(counter: Arc<Counter>) {
    let (mut standing, mut stopped) = (counter.house.standing.subscribe(), counter.stopped.clone());
    loop {
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let now = Arc::clone(&standing.borrow_and_update());
        counter.logins.keep_only(&now);
    }
}

/// All routes. The feed follows the house until `stopped`.
pub(crate) fn router(house: House, settings: ApiSettings, stopped: watch::Receiver<bool>) -> Router {
    let feed = Arc::new(Feed::new());
    let following = (Arc::clone(&feed), house.clone(), stopped.clone());
    tokio::spawn(async move {
        let (feed, house, stopped) = following;
        feed.follow(house, stopped).await;
    });
    let counter = Arc::new(Counter::new(house, settings, feed, stopped));
    tokio::spawn(follow_standing(Arc::clone(&counter)));
    let asked = with_a_token()
        .route_layer(from_fn_with_state(Arc::clone(&counter), once))
        .route_layer(from_fn_with_state(Arc::clone(&counter), identify));
    let looked_at = Router::new()
        .route("/metrics", get(service::metrics))
        .route("/healthz", get(service::healthz))
        .route("/readyz", get(service::readyz))
        .route_layer(from_fn_with_state(Arc::clone(&counter), identify_from_outside));
    Router::new()
        .route("/v1/openapi.json", get(crate::openapi::document))
        .route("/v1/login", post(session::login))
        .merge(asked)
        .merge(looked_at)
        .fallback(async || Problem::not_found("route_not_found", "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not know that method")
        })
        .layer(from_fn_with_state(Arc::clone(&counter), check_origin))
        .layer(from_fn_with_state(Arc::clone(&counter), visitor::receive))
        .layer(from_fn_with_state(Arc::clone(&counter), tally))
        .layer(from_fn(secure))
        .with_state(counter)
}

fn with_a_token() -> Router<Arc<Counter>> {
    Router::new()
        .route("/v1/logout", post(session::logout))
        .route("/v1/directory", get(people::directory))
        .route("/v1/agents", get(people::agents))
        .route("/v1/agents/{name}", get(people::agent))
        .route("/v1/agents/{name}/state", put(people::set_state))
        .route("/v1/queues", get(people::queues))
        .route("/v1/queues/{name}", get(people::queue))
        .route("/v1/calls", get(calls::list).post(calls::dial))
        .route("/v1/calls/{id}", get(calls::show).delete(calls::end).patch(calls::lock))
        .route("/v1/calls/{id}/audibility", get(calls::audibility))
        .route("/v1/calls/{id}/transfer", post(transfer::start))
        .route("/v1/calls/{id}/transfer/cancel", post(transfer::cancel))
        .route("/v1/calls/{id}/transfer/swap", post(transfer::swap))
        .route("/v1/calls/{id}/transfer/merge", post(transfer::merge))
        .route("/v1/calls/{id}/transfer/complete", post(transfer::complete))
        .route("/v1/calls/{id}/participants/{pid}", delete(participants::remove).patch(participants::change))
        .route("/v1/calls/{id}/participants/{pid}/dtmf", post(participants::dtmf))
        .route("/v1/calls/{id}/participants/{pid}/play", post(participants::play))
        .route("/v1/reservations/{id}/accept", post(reservations::accept))
        .route("/v1/reservations/{id}/reject", post(reservations::reject))
        .route("/v1/history", get(history::list))
        .route("/v1/history/{id}", get(history::show))
        .route("/v1/users", get(users::list).post(users::add))
        .route("/v1/users/{name}", delete(users::delete))
        .route("/v1/users/{name}/password", put(users::set_password))
        .route("/v1/drain", post(operate::drain))
        .route("/v1/reload", post(operate::reload))
        .route("/v1/trace", get(operate::trace))
        .route("/v1/events", get(events::subscribe))
}

async fn tally(State(counter): Shared, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    counter.tally.note(response.status().as_u16());
    response
}

/// What every answer says to browsers: nothing here is a page, and nothing is to be kept.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}
