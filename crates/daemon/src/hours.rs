//! Opening hours of queues: when a queue is open by the clock on the wall of its own place, also over the days on which clocks
//! are changed. What a closed queue does is the core's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio::sync::{mpsc, watch};

use crate::switch::{Input, QueueHours};

#[cfg(test)]
mod tests;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Days after which hours of a week have begun or ended at least once, with one to spare for either side.
const WEEK: i32 = 8;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Some days of the week, from a time to a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// By the number of the day, Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight; not after `from`: of the next day.
    to: u16,
}

impl Span {
    /// Reads `mon-fri 09:00-17:00` or `sat,sun 22:00-02:00`.
    ///
    /// # Errors
    /// What it should look like.
    pub(crate) fn read(written: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be like \"mon-fri 09:00-17:00\" or \"sat,sun 10:00-14:00\", not \"{}\"",
                written.escape_debug()
            )
        };
        let (days, times) = written.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (from, to) = times.trim().split_once('-').ok_or_else(wrong)?;
        let days = days_of(&days.to_ascii_lowercase()).ok_or_else(wrong)?;
        let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
        if from == DAY {
            return Err(wrong());
        }
        Ok(Self { days, from, to })
    }

    /// Its first and last instant on this day, if it is open then.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !self.days.get(day).copied().unwrap_or_default() {
            return None;
        }
        let last = if self.to <= self.from { date.checked_add(1.day()).ok()? } else { date };
        Some((instant(date, self.from, zone)?, instant(last, self.to, zone)?))
    }
}

/// `mon-fri`, `sat`, `mon,wed-thu`.
fn days_of(written: &str) -> Option<[bool; 7]> {
    let number = |word: &str| DAYS.iter().position(|(name, _)| *name == word);
    let mut days = [false; 7];
    for part in written.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        // "sat-mon" goes over the end of the week
        let many = (last + 7 - first) % 7;
        (0..=many).for_each(|n| days[(first + n) % 7] = true);
    }
    Some(days)
}

/// `09:00` to `24:00`.
fn minute(written: &str) -> Option<u16> {
    let (hour, minute) = written.trim().split_once(':')?;
    let digits =
        |text: &str| (text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?;
    let (hour, minute): (u16, u16) = (digits(hour)?, digits(minute)?);
    (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
}

/// A time that a change of clocks leaves out is as much later; of one that comes twice, the first counts.
fn instant(date: Date, minute: u16, zone: &TimeZone) -> Option<Timestamp> {
    let date = if minute == DAY { date.checked_add(1.day()).ok()? } else { date };
    let minute = minute % DAY;
    let time = date.at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
    zone.to_ambiguous_timestamp(time).compatible().ok()
}

/// The time zone of a name; of none: this machine's.
///
/// # Errors
/// There is no such zone.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() {
        return Ok(TimeZone::system());
    }
    TimeZone::get(name).map_err(|_| format!("names no time zone: \"{}\"", name.escape_debug()))
}

/// When a queue is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    spans: Vec<Span>,
    zone: TimeZone,
}

impl Hours {
    /// Open in all of these spans.
    pub(crate) fn new(spans: Vec<Span>, zone: TimeZone) -> Self {
        Self { spans, zone }
    }

    /// Whether it is open.
    pub(crate) fn open(&self, now: Timestamp) -> bool {
        self.near(now).any(|(from, to)| from <= now && now < to)
    }

    /// When that is to be asked again: the next beginning or end of a span.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.near(now).flat_map(|(from, to)| [from, to]).filter(|at| *at > now).min()
    }

    /// Every span about now.
    fn near(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = now.to_zoned(self.zone.clone()).date();
        (-1..=WEEK)
            .filter_map(move |days| today.checked_add(days.days()).ok())
            .flat_map(move |date| self.spans.iter().filter_map(move |span| span.on(date, &self.zone)))
    }
}

/// The clock on the wall is looked at at least so often: somebody may have set it.
const LOOK: Duration = Duration::from_secs(30);

/// Tells the switch whenever a queue opens or closes, and of every queue when its hours are read again.
pub(crate) async fn watch(mut hours: watch::Receiver<QueueHours>, inputs: mpsc::Sender<Input>) {
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    loop {
        let now = Timestamp::now();
        let queues = hours.borrow_and_update().clone();
        told.retain(|queue, _| queues.contains_key(queue));
        for (queue, hours) in &queues {
            let open = hours.as_ref().is_none_or(|hours| hours.open(now));
            // a queue of which nothing was said is open
            if told.insert(queue.clone(), open).unwrap_or(true) != open {
                let input = Input::Hours { queue: queue.clone(), open };
                if inputs.send(input).await.is_err() {
                    return;
                }
            }
        }
        let next = queues.values().flatten().filter_map(|hours| hours.next(now)).min();
        let until = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok()).unwrap_or(LOOK);
        tokio::select! {
            () = tokio::time::sleep(until.min(LOOK)) => {}
            changed = hours.changed() => if changed.is_err() { return },
        }
    }
}
