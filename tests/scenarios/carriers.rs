//! A carrier that wants to be registered with, played by a raw peer: its calls come by the registration.

use baton_tests::hearing::judge;
use baton_tests::house::{ALICES_NUMBER, House, Setup, tones};
use baton_tests::raw::{LIMIT, Message, Peer, RawCall, part, proof, response, sdp};
use softphone::LineState;

/// A trunk with an account at its carrier, where it registers. Nothing else says that its calls are its.
const REGISTERS: Setup =
    Setup { trunk: "user = \"house\"\npassword = \"house-secret\"\nregister = true\n", ..Setup::USUAL };
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";

/// Challenges a REGISTER, looks at the proof and grants it; returns the Contact.
async fn registers(carrier: &mut Peer) -> String {
    let asked = carrier.next_request("REGISTER").await;
    assert_eq!(asked.header("Authorization"), None);
    carrier.send(response(&asked, 401, "r1", CHALLENGE, "")).await;
    let again = carrier.next_that(LIMIT, |message| message.header("Authorization").is_some()).await;
    let again = again.expect("a REGISTER with credentials");
    let given = again.need("Authorization").to_owned();
    let part = |key| part(&given, key).unwrap_or_else(|| panic!("no {key} in {given}"));
    let uri = again.start.split(' ').nth(1).expect("a URI");
    let numbers = [part("nonce"), part("nc"), part("cnonce")];
    assert_eq!(part("response"), proof(["house", "carrier", "house-secret"], ["REGISTER", uri], numbers));
    grants(carrier, &again).await;
    again.address("Contact").expect("a Contact")
}

async fn grants(carrier: &mut Peer, asked: &Message) {
    let granted = format!("Contact: {};expires=300\r\n", asked.need("Contact"));
    carrier.send(response(asked, 200, "r2", &granted, "")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carriers_customer_comes_by_our_registration_which_is_taken_back_when_we_stop() {
    let house = House::open().await;
    let alice = house.alice().await;
    let mut carrier = Peer::udp_at(house.carrier, house.udp).await;
    house.running.reload(house.settings(&REGISTERS)).await;
    let contact = registers(&mut carrier).await;

    let mut dialog = carrier.dialog("+4930123456", ALICES_NUMBER);
    dialog.target = contact;
    let dialled = RawCall::dial_in(carrier, dialog, ALICES_NUMBER, tones::CUSTOMER);
    let (mut customer, hers) = tokio::join!(dialled, async {
        let hers = alice.answers().await;
        alice.comes_to(hers, LineState::Live).await;
        hers
    });
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    assert_eq!(customer.hangs_up().await.status(), Some(200));
    alice.is_let_go(hers).await;
    house.is_empty().await;

    let mut carrier = customer.peer;
    let taken_back = async {
        let last = carrier.next_that(LIMIT, |message| message.header("Expires") == Some("0")).await;
        let last = last.expect("a REGISTER that takes it back");
        carrier.send(response(&last, 200, "r3", "", "")).await;
    };
    tokio::join!(taken_back, house.close());
}

/// What an agent's phone asserts of itself is nothing to anybody: the house says who calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_own_assertion_never_reaches_the_carrier() {
    const ACCOUNT: Setup = Setup {
        trunk: "user = \"house\"\npassword = \"house-secret\"\nfrom_account = true\ncaller_id = \"+15550000\"\n",
        ..Setup::USUAL
    };
    let house = House::with(ACCOUNT).await;
    let mut carrier = Peer::udp_at(house.carrier, house.udp).await;
    let mut phone = Peer::udp([127, 0, 0, 1].into(), house.udp).await;
    let mut dialog = phone.dialog("alice", "+4930123456");
    let asserts = "P-Asserted-Identity: <sip:+19005550000@elsewhere>\r\nContent-Type: application/sdp\r\n";
    let description = sdp(phone.own, "");
    let called = phone.ask_as(&mut dialog, "alice", "INVITE", asserts, &description);
    let (refused, ()) = tokio::join!(called, async {
        let invite = carrier.next_request("INVITE").await;
        let account = format!("sip:house@{}", house.carrier);
        assert_eq!(invite.address("From").as_deref(), Some(account.as_str()));
        let asserted: Vec<_> = invite.all("P-Asserted-Identity").collect();
        assert!(asserted.len() == 1 && asserted[0].contains("sip:+15550000@baton.local"), "{asserted:?}");
        carrier.send(response(&invite, 486, "c1", "", "")).await;
    });
    assert_eq!(refused.status(), Some(486), "{refused:?}");
    house.close().await;
}
