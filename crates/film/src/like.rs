//! Shots that are like a take: `like` and `amount` of a shot, and writing them into `film.toml`.

use std::path::Path;

use serde::Serialize;
use toml_edit::DocumentMut;

use crate::ids::{IdsError, replace};
use crate::read::read_text;
use crate::shares::Portion;
use crate::toml::Table;
use crate::{Id, parse};

/// A take that a shot is to be like, and how far it may move from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Like {
    /// The take's id, or how it begins: 8 to 64 hexadecimal digits in small letters.
    pub take: String,
    /// Share of the frame that changes: 0 keeps its composition, 1 is as free as a new seed.
    pub amount: Portion,
}

impl Like {
    /// `amount` where it is not given.
    pub const DEFAULT_AMOUNT: f64 = 0.3;
}

/// Fewest digits of a take's id that are taken for it.
const FEWEST: usize = 8;

/// Reads `like` and `amount` of a shot.
pub(crate) fn like(table: &mut Table<'_>) -> Option<Like> {
    let value = table.get("like");
    let amount = table.get("amount");
    if let (None, Some(amount)) = (&value, &amount) {
        amount.fault(
            "`amount` says how far a shot may move from the take it is like, but there is no `like`",
            "add `like = \"TAKE\"`; `heirloom takes` lists them",
        );
    }
    let amount = amount
        .and_then(|v| v.number(0.0..=1.0))
        .unwrap_or(Like::DEFAULT_AMOUNT);
    let value = value?;
    let take = value.string()?.trim();
    let hex = take
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !hex || !(FEWEST..=64).contains(&take.len()) {
        value.fault(
            format!("`{}` is not the id of a take", take.escape_debug()),
            "write the id that `heirloom takes` shows, or let the program write it: `heirloom make --shot SCENE/SHOT \
             --like SCENE/SHOT`",
        );
        return None;
    }
    Some(Like {
        take: take.into(),
        amount: Portion::of(amount),
    })
}

/// Writes `like`, `amount` and `seed` of the shot with the id `shot` into the `film.toml` at `path`; every other
/// byte stays as it is. The file is replaced in one step.
///
/// # Errors
/// [`IdsError`]: the file does not check, or would not with these, or cannot be written. It is as it was then.
pub fn write_like(path: &Path, shot: &Id, like: &Like, seed: u64) -> Result<(), IdsError> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    // What can be read at all is checked first, so that its problems are told as those of any reading.
    parse(&name, &text)?;
    let new = with_like(&text, shot, like, seed).ok_or(IdsError::NoSuchShot)?;
    parse(&name, &new)?;
    replace(path, new.as_bytes()).map_err(|source| IdsError::Write {
        path: path.to_path_buf(),
        source,
    })
}

fn with_like(text: &str, shot: &Id, like: &Like, seed: u64) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let set = |table: &mut dyn toml_edit::TableLike| {
        put(table, "seed", i64::try_from(seed).unwrap_or(i64::MAX).into());
        put(table, "like", like.take.as_str().into());
        put(table, "amount", like.amount.share().into());
    };
    let is_it =
        |table: &dyn toml_edit::TableLike| table.get("id").and_then(|id| id.as_str()) == Some(shot.as_str());
    // Scenes and shots are written with headers or as lists of inline tables.
    let mut found = false;
    let mut within = |item: &mut toml_edit::Item| {
        if let Some(tables) = item.as_array_of_tables_mut() {
            for table in tables.iter_mut().filter(|t| is_it(*t)) {
                set(table);
                found = true;
            }
        } else if let Some(values) = item.as_array_mut() {
            for table in values.iter_mut().filter_map(|v| v.as_inline_table_mut()) {
                if is_it(table) {
                    set(table);
                    found = true;
                }
            }
        }
    };
    let scenes = document.get_mut("scene")?;
    if let Some(tables) = scenes.as_array_of_tables_mut() {
        tables
            .iter_mut()
            .filter_map(|t| t.get_mut("shot"))
            .for_each(&mut within);
    } else {
        for scene in scenes.as_array_mut()?.iter_mut() {
            if let Some(shots) = scene.as_inline_table_mut().and_then(|t| t.get_mut("shot")) {
                let mut item = toml_edit::Item::Value(shots.clone());
                within(&mut item);
                if let toml_edit::Item::Value(value) = item {
                    *shots = value;
                }
            }
        }
    }
    found.then(|| document.to_string())
}

/// Sets a key, keeping the spacing and the comment of the value that it replaces.
fn put(table: &mut dyn toml_edit::TableLike, key: &str, mut value: toml_edit::Value) {
    if let Some(old) = table.get(key).and_then(|item| item.as_value()) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, toml_edit::Item::Value(value));
}
