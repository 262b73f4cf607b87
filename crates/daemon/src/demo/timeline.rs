//! Writes what was heard as an SVG: a lane per pair of listener and speaker, and the scenes above them.

use std::fmt::Write;

use super::stage::Seen;
use super::watch::{Chapter, INTERVAL, Sample};

const LEFT: f64 = 190.0;
/// Height of a row of scenes' names.
const ROW: f64 = 14.0;
const LANE: f64 = 22.0;
const SECOND: f64 = 50.0;
/// Width of a letter of a scene's name, roughly.
const LETTER: f64 = 7.5;
const COLOURS: [&str; 6] = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#b7791f"];
const MUSIC: &str = "#cbd5e0";

/// One lane: a listener and what is drawn in it.
struct Lane {
    label: String,
    colour: &'static str,
    heard: Vec<bool>,
}

/// The timeline of a whole run.
pub(super) fn svg(seen: &Seen) -> String {
    let Seen { people, samples, chapters } = seen;
    let lanes = lanes(people, samples);
    let length = samples.last().map_or(1.0, |sample| sample.at.as_secs_f64() + 0.5);
    let (rows, right) = rows(chapters);
    let top = 16.0 + ROW * rows.iter().max().map_or(1.0, |row| *row as f64 + 1.0);
    let (width, height) = ((LEFT + length * SECOND).max(right) + 20.0, top + lanes.len() as f64 * LANE + 40.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>Who heard whom, measured at every ear</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    draw_chapters(&mut text, chapters, &rows, height);
    for (row, lane) in lanes.iter().enumerate() {
        draw_lane(&mut text, top + row as f64 * LANE, lane, samples);
    }
    draw_seconds(&mut text, length, height);
    text.push_str("</svg>\n");
    text
}

/// The row of each scene's name, the first in which it overlaps none; and where the rightmost ends.
fn rows(chapters: &[Chapter]) -> (Vec<usize>, f64) {
    let mut ends: Vec<f64> = Vec::new();
    let place = |(at, name): &Chapter| {
        let left = LEFT + at.as_secs_f64() * SECOND;
        let end = left + name.chars().count() as f64 * LETTER + 8.0;
        let row = ends.iter().position(|before| *before <= left).unwrap_or(ends.len());
        if row == ends.len() {
            ends.push(end);
        } else {
            ends[row] = end;
        }
        row
    };
    let rows = chapters.iter().map(place).collect();
    (rows, ends.into_iter().fold(0.0, f64::max))
}

fn lanes(people: &[&str], samples: &[Sample]) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for (at, listener) in people.iter().enumerate() {
        let look = |sample: &Sample, pick: &dyn Fn(&super::watch::Look) -> bool| sample.looks.get(at).is_some_and(pick);
        for (of, speaker) in people.iter().enumerate().filter(|(of, _)| *of != at) {
            let pick = |seen: &super::watch::Look| seen.voices.get(of).copied().unwrap_or(false);
            lanes.push(Lane {
                label: format!("{listener} hears {speaker}"),
                colour: COLOURS[of % COLOURS.len()],
                heard: samples.iter().map(|sample| look(sample, &pick)).collect(),
            });
        }
        lanes.push(Lane {
            label: format!("{listener} hears ♪"),
            colour: MUSIC,
            heard: samples.iter().map(|sample| look(sample, &|seen| seen.music)).collect(),
        });
    }
    lanes
}

fn draw_lane(text: &mut String, top: f64, lane: &Lane, samples: &[Sample]) {
    let _ = writeln!(text, "<text x=\"10\" y=\"{:.1}\">{}</text>", top + 15.0, lane.label);
    let mut at = 0;
    for run in lane.heard.chunk_by(|one, other| one == other) {
        if run[0] {
            let from = samples[at].at.as_secs_f64() - INTERVAL.as_secs_f64();
            let _ = writeln!(
                text,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" fill=\"{}\"/>",
                LEFT + from.max(0.0) * SECOND,
                top + 3.0,
                run.len() as f64 * INTERVAL.as_secs_f64() * SECOND,
                LANE - 6.0,
                lane.colour
            );
        }
        at += run.len();
    }
}

fn draw_chapters(text: &mut String, chapters: &[Chapter], rows: &[usize], height: f64) {
    for ((at, name), row) in chapters.iter().zip(rows) {
        let x = LEFT + at.as_secs_f64() * SECOND;
        let y = 16.0 + ROW * *row as f64;
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{y}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#a0aec0\" stroke-dasharray=\"3 3\"/>\
             <text x=\"{:.1}\" y=\"{y}\" font-weight=\"bold\">{name}</text>",
            height - 24.0,
            x + 4.0
        );
    }
}

fn draw_seconds(text: &mut String, length: f64, height: f64) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a demo lasts less than an hour")]
    for second in 0..=(length as u32) {
        let x = LEFT + f64::from(second) * SECOND;
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"#718096\">{second} s</text>", height - 8.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::watch::Look;

    #[test]
    fn what_was_heard_is_a_bar_in_its_lane() {
        let sample = |tenths: u64, heard| Sample {
            at: Duration::from_millis(100 * tenths),
            looks: vec![Look { voices: vec![false, heard], music: false }, Look::default()],
        };
        let samples: Vec<Sample> = (1..=10).map(|n| sample(n, n > 5)).collect();
        let chapters = vec![(Duration::ZERO, "talk".to_owned())];
        let picture = svg(&Seen { people: vec!["Alice", "Customer"], samples, chapters });
        assert_eq!(picture.matches("rx=\"3\"").count(), 1, "one bar: {picture}");
        assert!(picture.contains("Alice hears Customer"));
    }

    #[test]
    fn names_of_scenes_that_would_overlap_stand_in_rows() {
        let chapter = |second, name: &str| (Duration::from_secs(second), name.to_owned());
        let (rows, _) = rows(&[chapter(0, "a long name of a scene"), chapter(1, "another"), chapter(9, "late")]);
        assert_eq!(rows, [0, 1, 0]);
    }
}
