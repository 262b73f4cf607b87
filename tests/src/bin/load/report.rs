//! What a run prints, and whether it was good.

use std::io::Write;
use std::time::Duration;

use crate::house::Files;
use crate::media::JUDGE_EVERY;
use crate::traffic::Outcome;

/// Figures in the order in which they are printed, and what speaks against the run.
pub(crate) struct Report {
    lines: Vec<String>,
    wrong: Vec<String>,
}

/// What was open before the first transfer and after the last one, and what the daemon said it had in its hands then.
pub(crate) struct Aftermath {
    pub(crate) before: Files,
    pub(crate) after: Files,
    pub(crate) left: String,
}

/// What must be nothing at the end.
const NOTHING: &[&str] = &["calls", "legs", "dialogs", "transactions", "timers", "media_legs", "registrations"];

impl Report {
    pub(crate) fn of_calls(
        mut outcome: Outcome,
        offered: Duration,
        cpu: f64,
        late: Duration,
        ticks: Vec<String>,
    ) -> Report {
        outcome.setup.sort_unstable();
        let rate = outcome.started as f64 / offered.as_secs_f64().max(0.001);
        let mut lines = vec![
            format!(
                "calls     {} started at {rate:.0} a second, {} connected, {} ended well, {} failed",
                outcome.started,
                outcome.connected,
                outcome.ended_well,
                outcome.failures()
            ),
            format!(
                "set-up    INVITE to 200, through a registered phone: p50 {}, p99 {}, worst {}",
                part(&outcome.setup, 0.5),
                part(&outcome.setup, 0.99),
                part(&outcome.setup, 1.0)
            ),
            format!("resent    {} requests and answers", outcome.resent),
            format!(
                "processor {:.2} ms a call for the daemon, two legs and their media",
                cpu * 1000.0 / outcome.started.max(1) as f64
            ),
        ];
        lines.extend(media(&outcome, late, ticks));
        let mut wrong = failures(&outcome);
        if outcome.phone_legs != outcome.connected {
            wrong.push(format!("{} phones answered for {} connected calls", outcome.phone_legs, outcome.connected));
        }
        Report { lines, wrong }
    }

    pub(crate) fn of_transfers(
        mut outcome: Outcome,
        mut completed: Vec<Duration>,
        offered: Duration,
        cpu: f64,
        late: Duration,
        ticks: Vec<String>,
        aftermath: &Aftermath,
    ) -> Report {
        completed.sort_unstable();
        outcome.audible.sort_unstable();
        let rate = outcome.started as f64 / offered.as_secs_f64().max(0.001);
        let of = |sorted: &[Duration]| {
            format!("p50 {}, p99 {}, worst {}", part(sorted, 0.5), part(sorted, 0.99), part(sorted, 1.0))
        };
        let mut lines = vec![
            format!(
                "transfers {} started at {rate:.0} a second, {} completed, {} ended well, {} failed",
                outcome.started,
                completed.len(),
                outcome.ended_well,
                outcome.failures()
            ),
            format!("told      REFER to NOTIFY 200: {}", of(&completed)),
            format!("audible   REFER to the other's voice, {} ears: {}", outcome.audible.len(), of(&outcome.audible)),
            format!("resent    {} requests and answers", outcome.resent),
            format!(
                "processor {:.2} ms a transfer for the daemon, four legs and their media",
                cpu * 1000.0 / outcome.started.max(1) as f64
            ),
        ];
        lines.extend(media(&outcome, late, ticks));
        let Aftermath { before, after, left } = aftermath;
        lines.push(format!(
            "left      {} open files before, {} after ({} sockets); {left}",
            before.all, after.all, after.sockets
        ));
        let mut wrong: Vec<String> = outcome.failed.iter().map(|(why, count)| format!("{count} x {why}")).collect();
        for (what, count) in [
            ("completed", completed.len()),
            ("ended well", outcome.ended_well as usize),
            ("consulted", outcome.phone_legs as usize),
            ("heard at both ends", outcome.audible.len() / 2),
        ] {
            if count as u64 != outcome.started {
                wrong.push(format!("{count} of {} transfers {what}", outcome.started));
            }
        }
        let missed = outcome.media.judged - outcome.media.right;
        if missed > outcome.disturbed {
            wrong.push(format!("ears were wrong {missed} times"));
        }
        wrong.extend(leaks(aftermath));
        Report { lines, wrong }
    }

    pub(crate) fn of_rooms(
        outcome: Outcome,
        measured: Duration,
        cpu: f64,
        per_leg_tick: f64,
        late: Duration,
        ticks: Vec<String>,
    ) -> Report {
        let seconds = measured.as_secs_f64();
        let mut lines = vec![
            format!(
                "rooms     {} legs in {} rooms of three for {seconds:.0} s, {} failed",
                outcome.started,
                outcome.started / 3,
                outcome.failures()
            ),
            format!("processor {:.0} % of a core, {per_leg_tick:.1} µs per leg and 20 ms", cpu * 100.0 / seconds),
        ];
        lines.extend(media(&outcome, late, ticks));
        let mut wrong = failures(&outcome);
        let lost = outcome.media.lost + outcome.media.reported_lost;
        if lost > 0 {
            wrong.push(format!("{lost} packets were lost"));
        }
        let due = outcome.started as f64 * seconds * 50.0;
        if (outcome.media.received as f64) < 0.99 * due {
            wrong.push(format!("{} packets came where {due:.0} were due", outcome.media.received));
        }
        // The last ear of a leg may be judged while its room is already breaking up.
        if outcome.media.right + outcome.started < outcome.media.judged {
            wrong.push(format!("ears were wrong {} times", outcome.media.judged - outcome.media.right));
        }
        Report { lines, wrong }
    }

    /// Prints everything; true when nothing was wrong.
    pub(crate) fn print(self) -> bool {
        self.lines.iter().for_each(|text| line(text));
        self.wrong.iter().for_each(|text| line(&format!("WRONG     {text}")));
        self.wrong.is_empty()
    }
}

fn media(outcome: &Outcome, late: Duration, ticks: Vec<String>) -> Vec<String> {
    let media = &outcome.media;
    let mut lines = vec![
        format!(
            "media     {} legs, {} packets sent, {} received, {} lost on the way to us, {} on the way to the daemon (its RTCP)",
            outcome.legs, media.sent, media.received, media.lost, media.reported_lost
        ),
        format!(
            "ears      {} times judged, {} right, {} heard themselves; {} legs left out for a while (the generator was late)",
            media.judged, media.right, media.own, outcome.disturbed
        ),
        format!(
            "generator at most {:.1} ms late{}",
            late.as_secs_f64() * 1000.0,
            if late > Duration::from_millis(5) { " (over 5 ms: timings are not to be trusted)" } else { "" }
        ),
    ];
    if ticks.is_empty() {
        lines.push("ticks     the daemon did not say".to_owned());
    }
    lines.extend(ticks.into_iter().map(|said| format!("ticks     {said}")));
    lines
}

fn leaks(aftermath: &Aftermath) -> Vec<String> {
    let Aftermath { before, after, left } = aftermath;
    let mut wrong = Vec::new();
    if after.all > before.all {
        wrong.push(format!("{} open files where there were {}", after.all, before.all));
    }
    for what in NOTHING {
        let said = left.split(' ').find_map(|word| word.strip_prefix(what)?.strip_prefix('='));
        match said.and_then(|count| count.parse::<u64>().ok()) {
            Some(0) => {}
            Some(count) => wrong.push(format!("{count} {what} are left")),
            None => wrong.push(format!("the daemon did not say how many {what} are left")),
        }
    }
    wrong
}

fn failures(outcome: &Outcome) -> Vec<String> {
    let mut wrong: Vec<String> = outcome.failed.iter().map(|(why, count)| format!("{count} x {why}")).collect();
    let due = outcome.media.received / JUDGE_EVERY;
    if outcome.media.judged < due / 2 {
        wrong.push(format!("void: {} of {due} judgements of the ears, the generator was late", outcome.media.judged));
    }
    wrong
}

/// The duration below which this part of the sorted durations lies.
pub(crate) fn part(sorted: &[Duration], part: f64) -> String {
    let index = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).map_or("none".to_owned(), |duration| format!("{:.1} ms", duration.as_secs_f64() * 1000.0))
}

/// One line on stdout; a closed pipe is nobody's fault.
pub(crate) fn line(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}
