//! From a posed scene to what a view can draw: vertices on the picture, by instance.

use glam::{DAffine3, DVec3};
use rayon::prelude::*;

use super::STEPS;
use super::bins::{Bins, PIECE};
use crate::pose::{Projection, View};

/// A vertex on the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Vertex {
    /// Steps from the left edge; [`CLIP`] or [`BAD`] where there is no place.
    pub x: i32,
    /// Steps from the top.
    pub y: i32,
    /// Nearness: linear over the picture, and larger the nearer. One over the depth in perspective, minus the depth
    /// otherwise.
    pub k: f32,
}

/// In place of `x`: the vertex lies before the near plane or far off the picture.
pub(crate) const CLIP: i32 = i32::MIN;
/// In place of `x`: a coordinate is no number.
pub(crate) const BAD: i32 = i32::MIN + 1;

/// How far off the picture a vertex may lie, in steps: left or above, and right or below.
pub(crate) const GUARD: [i32; 2] = [-(16_384 * STEPS), 32_768 * STEPS];

/// A view's arithmetic, taken apart once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    pub perspective: bool,
    /// Steps a unit of x / depth, or a metre.
    pub scale: f64,
    /// Steps from the corner to the axis.
    pub center: [f64; 2],
    pub near: f64,
    /// The near plane, less what cutting at it may be off by.
    pub least: f64,
    /// The nearness that nothing seen falls below.
    pub k_far: f32,
}

impl Lens {
    pub fn of(view: &View) -> Self {
        let steps = f64::from(STEPS);
        let (perspective, scale) = match view.projection {
            Projection::Perspective { focal_px } => (true, focal_px * steps),
            Projection::Orthographic { scale_px } => (false, scale_px * steps),
        };
        let [near, far] = view.clip_m;
        let near = if perspective { near.max(1e-6) } else { near };
        Self {
            perspective,
            scale,
            center: [view.center_px.x * steps, view.center_px.y * steps],
            near,
            least: near - near.abs() * 1e-6,
            k_far: if perspective { 1.0 / far } else { -far } as f32,
        }
    }

    /// The vertex of a point of the camera's space.
    #[inline(always)]
    pub fn vertex(&self, p: DVec3) -> Vertex {
        let depth = -p.z;
        let inverse = 1.0 / depth;
        let by = if self.perspective {
            self.scale * inverse
        } else {
            self.scale
        };
        let x = self.center[0] + p.x * by;
        let y = self.center[1] - p.y * by;
        let [low, high] = GUARD.map(f64::from);
        let inside = depth >= self.near && x > low && x < high && y > low && y < high;
        let finite = (p.x + p.y + p.z).is_finite();
        Vertex {
            x: if inside {
                snap(x)
            } else if finite {
                CLIP
            } else {
                BAD
            },
            y: snap(y),
            k: if self.perspective { inverse } else { -depth } as f32,
        }
    }
}

/// The nearest whole number, for numbers below 2^31: adding 1.5·2^52 leaves it in the low bits of the sum.
#[inline(always)]
fn snap(v: f64) -> i32 {
    (v + 6_755_399_441_055_744.0).to_bits() as i32
}

/// One instance that a view may see.
#[derive(Debug)]
pub(crate) struct Draw<'a> {
    /// Index of the instance.
    pub instance: usize,
    pub triangles: &'a [[u32; 3]],
    pub positions: &'a [[f32; 3]],
    pub camera_from_local: DAffine3,
    /// Number of its first triangle.
    pub first_triangle: u32,
    /// Where its vertices begin in [`Projected::vertices`].
    pub first_vertex: usize,
    /// Triangles that face away are skipped.
    pub one_sided: bool,
    /// Triangles wind the other way round.
    pub mirrored: bool,
    /// Whether its material is see-through somewhere.
    pub alpha: bool,
}

/// All that a view may see.
#[derive(Debug)]
pub(crate) struct Projected<'a> {
    pub lens: Lens,
    pub draws: Vec<Draw<'a>>,
    pub vertices: Vec<Vertex>,
}

/// Vertices that one worker takes at a time.
const CHUNK: usize = 4096;

impl<'a> Projected<'a> {
    /// Projects the vertices of `draws`, whose `first_vertex` is set here. `vertices` is memory to use again.
    pub fn new(view: &View, mut draws: Vec<Draw<'a>>, mut vertices: Vec<Vertex>) -> Self {
        let lens = Lens::of(view);
        let mut total = 0;
        for draw in &mut draws {
            draw.first_vertex = total;
            total += draw.positions.len();
        }
        vertices.resize(total, Vertex::default());
        let mut jobs: Vec<(&Draw<'a>, usize, &mut [Vertex])> = Vec::new();
        let mut rest = vertices.as_mut_slice();
        for draw in &draws {
            let (mine, after) = rest.split_at_mut(draw.positions.len());
            rest = after;
            let chunks = mine.chunks_mut(CHUNK).enumerate();
            jobs.extend(chunks.map(|(i, chunk)| (draw, i * CHUNK, chunk)));
        }
        jobs.par_iter_mut().with_min_len(4).for_each(|(draw, from, out)| {
            let matrix = draw.camera_from_local;
            super::simd::project(&lens, &matrix, &draw.positions[*from..], out);
        });
        Self {
            lens,
            draws,
            vertices,
        }
    }
}

impl Projected<'_> {
    /// The triangle of a bin's entry: its number and its corners. `at` is the draw that the triangle before it, of the
    /// same tile, belonged to (0 at first): numbers rise, so the search goes on from there.
    #[inline(always)]
    pub fn corners(&self, bins: &Bins, entry: u32, at: &mut usize) -> (u32, [Vertex; 3]) {
        let piece = (entry & PIECE != 0).then(|| bins.pieces[(entry & !PIECE) as usize]);
        let number = piece.map_or(entry, |p| p.triangle);
        while self
            .draws
            .get(*at + 1)
            .is_some_and(|d| d.first_triangle <= number)
        {
            *at += 1;
        }
        if let Some(piece) = piece {
            return (number, piece.vertices);
        }
        let draw = &self.draws[*at];
        let triangle = draw.triangles[(number - draw.first_triangle) as usize];
        let vertices = &self.vertices[draw.first_vertex..];
        (number, triangle.map(|i| vertices[i as usize]))
    }
}

/// The plain body of [`super::simd::project`].
#[inline(always)]
pub(crate) fn project(lens: &Lens, matrix: &DAffine3, positions: &[[f32; 3]], out: &mut [Vertex]) {
    for (vertex, position) in out.iter_mut().zip(positions) {
        let p = DVec3::from_array(position.map(f64::from));
        *vertex = lens.vertex(matrix.transform_point3(p));
    }
}

/// The box about a primitive's vertices, as middle and half size; none where no vertex has a place.
pub(crate) fn bounds(positions: &[[f32; 3]]) -> Option<[DVec3; 2]> {
    let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for p in positions {
        if p.iter().all(|c| c.is_finite()) {
            for c in 0..3 {
                low[c] = if p[c] < low[c] { p[c] } else { low[c] };
                high[c] = if p[c] > high[c] { p[c] } else { high[c] };
            }
        }
    }
    let (low, high) = (low.map(f64::from), high.map(f64::from));
    let (low, high) = (DVec3::from_array(low), DVec3::from_array(high));
    (low.x <= high.x).then(|| [(low + high) / 2.0, (high - low) / 2.0])
}

/// Whether a box may be seen through a rectangle of the picture (pixels: left, top, right, bottom).
pub(crate) fn may_be_seen(
    view: &View,
    camera_from_local: &DAffine3,
    bounds: &[DVec3; 2],
    rect: [f64; 4],
) -> bool {
    let middle = camera_from_local.transform_point3(bounds[0]);
    let m = camera_from_local.matrix3;
    // Half the box's extent along any direction of the camera's space.
    let reach = |n: DVec3| {
        bounds[1].x * m.x_axis.dot(n).abs()
            + bounds[1].y * m.y_axis.dot(n).abs()
            + bounds[1].z * m.z_axis.dot(n).abs()
    };
    let (scale, perspective) = match view.projection {
        Projection::Perspective { focal_px } => (focal_px, true),
        Projection::Orthographic { scale_px } => (scale_px, false),
    };
    let [left, top, right, bottom] = [
        rect[0] - view.center_px.x,
        rect[1] - view.center_px.y,
        rect[2] - view.center_px.x,
        rect[3] - view.center_px.y,
    ]
    .map(|p| p / scale);
    // Each plane as n·p + d >= 0 within. In perspective x / depth >= left means x + left·z >= 0.
    let side = |n: DVec3, along: f64| {
        if perspective {
            (n + DVec3::new(0.0, 0.0, along), 0.0)
        } else {
            (n, -along)
        }
    };
    let planes = [
        side(DVec3::X, left),
        side(DVec3::NEG_X, -right),
        side(DVec3::NEG_Y, top),
        side(DVec3::Y, -bottom),
        (DVec3::NEG_Z, -view.clip_m[0]),
        (DVec3::Z, view.clip_m[1]),
    ];
    // What is no number is let through: its vertices are looked at one by one.
    !planes.iter().any(|(n, d)| n.dot(middle) + d + reach(*n) < 0.0)
}
