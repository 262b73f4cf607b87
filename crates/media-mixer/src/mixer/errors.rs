//! Why the mixer, or one leg of it, could not do what it was asked. Decides nothing; an error changes nothing either.

use conference::LegId;

use crate::music::MusicError;
use crate::ports::PortError;
use crate::sdp::SdpError;
use crate::sounds::QueueMusicError;

/// Why the mixer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port range is no use.
    #[error("media.rtp_ports: {0}")]
    Ports(#[from] PortError),
    /// The hold music cannot be played.
    #[error("media.hold_music: {0}")]
    Music(#[from] MusicError),
    /// A queue's music cannot be played.
    #[error(transparent)]
    QueueMusic(#[from] QueueMusicError),
    /// The prompts that are compiled in cannot be played.
    #[error("prompts: {0}")]
    Prompts(MusicError),
    /// A thread could not be started.
    #[error("media thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a leg was not opened or thawed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is a leg of this name.
    #[error("leg {leg} is open already")]
    Known {
        /// The leg.
        leg: LegId,
    },
    /// There are no ports for it.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// The system gave no random number.
    #[error("no random number for a leg")]
    NoRandom,
}

/// Why a leg's description was not made or taken.
#[derive(Debug, thiserror::Error)]
pub enum LegError {
    /// No such leg.
    #[error("no leg {leg}")]
    Unknown {
        /// The leg.
        leg: LegId,
    },
    /// The description is no use.
    #[error("leg {leg}: {error}")]
    Sdp {
        /// The leg.
        leg: LegId,
        /// What is wrong with it.
        error: SdpError,
    },
}

impl LegError {
    /// What is wrong, for the other side: without the leg, which is nothing to it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unknown { .. } => "no such leg".to_owned(),
            Self::Sdp { error, .. } => error.to_string(),
        }
    }

    /// The SIP status that says so: 400 for what cannot be read, 488 for what cannot be used (RFC 3261 §21.4.26), 500 where
    /// a key cannot be had, 481 for a leg that is gone.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown { .. } => 481,
            Self::Sdp { error: SdpError::Malformed(_), .. } => 400,
            Self::Sdp { error: SdpError::NoRandom(_), .. } => 500,
            Self::Sdp {
                error:
                    SdpError::TooLarge { .. }
                    | SdpError::NoAudio
                    | SdpError::NoCommonCodec
                    | SdpError::NotEncrypted
                    | SdpError::NoCommonCrypto
                    | SdpError::NoOffer,
                ..
            } => 488,
        }
    }
}
