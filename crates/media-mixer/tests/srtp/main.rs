//! Encrypted packets: held to an independent implementation and to the published examples, and to what nobody may do with them.
#![allow(clippy::unwrap_used)]

mod agrees;
mod examples;
mod hostile;

use media_mixer::srtp::{MasterKey, Protection, RTCP_OVERHEAD, RTP_OVERHEAD, Shield, Suite};

/// Two ends of one leg.
fn ends(suite: Suite) -> (Shield, Shield) {
    let (one, other) = (MasterKey::random(suite).unwrap(), MasterKey::random(suite).unwrap());
    let shield = |ours, theirs| Shield::new(&Protection { tag: 1, ours, theirs, pair: 1 }).unwrap();
    (shield(one, other), shield(other, one))
}

/// A packet of 160 bytes of sound.
fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 0];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend((0..160).map(|n| n as u8 ^ sequence as u8));
    bytes
}

/// An empty receiver report with a description.
fn report(ssrc: u32) -> Vec<u8> {
    let ssrc = ssrc.to_be_bytes();
    [&[0x80, 201, 0, 1][..], &ssrc, &[0x81, 202, 0, 2], &ssrc, &[1, 1, b'x', 0]].concat()
}

fn sealed(shield: &mut Shield, plain: &[u8]) -> Option<Vec<u8>> {
    let mut room = [plain, &[0; RTP_OVERHEAD]].concat();
    let length = shield.seal_rtp(&mut room, plain.len())?;
    room.truncate(length);
    Some(room)
}

fn sealed_report(shield: &mut Shield, plain: &[u8]) -> Vec<u8> {
    let mut room = [plain, &[0; RTCP_OVERHEAD]].concat();
    let length = shield.seal_rtcp(&mut room, plain.len()).unwrap();
    room.truncate(length);
    room
}
