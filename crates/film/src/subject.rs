//! Who and what is to be known again from shot to shot: `[subject.NAME]`, and where a shot shows them.

use std::path::PathBuf;

use serde::Serialize;

use crate::Picture;
use crate::read::MAX_NAME;
use crate::read_blocking::{numbers, picture};
use crate::toml::{Table, Value};

/// Most subjects of a film.
const MAX_SUBJECTS: usize = 100;
/// Most pictures of one subject.
const MAX_PICTURES: usize = 32;
/// Most subjects that are looked for in one shot.
const MAX_SHOWN: usize = 16;
/// The smallest side of a region, as a fraction of the picture's: below it there is nothing to go by.
const LEAST: f64 = 0.02;
/// Rounding of fractions that add up to one.
const SLACK: f64 = 1e-9;

/// A part of a picture, in fractions of its width and height: left, top, width, height.
pub type Region = [f64; 4];

/// All of a picture.
const WHOLE: Region = [0.0, 0.0, 1.0, 1.0];

/// Somebody or something that is to look the same in every shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// Its name, unique in the film.
    pub name: String,
    /// How it looks: at least one picture.
    pub pictures: Vec<Portrait>,
}

/// One picture of a subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Portrait {
    /// The picture.
    pub picture: Picture,
    /// The part of it that shows the subject.
    pub region: Region,
}

/// A subject in a shot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The subject's name.
    pub name: String,
    /// The frame of the shot at which `region` holds, from 0.
    pub frame: u32,
    /// Where it is seen at that frame.
    pub region: Region,
}

/// The film's `[subject]` with a table for each name.
pub(crate) fn subjects(value: &Value<'_>) -> Vec<Subject> {
    let Some(mut table) = value.table() else {
        return Vec::new();
    };
    let entries = table.entries();
    if entries.len() > MAX_SUBJECTS {
        value.fault(
            format!("there are {} subjects, more than {MAX_SUBJECTS}", entries.len()),
            format!("keep at most {MAX_SUBJECTS}"),
        );
        return Vec::new();
    }
    let named = |name: &str, value: &Value<'_>| {
        let plain = !name.trim().is_empty()
            && name == name.trim()
            && name.chars().count() <= MAX_NAME
            && !name.chars().any(char::is_control);
        if !plain {
            value.fault(
                format!("\"{}\" is no name of a subject", name.escape_debug()),
                "write a few words in one line: `[subject.\"the red boat\"]`",
            );
        }
        plain
    };
    entries
        .into_iter()
        .filter(|(name, value)| named(name, value))
        .map(|(name, value)| Subject {
            name: name.into(),
            pictures: value
                .table()
                .map(|table| portraits(table, name))
                .unwrap_or_default(),
        })
        .collect()
}

fn portraits(mut table: Table<'_>, name: &str) -> Vec<Portrait> {
    table.describe(format!("subject \"{}\"", name.escape_debug()));
    let value = table.require("pictures", "[\"archive:...\"]");
    table.finish(&[
        ("picture", "pictures"),
        ("sources", "pictures"),
        ("images", "pictures"),
        ("references", "pictures"),
        ("portraits", "pictures"),
    ]);
    let Some((value, items)) = value.and_then(|v| v.items().map(|items| (v, items))) else {
        return Vec::new();
    };
    if items.is_empty() || items.len() > MAX_PICTURES {
        value.fault(
            format!(
                "the subject \"{}\" has {} pictures",
                name.escape_debug(),
                items.len()
            ),
            format!("name 1 to {MAX_PICTURES} that show it: `pictures = [\"archive:boat-1\"]`"),
        );
        return Vec::new();
    }
    items.iter().map(portrait).collect()
}

/// A picture by itself, or with the part of it that shows the subject.
fn portrait(value: &Value<'_>) -> Portrait {
    let example = "\"boards/boat.png\"";
    let none = Picture::File(PathBuf::new());
    if value.is_string() {
        return Portrait {
            picture: picture(value, "pictures", example).unwrap_or(none),
            region: WHOLE,
        };
    }
    let (mut found, mut part) = (None, None);
    if let Some(mut table) = value.clone().called("a picture").table() {
        table.describe("the picture");
        found = table
            .require("picture", example)
            .and_then(|v| picture(&v, "picture", example));
        part = table.get("region").and_then(|v| region(&v, "picture"));
        table.finish(&[
            ("file", "picture"),
            ("source", "picture"),
            ("image", "picture"),
            ("part", "region"),
            ("crop", "region"),
            ("box", "region"),
        ]);
    }
    Portrait {
        picture: found.unwrap_or(none),
        region: part.unwrap_or(WHOLE),
    }
}

/// The subjects of a shot of so many frames, each with the place of its name in the file.
pub(crate) fn shown(value: &Value<'_>, frames: u32) -> Vec<(Shown, std::ops::Range<usize>)> {
    let tables = value.tables().unwrap_or_default();
    if tables.len() > MAX_SHOWN {
        value.fault(
            format!(
                "there are {} subjects in the shot, more than {MAX_SHOWN}",
                tables.len()
            ),
            format!("keep the {MAX_SHOWN} that matter most"),
        );
        return Vec::new();
    }
    let mut all: Vec<(Shown, std::ops::Range<usize>)> = Vec::new();
    for mut table in tables {
        table.describe("the subject");
        let name_value = table.require("name", "\"the red boat\"");
        let name = name_value.as_ref().and_then(|v| v.name(MAX_NAME));
        let last = i64::from(frames.max(1)) - 1;
        let frame = table.get("frame").and_then(|v| v.integer(0..=last)).unwrap_or(0) as u32;
        let seen = table
            .require("region", "[0.25, 0.25, 0.5, 0.5]")
            .and_then(|v| region(&v, "frame"));
        table.finish(&[
            ("subject", "name"),
            ("at", "frame"),
            ("start", "frame"),
            ("from", "frame"),
            ("part", "region"),
            ("place", "region"),
            ("box", "region"),
        ]);
        let (Some(value), Some(name)) = (name_value, name) else {
            continue;
        };
        if let Some((_, first)) = all.iter().find(|(before, _)| before.name == name) {
            value.fault_beside(
                format!(
                    "\"{}\" is among the subjects of the shot twice",
                    name.escape_debug()
                ),
                "keep one; it is followed from its frame on",
                first.clone(),
                "first here",
            );
            continue;
        }
        let shown = Shown {
            name: name.into(),
            frame,
            region: seen.unwrap_or(WHOLE),
        };
        all.push((shown, value.span()));
    }
    all
}

/// Left, top, width and height in fractions of `what`, all within it.
fn region(value: &Value<'_>, what: &str) -> Option<Region> {
    let part: Region = numbers(
        value,
        "left, top, width, height",
        "[0.25, 0.25, 0.5, 0.5]",
        &(0.0..=1.0),
    )?;
    let [left, top, width, height] = part;
    if left + width > 1.0 + SLACK || top + height > 1.0 + SLACK {
        value.fault(
            format!("this region reaches out of the {what}"),
            format!(
                "write left, top, width and height in fractions of the {what}: `[0.25, 0, 0.5, 0.5]` is its upper middle"
            ),
        );
        return None;
    }
    if width < LEAST || height < LEAST {
        value.fault(
            "this region is too small to know anything by",
            format!("write a width and a height of {LEAST} or more, in fractions of the {what}"),
        );
        return None;
    }
    Some(part)
}
