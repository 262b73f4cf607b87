//! Real sockets and real media threads: sound gets through on time, and what attackers send (`trust.md` D) does not.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use conference::{CallId, ChangeSet, Ears, LegId, LegMask, ParticipantId, Place};
use media_mixer::codec::{Codec, Decoder, Encoder};
use media_mixer::{DropReason, MediaNews, MediaSettings, Mixer, Nat};
use tokio::sync::mpsc;

const PHONE: [u8; 4] = [127, 0, 0, 9];
const ATTACKER: [u8; 4] = [127, 0, 0, 66];
const FRAME: Duration = Duration::from_millis(20);

struct Phone {
    leg: LegId,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    server: SocketAddr,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    heard: Vec<(Instant, Vec<u8>)>,
}

struct House {
    mixer: Mixer,
    news: mpsc::Receiver<MediaNews>,
    phones: Vec<Phone>,
    next_frame: Instant,
}

fn pair(ip: [u8; 4]) -> (UdpSocket, UdpSocket) {
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
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    }
}

impl House {
    /// Two phones in one call. `told`: the address that the first one's description names, if not its own.
    fn new(nat: Nat, ports: u16, told: Option<SocketAddr>) -> Self {
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
        Self { mixer, news, phones, next_frame: Instant::now() }
    }

    fn join(&self) {
        let legs = self.phones.iter().map(|phone| mask(phone.leg)).collect();
        let change = ChangeSet { call: CallId(1), version: 1, full: false, legs, gone: vec![], tightens: false };
        self.mixer.set_audibility(change).blocking_recv().unwrap();
    }

    /// So many frames of 20 ms: both phones say a constant, `also` does what it likes, everything that comes is kept.
    fn frames(&mut self, frames: u32, values: [i16; 2], mut also: impl FnMut(u32, &mut [Phone])) {
        self.next_frame = self.next_frame.max(Instant::now());
        for n in 0..frames {
            for (phone, value) in self.phones.iter_mut().zip(values) {
                let mut payload = [0; 160];
                Encoder::new(Codec::Pcmu).encode(&[value; 160], &mut payload);
                let packet = phone.packet(0, &payload);
                phone.rtp.send_to(&packet, phone.server).unwrap();
            }
            also(n, &mut self.phones);
            self.next_frame += FRAME;
            while Instant::now() < self.next_frame {
                self.phones.iter_mut().for_each(Phone::listen);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn drops(&self, reason: DropReason) -> u64 {
        self.mixer.stats().drops.of(reason)
    }

    /// Waits until the counters, which are a second old at most, show it.
    fn wait_for_drops(&mut self, reason: DropReason, least: u64) {
        let until = Instant::now() + Duration::from_secs(3);
        while self.drops(reason) < least {
            assert!(Instant::now() < until, "{reason:?}: {} of {least} dropped", self.drops(reason));
            self.frames(5, [1_000, -3_000], |_, _| ());
        }
    }

    fn all_is_well(&self) {
        for (phone, other) in [(0, -3_000_i16), (1, 1_000)] {
            let phone = &self.phones[phone];
            let gap = phone.heard.windows(2).map(|two| two[1].0 - two[0].0).max().unwrap();
            assert!(gap < Duration::from_millis(60), "{}: a gap of {gap:?}", phone.leg);
            let odd = phone.sound().iter().filter(|sample| (**sample - other).abs() > 100).count();
            assert_eq!(odd, 0, "{}: {odd} samples of somebody else", phone.leg);
        }
    }

    fn forget(&mut self) {
        self.phones.iter_mut().for_each(|phone| phone.heard.clear());
    }
}

impl Phone {
    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let packet = self.raw(payload_type, self.sequence, self.timestamp, payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }

    fn raw(&self, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
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
        let mut samples = Vec::new();
        for (_, packet) in self.heard.iter().filter(|(_, packet)| packet[1] & 0x7f == 0) {
            let mut frame = [0; 160];
            Decoder::new(Codec::Pcmu).decode(&packet[12..], &mut frame);
            samples.extend(frame);
        }
        samples
    }
}

/// What came to a socket that nobody should send to.
fn received(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2_000];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}

fn talking(nat: Nat, ports: u16) -> House {
    let mut house = House::new(nat, ports, None);
    house.join();
    house.frames(50, [1_000, -3_000], |_, _| ());
    house.forget();
    house
}

#[test]
fn two_phones_hear_each_other_over_real_sockets_on_time() {
    let mut house = talking(Nat::Auto, 16_400);
    house.frames(100, [1_000, -3_000], |_, _| ());
    house.all_is_well();
    let (phone, stats) = (&house.phones[0], house.mixer.stats());
    assert!((97..=103).contains(&phone.heard.len()), "{} packets in two seconds", phone.heard.len());
    assert!(stats.workers[0].ticks > 100 && stats.workers[0].calls == 1);
    // from the mouth of one to the ear of the other: two packets' time of 20 ms at most, and what the machine adds
    let from = Instant::now();
    house.forget();
    house.frames(15, [5_000, -3_000], |_, _| ());
    let loud = |packet: &[u8]| {
        let mut frame = [0; 160];
        Decoder::new(Codec::Pcmu).decode(&packet[12..], &mut frame);
        frame[159] > 4_000
    };
    let at = house.phones[1].heard.iter().find(|(_, packet)| loud(packet)).unwrap().0;
    assert!(at - from < Duration::from_millis(150), "{:?}", at - from);
    house.mixer.close(LegId::arrived(1));
    house.mixer.stop();
}

#[test]
fn d1_spray_before_the_first_packet_gets_nothing() {
    for (nat, most) in [(Nat::Off, 0), (Nat::Auto, 0)] {
        let mut house = House::new(nat, 16_700, None);
        let (attacker, _) = pair(ATTACKER);
        house.join();
        for _ in 0..20 {
            for port in 16_700..16_900_u16 {
                let packet = house.phones[0].raw(0, 1, 0, &[0xff; 160]);
                attacker.send_to(&packet, (IpAddr::from([127, 0, 0, 1]), port)).unwrap();
            }
            house.frames(2, [1_000, -3_000], |_, _| ());
        }
        assert!(received(&attacker) <= most, "{nat:?}");
        let reason = if nat == Nat::Off { DropReason::NotSdp } else { DropReason::Stranger };
        house.wait_for_drops(reason, 30);
        house.forget();
        house.frames(20, [1_000, -3_000], |_, _| ());
        house.all_is_well();
    }
}

#[test]
fn d1_a_phone_behind_a_translator_is_found_and_an_attacker_beside_it_gets_five_packets_at_most() {
    // the description names a private address; its packets come from where its signalling comes from
    let private = SocketAddr::new(IpAddr::from([127, 99, 99, 99]), 4_000);
    let mut house = House::new(Nat::Auto, 17_000, Some(private));
    house.join();
    let (attacker, _) = pair(ATTACKER);
    let mut sequence = 1;
    house.frames(100, [1_000, -3_000], |_, phones| {
        let packet = phones[0].raw(0, sequence, u32::from(sequence) * 160, &[0xff; 160]);
        sequence += 1;
        attacker.send_to(&packet, phones[0].server).unwrap();
    });
    assert!(received(&attacker) <= 5);
    house.forget();
    house.frames(30, [1_000, -3_000], |_, _| ());
    house.all_is_well();
}

#[test]
fn d2_injected_packets_are_dropped_counted_and_not_mixed() {
    let mut house = talking(Nat::Auto, 17_300);
    let (attacker, _) = pair(ATTACKER);
    let (beside, _) = pair(PHONE);
    house.frames(50, [1_000, -3_000], |_, phones| {
        let mut payload = [0; 160];
        Encoder::new(Codec::Pcmu).encode(&[20_000; 160], &mut payload);
        // the right source and the next numbers, from elsewhere
        let packet = phones[0].raw(0, phones[0].sequence, phones[0].timestamp, &payload);
        attacker.send_to(&packet, phones[0].server).unwrap();
        beside.send_to(&packet, phones[0].server).unwrap();
    });
    house.all_is_well();
    house.wait_for_drops(DropReason::Stranger, 40);
    house.wait_for_drops(DropReason::Locked, 40);
    assert_eq!((received(&attacker), received(&beside)), (0, 0));
}

#[test]
fn d5_unsound_and_forged_rtcp_is_dropped() {
    let mut house = talking(Nat::Auto, 17_600);
    let (_, attacker) = pair(ATTACKER);
    let bye = |ssrc: u32| {
        let mut packet = vec![0x80, 201, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0x81, 203, 0, 1]);
        packet.extend(ssrc.to_be_bytes());
        packet
    };
    house.frames(60, [1_000, -3_000], |n, phones| {
        let mut control = phones[0].server;
        control.set_port(control.port() + 1);
        let ssrc = phones[0].ssrc;
        let mut long = bye(ssrc);
        long[3] = 200;
        for packet in [vec![0x80, 203, 0, 0], bye(ssrc)[..8].to_vec(), long, vec![0xff; 40]] {
            phones[0].rtcp.send_to(&packet, control).unwrap();
        }
        attacker.send_to(&bye(ssrc), control).unwrap();
        if n % 2 == 0 {
            // RTCP on the RTP port, where nobody agreed on that
            phones[0].rtp.send_to(&bye(ssrc), phones[0].server).unwrap();
        }
    });
    house.all_is_well();
    house.wait_for_drops(DropReason::UnsoundRtcp, 100);
    house.wait_for_drops(DropReason::Stranger, 40);
    assert!(house.news.try_recv().is_err(), "nobody said goodbye");
    // the phone itself may
    let mut control = house.phones[0].server;
    control.set_port(control.port() + 1);
    house.phones[0].rtcp.send_to(&bye(house.phones[0].ssrc), control).unwrap();
    let goodbye = (0..25).find_map(|_| {
        house.frames(20, [1_000, -3_000], |_, _| ());
        house.news.try_recv().ok()
    });
    assert_eq!(goodbye, Some(MediaNews::PeerBye { leg: LegId::arrived(1) }));
}

#[test]
fn d10_unsound_rtp_is_dropped() {
    let mut house = talking(Nat::Auto, 17_900);
    house.frames(40, [1_000, -3_000], |_, phones| {
        let phone = &phones[0];
        let good = phone.raw(0, phone.sequence, phone.timestamp, &[0x80; 160]);
        let with = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut packet = good.clone();
            edit(&mut packet);
            packet
        };
        let unsound = [
            with(&|p| {
                p[0] = 0x8f;
                p.truncate(12);
            }),
            with(&|p| {
                p[0] = 0xa0;
                *p.last_mut().unwrap() = 255;
            }),
            with(&|p| {
                p[0] = 0x90;
                p[14] = 0xff;
                p[15] = 0xff;
            }),
            with(&|p| p.resize(9_000, 0x80)),
            with(&|p| p[0] = 0x40),
            with(&|p| p.truncate(11)),
        ];
        for packet in unsound {
            phone.rtp.send_to(&packet, phone.server).unwrap();
        }
        phone.rtp.send_to(&with(&|p| p[1] = 55), phone.server).unwrap();
    });
    house.all_is_well();
    house.wait_for_drops(DropReason::Unsound, 6 * 40 - 10);
    house.wait_for_drops(DropReason::PayloadType, 40 - 2);
}

#[test]
fn d12_tiny_payloads_are_played_or_concealed_and_nothing_breaks() {
    let mut house = talking(Nat::Auto, 18_200);
    house.frames(40, [1_000, -3_000], |n, phones| {
        let phone = &phones[0];
        for length in [0, 1, 7, 1_000] {
            let packet = phone.raw(0, phone.sequence.wrapping_add(100 + n as u16), phone.timestamp, &vec![0; length]);
            phone.rtp.send_to(&packet, phone.server).unwrap();
        }
    });
    house.frames(60, [1_000, -3_000], |_, _| ());
    house.forget();
    house.frames(60, [1_000, -3_000], |_, _| ());
    house.all_is_well();
}

#[test]
fn d13_one_digit_however_odd_its_packets_are() {
    let mut house = talking(Nat::Auto, 18_500);
    let start = house.phones[0].timestamp;
    house.frames(40, [1_000, -3_000], |_, phones| {
        let phone = &mut phones[0];
        let packet = phone.raw(101, phone.sequence, start, &[5, 10, 0xff, 0xff]);
        phone.sequence = phone.sequence.wrapping_add(1);
        phone.rtp.send_to(&packet, phone.server).unwrap();
    });
    house.frames(40, [1_000, -3_000], |_, _| ());
    let mut told = Vec::new();
    while let Ok(news) = house.news.try_recv() {
        told.push(news);
    }
    let leg = LegId::arrived(1);
    assert!(
        matches!(told[..], [MediaNews::DigitBegan { digit: '5', .. }, MediaNews::Digit { digit: '5', .. }]),
        "{told:?} {leg}"
    );
}

#[test]
fn a_mixer_whose_handles_are_gone_ends_its_threads() {
    let (mixer, mut news) =
        Mixer::start(MediaSettings { rtp_ports: (18_800, 18_900), ..MediaSettings::default() }).unwrap();
    drop(mixer);
    let until = Instant::now() + Duration::from_secs(3);
    // the listener's end of the channel goes with it
    while !matches!(news.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)) {
        assert!(Instant::now() < until, "still running");
        std::thread::sleep(Duration::from_millis(2));
    }
}
