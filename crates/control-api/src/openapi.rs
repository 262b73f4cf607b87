//! The OpenAPI document, made from the routes themselves, and what is true of all of them: the token, the problems.

#![allow(unused_qualifications, reason = "utoipa's macros write them")]

use std::sync::OnceLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Ref;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use crate::problem::{PROBLEM_JSON, ProblemText};
use crate::routes::{
    CallsApi, EventsApi, HistoryApi, OperateApi, ParticipantsApi, PeopleApi, ReservationsApi, ServiceApi, SessionApi,
    TransferApi, UsersApi,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Baton",
        description = "Calls, warm transfers, agents, queues, history and events of a Baton server."
    ),
    components(schemas(ProblemText))
)]
struct Whole;

/// What is true of every route.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
        for item in document.paths.paths.values_mut() {
            let reads = [&mut item.get];
            reads.into_iter().flatten().for_each(|operation| add_problems(operation, false));
            let writes = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            writes.into_iter().flatten().for_each(|operation| add_problems(operation, true));
        }
    }
}

/// The document.
pub(crate) async fn document() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(text).as_str();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn text() -> String {
    let parts = [
        SessionApi::openapi(),
        CallsApi::openapi(),
        TransferApi::openapi(),
        ParticipantsApi::openapi(),
        ReservationsApi::openapi(),
        PeopleApi::openapi(),
        HistoryApi::openapi(),
        UsersApi::openapi(),
        EventsApi::openapi(),
        OperateApi::openapi(),
        ServiceApi::openapi(),
    ];
    let mut whole = Whole::openapi();
    for part in parts {
        whole.merge(part);
    }
    Everywhere.modify(&mut whole);
    whole.to_json().unwrap_or_default()
}

fn add_problems(operation: &mut Operation, writes: bool) {
    let everywhere = [
        ("400", "What was sent cannot be read"),
        ("401", "Nobody knows who asks"),
        ("403", "Whoever asks may not"),
        ("404", "There is no such thing"),
        ("429", "Too often; see Retry-After"),
        ("500", "A mistake of the service"),
        ("503", "Not available now"),
    ];
    let of_writes = [
        ("408", "The body did not come in time"),
        ("409", "Not possible now; the code says why"),
        ("413", "The body is too long"),
        ("415", "The body is not JSON"),
        ("422", "What was sent makes no sense"),
    ];
    let of_writes = of_writes.into_iter().filter(|_| writes);
    for (status, what) in everywhere.into_iter().chain(of_writes) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let kept = operation.responses.responses.entry(status.to_owned());
        let response = kept.or_insert_with(|| RefOr::T(ResponseBuilder::new().description(what).build()));
        if let RefOr::T(response) = response {
            response.content.entry(PROBLEM_JSON.to_owned()).or_insert(RefOr::T(content));
        }
    }
}
