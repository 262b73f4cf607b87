//! The spool file under damage of every kind: the good prefix is kept, the bad tail is put aside and said.

#![allow(clippy::unwrap_used)]

use std::fs;

use conference::AgentName;
use conference::record::AudibilityHistory;
use conference::{Availability, CallId};
use proptest::prelude::*;

use super::*;
use crate::kept::Known;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let unique = RandomState::new().build_hasher().finish();
        let path = std::env::temp_dir().join(format!("spool-{}-{unique:x}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    fn put_aside(&self) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        for n in 1.. {
            match fs::read(self.0.join(format!("spool.bad-{n}"))) {
                Ok(piece) => pieces.push(piece),
                Err(_) => break,
            }
        }
        pieces
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const RESERVE: u64 = 8 << 10;

fn history(call: u64) -> Write {
    Write::Audibility(Box::new(AudibilityHistory { call: CallId(call), changes: Vec::new(), forgotten: 0 }))
}

fn known(agent: u64) -> Write {
    let agent = AgentName(format!("agent{agent}"));
    Write::Availability(Known { agent, availability: Availability::Paused, at: 1 })
}

fn numbers(spool: &Spool) -> Vec<u64> {
    let mut numbers = Vec::new();
    spool
        .each(|(number, write)| {
            assert_eq!(*write, history(number));
            numbers.push(number);
        })
        .unwrap();
    numbers
}

fn filled(folder: &Folder, upto: u64) -> Vec<u64> {
    let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    let mut ends = vec![HEAD];
    for number in 1..=upto {
        assert!(spool.append(number, &history(number), false));
        ends.push(spool.end);
    }
    ends
}

#[test]
fn what_was_appended_is_read_back_in_order_after_a_restart() {
    let folder = Folder::new();
    filled(&folder, 20);
    let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    assert_eq!(numbers(&spool), (1..=20).collect::<Vec<_>>());
    assert_eq!((spool.records(), spool.last(), spool.put_aside()), (20, 20, 0));
    assert!(!spool.append(20, &history(20), false), "a number comes once");
    assert!(spool.append(21, &history(21), false));
    assert_eq!(spool.records(), 21);
}

#[test]
fn once_everything_is_in_the_database_the_file_is_empty_and_its_room_is_kept() {
    let folder = Folder::new();
    filled(&folder, 200);
    assert!(fs::metadata(folder.spool()).unwrap().len() > RESERVE, "it grew");
    let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    let mut seen = Vec::new();
    while spool.records() > 0 {
        seen.extend(spool.oldest().unwrap().into_iter().map(|(number, _)| number));
        if seen.len() == 200 && spool.last() == 200 {
            assert!(spool.append(201, &history(201), false), "it goes on meanwhile");
        }
        spool.passed().unwrap();
    }
    assert_eq!(seen, (1..=201).collect::<Vec<_>>());
    assert_eq!(spool.bytes(), 0);
    assert_eq!(fs::metadata(folder.spool()).unwrap().len(), RESERVE);
    assert!(spool.append(202, &history(202), false));
    drop(spool);
    let spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    assert_eq!(numbers(&spool), [202], "nothing older is behind it");
}

#[test]
fn registrations_and_availabilities_leave_most_of_the_room_to_history() {
    let folder = Folder::new();
    let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    let fitting = (1..1000).take_while(|number| spool.append(*number, &known(*number), true)).count();
    assert!(fitting > 0 && spool.end <= RESERVE / SHARE_OF_LATEST);
    assert!(spool.append(2000, &history(2000), false));
    assert!(spool.append(2001, &known(1), false), "at the last chance they may fill it");
}

#[test]
fn a_record_that_this_version_cannot_read_is_put_aside_and_the_others_are_not() {
    let folder = Folder::new();
    let end = *filled(&folder, 2).last().unwrap();
    let mut bytes = record::record(3, br#"{"Fax":{"page":1}}"#).unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes.extend(record::record(4, &serde_json::to_vec(&history(4)).unwrap()).unwrap());
    OpenOptions::new().write(true).open(folder.spool()).unwrap().write_all_at(&bytes, end).unwrap();
    let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    assert_eq!(spool.records(), 4);
    let batch: Vec<u64> = spool.oldest().unwrap().into_iter().map(|(number, _)| number).collect();
    assert_eq!(batch, [1, 2, 4]);
    spool.passed().unwrap();
    assert_eq!((spool.records(), spool.put_aside()), (0, 1));
    assert!(folder.put_aside()[0].ends_with(br#"{"Fax":{"page":1}}"#));
}

#[test]
fn no_single_bit_of_a_length_makes_it_the_end() {
    for length in [1, 2, 64, 4096] {
        let record = record::record(1, &vec![b' '; length]).unwrap();
        for bit in 0..32 {
            let mut bad = record.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(record::read(&bad, 0), Found::Damage);
        }
    }
}

#[test]
fn a_file_that_is_no_spool_is_put_aside_whole() {
    let folder = Folder::new();
    fs::write(folder.spool(), "letters of a friend").unwrap();
    let spool = Spool::open(&folder.spool(), RESERVE).unwrap();
    assert_eq!((spool.records(), spool.put_aside()), (0, 1));
    assert_eq!(folder.put_aside(), [b"letters of a friend"]);
    let identity = spool.identity().to_owned();
    drop(spool);
    assert_eq!(Spool::open(&folder.spool(), RESERVE).unwrap().identity(), identity);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn of_a_torn_file_every_whole_record_is_kept(count in 1_u64..60, cut in 0.0_f64..1.0) {
        let folder = Folder::new();
        let ends = filled(&folder, count);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let length = HEAD + (cut * (ends[ends.len() - 1] - HEAD) as f64) as u64;
        OpenOptions::new().write(true).open(folder.spool()).unwrap().set_len(length).unwrap();
        let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() as u64 - 1;
        prop_assert_eq!(numbers(&spool), (1..=whole).collect::<Vec<_>>());
        let torn = length - ends[usize::try_from(whole).unwrap()];
        prop_assert_eq!(spool.put_aside(), u64::from(torn > 0));
        prop_assert!(spool.append(count + 1, &history(count + 1), false));
        prop_assert_eq!(spool.records(), whole + 1);
        drop(spool);
        let spool = Spool::open(&folder.spool(), RESERVE).unwrap();
        prop_assert_eq!((spool.records(), spool.put_aside()), (whole + 1, 0));
    }

    #[test]
    fn a_flipped_bit_costs_what_stands_behind_it_and_nothing_before(count in 2_u64..60, place in 0.0_f64..1.0, bit in 0_u8..8) {
        let folder = Folder::new();
        let ends = filled(&folder, count);
        let last = ends[ends.len() - 1];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = HEAD + (place * (last - HEAD - 1) as f64) as u64;
        let mut bytes = fs::read(folder.spool()).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1 << bit;
        fs::write(folder.spool(), &bytes).unwrap();
        let mut spool = Spool::open(&folder.spool(), RESERVE).unwrap();
        let before = ends.iter().filter(|end| **end <= at).count() as u64 - 1;
        prop_assert_eq!(numbers(&spool), (1..=before).collect::<Vec<_>>());
        prop_assert_eq!(spool.put_aside(), 1);
        let from = usize::try_from(ends[usize::try_from(before).unwrap()]).unwrap();
        let kept = folder.put_aside().remove(0);
        prop_assert_eq!(&bytes[from..from + kept.len()], &kept[..], "nothing of the tail is thrown away");
        prop_assert!(bytes[from + kept.len()..].iter().all(|byte| *byte == 0));
        prop_assert!(spool.append(count + 1, &history(count + 1), false));
        drop(spool);
        let spool = Spool::open(&folder.spool(), RESERVE).unwrap();
        prop_assert_eq!((spool.records(), spool.put_aside()), (before + 1, 0));
    }

    #[test]
    fn no_bytes_are_read_as_a_record_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let record = matches!(record::read(&bytes, 0), Found::Record { .. });
        prop_assert!(!record);
    }
}
