//! Our RTP reader and the `rtp` crate's read the same bytes alike; our headers are the `rtp` crate's.
//!
//! Where the two differ ours is stricter, in three places only: it refuses other versions than 2, padding of length zero and
//! datagrams over 1500 bytes; and it steps over a header extension by its announced length (RFC 3550 §5.3.1), where the `rtp`
//! crate follows the elements inside, which may lie.

use bytes::Bytes;
use media_mixer::rtp::{HEADER, MAX_PACKET, Packet, RtpError, Stamp};
use proptest::prelude::*;
use rtp::header::{Extension, Header};
use webrtc_util::marshal::{Marshal, Unmarshal};

use crate::seed::Dice;

fn assert_same(bytes: &[u8], theirs: &rtp::packet::Packet) {
    let ours = Packet::read(bytes).unwrap();
    let header = &theirs.header;
    assert_eq!(ours.marker, header.marker);
    assert_eq!(ours.payload_type, header.payload_type);
    assert_eq!(ours.sequence, header.sequence_number);
    assert_eq!(ours.timestamp, header.timestamp);
    assert_eq!(ours.ssrc, header.ssrc);
    assert_eq!(ours.payload, &theirs.payload[..]);
}

fn extensions() -> impl Strategy<Value = (u16, Vec<Extension>)> {
    let one_byte = prop::collection::vec((1_u8..=14, prop::collection::vec(any::<u8>(), 1..=16)), 0..4)
        .prop_map(|list| (0xbede, list));
    let two_byte = prop::collection::vec((1_u8.., prop::collection::vec(any::<u8>(), 0..=40)), 0..4)
        .prop_map(|list| (0x1000, list));
    let other = prop::collection::vec(any::<[u8; 4]>(), 0..8).prop_map(|words| (0x0042, vec![(0, words.concat())]));
    prop_oneof![one_byte, two_byte, other].prop_map(|(profile, list)| {
        let list = list.into_iter().map(|(id, payload)| Extension { id, payload: Bytes::from(payload) });
        (profile, list.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn what_the_rtp_crate_writes_we_read_alike(
        (marker, padding, payload_type) in any::<(bool, bool, u8)>(),
        (sequence_number, timestamp, ssrc) in any::<(u16, u32, u32)>(),
        csrc in prop::collection::vec(any::<u32>(), 0..=15),
        extension in prop::option::of(extensions()),
        payload in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let (extension_profile, extensions) = extension.clone().unwrap_or_default();
        let header = Header {
            version: 2,
            padding,
            extension: extension.is_some(),
            marker,
            payload_type: payload_type & 0x7f,
            sequence_number,
            timestamp,
            ssrc,
            csrc,
            extension_profile,
            extensions,
            extensions_padding: 0,
        };
        let packet = rtp::packet::Packet { header, payload: Bytes::from(payload) };
        let mut bytes = vec![0; 2000];
        let length = packet.marshal_to(&mut bytes).unwrap();
        bytes.truncate(length);
        let theirs = rtp::packet::Packet::unmarshal(&mut &bytes[..]).unwrap();
        assert_same(&bytes, &theirs);
    }

    #[test]
    fn our_packets_are_those_of_the_rtp_crate(
        (marker, payload_type, sequence, timestamp, ssrc) in any::<(bool, u8, u16, u32, u32)>(),
        payload in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let payload_type = payload_type & 0x7f;
        let stamp = Stamp { marker, payload_type, sequence, timestamp, ssrc };
        let mut buffer = [0; MAX_PACKET];
        let length = stamp.packet(&payload, &mut buffer).unwrap();
        prop_assert_eq!(length, HEADER + payload.len());
        let theirs = rtp::packet::Packet::unmarshal(&mut &buffer[..length]).unwrap();
        assert_same(&buffer[..length], &theirs);
        let read = Packet::read(&buffer[..length]).unwrap();
        prop_assert_eq!(
            (read.marker, read.payload_type, read.sequence, read.timestamp, read.ssrc, read.payload),
            (marker, payload_type, sequence, timestamp, ssrc, &payload[..])
        );
        prop_assert_eq!(stamp.packet(&payload, &mut buffer[..length - 1]), Err(RtpError::TooLong));
    }
}

#[test]
fn two_hundred_thousand_random_datagrams_are_read_alike_or_refused_for_a_named_reason() {
    let mut dice = Dice::roll();
    let mut alike = 0;
    for _ in 0..200_000 {
        let length = dice.below(80);
        let mut bytes: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        if dice.chance(90) && !bytes.is_empty() {
            // version 2, no extension: the part of the format on which both must agree in everything
            bytes[0] = (bytes[0] & 0x2f) | 0x80;
        }
        let version = bytes.first().map(|first| first >> 6);
        let has_extension = bytes.first().is_some_and(|first| first & 0x10 != 0);
        let ours = Packet::read(&bytes);
        if has_extension || (version.is_some() && version != Some(2)) {
            assert!(version == Some(2) || ours.is_err());
            continue;
        }
        match rtp::packet::Packet::unmarshal(&mut &bytes[..]) {
            Ok(_) if ours == Err(RtpError::Padding) => assert_eq!(bytes.last(), Some(&0)),
            Ok(theirs) => {
                assert_same(&bytes, &theirs);
                alike += 1;
            }
            Err(_) => assert!(ours.is_err()),
        }
    }
    assert!(alike > 30_000, "{alike}");
}

#[test]
fn damaged_extensions_never_move_the_payload() {
    let mut dice = Dice::roll();
    for _ in 0..50_000 {
        let words = dice.below(4);
        let mut bytes = vec![0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, words as u8];
        bytes.extend((0..words * 4).map(|_| dice.next() as u8));
        bytes.extend([0xaa; 20]);
        assert_eq!(Packet::read(&bytes).unwrap().payload, [0xaa; 20]);
    }
}
