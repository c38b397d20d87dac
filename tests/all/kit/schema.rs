//! JSON Schema, draft 07, as far as the schemas of these tests use it; a keyword that is not known here ends the test.

use regex::Regex;
use serde_json::Value;

/// Where a value departs from a schema, each fault with its path; none where it keeps to it.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema, value, "", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let mut fault = |what: String| faults.push(format!("{path}: {what}"));
        match keyword.as_str() {
            "$ref" => check(root, target(root, wanted), value, path, faults),
            "type" if !is_a(value, wanted) => fault(format!("is no {wanted}")),
            "enum" if !wanted.as_array().unwrap().contains(value) => fault(format!("{value} is none of {wanted}")),
            "pattern" if value.as_str().is_some_and(|text| !Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)) => {
                fault(format!("{value} does not match {wanted}"));
            }
            "format" if value.as_str().is_some_and(|text| !is_formed(text, wanted.as_str().unwrap())) => fault(format!("{value} is no {wanted}")),
            "minimum" if value.as_f64().is_some_and(|number| number < wanted.as_f64().unwrap()) => fault(format!("{value} is below {wanted}")),
            "maximum" if value.as_f64().is_some_and(|number| number > wanted.as_f64().unwrap()) => fault(format!("{value} is above {wanted}")),
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < wanted.as_u64().unwrap()) => fault("has too few items".into()),
            "uniqueItems" if wanted == true && value.as_array().is_some_and(|items| has_twins(items)) => fault("holds an item twice".into()),
            "required" => {
                for key in wanted.as_array().unwrap().iter().filter(|key| value.is_object() && value.get(key.as_str().unwrap()).is_none()) {
                    fault(format!("lacks {key}"));
                }
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    match wanted.get(key).or_else(|| schema.get("additionalProperties")) {
                        Some(Value::Bool(false)) => faults.push(format!("{path}: `{key}` is not known")),
                        Some(schema @ Value::Object(_)) => check(root, schema, value, &format!("{path}/{key}"), faults),
                        _ => {}
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{path}/{at}"), faults);
                }
            }
            "anyOf" | "oneOf" => {
                let kept = wanted.as_array().unwrap().iter().filter(|schema| {
                    let mut faults = Vec::new();
                    check(root, schema, value, path, &mut faults);
                    faults.is_empty()
                });
                let kept = kept.count();
                if kept == 0 || (keyword == "oneOf" && kept > 1) {
                    fault(format!("keeps to {kept} of {keyword}"));
                }
            }
            // What holds, what the arm of `properties` looks at, and what says nothing.
            "type"
            | "enum"
            | "pattern"
            | "format"
            | "minimum"
            | "maximum"
            | "minItems"
            | "uniqueItems"
            | "additionalProperties"
            | "$schema"
            | "$id"
            | "title"
            | "description"
            | "default"
            | "definitions" => {}
            other => panic!("the keyword `{other}` is not known here"),
        }
    }
}

fn target<'s>(root: &'s Value, reference: &Value) -> &'s Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').expect("a reference inside the schema");
    root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere"))
}

fn is_a(value: &Value, wanted: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type `{other}` is not known here"),
    };
    match wanted {
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}

fn is_formed(text: &str, format: &str) -> bool {
    match format {
        "uri" => url::Url::parse(text).is_ok(),
        "uri-reference" => Regex::new(r"^([A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*$").unwrap().is_match(text),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        other => panic!("the format `{other}` is not known here"),
    }
}

fn has_twins(items: &[Value]) -> bool {
    items.iter().enumerate().any(|(at, item)| items[..at].contains(item))
}
