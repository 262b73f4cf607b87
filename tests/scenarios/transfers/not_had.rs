//! Rows 2, 3 and 27: the target rejects, cannot be reached, does not answer in time, hangs up, or answers with something nobody can use.
//! Alice hears a short tone and is back with the customer.

use baton_tests::field::FieldPhone;
use baton_tests::house::{DOMAIN, Setup, tones};
use baton_tests::one_line::{FAILURE, OneLine};
use baton_tests::stage::{Stage, scene};
use softphone::{LineState, Mark};

/// Alice refers the customer to somebody who cannot be had and is back with him.
async fn is_back_with_the_customer(stage: &mut Stage, told: u16) {
    assert_eq!(stage.alice.is_told(&stage.first).await, told);
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    assert!(!stage.alice.is_over(&stage.first), "her line stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_rejects_by_refer() {
    let mut stage = Stage::open("plain").await;
    for status in [486, 603] {
        assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
        let his = stage.bob.is_rung().await;
        scene(&[stage.customer_hears_music()]).await;
        if status == 486 {
            stage.house.freeze_and_thaw(2).await;
        }
        stage.bob.phone.reject(his, status);
        is_back_with_the_customer(&mut stage, status).await;
    }
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_there_by_refer() {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "103").await.status(), Some(202));
    is_back_with_the_customer(&mut stage, 480).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "nobody").await.status(), Some(202));
    is_back_with_the_customer(&mut stage, 404).await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_does_not_answer_in_time_by_refer() {
    let mut stage = Stage::with("plain", Setup { ring_timeout_s: 2, ..Setup::USUAL }).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob.is_let_go(his).await;
    is_back_with_the_customer(&mut stage, 480).await;
    stage.customer_closes().await;
}

/// On a second line the INVITE gets the target's own code; the customer keeps the music until the phone resumes line 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_line_is_told_the_targets_own_code() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob.phone.reject(his, 603);
    assert_eq!(stage.alice.is_turned_down(dialling).await, 603);
    let nobody = stage.alice.dials("103", tones::SECRET).await;
    assert_eq!(stage.alice.is_turned_down(nobody).await, 480);
    scene(&[stage.customer_hears_music(), stage.first.hears_nobody()]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_rejects_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice_is_quiet();
    let from = Mark::now();
    stage.bob.phone.reject(his, 486);
    stage.alice_hears_a_tone(from, FAILURE[0]).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    stage.customer_heard_nothing_private();
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_there_by_keypad() {
    let stage = OneLine::open().await;
    let from = Mark::now();
    stage.keys("*2103#");
    // said in words, and the customer was never put on hold for it
    stage.alice_hears_more_than(from, tones::CUSTOMER).await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice_and_customer_talk().await;
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_hangs_up_mid_consult() {
    let mut stage = Stage::open("plain").await;
    let (second, his) = stage.consults().await;
    stage.bob.hangs_up(his);
    stage.alice.is_let_go(&second).await;
    scene(&[stage.customer_hears_music()]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.kept_private(his);
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_hangs_up_mid_consult_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.alice_is_quiet();
    let from = Mark::now();
    stage.bob.hangs_up(his);
    stage.alice_hears_a_tone(from, FAILURE[0]).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    stage.customer_heard_nothing_private();
    stage.customer_closes().await;
}

/// Row 27: 407 and 302 of the target's phone mean that it cannot be reached; a redirect is not followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_challenges_or_redirects_is_unreachable() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let challenge = "Proxy-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\", algorithm=MD5\r\n";
    let redirect = format!("Contact: <sip:bob@{DOMAIN}>\r\n");
    for (status, more) in [(407, challenge), (302, redirect.as_str())] {
        carols.turns_calls_down(status, more);
        assert_eq!(stage.alice.refers_to(&mut stage.first, "103").await.status(), Some(202));
        is_back_with_the_customer(&mut stage, 503).await;
        assert!(!stage.bob.is_busy(), "nobody follows a redirect");
    }
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

/// Row 27, by keypad.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_challenges_or_redirects_is_unreachable_by_keypad() {
    let stage = OneLine::open().await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let challenge = "Proxy-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\", algorithm=MD5\r\n";
    let redirect = format!("Contact: <sip:bob@{DOMAIN}>\r\n");
    for (status, more) in [(407, challenge), (302, redirect.as_str())] {
        carols.turns_calls_down(status, more);
        stage.alice_is_quiet();
        let from = Mark::now();
        stage.keys("*2103#");
        stage.alice_hears_a_tone(from, FAILURE[0]).await;
        stage.alice.says(stage.hers, tones::ALICE);
        stage.alice_and_customer_talk().await;
        assert!(!stage.bob.is_busy(), "nobody follows a redirect");
    }
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

/// Row 27: an answer without a codec that we have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_answers_without_a_common_codec_is_unreachable() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("gsm_only", "carol", stage.house.udp).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "103").await.status(), Some(202));
    let invite = carols.is_rung().await;
    stage.house.freeze_and_thaw(2).await;
    let carol = carols.answers(&invite, tones::CAROL).await;
    carols.is_let_go(&carol).await;
    is_back_with_the_customer(&mut stage, 503).await;
    assert!(matches!(stage.customer.phone.lines()[0].state, LineState::Live));
    stage.customer_closes().await;
}
