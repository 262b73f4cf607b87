//! What the tests over real sockets share: a server, phones, and ears for news.

#![allow(dead_code, clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

pub(crate) mod call;
pub(crate) mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use conference::AgentName;
use sip_signalling::{
    Account, Algorithm, Arrival, Directory, Doorkeeping, Endpoint, Network, News, Password, PhoneAccount, Place,
    Protocol, Secret, SipSettings, Source, Trunk, TrunkSecurity, Wish,
};
use tokio::sync::mpsc;

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct House {
    pub(crate) endpoint: Endpoint,
    pub(crate) news: Ears,
}

/// News as they come.
pub(crate) struct Ears(mpsc::Receiver<News>);

pub(crate) trait Told {
    async fn until(&mut self, wanted: impl Fn(&News) -> bool) -> News;
    async fn arrival(&mut self) -> Arrival;
}

impl Told for Ears {
    async fn until(&mut self, wanted: impl Fn(&News) -> bool) -> News {
        let mut heard = Vec::new();
        let found = tokio::time::timeout(LIMIT, async {
            loop {
                let news = self.0.recv().await.unwrap();
                if wanted(&news) {
                    return news;
                }
                heard.push(news);
            }
        });
        match found.await {
            Ok(news) => news,
            Err(_) => panic!("not told in time; told was {heard:?}"),
        }
    }

    async fn arrival(&mut self) -> Arrival {
        match self.until(|news| matches!(news, News::Arrived(_))).await {
            News::Arrived(arrival) => arrival,
            other => panic!("{other:?}"),
        }
    }
}

impl Ears {
    /// What was told by now.
    pub(crate) fn now(&mut self) -> Vec<News> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

pub(crate) fn settings() -> SipSettings {
    let account = |name: &str| Account {
        name: AgentName(name.into()),
        password: Password::Plain(Secret(format!("{name}-secret"))),
    };
    SipSettings {
        domain: "baton.local".into(),
        listen: vec![(Protocol::Udp, "127.0.0.1:0".parse().unwrap()), (Protocol::Tcp, "127.0.0.1:0".parse().unwrap())],
        identity: None,
        name_servers: Vec::new(),
        trust: None,
        external_address: None,
        local_networks: vec![Network { address: "127.0.0.0".parse().unwrap(), prefix: 8 }],
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        directory: Directory {
            accounts: vec![account("alice"), account("bob"), account("carol")],
            trunks: vec![Trunk {
                name: "pstn".into(),
                place: Place::Address("127.0.0.9:5090".parse().unwrap()),
                protocol: Some(Protocol::Udp),
                security: TrunkSecurity::default(),
                credentials: Some(("baton".into(), Secret("carrier-secret".into()))),
                register: false,
                from_account: false,
                trusted: true,
                caller_id: String::new(),
                accept_from: vec![Source::Network(Network { address: "127.0.0.2".parse().unwrap(), prefix: 32 })],
                max_calls: 2,
            }],
        },
        doorkeeping: Doorkeeping::Server,
        user_agent: "Baton test".into(),
        ban_loopback: false,
        keep_alive: Duration::from_secs(25),
        session_expires: Duration::from_secs(1800),
        dropped_user_agents: vec!["friendly-scanner".into(), "sipvicious".into(), "pplsip".into()],
        bindings: Vec::new(),
    }
}

/// The number of an offer that was told.
pub(crate) fn offered(news: &News) -> u32 {
    match news {
        News::Offered { number, .. } => *number,
        other => panic!("{other:?}"),
    }
}

/// A running server.
pub(crate) async fn house(change: impl FnOnce(&mut SipSettings)) -> House {
    let mut settings = settings();
    change(&mut settings);
    let (endpoint, news) = Endpoint::start(settings).await.unwrap();
    House { endpoint, news: Ears(news) }
}

/// A registered phone.
pub(crate) async fn phone(user: &str, server: &Endpoint, protocol: Protocol) -> (Endpoint, Ears) {
    phone_that(user, server, protocol, |_| {}).await
}

/// The same, set up otherwise.
pub(crate) async fn phone_that(
    user: &str,
    server: &Endpoint,
    protocol: Protocol,
    change: impl FnOnce(&mut SipSettings),
) -> (Endpoint, Ears) {
    let mut settings = settings();
    settings.doorkeeping = Doorkeeping::Phone;
    settings.directory = Directory { accounts: Vec::new(), trunks: Vec::new() };
    settings.listen = vec![(protocol, (listener(server, protocol).ip(), 0).into())];
    change(&mut settings);
    let (endpoint, news) = Endpoint::start(settings).await.unwrap();
    let mut news = Ears(news);
    endpoint.wish(Wish::Register(PhoneAccount {
        user: user.into(),
        password: Secret(format!("{user}-secret")),
        domain: "baton.local".into(),
        server: listener(server, protocol),
        protocol,
        expires_s: 600,
    }));
    news.until(|news| matches!(news, News::PhoneRegistered { status: 200, .. })).await;
    (endpoint, news)
}

/// Where an endpoint listens.
pub(crate) fn listener(endpoint: &Endpoint, protocol: Protocol) -> SocketAddr {
    endpoint.addresses().iter().find(|(listens, _)| *listens == protocol).unwrap().1
}
