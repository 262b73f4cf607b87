//! A phone's sound: one thread per phone that speaks and listens on every line, on an absolute 20 ms clock.
//!
//! It has no jitter buffer: an ear remembers what came off the wire and when, which is what tests want to know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media_mixer::codec::Encoder;
use media_mixer::dtmf;
use media_mixer::rtp::{Packet, Stamp};
use media_mixer::sdp::{Agreement, Codec};
use media_mixer::srtp::{RTP_OVERHEAD, Shield};

use crate::decode::Decoding;
use crate::ear::Ear;
use crate::line::LineId;
use crate::voice::{Speaking, Voice};
use crate::wire::{Journey, Wire};

/// How often sockets are read; every fourth step speaks.
const STEP: Duration = Duration::from_millis(5);
const STEPS_PER_FRAME: u32 = 4;
/// Bytes of the longest payload a line sends.
const MOST_BYTES: usize = 1_400;
/// Packets a second, if they are 20 ms long.
const FRAMES: u32 = 50;
/// A phone that is this much behind its clock stood still: three ticks are more than an ordinary scheduler takes.
const STOOD_STILL: Duration = Duration::from_millis(20);
/// The most stops that are remembered.
const MOST_STOPS: usize = 10_000;
/// Losses for which a line's Opus repeats its frames, in percent.
const EXPECTED_LOSS_PERCENT: u8 = 10;
/// Attempts to find an even port with a free odd neighbour.
const PORT_ATTEMPTS: usize = 200;

/// Everything one line says and hears.
#[derive(Debug)]
struct Channel {
    rtp: UdpSocket,
    /// Kept so that RTCP to us finds a port; it is read and thrown away.
    rtcp: UdpSocket,
    agreement: Option<Agreement>,
    /// Its ciphers; `None` with an agreement that has keys: it says and hears nothing.
    shield: Option<Shield>,
    sending: bool,
    speaking: Speaking,
    keys: dtmf::Sender,
    digits: dtmf::Receiver,
    pending: Vec<i16>,
    encoder: Encoder,
    decoding: Decoding,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    fresh: bool,
    since: Instant,
    journey: Journey,
    ear: Ear,
}

type Channels = Arc<Mutex<BTreeMap<LineId, Channel>>>;
/// From when to when a phone's thread was not let run.
type Stops = Arc<Mutex<Vec<(Instant, Instant)>>>;

/// The handle of a phone's sound thread.
#[derive(Debug)]
pub(crate) struct Sound {
    channels: Channels,
    stops: Stops,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sound {
    pub(crate) fn start(name: &str) -> std::io::Result<Self> {
        let channels = Channels::default();
        let stops = Stops::default();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name(format!("sound-{name}")).spawn({
            let (channels, stops, stop) = (channels.clone(), stops.clone(), stop.clone());
            move || run(&channels, &stops, &stop)
        })?;
        Ok(Self { channels, stops, stop, thread: Some(thread) })
    }

    /// The longest time within `from` to `to` for which the thread was not let run: what it said then came late, whoever sent it on.
    pub(crate) fn stood_still(&self, from: Instant, to: Instant) -> Duration {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let within = stops.iter().filter(|(began, ended)| *ended > from && *began < to);
        within.map(|(began, ended)| *ended - *began).max().unwrap_or_default()
    }

    /// Opens a line's sockets and returns the RTP port and the line's ear.
    pub(crate) fn open(&self, line: LineId, address: IpAddr, voice: Voice) -> std::io::Result<(u16, Ear)> {
        let (rtp, rtcp) = bind_pair(address)?;
        let port = rtp.local_addr()?.port();
        let ear = Ear::default();
        let channel = Channel {
            rtp,
            rtcp,
            agreement: None,
            shield: None,
            sending: false,
            speaking: Speaking::new(voice),
            keys: dtmf::Sender::default(),
            digits: dtmf::Receiver::default(),
            pending: Vec::new(),
            encoder: Encoder::new(Codec::Pcmu),
            decoding: Decoding::new(),
            ssrc: u32::from(port) << 16 | 0x5a5a,
            sequence: port,
            timestamp: u32::from(port) * 1_000,
            fresh: true,
            since: Instant::now(),
            journey: Journey::default(),
            ear: ear.clone(),
        };
        locked(&self.channels).insert(line, channel);
        Ok((port, ear))
    }

    /// What was agreed for a line, and whether it may speak.
    pub(crate) fn agree(&self, line: LineId, agreement: Agreement, sending: bool) {
        if let Some(channel) = locked(&self.channels).get_mut(&line) {
            channel.agree(agreement);
            channel.sending = sending;
        }
    }

    pub(crate) fn say(&self, line: LineId, voice: Voice) {
        if let Some(channel) = locked(&self.channels).get_mut(&line) {
            channel.speaking.change(voice);
        }
    }

    /// Keys digits as RTP events, one after the other.
    pub(crate) fn key(&self, line: LineId, digits: &str, duration_ms: u16) {
        if let Some(channel) = locked(&self.channels).get_mut(&line) {
            for symbol in digits.chars() {
                // A full queue means nobody waited for the digits before; the ear at the far end will miss these.
                let _ = channel.keys.press(dtmf::Digit { symbol, duration_ms });
            }
        }
    }

    pub(crate) fn wire(&self, line: LineId, wire: Wire) {
        if let Some(channel) = locked(&self.channels).get_mut(&line) {
            channel.journey.change(wire);
        }
    }

    /// A new source and clock, as a phone that starts its media anew.
    pub(crate) fn restart(&self, line: LineId) {
        if let Some(channel) = locked(&self.channels).get_mut(&line) {
            channel.ssrc = channel.ssrc.wrapping_add(1);
            channel.timestamp = channel.timestamp.wrapping_add(1 << 20);
            channel.fresh = true;
        }
    }

    /// Says and hears nothing any more on this line. Its ear keeps what it heard.
    pub(crate) fn close(&self, line: LineId) {
        locked(&self.channels).remove(&line);
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn locked(channels: &Channels) -> MutexGuard<'_, BTreeMap<LineId, Channel>> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bind_pair(address: IpAddr) -> std::io::Result<(UdpSocket, UdpSocket)> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..PORT_ATTEMPTS {
        let rtp = UdpSocket::bind((address, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 || port == 65_534 {
            continue;
        }
        match UdpSocket::bind((address, port + 1)) {
            Ok(rtcp) => {
                rtp.set_nonblocking(true)?;
                rtcp.set_nonblocking(true)?;
                return Ok((rtp, rtcp));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn run(channels: &Channels, stops: &Stops, stop: &AtomicBool) {
    let start = Instant::now();
    let mut step: u32 = 0;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let due = start + STEP * step;
        if now.duration_since(due) > STOOD_STILL {
            note_stop(stops, due, now);
        }
        for channel in locked(channels).values_mut() {
            channel.listen(now);
            channel.journey.deliver(&channel.rtp, now);
            if step.is_multiple_of(STEPS_PER_FRAME) {
                channel.speak();
            }
        }
        step = step.wrapping_add(1);
        let due = start + STEP * step;
        if let Some(rest) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(rest);
        }
    }
}

/// Steps that are made up for afterwards belong to the stop that made them late.
fn note_stop(stops: &Stops, due: Instant, now: Instant) {
    let mut stops = stops.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, ended)) = stops.last_mut().filter(|(_, ended)| *ended >= due) {
        *ended = now;
    } else if stops.len() < MOST_STOPS {
        stops.push((due, now));
    }
}

impl Channel {
    fn agree(&mut self, agreement: Agreement) {
        let same = self.agreement.is_some_and(|old| (old.codec, old.opus) == (agreement.codec, agreement.opus));
        if !same {
            self.encoder = Encoder::on_terms(agreement.codec, &agreement.opus);
            if let Encoder::Opus(encoder) = &mut self.encoder {
                // the line may be bad, and nobody reads its reports here
                encoder.set_loss(if agreement.opus.repeats { EXPECTED_LOSS_PERCENT } else { 0 });
            }
            self.pending.clear();
        }
        let pair = agreement.srtp.map(|protection| protection.pair);
        if self.shield.as_ref().map(Shield::pair) != pair {
            self.shield = agreement.srtp.and_then(|protection| Shield::new(&protection).ok());
        }
        self.keys.set_clock(agreement.dtmf_clock);
        self.digits.set_clock(agreement.dtmf_clock);
        self.agreement = Some(agreement);
    }

    fn listen(&mut self, now: Instant) {
        let mut datagram = [0_u8; 2_048];
        while let Ok((length, from)) = self.rtp.recv_from(&mut datagram) {
            self.take(now, &mut datagram[..length], from);
        }
        while self.rtcp.recv_from(&mut datagram).is_ok() {}
    }

    fn take(&mut self, now: Instant, datagram: &mut [u8], _from: SocketAddr) {
        let Some(agreement) = self.agreement else { return };
        let datagram = match (&mut self.shield, agreement.srtp) {
            (_, None) => &*datagram,
            (Some(shield), Some(_)) => match shield.open_rtp(datagram) {
                Ok(opened) => &datagram[..opened.length],
                Err(_) => return,
            },
            (None, Some(_)) => return,
        };
        let Ok(packet) = Packet::read(datagram) else { return };
        if let Some(clock) = agreement.dtmf_receive.clock(packet.payload_type) {
            self.digits.set_clock(clock);
            for key in self.digits.packet(packet.timestamp, packet.payload, self.clock_us(now)) {
                if let dtmf::Key::Began(symbol) = key {
                    self.ear.digit(now, symbol);
                }
            }
            return;
        }
        let Some(codec) = agreement.receive.codec(packet.payload_type) else { return };
        let (timestamp, samples) = self.decoding.take(codec, &packet);
        self.ear.hear(now, packet.ssrc, packet.sequence, timestamp, &samples);
    }

    fn speak(&mut self) {
        let Some(agreement) = self.agreement else { return };
        let Some(remote) = agreement.remote.filter(|_| self.sending) else { return };
        let rate = match agreement.codec {
            Codec::Opus => agreement.opus.rate,
            codec @ (Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 | Codec::ComfortNoise) => codec.rate(),
        };
        let mut frame = vec![0_i16; rate.frame()];
        if !self.speaking.speak(&mut frame, f64::from(rate.hertz())) {
            return;
        }
        if self.key_step(&agreement, remote) {
            return;
        }
        self.pending.extend_from_slice(&frame);
        let length = usize::from(agreement.ptime_ms) * 8 * rate.times();
        let ticks = u32::from(agreement.ptime_ms) * agreement.codec.clock_rate() / 1_000;
        while self.pending.len() >= length {
            let samples: Vec<i16> = self.pending.drain(..length).collect();
            let mut payload = [0_u8; MOST_BYTES];
            let bytes = self.encoder.encode(&samples, &mut payload);
            if bytes > 0 {
                let stamp = self.stamp(self.fresh, agreement.send_pt, self.timestamp);
                self.fresh = false;
                self.send(stamp, &payload[..bytes], remote);
            }
            self.timestamp = self.timestamp.wrapping_add(ticks);
        }
    }

    /// Sends the next packet of a keyed digit; true while one is being keyed (then nothing else is said).
    fn key_step(&mut self, agreement: &Agreement, remote: SocketAddr) -> bool {
        let Some(payload_type) = agreement.dtmf_send_pt else { return false };
        let step = u16::try_from(agreement.dtmf_clock / FRAMES).unwrap_or(160);
        let Some(event) = self.keys.next(self.timestamp, step) else { return false };
        let stamp = self.stamp(event.marker, payload_type, event.timestamp);
        self.send(stamp, &event.payload, remote);
        self.timestamp = self.timestamp.wrapping_add(agreement.codec.clock_rate() / FRAMES);
        true
    }

    fn clock_us(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.since).as_micros()).unwrap_or(u64::MAX)
    }

    fn stamp(&self, marker: bool, payload_type: u8, timestamp: u32) -> Stamp {
        Stamp { marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.ssrc }
    }

    fn send(&mut self, stamp: Stamp, payload: &[u8], remote: SocketAddr) {
        let mut packet = [0_u8; 1_500];
        debug_assert!(packet.len() >= payload.len() + RTP_OVERHEAD);
        let protected = self.agreement.is_some_and(|agreement| agreement.srtp.is_some());
        let length = stamp.packet(payload, &mut packet).ok().and_then(|length| match &mut self.shield {
            Some(shield) if protected => shield.seal_rtp(&mut packet, length),
            Some(_) | None => (!protected).then_some(length),
        });
        if let Some(length) = length {
            self.journey.send(&self.rtp, Instant::now(), &packet[..length], remote);
        }
        self.sequence = self.sequence.wrapping_add(1);
    }
}
