//! PNG out: 8 bits for looking, 16 bits for finishing, both marked sRGB.

use std::io;
use std::path::Path;

use crate::write::{self, WriteError};

/// Writes 8-bit sRGB codes (see [`crate::color::to_display8`]), rows from the top left.
///
/// # Errors
/// Where the codes are not `width` x `height` many, or the file cannot be written; the file is then
/// as it was before.
pub fn write8(path: &Path, codes: &[[u8; 3]], width: u32, height: u32) -> Result<(), WriteError> {
    save(
        path,
        codes.as_flattened(),
        codes.len(),
        width,
        height,
        png::BitDepth::Eight,
    )
}

/// Writes 16-bit sRGB codes (see [`crate::color::to_video16`]), rows from the top left.
///
/// # Errors
/// As [`write8`].
pub fn write16(path: &Path, codes: &[[u16; 3]], width: u32, height: u32) -> Result<(), WriteError> {
    let bytes: Vec<u8> = codes
        .as_flattened()
        .iter()
        .flat_map(|c| c.to_be_bytes())
        .collect();
    save(path, &bytes, codes.len(), width, height, png::BitDepth::Sixteen)
}

fn save(
    path: &Path,
    bytes: &[u8],
    pixels: usize,
    width: u32,
    height: u32,
    depth: png::BitDepth,
) -> Result<(), WriteError> {
    if width == 0 || height == 0 || pixels as u64 != u64::from(width) * u64::from(height) {
        return Err(WriteError::shape(
            path,
            format!("{pixels} pixels do not make {width} x {height}"),
        ));
    }
    let failed = |e: png::EncodingError| match e {
        png::EncodingError::IoError(source) => WriteError::io(path, source),
        other => WriteError::io(path, io::Error::other(other)),
    };
    write::whole(path, |out| {
        let mut encoder = png::Encoder::new(out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(depth);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(bytes).map_err(failed)?;
        writer.finish().map_err(failed)
    })
}
