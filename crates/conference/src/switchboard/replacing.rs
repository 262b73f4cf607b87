//! INVITE with Replaces: a phone that changed its network, or another phone of the same agent, takes a leg over.
//!
//! ```text
//!   agent's new address        baton           agent's old address
//!   |--- INVITE, Replaces ------>|                   |      RFC 3891 §3
//!   |                            |  masks: the new leg in the old one's place, one change
//!   |<-- 200 --------------------|---- BYE --------->|      CANCEL while the old one rings
//! ```
//!
//! The edge has matched the dialog exactly; here it is judged who may, and whether the dialog is still there.

use super::Switchboard;
use crate::conference::Newcomer;
use crate::ids::{CallId, LegId, Phone};
use crate::input::{Caller, Direction};
use crate::moment::Moment;
use crate::output::{Effect, Output};
use crate::participant::Line;
use crate::reaction::Reaction;

/// Replaces names no dialog of the caller's, or one that the caller began and that is not answered yet (RFC 3891 §3).
const NO_SUCH_DIALOG: u16 = 481;
/// Replaces names a dialog that has ended (RFC 3891 §3).
const DIALOG_ENDED: u16 = 603;

impl Switchboard {
    /// `leg` takes the place of `old`, or is turned down.
    pub(super) fn replaced(
        &mut self,
        now: Moment,
        leg: LegId,
        old: LegId,
        caller: Caller,
        direction: Direction,
    ) -> Vec<Output> {
        if self.books.legs.contains_key(&leg) {
            return Vec::new();
        }
        let phone = match self.may_replace(old, &caller) {
            Ok(phone) => phone,
            Err(status) => return vec![Output::Effect(Effect::Reject { leg, status, refusal: None })],
        };
        let Some(id) = self.books.legs.get(&old).copied() else { return Vec::new() };
        let mut out = Reaction::default();
        let touched = self.pass_assumptions_on(old, leg);
        let newcomer = Newcomer { leg, phone, direction };
        self.with(now, id, &mut out, |call, desk| call.replace(desk, old, &newcomer));
        self.finish(now, out, std::iter::once(id).chain(touched).collect())
    }

    /// Whether a caller may take a leg over; the status if not.
    fn may_replace(&self, old: LegId, caller: &Caller) -> Result<Phone, u16> {
        let Caller::Agent { name, phone } = caller else { return Err(NO_SUCH_DIALOG) };
        let call = self.books.legs.get(&old).and_then(|id| self.calls.get(id)).ok_or(DIALOG_ENDED)?;
        let leg = call.legs.get(&old).ok_or(DIALOG_ENDED)?;
        let offered = leg.offer.as_ref().map(|offer| &offer.agent);
        let owner = call.people.get(&leg.person).and_then(|person| person.agent.as_ref()).or(offered);
        if owner != Some(name) || leg.line == Line::Arrived {
            return Err(NO_SUCH_DIALOG);
        }
        if leg.dying == Some(true) { Err(DIALOG_ENDED) } else { Ok(phone.clone()) }
    }

    /// Lines that are taken to be away because of the old leg are so because of the new one. In which calls they are.
    fn pass_assumptions_on(&mut self, old: LegId, new: LegId) -> Vec<CallId> {
        let firsts = self.books.end_assumption(old);
        for (id, first) in &firsts {
            let Some(leg) = self.calls.get_mut(id).and_then(|call| call.legs.get_mut(first)) else { continue };
            if leg.assumed_away == Some(old) {
                leg.assumed_away = Some(new);
                self.books.assume_away(*first, new);
            }
        }
        self.books.rename_first(old, new);
        firsts.into_iter().map(|(id, _)| id).collect()
    }
}
