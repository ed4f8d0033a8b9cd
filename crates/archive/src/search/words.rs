//! Words: as the full-text index is asked for them, and what it shows of them.

use super::query::{Field, Words};
use crate::index::BETWEEN;

/// Columns that words without a field are looked for in: all but the owner, who is the same for most of an archive.
const ANYWHERE: &str = "{caption title keywords people places creators file folder lens camera}";

/// What a column counts, in the order of the table: caption, title, keywords, people, places, creators, file, folder, lens,
/// camera, owner.
///
/// What someone wrote of this picture counts most; the folder says the same of all that lie in it.
pub(super) const WEIGHTS: &str = "4.0, 4.0, 4.0, 4.0, 3.0, 1.0, 2.0, 1.0, 0.5, 0.5, 0.0";

/// Marks around what matched, until they become brackets.
pub(super) const OPEN: char = '\u{2}';
pub(super) const CLOSE: char = '\u{3}';

/// The words as an expression of the full-text index. What the user wrote stands between quotes: it is text there, and
/// never syntax.
fn expression(words: &Words) -> String {
    let columns = match words.field {
        Some(field) => format!("{{{}}}", field.column()),
        None => ANYWHERE.to_owned(),
    };
    let text: String = words
        .text
        .chars()
        .map(|c| {
            if c == '"' || c.is_control() || c == BETWEEN {
                ' '
            } else {
                c
            }
        })
        .collect();
    let star = if words.prefix { "*" } else { "" };
    format!("{columns} : \"{text}\"{star}")
}

/// All of these words, as one expression; `None` where there are none.
pub(super) fn all_of<'w>(words: impl Iterator<Item = &'w Words>) -> Option<String> {
    let parts: Vec<String> = words.map(|words| format!("({})", expression(words))).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// What is shown of a text in which words were found: matches in square brackets.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split(BETWEEN) {
        if !out.is_empty() {
            out.truncate(out.trim_end().len());
            out.push_str("; ");
        }
        out.push_str(part.trim());
    }
    out.replace(OPEN, "[").replace(CLOSE, "]")
}

/// Which fields a match stood in, from the columns with their marks.
pub(super) fn matched(columns: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for ((field, ..), column) in Field::ALL.iter().zip(columns) {
        if column.contains(OPEN) {
            let mut parts = column
                .split(OPEN)
                .skip(1)
                .filter_map(|part| part.split(CLOSE).next());
            let word = parts.next().unwrap_or_default();
            found.push(format!("{}: {word}", field.as_str()));
        }
    }
    found
}

/// Whether a match was in what was written of a picture itself, and not in its file's name, its folder or its camera.
pub(super) fn is_said(matched: &str) -> bool {
    ["caption:", "title:", "keyword:", "person:", "place:", "creator:"]
        .iter()
        .any(|field| matched.starts_with(field))
}
