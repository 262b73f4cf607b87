//! The stage of a transfer by API: Alice has a phone with one line and presses nothing on it; a program asks for every step.
//!
//! Who is there and what they say is as on [`crate::one_line`].

use serde_json::{Value, json};
use softphone::LineId;

use crate::desk::{Answer, Desk, id_of, person};
use crate::hearing::until_heard;
use crate::house::{Setup, tones};
use crate::one_line::OneLine;
use crate::people::SOON;
use crate::stage::scene;

/// Who is on the stage, and Alice's token.
#[derive(Debug)]
pub struct ByApi {
    /// The house and its people.
    pub stage: OneLine,
    /// Alice at the API.
    pub desk: Desk,
    /// The call's id.
    pub call: String,
}

impl ByApi {
    /// The customer called Alice, and they talk.
    pub async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    /// As [`ByApi::open`] in a house that differs.
    pub async fn with(setup: Setup) -> Self {
        let stage = OneLine::with(setup).await;
        let desk = Desk::of(&stage.house, "alice").await;
        let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
        Self { stage, desk, call }
    }

    /// The call's path, and what follows it.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/calls/{}{rest}", self.call)
    }

    /// The call as Alice is shown it.
    pub async fn sheet(&self) -> Value {
        self.desk.get(&self.path("")).await.done(200)
    }

    /// Asks for a transfer.
    pub async fn starts(&self, target: Value) -> Answer {
        self.desk.post(&self.path("/transfer"), json!({"target": target})).await
    }

    /// Asks for a step of the transfer.
    pub async fn step(&self, step: &str) -> Answer {
        self.desk.post(&self.path(&format!("/transfer/{step}")), json!({})).await
    }

    /// A step that must be done. When this returns it is in force.
    pub async fn steps(&self, step: &str) {
        let answer = self.step(step).await;
        assert!(matches!(answer.status, 200 | 204), "{step}: {} {}", answer.status, answer.body);
    }

    /// The pause button of somebody: on hold, or back.
    pub async fn pauses(&self, who: &str, hold: bool) -> Answer {
        let who = id_of(&self.sheet().await, who);
        self.desk.patch(&self.path(&format!("/participants/{who}")), json!({"hold": hold})).await
    }

    /// Hangs somebody up.
    pub async fn removes(&self, who: &str) -> Answer {
        let who = id_of(&self.sheet().await, who);
        self.desk.delete(&self.path(&format!("/participants/{who}"))).await
    }

    /// Alice starts a transfer to Bob; it rings there, and the customer hears music.
    pub async fn calls_bob(&self) -> LineId {
        let call = self.starts(json!({"agent": "bob"})).await.done(201);
        assert_eq!(
            (&call["transfer"]["phase"], &call["transfer"]["target"]["agent"]),
            (&json!("calling"), &json!("bob"))
        );
        let his = self.stage.bob.is_rung().await;
        self.stage.alice.says(self.stage.hers, tones::SECRET);
        self.stage.customer.says(self.stage.theirs, tones::STRANGER);
        scene(&[self.stage.customer_hears_music(), self.stage.alice_hears(&[])]).await;
        let call = self.desk.until_call(&self.call, |call| person(call, "bob")["status"] == "ringing").await;
        assert_eq!(
            (&person(&call, "customer")["status"], &call["transfer"]["facing"]),
            (&json!("held"), &json!("target"))
        );
        his
    }

    /// Bob answers, and they talk in private; every leg is frozen and thawed.
    pub async fn consults(&self) -> LineId {
        let his = self.calls_bob().await;
        self.stage.bob.phone.answer(his).expect("it rings");
        self.stage.bob.says(his, tones::BOB_TOO);
        self.stage.is_private(his).await;
        self.stage.house.freeze_and_thaw(3).await;
        self.stage.is_private(his).await;
        let call = self.sheet().await;
        assert_eq!((&call["transfer"]["phase"], &person(&call, "bob")["status"]), (&json!("private"), &json!("live")));
        his
    }

    /// Alice is turned to the customer, in silence, and hears him.
    pub async fn swaps_to_the_customer(&self) {
        self.stage.alice_is_quiet();
        self.steps("swap").await;
        let heard = until_heard(&self.stage.alice.ear(self.stage.hers), tones::STRANGER, SOON).await;
        assert!(heard, "she does not hear the customer");
    }

    /// Why an action would be refused for Alice now; empty: it would be done.
    pub async fn why_not(&self, action: &str) -> String {
        let call = self.sheet().await;
        let actions = call["allowed_actions"].as_array().expect("allowed_actions").clone();
        let found = actions.iter().find(|known| known["action"] == action);
        let found = found.unwrap_or_else(|| panic!("{action} is not among {actions:?}"));
        found["refused"].as_str().unwrap_or_default().to_owned()
    }
}
