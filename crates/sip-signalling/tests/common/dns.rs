//! A name server of the tests' own on loopback, written from RFC 1035 by hand: it answers what it was told to, counts what it is
//! asked, and can fall silent.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// What it knows, and what it was asked.
#[derive(Default)]
struct Zone {
    records: HashMap<(String, u16), Vec<Vec<u8>>>,
    asked: Vec<(String, u16)>,
    ttl: u32,
    silent: bool,
}

/// A name server; it answers as long as the test runs.
#[derive(Clone)]
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Dns {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone { ttl: 60, ..Zone::default() }));
        let dns = Self { address, zone };
        let serving = dns.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, asker) = socket.recv_from(&mut buffer).await.unwrap();
                if let Some(answer) = serving.answer(&buffer[..length]) {
                    socket.send_to(&answer, asker).await.unwrap();
                }
            }
        });
        dns
    }

    /// `name` is at this address.
    pub(crate) fn host(&self, name: &str, address: &str) -> &Self {
        let IpAddr::V4(address) = address.parse().unwrap() else { panic!("an address of IPv4") };
        self.add(name, A, address.octets().to_vec())
    }

    /// `name` is served by `target`.
    pub(crate) fn service(&self, name: &str, priority: u16, weight: u16, port: u16, target: &str) -> &Self {
        let mut data = [priority, weight, port].map(u16::to_be_bytes).concat();
        data.extend(labels(target));
        self.add(name, SRV, data)
    }

    /// `name` has a service of this kind, found under `replacement`.
    pub(crate) fn pointer(&self, name: &str, order: u16, service: &str, replacement: &str) -> &Self {
        let mut data = [order, 10].map(u16::to_be_bytes).concat();
        for text in ["s", service, ""] {
            data.push(u8::try_from(text.len()).unwrap());
            data.extend(text.bytes());
        }
        data.extend(labels(replacement));
        self.add(name, NAPTR, data)
    }

    pub(crate) fn ttl(&self, seconds: u32) -> &Self {
        self.zone.lock().unwrap().ttl = seconds;
        self
    }

    pub(crate) fn fall_silent(&self) {
        self.zone.lock().unwrap().silent = true;
    }

    /// How often it was asked for services.
    pub(crate) fn asked_for_services(&self) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|(_, kind)| *kind == SRV).count()
    }

    fn add(&self, name: &str, kind: u16, data: Vec<u8>) -> &Self {
        self.zone.lock().unwrap().records.entry((name.to_ascii_lowercase(), kind)).or_default().push(data);
        self
    }

    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = name_at(query, 12)?;
        let kind = u16::from_be_bytes([query[end], query[end + 1]]);
        let mut zone = self.zone.lock().unwrap();
        zone.asked.push((name.clone(), kind));
        if zone.silent {
            return None;
        }
        let records = zone.records.get(&(name.clone(), kind)).cloned().unwrap_or_default();
        let known = zone.records.keys().any(|(known, _)| *known == name);
        let code = if known { 0x80 } else { 0x83 };
        let mut answer =
            vec![query[0], query[1], 0x85, code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0];
        answer.extend(&query[12..end + 4]);
        for data in records {
            answer.extend([0xC0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1]);
            answer.extend(zone.ttl.to_be_bytes());
            answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// The name at a place of a query, and what comes after it.
fn name_at(query: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name.join(".").to_ascii_lowercase(), at));
        }
        name.push(String::from_utf8_lossy(query.get(at..at + length)?).into_owned());
        at += length;
    }
}
