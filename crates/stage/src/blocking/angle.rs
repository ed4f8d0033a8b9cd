//! Turns, by the portable sine and cosine.

use glam::{DQuat, DVec3};

/// Round an axis (of length one) against the clock, seen from its tip.
pub(super) fn turn(axis: DVec3, deg: f64) -> DQuat {
    let half = deg.to_radians() / 2.0;
    let (sin, cos) = (libm::sin(half), libm::cos(half));
    DQuat::from_xyzw(axis.x * sin, axis.y * sin, axis.z * sin, cos)
}

/// Degrees round x, y and z as `film.toml` has them: y first, then x, then z, each round the thing's own axis.
pub(super) fn turned([x, y, z]: [f64; 3]) -> DQuat {
    turn(DVec3::Y, y) * turn(DVec3::X, x) * turn(DVec3::Z, z)
}

/// The turn of a camera that looks along a direction with its head up; `heading_deg` where it looks straight up or
/// down. `None` for a direction of no length.
pub(super) fn looking(along: DVec3, heading_deg: f64) -> Option<DQuat> {
    let d = along.try_normalize()?;
    let level = libm::sqrt(d.x * d.x + d.z * d.z);
    let yaw = if level > 1e-9 {
        libm::atan2(-d.x, -d.z).to_degrees()
    } else {
        heading_deg
    };
    let pitch = libm::atan2(d.y, level).to_degrees();
    Some(turn(DVec3::Y, yaw) * turn(DVec3::X, pitch))
}

/// Where a turned camera looks, made level: its heading as a direction, and that direction's own right.
pub(super) fn level(rotation: DQuat) -> (DVec3, DVec3) {
    let ahead = rotation * DVec3::NEG_Z;
    let up = rotation * DVec3::Y;
    // Looking straight down, what is up in the picture lies ahead on the floor; looking straight up, behind.
    let flat = DVec3::new(ahead.x, 0.0, ahead.z);
    let flat = if flat.length() > 1e-6 {
        flat
    } else {
        DVec3::new(up.x, 0.0, up.z) * if ahead.y < 0.0 { 1.0 } else { -1.0 }
    };
    let ahead = flat.try_normalize().unwrap_or(DVec3::NEG_Z);
    (ahead, ahead.cross(DVec3::Y))
}
