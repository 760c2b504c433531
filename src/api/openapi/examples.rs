//! Requests and answers of the contracts' vectors, which the apps' own tests use, too.

use serde_json::Value;

const VECTORS: [&str; 2] = [
    include_str!("../../contracts/vectors/push.json"),
    include_str!("../../contracts/vectors/ride-hailing.json"),
];

/// A call as a vector has it.
pub struct Example {
    pub request: Option<Value>,
    pub response: Value,
}

/// The first one of this route.
pub fn example(method: &str, path: &str) -> Option<Example> {
    VECTORS.iter().find_map(|file| {
        let contract: Value = serde_json::from_str(file).expect("the vectors are JSON");
        contract["rest"].as_array()?.iter().find_map(|call| example_of(call, method, path))
    })
}

/// A request is an object, or where it has no body a line.
fn example_of(call: &Value, method: &str, path: &str) -> Option<Example> {
    let request = &call["request"];
    let is_this = match request {
        Value::String(line) => line.split_once(' ') == Some((method, path)),
        request => request["method"] == method && request["path"] == path,
    };
    is_this.then(|| Example { request: request.get("body").cloned(), response: call["response"].clone() })
}
