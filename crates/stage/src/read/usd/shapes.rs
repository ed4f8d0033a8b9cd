//! Shapes that are a few numbers: cube, sphere, cylinder, cone, capsule, plane (UsdGeom).

use openusd::usd::Prim;

use super::mesh::Surface;
use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;

/// Sides of what is round.
const SIDES: usize = 48;
/// Steps from a ball's middle to its pole.
const STEPS: usize = 12;

/// The surface of a shape; none for a prim that is none.
pub(super) fn read(
    prim: &Prim,
    kind: &str,
    measures: &Measures,
    context: &mut Context<'_>,
) -> Result<Option<Surface>, ReadError> {
    let path = prim.path().as_str().to_owned();
    let mut read = |name: &str, instead: f64| -> Result<f32, ReadError> {
        let sampled = Sampled::of(prim, name, measures, context)?;
        if sampled.moves() {
            context.warn(
                &path,
                format!("its {name} changes over time; that of its first moment is shown throughout"),
            );
        }
        let value = sampled
            .first()
            .as_ref()
            .and_then(values::number)
            .unwrap_or(instead);
        if !value.is_finite() {
            return Err(context.not_finite(&path, name));
        }
        Ok(value as f32)
    };
    let (surface, default_axis) = match kind {
        "Cube" => (cube(read("size", 2.0)? / 2.0), None),
        "Sphere" => {
            let r = read("radius", 1.0)?;
            (turned(&arc(r, 0.0, -STEPS_I, STEPS_I)), None)
        }
        "Cylinder" => {
            let (r, h) = (read("radius", 1.0)?, read("height", 2.0)? / 2.0);
            (
                turned(&[(0.0, -h), (r, -h), (r, -h), (r, h), (r, h), (0.0, h)]),
                Some("Z"),
            )
        }
        "Cone" => {
            let (r, h) = (read("radius", 1.0)?, read("height", 2.0)? / 2.0);
            (turned(&[(0.0, -h), (r, -h), (r, -h), (0.0, h)]), Some("Z"))
        }
        "Capsule" => {
            let (r, h) = (read("radius", 0.5)?, read("height", 1.0)? / 2.0);
            let mut profile = arc(r, -h, -STEPS_I, 0);
            profile.extend(arc(r, h, 0, STEPS_I));
            (turned(&profile), Some("Z"))
        }
        "Plane" => {
            let (w, l) = (read("width", 2.0)? / 2.0, read("length", 2.0)? / 2.0);
            (plane(w, l), Some("Z"))
        }
        _ => return Ok(None),
    };
    let mut surface = surface;
    if let Some(axis) = default_axis {
        let given = values::fixed(prim, "axis", measures, context)?;
        let axis = given
            .as_ref()
            .and_then(values::text)
            .unwrap_or_else(|| axis.into());
        for p in &mut surface.points {
            let [x, y, z] = *p;
            // Turned, not mirrored, so that the front stays the front.
            *p = match axis.as_str() {
                "X" => [z, x, y],
                "Y" => [y, z, x],
                _ => [x, y, z],
            };
        }
    }
    context.vertices(surface.points.len() as u64)?;
    Ok(Some(surface))
}

const STEPS_I: i32 = STEPS as i32;

/// A quarter or half of a circle of radius `r` about height `middle`, from one step to another of twelve to the pole:
/// distances from the axis with heights.
fn arc(r: f32, middle: f32, from: i32, to: i32) -> Vec<(f32, f32)> {
    (from..=to)
        .map(|i| {
            let angle = std::f32::consts::FRAC_PI_2 * i as f32 / STEPS as f32;
            let out = if i.unsigned_abs() as usize == STEPS {
                0.0
            } else {
                r * libm::cosf(angle)
            };
            (out, middle + r * libm::sinf(angle))
        })
        .collect()
}

/// A profile of distances and heights, from the bottom up, turned about z. Where a place stands in it twice, there is
/// an edge.
fn turned(profile: &[(f32, f32)]) -> Surface {
    let mut surface = Surface::of_polygons(Vec::new(), Vec::new(), Vec::new());
    surface.smooth = true;
    let mut rings: Vec<Vec<usize>> = Vec::with_capacity(profile.len());
    for &(out, height) in profile {
        let first = surface.points.len();
        if out == 0.0 {
            surface.points.push([0.0, 0.0, height]);
            rings.push(vec![first; SIDES]);
        } else {
            for side in 0..SIDES {
                let angle = std::f32::consts::TAU * side as f32 / SIDES as f32;
                surface
                    .points
                    .push([out * libm::cosf(angle), out * libm::sinf(angle), height]);
            }
            rings.push((first..first + SIDES).collect());
        }
    }
    for (i, pair) in rings.windows(2).enumerate() {
        if profile[i] == profile[i + 1] {
            continue;
        }
        for side in 0..SIDES {
            let next = (side + 1) % SIDES;
            let mut face = vec![pair[0][side], pair[0][next], pair[1][next], pair[1][side]];
            face.dedup();
            if face.first() == face.last() {
                face.pop();
            }
            surface.counts.push(face.len());
            surface.corners.extend(face);
        }
    }
    surface
}

fn cube(h: f32) -> Surface {
    let points = (0..8)
        .map(|i| [0, 1, 2].map(|axis| if i >> axis & 1 == 1 { h } else { -h }))
        .collect();
    let corners = vec![
        0, 4, 6, 2, 1, 3, 7, 5, 0, 1, 5, 4, 2, 6, 7, 3, 0, 2, 3, 1, 4, 5, 7, 6,
    ];
    Surface::of_polygons(points, vec![4; 6], corners)
}

fn plane(w: f32, l: f32) -> Surface {
    let points = vec![[-w, -l, 0.0], [w, -l, 0.0], [w, l, 0.0], [-w, l, 0.0]];
    Surface::of_polygons(points, vec![4], vec![0, 1, 2, 3])
}
