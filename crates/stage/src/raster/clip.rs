//! Cutting triangles that reach behind the near plane, or so far off the picture that whole numbers would not do.

use glam::DVec3;

use super::STEPS;
use super::project::{CLIP, GUARD, Lens, Vertex};

/// Corners of a triangle after five cuts, at the most.
const MOST: usize = 8;

/// Cuts a triangle of the camera's space and hands its pieces to `piece`. A cut point depends on the edge alone, from
/// its inner end to its outer one, so neighbours get the same.
pub(crate) fn clip(lens: &Lens, triangle: [DVec3; 3], mut piece: impl FnMut([Vertex; 3])) {
    // A little inside the guard, so that the pieces' own vertices pass.
    let room = f64::from(STEPS);
    let [low, high] = [f64::from(GUARD[0]) + room, f64::from(GUARD[1]) - room];
    // Signed distances: of the picture's x in steps, scaled by depth in perspective.
    let side = |p: DVec3, value: f64, center: f64, bound: f64| {
        let weight = if lens.perspective { -p.z } else { 1.0 };
        value * lens.scale + (center - bound) * weight
    };
    let near = lens.near + lens.near.abs() * 1e-12;
    let planes: [&dyn Fn(DVec3) -> f64; 5] = [
        &|p| -p.z - near,
        &|p| side(p, p.x, lens.center[0], low),
        &|p| -side(p, p.x, lens.center[0], high),
        &|p| side(p, -p.y, lens.center[1], low),
        &|p| -side(p, -p.y, lens.center[1], high),
    ];
    let mut polygon = [DVec3::ZERO; MOST];
    polygon[..3].copy_from_slice(&triangle);
    let mut count = 3;
    for plane in planes {
        let mut cut = [DVec3::ZERO; MOST];
        let mut n = 0;
        for i in 0..count {
            let (a, b) = (polygon[i], polygon[(i + 1) % count]);
            let (da, db) = (plane(a), plane(b));
            let mut push = |p: DVec3| {
                if n < MOST {
                    cut[n] = p;
                    n += 1;
                }
            };
            if da >= 0.0 {
                push(a);
            }
            if da >= 0.0 && db < 0.0 {
                push(a + (b - a) * (da / (da - db)));
            } else if da < 0.0 && db >= 0.0 {
                push(b + (a - b) * (db / (db - da)));
            }
        }
        (polygon, count) = (cut, n);
        if count < 3 {
            return;
        }
    }
    let mut vertices = [Vertex::default(); MOST];
    for (vertex, p) in vertices.iter_mut().zip(&polygon[..count]) {
        let mut p = *p;
        // A cut point may lie a rounding before the plane it was cut at.
        if -p.z < lens.near {
            p.z = -near;
        }
        *vertex = lens.vertex(p);
        if vertex.x <= CLIP + 1 {
            return;
        }
    }
    for i in 1..count - 1 {
        piece([vertices[0], vertices[i], vertices[i + 1]]);
    }
}
