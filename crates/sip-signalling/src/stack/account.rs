//! A phone's own registrations (`Doorkeeping::Phone`): REGISTER, its challenges, refreshes and second tries.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsip::{Method, Response};

use super::{Alarm, Stack, User};
use crate::codec::headers::{Contacts, NameAddr, contacts, expires, min_expires};
use crate::codec::{SipUri, push};
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::gate::same_ip;
use crate::news::News;
use crate::wish::PhoneAccount;

/// How long a phone waits before it tries again to register.
const AGAIN: Duration = Duration::from_secs(30);
/// How long it waits before it registers again when its stream broke.
const AFTER_BREAK: Duration = Duration::from_secs(2);
/// Challenges answered in a row.
const TRIES: u8 = 2;

/// One account and how far its registration is.
#[derive(Debug)]
pub(super) struct PhoneState {
    account: PhoneAccount,
    call_id: String,
    tag: String,
    number: u32,
    digest: DigestClient,
    tries: u8,
    expires_s: u32,
    leaving: bool,
}

impl PhoneState {
    /// The user part.
    pub(super) fn user(&self) -> &str {
        &self.account.user
    }

    /// The domain.
    pub(super) fn domain(&self) -> &str {
        &self.account.domain
    }

    /// Where its server is.
    pub(super) fn server(&self) -> IpAddr {
        self.account.server.ip()
    }

    /// What its challenges are answered with, and who may challenge.
    pub(super) fn credentials(&self) -> (DigestClient, IpAddr) {
        (DigestClient::new(&self.account.user, &self.account.password), self.server())
    }

    fn address(&self) -> SocketAddr {
        self.account.server
    }
}

impl Stack {
    /// Registers an account and keeps it registered.
    pub(super) fn register_phone(&mut self, account: PhoneAccount) {
        let user = account.user.clone();
        let state = PhoneState {
            digest: DigestClient::new(&account.user, &account.password),
            call_id: self.call_id(),
            tag: self.chance.word(),
            number: 0,
            tries: 0,
            expires_s: account.expires_s,
            leaving: false,
            account,
        };
        self.accounts.insert(user.clone(), state);
        self.refresh_phone(&user);
    }

    /// Takes a registration back.
    pub(super) fn unregister_phone(&mut self, user: &str) {
        let Some(state) = self.accounts.get_mut(user) else { return };
        (state.leaving, state.expires_s) = (true, 0);
        self.refresh_phone(user);
    }

    /// Sends the account's REGISTER.
    pub(super) fn refresh_phone(&mut self, user: &str) {
        self.alarms.disarm(&Alarm::Account(user.to_owned()));
        let Some(state) = self.accounts.get_mut(user) else { return };
        state.number += 1;
        let (number, call_id) = (state.number, state.call_id.clone());
        let (domain, expires_s) = (state.account.domain.clone(), state.expires_s);
        let (tag, server, protocol) = (state.tag.clone(), state.address(), state.account.protocol);
        let Some(flow) = self.own.flow_to(protocol, server) else { return self.phone_failed(user, 503) };
        self.expect_server(flow, &domain);
        let registrar = SipUri::new(None, &domain, None);
        let aor = NameAddr::new(SipUri::new(Some(user), &domain, None));
        let from = aor.clone().with_tag(&tag);
        let mut request = self.outside_as(Method::Register, &registrar, &from, &aor, &call_id, number);
        let contact = self.contact(flow, Some(user)).to_string();
        push(&mut request.headers, "Contact", contact);
        push(&mut request.headers, "Expires", expires_s.to_string());
        push(&mut request.headers, "Allow", self.allow);
        let cnonce = self.chance.word();
        if let Some(state) = self.accounts.get_mut(user) {
            state.digest.authorize(&mut request, &cnonce);
        }
        self.send(flow, request, User::Account(user.to_owned()));
    }

    /// The server's answer to a REGISTER.
    pub(super) fn phone_answered(&mut self, user: &str, response: &Response, source: Flow) {
        let Some(state) = self.accounts.get_mut(user) else { return };
        match response.status_code.code() {
            200..300 => {
                state.tries = 0;
                if state.leaving {
                    self.accounts.remove(user);
                } else {
                    let granted = granted(response, user).unwrap_or(state.expires_s);
                    // well before the end: RFC 5626 §4.4.1 says 80 % of short times, and we take it for all
                    let span = Duration::from_secs(u64::from(granted)).mul_f64(0.8).max(Duration::from_secs(1));
                    self.alarms.arm(self.now + span, Alarm::Account(user.to_owned()));
                }
                self.tell(News::PhoneRegistered { user: user.to_owned(), status: 200 });
            }
            401 | 407 if same_ip(state.server(), source.peer.ip()) && state.tries < TRIES => {
                state.tries += 1;
                match state.digest.challenged(response) {
                    Ok(()) => self.refresh_phone(user),
                    Err(_) => self.phone_failed(user, response.status_code.code()),
                }
            }
            423 if state.tries < TRIES => {
                state.tries += 1;
                let least = min_expires(&response.headers).ok().flatten().unwrap_or(3600);
                state.expires_s = state.expires_s.max(least);
                self.refresh_phone(user);
            }
            status => self.phone_failed(user, status),
        }
    }

    /// The stream to a server broke: what was registered over it is not reachable any more, so it registers again.
    pub(super) fn stream_lost(&mut self, flow: Flow) {
        let over = |state: &PhoneState| state.account.protocol == flow.protocol && state.address() == flow.peer;
        for (user, _) in self.accounts.iter().filter(|(_, state)| over(state)) {
            self.alarms.arm(self.now + AFTER_BREAK, Alarm::Account(user.clone()));
        }
    }

    /// A registration failed: told, and tried again later (unless it was to be taken back).
    pub(super) fn phone_failed(&mut self, user: &str, status: u16) {
        let Some(state) = self.accounts.get_mut(user) else { return };
        state.tries = 0;
        state.digest = DigestClient::new(&state.account.user, &state.account.password);
        if state.leaving {
            self.accounts.remove(user);
        } else {
            self.alarms.arm(self.now + AGAIN, Alarm::Account(user.to_owned()));
        }
        self.tell(News::PhoneRegistered { user: user.to_owned(), status });
    }
}

/// The seconds the server grants to this user's contact.
fn granted(response: &Response, user: &str) -> Option<u32> {
    let of_contact = match contacts(&response.headers) {
        Ok(Contacts::These(these)) => these
            .iter()
            .filter(|contact| contact.uri.user_text().is_some_and(|known| known == user))
            .filter_map(|contact| contact.expires().ok().flatten())
            .min(),
        Ok(Contacts::Star) | Err(_) => None,
    };
    of_contact.or_else(|| expires(&response.headers).ok().flatten())
}
