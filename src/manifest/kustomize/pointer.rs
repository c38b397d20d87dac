//! Operations of RFC 6902, as kustomize carries them out.

use super::{
    live::{Live, Source},
    patch::{Operation, What},
    value::{At, Value},
};

/// Where a path leads.
enum Found<'a, 'f> {
    /// A value.
    Value(&'a mut Live<'f>),
    /// Nothing, although it would be of concern.
    Missing,
    /// Something that is left out here.
    Unknown,
}

/// Carries out an operation on an object.
///
/// # Errors
/// Why kustomize fails, or why nobody can tell what it does.
pub(super) fn apply<'f>(object: &mut Live<'f>, operation: &'f Operation, from: Source<'f>) -> Result<(), String> {
    let path = &operation.path;
    let told = |why: String| format!("`{}`: {why}", shown(path));
    let Some((last, parent)) = path.split_last() else {
        return Err("it replaces the whole object".to_owned());
    };
    let value = match &operation.what {
        What::Add(value) | What::Replace(value) | What::Test(value) => Live::of(value, from),
        What::Remove => Live::Null,
        What::Move(source) | What::Copy(source) => match find(object, source) {
            Found::Value(value) => value.clone(),
            Found::Missing => return Err(told(format!("there is no `{}`", shown(source)))),
            Found::Unknown if stands(path) == At::Elsewhere => return Ok(()),
            Found::Unknown => return Err(told(format!("what `{}` holds is not known here", shown(source)))),
        },
    };
    if let What::Test(wanted) = &operation.what {
        return test(object, path, wanted).map_err(told);
    }
    if let What::Move(source) = &operation.what
        && let Some((last, parent)) = source.split_last()
        && let Found::Value(parent) = find(object, parent)
    {
        take(parent, last).map_err(told)?;
    }
    let concerned = stands(path) != At::Elsewhere;
    match find(object, parent) {
        Found::Missing => Err(told("the path leads nowhere".to_owned())),
        Found::Unknown if value.holds_image() && concerned => Err(told("what stands there is not known here".to_owned())),
        Found::Unknown => Ok(()),
        Found::Value(place) => put(place, last, value, &operation.what, concerned).map_err(told),
    }
}

fn put<'f>(place: &mut Live<'f>, last: &'f str, value: Live<'f>, what: &What, concerned: bool) -> Result<(), String> {
    let adds = matches!(what, What::Add(_) | What::Move(_) | What::Copy(_));
    match place {
        Live::Map(_) => match (what, place.get(last).is_some()) {
            (_, false) if !concerned => Ok(()),
            (What::Remove, true) => take(place, last),
            (What::Remove, false) => Err("there is nothing to remove".to_owned()),
            // kustomize's own reading of RFC 6902: what is replaced need not be there.
            _ => {
                place.set(last, value);
                Ok(())
            }
        },
        Live::List(items) if adds => {
            let at = if last == "-" { items.len() } else { index(last)? };
            if at > items.len() {
                return Err(format!("the list has {} elements", items.len()));
            }
            items.insert(at, value);
            Ok(())
        }
        Live::List(items) => {
            let (at, count) = (index(last)?, items.len());
            let item = items.get_mut(at).ok_or_else(|| format!("the list has {count} elements"))?;
            if matches!(what, What::Remove) {
                items.remove(at);
            } else {
                *item = value.after(&item.clone());
            }
            Ok(())
        }
        Live::Other => Ok(()),
        Live::Text(_) | Live::Null => Err("the path leads nowhere".to_owned()),
    }
}

fn take(place: &mut Live<'_>, last: &str) -> Result<(), String> {
    match place {
        Live::Map(entries) => entries.retain(|(key, _)| *key != last),
        Live::List(items) => {
            let at = index(last)?;
            if at >= items.len() {
                return Err(format!("the list has {} elements", items.len()));
            }
            items.remove(at);
        }
        _ => {}
    }
    Ok(())
}

fn test(object: &mut Live<'_>, path: &[Box<str>], wanted: &Value) -> Result<(), String> {
    match (find(object, path), wanted) {
        (Found::Unknown | Found::Value(Live::Other), _) | (Found::Missing | Found::Value(Live::Null), Value::Null) => Ok(()),
        (Found::Value(Live::Text(leaf)), Value::Text(text)) if *leaf.text == *text.text && leaf.written.text.quoting == text.quoting => Ok(()),
        (Found::Value(Live::List(_)), Value::List(_)) | (Found::Value(Live::Map(_)), Value::Map(_)) => {
            Err("it tests a whole collection, which is not understood".to_owned())
        }
        _ => Err("the test fails".to_owned()),
    }
}

/// Follows a path.
fn find<'a, 'f>(object: &'a mut Live<'f>, path: &[Box<str>]) -> Found<'a, 'f> {
    let (mut at, mut place) = (At::Object, object);
    for step in path {
        at = at.under(step);
        let below = match place {
            Live::Map(entries) => entries.iter_mut().find(|(key, _)| **key == **step).map(|(_, value)| value),
            Live::List(items) => index(step).ok().and_then(|index| items.get_mut(index)),
            Live::Other => return Found::Unknown,
            Live::Text(_) | Live::Null => None,
        };
        place = match below {
            Some(below) => below,
            None if at == At::Elsewhere => return Found::Unknown,
            None => return Found::Missing,
        };
    }
    Found::Value(place)
}

fn stands(path: &[Box<str>]) -> At {
    path.iter().fold(At::Object, |at, step| at.under(step))
}

fn index(step: &str) -> Result<usize, String> {
    let plain = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| plain).ok_or_else(|| format!("`{step}` is no place in a list"))
}

fn shown(path: &[Box<str>]) -> String {
    path.iter().fold(String::new(), |text, step| text + "/" + &step.replace('~', "~0").replace('/', "~1"))
}
