//! Pictures of the result: where motion is off and outlines are missing.

use std::path::Path;

use heirloom_engine::GuideSet;
use heirloom_picture::{Image, color, png};

use super::edges::{self, Edge};
use super::motion::Grey;
use super::working::Working;
use super::{AdherenceError, AdherenceOptions, TakePictures, motion, outline};

/// Error in guides' pixels at which a place is fully red.
const FULL_PX: f32 = 3.0;
/// Edges drawn, in multiples of the outlines' length.
const BUDGET: f32 = 2.0;

/// One frame of the take in grey, with what is off in colour: blue to yellow to red where motion to the next frame is
/// off by 0 to 3 of the guides' pixels (grey where it cannot be judged), outlines green where the take has an edge and
/// magenta where not. At the working size. The last frame has no motion.
///
/// # Errors
/// As [`judge`](super::judge), and for a frame that guides and take do not share.
pub fn heat(
    guides: &GuideSet,
    take: &dyn TakePictures,
    frame: usize,
    options: &AdherenceOptions,
) -> Result<Image, AdherenceError> {
    let shared = super::shared_frames(guides, take)?;
    let Some(guide) = guides.frames.get(frame).filter(|_| frame < shared) else {
        return Err(AdherenceError::NoSuchFrame { frame, shared });
    };
    let working = Working::new(guides.size, options.longest_side_px);
    let own = working.picture(&super::fetched(take, frame)?);
    let mut codes: Vec<[u8; 3]> = color::to_display8(&own).iter().map(|c| dimmed(*c)).collect();
    if frame + 1 < shared
        && let Some(exact) = working.motion(guide)
    {
        let next = working.picture(&super::fetched(take, frame + 1)?);
        let grey = |picture: &Image| Grey::of(picture, options.soften_px);
        let pair = motion::of_pair(&grey(&own)?, &grey(&next)?, &options.flow)?;

        let full = FULL_PX / working.guides_px() as f32;
        for (i, code) in codes.iter_mut().enumerate() {
            if let Some(error) = motion::error_at(&pair, i, exact[i]) {
                *code = mixed(*code, ramp(error / full), 0.6);
            }
        }
    }
    if let Some(ids) = working.ids(guide) {
        let outline = outline::outlines(&ids, &working);
        let found = edges::find(&own);
        let count = ((BUDGET * outline.len() as f32) as usize).min(found.len());
        let tolerance = options.edge_tolerance * working.diagonal();
        for p in outline {
            let there = found[..count].iter().any(|e| within(e, p.x, p.y, tolerance));
            codes[usize::from(p.y) * working.width + usize::from(p.x)] =
                if there { [60, 255, 90] } else { [255, 0, 220] };
        }
    }
    let image = color::from_display8(&codes, working.width as u32, working.height as u32);
    Ok(image.unwrap_or_else(|| Image::new(0, 0)))
}

fn within(edge: &Edge, x: u16, y: u16, tolerance: f32) -> bool {
    let (x, y) = (f32::from(edge.x) - f32::from(x), f32::from(edge.y) - f32::from(y));
    x * x + y * y <= tolerance * tolerance
}

/// Half as bright and without colour.
fn dimmed([r, g, b]: [u8; 3]) -> [u8; 3] {
    let grey = (2 * u32::from(r) + 5 * u32::from(g) + u32::from(b)) / 8;
    [(20 + grey * 6 / 10) as u8; 3]
}

/// Blue, yellow, red for 0, a half, 1.
fn ramp(share: f32) -> [u8; 3] {
    let share = share.clamp(0.0, 1.0);
    let (from, to, part) = if share < 0.5 {
        ([20, 60, 200], [250, 220, 40], 2.0 * share)
    } else {
        ([250, 220, 40], [230, 20, 10], 2.0 * share - 1.0)
    };
    mixed(from, to, part)
}

fn mixed(from: [u8; 3], to: [u8; 3], part: f32) -> [u8; 3] {
    std::array::from_fn(|c| (f32::from(from[c]) * (1.0 - part) + f32::from(to[c]) * part + 0.5) as u8)
}

/// A sheet of frames, one column each: the stage's colour pass (where there is one), the take, and its [`heat`].
///
/// # Errors
/// As [`heat`]; and where no frame is asked for.
pub fn contact(
    guides: &GuideSet,
    take: &dyn TakePictures,
    frames: &[usize],
    options: &AdherenceOptions,
) -> Result<Image, AdherenceError> {
    if frames.is_empty() {
        return Err(AdherenceError::Nothing {
            what: "no frame was asked for".into(),
        });
    }
    let working = Working::new(guides.size, options.longest_side_px);
    let gap = 4;
    let stage = frames
        .iter()
        .any(|f| guides.frames.get(*f).is_some_and(|g| g.color.is_some()));
    let rows = if stage { 3 } else { 2 };
    let side = |count: usize, cell: usize| count * cell + (count + 1) * gap;
    let (width, height) = (side(frames.len(), working.width), side(rows, working.height));
    let mut sheet = Image::filled(width as u32, height as u32, [0.02, 0.02, 0.02, 1.0]);
    for (column, frame) in frames.iter().enumerate() {
        let heat = heat(guides, take, *frame, options)?;
        let own = working.picture(&super::fetched(take, *frame)?);
        let on_stage = guides.frames[*frame]
            .color
            .as_ref()
            .map(|(image, _)| working.picture(image));
        let cells = if stage {
            vec![on_stage, Some(own), Some(heat)]
        } else {
            vec![Some(own), Some(heat)]
        };
        for (row, cell) in cells.iter().enumerate() {
            let (left, top) = (side(column, working.width), side(row, working.height));
            for y in 0..cell.as_ref().map_or(0, Image::height) {
                if let Some(cell) = cell {
                    let start = (top + y as usize) * width + left;
                    sheet.pixels_mut()[start..start + working.width].copy_from_slice(cell.row(y));
                }
            }
        }
    }
    Ok(sheet)
}

/// Writes a [`contact`] sheet of `columns` frames, spread evenly over the shot, as a PNG.
///
/// # Errors
/// As [`contact`]; and where the file cannot be written, which then is as it was before.
pub fn write_contact(
    path: &Path,
    guides: &GuideSet,
    take: &dyn TakePictures,
    columns: usize,
    options: &AdherenceOptions,
) -> Result<(), AdherenceError> {
    let shared = super::shared_frames(guides, take)?;
    let columns = columns.clamp(1, shared);
    let frames: Vec<usize> = (0..columns)
        .map(|i| (2 * i + 1) * shared / (2 * columns))
        .collect();
    let sheet = contact(guides, take, &frames, options)?;
    Ok(png::write8(
        path,
        &color::to_display8(&sheet),
        sheet.width(),
        sheet.height(),
    )?)
}
