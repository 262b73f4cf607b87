//! Registrations outlive a restart: told whenever they change, and taken up again at the start.
//!
//! ```text
//!   UDP        rung again at once, by the same listener or the one that stands in its place
//!   TCP, TLS   its connection has ended with the process, and the registration with it, as when a connection breaks: the
//!              phone makes a new one and registers by it (RFC 5626 §4.2.1)
//! ```

use conference::{AgentName, Moment};

use super::Stack;
use crate::flow::Flow;
use crate::news::News;
use crate::registrar::SavedBinding;
use crate::settings::Protocol;

impl Stack {
    /// Takes up what was registered before a restart, and tells what of it there is.
    pub(crate) fn restore(&mut self, now: Moment, bindings: Vec<(AgentName, Vec<SavedBinding>)>) {
        self.now = now;
        for (AgentName(aor), kept) in bindings {
            let before = kept.len();
            let known = self.secrets.contains_key(&aor);
            let kept = kept.into_iter().filter(|_| known).filter_map(|SavedBinding(mut binding)| {
                binding.flow = self.flow_again(binding.flow)?;
                Some(binding)
            });
            let kept: Vec<_> = kept.collect();
            self.registrar.restore(now, &aor, kept);
            let restored: Vec<_> = self.registrar.lookup(now, &aor).iter().map(|binding| binding.flow).collect();
            for flow in &restored {
                self.watch_bindings(&aor, *flow);
            }
            if !restored.is_empty() || before > 0 {
                self.tell_bindings(&aor);
            }
            if !restored.is_empty() {
                self.tell(News::Registered { agent: AgentName(aor.clone()), phones: restored.len() });
            }
        }
    }

    /// The way to a phone that was reached by this one before the restart.
    fn flow_again(&mut self, flow: Flow) -> Option<Flow> {
        match flow.protocol {
            Protocol::Udp if self.own.listens(flow) => Some(flow),
            Protocol::Udp => self.own.flow_to(flow.protocol, flow.peer),
            Protocol::Tcp | Protocol::Tls => None,
        }
    }

    /// Tells what is to be kept of an agent's bindings.
    pub(super) fn tell_bindings(&mut self, aor: &str) {
        let contacts = self.registrar.lookup(self.now, aor).into_iter().cloned().map(SavedBinding).collect();
        self.tell(News::Bound { agent: AgentName(aor.to_owned()), contacts });
    }
}
