//! Weeks, nights, and the two days of a year on which clocks are changed.

#![allow(clippy::unwrap_used)]

use super::*;

fn hours(spans: &[&str], zone_name: &str) -> Hours {
    Hours::new(spans.iter().map(|span| Span::read(span).unwrap()).collect(), zone(zone_name).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_queue_is_open_from_the_first_minute_to_before_the_last() {
    let office = hours(&["mon-fri 09:00-17:00"], "Europe/Berlin");
    // Monday 23 November 2026, an hour ahead of UTC
    for (now, open) in [
        ("2026-11-23T07:59:59Z", false),
        ("2026-11-23T08:00:00Z", true),
        ("2026-11-23T15:59:59Z", true),
        ("2026-11-23T16:00:00Z", false),
        ("2026-11-22T12:00:00Z", false),
    ] {
        assert_eq!(office.open(at(now)), open, "{now}");
    }
    assert_eq!(office.next(at("2026-11-23T08:00:00Z")), Some(at("2026-11-23T16:00:00Z")));
    assert_eq!(office.next(at("2026-11-27T16:00:00Z")), Some(at("2026-11-30T08:00:00Z")), "after the week-end");
}

#[test]
fn a_night_goes_on_into_the_next_day_and_a_week_over_its_end() {
    let night = hours(&["sat-sun 22:00-02:00"], "UTC");
    for (now, open) in [
        ("2026-11-21T21:59:00Z", false),
        ("2026-11-21T23:00:00Z", true),
        ("2026-11-22T01:59:00Z", true),
        ("2026-11-22T02:00:00Z", false),
        ("2026-11-23T01:00:00Z", true),
        ("2026-11-24T01:00:00Z", false),
    ] {
        assert_eq!(night.open(at(now)), open, "{now}");
    }
    let days = Span::read("sat-mon 00:00-24:00").unwrap().days;
    assert_eq!(days, [true, false, false, false, false, true, true]);
    let always = hours(&["mon-sun 00:00-24:00"], "UTC");
    assert!(always.open(at("2026-11-21T23:59:59.999Z")) && always.open(at("2026-11-22T00:00:00Z")));
}

#[test]
fn clocks_that_are_changed_change_no_opening_time_on_the_wall() {
    let office = hours(&["mon-sun 09:00-17:00"], "Europe/Berlin");
    // summer time begins on 29 March 2026 and ends on 25 October 2026
    for (before, after) in
        [("2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"), ("2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z")]
    {
        assert!(office.open(at(before)) && office.open(at(after)));
        let earlier = |text: &str| at(text).checked_sub(1.second()).unwrap();
        assert!(!office.open(earlier(before)) && !office.open(earlier(after)));
    }
    // 02:30 does not exist on the first of the days and comes twice on the other
    let odd = hours(&["sun 02:30-04:00"], "Europe/Berlin");
    assert_eq!(odd.next(at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
    assert_eq!(odd.next(at("2026-10-25T00:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert!(odd.open(at("2026-10-25T01:30:00Z")), "the second half past two");
}

#[test]
fn in_every_hour_of_two_years_the_next_boundary_is_the_first_at_which_anything_changes() {
    for zone in ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"] {
        let office = hours(&["mon-fri 08:30-12:00", "mon,wed 13:00-18:15", "fri 22:00-03:00"], zone);
        let mut now = at("2026-01-01T00:00:00Z");
        for _ in 0..2 * 365 * 24 {
            let next = office.next(now).unwrap();
            let within = next.duration_since(now);
            let probe = now.checked_add(within / 2).unwrap();
            assert_eq!(office.open(now), office.open(probe), "{zone} {now}");
            now = now.checked_add(1.hour()).unwrap();
        }
    }
}

#[test]
fn what_is_no_time_is_said_to_be_none() {
    for wrong in [
        "",
        "mon",
        "mon 9-17",
        "mon-fri 09:00",
        "moo 09:00-17:00",
        "mon 25:00-26:00",
        "mon 09:60-10:00",
        "mon 24:00-02:00",
        "mon- 09:00-17:00",
    ] {
        assert!(Span::read(wrong).unwrap_err().contains("must be like"), "{wrong}");
    }
    assert!(zone("Europe/Atlantis").is_err());
}
