//! An engine's own settings for a shot: `settings = { steps = 30, guidance = 4.5 }`. Which ones there are, the engine's card says.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::toml::Value;

/// Most settings of one shot.
const MOST: usize = 64;
/// Longest name of a setting.
const MAX_NAME: usize = 64;
/// Longest text of a setting, in characters.
const MAX_TEXT: usize = 4_000;

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Words.
    Text(String),
    /// Names, each with a number: `{ grain = 0.4 }`.
    Weights(BTreeMap<String, f64>),
}

/// `settings` of a shot.
pub(crate) fn settings(value: &Value<'_>) -> BTreeMap<String, Setting> {
    let mut all = BTreeMap::new();
    let Some(mut table) = value.table() else {
        return all;
    };
    let entries = table.entries();
    if entries.len() > MOST {
        value.fault(
            format!("there are {} settings, more than {MOST}", entries.len()),
            "keep those that the engine knows: `heirloom check` names them where one is not",
        );
        return all;
    }
    for (name, value) in entries {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
            value.fault(
                format!("\"{}\" is not the name of a setting", name.escape_debug()),
                "settings are named in small letters: `settings = { steps = 30 }`",
            );
            continue;
        }
        let setting = if value.is_table() {
            weights(&value).map(Setting::Weights)
        } else {
            setting(&value)
        };
        if let Some(setting) = setting {
            all.insert(name.to_owned(), setting);
        }
    }
    all
}

/// Names with a number each.
fn weights(value: &Value<'_>) -> Option<BTreeMap<String, f64>> {
    let mut table = value.table()?;
    let entries = table.entries();
    if entries.len() > MOST {
        value.fault(
            format!("there are {} names, more than {MOST}", entries.len()),
            "keep those that matter",
        );
        return None;
    }
    let mut all = BTreeMap::new();
    for (name, value) in entries {
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            value.fault(
                format!("\"{}\" is no name", name.escape_debug()),
                "write `{ \"grain\" = 0.4 }`",
            );
            return None;
        }
        let number = match setting(&value)? {
            Setting::Number(number) => number,
            Setting::Whole(whole) => whole as f64,
            _ => {
                value.fault("each name has a number", "write `{ grain = 0.4 }`");
                return None;
            }
        };
        all.insert(name.to_owned(), number);
    }
    Some(all)
}

fn setting(value: &Value<'_>) -> Option<Setting> {
    if value.is_string() {
        return value
            .text(MAX_TEXT)
            .map(|text| Setting::Text(text.trim().to_owned()));
    }
    let written = value.written().replace('_', "");
    if let Ok(flag) = written.parse() {
        return Some(Setting::Flag(flag));
    }
    if let Ok(whole) = written.parse() {
        return Some(Setting::Whole(whole));
    }
    match written.parse::<f64>() {
        Ok(number) if number.is_finite() => Some(Setting::Number(number)),
        _ => {
            value.fault(
                "a setting is a number, words in quotes, or true or false",
                "write `settings = { steps = 30, negative = \"blurred\" }`",
            );
            None
        }
    }
}
