//! A table that fits its terminal: columns give way, widest first, and texts that are too long end in `…`.
//!
//! Every text is masked: it may come from outside.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::{Ink, Paint};
use crate::events::masked;

/// Between two columns.
const GAP: usize = 2;
/// A column narrower than this says nothing.
const LEAST: usize = 8;

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    /// A text.
    pub(super) fn of(text: impl AsRef<str>) -> Self {
        Self { text: masked(text.as_ref()), ink: Ink::Plain }
    }

    /// The same in another ink.
    pub(super) fn ink(mut self, ink: Ink) -> Self {
        self.ink = ink;
        self
    }
}

/// A table. Titles that begin with `>` stand over numbers, which stand at the right.
#[derive(Clone, Debug)]
pub(super) struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty one.
    pub(super) fn new(titles: &[&'static str]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new() }
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Its lines, none longer than `width`.
    pub(super) fn lines(&self, width: Option<usize>, paint: Paint) -> Vec<String> {
        let widths = fit(self.natural(), width);
        let head = self.titles.iter().map(|title| Cell::of(title.trim_start_matches('>')).ink(Ink::Faint)).collect();
        std::iter::once(&head).chain(&self.rows).map(|cells| self.line(cells, &widths, paint)).collect()
    }

    fn natural(&self) -> Vec<usize> {
        let of_rows = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.text.width()).max().unwrap_or(0)
        };
        let titles = self.titles.iter().map(|title| title.trim_start_matches('>').width());
        titles.enumerate().map(|(column, title)| title.max(of_rows(column))).collect()
    }

    fn line(&self, cells: &[Cell], widths: &[usize], paint: Paint) -> String {
        let mut line = String::new();
        // spaces are written only before something: no line ends in them
        let mut owed = 0;
        for ((cell, width), title) in cells.iter().zip(widths).zip(&self.titles) {
            let text = cut(&cell.text, *width);
            let rest = width - text.width();
            let (before, after) = if title.starts_with('>') { (rest, 0) } else { (0, rest) };
            if text.is_empty() {
                owed += width + GAP;
                continue;
            }
            line += &" ".repeat(owed + before);
            line += &paint.put(cell.ink, &text);
            owed = after + GAP;
        }
        line
    }
}

/// How wide each column may be: the widest give way first. Columns for which there is no room at all are left out, from the
/// right, so the most important stand at the left.
fn fit(natural: Vec<usize>, width: Option<usize>) -> Vec<usize> {
    let Some(room) = width else { return natural };
    let whole = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    for columns in (1..=natural.len()).rev() {
        let mut widths: Vec<usize> = natural.iter().copied().take(columns).collect();
        while whole(&widths) > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > LEAST || columns == 1 => *widest -= 1,
                Some(_) | None => break,
            }
        }
        if whole(&widths) <= room {
            return widths;
        }
    }
    Vec::new()
}

/// A text in at most so many columns of a terminal.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        short.push(c);
    }
    if room > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", ">CALLS", "QUEUES"]);
        table.row(vec![Cell::of("alice").ink(Ink::Good), Cell::of("2"), Cell::of("support, sales, night")]);
        table.row(vec![Cell::of("山田太郎"), Cell::of("10"), Cell::default()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let lines = table().lines(None, Paint(false));
        assert_eq!(lines, ["NAME      CALLS  QUEUES", "alice         2  support, sales, night", "山田太郎     10"]);
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        for width in 1..60 {
            for line in table().lines(Some(width), Paint(false)) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
        assert_eq!(table().lines(Some(26), Paint(false))[1], "alice         2  support,…");
    }

    #[test]
    fn nobody_writes_into_the_terminal_by_a_name() {
        let mut table = Table::new(&["NAME"]);
        table.row(vec![Cell::of("a\u{1b}[2J\r\n\u{202e}b")]);
        assert_eq!(table.lines(None, Paint(false))[1], "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b");
    }

    #[test]
    fn a_colour_takes_no_room() {
        let plain = table().lines(Some(26), Paint(false));
        let inked = table().lines(Some(26), Paint(true));
        let bare = |line: &str| line.replace("\u{1b}[2m", "").replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
        assert_eq!(inked.iter().map(|line| bare(line)).collect::<Vec<_>>(), plain);
        assert_ne!(inked, plain);
    }
}
