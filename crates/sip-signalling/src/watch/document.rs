//! What both kinds of documents have in common: how much they say, and that no text of theirs can be anything but text.

use std::io;

use bytes::Bytes;
use conference::Identity;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{WatchedState, conference_info, dialog_info};
use crate::codec::SipUri;
use crate::refer::End;

/// Characters of a name or number that are told.
const MOST_CHARS: usize = 128;

/// How much a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    Whole,
    /// What has changed since the document before; everything if there was none.
    Changes,
    /// That there is nothing any more.
    Nothing,
}

impl Extent {
    /// Of the last document of a watch that ends so.
    pub(super) fn of_end(end: End) -> Self {
        match end {
            End::NoResource => Self::Nothing,
            End::Timeout | End::Rejected | End::Probation => Self::Whole,
        }
    }
}

/// The writer of a document.
pub(super) type Xml = Writer<Vec<u8>>;

/// Writes a document. `before` is what the one before it said.
pub(super) fn write(
    state: &WatchedState,
    before: Option<&WatchedState>,
    extent: Extent,
    version: u32,
    domain: &str,
) -> Bytes {
    let mut xml = Writer::new(Vec::with_capacity(1024));
    let written = match (state, before) {
        (WatchedState::Dialogs(now), Some(WatchedState::Dialogs(before))) => {
            begin(&mut xml).and_then(|()| dialog_info::write(&mut xml, now, Some(before), extent, version, domain))
        }
        (WatchedState::Dialogs(now), _) => {
            begin(&mut xml).and_then(|()| dialog_info::write(&mut xml, now, None, extent, version, domain))
        }
        (WatchedState::Conference(now), Some(WatchedState::Conference(before))) => {
            begin(&mut xml).and_then(|()| conference_info::write(&mut xml, now, Some(before), extent, version, domain))
        }
        (WatchedState::Conference(now), _) => {
            begin(&mut xml).and_then(|()| conference_info::write(&mut xml, now, None, extent, version, domain))
        }
    };
    debug_assert!(written.is_ok(), "memory takes what is written to it");
    Bytes::from(xml.into_inner())
}

fn begin(xml: &mut Xml) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
}

/// An element with text alone.
pub(super) fn text(xml: &mut Xml, name: &str, content: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(&plain(content))).map(|_| ())
}

/// The address under which somebody is shown.
pub(super) fn address(who: &Identity, domain: &str) -> SipUri {
    let user = plain(&who.user);
    if user.is_empty() || user.eq_ignore_ascii_case("anonymous") {
        return SipUri::new(Some("anonymous"), "anonymous.invalid", None);
    }
    SipUri::new(Some(&user), domain, None)
}

/// Text without what no document may hold (XML 1.0 §2.2), and not longer than anybody reads.
pub(super) fn plain(text: &str) -> String {
    let allowed = |character: &char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(allowed).take(MOST_CHARS).collect()
}
