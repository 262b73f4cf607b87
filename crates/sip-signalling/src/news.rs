//! What the endpoint tells its owner. Once a leg's `Failed` or `Ended` was told, its id is dead and nothing follows.

use std::net::SocketAddr;

use bytes::Bytes;
use conference::{AgentName, Caller, Ending, LegId};

use crate::registrar::SavedBinding;

/// An INVITE that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its leg.
    pub leg: LegId,
    /// Who calls, as far as proved. For a phone's endpoint: whoever its server shows, as a customer of trunk `""`.
    pub caller: Caller,
    /// The display name of its From (to be shown, never trusted).
    pub display: String,
    /// The user part of the Request-URI, unescaped: what was dialled.
    pub dialled: String,
    /// The host of the Request-URI.
    pub host: String,
    /// Whether that host is ours (the domain, or an address we listen on).
    pub ours: bool,
    /// The offer; `None`: an INVITE without offer (our 200 makes the offer, the ACK brings the answer).
    pub offer: Option<Bytes>,
    /// Where it came from.
    pub source: SocketAddr,
    /// Whether it came encrypted (TLS).
    pub secure: bool,
    /// Its Call-ID, for logs and captures.
    pub call_id: String,
    /// The leg whose place it takes: its INVITE has a Replaces that names it exactly, and its sender owns it (RFC 3891).
    pub replaces: Option<LegId>,
}

/// A REFER that waits for `AcceptRefer` or `RefuseRefer`, or was accepted and has not had its last NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ReferId(pub(crate) u64);

/// Where a REFER came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferredAt {
    /// In the dialog of a leg, or outside any dialog with a Target-Dialog (RFC 4538) that names it.
    Leg(LegId),
    /// Outside any dialog, to a conference's address (RFC 4579 §5.5).
    Conference {
        /// The user part of the address.
        user: String,
        /// The authenticated sender.
        agent: AgentName,
    },
}

/// What a REFER asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referral {
    /// Its Replaces names another leg of the same agent.
    Join(LegId),
    /// Its Replaces names no leg of this agent; it is to be accepted, and then told 481.
    NoSuchLeg,
    /// Bring somebody in.
    Bring {
        /// The user part of the Refer-To, unescaped.
        dialled: String,
        /// Its host.
        host: String,
        /// Whether the host is ours.
        ours: bool,
    },
    /// Remove somebody (`;method=BYE`, RFC 4579 §5.12).
    Remove {
        /// The user part of the Refer-To, unescaped.
        user: String,
    },
}

/// A subscription to somebody's calls or to a conference. No id is used twice, also not after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct WatchId(pub(crate) u64);

/// What can be watched: the event packages there are beside `refer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Package {
    /// Somebody's calls (RFC 4235); answered with [`crate::WatchedState::Dialogs`].
    Dialog,
    /// Who is in a conference (RFC 4575); answered with [`crate::WatchedState::Conference`].
    Conference,
}

/// Whose calls, or which conference, is to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedAt {
    /// The user part of an address of ours, unescaped: `alice`, `101`, `room-standup`.
    User(String),
    /// The call of this leg: the watcher's own, known by our Contact in it (RFC 4579 §5.3).
    Leg(LegId),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An INVITE was let in. Must be answered by `Ringing`, `Answer`, `Reject` or `End`.
    Arrived(Arrival),
    /// A leg we ring rings (180, 183). Told once per leg, and again for a body.
    Progress {
        /// The leg.
        leg: LegId,
        /// 101 to 199.
        status: u16,
        /// Early media's description, or empty.
        body: Bytes,
    },
    /// A leg we ring answered; the ACK is on its way (or waits for `AnswerByAck` when we sent no offer).
    Answered {
        /// The leg.
        leg: LegId,
        /// Their answer (or offer).
        body: Bytes,
        /// Which phone, for an agent: the name of its registration's flow.
        phone: Option<conference::Phone>,
        /// Where its signalling comes from.
        source: SocketAddr,
    },
    /// A leg we ring could not be had. The best status of all its phones (RFC 3261 §16.7 step 6); 480 no phone is
    /// registered, 408 no answer, 503 no transport.
    Failed {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
    },
    /// The ACK to our 200 came.
    Acknowledged {
        /// The leg.
        leg: LegId,
        /// Their answer, when our 200 made the offer.
        answer: Option<Bytes>,
    },
    /// A re-INVITE or UPDATE with an offer (or a re-INVITE without one: `None`). Must be answered by `AnswerOffer` or
    /// `RefuseOffer`.
    Offered {
        /// The leg.
        leg: LegId,
        /// Which offer of this leg it is: its answer bears the same number, so that it answers no later one.
        number: u32,
        /// The offer.
        offer: Option<Bytes>,
    },
    /// The re-INVITE that waits was called off before its answer: nothing is to be answered any more, an answer that was
    /// given meanwhile did not go out, and the session is as before it (RFC 3261 §9.2, §14.1).
    OfferCancelled {
        /// The leg.
        leg: LegId,
        /// The number of the offer.
        number: u32,
    },
    /// Our re-INVITE was answered.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// Their answer.
        answer: Bytes,
        /// Whether it answers what `OfferWanted` asked for.
        wanted: bool,
    },
    /// Our re-INVITE was refused; the session is as before.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// Whether it was what `OfferWanted` asked for.
        wanted: bool,
        /// The status.
        status: u16,
    },
    /// The signalling of an answered leg comes from another address from here on: its phone has changed networks, and has proved that
    /// it is the same (C9). Told before what it sent from there.
    Moved {
        /// The leg.
        leg: LegId,
        /// From where.
        source: SocketAddr,
    },
    /// A leg ended that was answered, or an arrived leg was given up before its answer.
    Ended {
        /// The leg.
        leg: LegId,
        /// How.
        how: Ending,
    },
    /// A digit came by INFO.
    Digit {
        /// The leg.
        leg: LegId,
        /// 0-9, *, #, A-D.
        digit: char,
        /// Its length.
        duration_ms: u16,
    },
    /// A REFER came from an agent. Must be answered by `AcceptRefer` or `RefuseRefer`.
    Referred {
        /// Its name.
        refer: ReferId,
        /// Where it came.
        at: ReferredAt,
        /// What it asks.
        asks: Referral,
    },
    /// The endpoint must send a re-INVITE (a refresh, a new identity) and needs the present description for it: to be
    /// answered by `Wish::Refresh` with the same session again; asked anew when that came at a bad time.
    OfferWanted {
        /// The leg.
        leg: LegId,
    },
    /// For a phone: the final answer to its REFER; 202 accepted.
    ReferAnswered {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// For a phone: NOTIFY to its REFER.
    Notified {
        /// The leg.
        leg: LegId,
        /// The status in the sipfrag.
        status: u16,
        /// Whether the subscription has ended.
        last: bool,
    },
    /// The other side is shown as somebody else now (P-Asserted-Identity in an UPDATE or re-INVITE). For a phone.
    Identified {
        /// The leg.
        leg: LegId,
        /// Who.
        peer: conference::Identity,
    },
    /// The answer to `Wish::Probe`.
    Probed {
        /// The leg.
        leg: LegId,
        /// Whether the phone answered and knows the dialog.
        alive: bool,
    },
    /// An agent's registrations changed.
    Registered {
        /// The agent.
        agent: AgentName,
        /// How many phones are registered now.
        phones: usize,
    },
    /// The bindings of an agent are these from here on: to be kept, and given back as `SipSettings::bindings` after a
    /// restart. Best contact first. Told at every change and at the start, refreshes included, and before `Registered`.
    Bound {
        /// The agent.
        agent: AgentName,
        /// All of them; empty: none.
        contacts: Vec<SavedBinding>,
    },
    /// An agent wants to be told of somebody's calls or of a conference. Must be answered by `Watch` or `RefuseWatch`.
    Watched {
        /// Its name.
        watch: WatchId,
        /// What of.
        package: Package,
        /// Whose.
        at: WatchedAt,
        /// The authenticated watcher.
        watcher: AgentName,
    },
    /// A watch is over: taken back, run out, or its watcher does not answer any more. Not told of one that was refused, or
    /// ended by `EndWatch`.
    WatchEnded {
        /// Its name.
        watch: WatchId,
    },
    /// A phone's own registration came out; 200 or the failure's status.
    PhoneRegistered {
        /// The account's user.
        user: String,
        /// The status.
        status: u16,
    },
    /// A registration at a trunk's carrier came out (`Trunk::register`). It is refreshed, or tried again, by itself.
    Enrolled {
        /// The trunk.
        trunk: String,
        /// 200 to 299, or the failure's status: the carrier's own, 408 no answer, 503 no way there.
        status: u16,
        /// For how long the carrier knows us; 0 after a failure.
        expires_s: u32,
    },
    /// Something an operator should see (a ban, a forged request, a refused digest leak).
    Security {
        /// The rule, as in the documentation.
        rule: &'static str,
        /// From where.
        source: SocketAddr,
        /// What, masked for logs.
        detail: String,
    },
}
