//! Who plays in the demo: people, each with a phone and two tones of their own, one for what everybody may hear and one
//! for what is said in private.

use std::net::{IpAddr, SocketAddr};

use softphone::{Ear, LineId, Phone, PhoneError, PhoneSettings, Voice};

/// The domain of the demo's configuration.
pub(super) const DOMAIN: &str = "baton.local";
/// The address from which the demo's trunk accepts calls: customers call from here.
const CUSTOMER_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
/// The number that the customer calls from.
pub(super) const CUSTOMER_NUMBER: &str = "+15550100";

/// Somebody of the cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The agent whom the customer called.
    Alice,
    /// The customer.
    Customer,
    /// The agent whom Alice asks.
    Bob,
}

impl Who {
    /// As drawn.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alice => "Alice",
            Self::Customer => "Customer",
            Self::Bob => "Bob",
        }
    }

    /// Their two voices in hertz: the ordinary one, and the one for what is said in private. Multiples of 50 Hz, so that
    /// none shows in another's windows of 20 ms, and above whatever the hold music has.
    pub(super) const fn tones(self) -> Tones {
        match self {
            Self::Alice => Tones { ordinary: 2_500.0, private: 3_250.0 },
            Self::Customer => Tones { ordinary: 2_900.0, private: 3_050.0 },
            Self::Bob => Tones { ordinary: 2_300.0, private: 2_700.0 },
        }
    }
}

/// The two voices of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tones {
    pub(super) ordinary: f64,
    pub(super) private: f64,
}

impl Tones {
    /// Both.
    pub(super) const fn both(self) -> [f64; 2] {
        [self.ordinary, self.private]
    }
}

/// One person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) who: Who,
    /// What they say now, in hertz.
    pub(super) says: f64,
    pub(super) phone: Phone,
    /// Their lines, in the order in which they came.
    pub(super) lines: Vec<LineId>,
}

impl Person {
    /// An agent of the demo's configuration, registered.
    pub(super) async fn agent(who: Who, server: SocketAddr) -> Result<Self, PhoneError> {
        let account = who.name().to_lowercase();
        let password = format!("{account}-secret");
        let voice = Voice::Tone(who.tones().ordinary);
        let person = Self::with(who, PhoneSettings::agent(&account, &password, DOMAIN, server, voice)).await?;
        person.phone.register().await?;
        Ok(person)
    }

    /// Somebody outside, who calls by way of the trunk.
    pub(super) async fn customer(server: SocketAddr) -> Result<Self, PhoneError> {
        let voice = Voice::Tone(Who::Customer.tones().ordinary);
        let settings = PhoneSettings::outside(CUSTOMER_NUMBER, DOMAIN, server, CUSTOMER_ADDRESS, voice);
        Self::with(Who::Customer, settings).await
    }

    async fn with(who: Who, settings: PhoneSettings) -> Result<Self, PhoneError> {
        let phone = Phone::start(settings).await?;
        Ok(Self { who, says: who.tones().ordinary, phone, lines: Vec::new() })
    }

    /// The ears of all their lines.
    pub(super) fn ears(&self) -> Vec<Ear> {
        self.lines.iter().filter_map(|line| self.phone.ear(*line).ok()).collect()
    }

    /// Says something else, into every line.
    pub(super) fn say(&mut self, hertz: f64) {
        self.says = hertz;
        for line in &self.lines {
            self.phone.say(*line, Voice::Tone(hertz));
        }
    }
}
