//! The users of the house: who may log in, and with what.

use control_api::{Credential, HouseError, User};

use super::{Inside, name};

impl Inside {
    pub(super) fn add_user(&mut self, user: User, password: String) -> Result<(), HouseError> {
        if self.users.contains_key(&user.name) {
            return Err(HouseError::Conflict(format!("there is a user {} already", user.name)));
        }
        self.users.insert(user.name.clone(), (user, password));
        self.stand();
        Ok(())
    }

    /// Says who may log in now.
    pub(super) fn stand(&self) {
        let standing = self.users.values().map(|(user, secret)| (name(&user.name), Credential(secret.clone())));
        self.house.standing.send_replace(std::sync::Arc::new(standing.collect()));
    }

    /// The settings file is read again, and says another password.
    pub fn reread(&mut self, who: &str, password: &str) {
        self.users.get_mut(who).expect("a user").1 = password.to_owned();
        self.stand();
    }

    pub(super) fn own_user(&mut self, name: &str) -> Result<&mut (User, String), HouseError> {
        let known = self.users.get_mut(name).ok_or(HouseError::NotFound)?;
        if known.0.from_file {
            return Err(HouseError::Conflict("it stands in the settings file".to_owned()));
        }
        Ok(known)
    }
}
