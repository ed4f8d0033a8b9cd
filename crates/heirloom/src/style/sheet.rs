//! The stills of all checkpoints on one sheet, a row for each checkpoint.

use std::path::Path;

use heirloom_finish::contact_sheet::{Tile, contact_sheet};
use heirloom_picture::png;
use heirloom_picture::preview;
use heirloom_style::training::{LookAt, Record};

/// Pixels on the longer side of a tile.
const TILE_PX: u32 = 256;

/// Writes the sheet of a run into its folder, where it has stills.
pub fn write(record: &Record, run: &Path, to: &Path) -> anyhow::Result<()> {
    let columns = record
        .looks
        .iter()
        .map(|look| look.stills.len())
        .max()
        .unwrap_or(0);
    if columns == 0 {
        return Ok(());
    }
    let suggested = record.suggestion.as_ref().map(|s| s.step);
    let mut tiles = Vec::new();
    for look in &record.looks {
        for n in 0..columns {
            let picture = look
                .stills
                .get(n)
                .and_then(|file| std::fs::read(run.join(file)).ok())
                .and_then(|bytes| preview::decode(&bytes, "still", TILE_PX).ok());
            tiles.push(Tile {
                picture,
                title: match suggested == Some(look.step) {
                    true => format!("step {} (suggested)", look.step),
                    false => format!("step {}", look.step),
                },
                lines: lines(record, look, n),
            });
        }
    }
    let columns = u32::try_from(columns).unwrap_or(1);
    if let Some(sheet) = contact_sheet(&tiles, columns, TILE_PX) {
        let part = to.with_extension("part.png");
        png::write8(&part, sheet.codes(), sheet.width(), sheet.height())?;
        std::fs::rename(&part, to)?;
    }
    Ok(())
}

fn lines(record: &Record, look: &LookAt, still: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(loss) = look.held_out_mean() {
        lines.push(format!("held out {loss:.4}"));
    }
    if let Some(drift) = look.drift {
        lines.push(format!("drift {drift:.2}"));
    }
    if let Some(near) = look.nearest.as_ref().filter(|n| n.still == still) {
        lines.push(format!("nearest {} (alike {:.2})", near.source, near.alike));
    }
    lines.extend(record.prompts.get(still).cloned());
    lines
}
