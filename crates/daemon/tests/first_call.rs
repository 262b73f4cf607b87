//! Calls by hand over real UDP: answered, turned away, held, frozen in the middle, ended by either side.
#![allow(clippy::unwrap_used)]

mod wire;

use std::time::Duration;

use daemon::config::from_text;
use daemon::{Running, run};
use wire::{HOUSE, LIMIT, Peer, body, header, offer};

async fn house() -> Running {
    run(from_text(HOUSE).unwrap()).await.unwrap()
}

/// Waits until nothing is left in anybody's hands.
async fn nothing_is_left(house: &Running) {
    let done = async {
        loop {
            let counts = house.counts().await;
            if (counts.calls, counts.legs, counts.dialogs, counts.media_legs) == (0, 0, 0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(LIMIT, done).await.is_err() {
        panic!("left over: {:?}", house.counts().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_dials_the_echo_is_answered_with_sound() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*43", Some(&offer("127.0.0.2", 40_000, "0 8", "sendrecv"))).await;
    let answer = peer.status("INVITE", 200).await;
    assert_eq!(header(&answer, "Content-Type"), "application/sdp");
    assert!(body(&answer).contains("m=audio 2"), "{answer}");
    assert!(body(&answer).contains(" RTP/AVP 0"), "{answer}");
    peer.ack("").await;
    assert_eq!(house.counts().await.legs, 1);
    peer.bye().await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_without_offer_is_answered_by_one() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*45", None).await;
    let answer = peer.status("INVITE", 200).await;
    assert!(body(&answer).contains("m=audio 2"), "{answer}");
    peer.ack(&offer("127.0.0.2", 40_002, "0", "sendrecv")).await;
    peer.bye().await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_without_a_codec_of_ours_gets_488() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*43", Some(&offer("127.0.0.2", 40_004, "3", "sendrecv"))).await;
    peer.status("INVITE", 488).await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_nobody_has_gets_404() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("+15550000", Some(&offer("127.0.0.2", 40_006, "0", "sendrecv"))).await;
    peer.status("INVITE", 404).await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_meet_in_a_room_and_hear_each_other_also_after_a_freeze() {
    let house = house().await;
    let server = house.udp().unwrap();
    let (mut one, mut two) = (Peer::new("127.0.0.2", server).await, Peer::new("127.0.0.3", server).await);
    for (peer, host) in [(&mut one, "127.0.0.2"), (&mut two, "127.0.0.3")] {
        peer.invite("room7", Some(&offer(host, 40_008, "0", "sendrecv"))).await;
        peer.status("INVITE", 200).await;
        peer.ack("").await;
    }
    let before = house.masks().await;
    let legs: Vec<_> = before.calls.values().flat_map(|call| call.legs.keys().copied()).collect();
    assert_eq!((before.calls.len(), legs.len()), (1, 2));
    assert!(before.hears(legs[0], legs[1]) && before.hears(legs[1], legs[0]));
    assert!(!before.hears(legs[0], legs[0]));

    assert_eq!(house.freeze_and_thaw().await.unwrap(), 2);
    assert_eq!(house.masks().await, before);

    // one presses hold: nobody hears him and he hears nobody
    one.reinvite(&offer("127.0.0.2", 40_008, "0", "sendonly")).await;
    let answer = one.status("INVITE", 200).await;
    assert!(body(&answer).contains("a=recvonly"), "{answer}");
    one.ack("").await;
    let held = house.masks().await;
    assert!(!held.hears(legs[0], legs[1]) && !held.hears(legs[1], legs[0]));

    assert_eq!(house.freeze_and_thaw().await.unwrap(), 2);
    one.bye().await;
    two.bye().await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_the_service_says_bye_to_everybody() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*45", Some(&offer("127.0.0.2", 40_010, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    let stop = tokio::spawn(house.stop());
    peer.request("BYE").await;
    tokio::time::timeout(LIMIT, stop).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bye_is_said_again_before_the_service_ends() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*45", Some(&offer("127.0.0.2", 40_018, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    let stop = tokio::spawn(house.stop());
    peer.lose("BYE").await;
    peer.request("BYE").await;
    tokio::time::timeout(LIMIT, stop).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_ack_is_lost_hears_bye_too_when_the_service_ends() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*45", Some(&offer("127.0.0.2", 40_020, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    let begun = std::time::Instant::now();
    let stop = tokio::spawn(house.stop());
    peer.request("BYE").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    tokio::time::timeout(LIMIT, stop).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_does_not_answer_its_bye_delays_the_end_by_five_seconds_at_most() {
    let house = house().await;
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("*45", Some(&offer("127.0.0.2", 40_012, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    let begun = std::time::Instant::now();
    house.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_lets_a_new_trunk_in_and_the_call_goes_on() {
    let house = house().await;
    let server = house.udp().unwrap();
    let mut known = Peer::new("127.0.0.2", server).await;
    known.invite("*45", Some(&offer("127.0.0.2", 40_014, "0", "sendrecv"))).await;
    known.status("INVITE", 200).await;
    known.ack("").await;

    let mut new = Peer::new("127.0.0.4", server).await;
    let more = HOUSE.replace("\"127.0.0.3/32\"", "\"127.0.0.4/32\"");
    house.reload(from_text(&more).unwrap()).await;
    new.invite("*44", Some(&offer("127.0.0.4", 40_016, "0", "sendrecv"))).await;
    new.status("INVITE", 200).await;
    new.ack("").await;

    known.bye().await;
    new.bye().await;
    nothing_is_left(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_one_clear_reason_and_nothing_is_left() {
    let first = house().await;
    let taken = first.udp().unwrap();
    let text = HOUSE.replace("udp:127.0.0.1:0", &format!("udp:{taken}"));
    let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let error = run(from_text(&text).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains(&taken.to_string()), "{error}");
    assert!(!error.contains('\n'), "{error}");
    let left = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(left <= files + 2, "{files} files before, {left} after");
    first.stop().await;
}
