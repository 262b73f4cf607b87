//! What an outside number sounds before its answer (183): heard by whoever faces it, and by nobody else; and nobody is heard there.

use std::net::SocketAddr;

use baton_tests::hearing::{judge, never_heard, no_trace_of, until_heard};
use baton_tests::house::{ALICES_NUMBER, DOMAIN, House, tones};
use baton_tests::people::{Person, SOON};
use baton_tests::raw::{Audio, Message, Peer, response, sdp};
use softphone::{Ear, Goodbye, LineId, LineState, Mark, PhoneSettings, Voice};

const NUMBER: &str = "+4930123456";
/// The frequencies of our own ringback.
const RINGBACK: [f64; 2] = [440.0, 480.0];

/// A customer talks to Alice; whoever answers at the carrier is there.
async fn served(house: &House) -> (Person, LineId, Person, LineId, Person) {
    // a phone that stays when whom it brought in has answered
    let stays = PhoneSettings {
        goodbye: Goodbye::Never,
        ..PhoneSettings::agent("alice", "alice-secret", DOMAIN, house.udp, Voice::Tone(tones::ALICE))
    };
    let alice = Person::start("alice", tones::ALICE, stays).await;
    alice.phone.register().await.expect("a registration");
    let (customer, outside) = (house.customer().await, house.at_the_carrier().await);
    let (theirs, hers) = baton_tests::people::connect(&customer, ALICES_NUMBER, &alice).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    (alice, hers, customer, theirs, outside)
}

/// The call rings at the carrier, with sound.
async fn rings_with_sound(outside: &Person) -> LineId {
    let there = outside.is_rung().await;
    outside.phone.ring_with_sound(there).expect("an offer");
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outside_target_is_heard_by_the_initiator_alone_before_it_answers() {
    let house = House::open().await;
    let (alice, hers, customer, theirs, outside) = served(&house).await;
    let since = Mark::now();
    alice.phone.refer(hers, NUMBER).expect("a REFER");
    let there = rings_with_sound(&outside).await;
    let in_private = [alice.hears(hers, &[tones::OUTSIDE]), customer.hears_music(theirs), outside.hears_nobody(there)];
    judge(&in_private).await;
    // back to the customer, and to the target once more
    alice.phone.press(hers, "*4", softphone::Keypad::Rtp);
    hears(&customer.ear(theirs), tones::ALICE, "Alice").await;
    judge(&[
        alice.hears(hers, &[tones::CUSTOMER]),
        customer.hears(theirs, &[tones::ALICE]),
        outside.hears_nobody(there),
    ])
    .await;
    alice.phone.press(hers, "*4", softphone::Keypad::Rtp);
    hears(&alice.ear(hers), tones::OUTSIDE, "the target").await;
    judge(&in_private).await;
    outside.phone.answer(there).expect("it rings");
    judge(&[alice.hears(hers, &[tones::OUTSIDE]), outside.hears(there, &[tones::ALICE]), customer.hears_music(theirs)])
        .await;
    never_heard(&customer, theirs, since, tones::OUTSIDE);
    never_heard(&outside, there, since, tones::CUSTOMER);
    house.freeze_and_thaw(3).await;
    alice.phone.press(hers, "*3", softphone::Keypad::Rtp);
    hears(&customer.ear(theirs), tones::OUTSIDE, "the target").await;
    judge(&[
        customer.hears(theirs, &[tones::ALICE, tones::OUTSIDE]),
        outside.hears(there, &[tones::ALICE, tones::CUSTOMER]),
    ])
    .await;
    alice.hangs_up(hers);
    judge(&[customer.hears(theirs, &[tones::OUTSIDE]), outside.hears(there, &[tones::CUSTOMER])]).await;
    customer.hangs_up(theirs);
    outside.is_let_go(there).await;
    house.close().await;
}

/// Alice gives the customer away while it rings there: now he waits for it, and hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_hears_it_once_the_initiator_has_gone() {
    let house = House::open().await;
    let (alice, hers, customer, theirs, outside) = served(&house).await;
    alice.phone.refer(hers, NUMBER).expect("a REFER");
    let there = rings_with_sound(&outside).await;
    judge(&[alice.hears(hers, &[tones::OUTSIDE]), customer.hears_music(theirs)]).await;
    alice.hangs_up(hers);
    judge(&[customer.hears(theirs, &[tones::OUTSIDE]), outside.hears_nobody(there)]).await;
    outside.phone.answer(there).expect("it rings");
    judge(&[customer.hears(theirs, &[tones::OUTSIDE]), outside.hears(there, &[tones::CUSTOMER])]).await;
    customer.hangs_up(theirs);
    outside.is_let_go(there).await;
    house.close().await;
}

/// On a second line the initiator's own call is not answered yet: the line has sound by a 183 of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_line_hears_it_and_is_told_how_it_ended() {
    let house = House::open().await;
    let (alice, hers, customer, theirs, outside) = served(&house).await;
    let since = Mark::now();
    let second = alice.phone.consult(hers, NUMBER).await.expect("a second line");
    let there = rings_with_sound(&outside).await;
    judge(&[
        alice.hears(second, &[tones::OUTSIDE]),
        alice.hears_nobody(hers),
        customer.hears_music(theirs),
        outside.hears_nobody(there),
    ])
    .await;
    alice.comes_to(second, LineState::RingingThere).await;
    // the announcement is over
    outside.phone.reject(there, 404);
    assert_eq!(alice.is_let_go(second).await, LineState::Failed(404));
    alice.resumes(hers).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    never_heard(&customer, theirs, since, tones::OUTSIDE);
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_hears_the_number_before_it_answers_and_is_not_heard_there() {
    let house = House::open().await;
    let (alice, outside) = (house.alice().await, house.at_the_carrier().await);
    let since = Mark::now();
    let hers = alice.calls(NUMBER);
    let there = rings_with_sound(&outside).await;
    judge(&[alice.hears(hers, &[tones::OUTSIDE]), outside.hears_nobody(there)]).await;
    no_trace_of("outside", &outside.ear(there).since(since), tones::ALICE);
    outside.phone.answer(there).expect("it rings");
    alice.comes_to(hers, LineState::Live).await;
    judge(&[alice.hears(hers, &[tones::OUTSIDE]), outside.hears(there, &[tones::ALICE])]).await;
    house.freeze_and_thaw(2).await;
    alice.hangs_up(hers);
    outside.is_let_go(there).await;
    house.close().await;
}

/// A carrier of text: what it says of its sound, and how.
struct Carrier {
    peer: Peer,
    audio: Audio,
    invite: Message,
}

impl Carrier {
    /// Alice calls a number, which comes here: her line.
    async fn is_called(house: &House, alice: &Person) -> (Self, LineId) {
        let mut peer = Peer::udp_at(house.carrier, house.udp).await;
        let audio = Audio::open(house.carrier.ip()).await;
        let hers = alice.calls(NUMBER);
        let invite = peer.next_request("INVITE").await;
        (Self { peer, audio, invite }, hers)
    }

    async fn says(&mut self, status: u16, more: &str, body: &str) {
        let contact = format!("Contact: {}\r\n", self.peer.contact("carrier"));
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.peer.send(response(&self.invite, status, "c1", &format!("{contact}{more}{kind}"), body)).await;
    }

    async fn is_hung_up(&mut self) {
        let bye = self.peer.next_request("BYE").await;
        self.peer.send(response(&bye, 200, "", "", "")).await;
    }

    fn remote(&self) -> SocketAddr {
        baton_tests::raw::media_address(&self.invite.body)
    }
}

async fn hears(ear: &Ear, hertz: f64, whom: &str) {
    assert!(until_heard(ear, hertz, SOON).await, "{whom} is never heard");
}

/// A 183 may announce sound that never comes (RFC 3960 §3.2): until it does, we ring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ringback_goes_on_until_something_comes() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut carrier, hers) = Carrier::is_called(&house, &alice).await;
    let description = sdp(carrier.audio.own, "");
    carrier.says(183, "", &description).await;
    let ear = alice.ear(hers);
    for hertz in RINGBACK {
        hears(&ear, hertz, "our own ringback").await;
    }
    carrier.audio.says(carrier.remote(), tones::OUTSIDE);
    hears(&ear, tones::OUTSIDE, "the carrier").await;
    judge(&[alice.hears(hers, &[tones::OUTSIDE])]).await;
    let heard = ear.since(Mark::now());
    assert_eq!(RINGBACK.map(|hertz| heard.present_ms(hertz)), [0, 0], "one or the other");
    // in a pause of theirs we do not ring again
    carrier.audio.is_silent();
    judge(&[alice.hears_nobody(hers)]).await;
    carrier.says(486, "", "").await;
    assert_eq!(alice.is_let_go(hers).await, LineState::Failed(486));
    house.close().await;
}

/// A reliable 183 is the answer (RFC 3262 §5); the 200 need not say it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_without_a_description_follows_a_reliable_183_with_one() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut carrier, hers) = Carrier::is_called(&house, &alice).await;
    let description = sdp(carrier.audio.own, "");
    carrier.says(183, "Require: 100rel\r\nRSeq: 7\r\n", &description).await;
    let prack = carrier.peer.next_request("PRACK").await;
    assert_eq!(prack.need("RAck").split(' ').next(), Some("7"));
    carrier.peer.send(response(&prack, 200, "c1", "", "")).await;
    carrier.audio.says(carrier.remote(), tones::OUTSIDE);
    judge(&[alice.hears(hers, &[tones::OUTSIDE])]).await;
    no_trace_of("carrier", &carrier.audio.ear().since(Mark::now()), tones::ALICE);
    carrier.says(200, "", "").await;
    carrier.peer.next_request("ACK").await;
    alice.comes_to(hers, LineState::Live).await;
    hears(&carrier.audio.ear(), tones::ALICE, "Alice").await;
    judge(&[alice.hears(hers, &[tones::OUTSIDE])]).await;
    alice.hangs_up(hers);
    carrier.is_hung_up().await;
    house.close().await;
}

/// The number is answered by another machine than the one that rang: another address, another stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_may_come_with_another_description() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut carrier, hers) = Carrier::is_called(&house, &alice).await;
    let description = sdp(carrier.audio.own, "");
    carrier.says(183, "", &description).await;
    carrier.audio.says(carrier.remote(), tones::OUTSIDE);
    judge(&[alice.hears(hers, &[tones::OUTSIDE])]).await;
    let other = Audio::open(house.carrier.ip()).await;
    carrier.audio.is_silent();
    other.says(carrier.remote(), tones::STRANGER);
    let description = sdp(other.own, "");
    carrier.says(200, "", &description).await;
    carrier.peer.next_request("ACK").await;
    alice.comes_to(hers, LineState::Live).await;
    judge(&[alice.hears(hers, &[tones::STRANGER])]).await;
    hears(&other.ear(), tones::ALICE, "Alice").await;
    alice.hangs_up(hers);
    carrier.is_hung_up().await;
    house.close().await;
}

/// A description that says nothing, and one that cannot be used: it rings, and the answer decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_that_cannot_be_used_is_no_reason_to_lose_the_call() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut carrier, hers) = Carrier::is_called(&house, &alice).await;
    let description = sdp(carrier.audio.own, "");
    let no_codec = description.replace("RTP/AVP 0 101", "RTP/AVP 99").replace("rtpmap:0 PCMU", "rtpmap:99 X-ODD");
    for unusable in ["v=0\r\nnonsense", &no_codec, "\u{0}\u{1}"] {
        carrier.says(183, "", unusable).await;
    }
    alice.comes_to(hers, LineState::RingingThere).await;
    carrier.says(200, "", &description).await;
    carrier.peer.next_request("ACK").await;
    alice.comes_to(hers, LineState::Live).await;
    carrier.audio.says(carrier.remote(), tones::OUTSIDE);
    judge(&[alice.hears(hers, &[tones::OUTSIDE])]).await;
    alice.hangs_up(hers);
    carrier.is_hung_up().await;
    house.close().await;
}

/// Told by a phone of text: the 183 and the 200 say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_183_is_its_answer_which_the_200_says_once_more() {
    let house = House::open().await;
    let outside = house.at_the_carrier().await;
    let mut phone = Peer::udp([127, 0, 0, 1].into(), house.udp).await;
    let audio = Audio::open(phone.own.ip()).await;
    let mut dialog = phone.dialog("alice", NUMBER);
    let description = sdp(audio.own, "");
    let called = phone.ask_as(&mut dialog, "alice", "INVITE", "Content-Type: application/sdp\r\n", &description);
    let (answer, there) = tokio::join!(called, async {
        let there = rings_with_sound(&outside).await;
        hears(&audio.ear(), tones::OUTSIDE, "the number").await;
        outside.phone.answer(there).expect("it rings");
        there
    });
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    phone.takes_up(&mut dialog, &answer, "", "").await;
    let early = phone.next_that(SOON, |message| message.status() == Some(183)).await.expect("a 183");
    assert_eq!((&early.body, early.header("To")), (&answer.body, answer.header("To")));
    assert!(early.header("RSeq").is_none() && early.body.contains("m=audio"));
    audio.says(baton_tests::raw::media_address(&answer.body), tones::ALICE);
    judge(&[outside.hears(there, &[tones::ALICE])]).await;
    let bye = phone.request(&mut dialog, "BYE", "", "");
    assert_eq!(phone.ask(&bye).await.status(), Some(200));
    outside.is_let_go(there).await;
    house.close().await;
}
