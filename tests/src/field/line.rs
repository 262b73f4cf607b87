//! One line of a phone of the field: its dialog, its sound, what it should hear.

use std::net::SocketAddr;

use crate::hearing::Listener;
use crate::raw::{Audio, Dialog};

/// One line.
#[derive(Debug)]
pub struct FieldLine {
    /// Whose.
    pub name: &'static str,
    /// Its dialog.
    pub dialog: Dialog,
    /// Its sound.
    pub audio: Audio,
    /// The port that its descriptions name.
    pub port: u16,
    /// Where the server takes its sound.
    pub remote: SocketAddr,
}

impl FieldLine {
    /// Should hear these voices and no other.
    #[must_use]
    pub fn hears(&self, voices: &[f64]) -> Listener {
        Listener::of_voices(self.name, self.audio.ear(), voices)
    }

    /// Should hear nobody and no music.
    #[must_use]
    pub fn hears_nobody(&self) -> Listener {
        Listener::of_nobody(self.name, self.audio.ear())
    }

    /// Should hear hold music and nobody.
    #[must_use]
    pub fn hears_music(&self) -> Listener {
        Listener::of_music(self.name, self.audio.ear())
    }

    /// Says another tone.
    pub fn says(&self, hertz: f64) {
        self.audio.says(self.remote, hertz);
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        tag(&self.dialog.local)
    }

    /// The server's tag.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        tag(&self.dialog.remote)
    }
}

fn tag(address: &str) -> &str {
    address.split(";tag=").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default()
}
