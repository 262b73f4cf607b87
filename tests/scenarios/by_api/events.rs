//! The events of a whole transfer over WebSocket: in order, without a gap, resumed after a lost connection; and who is told what.

use std::time::{Duration, Instant};

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, Events, id_of, person};
use baton_tests::hearing::until;
use baton_tests::house::tones;
use baton_tests::people::SOON;
use serde_json::{Value, json};
use softphone::Voice;

/// Collects events until one of this type; each number is one more than the one before.
async fn until_type(events: &mut Events, last: &mut u64, kind: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let event = events.next().await;
        let seq = event["seq"].as_u64().expect("a number");
        assert!(seq > *last, "{event} after {last}");
        *last = seq;
        let done = event["type"] == kind;
        seen.push(event);
        if done {
            return seen;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_is_told_in_order_and_a_lost_connection_is_taken_up_where_it_ended() {
    let api = ByApi::open().await;
    let operator = Desk::operator(&api.stage.house);
    let mut events = operator.listens(None).await;
    let snapshot = events.next().await;
    assert_eq!(snapshot["type"], "snapshot", "{snapshot}");
    let mut last = snapshot["seq"].as_u64().expect("a number");
    let his = api.consults().await;
    let began = until_type(&mut events, &mut last, "transfer_started").await;
    assert!(began.iter().all(|event| event["call"] == json!(api.call) || event["call"].is_null()), "{began:?}");
    // the connection is lost; the transfer goes on
    drop(events);
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    let mut again = operator.listens(Some(last)).await;
    let before = last;
    let rest = until_type(&mut again, &mut last, "transfer_ended").await;
    assert_eq!(rest[0]["seq"], before + 1, "the very next one comes first: {}", rest[0]);
    let numbers: Vec<u64> = rest.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap: {numbers:?}");
    assert_eq!(rest.last().expect("one")["outcome"], "completed");
    // a number that was never told: a snapshot instead
    let mut lost = operator.listens(Some(u64::MAX / 2)).await;
    assert_eq!(lost.next().await["type"], "snapshot");
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

/// Carol has no part in the call: nothing of it is told to her.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_told_nothing_of_strangers_calls() {
    let api = ByApi::open().await;
    let carol = api.stage.house.carol().await;
    let carols = Desk::of(&api.stage.house, "carol").await;
    let mut events = carols.listens(None).await;
    let snapshot = events.next().await;
    assert_eq!((&snapshot["type"], &snapshot["calls"]), (&json!("snapshot"), &json!([])), "{snapshot}");
    let his = api.consults().await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.bob.is_let_go(his).await;
    let state = carols.put("/v1/agents/carol/state", json!({"state": "paused"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
    // everything that was told to her until her own state changes
    loop {
        let event = events.next().await;
        assert!(event["call"].is_null(), "{event}");
        if event["type"] == "agent_changed" && event["agent"] == "carol" {
            break;
        }
    }
    assert!(!carol.is_busy());
    api.stage.customer_closes().await;
}

/// The record is there when the event is, before the store has it; and it is the same once the store has it, with its last figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_that_a_call_ended_finds_its_record() {
    let api = ByApi::open().await;
    let operator = Desk::operator(&api.stage.house);
    let mut events = operator.listens(None).await;
    events.until("snapshot", |_| true).await;
    let path = format!("/v1/history/{}", api.call);
    assert!(operator.get(&path).await.done(200)["ended_at"].is_null(), "it goes on");
    api.stage.customer.hangs_up(api.stage.theirs);
    events.until("call_ended", |event| event["call"] == json!(api.call)).await;
    let record = operator.get(&path).await.done(200);
    assert!(record["ended_at"].is_string(), "{record}");
    // the list has it as soon, and so has a search in it
    for path in ["/v1/history", "/v1/history?agent=alice"] {
        let page = operator.get(path).await.done(200);
        assert_eq!(
            (page["items"].as_array().map(Vec::len), &page["items"][0]["id"]),
            (Some(1), &json!(api.call)),
            "{page}"
        );
    }
    let page = operator.get("/v1/history").await.done(200);
    let kept = &page["items"][0];
    let times = |record: &Value| record["participants"][0]["times"].clone();
    assert_eq!((&kept["id"], &kept["ended_at"], times(kept)), (&record["id"], &record["ended_at"], times(&record)));
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.house.close().await;
}

/// What agents do is counted while they do it: talk grows by talk and by nothing else, and a finished call is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn talk_is_counted_while_it_goes_on_and_ends_with_the_call() {
    const TALK: &str = "baton_agent_time_seconds_total{doing=\"talk\"}";
    const CONSULT: &str = "baton_agent_time_seconds_total{doing=\"consult\"}";
    let api = ByApi::open().await;
    let operator = Desk::operator(&api.stage.house);
    let asked = Instant::now();
    let before = operator.number(TALK).await;
    let begun = Instant::now();
    let (at_least, after) = loop {
        let elapsed = begun.elapsed();
        let read = operator.number(TALK).await;
        if read - before >= 0.5 {
            break (elapsed.as_secs_f64(), read);
        }
        assert!(elapsed < SOON, "{read} s after {before}: they talk and it is not counted");
        // the API lets nobody ask as fast as they can
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (grown, at_most) = (after - before, asked.elapsed().as_secs_f64());
    assert!((at_least..=at_most).contains(&grown), "{grown} s of {at_least} to {at_most}");
    assert_eq!(operator.number(CONSULT).await, 0.0, "nobody was consulted");
    let mut events = operator.listens(None).await;
    events.until("snapshot", |_| true).await;
    api.stage.customer.hangs_up(api.stage.theirs);
    events.until("call_ended", |event| event["call"] == json!(api.call)).await;
    let (last, again) = (operator.number(TALK).await, operator.number(TALK).await);
    assert!(last >= after && last == again, "{after}, {last}, {again}: who has hung up talks no more");
    let most = asked.elapsed().as_secs_f64();
    assert!(last - before <= most, "{last} after {before} in {most} s: it is counted once");
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.house.close().await;
}

/// Bob's talk in the consult is told to Alice and to Bob; that the customer speaks into the music is told to nobody until she hears him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn talk_is_told_to_those_who_hear_it_and_to_nobody_else() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    let (stage, sheet) = (&api.stage, api.sheet().await);
    let (bob, alice) = (id_of(&sheet, "bob"), id_of(&sheet, "alice"));
    let customer = sheet["participants"].as_array().expect("people").iter().find(|one| one["role"] == "customer");
    let customer = customer.expect("one")["id"].clone();
    let mut events = api.desk.listens(None).await;
    events.until("snapshot", |_| true).await;
    // a tone that goes on is noise; a voice stands out of silence
    let ear = stage.alice.ear(stage.hers);
    stage.bob.phone.say(his, Voice::Silence);
    stage.customer.phone.say(stage.theirs, Voice::Silence);
    stage.alice_is_quiet();
    let quiet = until(SOON, || ear.last(Duration::from_millis(300)).level(tones::BOB_TOO) < -60.0).await;
    assert!(quiet, "Bob is still heard");
    stage.customer.says(stage.theirs, tones::STRANGER);
    stage.bob.says(his, tones::BOB_TOO);
    let began = events.until("talk_changed", |event| event["talking"] == true).await;
    assert_eq!((&began["participant"], &began["call"]), (&json!(bob), &json!(api.call)), "{began}");
    let sheet = api.sheet().await;
    assert_eq!(person(&sheet, "bob")["talking"], true, "{sheet}");
    assert_eq!(person(&sheet, "alice")["talking"], false, "she is silent: {sheet}");
    let talkers = |sheet: &Value| -> Vec<Value> {
        let people = sheet["participants"].as_array().expect("people").iter();
        people.filter(|one| one["talking"] == true).map(|one| one["id"].clone()).collect()
    };
    assert_eq!(talkers(&sheet), [json!(bob)], "nobody hears the customer: {sheet}");
    api.steps("swap").await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.push(events.until("talk_changed", |_| true).await);
    }
    let of = |who: &Value| told.iter().find(|event| event["participant"] == *who).map(|event| &event["talking"]);
    assert_eq!((of(&json!(bob)), of(&customer)), (Some(&json!(false)), Some(&json!(true))), "{told:?}");
    let sheet = api.desk.until_call(&api.call, |sheet| talkers(sheet) == [customer.clone()]).await;
    assert!(!talkers(&sheet).contains(&json!(alice)));
    let bobs = Desk::of(&stage.house, "bob").await.only_call().await;
    assert_eq!(talkers(&bobs), Vec::<Value>::new(), "Bob is shown nobody: he hears nobody");
    stage.ends_privacy_of_others(his);
    api.steps("complete").await;
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    api.stage.bob_closes(his).await;
}
