//! A rule of a contract, and its check.

use crate::conform::checked::Checked;
use crate::conform::world::World;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

pub type Checking<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// A check; one of a vector is given it.
pub enum Check {
    Plain(for<'a> fn(&'a World) -> Checking<'a>),
    Of(for<'a> fn(&'a World, &'a Value) -> Checking<'a>, Value),
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
    pub section: &'static str,
    pub check: Check,
}

impl Rule {
    pub fn new(
        name: &str,
        section: &'static str,
        says: &str,
        check: for<'a> fn(&'a World) -> Checking<'a>,
    ) -> Self {
        Rule { name: name.to_owned(), says: says.to_owned(), section, check: Check::Plain(check) }
    }
}
