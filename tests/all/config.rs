//! Every file of `testdata/config` is read or refused, as it says itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tagalong::config::{Config, ConfigError, Environment, Overrides, load, schema};

use crate::{bless::assert_fresh, repository::root};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(path: &Path, overrides: Overrides) -> Result<Config, ConfigError> {
    let environment = Environment::from_iter([("HOME".to_owned(), "/nowhere".to_owned())]);
    load(Some(path), overrides, &environment)
}

/// The sentence and the hint, without the folder that the file lies in.
fn told(path: &Path, error: &ConfigError) -> String {
    let folder = format!("{}/", path.parent().unwrap().display());
    let hint = error.hint().map(|hint| format!("\n# hint: {hint}")).unwrap_or_default();
    format!("# error: {error}{hint}\n").replace(&folder, "")
}

#[test]
fn every_valid_file_is_read() {
    let files = files("valid");
    assert!(!files.is_empty());
    for path in files {
        read(&path, Overrides::default()).unwrap_or_else(|error| panic!("{}", told(&path, &error)));
    }
}

#[test]
fn every_invalid_file_is_refused_with_the_sentence_that_it_holds() {
    let files = files("invalid");
    assert!(!files.is_empty());
    for path in files {
        let error = read(&path, Overrides::default()).expect_err("refused");
        let body: Vec<String> =
            fs::read_to_string(&path).unwrap().split_inclusive('\n').skip_while(|line| line.starts_with("# ")).map(str::to_owned).collect();
        assert_fresh(&path, &format!("{}{}", told(&path, &error), body.concat()));
        assert!(!format!("{error}{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn the_schema_for_editors_is_fresh() {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    assert_fresh(&root().join("docs/reference/tagalong.schema.json"), &text);
}

#[test]
fn the_schema_admits_what_is_read_and_refuses_unknown_keys() {
    let schema = schema();
    let faults = |path: &Path| {
        let value: Option<Value> = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        against(&schema, &value.unwrap_or_default(), "")
    };
    for path in files("valid") {
        assert_eq!(faults(&path), [""; 0], "{}", path.display());
    }
    let mut refused = 0;
    for path in files("invalid") {
        let text = fs::read_to_string(&path).unwrap();
        let told = text.lines().next().unwrap_or_default();
        let is_shape = ["there is no key", "is one of", "lacks its unit", "needs its", "number above zero"];
        if is_shape.iter().any(|words| told.contains(words)) {
            assert!(!faults(&path).is_empty(), "{}", path.display());
            refused += 1;
        }
    }
    assert!(refused >= 10, "only {refused} files were tried");
}

/// What of a value is not as the schema says, by the words of JSON Schema that ours uses; another word is a fault, too.
fn against(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (word, wanted) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => wanted.as_array().unwrap_or(&vec![wanted.clone()]).iter().any(|kind| is_a(value, kind.as_str().unwrap())),
            "enum" => wanted.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| regex::Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "exclusiveMinimum" => value.as_f64().is_none_or(|number| number > wanted.as_f64().unwrap()),
            "required" => value.as_object().is_none_or(|keys| wanted.as_array().unwrap().iter().all(|key| keys.contains_key(key.as_str().unwrap()))),
            "additionalProperties" => {
                value.as_object().is_none_or(|keys| *wanted == false && keys.keys().all(|key| schema["properties"].get(key).is_some()))
            }
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    faults.extend(value.get(key).into_iter().flat_map(|value| against(schema, value, &format!("{place}.{key}"))));
                }
                true
            }
            "items" => {
                faults.extend(value.as_array().into_iter().flatten().flat_map(|value| against(wanted, value, &format!("{place}[]"))));
                true
            }
            _ => false,
        };
        if !holds {
            faults.push(format!("{place}: {word}: {value}"));
        }
    }
    faults
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
