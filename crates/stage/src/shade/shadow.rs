//! Shadows of the key light: maps of what it sees, drawn by the same rasteriser, eight texels a cell.
//!
//! A sun's maps lie one behind the other along the camera's view, split between even and logarithmic steps (Zhang and
//! others, "Parallel-split shadow maps", 2006); a lamp's are the faces of a cube, or one where its cone is narrow.

use glam::{DAffine3, DMat3, DMat4, DVec2, DVec3};
use heirloom_film::Size;
use rayon::prelude::*;

use super::lamps::Key;
use crate::pose::{Projection, View};
use crate::raster::bins::{self, Bins, Grid};
use crate::raster::lanes::{Lanes, Work};
use crate::raster::project::{Projected, may_be_seen};
use crate::raster::simd;
use crate::raster::tile::{Samples, Shade, draw};
use crate::raster::{STEPS, TEXELS, TILE_HEIGHT, TILE_WIDTH};
use crate::render::still::{Set, Still};
use crate::vector::along;

/// Texels a side of a sun's maps, at the most, and of a cone's.
const SIDE: u32 = 2048;
/// Texels a side of a cube's faces.
const FACE: u32 = 1024;
/// Texels beyond a map's edge that the filter reaches for.
const MARGIN: f32 = 3.0;

/// What the key light sees.
#[derive(Debug, Default)]
pub(crate) struct Shadows {
    maps: Vec<Map>,
}

#[derive(Debug)]
struct Map {
    /// From places relative to the camera (world axes) to (right, up, towards the light), rows, in f32.
    rows: [[f32; 4]; 3],
    perspective: bool,
    /// Texels a metre, or texels a unit of slope.
    scale: f32,
    side: u32,
    k: Vec<f32>,
}

/// How the key light looks at what the camera sees: the views its maps are drawn by.
pub(crate) fn views(set: &Set<'_>, still: &Still<'_>, key: Key) -> Vec<View> {
    match key {
        Key::Sun(towards) => sun_views(set, still, towards),
        Key::Near(at, way, cos) => lamp_views(at, way, cos),
    }
}

impl Shadows {
    /// Draws the maps for a frame, into memory of maps before.
    pub fn new(set: &Set<'_>, still: &Still<'_>, key: Key, memory: &mut Vec<Vec<f32>>) -> Self {
        let views = views(set, still, key);
        let eye = still.view.world_from_camera.w_axis.truncate();
        let maps = views
            .iter()
            .map(|view| Map::new(set, still, view, eye, memory.pop().unwrap_or_default()));
        Self { maps: maps.collect() }
    }

    /// Gives the maps' memory back.
    pub fn recycle(self, memory: &mut Vec<Vec<f32>>) {
        memory.extend(self.maps.into_iter().map(|map| map.k));
    }

    /// The share of the key light that reaches a place (from the camera, world axes) with this normal.
    #[inline(always)]
    pub fn lit(&self, at: [f32; 3], normal: [f32; 3]) -> f32 {
        for map in &self.maps {
            if let Some(lit) = map.lit(at, normal) {
                return lit;
            }
        }
        1.0
    }
}

impl Map {
    fn new(set: &Set<'_>, still: &Still<'_>, view: &View, eye: DVec3, mut k: Vec<f32>) -> Self {
        let side = view.size.width;
        let rect = [0, 0, side as i32, side as i32];
        let light = DAffine3::from_mat4(view.camera_from_world);
        let chosen = |i: usize, _: &_| {
            set.looks[i]
                .solid
                .then(|| light * DAffine3::from_mat4(still.posed.placed[i].world_from_local))
        };
        let mut draws = still.draws(set, view, chosen, rect.map(f64::from));
        for draw in &mut draws {
            (draw.one_sided, draw.alpha) = (false, false);
        }
        let projected = Projected::new(view, draws, Vec::new());
        let grid = Grid::over(rect, &TEXELS);
        let (bins, _) = bins::fill(&projected, &grid);
        // All of it is written anew.
        k.resize(side as usize * side as usize, 0.0);
        k.par_chunks_mut(side as usize * TILE_HEIGHT as usize)
            .enumerate()
            .for_each_init(Samples::new, |samples, (row, out)| {
                simd::run(Row {
                    projected: &projected,
                    grid: &grid,
                    bins: &bins,
                    row,
                    samples,
                    out,
                    side: side as usize,
                });
            });
        let relative = view.camera_from_world * DMat4::from_translation(eye);
        let rows = relative.transpose().to_cols_array_2d();
        let (perspective, scale) = match view.projection {
            Projection::Perspective { focal_px } => (true, focal_px),
            Projection::Orthographic { scale_px } => (false, scale_px),
        };
        Self {
            rows: [rows[0], rows[1], rows[2]].map(|r| r.map(|v| v as f32)),
            perspective,
            scale: scale as f32,
            side,
            k,
        }
    }

    /// Light that passes, by a tent over 4 x 4 texels; none where the place is outside the map.
    #[inline(always)]
    fn lit(&self, at: [f32; 3], normal: [f32; 3]) -> Option<f32> {
        let row = |r: [f32; 4], p: [f32; 3]| r[0] * p[0] + r[1] * p[1] + r[2] * p[2] + r[3];
        // A texel's width at the place: how far off the surface the question is put, so that it does not shade itself.
        let texel = if self.perspective {
            let depth = -row(self.rows[2], at);
            if depth <= 0.0 {
                return None;
            }
            depth / self.scale
        } else {
            1.0 / self.scale
        };
        let off = along(at, normal, 1.5 * texel);
        let p = [
            row(self.rows[0], off),
            row(self.rows[1], off),
            row(self.rows[2], off),
        ];
        let depth = -p[2];
        let by = if self.perspective {
            self.scale / depth
        } else {
            self.scale
        };
        let half = self.side as f32 / 2.0;
        let (x, y) = (half + p[0] * by, half - p[1] * by);
        let inside = |v: f32| v >= MARGIN && v < self.side as f32 - MARGIN;
        if !(inside(x) && inside(y)) {
            return None;
        }
        let near = depth - texel;
        let k = if self.perspective { 1.0 / near } else { -near };
        let (left, top) = ((x - 1.5) as usize, (y - 1.5) as usize);
        let (fx, fy) = (x - 1.5 - left as f32, y - 1.5 - top as f32);
        let (wx, wy) = ([1.0 - fx, 1.0, 1.0, fx], [1.0 - fy, 1.0, 1.0, fy]);
        // Four columns side by side, which the compiler takes together.
        let mut sums = [0.0f32; 4];
        for (row, wy) in wy.iter().enumerate() {
            let from = (top + row) * self.side as usize + left;
            let texels = &self.k[from..from + 4];
            for c in 0..4 {
                let open = if texels[c] <= k { wx[c] } else { 0.0 };
                sums[c] += open * wy;
            }
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        Some(sum / 9.0)
    }
}

/// One row of a map's tiles.
struct Row<'a> {
    projected: &'a Projected<'a>,
    grid: &'a Grid,
    bins: &'a [Bins],
    row: usize,
    samples: &'a mut Samples,
    out: &'a mut [f32],
    side: usize,
}

impl Work for Row<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let up = self.row as i32 * TILE_HEIGHT * STEPS;
        let texels = (TILE_WIDTH * 8) as usize;
        for column in 0..self.grid.count[0] as usize {
            let left = column as i32 * TILE_WIDTH * TEXELS.width;
            let tile = self.row * self.grid.count[0] as usize + column;
            let from = column * texels;
            let width = texels.min(self.side - from);
            if self.bins.iter().all(|bins| bins.of(tile).is_empty()) {
                for line in self.out.chunks_mut(self.side) {
                    line[from..from + width].fill(self.projected.lens.k_far);
                }
                continue;
            }
            self.samples.clear_k(self.projected.lens.k_far);
            let mut at = 0;
            for bins in self.bins {
                for entry in bins.of(tile) {
                    let (_, mut corners) = self.projected.corners(bins, *entry, &mut at);
                    for v in &mut corners {
                        (v.x, v.y) = (v.x - left, v.y - up);
                    }
                    draw::<L, _>(self.samples, &TEXELS, corners, 1, &mut Shade);
                }
            }
            for (line, cells) in self.samples.k.chunks(TILE_WIDTH as usize).enumerate() {
                let start = line * self.side + from;
                if start + width <= self.out.len() {
                    self.out[start..start + width].copy_from_slice(&cells.as_flattened()[..width]);
                }
            }
        }
    }
}

/// Nearest and farthest depth of what takes light, within the camera's own.
fn reach(set: &Set<'_>, still: &Still<'_>) -> Option<[f64; 2]> {
    let view = &still.view;
    let rect = [0.0, 0.0, f64::from(view.size.width), f64::from(view.size.height)];
    let (mut near, mut far) = (f64::INFINITY, f64::NEG_INFINITY);
    for (i, place) in still.places.iter().enumerate() {
        if !place.visible || !set.looks[i].solid {
            continue;
        }
        let Some(bounds) = set.bounds(&still.posed, i) else {
            continue;
        };
        let m = &place.camera_from_local;
        if !may_be_seen(view, m, &bounds, rect) {
            continue;
        }
        let middle = -m.transform_point3(bounds[0]).z;
        let axes = m.matrix3;
        let half = bounds[1].x * axes.x_axis.z.abs()
            + bounds[1].y * axes.y_axis.z.abs()
            + bounds[1].z * axes.z_axis.z.abs();
        if middle.is_finite() && half.is_finite() {
            near = near.min(middle - half);
            far = far.max(middle + half);
        }
    }
    let [low, high] = view.clip_m;
    let (near, far) = (near.max(low), far.min(high));
    (far > near).then_some([near, far])
}

fn sun_views(set: &Set<'_>, still: &Still<'_>, towards: DVec3) -> Vec<View> {
    let Some([near, far]) = reach(set, still) else {
        return Vec::new();
    };
    let view = &still.view;
    // A small picture does not show what a large map holds.
    let side = view.size.width.max(view.size.height).next_power_of_two();
    let side = side.clamp(SIDE / 4, SIDE);
    let from = near.max(far * 0.004);
    let ratio = libm::cbrt(far / from);
    let split = |i: f64, log: f64| 0.95 * log + 0.05 * (from + (far - from) * i / 3.0);
    let ends = [
        near,
        split(1.0, from * ratio),
        split(2.0, from * ratio * ratio),
        far,
    ];
    let turn = facing(towards);
    let back = turn.transpose();
    let (width, height) = (f64::from(view.size.width), f64::from(view.size.height));
    ends.windows(2)
        .filter(|e| e[1] > e[0])
        .map(|e| {
            let corners: Vec<DVec3> = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
                .into_iter()
                .flat_map(|(x, y)| {
                    let (origin, way) = view.ray(DVec2::new(x, y));
                    e.iter().map(move |depth| origin + way * *depth)
                })
                .map(|p| view.world_from_camera.transform_point3(p))
                .collect();
            let middle = corners.iter().fold(DVec3::ZERO, |a, b| a + *b) / corners.len() as f64;
            let radius = corners.iter().map(|c| c.distance(middle)).fold(0.0, f64::max);
            let scale = (f64::from(side) / 2.0 - f64::from(MARGIN) - 2.0) / radius.max(1e-6);
            // Moved by whole texels only, so that shadows do not swim.
            let snapped = |v: f64| libm::floor(v * scale) / scale;
            let m = back * middle;
            let origin = turn * DVec3::new(snapped(m.x), snapped(m.y), m.z);
            seeing(
                turn,
                origin,
                Projection::Orthographic { scale_px: scale },
                [-1e9, 1e9],
                side,
            )
        })
        .collect()
}

fn lamp_views(at: DVec3, way: DVec3, cos: f64) -> Vec<View> {
    // A cone up to 120° across fits one map.
    if cos >= 0.5 {
        let tan = (1.0 - cos * cos).max(0.0).sqrt() / cos;
        let half = f64::from(SIDE) / 2.0 - f64::from(MARGIN) - 2.0;
        let lens = Projection::Perspective {
            focal_px: half / tan.max(0.01),
        };
        return vec![seeing(facing(-way), at, lens, [0.02, 1e9], SIDE)];
    }
    let lens = Projection::Perspective {
        // A little more than 90°, so that the faces' filters overlap.
        focal_px: f64::from(FACE) / 2.0 - f64::from(MARGIN) - 2.0,
    };
    let ways = [
        DVec3::X,
        DVec3::NEG_X,
        DVec3::Y,
        DVec3::NEG_Y,
        DVec3::Z,
        DVec3::NEG_Z,
    ];
    ways.into_iter()
        .filter(|face| cos < 0.0 || face.dot(way) < 0.75)
        .map(|face| seeing(facing(face), at, lens, [0.02, 1e9], FACE))
        .collect()
}

/// Axes of a view that looks down −`back`.
fn facing(back: DVec3) -> DMat3 {
    let up = if back.y.abs() < 0.99 { DVec3::Y } else { DVec3::X };
    let right = up.cross(back).normalize_or(DVec3::X);
    DMat3::from_cols(right, back.cross(right), back)
}

fn seeing(turn: DMat3, origin: DVec3, projection: Projection, clip_m: [f64; 2], side: u32) -> View {
    let world_from_camera = DMat4::from_cols(
        turn.x_axis.extend(0.0),
        turn.y_axis.extend(0.0),
        turn.z_axis.extend(0.0),
        origin.extend(1.0),
    );
    View {
        camera_from_world: world_from_camera.inverse(),
        world_from_camera,
        projection,
        center_px: DVec2::splat(f64::from(side) / 2.0),
        clip_m,
        focal_mm: 0.0,
        size: Size {
            width: side,
            height: side,
        },
    }
}
