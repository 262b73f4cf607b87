//! Encrypted media in offers and answers (RFC 4568): who gets it, who is turned down, what stays over a re-INVITE, and that no key is
//! shown to anybody but the peer.

use media_mixer::sdp::{
    Agreement, Codec, Direction, Encryption, LocalMedia, OpusSettings, SdpError, Session, SrtpTerms, Wish,
};
use media_mixer::srtp::{MasterKey, Suite};

use crate::legal::assert_legal;
use crate::seed::Dice;

use Encryption::{Off, Optional, Required};

const DAMAGES: usize = 30_000;

fn end(port: u16, srtp: SrtpTerms) -> Session {
    Session::new(LocalMedia {
        address: "127.0.0.1".parse().unwrap(),
        port,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        session_id: u64::from(port),
        opus: OpusSettings::default(),
        srtp,
    })
}

fn house(encryption: Encryption) -> Session {
    end(10_000, SrtpTerms::new(encryption))
}

fn phone(encryption: Encryption) -> Session {
    end(20_000, SrtpTerms::new(encryption))
}

fn lines<'a>(description: &'a [u8], start: &str) -> Vec<&'a str> {
    let text = std::str::from_utf8(description).unwrap();
    text.lines().filter(|line| line.starts_with(start)).collect()
}

/// A phone's offer; `media` are its profile and what stands below its audio line.
fn offer(profile: &str, attributes: &[&str]) -> Vec<u8> {
    let below: String = attributes.iter().map(|line| format!("a={line}\r\n")).collect();
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 {profile} 0\r\n{below}"
    )
    .into_bytes()
}

fn crypto(tag: u32, suite: Suite, key: u8) -> String {
    let bytes = vec![key; suite.key_length() + suite.salt_length()];
    format!("crypto:{tag} {} inline:{}", suite.name(), MasterKey::from_bytes(suite, &bytes).unwrap().to_text())
}

/// `offerer` offers, `answerer` answers: what the offerer read, what the answerer read.
fn exchange(offerer: &mut Session, answerer: &mut Session, wish: Wish) -> (Agreement, Agreement) {
    let offer = offerer.reoffer(wish);
    let (answer, theirs) = answerer.answer(&offer).unwrap();
    assert_legal(&offer, &answer);
    (offerer.accept(&answer).unwrap(), theirs)
}

/// Both read the same: what one seals with, the other opens with.
fn agree((one, other): (Agreement, Agreement)) -> Option<(MasterKey, MasterKey, Suite)> {
    let (one, other) = (one.srtp?, other.srtp?);
    assert_eq!((one.ours, one.theirs, one.tag), (other.theirs, other.ours, other.tag));
    assert_ne!(one.ours, one.theirs, "each side has a key of its own");
    Some((one.ours, one.theirs, one.suite()))
}

#[test]
fn who_can_is_encrypted_and_who_must_not_be_plain_is_turned_down() {
    for offering in [Off, Optional, Required] {
        for answering in [Off, Optional, Required] {
            let (mut offerer, mut answerer) = (house(offering), phone(answering));
            let offer = offerer.offer();
            let profile = if offering == Required { "RTP/SAVP" } else { "RTP/AVP" };
            assert!(lines(&offer, "m=audio")[0].contains(&format!(" {profile} ")), "{offering:?}");
            assert_eq!(lines(&offer, "a=crypto").len(), if offering == Off { 0 } else { 3 }, "{offering:?}");
            let refused = match (offering, answering) {
                (Off, Required) => Some(SdpError::NotEncrypted),
                (Required, Off) => Some(SdpError::NoAudio),
                _ => None,
            };
            if let Some(error) = refused {
                assert_eq!(answerer.answer(&offer), Err(error));
                continue;
            }
            let both = exchange(&mut offerer, &mut answerer, Wish::Talk);
            assert_eq!(both.0.srtp.is_some(), both.1.srtp.is_some());
            let encrypted = agree(both).map(|(.., suite)| suite);
            let wanted = (offering != Off && answering != Off).then_some(Suite::Gcm128);
            assert_eq!(encrypted, wanted, "{offering:?} {answering:?}");
        }
    }
}

#[test]
fn every_suite_is_agreed_on_with_a_phone_that_has_no_other() {
    for suite in Suite::ALL {
        let terms = SrtpTerms { suites: vec![suite], ..SrtpTerms::new(Required) };
        let (mut leg, mut phone) = (house(Required), end(20_000, terms));
        assert_eq!(agree(exchange(&mut leg, &mut phone, Wish::Talk)).unwrap().2, suite);
        let terms = SrtpTerms { suites: vec![suite], ..SrtpTerms::new(Required) };
        let (mut leg, mut phone) = (house(Optional), end(20_000, terms));
        assert_eq!(agree(exchange(&mut phone, &mut leg, Wish::Talk)).unwrap().2, suite);
    }
}

#[test]
fn keys_are_kept_over_every_hold_resume_and_refresh_whoever_offers() {
    for (ours, theirs) in [(Required, Required), (Optional, Optional), (Required, Optional), (Optional, Required)] {
        let (mut leg, mut phone) = (house(ours), phone(theirs));
        let first = exchange(&mut leg, &mut phone, Wish::Talk);
        let keys = agree(first).unwrap();
        for wish in [Wish::SendOnly, Wish::Talk, Wish::Inactive, Wish::Talk, Wish::AddressZero, Wish::Talk] {
            let (of_phone, of_leg) = exchange(&mut phone, &mut leg, wish);
            assert_eq!(agree((of_leg, of_phone)), Some(keys), "{wish:?} by the phone");
            assert_eq!(of_leg.srtp, first.0.srtp, "the same pair");
        }
        for _ in 0..2 {
            let again = exchange(&mut leg, &mut phone, Wish::Talk);
            assert_eq!((agree(again), again.0.srtp), (Some(keys), first.0.srtp), "a refresh by the house");
        }
        let offered = leg.repeat();
        assert_eq!(lines(&offered, "a=crypto").len(), 1, "nothing but what is agreed");
    }
}

#[test]
fn a_stream_that_was_closed_for_a_while_has_its_old_keys() {
    let (mut leg, mut phone) = (house(Required), phone(Required));
    let keys = agree(exchange(&mut phone, &mut leg, Wish::Talk)).unwrap();
    let talking = String::from_utf8(phone.repeat().to_vec()).unwrap();
    let closed = talking.replace("m=audio 20000", "m=audio 0");
    let (answer, away) = leg.answer(closed.as_bytes()).unwrap();
    assert_eq!(lines(&answer, "m=audio"), ["m=audio 0 RTP/SAVP 0 8 101"]);
    assert_eq!((away.direction, away.srtp.map(|now| now.ours)), (Direction::Away, Some(keys.1)));
    let (_, back) = leg.answer(talking.as_bytes()).unwrap();
    assert_eq!(back.srtp.map(|now| (now.ours, now.theirs, now.pair)), Some((keys.1, keys.0, 1)));
}

/// D15: a call that is encrypted does not become plain, whatever the settings were; by its offer, nor by an answer to ours.
#[test]
fn d15_no_reinvite_takes_encryption_away() {
    for encryption in [Optional, Required] {
        let (mut leg, mut phone) = (house(encryption), phone(encryption));
        exchange(&mut phone, &mut leg, Wish::Talk);
        let before = leg.clone();
        assert_eq!(leg.answer(&offer("RTP/AVP", &[])), Err(SdpError::NotEncrypted));
        assert_eq!(leg.answer(&offer("RTP/SAVP", &[])), Err(SdpError::NoCommonCrypto));
        assert_eq!(leg, before, "a refused offer changes nothing");
        leg.offer();
        assert_eq!(leg.accept(&offer("RTP/AVP", &[])), Err(SdpError::NotEncrypted));
        leg.withdraw();
        assert_eq!(agree(exchange(&mut phone, &mut leg, Wish::Talk)).unwrap().2, Suite::Gcm128);
    }
}

/// D15: who must be encrypted takes no plain offer, and who may be takes both.
#[test]
fn d15_plain_offers_are_turned_down_where_encryption_is_required() {
    let line = crypto(7, Suite::Sha80, 3);
    assert_eq!(house(Required).answer(&offer("RTP/AVP", &[])), Err(SdpError::NotEncrypted));
    assert_eq!(house(Off).answer(&offer("RTP/SAVP", &[&line])), Err(SdpError::NoAudio));
    for encryption in [Optional, Required] {
        for profile in ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"] {
            let offer = offer(profile, &[&line]);
            let (answer, agreement) = house(encryption).answer(&offer).unwrap();
            assert_legal(&offer, &answer);
            assert!(lines(&answer, "m=audio")[0].contains(&format!(" {profile} ")));
            assert!(lines(&answer, "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:").len() == 1);
            assert!(agreement.srtp.is_some());
        }
    }
    let (answer, agreement) = house(Optional).answer(&offer("RTP/AVP", &[])).unwrap();
    assert!(lines(&answer, "a=crypto").is_empty() && agreement.srtp.is_none());
}

#[test]
fn of_two_lines_the_encrypted_one_is_taken_wherever_it_stands() {
    let line = crypto(1, Suite::Gcm256, 9);
    let plain = "m=audio 30000 RTP/AVP 0\r\n".to_owned();
    let secret = format!("m=audio 30002 RTP/SAVP 0\r\na={line}\r\n");
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    for (both, taken) in [([&plain, &secret], 1), ([&secret, &plain], 0)] {
        let offer = format!("{head}{}{}", both[0], both[1]);
        for (encryption, takes_secret) in [(Optional, true), (Required, true), (Off, false)] {
            let (answer, agreement) = house(encryption).answer(offer.as_bytes()).unwrap();
            assert_legal(offer.as_bytes(), &answer);
            let answered = lines(&answer, "m=audio");
            let used = if takes_secret { taken } else { 1 - taken };
            assert!(answered[used].starts_with("m=audio 10000 ") && answered[1 - used].starts_with("m=audio 0 "));
            assert_eq!(agreement.srtp.map(|now| now.suite()), takes_secret.then_some(Suite::Gcm256));
        }
    }
}

/// D16: the weak suite alone is no encryption, the same tag twice is none, and of good lines the first is taken.
#[test]
fn d16_weak_and_doubled_lines_are_turned_down_where_nothing_better_is_offered() {
    let weak = crypto(1, Suite::Sha80, 1).replace("_80", "_32");
    let (good, doubled) = (crypto(2, Suite::Sha80, 2), crypto(2, Suite::Gcm128, 3));
    for encryption in [Optional, Required] {
        let refused = house(encryption).answer(&offer("RTP/SAVP", &[&weak]));
        assert_eq!(refused, Err(SdpError::NoCommonCrypto));
        let refused = house(encryption).answer(&offer("RTP/SAVP", &[&good, &doubled]));
        assert_eq!(refused, Err(SdpError::NoCommonCrypto));
        let (_, agreement) = house(encryption).answer(&offer("RTP/SAVP", &[&weak, &good])).unwrap();
        assert_eq!(agreement.srtp.map(|now| (now.tag, now.suite())), Some((2, Suite::Sha80)));
    }
    // in the open a line that is of no use is passed over, and so is the wish for encryption
    let (answer, agreement) = house(Optional).answer(&offer("RTP/AVP", &[&weak])).unwrap();
    assert!(lines(&answer, "a=crypto").is_empty() && agreement.srtp.is_none());
}

/// D16: keys that come again in a re-INVITE go on; new ones of the peer's get new ones of ours.
#[test]
fn d16_new_keys_of_the_peer_get_new_keys_of_ours_and_old_ones_go_on() {
    let mut leg = house(Optional);
    let (first, second) = (crypto(1, Suite::Sha80, 1), crypto(1, Suite::Sha80, 2));
    let mut pair = |line: &str| leg.answer(&offer("RTP/SAVP", &[line])).unwrap().1.srtp.unwrap();
    let (one, again, other) = (pair(&first), pair(&first), pair(&second));
    assert_eq!((one.pair, again, other.pair), (1, one, 2));
    assert_ne!(one.ours, other.ours);
    // the offer of the second keys was called off: the first ones are in force again, and the next ones are others
    assert_eq!(leg.restore().unwrap().srtp, Some(one));
    let third = leg.answer(&offer("RTP/SAVP", &[&second])).unwrap().1.srtp.unwrap();
    assert!(third.ours != other.ours && third.ours != one.ours);
    assert!(third.pair > 2, "a number of its own, so that nobody takes it for the pair that was called off");
}

#[test]
fn a_call_that_began_in_the_open_is_encrypted_when_its_phone_asks() {
    let mut leg = house(Optional);
    leg.answer(&offer("RTP/AVP", &[])).unwrap();
    assert!(lines(&leg.offer(), "a=crypto").is_empty(), "what is agreed to be plain stays so in our own offers");
    leg.withdraw();
    let (_, agreement) = leg.answer(&offer("RTP/AVP", &[&crypto(1, Suite::Gcm128, 4)])).unwrap();
    assert_eq!(agreement.srtp.map(|now| now.pair), Some(1));
}

fn key_texts(description: &[u8]) -> Vec<String> {
    lines(description, "a=crypto").iter().filter_map(|line| Some(line.split_once("inline:")?.1.to_owned())).collect()
}

/// The answer of a phone that was sent this form: in its profile, with a key for the second of its suites.
fn answer_to(form: &[u8]) -> Vec<u8> {
    let profile = lines(form, "m=audio")[0].split(' ').nth(2).unwrap();
    let tag = lines(form, "a=crypto")[1].strip_prefix("a=crypto:").unwrap().split(' ').next().unwrap().parse().unwrap();
    offer(profile, &[&crypto(tag, Suite::Gcm256, 5)])
}

/// As baresip, linphone and PJSIP have it when they must encrypt: an RTP/AVP line is turned down, whatever stands below it.
#[test]
fn each_form_of_a_first_offer_has_keys_of_its_own_and_the_one_that_is_answered_goes_on() {
    let terms = SrtpTerms { over_tls: Some(Required), ..SrtpTerms::new(Optional) };
    for which in 0..3 {
        let mut leg = end(10_000, terms.clone());
        let forms = leg.offer_in_forms();
        let forms = [forms.usual, forms.strict.unwrap(), forms.over_tls.unwrap()];
        let mut keys: Vec<String> = forms.iter().flat_map(|form| key_texts(form)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 9, "no key is told to two of them");
        for (form, profile) in forms.iter().zip([" RTP/AVP ", " RTP/SAVP ", " RTP/SAVP "]) {
            assert!(lines(form, "m=audio")[0].contains(profile) && lines(form, "a=crypto").len() == 3);
        }
        let agreement = leg.accept(&answer_to(&forms[which])).unwrap();
        let ours = agreement.srtp.unwrap().ours.to_text();
        assert_eq!(ours, key_texts(&forms[which])[1]);
        assert_eq!(leg.repeat(), forms[which], "a refresh says what that phone was told");
        assert!(leg.accept(&answer_to(&forms[which])).unwrap().srtp == agreement.srtp);
        let next = leg.offer();
        assert_eq!(key_texts(&next), [ours], "and a new offer the key in force");
        assert_eq!(lines(&next, "m=audio")[0].split(' ').nth(2), lines(&forms[which], "m=audio")[0].split(' ').nth(2));
    }
}

#[test]
fn an_early_answer_to_one_form_may_be_followed_by_an_answer_to_another() {
    let mut leg = end(10_000, SrtpTerms { over_tls: Some(Required), ..SrtpTerms::new(Optional) });
    let forms = leg.offer_in_forms();
    assert!(leg.accept_early(&answer_to(&forms.over_tls.clone().unwrap())).unwrap().srtp.is_some());
    let agreement = leg.accept(&answer_to(&forms.usual)).unwrap();
    assert_eq!(agreement.srtp.unwrap().ours.to_text(), key_texts(&forms.usual)[1]);
    // or by a phone that knows of no encryption
    let mut leg = house(Optional);
    let forms = leg.offer_in_forms();
    assert_eq!(leg.accept(&offer("RTP/AVP", &[])).unwrap().srtp, None);
    assert_eq!(leg.repeat(), forms.usual);
}

#[test]
fn there_is_one_form_where_there_is_nothing_else_to_say() {
    for encryption in [Off, Required] {
        let mut leg = house(encryption);
        let forms = leg.offer_in_forms();
        assert_eq!((forms.strict, forms.over_tls), (None, None), "{encryption:?}");
        let keys = if encryption == Off { 0 } else { 3 };
        assert_eq!(lines(&forms.usual, "a=crypto").len(), keys, "{encryption:?}");
        assert_eq!(key_texts(&leg.repeat()).len(), key_texts(&leg.offer()).len());
    }
    let mut agreed = house(Optional);
    agreed.answer(&offer("RTP/AVP", &[&crypto(1, Suite::Gcm128, 4)])).unwrap();
    let forms = agreed.offer_in_forms();
    assert!(forms.strict.is_none() && key_texts(&forms.usual).len() == 1, "nor once something is agreed");
}

#[test]
fn an_answer_must_name_one_line_of_ours_and_no_key_of_ours() {
    type Said<'a> = &'a dyn Fn(&[&str]) -> Vec<String>;
    let answer = |profile: &str, from: Said<'_>| {
        let mut leg = house(Required);
        let offered = leg.offer();
        let ours = lines(&offered, "a=crypto");
        let said = from(&ours);
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        leg.accept(&offer(profile, &said))
    };
    let good = |tag, suite| move |_: &[&str]| vec![crypto(tag, suite, 5)];
    assert!(answer("RTP/SAVP", &good(1, Suite::Gcm128)).unwrap().srtp.is_some());
    assert!(answer("RTP/SAVP", &good(3, Suite::Sha80)).unwrap().srtp.is_some());
    let wrong: [(&str, Said<'_>); 5] = [
        ("another suite under the tag", &good(1, Suite::Sha80)),
        ("a tag that was not offered", &good(9, Suite::Gcm128)),
        ("two lines", &|_| vec![crypto(1, Suite::Gcm128, 5), crypto(2, Suite::Gcm256, 5)]),
        ("our own key", &|ours| vec![ours[0].trim_start_matches("a=").to_owned()]),
        ("no line", &|_| vec![]),
    ];
    for (what, said) in wrong {
        assert_eq!(answer("RTP/SAVP", said), Err(SdpError::NoCommonCrypto), "{what}");
    }
    assert_eq!(answer("RTP/AVP", &|_| vec![]), Err(SdpError::NotEncrypted));
}

#[test]
fn no_key_is_in_anything_that_is_printed_and_all_are_in_what_is_frozen() {
    let (mut leg, mut phone) = (house(Required), phone(Required));
    let offered = leg.offer();
    let (answered, _) = phone.answer(&offered).unwrap();
    let agreement = leg.accept(&answered).unwrap();
    let printed = format!("{leg:?} {phone:?} {agreement:?}");
    for line in lines(&offered, "a=crypto").iter().chain(&lines(&answered, "a=crypto")) {
        let key = line.rsplit(':').next().unwrap();
        assert!(!printed.contains(key) && !printed.contains("inline"), "{printed}");
    }
    let frozen = serde_json::to_string(&leg).unwrap();
    let thawed: Session = serde_json::from_str(&frozen).unwrap();
    assert_eq!(thawed, leg);
    assert_eq!(thawed.agreement().unwrap().srtp, agreement.srtp);
}

#[test]
fn no_error_says_a_word_of_what_was_offered() {
    let secret = "SECRETSECRETSECRETSECRETSECRETSECRETSECR";
    for line in [
        format!("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{secret}AAAA"),
        format!("crypto:x {secret}"),
        format!("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{secret}|2^1|{secret}"),
    ] {
        let error = house(Required).answer(&offer("RTP/SAVP", &[&line])).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
    }
}

#[test]
fn damaged_offers_of_encryption_neither_panic_nor_confuse() {
    let offers = [
        offer("RTP/SAVP", &[&crypto(1, Suite::Sha80, 1), &crypto(2, Suite::Gcm128, 2), "rtcp-mux"]),
        offer("RTP/AVP", &[&format!("{}|2^31 WSH=64", crypto(1, Suite::Gcm256, 1)), "sendonly"]),
    ];
    let mut dice = Dice::roll();
    let mut encrypted = 0;
    for round in 0..DAMAGES {
        let offer = dice.damage(&offers[round % 2]);
        let encryption = [Optional, Required][round / 2 % 2];
        let mut leg = house(encryption);
        let fresh = leg.clone();
        match leg.answer(&offer) {
            Ok((answer, agreement)) => {
                assert_legal(&offer, &answer);
                let named = lines(&answer, "a=crypto").len();
                let open = lines(&answer, "m=audio").iter().any(|line| !line.starts_with("m=audio 0 "));
                assert!(agreement.srtp.is_some() || encryption == Optional || !open, "required, and plain");
                assert_eq!(named, usize::from(agreement.srtp.is_some() && open));
                encrypted += named;
            }
            Err(_) => assert_eq!(leg, fresh, "a refused offer changes nothing"),
        }
        leg.offer();
        let _ = leg.accept(&offer);
    }
    assert!(encrypted > DAMAGES / 20, "only {encrypted} were understood");
}
