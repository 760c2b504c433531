//! A rule of a contract, and its check.

use crate::conform::checked::Checked;
use crate::conform::contract::Contract;
use crate::conform::vectors;
use crate::conform::world::World;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

pub type Checking<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// A check that is given its vector.
pub type CheckOf = for<'a> fn(&'a World, &'a Value) -> Checking<'a>;

pub enum Check {
    Plain(for<'a> fn(&'a World) -> Checking<'a>),
    Of(CheckOf, Value),
}

impl Check {
    pub fn run<'a>(&'a self, world: &'a World) -> Checking<'a> {
        match self {
            Check::Plain(check) => check(world),
            Check::Of(check, vector) => check(world, vector),
        }
    }
}

pub struct Rule {
    pub name: String,
    /// The rule's sentence.
    pub says: String,
    /// The page and the section that it is from.
    pub section: String,
    pub check: Check,
}

impl Rule {
    pub fn new(name: &str, section: &str, says: &str, check: for<'a> fn(&'a World) -> Checking<'a>) -> Self {
        Rule {
            name: name.to_owned(),
            says: says.to_owned(),
            section: section.to_owned(),
            check: Check::Plain(check),
        }
    }

    /// Of each message that a contract's app sends: `check` finds that it is understood.
    pub fn of_sent(contract: Contract, senders: &str, check: CheckOf) -> impl Iterator<Item = Rule> {
        let says = format!("{senders} message");
        Self::of_each(contract, "client_to_server", check, move |name| {
            (format!("understands {name}"), format!("{says} \"{name}\" is understood as the vector has it"))
        })
    }

    /// Of each message that a contract's app hears: `check` finds that it has the vector's shape.
    pub fn of_heard(contract: Contract, check: CheckOf) -> impl Iterator<Item = Rule> {
        Self::of_each(contract, "server_to_client", check, |name| {
            let says =
                "has the vector's fields at every level, with their types, and what is documented besides";
            (format!("shape {name}"), format!("\"{name}\" {says}"))
        })
    }

    fn of_each(
        contract: Contract,
        list: &'static str,
        check: CheckOf,
        words: impl Fn(&str) -> (String, String),
    ) -> impl Iterator<Item = Rule> {
        vectors::vectors(contract, list).into_iter().map(move |vector| {
            let (name, says) = words(vector["name"].as_str().unwrap_or_default());
            let section = format!("contracts/vectors/{contract}.json, {list}");
            Rule { name, says, section, check: Check::Of(check, vector) }
        })
    }
}
