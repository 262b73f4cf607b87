//! What the endpoint tells its owner. Once a leg's `Failed` or `Ended` was told, its id is dead and nothing follows.

use std::net::SocketAddr;

use bytes::Bytes;
use conference::{AgentName, Caller, Ending, LegId};

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
    /// Its Call-ID, for logs and captures.
    pub call_id: String,
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
        /// The offer.
        offer: Option<Bytes>,
    },
    /// The re-INVITE that waits was called off before its answer: nothing is to be answered any more, and the session is
    /// as before it (RFC 3261 §9.2, §14.1).
    OfferCancelled {
        /// The leg.
        leg: LegId,
    },
    /// Our re-INVITE was answered.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// Their answer.
        answer: Bytes,
    },
    /// Our re-INVITE was refused; the session is as before.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
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
    /// A phone's own registration came out; 200 or the failure's status.
    PhoneRegistered {
        /// The account's user.
        user: String,
        /// The status.
        status: u16,
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
