//! The examples of RFC 3711 §B.2 and of RFC 7714 §16, as far as they can be asked of a leg: the key stream, and the sealed packet.
//!
//! Both documents give session keys and a leg has master keys, so the ciphers are asked underneath: the crate beneath us with the
//! documents' numbers. What a leg does with them is held to another implementation in `agrees`, what becomes of master keys to
//! RFC 3711 §B.3 beside the derivation.

use rtc_crypto::{AeadAlgorithm, StreamCipherAlgorithm, default_provider};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
}

/// RFC 3711 §B.2: the key stream at its beginning and across a carry of its counter.
#[test]
fn the_key_stream_is_that_of_rfc_3711() {
    let provider = default_provider().unwrap();
    let key = bytes("2B7E151628AED2A6ABF7158809CF4F3C");
    let mut cipher = provider.crypto().new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &key).unwrap();
    for (block, stream) in [
        (0, "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        let mut iv = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
        iv[14..].copy_from_slice(&u16::to_be_bytes(block));
        let mut text = [0; 48];
        cipher.apply_keystream(&iv, &mut text).unwrap();
        assert_eq!(text.to_vec(), bytes(stream));
    }
}

/// RFC 7714 §16.1.1 and §16.2.1: one packet with its roll-over 0, for keys of 128 and of 256 bits.
#[test]
fn a_sealed_packet_is_that_of_rfc_7714() {
    let provider = default_provider().unwrap();
    let header = bytes("8040f17b 8041f8d3 5501a0b2");
    let plain = bytes("47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573");
    let nonce = bytes("51753c65 80c2726f 20718414");
    for (algorithm, key, cipher_text, tag) in [
        (
            AeadAlgorithm::Aes128Gcm,
            "00010203 04050607 08090a0b 0c0d0e0f",
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833",
            "899d7f27 beb16a91 52cf765e e4390cce",
        ),
        (
            AeadAlgorithm::Aes256Gcm,
            "00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f",
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b",
            "7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
        ),
    ] {
        let mut cipher = provider.crypto().new_aead(algorithm, &bytes(key)).unwrap();
        let (mut text, mut proof) = (plain.clone(), [0; 16]);
        cipher.seal_in_place(&nonce, &header, &mut text, &mut proof).unwrap();
        assert_eq!((text, proof.to_vec()), (bytes(cipher_text), bytes(tag)));
    }
}
