//! Every order of the external events of a transfer, breadth first: what the initiator presses, what target and
//! customer do, what time does, legal or not. States that differ only in counters and in absolute time are one.
//!
//! `BATON_DEPTH` sets how many events deep (8 unless told; at least 7).
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{
    AgentName, Asker, CallId, Caller, Command, Destination, Direction, Effect, Ending, LegId, Output, Phone, Report,
    Settings,
};
use oracle::Finding;
use serde_json::Value;
use walk::random::Random;
use walk::{Input, Walk};

const CALL: CallId = CallId(1);
const CUSTOMER: LegId = LegId::arrived(1);
/// Alice's first line: she was rung for the customer.
const LINE_1: LegId = LegId::rung(1);
/// Her second, if her phone has one.
const LINE_2: LegId = LegId::arrived(2);

/// What may happen; what cannot happen now (nobody rings, no such line) is left out by `input`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happens {
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
    Line2Away,
    Line2Back,
    Line2Bye,
    Line2Cancel,
    Line2Answers,
    Time,
}

use Happens::{
    Cancel, Complete, CustomerBack, CustomerHangsUp, CustomerHolds, HoldCustomer, HoldTarget, Line1Away, Line1Back,
    Line1Bye, Line1Dead, Line2Answers, Line2Away, Line2Back, Line2Bye, Line2Cancel, Merge, Refer, SecondCall, Start,
    Swap, TargetAnswers, TargetBack, TargetHangsUp, TargetHolds, TargetRejects, TargetRings, TargetUnholdsSelf, Time,
    UnholdCustomer, UnholdTarget,
};

const ONE_LINE: [Happens; 24] = [
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
    CustomerHangsUp,
    CustomerHolds,
    CustomerBack,
    Line1Away,
    Line1Back,
    Line1Bye,
    Line1Dead,
    Time,
];

const TWO_LINES: [Happens; 25] = [
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
    Line2Away,
    Line2Back,
    Line2Bye,
    Line2Cancel,
    Line2Answers,
    Time,
];

fn depth() -> usize {
    std::env::var("BATON_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

fn alice() -> AgentName {
    AgentName("alice".to_owned())
}

fn phone(name: &str) -> Phone {
    Phone(format!("{name}-desk"))
}

/// A customer talks to Alice.
fn beginning() -> Walk {
    let mut settings: Settings = walk::settings(&mut Random::new(7));
    settings.transfer.fallback = Some(Destination::Agent(AgentName("dave".to_owned())));
    let mut walk = Walk::empty(Random::new(0));
    walk.apply(Input::Command(Command::Configure(settings))).unwrap();
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

/// Which leg of Alice's is in the call, and whether it is live.
fn line(walk: &Walk, leg: LegId) -> Option<bool> {
    let call = walk.board.call(walk.board.call_of(leg)?)?;
    call.participants.iter().flat_map(|person| &person.legs).find(|other| other.leg == leg).map(|leg| leg.live)
}

/// The input that makes it happen now; nothing if it cannot.
fn input(walk: &mut Walk, event: Happens) -> Option<Input> {
    let by = || Asker::Agent(alice());
    let bob = target(walk);
    let view = walk.board.call(CALL);
    let who = |leg: LegId| walk.board.person_of(leg).map(|(_, who)| who);
    let report = |report| Some(Input::Report(report));
    let command = |command| Some(Input::Command(command));
    let offered = |leg: LegId, direction| line(walk, leg)?.then_some(Input::Report(Report::Offered { leg, direction }));
    let ended =
        |leg: LegId, how, live: bool| (line(walk, leg)? == live).then_some(Input::Report(Report::Ended { leg, how }));
    if event != Time && view.is_none() {
        return None;
    }
    match event {
        Start => {
            let target = Destination::Agent(AgentName("bob".to_owned()));
            command(Command::Start { call: CALL, by: by(), target, shown: String::new() })
        }
        SecondCall => {
            let fresh = walk.board.call_of(LINE_2).is_none() && !walk.over.contains(&LINE_2);
            let used = walk
                .inputs
                .iter()
                .any(|(_, input)| matches!(input, Input::Report(Report::Arrived { leg, .. }) if *leg == LINE_2));
            line(walk, LINE_1).filter(|live| *live && fresh && !used)?;
            let caller = Caller::Agent { name: alice(), phone: phone("alice") };
            let to = Destination::Agent(AgentName("bob".to_owned()));
            report(Report::Arrived { leg: LINE_2, caller, to, shown: String::new(), direction: Direction::Both })
        }
        Cancel => command(Command::Cancel { call: CALL, by: by() }),
        Swap => command(Command::Swap { call: CALL, by: by() }),
        Merge => command(Command::Merge { call: CALL, by: by() }),
        Complete => command(Command::Complete { call: CALL, by: by() }),
        Refer => {
            line(walk, LINE_1).or(line(walk, LINE_2))?;
            let (by, named) = if line(walk, LINE_1).is_some() { (LINE_1, LINE_2) } else { (LINE_2, LINE_1) };
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
        Line1Away => offered(LINE_1, Direction::Away),
        Line1Back => offered(LINE_1, Direction::Both),
        Line1Bye => ended(LINE_1, Ending::Bye, true),
        Line1Dead => line(walk, LINE_1)?.then_some(Input::Report(Report::Silent { leg: LINE_1 })),
        Line2Away => offered(LINE_2, Direction::Away),
        Line2Back => offered(LINE_2, Direction::Both),
        Line2Bye => ended(LINE_2, Ending::Bye, true),
        Line2Cancel => ended(LINE_2, Ending::Cancelled, false),
        Line2Answers => line(walk, LINE_2)?.then_some(Input::Report(Report::Probed { leg: LINE_2, alive: true })),
        Time => {
            walk.now = walk.board.deadline()?;
            Some(Input::Expire)
        }
    }
}

/// The state without what only counts and without absolute time, as a hash.
fn state(walk: &Walk) -> u128 {
    let mut value = serde_json::to_value(&walk.board).unwrap();
    let now = walk.now.0;
    simplify(&mut value, now);
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in value.to_string().bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash
}

fn simplify(value: &mut Value, now: u64) {
    match value {
        Value::Object(fields) => {
            for gone in ["version", "starts", "last_call", "settings", "alarm", "alarms", "joined"] {
                fields.remove(gone);
            }
            for (name, field) in fields.iter_mut() {
                let moment = matches!(
                    name.as_str(),
                    "rings_until" | "announced_until" | "until" | "next" | "away_since" | "held_alone_until"
                );
                match field.as_u64().filter(|_| moment) {
                    Some(at) => *field = Value::from(at.wrapping_sub(now).cast_signed()),
                    None => simplify(field, now),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| simplify(item, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the walk found, with the way there.
fn fail(walk: &Walk, finding: &Finding) -> ! {
    let way: Vec<String> =
        walk.inputs.iter().skip(3).map(|(now, input)| format!("  {:>8} ms {input:?}", now.0 / 1000)).collect();
    panic!("{}: {}\n{}", finding.0, finding.1, way.join("\n"));
}

/// Walks every order, `depth` events deep: states, orders, steps.
fn explore(events: &[Happens], depth: usize) -> (usize, u128, usize) {
    let start = beginning();
    let mut known = BTreeSet::from([state(&start)]);
    // Each state with one way to it, and how many orders lead to it.
    let mut layer: BTreeMap<u128, (Walk, u128)> = BTreeMap::from([(state(&start), (start, 1))]);
    let (mut orders, mut steps) = (0_u128, 0);
    for level in 1..=depth {
        let mut next: BTreeMap<u128, (Walk, u128)> = BTreeMap::new();
        for (walk, ways) in layer.values() {
            for event in events {
                let mut walk = walk.clone();
                let Some(input) = input(&mut walk, *event) else { continue };
                steps += 1;
                if let Err(finding) = walk.apply(input).and_then(|outputs| answer_probes(&mut walk, &outputs, *event)) {
                    fail(&walk, &finding);
                }
                orders += ways;
                let reached = state(&walk);
                if known.insert(reached) {
                    leave(&walk);
                }
                let entry = next.entry(reached).or_insert_with(|| (walk, 0));
                entry.1 += ways;
            }
        }
        println!("  {level} events deep: {} states known, {} reached, {orders} orders", known.len(), next.len());
        layer = next;
    }
    (known.len(), orders, steps)
}

/// Phones answer the probes that time brings; a probe because of a dead line is answered when time goes on, or not.
fn answer_probes(walk: &mut Walk, outputs: &[Output], event: Happens) -> Result<(), Finding> {
    walk.probes.clear();
    let asked: Vec<LegId> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Effect(Effect::Probe { leg }) => Some(*leg),
            Output::Effect(_) | Output::Event(_) => None,
        })
        .collect();
    for leg in asked.into_iter().filter(|_| event == Time) {
        walk.apply(Input::Report(Report::Probed { leg, alive: true }))?;
    }
    Ok(())
}

/// From every state everybody can leave, and nothing is left then; and a quiet house comes to rest.
fn leave(walk: &Walk) {
    let mut end = walk.clone();
    end.probes.clear();
    if let Err(finding) = end.everybody_leaves() {
        fail(&end, &finding);
    }
    let mut quiet = walk.clone();
    quiet.probes.clear();
    if let Err(finding) = quiet.comes_to_rest(Duration::from_secs(100)) {
        fail(walk, &finding);
    }
}

#[test]
fn every_order_of_a_transfer_on_one_line_is_private_and_comes_to_an_end() {
    let depth = depth();
    let (states, orders, steps) = explore(&ONE_LINE, depth);
    println!(
        "one line, {} kinds of event, {depth} deep: {states} states, {orders} orders, {steps} steps",
        ONE_LINE.len()
    );
    assert!(depth >= 7 && states > 100);
}

#[test]
fn every_order_of_a_transfer_on_two_lines_is_private_and_comes_to_an_end() {
    let depth = depth();
    let (states, orders, steps) = explore(&TWO_LINES, depth);
    println!(
        "two lines, {} kinds of event, {depth} deep: {states} states, {orders} orders, {steps} steps",
        TWO_LINES.len()
    );
    assert!(depth >= 7 && states > 100);
}
