//! `application/conference-info+xml` (RFC 4575 §5): who is in a conference.
//!
//! Everybody is told under an address that stays theirs and is nobody else's: an agent under the agent's own, others under
//! theirs with their place in the call, since two callers may show one number or none.

use std::collections::BTreeSet;
use std::io;

use conference::Role;

use super::document::{Extent, Xml, address, plain, text};
use super::{Attendance, MOST_LISTED, WatchedConference, WatchedEndpoint, WatchedUser};
use crate::codec::SipUri;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

/// Writes it. Somebody who was in `before` and is no more is told once as deleted.
pub(super) fn write(
    xml: &mut Xml,
    now: &WatchedConference,
    before: Option<&WatchedConference>,
    extent: Extent,
    version: u32,
    domain: &str,
) -> io::Result<()> {
    let partial = before.filter(|_| extent == Extent::Changes);
    let state = match (extent, partial) {
        (Extent::Nothing, _) => "deleted",
        (_, Some(_)) => "partial",
        (_, None) => "full",
    };
    let entity = SipUri::new(Some(&plain(&now.user)), domain, None).to_string();
    let root = xml.create_element("conference-info").with_attributes([
        ("xmlns", NAMESPACE),
        ("entity", entity.as_str()),
        ("state", state),
        ("version", version.to_string().as_str()),
    ]);
    if extent == Extent::Nothing {
        return root.write_empty().map(|_| ());
    }
    root.write_inner_content(|xml| {
        if partial.is_none_or(|before| (&before.subject, before.most) != (&now.subject, now.most)) {
            description(xml, now)?;
        }
        if partial.is_none_or(|before| before.users.len() != now.users.len() || before.locked != now.locked) {
            conference_state(xml, now)?;
        }
        users(xml, now, partial, domain)
    })
    .map(|_| ())
}

fn description(xml: &mut Xml, now: &WatchedConference) -> io::Result<()> {
    xml.create_element("conference-description")
        .write_inner_content(|xml| {
            if !now.subject.is_empty() {
                text(xml, "display-text", &now.subject)?;
                text(xml, "subject", &now.subject)?;
            }
            match now.most {
                Some(most) => text(xml, "maximum-user-count", &most.to_string()),
                None => Ok(()),
            }
        })
        .map(|_| ())
}

fn conference_state(xml: &mut Xml, now: &WatchedConference) -> io::Result<()> {
    xml.create_element("conference-state")
        .write_inner_content(|xml| {
            text(xml, "user-count", &now.users.len().to_string())?;
            text(xml, "active", if now.users.is_empty() { "false" } else { "true" })?;
            text(xml, "locked", if now.locked { "true" } else { "false" })
        })
        .map(|_| ())
}

fn users(xml: &mut Xml, now: &WatchedConference, partial: Option<&WatchedConference>, domain: &str) -> io::Result<()> {
    let cut = now.users.len() > MOST_LISTED;
    let known = partial.map(listed).unwrap_or_default();
    let state = if partial.is_some() || cut { "partial" } else { "full" };
    xml.create_element("users")
        .with_attribute(("state", state))
        .write_inner_content(|xml| {
            let here: BTreeSet<_> = listed(now).iter().map(|user| entity(user, domain)).collect();
            for gone in known.iter().map(|user| entity(user, domain)).filter(|gone| !here.contains(gone)) {
                let deleted = [("entity", gone.as_str()), ("state", "deleted")];
                xml.create_element("user").with_attributes(deleted).write_empty()?;
            }
            listed(now).iter().filter(|user| !known.contains(user)).try_for_each(|user| one(xml, user, domain))
        })
        .map(|_| ())
}

fn listed(of: &WatchedConference) -> &[WatchedUser] {
    &of.users[..of.users.len().min(MOST_LISTED)]
}

fn one(xml: &mut Xml, user: &WatchedUser, domain: &str) -> io::Result<()> {
    let entity = entity(user, domain);
    xml.create_element("user")
        .with_attributes([("entity", entity.as_str()), ("state", "full")])
        .write_inner_content(|xml| {
            let shown = if user.shown.display.is_empty() { &user.shown.user } else { &user.shown.display };
            if !shown.is_empty() {
                text(xml, "display-text", shown)?;
            }
            xml.create_element("roles").write_inner_content(|xml| text(xml, "entry", role(user.role)))?;
            user.endpoints.iter().try_for_each(|leg| endpoint(xml, leg, domain))
        })
        .map(|_| ())
}

fn endpoint(xml: &mut Xml, leg: &WatchedEndpoint, domain: &str) -> io::Result<()> {
    let entity = SipUri::new(Some(&leg.leg.to_string()), domain, None).to_string();
    let (status, media) = attendance(leg.attendance);
    xml.create_element("endpoint")
        .with_attributes([("entity", entity.as_str()), ("state", "full")])
        .write_inner_content(|xml| {
            text(xml, "status", status)?;
            text(xml, "joining-method", if leg.leg.is_rung() { "dialed-out" } else { "dialed-in" })?;
            let Some(direction) = media else { return Ok(()) };
            let media = xml.create_element("media").with_attribute(("id", "1"));
            media
                .write_inner_content(|xml| {
                    text(xml, "type", "audio")?;
                    text(xml, "status", direction)
                })
                .map(|_| ())
        })
        .map(|_| ())
}

/// The status of an endpoint, and in which direction its sound goes, seen from it, once there is any.
fn attendance(attendance: Attendance) -> (&'static str, Option<&'static str>) {
    match attendance {
        Attendance::DialingIn => ("dialing-in", None),
        Attendance::DialingOut => ("dialing-out", None),
        Attendance::Alerting => ("alerting", None),
        Attendance::Connected => ("connected", Some("sendrecv")),
        Attendance::Muted => ("muted-via-focus", Some("recvonly")),
        Attendance::OnHold => ("on-hold", Some("inactive")),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Customer => "customer",
        Role::Agent => "agent",
        Role::Outside => "outside",
        Role::Supervisor => "supervisor",
    }
}

fn entity(user: &WatchedUser, domain: &str) -> String {
    let mut uri = address(&user.shown, domain);
    match user.role {
        Role::Agent => {}
        Role::Customer | Role::Outside | Role::Supervisor => {
            uri.params.set("participant", Some(&user.who.to_string()));
        }
    }
    uri.to_string()
}
