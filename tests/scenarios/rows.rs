//! The table of `tests/rows.md`: every row of "What happens when" but 21 has a scenario from each surface or says why not, and every
//! scenario that it names exists.

use std::path::{Path, PathBuf};

/// Rows there are; 21 is what recovery after a crash will be.
const ROWS: std::ops::RangeInclusive<u32> = 1..=32;
const NOT_BUILT: u32 = 21;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `transfers/cancels::while_bob_rings`: the file, and the test in it.
fn is_there(name: &str) -> bool {
    let Some((file, test)) = name.split_once("::") else { return false };
    let place: PathBuf = match file.strip_prefix("crates/") {
        Some(of_a_crate) => here().join("../crates").join(of_a_crate),
        None => here().join("scenarios").join(file),
    };
    let text = std::fs::read_to_string(place.with_extension("rs")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let opens =
        |line: &str| line.starts_with(&format!("async fn {test}()")) || line.starts_with(&format!("fn {test}()"));
    lines.windows(2).any(|pair| (pair[0].starts_with("#[tokio::test") || pair[0] == "#[test]") && opens(pair[1]))
}

#[test]
fn every_row_has_its_scenarios_and_every_scenario_exists() {
    let table = std::fs::read_to_string(here().join("rows.md")).unwrap_or_default();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_digit))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let numbers: Vec<u32> = rows.iter().filter_map(|row| row[0].split(' ').next()?.parse().ok()).collect();
    assert_eq!(numbers, ROWS.filter(|row| *row != NOT_BUILT).collect::<Vec<_>>());
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let mut played = 0;
        for cell in &row[1..] {
            let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            assert!(!names.is_empty() || cell.len() > "– why".len(), "{}: {cell:?} neither plays nor says why", row[0]);
            assert!(names.is_empty() != cell.starts_with("`"), "{}: {cell:?}", row[0]);
            for name in &names {
                assert!(is_there(name), "{}: there is no {name}", row[0]);
            }
            played += names.len();
        }
        assert!(played > 0, "{} is played by nobody", row[0]);
    }
}
