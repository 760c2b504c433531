//! Shapes of JSON objects as strict services accept them: every name known, every value of its type. The doubles use
//! them for the shapes that their services document.

use serde_json::{Map, Value};

pub type Violation = String;

/// The allowed value under a name.
#[derive(Clone, Copy)]
pub enum Is {
    Text,
    Bool,
    Int,
    /// Any JSON object.
    Object,
    /// An object with string values only.
    Texts,
    Any,
    OneOf(&'static [&'static str]),
    /// `"3600s"`
    Duration,
    List,
    Shape(&'static [(&'static str, Is)]),
}

/// The first thing wrong with an object, by its path.
pub fn check(path: &str, value: &Value, shape: &[(&str, Is)]) -> Result<(), Violation> {
    let object = object(path, value)?;
    for (name, value) in object {
        // proto3 JSON takes both ways to write a name.
        let known = shape.iter().find(|(known, _)| known == name || camel_case(known) == *name);
        let Some((_, is)) = known else {
            return Err(format!("Unknown name \"{name}\" at '{path}': Cannot find field."));
        };
        check_value(&format!("{path}.{name}"), value, *is)?;
    }
    Ok(())
}

fn check_value(path: &str, value: &Value, is: Is) -> Result<(), Violation> {
    let is_right = match is {
        Is::Text => value.is_string(),
        Is::Bool => value.is_boolean(),
        Is::Int => value.is_i64() || value.is_u64(),
        Is::Object => value.is_object(),
        Is::Any => true,
        Is::List => value.is_array(),
        Is::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        Is::Duration => value.as_str().is_some_and(|text| duration_secs(text).is_some()),
        Is::Texts => {
            let wrong = object(path, value)?.values().enumerate().find(|(_, value)| !value.is_string());
            return match wrong {
                Some((at, value)) => {
                    Err(format!("Invalid value at '{path}[{at}].value' (TYPE_STRING), {value}"))
                }
                None => Ok(()),
            };
        }
        Is::Shape(shape) => return check(path, value, shape),
    };
    if is_right { Ok(()) } else { Err(format!("Invalid value at '{path}', {value}")) }
}

fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Violation> {
    value.as_object().ok_or_else(|| format!("Invalid value at '{path}': not an object"))
}

/// Seconds of a duration such as `3.5s`.
pub fn duration_secs(text: &str) -> Option<f64> {
    let secs: f64 = text.strip_suffix('s')?.parse().ok()?;
    secs.is_finite().then_some(secs)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

/// A field by either way to write its name.
pub fn field<'a>(object: &'a Value, name: &str) -> &'a Value {
    match &object[name] {
        Value::Null => &object[camel_case(name)],
        value => value,
    }
}
