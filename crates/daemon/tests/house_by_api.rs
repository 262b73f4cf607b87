//! The house as a program meets it: whatever the API may ask is answered truly, and what was kept is there after a restart.
#![allow(clippy::unwrap_used)]

mod wire;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use conference::{AgentName, AgentState, Asker, Availability, Command, Destination, Event};
use control_api::{Ask, HistoryQuery, HouseError, User};
use daemon::config::{Config, from_text};
use daemon::{Running, run};
use softphone::{Phone, PhoneSettings, Voice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::{HOUSE, LIMIT, Peer, offer};

const QUEUES: &str = "[[queues]]\nname = \"support\"\nextension = \"200\"\n";

fn config(folder: &std::path::Path) -> Config {
    let place = format!("[server]\ndata_dir = \"{}\"\n", folder.display());
    // the token stands beside the data
    from_text(&format!("{place}{HOUSE}{QUEUES}")).unwrap()
}

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baton-house-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn alice() -> AgentName {
    AgentName("alice".to_owned())
}

fn paused() -> Command {
    Command::SetState { agent: alice(), by: Asker::Operator, availability: Availability::Paused }
}

fn dave() -> User {
    User {
        name: "dave".to_owned(),
        display_name: "Dave".to_owned(),
        extension: "104".to_owned(),
        queues: vec!["support".to_owned()],
        supervisor: false,
        max_calls: 2,
        from_file: false,
    }
}

/// A customer who talks to the echo.
async fn calling(house: &Running) -> Peer {
    let mut peer = Peer::new("127.0.0.2", house.udp().unwrap()).await;
    peer.invite("room7", Some(&offer("127.0.0.2", 40_030, "0", "sendrecv"))).await;
    peer.status("INVITE", 200).await;
    peer.ack("").await;
    peer
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let done = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, done).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_stands_at_one_place_in_the_order_of_events() {
    let house = run(from_text(&format!("{HOUSE}{QUEUES}")).unwrap()).await.unwrap();
    let mut events = house.events();
    let mut peer = calling(&house).await;
    let seen = house.ask(Ask::Everything).await.unwrap();
    assert_eq!((seen.calls.len(), seen.agents.len(), seen.queues.len()), (1, 1, 1));
    assert_eq!((seen.extensions["alice"].as_str(), seen.extensions["support"].as_str()), ("101", "200"));
    let sheet = &seen.calls[0];
    assert_eq!(sheet.addresses.values().next().unwrap(), "sip:+491234@baton.local");
    let (mut last, mut joined) = (None, false);
    while let Ok(told) = events.try_recv() {
        assert!(last.is_none_or(|last| told.seq == last + 1), "numbers rise by one");
        last = Some(told.seq);
        joined |= matches!(told.event, Event::ParticipantJoined { .. }) && told.seq <= seen.seq;
    }
    assert!(joined && last >= Some(seen.seq));
    let one = house.ask(|reply| Ask::Call { call: sheet.view.id, asker: None, reply }).await.unwrap().unwrap();
    assert_eq!(one.view.participants.len(), 1);
    let hers = |asker| move |reply| Ask::Calls { asker, reply };
    assert!(house.ask(hers(Some(alice()))).await.unwrap().calls.is_empty(), "she is in none");
    peer.bye().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_every_kind_are_looked_up() {
    let house = run(from_text(&format!("{HOUSE}{QUEUES}")).unwrap()).await.unwrap();
    let look = async |text: &str| house.ask(|reply| Ask::LookUp(text.to_owned(), reply)).await.unwrap();
    assert_eq!(look("101").await, Destination::Agent(alice()));
    assert_eq!(look("sip:alice@baton.local").await, Destination::Agent(alice()));
    assert_eq!(look("sip:support@127.0.0.1").await, Destination::Queue("support".to_owned()));
    assert_eq!(look("sip:alice@example.org").await, Destination::Unknown);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_states_numbers_and_records_survive_a_restart() {
    let folder = Folder::new("restart");
    let house = run(config(&folder.0)).await.unwrap();
    let token = std::fs::metadata(folder.0.join("admin.token")).unwrap();
    assert_eq!(token.permissions().mode() & 0o777, 0o600);
    let events = house.command_for_events(paused()).await.unwrap();
    drop(events);
    let mut peer = calling(&house).await;
    let seen = house.ask(Ask::Everything).await.unwrap();
    let call = seen.calls[0].view.id;
    let live = house.ask(|reply| Ask::Record(call, reply)).await.unwrap().unwrap().unwrap();
    assert_eq!((live.parties.len(), live.ended_at), (1, None));
    peer.bye().await;
    until(async || house.calls().await.is_empty().then_some(())).await;
    house.stop().await;

    let house = run(config(&folder.0)).await.unwrap();
    let agents = house.ask(|reply| Ask::Agents(vec![alice()], reply)).await.unwrap();
    assert_eq!(agents[0].availability, Availability::Paused);
    assert_eq!(agents[0].state, AgentState::Offline, "no phone of hers is registered");
    let again = house.ask(Ask::Everything).await.unwrap();
    assert!(again.seq >= seen.seq, "numbers go on: {} after {}", again.seq, seen.seq);
    let record = house.ask(|reply| Ask::Record(call, reply)).await.unwrap().unwrap().unwrap();
    assert!(record.ended_at.is_some() && record.parties[0].name == "+491234");
    let sheet = house.ask(|reply| Ask::Audibility(call, reply)).await.unwrap().unwrap().unwrap();
    assert!(sheet.now.is_empty() && !sheet.history.changes.is_empty());
    let query = HistoryQuery { limit: 10, number: Some("+491234".to_owned()), ..HistoryQuery::default() };
    let page = house.ask(|reply| Ask::History(query, reply)).await.unwrap().unwrap();
    assert_eq!(page.items.len(), 1);
    let mut peer = calling(&house).await;
    let next = house.ask(Ask::Everything).await.unwrap().calls[0].view.id;
    assert!(next > call, "no id is used twice");
    peer.bye().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_registered_before_a_restart_is_registered_after_it() {
    let folder = Folder::new("registered");
    let house = run(config(&folder.0)).await.unwrap();
    let server = house.udp().unwrap();
    let settings = PhoneSettings::agent("alice", "x1y2z3", "baton.local", server, Voice::Silence);
    let phone = Phone::start(settings).await.unwrap();
    phone.register().await.unwrap();
    let phones = async |house: &Running| {
        house.ask(|reply| Ask::Agents(vec![alice()], reply)).await.unwrap().first().map_or(0, |agent| agent.phones)
    };
    until(async || (phones(&house).await == 1).then_some(())).await;
    house.stop().await;
    let house = run(config(&folder.0)).await.unwrap();
    assert_eq!(house.counts().await.registrations, 1);
    until(async || (phones(&house).await == 1).then_some(())).await;
    phone.stop().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_and_go_and_those_of_the_file_stay_as_they_are() {
    let folder = Folder::new("users");
    let house = run(config(&folder.0)).await.unwrap();
    let login = async |house: &Running, name: &str, password: &str| {
        let (name, password) = (name.to_owned(), password.to_owned());
        house.ask(|reply| Ask::Login { name, password, reply }).await.unwrap().is_some()
    };
    let add = async |user: User| {
        house.ask(|reply| Ask::AddUser { user, password: "secret-1".to_owned(), reply }).await.unwrap()
    };
    assert!(login(&house, "alice", "x1y2z3").await && !login(&house, "alice", "x").await);
    assert!(!login(&house, "dave", "secret-1").await);
    assert_eq!(add(dave()).await, Ok(()));
    assert!(matches!(add(dave()).await, Err(HouseError::Conflict(_))));
    assert!(matches!(add(User { name: "alice".to_owned(), ..dave() }).await, Err(HouseError::Conflict(_))));
    assert!(login(&house, "dave", "secret-1").await);
    assert_eq!(
        house.ask(|reply| Ask::LookUp("104".to_owned(), reply)).await.unwrap(),
        Destination::Agent(AgentName("dave".to_owned()))
    );
    let mine = house.ask(|reply| Ask::SetPassword { name: "alice".to_owned(), password: "other".to_owned(), reply });
    assert!(matches!(mine.await.unwrap(), Err(HouseError::Conflict(_))));
    let his = house.ask(|reply| Ask::SetPassword { name: "dave".to_owned(), password: "other".to_owned(), reply });
    assert_eq!(his.await.unwrap(), Ok(()));
    assert!(login(&house, "dave", "other").await && !login(&house, "dave", "secret-1").await);
    house.stop().await;

    // in both: an error at start
    let both = format!("[[agents]]\nname = \"dave\"\npassword = \"x1y2z3\"\n{HOUSE}");
    let both = from_text(&format!("[server]\ndata_dir = \"{}\"\n{both}", folder.0.display())).unwrap();
    let error = run(both).await.unwrap_err().to_string();
    assert!(error.contains("dave"), "{error}");

    let house = run(config(&folder.0)).await.unwrap();
    assert!(login(&house, "dave", "other").await);
    let gone = house.ask(|reply| Ask::DeleteUser { name: "dave".to_owned(), reply }).await.unwrap();
    assert_eq!(gone, Ok(()));
    assert!(!login(&house, "dave", "other").await);
    let users = house.ask(Ask::Users).await.unwrap().unwrap();
    assert!(users.len() == 1 && users[0].from_file);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_drains_lets_nobody_new_in_and_says_so() {
    let house = run(from_text(HOUSE).unwrap()).await.unwrap();
    let mut inside = calling(&house).await;
    assert!(house.ask(Ask::Health).await.unwrap().ready);
    house.ask(|reply| Ask::Drain(true, reply)).await.unwrap().unwrap();
    let health = house.ask(Ask::Health).await.unwrap();
    assert!(
        !health.ready
            && health.parts.iter().any(|(_, what)| what.as_ref().is_some_and(|what| what.contains("draining")))
    );
    let mut outside = Peer::new("127.0.0.3", house.udp().unwrap()).await;
    outside.invite("*43", Some(&offer("127.0.0.3", 40_040, "0", "sendrecv"))).await;
    let refused = outside.status("INVITE", 503).await;
    assert!(refused.contains("Retry-After"), "{refused}");
    assert_eq!(house.calls().await.len(), 1, "who is in stays in");
    house.ask(|reply| Ask::Drain(false, reply)).await.unwrap().unwrap();
    assert!(house.ask(Ask::Health).await.unwrap().ready);
    let mut next = Peer::new("127.0.0.3", house.udp().unwrap()).await;
    next.invite("*43", Some(&offer("127.0.0.3", 40_042, "0", "sendrecv"))).await;
    next.status("INVITE", 200).await;
    next.ack("").await;
    next.bye().await;
    inside.bye().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_tell_the_truth_and_no_callers_number() {
    let house = run(from_text(&format!("{HOUSE}{QUEUES}")).unwrap()).await.unwrap();
    let mut peer = calling(&house).await;
    let text = house.ask(Ask::Metrics).await.unwrap();
    for line in [
        "baton_calls 1",
        "baton_calls_started_total 1",
        "baton_participants{status=\"live\"} 1",
        "baton_agents{state=\"offline\"} 1",
        "baton_queue_waiting{queue=\"support\"} 0",
        "baton_media_legs 1",
        "baton_store_up 1",
        "baton_sip_requests_total{way=\"received\",method=\"INVITE\"} 1",
        "baton_sip_responses_total{way=\"sent\",status=\"200\"} 1",
        "baton_draining 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("491234"), "{text}");
    let call = house.calls().await[0].clone();
    let who = call.participants[0].who;
    for muted in [true, false] {
        house.command(Command::Mute { call: call.id, by: Asker::Operator, who, muted }).await.unwrap();
    }
    let counted = async || {
        let text = house.ask(Ask::Metrics).await.unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("baton_command_to_mask_seconds_count "))?;
        (count.parse::<u64>().unwrap() >= 2).then_some(())
    };
    until(counted).await;
    peer.bye().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_the_api_in_use_is_one_clear_reason_and_nothing_is_left() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("[http]\nlisten = \"{address}\"\n{HOUSE}");
    let error = run(from_text(&text).unwrap()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on http:{address}")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_in_the_same_folder_does_not_start() {
    let folder = Folder::new("twice");
    let first = run(config(&folder.0)).await.unwrap();
    let error = run(config(&folder.0)).await.unwrap_err().to_string();
    assert!(error.starts_with("server.data_dir: ") && error.contains("in use"), "{error}");
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mistakes_changes_nothing_and_its_lines_are_told() {
    let folder = Folder::new("reload");
    std::fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join("baton.toml");
    let place = format!(
        "[server]\ndata_dir = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"{}\"\n",
        folder.0.display(),
        folder.0.join("token").display()
    );
    std::fs::write(&file, format!("{place}{HOUSE}")).unwrap();
    let house = run(daemon::config::load(&file, &Vec::new()).unwrap().config).await.unwrap();
    std::fs::write(&file, format!("{place}{HOUSE}[[queues]]\nname = 5\n")).unwrap();
    let Err(HouseError::Invalid(lines)) = house.ask(Ask::Reload).await.unwrap() else { panic!() };
    assert!(lines.contains("queues[0].name must be a string"), "{lines}");
    assert!(house.ask(Ask::Everything).await.unwrap().queues.is_empty());
    let credential = || house.house().standing.borrow().get(&alice()).cloned();
    let before = credential();
    assert!(before.is_some());
    std::fs::write(&file, format!("{place}{HOUSE}").replace("x1y2z3", "another-1")).unwrap();
    house.ask(Ask::Reload).await.unwrap().unwrap();
    assert!(credential().is_some() && credential() != before, "logins of the old password end");
    std::fs::write(&file, format!("{place}{HOUSE}{QUEUES}").replace("hold_music", "workers = 3\nhold_music")).unwrap();
    let lines = house.ask(Ask::Reload).await.unwrap().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("[media] has changed")), "{lines:?}");
    assert_eq!(house.ask(Ask::Everything).await.unwrap().queues.len(), 1);
    house.stop().await;
    let house = run(from_text(HOUSE).unwrap()).await.unwrap();
    assert!(matches!(house.ask(Ask::Reload).await.unwrap(), Err(HouseError::Conflict(_))));
    house.stop().await;
}

/// The status of a page's question to the API.
async fn asked_from(origin: &str, house: &Running) -> String {
    let mut stream = tokio::net::TcpStream::connect(house.http()).await.unwrap();
    let asked = format!(
        "GET /v1/openapi.json HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n",
        house.http()
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    String::from_utf8_lossy(&said).split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_another_origin_come_in_when_the_settings_say_so_and_a_reload_changes_it() {
    let folder = Folder::new("origins");
    let desk = "https://desk.example";
    let settings = |more: &str| {
        let place = format!("[server]\ndata_dir = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n", folder.0.display());
        from_text(&format!("{place}{more}{HOUSE}")).unwrap()
    };
    let house = run(settings("")).await.unwrap();
    assert_eq!(asked_from(desk, &house).await, "403");
    house.reload(settings(&format!("origins = [\"{desk}\"]\n"))).await;
    assert_eq!(asked_from(desk, &house).await, "200");
    assert_eq!(asked_from("https://other.example", &house).await, "403");
    house.reload(settings("")).await;
    assert_eq!(asked_from(desk, &house).await, "403");
    house.stop().await;
}
