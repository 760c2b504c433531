//! `fleetwire conform`: checks over the network whether a running server, ours or another, keeps a contract. It knows the public
//! contracts and nothing of the server's inside.
//!
//! Each contract is a table of rules: a name, the sentence that the rule comes from, its section, and a check. A check makes its
//! own accounts, so the rules don't depend on each other. The accounts are suspended at the end, since no server lets a client
//! delete them.

mod checked;
mod client;
mod contract;
mod driver_app;
mod driver_events;
mod driver_rest;
mod driver_socket;
mod hailing_shapes;
mod hailing_socket;
mod positions;
mod push;
mod report;
mod ride_hailing;
mod ride_life;
mod ride_matching;
mod rides;
mod rule;
pub mod shape;
mod vectors;
mod world;

use std::error::Error;
use std::time::Instant;

use checked::Broken;
pub use client::Target;
pub use contract::Contract;
pub use report::{Line, Outcome, Report};
use rule::Rule;
use world::World;

/// The rules of a contract, in the order in which they are checked.
fn rules(contract: Contract) -> Vec<Rule> {
    match contract {
        Contract::DriverApp => driver_app::rules(),
        Contract::RideHailing => ride_hailing::rules(),
        Contract::RideMatching => ride_matching::rules(),
        Contract::Push => push::rules(),
    }
}

/// Checks the rules, of which `only` may choose those with a text in their names; `say` is told each line as soon as it is
/// known. An error means that nothing could be checked.
pub async fn check(
    contract: Contract,
    target: &Target,
    only: Option<&str>,
    say: impl Fn(&str),
) -> Result<Report, Box<dyn Error>> {
    let mut world = World::enter(contract, target).await?;
    let mut lines = Vec::new();
    let is_chosen = |rule: &Rule| only.is_none_or(|text| rule.name.contains(text));
    for rule in rules(contract).into_iter().filter(is_chosen) {
        let began = Instant::now();
        let outcome = match rule.check.run(&world).await {
            Ok(()) => Outcome::Pass,
            Err(Broken::Failed(instead)) => Outcome::Fail(instead),
            Err(Broken::Skipped(why)) => Outcome::Skip(why),
        };
        let line =
            Line { name: rule.name, says: rule.says, section: rule.section, outcome, took: began.elapsed() };
        say(&line.to_string());
        lines.push(line);
    }
    world.leave().await;
    if lines.is_empty() {
        return Err(format!("{contract} has no rule with {:?} in its name", only.unwrap_or_default()).into());
    }
    Ok(Report { contract, lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_says_something() {
        for contract in Contract::ALL {
            let rules = rules(contract);
            let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            assert_eq!(names.len(), rules.len(), "{contract}");
            assert!(rules.len() > 15, "{contract}: {}", rules.len());
            for rule in &rules {
                let is_placed = [".md, ", ".json, "].iter().any(|file| rule.section.contains(file));
                assert!(rule.says.len() > 15 && is_placed, "{contract} {}", rule.name);
            }
        }
    }
}
