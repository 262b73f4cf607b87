//! Reads the settings: `default.toml`, the operator's file over it, the environment over both; every mistake at once.
//!
//! It opens no socket and starts nothing. What a key means stands in `config/default.toml`, which is compiled in and is
//! the only place where defaults stand.

mod directory;
mod environment;
mod house;
mod lines;
mod mistake;
mod model;
mod proof;
mod reader;
mod scratch;
mod tree;
mod trunks;
mod unbuilt;
mod values;
mod wires;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use mistake::{Mistake, Mistakes};
pub use model::{
    Agent, AudioCodec, Codes, Config, Dialled, HoldMusic, Http, Media, NumberRule, Opus, Queue, Room, Server, Sip,
    Srtp, Target, TargetKind, Transfer, Trunk,
};
pub use scratch::Scratch;
pub use tree::Place;

use directory::Directory;
pub(crate) use directory::{FACTORY, ROOM_PREFIX};
use reader::{Findings, Section};
use tree::{Branch, FILE_BYTES};

/// Every setting, its default and its comment.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// A file that can be used, and what its operator should know.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The settings.
    pub config: Config,
    /// One line each: weak passwords, files others can read, what is not built yet.
    pub warnings: Vec<Mistake>,
}

/// The environment's variables that override settings: `BATON_SECTION__KEY`.
pub type Variables = Vec<(String, String)>;

/// The variables of this process that override settings.
#[must_use]
pub fn variables() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| environment::is_ours(name))
        .collect()
}

/// Reads a file under the given variables.
///
/// # Errors
/// Every mistake in it, in the order of its lines.
pub fn load(file: &Path, variables: &Variables) -> Result<Checked, Mistakes> {
    let failed = |what: String| Mistakes { file: file.to_owned(), all: vec![Mistake::new(Place::File, what)] };
    let about = std::fs::metadata(file).map_err(|error| failed(format!("cannot be read: {error}")))?;
    if !about.is_file() || about.len() > FILE_BYTES {
        return Err(failed(format!("is no file of at most {FILE_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let mut checked = parse(&text, variables).map_err(|all| Mistakes { file: file.to_owned(), all })?;
    checked.config.source = Some(file.to_owned());
    checked.warnings.extend(house::readable_by_everybody(&about, &checked.config));
    Ok(checked)
}

/// The defaults under the given variables, without a file.
///
/// # Errors
/// Every mistake in the variables.
pub fn defaults(variables: &Variables) -> Result<Checked, Mistakes> {
    parse("", variables).map_err(|all| Mistakes { file: PathBuf::from("settings"), all })
}

/// The settings of a text, without a file or an environment: for tests and the demo. Where it names no `http.listen` it takes
/// a free port, where it names no `server.data_dir` a folder that is gone when the settings are.
///
/// # Errors
/// Every mistake in it.
pub fn from_text(text: &str) -> Result<Config, Mistakes> {
    let failed = |all| Mistakes { file: PathBuf::from("settings"), all };
    let mut config = parse(text, &Variables::new()).map_err(failed)?.config;
    let said = tree::parse(text).map_err(|mistake| failed(vec![mistake]))?;
    let says = |section: &str, key: &str| match said.get(section).map(|node| &node.value) {
        Some(tree::Content::Table(branch)) => branch.get(key).is_some(),
        Some(_) | None => false,
    };
    if !says("http", "listen") {
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    }
    if !says("server", "data_dir") {
        config.use_scratch();
    }
    if !says("http", "admin_token_file") {
        config.http.admin_token_file = config.server.data_dir.join("admin.token");
    }
    Ok(config)
}

impl Config {
    /// Keeps everything in a folder of its own, which is gone when the settings are.
    pub(crate) fn keep_in_scratch(&mut self) {
        self.use_scratch();
        self.http.admin_token_file = self.server.data_dir.join("admin.token");
    }

    fn use_scratch(&mut self) {
        let scratch = Scratch::new();
        self.server.data_dir = scratch.path().to_owned();
        self.scratch = Some(Arc::new(scratch));
    }
}

/// Reads a text under the given variables.
///
/// # Errors
/// Every mistake in it, in the order of its lines.
pub(crate) fn parse(text: &str, variables: &Variables) -> Result<Checked, Vec<Mistake>> {
    let findings = Findings::default();
    let config = read(text, variables, &findings);
    let (mistakes, warnings) = findings.take();
    match config {
        Some(config) if mistakes.is_empty() => Ok(Checked { config, warnings }),
        Some(_) | None => Err(mistakes),
    }
}

/// `None` where nothing more can be said: the text is no TOML.
fn read(text: &str, variables: &Variables, findings: &Findings) -> Option<Config> {
    let default = default_tree();
    let mut said = match tree::parse(text) {
        Ok(said) => said,
        Err(mistake) => {
            findings.mistake(&mistake.place, mistake.what);
            return None;
        }
    };
    environment::lay_over(&mut said, &default, variables, findings);
    let root = Section::root(&said, &default, findings);
    let server = house::server(&root);
    let identity = proof::identity(&root.table("sip"));
    let sip = wires::sip(&root, identity.is_some());
    let media = wires::media(&root);
    wires::check_families(&root, &sip, &media);
    wires::check_outside(&root, &sip);
    let http = wires::http(&root, identity.is_some());
    let mut directory = Directory::default();
    let agents = house::agents(&root, &mut directory);
    let queues = lines::queues(&root, &mut directory);
    let rooms = lines::rooms(&root, &mut directory);
    let trunks = trunks::trunks(&root, &mut directory);
    trunks::check_ways(&root, &trunks, &sip, &media);
    let transfer = house::transfer(&root, &mut directory);
    directory.check(&trunks, findings);
    unbuilt::warn(&root);
    Some(Config {
        server,
        identity,
        sip,
        media,
        http,
        transfer,
        agents,
        queues,
        rooms,
        trunks,
        source: None,
        scratch: None,
    })
}

fn default_tree() -> Branch {
    match tree::parse(DEFAULTS) {
        Ok(mut branch) => {
            tree::put_branch(&mut branch, &Place::Default);
            branch
        }
        Err(mistake) => unreachable!("default.toml: {}", mistake.what),
    }
}
