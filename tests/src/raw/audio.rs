//! A socket that speaks one tone as RTP and keeps every packet that comes, with an encoder and an ear of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use softphone::Ear;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A packet that came.
#[derive(Clone, Debug)]
pub struct HeardPacket {
    /// When.
    pub at: Instant,
    /// From where.
    pub from: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The numbers of an RTP stream: those of the next packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Source.
    pub ssrc: u32,
}

/// The two encodings of ITU-T G.711.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Law {
    /// PCMU, payload type 0.
    #[default]
    Mu,
    /// PCMA, payload type 8.
    A,
}

impl Law {
    /// Its static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// A byte's value by the standard's own arithmetic; full scale is 1.
    fn value(self, byte: u8) -> f64 {
        let bits = if self == Self::Mu { !byte } else { byte ^ 0x55 };
        let (exponent, mantissa) = (u32::from(bits >> 4) & 7, u32::from(bits & 0x0f));
        let (magnitude, positive) = match self {
            // 14 bits, an offset of 33, inverted throughout
            Self::Mu => ((((mantissa * 2 + 33) << exponent) - 33) * 4, bits & 0x80 == 0),
            // 13 bits, every other bit inverted
            Self::A if exponent == 0 => ((mantissa * 2 + 1) * 8, bits & 0x80 != 0),
            Self::A => (((mantissa * 2 + 33) << (exponent - 1)) * 8, bits & 0x80 != 0),
        };
        f64::from(magnitude) / 32_768.0 * if positive { 1.0 } else { -1.0 }
    }

    /// The byte whose value is nearest: slow, and as right as a table.
    fn nearest(self, sample: f64) -> u8 {
        let distance = |byte: &u8| (self.value(*byte) - sample).abs();
        (0..=255_u8).min_by(|one, other| distance(one).total_cmp(&distance(other))).unwrap_or(0xff)
    }
}

#[derive(Debug, Default)]
struct State {
    to: Option<SocketAddr>,
    hertz: f64,
    law: Law,
    numbers: Numbers,
    heard: Vec<HeardPacket>,
    ear: Ear,
}

/// An RTP socket. It speaks once it was told to whom, a packet every 20 ms, until it is dropped.
#[derive(Debug)]
pub struct Audio {
    /// Its address.
    pub own: SocketAddr,
    socket: Arc<UdpSocket>,
    state: Arc<Mutex<State>>,
    tasks: [JoinHandle<()>; 2],
}

impl Audio {
    /// Opens a socket at an even port of this address.
    pub async fn open(address: IpAddr) -> Self {
        let socket = loop {
            let socket = UdpSocket::bind((address, 0)).await.expect("a UDP socket");
            if socket.local_addr().expect("an address").port() % 2 == 0 {
                break Arc::new(socket);
            }
        };
        let own = socket.local_addr().expect("an address");
        let numbers = Numbers { sequence: own.port(), timestamp: 160_000, ssrc: 0x0bad_cafe };
        let state = Arc::new(Mutex::new(State { numbers, ..State::default() }));
        let hearing = tokio::spawn(hear(socket.clone(), state.clone()));
        let speaking = tokio::spawn(speak(socket.clone(), state.clone()));
        Self { own, socket, state, tasks: [hearing, speaking] }
    }

    /// Says a tone to somebody from now on.
    pub fn says(&self, to: SocketAddr, hertz: f64) {
        let mut state = self.state();
        state.to = Some(to);
        state.hertz = hertz;
    }

    /// Speaks and hears by this law from now on.
    pub fn speaks(&self, law: Law) {
        self.state().law = law;
    }

    /// Speaks to another address from now on, if it speaks.
    pub fn goes_by(&self, to: SocketAddr) {
        let mut state = self.state();
        state.to = state.to.map(|_| to);
    }

    /// What it heard, decoded by its own arithmetic, to be judged as a phone's.
    #[must_use]
    pub fn ear(&self) -> Ear {
        self.state().ear.clone()
    }

    /// Says nothing from now on.
    pub fn is_silent(&self) {
        self.state().to = None;
    }

    /// The numbers of the next packet.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.state().numbers
    }

    /// Sends bytes as they are, from this very socket.
    pub async fn throw(&self, bytes: &[u8], to: SocketAddr) {
        // refused where nobody listens: that is what some scenarios are about
        drop(self.socket.send_to(bytes, to).await);
    }

    /// Everything that came so far.
    #[must_use]
    pub fn heard(&self) -> Vec<HeardPacket> {
        self.state().heard.clone()
    }

    /// Waits for a report (RTCP in the same port) with an extended report in it (RFC 3611), and returns it.
    pub async fn until_reported(&self, limit: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + limit;
        let reported = |bytes: &Vec<u8>| {
            bytes.len() > 8
                && (200..=201).contains(&bytes[1])
                && bytes.chunks_exact(4).any(|word| word[..2] == [0x80, 207])
        };
        while Instant::now() < end {
            let found = self.state().heard.iter().map(|packet| &packet.bytes).find(|bytes| reported(bytes)).cloned();
            if found.is_some() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// The telephone events (payload type 101) that began: the event's number, once per timestamp.
    #[must_use]
    pub fn events(&self) -> Vec<u8> {
        let state = self.state();
        let events =
            state.heard.iter().map(|packet| &packet.bytes).filter(|bytes| bytes.len() == 16 && bytes[1] & 0x7f == 101);
        let mut begun: Vec<([u8; 4], u8)> = Vec::new();
        for bytes in events {
            let start = [bytes[4], bytes[5], bytes[6], bytes[7]];
            if !begun.iter().any(|(known, _)| *known == start) {
                begun.push((start, bytes[12]));
            }
        }
        begun.into_iter().map(|(_, event)| event).collect()
    }

    /// How loud a tone was since `from`, in dBFS, in all packets of 20 ms of its law.
    #[must_use]
    pub fn level(&self, from: Instant, hertz: f64) -> f64 {
        let state = self.state();
        let law = state.law;
        let packets = state.heard.iter().filter(|packet| packet.at >= from && is_audio(&packet.bytes, law));
        let samples: Vec<f64> =
            packets.flat_map(|packet| packet.bytes[12..].iter().map(|byte| law.value(*byte))).collect();
        level(&samples, hertz)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Audio {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn hear(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut datagram = [0; 2_048];
    loop {
        if let Ok((length, from)) = socket.recv_from(&mut datagram).await {
            let packet = HeardPacket { at: Instant::now(), from, bytes: datagram[..length].to_vec() };
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if is_audio(&packet.bytes, state.law) {
                decode(&state.ear, state.law, &packet);
            }
            state.heard.push(packet);
        }
    }
}

async fn speak(socket: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    loop {
        ticks.tick().await;
        let (packet, to) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let numbers = state.numbers;
            state.numbers.timestamp = numbers.timestamp.wrapping_add(160);
            let Some(to) = state.to else { continue };
            state.numbers.sequence = numbers.sequence.wrapping_add(1);
            let sound = tone(state.law, state.hertz, numbers.timestamp, 160);
            (rtp(state.law.payload_type(), numbers, &sound), to)
        };
        // where nobody listens any more the call is over, which is told by SIP
        drop(socket.send_to(&packet, to).await);
    }
}

/// An RTP packet (RFC 3550 §5.1) without anything special.
#[must_use]
pub fn rtp(payload_type: u8, numbers: Numbers, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend_from_slice(&numbers.sequence.to_be_bytes());
    packet.extend_from_slice(&numbers.timestamp.to_be_bytes());
    packet.extend_from_slice(&numbers.ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A tone at −12 dBFS as µ-law, in phase with its timestamp.
#[must_use]
pub fn ulaw_tone(hertz: f64, timestamp: u32, samples: u32) -> Vec<u8> {
    tone(Law::Mu, hertz, timestamp, samples)
}

fn tone(law: Law, hertz: f64, timestamp: u32, samples: u32) -> Vec<u8> {
    (0..samples)
        .map(|n| {
            let second = f64::from((timestamp.wrapping_add(n)) % 8_000) / 8_000.0;
            let sample = (std::f64::consts::TAU * hertz * second).sin() * 0.355;
            law.nearest(sample)
        })
        .collect()
}

/// Gives a packet's sound to the ear.
fn decode(ear: &Ear, law: Law, packet: &HeardPacket) {
    let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|n| packet.bytes[at + n]));
    #[allow(clippy::cast_possible_truncation, reason = "a value is below 1")]
    let samples: Vec<i16> = packet.bytes[12..].iter().map(|byte| (law.value(*byte) * 32_767.0) as i16).collect();
    let sequence = u16::from_be_bytes([packet.bytes[2], packet.bytes[3]]);
    ear.hear(packet.at, word(8), sequence, word(4), &samples);
}

fn is_audio(bytes: &[u8], law: Law) -> bool {
    bytes.len() == 172 && bytes[1] & 0x7f == law.payload_type()
}

/// Power of one frequency, by its definition.
fn level(samples: &[f64], hertz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hertz / 8_000.0;
    let count = samples.len().max(1) as f64;
    let windows = samples.chunks_exact(160);
    let number = windows.len().max(1) as f64;
    let power: f64 = windows
        .map(|window| {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (n, sample) in window.iter().enumerate() {
                let angle = turn * n as f64;
                real += sample * angle.cos();
                imaginary += sample * angle.sin();
            }
            2.0 * (real * real + imaginary * imaginary) / (160.0 * 160.0)
        })
        .sum();
    if count < 160.0 { -120.0 } else { 10.0 * (power / number).max(1e-12).log10() }
}
