//! Light from all sides: order-2 spherical harmonics, and the sky that is seen behind everything.

use glam::DVec3;

use crate::vector::along;

/// The orthonormal real basis of order 2 at a unit direction, in the order 1; y, z, x; xy, yz, 3z²−1, xz, x²−y².
pub fn basis(d: [f32; 3]) -> [f32; 9] {
    let [x, y, z] = d;
    [
        0.282_094_8,
        0.488_602_5 * y,
        0.488_602_5 * z,
        0.488_602_5 * x,
        1.092_548_4 * x * y,
        1.092_548_4 * y * z,
        0.315_391_57 * (3.0 * z * z - 1.0),
        1.092_548_4 * x * z,
        0.546_274_2 * (x * x - y * y),
    ]
}

/// Irradiance of a surface with this unit normal under radiance given as coefficients of [`basis`]
/// (Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps", 2001, equation 13).
#[inline(always)]
pub fn irradiance(sh: &[[f32; 3]; 9], normal: [f32; 3]) -> [f32; 3] {
    let [x, y, z] = normal;
    let terms = [
        0.886_227,
        2.0 * 0.511_664 * y,
        2.0 * 0.511_664 * z,
        2.0 * 0.511_664 * x,
        2.0 * 0.429_043 * x * y,
        2.0 * 0.429_043 * y * z,
        0.743_125 * z * z - 0.247_708,
        2.0 * 0.429_043 * x * z,
        0.429_043 * (x * x - y * y),
    ];
    let mut sum = [0.0f32; 3];
    for (term, coefficient) in terms.iter().zip(sh) {
        sum = along(sum, *coefficient, *term);
    }
    let positive = |v: f32| if v > 0.0 { v } else { 0.0 };
    [positive(sum[0]), positive(sum[1]), positive(sum[2])]
}

/// What fills the picture where nothing stands.
#[derive(Debug, Clone)]
pub(crate) enum Sky {
    /// A dome's own radiance.
    Dome(Box<[[f32; 3]; 9]>),
    /// From the horizon to the zenith, and the haze below, times a factor.
    Plain(f32),
}

const ZENITH: [f32; 3] = [0.20, 0.29, 0.42];
const HORIZON: [f32; 3] = [0.62, 0.66, 0.70];
const GROUND: [f32; 3] = [0.26, 0.25, 0.24];

impl Sky {
    /// Radiance towards a unit direction of the world, linear ACEScg.
    pub fn seen(&self, way: DVec3) -> [f32; 3] {
        let way = way.to_array().map(|c| c as f32);
        match self {
            Sky::Dome(sh) => {
                let mut sum = [0.0f32; 3];
                for (b, coefficient) in basis(way).iter().zip(sh.iter()) {
                    for c in 0..3 {
                        sum[c] += b * coefficient[c];
                    }
                }
                sum.map(|v| if v > 0.0 { v } else { 0.0 })
            }
            Sky::Plain(factor) => {
                let up = way[1];
                // The haze thins out quickly above the horizon, and at once below it.
                let (to, t) = if up >= 0.0 {
                    (ZENITH, up.sqrt())
                } else {
                    (GROUND, (-up * 6.0).min(1.0))
                };
                [0, 1, 2].map(|c| factor * (HORIZON[c] + (to[c] - HORIZON[c]) * t))
            }
        }
    }

    /// The light of the plain sky, as coefficients of [`basis`]: bluish above, warm and dim below.
    pub fn plain_light(factor: f32) -> [[f32; 3]; 9] {
        let (above, below) = ([0.42, 0.50, 0.60], [0.16, 0.14, 0.12]);
        let mut sh = [[0.0; 3]; 9];
        for c in 0..3 {
            sh[0][c] = factor * (above[c] + below[c]) / 2.0 / 0.282_094_8;
            sh[1][c] = factor * (above[c] - below[c]) / 2.0 / 0.488_602_5;
        }
        sh
    }
}
