//! Guided shots: the stage's passes say what stands where and how it moves; the photographs say what it looks like.
//!
//! Each thing of the set is made of its own sources ([`cast`]), and things of the same sources are searched together, apart
//! from all others ([`group`]). A patch is wanted by the clay's shade (matched by rank to the photograph's own light,
//! [`ranks`]), by its height within the thing, and by how large the world is there, across and down: sources come in several
//! sizes and foreshortenings, so that a ground plane has its perspective.
//!
//! Work goes from key frame to key frame ([`interval`]). The map of a key is carried along the stage's exact motion ([`way`])
//! to the next one; what has come into view on the way, what is stretched too far and what no longer fits its light is made
//! anew there, all at once; the frames between take matter from the key before and the key after, so a thing keeps its places
//! on its own surface, and what comes in comes from a picture that is whole. The finish keeps the edges of things and gives
//! them the stage's light ([`light`]).
//!
//! After EbSynth (Jamriška and others 2019, "Stylizing video by example") in spirit; the search is this crate's own.

pub mod cast;
pub mod group;
pub mod interval;
pub mod judge;
pub mod light;
pub mod prepare;
pub mod ranks;
pub mod seen;
pub mod way;

use crate::making::{Asked, Laid, Making};
use crate::map::Origin;
use crate::synth::feature::Weights;
use crate::synth::flow::value_noise;
use crate::synth::hash::mix;
use crate::synth::living::turns;
use crate::synth::matter::{Guide, Sheet};
use crate::synth::wished::Wished;
use cast::{Cast, octaves};
use group::{Anew, Asks, Group};
use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use interval::Interval;
use ranks::Table;
use rayon::prelude::*;
use seen::Seen;
use std::sync::Arc;

/// Guide codes for one octave of size.
const OCTAVE: f32 = 32.0;
/// Colours; shade, height, which of a group's sources, size across and down.
const WEIGHTS: Weights = Weights([256, 256, 256, 200, 80, 256, 128, 128]);
/// How strongly what is made anew should look like what it replaces, of 256.
const PULL: u16 = 100;

/// What a guided shot is made by.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Frame size in pixels.
    pub size: Size,
    /// Length in frames.
    pub frames: u32,
    /// Chance.
    pub seed: u64,
    /// 0 lively .. 1 steady.
    pub steady: f32,
    /// How far the finish gives things the stage's light: 0 not at all, 1 wholly.
    pub light: f32,
    /// What is left out, to see what it is worth.
    pub without: Without,
    /// What words wish of the matter, by the numbers of the sources.
    pub wished: Wished,
}

/// Parts of the method that can be left out, to see what each is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Sources in one size only.
    pub perspective: bool,
    /// Every frame is a key: what comes into view is made a strip at a time.
    pub look_ahead: bool,
    /// Shades may want any hue of a photograph.
    pub own_hue: bool,
    /// What was made anew comes in at once.
    pub fade: bool,
    /// Things are searched no further than their edges, next to what other things are made of.
    pub hem: bool,
}

impl Without {
    /// The names of the parts, as the setting has them.
    pub const NAMES: [&'static str; 5] = ["perspective", "look-ahead", "own-hue", "fade", "hem"];

    /// Reads names set apart by commas.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn parse(text: &str) -> Result<Without, String> {
        let mut out = Without::default();
        for name in text.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            match name {
                "perspective" => out.perspective = true,
                "look-ahead" => out.look_ahead = true,
                "own-hue" => out.own_hue = true,
                "fade" => out.fade = true,
                "hem" => out.hem = true,
                other => return Err(other.into()),
            }
        }
        Ok(out)
    }
}

/// One sheet of matter: a source at one size.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Number of the source.
    pub source: usize,
    /// Octaves by which it is smaller than usual, across and down.
    pub octaves: (i32, i32),
    /// Its pixels; the guides are filled in here.
    pub sheet: Sheet,
}

/// A guided shot under way.
pub struct Guided {
    setting: Setting,
    guides: Arc<dyn Guides>,
    cast: Cast,
    groups: Vec<Group>,
    /// Octaves of every sheet.
    sizes: Vec<(i32, i32)>,
    /// By thing: its group, the tables from its shades to each source's light, and the mean linear light they wish for.
    things: Vec<(usize, Vec<Table>, f32)>,
    turn: Vec<f32>,
    key: u32,
    base: Vec<Origin>,
    key_things: Vec<u16>,
    interval: Option<Interval>,
    /// The frame last made.
    last: Vec<Origin>,
    edges: Vec<u16>,
    light: Vec<f32>,
}

impl Guided {
    /// Prepares the shot. `groups` are sorted lists of sources with the pieces that they are made of, the usual size of each
    /// source first; every thing's list of sources is one of them. `None` if some group makes no matter.
    pub fn new(
        groups: Vec<(Vec<usize>, Vec<Piece>)>,
        cast: Cast,
        guides: Arc<dyn Guides>,
        setting: Setting,
    ) -> Option<Guided> {
        let (w, h) = (setting.size.width as usize, setting.size.height as usize);
        let mut first = 0u16;
        let mut made = Vec::new();
        let sizes = groups
            .iter()
            .flat_map(|g| g.1.iter().map(|p| p.octaves))
            .collect();
        for (sources, pieces) in groups {
            let n = pieces.len() as u16;
            made.push(Group::new(pieces, sources, first, h, &setting)?);
            first += n;
        }
        let linear = light::linear();
        let things = cast
            .things
            .iter()
            .map(|t| {
                let g = made.iter().position(|g| g.sources == t.sources)?;
                let tables = made[g].tables(t);
                let table = tables.first()?;
                let sum: f64 = t
                    .shades
                    .iter()
                    .zip(table)
                    .map(|(n, v)| *n as f64 * f64::from(linear[usize::from(*v)]))
                    .sum();
                let mean = (sum / t.area.max(1) as f64) as f32;
                Some((g, tables, mean))
            })
            .collect::<Option<Vec<_>>>()?;
        let turn = turns(w, h, setting.seed);
        Some(Guided {
            setting,
            guides,
            cast,
            groups: made,
            sizes,
            things,
            turn,
            key: 0,
            base: Vec::new(),
            key_things: Vec::new(),
            interval: None,
            last: Vec::new(),
            edges: Vec::new(),
            light: Vec::new(),
        })
    }

    /// The things of the shot, and what each is made of.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Frames from one key to the next.
    fn every(&self) -> u32 {
        if self.setting.without.look_ahead {
            1
        } else {
            interval::key_frames(self.setting.size)
        }
    }

    fn see(&self, n: u32) -> Result<Seen, Failure> {
        Seen::new(self.guides.frame(n, self.setting.size)?, self.setting.size)
    }

    /// What a frame asks for.
    fn asks(&self, seen: &Seen) -> Asks {
        let (w, h) = (seen.width, seen.height);
        // Rows that each thing fills in this frame.
        let mut rows = vec![(h, 0usize); self.cast.things.len()];
        let thing: Vec<u16> = seen
            .object
            .par_iter()
            .map(|id| self.cast.thing(*id).unwrap_or(0) as u16)
            .collect();
        for (y, row) in thing.chunks(w).enumerate() {
            for t in row {
                if let Some(r) = rows.get_mut(usize::from(*t)) {
                    *r = (r.0.min(y), r.1.max(y));
                }
            }
        }
        // World metres at this size against those at the size that was looked at.
        let finer = self.cast.height as f32 / h as f32;
        let all: Vec<(Guide, u8, u8)> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let t = usize::from(thing[i]);
                let own = &self.cast.things[t];
                let (g, tables, _) = &self.things[t];
                let nth = self.choose(own.sources.len(), seen, i);
                let light = tables.get(nth).map_or(128, |t| t[usize::from(seen.shade[i])]);
                let (top, bottom) = rows[t];
                let height = (i / w).saturating_sub(top) * 255 / bottom.saturating_sub(top).max(1);
                let size = |k: usize| {
                    let o = octaves(seen.metres[i][k], own.metres[k] * finer);
                    (128.0 + OCTAVE * o).clamp(0.0, 255.0) as u8
                };
                let code = self.groups[*g].code(nth);
                (
                    [light, height.min(255) as u8, code, size(0), size(1)],
                    light,
                    nth as u8,
                )
            })
            .collect();
        Asks {
            width: w,
            guide: all.iter().map(|a| a.0).collect(),
            light: all.iter().map(|a| a.1).collect(),
            nth: all.iter().map(|a| a.2).collect(),
            thing,
        }
    }

    /// Which of several sources a pixel is made of: patches that stay where they are in the world.
    fn choose(&self, sources: usize, seen: &Seen, i: usize) -> usize {
        if sources < 2 {
            return 0;
        }
        let (w, h) = (seen.width, seen.height);
        let p = seen.position.get(i).copied().unwrap_or_default();
        let solid = seen.object[i] != 0 && p.iter().all(|v| v.is_finite() && v.abs() < 1.0e5);
        let (x, y) = if solid {
            ((p[0] + p[1] * 0.6) * 0.6, (p[2] - p[1] * 0.8) * 0.6)
        } else {
            ((i % w) as f32 * 4.0 / h as f32, (i / w) as f32 * 4.0 / h as f32)
        };
        let seed = self.setting.seed ^ 0x50c2;
        let n = 0.65 * value_noise(x, y, seed) + 0.35 * value_noise(x * 2.9, y * 2.9, seed ^ 1);
        let n = ((n - 0.5) * 1.9 + 0.5).clamp(0.0, 0.999);
        (n * sources as f32) as usize
    }

    /// Whose pixels are those of a group.
    fn mask(&self, g: usize, thing: &[u16]) -> Vec<bool> {
        thing
            .par_iter()
            .map(|t| self.things.get(usize::from(*t)).is_some_and(|t| t.0 == g))
            .collect()
    }

    /// Makes anew what `need` says, each group for itself, and puts it into `map`.
    fn mend(
        &self,
        asks: &Asks,
        map: &mut [Origin],
        (need, fresh, key_frame): (&[bool], &[bool], bool),
        seed: u64,
        stop: &Asked,
    ) {
        let before = map.to_vec();
        for (g, group) in self.groups.iter().enumerate() {
            let mask = self.mask(g, &asks.thing);
            let own: Vec<bool> = need.iter().zip(&mask).map(|(n, m)| *n && *m).collect();
            if stop() || !own.iter().any(|v| *v) {
                continue;
            }
            let anew = Anew {
                mask: &mask,
                map: &before,
                need: &own,
                fresh,
                key: key_frame,
            };
            group.mend(asks, &anew, mix(seed ^ ((g as u64) << 56)), stop, map);
        }
    }

    /// What the finish multiplies each pixel by, in 1/4096.
    fn ratios(&self, seen: &Seen, asks: &Asks) -> Vec<u16> {
        if self.setting.light <= 0.0 {
            return Vec::new();
        }
        let means: Vec<f32> = self.things.iter().map(|t| t.2).collect();
        light::ratios(
            seen,
            &self.cast,
            &asks.thing,
            &asks.light,
            &means,
            self.setting.light,
        )
    }

    /// Takes a key frame in.
    fn begin(&mut self, n: u32, base: &[Origin], things: Vec<u16>) {
        self.key = n;
        self.base = base.to_vec();
        self.last = base.to_vec();
        self.key_things = things;
        self.interval = None;
    }

    /// Edges and light of a frame, for the finish.
    fn dress(&mut self, thing: &[u16], ratio: &[u16]) {
        self.edges = thing.to_vec();
        self.light = ratio.iter().map(|v| f32::from(*v) / light::ONE).collect();
    }
}

impl Making for Guided {
    fn first(&mut self, stop: &Asked) -> Result<Laid, Failure> {
        let asks = self.asks(&self.see(0)?);
        let mut map = vec![Origin::default(); asks.thing.len()];
        for (g, group) in self.groups.iter().enumerate() {
            let mask = self.mask(g, &asks.thing);
            let seed = mix(self.setting.seed ^ ((g as u64) << 56));
            group.first(&asks, &mask, seed, stop, &mut map);
        }
        Ok(Laid::plain(map))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        self.resume(0, first)
    }

    fn next(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        if self.interval.is_none() {
            self.interval = Some(self.look_ahead(stop)?);
        }
        let Some(interval) = self.interval.take() else {
            return Err(Failure::lasting(
                "work",
                "a guided shot lost its way; draw it again",
            ));
        };
        let laid = self.between(&interval, n, stop)?;
        if let Some(frame) = interval.frame(n) {
            self.dress(&frame.thing, &frame.ratio);
        }
        if n >= interval.to {
            let things = interval.frame(n).map(|f| f.thing.clone()).unwrap_or_default();
            self.begin(n, &laid.map, things);
        } else {
            self.last.clone_from(&laid.map);
            self.interval = Some(interval);
        }
        Ok(laid)
    }

    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure> {
        let seen = self.see(key)?;
        let asks = self.asks(&seen);
        let ratio = self.ratios(&seen, &asks);
        self.dress(&asks.thing, &ratio);
        self.begin(key, &base.map, asks.thing);
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        self.every()
    }

    fn edges(&self) -> &[u16] {
        &self.edges
    }

    fn light(&self) -> &[f32] {
        &self.light
    }
}
