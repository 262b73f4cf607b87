//! The script: a customer calls, Alice answers, they talk, she holds, she resumes, the customer hangs up.

use std::time::Duration;

use softphone::{Hold, LineState, Mark, PhoneError, Voice, Wire};

use super::cast::{Person, SECRET_HERTZ};
use super::stage::{Expected, Stage};

/// How long a scene is watched.
const SCENE: Duration = Duration::from_millis(2_000);
/// Alice's wire: what she says is on its way for up to this long, so that old speech is in flight when she resumes.
const ALICES_JITTER: Duration = Duration::from_millis(150);

/// Plays everything.
pub(super) async fn play(stage: &mut Stage) -> Result<(), PhoneError> {
    ring_and_answer(stage).await?;
    hold_and_resume(stage).await?;
    hang_up(stage).await
}

async fn ring_and_answer(stage: &mut Stage) -> Result<(), PhoneError> {
    stage.scene("The customer calls, Alice's phone rings");
    let number = "+15551111";
    let line = stage.customer().phone.call(number)?;
    stage.customer_mut().line = Some(line);
    let ringing = stage.alice().phone.until_ringing().await?;
    stage.alice_mut().line = Some(ringing);
    stage.recast();
    stage.customer().phone.until_line(line, LineState::RingingThere).await?;
    stage.judge(Mark::now(), SCENE / 2, &[Expected::nothing("Alice"), Expected::nothing("Customer")]).await;

    stage.scene("Alice answers: they talk");
    stage.alice().phone.answer(ringing)?;
    stage.customer().phone.until_line(line, LineState::Live).await?;
    let talking = [Expected::voice("Alice", "Customer"), Expected::voice("Customer", "Alice")];
    stage.judge(Mark::now(), SCENE, &talking).await;
    Ok(())
}

async fn hold_and_resume(stage: &mut Stage) -> Result<(), PhoneError> {
    stage.scene("Alice holds: music for the customer");
    let line = line_of(stage.alice());
    let alice = stage.alice();
    alice.phone.wire(line, Wire { jitter: ALICES_JITTER, ..Wire::default() });
    alice.phone.hold(line, Hold::SendOnly)?;
    alice.phone.until_line(line, LineState::OnHold).await?;
    let held = Mark::now();
    alice.phone.say(line, Voice::Tone(SECRET_HERTZ));
    stage.judge(held, SCENE, &[Expected::nothing("Alice"), Expected::music("Customer")]).await;

    stage.scene("Alice resumes: nothing she said on hold is heard");
    let alice = stage.alice();
    alice.phone.say(line, Voice::Tone(alice.hertz));
    alice.phone.resume(line)?;
    alice.phone.until_line(line, LineState::Live).await?;
    let talking = [Expected::voice("Alice", "Customer"), Expected::voice("Customer", "Alice")];
    stage.judge(Mark::now(), SCENE, &talking).await;
    stage.judge_secret(held, "Customer");
    Ok(())
}

async fn hang_up(stage: &mut Stage) -> Result<(), PhoneError> {
    stage.scene("The customer hangs up, Alice is released");
    let (customer, alice) = (line_of(stage.customer()), line_of(stage.alice()));
    stage.customer().phone.hang_up(customer);
    let over = stage.alice().phone.until_over(alice, Duration::from_secs(5)).await?;
    stage.verdict(over.is_over(), "Alice's phone is told that the call is over");
    Ok(())
}

fn line_of(person: &Person) -> softphone::LineId {
    person.line.unwrap_or(softphone::LineId::arrived(0))
}
