//! Pictures side by side, as they came.

use std::path::Path;

use anyhow::Context;
use heirloom_engine_diffusion::generate::Clip;
use heirloom_finish::contact_sheet::{Tile, contact_sheet};
use heirloom_picture::preview::Preview;
use heirloom_picture::write_whole;

/// Pixels of the sheet for one of a clip.
const TIMES: usize = 3;
/// Quality of its JPEG.
const QUALITY: u8 = 88;

/// A frame of a clip, each pixel a square, for nothing is to be smoothed over.
pub fn tile(clip: &Clip, frame: usize, title: String) -> anyhow::Result<Tile> {
    let pixels = clip.frames().nth(frame).context("a clip has no such frame")?;
    let (width, height) = (clip.width * TIMES, clip.height * TIMES);
    let code = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let codes = (0..width * height)
        .map(|n| pixels[n / width / TIMES * clip.width + n % width / TIMES].map(code))
        .collect();
    Ok(Tile {
        picture: Preview::from_codes(codes, width as u32, height as u32),
        title,
        lines: Vec::new(),
    })
}

/// Writes a sheet of so many columns as JPEG.
pub fn write(path: &Path, tiles: &[Tile], columns: usize, width: usize) -> anyhow::Result<()> {
    let sheet =
        contact_sheet(tiles, columns as u32, (width * TIMES) as u32).context("a sheet without pictures")?;
    Ok(write_whole(path, &sheet.to_jpeg(QUALITY)?)?)
}
