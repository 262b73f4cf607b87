//! Row 20: messages that cross on the wire. Each race has one winner, and no leg is left behind.

use std::time::Duration;

use baton_tests::hearing::{judge, they_talk};
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::people::connect;
use baton_tests::raw::{LIMIT, Peer, RawCall, response, sdp};
use softphone::{Hold, LineState};

const SDP: &str = "Content-Type: application/sdp\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_hang_up_at_once() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    for round in 0..5 {
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        if round == 2 {
            house.freeze_and_thaw(2).await;
        }
        alice.hangs_up(hers);
        customer.hangs_up(theirs);
        house.is_empty().await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_gives_up_while_the_callee_answers() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    // a call that is up all the time, and is frozen and thawed while the others cross
    let (bob, carol) = (house.bob().await, house.carol().await);
    let (carols, his) = connect(&carol, "102", &bob).await;
    for round in 0..8_u64 {
        let theirs = customer.calls(ALICES_NUMBER);
        let hers = alice.is_rung().await;
        house.freeze_and_thaw(2).await;
        if round % 2 == 0 {
            customer.hangs_up(theirs);
            tokio::time::sleep(Duration::from_millis(round / 2)).await;
            drop(alice.phone.answer(hers));
        } else {
            drop(alice.phone.answer(hers));
            tokio::time::sleep(Duration::from_millis(round / 2)).await;
            customer.hangs_up(theirs);
        }
        customer.is_let_go(theirs).await;
        alice.is_let_go(hers).await;
        house.is_left_with(1).await;
    }
    they_talk((&carol, carols), (&bob, his)).await;
    carol.hangs_up(carols);
    bob.is_let_go(his).await;
    house.close().await;
}

/// RFC 3261 §9.2: the CANCEL is answered 200, the INVITE keeps the answer it has; the caller then owes ACK and BYE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_crosses_the_answer_changes_nothing() {
    let house = House::open().await;
    let mut peer = Peer::udp(CUSTOMERS, house.udp).await;
    let mut dialog = peer.dialog("+15550100", "*43");
    let audio = std::net::SocketAddr::new(CUSTOMERS, 4_000);
    dialog.cseq = 1;
    let invite = peer.text(&dialog, "INVITE", "z9hG4bKrace", SDP, &sdp(audio, ""));
    let answer = peer.ask(&invite).await;
    assert_eq!(answer.status(), Some(200));
    let cancel = peer.text(&dialog, "CANCEL", "z9hG4bKrace", "", "");
    assert_eq!(peer.ask(&cancel).await.status(), Some(200), "a CANCEL that matches an INVITE");
    let mut stray = dialog.clone();
    stray.call_id.push('x');
    let stray = peer.text(&stray, "CANCEL", "z9hG4bKstray", "", "");
    assert_eq!(peer.ask(&stray).await.status(), Some(481), "a CANCEL of nothing");
    peer.takes_up(&mut dialog, &answer, "", "").await;
    house.freeze_and_thaw(1).await;
    let bye = peer.request(&mut dialog, "BYE", "", "");
    assert_eq!(peer.ask(&bye).await.status(), Some(200), "the call was up");
    let again = peer.request(&mut dialog, "BYE", "", "");
    assert_eq!(peer.ask(&again).await.status(), Some(481), "the call is over");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_crosses_a_bye() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    for round in 0..6 {
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        if round == 3 {
            house.freeze_and_thaw(2).await;
        }
        if round % 2 == 0 {
            alice.phone.hold(hers, Hold::SendOnly).expect("a line");
            customer.hangs_up(theirs);
        } else {
            customer.hangs_up(theirs);
            alice.phone.hold(hers, Hold::SendOnly).expect("a line");
        }
        alice.is_let_go(hers).await;
        house.is_empty().await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_hold_and_resume_at_once() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    for round in 0..4 {
        for hold in [true, false] {
            let ask = |person: &baton_tests::people::Person, line| {
                if hold { person.phone.hold(line, Hold::SendOnly) } else { person.phone.resume(line) }.expect("a line");
            };
            ask(&alice, hers);
            ask(&customer, theirs);
            let state = if hold { LineState::OnHold } else { LineState::Live };
            alice.comes_to(hers, state).await;
            customer.comes_to(theirs, state).await;
        }
        if round == 1 {
            house.freeze_and_thaw(2).await;
        }
    }
    they_talk((&alice, hers), (&customer, theirs)).await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// RFC 3261 §14.2: a second INVITE before the first has its answer gets 500 with Retry-After, or both are answered in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_offers_in_one_breath_are_both_answered() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    house.freeze_and_thaw(2).await;
    let own = customer.audio.own;
    let hold = customer.peer.request(&mut customer.dialog, "INVITE", SDP, &sdp(own, "a=sendonly\r\n"));
    let resume = customer.peer.request(&mut customer.dialog, "INVITE", SDP, &sdp(own, "a=sendrecv\r\n"));
    customer.peer.send(&hold).await;
    customer.peer.send(&resume).await;
    for request in [&hold, &resume] {
        let answer = customer.peer.ask(request).await;
        match answer.status() {
            Some(200) => {
                let number = answer.need("CSeq").split(' ').next().and_then(|number| number.parse().ok());
                let mut dialog = customer.dialog.clone();
                dialog.cseq = number.expect("a number");
                let ack = customer.peer.request(&mut dialog, "ACK", "", "");
                customer.peer.send(ack).await;
            }
            Some(491) => customer.peer.acknowledge_failure(request, &answer).await,
            Some(500) => {
                assert!(answer.header("Retry-After").is_some(), "{answer:?}");
                customer.peer.acknowledge_failure(request, &answer).await;
            }
            other => panic!("{other:?} to a re-INVITE"),
        }
    }
    assert_eq!(customer.reinvites("a=sendrecv\r\n").await.status(), Some(200), "and once more in order");
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}

/// A phone that puts 491 to our requests and repeats its own BYE is let go all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bye_crosses_our_bye() {
    let house = House::open().await;
    let customer = house.customer().await;
    let (theirs, mut alice) = house.talks_with_raw_alice(&customer).await;
    house.freeze_and_thaw(2).await;
    customer.hangs_up(theirs);
    let bye = alice.peer.next_request("BYE").await;
    let own = alice.peer.request(&mut alice.dialog, "BYE", "", "");
    let answer = alice.peer.ask(&own).await;
    assert!(matches!(answer.status(), Some(200 | 481)), "{answer:?}");
    alice.peer.send(response(&bye, 200, "", "", "")).await;
    house.close().await;
}

/// RFC 3261 §13.3.1.4: a 200 that is never acknowledged is repeated, and after 64·T1 the call is ended; a BYE ends it sooner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_ack_is_asked_for_again() {
    let house = House::open().await;
    let mut peer = Peer::udp(CUSTOMERS, house.udp).await;
    let mut dialog = peer.dialog("+15550100", "*43");
    let audio = std::net::SocketAddr::new(CUSTOMERS, 4_002);
    let invite = peer.request(&mut dialog, "INVITE", SDP, &sdp(audio, ""));
    let answer = peer.ask(&invite).await;
    let again = peer.next_that(LIMIT, |message| message.status() == Some(200)).await;
    assert!(again.is_some(), "the 200 is repeated until the ACK");
    peer.takes_up(&mut dialog, &answer, "", "").await;
    house.freeze_and_thaw(1).await;
    let bye = peer.request(&mut dialog, "BYE", "", "");
    assert_eq!(peer.ask(&bye).await.status(), Some(200));
    house.close().await;
}
