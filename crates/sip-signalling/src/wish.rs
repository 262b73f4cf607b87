//! What the owner asks of the endpoint: one value per wish. Wishes about a leg that has ended meanwhile do nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId};

use crate::news::{ReferId, WatchId};
use crate::settings::{Directory, Protocol, Secret};
use crate::watch::WatchedState;

/// What phones look for in the Reason of a CANCEL.
pub(crate) const ELSEWHERE: &str = "Call completed elsewhere";

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

/// Whom a phone's REFER names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferTo {
    /// An address: `sip:102@baton.local`.
    Address(String),
    /// Whoever is at the other end of another leg of this phone: Refer-To with Replaces (RFC 3891).
    Leg(LegId),
}

/// The description that a call is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// What whoever is in `SipSettings::local_networks` is sent; empty: an INVITE without offer.
    pub near: Bytes,
    /// What all others are sent, if that is something else.
    pub far: Option<Bytes>,
    /// What whoever turns this down with 488 (Not Acceptable Here) is sent instead, once.
    pub strict: Option<Box<Offer>>,
    /// What whoever is reached over TLS is sent instead: nobody else may read it.
    pub over_tls: Option<Box<Offer>>,
}

impl Offer {
    /// The form of it that goes by this protocol.
    pub(crate) fn over(&self, protocol: Protocol) -> &Self {
        self.over_tls.as_deref().filter(|_| protocol == Protocol::Tls).unwrap_or(self)
    }
}

impl From<Bytes> for Offer {
    fn from(near: Bytes) -> Self {
        Self { near, ..Self::default() }
    }
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
        offer: Offer,
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
    /// 183 with our answer to the offer of an arrived leg, which its 200 then says once more: sound before the answer. A plain 180
    /// where provisional answers must be reliable.
    Early {
        /// The leg.
        leg: LegId,
        /// Our answer.
        body: Bytes,
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
        /// The number of the offer. An answer to one that does not wait any more is dropped.
        number: u32,
        /// The description.
        body: Bytes,
    },
    /// A final non-2xx status to the re-INVITE or UPDATE that waits (488).
    RefuseOffer {
        /// The leg.
        leg: LegId,
        /// The number of the offer.
        number: u32,
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
    /// What `News::OfferWanted` asks for: the present description once more. If an offer is under way meanwhile it is
    /// dropped, and asked for again when it is needed still.
    Refresh {
        /// The leg.
        leg: LegId,
        /// Our offer.
        body: Bytes,
    },
    /// The call of an arrived or answered leg is a room: its address is our Contact in that leg from here on, so that the phone
    /// knows what it may subscribe to (RFC 4579 §5.1). Best given before `Answer`; a leg that is answered is told at once.
    Focus {
        /// The leg.
        leg: LegId,
        /// The user part of the room's address, `room-standup`.
        user: String,
    },
    /// End a leg: BYE when answered, CANCEL while it rings, a final status for an arrived leg not answered yet.
    End {
        /// The leg.
        leg: LegId,
        /// For an arrived leg not answered yet: the status; 480 if not said. For one that rings: the cause in the Reason of its
        /// CANCEL; 487 if not said.
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
    /// 202 to a REFER, and NOTIFY 100 at once (unless the sender wants none, RFC 4488).
    AcceptRefer {
        /// Which.
        refer: ReferId,
    },
    /// A final status to a REFER that is not accepted; nothing follows.
    RefuseRefer {
        /// Which.
        refer: ReferId,
        /// 400 to 699, never one that ends the dialog it came in.
        status: u16,
        /// The text of its Reason header (`SIP;cause=STATUS;text="…"`).
        reason: Option<String>,
    },
    /// NOTIFY with a sipfrag to whoever sent the REFER. A BYE of ours in the same dialog waits for the answer to the last
    /// one, at most two seconds.
    Notify {
        /// Which.
        refer: ReferId,
        /// The status in the sipfrag.
        status: u16,
        /// Whether it is the last word.
        last: bool,
    },
    /// Show somebody else as the other side from here on: P-Asserted-Identity in every message of ours, told at once by
    /// UPDATE where the phone allows it, else by a re-INVITE (`News::OfferWanted`).
    Identify {
        /// The leg.
        leg: LegId,
        /// Who.
        peer: Identity,
    },
    /// For a phone: REFER in the leg's dialog. Becomes `News::ReferAnswered` and `Notified`.
    Refer {
        /// The leg.
        leg: LegId,
        /// To whom.
        to: ReferTo,
    },
    /// OPTIONS inside the dialog; becomes `News::Probed`.
    Probe {
        /// The leg.
        leg: LegId,
    },
    /// How what is watched stands now: at first (200, NOTIFY with the whole document) and whenever it changes. The document is
    /// made here; a state that equals the one before says nothing. While a NOTIFY waits for its answer the newest dozen wait.
    Watch {
        /// Which.
        watch: WatchId,
        /// How it stands.
        state: Arc<WatchedState>,
    },
    /// A final status for somebody who may not watch, or watches what is not there.
    RefuseWatch {
        /// Which.
        watch: WatchId,
        /// 400 to 699.
        status: u16,
    },
    /// What is watched is over (the conference has ended): NOTIFY says so, and nothing follows.
    EndWatch {
        /// Which.
        watch: WatchId,
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
    /// New calls are turned away (503 with Retry-After) while the doors are shut; whoever is in a call may still make another,
    /// for a consult.
    Doors {
        /// Shut (true) or open.
        shut: bool,
    },
}

impl Wish {
    /// Ends a leg that rings because somebody else has answered: its phone shows no missed call (RFC 3326 §3.1).
    #[must_use]
    pub fn answered_elsewhere(leg: LegId) -> Self {
        Self::End { leg, status: Some(200), reason: Some(ELSEWHERE.to_owned()) }
    }

    /// Whether a call would hang, or somebody would be let in too long, if it were lost.
    pub(crate) fn is_needed(&self) -> bool {
        match self {
            Self::Answer { .. }
            | Self::Reject { .. }
            | Self::AnswerByAck { .. }
            | Self::AnswerOffer { .. }
            | Self::RefuseOffer { .. }
            | Self::End { .. }
            | Self::AcceptRefer { .. }
            | Self::RefuseRefer { .. }
            | Self::Notify { .. }
            | Self::Refer { .. }
            | Self::Reload(_)
            | Self::Drain
            | Self::Doors { .. } => true,
            Self::Call { .. }
            | Self::Ringing { .. }
            | Self::Early { .. }
            | Self::Focus { .. }
            | Self::Watch { .. }
            | Self::RefuseWatch { .. }
            | Self::EndWatch { .. }
            | Self::Offer { .. }
            | Self::Refresh { .. }
            | Self::Digit { .. }
            | Self::Probe { .. }
            | Self::Identify { .. }
            | Self::Register(_)
            | Self::Unregister { .. } => false,
        }
    }
}
