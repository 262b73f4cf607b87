//! `baton user add`, `passwd` and `del`, and what becomes of the user's phone.

use baton_tests::house::{DOMAIN, House, tones};
use baton_tests::people::{Person, connect};
use baton_tests::shell::Shell;
use serde_json::json;
use softphone::{PhoneError, PhoneSettings, Voice};

async fn phone(house: &House, password: &str) -> Person {
    let settings = PhoneSettings::agent("erika", password, DOMAIN, house.udp, Voice::Tone(tones::CAROL));
    Person::start("erika", tones::CAROL, settings).await
}

async fn is_turned_away(house: &House, password: &str) {
    let registered = phone(house, password).await.phone.register().await;
    assert!(matches!(registered, Err(PhoneError::Refused(_, 401 | 403))), "{registered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_comes_gets_a_new_password_and_goes() {
    let house = House::open().await;
    let shell = Shell::of(&house);
    is_turned_away(&house, "first").await;
    let add = ["user", "add", "erika", "--extension", "140", "--queue", "support", "--password-stdin"];
    assert_eq!(shell.runs_with(&add, "first\n").await.done(), "");
    let (alice, erika) = (house.alice().await, phone(&house, "first").await);
    erika.phone.register().await.unwrap_or_else(|error| panic!("{error}"));
    let (hers, erikas) = connect(&alice, "140", &erika).await;
    alice.hangs_up(hers);
    erika.is_let_go(erikas).await;
    let users = shell.runs(&["user", "list", "--json"]).await.json_lines();
    let shown = users.iter().find(|user| user["name"] == "erika").expect("erika");
    assert_eq!((&shown["extension"], &shown["queues"]), (&json!("140"), &json!(["support"])), "{shown}");
    assert!(!users.iter().any(|user| user.to_string().contains("first")), "no password: {users:?}");
    let listed = shell.does(&["user", "list"]).await;
    assert!(listed.contains("erika") && listed.contains("the database") && listed.contains("the settings file"));
    // a new password: the old one is no good any more
    assert_eq!(shell.runs_with(&["user", "passwd", "erika", "--password-stdin"], "second\n").await.done(), "");
    is_turned_away(&house, "first").await;
    phone(&house, "second").await.phone.register().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(shell.does(&["user", "del", "erika"]).await, "");
    is_turned_away(&house, "second").await;
    let agents = shell.runs(&["agents", "--json"]).await.json_lines();
    assert!(!agents.iter().any(|agent| agent["name"] == "erika"), "{agents:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_the_settings_file_and_names_that_are_taken_are_refused() {
    let house = House::open().await;
    let shell = Shell::of(&house);
    let add = |name: &'static str| ["user", "add", name, "--password-stdin", "--json"];
    let added = shell.runs_with(&add("erika"), "first\n").await.json();
    assert_eq!(added["name"], "erika", "{added}");
    for (arguments, code) in [
        (&add("erika")[..], "conflict"),
        (&add("alice"), "conflict"),
        (&add("support"), "conflict"),
        (&["user", "passwd", "alice", "--password-stdin"], "conflict"),
        (&["user", "passwd", "nobody", "--password-stdin"], "user_not_found"),
        (&["user", "del", "alice"], "conflict"),
        (&["user", "del", "nobody"], "user_not_found"),
    ] {
        assert_eq!(shell.runs_with(arguments, "other\n").await.refused(), code, "{arguments:?}");
    }
    let none = shell.runs_with(&add("frieda"), "\n").await;
    assert_eq!((none.code, none.err.as_str()), (1, "baton: the password is empty\n"));
    for (arguments, input) in [
        (&["user", "passwd", "erika", "--password-stdin", "--json"][..], "second\n"),
        (&["user", "del", "erika", "--json"], ""),
    ] {
        assert!(shell.runs_with(arguments, input).await.json().is_object(), "{arguments:?}");
    }
    house.close().await;
}
