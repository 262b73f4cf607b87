//! What the owner asks of the endpoint: one value per wish. Wishes about a leg that has ended meanwhile do nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId};

use crate::settings::{Directory, Protocol, Secret};

/// Whom to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// All registered phones of an agent at once; the first answer wins.
    Agent(AgentName),
    /// An outside number by way of a trunk.
    Trunk {
        /// The trunk's name.
        trunk: String,
        /// The number.
        number: String,
    },
    /// An address to which a phone (`Doorkeeping::Phone`) calls by way of its account's server.
    Address {
        /// The account that calls; `None`: without an account, straight to `server` (a customer).
        account: Option<String>,
        /// The Request-URI, `sip:101@baton.local`.
        uri: String,
        /// Where to send it.
        server: SocketAddr,
        /// Over what.
        protocol: Protocol,
    },
}

/// A phone's account at a server (`Doorkeeping::Phone`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneAccount {
    /// The user part and digest user name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// The domain.
    pub domain: String,
    /// The server.
    pub server: SocketAddr,
    /// Over what.
    pub protocol: Protocol,
    /// Seconds asked for.
    pub expires_s: u32,
}

/// What the owner asks for.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Ring somebody: INVITE. Becomes `News::Progress`, `Answered` or `Failed`.
    Call {
        /// The leg's id.
        leg: LegId,
        /// Whom.
        to: Callee,
        /// Who is shown as calling.
        from: Identity,
        /// Our offer; empty: an INVITE without offer (the 200 brings theirs; answer it by `AnswerByAck`).
        offer: Bytes,
    },
    /// Send the answer to an offer that came in a 200: ACK with a body.
    AnswerByAck {
        /// The leg.
        leg: LegId,
        /// The answer.
        body: Bytes,
    },
    /// 180 to an arrived leg.
    Ringing {
        /// The leg.
        leg: LegId,
    },
    /// 200 to an arrived leg; the body is our answer, or our offer if the INVITE had none.
    Answer {
        /// The leg.
        leg: LegId,
        /// The description.
        body: Bytes,
    },
    /// A final non-2xx status to an arrived leg.
    Reject {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
        /// The text of a Reason header (`SIP;cause=STATUS;text="…"`), if any.
        reason: Option<String>,
    },
    /// 200 to the re-INVITE or UPDATE that waits; the body is our answer (or our offer).
    AnswerOffer {
        /// The leg.
        leg: LegId,
        /// The description.
        body: Bytes,
    },
    /// A final non-2xx status to the re-INVITE or UPDATE that waits (488).
    RefuseOffer {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// A re-INVITE of ours. Becomes `News::OfferAnswered` or `OfferRefused`; glare (491) is retried by itself,
    /// RFC 3261 §14.1.
    Offer {
        /// The leg.
        leg: LegId,
        /// Our offer.
        body: Bytes,
    },
    /// End a leg: BYE when answered, CANCEL while it rings, a final status for an arrived leg not answered yet.
    End {
        /// The leg.
        leg: LegId,
        /// For an arrived leg not answered yet; 480 if not said.
        status: Option<u16>,
        /// The text of a Reason header, if any.
        reason: Option<String>,
    },
    /// A digit by INFO (`application/dtmf-relay`).
    Digit {
        /// The leg.
        leg: LegId,
        /// 0-9, *, #, A-D.
        digit: char,
        /// Its length.
        duration_ms: u16,
    },
    /// OPTIONS inside the dialog; becomes `News::Probed`.
    Probe {
        /// The leg.
        leg: LegId,
    },
    /// Register a phone's account and keep it registered. Becomes `News::PhoneRegistered`.
    Register(PhoneAccount),
    /// Take a phone's registration back.
    Unregister {
        /// The account's user.
        user: String,
    },
    /// New accounts and trunks. Calls go on; registrations of accounts that are gone end.
    Reload(Directory),
    /// No new calls are let in from here on (503), while those there are ended.
    Drain,
}

impl Wish {
    /// Whether a call would hang, or somebody would be let in too long, if it were lost.
    pub(crate) fn is_needed(&self) -> bool {
        match self {
            Self::Answer { .. }
            | Self::Reject { .. }
            | Self::AnswerByAck { .. }
            | Self::AnswerOffer { .. }
            | Self::RefuseOffer { .. }
            | Self::End { .. }
            | Self::Reload(_)
            | Self::Drain => true,
            Self::Call { .. }
            | Self::Ringing { .. }
            | Self::Offer { .. }
            | Self::Digit { .. }
            | Self::Probe { .. }
            | Self::Register(_)
            | Self::Unregister { .. } => false,
        }
    }
}
