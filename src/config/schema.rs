//! The JSON Schema of the configuration file, for editors.

use serde_json::{Map, Value, json};

use super::{Form, Key, Section, sections};

/// A span of time, as [`super::parse_duration`] reads it.
const SPAN: &str = "^ *([0-9]+(ms|s|m|h|d))+ *$";

/// The schema of `tagalong.yaml`.
///
/// # Source
/// JSON Schema, draft 2020-12.
pub fn schema() -> Value {
    let mut schema = section("");
    let top = schema.as_object_mut().expect("a section is an object");
    top.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    top.insert("title".to_owned(), json!("tagalong.yaml"));
    schema
}

/// The keys of a section; an empty file is a valid one.
fn section(name: &str) -> Value {
    let Section { about, keys, .. } = sections().into_iter().find(|section| section.name == name).expect("every form names a section that is told");
    let required: Vec<&str> = keys.iter().filter(|key| is_required(key)).map(|key| key.name).collect();
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut object = json!({ "description": about, "type": kind, "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn is_required(key: &Key) -> bool {
    key.default == "required"
}

/// What a key takes: what its form says, or `null` where the key may be absent.
fn property(key: &Key) -> Value {
    let mut property = value(key.form, key.shape);
    let required = is_required(key);
    if let Some(kind) = property.get("type").cloned().filter(|_| !required) {
        let mut kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind]);
        kinds.push(json!("null"));
        kinds.dedup();
        property["type"] = json!(kinds);
    }
    if let Some(words) = property.get_mut("enum").and_then(Value::as_array_mut).filter(|_| !required) {
        words.push(Value::Null);
    }
    let default = if required { String::new() } else { format!(" Default: {}.", key.default) };
    property["description"] = json!(format!("{}{default}", key.meaning));
    property
}

fn value(form: Form, shape: &str) -> Value {
    let words = words(shape);
    match form {
        Form::Text if shape == "duration" => json!({ "type": "string", "pattern": SPAN }),
        Form::Text if words.len() > 1 => json!({ "type": "string", "enum": words }),
        Form::Text => json!({ "type": "string" }),
        Form::Id => json!({ "type": ["integer", "string"] }),
        Form::Number => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Form::Count => json!({ "type": "integer", "minimum": 1, "maximum": u16::MAX }),
        Form::Boolean => json!({ "type": "boolean" }),
        Form::List(form) => json!({ "type": "array", "items": value(*form, "") }),
        Form::Section(name) => section(name),
    }
}

/// The words between backticks.
fn words(shape: &str) -> Vec<&str> {
    shape.split('`').skip(1).step_by(2).collect()
}
