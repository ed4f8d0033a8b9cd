//! Guided shots: the stage's passes say what stands where and how it moves; the photographs say what it looks like.
//!
//! Each thing of the set is made of its own sources. A patch is wanted by the clay's shade (matched by rank to the
//! photograph's own light, [`ranks`]), by its height within the thing, by whose matter it is, and by how large the world is
//! there, across and down: sources come in several sizes and foreshortenings, so that a ground plane has its perspective.
//! Matter is then carried along the stage's exact motion ([`way`]): it keeps its place on the surface of its thing. What
//! comes into view is made at once, in the midst of what is there; what is stretched too far or no longer fits its light is
//! made anew at the next key and fades in. The finish keeps the edges of things and gives them the stage's light.
//!
//! After EbSynth (Jamriška and others 2019, "Stylizing video by example") in spirit; the search is this crate's own.

pub mod cast;
pub mod light;
pub mod prepare;
pub mod ranks;
pub mod seen;
pub mod way;

use crate::making::{Asked, Laid, Making, Over};
use crate::map::Origin;
use crate::measure::chunk_pixels;
use crate::synth::carry::{self, Keep};
use crate::synth::feature::{Plane, Weights};
use crate::synth::flow::value_noise;
use crate::synth::guide;
use crate::synth::hash::{Dice, mix};
use crate::synth::layout::roughen;
use crate::synth::living::{layout_radius, level_count, nearest, origins};
use crate::synth::matter::{Colour, Guide, Matter, Sheet, Spot, halve_bytes};
use crate::synth::pyramid::{Begin, Carried, Effort, Wish, sizes, synthesise};
use crate::synth::wished::Wished;
use cast::{Cast, octaves};
use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use ranks::Table;
use rayon::prelude::*;
use seen::Seen;
use std::sync::Arc;
use way::Ways;

/// Frames from one key to the next.
pub const KEY_FRAMES: u32 = 12;
/// Frames in which what was made anew fades in.
const FADE_FRAMES: f32 = 5.0;
/// Guide codes for one octave of size.
const OCTAVE: f32 = 32.0;
/// Colours; shade, height, whose matter, size across and down.
const WEIGHTS: Weights = Weights([256, 256, 256, 200, 80, 256, 128, 128]);
/// Area-weighted piece, in pixels of a 960x540 frame, over which a first frame counts as copied.
const MOST_CHUNK: f64 = 2_000.0;
/// How strongly what is made anew should look like what it replaces, of 256.
const PULL: u16 = 100;

/// What a guided shot is made by.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Frame size in pixels.
    pub size: Size,
    /// Chance.
    pub seed: u64,
    /// 0 lively .. 1 steady.
    pub steady: f32,
    /// How far the finish gives things the stage's light: 0 not at all, 1 wholly.
    pub light: f32,
    /// What words wish of its matter; the weights are of the pieces, in their order.
    pub wished: Wished,
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

/// What one frame asks of its matter.
struct Asks {
    guide: Vec<Guide>,
    /// Wished luminance, display codes.
    light: Vec<u8>,
    /// Number of the thing in the cast.
    thing: Vec<u16>,
    /// Number of the source.
    source: Vec<u16>,
}

/// A guided shot under way.
pub struct Guided {
    setting: Setting,
    guides: Arc<dyn Guides>,
    cast: Cast,
    matter: Matter,
    weights: Weights,
    planes: Vec<Plane>,
    texture: u32,
    /// Source and octaves of each sheet.
    pieces: Vec<(usize, (i32, i32))>,
    /// By thing and number among its sources.
    tables: Vec<Vec<Table>>,
    /// By thing: mean linear light that its shades wish for.
    means: Vec<f32>,
    /// By source: colour at each luminance.
    palettes: Vec<Vec<Colour>>,
    codes: Vec<u8>,
    turn: Vec<f32>,
    key: u32,
    ways: Option<Ways>,
    /// The key's map with what could not stay made anew, and which pixels those are.
    mended: Option<(Vec<Origin>, Vec<bool>)>,
    base: Vec<Origin>,
    seen: Seen,
    edges: Vec<u16>,
    light: Vec<f32>,
}

impl Guided {
    /// Prepares the shot: `pieces` are the sources at the sizes that the cast asks for, the usual size of each source
    /// first. `None` if they make no matter.
    pub fn new(
        mut pieces: Vec<Piece>,
        cast: Cast,
        guides: Arc<dyn Guides>,
        setting: Setting,
    ) -> Option<Guided> {
        let (w, h) = (setting.size.width as usize, setting.size.height as usize);
        let sources = pieces.iter().map(|p| p.source + 1).max()?;
        let codes: Vec<u8> = (0..sources)
            .map(|k| (k * 255 / (sources - 1).max(1)) as u8)
            .collect();
        let radius = layout_radius(h);
        pieces.par_iter_mut().for_each(|p| {
            let s = &mut p.sheet;
            let soft = guide::of_photograph(&s.colour, s.width, s.height, radius, guide::Gain::NONE);
            let code = codes[p.source];
            let size = |o: i32| (128.0 + OCTAVE * o as f32).clamp(0.0, 255.0) as u8;
            let (across, down) = (size(p.octaves.0), size(p.octaves.1));
            for (i, g) in s.guide.iter_mut().enumerate() {
                let light = guide::luminance([soft[i][0], soft[i][1], soft[i][2], 0]);
                let height = (i / s.width) * 255 / (s.height - 1).max(1);
                *g = [light, height as u8, code, across, down];
            }
        });
        let usual: Vec<Option<&Piece>> = (0..sources)
            .map(|k| pieces.iter().find(|p| p.source == k))
            .collect();
        let lights: Vec<Vec<u64>> = usual
            .iter()
            .map(|p| p.map_or_else(|| vec![1; 256], |p| ranks::lights(&p.sheet)))
            .collect();
        let palettes = usual
            .iter()
            .map(|p| p.map_or_else(|| vec![[0; 4]; 256], |p| ranks::palette(&p.sheet)))
            .collect();
        let tables: Vec<Vec<Table>> = cast
            .things
            .iter()
            .map(|t| {
                t.sources
                    .iter()
                    .map(|k| ranks::table(t, lights.get(*k).map_or(&[][..], |l| l)))
                    .collect()
            })
            .collect();
        let linear = light::linear();
        let means = cast
            .things
            .iter()
            .zip(&tables)
            .map(|(t, tables)| {
                let Some(table) = tables.first() else { return 0.2 };
                let sum: f64 = (0..256)
                    .map(|v| t.shades[v] as f64 * f64::from(linear[usize::from(table[v])]))
                    .sum();
                (sum / t.area.max(1) as f64) as f32
            })
            .collect();
        let numbers = pieces.iter().map(|p| (p.source, p.octaves)).collect();
        let sheets: Vec<Sheet> = pieces.into_iter().map(|p| p.sheet).collect();
        let texture = guide::texture(&sheets);
        let least = sheets.iter().filter(|s| s.width.min(s.height) >= 64).count();
        let levels = if least == sheets.len() {
            level_count(h, &sheets)
        } else {
            level_count(h, &sheets).max(4)
        };
        let mut matter = Matter::new(sheets.clone(), levels)?;
        setting.wished.lean(&mut matter, &sheets, texture);
        let planes = matter.planes(&WEIGHTS);
        let turn = turns(w, h, setting.seed);
        Some(Guided {
            setting,
            guides,
            cast,
            matter,
            weights: WEIGHTS,
            planes,
            texture,
            pieces: numbers,
            tables,
            means,
            palettes,
            codes,
            turn,
            key: 0,
            ways: None,
            mended: None,
            base: Vec::new(),
            seen: Seen::default(),
            edges: Vec::new(),
            light: Vec::new(),
        })
    }

    /// The things of the shot, and what each is made of.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The matter the shot is made of.
    pub fn matter(&self) -> &Matter {
        &self.matter
    }

    /// Source and octaves of each sheet.
    pub fn pieces(&self) -> &[(usize, (i32, i32))] {
        &self.pieces
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
                let r = &mut rows[usize::from(*t)];
                *r = (r.0.min(y), r.1.max(y));
            }
        }
        // World metres at this size against those at the size that was looked at.
        let finer = self.cast.height as f32 / h as f32;
        let all: Vec<(Guide, u8, u16)> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let t = usize::from(thing[i]);
                let own = &self.cast.things[t];
                let nth = self.choose(own.sources.len(), seen, i);
                let source = own.sources.get(nth).copied().unwrap_or(0);
                let light = self.tables[t]
                    .get(nth)
                    .map_or(128, |t| t[usize::from(seen.shade[i])]);
                let (top, bottom) = rows[t];
                let height = (i / w - top.min(i / w)) * 255 / (bottom.saturating_sub(top)).max(1);
                let size = |k: usize| {
                    let o = octaves(seen.metres[i][k], own.metres[k] * finer);
                    (128.0 + OCTAVE * o).clamp(0.0, 255.0) as u8
                };
                let code = self.codes.get(source).copied().unwrap_or(0);
                (
                    [light, height.min(255) as u8, code, size(0), size(1)],
                    light,
                    source as u16,
                )
            })
            .collect();
        Asks {
            guide: all.iter().map(|a| a.0).collect(),
            light: all.iter().map(|a| a.1).collect(),
            source: all.iter().map(|a| a.2).collect(),
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
            let size = self.cast.things.first().map_or(1.0, |_| 1.0);
            ((p[0] + p[1] * 0.6) * 0.6 * size, (p[2] - p[1] * 0.8) * 0.6 * size)
        } else {
            ((i % w) as f32 * 4.0 / h as f32, (i / w) as f32 * 4.0 / h as f32)
        };
        let seed = self.setting.seed ^ 0x50c2;
        let n = 0.65 * value_noise(x, y, seed) + 0.35 * value_noise(x * 2.9, y * 2.9, seed ^ 1);
        let n = ((n - 0.5) * 1.9 + 0.5).clamp(0.0, 0.999);
        (n * sources as f32) as usize
    }

    fn effort(&self) -> Effort {
        Effort::whole().for_texture(self.texture)
    }

    fn make_first(&mut self, asks: &Asks, stop: &Asked) -> Vec<Origin> {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        let mut sketch: Vec<Colour> = asks
            .light
            .iter()
            .zip(&asks.source)
            .map(|(v, k)| {
                self.palettes
                    .get(usize::from(*k))
                    .map_or([*v, *v, *v, 0], |p| p[usize::from(*v)])
            })
            .collect();
        let levels = self.matter.levels.len();
        for (w, h) in sizes(w, h, levels).into_iter().take(levels - 1) {
            sketch = halve_bytes(&sketch, w, h).0;
        }
        roughen(&mut sketch, 24.0, self.setting.seed);
        let most = MOST_CHUNK * (w * h) as f64 / (960.0 * 540.0);
        let mut effort = self.effort();
        let mut best: Option<(f64, Vec<Origin>)> = None;
        for _ in 0..3 {
            let wish = Wish {
                width: w,
                height: h,
                guide: &asks.guide,
                stop,
            };
            let begin = Begin::Sketch {
                colour: &sketch,
                guided: true,
            };
            let made = synthesise(
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &begin,
                &effort,
                self.setting.seed,
            );
            let mut all = origins(&made.from, &self.matter);
            for _ in 0..2 {
                carry::tidy(&mut all, w, h, &self.matter.levels[0], &[]);
            }
            let chunk = chunk_pixels(&all, w);
            let fits = chunk <= most;
            if best.as_ref().is_none_or(|(b, _)| chunk < *b) {
                best = Some((chunk, all));
            }
            if stop() || fits {
                break;
            }
            // Smaller pieces: seams cost less.
            effort.beta = effort.beta * 2 / 3;
        }
        best.map(|b| b.1).unwrap_or_default()
    }

    /// Makes what is not `kept` anew; what is `fresh` has nothing to look like.
    fn mend(
        &self,
        moved: &[Origin],
        kept: &[bool],
        fresh: &[bool],
        asks: &Asks,
        seed: u64,
        stop: &Asked,
    ) -> Vec<Origin> {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        let level = &self.matter.levels[0];
        let mut begun: Vec<Origin> = moved.to_vec();
        begun
            .par_iter_mut()
            .enumerate()
            .filter(|(i, _)| fresh[*i])
            .for_each(|(i, o)| *o = self.guess(asks, i, w, seed));
        let from: Vec<Spot> = begun.par_iter().map(|o| nearest(&self.matter, *o)).collect();
        let colour: Vec<Colour> = begun.par_iter().map(|o| carry::colour(level, *o)).collect();
        let pull: Vec<u16> = begun
            .par_iter()
            .enumerate()
            .map(|(i, o)| {
                if fresh[i] || carry::inside(level, *o).is_none() {
                    0
                } else {
                    PULL
                }
            })
            .collect();
        let carried = Carried {
            from: &from,
            colour: &colour,
            pull: &pull,
            locked: kept,
            start: 2,
        };
        let mut effort = Effort::mending().for_texture(self.texture);
        effort.beta *= 2;
        effort.radius = Some(64);
        let wish = Wish {
            width: w,
            height: h,
            guide: &asks.guide,
            stop,
        };
        let made = synthesise(
            &self.matter,
            &self.planes,
            &self.weights,
            &wish,
            &Begin::Carried(carried),
            &effort,
            seed,
        );
        let mut all: Vec<Origin> = begun;
        let new = origins(&made.from, &self.matter);
        all.par_iter_mut()
            .enumerate()
            .filter(|(i, _)| !kept[*i])
            .for_each(|(i, o)| *o = new[i]);
        for _ in 0..2 {
            carry::tidy(&mut all, w, h, level, kept);
        }
        all
    }

    /// A place to begin looking from: of a few at random in the right source, the one that the guides like best; the same
    /// way on for pixels of one block.
    fn guess(&self, asks: &Asks, i: usize, w: usize, seed: u64) -> Origin {
        let level = &self.matter.levels[0];
        let (x, y) = (i % w, i / w);
        let block = (y / 8) * w.div_ceil(8) + x / 8;
        let mut dice = Dice::new(mix(seed ^ 0x9e55), block as u64);
        let wish = asks.guide[i];
        let source = usize::from(asks.source[i]);
        let right: usize = self.pieces.iter().filter(|p| p.0 == source).count();
        let mut best = (u32::MAX, Origin::default());
        for _ in 0..12 {
            let nth = dice.below(right.max(1) as u32) as usize;
            let (rx, ry) = (dice.roll(), dice.roll());
            let Some((k, _)) = self
                .pieces
                .iter()
                .enumerate()
                .filter(|(_, p)| p.0 == source)
                .nth(nth)
            else {
                continue;
            };
            let p = level.places[k];
            let at = |r: u32, n: usize, on: usize| ((r as usize % n.max(1)) + on) % n.max(1);
            let (px, py) = (at(rx, p.width, x % 8), at(ry, p.height, y % 8));
            let g = level.guide[(p.top + py) * level.width + px];
            let far: u32 = (0..5)
                .map(|c| u32::from(g[c].abs_diff(wish[c])) * u32::from(self.weights.0[3 + c]))
                .sum();
            let o = Origin::whole(k as u16, px as i32, py as i32);
            if far < best.0 && carry::inside(level, o).is_some() {
                best = (far, o);
            }
        }
        best.1
    }

    /// Finds what of the key's map can not stay, and makes it anew.
    fn mend_key(&self, stop: &Asked) -> (Vec<Origin>, Vec<bool>) {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        let asks = self.asks(&self.seen);
        let share: [f32; 5] = std::array::from_fn(|k| f32::from(self.weights.0[3 + k]) / 256.0);
        let keep = Keep::steady(self.setting.steady);
        let level = &self.matter.levels[0];
        let kept = carry::judge(&self.base, w, h, level, &asks.guide, &share, &keep);
        let changed: Vec<bool> = kept.iter().map(|k| !k).collect();
        let seed = mix(self.setting.seed ^ (u64::from(self.key) << 20));
        let mended = self.mend(&self.base, &kept, &vec![false; w * h], &asks, seed, stop);
        (mended, changed)
    }

    /// Takes a key frame in.
    fn begin(&mut self, n: u32, base: &[Origin], seen: Seen) {
        let (w, h) = (seen.width, seen.height);
        self.ways = Some(Ways::rest(w, h, base, &seen.object));
        self.key = n;
        self.base = base.to_vec();
        self.mended = None;
        self.seen = seen;
    }

    /// Edges and light of a frame, for the finish.
    fn dress(&mut self, seen: &Seen, asks: &Asks) {
        self.edges = asks.thing.clone();
        self.light = if self.setting.light > 0.0 {
            light::ratios(
                seen,
                &self.cast,
                &asks.thing,
                &asks.light,
                &self.means,
                self.setting.light,
            )
        } else {
            Vec::new()
        };
    }

    fn step(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        let (w, h) = (
            self.setting.size.width as usize,
            self.setting.size.height as usize,
        );
        if self.mended.is_none() {
            self.mended = Some(self.mend_key(stop));
        }
        let seen = self.see(n)?;
        let asks = self.asks(&seen);
        let level = &self.matter.levels[0];
        let (Some(ways), Some((mended, changed))) = (&mut self.ways, &self.mended) else {
            return Err(Failure::lasting(
                "work",
                "a guided shot was asked for a frame before its first",
            ));
        };
        let mut fresh = ways.step(&seen);
        let mut map = ways.map(&fresh);
        // What was made anew at the key fades in, whole patches together.
        let share = (n - self.key) as f32 / KEY_FRAMES as f32;
        let fade = FADE_FRAMES / KEY_FRAMES as f32;
        let faded: Vec<(Origin, u8)> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let none = (Origin::default(), 0);
                let Some((x, y)) = ways.in_key(i).filter(|_| !fresh[i]) else {
                    return none;
                };
                let px = ((x + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                let py = ((y + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                if !changed[py * w + px] {
                    return none;
                }
                let weight = ((share * (1.0 + fade) - self.turn[py * w + px]) / fade).clamp(0.0, 1.0);
                if weight <= 0.0 {
                    return none;
                }
                (carry::at(mended, w, h, x, y), (weight * 255.0 + 0.5) as u8)
            })
            .collect();
        let mut over = Over {
            map: map.clone(),
            weight: vec![0; w * h],
        };
        let mut context = map.clone();
        for (i, (o, weight)) in faded.into_iter().enumerate() {
            if weight == 255 {
                map[i] = o;
                context[i] = o;
                over.map[i] = o;
            } else if weight > 0 {
                over.map[i] = o;
                over.weight[i] = weight;
                if weight > 127 {
                    context[i] = o;
                }
            }
        }
        // Matter that has run out of its photograph is as good as new.
        fresh
            .par_iter_mut()
            .enumerate()
            .filter(|(i, f)| !**f && carry::inside(level, context[*i]).is_none())
            .for_each(|(_, f)| *f = true);
        if fresh.iter().any(|f| *f) {
            let kept: Vec<bool> = fresh.iter().map(|f| !f).collect();
            let seed = mix(self.setting.seed ^ (u64::from(n) << 24));
            let made = self.mend(&context, &kept, &fresh, &asks, seed, stop);
            for i in (0..w * h).filter(|i| fresh[*i]) {
                map[i] = made[i];
                over.map[i] = made[i];
                over.weight[i] = 0;
            }
            if let Some(ways) = &mut self.ways {
                ways.lay(&map, &fresh);
            }
        }
        self.dress(&seen, &asks);
        if n - self.key == KEY_FRAMES {
            self.begin(n, &map, seen);
        }
        let over = over.weight.iter().any(|v| *v > 0).then_some(over);
        Ok(Laid { map, over })
    }
}

impl Making for Guided {
    fn first(&mut self, stop: &Asked) -> Result<Laid, Failure> {
        let seen = self.see(0)?;
        let asks = self.asks(&seen);
        Ok(Laid::plain(self.make_first(&asks, stop)))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        self.resume(0, first)
    }

    fn next(&mut self, n: u32, stop: &Asked) -> Result<Laid, Failure> {
        self.step(n, stop)
    }

    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure> {
        let seen = self.see(key)?;
        let asks = self.asks(&seen);
        self.dress(&seen, &asks);
        self.begin(key, &base.map, seen);
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        KEY_FRAMES
    }

    fn edges(&self) -> &[u16] {
        &self.edges
    }

    fn light(&self) -> &[f32] {
        &self.light
    }
}

/// When each place changes, 0..1: a noise with patches of about a tenth of the height.
fn turns(w: usize, h: usize, seed: u64) -> Vec<f32> {
    let unit = 11.0 / h as f32;
    (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = ((i % w) as f32 * unit, (i / w) as f32 * unit);
            ((value_noise(x, y, seed ^ 0x7a12) - 0.5) * 1.3 + 0.5).clamp(0.02, 0.98)
        })
        .collect()
}
