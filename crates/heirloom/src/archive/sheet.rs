//! Contact sheets of sources.

use std::path::Path;

use heirloom_archive::{Index, THUMBNAIL_SIDE};
use heirloom_finish::contact_sheet::{Tile, contact_sheet};
use heirloom_picture::png;
use heirloom_picture::preview::{self, Preview};
use heirloom_vault::ObjectId;

use crate::open;
use crate::show::Show;

/// Pictures in a row.
const COLUMNS: u32 = 6;
/// Pictures on a sheet: more are not looked at one by one.
const MOST: usize = 300;
const QUALITY: u8 = 90;

/// A source as the sheet shows it.
pub struct Shown {
    pub object: ObjectId,
    pub title: String,
    pub lines: Vec<String>,
}

/// Writes the thumbnails of these sources as one picture: PNG, or JPEG where the name ends so.
pub fn write(path: &Path, mut shown: Vec<Shown>, index: &Index, show: &Show) -> anyhow::Result<()> {
    if shown.len() > MOST {
        show.note(&format!("the sheet shows the first {MOST} of {}", shown.len()));
        shown.truncate(MOST);
    }
    let tiles: Vec<Tile> = shown
        .into_iter()
        .map(|Shown { object, title, lines }| {
            let bytes = std::fs::read(index.thumbnail_path(&object)).ok();
            let picture = bytes.and_then(|bytes| preview::decode(&bytes, &title, THUMBNAIL_SIDE).ok());
            Tile {
                picture,
                title,
                lines,
            }
        })
        .collect();
    let Some(sheet) = contact_sheet(&tiles, COLUMNS, THUMBNAIL_SIDE) else {
        show.note("there is nothing to put on a sheet");
        return Ok(());
    };
    save(path, &sheet, show)
}

/// Writes a sheet as PNG, or as JPEG where the name ends so.
pub fn save(path: &Path, sheet: &Preview, show: &Show) -> anyhow::Result<()> {
    let is_jpeg = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"));
    if is_jpeg {
        open::write_whole(path, &sheet.to_jpeg(QUALITY)?)?;
    } else {
        png::write8(path, sheet.codes(), sheet.width(), sheet.height())?;
    }
    show.note(&format!("wrote {}", path.display()));
    Ok(())
}
