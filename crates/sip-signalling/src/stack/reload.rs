//! Agents and trunks are others from here on. Listeners stay as they are.

use super::{Stack, secrets};
use crate::settings::Directory;

impl Stack {
    /// Other agents and trunks; calls go on.
    pub(super) fn reload(&mut self, directory: Directory) {
        let before = std::mem::take(&mut self.secrets);
        let old = std::mem::replace(&mut self.settings.directory, directory);
        self.secure.renew(&self.settings);
        (self.secrets, _) = secrets::of(&self.settings.directory, &self.settings.domain, (&old, &before));
        let secrets = &self.secrets;
        // whoever registered with a password that holds no longer is not rung any more
        let gone = self.registrar.keep_only(|aor| secrets.contains_key(aor) && secrets.get(aor) == before.get(aor));
        self.tell_registrations(gone.into_iter().map(|(aor, _)| aor));
        self.end_foreign_watches();
        self.enrol(self.now);
    }
}
