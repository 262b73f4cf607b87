//! Digits over a bad wire: lost, repeated and reordered packets still make each digit exactly once.

use media_mixer::dtmf::{Digit, Key, Receiver, Sender, parse_relay};

use crate::seed::Dice;

const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";
const PACKET_US: u64 = 20_000;

/// Says `digits`, loses and repeats packets, swaps neighbours; what the receiver makes of it.
fn over_a_bad_wire(dice: &mut Dice, digits: &[Digit], loss_percent: usize) -> Vec<Key> {
    let mut sender = Sender::default();
    digits.iter().for_each(|digit| sender.press(*digit).unwrap());
    let mut wire = Vec::new();
    let mut now = 0;
    let mut timestamp = dice.next() as u32;
    while !sender.is_idle() {
        if let Some(packet) = sender.next(timestamp, 160) {
            wire.push((now, packet));
        }
        timestamp = timestamp.wrapping_add(160);
        now += PACKET_US;
    }
    for place in 1..wire.len() {
        if dice.chance(10) {
            let (late, early) = (wire[place].1, wire[place - 1].1);
            wire[place - 1].1 = late;
            wire[place].1 = early;
        }
    }
    let mut receiver = Receiver::default();
    let mut keys = Vec::new();
    for (now, packet) in wire {
        let copies = usize::from(!dice.chance(loss_percent)) * (1 + usize::from(dice.chance(5)));
        for _ in 0..copies {
            keys.extend(receiver.packet(packet.timestamp, &packet.payload, now));
        }
        keys.extend(receiver.expire(now).map(Key::Ended));
    }
    keys.extend(receiver.expire(now + 10_000_000).map(Key::Ended));
    keys
}

#[test]
fn each_digit_is_heard_exactly_once_over_a_wire_that_loses_a_fifth() {
    let mut dice = Dice::roll();
    for _ in 0..2000 {
        let digits: Vec<Digit> = (0..1 + dice.below(20))
            .map(|_| Digit {
                symbol: char::from(SYMBOLS[dice.below(16)]),
                duration_ms: 100 + 20 * dice.below(10) as u16,
            })
            .collect();
        let keys = over_a_bad_wire(&mut dice, &digits, 20);
        let mut began = Vec::new();
        for two in keys.chunks(2) {
            let [Key::Began(first), Key::Ended(digit)] = two else {
                panic!("a beginning, then its end: {keys:?}");
            };
            assert_eq!(*first, digit.symbol);
            began.push(*first);
        }
        let said: Vec<char> = digits.iter().map(|digit| digit.symbol).collect();
        // all eight or more packets of one digit may be lost, one in four hundred thousand
        assert!(began == said || began.len() + 1 == said.len(), "{said:?} {began:?}");
    }
}

#[test]
fn random_packets_and_bodies_never_panic_and_every_beginning_has_its_end() {
    let mut dice = Dice::roll();
    let mut receiver = Receiver::default();
    let mut down = None;
    for step in 0..200_000_u64 {
        let payload: Vec<u8> = (0..dice.below(7)).map(|_| dice.next() as u8 & 0x8f).collect();
        let timestamp = (dice.next() as u32) >> dice.below(32);
        for key in receiver.packet(timestamp, &payload, step * PACKET_US) {
            match key {
                Key::Began(symbol) => assert_eq!(down.replace(symbol), None),
                Key::Ended(digit) => assert_eq!(down.take(), Some(digit.symbol)),
            }
        }
    }
    for _ in 0..20_000 {
        let body = dice.damage(b"Signal=5\r\nDuration=160\r\n");
        if let Ok(digit) = parse_relay(&body) {
            assert!(SYMBOLS.contains(&(digit.symbol as u8)));
            assert!((40..=8000).contains(&digit.duration_ms));
        }
    }
}
