//! Times as people read them: how long ago, how long, at which sample. All clocks are UTC.

use jiff::Timestamp;

/// A span of seconds: `7 s`, `3:07`, `2:03:07`, `4 d 2 h`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Since an RFC 3339 time until `now`; empty where it is none.
pub(super) fn since(at: &str, now: Timestamp) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return String::new() };
    // clocks of two machines may differ
    span(u64::try_from(now.as_second() - at.as_second()).unwrap_or(0))
}

/// Between two RFC 3339 times; empty where one is none.
pub(super) fn between(from: &str, to: &str) -> String {
    to.parse().map(|to| since(from, to)).unwrap_or_default()
}

/// Date and time of an RFC 3339 time, to the second: `2026-11-22 10:00:00`.
pub(super) fn date(at: &str) -> String {
    at.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The time of day of an RFC 3339 time, to the millisecond: `10:00:00.123`.
pub(super) fn of_day(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return "?".repeat(12) };
    let ms = at.as_millisecond().rem_euclid(86_400_000);
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

/// A sample of a media clock as time since its start: `1:03.125`.
pub(super) fn of_sample(sample: u64, rate: u32) -> String {
    let ms = u128::from(sample) * 1_000 / u128::from(rate.max(1));
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1_000 % 60, ms % 1_000)
}

/// What somebody means by a time: RFC 3339, a date, or how long ago (`90m`, `2h`, `7d`). As RFC 3339.
///
/// # Errors
/// It is none of these.
pub(super) fn moment(said: &str, now: Timestamp) -> Result<String, String> {
    let odd = || "a time looks like 2026-11-22T10:00:00Z, 2026-11-22, 90m, 2h or 7d".to_owned();
    let ago = |n: &str, unit: i64| {
        let back: i64 = n.parse().ok().and_then(|n: u32| i64::from(n).checked_mul(unit))?;
        Timestamp::from_second(now.as_second().checked_sub(back)?).ok()
    };
    let found = match (said.strip_suffix('m'), said.strip_suffix('h'), said.strip_suffix('d')) {
        (Some(n), _, _) => ago(n, 60),
        (_, Some(n), _) => ago(n, 3_600),
        (_, _, Some(n)) => ago(n, 86_400),
        (None, None, None) => said.parse().or_else(|_| format!("{said}T00:00:00Z").parse()).ok(),
    };
    found.map(|at: Timestamp| at.to_string()).ok_or_else(odd)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_grow_with_their_length() {
        let cases = [(0, "0 s"), (59, "59 s"), (187, "3:07"), (7_387, "2:03:07"), (352_800, "4 d 2 h")];
        for (seconds, text) in cases {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_makes_no_span_of_ages() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(since("2026-11-22T10:00:05Z", now), "0 s");
        assert_eq!(since("2026-11-22T09:59:00.9Z", now), "1:00");
        assert_eq!(since("gestern", now), "");
    }

    #[test]
    fn a_time_may_be_said_in_several_ways() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(moment("2h", now).unwrap(), "2026-11-22T08:00:00Z");
        assert_eq!(moment("2026-11-01", now).unwrap(), "2026-11-01T00:00:00Z");
        assert_eq!(moment("2026-11-01T10:00:00+01:00", now).unwrap(), "2026-11-01T09:00:00Z");
        for said in ["", "d", "-1h", "99999999999d", "noon"] {
            assert!(moment(said, now).is_err(), "{said}");
        }
    }

    #[test]
    fn samples_and_days_are_told_to_the_millisecond() {
        assert_eq!(of_sample(505_000, 8_000), "1:03.125");
        assert_eq!(of_day("2026-11-22T10:00:00.123456Z"), "10:00:00.123");
        assert_eq!(date("2026-11-22T10:00:00.123456Z"), "2026-11-22 10:00:00");
        assert_eq!(between("2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z"), "1:00");
    }
}
