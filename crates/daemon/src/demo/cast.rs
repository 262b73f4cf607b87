//! Who plays in the demo: people, each with a phone and a tone of their own.

use std::net::{IpAddr, SocketAddr};

use softphone::{Ear, Heard, LineId, Mark, Phone, PhoneError, PhoneSettings, Voice};

/// The domain of the demo's configuration.
pub(super) const DOMAIN: &str = "baton.local";
/// The address from which the demo's trunk accepts calls: customers call from here.
const CUSTOMER_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// What somebody says while something private is going on, apart from their ordinary voice.
pub(super) const SECRET_HERTZ: f64 = 3_250.0;

/// One person.
#[derive(Debug)]
pub(super) struct Person {
    /// As drawn.
    pub(super) name: &'static str,
    /// Their voice.
    pub(super) hertz: f64,
    /// Their phone.
    pub(super) phone: Phone,
    /// The line they talk on, once there is one.
    pub(super) line: Option<LineId>,
}

impl Person {
    /// An agent of the demo's configuration, registered.
    pub(super) async fn agent(name: &'static str, hertz: f64, server: SocketAddr) -> Result<Self, PhoneError> {
        let account = name.to_lowercase();
        let password = format!("{account}-secret");
        let settings = PhoneSettings::agent(&account, &password, DOMAIN, server, Voice::Tone(hertz));
        let phone = Phone::start(settings).await?;
        phone.register().await?;
        Ok(Self { name, hertz, phone, line: None })
    }

    /// Somebody outside, who calls by way of the trunk.
    pub(super) async fn customer(name: &'static str, hertz: f64, server: SocketAddr) -> Result<Self, PhoneError> {
        let settings = PhoneSettings::outside("+15550100", DOMAIN, server, CUSTOMER_ADDRESS, Voice::Tone(hertz));
        Ok(Self { name, hertz, phone: Phone::start(settings).await?, line: None })
    }

    /// The ear of the line they talk on.
    pub(super) fn ear(&self) -> Option<Ear> {
        self.line.and_then(|line| self.phone.ear(line).ok())
    }

    /// What they heard since a mark; nothing without a line.
    pub(super) fn heard(&self, from: Mark, to: Mark) -> Option<Heard> {
        self.ear().map(|ear| ear.between(from, to))
    }
}
