//! A warm transfer with every pair of codecs, tones at every ear, also at 10 % loss with frames repeated: nothing private is heard by
//! whom it is not for, whatever a codec remembers.

use std::time::Duration;

use baton_tests::hearing::{until, until_heard};
use baton_tests::house::tones;
use baton_tests::one_line::{JITTER, OneLine};
use baton_tests::stage::scene;
use media_mixer::sdp::Codec;
use softphone::{LineId, LineState, Mark, Wire};

/// The longest that anybody may be waited for after a change: the longest guard, the buffers, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);

const LOSSY: Wire = Wire { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 0.1 };

/// What Bob and the customer say through losses once it is no secret any more; neither is a tone that the other one's ear must not hear.
const BOB_AFTERWARDS: f64 = tones::CUSTOMER;
const CUSTOMER_AFTERWARDS: f64 = tones::ALICE;

/// All three meet, and then Alice leaves the other two.
async fn merges_and_leaves(stage: OneLine, his: LineId) {
    stage.ends_privacy(his);
    stage.keys("*3");
    for (ear, hertz) in [
        (stage.customer.ear(stage.theirs), tones::BOB),
        (stage.customer.ear(stage.theirs), tones::ALICE),
        (stage.bob.ear(his), tones::CUSTOMER),
        (stage.alice.ear(stage.hers), tones::CUSTOMER),
    ] {
        assert!(until_heard(&ear, hertz, PATIENCE).await, "{hertz} Hz after the merge");
    }
    stage.kept_private(his);
    stage.alice.hangs_up(stage.hers);
    for (ear, hertz) in [(stage.customer.ear(stage.theirs), tones::BOB), (stage.bob.ear(his), tones::CUSTOMER)] {
        assert!(until_heard(&ear, hertz, PATIENCE).await, "{hertz} Hz after Alice has left");
    }
    stage.kept_private(his);
    stage.bob_closes(his).await;
}

async fn transfers(alice: Codec, bob: Codec) {
    let stage = OneLine::speaking(alice, bob).await;
    let his = stage.consults().await;
    merges_and_leaves(stage, his).await;
}

/// A second of what is said in private has come through a bad line, so that it is known for what it is.
async fn goes_through_losses(stage: &OneLine, his: LineId, wire: Wire) {
    for (person, line) in [(&stage.alice, stage.hers), (&stage.bob, his), (&stage.customer, stage.theirs)] {
        person.phone.wire(line, wire);
    }
    let (from, hers) = (Mark::now(), stage.alice.ear(stage.hers));
    assert!(until(PATIENCE, || hers.since(from).present_ms(tones::BOB_TOO) >= 700).await, "Bob, through losses");
}

/// Privacy ends. What Bob and the customer say from here on is far from every private tone: filling holes makes a tone jump, and a
/// jump is heard beside it. Alice says nothing.
fn ends_privacy_far_apart(stage: &OneLine, his: LineId) {
    stage.alice_is_quiet();
    stage.bob.says(his, BOB_AFTERWARDS);
    stage.customer.says(stage.theirs, CUSTOMER_AFTERWARDS);
}

/// Bob and the customer hear each other, and never heard anything private.
async fn hear_each_other(stage: &OneLine, his: LineId, since: &str) {
    for (ear, hertz) in [(stage.customer.ear(stage.theirs), BOB_AFTERWARDS), (stage.bob.ear(his), CUSTOMER_AFTERWARDS)]
    {
        assert!(until_heard(&ear, hertz, PATIENCE).await, "{hertz} Hz after {since}");
    }
    stage.kept_private(his);
}

async fn transfers_at_ten_percent_of_loss(alice: Codec, bob: Codec) {
    let stage = OneLine::speaking(alice, bob).await;
    let his = stage.consults().await;
    goes_through_losses(&stage, his, LOSSY).await;
    ends_privacy_far_apart(&stage, his);
    stage.alice.phone.wire(stage.hers, Wire { loss: 0.0, ..LOSSY });
    stage.keys("*3");
    hear_each_other(&stage, his, "the merge").await;
    stage.alice.hangs_up(stage.hers);
    hear_each_other(&stage, his, "Alice has left").await;
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opus_with_every_codec() {
    for bob in Codec::ALL {
        transfers(Codec::Opus, bob).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g722_with_every_codec() {
    for bob in Codec::ALL {
        transfers(Codec::G722, bob).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g711_with_every_codec() {
    for alice in [Codec::Pcmu, Codec::Pcma] {
        for bob in Codec::ALL {
            transfers(alice, bob).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_opus_repeats_let_nothing_out() {
    for (alice, bob) in [(Codec::Opus, Codec::Opus), (Codec::Opus, Codec::Pcmu), (Codec::G722, Codec::Opus)] {
        transfers_at_ten_percent_of_loss(alice, bob).await;
    }
}

/// Law 3 through Opus and its repeated frames: what is under way from before the merge is in nobody's ear after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_spoken_before_a_merge_is_heard_through_opus() {
    let stage = OneLine::speaking(Codec::Opus, Codec::Opus).await;
    let his = stage.consults().await;
    goes_through_losses(&stage, his, Wire { loss: LOSSY.loss, ..JITTER }).await;
    stage.alice.phone.wire(stage.hers, Wire { loss: 0.0, ..LOSSY });
    stage.keys("*");
    tokio::time::sleep(Duration::from_millis(150)).await;
    ends_privacy_far_apart(&stage, his);
    stage.alice.phone.key_by_info(stage.hers, '3');
    hear_each_other(&stage, his, "the merge").await;
    stage.alice.hangs_up(stage.hers);
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_changes_its_codec_in_mid_call() {
    let stage = OneLine::speaking(Codec::Pcmu, Codec::Opus).await;
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Opus] {
        stage.alice.phone.change_codecs(stage.hers, &[codec]).expect("she is in a call");
        stage.alice.comes_to(stage.hers, LineState::Live).await;
        scene(&[stage.alice_hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    }
    stage.customer_closes().await;
}
