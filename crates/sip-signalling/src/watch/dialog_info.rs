//! `application/dialog-info+xml` (RFC 4235 §4): somebody's calls.
//!
//! Tells no Call-ID and no tag: whoever watches a colleague learns of whom the colleague talks to, and nothing that could be
//! used in a Replaces.

use std::collections::BTreeSet;
use std::io;

use super::document::{Extent, Xml, address, plain, text};
use super::{DialogStage, WatchedDialog, WatchedDialogs};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:dialog-info";

/// Writes it. A leg that was in `before` and is no more is told once as terminated.
pub(super) fn write(
    xml: &mut Xml,
    now: &WatchedDialogs,
    before: Option<&WatchedDialogs>,
    extent: Extent,
    version: u32,
    domain: &str,
) -> io::Result<()> {
    let partial = before.filter(|_| extent == Extent::Changes);
    let state = if partial.is_some() { "partial" } else { "full" };
    let entity = address(&now.owner, domain).to_string();
    let known = before.map(|before| before.dialogs.as_slice()).unwrap_or_default();
    let root = xml.create_element("dialog-info").with_attributes([
        ("xmlns", NAMESPACE),
        ("version", version.to_string().as_str()),
        ("state", state),
        ("entity", entity.as_str()),
    ]);
    root.write_inner_content(|xml| {
        let mut here = BTreeSet::new();
        for dialog in now.dialogs.iter().filter(|_| extent != Extent::Nothing) {
            here.insert(dialog.leg);
            if partial.is_none() || !known.contains(dialog) {
                one(xml, now, dialog, stage(dialog.stage), domain)?;
            }
        }
        for gone in known.iter().filter(|gone| !here.contains(&gone.leg)) {
            one(xml, now, gone, "terminated", domain)?;
        }
        Ok(())
    })
    .map(|_| ())
}

fn one(xml: &mut Xml, of: &WatchedDialogs, dialog: &WatchedDialog, state: &str, domain: &str) -> io::Result<()> {
    let direction = if dialog.calls { "initiator" } else { "recipient" };
    let id = dialog.leg.to_string();
    let element = xml.create_element("dialog").with_attributes([("id", id.as_str()), ("direction", direction)]);
    element
        .write_inner_content(|xml| {
            text(xml, "state", state)?;
            participant(xml, "local", &of.owner, Some(!dialog.on_hold), domain)?;
            participant(xml, "remote", &dialog.peer, None, domain)
        })
        .map(|_| ())
}

/// Whether it renders what it hears is said of the one who is watched (RFC 4235 §4.1.6.2, RFC 3840 for the tag): `no` is on hold.
fn participant(
    xml: &mut Xml,
    name: &str,
    who: &conference::Identity,
    renders: Option<bool>,
    domain: &str,
) -> io::Result<()> {
    let uri = address(who, domain).to_string();
    let display = plain(&who.display);
    xml.create_element(name)
        .write_inner_content(|xml| {
            let identity = xml.create_element("identity");
            let identity =
                if display.is_empty() { identity } else { identity.with_attribute(("display", display.as_str())) };
            identity.write_text_content(quick_xml::events::BytesText::new(&uri))?;
            let target = xml.create_element("target").with_attribute(("uri", uri.as_str()));
            match renders {
                Some(renders) => target
                    .write_inner_content(|xml| {
                        let value = if renders { "yes" } else { "no" };
                        let param = [("pname", "+sip.rendering"), ("pval", value)];
                        xml.create_element("param").with_attributes(param).write_empty().map(|_| ())
                    })
                    .map(|_| ()),
                None => target.write_empty().map(|_| ()),
            }
        })
        .map(|_| ())
}

fn stage(stage: DialogStage) -> &'static str {
    match stage {
        DialogStage::Trying => "trying",
        DialogStage::Early => "early",
        DialogStage::Confirmed => "confirmed",
    }
}
