//! Somebody, built of capsules: proportions of a grown body, after the artist's canon of seven and a half heads.

use glam::DVec3;
use heirloom_film::FigurePose;

use super::shapes::Surface;

/// Joints of a body one metre tall that stands on y = 0 and faces +z. Left is +x: its own left.
struct Joints {
    hips: DVec3,
    /// Added to everything above the hips.
    lift: DVec3,
    elbows: [DVec3; 2],
    wrists: [DVec3; 2],
    hands: [DVec3; 2],
    knees: [DVec3; 2],
    ankles: [DVec3; 2],
    toes: [DVec3; 2],
}

/// The two sides: its left, its right.
fn both(x: f64, y: f64, z: f64) -> [DVec3; 2] {
    [DVec3::new(x, y, z), DVec3::new(-x, y, z)]
}

fn joints(pose: FigurePose) -> Joints {
    let standing = Joints {
        hips: DVec3::new(0.0, 0.52, 0.0),
        lift: DVec3::ZERO,
        elbows: both(0.155, 0.635, -0.015),
        wrists: both(0.165, 0.485, 0.02),
        hands: both(0.16, 0.43, 0.035),
        knees: both(0.062, 0.285, 0.012),
        ankles: both(0.065, 0.05, -0.012),
        toes: both(0.075, 0.022, 0.085),
    };
    match pose {
        FigurePose::Standing | FigurePose::Lying => standing,
        FigurePose::Walking => Joints {
            elbows: [DVec3::new(0.155, 0.64, -0.07), DVec3::new(-0.155, 0.64, 0.03)],
            wrists: [DVec3::new(0.15, 0.50, -0.10), DVec3::new(-0.14, 0.52, 0.13)],
            hands: [DVec3::new(0.145, 0.45, -0.10), DVec3::new(-0.13, 0.48, 0.17)],
            knees: [DVec3::new(0.06, 0.285, -0.01), DVec3::new(-0.06, 0.295, 0.10)],
            ankles: [DVec3::new(0.06, 0.09, -0.17), DVec3::new(-0.06, 0.05, 0.15)],
            toes: [DVec3::new(0.065, 0.025, -0.09), DVec3::new(-0.065, 0.04, 0.25)],
            ..standing
        },
        FigurePose::Sitting => Joints {
            hips: DVec3::new(0.0, 0.30, 0.0),
            lift: DVec3::new(0.0, -0.22, 0.0),
            elbows: both(0.16, 0.42, 0.03),
            wrists: both(0.10, 0.345, 0.15),
            hands: both(0.085, 0.335, 0.20),
            knees: both(0.075, 0.29, 0.24),
            ankles: both(0.075, 0.05, 0.22),
            toes: both(0.085, 0.022, 0.315),
        },
        FigurePose::Cradling => Joints {
            elbows: both(0.175, 0.645, 0.045),
            wrists: [DVec3::new(0.05, 0.635, 0.165), DVec3::new(-0.06, 0.675, 0.165)],
            hands: [DVec3::new(-0.02, 0.64, 0.18), DVec3::new(0.01, 0.69, 0.175)],
            ..standing
        },
    }
}

/// A body in a pose, in metres, standing on y = 0 and facing +z. The body has one colour, the face and the hands another
/// (both linear).
pub(super) fn figure(height_m: f64, pose: FigurePose, body: [f32; 4], skin: [f32; 4]) -> Surface {
    let j = joints(pose);
    let mut surface = Surface::default();
    let place = |p: DVec3| placed(p, pose) * height_m;
    let mut rod = |a: DVec3, b: DVec3, ra: f64, rb: f64, color: [f32; 4]| {
        let first = surface.positions.len();
        surface.rod(place(a), place(b), [ra * height_m, rb * height_m], DVec3::ONE);
        surface.paint(first, color);
    };
    let up = |x: f64, y: f64, z: f64| DVec3::new(x, y, z) + j.lift;
    // The trunk: rods beside each other are broader than deep, as a chest is.
    rod(up(0.0, 0.765, 0.004), up(0.0, 0.64, 0.006), 0.064, 0.06, body);
    rod(up(0.0, 0.64, 0.006), j.hips + DVec3::Y * 0.01, 0.06, 0.068, body);
    for side in [-1.0, 1.0] {
        rod(
            up(0.045 * side, 0.765, -0.004),
            up(0.035 * side, 0.64, 0.0),
            0.066,
            0.06,
            body,
        );
        rod(
            up(0.035 * side, 0.64, 0.0),
            j.hips + DVec3::X * 0.036 * side,
            0.06,
            0.066,
            body,
        );
        rod(
            up(0.035 * side, 0.815, -0.006),
            up(0.105 * side, 0.80, -0.006),
            0.03,
            0.036,
            body,
        );
    }
    rod(up(0.0, 0.80, -0.012), up(0.0, 0.865, 0.0), 0.03, 0.028, skin);
    // The head: a jaw that is narrower than the skull, and a nose that says which way it looks.
    rod(up(0.0, 0.945, -0.008), up(0.0, 0.90, 0.016), 0.055, 0.041, skin);
    rod(up(0.0, 0.935, 0.048), up(0.0, 0.915, 0.064), 0.007, 0.009, skin);
    for side in 0..2 {
        let s = if side == 0 { 1.0 } else { -1.0 };
        let shoulder = up(0.122 * s, 0.795, -0.006);
        rod(shoulder, j.elbows[side], 0.036, 0.027, body);
        rod(j.elbows[side], j.wrists[side], 0.027, 0.019, body);
        rod(j.wrists[side], j.hands[side], 0.02, 0.022, skin);
        let hip = j.hips + DVec3::X * 0.052 * s;
        rod(hip, j.knees[side], 0.062, 0.042, body);
        rod(j.knees[side], j.ankles[side], 0.042, 0.026, body);
        let heel = j.ankles[side] + DVec3::new(0.0, -0.025, -0.012);
        rod(heel, j.toes[side], 0.025, 0.02, body);
    }
    surface
}

/// A place on a body of one metre, in its pose.
fn placed(p: DVec3, pose: FigurePose) -> DVec3 {
    match pose {
        // On the back: what was up lies along z, what was before it looks up.
        FigurePose::Lying => DVec3::new(-p.x, p.z + 0.085, p.y - 0.5),
        _ => p,
    }
}

/// Where a camera looks that looks at somebody: the chest, so that the head has room above it.
pub(super) fn chest(height_m: f64, pose: FigurePose) -> DVec3 {
    placed(DVec3::new(0.0, 0.75, 0.0) + joints(pose).lift, pose) * height_m
}

/// Where somebody's eyes are, in metres.
pub(super) fn eyes(height_m: f64, pose: FigurePose) -> DVec3 {
    placed(DVec3::new(0.0, 0.935, 0.045) + joints(pose).lift, pose) * height_m
}
