//! Where agents can be reached: the bindings of RFC 3261 §10.3, with several contacts, q, expiry, instances (RFC 5626).
//!
//! A pure store: no clock, no socket. Whether somebody may register is decided before (`digest`, and that the address of
//! record is the account's own); the flow `F` a registration came over is kept, never read.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use conference::Moment;
use serde::{Deserialize, Serialize};

use crate::codec::headers::{Contacts, NameAddr, addresses, call_id, contacts, cseq, expires, tokens};
use crate::codec::{Params, SipUri, all, one};
use crate::gate::OUTBOUND;

mod saved;
#[cfg(test)]
mod tests;

pub use saved::SavedBinding;

/// Contacts one address of record may have (B12).
pub(crate) const MAX_CONTACTS: usize = 10;
/// Seconds a registration holds if nothing is asked, and at most (B13).
pub(crate) const MAX_EXPIRES_S: u32 = 3600;
/// Seconds a registration holds at least (B12); less is answered 423.
pub(crate) const MIN_EXPIRES_S: u32 = 60;
/// Bytes of a User-Agent that are kept.
const USER_AGENT: usize = 200;

/// Why a REGISTER is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegisterRefusal {
    /// 400: a contact or number that cannot be read, or `*` with anything but Expires: 0.
    #[error("a contact or its expiry cannot be read")]
    Unreadable,
    /// 403: a contact that points to ourselves, to nowhere or to a group (B11).
    #[error("a contact points where no phone of this sender can be")]
    ContactNotAllowed,
    /// 403: more contacts than one address of record may have.
    #[error("too many contacts")]
    TooManyContacts,
    /// 439: the proxy that the phone's flow goes to cannot keep it (RFC 5626 §11.6).
    #[error("the first hop has no outbound support")]
    NoOutbound,
    /// 423 with Min-Expires: a shorter time than we keep.
    #[error("the registration is too short")]
    TooShort,
    /// 500: older than what is known from the same Call-ID (RFC 3261 §10.3 step 7).
    #[error("out of order")]
    OutOfOrder,
}

impl RegisterRefusal {
    /// The status that says so.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Unreadable => 400,
            Self::ContactNotAllowed | Self::TooManyContacts => 403,
            Self::TooShort => 423,
            Self::NoOutbound => 439,
            Self::OutOfOrder => 500,
        }
    }
}

/// One contact of an address of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding<F> {
    /// Where the phone says it is: the Request-URI for it.
    pub(crate) contact: SipUri,
    /// The other parameters of its Contact, `expires` left out.
    params: Params,
    /// Preference in thousandths.
    pub(crate) q: u16,
    /// When it ends.
    pub(crate) until: Moment,
    /// When it was last refreshed.
    pub(crate) refreshed: Moment,
    call_id: String,
    cseq: u32,
    instance: Option<String>,
    reg_id: Option<u32>,
    /// The way it came, and the way requests to it go (RFC 5626 §5.3).
    pub(crate) flow: F,
    /// The address it came from.
    pub(crate) source: SocketAddr,
    /// What the phone calls itself.
    pub(crate) user_agent: String,
    /// The Path it came by (RFC 3327), as a route set.
    pub(crate) path: Vec<String>,
}

impl<F> Binding<F> {
    /// The device by the name it gives itself (`+sip.instance`), if it does: the same over all its flows.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// The Contact value that tells a phone about this binding.
    fn told(&self, now: Moment) -> String {
        let mut params = self.params.clone();
        let left = self.until.since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        params.set("expires", Some(&seconds.to_string()));
        NameAddr { display: None, uri: self.contact.clone(), params }.to_string()
    }
}

/// What a REGISTER asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    contacts: Contacts,
    expires: Option<u32>,
    call_id: String,
    cseq: u32,
    user_agent: String,
    path: Vec<String>,
    /// Whether its sender keeps flows (RFC 5626 §4.2.1).
    outbound: bool,
    /// Whether it comes by a proxy that does not.
    first_hop_fails: bool,
}

impl Registration {
    /// Whether a flow is to be kept: the sender can, and names its device and the flow (RFC 5626 §6).
    pub(crate) fn is_outbound(&self) -> bool {
        let named = |contact: &NameAddr| contact.instance().is_some() && contact.reg_id().is_some();
        self.outbound && matches!(&self.contacts, Contacts::These(these) if these.iter().any(named))
    }

    /// Reads a REGISTER.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(crate) fn read(request: &rsip::Request) -> Result<Self, RegisterRefusal> {
        let headers = &request.headers;
        let unreadable = |_| RegisterRefusal::Unreadable;
        let mut user_agent = one(headers, "User-Agent").unwrap_or_default().to_owned();
        user_agent.truncate(user_agent.floor_char_boundary(USER_AGENT));
        let path = addresses(headers, "Path").map_err(unreadable)?;
        let asks = |name| tokens(headers, name).iter().any(|tag| tag.eq_ignore_ascii_case(OUTBOUND));
        // the first proxy put its address last, and says by "ob" that it keeps the flow (RFC 5626 §5.1)
        let kept = path.last().is_some_and(|first| first.uri.params.has("ob"));
        Ok(Self {
            outbound: asks("Supported") || asks("Require"),
            first_hop_fails: all(headers, "Via").count() > 1 && !kept,
            contacts: contacts(headers).map_err(unreadable)?,
            expires: expires(headers).map_err(unreadable)?,
            call_id: call_id(headers).to_owned(),
            cseq: cseq(headers).map_err(unreadable)?.number,
            user_agent,
            path: path.iter().map(ToString::to_string).collect(),
        })
    }
}

/// Where a REGISTER came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin<F> {
    /// Its flow.
    pub(crate) flow: F,
    /// Its address.
    pub(crate) source: SocketAddr,
}

/// What a REGISTER did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered<F> {
    /// The Contact values of the 200: every binding there is now with the seconds it has left.
    pub(crate) contacts: Vec<String>,
    /// Bindings that were not there before.
    pub(crate) added: Vec<Binding<F>>,
    /// Bindings that are no longer there.
    pub(crate) removed: Vec<Binding<F>>,
}

/// All bindings of all addresses of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registrar<F> {
    bindings: BTreeMap<String, Vec<Binding<F>>>,
}

impl<F> Default for Registrar<F> {
    fn default() -> Self {
        Self { bindings: BTreeMap::new() }
    }
}

impl<F: Clone + PartialEq> Registrar<F> {
    /// Carries out a REGISTER for an address of record, wholly or not at all. `own` is where we listen.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub(crate) fn register(
        &mut self,
        now: Moment,
        aor: &str,
        asked: &Registration,
        origin: &Origin<F>,
        own: &[SocketAddr],
    ) -> Result<Registered<F>, RegisterRefusal> {
        if asked.is_outbound() && asked.first_hop_fails {
            return Err(RegisterRefusal::NoOutbound);
        }
        let before: Vec<_> =
            self.bindings.get(aor).into_iter().flatten().filter(|known| known.until > now).cloned().collect();
        let after = match &asked.contacts {
            Contacts::Star if asked.expires != Some(0) => return Err(RegisterRefusal::Unreadable),
            Contacts::Star if before.iter().any(|known| is_newer(known, asked)) => {
                return Err(RegisterRefusal::OutOfOrder);
            }
            Contacts::Star => Vec::new(),
            Contacts::These(contacts) => bind_all(now, &before, contacts, asked, origin, own)?,
        };
        let added = after.iter().filter(|new| !before.iter().any(|old| same_binding(old, new))).cloned().collect();
        let removed = before.into_iter().filter(|old| !after.iter().any(|new| same_binding(old, new))).collect();
        let contacts = after.iter().map(|binding| binding.told(now)).collect();
        self.put(aor, after);
        Ok(Registered { contacts, added, removed })
    }

    /// The bindings of an address of record, best q first, then the freshest.
    pub(crate) fn lookup(&self, now: Moment, aor: &str) -> Vec<&Binding<F>> {
        let mut found: Vec<_> =
            self.bindings.get(aor).into_iter().flatten().filter(|known| known.until > now).collect();
        found.sort_by(|one, other| other.q.cmp(&one.q).then(other.refreshed.cmp(&one.refreshed)));
        found
    }

    /// Every address of record with its bindings, expired ones included until [`Self::expire`] takes them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Binding<F>)> {
        self.bindings.iter().flat_map(|(aor, bindings)| bindings.iter().map(move |binding| (aor.as_str(), binding)))
    }

    /// Puts back what was known before a restart: what has not ended, and no more than an address of record may have.
    pub(crate) fn restore(&mut self, now: Moment, aor: &str, mut bindings: Vec<Binding<F>>) {
        bindings.retain(|binding| binding.until > now);
        bindings.truncate(MAX_CONTACTS);
        self.put(aor, bindings);
    }

    /// When the next binding ends.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.iter().map(|(_, binding)| binding.until).min()
    }

    /// Takes out what has ended.
    pub(crate) fn expire(&mut self, now: Moment) -> Vec<(String, Binding<F>)> {
        self.take(|_, binding| binding.until <= now)
    }

    /// Takes out what came over a flow that is gone.
    pub(crate) fn flow_ended(&mut self, flow: &F) -> Vec<(String, Binding<F>)> {
        self.take(|_, binding| binding.flow == *flow)
    }

    /// Takes out the bindings of addresses of record that are no longer allowed.
    pub(crate) fn keep_only(&mut self, mut allowed: impl FnMut(&str) -> bool) -> Vec<(String, Binding<F>)> {
        self.take(|aor, _| !allowed(aor))
    }

    fn take(&mut self, mut goes: impl FnMut(&str, &Binding<F>) -> bool) -> Vec<(String, Binding<F>)> {
        let mut taken = Vec::new();
        for (aor, bindings) in &mut self.bindings {
            taken.extend(bindings.extract_if(.., |binding| goes(aor, binding)).map(|binding| (aor.clone(), binding)));
        }
        self.bindings.retain(|_, bindings| !bindings.is_empty());
        taken
    }

    fn put(&mut self, aor: &str, bindings: Vec<Binding<F>>) {
        if bindings.is_empty() {
            self.bindings.remove(aor);
        } else {
            self.bindings.insert(aor.to_owned(), bindings);
        }
    }
}

/// Whether both are one binding: the one takes the other's place, and is neither an addition nor a removal.
///
/// Devices and flows that are named are compared by their names alone (RFC 5626 §6): all flows of a phone may have the same
/// Contact, and so may two phones behind two routers. Contacts are compared where one side lacks a name.
fn same_binding<F: PartialEq>(one: &Binding<F>, other: &Binding<F>) -> bool {
    let same_contact = one.contact.same_as(&other.contact);
    match (&one.instance, &other.instance) {
        (Some(instance), Some(another)) if instance == another => {
            let both_named = one.reg_id.is_some() && other.reg_id.is_some();
            one.reg_id == other.reg_id || !both_named && same_contact
        }
        // a phone that invents another name at every start: nobody else can be at the end of its flow
        (Some(_), Some(_)) => {
            let direct = one.path.is_empty() && other.path.is_empty();
            same_contact && direct && one.flow == other.flow
        }
        (None, _) | (_, None) => same_contact,
    }
}

/// Whether a binding is from a later request of the same Call-ID than this one, RFC 3261 §10.3 steps 6 and 7.
fn is_newer<F>(known: &Binding<F>, asked: &Registration) -> bool {
    known.call_id == asked.call_id && known.cseq >= asked.cseq
}

fn bind_all<F: Clone + PartialEq>(
    now: Moment,
    before: &[Binding<F>],
    contacts: &[NameAddr],
    asked: &Registration,
    origin: &Origin<F>,
    own: &[SocketAddr],
) -> Result<Vec<Binding<F>>, RegisterRefusal> {
    if contacts.len() > 2 * MAX_CONTACTS {
        return Err(RegisterRefusal::Unreadable);
    }
    let mut after = before.to_vec();
    for contact in contacts {
        let new = bind(now, contact, asked, origin)?;
        if before.iter().any(|known| same_binding(known, &new) && is_newer(known, asked)) {
            return Err(RegisterRefusal::OutOfOrder);
        }
        after.retain(|known| !same_binding(known, &new));
        let seconds = seconds(contact, asked)?;
        if seconds > 0 {
            if !is_allowed(contact, origin.source, own) {
                return Err(RegisterRefusal::ContactNotAllowed);
            }
            after.push(Binding { until: now + Duration::from_secs(u64::from(seconds)), ..new });
        }
    }
    if after.len() > MAX_CONTACTS {
        return Err(RegisterRefusal::TooManyContacts);
    }
    Ok(after)
}

/// The binding that a contact asks for; how long it holds is yet to be said.
fn bind<F: Clone>(
    now: Moment,
    contact: &NameAddr,
    asked: &Registration,
    origin: &Origin<F>,
) -> Result<Binding<F>, RegisterRefusal> {
    let mut params = contact.params.clone();
    params.remove("expires");
    Ok(Binding {
        contact: contact.uri.clone(),
        params,
        q: contact.q().map_err(|_| RegisterRefusal::Unreadable)?,
        until: now,
        refreshed: now,
        call_id: asked.call_id.clone(),
        cseq: asked.cseq,
        instance: contact.instance(),
        reg_id: contact.reg_id(),
        flow: origin.flow.clone(),
        source: origin.source,
        user_agent: asked.user_agent.clone(),
        path: asked.path.clone(),
    })
}

/// How long a contact is kept: its own parameter, else the header, else the longest; 0 takes it out.
fn seconds(contact: &NameAddr, asked: &Registration) -> Result<u32, RegisterRefusal> {
    let own = contact.expires().map_err(|_| RegisterRefusal::Unreadable)?;
    match own.or(asked.expires).unwrap_or(MAX_EXPIRES_S) {
        0 => Ok(0),
        short if short < MIN_EXPIRES_S => Err(RegisterRefusal::TooShort),
        long => Ok(long.min(MAX_EXPIRES_S)),
    }
}

/// B11: nowhere, a group, our own ears, or the loopback of a machine that is not the sender's.
fn is_allowed(contact: &NameAddr, source: SocketAddr, own: &[SocketAddr]) -> bool {
    if !contact.uri.is_sip() {
        return false;
    }
    let Some(ip) = contact.uri.ip().map(|ip| ip.to_canonical()) else { return true };
    let port = contact.uri.port_or_default();
    let is_ours = own.iter().any(|own| {
        let everywhere = own.ip().is_unspecified() && ip.is_loopback();
        own.port() == port && (own.ip() == ip || everywhere)
    });
    let is_nobody = ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4]);
    !is_ours && !is_nobody && (!ip.is_loopback() || ip == source.ip().to_canonical())
}
