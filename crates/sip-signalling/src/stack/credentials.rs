//! Our own name and password at one server, and the rule to whom they are shown: to that server's address only, and at most
//! twice for one question (B15, B16).

use std::net::SocketAddr;

use rsip::{Request, Response};

use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::settings::Secret;

/// Answers to a challenge for one question.
const TRIES: u8 = 2;

/// Why a challenge is left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwilling {
    /// It comes from somebody else than whom the password is for.
    #[error("the challenge comes from a stranger")]
    Stranger,
    /// Tried often enough, or refused, or nothing we understand.
    #[error("the credentials do not help")]
    Refused,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    digest: DigestClient,
    only: SocketAddr,
    tries: u8,
}

impl Credentials {
    /// For the server at `only`.
    pub(crate) fn new(user: &str, password: &Secret, only: SocketAddr) -> Self {
        Self { digest: DigestClient::new(user, password), only, tries: 0 }
    }

    /// Takes the challenge of a 401 or 407 that came by `flow`.
    ///
    /// # Errors
    /// If it is not to be answered.
    pub(crate) fn challenged(&mut self, response: &Response, flow: Flow) -> Result<(), Unwilling> {
        if flow.remote != self.only {
            return Err(Unwilling::Stranger);
        }
        if self.tries >= TRIES {
            return Err(Unwilling::Refused);
        }
        self.tries += 1;
        self.digest.challenged(response).map_err(|_| Unwilling::Refused)
    }

    /// A question was answered without a challenge: the next may be tried anew.
    pub(crate) fn accepted(&mut self) {
        self.tries = 0;
    }

    /// Signs a request, if there was a challenge; only one that goes to the server.
    pub(crate) fn sign(&mut self, request: &mut Request, flow: Flow, cnonce: &str) {
        if flow.remote == self.only {
            self.digest.authorize(request, cnonce);
        }
    }
}

/// Whether a response is a challenge.
pub(crate) fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}
