//! Colour: spaces and the matrices between them, the sRGB curve, and the way to display and back.
//!
//! Nothing here is a constant copied from a table: matrices come from the primaries by plain f64
//! arithmetic, the curve from `libm`, which has no instruction of its own on any processor. So the
//! same photograph gives the same bytes on every machine, which a take made without weights rests on.
//!
//! # How pictures come in and go out
//! A display picture comes in by the inverse of the sRGB curve and the matrix from BT.709 to ACEScg,
//! and goes out by the same two turned around, with no tone curve. Every 8-bit and every 16-bit
//! display colour therefore comes back as it came. What lies outside the display's range is clipped
//! per channel.

use std::sync::LazyLock;

use rayon::prelude::*;

use crate::image::{AcesCg, Image};

/// Pixels that one worker takes at a time. Only a matter of speed: every pixel is computed alone.
pub(crate) const CHUNK: usize = 1 << 14;

/// The primaries and the white of an RGB space, as CIE 1931 xy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chromaticities {
    /// Red.
    pub red: [f64; 2],
    /// Green.
    pub green: [f64; 2],
    /// Blue.
    pub blue: [f64; 2],
    /// White.
    pub white: [f64; 2],
}

impl Chromaticities {
    /// ACES AP1 (SMPTE ST 2065-1's white), the primaries of ACEScg.
    pub const AP1: Self = Self {
        red: [0.713, 0.293],
        green: [0.165, 0.830],
        blue: [0.128, 0.044],
        white: [0.32168, 0.33767],
    };
    /// BT.709 and sRGB, white D65.
    pub const REC709: Self = Self {
        red: [0.64, 0.33],
        green: [0.30, 0.60],
        blue: [0.15, 0.06],
        white: [0.3127, 0.3290],
    };
    /// BT.2020, white D65.
    pub const REC2020: Self = Self {
        red: [0.708, 0.292],
        green: [0.170, 0.797],
        blue: [0.131, 0.046],
        white: [0.3127, 0.3290],
    };
    /// Display P3, white D65.
    pub const DISPLAY_P3: Self = Self {
        red: [0.680, 0.320],
        green: [0.265, 0.690],
        blue: [0.150, 0.060],
        white: [0.3127, 0.3290],
    };

    /// The matrix from linear RGB to CIE XYZ, white at Y = 1. `None` where the primaries span no
    /// plane, or a y is zero.
    pub fn to_xyz(&self) -> Option<Matrix> {
        let column = |[x, y]: [f64; 2]| (y != 0.0).then(|| [x / y, 1.0, (1.0 - x - y) / y]);
        let (r, g, b) = (column(self.red)?, column(self.green)?, column(self.blue)?);
        let primaries = Matrix([[r[0], g[0], b[0]], [r[1], g[1], b[1]], [r[2], g[2], b[2]]]);
        let scale = primaries.inverse()?.apply(column(self.white)?);
        Some(Matrix(primaries.0.map(|row| {
            [row[0] * scale[0], row[1] * scale[1], row[2] * scale[2]]
        })))
    }
}

/// A 3x3 matrix that takes a column of three values to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix(pub [[f64; 3]; 3]);

impl Matrix {
    /// The matrix that changes nothing.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// This matrix times a column.
    #[inline]
    pub fn apply(&self, v: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    /// The matrix that applies `first` and then `self`.
    pub fn after(&self, first: &Self) -> Self {
        let column = |j: usize| self.apply([first.0[0][j], first.0[1][j], first.0[2][j]]);
        let (a, b, c) = (column(0), column(1), column(2));
        Self([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [a[2], b[2], c[2]]])
    }

    /// The inverse; `None` where there is none.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let minor =
            |r0: usize, r1: usize, c0: usize, c1: usize| m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0];
        let det = m[0][0] * minor(1, 2, 1, 2) - m[0][1] * minor(1, 2, 0, 2) + m[0][2] * minor(1, 2, 0, 1);
        if !det.is_finite() || det.abs() < 1e-12 {
            return None;
        }
        Some(Self([
            [
                minor(1, 2, 1, 2) / det,
                -minor(0, 2, 1, 2) / det,
                minor(0, 1, 1, 2) / det,
            ],
            [
                -minor(1, 2, 0, 2) / det,
                minor(0, 2, 0, 2) / det,
                -minor(0, 1, 0, 2) / det,
            ],
            [
                minor(1, 2, 0, 1) / det,
                -minor(0, 2, 0, 1) / det,
                minor(0, 1, 0, 1) / det,
            ],
        ]))
    }
}

/// The Bradford change of white between two CIE XYZ whites (Y = 1 each).
pub fn bradford(from_white: [f64; 3], to_white: [f64; 3]) -> Matrix {
    const CONE: Matrix = Matrix([
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
    ]);
    let (a, b) = (CONE.apply(from_white), CONE.apply(to_white));
    let scale = Matrix([
        [b[0] / a[0], 0.0, 0.0],
        [0.0, b[1] / a[1], 0.0],
        [0.0, 0.0, b[2] / a[2]],
    ]);
    match CONE.inverse() {
        Some(back) => back.after(&scale.after(&CONE)),
        None => Matrix::IDENTITY,
    }
}

/// The CIE XYZ of a white given as xy, at Y = 1.
pub fn white_xyz([x, y]: [f64; 2]) -> [f64; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

/// The matrix from one linear RGB space to another, white going to white (Bradford); the identity
/// for equal spaces, and where a space's primaries span no plane.
pub fn between(from: &Chromaticities, to: &Chromaticities) -> Matrix {
    if from == to {
        return Matrix::IDENTITY;
    }
    let (Some(a), Some(b)) = (from.to_xyz(), to.to_xyz().and_then(|m| m.inverse())) else {
        return Matrix::IDENTITY;
    };
    b.after(&bradford(white_xyz(from.white), white_xyz(to.white)).after(&a))
}

/// The linear light of an sRGB-encoded value; 0..=1 to 0..=1, odd about zero.
pub fn srgb_decode(encoded: f64) -> f64 {
    let v = encoded.abs();
    let light = if v <= 0.04045 {
        v / 12.92
    } else {
        libm::pow((v + 0.055) / 1.055, 2.4)
    };
    if encoded < 0.0 { -light } else { light }
}

/// The sRGB encoding of linear light; the inverse of [`srgb_decode`].
pub fn srgb_encode(linear: f64) -> f64 {
    let v = linear.abs();
    let code = if v <= 0.0031308 {
        v * 12.92
    } else {
        1.055 * libm::pow(v, 1.0 / 2.4) - 0.055
    };
    if linear < 0.0 { -code } else { code }
}

/// The linear light of the 256 codes of 8-bit sRGB.
pub(crate) static SRGB8: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| srgb_decode(code as f64 / 255.0) as f32));

/// From linear light to the nearest code of the sRGB curve, exactly, without a power per pixel.
///
/// A code's range begins where the curve, turned around, puts the half step below it; a table tells
/// for every short stretch of floats the first code that can be meant, and a step or two finds it.
struct Encoder {
    /// `begins[k]`: the least light whose code is `k + 1`.
    begins: Vec<f32>,
    /// For each stretch of floats, the code of its least value.
    first: Vec<u16>,
    shift: u32,
    lowest: u32,
}

impl Encoder {
    fn new(max_code: u32, octaves: u32, steps_per_octave_log2: u32) -> Self {
        let begins: Vec<f32> = (0..max_code)
            .map(|k| srgb_decode((f64::from(k) + 0.5) / f64::from(max_code)) as f32)
            .collect();
        let shift = 23 - steps_per_octave_log2;
        let lowest = (127 - octaves) << 23;
        let first = (0..(octaves << steps_per_octave_log2))
            .map(|i| {
                let least = f32::from_bits(lowest + (i << shift));
                begins.partition_point(|&b| b <= least) as u16
            })
            .collect();
        Self {
            begins,
            first,
            shift,
            lowest,
        }
    }

    #[inline]
    fn code(&self, light: f32) -> u16 {
        if light.is_nan() || light < self.begins[0] {
            return 0;
        }
        if light >= 1.0 {
            return self.begins.len() as u16;
        }
        let stretch = light.to_bits().saturating_sub(self.lowest) >> self.shift;
        let mut code = self.first[stretch as usize] as usize;
        while code < self.begins.len() && light >= self.begins[code] {
            code += 1;
        }
        code as u16
    }
}

// The first half step of 8 bits is 1.5e-4 (above 2^-13), of 16 bits 5.9e-7 (above 2^-21).
static TO_8: LazyLock<Encoder> = LazyLock::new(|| Encoder::new(255, 13, 6));
static TO_16: LazyLock<Encoder> = LazyLock::new(|| Encoder::new(65535, 21, 12));
static OUT: LazyLock<Matrix> = LazyLock::new(|| between(&Chromaticities::AP1, &Chromaticities::REC709));
static IN: LazyLock<Matrix> = LazyLock::new(|| between(&Chromaticities::REC709, &Chromaticities::AP1));

fn send_out<T: Copy + Default + Send>(image: &Image<AcesCg>, code: impl Fn(f32) -> T + Sync) -> Vec<[T; 3]> {
    let matrix = *OUT;
    let mut codes = vec![[T::default(); 3]; image.pixels().len()];
    codes
        .par_chunks_mut(CHUNK)
        .zip(image.pixels().par_chunks(CHUNK))
        .for_each(|(codes, pixels)| {
            for (out, p) in codes.iter_mut().zip(pixels) {
                *out = matrix
                    .apply([p[0].into(), p[1].into(), p[2].into()])
                    .map(|v| code(v as f32));
            }
        });
    codes
}

/// The nearest 8-bit sRGB code of a linear value; below zero and NaN are 0, above one is 255.
pub fn encode8(linear: f32) -> u8 {
    TO_8.code(linear) as u8
}

/// The nearest 16-bit sRGB code of a linear value; below zero and NaN are 0, above one is 65535.
pub fn encode16(linear: f32) -> u16 {
    TO_16.code(linear)
}

/// The picture as 8-bit sRGB for looking at, over black, rows from the top left.
pub fn to_display8(image: &Image<AcesCg>) -> Vec<[u8; 3]> {
    let encoder = &*TO_8;
    send_out(image, |v| encoder.code(v) as u8)
}

/// The picture as 16-bit full-range RGB over black for video and 16-bit PNG: BT.709 primaries and
/// the sRGB curve, so that photographs leave with the very codes they came in with.
pub fn to_video16(image: &Image<AcesCg>) -> Vec<[u16; 3]> {
    let encoder = &*TO_16;
    send_out(image, |v| encoder.code(v))
}

/// An opaque picture from codes: their light, by the matrix to ACEScg.
pub(crate) fn bring_in<T: Copy + Sync>(
    codes: &[[T; 3]],
    width: u32,
    height: u32,
    matrix: &Matrix,
    light: impl Fn(T) -> f32 + Sync,
) -> Option<Image<AcesCg>> {
    if (width as usize).checked_mul(height as usize)? != codes.len() {
        return None;
    }
    let mut pixels = vec![[0.0; 4]; codes.len()];
    pixels
        .par_chunks_mut(CHUNK)
        .zip(codes.par_chunks(CHUNK))
        .for_each(|(pixels, codes)| {
            for (pixel, code) in pixels.iter_mut().zip(codes) {
                let rgb = matrix.apply(code.map(|c| f64::from(light(c))));
                *pixel = [rgb[0] as f32, rgb[1] as f32, rgb[2] as f32, 1.0];
            }
        });
    Image::from_pixels(width, height, pixels)
}

/// An opaque picture from 8-bit sRGB codes, rows from the top left; `None` where their number is
/// not `width` x `height`.
pub fn from_display8(codes: &[[u8; 3]], width: u32, height: u32) -> Option<Image<AcesCg>> {
    let table = &*SRGB8;
    bring_in(codes, width, height, &IN, |c| table[usize::from(c)])
}

/// The inverse of [`to_video16`]; `None` where the number of codes is not `width` x `height`.
pub fn from_video16(codes: &[[u16; 3]], width: u32, height: u32) -> Option<Image<AcesCg>> {
    let table = &*SRGB16;
    bring_in(codes, width, height, &IN, |c| table[usize::from(c)])
}

/// The linear light of the 65536 codes of 16-bit sRGB.
pub(crate) static SRGB16: LazyLock<Vec<f32>> = LazyLock::new(|| {
    (0..=u16::MAX)
        .map(|code| srgb_decode(f64::from(code) / 65535.0) as f32)
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: &Matrix, b: [[f64; 3]; 3], within: f64) {
        for (i, (a, b)) in a.0.as_flattened().iter().zip(b.as_flattened()).enumerate() {
            assert!((a - b).abs() <= within, "[{}][{}]: {a} for {b}", i / 3, i % 3);
        }
    }

    #[test]
    fn matrices_are_the_published_ones() {
        // S-2014-004 (ACEScg), AP1 to XYZ.
        near(
            &Chromaticities::AP1.to_xyz().unwrap(),
            [
                [0.6624541811, 0.1340042065, 0.1561876870],
                [0.2722287168, 0.6740817658, 0.0536895174],
                [-0.0055746495, 0.0040607335, 1.0103391003],
            ],
            1e-9,
        );
        // IEC 61966-2-1, sRGB to XYZ.
        near(
            &Chromaticities::REC709.to_xyz().unwrap(),
            [
                [0.4124, 0.3576, 0.1805],
                [0.2126, 0.7152, 0.0722],
                [0.0193, 0.1192, 0.9505],
            ],
            6e-5,
        );
        // The Academy's and OpenColorIO's figures, Bradford.
        near(
            &between(&Chromaticities::REC709, &Chromaticities::AP1),
            [
                [0.613097, 0.339523, 0.047379],
                [0.070194, 0.916354, 0.013452],
                [0.020616, 0.109570, 0.869815],
            ],
            2e-6,
        );
        near(
            &between(&Chromaticities::AP1, &Chromaticities::REC709),
            [
                [1.705051, -0.621792, -0.083259],
                [-0.130256, 1.140805, -0.010548],
                [-0.024003, -0.128969, 1.152972],
            ],
            2e-6,
        );
    }

    #[test]
    fn a_matrix_and_its_inverse_cancel() {
        let m = between(&Chromaticities::REC709, &Chromaticities::AP1);
        near(&m.after(&m.inverse().unwrap()), Matrix::IDENTITY.0, 1e-14);
        assert!(
            Matrix([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 0.0, 1.0]])
                .inverse()
                .is_none()
        );
    }

    #[test]
    fn every_code_meets_its_own_light() {
        for code in 0..=255u8 {
            assert_eq!(encode8(SRGB8[usize::from(code)]), code);
        }
        for code in 0..=u16::MAX {
            assert_eq!(encode16(SRGB16[usize::from(code)]), code);
        }
    }

    #[test]
    fn encoding_rounds_to_the_nearest_code() {
        for i in 0..20_000 {
            let light = i as f32 / 16_000.0 - 0.1;
            let exact = srgb_encode(f64::from(light.clamp(0.0, 1.0)));
            assert!(
                (f64::from(encode8(light)) - exact * 255.0).abs() <= 0.5 + 1e-5,
                "{light}"
            );
            assert!(
                (f64::from(encode16(light)) - exact * 65535.0).abs() <= 0.5 + 0.01,
                "{light}"
            );
        }
        for odd in [f32::NAN, f32::NEG_INFINITY, -0.0] {
            assert_eq!((encode8(odd), encode16(odd)), (0, 0));
        }
        assert_eq!((encode8(f32::INFINITY), encode16(f32::INFINITY)), (255, 65535));
    }

    #[test]
    fn greys_and_corners_come_back_as_they_came() {
        let mut codes: Vec<[u8; 3]> = (0..=255).map(|v| [v; 3]).collect();
        let corner = [0, 1, 2, 127, 254, 255];
        for r in corner {
            for g in corner {
                for b in corner {
                    codes.push([r, g, b]);
                }
            }
        }
        let image = from_display8(&codes, codes.len() as u32, 1).unwrap();
        assert_eq!(to_display8(&image), codes);
    }

    proptest! {
        #[test]
        fn every_display_colour_comes_back(codes in prop::collection::vec(any::<[u8; 3]>(), 1..200)) {
            let image = from_display8(&codes, codes.len() as u32, 1).unwrap();
            prop_assert_eq!(to_display8(&image), codes);
        }

        #[test]
        fn every_16_bit_colour_comes_back(codes in prop::collection::vec(any::<[u16; 3]>(), 1..200)) {
            let image = from_video16(&codes, 1, codes.len() as u32).unwrap();
            prop_assert_eq!(to_video16(&image), codes);
        }
    }

    #[test]
    fn the_curve_is_the_standards() {
        for (code, light) in [(0.0, 0.0), (0.04045, 0.0031308), (0.5, 0.21404114), (1.0, 1.0)] {
            assert!((srgb_decode(code) - light).abs() < 1e-7, "{code}");
            assert!((srgb_encode(srgb_decode(code)) - code).abs() < 1e-7, "{code}");
            assert_eq!(srgb_decode(-code), -srgb_decode(code));
        }
    }
}
