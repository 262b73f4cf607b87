//! At 5 % loss and 40 ms jitter on everybody's way to the server: the promises hold, 0 ms of anybody at whom it is not for.

use std::time::Duration;

use baton_tests::hearing::{no_trace_of, until};
use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use baton_tests::relay::Relay;
use baton_tests::stage::Stage;
use softphone::{LineId, Wire};

const BAD: Wire = Wire { delay: Duration::from_millis(10), jitter: Duration::from_millis(40), loss: 0.05 };

/// Once the house has got used to the wire both hear each other but for what is lost on it.
async fn both_hear(ears: [(softphone::Ear, f64); 2]) {
    let well = |ear: &softphone::Ear, hertz| {
        let heard = ear.last(Duration::from_millis(500));
        heard.length_ms() >= 400 && heard.present_ms(hertz) * 10 >= heard.length_ms() * 8
    };
    for (ear, hertz) in ears {
        assert!(until(Duration::from_secs(4), || well(&ear, hertz)).await, "{hertz} Hz is not heard well");
    }
}

/// Alice's way is bad in both directions on both lines, Bob's and the customer's on the way to us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attended_transfer_keeps_its_promises() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    let relays = [Relay::between(&mut stage.first, BAD).await, Relay::between(&mut second, BAD).await];
    for line in [&mut stage.first, &mut second] {
        let answer = stage.alice.offers(line, "resume").await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }
    stage.alice.holds(&mut stage.first).await;
    stage.bob.phone.wire(his, BAD);
    stage.customer.phone.wire(stage.theirs, BAD);
    both_hear([(second.audio.ear(), tones::BOB_TOO), (stage.bob.ear(his), tones::SECRET)]).await;
    stage.house.freeze_and_thaw(4).await;
    stage.ends_privacy(his);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    both_hear([(stage.customer.ear(stage.theirs), tones::BOB), (stage.bob.ear(his), tones::CUSTOMER)]).await;
    stage.kept_private(his);
    stage.alice_is_out(&[&stage.first, &second]).await;
    drop(relays);
    stage.bob_closes(his).await;
}

fn all_bad(stage: &OneLine, his: LineId) {
    stage.alice.phone.wire(stage.hers, BAD);
    stage.bob.phone.wire(his, BAD);
    stage.customer.phone.wire(stage.theirs, BAD);
}

/// Swaps by hold and resume: what she says on either line stays on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_keep_their_promises() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.bob.phone.wire(his, BAD);
    stage.customer.phone.wire(stage.theirs, BAD);
    for swap in 0..20 {
        if swap % 2 == 0 {
            stage.alice.holds(&mut second).await;
            stage.alice.resumes(&mut stage.first).await;
        } else {
            stage.alice.holds(&mut stage.first).await;
            stage.alice.resumes(&mut second).await;
        }
        if swap == 10 {
            stage.house.freeze_and_thaw(4).await;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    both_hear([(second.audio.ear(), tones::BOB_TOO), (stage.bob.ear(his), tones::SECRET)]).await;
    stage.kept_private(his);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// By keypad: codes arrive however many of their packets are lost, and a completion lets out nothing that was said before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_by_keypad_keeps_its_promises() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    all_bad(&stage, his);
    both_hear([(stage.alice.ear(stage.hers), tones::BOB_TOO), (stage.bob.ear(his), tones::SECRET)]).await;
    stage.house.freeze_and_thaw(3).await;
    stage.ends_privacy(his);
    stage.keys("*2");
    stage.alice.is_let_go(stage.hers).await;
    both_hear([(stage.customer.ear(stage.theirs), tones::BOB), (stage.bob.ear(his), tones::CUSTOMER)]).await;
    stage.kept_private(his);
    no_trace_of("customer", &stage.customer.ear(stage.theirs).since(stage.since), tones::SECRET);
    stage.bob_closes(his).await;
}
