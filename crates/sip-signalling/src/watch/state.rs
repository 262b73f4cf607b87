//! What watchers are told, in the words of the house. How that is written is in the documents' own files.

use conference::{Identity, LegId, ParticipantId, Role};

/// How what is watched stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedState {
    /// Somebody's calls.
    Dialogs(WatchedDialogs),
    /// A conference.
    Conference(WatchedConference),
}

/// All calls of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchedDialogs {
    /// Whose.
    pub owner: Identity,
    /// One for each leg. A leg that is no longer in the list has ended.
    pub dialogs: Vec<WatchedDialog>,
}

/// One leg of the agent who is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedDialog {
    /// The leg.
    pub leg: LegId,
    /// How far it is.
    pub stage: DialogStage,
    /// Whether the agent called (else the agent was called).
    pub calls: bool,
    /// Whom the agent talks to.
    pub peer: Identity,
    /// Whether it is on hold, or away.
    pub on_hold: bool,
}

/// How far a dialog is (RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogStage {
    /// Its INVITE is on the way.
    Trying,
    /// It rings.
    Early,
    /// It was answered.
    Confirmed,
}

/// One conference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchedConference {
    /// The user part of its address: `room-standup`; for a call that is no room, one that stays the same.
    pub user: String,
    /// What it is called, to be shown; may be empty.
    pub subject: String,
    /// Whether it lets nobody in.
    pub locked: bool,
    /// How many it takes, if that is limited.
    pub most: Option<u32>,
    /// Who is in. Somebody who is no longer in the list has left.
    pub users: Vec<WatchedUser>,
}

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedUser {
    /// Who, within the call.
    pub who: ParticipantId,
    /// As whom they are shown.
    pub shown: Identity,
    /// Their role.
    pub role: Role,
    /// Their legs; none: they wait to be found or rung.
    pub endpoints: Vec<WatchedEndpoint>,
}

/// One leg of a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedEndpoint {
    /// The leg.
    pub leg: LegId,
    /// How it takes part.
    pub attendance: Attendance,
}

/// How a leg takes part (RFC 4575 §5.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// Its INVITE came and was not answered yet.
    DialingIn,
    /// It is being called.
    DialingOut,
    /// It rings.
    Alerting,
    /// It hears and is heard.
    Connected,
    /// It hears, and its voice is switched off.
    Muted,
    /// It is on hold, or away.
    OnHold,
}
