//! OKLab and OKLCH, in which near colours look alike: Björn Ottosson, "A perceptual color space for image
//! processing" (2020), with the matrices given there.
//!
//! L is lightness from 0 (black) to 1 (white); a and b reach from about -0.3 to 0.3. C is the distance of (a, b)
//! from grey, h its direction in degrees: 0 is a pinkish red, 30 red, 110 yellow, 145 green, 265 blue.

use crate::color::srgb_decode;
use std::sync::LazyLock;

/// Lightness, a and b of linear light with Rec. 709 primaries (1 is white).
pub fn from_linear([r, g, b]: [f64; 3]) -> [f64; 3] {
    let l = libm::cbrt(0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b);
    let m = libm::cbrt(0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b);
    let s = libm::cbrt(0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b);
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

/// Lightness, a and b of 8-bit sRGB codes.
///
/// ```
/// use heirloom_picture::oklab;
/// let [l, a, b] = oklab::from_display8([255, 0, 0]);
/// assert!((l - 0.628).abs() < 1e-3 && (a - 0.225).abs() < 1e-3 && (b - 0.126).abs() < 1e-3);
/// let white = oklab::from_display8([255; 3]);
/// assert!((white[0] - 1.0).abs() < 1e-3 && white[1].abs() < 1e-3 && white[2].abs() < 1e-3);
/// ```
pub fn from_display8(code: [u8; 3]) -> [f64; 3] {
    from_linear(code.map(|c| LIGHT[usize::from(c)]))
}

/// Lightness, a and b of a lightness, a chroma and a hue in degrees.
pub fn from_lch([l, c, h]: [f64; 3]) -> [f64; 3] {
    let angle = h * core::f64::consts::PI / 180.0;
    [l, c * libm::cos(angle), c * libm::sin(angle)]
}

/// How far apart two colours are; 0.02 is just seen, black and white are 1 apart.
pub fn distance(one: [f64; 3], other: [f64; 3]) -> f64 {
    let d: [f64; 3] = core::array::from_fn(|k| one[k] - other[k]);
    libm::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
}

/// The linear light of the 256 codes.
static LIGHT: LazyLock<[f64; 256]> =
    LazyLock::new(|| core::array::from_fn(|code| srgb_decode(code as f64 / 255.0)));
