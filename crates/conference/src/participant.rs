//! One person in a call and the legs of that person: the facts from which everything else is derived.
//!
//! It holds no rule about who hears whom (that is `audibility`) and none about transfers (that is `consult`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::floor::Wait;
use crate::ids::{AgentName, LegId, ParticipantId, Phone, ReservationId};
use crate::input::{Destination, Direction, SuperviseMode};
use crate::keypad::Keypad;
use crate::mask::Place;
use crate::moment::Moment;
use crate::output::{Identity, Role};

/// How often a leg from which no media is expected is asked whether it lives.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long a probe may stay without any word from the edge (the edge itself gives up after 5 s).
pub(crate) const PROBE_PATIENCE: Duration = Duration::from_secs(6);
/// Probes in a row without an answer after which a leg is dead.
pub(crate) const PROBES_MISSED: u8 = 3;
/// Legs one person may have in one call.
pub(crate) const LEGS_PER_PERSON: usize = 4;

/// How far a leg has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// Arrived, not answered by us yet.
    Arrived,
    /// We call it; no sign of ringing yet.
    Calling,
    /// We call it and it rings.
    Ringing,
    /// Answered.
    Live,
}

/// Whether and how a leg from which no media is expected is asked if it lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// When to ask next, or until when the answer is awaited.
    pub(crate) next: Option<Moment>,
    /// Whether a question is out.
    pub(crate) asked: bool,
    /// Questions in a row without an answer.
    pub(crate) missed: u8,
    /// Asked because another leg of this phone was found dead: one missed answer is enough.
    pub(crate) urgent: bool,
}

/// One leg of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) person: ParticipantId,
    pub(crate) line: Line,
    /// Its sound comes, or goes to it, before the answer.
    pub(crate) early: bool,
    /// What its phone asked for.
    pub(crate) direction: Direction,
    /// The second line whose INVITE made us assume that this one is away.
    pub(crate) assumed_away: Option<LegId>,
    /// When it went away last.
    pub(crate) away_since: Option<Moment>,
    pub(crate) phone: Option<Phone>,
    /// Which place a leg of an initiator faces; of no meaning for anybody else.
    pub(crate) faces: Place,
    pub(crate) watch: Watch,
    /// Somebody talks on it, as the mixer said last. It is said anew after a restart.
    #[serde(skip)]
    pub(crate) talks: bool,
    /// Found dead while another leg of its person is being asked whether that lives. True: the edge said it ended.
    pub(crate) dying: Option<bool>,
    /// Whom its phone shows as the other side, as far as we said so.
    pub(crate) shown: Option<Identity>,
    /// Its keys, if they are collected.
    pub(crate) keypad: Option<Keypad>,
    /// The offer of a queue for which it is rung.
    pub(crate) offer: Option<Offer>,
}

/// For which agent, and by which offer, a leg is rung of somebody who waits to be an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) reservation: ReservationId,
    pub(crate) agent: AgentName,
}

impl Leg {
    pub(crate) fn new(person: ParticipantId, line: Line, direction: Direction, phone: Option<Phone>) -> Self {
        Self {
            person,
            line,
            early: false,
            direction,
            assumed_away: None,
            away_since: None,
            phone,
            faces: Place::Main,
            watch: Watch::default(),
            talks: false,
            dying: None,
            shown: None,
            keypad: None,
            offer: None,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.line == Line::Live
    }

    /// Whether we ring it and it did not answer yet.
    pub(crate) fn is_ringing(&self) -> bool {
        matches!(self.line, Line::Calling | Line::Ringing)
    }

    /// Whether we ring it, and its sound may be heard already.
    pub(crate) fn speaks_early(&self) -> bool {
        self.early && self.is_ringing() && self.dying.is_none() && self.direction != Direction::Away
    }

    /// Whether it has arrived, and hears something before our answer.
    pub(crate) fn listens_early(&self) -> bool {
        self.early && self.line == Line::Arrived && self.dying.is_none() && !self.is_away()
    }

    /// Whether its phone holds it, or is taken to.
    pub(crate) fn is_away(&self) -> bool {
        self.direction == Direction::Away || self.assumed_away.is_some()
    }
}

/// Who put somebody on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HeldBy {
    /// Somebody in the call.
    Person(ParticipantId),
    /// The operator.
    Operator,
}

/// What a person who is rung is rung for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// A caller called them.
    Callee,
    /// To be connected to somebody else once they answer (`Command::Dial`).
    First {
        /// Whom then.
        then: Destination,
    },
    /// As the target of the call's transfer.
    Target,
    /// An initiator who had left, for the customer they left.
    Recall,
    /// For a customer whom nobody is left to serve.
    Fallback,
    /// To supervise.
    Supervise,
}

/// One person in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) role: Role,
    /// The agent, if it is one.
    pub(crate) agent: Option<AgentName>,
    /// Trunk and number, if it is an outside number that we dialled.
    pub(crate) dialled: Option<Destination>,
    /// The name or number to show.
    pub(crate) name: String,
    /// The legs, oldest first.
    pub(crate) legs: Vec<LegId>,
    pub(crate) held: Option<HeldBy>,
    pub(crate) muted: bool,
    /// How loud their voice is for the others, in decibels.
    pub(crate) volume_db: i8,
    /// What a person is rung for, until the answer.
    pub(crate) errand: Option<Errand>,
    /// Where they wait to be an agent: no leg, or legs that are rung by offers of that queue.
    pub(crate) wait: Option<Wait>,
    /// Until when they are rung.
    pub(crate) rings_until: Option<Moment>,
    /// Set while they hear the announcement before their BYE.
    pub(crate) announced_until: Option<Moment>,
    /// Whom they supervise, and how.
    pub(crate) supervises: Option<(ParticipantId, SuperviseMode)>,
    /// How things stood before the first of their legs was found dead, while another is asked whether it lives.
    pub(crate) parting: Option<Parting>,
    /// Until when the code that completes a transfer may be a late one: theirs ended just now without their doing.
    pub(crate) bereft_until: Option<Moment>,
}

/// How things stood before somebody left; decides what becomes of whom they leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parting {
    /// The customers they were talking with, or whose line they ended by its own BYE.
    pub(crate) talked_with: Vec<ParticipantId>,
    /// Whether a ready leg of theirs faced the Side.
    pub(crate) faced_side: bool,
    /// Whether their phone died without a word.
    pub(crate) dead: bool,
}

impl Participant {
    pub(crate) fn new(role: Role, agent: Option<AgentName>, name: String) -> Self {
        Self {
            role,
            agent,
            dialled: None,
            name,
            legs: Vec::new(),
            held: None,
            muted: false,
            volume_db: 0,
            errand: None,
            wait: None,
            rings_until: None,
            announced_until: None,
            supervises: None,
            parting: None,
            bereft_until: None,
        }
    }

    /// As whom they could be dialled.
    pub(crate) fn destination(&self) -> Destination {
        match (&self.agent, &self.dialled) {
            (Some(agent), _) => Destination::Agent(agent.clone()),
            (None, Some(dialled)) => dialled.clone(),
            (None, None) => Destination::Unknown,
        }
    }

    /// Whether they only listen or whisper, or are still rung to supervise: heard by one leg at most, counted by nobody.
    pub(crate) fn lurks(&self) -> bool {
        self.errand == Some(Errand::Supervise)
            || matches!(self.supervises, Some((_, SuperviseMode::Listen | SuperviseMode::Whisper)))
    }

    /// Whether a customer who shares their place is served by them.
    pub(crate) fn serves(&self) -> bool {
        match self.role {
            Role::Agent | Role::Outside => true,
            Role::Supervisor => !self.lurks(),
            Role::Customer => false,
        }
    }

    /// Whether they may command.
    pub(crate) fn commands(&self) -> bool {
        match self.role {
            Role::Agent => true,
            Role::Supervisor => !self.lurks(),
            Role::Customer | Role::Outside => false,
        }
    }
}
