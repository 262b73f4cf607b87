//! Byte for byte as `rtc-srtp` has it, both ways, in every suite.

use media_mixer::srtp::{MasterKey, Protection, Shield, Suite};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::{packet, report, sealed, sealed_report};

/// Our shield and their context, both of whom seal with the one key and open with the other.
fn pair(suite: Suite) -> (Shield, Context, Context) {
    let profile = match suite {
        Suite::Gcm128 => ProtectionProfile::AeadAes128Gcm,
        Suite::Gcm256 => ProtectionProfile::AeadAes256Gcm,
        Suite::Sha80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let length = suite.key_length() + suite.salt_length();
    let bytes = |first: u8| (0..length as u8).map(|n| n.wrapping_mul(37) ^ first).collect::<Vec<u8>>();
    let key = |first| MasterKey::from_bytes(suite, &bytes(first)).unwrap();
    let provider = crypto();
    let context = |first| {
        let bytes = bytes(first);
        let (key, salt) = bytes.split_at(suite.key_length());
        Context::new(key, salt, profile, None, None, provider.crypto()).unwrap()
    };
    let shield = Shield::new(&Protection { tag: 1, ours: key(0x5a), theirs: key(0xc3), pair: 1 }).unwrap();
    (shield, context(0x5a), context(0xc3))
}

fn crypto() -> std::sync::Arc<dyn rtc_crypto::RTCCryptoProvider> {
    rtc_crypto::default_provider().unwrap()
}

#[test]
fn packets_are_sealed_and_opened_as_by_others_across_rolls() {
    for suite in Suite::ALL {
        let (mut ours, mut same, mut peer) = pair(suite);
        for n in 0..70_000_u32 {
            let sequence = (n + 65_000) as u16;
            // not every one is sent, so that a hundred thousand seals take no minute
            if n % 16 != 0 && !(500..600).contains(&n) {
                continue;
            }
            let plain = packet(0xdead_beef, sequence);
            assert_eq!(sealed(&mut ours, &plain).unwrap(), same.encrypt_rtp(&plain).unwrap(), "{suite:?} {n}");
            let mut theirs = peer.encrypt_rtp(&plain).unwrap().to_vec();
            let opened = ours.open_rtp(&mut theirs).unwrap();
            assert!(opened.newest);
            assert_eq!(theirs[..opened.length], plain, "{suite:?} {n}");
        }
    }
}

#[test]
fn reports_are_sealed_and_opened_as_by_others() {
    for suite in Suite::ALL {
        let (mut ours, mut same, mut peer) = pair(suite);
        for n in 0..200 {
            let plain = report(7);
            assert_eq!(sealed_report(&mut ours, &plain), same.encrypt_rtcp(&plain).unwrap(), "{suite:?} {n}");
            let mut theirs = peer.encrypt_rtcp(&plain).unwrap().to_vec();
            let opened = ours.open_rtcp(&mut theirs).unwrap();
            assert_eq!(theirs[..opened.length], plain);
        }
    }
}

#[test]
fn sources_and_extensions_in_the_header_stay_readable_and_are_proved() {
    for suite in Suite::ALL {
        let (mut ours, mut same, _) = pair(suite);
        let mut plain = packet(9, 1);
        plain[0] = 0x92;
        plain.splice(12..12, [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 9, 0, 0]);
        let bytes = sealed(&mut ours, &plain).unwrap();
        assert_eq!(bytes, same.encrypt_rtp(&plain).unwrap());
        assert_eq!(bytes[..28], plain[..28]);
        assert_ne!(bytes[28..40], plain[28..40]);
    }
}
