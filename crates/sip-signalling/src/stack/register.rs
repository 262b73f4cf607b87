//! REGISTER from agents: the door has proved who it is, the registrar keeps where they are.

use conference::{AgentName, Moment};
use rsip::Request;

use super::{Alarm, Stack};
use crate::codec::all;
use crate::codec::headers::to;
use crate::flow::Flow;
use crate::gate::{OUTBOUND, Refusal, SUPPORTED};
use crate::leg::Party;
use crate::news::News;
use crate::registrar::{MIN_EXPIRES_S, Origin, RegisterRefusal, Registration};
use crate::settings::Protocol;

/// One contact of an agent, as an operator is shown it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RegistrationView {
    /// Whose.
    pub agent: String,
    /// The Contact.
    pub contact: String,
    /// Where it registered from.
    pub source: std::net::SocketAddr,
    /// Over what.
    pub protocol: Protocol,
    /// What the phone calls itself.
    pub user_agent: String,
    /// Seconds left.
    pub expires_s: u64,
}

impl Stack {
    /// A REGISTER whose sender is proved.
    pub(super) fn register(&mut self, flow: Flow, back: Flow, request: Request, user: &str) {
        let aor = to(&request.headers).ok().and_then(|to| to.uri.user_text().map(|user| user.into_owned()));
        if aor.is_none_or(|aor| !aor.eq_ignore_ascii_case(user)) {
            self.alert("foreign-registration", flow.peer, user.escape_default().to_string());
            return self.reply(back, request, &Refusal::plain(403));
        }
        // RFC 3261 §10.3 steps 1 and 5: whoever asks for another domain is at the wrong registrar
        let to = to(&request.headers).ok().map(|to| to.uri);
        if !self.own.is_ours(&(&request.uri).into(), flow) || !to.is_some_and(|to| self.own.is_ours(&to, flow)) {
            return self.reply(back, request, &Refusal::plain(404));
        }
        let own: Vec<_> = self.own.listeners().collect();
        let origin = Origin { flow, source: flow.peer };
        let asked = Registration::read(&request);
        let outbound = asked.as_ref().is_ok_and(Registration::is_outbound);
        let done = asked.and_then(|asked| self.registrar.register(self.now, user, &asked, &origin, &own));
        match done {
            Ok(registered) => {
                let changed = !registered.added.is_empty() || !registered.removed.is_empty();
                let mut headers: Vec<_> = registered.contacts.into_iter().map(|value| ("Contact", value)).collect();
                headers.extend(all(&request.headers, "Path").map(|value| ("Path", value.to_owned())));
                headers.push(("Supported", format!("{SUPPORTED}, {OUTBOUND}")));
                if outbound {
                    headers.push(("Require", OUTBOUND.to_owned()));
                }
                self.reply(back, request, &Refusal { status: 200, headers });
                self.watch_bindings(user, flow);
                if changed {
                    self.tell_registrations([user.to_owned()]);
                } else {
                    self.tell_bindings(user);
                }
            }
            Err(refusal) => {
                let mut answer = Refusal::plain(refusal.status());
                if refusal == RegisterRefusal::TooShort {
                    answer.headers.push(("Min-Expires", MIN_EXPIRES_S.to_string()));
                }
                self.reply(back, request, &answer);
            }
        }
    }

    /// Timers for what is registered now, and legs of a phone that has moved follow it.
    pub(super) fn watch_bindings(&mut self, aor: &str, flow: Flow) {
        self.watch_expiry();
        let bindings = self.registrar.lookup(self.now, aor);
        let here: Vec<_> = bindings.iter().filter(|binding| binding.flow == flow).collect();
        let phones: Vec<_> = here.iter().map(|binding| Self::phone_name(binding)).collect();
        let contacts: Vec<_> = here.iter().map(|binding| binding.contact.to_string()).collect();
        for contact in contacts {
            let key = Alarm::KeepAlive(aor.to_owned(), contact, flow);
            if flow.protocol == Protocol::Udp && self.alarms.at(&key).is_none() {
                self.alarms.arm(self.now + self.settings.keep_alive, key);
            }
        }
        self.move_legs(flow, |party, way| {
            way != flow && matches!(party, Party::Agent { name, phone } if name.0 == aor && phones.contains(phone))
        });
    }

    fn watch_expiry(&mut self) {
        match self.registrar.deadline() {
            Some(at) => self.alarms.arm(at, Alarm::Bindings),
            None => self.alarms.disarm(&Alarm::Bindings),
        }
    }

    /// Registrations have ended.
    pub(super) fn expire_bindings(&mut self) {
        let gone = self.registrar.expire(self.now);
        self.tell_registrations(gone.into_iter().map(|(aor, _)| aor));
    }

    /// Tells how many phones these agents have now, each once.
    pub(super) fn tell_registrations(&mut self, aors: impl IntoIterator<Item = String>) {
        let aors: std::collections::BTreeSet<_> = aors.into_iter().collect();
        for aor in aors {
            let phones = self.registrar.lookup(self.now, &aor).len();
            self.tell_bindings(&aor);
            self.tell(News::Registered { agent: AgentName(aor), phones });
        }
        self.watch_expiry();
    }

    /// All contacts, for an operator.
    pub(crate) fn registrations(&self, now: Moment) -> Vec<RegistrationView> {
        let live = self.registrar.iter().filter(|(_, binding)| binding.until > now);
        live.map(|(aor, binding)| RegistrationView {
            agent: aor.to_owned(),
            contact: binding.contact.to_string(),
            source: binding.source,
            protocol: binding.flow.protocol,
            user_agent: binding.user_agent.clone(),
            expires_s: binding.until.since(now).as_secs(),
        })
        .collect()
    }
}
