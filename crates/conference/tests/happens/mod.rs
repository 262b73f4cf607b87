//! What may happen in a transfer, by name, and the inputs that make it happen now.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use conference::{
    AgentName, Asker, CallId, Caller, Command, Destination, Direction, Ending, Key, LegId, Phone, Report, Settings,
};

use crate::walk::random::Random;
use crate::walk::{self, Input, Walk};

const CALL: CallId = CallId(1);
const CUSTOMER: LegId = LegId::arrived(1);
/// Alice's first line: she was rung for the customer.
const LINE_1: LegId = LegId::rung(1);
/// Her second, if her phone has one.
const LINE_2: LegId = LegId::arrived(2);

/// What may happen; what cannot happen now (nobody rings, no such line) is left out by `input`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happens {
    Start,
    SecondCall,
    Cancel,
    Swap,
    Merge,
    Complete,
    Refer,
    HoldTarget,
    UnholdTarget,
    UnholdCustomer,
    TargetUnholdsSelf,
    TargetRings,
    TargetAnswers,
    TargetRejects,
    TargetHangsUp,
    CustomerHangsUp,
    CustomerHolds,
    CustomerBack,
    TargetHolds,
    TargetBack,
    HoldCustomer,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Line1Moves,
    Line2Away,
    Line2Back,
    Line2Bye,
    Line2Cancel,
    Line2Answers,
    Line2Moves,
    TargetMoves,
    Star,
    Time,
}

/// How the initiator asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surface {
    /// By REFER on the line they talk by, where there is one for it; the rest by name.
    Refer,
    /// By codes on the line they talk by.
    Keypad,
}

pub use Happens::{
    Cancel, Complete, CustomerBack, CustomerHangsUp, CustomerHolds, HoldCustomer, HoldTarget, Line1Away, Line1Back,
    Line1Bye, Line1Dead, Line1Moves, Line2Answers, Line2Away, Line2Back, Line2Bye, Line2Cancel, Line2Moves, Merge,
    Refer, SecondCall, Star, Start, Swap, TargetAnswers, TargetBack, TargetHangsUp, TargetHolds, TargetMoves,
    TargetRejects, TargetRings, TargetUnholdsSelf, Time, UnholdCustomer, UnholdTarget,
};

pub const ONE_LINE: [Happens; 26] = [
    Start,
    Cancel,
    Swap,
    Merge,
    Complete,
    HoldTarget,
    UnholdTarget,
    HoldCustomer,
    UnholdCustomer,
    TargetUnholdsSelf,
    TargetRings,
    TargetAnswers,
    TargetRejects,
    TargetHangsUp,
    TargetHolds,
    TargetBack,
    TargetMoves,
    CustomerHangsUp,
    CustomerHolds,
    CustomerBack,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Line1Moves,
    Time,
];

/// As above, without what keys do not change: holds by other surfaces, the customer's own phone.
pub const ONE_LINE_KEYS: [Happens; 20] = [
    Start,
    Cancel,
    Swap,
    Merge,
    Complete,
    Star,
    HoldTarget,
    HoldCustomer,
    TargetUnholdsSelf,
    TargetRings,
    TargetAnswers,
    TargetRejects,
    TargetHangsUp,
    CustomerHangsUp,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Line1Moves,
    Time,
];

pub const TWO_LINES: [Happens; 28] = [
    Start,
    SecondCall,
    Cancel,
    Swap,
    Merge,
    Complete,
    Refer,
    HoldTarget,
    UnholdTarget,
    TargetRings,
    TargetAnswers,
    TargetRejects,
    TargetHangsUp,
    TargetHolds,
    TargetBack,
    CustomerHangsUp,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Line1Moves,
    Line2Away,
    Line2Back,
    Line2Bye,
    Line2Cancel,
    Line2Answers,
    Line2Moves,
    Time,
];

pub const TWO_LINES_KEYS: [Happens; 22] = [
    SecondCall,
    Cancel,
    Swap,
    Merge,
    Complete,
    Star,
    HoldTarget,
    TargetRings,
    TargetAnswers,
    TargetRejects,
    TargetHangsUp,
    CustomerHangsUp,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Line2Away,
    Line2Back,
    Line2Bye,
    Line2Cancel,
    Line2Answers,
    Time,
];

fn alice() -> AgentName {
    AgentName("alice".to_owned())
}

fn phone(name: &str) -> Phone {
    Phone(format!("{name}-desk"))
}

/// A customer talks to Alice.
pub fn beginning() -> Walk {
    let mut settings: Settings = walk::settings(&mut Random::new(7));
    settings.transfer.fallback = Some(Destination::Agent(AgentName("dave".to_owned())));
    let mut walk = Walk::empty(Random::new(0));
    walk.apply(Input::Command(Command::Configure(settings))).unwrap();
    for name in ["alice", "bob", "dave"] {
        let agent = AgentName(name.to_owned());
        walk.apply(Input::Report(Report::Registered { agent, phones: 1 })).unwrap();
    }
    let caller = Caller::Customer { trunk: "pstn".to_owned(), number: "+4930".to_owned() };
    let (to, shown) = (Destination::Agent(alice()), String::new());
    let direction = Direction::Both;
    walk.apply(Input::Report(Report::Arrived { leg: CUSTOMER, caller, to, shown, direction })).unwrap();
    walk.apply(Input::Report(Report::Answered { leg: LINE_1, direction, phone: Some(phone("alice")) })).unwrap();
    walk
}

/// Bob's leg, if he is rung or in.
fn target(walk: &Walk) -> Option<(LegId, bool)> {
    let call = walk.board.call(CALL)?;
    let bob = call.participants.iter().find(|person| person.agent == Some(AgentName("bob".to_owned())))?;
    bob.legs.first().map(|leg| (leg.leg, leg.live))
}

/// The line's present leg: itself, or what took its place.
fn present(walk: &Walk, line: LegId) -> LegId {
    walk.moved.get(&line).copied().unwrap_or(line)
}

/// Which leg of Alice's is in the call, and whether it is live.
fn line(walk: &Walk, leg: LegId) -> Option<bool> {
    let call = walk.board.call(walk.board.call_of(leg)?)?;
    call.participants.iter().flat_map(|person| &person.legs).find(|other| other.leg == leg).map(|leg| leg.live)
}

/// The line Alice has at her ear: the younger that is live and not away, else the other.
fn at_ear(walk: &Walk) -> Option<LegId> {
    let lines = [present(walk, LINE_2), present(walk, LINE_1)];
    let masks = walk.board.masks(CALL)?;
    let ears = |leg: &&LegId| masks.get(leg).is_some_and(|mask| mask.ears != conference::Ears::Nothing);
    lines.iter().find(ears).or_else(|| lines.iter().find(|leg| line(walk, **leg).is_some())).copied()
}

/// The code for it, with the answer of the dial plan where one is asked.
fn code(walk: &Walk, keys: &str) -> Vec<Input> {
    let Some(leg) = at_ear(walk) else { return Vec::new() };
    let key = |digit| Input::Report(Report::Digit { leg, key: Key { digit, duration_ms: 80 } });
    let mut inputs: Vec<Input> = keys.chars().map(key).collect();
    if keys.len() > 2 {
        let target = Destination::Agent(AgentName("bob".to_owned()));
        inputs.push(Input::Report(Report::Looked { leg, target, shown: "102".to_owned() }));
    }
    inputs
}

/// A phone goes on from another address; once a line.
fn moves(walk: &Walk, old: LegId, name: &str, new: u64) -> Option<Input> {
    walk.board.call_of(old)?;
    let leg = LegId::arrived(new);
    let used = walk.moved.values().any(|moved| *moved == leg);
    let caller = Caller::Agent { name: AgentName(name.to_owned()), phone: phone(name) };
    (!used).then_some(Input::Report(Report::Replaced { leg, old, caller, direction: Direction::Both }))
}

/// The inputs that make it happen now, one after the other; none if it cannot.
pub fn inputs(walk: &mut Walk, event: Happens, surface: Surface) -> Vec<Input> {
    let codes = [(Start, "*2102#"), (Cancel, "*1"), (Complete, "*2"), (Merge, "*3"), (Swap, "*4")];
    let pressed = codes.iter().find(|(asks, _)| *asks == event && surface == Surface::Keypad);
    if let Some((_, keys)) = pressed {
        return code(walk, keys);
    }
    input(walk, event).into_iter().collect()
}

/// The input that makes it happen now; nothing if it cannot.
fn input(walk: &mut Walk, event: Happens) -> Option<Input> {
    let by = || Asker::Agent(alice());
    let bob = target(walk);
    let view = walk.board.call(CALL);
    let who = |leg: LegId| walk.board.person_of(leg).map(|(_, who)| who);
    let report = |report| Some(Input::Report(report));
    let command = |command| Some(Input::Command(command));
    let (line_1, line_2) = (present(walk, LINE_1), present(walk, LINE_2));
    let offered = |leg: LegId, direction| line(walk, leg)?.then_some(Input::Report(Report::Offered { leg, direction }));
    let ended =
        |leg: LegId, how, live: bool| (line(walk, leg)? == live).then_some(Input::Report(Report::Ended { leg, how }));
    if event != Time && view.is_none() {
        return None;
    }
    match event {
        Start => {
            let target = Destination::Agent(AgentName("bob".to_owned()));
            command(Command::Start { call: CALL, by: Asker::Leg(at_ear(walk)?), target, shown: String::new() })
        }
        SecondCall => {
            let fresh = walk.board.call_of(LINE_2).is_none() && !walk.over.contains(&LINE_2);
            let used = walk
                .inputs
                .iter()
                .any(|(_, input)| matches!(input, Input::Report(Report::Arrived { leg, .. }) if *leg == LINE_2));
            line(walk, line_1).filter(|live| *live && fresh && !used)?;
            let caller = Caller::Agent { name: alice(), phone: phone("alice") };
            let to = Destination::Agent(AgentName("bob".to_owned()));
            report(Report::Arrived { leg: LINE_2, caller, to, shown: String::new(), direction: Direction::Both })
        }
        Cancel => command(Command::Cancel { call: CALL, by: by() }),
        Swap => command(Command::Swap { call: CALL, by: by() }),
        Merge => command(Command::Merge { call: CALL, by: by() }),
        Complete => command(Command::Complete { call: CALL, by: by() }),
        Refer => {
            line(walk, line_1).or(line(walk, line_2))?;
            let (by, named) = if line(walk, line_1).is_some() { (line_1, line_2) } else { (line_2, line_1) };
            command(Command::Join { by, named })
        }
        HoldTarget => command(Command::Hold { call: CALL, by: by(), who: who(bob?.0)? }),
        UnholdTarget => command(Command::Unhold { call: CALL, by: by(), who: who(bob?.0)? }),
        UnholdCustomer => command(Command::Unhold { call: CALL, by: by(), who: who(CUSTOMER)? }),
        TargetUnholdsSelf => {
            let who = who(bob?.0)?;
            command(Command::Unhold { call: CALL, by: Asker::Leg(bob?.0), who })
        }
        TargetRings => bob.filter(|(_, live)| !live).and_then(|(leg, _)| report(Report::Ringing { leg })),
        TargetAnswers => bob.filter(|(_, live)| !live).and_then(|(leg, _)| {
            report(Report::Answered { leg, direction: Direction::Both, phone: Some(phone("bob")) })
        }),
        TargetRejects => bob.filter(|(_, live)| !live).and_then(|(leg, _)| report(Report::Failed { leg, status: 486 })),
        TargetHangsUp => {
            bob.filter(|(_, live)| *live).and_then(|(leg, _)| report(Report::Ended { leg, how: Ending::Bye }))
        }
        CustomerHangsUp => ended(CUSTOMER, Ending::Bye, true),
        CustomerHolds => offered(CUSTOMER, Direction::Away),
        CustomerBack => offered(CUSTOMER, Direction::Both),
        TargetHolds => offered(bob?.0, Direction::Away),
        TargetBack => offered(bob?.0, Direction::Both),
        HoldCustomer => command(Command::Hold { call: CALL, by: by(), who: who(CUSTOMER)? }),
        Line1Away => offered(line_1, Direction::Away),
        Line1Back => offered(line_1, Direction::Both),
        Line1Bye => ended(line_1, Ending::Bye, true),
        Line1Dead => line(walk, line_1)?.then_some(Input::Report(Report::Silent { leg: line_1 })),
        Line2Away => offered(line_2, Direction::Away),
        Line2Back => offered(line_2, Direction::Both),
        Line2Bye => ended(line_2, Ending::Bye, true),
        Line2Cancel => ended(line_2, Ending::Cancelled, false),
        Line2Answers => line(walk, line_2)?.then_some(Input::Report(Report::Probed { leg: line_2, alive: true })),
        Line1Moves => moves(walk, LINE_1, "alice", 101),
        Line2Moves => moves(walk, LINE_2, "alice", 102),
        TargetMoves => moves(walk, bob?.0, "bob", 103),
        Star => {
            let key = Key { digit: '*', duration_ms: 80 };
            report(Report::Digit { leg: at_ear(walk)?, key })
        }
        Time => {
            walk.now = walk.board.deadline()?;
            Some(Input::Expire)
        }
    }
}
