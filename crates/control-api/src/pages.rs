//! Pages of lists: how much of a list is asked for, from where on, and where the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::limits::{PAGE, PAGE_MOST};
use crate::problem::Problem;
use crate::shown::List;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// Items a page.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// `next` of the page before.
    pub(crate) cursor: Option<String>,
}

/// Items a page.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE),
        Some(limit) if (1..=PAGE_MOST).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::bad("bad_query", format!("limit: 1 to {PAGE_MOST}"))),
    }
}

/// The key at which a page ended, as it stands in a cursor.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|key| String::from_utf8(key).ok());
    key.map(Some).ok_or_else(bad_cursor)
}

/// A cursor that ends at a key.
pub(crate) fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

pub(crate) fn bad_cursor() -> Problem {
    Problem::bad("bad_cursor", "cursor: not one of ours")
}

impl Paging {
    /// One page of items that come in the order of their keys.
    pub(crate) fn page<T>(&self, items: impl Iterator<Item = (String, T)>) -> Result<List<T>, Problem> {
        let limit = usize::try_from(limit(self.limit)?).unwrap_or(usize::MAX);
        let after = after(self.cursor.as_deref())?;
        let mut rest = items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
        let mut page = List { items: Vec::new(), next: None };
        let mut last = None;
        for (key, item) in rest.by_ref().take(limit) {
            page.items.push(item);
            last = Some(key);
        }
        if rest.next().is_some() {
            page.next = last.as_deref().map(cursor);
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pages_together_are_the_list() {
        let list = || ["a", "b", "c", "d", "e"].into_iter().map(|name| (name.to_owned(), name));
        let mut paging = Paging { limit: Some(2), cursor: None };
        let mut seen = Vec::new();
        loop {
            let page = paging.page(list()).unwrap();
            seen.extend(page.items);
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_limit_or_cursor_that_makes_no_sense_is_refused() {
        for (limit, cursor, code) in
            [(Some(0), None, "bad_query"), (Some(501), None, "bad_query"), (None, Some("%"), "bad_cursor")]
        {
            let paging = Paging { limit, cursor: cursor.map(str::to_owned) };
            assert_eq!(paging.page([(String::new(), ())].into_iter()).unwrap_err().code, code);
        }
    }
}
