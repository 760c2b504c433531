//! An account's role, which says what it may do. It is in the account's row, in every token we sign and nowhere else;
//! the words are fixed, since they are on the wire and in the database. The table of routes says which routes each may
//! call.

use crate::domain::words::words;
use std::str::FromStr;

words! {
    /// One of the six kinds of account.
    Role {
        /// Carries out jobs; has a driver id.
        Driver = "driver",
        /// Asks for jobs; has a customer id.
        Customer = "customer",
        /// An operator who may do everything.
        Admin = "admin",
        /// An operator who gives work to drivers and takes it back, and changes no account.
        Dispatcher = "dispatcher",
        /// An operator who looks on, and is shown nobody's number.
        Viewer = "viewer",
        /// A program of the operator's: orders and bookings, nothing else.
        Service = "service",
    }
}

/// The word is none of the six roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown role")]
pub struct UnknownRole;

impl Role {
    /// One of those who run the fleet.
    pub const fn is_operator(self) -> bool {
        matches!(self, Role::Admin | Role::Dispatcher | Role::Viewer)
    }

    /// One of those who use the fleet's apps; the others run the fleet.
    pub const fn is_user(self) -> bool {
        matches!(self, Role::Driver | Role::Customer)
    }

    /// Whether this role is shown how others are reached, and the names that they log in with.
    pub const fn sees_contacts(self) -> bool {
        !matches!(self, Role::Viewer)
    }
}

/// Some of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    pub const ALL: Roles = Roles(u8::MAX);

    pub fn of(roles: impl IntoIterator<Item = Role>) -> Self {
        Roles(roles.into_iter().fold(0, |bits, role| bits | 1 << role as u8))
    }

    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Role::parse(word).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_for_text_and_json() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(serde_json::from_value::<Role>(role.as_str().into()).unwrap(), role);
        }
    }

    #[test]
    fn some_roles_are_those_that_were_named() {
        let some = Roles::of([Role::Driver, Role::Service]);
        let named: Vec<Role> = Role::ALL.into_iter().filter(|role| some.contains(*role)).collect();
        assert_eq!(named, [Role::Driver, Role::Service]);
        assert!(Role::ALL.into_iter().all(|role| Roles::ALL.contains(role)));
    }

    #[test]
    fn no_other_word_is_a_role() {
        for word in ["", "Driver", "DRIVER", " driver", "passenger", "root"] {
            assert_eq!(word.parse::<Role>(), Err(UnknownRole), "{word:?}");
            assert!(serde_json::from_value::<Role>(word.into()).is_err(), "{word:?}");
        }
    }
}
