//! An answered leg as a value: without sockets, timers and transactions, so that it can be stored and go on elsewhere.

use bytes::Bytes;
use conference::LegId;
use serde::{Deserialize, Serialize};

use super::up::{Accepted, Up};
use super::{Leg, Party, Phase};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::stack::credentials::Credentials;
use crate::stack::world::World;
use crate::transaction::Packet;

/// Everything of an answered leg's signalling: tags, addresses, route set, CSeqs, remote target, flow, and who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogState {
    leg: LegId,
    party: Party,
    dialog: Dialog,
    flow: Flow,
    /// A 200 of ours that waits for its ACK.
    accepted: Option<AcceptedState>,
    /// An offer of ours that is not answered yet: it is made again.
    offer: Option<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AcceptedState {
    response: Bytes,
    cseq: u32,
    offered: bool,
}

impl DialogState {
    /// Whose state it is.
    #[must_use]
    pub fn leg(&self) -> LegId {
        self.leg
    }

    pub(crate) fn party(&self) -> &Party {
        &self.party
    }

    /// Takes an answered leg apart. What waits in its transactions is answered or dropped; nothing is said to its phone.
    pub(crate) fn freeze(leg: LegId, party: Party, mut up: Up, world: &mut World) -> Self {
        let offer = up.unanswered_offer().cloned();
        let accepted = up.accepted.as_ref().map(|accepted| AcceptedState {
            response: accepted.packet.bytes.clone(),
            cseq: accepted.cseq,
            offered: accepted.offered,
        });
        up.close(world);
        Self { leg, party, dialog: up.dialog, flow: up.flow, accepted, offer }
    }

    /// The leg again. Our CSeq is moved on, in case the value is older than what was sent last.
    pub(crate) fn thaw(self, world: &mut World, credentials: Option<Credentials>) -> Leg {
        let Self { leg, party, mut dialog, flow, accepted, offer } = self;
        dialog.skip_ahead();
        let mut up = Up::new(dialog, flow, credentials);
        up.accepted = accepted.map(|accepted| {
            let packet = Packet { flow, bytes: accepted.response };
            Accepted::new(leg, world, packet, accepted.cseq, accepted.offered)
        });
        if let Some(body) = offer {
            up.offer(leg, world, body);
        }
        Leg { party, phase: Phase::Up(Box::new(up)) }
    }
}
