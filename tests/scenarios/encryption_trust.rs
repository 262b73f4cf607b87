//! Rows D1 to D3, D5, D15 and D16 with encrypted sound: who has no key is neither heard nor sent anything, and nobody talks a call out
//! of its encryption. D9, and which packets are counted as what, is on the virtual net (`media-mixer/tests/sealed_legs.rs`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use baton_tests::hearing::{Talk, judge, never_heard};
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, Setup, tones};
use baton_tests::people::{Person, connect};
use baton_tests::raw::{Audio, Message, Numbers, RawCall, rtp, sdp, ulaw_tone};
use media_mixer::sdp::{Codec, Encryption, SrtpTerms};
use media_mixer::srtp::{MasterKey, Protection, RTP_OVERHEAD, Shield, Suite};
use softphone::{LineId, Mark};

const ATTACKERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const PCMU: &[Codec] = &[Codec::Pcmu];
/// The source of the packets that the attackers make up.
const SOURCE: u32 = 0x0bad_cafe;

/// Two people whose phones must encrypt.
async fn people(house: &House) -> (Person, Person) {
    let must = || SrtpTerms::new(Encryption::Required);
    (
        house.agent_encrypting("alice", tones::ALICE, PCMU, must()).await,
        house.outside_encrypting("customer", tones::CUSTOMER, PCMU, must()).await,
    )
}

/// Seals with a key that nobody agreed on.
fn liar(suite: Suite) -> Shield {
    let key = || MasterKey::random(suite).expect("a key");
    Shield::new(&Protection { tag: 1, ours: key(), theirs: key(), pair: 1 }).expect("ciphers")
}

fn sealed(shield: &mut Shield, packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    bytes.resize(packet.len() + RTP_OVERHEAD, 0);
    let length = shield.seal_rtp(&mut bytes, packet.len()).expect("a packet");
    bytes.truncate(length);
    bytes
}

/// The stranger's tone to every port of the house, plain and by a key of their own, and a goodbye.
async fn spray(house: &House, attackers: &[Audio], shields: &mut [Shield], rounds: std::ops::Range<u16>) {
    for round in rounds {
        let numbers = Numbers { sequence: 1_000 + round, timestamp: u32::from(round) * 160, ssrc: SOURCE };
        let plain = rtp(0, numbers, &ulaw_tone(tones::STRANGER, numbers.timestamp, 160));
        let mut all: Vec<Vec<u8>> = shields.iter_mut().map(|shield| sealed(shield, &plain)).collect();
        let source = SOURCE.to_be_bytes();
        all.push([&[0x80, 201, 0, 1][..], &source, &[0x81, 203, 0, 1], &source].concat());
        all.extend([vec![0x80, 200, 0, 0], vec![0x80, 201, 0, 1, 0, 0, 0, 1], vec![0x80, 200, 0xff, 0xff, 1, 2, 3, 4]]);
        all.push(plain);
        for port in house.rtp_ports.0..=house.rtp_ports.1 {
            for attacker in attackers {
                let packet = &all[usize::from(round.wrapping_add(port)) % all.len()];
                attacker.throw(packet, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sent_nothing(attackers: &[Audio]) {
    for attacker in attackers {
        assert_eq!(attacker.heard().len(), 0, "packets that {} was sent", attacker.own);
    }
}

fn neither_heard_him(one: (&Person, LineId), other: (&Person, LineId), since: Mark) {
    for (person, line) in [one, other] {
        never_heard(person, line, since, tones::STRANGER);
    }
}

/// D1, D2, D3, D5: from before the first real packet until the end, from elsewhere and from the customer's own address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sprays_all_ports_without_the_key_is_neither_heard_nor_sent_anything() {
    let house = House::with(Setup { rtp_ports: 60, ..Setup::USUAL }).await;
    let attackers = [Audio::open(ATTACKERS).await, Audio::open(CUSTOMERS).await];
    let mut shields: Vec<Shield> = Suite::ALL.map(liar).into();
    let (alice, customer) = people(&house).await;
    let began = Mark::now();
    let (lines, ()) =
        tokio::join!(connect(&customer, ALICES_NUMBER, &alice), spray(&house, &attackers, &mut shields, 0..15));
    let (theirs, hers) = lines;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    spray(&house, &attackers, &mut shields, 15..45).await;
    talk.is_unharmed("packets without a key").await;
    house.freeze_and_thaw(2).await;
    spray(&house, &attackers, &mut shields, 45..60).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    neither_heard_him((&customer, theirs), (&alice, hers), began);
    sent_nothing(&attackers);
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

fn line(tag: u32, suite: &str, key: u8) -> String {
    let length = Suite::named(suite).map_or(30, |suite| suite.key_length() + suite.salt_length());
    let sound = Suite::named(suite).unwrap_or(Suite::Sha80);
    let text = MasterKey::from_bytes(sound, &vec![key; length]).expect("a key").to_text();
    format!("a=crypto:{tag} {suite} inline:{text}\r\n")
}

fn secure(audio: SocketAddr, lines: &str) -> String {
    sdp(audio, lines).replace("RTP/AVP", "RTP/SAVP")
}

fn crypto_of(description: &str) -> Vec<&str> {
    description.lines().filter(|line| line.starts_with("a=crypto:")).collect()
}

fn turned_down(answer: &Message, why: &str) {
    assert_eq!(answer.status(), Some(488), "{answer:?}");
    assert!(answer.need("Reason").contains(why), "{answer:?}");
}

/// D15: a plain offer where encryption is required, as the first and in mid call; and the call goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_talks_a_call_out_of_its_encryption() {
    let house = House::with(Setup { media: "srtp = \"required\"", ..Setup::USUAL }).await;
    let (alice, customer) = people(&house).await;
    let refused = RawCall::dial_with(CUSTOMERS, house.udp, ALICES_NUMBER, |audio| sdp(audio, "")).await;
    turned_down(&refused.expect_err("a plain offer"), "not encrypted");
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    // somebody who listens only, in the middle of it
    let sha = line(1, "AES_CM_128_HMAC_SHA1_80", 1);
    let raw = RawCall::dial_with(CUSTOMERS, house.udp, "*44", |audio| secure(audio, &sha)).await;
    let mut raw = raw.unwrap_or_else(|answer| panic!("{answer:?}"));
    let named = crypto_of(&raw.described).join("");
    assert!(named.starts_with("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "{}", raw.described);
    let downgraded = [
        sdp(raw.audio.own, ""),
        sdp(raw.audio.own, "a=sendonly\r\n"),
        secure(raw.audio.own, ""),
        secure(raw.audio.own, &line(1, "AES_CM_128_HMAC_SHA1_32", 1)),
    ];
    for offer in downgraded {
        assert_eq!(raw.offers(&offer).await.status(), Some(488), "{offer}");
    }
    let before = raw.audio.heard().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let since = raw.audio.heard().split_off(before);
    assert!(since.len() > 10 && since.iter().all(|packet| packet.bytes.len() == 172 + 10), "encrypted as before");
    assert_eq!(raw.hangs_up().await.status(), Some(200));
    talk.is_unharmed("offers that were turned down").await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

/// D15, mixed: where encryption is optional an RTP/AVP line may have it (RFC 8643), and of two lines the encrypted one is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_encryption_is_optional_it_is_taken_in_every_form() {
    let house = House::open().await;
    let gcm = line(4, "AEAD_AES_128_GCM", 4);
    for (form, wanted) in [
        ("in an open line", &["RTP/AVP"][..]),
        ("in a line of its own", &["RTP/SAVP"]),
        ("in the second of two lines", &["refused", "RTP/SAVP"]),
    ] {
        let describe = |audio: SocketAddr| match form {
            "in an open line" => sdp(audio, &gcm),
            "in a line of its own" => secure(audio, &gcm),
            _ => format!("{}m=audio {} RTP/SAVP 0 101\r\n{gcm}", sdp(audio, ""), audio.port()),
        };
        let raw = RawCall::dial_with(CUSTOMERS, house.udp, "*44", describe).await;
        let mut raw = raw.unwrap_or_else(|answer| panic!("{form}: {answer:?}"));
        assert_eq!(crypto_of(&raw.described).len(), 1, "{form}: {}", raw.described);
        let lines = raw.described.lines().filter_map(|line| line.strip_prefix("m=audio "));
        let answered: Vec<&str> = lines
            .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
                ["0", ..] => "refused",
                [_, profile, ..] => profile,
                _ => "nothing",
            })
            .collect();
        assert_eq!(answered, wanted, "{form}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let heard = raw.audio.heard();
        assert!(heard.len() > 5 && heard.iter().all(|packet| packet.bytes.len() == 172 + 16), "{form}: encrypted");
        assert_eq!(raw.hangs_up().await.status(), Some(200));
    }
    house.close().await;
}

/// D16: the weak suite alone, a tag that two lines share; keys that come again, and new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_and_doubled_keys_are_turned_down_and_keys_that_come_again_go_on() {
    let house = House::open().await;
    let weak = line(1, "AES_CM_128_HMAC_SHA1_32", 1);
    let doubled = line(2, "AES_CM_128_HMAC_SHA1_80", 2) + &line(2, "AEAD_AES_128_GCM", 3);
    for lines in [&weak, &doubled, ""] {
        let refused = RawCall::dial_with(CUSTOMERS, house.udp, "*44", |audio| secure(audio, lines)).await;
        turned_down(&refused.expect_err("of no use"), "a=crypto");
    }
    let good = line(3, "AES_CM_128_HMAC_SHA1_80", 3);
    let raw = RawCall::dial_with(CUSTOMERS, house.udp, "*44", |audio| secure(audio, &format!("{weak}{good}"))).await;
    let mut raw = raw.unwrap_or_else(|answer| panic!("{answer:?}"));
    let ours = crypto_of(&raw.described).join("");
    assert!(ours.starts_with("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:"), "{ours}");
    for way in ["a=sendonly\r\n", "a=sendrecv\r\n"] {
        let answer = raw.offers(&secure(raw.audio.own, &format!("{good}{way}"))).await;
        assert_eq!((answer.status(), crypto_of(&answer.body).join("")), (Some(200), ours.clone()), "the same key");
    }
    let answer = raw.offers(&secure(raw.audio.own, &line(3, "AES_CM_128_HMAC_SHA1_80", 9))).await;
    assert_eq!(answer.status(), Some(200));
    assert_ne!(crypto_of(&answer.body).join(""), ours, "a new key for a new one");
    assert_eq!(raw.hangs_up().await.status(), Some(200));
    house.close().await;
}
