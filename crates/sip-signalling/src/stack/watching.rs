//! NOTIFYs to those who watch (RFC 6665 §4.2.2), and how a watch ends.
//!
//! ```text
//!   phone                  baton               owner
//!     |<- NOTIFY, whole -----|<- Watch ----------|
//!     |                      |<- Watch ----------|   waits, in order
//!     |-- 200 -------------->|                   |
//!     |<- NOTIFY, changes ---|                   |
//!     |-- 481 -------------->|-- WatchEnded ---->|   so does 408, and no answer
//!     |<- NOTIFY, deleted ---|<- EndWatch -------|   terminated;reason=noresource
//! ```

use std::sync::Arc;

use conference::AgentName;
use rsip::Method;

use super::{Alarm, Stack, User};
use crate::codec::push;
use crate::flow::Flow;
use crate::news::{News, WatchId};
use crate::refer::{End, Heard};
use crate::transaction::ClientId;
use crate::watch::WatchedState;

impl Stack {
    /// The owner says how it stands; the first time that grants the watch.
    pub(super) fn watch(&mut self, id: WatchId, state: Arc<WatchedState>) {
        let Some(watch) = self.watches.all.get(&id) else { return };
        if !watch.is_of_kind(&state) {
            tracing::warn!(?id, "a watch is told of something else");
            return;
        }
        let (first, fetched) = (watch.waits.is_some(), watch.seconds == 0);
        if first {
            self.grant_watch(id);
        }
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        watch.say(state);
        // whoever asks for no time at all wants to know once (RFC 6665 §4.4.3)
        if first && fetched {
            watch.only_last();
            return self.close_watch(id, End::Timeout);
        }
        self.tell_next(id);
    }

    /// The owner has nothing more to say.
    pub(super) fn end_watch(&mut self, id: WatchId, end: End) {
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        if watch.waits.is_some() {
            return self.refuse_watch(id, 404);
        }
        watch.close(end);
        self.alarms.disarm(&Alarm::Watch(id));
        self.tell_next(id);
    }

    /// It ends, and the owner is told.
    pub(super) fn close_watch(&mut self, id: WatchId, end: End) {
        if self.watches.all.get(&id).is_some_and(|watch| watch.is_active()) {
            self.tell(News::WatchEnded { watch: id });
        }
        self.end_watch(id, end);
    }

    /// Its time has run out: the owner's, or its own.
    pub(super) fn watch_expired(&mut self, id: WatchId) {
        if self.watches.all.get(&id).is_some_and(|watch| watch.waits.is_some()) {
            self.tell(News::WatchEnded { watch: id });
            return self.refuse_watch(id, 500);
        }
        self.close_watch(id, End::Timeout);
    }

    /// Accounts have changed: whoever is gone watches nobody any more.
    pub(super) fn end_foreign_watches(&mut self) {
        let gone = |watcher: &AgentName| !self.secrets.contains_key(&watcher.0);
        let theirs: Vec<_> =
            self.watches.all.values().filter(|watch| gone(&watch.watcher)).map(|watch| watch.id).collect();
        for id in theirs {
            if self.watches.all.get(&id).is_some_and(|watch| watch.waits.is_some()) {
                self.tell(News::WatchEnded { watch: id });
                self.refuse_watch(id, 403);
            } else {
                self.close_watch(id, End::Rejected);
            }
        }
    }

    /// The endpoint is about to close its sockets: watchers may try again in a moment.
    pub(super) fn leave_watchers(&mut self) {
        let ids: Vec<_> = self.watches.all.keys().copied().collect();
        for id in ids {
            if let Some(watch) = self.watches.all.get_mut(&id) {
                watch.only_last();
                watch.forget_sent();
                watch.close(End::Probation);
            }
            self.tell_next(id);
        }
    }

    /// Sends the next NOTIFY of a watch, if none is unanswered.
    pub(super) fn tell_next(&mut self, id: WatchId) {
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        let Some(said) = watch.next_said(&self.settings.domain) else { return };
        let state = match said.end {
            Some(end) => format!("terminated;reason={}", end.reason()),
            None => format!("active;expires={}", watch.ends.since(self.now).as_secs()),
        };
        let event = match &watch.event_id {
            Some(id) => format!("{};id={id}", watch.package.event()),
            None => watch.package.event().to_owned(),
        };
        let (media, mut dialog) = (watch.package.content_type(), watch.dialog.clone());
        let mut request = self.inside(&mut dialog, Method::Notify);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, None, None);
        push(&mut request.headers, "Event", event);
        push(&mut request.headers, "Subscription-State", state);
        if !said.body.is_empty() {
            push(&mut request.headers, "Content-Type", media);
            request.body = said.body.to_vec();
        }
        let client = self.send(way, request, User::Tell(id));
        if let Some(watch) = self.watches.all.get_mut(&id) {
            watch.dialog.number_used(dialog.last_number());
            watch.sent(client, said);
        }
    }

    /// The final answer to a NOTIFY, or 408 for none.
    pub(super) fn tell_answered(&mut self, client: ClientId, id: WatchId, status: u16) {
        let Some(watch) = self.watches.all.get_mut(&id) else { return };
        match watch.answered(client, status) {
            Heard::Stray => {}
            Heard::Next => self.tell_next(id),
            Heard::Over => {
                if watch.is_active() {
                    self.tell(News::WatchEnded { watch: id });
                }
                self.forget_watch(id);
            }
        }
    }

    /// Somebody challenges a NOTIFY: nobody gets credentials of ours for that (B15).
    pub(super) fn tell_challenged(&mut self, id: WatchId, source: Flow) {
        self.alert("digest-leak", source.peer, "challenge to NOTIFY");
        if self.watches.all.get(&id).is_some_and(|watch| watch.is_active()) {
            self.tell(News::WatchEnded { watch: id });
        }
        self.forget_watch(id);
    }

    /// Forgets a watch.
    pub(super) fn forget_watch(&mut self, id: WatchId) {
        self.alarms.disarm(&Alarm::Watch(id));
        self.watches.remove(id);
    }
}
