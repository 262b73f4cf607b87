//! Whoever asks by a command or for a snapshot is told nothing before the masks are in force.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use conference::{AgentName, Asker};
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::referred::tests::talking;

const LIMIT: Duration = Duration::from_secs(10);

/// Lets whatever waits for the mixer come into force.
pub(crate) async fn until_in_force(switch: &mut Switch) {
    while !switch.carry.not_in_force().is_empty() {
        let word = next_of(&mut switch.carry.acknowledgements);
        let word = tokio::time::timeout(LIMIT, word).await.unwrap();
        switch.carry.go_on(word);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_and_calls_are_shown_once_the_masks_are_in_force() {
    let (mut switch, leg, call) = talking().await;
    until_in_force(&mut switch).await;
    let (_, who) = switch.board.person_of(leg).unwrap();
    let mute = |muted| Box::new(Command::Mute { call, by: Asker::Operator, who, muted });
    let (reply, mut muted) = oneshot::channel();
    switch.take(Input::Command(mute(true), reply)).await;
    let (reply, mut calls) = oneshot::channel();
    switch.take(Input::Calls(reply)).await;
    assert_eq!(muted.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(calls.try_recv(), Err(TryRecvError::Empty), "it would show a voice as off that is heard");
    until_in_force(&mut switch).await;
    assert!(matches!(muted.try_recv(), Ok(Ok(events)) if events.len() == 1));
    assert_eq!(calls.try_recv().unwrap(), switch.board.calls().collect::<Vec<_>>());

    // what tightens nothing, and what is refused, waits for nothing
    let (reply, mut heard) = oneshot::channel();
    switch.take(Input::Command(mute(false), reply)).await;
    assert!(matches!(heard.try_recv(), Ok(Ok(events)) if events.len() == 1));
    let (reply, mut refused) = oneshot::channel();
    let nobody = Box::new(Command::Mute { call: CallId(999), by: Asker::Operator, who, muted: true });
    switch.take(Input::Command(nobody, reply)).await;
    assert_eq!(refused.try_recv(), Ok(Err(Refusal::CallNotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_new_is_let_in_no_call_is_opened_by_command_but_by_who_is_in_one() {
    let (mut switch, _, _) = talking().await;
    let dial = |from: &str| {
        let to = Destination::Service(conference::Service::Echo);
        Box::new(Command::Dial { from: AgentName(from.to_owned()), to })
    };
    let (reply, shut) = oneshot::channel();
    switch.take(Input::Drain(true, reply)).await;
    shut.await.unwrap();
    let calls = switch.board.call_ids().count();
    let (reply, mut refused) = oneshot::channel();
    switch.take(Input::Command(dial("bob"), reply)).await;
    assert_eq!(refused.try_recv(), Ok(Err(Refusal::Draining)));
    assert_eq!(switch.board.call_ids().count(), calls, "nobody is rung");
    let (reply, mut let_in) = oneshot::channel();
    switch.take(Input::Command(dial("alice"), reply)).await;
    until_in_force(&mut switch).await;
    assert!(matches!(let_in.try_recv(), Ok(Ok(_))), "she is in a call and may open another");

    let (reply, open) = oneshot::channel();
    switch.take(Input::Drain(false, reply)).await;
    open.await.unwrap();
    let (reply, mut again) = oneshot::channel();
    switch.take(Input::Command(dial("bob"), reply)).await;
    until_in_force(&mut switch).await;
    assert!(matches!(again.try_recv(), Ok(Ok(_))));
}
