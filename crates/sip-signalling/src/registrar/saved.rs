//! A binding as it is kept over a restart: a value without socket or handle. Whoever keeps it need not know what is in it.

use std::net::SocketAddr;

use conference::Moment;
use serde::{Deserialize, Serialize};

use super::Binding;
use crate::flow::Flow;
use crate::settings::Protocol;

/// One registered contact of an agent, to be kept and given back after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBinding(pub(crate) Binding<Flow>);

impl SavedBinding {
    /// Where it registered from.
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.0.source
    }

    /// Over what it registered.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.0.flow.protocol
    }

    /// When it ends unless the phone registers again.
    #[must_use]
    pub fn expires_at(&self) -> Moment {
        self.0.until
    }
}
