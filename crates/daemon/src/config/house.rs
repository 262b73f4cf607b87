//! Reads `[server]`, `[transfer]` and `[[agents]]`: who is in the house and by what rules.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use conference::AgentName;
use sip_signalling::Secret;

use super::directory::{Directory, target};
use super::lines::skills;
use super::mistake::Mistake;
use super::model::{Agent, Codes, Config, Server, Target, TargetKind, Transfer};
use super::reader::{At, Section};
use super::tree::{Content, Node, Place};
use super::values::{choice, code, extension, flag, milliseconds, name, network, number, seconds, text};
use super::wires::own_srtp;

/// Seconds of the longest time that can be set.
pub(super) const DAY_S: u32 = 86_400;
/// Days of the longest retention that can be set: a hundred years.
const RETENTION_DAYS: u32 = 36_500;
/// Bytes of a password or of its file.
const PASSWORD: usize = 256;

pub(crate) fn server(root: &Section<'_>) -> Server {
    let section = root.table("server");
    let domain = section.read("domain", |node| {
        let written = text(node)?.to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match !written.is_empty() && written.len() <= 253 && written.chars().all(allowed) {
            true => Ok(written),
            false => Err(format!("must be a domain name, not \"{}\"", written.escape_debug())),
        }
    });
    let data_dir = section.read("data_dir", |node| match text(node)? {
        written if written.is_empty() => Err("must be a folder".to_owned()),
        written if Path::new(&written).is_file() => Err(format!("is a file, not a folder: \"{written}\"")),
        written => Ok(PathBuf::from(written)),
    });
    section.read("database", |node| match text(node)?.as_str() {
        "sqlite" => Ok(()),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(()),
        // the value may hold a password: it is not repeated
        _ => Err("must be \"sqlite\" or \"postgres://…\"".to_owned()),
    });
    let networks = section.list("local_networks", |node| network(&text(node)?));
    Server {
        domain: domain.value,
        data_dir: data_dir.value,
        local_networks: networks.plain(),
        retention_days: section.read("retention_days", |node| number(node, 0, RETENTION_DAYS)).value,
    }
}

pub(crate) fn transfer(root: &Section<'_>, directory: &mut Directory) -> Transfer {
    let section = root.table("transfer");
    Transfer {
        ring_timeout: section.read("ring_timeout_s", |node| seconds(node, 1, 3600)).value,
        recall: section.read("recall_s", |node| seconds(node, 0, 3600)).value,
        fallback: last_resort(&section, "fallback", directory),
        held_alone: section.read("held_alone_s", |node| seconds(node, 1, DAY_S)).value,
        tail_guard: section.read("tail_guard_ms", |node| milliseconds(node, 0, 2000)).value,
        supervise_consults: section.read("supervise_consults", flag).value,
        code_timeout: section.read("code_timeout_ms", |node| milliseconds(node, 100, 10_000)).value,
        codes: codes(&section),
    }
}

/// Where a call goes that has nowhere else to go; `None`: the announcement.
pub(super) fn last_resort(section: &Section<'_>, key: &str, directory: &mut Directory) -> Option<Target> {
    let read = section.read(key, |node| match text(node)?.as_str() {
        "announce" => Ok(None),
        written => target(written, &[TargetKind::Agent, TargetKind::Queue, TargetKind::Number])
            .map(|(kind, name)| Some(kind.target(&name)))
            .map_err(|what| format!("{what}; or \"announce\"")),
    });
    if let Some(wanted) = &read.value {
        directory.want(section.path(key), &read.place, wanted.clone());
    }
    read.value
}

fn codes(transfer: &Section<'_>) -> Codes {
    let section = transfer.table("codes");
    let read = |key| section.read(key, code);
    let [start, cancel, complete, merge, swap] = ["start", "cancel", "complete", "merge", "swap"].map(read);
    // start and complete may be the same: which it is depends on whether a transfer is under way
    let apart = [("cancel", &cancel), ("complete", &complete), ("merge", &merge), ("swap", &swap), ("start", &start)];
    for (index, (key, code)) in apart.iter().enumerate() {
        for (other_key, other) in &apart[..index] {
            let shared = *key == "start" && *other_key == "complete" && code.value == other.value;
            if !shared && (code.value.starts_with(&other.value) || other.value.starts_with(&code.value)) {
                let what = format!("\"{}\" clashes with {other_key} = \"{}\"", code.value, other.value);
                let place = if code.said() { &code.place } else { &other.place };
                section.mistake(key, place, &what);
            }
        }
    }
    Codes { start: start.value, cancel: cancel.value, complete: complete.value, merge: merge.value, swap: swap.value }
}

pub(crate) fn agents(root: &Section<'_>, directory: &mut Directory) -> Vec<Agent> {
    let sections = root.tables("agents");
    let agents: Vec<(Agent, Place)> = sections.iter().map(|section| agent(section, directory)).collect();
    let demo = |agent: &&(Agent, Place)| is_demo_password(&agent.0);
    if let Some((_, place)) = agents.iter().find(demo) {
        let names: Vec<&str> = agents.iter().filter(demo).map(|(agent, _)| agent.name.0.as_str()).collect();
        let what = format!("agents with the demo's password or their own name as password: {}", names.join(", "));
        root.findings.warn(place, what);
    }
    agents.into_iter().map(|(agent, _)| agent).collect()
}

fn agent(section: &Section<'_>, directory: &mut Directory) -> (Agent, Place) {
    let name = required_name(section);
    let extension = section.read("extension", extension);
    directory.add("agent", &section.name, &name, &extension);
    let queues = section.list("queues", self::name);
    for queue in &queues.value {
        directory.want(section.path("queues"), &queue.place, Target::Queue(queue.value.clone()));
    }
    let display_name = display_name(section, &name.value);
    let (password, place) = password(section);
    let role = section.read("role", |node| choice(node, &[("agent", false), ("supervisor", true)]));
    let agent = Agent {
        name: AgentName(name.value),
        display_name,
        extension: extension.value,
        password,
        ha1s: None,
        queues: queues.plain(),
        supervisor: role.value,
        max_calls: section.read("max_calls", |node| number(node, 1, 1000)).value,
        skills: skills(section),
        srtp: own_srtp(section),
    };
    (agent, place)
}

pub(crate) fn required_name(section: &Section<'_>) -> At<String> {
    // the default of a name is "", which no file may say
    let read = section.read("name", |node| match (&node.place, &node.value) {
        (Place::Default, _) => Ok(String::new()),
        _ => name(node),
    });
    if read.value.is_empty() && !read.said() && !section.says("name") {
        section.findings.mistake(&section.place, format!("{} has no name", section.name));
    }
    read
}

fn display_name(section: &Section<'_>, name: &str) -> String {
    let read = section.read("display_name", |node| match text(node)? {
        written if written.chars().count() > 128 => Err("is longer than 128 characters".to_owned()),
        written if written.chars().any(char::is_control) => Err("has control characters in it".to_owned()),
        written => Ok(written),
    });
    if read.value.is_empty() { name.to_owned() } else { read.value }
}

fn password(section: &Section<'_>) -> (Secret, Place) {
    let inline = section.read("password", secret);
    let file = section.read("password_file", |node| match text(node)? {
        path if path.is_empty() => Ok(None),
        path => read_secret(Path::new(&path)).map(Some),
    });
    let unreadable = (section.says("password_file") && !file.said()) || (section.says("password") && !inline.said());
    let none = || (Secret(String::new()), section.place.clone());
    match (inline.value.is_empty(), file.value) {
        (false, None) => (Secret(inline.value), inline.place),
        (true, Some(password)) => (Secret(password), file.place),
        (false, Some(_)) => {
            section.mistake("password_file", &file.place, "stands beside password: only one of them may");
            none()
        }
        (true, None) if unreadable => none(),
        (true, None) => {
            let place = if section.says("password") { &inline.place } else { &section.place };
            section.mistake(
                "password",
                place,
                "is missing: an agent without a password cannot be told from anybody else",
            );
            none()
        }
    }
}

/// A password: never repeated in a complaint.
pub(crate) fn secret(node: &Node) -> Result<String, String> {
    let Content::Text(text) = &node.value else { return Err(node.must_be("a string")) };
    match text {
        text if text.len() > PASSWORD => Err(format!("is longer than {PASSWORD} bytes")),
        text if text.chars().any(char::is_control) => Err("has control characters in it".to_owned()),
        text => Ok(text.clone()),
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read: {shown}: {error}"))?;
    if !about.is_file() || about.len() > PASSWORD as u64 {
        return Err(format!("is no file of at most {PASSWORD} bytes: {shown}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {shown}: {error}"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("is empty: {shown}")),
        password if password.chars().any(char::is_control) => Err(format!("has more than one line: {shown}")),
        password => Ok(password.to_owned()),
    }
}

fn is_demo_password(agent: &Agent) -> bool {
    let (name, password) = (&agent.name.0, &agent.password.0);
    !password.is_empty() && (password == name || *password == format!("{name}-secret"))
}

/// Passwords that are no secret any more (E14).
pub(crate) fn readable_by_everybody(about: &Metadata, config: &Config) -> Option<Mistake> {
    use std::os::unix::fs::PermissionsExt;
    let secrets = config.agents.iter().any(|agent| !is_demo_password(agent))
        || config.trunks.iter().any(|trunk| trunk.credentials.is_some());
    let open = about.permissions().mode() & 0o004 != 0;
    (secrets && open).then(|| {
        Mistake::new(Place::File, "holds passwords and everybody on this machine can read it: chmod 640 it".to_owned())
    })
}
