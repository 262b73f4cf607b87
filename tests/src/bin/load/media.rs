//! All voices and ears of a run, in one thread on an absolute clock: each leg says its tone every 20 ms and counts and
//! judges what comes back.
//!
//! Legs are spread over twenty slots of a millisecond, so that the load is as smooth as many real phones are. It knows
//! nothing of SIP: legs come and go by command, what they ought to hear changes by command, and they give their figures
//! when they go. Whoever must not be heard is looked for in every single packet.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::goertzel::{energy, share};
use crate::ulaw;

const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);
const PACKET: usize = 12 + 160;
/// Sound judged at a time: ten packets, looked at after every 25 received.
const JUDGED: usize = 10 * 160;
pub(crate) const JUDGE_EVERY: u64 = 25;
/// Part of the judged energy that a pitch has when it is heard, alone or beside another.
const HEARD: f64 = 0.2;
/// Lateness of the generator from which on the ears are not judged for a while: the voices themselves had a hole.
const DISTURBANCE: Duration = Duration::from_millis(60);
/// Judgements left out after that: half a second each.
const LEFT_OUT: u32 = 2;
/// Root mean square under which nothing is heard.
const SILENCE: f64 = 100.0;

/// Part of one packet's energy that a pitch has when it is heard in it.
const IN_ONE_PACKET: f64 = 0.5;
/// Packets that are not judged after a change: what was under way before it, and the guard of what opens.
const SETTLING: u32 = 25;

/// The pitches a leg can say, Hz. A whole number of periods fits 20 ms, so one packet is the whole tone. The first three
/// are for rooms and plain calls; the others lie above the hold music.
pub(crate) const PITCHES: [f64; 6] = [600.0, 1000.0, 1700.0, 2300.0, 2600.0, 3200.0];

/// What one leg heard and said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Sequence numbers missing between the first and the last packet received.
    pub(crate) lost: u64,
    /// What the server says it lost of ours, from its last RTCP report.
    pub(crate) reported_lost: u64,
    /// How often the ear was judged, and how often it heard exactly those it should.
    pub(crate) judged: u64,
    pub(crate) right: u64,
    /// How often it heard itself.
    pub(crate) own: u64,
    /// The generator was so late that this leg's own voice had a hole: its ear was not judged for a while.
    pub(crate) disturbed: bool,
    /// Packets with somebody in them who must not be heard.
    pub(crate) leaked: u64,
    /// Whether somebody was waited for, and how long it took until he was heard.
    pub(crate) waited: bool,
    pub(crate) audible_after: Option<Duration>,
}

/// One leg's sound, handed to the media thread. The socket is connected to the server's port.
pub(crate) struct Voice {
    pub(crate) socket: UdpSocket,
    /// Which of [`PITCHES`] it says.
    pub(crate) says: usize,
    /// Which it ought to hear.
    pub(crate) hears: Vec<usize>,
    /// Which must not be in any packet.
    pub(crate) never: Option<usize>,
}

/// From now on another is to be heard.
pub(crate) struct Change {
    pub(crate) hears: Vec<usize>,
    pub(crate) never: Option<usize>,
    /// Who is waited for: the time until he is heard is measured.
    pub(crate) await_voice: Option<usize>,
}

enum Command {
    Start(u64, Voice),
    Change(u64, Change, Instant),
    Stop(u64),
    Reset,
}

/// The media thread.
pub(crate) struct Media {
    commands: Sender<Command>,
    figures: Receiver<(u64, Figures)>,
    thread: JoinHandle<Duration>,
}

impl Media {
    pub(crate) fn start() -> Media {
        let (commands, orders) = channel();
        let (results, figures) = channel();
        let thread = std::thread::spawn(move || Studio::new(results).run(&orders));
        Media { commands, figures, thread }
    }

    pub(crate) fn begin(&self, leg: u64, voice: Voice) {
        drop(self.commands.send(Command::Start(leg, voice)));
    }

    /// Changes what a leg ought to hear.
    pub(crate) fn change(&self, leg: u64, change: Change) {
        drop(self.commands.send(Command::Change(leg, change, Instant::now())));
    }

    /// Ends a leg's sound; its figures arrive at [`Media::figures`].
    pub(crate) fn end(&self, leg: u64) {
        drop(self.commands.send(Command::Stop(leg)));
    }

    /// Forgets what was counted so far: the measured stretch begins.
    pub(crate) fn reset(&self) {
        drop(self.commands.send(Command::Reset));
    }

    /// The figures of legs that have ended.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (u64, Figures)> {
        self.figures.try_iter()
    }

    /// Ends the thread; gives the remaining figures and by how much the generator was ever late.
    pub(crate) fn stop(self) -> (Vec<(u64, Figures)>, Duration) {
        drop(self.commands);
        let late = self.thread.join().unwrap_or(Duration::MAX);
        (self.figures.try_iter().collect(), late)
    }
}

struct Studio {
    slots: Vec<Vec<Leg>>,
    tones: Vec<[u8; 160]>,
    results: Sender<(u64, Figures)>,
    next_slot: usize,
}

impl Studio {
    fn new(results: Sender<(u64, Figures)>) -> Studio {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Studio { slots, tones: PITCHES.iter().map(|pitch| ulaw::tone(*pitch)).collect(), results, next_slot: 0 }
    }

    fn run(mut self, orders: &Receiver<Command>) -> Duration {
        let start = Instant::now();
        let mut worst = Duration::ZERO;
        for slot in 0_u32.. {
            let due = start + SLOT * slot;
            let now = Instant::now();
            std::thread::sleep(due.saturating_duration_since(now));
            let late = now.saturating_duration_since(due);
            worst = worst.max(late);
            if late > DISTURBANCE {
                self.slots.iter_mut().flatten().for_each(Leg::disturb);
            }
            if !self.obey(orders) {
                break;
            }
            let index = slot as usize % SLOTS;
            for leg in &mut self.slots[index] {
                leg.tick(&self.tones);
            }
        }
        for leg in self.slots.into_iter().flatten() {
            drop(self.results.send((leg.id, leg.figures)));
        }
        worst
    }

    /// Carries out what was asked; false once nobody can ask any more.
    fn obey(&mut self, orders: &Receiver<Command>) -> bool {
        use std::sync::mpsc::TryRecvError::{Disconnected, Empty};
        loop {
            match orders.try_recv() {
                Ok(Command::Start(id, voice)) => {
                    self.next_slot = (self.next_slot + 1) % SLOTS;
                    self.slots[self.next_slot].push(Leg::new(id, voice));
                }
                Ok(Command::Change(id, change, when)) => {
                    if let Some(leg) = self.slots.iter_mut().flatten().find(|leg| leg.id == id) {
                        leg.change(change, when);
                    }
                }
                Ok(Command::Stop(id)) => self.remove(id),
                Ok(Command::Reset) => self.slots.iter_mut().flatten().for_each(Leg::reset),
                Err(Empty) => return true,
                Err(Disconnected) => return false,
            }
        }
    }

    fn remove(&mut self, id: u64) {
        for slot in &mut self.slots {
            if let Some(at) = slot.iter().position(|leg| leg.id == id) {
                let leg = slot.swap_remove(at);
                drop(self.results.send((id, leg.figures)));
                return;
            }
        }
    }
}

struct Leg {
    id: u64,
    voice: Voice,
    packet: [u8; PACKET],
    sequence: u16,
    timestamp: u32,
    heard: Vec<u8>,
    last: Option<u16>,
    lost_at_reset: Option<u64>,
    leave_out: u32,
    settling: u32,
    awaited: Option<(usize, Instant)>,
    figures: Figures,
}

impl Leg {
    fn new(id: u64, voice: Voice) -> Leg {
        let mut packet = [0; PACKET];
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&(0x4c00_0000 | id as u32).to_be_bytes());
        let heard = Vec::with_capacity(JUDGED);
        let figures = Figures::default();
        Leg {
            id,
            voice,
            packet,
            sequence: 1,
            timestamp: 160,
            heard,
            last: None,
            lost_at_reset: None,
            leave_out: 0,
            settling: 0,
            awaited: None,
            figures,
        }
    }

    fn change(&mut self, change: Change, when: Instant) {
        (self.voice.hears, self.voice.never) = (change.hears, change.never);
        self.heard.clear();
        self.settling = SETTLING;
        self.awaited = change.await_voice.map(|voice| (voice, when));
        self.figures.waited |= self.awaited.is_some();
    }

    fn reset(&mut self) {
        self.lost_at_reset = Some(self.lost_at_reset.unwrap_or(0) + self.figures.reported_lost);
        self.figures = Figures::default();
    }

    fn disturb(&mut self) {
        self.leave_out = LEFT_OUT;
        self.figures.disturbed = true;
    }

    fn tick(&mut self, tones: &[[u8; 160]]) {
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        self.packet[12..].copy_from_slice(&tones[self.voice.says]);
        // A refused datagram means that the server's port is gone: the call is ending.
        if self.voice.socket.send(&self.packet).is_ok() {
            self.figures.sent += 1;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        let mut buffer = [0; 1500];
        loop {
            match self.voice.socket.recv(&mut buffer) {
                Ok(length) => self.receive(&buffer[..length]),
                Err(why) if why.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
    }

    fn receive(&mut self, packet: &[u8]) {
        if packet.len() < 12 {
            return;
        }
        // RFC 5761 §4: these payload types are RTCP's.
        if (192..=223).contains(&packet[1]) {
            return self.receive_report(packet);
        }
        if packet[1] & 0x7f != 0 {
            return;
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        if let Some(last) = self.last {
            let step = sequence.wrapping_sub(last);
            if step == 0 || step > 0x8000 {
                return;
            }
            self.figures.lost += u64::from(step - 1);
        }
        self.last = Some(sequence);
        self.figures.received += 1;
        self.look_for_one(&packet[12..]);
        if self.settling > 0 {
            self.settling -= 1;
            return;
        }
        if self.heard.len() + packet.len() - 12 > JUDGED {
            self.heard.drain(..160.min(self.heard.len()));
        }
        self.heard.extend_from_slice(&packet[12..]);
        if self.figures.received.is_multiple_of(JUDGE_EVERY) && self.heard.len() == JUDGED {
            self.judge();
        }
    }

    /// Whoever must not be heard, or is waited for, in one packet.
    fn look_for_one(&mut self, payload: &[u8]) {
        if self.voice.never.is_none() && self.awaited.is_none() {
            return;
        }
        let sound: Vec<i16> = payload.iter().map(|byte| ulaw::decode(*byte)).collect();
        let loud = energy(&sound) / sound.len() as f64 > SILENCE * SILENCE;
        let in_it = |voice: usize| loud && share(&sound, 8000, PITCHES[voice]) > IN_ONE_PACKET;
        if self.voice.never.is_some_and(in_it) {
            self.figures.leaked += 1;
        }
        if let Some((_, since)) = self.awaited.take_if(|(voice, _)| in_it(*voice)) {
            self.figures.audible_after = Some(since.elapsed());
        }
    }

    /// The cumulative loss in the first report block of an SR or RR (RFC 3550 §6.4).
    fn receive_report(&mut self, packet: &[u8]) {
        let block = match packet[1] {
            200 => 28,
            201 => 8,
            _ => return,
        };
        if packet[0] & 0x1f == 0 || packet.len() < block + 8 {
            return;
        }
        let lost = u32::from_be_bytes([0, packet[block + 5], packet[block + 6], packet[block + 7]]);
        self.figures.reported_lost = u64::from(lost).saturating_sub(self.lost_at_reset.unwrap_or(0));
    }

    fn judge(&mut self) {
        if self.leave_out > 0 {
            self.leave_out -= 1;
            return;
        }
        let sound: Vec<i16> = self.heard.iter().map(|byte| ulaw::decode(*byte)).collect();
        let loud = energy(&sound) / sound.len() as f64 > SILENCE * SILENCE;
        let hears = |index: usize| loud && share(&sound, 8000, PITCHES[index]) > HEARD;
        let right = (0..PITCHES.len()).all(|index| hears(index) == self.voice.hears.contains(&index));
        self.figures.judged += 1;
        self.figures.right += u64::from(right);
        self.figures.own += u64::from(hears(self.voice.says) && !self.voice.hears.contains(&self.voice.says));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A leg that hears these voices, one a packet.
    fn hears(leg: &mut Leg, voices: &[usize]) {
        for voice in voices {
            let mut packet = [0; PACKET];
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&(leg.last.unwrap_or(0) + 1).to_be_bytes());
            packet[12..].copy_from_slice(&ulaw::tone(PITCHES[*voice]));
            leg.receive(&packet);
        }
    }

    fn leg(hears: Vec<usize>, never: Option<usize>) -> Leg {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Leg::new(1, Voice { socket, says: 0, hears, never })
    }

    #[test]
    fn one_packet_of_whom_nobody_may_hear_is_a_leak() {
        let mut leg = leg(vec![3], Some(4));
        hears(&mut leg, &[3, 3, 4, 3]);
        assert_eq!(leg.figures.leaked, 1);
    }

    #[test]
    fn whoever_is_waited_for_is_timed_once_and_a_wrong_ear_is_told() {
        let mut leg = leg(vec![3], Some(4));
        hears(&mut leg, &[3; 50]);
        assert_eq!((leg.figures.judged, leg.figures.right), (2, 2));
        leg.change(Change { hears: vec![4], never: None, await_voice: Some(4) }, Instant::now());
        hears(&mut leg, &[3, 3]);
        assert!(leg.figures.waited && leg.figures.audible_after.is_none());
        hears(&mut leg, &[4]);
        assert!(leg.figures.audible_after.is_some() && leg.awaited.is_none());
        hears(&mut leg, &[3; 50]);
        assert_eq!((leg.figures.leaked, leg.figures.right, leg.figures.judged > 2), (0, 2, true));
    }
}
