//! The stage of a transfer by keypad: Alice has a phone with one line and nothing but its keys.
//!
//! As on [`crate::stage`], everybody says one tone while it is private and another one afterwards: Alice `SECRET` to Bob and `ALICE`
//! to the customer, Bob `BOB_TOO` to her alone, the customer on hold `STRANGER`.

use std::time::Duration;

use media_mixer::sdp::Codec;
use softphone::{Keypad, LineId, LineState, Mark, Voice, Wire};

use crate::hearing::{Listener, no_trace_above, until, until_heard};
use crate::house::{ALICES_NUMBER, House, Setup, tones};
use crate::people::{Person, SOON, connect};
use crate::stage::scene;

/// A short tone that says that something happened, in hertz.
pub const NOTICE: f64 = 660.0;
/// The two tones that say that something failed.
pub const FAILURE: [f64; 2] = [620.0, 480.0];

/// The tone that says that a code cannot be done now.
pub const REFUSED: f64 = 400.0;

/// What is said is on its way for up to so long: private speech is in flight when somebody merges.
pub const JITTER: Wire = Wire { delay: Duration::from_millis(20), jitter: Duration::from_millis(40), loss: 0.0 };

/// What Opus makes of voices may be so loud, in dBFS, at frequencies that nobody says: half way between two tones 300 Hz apart
/// −39 was measured, without any loss. One frame of a voice that gets through where it must not is heard at −20.
const OPUS_NOISE: f64 = -36.0;

/// Who is on the stage.
#[derive(Debug)]
pub struct OneLine {
    /// The daemon.
    pub house: House,
    /// Alice.
    pub alice: Person,
    /// Her only line.
    pub hers: LineId,
    /// Bob.
    pub bob: Person,
    /// The customer.
    pub customer: Person,
    /// The customer's line.
    pub theirs: LineId,
    /// When it began.
    pub since: Mark,
    /// How loud the noise of the codecs is, in dBFS: what is softer is no trace of a voice.
    noise: f64,
}

impl OneLine {
    /// The customer called Alice, and they talk.
    pub async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    /// As [`OneLine::open`] in a house that differs.
    pub async fn with(setup: Setup) -> Self {
        let house = House::with(setup).await;
        let people = (house.alice().await, house.bob().await, house.customer().await);
        Self::between(house, people, f64::NEG_INFINITY).await
    }

    /// As [`OneLine::open`], with Alice's and the customer's phone speaking one codec and Bob's another.
    pub async fn speaking(alice: Codec, bob: Codec) -> Self {
        let house = House::open().await;
        let people = (
            house.agent_speaking("alice", tones::ALICE, &[alice]).await,
            house.agent_speaking("bob", tones::BOB, &[bob]).await,
            house.outside_speaking("customer", tones::CUSTOMER, &[alice]).await,
        );
        let noise = if [alice, bob].contains(&Codec::Opus) { OPUS_NOISE } else { f64::NEG_INFINITY };
        Self::between(house, people, noise).await
    }

    /// As [`OneLine::open`] with people who have phones of this house already.
    pub async fn of(house: House, people: (Person, Person, Person)) -> Self {
        Self::between(house, people, f64::NEG_INFINITY).await
    }

    /// Between people some of whom speak Opus.
    pub async fn of_opus(house: House, people: (Person, Person, Person)) -> Self {
        Self::between(house, people, OPUS_NOISE).await
    }

    async fn between(house: House, (alice, bob, customer): (Person, Person, Person), noise: f64) -> Self {
        let since = Mark::now();
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        let stage = Self { house, alice, hers, bob, customer, theirs, since, noise };
        stage.alice_and_customer_talk().await;
        stage
    }

    /// Alice should hear these voices alone.
    #[must_use]
    pub fn alice_hears(&self, voices: &[f64]) -> Listener {
        self.alice.hears(self.hers, voices)
    }

    /// The customer should hear these voices alone.
    #[must_use]
    pub fn customer_hears(&self, voices: &[f64]) -> Listener {
        self.customer.hears(self.theirs, voices)
    }

    /// The customer should hear music alone.
    #[must_use]
    pub fn customer_hears_music(&self) -> Listener {
        self.customer.hears_music(self.theirs)
    }

    /// Alice and the customer hear each other.
    pub async fn alice_and_customer_talk(&self) {
        scene(&[self.alice_hears(&[tones::CUSTOMER]), self.customer_hears(&[tones::ALICE])]).await;
    }

    /// Alice presses keys.
    pub fn keys(&self, digits: &str) {
        self.alice.phone.press(self.hers, digits, Keypad::Rtp);
    }

    /// Alice says nothing, so that nothing of hers is under way when something changes.
    pub fn alice_is_quiet(&self) {
        self.alice.phone.say(self.hers, Voice::Silence);
    }

    /// Alice starts a transfer to Bob by `*2102#`; it rings there, and the customer hears music.
    pub async fn dials_bob(&self) -> LineId {
        self.keys("*2102#");
        let his = self.bob.is_rung().await;
        self.alice.says(self.hers, tones::SECRET);
        self.customer.says(self.theirs, tones::STRANGER);
        scene(&[self.customer_hears_music(), self.alice_hears(&[])]).await;
        his
    }

    /// Bob answers, and they talk in private; every leg is frozen and thawed.
    pub async fn consults(&self) -> LineId {
        let his = self.dials_bob().await;
        self.bob.phone.answer(his).expect("it rings");
        self.bob.says(his, tones::BOB_TOO);
        self.is_private(his).await;
        self.house.freeze_and_thaw(3).await;
        self.is_private(his).await;
        his
    }

    /// Alice and Bob hear each other, the customer hears music.
    pub async fn is_private(&self, his: LineId) {
        scene(&[
            self.alice_hears(&[tones::BOB_TOO]),
            self.bob.hears(his, &[tones::SECRET]),
            self.customer_hears_music(),
        ])
        .await;
    }

    /// Alice turns to the customer by `*4`, in silence, and hears him.
    pub async fn swaps_to_the_customer(&self) {
        self.alice_is_quiet();
        self.keys("*4");
        let heard = until_heard(&self.alice.ear(self.hers), tones::STRANGER, SOON).await;
        assert!(heard, "she does not hear the customer");
    }

    /// Everybody says what the others may hear from here on.
    pub fn ends_privacy(&self, his: LineId) {
        self.ends_privacy_of_others(his);
        self.alice.says(self.hers, tones::ALICE);
    }

    /// Bob and the customer say what each other may hear from here on.
    pub fn ends_privacy_of_others(&self, his: LineId) {
        self.bob.says(his, tones::BOB);
        self.customer.says(self.theirs, tones::CUSTOMER);
    }

    /// All three hear each other after a merge, before which everybody said what the others may hear: nothing private was heard.
    pub async fn is_merged(&self, his: LineId) {
        for (ear, hertz) in [
            (self.customer.ear(self.theirs), tones::BOB),
            (self.customer.ear(self.theirs), tones::ALICE),
            (self.bob.ear(his), tones::CUSTOMER),
            (self.alice.ear(self.hers), tones::CUSTOMER),
        ] {
            assert!(until_heard(&ear, hertz, SOON).await, "{hertz} Hz after the merge");
        }
        scene(&[
            self.alice_hears(&[tones::BOB, tones::CUSTOMER]),
            self.bob.hears(his, &[tones::ALICE, tones::CUSTOMER]),
            self.customer_hears(&[tones::ALICE, tones::BOB]),
        ])
        .await;
        self.kept_private(his);
    }

    /// Bob and the customer talk; nothing private was heard by whom it was not for.
    pub async fn joined(&self, his: LineId) {
        scene(&[self.customer_hears(&[tones::BOB]), self.bob.hears(his, &[tones::CUSTOMER])]).await;
        self.kept_private(his);
    }

    /// Nothing private was ever heard by whom it was not for.
    pub fn kept_private(&self, his: LineId) {
        self.customer_heard_nothing_private();
        no_trace_above("bob", &self.bob.ear(his).since(self.since), tones::STRANGER, self.noise);
    }

    /// The customer never heard anything of the consult.
    pub fn customer_heard_nothing_private(&self) {
        let customer = self.customer.ear(self.theirs).since(self.since);
        no_trace_above("customer", &customer, tones::BOB_TOO, self.noise);
        no_trace_above("customer", &customer, tones::SECRET, self.noise);
    }

    /// Alice hears a short tone since a moment.
    pub async fn alice_hears_a_tone(&self, from: Mark, hertz: f64) {
        let ear = self.alice.ear(self.hers);
        let heard = until(SOON, || ear.since(from).present_ms(hertz) >= 40).await;
        assert!(heard, "Alice heard {hertz} Hz for {} ms", ear.since(from).present_ms(hertz));
        // at most 200 ms a tone
        tokio::time::sleep(Duration::from_millis(300)).await;
        let present = ear.since(from).present_ms(hertz);
        assert!(present <= 220, "a short tone went on for {present} ms");
    }

    /// Something else than a voice is heard since a moment: a tone or a prompt was added to it.
    pub async fn alice_hears_more_than(&self, from: Mark, hertz: f64) {
        let ear = self.alice.ear(self.hers);
        let heard = until(SOON, || ear.since(from).beside(hertz) > -35.0).await;
        assert!(heard, "beside {hertz} Hz there are {:.1} dBFS", ear.since(from).beside(hertz));
    }

    /// The customer hangs up, which ends Alice's call; nothing is left.
    pub async fn customer_closes(self) {
        self.customer.hangs_up(self.theirs);
        self.alice.is_let_go(self.hers).await;
        self.house.close().await;
    }

    /// Bob hangs up, which ends the customer's call; nothing is left.
    pub async fn bob_closes(self, his: LineId) {
        assert!(!self.alice.is_busy(), "Alice is out");
        self.bob.hangs_up(his);
        assert!(matches!(self.customer.is_let_go(self.theirs).await, LineState::Ended(_)));
        self.house.close().await;
    }
}
