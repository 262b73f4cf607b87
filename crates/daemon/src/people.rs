//! Users of the settings file and of the database, as one household. Whoever stands in both is a mistake, and nobody is let in by
//! it.
//!
//! The file's users are changed in the file alone. What a change means to calls is the core's business.

use std::sync::{Arc, PoisonError, RwLock};

use conference::AgentName;
use control_api::{Credential, HouseError, Known, Standing, User};
use sip_signalling::{Ha1s, Secret};
use store::{Store, StoreError, StoredUser};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tracing::warn;

use crate::config::{Agent, Config, FACTORY, ROOM_PREFIX};
use crate::fixed;
use crate::switch::Input;

#[cfg(test)]
mod tests;

/// Characters of a name, or bytes of a password, at most.
const NAME: usize = 64;
const PASSWORD: usize = 256;
const DISPLAY: usize = 128;
/// Digits of an extension.
const EXTENSION: usize = 15;
/// Calls others may put on one user at once.
const CALLS: std::ops::RangeInclusive<u32> = 1..=1000;

/// The settings with the database's users among the agents.
///
/// # Errors
/// One line for each user who cannot be told from somebody or something else.
pub(crate) fn household(file: &Config, users: &[StoredUser]) -> Result<Config, Vec<String>> {
    let mut config = file.clone();
    let mut mistakes = Vec::new();
    for user in users {
        let taken = [&user.name, &user.extension].into_iter().filter(|word| !word.is_empty());
        if let Some((word, by)) = taken.filter_map(|word| Some((word, holder(&config, word)?))).next() {
            mistakes.push(format!("the user {} of the database has \"{word}\", which {by} has too", user.name));
            continue;
        }
        match agent(file, user) {
            Some(agent) => config.agents.push(agent),
            None => mistakes.push(format!("the user {} of the database has no good password: set it anew", user.name)),
        }
    }
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

/// Who or what has a name or an extension already.
fn holder(config: &Config, word: &str) -> Option<String> {
    let agent = config.agents.iter().find(|agent| agent.name.0 == word || agent.extension == word);
    let queue = config.queues.iter().find(|queue| queue.name == word || queue.extension == word);
    let room = config.rooms.iter().find(|room| room.name == word || room.extension == word);
    agent
        .map(|agent| {
            format!("{} {}", if agent.ha1s.is_some() { "the user" } else { "the agent of the file" }, agent.name)
        })
        .or_else(|| queue.map(|queue| format!("the queue {}", queue.name)))
        .or_else(|| room.map(|room| format!("the room {}", room.name)))
}

fn agent(file: &Config, user: &StoredUser) -> Option<Agent> {
    let (known, unknown): (Vec<_>, Vec<_>) =
        user.queues.iter().cloned().partition(|name| file.queues.iter().any(|queue| queue.name == *name));
    for queue in unknown {
        warn!(user = user.name, queue, "a user of the database serves a queue that is not there");
    }
    Some(Agent {
        name: AgentName(user.name.clone()),
        display_name: if user.display_name.is_empty() { user.name.clone() } else { user.display_name.clone() },
        extension: user.extension.clone(),
        password: Secret(String::new()),
        ha1s: Some(Ha1s::from_hex(&user.ha1_sha256, &user.ha1_md5)?),
        queues: known,
        supervisor: user.supervisor,
        max_calls: user.max_calls,
        skills: std::collections::BTreeMap::new(),
        srtp: None,
    })
}

/// Everybody who may log in, and who may change that.
pub(crate) struct People {
    store: Store,
    inputs: mpsc::Sender<Input>,
    /// Who may log in, for whoever has let somebody in.
    standing: watch::Sender<Arc<Standing>>,
    /// Held through a whole change, so that one comes after the other.
    turn: Mutex<()>,
    /// Held for a moment only: whoever logs in does not wait for the database.
    state: RwLock<Arc<State>>,
}

#[derive(Clone)]
struct State {
    /// As the file says.
    file: Config,
    /// Those of the database, as they were last read or written.
    users: Vec<StoredUser>,
    /// Both.
    whole: Config,
}

impl People {
    /// `whole`: the file's settings with the database's users.
    pub(crate) fn new(
        store: Store,
        inputs: mpsc::Sender<Input>,
        standing: watch::Sender<Arc<Standing>>,
        (file, users, whole): (Config, Vec<StoredUser>, Config),
    ) -> Self {
        standing.send_replace(Arc::new(standing_of(&whole)));
        let state = RwLock::new(Arc::new(State { file, users, whole }));
        Self { store, inputs, standing, turn: Mutex::default(), state }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Whether the settings of a file could be put in force.
    ///
    /// # Errors
    /// One line for each mistake.
    pub(crate) async fn check(&self, file: &Config) -> Result<(), Vec<String>> {
        let users = self.store.users().await.map_err(|error| vec![error.to_string()])?;
        household(file, &users).map(|_| ())
    }

    /// Puts the settings of a file in force. Returns what the operator should know.
    ///
    /// # Errors
    /// One line for each mistake; everything stays as it was then.
    pub(crate) async fn reload(&self, file: Config) -> Result<Vec<String>, Vec<String>> {
        let _turn = self.turn.lock().await;
        let state = self.state();
        let users = self.store.users().await.map_err(|error| vec![error.to_string()])?;
        let whole = household(&file, &users)?;
        let changed = fixed::changed(&state.file, &file);
        let notes = changed
            .into_iter()
            .map(|section| format!("{section} has changed: it stays as it was until the service is started again"));
        let notes = notes.collect();
        if let (Some(running), Some(new)) = (&state.file.identity, &file.identity) {
            running.replace(new);
        }
        self.put_in_force(&whole).await;
        // what needs a new start is compared with what was started
        let started = &state.file;
        let (server, sip, media) = (started.server.clone(), started.sip.clone(), started.media.clone());
        let (http, guard) = (started.http.clone(), started.transfer.tail_guard);
        let identity = started.identity.clone();
        let mut state = State { file, users, whole };
        (state.file.server, state.file.sip, state.file.media, state.file.http) = (server, sip, media, http);
        (state.file.transfer.tail_guard, state.file.identity) = (guard, identity);
        self.set(state);
        Ok(notes)
    }

    /// Whether name and password belong together. Takes as long for names nobody has.
    pub(crate) fn login(&self, name: &str, password: String) -> Option<Known> {
        let state = self.state();
        let realm = &state.file.server.domain;
        let agent = state.whole.agents.iter().find(|agent| agent.name.0 == name);
        let nobody = Ha1s::of(name, realm, &Secret(String::new()));
        let wanted = agent.map_or(nobody, |agent| ha1s_of(agent, realm));
        let said = Ha1s::of(name, realm, &Secret(password));
        let right = said == wanted;
        agent.filter(|_| right).map(|agent| Known {
            name: agent.name.clone(),
            credential: credential(&said),
            supervisor: agent.supervisor,
        })
    }

    /// Everybody, by name.
    pub(crate) fn users(&self) -> Vec<User> {
        let state = self.state();
        let user = |agent: &Agent| User {
            name: agent.name.0.clone(),
            display_name: agent.display_name.clone(),
            extension: agent.extension.clone(),
            queues: agent.queues.clone(),
            supervisor: agent.supervisor,
            max_calls: agent.max_calls,
            from_file: agent.ha1s.is_none(),
        };
        let mut users: Vec<User> = state.whole.agents.iter().map(user).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        users
    }

    /// A new user of the database.
    ///
    /// # Errors
    /// `Invalid`, `Conflict`, `Unavailable`.
    pub(crate) async fn add(&self, user: User, password: String) -> Result<(), HouseError> {
        let _turn = self.turn.lock().await;
        let mut state = State::clone(&self.state());
        check(&state.file, &user, &password)?;
        for word in [&user.name, &user.extension].into_iter().filter(|word| !word.is_empty()) {
            if let Some(by) = holder(&state.whole, word) {
                return Err(HouseError::Conflict(format!("\"{word}\" is taken by {by}")));
            }
        }
        let ha1s = Ha1s::of(&user.name, &state.file.server.domain, &Secret(password));
        let stored = StoredUser {
            name: user.name,
            display_name: user.display_name,
            extension: user.extension,
            queues: user.queues,
            supervisor: user.supervisor,
            max_calls: user.max_calls,
            ha1_sha256: ha1s.sha256().to_owned(),
            ha1_md5: ha1s.md5().to_owned(),
        };
        self.store.add_user(&stored).await.map_err(said)?;
        state.users.push(stored);
        self.renew(state).await
    }

    /// A new password.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` for a user of the file, `Invalid`, `Unavailable`.
    pub(crate) async fn set_password(&self, name: &str, password: String) -> Result<(), HouseError> {
        let _turn = self.turn.lock().await;
        let mut state = State::clone(&self.state());
        of_the_database(&state.file, name)?;
        good_password(&password)?;
        let ha1s = Ha1s::of(name, &state.file.server.domain, &Secret(password));
        let ha1s = store::Ha1s { sha256: ha1s.sha256().to_owned(), md5: ha1s.md5().to_owned() };
        self.store.set_password(name, &ha1s).await.map_err(said)?;
        for user in state.users.iter_mut().filter(|user| user.name == name) {
            (user.ha1_sha256, user.ha1_md5) = (ha1s.sha256.clone(), ha1s.md5.clone());
        }
        self.renew(state).await
    }

    /// A user of the database goes: their phones are told at the next registration, calls go on.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` for a user of the file, `Unavailable`.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), HouseError> {
        let _turn = self.turn.lock().await;
        let mut state = State::clone(&self.state());
        of_the_database(&state.file, name)?;
        self.store.delete_user(name).await.map_err(said)?;
        state.users.retain(|user| user.name != name);
        self.renew(state).await
    }

    /// The database's users have changed. What is written is in force, whether or not the database can be read just now.
    async fn renew(&self, mut state: State) -> Result<(), HouseError> {
        let whole = household(&state.file, &state.users).map_err(|lines| HouseError::Conflict(lines.join("\n")))?;
        state.whole = whole;
        self.set(state.clone());
        self.put_in_force(&state.whole).await;
        Ok(())
    }

    async fn put_in_force(&self, whole: &Config) {
        let (done, answer) = oneshot::channel();
        // a switch that has ended needs no settings
        if self.inputs.send(Input::Reload(Box::new(whole.clone()), done)).await.is_ok() {
            let _ = answer.await;
        }
        self.standing.send_replace(Arc::new(standing_of(whole)));
    }
}

fn ha1s_of(agent: &Agent, realm: &str) -> Ha1s {
    agent.ha1s.clone().unwrap_or_else(|| Ha1s::of(&agent.name.0, realm, &agent.password))
}

/// The password's HA1: changes with it, and is compared only.
fn credential(ha1s: &Ha1s) -> Credential {
    Credential(ha1s.sha256().to_owned())
}

fn standing_of(whole: &Config) -> Standing {
    let realm = &whole.server.domain;
    whole.agents.iter().map(|agent| (agent.name.clone(), credential(&ha1s_of(agent, realm)))).collect()
}

fn of_the_database(file: &Config, name: &str) -> Result<(), HouseError> {
    match file.agents.iter().any(|agent| agent.name.0 == name) {
        true => Err(HouseError::Conflict(format!("{name} stands in the settings file and is changed there"))),
        false => Ok(()),
    }
}

/// Every mistake, one a line.
fn check(file: &Config, user: &User, password: &str) -> Result<(), HouseError> {
    let mut mistakes = Vec::new();
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if user.name.is_empty() || user.name.len() > NAME || !user.name.chars().all(letter) {
        mistakes.push(format!("name must be at most {NAME} lower case letters, digits, '.', '_' or '-'"));
    }
    if user.name == FACTORY || user.name.starts_with(ROOM_PREFIX) {
        mistakes.push("name is an address of the house itself".to_owned());
    }
    if user.extension.len() > EXTENSION || !user.extension.bytes().all(|byte| byte.is_ascii_digit()) {
        mistakes.push(format!("extension must be at most {EXTENSION} digits"));
    }
    if user.display_name.chars().count() > DISPLAY || user.display_name.chars().any(char::is_control) {
        mistakes.push(format!("display_name must be at most {DISPLAY} characters, and no control characters"));
    }
    if !CALLS.contains(&user.max_calls) {
        mistakes.push(format!("max_calls must be from {} to {}", CALLS.start(), CALLS.end()));
    }
    for queue in user.queues.iter().filter(|name| !file.queues.iter().any(|queue| queue.name == **name)) {
        mistakes.push(format!("queues names no queue: \"{}\"", queue.escape_debug()));
    }
    if let Err(HouseError::Invalid(what)) = good_password(password) {
        mistakes.push(what);
    }
    if mistakes.is_empty() { Ok(()) } else { Err(HouseError::Invalid(mistakes.join("\n"))) }
}

fn good_password(password: &str) -> Result<(), HouseError> {
    match password.is_empty() || password.len() > PASSWORD || password.chars().any(char::is_control) {
        true => Err(HouseError::Invalid(format!("password must be 1 to {PASSWORD} bytes, and no control characters"))),
        false => Ok(()),
    }
}

/// What the store said, in the words of the API.
pub(crate) fn said(error: StoreError) -> HouseError {
    match error {
        StoreError::NoSuchUser(_) => HouseError::NotFound,
        StoreError::UserExists(_) | StoreError::ExtensionTaken(_) => HouseError::Conflict(error.to_string()),
        StoreError::Cursor => HouseError::Invalid(error.to_string()),
        StoreError::Folder { .. }
        | StoreError::InUse(_)
        | StoreError::Newer { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Database(_)
        | StoreError::NotYet(_)
        | StoreError::Spooled(_) => HouseError::Unavailable(error.to_string()),
    }
}
