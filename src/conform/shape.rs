//! Compares a message with its vector: the same keys at every level and the same JSON types. Texts in angle brackets
//! stand for values that the server chooses; other values may differ.

use serde_json::Value;

/// The differences between a message and an entry of a vector file, with what the entry says is added.
pub fn differences_from(actual: &Value, entry: &Value) -> Vec<String> {
    let added: Vec<String> = serde_json::from_value(entry["added_fields"].clone()).unwrap_or_default();
    differences(actual, &entry["message"], &added)
}

/// The differences between a message and its vector, each with its path. `added` are fields that the project adds to what
/// the apps fixed (`data.sequence`): they must be there.
pub fn differences(actual: &Value, vector: &Value, added: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut bare = actual.clone();
    for field in added {
        let (parent, name) =
            field.split_once('.').map_or((None, field.as_str()), |(p, name)| (Some(p), name));
        let object = match parent {
            Some(parent) => &mut bare[parent],
            None => &mut bare,
        };
        let taken = object.as_object_mut().and_then(|fields| fields.remove(name));
        if taken.is_none_or(|value| value.is_null()) {
            found.push(format!("{field}: missing"));
        }
    }
    compare("", &bare, vector, &mut found);
    found
}

fn compare(path: &str, actual: &Value, vector: &Value, found: &mut Vec<String>) {
    match (actual, vector) {
        (Value::Object(fields), Value::Object(expected)) => {
            for key in expected.keys().filter(|key| !fields.contains_key(*key)) {
                found.push(format!("{path}.{key}: missing"));
            }
            for key in fields.keys().filter(|key| !expected.contains_key(*key)) {
                found.push(format!("{path}.{key}: not in the vector"));
            }
            for (key, value) in expected {
                if let Some(own) = fields.get(key) {
                    compare(&format!("{path}.{key}"), own, value, found);
                }
            }
        }
        (Value::Array(items), Value::Array(expected)) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(example) = expected.first() {
                    compare(&format!("{path}[{index}]"), item, example, found);
                }
            }
        }
        _ if is_like(actual, vector) => {}
        _ => found.push(format!("{path}: {actual} is not like {vector}")),
    }
}

fn is_like(actual: &Value, vector: &Value) -> bool {
    match (actual, vector) {
        (Value::String(text), Value::String(pattern)) => match pattern.as_str() {
            pattern if pattern.ends_with("uuid>") => uuid::Uuid::parse_str(text).is_ok(),
            "<time>" => is_utc_time(text),
            _ => !text.is_empty(),
        },
        (Value::Object(_), Value::String(pattern)) => pattern == "<the ride as REST shows it>",
        // A whole number in a vector is an id or a count; a fraction may happen to be whole.
        (Value::Number(number), Value::Number(example)) => example.is_f64() || number.is_i64(),
        (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => true,
        _ => false,
    }
}

/// RFC 3339 in UTC with a `Z`.
pub fn is_utc_time(text: &str) -> bool {
    text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_at_any_depth_is_found() {
        let vector = serde_json::json!({"type": "x", "data": {"id": 1, "fee": 2.5, "at": "<time>"}});
        let good = serde_json::json!({"type": "x", "data": {"id": 7, "fee": 3, "at": "2025-11-19T10:30:00Z"}, "n": 1});
        assert_eq!(differences(&good, &vector, &["n".to_owned()]), Vec::<String>::new());
        let bad = serde_json::json!({"type": "x", "data": {"id": "7", "at": "yesterday", "extra": 1}});
        assert_eq!(differences(&bad, &vector, &["n".to_owned()]).len(), 5);
    }
}
