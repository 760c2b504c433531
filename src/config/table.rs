//! The table of all settings: names, defaults, units and reasons. `.env.example` is made from it, and the defaults are
//! read from it, so that neither can differ from what the server does. The settings themselves are in the files of this
//! folder.

mod clients;
mod notifications;
mod payments;
mod push;
mod server;
mod work;

use std::sync::LazyLock;

/// The part of `.env.example` to which a setting belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Profile,
    Listening,
    Log,
    Database,
    Tokens,
    Region,
    Limits,
    Sessions,
    Delivery,
    Positions,
    Rides,
    Matching,
    Retention,
    PushServices,
    Notifications,
    Payments,
}

impl Section {
    pub const fn title(self) -> &'static str {
        match self {
            Section::Profile => "Profile",
            Section::Listening => "Listening",
            Section::Log => "Log",
            Section::Database => "Database",
            Section::Tokens => "Tokens and accounts",
            Section::Region => "Region",
            Section::Limits => "Limits on clients",
            Section::Sessions => "Sessions",
            Section::Delivery => "Delivery",
            Section::Positions => "Positions",
            Section::Rides => "Rides",
            Section::Matching => "Matching",
            Section::Retention => "Retention",
            Section::PushServices => "Push services",
            Section::Notifications => "Notifications",
            Section::Payments => "Payments",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub section: Section,
    /// In development; empty for none.
    pub default: &'static str,
    /// In production, where it differs.
    pub production: Option<&'static str>,
    /// In development when listening beyond this machine, where it differs.
    pub exposed: Option<&'static str>,
    /// The effect if there is no default.
    pub otherwise: &'static str,
    pub unit: &'static str,
    /// Its meaning, and the reason for its value.
    pub meaning: &'static str,
    /// Never shown.
    pub secret: bool,
}

const fn new(section: Section, name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        section,
        default,
        production: None,
        exposed: None,
        otherwise: "none",
        unit: "",
        meaning,
        secret: false,
    }
}

impl Setting {
    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn production(mut self, default: &'static str) -> Self {
        self.production = Some(default);
        self
    }

    const fn exposed(mut self, default: &'static str) -> Self {
        self.exposed = Some(default);
        self
    }

    const fn otherwise(mut self, what: &'static str) -> Self {
        self.otherwise = what;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Every setting, in the order of `.env.example`.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let parts = [
        server::SETTINGS,
        clients::SETTINGS,
        work::SETTINGS,
        push::SETTINGS,
        notifications::SETTINGS,
        payments::SETTINGS,
    ];
    parts.concat()
});

/// The setting of that name.
///
/// # Panics
/// If there is none: names are written in the code, never by an operator.
pub(super) fn setting(name: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .unwrap_or_else(|| panic!("{name} is not in the table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sections_stand_together() {
        let mut seen = Vec::new();
        let mut sections = Vec::new();
        for setting in SETTINGS.iter() {
            assert!(!seen.contains(&setting.name), "{} twice", setting.name);
            seen.push(setting.name);
            if sections.last() != Some(&setting.section) {
                assert!(!sections.contains(&setting.section), "{:?} is torn apart", setting.section);
                sections.push(setting.section);
            }
        }
    }
}
