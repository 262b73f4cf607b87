//! What the mixer is told: one mask per leg, and the one question it may ask of two of them.
//!
//! Masks are derived by `audibility` from a call's state and never edited. This file holds the vocabulary that
//! crosses to the mixer; it does not know roles, holds or consults.

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, LegId, ParticipantId};
use crate::mutants::broken;

/// Where a leg is while a consult is private: with the customer, or on the consult's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// The customer's side of the call, and the whole call while no consult is private.
    Main,
    /// The private side of a consult: the target, and the initiator's leg that faces the target.
    Side,
}

/// What a live leg that is not away hears while nobody may be heard by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ears {
    /// Nothing is sent to it at all (not live, or away).
    Nothing,
    /// Comfort noise: alone by its own hold, or with silent company.
    ComfortNoise,
    /// Hold music, going on at its position.
    HoldMusic,
    /// The music and prompts of the queue in which it waits.
    Queue(String),
    /// Ringback: whom it waits for is being rung.
    Ringback,
    /// Ringback until there is early media (RFC 3960 §3.1) of whom it waits for, in its place; then that.
    Early,
    /// The announcement that nobody can take the call, before its BYE.
    Announcement,
    /// The echo service: what it says itself. The one case in which anybody hears themselves.
    Echo,
    /// The steady test tone.
    TestTone,
}

/// How a supervisor's leg is tied to an agent. It hears whoever is open in the places named here; nobody hears it but
/// the leg it whispers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Supervision {
    /// The supervised agent's participant.
    pub agent: ParticipantId,
    /// The agent's open leg to which the supervisor's voice goes, if the supervisor whispers now.
    pub whisper_to: Option<LegId>,
    /// Whether the agent has an open leg in Main, so that its supervisor hears Main.
    pub hears_main: bool,
    /// Whether the agent has an open leg in the Side and supervisors may hear consults.
    pub hears_side: bool,
}

/// One leg's mask: all the mixer needs to know of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegMask {
    /// The leg.
    pub leg: LegId,
    /// Whose leg it is; two legs of one person never hear each other.
    pub person: ParticipantId,
    /// Where it is.
    pub place: Place,
    /// Whether it may be heard and hear at all.
    pub open: bool,
    /// It has not answered, and its sound comes already: it hears nobody, and is heard by whoever has [`Ears::Early`] in
    /// its place.
    #[serde(default)]
    pub early: bool,
    /// Whether its voice is switched off (by command, or its phone only listens).
    pub muted: bool,
    /// What it hears when it may hear nobody.
    pub ears: Ears,
    /// Set on a supervisor's listening or whispering leg. Such a leg hears as said there and nobody else hears it.
    pub supervises: Option<Supervision>,
    /// Whether the call wants a cue (tone or prompt) allowed into this leg at all.
    pub cues: bool,
}

impl LegMask {
    /// Whether anybody at all may hear it, if they are where they must be for that.
    #[must_use]
    pub const fn speaks(&self) -> bool {
        (self.open || self.early) && !self.muted
    }

    /// Whether it may hear anybody at all, if they are where they must be for that.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.open || self.ears == Ears::Early
    }

    /// Whether a sample of `speaker` may reach `self`: the only question the mixer asks.
    ///
    /// Closed by default: whatever is not allowed here is not heard.
    #[must_use]
    pub fn hears(&self, speaker: &Self) -> bool {
        if self.person == speaker.person || (speaker.muted && !broken!(MutedIsHeard)) {
            return false;
        }
        if speaker.early {
            let near = self.place == speaker.place || broken!(PlacesAreOne);
            return near && (self.ears == Ears::Early || (self.open && broken!(EarlyIsOpen)));
        }
        if (!self.open || !speaker.open) && !broken!(ClosedIsHeard) {
            return false;
        }
        match (&self.supervises, &speaker.supervises) {
            (None, None) => self.place == speaker.place || broken!(PlacesAreOne),
            (Some(tie), None) => match speaker.place {
                Place::Main => tie.hears_main,
                Place::Side => tie.hears_side,
            },
            (None, Some(tie)) => tie.whisper_to == Some(self.leg) || broken!(WhisperToAll),
            (Some(_), Some(_)) => false,
        }
    }
}

/// One reaction's change of one call, applied whole between two ticks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The call.
    pub call: CallId,
    /// One more than the version of this call's change-set before; a version the mixer did not expect closes the call.
    pub version: u64,
    /// Whether this is the full state (then every leg not named is gone).
    pub full: bool,
    /// The legs whose masks changed, or that joined.
    pub legs: Vec<LegMask>,
    /// The legs that left the call.
    pub gone: Vec<LegId>,
    /// Whether anybody may now hear less than before: then nobody is told anything before it is in force.
    pub tightens: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(leg: u64, person: u32) -> LegMask {
        LegMask {
            leg: LegId(leg),
            person: ParticipantId(person),
            place: Place::Main,
            open: true,
            early: false,
            muted: false,
            ears: Ears::ComfortNoise,
            supervises: None,
            cues: true,
        }
    }

    #[test]
    fn two_open_legs_in_one_place_hear_each_other() {
        assert!(mask(1, 1).hears(&mask(2, 2)));
    }

    #[test]
    fn nobody_hears_themselves_not_even_by_another_leg() {
        assert!(!mask(1, 1).hears(&mask(1, 1)));
        assert!(!mask(1, 1).hears(&mask(2, 1)));
    }

    #[test]
    fn the_shut_the_muted_and_those_elsewhere_are_not_heard() {
        let listener = mask(1, 1);
        assert!(!listener.hears(&LegMask { open: false, ..mask(2, 2) }));
        assert!(!LegMask { open: false, ..listener.clone() }.hears(&mask(2, 2)));
        assert!(!listener.hears(&LegMask { muted: true, ..mask(2, 2) }));
        assert!(!listener.hears(&LegMask { place: Place::Side, ..mask(2, 2) }));
    }

    #[test]
    fn early_media_is_heard_by_whoever_waits_for_it_in_its_place_and_hears_nobody() {
        let early = LegMask { open: false, early: true, ..mask(2, 2) };
        let waits = LegMask { ears: Ears::Early, ..mask(1, 1) };
        assert!(waits.hears(&early) && !early.hears(&waits));
        let not_answered = LegMask { open: false, ..waits.clone() };
        assert!(not_answered.hears(&early) && !mask(3, 3).hears(&not_answered));
        assert!(!mask(1, 1).hears(&early), "whoever talks to somebody does not hear it");
        assert!(!waits.hears(&LegMask { place: Place::Side, ..early.clone() }));
        assert!(!waits.hears(&LegMask { muted: true, ..early.clone() }));
        assert!(!waits.hears(&LegMask { person: ParticipantId(1), ..early }));
    }

    #[test]
    fn a_whisper_reaches_one_leg_and_a_listener_none() {
        let tie =
            Supervision { agent: ParticipantId(1), whisper_to: Some(LegId(1)), hears_main: true, hears_side: false };
        let whisperer = LegMask { supervises: Some(tie), ..mask(9, 9) };
        assert!(mask(1, 1).hears(&whisperer) && !mask(2, 2).hears(&whisperer));
        assert!(whisperer.hears(&mask(2, 2)));
        assert!(!whisperer.hears(&LegMask { place: Place::Side, ..mask(2, 2) }));
        let listener = LegMask { supervises: Some(Supervision { whisper_to: None, ..tie }), ..whisperer };
        assert!(!mask(1, 1).hears(&listener));
    }
}
