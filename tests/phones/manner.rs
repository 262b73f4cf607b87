//! How a phone speaks: over which transport, in which codec, encrypted or not. Every phone translates it into its own settings.

/// What carries its SIP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub(crate) const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

    /// What stands behind an address in a URI.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }
}

/// The one codec it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Codec {
    #[default]
    Pcmu,
    Pcma,
    G722,
    Opus,
}

impl Codec {
    /// The name in SDP.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Samples a second, and channels, of the sound that a phone without a resampler must be given for it.
    pub(crate) fn sound(self) -> (u32, u16) {
        match self {
            Codec::Pcmu | Codec::Pcma => (8_000, 1),
            Codec::G722 => (16_000, 1),
            Codec::Opus => (48_000, 2),
        }
    }
}

/// What protects its media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encryption {
    #[default]
    None,
    /// SRTP with keys in the SDP (RFC 4568), which it insists on.
    Sdes,
}

impl Encryption {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encryption::None => "none",
            Encryption::Sdes => "SRTP (SDES)",
        }
    }
}

/// All of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manner {
    pub(crate) transport: Transport,
    pub(crate) codec: Codec,
    pub(crate) encryption: Encryption,
}

impl Manner {
    pub(crate) fn is_over_tls(self) -> bool {
        self.transport == Transport::Tls
    }

    pub(crate) fn is_encrypted(self) -> bool {
        self.encryption == Encryption::Sdes
    }
}
