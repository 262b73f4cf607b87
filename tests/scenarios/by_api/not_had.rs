//! Rows 2, 3 and 27: Bob cannot be had, or hangs up. What is known at once is the answer (409); what is not is in the call and its events.

use baton_tests::by_api::ByApi;
use baton_tests::field::FieldPhone;
use baton_tests::house::{DOMAIN, Setup, tones};
use baton_tests::one_line::FAILURE;
use serde_json::json;
use softphone::Mark;

async fn is_back_with_the_customer(api: &ByApi) {
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_heard_nothing_private();
    assert!(api.sheet().await["transfer"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_rejects() {
    for status in [486, 603] {
        let api = ByApi::open().await;
        let mut events = api.desk.listens(None).await;
        let his = api.calls_bob().await;
        api.stage.house.freeze_and_thaw(2).await;
        api.stage.alice_is_quiet();
        let from = Mark::now();
        api.stage.bob.phone.reject(his, status);
        api.stage.alice_hears_a_tone(from, FAILURE[0]).await;
        let ended = events.until("transfer_ended", |_| true).await;
        assert_eq!(ended["outcome"], "rejected", "{ended}");
        assert_eq!(ended["sip_status"], status, "{ended}");
        is_back_with_the_customer(&api).await;
        api.stage.customer_closes().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_does_not_answer() {
    let api = ByApi::with(Setup { ring_timeout_s: 2, ..Setup::USUAL }).await;
    let mut events = api.desk.listens(None).await;
    let his = api.calls_bob().await;
    api.stage.alice_is_quiet();
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.bob.is_let_go(his).await;
    assert_eq!(events.until("transfer_ended", |_| true).await["outcome"], "no_answer");
    is_back_with_the_customer(&api).await;
    api.stage.customer_closes().await;
}

/// Carol has no phone: that is known at once, and nothing changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_there() {
    let api = ByApi::open().await;
    assert_eq!(api.starts(json!({"agent": "carol"})).await.refusal(), (409, "target_unavailable"));
    api.stage.alice_and_customer_talk().await;
    api.stage.house.freeze_and_thaw(2).await;
    assert!(api.sheet().await["transfer"].is_null());
    api.stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_hangs_up_mid_consult() {
    let api = ByApi::open().await;
    let mut events = api.desk.listens(None).await;
    let his = api.consults().await;
    api.stage.alice_is_quiet();
    let from = Mark::now();
    api.stage.bob.hangs_up(his);
    api.stage.alice_hears_a_tone(from, FAILURE[0]).await;
    assert_eq!(events.until("transfer_ended", |_| true).await["outcome"], "target_gone");
    is_back_with_the_customer(&api).await;
    api.stage.customer_closes().await;
}

/// Row 27: Carol's phone challenges, redirects, or answers with what nobody here can speak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_challenges_redirects_or_has_no_codec_is_unreachable() {
    let api = ByApi::open().await;
    let carols = FieldPhone::register("gsm_only", "carol", api.stage.house.udp).await;
    let challenge = "Proxy-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\", algorithm=MD5\r\n";
    let redirect = format!("Contact: <sip:bob@{DOMAIN}>\r\n");
    let mut events = api.desk.listens(None).await;
    // an answer that nobody can use first: from then on it turns calls down
    for turned_down in [None, Some((407, challenge)), Some((302, redirect.as_str()))] {
        if let Some((status, more)) = turned_down {
            carols.turns_calls_down(status, more);
        }
        api.stage.alice_is_quiet();
        let from = Mark::now();
        api.starts(json!({"agent": "carol"})).await.done(201);
        if turned_down.is_none() {
            let invite = carols.is_rung().await;
            let carol = carols.answers(&invite, tones::CAROL).await;
            carols.is_let_go(&carol).await;
        }
        assert_eq!(events.until("transfer_ended", |_| true).await["outcome"], "unreachable", "{turned_down:?}");
        api.stage.alice_hears_a_tone(from, FAILURE[0]).await;
        api.stage.alice.says(api.stage.hers, tones::ALICE);
        api.stage.alice_and_customer_talk().await;
        assert!(!api.stage.bob.is_busy(), "nobody follows a redirect");
    }
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.customer_closes().await;
}
