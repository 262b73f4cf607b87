//! Phones over TLS and over IPv6, in one call with others, judged by what they hear; and a certificate that is replaced while they talk.

#[path = "../../crates/secure-wire/tests/authority/mod.rs"]
mod authority;

use std::net::{IpAddr, Ipv6Addr};

use authority::{Authority, Issued, NAMES};
use baton_tests::hearing::{Talk, judge};
use baton_tests::house::{ALICES_NUMBER, DOMAIN, House, Setup, tones};
use baton_tests::people::{Person, connect};
use baton_tests::raw::{Audio, Message, Peer, RawAgent, authorize, response, sdp};
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

/// One agent, a phone over TLS and one over UDP that must encrypt: they ring together, none is told the other's keys, and the one that turns
/// the open form down is offered another while the other rings on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_over_tls_beside_one_over_udp_rings_with_keys_of_its_own() {
    let authority = Authority::new();
    let house = House::with(secure(&authority.issue(NAMES, 30))).await;
    let trust = Some(Roots::load(&authority.certificate()).expect("the authority's certificate"));
    let mut open = RawAgent::register("alice", house.udp).await;
    let alice = agent(&house, "alice", tones::ALICE, Protocol::Tls, [127, 0, 0, 1].into(), trust).await;
    let customer = house.customer().await;
    let theirs = customer.calls(ALICES_NUMBER);
    let hers = alice.is_rung().await;
    let mut told = Vec::new();
    for profile in [" RTP/AVP ", " RTP/SAVP "] {
        let ringing = open.is_rung().await;
        let offer = &ringing.invite.body;
        let keys: Vec<String> = offer.lines().filter(|line| line.starts_with("a=crypto:")).map(str::to_owned).collect();
        assert!(offer.contains(profile) && keys.len() == 3, "{offer}");
        told.extend(keys);
        open.peer.send(response(&ringing.invite, 488, &ringing.tag, "", "")).await;
        open.peer.next_request("ACK").await;
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 6, "no key is told twice");
    alice.phone.answer(hers).unwrap_or_else(|error| panic!("{error}"));
    let tags: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("a=crypto:")?.split(' ').next()).collect();
    assert_eq!(tags, ["1", "2", "3", "4", "5", "6"], "those of the phone over TLS are none of these");
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    talk.goes_on().await;
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;
    alice.holds(hers, softphone::Hold::SendOnly).await;
    alice.resumes(hers).await;
    talk.goes_on().await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
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

/// Where a message of ours says that we are: its Contact and its description.
fn told(message: &Message) -> (String, String) {
    let contact = message.address("Contact").expect("a Contact");
    let place = contact.split_once('@').map_or(contact.as_str(), |(_, place)| place);
    let host = place.trim_start_matches("sip:").split([':', ';']).next().unwrap_or_default();
    let media = message.body.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).unwrap_or_default();
    (host.to_owned(), media.trim().to_owned())
}

fn both(address: &str) -> (String, String) {
    (address.to_owned(), address.to_owned())
}

/// Behind a NAT, in one network with everybody but 127.0.0.8 and above.
const BEHIND_NAT: Setup = Setup {
    server: "local_networks = [\"127.0.0.0/29\"]\n",
    sip: "external_address = \"127.0.0.77\"\n",
    ..Setup::USUAL
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_phone_in_the_house_and_the_one_outside_are_each_told_the_address_that_reaches_us() {
    let house = House::with(BEHIND_NAT).await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let away = IpAddr::from([127, 0, 0, 9]);
    let mut mobile = RawAgent { peer: Peer::udp(away, house.udp).await, audio: Audio::open(away).await };
    assert_eq!(mobile.peer.register("alice").await.status(), Some(200));

    let ((theirs, hers), ringing) = tokio::join!(connect(&customer, ALICES_NUMBER, &alice), mobile.is_rung());
    assert_eq!(told(&ringing.invite), both("127.0.0.77"));
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    let cancel = mobile.peer.next_request("CANCEL").await;
    mobile.peer.send(response(&cancel, 200, "", "", "")).await;
    mobile.peer.send(response(&ringing.invite, 487, &ringing.tag, "", "")).await;
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_comes_into_the_house_while_it_talks_is_told_our_own_address_from_then_on() {
    const SDP: &str = "Content-Type: application/sdp\r\n";
    let house = House::with(BEHIND_NAT).await;
    let away = IpAddr::from([127, 0, 0, 9]);
    let (mut mobile, audio) = (Peer::udp(away, house.udp).await, Audio::open(away).await);
    let mut dialog = mobile.dialog("alice", "*44");
    let answer = mobile.ask_as(&mut dialog, "alice", "INVITE", SDP, &sdp(audio.own, "")).await;
    assert_eq!((answer.status(), told(&answer)), (Some(200), both("127.0.0.77")));
    mobile.takes_up(&mut dialog, &answer, "", "").await;
    house.freeze_and_thaw(1).await;

    let mut inside = Peer::udp([127, 0, 0, 3].into(), house.udp).await;
    let request = inside.request(&mut dialog, "INVITE", SDP, &sdp(audio.own, ""));
    let challenge = inside.ask(&request).await;
    assert_eq!(challenge.status(), Some(401), "{challenge:?}");
    inside.acknowledge_failure(&request, &challenge).await;
    let header = authorize(&challenge, "alice", "alice-secret", "INVITE", &dialog.target.clone());
    let request = inside.request(&mut dialog, "INVITE", &format!("{header}{SDP}"), &sdp(audio.own, ""));
    let answer = inside.ask(&request).await;
    assert_eq!((answer.status(), told(&answer)), (Some(200), both("127.0.0.1")));
    inside.takes_up(&mut dialog, &answer, "", "").await;
    let bye = inside.request(&mut dialog, "BYE", "", "");
    assert_eq!(inside.ask(&bye).await.status(), Some(200));
    house.close().await;
}

/// One device, registered by this flow of it (RFC 5626 §4.2.1).
async fn keeps_a_flow(peer: &mut Peer, flow: u8) {
    let mut registration = peer.registration("alice");
    let peer_contact = peer.contact("raw");
    let device = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000000000001>\"";
    let named = |text: String| text.replace(&peer_contact, &format!("{peer_contact};{device};reg-id={flow}"));
    let lines = "Supported: path, outbound\r\nExpires: 600\r\n";
    let request = named(peer.request(&mut registration, "REGISTER", lines, ""));
    let challenge = peer.ask(&request).await;
    let proof = authorize(&challenge, "alice", "alice-secret", "REGISTER", &registration.target.clone());
    let request = named(peer.request(&mut registration, "REGISTER", &format!("{proof}{lines}"), ""));
    let answer = peer.ask(&request).await;
    assert_eq!((answer.status(), answer.header("Require")), (Some(200), Some("outbound")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_newest_flow_is_dead_is_rung_by_its_other_one_and_talks() {
    let house = House::open().await;
    let customer = house.customer().await;
    let here = IpAddr::from([127, 0, 0, 1]);
    let mut phone = RawAgent { peer: Peer::tcp(here, house.tcp).await, audio: Audio::open(here).await };
    keeps_a_flow(&mut phone.peer, 1).await;
    let mut gone = Peer::udp(here, house.udp).await;
    keeps_a_flow(&mut gone, 2).await;
    drop(gone);

    let theirs = customer.calls(ALICES_NUMBER);
    let ringing = phone.is_rung().await;
    let mut alice = phone.answers(ringing, tones::ALICE).await;
    customer.comes_to(theirs, LineState::Live).await;
    judge(&[customer.hears(theirs, &[tones::ALICE])]).await;
    house.freeze_and_thaw(2).await;
    judge(&[customer.hears(theirs, &[tones::ALICE])]).await;
    customer.hangs_up(theirs);
    alice.is_hung_up().await;
    house.close().await;
}
