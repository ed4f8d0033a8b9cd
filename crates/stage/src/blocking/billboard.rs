//! A photograph that stands on the set, and stands out from its plane.

use glam::DVec3;
use heirloom_picture::{Image, resample};

use super::shapes::Surface;

/// Cells along the longer side of a billboard that stands out.
const CELLS: u32 = 160;
/// Cells over which the relief is smoothed.
const SMOOTH: u32 = 5;
/// Most pixels along a side of what is kept of a photograph.
const SIDE_PX: u32 = 2_048;

/// The photograph, no larger than a billboard needs.
pub(super) fn texture(image: &Image) -> Image {
    let longer = image.width().max(image.height());
    if longer <= SIDE_PX {
        return image.clone();
    }
    let part = |side: u32| (u64::from(side) * u64::from(SIDE_PX) / u64::from(longer)).max(1) as u32;
    resample::scale_to(image, part(image.width()), part(image.height()))
}

/// How bright a pixel looks, from 0 to 1: the luminance of ACEScg (the Y row of AP1's matrix to XYZ), with the curve of
/// a display on, since steps that look even should stand out evenly.
fn bright(pixel: [f32; 4]) -> f64 {
    let y = 0.272_228_7 * pixel[0] + 0.674_081_8 * pixel[1] + 0.053_689_5 * pixel[2];
    heirloom_picture::color::srgb_encode(f64::from(y).clamp(0.0, 1.0))
}

/// A sheet of this width and height that faces +z, standing on y = 0; white of `relief` stands out by `depth_m`.
pub(super) fn sheet([width, height]: [f64; 2], relief: Option<(&Image, f64)>) -> Surface {
    let longer = width.max(height);
    let (columns, rows) = match relief {
        Some(_) => {
            let cells = |side: f64| (f64::from(CELLS) * side / longer).round().max(2.0) as u32;
            (cells(width), cells(height))
        }
        None => (1, 1),
    };
    // Small things in a photograph are drawing, not shape: only what is as large as a hand's width of it stands out.
    let map = relief.map(|(image, depth_m)| {
        let small = |side: u32| (side / SMOOTH).max(2).min(side);
        let coarse = resample::scale_to(image, small(columns), small(rows));
        (resample::scale_to(&coarse, columns + 1, rows + 1), depth_m)
    });
    let out = |column: i64, row: i64| match &map {
        Some((map, depth_m)) => {
            let x = column.clamp(0, i64::from(columns)) as u32;
            let y = row.clamp(0, i64::from(rows)) as u32;
            depth_m * bright(map.at(x, y))
        }
        None => 0.0,
    };
    let mut surface = Surface::default();
    // From the lowest row up, so that the sheet faces +z.
    for row in (0..=rows).rev() {
        for column in 0..=columns {
            let (u, v) = (
                f64::from(column) / f64::from(columns),
                f64::from(row) / f64::from(rows),
            );
            let (c, r) = (i64::from(column), i64::from(row));
            let across = (out(c + 1, r) - out(c - 1, r)) / (2.0 * width / f64::from(columns));
            let upward = (out(c, r - 1) - out(c, r + 1)) / (2.0 * height / f64::from(rows));
            surface.vertex(
                DVec3::new((u - 0.5) * width, (1.0 - v) * height, out(c, r)),
                DVec3::new(-across, -upward, 1.0),
            );
            surface.uvs.push([u as f32, v as f32]);
        }
    }
    surface.weave(0, columns + 1, rows + 1);
    surface
}
