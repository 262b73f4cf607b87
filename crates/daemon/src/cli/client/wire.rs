//! What the daemon says, as far as the command line shows it. Unknown fields and words are let pass: a daemon may be newer.

use serde::Deserialize;

/// A problem document (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) title: String,
}

/// A call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Call {
    pub(in crate::cli) id: String,
    pub(in crate::cli) room: Option<String>,
    pub(in crate::cli) started_at: String,
    pub(in crate::cli) locked: bool,
    pub(in crate::cli) participants: Vec<Participant>,
    pub(in crate::cli) transfer: Option<Transfer>,
}

/// One person in a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Participant {
    pub(in crate::cli) id: String,
    pub(in crate::cli) role: String,
    pub(in crate::cli) agent: Option<String>,
    pub(in crate::cli) name: String,
    pub(in crate::cli) address: String,
    pub(in crate::cli) status: String,
    pub(in crate::cli) muted: bool,
    pub(in crate::cli) since: String,
    pub(in crate::cli) queue: Option<QueuePlace>,
    pub(in crate::cli) legs: Vec<Leg>,
}

/// A place in a queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct QueuePlace {
    pub(in crate::cli) name: String,
    pub(in crate::cli) position: u32,
}

/// One leg.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Leg {
    pub(in crate::cli) id: String,
    pub(in crate::cli) direction: String,
    pub(in crate::cli) quality: Option<Quality>,
}

/// How a leg sounds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Quality {
    pub(in crate::cli) received: u64,
    pub(in crate::cli) lost: u64,
    pub(in crate::cli) discarded: u64,
    pub(in crate::cli) jitter_ms: f64,
    pub(in crate::cli) round_trip_ms: Option<f64>,
    pub(in crate::cli) delay_ms: Option<f64>,
    pub(in crate::cli) mos: Option<f64>,
    pub(in crate::cli) there: Option<There>,
    pub(in crate::cli) codec: Option<String>,
    pub(in crate::cli) encryption: Option<String>,
}

/// How our sound arrives at a leg's phone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct There {
    pub(in crate::cli) loss_percent: f64,
    pub(in crate::cli) jitter_ms: f64,
    pub(in crate::cli) mos: Option<f64>,
}

/// A transfer that is under way.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Transfer {
    pub(in crate::cli) phase: String,
    pub(in crate::cli) by: String,
    pub(in crate::cli) target: Asked,
    pub(in crate::cli) participant: String,
    pub(in crate::cli) facing: String,
}

/// Whom a transfer brings in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Asked {
    pub(in crate::cli) agent: Option<String>,
    pub(in crate::cli) queue: Option<String>,
    pub(in crate::cli) uri: Option<String>,
}

impl Asked {
    /// In words.
    pub(in crate::cli) fn words(&self) -> String {
        match (&self.agent, &self.queue, &self.uri) {
            (Some(agent), _, _) => agent.clone(),
            (None, Some(queue), _) => format!("queue {queue}"),
            (None, None, Some(uri)) => uri.clone(),
            (None, None, None) => "?".to_owned(),
        }
    }
}

/// An agent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Agent {
    pub(in crate::cli) name: String,
    pub(in crate::cli) display_name: String,
    pub(in crate::cli) extension: String,
    pub(in crate::cli) state: String,
    pub(in crate::cli) since: String,
    pub(in crate::cli) phones: u32,
    pub(in crate::cli) calls: Vec<String>,
    pub(in crate::cli) queues: Vec<String>,
    pub(in crate::cli) reservation: Option<Reservation>,
}

/// An offer of a waiting call to one agent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Reservation {
    pub(in crate::cli) id: String,
    pub(in crate::cli) queue: String,
    pub(in crate::cli) call: String,
    pub(in crate::cli) accepted: bool,
}

/// A queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Queue {
    pub(in crate::cli) name: String,
    pub(in crate::cli) extension: String,
    pub(in crate::cli) open: bool,
    pub(in crate::cli) waiting: Vec<Waiting>,
    pub(in crate::cli) ready: u32,
    pub(in crate::cli) agents: Vec<String>,
}

/// A call that waits in a queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Waiting {
    pub(in crate::cli) call: String,
    pub(in crate::cli) since: String,
}

/// Who hears and heard whom in a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Audibility {
    pub(in crate::cli) sample_rate: u32,
    pub(in crate::cli) sample: Option<u64>,
    pub(in crate::cli) now: Vec<Pair>,
    pub(in crate::cli) history: Vec<Span>,
    pub(in crate::cli) changes: Vec<Change>,
    pub(in crate::cli) forgotten: u64,
}

/// Somebody hears somebody.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Pair {
    pub(in crate::cli) listener: String,
    pub(in crate::cli) speaker: String,
}

/// A time in which one leg could hear another.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Span {
    pub(in crate::cli) listener: String,
    pub(in crate::cli) listener_leg: String,
    pub(in crate::cli) speaker: String,
    pub(in crate::cli) speaker_leg: String,
    pub(in crate::cli) from_sample: u64,
    pub(in crate::cli) to_sample: Option<u64>,
    pub(in crate::cli) opened_by: Cause,
    pub(in crate::cli) shut_by: Option<Cause>,
}

/// One change of who hears whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Change {
    pub(in crate::cli) sample: u64,
    pub(in crate::cli) by: Cause,
    pub(in crate::cli) legs: Vec<String>,
    pub(in crate::cli) gone: Vec<String>,
}

/// What led to a change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Cause {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) by: Option<String>,
    pub(in crate::cli) leg: String,
    pub(in crate::cli) did: String,
}

/// The record of a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Record {
    pub(in crate::cli) id: String,
    pub(in crate::cli) room: Option<String>,
    pub(in crate::cli) started_at: String,
    pub(in crate::cli) ended_at: Option<String>,
    pub(in crate::cli) joined_into: Option<String>,
    pub(in crate::cli) participants: Vec<Party>,
    pub(in crate::cli) transfers: Vec<TransferRecord>,
    pub(in crate::cli) queues: Vec<QueueStay>,
}

/// Somebody who was in a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Party {
    pub(in crate::cli) id: String,
    pub(in crate::cli) role: String,
    pub(in crate::cli) agent: Option<String>,
    pub(in crate::cli) name: String,
    pub(in crate::cli) reason: Option<String>,
    pub(in crate::cli) sip_status: Option<u16>,
    pub(in crate::cli) times: Times,
    pub(in crate::cli) legs: Vec<Leg>,
}

/// How long each phase lasted, in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Times {
    pub(in crate::cli) ring_s: f64,
    pub(in crate::cli) queued_s: f64,
    pub(in crate::cli) talk_s: f64,
    pub(in crate::cli) hold_s: f64,
    pub(in crate::cli) consult_s: f64,
}

/// A transfer that was.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct TransferRecord {
    pub(in crate::cli) by: String,
    pub(in crate::cli) target: Asked,
    pub(in crate::cli) outcome: Option<String>,
    pub(in crate::cli) sip_status: Option<u16>,
}

/// A wait in a queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct QueueStay {
    pub(in crate::cli) queue: String,
    pub(in crate::cli) how: Option<String>,
}

/// A user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct User {
    pub(in crate::cli) name: String,
    pub(in crate::cli) display_name: String,
    pub(in crate::cli) extension: String,
    pub(in crate::cli) queues: Vec<String>,
    pub(in crate::cli) supervisor: bool,
    pub(in crate::cli) max_calls: u32,
    pub(in crate::cli) from_file: bool,
}

/// One SIP message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Traced {
    pub(in crate::cli) at: String,
    pub(in crate::cli) sent: bool,
    pub(in crate::cli) protocol: String,
    pub(in crate::cli) peer: String,
    pub(in crate::cli) call: Option<String>,
    pub(in crate::cli) text: String,
}
