//! From the tables of `film.toml` to layouts, masks and margins.

use std::path::PathBuf;

use crate::layout::{Layout, LayoutBy, Margins, Still};
use crate::read_blocking::picture;
use crate::toml::{Table, Value, nearest};
use crate::{Board, Picture, SourceCall};

/// Most labels of one map.
const MAX_LABELS: usize = 64;

/// The layout of a shot with these sources and storyboard drawings. `None` where it has mistakes.
pub(crate) fn layout(mut table: Table<'_>, sources: &[SourceCall], boards: &[Board]) -> Option<Layout> {
    table.describe("`layout`");
    let drawing = table.get("drawing");
    let labels = table.get("labels");
    let board = table.get("board");
    let strength = table
        .get("strength")
        .and_then(|v| v.number(0.0..=1.0))
        .map_or(Layout::DEFAULT_STRENGTH, |v| v as f32);
    let named = if labels.is_some() {
        table.require("sources", "{ \"#ff0000\" = \"archive:moon\" }")
    } else {
        table.forbid(
            "sources",
            "`sources` in a layout says what the colours of `labels` mean, but there are no `labels`",
            "delete it, or add `labels = \"labels.png\"`",
        );
        None
    };
    let several = [&drawing, &labels, &board].into_iter().flatten().nth(1);
    if let Some(second) = several {
        second.fault(
            "a layout is one of `drawing`, `labels` and `board`",
            "keep one of them",
        );
    }
    if drawing.is_none() && labels.is_none() && board.is_none() {
        table.missing(
            "drawing",
            "add `drawing = \"boards/010.png\"`, or `board = 1`, or `labels` with `sources`",
        );
    }
    let by = if let Some(value) = drawing {
        picture(&value, "drawing", "\"boards/010.png\"").map(LayoutBy::Drawing)
    } else if let Some(value) = labels {
        let named = named.and_then(|v| labelled(&v, sources));
        picture(&value, "labels", "\"masks/010-labels.png\"")
            .zip(named)
            .map(|(picture, sources)| LayoutBy::Labels { picture, sources })
    } else {
        board
            .and_then(|value| numbered(&value, boards))
            .map(LayoutBy::Board)
    };
    table.finish(&[
        ("picture", "drawing"),
        ("image", "drawing"),
        ("sketch", "drawing"),
        ("label", "labels"),
        ("map", "labels"),
        ("segments", "labels"),
        ("weight", "strength"),
        ("frame", "board"),
    ]);
    Some(Layout { by: by?, strength })
}

/// A board by its number, counted from 1 in the file and from 0 here.
fn numbered(value: &Value<'_>, boards: &[Board]) -> Option<usize> {
    if boards.is_empty() {
        value.fault(
            "the layout follows a storyboard drawing, but the shot has none",
            "add `[[scene.shot.board]]` with a `picture`, or name a picture: `drawing = \"boards/010.png\"`",
        );
        return None;
    }
    value
        .integer(1..=boards.len() as i64)
        .map(|number| number as usize - 1)
}

fn labelled(value: &Value<'_>, sources: &[SourceCall]) -> Option<Vec<([u8; 3], usize)>> {
    let entries = value.table()?.entries();
    if entries.is_empty() || entries.len() > MAX_LABELS {
        value.fault(
            format!("`sources` of a layout names {} colours", entries.len()),
            format!(
                "write 1 to {MAX_LABELS}, each with its source: `sources = {{ \"#ff0000\" = \"archive:moon\" }}`"
            ),
        );
        return None;
    }
    let read: Vec<_> = entries
        .iter()
        .map(|(key, value)| {
            let color = hex(key);
            if color.is_none() {
                value.fault(
                    format!("`{}` is no colour", key.escape_debug()),
                    "write what a colour picker shows: `\"#ff0000\"`",
                );
            }
            color.zip(among(value, sources))
        })
        .collect();
    read.into_iter().collect()
}

/// Red, green and blue of `#rrggbb`.
fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.trim().strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let all = u32::from_str_radix(digits, 16).ok()?;
    Some([(all >> 16) as u8, (all >> 8) as u8, all as u8])
}

/// Which of the shot's sources is meant; `archive:` may be left out here.
fn among(value: &Value<'_>, sources: &[SourceCall]) -> Option<usize> {
    let text = value.string()?.trim();
    let bare = text.strip_prefix("archive:").unwrap_or(text);
    let asked = SourceCall { call: bare.into() };
    let canonical = asked.canonical();
    let found = sources.iter().position(|have| {
        let have = have.canonical();
        have == canonical || have.rsplit('/').next() == Some(&canonical)
    });
    if found.is_none() {
        let known = sources.iter().flat_map(|source| {
            let call = source.call.as_str();
            [call, call.rsplit('/').next().unwrap_or(call)]
        });
        let mend = match nearest(bare, known) {
            Some(meant) => format!("write \"archive:{meant}\""),
            None => format!("add \"archive:{bare}\" to the shot's `sources`"),
        };
        value.fault(
            format!("\"{}\" is not among the shot's `sources`", text.escape_debug()),
            mend,
        );
    }
    found
}

/// What stands still: a mask, or `"stars"`.
pub(crate) fn still(value: &Value<'_>) -> Option<Still> {
    if value.string()? == "stars" {
        return Some(Still::Stars);
    }
    picture(value, "still", "\"masks/010.png\"").map(Still::Mask)
}

/// What a fill adds round its plate.
pub(crate) fn margins(mut table: Table<'_>) -> Margins {
    table.describe("`frame`");
    let mut side = |key: &'static str| {
        table
            .get(key)
            .and_then(|v| v.number(0.0..=4.0))
            .map_or(0.0, |v| v as f32)
    };
    let margins = Margins {
        left: side("left"),
        right: side("right"),
        up: side("up"),
        down: side("down"),
    };
    table.finish(&[
        ("top", "up"),
        ("above", "up"),
        ("bottom", "down"),
        ("below", "down"),
    ]);
    margins
}

/// A mask's path.
pub(crate) fn mask(value: &Value<'_>) -> Picture {
    picture(value, "mask", "\"masks/010.png\"").unwrap_or(Picture::File(PathBuf::new()))
}
