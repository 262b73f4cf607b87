//! Who the other side talks to: said by P-Asserted-Identity (RFC 3325, RFC 5876) in every message of ours in the dialog,
//! and read from it by a phone of ours.
//!
//! ```text
//!   owner ── Identify ──> told at once: UPDATE or re-INVITE (see `upkeep`); the same one again: nothing
//!   server's INVITE, 200, re-INVITE, UPDATE ──> Identified, when it is another one than before
//! ```
//!
//! What a trunk says of its callers is `arrive`'s to read. Who withheld the number is [`ANONYMOUS`] in all the house.

use conference::{Identity, LegId};
use rsip::Headers;

use super::Stack;
use crate::codec::headers::{NameAddr, addresses};
use crate::flow::Flow;
use crate::leg::{Party, Phase};
use crate::news::News;
use crate::settings::Doorkeeping;

/// Who withheld the number, as a name.
pub(super) const ANONYMOUS: &str = "anonymous";
/// The domain of whoever is not to be known (RFC 3323 §4.1.1.3).
pub(super) const NOWHERE: &str = "anonymous.invalid";

/// Whether somebody is not to be known.
pub(super) fn is_anonymous(who: &Identity) -> bool {
    who.user.is_empty() || who.user.eq_ignore_ascii_case(ANONYMOUS)
}

impl Stack {
    /// The owner shows somebody else as the other side from here on.
    pub(super) fn identify(&mut self, leg: LegId, peer: Identity) {
        let Some(known) = self.legs.get(&leg) else { return };
        let party = known.party.clone();
        if !self.is_told_identities(&party) || peer.user.is_empty() {
            return;
        }
        let flow = known.dialog().map(|dialog| dialog.flow);
        let asserted = flow.and_then(|flow| self.asserted(&party, flow, &peer));
        let Some(known) = self.legs.get_mut(&leg) else { return };
        match &mut known.phase {
            Phase::Ringing(ringing) => ringing.shown = Some(peer),
            Phase::Arrived(arrived) => {
                arrived.dialog.asserted = asserted;
                arrived.shown = Some(peer);
            }
            Phase::Talking(session) if session.over || session.upkeep.shown.as_ref() == Some(&peer) => {}
            Phase::Talking(session) => {
                session.dialog.asserted = asserted;
                session.upkeep.shown = Some(peer);
                session.upkeep.tries = 0;
                self.attend(leg);
            }
        }
    }

    /// A leg that we rang was answered: who was shown in its INVITE, and whom it is shown from here on.
    pub(super) fn introduced(&mut self, leg: LegId, said: Option<Identity>, shown: Option<Identity>) {
        let Some(session) = self.session_mut(leg) else { return };
        session.upkeep.shown.clone_from(&said);
        session.upkeep.said = said;
        let Some(shown) = shown.or_else(|| session.upkeep.shown.clone()) else { return };
        if Some(&shown) != session.upkeep.shown.as_ref() {
            return self.identify(leg, shown);
        }
        let flow = session.dialog.flow;
        let Some(party) = self.legs.get(&leg).map(|leg| leg.party.clone()) else { return };
        let asserted = self.asserted(&party, flow, &shown);
        if let Some(session) = self.session_mut(leg) {
            session.dialog.asserted = asserted;
        }
    }

    /// The P-Asserted-Identity of somebody towards a party; `None` if it is told none. Of a caller who is not to be known a
    /// carrier is told nothing, unless it is the house itself that it is shown (RFC 3325 §7).
    pub(super) fn asserted(&mut self, party: &Party, flow: Flow, who: &Identity) -> Option<String> {
        if who.user.is_empty() || !self.is_told_identities(party) {
            return None;
        }
        let shown = self.shown_as(party, flow, who);
        (shown.uri.host != NOWHERE).then(|| shown.to_string())
    }

    /// A phone of ours looks whom its server shows.
    pub(super) fn see(&mut self, leg: LegId, headers: &Headers) {
        if self.settings.doorkeeping != Doorkeeping::Phone {
            return;
        }
        let asserted = addresses(headers, "P-Asserted-Identity").unwrap_or_default().into_iter().next();
        let Some(NameAddr { display, uri, .. }) = asserted else { return };
        let user = uri.user_text().map(|user| user.into_owned()).unwrap_or_default();
        let peer = Identity { display: display.unwrap_or_default(), user };
        let seen = match self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
            Some(Phase::Arrived(arrived)) => &mut arrived.seen,
            Some(Phase::Talking(session)) => &mut session.upkeep.seen,
            Some(Phase::Ringing(_)) | None => return,
        };
        if seen.as_ref() != Some(&peer) {
            *seen = Some(peer.clone());
            self.tell(News::Identified { leg, peer });
        }
    }
}
