//! Colours and pictures of surfaces, as both formats have them.

use std::sync::LazyLock;

use heirloom_picture::color::{self, Chromaticities, Matrix};
use heirloom_picture::photo::{self, Limits};
use heirloom_picture::{AcesCg, Image};

use super::budget::Context;

static TO_ACESCG: LazyLock<Matrix> =
    LazyLock::new(|| color::between(&Chromaticities::REC709, &Chromaticities::AP1));

/// Linear Rec.709 to linear ACEScg.
pub(super) fn rgb([r, g, b]: [f32; 3]) -> [f32; 3] {
    TO_ACESCG.apply([r.into(), g.into(), b.into()]).map(|v| v as f32)
}

/// The same with alpha beside it.
pub(super) fn rgba([r, g, b, a]: [f32; 4]) -> [f32; 4] {
    let [r, g, b] = rgb([r, g, b]);
    [r, g, b, a]
}

/// A number, or something in its place where it is none.
pub(super) fn sound(value: f32, instead: f32) -> f32 {
    if value.is_finite() { value } else { instead }
}

/// A picture from a file's bytes; a warning and none where it cannot be read.
pub(super) fn picture(context: &mut Context<'_>, name: &str, bytes: &[u8]) -> Option<Image<AcesCg>> {
    let left = context.texture_pixels_left();
    let limits = Limits {
        side: 65_535,
        pixels: left,
        decoded_bytes: left.saturating_mul(8).min(1 << 32),
    };
    match photo::decode_within(bytes, name, &limits) {
        Ok(photo) => {
            for warning in &photo.info.warnings {
                context.warn(name, warning.clone());
            }
            let pixels = photo.image.pixels().len() as u64;
            match context.texture_pixels(pixels) {
                Ok(()) => Some(photo.image),
                Err(error) => {
                    context.warn(
                        name,
                        format!("the picture is left out, its surfaces are plain: {error}"),
                    );
                    None
                }
            }
        }
        Err(error) => {
            context.warn(
                name,
                format!("the picture is left out, its surfaces are plain: {error}"),
            );
            None
        }
    }
}

/// The picture with its transparency taken away, for surfaces that have none. Colour under full transparency is
/// lost already: it becomes black.
pub(super) fn opaque(mut image: Image<AcesCg>) -> Image<AcesCg> {
    for pixel in image.pixels_mut() {
        let a = pixel[3];
        if a > 0.0 && a < 1.0 {
            for c in &mut pixel[..3] {
                *c /= a;
            }
        }
        pixel[3] = 1.0;
    }
    image
}
