//! Transfers by the buttons and the keypad of real phones on real sockets: whoever says BYE and whenever, what the phone
//! that asked is told, and that nothing is left behind. Who hears whom is judged elsewhere (`baton demo`, the scenarios).
#![allow(clippy::unwrap_used)]

mod wire;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use daemon::config::from_text;
use daemon::{Running, run};
use softphone::{Goodbye, Keypad, LineId, LineState, Phone, PhoneSettings, Voice};
use wire::LIMIT;

const HOUSE: &str = r#"
[server]
domain = "house.test"
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
hold_music = "silence"
[transfer]
ring_timeout_s = 2
recall_s = 1
fallback = "queue:support"
[[agents]]
name = "alice"
extension = "101"
password = "alice-secret"
[[agents]]
name = "bob"
extension = "102"
password = "bob-secret"
[[agents]]
name = "carol"
extension = "103"
password = "carol-secret"
[[queues]]
name = "support"
extension = "200"
when_empty = "overflow"
[[trunks]]
name = "pstn"
address = "127.0.0.1:9"
accept_from = ["127.0.0.2/32"]
numbers = { "+15551111" = "agent:alice" }
match_out = "^\\+49[0-9]+$"
"#;
const CUSTOMER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Alice and a customer in a call, and Bob with a phone.
struct Scene {
    house: Running,
    alice: Phone,
    line: LineId,
    customer: Phone,
    customers: LineId,
    bob: Phone,
}

impl Scene {
    async fn talking(goodbye: Goodbye) -> Self {
        let house = run(from_text(HOUSE).unwrap()).await.unwrap();
        let server = house.udp().unwrap();
        let settings = |name: &str| PhoneSettings {
            goodbye,
            ..PhoneSettings::agent(name, &format!("{name}-secret"), "house.test", server, Voice::Silence)
        };
        let (alice, bob) =
            (Phone::start(settings("alice")).await.unwrap(), Phone::start(settings("bob")).await.unwrap());
        alice.register().await.unwrap();
        bob.register().await.unwrap();
        let customer = PhoneSettings::outside("+15550100", "house.test", server, CUSTOMER, Voice::Silence);
        let customer = Phone::start(customer).await.unwrap();
        let customers = customer.call("+15551111").unwrap();
        let line = alice.until_ringing().await.unwrap();
        alice.answer(line).unwrap();
        customer.until_line(customers, LineState::Live).await.unwrap();
        Self { house, alice, line, customer, customers, bob }
    }

    /// Alice holds the customer and calls Bob, who answers.
    async fn consults(&self) -> LineId {
        let second = self.alice.consult(self.line, "102").await.unwrap();
        let ringing = self.bob.until_ringing().await.unwrap();
        self.bob.answer(ringing).unwrap();
        self.alice.until_line(second, LineState::Live).await.unwrap();
        second
    }

    /// Bob answers; his line.
    async fn bob_answers(&self) -> LineId {
        let ringing = self.bob.until_ringing().await.unwrap();
        self.bob.answer(ringing).unwrap();
        ringing
    }

    /// Customer and Bob have each other, Alice is out, and when the customer hangs up nothing is left.
    async fn ends_handed_over(self, bobs: LineId) {
        let done = async {
            loop {
                let calls = self.house.calls().await;
                if let [call] = calls.as_slice()
                    && call.participants.len() == 2
                    && call.participants.iter().all(|person| person.status == conference::Status::Live)
                    && call.participants.iter().all(|person| person.agent.as_ref().is_none_or(|agent| agent.0 == "bob"))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(LIMIT, done).await.is_err() {
            panic!("not handed over: {:#?}", self.house.calls().await);
        }
        self.customer.hang_up(self.customers);
        self.bob.until_over(bobs, LIMIT).await.unwrap();
        self.is_empty().await;
        self.ends().await;
    }

    async fn is_empty(&self) {
        let done = async {
            loop {
                let counts = self.house.counts().await;
                if (counts.calls, counts.legs, counts.dialogs, counts.media_legs) == (0, 0, 0, 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(LIMIT, done).await.is_err() {
            panic!("left over: {:?}", self.house.counts().await);
        }
    }

    async fn ends(self) {
        for phone in [self.alice, self.bob, self.customer] {
            phone.stop().await;
        }
        self.house.stop().await;
    }
}

fn newest(phone: &Phone) -> LineId {
    phone.lines().iter().rev().find(|line| !line.state.is_over()).unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attended_transfer_is_done_whenever_the_phone_says_goodbye() {
    for goodbye in [Goodbye::AtAccepted, Goodbye::AtNotify, Goodbye::AtSuccess, Goodbye::Never] {
        let scene = Scene::talking(goodbye).await;
        let second = scene.consults().await;
        let bobs = newest(&scene.bob);
        scene.alice.transfer(scene.line, second).unwrap();
        assert_eq!(scene.alice.until_refer_answered(scene.line).await.unwrap(), 202, "{goodbye:?}");
        for line in [scene.line, second] {
            scene.alice.until_over(line, LIMIT).await.unwrap();
        }
        scene.ends_handed_over(bobs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_on_the_consults_line_that_names_the_first_is_the_same() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    let second = scene.consults().await;
    let bobs = newest(&scene.bob);
    scene.alice.transfer(second, scene.line).unwrap();
    assert_eq!(scene.alice.until_referred(second, LIMIT).await.unwrap(), 200);
    scene.alice.until_over(scene.line, LIMIT).await.unwrap();
    scene.ends_handed_over(bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_pressed_while_the_colleague_rings_completes_at_the_answer() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    let second = scene.alice.consult(scene.line, "102").await.unwrap();
    scene.bob.until_ringing().await.unwrap();
    scene.alice.until_line(second, LineState::RingingThere).await.unwrap();
    scene.alice.transfer(scene.line, second).unwrap();
    assert_eq!(scene.alice.until_referred(scene.line, LIMIT).await.unwrap(), 200);
    let bobs = scene.bob_answers().await;
    scene.ends_handed_over(bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_transfer_goes_on_by_itself_when_the_phone_hangs_up() {
    let scene = Scene::talking(Goodbye::AtAccepted).await;
    scene.alice.refer(scene.line, "102").unwrap();
    scene.alice.until_over(scene.line, LIMIT).await.unwrap();
    let bobs = scene.bob_answers().await;
    scene.ends_handed_over(bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_stays_after_a_blind_transfer_is_told_of_ringing_and_answer() {
    let scene = Scene::talking(Goodbye::Never).await;
    scene.alice.refer(scene.line, "bob").unwrap();
    let bobs = scene.bob_answers().await;
    assert_eq!(scene.alice.until_referred(scene.line, LIMIT).await.unwrap(), 200);
    let progress = scene.alice.refer_progress(scene.line).unwrap();
    assert_eq!((progress.answer, progress.notified.as_slice()), (Some(202), [100, 180, 200].as_slice()));
    // in the consult, she leaves: as row 7
    scene.alice.hang_up(scene.line);
    scene.ends_handed_over(bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_had_is_told_after_the_202_and_the_customer_is_back() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    for (whom, status) in [("nobody", 404), ("101", 404), ("200", 480), ("103", 480)] {
        scene.alice.refer(scene.line, whom).unwrap();
        assert_eq!(scene.alice.until_referred(scene.line, LIMIT).await.unwrap(), status, "{whom}");
        assert_eq!(scene.alice.refer_progress(scene.line).unwrap().answer, Some(202), "{whom}");
    }
    assert_eq!(scene.house.calls().await[0].transfer, None);
    scene.alice.hang_up(scene.line);
    scene.is_empty().await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_turns_the_call_down_is_told_with_his_own_status() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    scene.alice.refer(scene.line, "102").unwrap();
    let ringing = scene.bob.until_ringing().await.unwrap();
    scene.bob.reject(ringing, 603);
    assert_eq!(scene.alice.until_referred(scene.line, LIMIT).await.unwrap(), 603);
    scene.alice.hang_up(scene.line);
    scene.is_empty().await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_refused_at_once_and_nothing_changes() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    scene.alice.refer(scene.line, "+19005550100").unwrap();
    assert_eq!(scene.alice.until_refer_answered(scene.line).await.unwrap(), 403, "no trunk lets it out");
    scene.alice.refer(scene.line, "102").unwrap();
    scene.alice.until_notified(scene.line, 180, LIMIT).await.unwrap();
    let before = scene.house.calls().await;
    scene.alice.refer(scene.line, "103").unwrap();
    let refused = scene.alice.until_refer_answered(scene.line).await.unwrap();
    assert_eq!(refused, 403, "another transfer is under way");
    assert_eq!(scene.house.calls().await, before);
    scene.alice.hang_up(scene.line);
    let bobs = scene.bob_answers().await;
    scene.ends_handed_over(bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_whose_fallback_is_a_queue_without_anybody_hears_the_announcement_and_is_let_go() {
    let scene = Scene::talking(Goodbye::AtAccepted).await;
    scene.alice.refer(scene.line, "102").unwrap();
    scene.alice.until_over(scene.line, LIMIT).await.unwrap();
    scene.bob.until_ringing().await.unwrap();
    // nobody answers: not Bob, and then not Alice, who is rung again
    scene.alice.until_ringing().await.unwrap();
    let ear = scene.customer.ear(scene.customers).unwrap();
    let over = scene.customer.until_over(scene.customers, Duration::from_secs(30)).await.unwrap();
    assert!(over.is_over());
    let loudness = ear.last(Duration::from_secs(3)).loudness();
    assert!(loudness > -45.0, "the house's music is silence, so this is the announcement: {loudness} dBFS");
    scene.is_empty().await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_not_refer() {
    let scene = Scene::talking(Goodbye::AtSuccess).await;
    scene.customer.refer(scene.customers, "102").unwrap();
    assert_eq!(scene.customer.until_refer_answered(scene.customers).await.unwrap(), 403);
    assert_eq!(scene.house.calls().await[0].transfer, None);
    scene.alice.hang_up(scene.line);
    scene.is_empty().await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_by_keypad_needs_one_line_and_is_completed_by_the_server() {
    for keypad in [Keypad::Rtp, Keypad::Info] {
        let scene = Scene::talking(Goodbye::Never).await;
        scene.alice.press(scene.line, "*2102#", keypad);
        let bobs = scene.bob_answers().await;
        let private = async {
            while scene.house.calls().await[0].transfer.as_ref().is_none_or(|t| t.phase != conference::Phase::Private) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, private).await.unwrap();
        scene.alice.press(scene.line, "*2", keypad);
        scene.alice.until_over(scene.line, LIMIT).await.unwrap();
        scene.ends_handed_over(bobs).await;
    }
}
