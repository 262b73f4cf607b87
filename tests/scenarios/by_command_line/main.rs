//! The client commands of `baton`, typed by an operator while people with phones talk: the program itself, the whole daemon, a tone
//! at every ear.
//!
//! | what | test |
//! |---|---|
//! | the six steps, and the pause buttons | `steps::*` |
//! | `call ID`: participants, matrix, history, quality | `sheet::*` |
//! | `call ID`: a bad way, and what a phone tells of its own end; API and metrics too | `quality::*` |
//! | `calls`, `agents`, `queues`: tables that redraw, colour, `NO_COLOR` | `tables::*` |
//! | `accept`, `reject`, `state`, `lock`, `unlock` | `queues::*` |
//! | `trace`: the ladder, and what is not in it | `trace::*` |
//! | `drain`, `reload` | `service::*` |
//! | SIGHUP to `serve` | `signals::*` |
//! | `user add`, `passwd`, `del`, and the phones | `users::*` |
//! | refusals with their codes, 1 and 2 | `refusals::*` |
//!
//! What the program asks of the API, and what it makes of odd answers, is tested in the daemon's own `cli` against a house that says
//! what each test tells it; there also are the manual page and what shells are told.

mod quality;
mod queues;
mod refusals;
mod service;
mod sheet;
mod signals;
mod steps;
mod tables;
#[path = "../../../crates/daemon/tests/terminal/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the daemon's own tests use the rest")]
mod terminal;
mod trace;
mod users;

use std::time::Instant;

use baton_tests::desk::id_of;
use baton_tests::hearing::until_heard;
use baton_tests::house::{Setup, tones};
use baton_tests::one_line::OneLine;
use baton_tests::people::SOON;
use baton_tests::shell::Shell;
use baton_tests::stage::scene;
use serde_json::Value;
use softphone::LineId;

/// Alice talks with the customer, and an operator has a shell.
struct Typed {
    stage: OneLine,
    shell: Shell,
    call: String,
}

impl Typed {
    async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let stage = OneLine::with(setup).await;
        let shell = Shell::of(&stage.house);
        let call = shell.only_call().await;
        Self { stage, shell, call }
    }

    /// The call as it is shown now.
    async fn sheet(&self) -> Value {
        self.shell.sheet(&self.call).await["call"].clone()
    }

    /// The id of a participant.
    async fn id(&self, who: &str) -> String {
        id_of(&self.sheet().await, who)
    }

    /// A step of the transfer, in Alice's name. When this returns it is in force.
    async fn steps(&self, step: &str) {
        assert_eq!(self.shell.does(&[step, &self.call, "--by", "alice"]).await, "", "done is silent");
    }

    /// The pause button: `hold` or `unhold` of somebody, by Alice.
    async fn pauses(&self, verb: &str, who: &str) {
        let who = self.id(who).await;
        assert_eq!(self.shell.does(&[verb, &self.call, &who, "--by", "alice"]).await, "");
    }

    /// A transfer to Bob, who rings; the customer hears music.
    async fn calls_bob(&self) -> LineId {
        let said = self.shell.does(&["transfer", &self.call, "--by", "alice", "--to", "bob"]).await;
        assert_eq!(said, format!("{} bob, calling\n", self.id("bob").await));
        let his = self.stage.bob.is_rung().await;
        self.stage.alice.says(self.stage.hers, tones::SECRET);
        self.stage.customer.says(self.stage.theirs, tones::STRANGER);
        scene(&[self.stage.customer_hears_music(), self.stage.alice_hears(&[])]).await;
        his
    }

    /// Bob answers, and they talk in private.
    async fn consults(&self) -> LineId {
        let his = self.calls_bob().await;
        self.stage.bob.phone.answer(his).expect("it rings");
        self.stage.bob.says(his, tones::BOB_TOO);
        self.stage.is_private(his).await;
        self.stage.house.freeze_and_thaw(3).await;
        self.stage.is_private(his).await;
        his
    }

    /// Waits until the transfer is so far.
    async fn until_phase(&self, phase: &str) {
        let end = Instant::now() + SOON;
        while self.sheet().await["transfer"]["phase"] != phase {
            assert!(Instant::now() < end, "it never is {phase}");
        }
    }

    /// Alice, in silence, hears this voice.
    async fn alice_comes_to_hear(&self, hertz: f64) {
        assert!(until_heard(&self.stage.alice.ear(self.stage.hers), hertz, SOON).await, "{hertz} Hz");
    }
}
