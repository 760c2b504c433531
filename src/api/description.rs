//! What a request takes, as data: made by the very reading that takes it ([`Fields`](super::fields::Fields)), so that
//! the two say the same. Lists and documents are walks over it.

use crate::api::rules::Rule;
use serde_json::Value;

/// The description of a body or a query string.
#[derive(Clone, Debug, PartialEq)]
pub enum Description {
    /// An object's fields; a query string is an object of texts.
    Fields(FieldsDescription),
    /// JSON of another form, as JSON Schema.
    Other(Value),
}

/// In the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldsDescription {
    pub fields: Vec<FieldDescription>,
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FieldDescription {
    pub name: &'static str,
    pub is_required: bool,
    /// JSON Schema.
    pub schema: Value,
}

/// Fields with a rule between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub names: Vec<&'static str>,
    pub needs: Needs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    ExactlyOne,
    AtLeastOne,
    AtMostOne,
    AllOrNone,
}

impl Description {
    /// The same with another rule between these fields, where it depends on the caller which one it is.
    pub fn with_group(mut self, names: &[&str], needs: Needs) -> Self {
        if let Self::Fields(FieldsDescription { groups, .. }) = &mut self {
            groups.iter_mut().filter(|group| group.names == names).for_each(|group| group.needs = needs);
        }
        self
    }
}

impl FieldsDescription {
    pub fn field<T>(&mut self, name: &'static str, rule: &impl Rule<T>) {
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(known) => known.schema = rule.schema(),
            None => self.fields.push(FieldDescription { name, is_required: false, schema: rule.schema() }),
        }
    }

    /// Before the field itself, or after it.
    pub fn require(&mut self, name: &'static str) {
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(known) => known.is_required = true,
            None => self.fields.push(FieldDescription { name, is_required: true, schema: Value::Null }),
        }
    }

    /// What counts where the field is not sent.
    pub fn set_default(&mut self, name: &'static str, value: Value) {
        if let Some(known) = self.fields.iter_mut().find(|field| field.name == name) {
            known.schema["default"] = value;
        }
    }

    pub fn group(&mut self, needs: Needs, names: &[&'static str]) {
        self.groups.push(Group { names: names.to_vec(), needs });
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}
