//! OKLab and OKLCH, in which near colours look alike: Björn Ottosson, "A perceptual color space for image
//! processing" (2020), with the matrices given there.
//!
//! L is lightness from 0 (black) to 1 (white); a and b reach from about -0.3 to 0.3. C is the distance of (a, b)
//! from grey, h its direction in degrees: 0 is a pinkish red, 30 red, 110 yellow, 145 green, 265 blue.

use crate::color::{Matrix, srgb_decode};
use std::sync::LazyLock;

/// From linear Rec. 709 to the responses of three cones.
const CONES: Matrix = Matrix([
    [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
    [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
    [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
]);
/// From the cube roots of the responses to lightness, a and b.
const LAB: Matrix = Matrix([
    [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
    [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
    [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
]);
/// The two matrices turned around: computed, so that there and back is exact to rounding.
static BACK: LazyLock<[Matrix; 2]> =
    LazyLock::new(|| [LAB, CONES].map(|m| m.inverse().unwrap_or(Matrix::IDENTITY)));

/// Lightness, a and b of linear light with Rec. 709 primaries (1 is white).
pub fn from_linear(rgb: [f64; 3]) -> [f64; 3] {
    LAB.apply(CONES.apply(rgb).map(libm::cbrt))
}

/// Linear light with Rec. 709 primaries (1 is white) of lightness, a and b; the inverse of [`from_linear`].
///
/// Colours that a display cannot show come out below 0 or above 1.
///
/// ```
/// use heirloom_picture::oklab;
/// let back = oklab::to_linear(oklab::from_linear([0.2, 0.5, 0.7]));
/// assert!((back[0] - 0.2).abs() < 1e-12 && (back[1] - 0.5).abs() < 1e-12 && (back[2] - 0.7).abs() < 1e-12);
/// ```
pub fn to_linear(lab: [f64; 3]) -> [f64; 3] {
    let [from_lab, from_cones] = &*BACK;
    from_cones.apply(from_lab.apply(lab).map(|v| v * v * v))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back_is_the_same_light(rgb in prop::array::uniform3(-0.5f64..4.0)) {
            let back = to_linear(from_linear(rgb));
            for c in 0..3 {
                prop_assert!((back[c] - rgb[c]).abs() < 1e-11, "{rgb:?} came back as {back:?}");
            }
        }

        #[test]
        fn and_the_other_way_round(lab in (0f64..1.0, -0.3f64..0.3, -0.3f64..0.3)) {
            comes_back([lab.0, lab.1, lab.2])?;
        }
    }

    /// Compares as closely as a cube root allows: near 0 it is so steep that a rounding of 1e-16 in the light
    /// becomes 1e-5 in the root.
    fn comes_back(lab: [f64; 3]) -> Result<(), TestCaseError> {
        let roots = BACK[0].apply(lab);
        let steep = roots.iter().any(|root| root.abs() < 1e-2);
        let off = distance(from_linear(to_linear(lab)), lab);
        prop_assert!(
            off < if steep { 1e-4 } else { 1e-9 },
            "{lab:?} came back {off:e} away, roots {roots:?}"
        );
        Ok(())
    }

    #[test]
    fn a_colour_where_a_cone_sees_nothing_comes_back() {
        // A run of the property above met this colour, where one root is nearly 0, and failed at 1e-9.
        comes_back([
            0.262_687_269_044_729_4,
            0.265_651_648_638_575_3,
            0.185_011_648_497_124_43,
        ])
        .unwrap();
    }

    #[test]
    fn the_inverse_is_the_published_one() {
        // Ottosson's own figures for the way back.
        let cases = [[1.0, 0.0, 0.0], [0.6, 0.1, 0.05], [0.4, -0.05, -0.2]];
        for [l, a, b] in cases {
            let cube = |v: f64| v * v * v;
            let long = cube(l + 0.396_337_777_4 * a + 0.215_803_757_3 * b);
            let mid = cube(l - 0.105_561_345_8 * a - 0.063_854_172_8 * b);
            let short = cube(l - 0.089_484_177_5 * a - 1.291_485_548_0 * b);
            let red = 4.076_741_662_1 * long - 3.307_711_591_3 * mid + 0.230_969_929_2 * short;
            assert!((to_linear([l, a, b])[0] - red).abs() < 1e-6);
        }
    }
}
