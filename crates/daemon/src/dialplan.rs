//! Whom a dialled address or number reaches. A pure look-up in what the settings say.
//!
//! It knows the callers only as "an agent" or "a trunk"; whether a call is then allowed is the core's business.

use std::collections::BTreeMap;

use conference::{AgentName, Caller, Destination, Service};
use regex::{Captures, Regex};

use crate::config::{Config, Dialled, FACTORY, NumberRule, ROOM_PREFIX, Target, TargetKind};

#[cfg(test)]
mod tests;

/// Characters of what can be dialled; anything longer reaches nobody.
const DIALLED: usize = 128;
/// Digits from which on something may be an outside number.
const OUTSIDE_DIGITS: usize = 3;
/// Characters of a room's name.
const ROOM_NAME: usize = 64;

/// The dial plan of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct DialPlan {
    extensions: BTreeMap<String, Destination>,
    agents: BTreeMap<String, Destination>,
    queues: BTreeMap<String, Destination>,
    rooms: BTreeMap<String, Destination>,
    trunks: Vec<TrunkPlan>,
}

#[derive(Clone, Debug)]
struct TrunkPlan {
    name: String,
    numbers: Vec<NumberRule>,
    route_in: Option<Target>,
    match_out: Option<Regex>,
}

impl DialPlan {
    /// The plan of these settings.
    pub(crate) fn new(config: &Config) -> Self {
        let mut extensions = BTreeMap::new();
        let mut extend = |extension: &str, destination: &Destination| {
            if !extension.is_empty() {
                extensions.insert(extension.to_owned(), destination.clone());
            }
        };
        let mut agents = BTreeMap::new();
        for agent in &config.agents {
            let destination = Destination::Agent(agent.name.clone());
            extend(&agent.extension, &destination);
            agents.insert(agent.name.0.clone(), destination);
        }
        let mut queues = BTreeMap::new();
        for queue in &config.queues {
            let destination = Destination::Queue(queue.name.clone());
            extend(&queue.extension, &destination);
            queues.insert(queue.name.clone(), destination);
        }
        let mut rooms = BTreeMap::new();
        for room in &config.rooms {
            let destination = Destination::Room(room.name.clone());
            extend(&room.extension, &destination);
            rooms.insert(room.name.clone(), destination);
        }
        let trunks = config.trunks.iter().map(|trunk| TrunkPlan {
            name: trunk.name.clone(),
            numbers: trunk.numbers.clone(),
            route_in: trunk.route_in.clone(),
            match_out: trunk.match_out.clone(),
        });
        let trunks = trunks.collect();
        Self { extensions, agents, queues, rooms, trunks }
    }

    /// Whom `dialled` reaches. `ours`: whether the host it was dialled at is ours; a carrier may write any host.
    pub(crate) fn look_up(&self, caller: &Caller, dialled: &str, ours: bool) -> Destination {
        match caller {
            Caller::Agent { .. } => self.for_agents(dialled, ours),
            Caller::Customer { .. } if dialled.len() > DIALLED => Destination::Unknown,
            Caller::Customer { trunk, .. } => self.for_trunk(trunk, dialled),
        }
    }

    /// Whom `dialled` reaches when an agent dials it: on a phone, by its transfer button, or on its keypad.
    pub(crate) fn for_agents(&self, dialled: &str, ours: bool) -> Destination {
        if !ours || dialled.len() > DIALLED {
            return Destination::Unknown;
        }
        self.for_agent(dialled)
    }

    /// Whether `dialled`, which reaches nobody, is an outside number that no trunk lets out (`match_out`): that is a
    /// rule of the house, not a mistake of whoever dialled.
    pub(crate) fn forbids(&self, dialled: &str) -> bool {
        let digits = dialled.strip_prefix('+').unwrap_or(dialled);
        let is_number = digits.len() >= OUTSIDE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number && self.trunks.iter().any(|trunk| trunk.match_out.is_some())
    }

    /// What a target of the settings stands for.
    pub(crate) fn destination(&self, target: &Target) -> Destination {
        let known = |found: Option<&Destination>| found.cloned().unwrap_or(Destination::Unknown);
        match target {
            Target::Agent(AgentName(name)) => known(self.agents.get(name)),
            Target::Queue(name) => known(self.queues.get(name)),
            Target::Room(name) => room(name),
            Target::Number(number) => self.outside(number).unwrap_or(Destination::Unknown),
        }
    }

    fn for_agent(&self, dialled: &str) -> Destination {
        self.inside(dialled)
            .or_else(|| chosen_room(dialled))
            .or_else(|| service(dialled))
            .or_else(|| self.trunks.iter().find_map(|trunk| self.number(trunk, dialled)))
            .or_else(|| self.outside(dialled))
            .unwrap_or(Destination::Unknown)
    }

    /// A customer never gets out again: `match_out` is not asked.
    fn for_trunk(&self, trunk: &str, dialled: &str) -> Destination {
        let Some(trunk) = self.trunks.iter().find(|known| known.name == trunk) else { return Destination::Unknown };
        self.number(trunk, dialled)
            .or_else(|| self.inside(dialled))
            .or_else(|| service(dialled))
            .or_else(|| trunk.route_in.as_ref().map(|target| self.destination(target)))
            .unwrap_or(Destination::Unknown)
    }

    /// Extension, agent, queue, room.
    fn inside(&self, dialled: &str) -> Option<Destination> {
        let name = dialled.to_ascii_lowercase();
        let places = [&self.extensions, &self.agents, &self.queues, &self.rooms];
        places.iter().find_map(|place| place.get(&name)).cloned()
    }

    fn number(&self, trunk: &TrunkPlan, dialled: &str) -> Option<Destination> {
        trunk.numbers.iter().find_map(|rule| {
            let name = match &rule.dialled {
                Dialled::Exactly(number) => (number == dialled).then(|| rule.name.clone())?,
                Dialled::Matching(pattern) => expand(&rule.name, &pattern.captures(dialled)?),
            };
            Some(match rule.kind {
                TargetKind::Room => room(&name.to_ascii_lowercase()),
                TargetKind::Agent | TargetKind::Queue | TargetKind::Number => {
                    self.destination(&rule.kind.target(&name))
                }
            })
        })
    }

    /// The first trunk that takes the number.
    fn outside(&self, number: &str) -> Option<Destination> {
        let takes = |trunk: &&TrunkPlan| trunk.match_out.as_ref().is_some_and(|pattern| pattern.is_match(number));
        let trunk = self.trunks.iter().find(takes)?;
        Some(Destination::Outside { trunk: trunk.name.clone(), number: number.to_owned() })
    }
}

/// `room-NAME` or the factory, in letters of either size, as all names of the house.
fn chosen_room(dialled: &str) -> Option<Destination> {
    if dialled.eq_ignore_ascii_case(FACTORY) {
        return Some(Destination::NewRoom);
    }
    let prefix = dialled.get(..ROOM_PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(ROOM_PREFIX))?;
    Some(room(&dialled[prefix.len()..]))
}

/// The user part of a room's address, as agents dial it.
pub(crate) fn room_user(room: &str) -> String {
    format!("{ROOM_PREFIX}{room}")
}

fn room(name: &str) -> Destination {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > ROOM_NAME || !name.chars().all(allowed) {
        return Destination::Unknown;
    }
    Destination::Room(name.to_ascii_lowercase())
}

fn service(dialled: &str) -> Option<Destination> {
    let service = match dialled {
        "*43" => Service::Echo,
        "*44" => Service::Tone,
        "*45" => Service::Music,
        _ => return None,
    };
    Some(Destination::Service(service))
}

/// `$1` to `$9` become what the pattern's groups caught.
fn expand(name: &str, groups: &Captures<'_>) -> String {
    let mut expanded = String::new();
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek().and_then(|next| next.to_digit(10)) {
            Some(group) if letter == '$' => {
                letters.next();
                let caught = usize::try_from(group).ok().and_then(|group| groups.get(group));
                expanded.push_str(caught.map_or("", |caught| caught.as_str()));
            }
            Some(_) | None => expanded.push(letter),
        }
    }
    expanded
}
