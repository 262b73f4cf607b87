//! SIP messages as a ladder, drawn while they come: one lane per peer, an arrow per message, the time between them.
//!
//! ```text
//! TIME             DELTA  baton      127.0.0.1:5061 udp          127.0.0.1:5062 udp
//! 10:00:00.004     +3 ms  |------------------ INVITE 102 (SDP) ------------------>|
//! 10:00:01.504    +1.5 s  |-- 100 Trying (INVITE) --->|                           |
//! ```
//!
//! It reads first lines and a few headers, and only to show them: nothing here judges SIP.

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::client::wire::Traced;
use super::table::cut;
use super::terminal::{Ink, Paint};
use super::times::of_day;
use crate::events::masked;

/// Time and the time since the message before.
const MARGIN: usize = 24;
/// The narrowest lane in which an arrow can be read.
const LANE: usize = 28;
/// The width that is drawn for where there is no terminal.
const WIDE: usize = 160;
/// After so many arrows it is said again whose lanes these are.
const REMIND: usize = 40;

/// What is known while a ladder is drawn.
#[derive(Debug)]
pub(super) struct Ladder {
    /// Who has a lane, and when it was last used.
    lanes: Vec<(String, u64)>,
    room: usize,
    paint: Paint,
    drawn: u64,
    last: Option<Timestamp>,
}

impl Ladder {
    /// A ladder on a terminal of this width.
    pub(super) fn new(width: Option<usize>, paint: Paint) -> Self {
        let width = width.unwrap_or(WIDE);
        Self { lanes: Vec::new(), room: (width.saturating_sub(MARGIN + 1) / LANE).max(1), paint, drawn: 0, last: None }
    }

    /// The lines of one message: names where they changed, then the arrow.
    pub(super) fn lines(&mut self, traced: &Traced) -> Vec<String> {
        let peer = masked(&format!("{} {}", traced.peer, traced.protocol));
        let known = self.lanes.len();
        let (lane, changed) = self.lane(peer);
        let mut lines = Vec::new();
        if changed || self.drawn.is_multiple_of(REMIND as u64) {
            if known > 0 {
                lines.push(format!("{:MARGIN$}{}", "", self.rails()));
            }
            lines.push(self.names());
        }
        self.drawn += 1;
        lines.push(format!("{}{}", self.margin(&traced.at), self.arrow(lane, traced)));
        lines
    }

    /// The lane of a peer; where all are taken, the one that was not used for longest.
    fn lane(&mut self, peer: String) -> (usize, bool) {
        let used = self.drawn + 1;
        if let Some(at) = self.lanes.iter().position(|(name, _)| *name == peer) {
            self.lanes[at].1 = used;
            return (at, false);
        }
        if self.lanes.len() < self.room {
            self.lanes.push((peer, used));
            return (self.lanes.len() - 1, true);
        }
        let oldest = self.lanes.iter().enumerate().min_by_key(|(_, (_, used))| *used).map_or(0, |(at, _)| at);
        self.lanes[oldest] = (peer, used);
        (oldest, true)
    }

    fn margin(&mut self, at: &str) -> String {
        let now: Option<Timestamp> = at.parse().ok();
        let delta = match (self.last, now) {
            (Some(last), Some(now)) => delta(now.as_microsecond() - last.as_microsecond()),
            (None, _) | (_, None) => String::new(),
        };
        self.last = now.or(self.last);
        format!("{} {}  ", self.paint.put(Ink::Faint, &of_day(at)), self.paint.put(Ink::Faint, &format!("{delta:>9}")))
    }

    /// Who stands over which lane.
    fn names(&self) -> String {
        let mut line = format!("{:<12} {:>9}  ", "TIME", "DELTA");
        line += "baton";
        let mut at = 5;
        for (number, (name, _)) in self.lanes.iter().enumerate() {
            let name = cut(name, LANE - 2);
            // a name ends over its lane
            let from = ((number + 1) * LANE + 1).saturating_sub(name.width()).max(at + 1);
            line += &" ".repeat(from - at);
            line += &name;
            at = from + name.width();
        }
        self.paint.put(Ink::Strong, &line)
    }

    fn rails(&self) -> String {
        let mut line = String::from("|");
        for _ in &self.lanes {
            line += &format!("{:width$}|", "", width = LANE - 1);
        }
        self.paint.put(Ink::Faint, &line)
    }

    /// From the house to a lane, or back; other lanes go on behind it.
    fn arrow(&self, lane: usize, traced: &Traced) -> String {
        let (label, ink) = label(&traced.text);
        let length = (lane + 1) * LANE - 1;
        let label = cut(&label, length.saturating_sub(6));
        let rest = length.saturating_sub(label.width() + 3);
        let (left, right) = (rest / 2, rest - rest / 2);
        let arrow = if traced.sent {
            format!("{} {label} {}>", "-".repeat(left), "-".repeat(right))
        } else {
            format!("<{} {label} {}", "-".repeat(left), "-".repeat(right))
        };
        let mut line = format!("|{}|", self.paint.put(ink, &arrow));
        for _ in lane + 1..self.lanes.len() {
            line += &format!("{:width$}|", "", width = LANE - 1);
        }
        match &traced.call {
            Some(call) => format!("{line} {}", self.paint.put(Ink::Faint, &masked(call))),
            None => line,
        }
    }
}

fn delta(us: i64) -> String {
    match us {
        ..1_000 => format!("+{us} µs"),
        1_000..1_000_000 => format!("+{} ms", us / 1_000),
        _ => format!("+{}.{:01} s", us / 1_000_000, us / 100_000 % 10),
    }
}

/// What stands on the arrow: `INVITE 102 (SDP)`, `200 OK (INVITE)`.
fn label(text: &str) -> (String, Ink) {
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let header = |names: [&str; 2]| {
        let of =
            |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let headers = text.split("\r\n").skip(1).take_while(|line| !line.is_empty()).filter_map(of);
        headers
            .into_iter()
            .find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
            .map(|(_, value)| value)
    };
    let sdp =
        header(["Content-Type", "c"]).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/sdp"));
    let sdp = if sdp { " (SDP)" } else { "" };
    let mut words = first.split(' ');
    let (one, two) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if one.starts_with("SIP/") {
        let reason = words.collect::<Vec<_>>().join(" ");
        let method = header(["CSeq", "CSeq"]).and_then(|cseq| cseq.split_whitespace().nth(1).map(str::to_owned));
        let ink = match two.as_bytes().first() {
            Some(b'1') => Ink::Cool,
            Some(b'2') => Ink::Good,
            Some(b'3') => Ink::Warm,
            _ => Ink::Bad,
        };
        return (masked(&format!("{two} {reason} ({}){sdp}", method.unwrap_or_default())), ink);
    }
    let whom = two.split_once(':').map_or(two, |(_, rest)| rest);
    let whom = whom.split(['@', ';', '?', '>']).next().unwrap_or_default();
    (masked(&format!("{one} {whom}{sdp}")), Ink::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(at: &str, sent: bool, peer: &str, text: &str) -> Traced {
        Traced {
            at: format!("2026-11-22T10:00:{at}Z"),
            sent,
            protocol: "udp".to_owned(),
            peer: peer.to_owned(),
            call: None,
            text: text.to_owned(),
        }
    }

    const INVITE: &str = "INVITE sip:102@baton.local SIP/2.0\r\nc: application/sdp\r\n\r\nv=0";
    const TRYING: &str = "SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n";

    #[test]
    fn arrows_go_between_the_house_and_each_peer() {
        let mut ladder = Ladder::new(Some(100), Paint(false));
        let mut drawn = ladder.lines(&traced("00.000", false, "127.0.0.1:5061", INVITE));
        drawn.extend(ladder.lines(&traced("00.0004", true, "127.0.0.1:5061", TRYING)));
        drawn.extend(ladder.lines(&traced("00.004", true, "127.0.0.1:5062", INVITE)));
        drawn.extend(ladder.lines(&traced("01.504", true, "127.0.0.1:5061", TRYING)));
        assert_eq!(
            drawn,
            [
                "TIME             DELTA  baton      127.0.0.1:5061 udp",
                "10:00:00.000            |<---- INVITE 102 (SDP) ----|",
                "10:00:00.000   +400 µs  |-- 100 Trying (INVITE) --->|",
                "                        |                           |                           |",
                "TIME             DELTA  baton      127.0.0.1:5061 udp          127.0.0.1:5062 udp",
                "10:00:00.004     +3 ms  |------------------ INVITE 102 (SDP) ------------------>|",
                "10:00:01.504    +1.5 s  |-- 100 Trying (INVITE) --->|                           |",
            ]
        );
    }

    #[test]
    fn when_lanes_run_out_the_one_not_used_for_longest_is_given_away() {
        let mut ladder = Ladder::new(Some(90), Paint(false));
        for peer in ["a", "b", "a", "c"] {
            ladder.lines(&traced("00", true, peer, TRYING));
        }
        assert_eq!(ladder.lanes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a udp", "c udp"]);
    }

    #[test]
    fn nobody_draws_into_the_terminal_by_a_request() {
        let (label, _) = label("INVITE sip:\u{1b}[2J@x SIP/2.0\r\n\r\n");
        assert_eq!(label, "INVITE \u{fffd}[2J");
        assert_eq!(self::label("").0, " ");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut ladder = Ladder::new(Some(80), Paint(false));
        for n in 0..50 {
            let text = format!("SIP/2.0 200 {}\r\nCSeq: 1 INVITE\r\n\r\n", "x".repeat(100));
            for line in ladder.lines(&traced("00", n % 2 == 0, &format!("[2001:db8::{n}]:5060"), &text)) {
                assert!(line.width() <= 81, "{}: {line}", line.width());
            }
        }
    }
}
