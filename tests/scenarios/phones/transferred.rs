//! What every attended transfer has in common once the REFER is sent: 202, NOTIFY 100, the last NOTIFY, Bob and the customer talk.

use baton_tests::field::FieldLine;
use baton_tests::stage::{Stage, Unbroken};
use softphone::LineId;

/// REFER with Replaces in line 1 by a section of the fixture: accepted at once, progress told, nothing broken.
pub(crate) async fn refers(stage: &mut Stage, second: &FieldLine, his: LineId, section: &str) -> Unbroken {
    stage.ends_privacy(his);
    let sound = stage.goes_on(his);
    let answer = stage.alice.refers(&mut stage.first, section, second).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_notified(&stage.first).await, (100, false), "at once");
    sound
}

/// The last NOTIFY: 200, the end of the subscription.
pub(crate) async fn is_told_that_it_came_off(stage: &Stage) {
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
}

/// Bob and the customer talk, Alice is out, nothing is left.
pub(crate) async fn comes_off(stage: Stage, second: &FieldLine, his: LineId, sound: Unbroken) {
    stage.alice_is_out(&[&stage.first, second]).await;
    stage.joined(his).await;
    sound.was_unbroken();
    stage.house.freeze_and_thaw(2).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}
