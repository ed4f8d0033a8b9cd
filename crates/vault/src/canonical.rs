//! Canonical JSON: one text for one value, so that its hash can be its name.
//!
//! Keys sorted by their bytes, no space between tokens, numbers and strings as `serde_json` writes
//! them (shortest form that reads back the same).

use serde_json::Value;

/// The canonical text of `value`.
///
/// Sorted here rather than left to the map type, since that changes order with a Cargo feature that any
/// crate in the build may turn on.
///
/// ```
/// let value = serde_json::json!({ "b": 1.5, "a": [true, null, "é"] });
/// assert_eq!(heirloom_vault::canonical::to_string(&value), r#"{"a":[true,null,"é"],"b":1.5}"#);
/// ```
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(item, text);
            }
            text.push('}');
        }
        leaf => text.push_str(&leaf.to_string()),
    }
}
