//! The vectors of the contracts, built into the program.

use crate::conform::contract::Contract;
use serde_json::Value;

fn file(contract: Contract) -> Value {
    let text = match contract {
        Contract::DriverApp => include_str!("../contracts/vectors/driver-app.json"),
        Contract::RideHailing => include_str!("../contracts/vectors/ride-hailing.json"),
        Contract::RideMatching => include_str!("../contracts/vectors/ride-matching.json"),
        Contract::Push => include_str!("../contracts/vectors/push.json"),
    };
    serde_json::from_str(text).expect("the vectors are JSON, as the tests show")
}

/// The entries of a list: `client_to_server`, `server_to_client` or `rest`.
pub fn vectors(contract: Contract, list: &str) -> Vec<Value> {
    file(contract)[list].as_array().cloned().unwrap_or_default()
}

/// The one of this name.
pub fn vector(contract: Contract, list: &str, name: &str) -> Value {
    vectors(contract, list).into_iter().find(|vector| vector["name"] == name).unwrap_or_default()
}

/// The types that an app of the contract has a meaning for. It ignores any other.
pub fn known_types(contract: Contract) -> Vec<String> {
    let all = vectors(contract, "server_to_client").into_iter();
    let mut types: Vec<String> =
        all.filter_map(|vector| Some(vector["message"]["type"].as_str()?.to_owned())).collect();
    types.sort();
    types.dedup();
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contract_has_vectors() {
        for contract in [Contract::DriverApp, Contract::RideHailing, Contract::RideMatching] {
            assert!(!vectors(contract, "client_to_server").is_empty(), "{contract}");
            assert!(known_types(contract).len() > 5, "{contract}");
        }
        assert_eq!(vector(Contract::Push, "rest", "register")["request"]["path"], "/api/Push/register");
    }
}
