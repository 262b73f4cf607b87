//! Rows 15 and 16: the consult to a queue, by the phone's own buttons, by keypad and from a program. Alice serves the queue too, and
//! is never offered her own consult.

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, person};
use baton_tests::hearing::{until, until_heard};
use baton_tests::house::{ALICES_NUMBER, House, Setup, tones};
use baton_tests::one_line::{FAILURE, OneLine};
use baton_tests::people::{SOON, connect};
use baton_tests::stage::{Stage, scene};
use serde_json::{Value, json};
use softphone::{LineId, Mark};

use super::{QUIET, until_agent, until_queue};

/// Bob has no time; whoever consults the queue waits in it.
async fn bob_is_paused(house: &House) {
    let operator = Desk::operator(house);
    let state = operator.put("/v1/agents/bob/state", json!({"state": "paused"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
    until_agent(&operator, "bob", "paused").await;
}

async fn bob_is_back(house: &House) {
    let state = Desk::operator(house).put("/v1/agents/bob/state", json!({"state": "ready"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
}

fn waits(queue: &Value, calls: usize) -> bool {
    queue["waiting"].as_array().is_some_and(|waiting| waiting.len() == calls)
}

/// Alice and the customer hear the queue's music and the hold music; nobody hears anybody.
async fn waits_with_music(stage: &OneLine) {
    stage.alice.says(stage.hers, tones::SECRET);
    stage.customer.says(stage.theirs, tones::STRANGER);
    scene(&[stage.alice.hears_music(stage.hers), stage.customer_hears_music()]).await;
}

/// Bob answers, and they talk in private; then Alice completes.
async fn bob_takes_the_consult(stage: &OneLine) -> LineId {
    let his = stage.bob.answers().await;
    stage.bob.says(his, tones::BOB_TOO);
    stage.alice.says(stage.hers, tones::SECRET);
    stage.customer.says(stage.theirs, tones::STRANGER);
    stage.is_private(his).await;
    stage.house.freeze_and_thaw(3).await;
    stage.is_private(his).await;
    stage.ends_privacy_of_others(his);
    stage.alice_is_quiet();
    his
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_program_the_agent_idle_longest_is_rung() {
    let api = ByApi::with(QUIET).await;
    let call = api.starts(json!({"queue": "support"})).await.done(201);
    assert_eq!(call["transfer"]["target"], json!({"queue": "support"}), "{call}");
    let target = call["transfer"]["participant"].clone();
    let his = bob_takes_the_consult(&api.stage).await;
    let call = api.sheet().await;
    assert_eq!((&person(&call, "bob")["id"], &call["transfer"]["phase"]), (&target, &json!("private")), "{call}");
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_program_alice_hears_the_queues_music_until_somebody_is_free_and_may_cancel() {
    let api = ByApi::with(QUIET).await;
    bob_is_paused(&api.stage.house).await;
    let call = api.starts(json!({"queue": "support"})).await.done(201);
    let target = call["transfer"]["participant"].clone();
    let waiting = |call: &Value| {
        call["participants"].as_array().is_some_and(|people| {
            people.iter().any(|person| {
                person["id"] == target && person["status"] == "queued" && person["queue"]["position"] == 1
            })
        })
    };
    api.desk.until_call(&api.call, waiting).await;
    waits_with_music(&api.stage).await;
    api.stage.house.freeze_and_thaw(2).await;
    waits_with_music(&api.stage).await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    api.stage.alice_and_customer_talk().await;
    until_queue(&Desk::operator(&api.stage.house), |queue| waits(queue, 0)).await;
    // and once more: somebody becomes free
    api.starts(json!({"queue": "support"})).await.done(201);
    waits_with_music(&api.stage).await;
    bob_is_back(&api.stage.house).await;
    let his = bob_takes_the_consult(&api.stage).await;
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_keypad() {
    let stage = OneLine::with(QUIET).await;
    stage.keys("*2200#");
    let his = bob_takes_the_consult(&stage).await;
    stage.keys("*2");
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_keypad_cancelled_while_it_waits() {
    let stage = OneLine::with(QUIET).await;
    bob_is_paused(&stage.house).await;
    stage.keys("*2200#");
    let operator = Desk::operator(&stage.house);
    until_queue(&operator, |queue| waits(queue, 1)).await;
    waits_with_music(&stage).await;
    stage.alice_is_quiet();
    stage.keys("*1");
    until_queue(&operator, |queue| waits(queue, 0)).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    stage.customer_closes().await;
}

/// By REFER: NOTIFY 180 when an agent rings, 200 when they answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_refer() {
    let mut stage = Stage::with("plain", QUIET).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "support").await.status(), Some(202));
    let his = stage.bob.answers().await;
    stage.bob.says(his, tones::BOB_TOO);
    stage.first.says(tones::SECRET);
    stage.customer_mumbles();
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    scene(&[stage.first.hears(&[tones::BOB_TOO]), stage.customer_hears_music()]).await;
    stage.house.freeze_and_thaw(3).await;
    stage.ends_privacy(his);
    stage.alice.hangs_up(&mut stage.first).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// The phone's second call to the queue, then its transfer key. A call to a queue is answered at once: music, then Bob.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_second_line() {
    let mut stage = Stage::with("plain", QUIET).await;
    bob_is_paused(&stage.house).await;
    stage.holds().await;
    let dialling = stage.alice.dials("200", tones::SECRET).await;
    let second = stage.alice.gets_through(dialling).await;
    scene(&[second.hears_music(), stage.customer_hears_music()]).await;
    bob_is_back(&stage.house).await;
    let his = stage.bob.answers().await;
    stage.bob.says(his, tones::BOB_TOO);
    stage.is_private(&second, his).await;
    stage.house.freeze_and_thaw(4).await;
    stage.is_private(&second, his).await;
    stage.ends_privacy(his);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    stage.alice_is_out(&[&stage.first, &second]).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Nobody of the queue has a phone but Alice herself: said at once, and nothing changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_queue_says_so_at_once() {
    let house = House::with(QUIET).await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let desk = Desk::of(&house, "alice").await;
    let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/calls/{call}/transfer");
    let refused = desk.post(&path, json!({"target": {"queue": "support"}})).await;
    assert_eq!(refused.refusal(), (409, "target_unavailable"));
    scene(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    let from = Mark::now();
    alice.phone.press(hers, "*2200#", softphone::Keypad::Rtp);
    let ear = alice.ear(hers);
    let said = until(SOON, || ear.since(from).beside(tones::CUSTOMER) > -35.0).await;
    assert!(said, "a prompt says why");
    scene(&[customer.hears(theirs, &[tones::ALICE])]).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

/// The agent who is offered the consult turns it down: the next one rings; nobody is left: it goes on waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_and_the_next_agent_is_rung() {
    let setup = Setup { queue: "position_every_s = 0\nring_timeout_s = 1", ..Setup::USUAL };
    let api = ByApi::with(setup).await;
    let carol = api.stage.house.carol().await;
    until_agent(&Desk::operator(&api.stage.house), "carol", "ready").await;
    api.starts(json!({"queue": "support"})).await.done(201);
    let his = api.stage.bob.is_rung().await;
    assert!(!carol.is_busy());
    let hers = carol.is_rung().await;
    api.stage.bob.is_let_go(his).await;
    carol.phone.answer(hers).expect("it rings");
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    scene(&[carol.hears(hers, &[tones::SECRET]), api.stage.customer_hears_music()]).await;
    api.stage.house.freeze_and_thaw(3).await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    carol.is_let_go(hers).await;
    api.stage.customer_closes().await;
}

/// Alice leaves while it waits: the customer waits on at that place, and Bob gets him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_leaves_while_it_waits_and_the_customer_keeps_the_place() {
    let api = ByApi::with(QUIET).await;
    bob_is_paused(&api.stage.house).await;
    let operator = Desk::operator(&api.stage.house);
    api.starts(json!({"queue": "support"})).await.done(201);
    until_queue(&operator, |queue| waits(queue, 1)).await;
    // another caller comes after her
    let second = api.stage.house.outside("second", tones::OUTSIDE).await;
    let behind = second.calls(baton_tests::house::SUPPORTS_NUMBER);
    until_queue(&operator, |queue| waits(queue, 2)).await;
    api.stage.alice_is_quiet();
    // Alice is busy elsewhere from here on: whoever is ready takes the customer first
    let paused = api.desk.put("/v1/agents/alice/state", json!({"state": "paused"})).await;
    assert!(matches!(paused.status, 200 | 204), "{}", paused.body);
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    let queue = until_queue(&operator, |queue| waits(queue, 2)).await;
    assert_eq!(queue["waiting"][0]["call"], json!(api.call), "{queue}");
    scene(&[api.stage.customer_hears_music(), second.hears_music(behind)]).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    bob_is_back(&api.stage.house).await;
    let his = api.stage.bob.answers().await;
    assert!(until_heard(&api.stage.customer.ear(api.stage.theirs), tones::BOB, SOON).await);
    scene(&[second.hears_music(behind), api.stage.bob.hears(his, &[tones::CUSTOMER])]).await;
    second.hangs_up(behind);
    second.is_let_go(behind).await;
    api.stage.bob_closes(his).await;
}

/// Two initiators and one free agent: exactly one gets him, the other waits on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_initiators_and_one_free_agent() {
    let setup = Setup { agents: &["alice", "bob", "carol", "dave"], ..QUIET };
    let house = House::with(setup).await;
    let (alice, bob, carol) = (house.alice().await, house.bob().await, house.carol().await);
    let (one, other) = (house.customer().await, house.outside("second", tones::STRANGER).await);
    let (ones, hers) = connect(&one, ALICES_NUMBER, &alice).await;
    let (others, carols) = connect(&other, "carol", &carol).await;
    let (a, c) = (Desk::of(&house, "alice").await, Desk::of(&house, "carol").await);
    let path = |call: &Value| format!("/v1/calls/{}/transfer", call["id"].as_str().expect("an id"));
    let (first, second) = (path(&a.only_call().await), path(&c.only_call().await));
    let ask = json!({"target": {"queue": "support"}});
    let (x, y) = tokio::join!(a.post(&first, ask.clone()), c.post(&second, ask));
    assert_eq!((x.status, y.status), (201, 201), "{} {}", x.body, y.body);
    let his = bob.answers().await;
    let operator = Desk::operator(&house);
    until_queue(&operator, |queue| waits(queue, 1)).await;
    alice.says(hers, tones::SECRET);
    carol.says(carols, tones::CAROL);
    let (ear, since) = (bob.ear(his), Mark::now());
    let heard = |hertz| ear.since(since).present_ms(hertz) >= 100;
    assert!(until(SOON, || heard(tones::SECRET) || heard(tones::CAROL)).await, "one of them");
    let winner = heard(tones::SECRET);
    assert!(winner != heard(tones::CAROL), "and not both");
    let (waiting, line) = if winner { (&carol, carols) } else { (&alice, hers) };
    scene(&[waiting.hears_music(line), one.hears_music(ones), other.hears_music(others)]).await;
    house.freeze_and_thaw(5).await;
    for desk in [(&a, &first), (&c, &second)] {
        let cancelled = desk.0.post(&format!("{}/cancel", desk.1), json!({})).await;
        assert!(matches!(cancelled.status, 200 | 204), "{}", cancelled.body);
    }
    bob.is_let_go(his).await;
    one.hangs_up(ones);
    other.hangs_up(others);
    alice.is_let_go(hers).await;
    carol.is_let_go(carols).await;
    house.close().await;
}

/// The consult's wait is over: a short tone, and back with the customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consult_that_waits_too_long_ends_with_the_customer() {
    let setup = Setup { queue: "position_every_s = 0\nmax_wait_s = 2", ..Setup::USUAL };
    let api = ByApi::with(setup).await;
    bob_is_paused(&api.stage.house).await;
    let mut events = api.desk.listens(None).await;
    api.starts(json!({"queue": "support"})).await.done(201);
    api.stage.alice_is_quiet();
    let from = Mark::now();
    assert_eq!(events.until("transfer_ended", |_| true).await["outcome"], "queue_timeout");
    api.stage.alice_hears_a_tone(from, FAILURE[0]).await;
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}
