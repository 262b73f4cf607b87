//! SUBSCRIBEs of agents to somebody's calls (RFC 4235) and to conferences (RFC 4575): let in, told, granted, refreshed.
//!
//! ```text
//!   agent's phone        baton               owner
//!     |-- SUBSCRIBE ------>|                   |   strangers 401, customers 403, other events 489, other types 406
//!     |                    |-- Watched ------->|   too many 503 (F7), too short 423
//!     |<- 200 -------------|<- Watch ----------|
//!     |<- NOTIFY ----------|                   |   `watching`
//!     |-- SUBSCRIBE ------>|                   |   in its dialog: refreshed; Expires: 0: it ends
//!     |<- 200, NOTIFY -----|-- WatchEnded ---->|
//! ```
//!
//! Who may watch whom is the owner's to decide. One inside the dialog of a call is turned down (RFC 6665 §4.5.2).

use std::time::Duration;

use conference::AgentName;
use rsip::{Method, Request};

use super::{Alarm, Stack};
use crate::codec::headers::{EventValue, accepts, expires};
use crate::codec::{SipUri, is_token, one, push};
use crate::dialog::{Dialog, Order};
use crate::flow::Flow;
use crate::gate::{self, Refusal};
use crate::news::{News, Package, WatchId, WatchedAt};
use crate::refer::{End, leg_of};
use crate::watch::{LEAST_S, LIFE, MOST, MOST_OF_ONE, OWNER, Watch};

/// Bytes of an Event's `id` that are taken.
const MOST_ID: usize = 64;

/// What a SUBSCRIBE asks.
struct Asked {
    package: Package,
    event_id: Option<String>,
    seconds: u32,
}

impl Stack {
    /// An agent's SUBSCRIBE outside dialogs.
    pub(super) fn watch_asked(&mut self, flow: Flow, back: Flow, request: Request, agent: &str) {
        let asked = match Asked::read(&request) {
            Ok(asked) => asked,
            Err(refusal) => return self.refuse(back, &request, &refusal),
        };
        let watcher = AgentName(agent.to_owned());
        let full = self.watches.all.len() >= MOST || self.watches.of(&watcher) >= MOST_OF_ONE;
        // what is shed first when there is too much to do (trust.md, overload)
        if full || self.draining || self.congested || self.shut {
            let seconds = 5 + self.chance.number() % 26;
            let refusal = Refusal { status: 503, headers: vec![("Retry-After", seconds.to_string())] };
            return self.refuse(back, &request, &refusal);
        }
        let uri = SipUri::from(&request.uri);
        let user = uri.user_text().map(|user| user.into_owned()).unwrap_or_default();
        if user.is_empty() || !self.own.is_ours(&uri, flow) {
            return self.refuse_with(back, &request, 404);
        }
        let own =
            leg_of(&user).filter(|leg| asked.package == Package::Conference && self.is_legs_agent(*leg, &watcher));
        let at = own.map_or(WatchedAt::User(user), WatchedAt::Leg);
        let tag = self.chance.word();
        let Some(dialog) = Dialog::called(&request, flow, false, &tag) else {
            return self.refuse_with(back, &request, 400);
        };
        let Some(server) = self.transactions.open(back, request) else { return };
        let id = self.watches.draw(self.now);
        let mut watch = Watch::new(id, asked.package, watcher.clone(), dialog, server);
        (watch.event_id, watch.seconds) = (asked.event_id, asked.seconds);
        self.watches.insert(watch);
        self.alarms.arm(self.now + OWNER, Alarm::Watch(id));
        self.tell(News::Watched { watch: id, package: asked.package, at, watcher });
    }

    /// 200, with the seconds granted.
    pub(super) fn grant_watch(&mut self, id: WatchId) {
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        let Some(server) = watch.waits.take() else { return };
        let seconds = watch.seconds;
        watch.ends = self.now + Duration::from_secs(u64::from(seconds));
        let (ends, dialog) = (watch.ends, watch.dialog.clone());
        if seconds > 0 {
            self.alarms.arm(ends, Alarm::Watch(id));
        } else {
            self.alarms.disarm(&Alarm::Watch(id));
        }
        let Some((request, _)) = self.transactions.opened(server) else { return };
        let mut response = self.in_dialog(request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, None, None);
        push(&mut response.headers, "Expires", seconds.to_string());
        self.transactions.respond(self.now, server, response);
    }

    /// A final status that is no 200. Whoever is granted already is not refused any more.
    pub(super) fn refuse_watch(&mut self, id: WatchId, status: u16) {
        let Some(server) = self.watches.all.get_mut(&id).and_then(|watch| watch.waits.take()) else { return };
        let status = if (400..700).contains(&status) { status } else { 403 };
        self.respond_plain(server, status);
        self.forget_watch(id);
    }

    /// The watch in whose dialog a request is.
    pub(super) fn watch_with(&self, key: &(String, String), request: &Request) -> Option<WatchId> {
        self.watches.in_dialog(key).filter(|watch| watch.dialog.is_from_peer(request)).map(|watch| watch.id)
    }

    /// A request in the dialog of a watch.
    pub(super) fn inside_watch(&mut self, id: WatchId, flow: Flow, back: Flow, request: Request) {
        let Some(watch) = self.watches.all.get(&id) else { return };
        let (moved, watcher) = (watch.dialog.flow != flow, watch.watcher.clone());
        if moved {
            let Some(proved) = self.proved(flow, back, &request) else { return };
            if proved != watcher.0 {
                self.alert("foreign-request", flow.peer, request.method.to_string());
                return self.refuse_with(back, &request, 403);
            }
        }
        if let Some(refusal) = gate::form(&request) {
            return self.refuse(back, &request, &refusal);
        }
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        watch.dialog.flow = flow;
        match watch.dialog.order(&request) {
            Order::Old => return self.refuse_with(back, &request, 500),
            Order::New => watch.dialog.note(&request),
        }
        match request.method {
            Method::Subscribe => self.refresh_watch(id, back, request),
            Method::Options => self.tell_abilities(back, &request),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Invite
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Update => self.reply(back, request, &Refusal::plain(481)),
        }
    }

    /// SUBSCRIBE again: it goes on, or is taken back (RFC 6665 §4.2.1). Both ways the whole document is told.
    fn refresh_watch(&mut self, id: WatchId, back: Flow, request: Request) {
        let asked = match Asked::read(&request) {
            Ok(asked) => asked,
            Err(refusal) => return self.reply(back, request, &refusal),
        };
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        if asked.package != watch.package || asked.event_id != watch.event_id || watch.is_over() {
            return self.reply(back, request, &Refusal::plain(481));
        }
        if !watch.is_active() {
            let refusal = Refusal { status: 500, headers: vec![("Retry-After", "2".to_owned())] };
            return self.reply(back, request, &refusal);
        }
        watch.dialog.refresh(&request.headers);
        watch.ends = self.now + Duration::from_secs(u64::from(asked.seconds));
        let (ends, dialog) = (watch.ends, watch.dialog.clone());
        let mut response = self.in_dialog(&request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, None, None);
        push(&mut response.headers, "Expires", asked.seconds.to_string());
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
        if asked.seconds == 0 {
            return self.close_watch(id, End::Timeout);
        }
        self.alarms.arm(ends, Alarm::Watch(id));
        if let Some(watch) = self.watches.all.get_mut(&id) {
            watch.repeat();
        }
        self.tell_next(id);
    }
}

impl Asked {
    /// Reads a SUBSCRIBE; a refusal says what is wrong with it.
    fn read(request: &Request) -> Result<Self, Refusal> {
        let event = one(&request.headers, "Event").and_then(|value| EventValue::parse(value).ok());
        let event = event.ok_or_else(gate::bad_event)?;
        let package = Package::of(&event.word).ok_or_else(gate::bad_event)?;
        let event_id = event.params.get("id").map(str::to_owned);
        if event_id.as_ref().is_some_and(|id| id.len() > MOST_ID || !is_token(id)) {
            return Err(Refusal::plain(400));
        }
        // RFC 4235 §3.2 lets one ask for a single dialog by its names; we tell nobody any
        if package == Package::Dialog && event.params.has("call-id") {
            return Err(Refusal::plain(404));
        }
        let media = package.content_type();
        if one(&request.headers, "Accept").is_some() && !accepts(&request.headers, media) {
            return Err(Refusal { status: 406, headers: vec![("Accept", media.to_owned())] });
        }
        let most = u32::try_from(LIFE.as_secs()).unwrap_or(u32::MAX);
        let seconds = match expires(&request.headers) {
            Ok(asked) => asked.unwrap_or(most).min(most),
            Err(_) => return Err(Refusal::plain(400)),
        };
        if seconds > 0 && seconds < LEAST_S {
            return Err(Refusal { status: 423, headers: vec![("Min-Expires", LEAST_S.to_string())] });
        }
        Ok(Self { package, event_id, seconds })
    }
}
