//! One row of tiles: drawn, then turned into values.

use glam::{DVec2, DVec3};

use super::band::Band;
use super::still::{Set, Still};
use super::surface::{Facet, Hit, far_point};
use crate::passes::Window;
use crate::pose::Projection;
use crate::raster::bins::{Bins, Grid};
use crate::raster::lanes::{Lanes, Work};
use crate::raster::project::{Projected, Vertex};
use crate::raster::tile::{CELLS, Opaque, Samples, draw};
use crate::raster::{PICTURE, STEPS, TILE_HEIGHT, TILE_WIDTH};
use crate::shade::clay::{Holes, Paint};
use crate::shade::texture::Pyramid;
use crate::vector::{columns, narrow, wide};

/// A triangle of the tile at hand.
#[derive(Debug, Clone, Copy)]
struct Here {
    number: u32,
    instance: u32,
    /// Too small to be shaded more than once.
    tiny: bool,
}

/// A worker's own memory.
#[derive(Debug)]
pub(crate) struct Desk {
    samples: Samples,
    list: Vec<Here>,
    /// Colours of tiny triangles; alpha below 0 where there is none yet.
    colors: Vec<[f32; 4]>,
}

impl Desk {
    pub fn new() -> Self {
        Self {
            samples: Samples::new(),
            list: Vec::with_capacity(CELLS),
            colors: Vec::new(),
        }
    }
}

/// All that a frame's bands are made from.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub set: &'a Set<'a>,
    pub still: &'a Still<'a>,
    /// The previous and the next frame.
    pub beside: [Option<&'a Still<'a>>; 2],
    pub projected: &'a Projected<'a>,
    pub grid: &'a Grid,
    pub bins: &'a [Bins],
    pub pyramids: &'a [Pyramid],
    pub paint: Option<&'a Paint<'a>>,
    pub window: &'a Window,
    /// World from camera, rows, rotation only.
    pub turn: [[f32; 3]; 3],
}

/// Draws and resolves one band.
pub(crate) struct Row<'a, 'b> {
    pub frame: &'a Frame<'a>,
    pub band: &'a mut Band<'b>,
    pub desk: &'a mut Desk,
}

/// Triangles up to this many steps across are shaded once a tile.
const TINY: i32 = 2 * STEPS;

impl Work for Row<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Row { frame, band, desk } = self;
        let grid = frame.grid;
        let row = band.top.div_euclid(TILE_HEIGHT);
        for column in 0..grid.count[0] {
            let corner = [(column + grid.first[0]) * TILE_WIDTH, row * TILE_HEIGHT];
            let tile = ((row - grid.first[1]) * grid.count[0] + column) as usize;
            fill::<L>(frame, desk, tile, corner);
            resolve(frame, band, desk, corner);
        }
    }
}

#[inline(always)]
fn fill<L: Lanes>(frame: &Frame<'_>, desk: &mut Desk, tile: usize, corner: [i32; 2]) {
    desk.samples.clear(frame.projected.lens.k_far);
    desk.list.clear();
    let [left, up] = corner.map(|c| c * STEPS);
    let mut at = 0;
    for bins in frame.bins {
        for entry in bins.of(tile) {
            let (number, mut corners) = frame.projected.corners(bins, *entry, &mut at);
            for v in &mut corners {
                (v.x, v.y) = (v.x - left, v.y - up);
            }
            let of = &frame.projected.draws[at];
            desk.list.push(Here {
                number,
                instance: of.instance as u32,
                tiny: *entry == number && tiny(corners),
            });
            let seen = desk.list.len() as u32;
            if of.alpha {
                let mut holes = Holes {
                    set: frame.set,
                    still: frame.still,
                    pyramids: frame.pyramids,
                    facet: Facet::of(frame.set, frame.still, of.instance, number),
                    corner,
                };
                draw::<L, _>(&mut desk.samples, &PICTURE, corners, seen, &mut holes);
            } else {
                draw::<L, _>(&mut desk.samples, &PICTURE, corners, seen, &mut Opaque);
            }
        }
    }
    desk.colors.clear();
    desk.colors.resize(desk.list.len(), [0.0, 0.0, 0.0, -1.0]);
}

#[inline(always)]
fn tiny([a, b, c]: [Vertex; 3]) -> bool {
    let wide = a.x.max(b.x).max(c.x) - a.x.min(b.x).min(c.x);
    let high = a.y.max(b.y).max(c.y) - a.y.min(b.y).min(c.y);
    wide.max(high) <= TINY
}

#[inline(always)]
fn resolve(frame: &Frame<'_>, band: &mut Band<'_>, desk: &mut Desk, corner: [i32; 2]) {
    let window = frame.window;
    let (left, right) = (window.x as i32, (window.x + window.size.width) as i32);
    let bottom = (window.y + window.size.height) as i32;
    let x0 = corner[0].max(left);
    let x1 = (corner[0] + TILE_WIDTH).min(right);
    let y1 = (corner[1] + TILE_HEIGHT).min(bottom);
    let mut facet: Option<(u32, Facet)> = None;
    for y in band.top..y1 {
        let line = (y - band.top) as usize * window.size.width as usize;
        for x in x0..x1 {
            let cell = ((y - corner[1]) * TILE_WIDTH + x - corner[0]) as usize;
            let seen = desk.samples.seen[cell];
            let at = line + (x - left) as usize;
            let pixel = DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let centre = seen[0];
            let whole = seen.iter().all(|s| *s == centre);
            // Four numbers and not an array: see `crate::vector`.
            let (mut r, mut g, mut b, mut a) = (0.0, 0.0, 0.0, 0.0);
            if centre == 0 {
                nothing(frame, band, at, pixel);
                if let Some(paint) = frame.paint {
                    [r, g, b, a] = paint.sky(pixel);
                }
            } else {
                let here = desk.list[centre as usize - 1];
                let facet = match &mut facet {
                    Some((of, facet)) if *of == centre => facet,
                    other => {
                        let new = Facet::of(frame.set, frame.still, here.instance as usize, here.number);
                        &mut other.insert((centre, new)).1
                    }
                };
                let (origin, way) = frame.still.view.ray(pixel);
                let mut hit = facet.hit(origin, way);
                // Written so that what is no number is settled, too.
                let ahead = -hit.camera.z >= frame.projected.lens.least;
                if hit.moved || !ahead {
                    settle(frame, &mut hit, origin, way, desk.samples.k[cell][0]);
                }
                let normal = facet.world_normal(frame.still, &hit);
                something(frame, band, at, pixel, here.number, facet, &hit, normal);
                if let Some(paint) = frame.paint {
                    [r, g, b, a] = paint.surface(facet, &hit, normal, pixel);
                }
            }
            if let (Some(paint), Some(out)) = (frame.paint, band.color.as_deref_mut()) {
                if !whole {
                    (r, g, b, a) = mean(frame, paint, desk, [x, y], &seen, (r, g, b, a));
                }
                let out = &mut out[at];
                out[0] = r;
                out[1] = g;
                out[2] = b;
                out[3] = a;
            }
        }
    }
}

/// Red, green, blue and alpha.
type Color = (f32, f32, f32, f32);

/// The mean colour of a pixel's samples. What is seen at the centre has the colour `own`, and so have its neighbours on
/// the same smooth surface; any other triangle is shaded in the middle of its samples, or, if tiny, once a tile.
#[inline(always)]
fn mean(
    frame: &Frame<'_>,
    paint: &Paint<'_>,
    desk: &mut Desk,
    [x, y]: [i32; 2],
    seen: &[u32; 8],
    own: Color,
) -> Color {
    let (mut r, mut g, mut b, mut a) = (0.0f32, 0.0f32, 0.0f32, 0.0f32);
    let mut done = 0u8;
    for l in 0..8 {
        if done >> l & 1 != 0 {
            continue;
        }
        let this = seen[l];
        let mut count = 0i32;
        let mut middle = [0i32; 2];
        for (m, other) in seen.iter().enumerate().skip(l) {
            if *other == this {
                done |= 1 << m;
                count += 1;
                middle[0] += PICTURE.x[m];
                middle[1] += PICTURE.y[m];
            }
        }
        let place = || {
            let by = 1.0 / f64::from(count * STEPS);
            DVec2::new(
                f64::from(x) + f64::from(middle[0]) * by,
                f64::from(y) + f64::from(middle[1]) * by,
            )
        };
        let share = count as f32 / 8.0;
        let mut add = |color: Color| {
            r += color.0 * share;
            g += color.1 * share;
            b += color.2 * share;
            a += color.3 * share;
        };
        if this == seen[0] || (seen[0] != 0 && this != 0 && joined(frame, desk, this, seen[0])) {
            add(own);
            continue;
        }
        if this == 0 {
            let [r, g, b, a] = paint.sky(DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5));
            add((r, g, b, a));
            continue;
        }
        let index = this as usize - 1;
        let here = desk.list[index];
        if !here.tiny || desk.colors[index][3] < 0.0 {
            let facet = Facet::of(frame.set, frame.still, here.instance as usize, here.number);
            desk.colors[index] = shade(frame, paint, &facet, here.tiny, place());
        }
        let c = &desk.colors[index];
        add((c[0], c[1], c[2], c[3]));
    }
    (r, g, b, a)
}

/// Whether two triangles are parts of one surface that share a vertex, and so its normal and texture coordinates.
#[inline(always)]
fn joined(frame: &Frame<'_>, desk: &Desk, a: u32, b: u32) -> bool {
    let (a, b) = (desk.list[a as usize - 1], desk.list[b as usize - 1]);
    if a.instance != b.instance {
        return false;
    }
    let p = frame.set.primitives[a.instance as usize];
    let first = frame.set.cast.instances[a.instance as usize].first_triangle;
    let corners = |number: u32| p.triangles[(number - first) as usize];
    let (a, b) = (corners(a.number), corners(b.number));
    !p.normals.is_empty() && a.iter().any(|i| b.contains(i))
}

/// Colour of a facet where a place of the picture sees it, or in its middle.
#[inline(always)]
fn shade(frame: &Frame<'_>, paint: &Paint<'_>, facet: &Facet, tiny: bool, pixel: DVec2) -> [f32; 4] {
    let hit = if tiny {
        let third = 1.0 / 3.0;
        let camera = facet.at(third, third);
        let (origin, way) = (DVec3::ZERO, camera);
        let front = match frame.still.view.projection {
            Projection::Perspective { .. } => (way - origin).dot(facet.normal) < 0.0,
            Projection::Orthographic { .. } => facet.normal.z > 0.0,
        };
        Hit {
            u: third,
            v: third,
            camera,
            moved: true,
            front,
        }
    } else {
        let (origin, way) = frame.still.view.ray(pixel);
        facet.hit(origin, way)
    };
    let normal = facet.world_normal(frame.still, &hit);
    let pixel = if hit.moved {
        frame.still.view.project_camera(hit.camera).map_or(pixel, |p| p.0)
    } else {
        pixel
    };
    paint.surface(facet, &hit, normal, pixel)
}

/// A triangle that the ray itself misses, or of absurd size, may be met far off the depth at which it was drawn, even
/// behind the camera, where it reaches there: then the depth that it was drawn at holds.
#[cold]
fn settle(frame: &Frame<'_>, hit: &mut Hit, origin: DVec3, way: DVec3, k: f32) {
    let drawn = match frame.still.view.projection {
        Projection::Perspective { .. } => 1.0 / f64::from(k),
        Projection::Orthographic { .. } => -f64::from(k),
    };
    let off = (-hit.camera.z - drawn).abs();
    let sound = off <= 0.01 * drawn.abs();
    if !sound {
        hit.camera = origin + way * drawn;
        hit.moved = true;
    }
}

/// Values where nothing stands.
fn nothing(frame: &Frame<'_>, band: &mut Band<'_>, at: usize, pixel: DVec2) {
    band.seen[at] = 0;
    band.seen_depth_m[at] = f32::INFINITY;
    let set = |out: &mut Option<&mut [f32]>, value| {
        if let Some(out) = out {
            out[at] = value;
        }
    };
    set(&mut band.depth_m, f32::INFINITY);
    let three = [
        &mut band.world_normal,
        &mut band.camera_normal,
        &mut band.position_m,
    ];
    for out in three.into_iter().flatten() {
        out[at] = [0.0; 3];
    }
    if let Some(out) = &mut band.object_id {
        out[at] = 0;
    }
    for (i, other) in frame.beside.iter().enumerate() {
        let Some(other) = other else { continue };
        let there = far_point(&frame.still.view, &other.view, pixel);
        if let Some(out) = &mut band.motion_px[i] {
            out[at] = there.map_or([0.0; 2], |p| way(p - pixel));
        }
        set(
            &mut band.there_m[i],
            if there.is_some() { f32::INFINITY } else { -1.0 },
        );
    }
}

/// A way across the picture, in f32. What is below any rounding of the geometry is none at all.
#[inline(always)]
fn way(v: DVec2) -> [f32; 2] {
    let part = |c: f64| if c.abs() < 1e-8 { 0.0 } else { c as f32 };
    [part(v.x), part(v.y)]
}

/// Values where a surface is.
#[inline(always)]
fn something(
    frame: &Frame<'_>,
    band: &mut Band<'_>,
    at: usize,
    pixel: DVec2,
    number: u32,
    facet: &Facet,
    hit: &Hit,
    normal: [f32; 3],
) {
    let view = &frame.still.view;
    let depth = -hit.camera.z as f32;
    band.seen[at] = number + 1;
    band.seen_depth_m[at] = depth;
    if let Some(out) = &mut band.depth_m {
        out[at] = depth;
    }
    if let Some(out) = &mut band.world_normal {
        out[at] = normal;
    }
    if let Some(out) = &mut band.camera_normal {
        out[at] = columns(&frame.turn, normal);
    }
    if let Some(out) = &mut band.object_id {
        out[at] = frame.set.cast.instances[facet.instance].object;
    }
    if let Some(out) = &mut band.position_m {
        out[at] = narrow(view.world_from_camera.transform_point3(hit.camera));
    }
    let mut from = pixel;
    if hit.moved
        && let Some((own, _)) = view.project_camera(hit.camera)
    {
        from = own;
    }
    let deforms = frame.set.cast.instances[facet.instance].deforms;
    let local = facet.local_at(hit.u, hit.v);
    for (i, other) in frame.beside.iter().enumerate() {
        let Some(other) = other else { continue };
        let local = if deforms {
            let positions = &other.posed.placed[facet.instance].positions;
            let at = |c: usize| wide(positions[facet.corners[c] as usize]);
            let p = at(0);
            p + (at(1) - p) * hit.u + (at(2) - p) * hit.v
        } else {
            local
        };
        let place = &other.places[facet.instance];
        let camera = place.camera_from_local.transform_point3(local);
        let there = other.view.project_camera(camera).filter(|(p, _)| p.is_finite());
        if let Some(out) = &mut band.motion_px[i] {
            out[at] = there.map_or([0.0; 2], |(p, _)| way(p - from));
        }
        if let Some(out) = &mut band.there_m[i] {
            out[at] = match there {
                Some((_, depth)) if place.visible && depth >= other.view.clip_m[0] => depth as f32,
                _ => -1.0,
            };
        }
    }
}
