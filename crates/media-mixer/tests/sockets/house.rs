//! Two phones in one call, on real sockets and the real clock, and the judge of what they heard.
//!
//! Somebody else's sound is excused by nothing. A hole, or what fills one, is excused only where this machine kept the phones
//! or the media thread waiting meanwhile, and then the same is said once more, until it came through whole.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use conference::{CallId, ChangeSet, Ears, LegId, LegMask, ParticipantId, Place};
use media_mixer::codec::{Codec, Decoder, Encoder};
use media_mixer::{DropReason, MediaNews, MediaSettings, Mixer, Nat};
use tokio::sync::mpsc;

pub(crate) const PHONE: [u8; 4] = [127, 0, 0, 9];
const FRAME: Duration = Duration::from_millis(20);
/// A packet sent this much later than it should have been may come too late for its turn.
const SENT_LATE: Duration = Duration::from_millis(2);
/// Whoever looks at his socket this rarely hears holes that are none.
const HEARD_LATE: Duration = Duration::from_millis(15);
/// Nothing that goes on has a longer hole.
const LONGEST_HOLE: Duration = Duration::from_millis(60);
/// For so long the same is said again and again.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Phone {
    pub(crate) leg: LegId,
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) server: SocketAddr,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) heard: Vec<(Instant, Vec<u8>)>,
}

/// How often this machine kept somebody waiting: the phones, or the media thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waits {
    sent_late: u32,
    heard_late: u32,
    lost_ticks: u64,
}

pub(crate) struct House {
    pub(crate) mixer: Mixer,
    news: mpsc::Receiver<MediaNews>,
    pub(crate) phones: Vec<Phone>,
    next_frame: Instant,
    /// Since when what is heard is kept.
    since: Instant,
    sent_late: u32,
    heard_late: u32,
}

/// Two sockets at neighbouring ports.
pub(crate) fn pair(ip: [u8; 4]) -> (UdpSocket, UdpSocket) {
    let found = (0..200).find_map(|_| {
        let rtp = UdpSocket::bind((IpAddr::from(ip), 0)).unwrap();
        let port = rtp.local_addr().unwrap().port();
        let rtcp = UdpSocket::bind((IpAddr::from(ip), port.checked_add(1)?)).ok()?;
        Some((rtp, rtcp))
    });
    let (rtp, rtcp) = found.unwrap();
    rtp.set_nonblocking(true).unwrap();
    rtcp.set_nonblocking(true).unwrap();
    (rtp, rtcp)
}

/// The samples of one packet of 20 ms.
pub(crate) fn frame_of(packet: &[u8]) -> [i16; 160] {
    let mut frame = [0; 160];
    Decoder::new(Codec::Pcmu).decode(&packet[12..], &mut frame);
    frame
}

fn offer(rtp: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n",
        rtp.port(),
        ip = rtp.ip()
    )
}

fn mask(leg: LegId) -> LegMask {
    LegMask {
        leg,
        person: ParticipantId(leg.0 as u32),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    }
}

impl House {
    /// Two phones in one call. `told`: the address that the first one's description names, if not its own.
    pub(crate) fn new(nat: Nat, ports: u16, told: Option<SocketAddr>) -> Self {
        let settings = MediaSettings { rtp_ports: (ports, ports + 199), nat, workers: 1, ..MediaSettings::default() };
        let (mixer, news) = Mixer::start(settings).unwrap();
        let mut phones = Vec::new();
        for n in 1..=2 {
            let leg = LegId::arrived(n);
            let (rtp, rtcp) = pair(PHONE);
            let own = rtp.local_addr().unwrap();
            mixer.open(leg, IpAddr::from(PHONE)).unwrap();
            let named = told.filter(|_| n == 1).unwrap_or(own);
            let answer = mixer.answer(leg, offer(named).as_bytes()).unwrap();
            let text = String::from_utf8(answer.to_vec()).unwrap();
            let port = text.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            let server = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
            let ssrc = 0x2000 + n as u32;
            phones.push(Phone { leg, rtp, rtcp, server, ssrc, sequence: 1, timestamp: 0, heard: Vec::new() });
        }
        let now = Instant::now();
        Self { mixer, news, phones, next_frame: now, since: now, sent_late: 0, heard_late: 0 }
    }

    pub(crate) fn join(&self) {
        let legs = self.phones.iter().map(|phone| mask(phone.leg)).collect();
        let change = ChangeSet { call: CallId(1), version: 1, full: false, legs, gone: vec![], tightens: false };
        self.mixer.set_audibility(change).blocking_recv().unwrap();
    }

    /// Two phones that have talked for a second.
    pub(crate) fn talking(nat: Nat, ports: u16) -> Self {
        let mut house = Self::new(nat, ports, None);
        house.join();
        house.frames(50, [1_000, -3_000], |_, _| ());
        house
    }

    /// So many frames of 20 ms: both phones say a constant, `also` does what it likes, everything that comes is kept.
    pub(crate) fn frames(&mut self, frames: u32, values: [i16; 2], mut also: impl FnMut(u32, &mut [Phone])) {
        for n in 0..frames {
            let now = Instant::now();
            self.sent_late += u32::from(now.saturating_duration_since(self.next_frame) > SENT_LATE);
            if n == 0 {
                self.next_frame = self.next_frame.max(now);
            }
            for (phone, value) in self.phones.iter_mut().zip(values) {
                let mut payload = [0; 160];
                Encoder::new(Codec::Pcmu).encode(&[value; 160], &mut payload);
                let packet = phone.packet(0, &payload);
                phone.rtp.send_to(&packet, phone.server).unwrap();
            }
            also(n, &mut self.phones);
            self.next_frame += FRAME;
            let mut looked = now;
            while Instant::now() < self.next_frame {
                self.phones.iter_mut().for_each(Phone::listen);
                std::thread::sleep(Duration::from_millis(1));
                self.heard_late += u32::from(looked.elapsed() > HEARD_LATE);
                looked = Instant::now();
            }
        }
    }

    fn waits(&self) -> Waits {
        let lost_ticks = self.mixer.stats().workers[0].lost_ticks;
        Waits { sent_late: self.sent_late, heard_late: self.heard_late, lost_ticks }
    }

    /// Does something until all is well with what came of it. Where it is not, this machine must have kept somebody waiting.
    pub(crate) fn comes_through(&mut self, mut something: impl FnMut(&mut Self) -> Result<(), String>) {
        let until = Instant::now() + PATIENCE;
        loop {
            // whatever was under way before is not judged
            let before = self.waits();
            self.frames(10, [1_000, -3_000], |_, _| ());
            self.forget();
            let Err(flaw) = something(self) else { return };
            let after = self.waits();
            assert!(before != after, "{flaw}, and nobody was kept waiting");
            assert!(Instant::now() < until, "{flaw}, for {PATIENCE:?}; {after:?}");
            eprintln!("once more: {flaw}, {before:?}, {after:?}");
        }
    }

    /// So many frames as [`House::frames`] says them, in which each phone hears the other one, all of him and nobody else.
    pub(crate) fn are_heard(&mut self, frames: u32, mut also: impl FnMut(u32, &mut [Phone])) {
        self.comes_through(|house| {
            house.frames(frames, [1_000, -3_000], &mut also);
            house.all_is_well()
        });
    }

    /// Whether each phone heard the other one without a hole, and nobody else.
    pub(crate) fn all_is_well(&self) -> Result<(), String> {
        self.nobody_else_was_heard();
        for (phone, other) in self.ears() {
            let heard = phone.heard.iter().map(|(at, _)| *at);
            let moments: Vec<Instant> = [self.since].into_iter().chain(heard).chain([Instant::now()]).collect();
            let hole = moments.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
            if hole >= LONGEST_HOLE {
                return Err(format!("{}: a hole of {hole:?}", phone.leg));
            }
            let missing = phone.sound().iter().filter(|sample| (**sample - other).abs() > 100).count();
            if missing > 0 {
                return Err(format!("{}: {missing} samples were made up", phone.leg));
            }
        }
        Ok(())
    }

    /// What fills a hole is never louder than the sound before it, nor of another sign.
    pub(crate) fn nobody_else_was_heard(&self) {
        for (phone, other) in self.ears() {
            let theirs = other.min(0) - 100..=other.max(0) + 100;
            let foreign = phone.sound().iter().filter(|sample| !theirs.contains(sample)).count();
            assert_eq!(foreign, 0, "{}: {foreign} samples of somebody else", phone.leg);
        }
    }

    /// Each phone, and what the other one says.
    fn ears(&self) -> [(&Phone, i16); 2] {
        [(&self.phones[0], -3_000), (&self.phones[1], 1_000)]
    }

    pub(crate) fn forget(&mut self) {
        self.phones.iter_mut().for_each(|phone| phone.heard.clear());
        self.since = Instant::now();
    }

    fn drops(&self, reason: DropReason) -> u64 {
        self.mixer.stats().drops.of(reason)
    }

    /// Waits until the counters, which are a second old at most, show it.
    pub(crate) fn wait_for_drops(&mut self, reason: DropReason, least: u64) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.drops(reason) < least {
            assert!(Instant::now() < until, "{reason:?}: {} of {least} dropped", self.drops(reason));
            self.frames(5, [1_000, -3_000], |_, _| ());
        }
    }

    /// The news so far, but for how the media thread fares on this machine.
    pub(crate) fn news(&mut self) -> Vec<MediaNews> {
        let all = std::iter::from_fn(|| self.news.try_recv().ok());
        all.filter(|news| !matches!(news, MediaNews::Overload { .. })).collect()
    }
}

impl Phone {
    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let packet = self.raw(payload_type, self.sequence, self.timestamp, payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }

    pub(crate) fn raw(&self, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2_000];
        while let Ok(length) = self.rtp.recv(&mut buffer) {
            self.heard.push((Instant::now(), buffer[..length].to_vec()));
        }
        while self.rtcp.recv(&mut buffer).is_ok() {}
    }

    fn sound(&self) -> Vec<i16> {
        let sounds = self.heard.iter().filter(|(_, packet)| packet[1] & 0x7f == 0);
        sounds.flat_map(|(_, packet)| frame_of(packet)).collect()
    }
}
