//! A warm transfer with every pair of codecs, tones at every ear, also at 10 % loss with frames repeated: nothing private is heard by
//! whom it is not for, whatever a codec remembers.

use std::time::Duration;

use baton_tests::hearing::until_heard;
use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use baton_tests::stage::scene;
use media_mixer::sdp::Codec;
use softphone::{LineId, LineState, Wire};

/// The longest that anybody may be waited for after a change: the longest guard, the buffers, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);

const LOSSY: Wire = Wire { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 0.1 };

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

async fn transfers_at_ten_percent_of_loss(alice: Codec, bob: Codec) {
    let stage = OneLine::speaking(alice, bob).await;
    let his = stage.consults().await;
    stage.alice.phone.wire(stage.hers, LOSSY);
    stage.bob.phone.wire(his, LOSSY);
    stage.customer.phone.wire(stage.theirs, LOSSY);
    tokio::time::sleep(Duration::from_secs(1)).await;
    merges_and_leaves(stage, his).await;
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
