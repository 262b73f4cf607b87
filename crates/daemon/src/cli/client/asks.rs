//! What the daemon can be asked, and by which path: the one place that knows the routes of the API.

use std::str::FromStr;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Client, ClientError, Lines, Stream, wire};

/// Items of a page.
const PAGE: u32 = 500;

/// Whom a transfer is to bring in: `bob`, `agent:bob`, `queue:support`, `102`, `+4930…`, `sip:…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Target {
    Agent(String),
    Queue(String),
    Uri(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        let named = |name: &str| match name {
            "" => Err("a name must follow the colon".to_owned()),
            name => Ok(name.to_owned()),
        };
        match said.split_once(':') {
            Some(("agent", name)) => Ok(Self::Agent(named(name)?)),
            Some(("queue", name)) => Ok(Self::Queue(named(name)?)),
            Some(("number" | "uri", name)) => Ok(Self::Uri(named(name)?)),
            Some(("sip" | "sips" | "tel", _)) => Ok(Self::Uri(said.to_owned())),
            Some((kind, _)) => Err(format!("{kind}: is no kind of target; there are agent:, queue:, number: and sip:")),
            None if said.is_empty() => Err("nobody is named".to_owned()),
            // what begins like a number is one: an extension, or outside
            None if said.starts_with(|c: char| c.is_ascii_digit() || "+*#".contains(c)) => {
                Ok(Self::Uri(said.to_owned()))
            }
            None => Ok(Self::Agent(said.to_owned())),
        }
    }
}

/// Which records are asked for.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct HistoryAsked {
    pub(in crate::cli) agent: Option<String>,
    pub(in crate::cli) number: Option<String>,
    pub(in crate::cli) queue: Option<String>,
    pub(in crate::cli) from: Option<String>,
    pub(in crate::cli) to: Option<String>,
    /// At most so many, newest first.
    pub(in crate::cli) most: u32,
}

/// A user to be made.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct NewUser {
    pub(in crate::cli) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) extension: Option<String>,
    pub(in crate::cli) queues: Vec<String>,
    pub(in crate::cli) supervisor: bool,
    pub(in crate::cli) max_calls: u32,
    pub(in crate::cli) password: String,
}

/// A body with `by`, where somebody is named.
fn asked_by(mut body: Value, by: Option<&str>) -> Value {
    if let (Some(by), Some(fields)) = (by, body.as_object_mut()) {
        fields.insert("by".to_owned(), json!(by));
    }
    body
}

impl Client {
    /// Every item of a list, whatever pages it comes in.
    async fn list(&self, path: &[&str], query: &[(&str, String)], most: u32) -> Result<Vec<Value>, ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let left = most.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            if left == 0 {
                return Ok(items);
            }
            let limit = ("limit", left.min(PAGE).to_string());
            let next = cursor.take().map(|cursor| ("cursor", cursor));
            let query: Vec<_> = query.iter().cloned().chain([limit]).chain(next).collect();
            let mut page = self.json(self.request(Method::GET, path).query(&query)).await?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    pub(in crate::cli) async fn calls(&self) -> Result<Vec<Value>, ClientError> {
        self.list(&["calls"], &[], u32::MAX).await
    }

    pub(in crate::cli) async fn agents(&self) -> Result<Vec<Value>, ClientError> {
        self.list(&["agents"], &[], u32::MAX).await
    }

    pub(in crate::cli) async fn queues(&self) -> Result<Vec<Value>, ClientError> {
        self.list(&["queues"], &[], u32::MAX).await
    }

    pub(in crate::cli) async fn call(&self, call: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::GET, &["calls", call])).await
    }

    pub(in crate::cli) async fn audibility(&self, call: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::GET, &["calls", call, "audibility"])).await
    }

    pub(in crate::cli) async fn record(&self, call: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::GET, &["history", call])).await
    }

    pub(in crate::cli) async fn history(&self, asked: &HistoryAsked) -> Result<Vec<Value>, ClientError> {
        self.list(&["history"], &asked.query(), asked.most).await
    }

    /// The records as the daemon writes them in CSV, under one head.
    pub(in crate::cli) async fn history_csv(&self, asked: &HistoryAsked) -> Result<Vec<u8>, ClientError> {
        let mut sheet = Vec::new();
        let (mut left, mut cursor) = (asked.most, None);
        while left > 0 {
            let limit = left.min(PAGE);
            left -= limit;
            let page = [("limit", limit.to_string()), ("format", "csv".to_owned())];
            let next = cursor.map(|cursor| ("cursor", cursor));
            let query: Vec<_> = asked.query().into_iter().chain(page).chain(next).collect();
            let Answer { body, link } = self.send(self.request(Method::GET, &["history"]).query(&query)).await?;
            let head =
                if sheet.is_empty() { 0 } else { body.iter().position(|b| *b == b'\n').map_or(0, |end| end + 1) };
            sheet.extend_from_slice(body.get(head..).unwrap_or_default());
            cursor = link.as_deref().and_then(cursor_of);
            if cursor.is_none() {
                break;
            }
        }
        Ok(sheet)
    }

    pub(in crate::cli) async fn dial(&self, from: &str, to: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::POST, &["calls"]).json(&json!({"from": from, "to": to}))).await
    }

    pub(in crate::cli) async fn transfer(&self, call: &str, by: &str, target: &Target) -> Result<Value, ClientError> {
        let body = json!({"by": by, "target": target});
        self.json(self.request(Method::POST, &["calls", call, "transfer"]).json(&body)).await
    }

    /// One of cancel, swap, merge, complete.
    pub(in crate::cli) async fn step(&self, call: &str, step: &str, by: Option<&str>) -> Result<Value, ClientError> {
        let body = asked_by(json!({}), by);
        self.json(self.request(Method::POST, &["calls", call, "transfer", step]).json(&body)).await
    }

    /// `hold` or `muted` of one participant.
    pub(in crate::cli) async fn change(
        &self,
        call: &str,
        who: &str,
        change: Value,
        by: Option<&str>,
    ) -> Result<Value, ClientError> {
        let request = self.request(Method::PATCH, &["calls", call, "participants", who]);
        self.json(request.json(&asked_by(change, by))).await
    }

    pub(in crate::cli) async fn remove(&self, call: &str, who: &str, by: Option<&str>) -> Result<Value, ClientError> {
        let request = self.request(Method::DELETE, &["calls", call, "participants", who]);
        self.json(request.json(&asked_by(json!({}), by))).await
    }

    pub(in crate::cli) async fn end(&self, call: &str, by: Option<&str>) -> Result<Value, ClientError> {
        self.json(self.request(Method::DELETE, &["calls", call]).json(&asked_by(json!({}), by))).await
    }

    pub(in crate::cli) async fn lock(&self, call: &str, locked: bool, by: Option<&str>) -> Result<Value, ClientError> {
        let body = asked_by(json!({"locked": locked}), by);
        self.json(self.request(Method::PATCH, &["calls", call]).json(&body)).await
    }

    pub(in crate::cli) async fn dtmf(
        &self,
        call: &str,
        who: &str,
        keys: &str,
        by: Option<&str>,
    ) -> Result<Value, ClientError> {
        let request = self.request(Method::POST, &["calls", call, "participants", who, "dtmf"]);
        self.json(request.json(&asked_by(json!({"digits": keys}), by))).await
    }

    /// `accept` or `reject` of an offer.
    pub(in crate::cli) async fn answer_offer(&self, offer: &str, answer: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::POST, &["reservations", offer, answer]).json(&json!({}))).await
    }

    pub(in crate::cli) async fn set_state(&self, agent: &str, state: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::PUT, &["agents", agent, "state"]).json(&json!({"state": state}))).await
    }

    pub(in crate::cli) async fn drain(&self, draining: bool) -> Result<Value, ClientError> {
        self.json(self.request(Method::POST, &["drain"]).json(&json!({"draining": draining}))).await
    }

    pub(in crate::cli) async fn reload(&self) -> Result<Value, ClientError> {
        self.json(self.request(Method::POST, &["reload"]).json(&json!({}))).await
    }

    pub(in crate::cli) async fn users(&self) -> Result<Vec<Value>, ClientError> {
        self.list(&["users"], &[], u32::MAX).await
    }

    pub(in crate::cli) async fn add_user(&self, user: &NewUser) -> Result<Value, ClientError> {
        self.json(self.request(Method::POST, &["users"]).json(user)).await
    }

    pub(in crate::cli) async fn set_password(&self, name: &str, password: &str) -> Result<Value, ClientError> {
        let request = self.request(Method::PUT, &["users", name, "password"]);
        self.json(request.json(&json!({"password": password}))).await
    }

    pub(in crate::cli) async fn delete_user(&self, name: &str) -> Result<Value, ClientError> {
        self.json(self.request(Method::DELETE, &["users", name])).await
    }

    /// Every event from now on, a snapshot first.
    pub(in crate::cli) async fn events(&self) -> Result<Stream, ClientError> {
        self.stream(&["events"]).await
    }

    /// Every SIP message from now on, of one call or of all.
    pub(in crate::cli) async fn trace(&self, call: Option<&str>) -> Result<Lines, ClientError> {
        self.lines(self.request(Method::GET, &["trace"]).query(&call.map(|call| [("call", call)]))).await
    }

    /// The participant that is meant: an id of the call (`p2`), or the name of an agent in it.
    ///
    /// # Errors
    /// There is no such call, or nobody of that name in it.
    pub(in crate::cli) async fn participant(&self, call: &str, said: &str) -> Result<String, ClientError> {
        if said.strip_prefix('p').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(said.to_owned());
        }
        let sheet: wire::Call = self.read(&self.call(call).await?)?;
        let found = sheet.participants.into_iter().find(|person| person.agent.as_deref() == Some(said));
        found.map(|person| person.id).ok_or_else(|| ClientError::Refused {
            status: 404,
            code: "participant_not_found".to_owned(),
            detail: format!("no agent {said} is in {call}"),
        })
    }
}

impl HistoryAsked {
    fn query(&self) -> Vec<(&'static str, String)> {
        let asked = [
            ("agent", &self.agent),
            ("number", &self.number),
            ("queue", &self.queue),
            ("from", &self.from),
            ("to", &self.to),
        ];
        asked.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }
}

/// The cursor in a link to the next page: `</v1/history?format=csv&cursor=abc>; rel="next"`.
fn cursor_of(link: &str) -> Option<String> {
    let (address, _) = link.split_once('<')?.1.split_once('>')?;
    let (_, query) = address.split_once('?')?;
    query.split('&').find_map(|word| word.strip_prefix("cursor=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_target_is_said_in_few_words() {
        let cases = [
            ("bob", Target::Agent("bob".to_owned())),
            ("agent:102", Target::Agent("102".to_owned())),
            ("queue:support", Target::Queue("support".to_owned())),
            ("102", Target::Uri("102".to_owned())),
            ("+49301112233", Target::Uri("+49301112233".to_owned())),
            ("number:0800", Target::Uri("0800".to_owned())),
            ("sip:x@example.org", Target::Uri("sip:x@example.org".to_owned())),
        ];
        for (said, target) in cases {
            assert_eq!(said.parse::<Target>().unwrap(), target);
        }
        for said in ["", "queue:", "room:x"] {
            assert!(said.parse::<Target>().is_err(), "{said}");
        }
    }

    #[test]
    fn the_next_page_stands_in_the_link() {
        let link = "</v1/history?format=csv&cursor=YWJj>; rel=\"next\"";
        assert_eq!(cursor_of(link), Some("YWJj".to_owned()));
        assert_eq!(cursor_of("</v1/history>; rel=\"next\""), None);
    }

    #[test]
    fn a_target_is_written_as_the_interface_says() {
        assert_eq!(json!(Target::Queue("support".to_owned())), json!({"queue": "support"}));
    }
}
