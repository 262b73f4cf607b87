//! Rows C9 to C14: who may say what in a dialog, and redirects. The call that is up hears nothing of it.

use std::time::{Duration, Instant};

use baton_tests::field::{FieldPhone, Gaps};
use baton_tests::house::tones;
use baton_tests::raw::{Audio, Peer, authorize};
use baton_tests::stage::{Stage, scene};

const SDP: &str = "Content-Type: application/sdp\r\n";

async fn is_unharmed(stage: Stage) {
    stage.house.freeze_and_thaw(2).await;
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    stage.customer_closes().await;
}

/// C9: from another address, wrong tags are 481; right ones are challenged; the right password moves the dialog there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_from_elsewhere_must_prove_itself() {
    let stage = Stage::open("plain").await;
    let mut thief = Peer::udp([127, 0, 0, 66].into(), stage.house.udp).await;
    for method in ["BYE", "INVITE"] {
        for (tags, expected) in [("wrong", 481), ("right", 401)] {
            let mut dialog = stage.first.dialog.clone();
            if tags == "wrong" {
                dialog.remote = dialog.remote.replace(";tag=", ";tag=x");
            }
            dialog.cseq += 10;
            let request = thief.request(&mut dialog, method, "", "");
            let answer = thief.ask(&request).await;
            assert_eq!(answer.status(), Some(expected), "{method}, {tags} tags: {answer:?}");
            if method == "INVITE" {
                thief.acknowledge_failure(&request, &answer).await;
            }
        }
    }
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    // Alice's phone goes from one network to another: with her password her requests from there count
    let mut moved = Peer::udp([127, 0, 0, 7].into(), stage.house.udp).await;
    let mut dialog = stage.first.dialog.clone();
    dialog.cseq += 20;
    let own = stage.first.audio.own;
    let description = baton_tests::raw::sdp(own, "a=sendrecv\r\n");
    let request = moved.request(&mut dialog, "INVITE", SDP, &description);
    let challenge = moved.ask(&request).await;
    assert_eq!(challenge.status(), Some(401), "{challenge:?}");
    moved.acknowledge_failure(&request, &challenge).await;
    let header = authorize(&challenge, "alice", "alice-secret", "INVITE", &dialog.target.clone());
    let request = moved.request(&mut dialog, "INVITE", &format!("{header}{SDP}"), &description);
    let answer = moved.ask(&request).await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    moved.takes_up(&mut dialog, &answer, "", "").await;
    stage.customer.hangs_up(stage.theirs);
    let bye = moved.next_request("BYE").await;
    moved.send(baton_tests::raw::response(&bye, 200, "", "", "")).await;
    stage.house.close().await;
}

/// C10: the phone's own re-INVITE may send its media elsewhere; the old address gets nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_re_invite_moves_the_media_and_the_old_address_gets_nothing() {
    let mut stage = Stage::open("plain").await;
    let third = Audio::open([127, 0, 0, 9].into()).await;
    let gaps = Gaps::from([("ip", "127.0.0.9".to_owned()), ("rtp", third.own.port().to_string())]);
    let answer = stage.alice.ask(&mut stage.first.dialog, "resume", &gaps).await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    stage.first.audio.is_silent();
    third.says(stage.first.remote, tones::OUTSIDE);
    let there = baton_tests::stage::new_ear(&third);
    scene(&[there.clone(), stage.customer_hears(&[tones::OUTSIDE])]).await;
    let quiet_since = Instant::now();
    scene(&[there]).await;
    let late = stage.first.audio.heard().iter().filter(|packet| packet.at > quiet_since).count();
    assert_eq!(late, 0, "packets to the old address");
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

/// C11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_re_invite_without_an_offer_after_the_bye_is_481() {
    let mut stage = Stage::open("plain").await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice.hangs_up(&mut stage.first).await;
    let answer = stage.alice.ask(&mut stage.first.dialog, "reinvite-without-offer", &Gaps::new()).await;
    assert_eq!(answer.status(), Some(481), "{answer:?}");
    stage.customer.is_let_go(stage.theirs).await;
    stage.house.close().await;
}

/// C12: a lower number is 500, an equal one the same request again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_in_a_dialog_only_grow() {
    let mut stage = Stage::open("plain").await;
    stage.alice.keys(&mut stage.first, "1").await;
    let mut old = stage.first.dialog.clone();
    old.cseq -= 10;
    let gaps = Gaps::from([("digit", "2".to_owned())]);
    let answer = stage.alice.ask(&mut old, "key", &gaps).await;
    assert_eq!(answer.status(), Some(500), "{answer:?}");
    let gaps = Gaps::from([("digit", "3".to_owned())]);
    let key = stage.alice.send(&mut stage.first.dialog, "key", &gaps).await;
    let first = stage.alice.answer_to(&key, |status| status >= 200).await;
    stage.alice.throw(&key).await;
    let again = stage.alice.answer_to(&key, |status| status >= 200).await;
    assert_eq!((first.status(), again.status()), (Some(200), Some(200)));
    stage.customer.hears_keys(stage.theirs, "13").await;
    is_unharmed(stage).await;
}

/// C13, C14: a redirect to a premium number, or to fifty places at once, is followed nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_not_followed() {
    let stage = Stage::open("plain").await;
    let mut carrier = Peer::udp_at(stage.house.carrier, stage.house.udp).await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let premium = "Contact: <sip:+19005550100@baton.local>\r\n".to_owned();
    let fifty: String = (0..50).map(|n| format!("Contact: <sip:102@127.0.0.1:{};q=0.{n}>\r\n", 20_000 + n)).collect();
    for (status, contacts) in [(302, premium), (300, fifty)] {
        carols.turns_calls_down(status, &contacts);
        let dialling = stage.bob.calls("103");
        let told = stage.bob.is_let_go(dialling).await;
        assert!(matches!(told, softphone::LineState::Failed(_)), "{told:?}");
    }
    assert!(carrier.next(Duration::from_millis(300)).await.is_none(), "the carrier was dialled");
    is_unharmed(stage).await;
}
