//! Freezes every live call, its dialogs and its media ends into plain values, drops them, and thaws them: what a restart
//! will do from the journal. Until there is one, the tests do it in the middle of every call.
//!
//! The switch waits meanwhile: nothing may come between. Every wait has a limit.

use std::time::Duration;

use conference::{LegId, Switchboard};
use media_mixer::LegState;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sip_signalling::DialogState;

use crate::switch::Switch;

/// How long one dialog may take to freeze.
const LIMIT: Duration = Duration::from_secs(2);

/// Why a call could not be frozen and thawed. The call itself may be lost then.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// A state is no plain value.
    #[error("{what} does not survive being written down: {why}")]
    NotPlain {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A media end is known without its dialog, or the other way round.
    #[error("leg {leg}: its {what} cannot be frozen")]
    Missing {
        /// The leg.
        leg: LegId,
        /// Which half.
        what: &'static str,
    },
    /// An edge did not take its state back.
    #[error("leg {leg}: its {what} cannot be thawed: {why}")]
    NotThawed {
        /// The leg.
        leg: LegId,
        /// Which half.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The daemon stops.
    #[error("the daemon stops")]
    Stopping,
}

impl Switch {
    /// Freezes and thaws every leg that is up, and the switchboard. Returns how many legs.
    ///
    /// # Errors
    /// As [`FreezeError`] says.
    pub(crate) async fn freeze_and_thaw(&mut self) -> Result<usize, FreezeError> {
        let mut frozen = Vec::new();
        for leg in self.carry.legs.all() {
            if let Some(dialog) = self.freeze_dialog(leg).await? {
                let media = self.carry.mixer.freeze(leg).ok_or(FreezeError::Missing { leg, what: "media" })?;
                frozen.push((leg, dialog, written("LegState", &media)?));
            }
        }
        let board = written("Switchboard", &self.board)?;
        self.board = Switchboard::default();
        self.board = read("Switchboard", &board)?;
        for (leg, dialog, media) in &frozen {
            let failed = |what, why: String| FreezeError::NotThawed { leg: *leg, what, why };
            let media: LegState = read("LegState", media)?;
            self.carry.mixer.thaw(media).map_err(|error| failed("media", error.to_string()))?;
            let dialog: DialogState = read("DialogState", dialog)?;
            self.carry.endpoint.thaw(dialog);
        }
        // same masks, before any sample flows: a leg without a mask is closed
        self.carry.restate_all();
        Ok(frozen.len())
    }

    /// `None` for a leg that has no dialog yet.
    async fn freeze_dialog(&self, leg: LegId) -> Result<Option<String>, FreezeError> {
        match tokio::time::timeout(LIMIT, self.carry.endpoint.freeze(leg)).await {
            Ok(Some(dialog)) => written("DialogState", &dialog).map(Some),
            Ok(None) => Ok(None),
            Err(_) => Err(FreezeError::Missing { leg, what: "dialog" }),
        }
    }
}

fn written<T: Serialize>(what: &'static str, state: &T) -> Result<String, FreezeError> {
    serde_json::to_string(state).map_err(|error| FreezeError::NotPlain { what, why: error.to_string() })
}

fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, FreezeError> {
    serde_json::from_str(text).map_err(|error| FreezeError::NotPlain { what, why: error.to_string() })
}
