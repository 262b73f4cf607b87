//! Whoever has a name or an extension has it alone.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::from_text;

const FILE: &str = "[[agents]]\nname = \"alice\"\nextension = \"101\"\npassword = \"x1y2z3\"\n\
                    [[queues]]\nname = \"support\"\nextension = \"200\"\n[[rooms]]\nname = \"standup\"\nextension = \"300\"\n";

fn stored(name: &str, extension: &str) -> StoredUser {
    let ha1s = Ha1s::of(name, "baton.local", &Secret("secret".to_owned()));
    StoredUser {
        name: name.to_owned(),
        display_name: String::new(),
        extension: extension.to_owned(),
        queues: vec!["support".to_owned(), "gone".to_owned()],
        supervisor: false,
        max_calls: 2,
        ha1_sha256: ha1s.sha256().to_owned(),
        ha1_md5: ha1s.md5().to_owned(),
    }
}

#[test]
fn users_of_the_database_are_agents_beside_those_of_the_file() {
    let whole = household(&from_text(FILE).unwrap(), &[stored("dave", "104"), stored("erin", "")]).unwrap();
    let names: Vec<&str> = whole.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(names, ["alice", "dave", "erin"]);
    assert_eq!(whole.agents[1].queues, ["support"], "a queue that is gone is nobody's");
    assert_eq!(whole.agents[1].display_name, "dave");
}

#[test]
fn a_name_or_an_extension_in_both_is_named() {
    let file = from_text(FILE).unwrap();
    for (user, by) in [
        (stored("alice", ""), "the agent of the file alice"),
        (stored("dave", "101"), "the agent of the file alice"),
        (stored("support", ""), "the queue support"),
        (stored("dave", "300"), "the room standup"),
    ] {
        let mistakes = household(&file, &[user]).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].contains(by), "{mistakes:?}");
    }
    let mistakes = household(&file, &[stored("dave", "104"), stored("erin", "104")]).unwrap_err();
    assert!(mistakes[0].contains("the user dave"), "{mistakes:?}");
    let broken = StoredUser { ha1_md5: "x".to_owned(), ..stored("dave", "") };
    assert!(household(&file, &[broken]).unwrap_err()[0].contains("no good password"));
}

#[test]
fn every_mistake_in_a_new_user_is_named() {
    let file = from_text(FILE).unwrap();
    let user = User {
        name: "Dave!".to_owned(),
        display_name: "\u{1b}[31m".to_owned(),
        extension: "1x".to_owned(),
        queues: vec!["sales".to_owned()],
        supervisor: false,
        max_calls: 0,
        from_file: false,
    };
    let Err(HouseError::Invalid(lines)) = check(&file, &user, "") else { panic!() };
    assert_eq!(lines.lines().count(), 6, "{lines}");
    let good = User {
        name: "dave".to_owned(),
        display_name: "Dave".to_owned(),
        extension: "1".to_owned(),
        queues: vec![],
        max_calls: 1,
        ..user
    };
    assert_eq!(check(&file, &good, "secret"), Ok(()));
    let house = User { name: "room-1".to_owned(), ..good };
    assert!(check(&file, &house, "secret").is_err());
}
