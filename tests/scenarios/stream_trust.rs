//! Row A20: streams that dawdle, flood, lie about their length or break off. Each is answered or cut, and nothing leaks.

use std::time::{Duration, Instant};

use baton_tests::hearing::Talk;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House};
use baton_tests::people::connect;
use baton_tests::raw::{LIMIT, Peer, sdp};

/// A message that takes longer than 10 s is cut.
const CUT: Duration = Duration::from_secs(14);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_misbehave_are_cut_and_leave_nothing() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    tokio::join!(dawdles(&house), floods(&house), lies(&house), pipelines(&house), breaks_off(&house));
    talk.is_unharmed("streams").await;
    let end = Instant::now() + LIMIT;
    while house.running.counts().await.legs > 2 {
        assert!(Instant::now() < end, "left behind: {:?}", house.running.counts().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// A byte a second, for ever.
async fn dawdles(house: &House) {
    let mut peer = Peer::tcp(CUSTOMERS, house.tcp).await;
    let mut dialog = peer.dialog("x", "101");
    let request = peer.request(&mut dialog, "OPTIONS", "", "");
    let began = Instant::now();
    for byte in request.bytes() {
        if peer.try_send([byte]).await.is_err() || peer.is_closed(Duration::from_secs(1)).await {
            break;
        }
        assert!(began.elapsed() < CUT, "a dawdler was not cut");
    }
    assert!(began.elapsed() > Duration::from_secs(5), "a slow sender is given time");
}

/// Ten megabytes without an empty line.
async fn floods(house: &House) {
    let mut peer = Peer::tcp(CUSTOMERS, house.tcp).await;
    let line = format!("X-Filler: {}\r\n", "x".repeat(1_000));
    let mut sent = peer.try_send("OPTIONS sip:101@baton.local SIP/2.0\r\n").await.map(|()| 0);
    while let Ok(bytes) = sent {
        assert!(bytes < 10_000_000, "ten megabytes were taken");
        sent = peer.try_send(&line).await.map(|()| bytes + line.len());
        if bytes % 100_000 < line.len() && peer.is_closed(Duration::from_millis(5)).await {
            break;
        }
    }
}

/// Two gigabytes are announced.
async fn lies(house: &House) {
    for length in ["2147483648", "99999999999999999999"] {
        let mut peer = Peer::tcp(CUSTOMERS, house.tcp).await;
        let mut dialog = peer.dialog("x", "101");
        let request = peer.request(&mut dialog, "OPTIONS", "", "");
        let request = request.replace("Content-Length: 0", &format!("Content-Length: {length}"));
        if let Some(answer) = peer.try_ask(&request, LIMIT).await {
            assert!(matches!(answer.status(), Some(400 | 413 | 513)), "{answer:?}");
        }
        assert!(peer.is_closed(LIMIT).await, "{length} bytes are waited for");
    }
}

/// A thousand requests in one breath.
async fn pipelines(house: &House) {
    let mut peer = Peer::tcp(CUSTOMERS, house.tcp).await;
    let mut all = String::new();
    for _ in 0..1_000 {
        let mut dialog = peer.dialog("x", "101");
        all.push_str(&peer.request(&mut dialog, "OPTIONS", "", ""));
    }
    peer.send(&all).await;
    let mut answers = 0;
    while let Some(answer) = peer.next(LIMIT).await {
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        answers += 1;
        if answers == 1_000 {
            return;
        }
    }
    // a reader that does not keep up is closed; ours reads all the time
    panic!("{answers} of 1000 were answered");
}

/// Connections that break off in the middle of an INVITE, and right after it.
async fn breaks_off(house: &House) {
    for part in [1, 2, 1_000] {
        let mut peer = Peer::tcp(CUSTOMERS, house.tcp).await;
        let mut dialog = peer.dialog("+15550100", "*43");
        let request = peer.request(&mut dialog, "INVITE", "Content-Type: application/sdp\r\n", &sdp(peer.own, ""));
        let length = if part == 1_000 { request.len() } else { request.len() * part / 3 };
        peer.send(&request[..length]).await;
        if part == 1_000 {
            // the call is up: its phone is gone without a word, which the house finds out by asking; end it in order
            let answer = peer.next_that(LIMIT, |message| message.status() == Some(200)).await.expect("an answer");
            dialog.remote = answer.need("To").to_owned();
            dialog.target = answer.address("Contact").expect("a Contact");
            let ack = peer.request(&mut dialog, "ACK", "", "");
            drop(peer);
            let mut again = Peer::tcp(CUSTOMERS, house.tcp).await;
            again.send(ack).await;
            let bye = again.request(&mut dialog, "BYE", "", "");
            assert_eq!(again.ask(&bye).await.status(), Some(200), "a dialog outlives its connection");
        }
    }
}
