//! Asks DNS where a name leads (RFC 3263 §4): NAPTR, SRV, A and AAAA, each only as far as the question leaves it open.
//!
//! ```text
//!   port given                  A, AAAA
//!   transport given             SRV of it; without any: A, AAAA with its usual port
//!   neither                     NAPTR: SRVs in its order; without any: SRV over UDP, over TCP; without any: A, AAAA, UDP
//! ```
//!
//! Runs beside the endpoint's loop and keeps nothing: what was found is the stack's to keep, as long as it holds.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::time::timeout;

use crate::servers::{Found, MOST_ADDRESSES, MOST_SERVERS, Question, Server};
use crate::settings::Protocol;

/// How long one question to DNS may take, and all that one name needs (fault 25 of trust.md).
const ASKING_TIME: Duration = Duration::from_millis(1500);
const FINDING_TIME: Duration = Duration::from_secs(4);
/// The longest that any answer is kept.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Whom to ask. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Names {
    resolver: Option<TokioResolver>,
}

impl Names {
    /// Asks these servers; without any those of this machine.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let provider = TokioRuntimeProvider::default();
        let builder = if servers.is_empty() {
            TokioResolver::builder(provider)
        } else {
            let servers = servers.iter().map(|server| name_server(*server)).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            Ok(TokioResolver::builder_with_config(config, provider))
        };
        let built = builder.and_then(|mut builder| {
            set_up(builder.options_mut());
            builder.build()
        });
        match built {
            Ok(resolver) => Self { resolver: Some(resolver) },
            Err(error) => {
                tracing::warn!(%error, "names cannot be looked up");
                Self { resolver: None }
            }
        }
    }

    /// Where a name leads; `None` if it leads nowhere or nobody says so in time.
    pub(crate) async fn find(&self, question: &Question) -> Option<Found> {
        let found = timeout(FINDING_TIME, self.servers(question)).await.ok().flatten();
        if found.is_none() {
            tracing::warn!(host = question.host, "no server is found by this name");
        }
        found
    }

    async fn servers(&self, question: &Question) -> Option<Found> {
        if let Some(port) = question.port {
            return self.hosts(question, question.protocol.unwrap_or(Protocol::Udp), port).await;
        }
        let services = match question.protocol {
            Some(protocol) => vec![(service_name(protocol, &question.host), protocol)],
            None => self.services(question).await,
        };
        let mut found = Found { servers: Vec::new(), life: LONGEST };
        for (stage, (name, protocol)) in services.into_iter().enumerate() {
            self.service(question, stage, &name, protocol, &mut found).await;
        }
        if !found.servers.is_empty() {
            return Some(found);
        }
        let protocol = question.protocol.unwrap_or(Protocol::Udp);
        self.hosts(question, protocol, default_port(protocol)).await
    }

    /// The names under which services are found, best first. Of `sip:` none over TLS is guessed: who wants it says so.
    async fn services(&self, question: &Question) -> Vec<(String, Protocol)> {
        let mut pointers = Vec::new();
        for record in self.ask(&question.host, RecordType::NAPTR).await.unwrap_or_default().0 {
            let RData::NAPTR(pointer) = record else { continue };
            let service = String::from_utf8_lossy(&pointer.services).to_ascii_uppercase();
            let protocol = match service.as_str() {
                "SIP+D2U" => Protocol::Udp,
                "SIP+D2T" => Protocol::Tcp,
                "SIPS+D2T" => Protocol::Tls,
                _ => continue,
            };
            if question.ours.contains(&protocol) && pointer.flags.eq_ignore_ascii_case(b"s") {
                pointers.push((pointer.order, pointer.preference, pointer.replacement.to_string(), protocol));
            }
        }
        pointers.sort_by_key(|(order, preference, ..)| (*order, *preference));
        if !pointers.is_empty() {
            return pointers.into_iter().take(MOST_SERVERS).map(|(_, _, name, protocol)| (name, protocol)).collect();
        }
        let open = [Protocol::Udp, Protocol::Tcp].into_iter().filter(|protocol| question.ours.contains(protocol));
        open.map(|protocol| (service_name(protocol, &question.host), protocol)).collect()
    }

    /// The servers of one service.
    async fn service(&self, question: &Question, stage: usize, name: &str, protocol: Protocol, found: &mut Found) {
        let Some((records, life)) = self.ask(name, RecordType::SRV).await else { return };
        for record in records {
            let RData::SRV(server) = record else { continue };
            // "." says that there is none (RFC 2782)
            if server.target.is_root() || found.servers.len() >= MOST_SERVERS {
                continue;
            }
            let Some((addresses, of_host)) = self.addresses(question, &server.target.to_string()).await else {
                continue;
            };
            found.life = found.life.min(life).min(of_host);
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, server.port)).collect();
            let (priority, weight) = (server.priority, server.weight);
            found.servers.push(Server { stage, priority, weight, protocol, addresses });
        }
    }

    async fn hosts(&self, question: &Question, protocol: Protocol, port: u16) -> Option<Found> {
        let (addresses, life) = self.addresses(question, &question.host).await?;
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        Some(Found { servers: vec![Server { stage: 0, priority: 0, weight: 0, protocol, addresses }], life })
    }

    /// The addresses of a host, of families that we reach.
    async fn addresses(&self, question: &Question, host: &str) -> Option<(Vec<IpAddr>, Duration)> {
        let resolver = self.resolver.as_ref()?;
        let found = resolver.lookup_ip(absolute(host)).await;
        let found = found.inspect_err(|error| tracing::debug!(host, %error, "no address")).ok()?;
        let (four, six) = question.families;
        let reached = found.iter().filter(|ip| if ip.is_ipv4() { four } else { six });
        let addresses: Vec<_> = reached.take(MOST_ADDRESSES).collect();
        let life = found.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or(0);
        (!addresses.is_empty()).then(|| (addresses, LONGEST.min(Duration::from_secs(u64::from(life)))))
    }

    /// The records of one kind and how long they hold.
    async fn ask(&self, name: &str, kind: RecordType) -> Option<(Vec<RData>, Duration)> {
        let resolver = self.resolver.as_ref()?;
        let found = resolver.lookup(absolute(name), kind).await;
        let found = found.inspect_err(|error| tracing::debug!(name, %kind, %error, "no record")).ok()?;
        let life = found.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
        let records = found.answers().iter().map(|record| record.data.clone()).collect();
        Some((records, LONGEST.min(Duration::from_secs(u64::from(life)))))
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut config.connections {
        connection.port = address.port();
    }
    config
}

fn set_up(options: &mut ResolverOpts) {
    options.timeout = ASKING_TIME;
    options.attempts = 1;
    // kept by the stack, on its own clock
    options.cache_size = 0;
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
}

fn service_name(protocol: Protocol, host: &str) -> String {
    let service = match protocol {
        Protocol::Udp => "_sip._udp",
        Protocol::Tcp => "_sip._tcp",
        Protocol::Tls => "_sips._tcp",
    };
    format!("{service}.{host}")
}

fn default_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Udp | Protocol::Tcp => 5060,
        Protocol::Tls => 5061,
    }
}

/// Nothing is added to a name with a dot in it.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}
