//! Where a frame's pixels come from, all at once: the pieces it is made of, and how near it is to a copy.
//!
//! A *piece* is a connected part of a frame whose pixels lie side by side in one photograph as well. A frame that
//! is made anew has many small ones; one that was laid down whole has one.

use std::collections::BTreeMap;

use heirloom_film::Size;
use heirloom_vault::ObjectId;

use crate::job::Failure;
use crate::take::TakeFrames;

/// A place in a scaled photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Number of the photograph in [`PlaceMap::sources`].
    pub source: u32,
    /// Column in the scaled photograph in pixels; 0.0 is the centre of the first one.
    pub x: f32,
    /// Row, likewise.
    pub y: f32,
}

/// A photograph as a take sampled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// The photograph.
    pub object: ObjectId,
    /// Its width and height in pixels when it was sampled.
    pub scaled_to: (u32, u32),
}

/// The strongest origin of every pixel of a frame, and every source's share of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceMap {
    size: Size,
    sources: Vec<Sampled>,
    places: Vec<Option<Place>>,
    shares: Vec<f64>,
}

/// A piece of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Number of its photograph in [`PlaceMap::sources`].
    pub source: u32,
    /// Pixels of the frame.
    pub pixels: u32,
    /// Different pixels of the scaled photograph.
    pub places: u32,
}

/// All pieces of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Pieces {
    /// The pieces, in the order of their first pixels.
    pub all: Vec<Piece>,
    /// For every pixel, row by row, the number of its piece; `u32::MAX` where there is none.
    pub of_pixel: Vec<u32>,
}

/// No piece.
const NONE: u32 = u32::MAX;

impl PlaceMap {
    /// The places of frame `n`; `None` where the engine can not say where its pixels come from.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`].
    pub fn read(take: &dyn TakeFrames, n: u32) -> Result<Option<PlaceMap>, Failure> {
        let size = take.size();
        let mut map = PlaceMap {
            size,
            sources: Vec::new(),
            places: Vec::with_capacity(size.width as usize * size.height as usize),
            shares: Vec::new(),
        };
        let mut numbers: BTreeMap<(ObjectId, (u32, u32)), u32> = BTreeMap::new();
        for y in 0..size.height {
            for x in 0..size.width {
                let origins = take.origins(n, x, y)?;
                let mut strongest: Option<(f64, Place)> = None;
                for origin in &origins {
                    let key = (origin.source, origin.scaled_to);
                    let source = *numbers.entry(key).or_insert_with(|| {
                        map.sources.push(Sampled {
                            object: origin.source,
                            scaled_to: origin.scaled_to,
                        });
                        map.shares.push(0.0);
                        map.sources.len() as u32 - 1
                    });
                    map.shares[source as usize] += origin.weight;
                    if strongest.is_none_or(|(weight, _)| origin.weight > weight) {
                        let place = Place {
                            source,
                            x: origin.scaled_x as f32,
                            y: origin.scaled_y as f32,
                        };
                        strongest = Some((origin.weight, place));
                    }
                }
                map.places.push(strongest.map(|(_, place)| place));
            }
        }
        let pixels = map.places.len().max(1) as f64;
        map.shares.iter_mut().for_each(|share| *share /= pixels);
        Ok((!map.sources.is_empty()).then_some(map))
    }

    /// The frame's size in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The photographs, in the order in which they are met.
    pub fn sources(&self) -> &[Sampled] {
        &self.sources
    }

    /// Every pixel's place, row by row from the top left.
    pub fn places(&self) -> &[Option<Place>] {
        &self.places
    }

    /// The shares of [`PlaceMap::sources`], 0..=1.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The pieces of the frame. Pixels for which `apart` says true belong to none.
    pub fn pieces(&self, apart: &dyn Fn(usize) -> bool) -> Pieces {
        let (w, n) = (self.size.width as usize, self.places.len());
        let place = |i: usize| self.places[i].filter(|_| !apart(i));
        let mut parent: Vec<u32> = (0..n as u32).collect();
        for i in 0..n {
            let Some(here) = place(i) else { continue };
            let mut join = |j: usize, dx: f32, dy: f32| {
                if place(j).is_some_and(|there| goes_on(here, there, dx, dy)) {
                    let (a, b) = (root(&mut parent, i as u32), root(&mut parent, j as u32));
                    parent[a.max(b) as usize] = a.min(b);
                }
            };
            if i % w + 1 < w {
                join(i + 1, 1.0, 0.0);
            }
            if i + w < n {
                join(i + w, 0.0, 1.0);
            }
        }
        let mut of_pixel = vec![NONE; n];
        let mut all: Vec<Piece> = Vec::new();
        let mut spots: Vec<(u32, i32, i32)> = Vec::new();
        for i in 0..n {
            let Some(here) = place(i) else { continue };
            let first = root(&mut parent, i as u32) as usize;
            if first == i {
                of_pixel[i] = all.len() as u32;
                all.push(Piece {
                    source: here.source,
                    pixels: 0,
                    places: 0,
                });
            }
            of_pixel[i] = of_pixel[first];
            all[of_pixel[i] as usize].pixels += 1;
            spots.push((of_pixel[i], (here.y + 0.5) as i32, (here.x + 0.5) as i32));
        }
        spots.sort_unstable();
        spots.dedup();
        for (piece, ..) in spots {
            all[piece as usize].places += 1;
        }
        Pieces { all, of_pixel }
    }
}

/// Whether the photograph goes on from one pixel to its neighbour `dx`, `dy` further: within half a pixel.
fn goes_on(a: Place, b: Place, dx: f32, dy: f32) -> bool {
    a.source == b.source && (b.x - a.x - dx).abs() <= 0.5 && (b.y - a.y - dy).abs() <= 0.5
}

fn root(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

/// How near a frame is to a copy of one photograph. All numbers but the source are shares, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Copying {
    /// The photograph of the largest piece.
    pub source: ObjectId,
    /// The largest piece as a share of the judged part of the frame.
    pub largest_of_frame: f64,
    /// The largest piece as a share of its photograph.
    pub largest_of_photograph: f64,
    /// Area-weighted mean piece as a share of the judged part: what a pixel taken at random lies in.
    pub mean_piece: f64,
    /// Share of the judged part whose matter lies where one straight window of one photograph has it (shifted,
    /// scaled or mirrored), within a fortieth of the photograph's diagonal: a photograph that was taken apart and
    /// put together again has small pieces, but they are all in place.
    pub in_place: f64,
    /// The photograph that most is in place of.
    pub in_place_of: ObjectId,
    /// Share of the frame that was judged.
    pub judged: f64,
}

impl Copying {
    /// Of two frames the one that is nearer to a copy.
    #[must_use]
    pub fn nearer(self, other: Copying) -> Copying {
        if other.nearness() > self.nearness() {
            other
        } else {
            self
        }
    }

    /// How near to a copy, 0..=1: the largest piece as a share of the frame or of its photograph, whichever is
    /// more. Matter in place counts only where pieces are of some size: half of what is in place beyond a half.
    pub fn nearness(&self) -> f64 {
        let again = (self.in_place - 0.5).max(0.0);
        self.largest_of_frame.max(self.largest_of_photograph).max(again)
    }
}

/// How near a frame is to a copy, leaving out the pixels for which `apart` says true (copies by intent). `None`
/// where nothing is left to judge.
pub fn copying(map: &PlaceMap, apart: &dyn Fn(usize) -> bool) -> Option<Copying> {
    let pieces = map.pieces(apart);
    let judged: u64 = pieces.all.iter().map(|p| u64::from(p.pixels)).sum();
    let largest = pieces.all.iter().max_by_key(|p| p.pixels)?;
    let area = |source: u32| {
        let (w, h) = map.sources.get(source as usize).map_or((1, 1), |s| s.scaled_to);
        f64::from(w.max(1)) * f64::from(h.max(1))
    };
    let of_photograph = pieces
        .all
        .iter()
        .map(|p| f64::from(p.places) / area(p.source))
        .fold(0.0, f64::max);
    let squares: f64 = pieces.all.iter().map(|p| f64::from(p.pixels).powi(2)).sum();
    let all = judged as f64;
    let object = |source: u32| map.sources.get(source as usize).map(|s| s.object);
    let (in_place, in_place_of) = in_place(map, apart, judged);
    Some(Copying {
        source: object(largest.source)?,
        largest_of_frame: f64::from(largest.pixels) / all,
        largest_of_photograph: of_photograph.min(1.0),
        mean_piece: squares / (all * all),
        in_place,
        in_place_of: object(in_place_of)?,
        judged: all / map.places.len().max(1) as f64,
    })
}

/// Pixels that the fit of a window looks at, at most.
const LOOKED_AT: usize = 2_000;
/// Windows that are tried for a photograph: with half of it in place one of eight triples fits, so that this many
/// nearly always hold one.
const TRIES: u32 = 160;
/// How far from its place matter may lie, in diagonals of its photograph.
const NEAR: f32 = 1.0 / 40.0;

/// A window: the place of a frame's pixel, by an affine map.
type Window = [[f32; 3]; 2];

/// The largest share of the judged pixels that one straight window of one photograph explains, and which one, by
/// random sample consensus (Fischler and Bolles, "Random Sample Consensus", CACM 1981) with a fixed chance.
fn in_place(map: &PlaceMap, apart: &dyn Fn(usize) -> bool, judged: u64) -> (f64, u32) {
    let w = map.size.width as usize;
    let every = (judged as usize / LOOKED_AT).max(1);
    let mut by_source: Vec<Vec<([f32; 2], [f32; 2])>> = vec![Vec::new(); map.sources.len()];
    let kept = (0..map.places.len()).filter_map(|i| Some((i, map.places[i].filter(|_| !apart(i))?)));
    let mut seen = 0usize;
    for (i, place) in kept.step_by(every) {
        seen += 1;
        by_source[place.source as usize].push(([(i % w) as f32, (i / w) as f32], [place.x, place.y]));
    }
    let mut best = (0usize, 0u32);
    for (source, points) in by_source.iter().enumerate() {
        if points.len() <= best.0 || points.len() < 8 {
            continue;
        }
        let (sw, sh) = map.sources[source].scaled_to;
        let near = NEAR * ((sw as f32).powi(2) + (sh as f32).powi(2)).sqrt();
        let mut chance = 0x9e37_79b9_u64.wrapping_add(points.len() as u64);
        let mut pick = || {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((chance >> 33) as usize) % points.len()
        };
        for _ in 0..TRIES {
            let triple = [points[pick()], points[pick()], points[pick()]];
            let Some(window) = through(&triple) else { continue };
            let inside = points
                .iter()
                .filter(|(at, place)| off(&window, *at, *place) <= near)
                .count();
            if inside > best.0 {
                best = (inside, source as u32);
            }
        }
    }
    (best.0 as f64 / seen.max(1) as f64, best.1)
}

fn off(window: &Window, at: [f32; 2], place: [f32; 2]) -> f32 {
    let far = |k: usize| window[k][0] * at[0] + window[k][1] * at[1] + window[k][2] - place[k];
    (far(0).powi(2) + far(1).powi(2)).sqrt()
}

/// The window through three points; `None` where they lie on a line, or it is no window a person would take:
/// scaled by more than three, or leaning.
fn through(triple: &[([f32; 2], [f32; 2]); 3]) -> Option<Window> {
    let [(a, pa), (b, pb), (c, pc)] = triple;
    let (u, v) = ([b[0] - a[0], b[1] - a[1]], [c[0] - a[0], c[1] - a[1]]);
    let det = u[0] * v[1] - u[1] * v[0];
    if det.abs() < 64.0 {
        return None;
    }
    let row = |k: usize| {
        let (du, dv) = (pb[k] - pa[k], pc[k] - pa[k]);
        let x = (du * v[1] - dv * u[1]) / det;
        let y = (dv * u[0] - du * v[0]) / det;
        [x, y, pa[k] - x * a[0] - y * a[1]]
    };
    let window = [row(0), row(1)];
    let (across, down) = (window[0][0].abs(), window[1][1].abs());
    let leaning = window[0][1].abs().max(window[1][0].abs());
    let straight = (1.0 / 3.0..=3.0).contains(&across) && (1.0 / 3.0..=3.0).contains(&down);
    (straight && leaning < 0.25).then_some(window)
}
