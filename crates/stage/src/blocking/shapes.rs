//! Surfaces of the simple shapes. Each stands on y = 0, in the middle of x and z, except what is said.

use glam::{DQuat, DVec3};

use crate::scene::Primitive;

/// Steps round a rod or a ball.
const ROUND: u32 = 24;

/// A surface while it is put together.
#[derive(Default)]
pub(super) struct Surface {
    pub positions: Vec<[f32; 3]>,
    pub normals: Vec<[f32; 3]>,
    pub uvs: Vec<[f32; 2]>,
    pub colors: Vec<[f32; 4]>,
    pub triangles: Vec<[u32; 3]>,
}

impl Surface {
    /// Adds a vertex and gives its index.
    pub fn vertex(&mut self, position: DVec3, normal: DVec3) -> u32 {
        self.positions.push(position.to_array().map(|v| v as f32));
        let normal = normal.try_normalize().unwrap_or(DVec3::Y);
        self.normals.push(normal.to_array().map(|v| v as f32));
        self.positions.len() as u32 - 1
    }

    /// Triangles between rows of vertices: `rows` rows of `columns` vertices each, from the vertex `first` on. They face
    /// where the way along a row, crossed with the way from row to row, points.
    pub fn weave(&mut self, first: u32, columns: u32, rows: u32) {
        for row in 0..rows.saturating_sub(1) {
            for column in 0..columns.saturating_sub(1) {
                let a = first + row * columns + column;
                let (b, c, d) = (a + 1, a + columns, a + columns + 1);
                self.triangles.push([a, b, d]);
                self.triangles.push([a, d, c]);
            }
        }
    }

    /// Every vertex from `first` on gets this colour.
    pub fn paint(&mut self, first: usize, color: [f32; 4]) {
        self.colors.truncate(first);
        self.colors.resize(self.positions.len(), color);
    }

    /// The surface with a material.
    pub fn primitive(self, material: usize) -> Primitive {
        Primitive {
            positions: self.positions,
            normals: self.normals,
            uvs: self.uvs,
            colors: self.colors,
            triangles: self.triangles,
            material: Some(material),
            ..Primitive::default()
        }
    }

    /// A rod with round ends from `a` to `b`, as thick there as the radii say; in metres.
    pub fn rod(&mut self, a: DVec3, b: DVec3, radii: [f64; 2], squash: DVec3) {
        let along = (b - a).try_normalize().unwrap_or(DVec3::Y);
        let side = if along.x.abs() < 0.8 { DVec3::X } else { DVec3::Z };
        let side = (side - along * side.dot(along))
            .try_normalize()
            .unwrap_or(DVec3::X);
        let other = along.cross(side);
        let caps = ROUND / 4;
        let first = self.positions.len() as u32;
        let middle = (a + b) / 2.0;
        for (end, center, radius) in [(-1.0, a, radii[0]), (1.0, b, radii[1])] {
            for step in 0..=caps {
                let t = f64::from(step) / f64::from(caps);
                let lift = std::f64::consts::FRAC_PI_2 * if end < 0.0 { t - 1.0 } else { t };
                let (out, up) = (libm::cos(lift), libm::sin(lift));
                for column in 0..=ROUND {
                    let turn = std::f64::consts::TAU * f64::from(column % ROUND) / f64::from(ROUND);
                    let around = side * libm::cos(turn) + other * libm::sin(turn);
                    let normal = around * out + along * up;
                    let place = center + normal * radius;
                    self.vertex(middle + (place - middle) * squash, normal / squash);
                }
            }
        }
        self.weave(first, ROUND + 1, 2 * (caps + 1));
    }
}

/// A ball or an egg of a width, height and depth.
pub(super) fn sphere(size_m: [f64; 3]) -> Surface {
    let mut surface = Surface::default();
    let radii = DVec3::from_array(size_m) / 2.0;
    let rows = ROUND;
    for row in 0..=rows {
        let lift = std::f64::consts::PI * (f64::from(row) / f64::from(rows) - 0.5);
        for column in 0..=ROUND * 2 {
            let turn = std::f64::consts::PI * f64::from(column % (ROUND * 2)) / f64::from(ROUND);
            let normal = DVec3::new(
                libm::cos(lift) * libm::sin(turn),
                libm::sin(lift),
                libm::cos(lift) * libm::cos(turn),
            );
            surface.vertex(normal * radii + DVec3::Y * radii.y, normal / radii);
        }
    }
    surface.weave(0, ROUND * 2 + 1, rows + 1);
    surface
}

/// An upright rod with round ends, as wide, high and deep as said.
pub(super) fn capsule(size_m: [f64; 3]) -> Surface {
    let [width, height, depth] = size_m;
    // Built round, then squashed to its depth; where it is lower than wide it is an egg.
    let radius = width / 2.0;
    if height <= width {
        return sphere(size_m);
    }
    let mut surface = Surface::default();
    let squash = DVec3::new(1.0, 1.0, depth / width);
    surface.rod(
        DVec3::Y * radius,
        DVec3::Y * (height - radius),
        [radius, radius],
        squash,
    );
    surface
}

/// A box of a width, height and depth.
pub(super) fn cuboid(size_m: [f64; 3]) -> Surface {
    let mut surface = Surface::default();
    let half = DVec3::from_array(size_m) / 2.0;
    let faces = [
        DQuat::IDENTITY,
        super::angle::turn(DVec3::Y, 90.0),
        super::angle::turn(DVec3::Y, 180.0),
        super::angle::turn(DVec3::Y, 270.0),
        super::angle::turn(DVec3::X, 90.0),
        super::angle::turn(DVec3::X, 270.0),
    ];
    for turn in faces {
        let first = surface.positions.len() as u32;
        for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            // Rounded to the corner itself, so that faces meet without a gap.
            let corner = (turn * DVec3::new(x, y, 1.0)).round();
            surface.vertex(corner * half + DVec3::Y * half.y, (turn * DVec3::Z).round());
        }
        surface.weave(first, 2, 2);
    }
    surface
}
