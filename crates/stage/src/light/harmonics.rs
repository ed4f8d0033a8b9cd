//! Second-order spherical harmonics: nine numbers that hold light from all sides.
//!
//! The real orthonormal basis in the order 1; y, z, x; xy, yz, 3z²−1, xz, x²−y², of the direction towards the light.
//! Surfaces blur light so much that nine numbers give the irradiance of any light to within a few per cent:
//! R. Ramamoorthi and P. Hanrahan, "An Efficient Representation for Irradiance Environment Maps", SIGGRAPH 2001,
//! equations 3 (basis), 8 (what each band keeps) and 10 (projection).

use core::f64::consts::PI;

use glam::{DMat3, DQuat, DVec3};

/// Nine coefficients of red, green and blue.
pub type Sh9 = [[f32; 3]; 9];

/// What a Lambert surface keeps of each band: π, 2π/3, π/4.
const KEPT: [f64; 9] = {
    let (a, b, c) = (PI, 2.0 * PI / 3.0, PI / 4.0);
    [a, b, b, b, c, c, c, c, c]
};

/// The nine functions at a unit direction.
pub fn basis(d: DVec3) -> [f64; 9] {
    [
        0.282_094_791_773_878_14,
        0.488_602_511_902_919_9 * d.y,
        0.488_602_511_902_919_9 * d.z,
        0.488_602_511_902_919_9 * d.x,
        1.092_548_430_592_079_2 * d.x * d.y,
        1.092_548_430_592_079_2 * d.y * d.z,
        0.315_391_565_252_520_05 * (3.0 * d.z * d.z - 1.0),
        1.092_548_430_592_079_2 * d.x * d.z,
        0.546_274_215_296_039_6 * (d.x * d.x - d.y * d.y),
    ]
}

/// Radiance from a direction, as far as nine numbers hold it; may be a little below zero.
pub fn radiance(sh: &Sh9, towards: DVec3) -> [f64; 3] {
    weighted(sh, &basis(towards))
}

/// Irradiance of a surface with this unit normal: radiance times steradians.
pub fn irradiance(sh: &Sh9, normal: DVec3) -> [f64; 3] {
    let mut kept = basis(normal);
    for (value, share) in kept.iter_mut().zip(KEPT) {
        *value *= share;
    }
    weighted(sh, &kept)
}

fn weighted(sh: &Sh9, by: &[f64; 9]) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (coefficient, share) in sh.iter().zip(by) {
        for (s, c) in sum.iter_mut().zip(coefficient) {
            *s += f64::from(*c) * share;
        }
    }
    sum
}

/// Harmonics of light that is the same over a cap of the sky of softness `1 − cos(half angle)` and gives a surface
/// that faces it this irradiance. The harmonics of a point are turned zonal ones; a cap dampens each band.
pub fn cap(towards: DVec3, softness: f64, irradiance: [f64; 3]) -> Sh9 {
    let cos = 1.0 - softness.clamp(0.0, 1.0);
    // Means of the Legendre polynomials over the cap, and of the cosine (which is its first one).
    let first = (1.0 + cos) / 2.0;
    let second = cos * (1.0 + cos) / 2.0;
    let damp = [1.0, first, first, first, second, second, second, second, second];
    let at = basis(towards);
    let mut sh = [[0.0; 3]; 9];
    for (out, (value, share)) in sh.iter_mut().zip(at.iter().zip(damp)) {
        for (o, e) in out.iter_mut().zip(irradiance) {
            *o = (e / first * value * share) as f32;
        }
    }
    sh
}

/// The sum of two lights.
pub fn sum(a: &Sh9, b: &Sh9) -> Sh9 {
    let mut out = *a;
    for (o, add) in out.iter_mut().zip(b) {
        for (x, y) in o.iter_mut().zip(add) {
            *x += y;
        }
    }
    out
}

/// The same light turned: what came from `d` comes from `rotation · d`. The first band turns as a vector, the second
/// as a symmetric matrix without trace.
pub fn rotated(sh: &Sh9, rotation: DQuat) -> Sh9 {
    const B1: f64 = 0.488_602_511_902_919_9;
    const B2: f64 = 1.092_548_430_592_079_2;
    const B20: f64 = 0.315_391_565_252_520_05;
    let turn = DMat3::from_quat(rotation);
    let mut out = *sh;
    for channel in 0..3 {
        let c = sh.map(|v| f64::from(v[channel]));
        let v = turn * DVec3::new(c[3], c[1], c[2]) * B1;
        // xᵀ·M·x is the second band's function.
        let (xx, yy, zz) = (
            B2 / 2.0 * c[8] - B20 * c[6],
            -B2 / 2.0 * c[8] - B20 * c[6],
            2.0 * B20 * c[6],
        );
        let (xy, yz, xz) = (B2 / 2.0 * c[4], B2 / 2.0 * c[5], B2 / 2.0 * c[7]);
        let m = DMat3::from_cols(
            DVec3::new(xx, xy, xz),
            DVec3::new(xy, yy, yz),
            DVec3::new(xz, yz, zz),
        );
        let m = turn * m * turn.transpose();
        let turned = [
            c[0],
            v.y / B1,
            v.z / B1,
            v.x / B1,
            2.0 * m.y_axis.x / B2,
            2.0 * m.z_axis.y / B2,
            m.z_axis.z / (2.0 * B20),
            2.0 * m.z_axis.x / B2,
            (m.x_axis.x - m.y_axis.y) / B2,
        ];
        for (o, t) in out.iter_mut().zip(turned) {
            o[channel] = t as f32;
        }
    }
    out
}
