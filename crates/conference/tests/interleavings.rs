//! Every order of the external events of a transfer, breadth first: what the initiator presses, what target and
//! customer do, what time does, legal or not. States that differ only in counters and in absolute time are one.
//!
//! Each set of events is walked with what the initiator asks for asked by REFER (and by name, where a phone has no REFER
//! for it), and once more with keypad codes, pressed key by key.
//!
//! `BATON_DEPTH` sets how many events deep (7 unless told, and at least).
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod happens;
mod oracle;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{Effect, LegId, Output, Report};
use happens::{Happens, ONE_LINE, ONE_LINE_KEYS, Surface, TWO_LINES, TWO_LINES_KEYS, Time, beginning, inputs};
use oracle::Finding;
use serde_json::Value;
use walk::{Input, Walk};

fn depth() -> usize {
    std::env::var("BATON_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
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
                    "rings_until"
                        | "announced_until"
                        | "until"
                        | "next"
                        | "away_since"
                        | "held_alone_until"
                        | "bereft_until"
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
fn explore(events: &[Happens], surface: Surface, depth: usize) -> (usize, u128, usize) {
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
                let inputs = inputs(&mut walk, *event, surface);
                if inputs.is_empty() {
                    continue;
                }
                steps += 1;
                for input in inputs {
                    let applied = walk.apply(input);
                    if let Err(finding) = applied.and_then(|outputs| answer_probes(&mut walk, &outputs, *event)) {
                        fail(&walk, &finding);
                    }
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

fn every_order(what: &str, events: &[Happens], surface: Surface) {
    let depth = depth();
    let (states, orders, steps) = explore(events, surface, depth);
    println!("{what}, {} kinds of event, {depth} deep: {states} states, {orders} orders, {steps} steps", events.len());
    assert!(depth >= 7 && states > 100);
}

#[test]
fn every_order_of_a_transfer_on_one_line_by_refer_is_private_and_comes_to_an_end() {
    every_order("one line, by REFER", &ONE_LINE, Surface::Refer);
}

#[test]
fn every_order_of_a_transfer_on_one_line_by_keypad_is_private_and_comes_to_an_end() {
    every_order("one line, by keypad", &ONE_LINE_KEYS, Surface::Keypad);
}

#[test]
fn every_order_of_a_transfer_on_two_lines_by_refer_is_private_and_comes_to_an_end() {
    every_order("two lines, by REFER", &TWO_LINES, Surface::Refer);
}

#[test]
fn every_order_of_a_transfer_on_two_lines_by_keypad_is_private_and_comes_to_an_end() {
    every_order("two lines, by keypad", &TWO_LINES_KEYS, Surface::Keypad);
}
