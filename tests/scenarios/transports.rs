//! Phones over TLS and over IPv6, in one call with others, judged by what they hear; and a certificate that is replaced while they talk.

#[path = "../../crates/secure-wire/tests/authority/mod.rs"]
mod authority;

use std::net::{IpAddr, Ipv6Addr};

use authority::{Authority, Issued, NAMES};
use baton_tests::hearing::Talk;
use baton_tests::house::{ALICES_NUMBER, DOMAIN, House, Setup, tones};
use baton_tests::people::{Person, connect};
use media_mixer::sdp::{Encryption, SrtpTerms};
use secure_wire::Roots;
use sip_signalling::Protocol;
use softphone::{LineState, PhoneSettings, Voice};

fn secure(issued: &Issued) -> Setup {
    let (certificate, key) = (issued.certificate.display(), issued.key.display());
    let sip = format!("certificate = \"{certificate}\"\nprivate_key = \"{key}\"\n");
    Setup { listen: ", \"tls:127.0.0.1:0\"", sip: sip.leak(), ..Setup::USUAL }
}

/// A registered phone of an agent that is reached another way than usual.
async fn agent(
    house: &House,
    name: &'static str,
    hertz: f64,
    protocol: Protocol,
    ip: IpAddr,
    trust: Option<Roots>,
) -> Person {
    let server = house.listening(protocol, ip.is_ipv6());
    let usual = PhoneSettings::agent(name, &format!("{name}-secret"), DOMAIN, server, Voice::Tone(hertz));
    // where nobody reads the keys on the way, sound is encrypted
    let srtp = SrtpTerms::new(if protocol == Protocol::Tls { Encryption::Required } else { Encryption::Off });
    let person = Person::start(name, hertz, PhoneSettings { protocol, address: ip, trust, srtp, ..usual }).await;
    person.phone.register().await.unwrap_or_else(|error| panic!("{error}"));
    person
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_over_tls_talks_with_a_customer_over_udp_and_a_new_certificate_ends_nothing() {
    let authority = Authority::new();
    let house = House::with(secure(&authority.issue(NAMES, 30))).await;
    let trust = || Some(Roots::load(&authority.certificate()).expect("the authority's certificate"));
    let here = IpAddr::from([127, 0, 0, 1]);
    let alice = agent(&house, "alice", tones::ALICE, Protocol::Tls, here, trust()).await;
    let customer = house.customer().await;
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;

    house.running.reload(house.settings(&secure(&authority.issue(NAMES, 30)))).await;
    talk.goes_on().await;
    // whoever connects now is shown the new one, and is let in as before
    let bob = agent(&house, "bob", tones::BOB, Protocol::Tls, here, trust()).await;
    let (hers_too, his) = connect(&alice, "102", &bob).await;
    bob.hangs_up(his);
    alice.is_let_go(hers_too).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

/// A phone over TLS that cannot encrypt its sound gets no call and makes none; who can is called and calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_sound_is_encrypted_or_there_is_none() {
    let authority = Authority::new();
    let house = House::with(secure(&authority.issue(NAMES, 30))).await;
    let trust = || Some(Roots::load(&authority.certificate()).expect("the authority's certificate"));
    let here = IpAddr::from([127, 0, 0, 1]);
    let server = house.listening(Protocol::Tls, false);
    let usual = PhoneSettings::agent("carol", "carol-secret", DOMAIN, server, Voice::Tone(tones::CAROL));
    let plain = PhoneSettings { protocol: Protocol::Tls, address: here, trust: trust(), ..usual };
    let carol = Person::start("carol", tones::CAROL, plain).await;
    carol.phone.register().await.unwrap_or_else(|error| panic!("{error}"));
    let alice = agent(&house, "alice", tones::ALICE, Protocol::Tls, here, trust()).await;
    let (bob, customer) = (house.bob().await, house.customer().await);

    let hers = carol.calls("101");
    assert_eq!(carol.is_let_go(hers).await, LineState::Failed(488));
    for (caller, whom, callee) in [(&bob, "101", &alice), (&alice, "102", &bob), (&customer, ALICES_NUMBER, &alice)] {
        let (calling, answering) = connect(caller, whom, callee).await;
        let mut talk = Talk::of((caller, calling), (callee, answering)).await;
        talk.goes_on().await;
        caller.hangs_up(calling);
        callee.is_let_go(answering).await;
    }
    // she is offered encryption alone, and cannot take it
    let his = bob.calls("103");
    let hers = carol.is_rung().await;
    drop(carol.phone.answer(hers));
    carol.phone.reject(hers, 488);
    assert!(matches!(bob.is_let_go(his).await, LineState::Failed(_)));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_over_ipv6_talks_with_one_over_ipv4_whoever_calls() {
    let setup = Setup { listen: ", \"udp:[::1]:0\", \"tcp:[::1]:0\"", media: "address_v6 = \"::1\"", ..Setup::USUAL };
    let house = House::with(setup).await;
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    let alice = agent(&house, "alice", tones::ALICE, Protocol::Udp, six, None).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let carol = agent(&house, "carol", tones::CAROL, Protocol::Tcp, six, None).await;
    for (caller, whom, callee) in [(&bob, "101", &alice), (&alice, "102", &bob), (&alice, "103", &carol)] {
        let (calling, answering) = connect(caller, whom, callee).await;
        let mut talk = Talk::of((caller, calling), (callee, answering)).await;
        talk.goes_on().await;
        caller.hangs_up(calling);
        callee.is_let_go(answering).await;
    }
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}
