//! Calls that are over: the store is asked, or the keeper for what the store does not have yet; the switch only whether it goes on.

use std::time::Duration;

use conference::CallId;
use conference::record::{AudibilityHistory, CallRecord};
use control_api::{AudibilitySheet, HistoryQuery, HouseError, Page};
use store::HistoryFilter;

use super::{Clerk, stopping};
use crate::look::Look;
use crate::people::said;
use crate::switch::Input;

/// How often, and in which steps, the store is asked for what is on its way to it: a second in all.
const LOOKS: u32 = 50;
const LOOK: Duration = Duration::from_millis(20);

impl Clerk {
    /// Who hears and heard whom, in a call that goes on or one that is over.
    pub(super) async fn audibility(&self, call: CallId) -> Result<Option<AudibilitySheet>, HouseError> {
        if let Some(live) = self.ask(|to| Input::Look(Look::Audibility(call, to))).await.ok_or_else(stopping)? {
            return Ok(Some(live));
        }
        let past = |history: AudibilityHistory| AudibilitySheet { now: Vec::new(), sample: None, history };
        // of a call that has just ended it is on its way to the store
        for _ in 0..LOOKS {
            let kept = self.store.audibility(call).await.map_err(said)?;
            if kept.is_some() || self.just_ended.record(call).is_none() {
                return Ok(kept.map(past));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(self.store.audibility(call).await.map_err(said)?.map(past))
    }

    /// The record of a call that goes on or is over.
    pub(super) async fn record(&self, call: CallId) -> Result<Option<CallRecord>, HouseError> {
        if let Some(mut live) = self.ask(|to| Input::Look(Look::Record(call, to))).await.ok_or_else(stopping)? {
            crate::keeper::add_quality(&self.mixer, &mut live);
            return Ok(Some(live));
        }
        let ended = self.just_ended.record(call);
        let kept = self.store.record(call).await;
        if ended.is_some() && !matches!(kept, Ok(Some(_))) { Ok(ended) } else { kept.map_err(said) }
    }

    pub(super) async fn history(&self, query: HistoryQuery) -> Result<Page<CallRecord>, HouseError> {
        let HistoryQuery { agent, number, queue, from, to, cursor, limit } = query;
        let filter = HistoryFilter { call: None, agent, number, queue, from, to, cursor, limit };
        // in this order: what the database takes meanwhile is not missed, and counted once
        let unwritten = self.just_ended.all();
        let page = self.store.history_with(filter, unwritten).await.map_err(said)?;
        Ok(Page { items: page.items, next: page.next })
    }
}
