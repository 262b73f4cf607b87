//! AudioCodes, Polycom and Cisco, Zoiper and Bria.

use baton_tests::field::FieldPhone;
use baton_tests::house::tones;
use baton_tests::raw::{LIMIT, Message};
use baton_tests::stage::{Stage, scene};
use softphone::LineState;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

/// CANCEL, the 487 awaited, then REFER without Replaces: Bob is rung anew, for the customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audiocodes_cancels_and_refers_without_replaces() {
    let mut stage = Stage::open("audiocodes").await;
    stage.holds().await;
    let (dialling, rung) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    let (cancelled, answer) = stage.alice.gives_up(&dialling).await;
    assert_eq!((cancelled, answer.status()), (200, Some(487)));
    stage.bob.is_let_go(rung).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    assert_eq!(stage.alice.is_notified(&stage.first).await.0, 100);
    stage.alice.hangs_up(&mut stage.first).await;
    let his = stage.bob.answers().await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audiocodes_refers_with_replaces_while_it_rings() {
    let mut stage = Stage::open("audiocodes").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    let answer = stage.alice.refers_naming(&mut stage.first, "refer", &dialling.dialog().clone()).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.bob.phone.answer(his).expect("it rings on");
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.alice_is_out(&[&stage.first]).await;
    stage.joined(his).await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob_closes(his).await;
}

/// The VVX mixed both lines itself; its host hangs up, and it refers the others to each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polycom_refers_the_others_to_each_other_when_its_host_hangs_up() {
    let mut stage = Stage::open("polycom").await;
    let (second, his) = stage.consults().await;
    stage.alice.resumes(&mut stage.first).await;
    stage.ends_privacy(his);
    // both lines are open: the phone mixes, the server does not
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.bob.hears(his, &[tones::SECRET])]).await;
    stage.house.freeze_and_thaw(4).await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice_is_out(&[&stage.first, &second]).await;
    scene(&[stage.customer_hears(&[tones::BOB]), stage.bob.hears(his, &[tones::CUSTOMER])]).await;
    sound.was_unbroken();
    stage.bob_closes(his).await;
}

/// Bob's phone is a Cisco: after the hand-over it is told who its peer is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cisco_is_shown_the_customer_after_the_transfer() {
    let mut stage = Stage::open("polycom").await;
    let carols = FieldPhone::register("polycom", "carol", stage.house.udp).await;
    stage.holds().await;
    let dialling = stage.alice.dials("103", tones::SECRET).await;
    let invite = carols.is_rung().await;
    let carol = carols.answers(&invite, tones::CAROL).await;
    let second = stage.alice.gets_through(dialling).await;
    scene(&[second.hears(&[tones::CAROL]), carol.hears(&[tones::SECRET]), stage.customer_hears_music()]).await;
    stage.house.freeze_and_thaw(4).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    let answer = stage.alice.refers(&mut stage.first, "refer", &second).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    let shown = |message: &Message| {
        matches!(message.method(), Some("UPDATE" | "INVITE"))
            && message.header("Call-ID") == Some(&carol.dialog.call_id)
            && message.header("P-Asserted-Identity").is_some_and(|shown| shown.contains("+15550100"))
    };
    carols.next_that(LIMIT, "the customer's identity", shown).await;
    stage.alice_is_out(&[&stage.first, &second]).await;
    scene(&[stage.customer_hears(&[tones::CAROL]), carol.hears(&[tones::CUSTOMER])]).await;
    stage.customer.hangs_up(stage.theirs);
    carols.is_let_go(&carol).await;
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zoiper_transfers_with_both_lines_inactive() {
    let mut stage = Stage::open("zoiper").await;
    let (mut second, his) = stage.consults().await;
    let answer = stage.alice.offers(&mut second, "hold-inactive").await;
    assert!(answer.status() == Some(200) && answer.body.contains("a=inactive"), "{answer:?}");
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut second).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}
