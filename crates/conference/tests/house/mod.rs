//! A small house for tests: a switchboard with agents, and verbs that read like what people do.
#![allow(dead_code, clippy::unwrap_used, clippy::wildcard_enum_match_arm, unreachable_pub)]

use std::time::Duration;

use conference::{
    AgentName, AgentSettings, Asker, CallId, Caller, Command, Destination, Direction, Ears, Effect, Ending, Event,
    LegId, Moment, Output, ParticipantId, Phone, QueueSettings, Refusal, Report, RoomSettings, Settings, Status,
    Switchboard,
};

pub trait IntoAgent {
    fn into_agent(self) -> AgentName;
}

impl IntoAgent for &str {
    fn into_agent(self) -> AgentName {
        AgentName(self.to_owned())
    }
}

pub fn agent(name: &str) -> Destination {
    Destination::Agent(name.into_agent())
}

pub fn outside(number: &str) -> Destination {
    Destination::Outside { trunk: "pstn".to_owned(), number: number.to_owned() }
}

pub fn settings() -> Settings {
    let known = |supervisor| AgentSettings { max_calls: 2, supervisor, ..AgentSettings::default() };
    let mut settings = Settings::default();
    for name in ["alice", "bob", "carol", "dave"] {
        let mut agent = known(false);
        if name != "dave" {
            agent.queues.insert("support".to_owned());
        }
        settings.agents.insert(name.into_agent(), agent);
    }
    settings.queues.insert("support".to_owned(), QueueSettings::default());
    settings.agents.insert("susan".into_agent(), known(true));
    settings.rooms.insert(
        "small".to_owned(),
        RoomSettings { max_participants: 3, wait_for_agent: false, ..RoomSettings::default() },
    );
    settings.rooms.insert(
        "lobby".to_owned(),
        RoomSettings { max_participants: 30, wait_for_agent: true, ..RoomSettings::default() },
    );
    settings
}

pub struct House {
    pub board: Switchboard,
    pub now: Moment,
    pub last: Vec<Output>,
    /// Everything that came out since the start.
    pub all: Vec<Output>,
    pub next_leg: u64,
}

impl House {
    /// The usual house; everybody has a phone.
    pub fn new() -> Self {
        Self::at_desks(settings())
    }

    /// A house of these settings in which everybody has a phone.
    pub fn at_desks(settings: Settings) -> Self {
        let names: Vec<AgentName> = settings.agents.keys().cloned().collect();
        let mut house = Self::with(settings);
        for agent in names {
            house.report(Report::Registered { agent, phones: 1 });
        }
        house.all.clear();
        house
    }

    /// A house of these settings; nobody has a phone yet.
    pub fn with(settings: Settings) -> Self {
        let board = Switchboard::new();
        let mut house = Self { board, now: Moment(1_000_000), last: Vec::new(), all: Vec::new(), next_leg: 0 };
        house.command(Command::Configure(settings)).unwrap();
        house
    }

    fn note(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        self.all.extend(outputs.iter().cloned());
        self.last.clone_from(&outputs);
        assert!(self.masks_came_first(), "masks come before everything else: {outputs:?}");
        outputs
    }

    pub fn command(&mut self, command: Command) -> Result<Vec<Output>, Refusal> {
        let before = self.board.clone();
        match self.board.command(self.now, command) {
            Ok(outputs) => Ok(self.note(outputs)),
            Err(refusal) => {
                assert_eq!(self.board, before, "a refusal changes nothing");
                Err(refusal)
            }
        }
    }

    pub fn report(&mut self, report: Report) -> Vec<Output> {
        let outputs = self.board.report(self.now, report);
        self.note(outputs)
    }

    /// Lets time pass, stopping at every deadline.
    pub fn wait(&mut self, seconds: u64) {
        self.wait_for(Duration::from_secs(seconds));
    }

    pub fn wait_for(&mut self, span: Duration) {
        let until = self.now + span;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.board.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            outputs.extend(self.board.expire(deadline));
        }
        self.now = until;
        self.all.extend(outputs.iter().cloned());
        self.last = outputs;
    }

    /// As `wait`, with every probe answered.
    pub fn wait_alive(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.board.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            let outputs = self.board.expire(deadline);
            self.all.extend(outputs.iter().cloned());
            for output in &outputs {
                if let Output::Effect(Effect::Probe { leg }) = output {
                    let more = self.board.report(self.now, Report::Probed { leg: *leg, alive: true });
                    self.all.extend(more);
                }
            }
            self.last = outputs;
        }
        self.now = until;
    }

    pub fn arrives(&mut self, caller: Caller, to: Destination, direction: Direction) -> LegId {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        let shown = format!("{to:?}");
        self.report(Report::Arrived { leg, caller, to, shown, direction });
        leg
    }

    pub fn dials(&mut self, name: &str, to: Destination) -> LegId {
        self.dials_on(name, "desk", to)
    }

    pub fn dials_on(&mut self, name: &str, phone: &str, to: Destination) -> LegId {
        let phone = Phone(format!("{name}-{phone}"));
        self.arrives(Caller::Agent { name: name.into_agent(), phone }, to, Direction::Both)
    }

    pub fn customer_dials(&mut self, number: &str, to: Destination) -> LegId {
        self.arrives(Caller::Customer { trunk: "pstn".into(), number: number.into() }, to, Direction::Both)
    }

    /// The leg that was rung last.
    pub fn rung(&self) -> LegId {
        let rung = self.all.iter().rev().find_map(|output| match output {
            Output::Effect(Effect::Ring { leg, .. }) => Some(*leg),
            _ => None,
        });
        rung.unwrap()
    }

    pub fn ringing(&mut self, leg: LegId) {
        self.report(Report::Ringing { leg });
    }

    /// Answers as the desk phone of whoever was rung.
    pub fn answers(&mut self, leg: LegId) {
        let name = self.all.iter().find_map(|output| match output {
            Output::Effect(Effect::Ring { leg: rung, to: Destination::Agent(name), .. }) if *rung == leg => {
                Some(name.clone())
            }
            _ => None,
        });
        let phone = name.map(|name| Phone(format!("{name}-desk")));
        self.report(Report::Answered { leg, direction: Direction::Both, phone });
    }

    pub fn fails(&mut self, leg: LegId, status: u16) {
        self.report(Report::Failed { leg, status });
    }

    pub fn ends(&mut self, leg: LegId, how: Ending) {
        self.report(Report::Ended { leg, how });
    }

    pub fn offers(&mut self, leg: LegId, direction: Direction) {
        self.report(Report::Offered { leg, direction });
    }

    /// A customer talks to Alice: (Alice's leg, the customer's leg).
    pub fn call_with_customer(&mut self) -> (LegId, LegId) {
        let c = self.customer_dials("+4930", agent("alice"));
        let a = self.rung();
        self.answers(a);
        assert!(self.hears(a, c) && self.hears(c, a));
        (a, c)
    }

    pub fn call_of(&self, leg: LegId) -> CallId {
        self.board.call_of(leg).unwrap()
    }

    pub fn who(&self, leg: LegId) -> ParticipantId {
        self.board.person_of(leg).unwrap().1
    }

    pub fn hears(&self, listener: LegId, speaker: LegId) -> bool {
        let Some(call) = self.board.call_of(listener) else { return false };
        self.board.hears(call, listener, speaker)
    }

    /// Whether all of these hear each other.
    pub fn all_talk(&self, legs: &[LegId]) -> bool {
        legs.iter().all(|l| legs.iter().all(|t| l == t || self.hears(*l, *t)))
    }

    /// Whether two hear each other.
    pub fn talk(&self, one: LegId, other: LegId) -> bool {
        self.hears(one, other) && self.hears(other, one)
    }

    /// Whether neither hears the other.
    pub fn apart(&self, one: LegId, other: LegId) -> bool {
        !self.hears(one, other) && !self.hears(other, one)
    }

    /// What a leg hears while it may hear nobody; panics if it may hear somebody.
    pub fn ears(&self, leg: LegId) -> Ears {
        let masks = self.board.masks(self.call_of(leg)).unwrap();
        let mask = &masks[&leg];
        assert!(!masks.values().any(|speaker| mask.hears(speaker)), "{leg} hears somebody");
        mask.ears.clone()
    }

    pub fn status(&self, leg: LegId) -> Status {
        let (call, who) = self.board.person_of(leg).unwrap();
        self.board.call(call).unwrap().participant(who).unwrap().status
    }

    pub fn is_gone(&self, leg: LegId) -> bool {
        self.board.call_of(leg).is_none()
    }

    pub fn did(&self, effect: &Effect) -> bool {
        self.last.iter().any(|output| matches!(output, Output::Effect(done) if done == effect))
    }

    pub fn hung_up(&self, leg: LegId) -> bool {
        self.did(&Effect::Hangup { leg, status: None })
    }

    pub fn saw(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.all.iter().any(|output| matches!(output, Output::Event(event) if wanted(event)))
    }

    /// How often masks changed in the last reaction.
    pub fn changes(&self) -> usize {
        self.last.iter().filter(|output| matches!(output, Output::Effect(Effect::SetAudibility(_)))).count()
    }

    pub fn masks_came_first(&self) -> bool {
        let is_mask = |output: &Output| matches!(output, Output::Effect(Effect::SetAudibility(_)));
        self.last.iter().skip_while(|output| is_mask(output)).all(|output| !is_mask(output))
    }

    #[track_caller]
    pub fn is_over(&self) {
        assert!(self.board.is_idle(), "something is left: {:#?}", self.board.calls().collect::<Vec<_>>());
        assert_eq!(self.board.deadline(), None);
    }

    // What agents ask by their phone's leg or by name.

    pub fn starts(&mut self, leg: LegId, target: Destination) -> Result<Vec<Output>, Refusal> {
        let shown = format!("{target:?}");
        self.command(Command::Start { call: self.call_of(leg), by: Asker::Leg(leg), target, shown })
    }

    pub fn swaps(&mut self, leg: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Swap { call: self.call_of(leg), by: Asker::Leg(leg) })
    }

    pub fn merges(&mut self, leg: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Merge { call: self.call_of(leg), by: Asker::Leg(leg) })
    }

    pub fn cancels(&mut self, leg: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Cancel { call: self.call_of(leg), by: Asker::Leg(leg) })
    }

    pub fn completes(&mut self, leg: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Complete { call: self.call_of(leg), by: Asker::Leg(leg) })
    }

    pub fn holds(&mut self, leg: LegId, other: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Hold { call: self.call_of(leg), by: Asker::Leg(leg), who: self.who(other) })
    }

    pub fn unholds(&mut self, leg: LegId, other: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Unhold { call: self.call_of(leg), by: Asker::Leg(leg), who: self.who(other) })
    }

    pub fn removes(&mut self, leg: LegId, other: LegId) -> Result<Vec<Output>, Refusal> {
        self.command(Command::Remove { call: self.call_of(leg), by: Asker::Leg(leg), who: self.who(other) })
    }

    /// Keys pressed and released on a leg, one after the other, each for as long as it pleases.
    pub fn presses(&mut self, leg: LegId, keys: &str) {
        let mut outputs = Vec::new();
        for (at, digit) in keys.chars().enumerate() {
            let duration_ms = 80 + 10 * u16::try_from(at).unwrap();
            let key = conference::Key { digit, duration_ms };
            outputs.extend(self.report(Report::Digit { leg, key }));
        }
        self.last = outputs;
    }

    /// The dial plan's answer about a number dialled by keypad.
    pub fn looks_up(&mut self, leg: LegId, dialled: &str, target: Destination) {
        assert!(self.did(&Effect::LookUp { leg, dialled: dialled.to_owned() }), "{:?}", self.last);
        self.report(Report::Looked { leg, target, shown: dialled.to_owned() });
    }

    /// Starts a transfer to an agent by keypad.
    pub fn dials_code(&mut self, leg: LegId, target: Destination) {
        self.presses(leg, "*2102#");
        self.looks_up(leg, "102", target);
    }

    /// The keys that went on to whoever hears a leg, in the last reactions.
    pub fn relayed(&self, leg: LegId) -> String {
        let keys = self.last.iter().filter_map(|output| match output {
            Output::Effect(Effect::Relay { leg: whose, keys }) if *whose == leg => Some(keys),
            _ => None,
        });
        keys.flatten().map(|key| key.digit).collect()
    }

    /// What was played to a leg in the last reactions.
    pub fn heard(&self, leg: LegId) -> Vec<conference::Cue> {
        let cues = self.last.iter().filter_map(|output| match output {
            Output::Effect(Effect::Cue { leg: whose, cue }) if *whose == leg => Some(*cue),
            _ => None,
        });
        cues.collect()
    }

    /// How the transfers so far came out.
    pub fn outcomes(&self) -> Vec<conference::Outcome> {
        let ended = |output: &Output| match output {
            Output::Event(Event::TransferEnded { outcome, .. }) => Some(*outcome),
            _ => None,
        };
        self.all.iter().filter_map(ended).collect()
    }

    /// Alice talks to a customer and has Bob rung: (Alice, customer, Bob).
    pub fn ringing_consult(&mut self) -> (LegId, LegId, LegId) {
        let (a, c) = self.call_with_customer();
        self.starts(a, agent("bob")).unwrap();
        let b = self.rung();
        self.ringing(b);
        (a, c, b)
    }

    /// Alice talks to a customer and consults Bob on the same line: (Alice, customer, Bob).
    pub fn consult(&mut self) -> (LegId, LegId, LegId) {
        let (a, c) = self.call_with_customer();
        self.starts(a, agent("bob")).unwrap();
        let b = self.rung();
        self.ringing(b);
        self.answers(b);
        assert!(self.talk(a, b) && self.apart(a, c) && self.apart(b, c));
        (a, c, b)
    }

    /// The same with two lines: (line 1, line 2, customer, Bob).
    pub fn consult_on_two_lines(&mut self) -> (LegId, LegId, LegId, LegId) {
        let (a1, c) = self.call_with_customer();
        self.offers(a1, Direction::Away);
        let a2 = self.dials("alice", agent("bob"));
        let b = self.rung();
        self.ringing(b);
        self.answers(b);
        assert!(self.talk(a2, b) && self.apart(a2, c) && self.apart(b, c));
        (a1, a2, c, b)
    }
}
