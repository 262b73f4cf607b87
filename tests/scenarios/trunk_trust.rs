//! Rows B15 and B16: the house's password for its carrier is for its carrier only, and not for ever.

use std::time::Duration;

use baton_tests::hearing::they_talk;
use baton_tests::house::{House, Setup, tones};
use baton_tests::people::{Person, connect};
use baton_tests::raw::{LIMIT, Message, Peer, RawAgent, part, proof, response, sdp};
use softphone::{LineId, LineState};

/// A trunk with an account at its carrier.
const ACCOUNT: &str = "user = \"house\"\npassword = \"house-secret\"\n";

fn setup() -> Setup {
    Setup { trunk: ACCOUNT, ..Setup::default() }
}

/// A call that is up meanwhile: it is frozen and thawed where those under attack are not answered yet.
async fn others_talk(house: &House) -> ((Person, LineId), (Person, LineId)) {
    let (other, carol) = (house.outside("other", tones::STRANGER).await, house.carol().await);
    let (others, carols) = connect(&other, "103", &carol).await;
    they_talk((&other, others), (&carol, carols)).await;
    ((other, others), (carol, carols))
}

fn challenge(status: u16, realm: &str) -> String {
    let name = if status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let nonce = baton_tests::raw::token();
    format!("{name}: Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"\r\n")
}

fn credentials(message: &Message) -> Option<&str> {
    message.header("Proxy-Authorization").or_else(|| message.header("Authorization"))
}

/// B15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_carriers_password_is_never_given_to_anybody_else() {
    let house = House::with(setup()).await;
    let customer = house.customer().await;
    for (status, realm) in [(407, "carrier"), (401, "baton.local"), (401, "127.0.0.5")] {
        let mut phone = RawAgent::register("bob", house.udp).await;
        let theirs = customer.calls("102");
        let ringing = phone.is_rung().await;
        let mut bob = phone.answers(ringing, tones::BOB).await;
        customer.comes_to(theirs, LineState::Live).await;
        house.freeze_and_thaw(2).await;
        customer.hangs_up(theirs);
        let bye = bob.peer.next_request("BYE").await;
        bob.peer.send(response(&bye, status, "", &challenge(status, realm), "")).await;
        let more = bob.peer.next_that(Duration::from_millis(700), |message| message.method().is_some()).await;
        let leaked = more.as_ref().and_then(credentials);
        assert_eq!(leaked, None, "{more:?}");
        house.is_empty().await;
        // this phone is gone: the next one registers at another port
        let mut leave = bob.peer.registration("bob");
        let gone = "Expires: 0\r\n";
        assert_eq!(bob.peer.ask_as(&mut leave, "bob", "REGISTER", gone, "").await.status(), Some(200));
    }
    house.close().await;
}

/// The caller is challenged too: an INVITE that rings is no reason to show a password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_challenges_an_invite_gets_no_password() {
    let house = House::with(setup()).await;
    let customer = house.customer().await;
    let (others, carols) = others_talk(&house).await;
    let mut phone = RawAgent::register("bob", house.udp).await;
    let theirs = customer.calls("102");
    let invite = phone.peer.next_request("INVITE").await;
    house.freeze_and_thaw(2).await;
    phone.peer.send(response(&invite, 407, "x", &challenge(407, "carrier"), "")).await;
    let more = phone.peer.next_that(LIMIT, |message| message.method() == Some("ACK")).await;
    assert!(more.is_some_and(|ack| credentials(&ack).is_none()));
    let again = phone.peer.next_that(Duration::from_millis(500), |message| credentials(message).is_some()).await;
    assert!(again.is_none(), "{again:?}");
    assert!(matches!(customer.is_let_go(theirs).await, LineState::Failed(_)));
    they_talk((&others.0, others.1), (&carols.0, carols.1)).await;
    others.0.hangs_up(others.1);
    carols.0.is_let_go(carols.1).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carriers_challenge_is_answered_with_the_accounts_password() {
    let house = House::with(setup()).await;
    let alice = house.alice().await;
    let mut carrier = Peer::udp_at(house.carrier, house.udp).await;
    let hers = alice.calls("+4930123456");
    let invite = carrier.next_request("INVITE").await;
    assert_eq!(credentials(&invite), None);
    carrier.send(response(&invite, 407, "c1", &challenge(407, "carrier"), "")).await;
    carrier.next_request("ACK").await;
    let again = carrier.next_request("INVITE").await;
    let given = credentials(&again).expect("credentials").to_owned();
    let uri = again.start.split(' ').nth(1).expect("a URI");
    let part = |key| part(&given, key).unwrap_or_else(|| panic!("no {key} in {given}"));
    let expected =
        proof(["house", "carrier", "house-secret"], ["INVITE", uri], [part("nonce"), part("nc"), part("cnonce")]);
    assert_eq!((part("username"), part("uri"), part("response")), ("house", uri, expected.as_str()));
    let more = format!("Contact: {}\r\nContent-Type: application/sdp\r\n", carrier.contact("carrier"));
    carrier.send(response(&again, 200, "c2", &more, &sdp(carrier.own, ""))).await;
    carrier.next_request("ACK").await;
    alice.comes_to(hers, LineState::Live).await;
    house.freeze_and_thaw(2).await;
    alice.hangs_up(hers);
    let bye = carrier.next_request("BYE").await;
    carrier.send(response(&bye, 200, "", "", "")).await;
    house.close().await;
}

/// B16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_challenges_again_and_again_is_given_up() {
    let house = House::with(setup()).await;
    let alice = house.alice().await;
    let (others, carols) = others_talk(&house).await;
    let mut carrier = Peer::udp_at(house.carrier, house.udp).await;
    let hers = alice.calls("+4930123456");
    let mut tries = 0;
    loop {
        let invite = carrier.next_that(Duration::from_secs(1), |message| message.method() == Some("INVITE")).await;
        let Some(invite) = invite else { break };
        tries += usize::from(credentials(&invite).is_some());
        assert!(tries <= 2, "a third try");
        house.freeze_and_thaw(2).await;
        carrier.send(response(&invite, 407, "c", &challenge(407, "carrier"), "")).await;
        carrier.next_request("ACK").await;
    }
    assert!(tries >= 1, "no try at all");
    assert!(matches!(alice.is_let_go(hers).await, LineState::Failed(_)));
    they_talk((&others.0, others.1), (&carols.0, carols.1)).await;
    others.0.hangs_up(others.1);
    carols.0.is_let_go(carols.1).await;
    house.close().await;
}
