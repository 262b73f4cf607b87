//! A call as people and programs are shown it.

use conference::record;
use conference::{Action, Allowed, CallView, Destination, LegView, Moment, ParticipantView, TransferView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::house::CallSheet;

words! {
    /// A participant's role.
    Role {
        /// Came in from a trunk, or is the outside number with which an agent opened the call.
        Customer,
        /// A registered user.
        Agent,
        /// An outside number brought in as a transfer's target.
        Outside,
        /// Listens, whispers, barges.
        Supervisor,
    }
}

words! {
    /// A participant's status.
    Status {
        /// Waits in a queue, for an agent of one, or before the door of a room.
        Queued,
        /// Is called, does not ring yet.
        Calling,
        /// Rings.
        Ringing,
        /// Talks.
        Live,
        /// On hold.
        Held,
    }
}

words! {
    /// A transfer's phase.
    Phase {
        /// The target is called or rings.
        Calling,
        /// The consult: the customer cannot hear.
        Private,
        /// All hear each other.
        Merged,
    }
}

words! {
    /// What a phone asks of its own leg.
    Direction {
        /// Hears and is heard.
        Both,
        /// Only listens.
        Listens,
        /// Its phone pressed hold.
        Away,
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Its id.
    #[schema(example = "c-7f3a")]
    pub id: String,
    /// The room's name, if it is one.
    #[schema(required)]
    pub room: Option<String>,
    /// The room before whose door somebody stands and types its PIN, if it is that; they are `queued` meanwhile, in no
    /// queue. The call that is the room is another.
    #[schema(required)]
    pub door: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Whether it is a room that lets nobody in.
    pub locked: bool,
    /// Who is in, in the order in which they joined.
    pub participants: Vec<Participant>,
    /// The transfer that is under way.
    #[schema(required)]
    pub transfer: Option<Transfer>,
    /// What the asking agent could ask now, and why not if not. Empty for the operator.
    pub allowed_actions: Vec<AllowedAction>,
}

/// One person in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Participant {
    /// Their id in the call.
    #[schema(example = "p1")]
    pub id: String,
    /// Their role.
    pub role: Role,
    /// The agent's name, or null.
    #[schema(required)]
    pub agent: Option<String>,
    /// The name or number shown to people.
    pub name: String,
    /// Their SIP address.
    pub address: String,
    /// Their status.
    pub status: Status,
    /// Whether they are on hold: exactly when `status` is `held`.
    pub held: bool,
    /// Whether somebody put them on hold (else they wait, or nobody faces them).
    pub held_by_somebody: bool,
    /// Whether their voice is switched off.
    pub muted: bool,
    /// How loud their voice is for the others, in decibels.
    pub volume_db: i8,
    /// Whether they talk, and whoever asks hears it. The operator is shown everybody whom somebody hears.
    pub talking: bool,
    /// Since when they have this status.
    #[schema(format = DateTime)]
    pub since: String,
    /// Where they wait, if they do.
    #[schema(required)]
    pub queue: Option<QueuePlace>,
    /// Their legs, oldest first.
    pub legs: Vec<Leg>,
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuePlace {
    /// The queue.
    pub name: String,
    /// 1: next.
    pub position: u32,
}

/// One SIP dialog with its media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Leg {
    /// Its id.
    pub id: String,
    /// Whether it is answered.
    pub live: bool,
    /// What its phone asks of it.
    pub direction: Direction,
    /// Whether it is taken to be away because its phone dialled on a second line.
    pub assumed_away: bool,
    /// Which of the agent's phones it is.
    #[schema(required)]
    pub phone: Option<String>,
    /// How it sounds, once that is known.
    #[schema(required)]
    pub quality: Option<Quality>,
}

/// How a leg sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quality {
    /// Packets that came.
    pub received: u64,
    /// Packets that were lost on the way to us.
    pub lost: u64,
    /// Packets that came too late to be played.
    pub discarded: u64,
    /// Interarrival jitter, in milliseconds.
    pub jitter_ms: f32,
    /// Round trip, in milliseconds, once it is known.
    #[schema(required)]
    pub round_trip_ms: Option<f32>,
    /// From the phone's mouth to the ears here, in milliseconds: half the round trip, one packet, and the wait in the jitter buffer.
    #[schema(required)]
    pub delay_ms: Option<f32>,
    /// Estimated mean opinion score, 1 to 4.5.
    #[schema(required)]
    pub mos: Option<f32>,
    /// How our sound arrives at the phone, as far as it tells.
    #[schema(required)]
    pub there: Option<There>,
    /// The codec in which it is sent to.
    #[schema(required, example = "opus")]
    pub codec: Option<String>,
    /// The SRTP suite by which its media is encrypted; null: it is not.
    #[schema(required, example = "AEAD_AES_128_GCM")]
    pub encryption: Option<String>,
}

/// How our sound arrives at a phone, as it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct There {
    /// Lost on the way, in a hundred.
    pub loss_percent: f32,
    /// Interarrival jitter there, in milliseconds.
    pub jitter_ms: f32,
    /// The phone's own estimate of a mean opinion score, 1 to 5, if it makes one.
    #[schema(required)]
    pub mos: Option<f32>,
}

/// A transfer that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// Its phase.
    pub phase: Phase,
    /// The initiator.
    #[schema(example = "p2")]
    pub by: String,
    /// Whom the target was asked as.
    pub target: Target,
    /// The target.
    #[schema(example = "p3")]
    pub participant: String,
    /// Whom the initiator faces.
    pub facing: Facing,
    /// Whether the initiator has left while the target rings.
    pub cold: bool,
}

/// Whom the initiator of a transfer faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facing {
    /// The target.
    Target,
    /// The customer.
    Customer,
}

/// Whom a transfer brings in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An agent's name.
    Agent(String),
    /// A queue's name.
    Queue(String),
    /// A SIP address, extension or number.
    Uri(String),
}

/// Something the asking agent could ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllowedAction {
    /// What.
    pub action: ActionName,
    /// On whom, if it is done to somebody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<String>,
    /// Why it would be refused now; absent: it would be done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are those of the routes")]
pub enum ActionName {
    Transfer,
    Cancel,
    Swap,
    Merge,
    Complete,
    Hold,
    Unhold,
    Mute,
    Unmute,
    Remove,
    End,
    Lock,
    Unlock,
}

impl Call {
    /// A call as it is shown.
    #[must_use]
    pub fn of(sheet: &CallSheet) -> Self {
        let view: &CallView = &sheet.view;
        let epoch = sheet.started_at.saturating_sub(i64::try_from(view.started.0).unwrap_or(i64::MAX));
        Self {
            id: view.id.to_string(),
            room: view.room.clone(),
            door: view.door.clone(),
            started_at: super::time(sheet.started_at),
            locked: view.locked,
            participants: view.participants.iter().map(|person| Participant::of(sheet, epoch, person)).collect(),
            transfer: view.transfer.as_ref().map(Transfer::of),
            allowed_actions: sheet.allowed.iter().map(AllowedAction::of).collect(),
        }
    }
}

impl Participant {
    fn of(sheet: &CallSheet, epoch: i64, person: &ParticipantView) -> Self {
        let since: Moment = person.since;
        Self {
            id: person.who.to_string(),
            role: person.role.into(),
            agent: person.agent.as_ref().map(|agent| agent.0.clone()),
            name: person.name.clone(),
            address: sheet.addresses.get(&person.who).cloned().unwrap_or_default(),
            status: person.status.into(),
            held: person.status == conference::Status::Held,
            held_by_somebody: person.on_hold_by_somebody,
            muted: person.muted,
            volume_db: person.volume_db,
            talking: person.talks,
            since: super::moment(epoch, since),
            queue: person.queue.as_ref().map(|(name, position)| QueuePlace { name: name.clone(), position: *position }),
            legs: person.legs.iter().map(|leg| Leg::of(sheet, leg)).collect(),
        }
    }
}

impl Leg {
    fn of(sheet: &CallSheet, leg: &LegView) -> Self {
        Self {
            id: leg.leg.to_string(),
            live: leg.live,
            direction: leg.direction.into(),
            assumed_away: leg.assumed_away,
            phone: leg.phone.as_ref().map(|phone| phone.0.clone()),
            quality: sheet.quality.get(&leg.leg).map(Quality::of),
        }
    }
}

impl Quality {
    pub(crate) fn of(quality: &record::Quality) -> Self {
        // A number that is none (0 / 0) cannot be written in JSON.
        let finite = |number: f32| if number.is_finite() { number } else { 0.0 };
        Self {
            received: quality.received,
            lost: quality.lost,
            discarded: quality.discarded,
            jitter_ms: finite(quality.jitter_ms),
            round_trip_ms: quality.round_trip_ms.filter(|number| number.is_finite()),
            delay_ms: quality.delay_ms.filter(|number| number.is_finite()),
            mos: quality.mos.filter(|number| number.is_finite()),
            there: quality.there.map(|there| There {
                loss_percent: finite(there.loss_percent),
                jitter_ms: finite(there.jitter_ms),
                mos: there.mos.filter(|number| number.is_finite()),
            }),
            codec: quality.codec.clone(),
            encryption: quality.encryption.clone(),
        }
    }
}

impl Transfer {
    fn of(transfer: &TransferView) -> Self {
        Self {
            phase: transfer.phase.into(),
            by: transfer.by.to_string(),
            target: Target::of(&transfer.to),
            participant: transfer.target.to_string(),
            facing: Facing::of(transfer.faces_target),
            cold: transfer.cold,
        }
    }
}

impl Facing {
    pub(crate) const fn of(faces_target: bool) -> Self {
        if faces_target { Self::Target } else { Self::Customer }
    }
}

impl Target {
    pub(crate) fn of(to: &Destination) -> Self {
        match to {
            Destination::Agent(name) => Self::Agent(name.0.clone()),
            Destination::Queue(name) => Self::Queue(name.clone()),
            Destination::Room(name) => Self::Uri(format!("room-{name}")),
            Destination::NewRoom => Self::Uri("conference".to_owned()),
            Destination::Outside { number, .. } => Self::Uri(number.clone()),
            Destination::Service(conference::Service::Echo) => Self::Uri("*43".to_owned()),
            Destination::Service(conference::Service::Tone) => Self::Uri("*44".to_owned()),
            Destination::Service(conference::Service::Music) => Self::Uri("*45".to_owned()),
            Destination::Unknown => Self::Uri(String::new()),
        }
    }
}

impl AllowedAction {
    fn of(allowed: &Allowed) -> Self {
        let (action, who) = match allowed.action {
            Action::Transfer => (ActionName::Transfer, None),
            Action::Cancel => (ActionName::Cancel, None),
            Action::Swap => (ActionName::Swap, None),
            Action::Merge => (ActionName::Merge, None),
            Action::Complete => (ActionName::Complete, None),
            Action::Hold(who) => (ActionName::Hold, Some(who)),
            Action::Unhold(who) => (ActionName::Unhold, Some(who)),
            Action::Mute(who) => (ActionName::Mute, Some(who)),
            Action::Unmute(who) => (ActionName::Unmute, Some(who)),
            Action::Remove(who) => (ActionName::Remove, Some(who)),
            Action::End => (ActionName::End, None),
            Action::Lock => (ActionName::Lock, None),
            Action::Unlock => (ActionName::Unlock, None),
        };
        Self {
            action,
            participant: who.map(|who| who.to_string()),
            refused: allowed.refused.map(|refusal| refusal.code().to_owned()),
        }
    }
}
