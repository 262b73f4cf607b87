//! The search for whom to transfer to, in the mirror: by name, display name or extension.

use std::cmp::Ordering;

use crate::mirror::Mirror;
use crate::pages;
use crate::problem::Problem;
use crate::shown::{self, DirectoryEntry, List};

/// How well an entry fits: exactly, by its beginning, anywhere.
type Rank = u8;
/// Its place in the answer: best first, agents before queues, by name.
type Key<'a> = (Rank, bool, &'a str);

impl Mirror {
    /// Everybody and everything that `wanted` fits, best first; all of it if it is empty.
    ///
    /// # Errors
    /// A cursor that is none.
    pub(crate) fn search(
        &self,
        wanted: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<List<DirectoryEntry>, Problem> {
        let wanted = wanted.trim().to_lowercase();
        let after = pages::after(cursor)?;
        let after = after.as_deref().map(|after| parse(after).ok_or_else(pages::bad_cursor)).transpose()?;
        let agents =
            self.agents.iter().filter_map(|(name, entry)| Some((rank(&entry.words, &wanted)?, false, name.as_str())));
        let queues =
            self.queues.iter().filter_map(|(name, entry)| Some((rank(&entry.words, &wanted)?, true, name.as_str())));
        let mut found: Vec<Key<'_>> =
            agents.chain(queues).filter(|key| after.is_none_or(|after| key.cmp(&after) == Ordering::Greater)).collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        if more {
            found.select_nth_unstable(limit);
            found.truncate(limit);
        }
        found.sort_unstable();
        let next = found
            .last()
            .filter(|_| more)
            .map(|(rank, queue, name)| pages::cursor(&format!("{rank}{}{name}", if *queue { 'q' } else { 'a' })));
        let items = found.into_iter().filter_map(|(_, queue, name)| self.entry(queue, name)).collect();
        Ok(List { items, next })
    }

    fn entry(&self, queue: bool, name: &str) -> Option<DirectoryEntry> {
        if queue {
            let entry = self.queues.get(name)?;
            return Some(DirectoryEntry::Queue {
                name: name.to_owned(),
                extension: entry.extension.clone(),
                open: entry.open,
                waiting: entry.waiting,
                ready: entry.ready,
            });
        }
        let entry = self.agents.get(name)?;
        Some(DirectoryEntry::Agent {
            name: name.to_owned(),
            display_name: entry.display_name.clone(),
            extension: entry.extension.clone(),
            state: entry.state,
            since: shown::time(entry.since),
            on_call: self.is_on_call(name),
        })
    }
}

fn rank(words: &[String; 3], wanted: &str) -> Option<Rank> {
    if wanted.is_empty() {
        return Some(2);
    }
    let fit = |word: &String| {
        if word == wanted {
            return Some(0);
        }
        // The beginning of a surname is as good as that of the first name.
        let begins = word.starts_with(wanted) || word.split_whitespace().any(|part| part.starts_with(wanted));
        if begins { Some(1) } else { word.contains(wanted).then_some(2) }
    };
    words.iter().filter_map(fit).min()
}

fn parse(cursor: &str) -> Option<Key<'_>> {
    let mut letters = cursor.chars();
    let rank = letters.next().and_then(|rank| rank.to_digit(3))?;
    let queue = match letters.next()? {
        'a' => false,
        'q' => true,
        _ => return None,
    };
    Some((Rank::try_from(rank).ok()?, queue, letters.as_str()))
}

#[cfg(test)]
mod tests;
