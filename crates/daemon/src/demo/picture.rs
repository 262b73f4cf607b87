//! Draws on the terminal who hears whom right now, in place when it is a terminal.

#![allow(clippy::print_stdout, reason = "the picture is the demo's output")]

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::watch::{Sample, Watched};

/// The terminal's picture. Without a terminal only the verdicts are printed.
#[derive(Debug)]
pub(super) struct Picture {
    live: bool,
    lines: AtomicUsize,
}

impl Picture {
    pub(super) fn new() -> Self {
        Self { live: std::io::stdout().is_terminal(), lines: AtomicUsize::new(0) }
    }

    /// Draws over the picture before.
    pub(super) fn draw(&self, chapter: &str, people: &[Watched], sample: &Sample) {
        if !self.live || chapter.is_empty() {
            return;
        }
        let mut text = String::new();
        let before = self.lines.load(Ordering::Relaxed);
        if before > 0 {
            text.push_str(&format!("\x1b[{before}A\x1b[J"));
        }
        let body = render(chapter, people, sample);
        self.lines.store(body.lines().count(), Ordering::Relaxed);
        text.push_str(&body);
        print!("{text}");
        // A terminal that went away ends the demo by its own signal.
        let _ = std::io::stdout().flush();
    }

    /// Prints a line that stays above the picture.
    pub(super) fn say(&self, line: &str) {
        let before = self.lines.swap(0, Ordering::Relaxed);
        if before > 0 {
            print!("\x1b[{before}A\x1b[J");
        }
        println!("{line}");
    }
}

/// The picture as text: a row per listener.
pub(super) fn render(chapter: &str, people: &[Watched], sample: &Sample) -> String {
    let mut text = format!("  {:5.1} s  {chapter}\n", sample.at.as_secs_f64());
    for (listener, look) in people.iter().zip(&sample.looks) {
        let voices: Vec<&str> =
            people.iter().zip(&look.voices).filter(|(_, heard)| **heard).map(|(speaker, _)| speaker.name).collect();
        let heard = match (voices.is_empty(), look.music) {
            (false, _) => format!("<── {}", voices.join(" + ")),
            (true, true) => "<── ♪".to_owned(),
            (true, false) => "    ·".to_owned(),
        };
        text.push_str(&format!("  {:>9} {heard}\n", listener.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::watch::Look;

    #[test]
    fn a_row_says_whom_a_listener_hears() {
        let people = [
            Watched { name: "Alice", tones: [2_500.0, 3_250.0], ears: Vec::new() },
            Watched { name: "Customer", tones: [2_900.0, 3_050.0], ears: Vec::new() },
        ];
        let looks =
            vec![Look { voices: vec![false, true], music: false }, Look { voices: vec![false, false], music: true }];
        let text = render("they talk", &people, &Sample { at: Duration::from_secs(2), looks });
        assert!(text.contains("Alice <── Customer"), "{text}");
        assert!(text.contains("Customer <── ♪"), "{text}");
    }
}
