//! Every way in which phones say hold, written by hand, and what they are answered: never `sendrecv`.

use std::time::Instant;

use baton_tests::hearing::judge;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::raw::{Message, RawCall};

/// The direction and the port of a description's audio.
fn described(answer: &Message) -> (String, u16) {
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    let ways = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let lines = answer.body.lines().filter_map(|line| line.trim().strip_prefix("a="));
    let way = lines.rev().find(|line| ways.contains(line)).unwrap_or("sendrecv").to_owned();
    let port = answer.body.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
    (way, port.expect("an m= line"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_hold_is_understood_and_never_answered_sendrecv() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let forms: [(&str, &[&str]); 5] = [
        ("a=sendonly\r\n", &["recvonly", "inactive"]),
        ("a=inactive\r\n", &["inactive"]),
        // the last direction counts, even when its line has no end
        ("a=sendrecv\r\na=sendonly", &["recvonly", "inactive"]),
        ("address zero", &["recvonly", "inactive"]),
        ("port zero", &["recvonly", "inactive", "sendrecv", "sendonly"]),
    ];
    for (form, allowed) in forms {
        let answer = match form {
            "address zero" => customer.holds_by_address_zero().await,
            "port zero" => customer.holds_by_port_zero().await,
            lines => customer.reinvites(lines).await,
        };
        let (way, port) = described(&answer);
        assert!(allowed.contains(&way.as_str()), "{form:?} is answered {way}");
        assert_eq!(port == 0, form == "port zero", "{form:?} is answered with port {port}");
        let quiet_since = Instant::now();
        customer.audio.says(customer.remote, tones::SECRET);
        judge(&[alice.hears_music(hers)]).await;
        if form == "a=inactive\r\n" {
            house.freeze_and_thaw(2).await;
        }
        assert!(customer.audio.level(quiet_since, tones::ALICE) < -40.0, "{form:?}: the holder hears Alice");
        customer.audio.says(customer.remote, tones::CUSTOMER);
        let (way, port) = described(&customer.reinvites("a=sendrecv\r\n").await);
        assert_eq!((way.as_str(), port), ("sendrecv", customer.remote.port()), "the resume after {form:?}");
        judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    }
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recvonly_phone_is_a_listener_and_answered_sendonly() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let (way, _) = described(&customer.reinvites("a=recvonly\r\n").await);
    assert_eq!(way, "sendonly");
    customer.audio.says(customer.remote, tones::SECRET);
    house.freeze_and_thaw(2).await;
    let listening = Instant::now();
    judge(&[alice.hears(hers, &[])]).await;
    let of_alice = customer.audio.level(listening, tones::ALICE);
    assert!(of_alice > -20.0, "the listener hears Alice at {of_alice:.1} dBFS");
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_cannot_be_used_is_refused_and_the_call_goes_on() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    let unknown = "v=0\r\no=- 8 8 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n";
    assert_eq!(customer.offers(unknown).await.status(), Some(488), "no common codec");
    assert!(matches!(customer.offers("v=0\r\nnonsense").await.status(), Some(400 | 488)), "no description");
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_may_hold_by_update() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let (way, _) = described(&customer.updates("a=sendonly\r\n").await);
    assert!(matches!(way.as_str(), "recvonly" | "inactive"), "{way}");
    customer.audio.says(customer.remote, tones::SECRET);
    judge(&[alice.hears_music(hers)]).await;
    house.freeze_and_thaw(2).await;
    customer.audio.says(customer.remote, tones::CUSTOMER);
    let (way, _) = described(&customer.updates("a=sendrecv\r\n").await);
    assert_eq!(way, "sendrecv");
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_may_change_to_a_law_in_the_middle() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let answer = customer.changes_to_pcma().await;
    assert!(answer.body.contains("RTP/AVP 8"), "{answer:?}");
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    house.freeze_and_thaw(2).await;
    let since = Instant::now();
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let of_alice = customer.audio.level(since, tones::ALICE);
    assert!(of_alice > -16.0, "by A-law the customer hears Alice at {of_alice:.1} dBFS");
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}
