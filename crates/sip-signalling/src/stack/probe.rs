//! Signs of life: OPTIONS inside a dialog when the owner asks, OPTIONS to contacts so that their way stays open.

use conference::LegId;
use rsip::Method;

use super::{Alarm, Stack, User};
use crate::codec::SipUri;
use crate::codec::headers::NameAddr;
use crate::codec::push;
use crate::flow::Flow;
use crate::news::News;
use crate::registrar::Binding;

impl Stack {
    /// Asks a leg's phone whether it lives.
    pub(super) fn probe(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg).filter(|session| !session.over) else { return };
        let mut dialog = session.dialog.clone();
        let mut request = self.inside(&mut dialog, Method::Options);
        push(&mut request.headers, "Accept", crate::gate::SDP);
        self.keep_number(leg, &dialog);
        self.send(dialog.way(), request, User::Probe(leg));
    }

    /// Its answer.
    pub(super) fn probed(&mut self, leg: LegId, alive: bool) {
        if self.session_mut(leg).is_some_and(|session| !session.over) {
            self.tell(News::Probed { leg, alive });
        }
    }

    /// OPTIONS to a contact by a flow, as long as it is registered so. What it answers does not matter: the packet itself keeps the
    /// address translation between open.
    pub(super) fn keep_alive(&mut self, aor: &str, contact: &str, flow: Flow) {
        let bindings = self.registrar.lookup(self.now, aor);
        let is_meant = |binding: &&Binding<Flow>| binding.flow == flow && binding.contact.to_string() == contact;
        let Some(binding) = bindings.into_iter().find(is_meant) else { return };
        let (uri, path) = (binding.contact.clone(), binding.path.clone());
        let to = NameAddr::new(SipUri::new(Some(aor), &self.settings.domain, None));
        let from = NameAddr::new(SipUri::new(None, &self.settings.domain, None));
        let mut request = self.outside(Method::Options, &uri, from, to, 1);
        for route in path {
            push(&mut request.headers, "Route", route);
        }
        let ours = self.contact(flow, None).to_string();
        push(&mut request.headers, "Contact", ours);
        push(&mut request.headers, "Accept", crate::gate::SDP);
        self.send(flow, request, User::Nobody);
        let key = Alarm::KeepAlive(aor.to_owned(), contact.to_owned(), flow);
        self.alarms.arm(self.now + self.settings.keep_alive, key);
    }
}
