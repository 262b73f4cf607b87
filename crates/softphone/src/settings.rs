//! How a phone is set up, how it says hold, and what can go wrong with it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use media_mixer::sdp::{Codec, OpusSettings, SrtpTerms};
use secure_wire::Roots;
use sip_signalling::{Algorithm, Directory, Doorkeeping, Protocol, SipSettings};

use crate::line::{LineId, LineView};
use crate::voice::Voice;

/// How a phone is set up.
#[derive(Clone, Debug)]
pub struct PhoneSettings {
    /// The user part of its address, and its digest user name.
    pub name: String,
    /// Its password; `None`: a phone without an account (a customer's).
    pub password: Option<String>,
    /// The domain.
    pub domain: String,
    /// The server.
    pub server: SocketAddr,
    /// Over what it speaks SIP.
    pub protocol: Protocol,
    /// Over TLS: whom it believes that the server is it.
    pub trust: Option<Roots>,
    /// Its own address, for SIP and RTP.
    pub address: IpAddr,
    /// Its own SIP port; 0 takes a free one.
    pub port: u16,
    /// What it says.
    pub voice: Voice,
    /// What it speaks, in order of preference.
    pub codecs: Vec<Codec>,
    /// How it speaks Opus.
    pub opus: OpusSettings,
    /// How it protects its media.
    pub srtp: SrtpTerms,
    /// When it hangs up a line on which it pressed Transfer.
    pub goodbye: Goodbye,
}

impl PhoneSettings {
    /// The phone of an agent of `domain` at `server`, on 127.0.0.1 over UDP.
    #[must_use]
    pub fn agent(name: &str, password: &str, domain: &str, server: SocketAddr, voice: Voice) -> Self {
        Self {
            name: name.to_owned(),
            password: Some(password.to_owned()),
            domain: domain.to_owned(),
            server,
            protocol: Protocol::Udp,
            trust: None,
            address: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            voice,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            opus: OpusSettings::default(),
            srtp: SrtpTerms::default(),
            goodbye: Goodbye::AtSuccess,
        }
    }

    /// The phone of an outside party who calls through a trunk that accepts calls from `address`.
    #[must_use]
    pub fn outside(number: &str, domain: &str, server: SocketAddr, address: IpAddr, voice: Voice) -> Self {
        Self { password: None, address, ..Self::agent(number, "", domain, server, voice) }
    }
}

/// The ways in which phones say hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `a=sendonly`, RFC 3264 §8.4.
    SendOnly,
    /// `a=inactive`.
    Inactive,
    /// `c=IN IP4 0.0.0.0`, as RFC 2543 had it.
    AddressZero,
}

/// When a phone says BYE on the line on which its REFER went out; phones differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// At once, when the REFER is accepted (202).
    AtAccepted,
    /// At the first NOTIFY, whatever it says.
    AtNotify,
    /// When a NOTIFY says that the transfer is done (2xx).
    AtSuccess,
    /// Never: the server says it.
    Never,
}

/// How a phone sends the digits of its keypad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keypad {
    /// As RTP events, RFC 4733, 100 ms each.
    Rtp,
    /// As SIP INFO, one request a digit.
    Info,
}

/// What went wrong with a phone.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The SIP side did not start.
    #[error("{0}: SIP did not start: {1}")]
    Sip(String, sip_signalling::StartError),
    /// The sound side did not start, or no port was free.
    #[error("{0}: sound: {1}")]
    Sound(String, std::io::Error),
    /// No such line, or not in a state for this.
    #[error("{0}: line {1} cannot do this now")]
    Line(String, LineId),
    /// The registration was refused.
    #[error("{0}: registration refused with {1}")]
    Refused(String, u16),
    /// It did not happen in time.
    #[error("{name}: not within {limit:?}: {what}; lines: {lines:?}")]
    TooLate {
        /// Whose phone.
        name: String,
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
        /// The lines as they were then.
        lines: Vec<LineView>,
    },
}

/// The settings of the phone's SIP side.
pub(crate) fn sip_settings(settings: &PhoneSettings) -> SipSettings {
    SipSettings {
        domain: settings.domain.clone(),
        listen: vec![(settings.protocol, SocketAddr::new(settings.address, settings.port))],
        identity: None,
        name_servers: Vec::new(),
        trust: settings.trust.clone(),
        external_address: None,
        local_networks: Vec::new(),
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        directory: Directory { accounts: Vec::new(), trunks: Vec::new() },
        doorkeeping: Doorkeeping::Phone,
        user_agent: "Baton softphone".to_owned(),
        ban_loopback: false,
        keep_alive: Duration::from_secs(25),
        session_expires: Duration::from_secs(1800),
        dropped_user_agents: Vec::new(),
        bindings: Vec::new(),
    }
}
