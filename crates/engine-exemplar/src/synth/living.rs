//! A photograph that lives: a new variation of it, then its matter in motion while its layout sways.

use super::carry::{self, Keep, Sway};
use super::compose::{self, Wanted};
use super::feature::{Plane, Weights};
use super::flow::{Flow, Manner};
use super::guide::{self, Gain};
use super::hash::mix;
use super::matter::{Colour, Guide, Matter, Sheet, Spot, spot_x, spot_y};
use super::points::{self, Star};
use super::pyramid::{Begin, Carried, Effort, Wish, synthesise};
use super::turning::Turning;
use super::wished::Wished;
use crate::making::{Laid, Making, Over};
use crate::map::Origin;
use heirloom_engine::Failure;
use rayon::prelude::*;

/// What a living shot is made by.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// Seconds from one frame to the next.
    pub seconds_a_frame: f32,
    /// Chance.
    pub seed: u64,
    /// The flow.
    pub manner: Manner,
    /// 0 lively .. 1 steady.
    pub steady: f32,
    /// What words wish of it.
    pub wished: Wished,
    /// Chance of the flow: the seed's, or that of the take it is like.
    pub flow_seed: u64,
}

/// How strongly the layout and the structure guide, at first; raised where a picture would be copied.
pub const LAYOUT_WEIGHT: f32 = 0.5;
/// How fast the layout returns to rest: the 256th parts of the way made good each frame.
const HOME: i32 = 3;
/// Frames from one key to the next. Between keys a map is only warped, from the key: seams stay as clean
/// as they were, where carrying from frame to frame would wear them to crumbs.
pub const KEY_FRAMES: u32 = 12;
/// Frames over which a piece that is made anew crosses over.
const CROSSING: u32 = 5;
/// How strongly what is made anew should look like what it replaces, of 256.
const PULL: u16 = 100;
/// See [`LAYOUT_WEIGHT`].
pub const STRUCTURE_WEIGHT: f32 = 0.5;

/// A living shot under way.
pub struct Living {
    setting: Setting,
    sheets: Vec<Sheet>,
    matter: Matter,
    weights: Weights,
    planes: Vec<Plane>,
    flow: Flow,
    gain: Gain,
    texture: u32,
    radius: usize,
    /// Guides of frame 0, which the layout sways.
    layout: Vec<Guide>,
    sway: Sway,
    /// The frame that `sway` has come to.
    swayed: u32,
    /// The last key frame, its map, and the same with what could not stay made anew.
    key: u32,
    base: Vec<Origin>,
    mended: Vec<Origin>,
    /// Where each pixel's matter was in the key frame.
    way: Sway,
    /// A noise, 0..1, that says where what is made anew comes in sooner and where later.
    turn: Vec<f32>,
    /// When each pixel of the key frame changes from `base` to `mended`.
    turning: Turning,
    wanted: Wanted,
    stars: Vec<Star>,
    /// The stars in their places.
    points: Option<Over>,
    /// What frame 0 is to be like.
    like: Option<Like>,
}

mod first;
mod like;
pub use like::Like;

pub use crate::making::Asked as Stop;

/// Weights of colours and guides.
pub fn weights(layout: f32, structure: f32) -> Weights {
    let (l, s) = ((layout * 256.0) as u16, (structure * 256.0) as u16);
    Weights([256, 256, 256, l, l, l, s, 0])
}

/// The same where labels say, as strongly as `whose`, which source goes where.
fn labelled(weights: Weights, whose: f32) -> Weights {
    let mut all = weights.0;
    all[7] = (whose * 256.0) as u16;
    Weights(all)
}

/// Levels for a frame and its photographs: the coarsest is about 16 pixels high.
pub fn level_count(height: usize, sheets: &[Sheet]) -> usize {
    let least = sheets
        .iter()
        .map(|s| s.width.min(s.height))
        .min()
        .unwrap_or(1)
        .min(height);
    let mut n = 1;
    while n < 9 && (least >> n) >= 16 {
        n += 1;
    }
    n
}

/// The blur of layouts in pixels, for a frame of this height.
pub fn layout_radius(height: usize) -> usize {
    (height / 68).max(2)
}

/// Origins of places in the stack.
pub fn origins(from: &[Spot], matter: &Matter) -> Vec<Origin> {
    let level = &matter.levels[0];
    from.iter()
        .map(|s| {
            let k = level.source_of_row(spot_y(*s));
            Origin::whole(
                k as u16,
                spot_x(*s) as i32,
                (spot_y(*s) - level.places[k].top) as i32,
            )
        })
        .collect()
}

/// The place in the stack nearest to an origin, inside its photograph.
#[inline(always)]
pub fn nearest(matter: &Matter, o: Origin) -> Spot {
    let level = &matter.levels[0];
    let (x, y) = o.nearest();
    let top = level.places[usize::from(o.source)].top;
    level.clamp(usize::from(o.source), i64::from(x), i64::from(y) + top as i64)
}

impl Living {
    /// Prepares the shot. The sheets need no guides yet. `None` if they make no matter.
    pub fn new(sheets: Vec<Sheet>, setting: Setting) -> Option<Living> {
        Living::composed(sheets, setting, Wanted::default())
    }

    /// Prepares a shot that is composed as `wanted` says; its pictures have the frame's size or are empty. `None` if
    /// the sheets make no matter.
    pub fn composed(mut sheets: Vec<Sheet>, setting: Setting, wanted: Wanted) -> Option<Living> {
        let radius = layout_radius(setting.height);
        let mut stars = Vec::new();
        if wanted.stars {
            let widest = points::widest(setting.height);
            for (k, s) in sheets.iter_mut().enumerate() {
                stars.extend(points::take_out(s, k, widest));
            }
        }
        let gain = guide::steer(&mut sheets, radius);
        let count = sheets.len();
        for (k, s) in sheets.iter_mut().enumerate() {
            if !wanted.labels.is_empty() {
                s.guide.iter_mut().for_each(|g| g[4] = compose::label(k, count));
            }
        }
        let texture = guide::texture(&sheets);
        let levels = level_count(setting.height, &sheets);
        let mut matter = Matter::new(sheets.clone(), levels)?;
        setting.wished.lean(&mut matter, &sheets, texture);
        let weights = labelled(weights(LAYOUT_WEIGHT, STRUCTURE_WEIGHT), whose(&wanted));
        let planes = matter.planes(&weights);
        let hem = if wanted.still.is_empty() {
            Vec::new()
        } else {
            compose::with_hem(&wanted.still, setting.width, setting.height)
        };
        let flow = flow_of(&setting).held(hem);
        let sway = Sway::rest(setting.width, setting.height);
        let turn = turns(setting.width, setting.height, setting.seed);
        Some(Living {
            setting,
            sheets,
            matter,
            weights,
            planes,
            flow,
            gain,
            texture,
            radius,
            layout: Vec::new(),
            sway: sway.clone(),
            swayed: 0,
            key: 0,
            base: Vec::new(),
            mended: Vec::new(),
            way: sway,
            turn,
            turning: Turning::default(),
            wanted,
            stars,
            points: None,
            like: None,
        })
    }

    /// The matter the shot is made of.
    pub fn matter(&self) -> &Matter {
        &self.matter
    }

    /// Takes frame 0 as the layout of the frames that follow. Must be called before [`Living::next`].
    pub fn follow(&mut self, first: &[Origin]) {
        let (w, h) = (self.setting.width, self.setting.height);
        let level = &self.matter.levels[0];
        let colour: Vec<Colour> = first.iter().map(|o| carry::colour(level, *o)).collect();
        self.layout = guide::of_photograph(&colour, w, h, self.radius, self.gain);
        if !self.wanted.labels.is_empty() {
            let count = self.sheets.len();
            for (g, o) in self.layout.iter_mut().zip(first) {
                g[4] = compose::label(usize::from(o.source), count);
            }
        }
        self.resume(0, first);
    }

    /// A frame with its stars, and with what else crosses over.
    fn with_points(&mut self, map: Vec<Origin>, over: Option<Over>) -> Laid {
        if self.stars.is_empty() {
            return Laid { map, over };
        }
        if self.points.is_none() {
            let (w, h) = (self.setting.width, self.setting.height);
            let places = points::places(&self.stars, &self.sheets, &self.composition(), w, h);
            self.points = Some(points::over(&self.stars, &places, w, h));
        }
        let (Some(points), Some(mut over)) = (&self.points, over) else {
            return Laid {
                map,
                over: self.points.clone(),
            };
        };
        // There is one second layer: where a star shines it has it.
        for i in 0..map.len() {
            if points.weight[i] > 0 {
                over.map[i] = points.map[i];
                over.weight[i] = points.weight[i];
            }
        }
        Laid {
            map,
            over: Some(over),
        }
    }

    /// Frame `n` (>= 1), after [`Living::follow`] or [`Living::resume`] and all frames before it.
    pub fn next(&mut self, n: u32, stop: &Stop) -> Laid {
        if self.flow.still() {
            let held = self.base.clone();
            return self.with_points(held, None);
        }
        if self.key + KEY_FRAMES < n || self.mended.is_empty() {
            self.mend_base(stop);
        }
        let back = self.flow.back(n);
        self.way.step(&back, 0);
        self.sway.step(&back, HOME);
        let (w, h) = (self.setting.width, self.setting.height);
        // What was made anew comes in here and there, piece by piece, each softly.
        let after = n - self.key;
        let now: Vec<(Origin, Origin, u8)> = (0..w * h)
            .into_par_iter()
            .map(|i| {
                let (x, y) = self.way.was(i);
                let px = ((x + 128) >> 8).clamp(0, w as i32 - 1) as usize;
                let py = ((y + 128) >> 8).clamp(0, h as i32 - 1) as usize;
                let old = || carry::at(&self.base, w, h, x, y);
                let new = || carry::at(&self.mended, w, h, x, y);
                match self.turning.weight(py * w + px, after) {
                    0 => (old(), Origin::default(), 0),
                    255 => (new(), Origin::default(), 0),
                    // The stronger one below: its seams are those that the finish smooths.
                    share if share < 128 => (old(), new(), share),
                    share => (new(), old(), 255 - share),
                }
            })
            .collect();
        let map: Vec<Origin> = now.iter().map(|p| p.0).collect();
        let over = now.iter().any(|p| p.2 > 0).then(|| Over {
            map: now.iter().map(|p| p.1).collect(),
            weight: now.iter().map(|p| p.2).collect(),
        });
        if after == KEY_FRAMES {
            self.resume(n, &map);
        }
        self.with_points(map, over)
    }

    /// Whether a shot can go on from frame `n`'s map.
    pub fn is_key(n: u32) -> bool {
        n.is_multiple_of(KEY_FRAMES)
    }

    /// Goes on from frame `n` (see [`Living::is_key`]) whose map is `base`. After [`Living::follow`].
    pub fn resume(&mut self, n: u32, base: &[Origin]) {
        self.key = n;
        self.base = base.to_vec();
        self.mended = Vec::new();
        self.way = Sway::rest(self.setting.width, self.setting.height);
        while self.swayed < n {
            self.swayed += 1;
            self.sway.step(&self.flow.back(self.swayed), HOME);
        }
    }

    fn mend_base(&mut self, stop: &Stop) {
        let (w, h) = (self.setting.width, self.setting.height);
        let level = &self.matter.levels[0];
        let wish = self.sway.draw(&self.layout);
        let share: [f32; 5] = std::array::from_fn(|k| f32::from(self.weights.0[3 + k]) / 256.0);
        let mut kept = carry::judge(
            &self.base,
            w,
            h,
            level,
            &wish,
            &share,
            &Keep::steady(self.setting.steady),
        );
        for (k, still) in kept.iter_mut().zip(&self.wanted.still) {
            // What stands still stays what it is.
            *k |= *still == 255;
        }
        let seed = mix(self.setting.seed ^ (u64::from(self.key) << 20));
        self.mended = mend(
            &self.matter,
            &self.planes,
            &self.weights,
            w,
            h,
            &wish,
            &self.base,
            &kept,
            PULL,
            self.texture,
            seed,
            stop,
        );
        self.turning = Turning::new(&self.base, &self.mended, w, &self.turn, KEY_FRAMES, CROSSING);
    }
}

/// How strongly labels hold.
fn whose(wanted: &Wanted) -> f32 {
    if wanted.labels.is_empty() {
        0.0
    } else {
        0.4 + 0.6 * wanted.strength.clamp(0.0, 1.0)
    }
}

/// Frame `n - 1`, whose map is `old`, carried to frame `n`: what `pop` is measured against.
pub fn carried(setting: &Setting, n: u32, old: &[Origin]) -> Vec<Origin> {
    let mut way = Sway::rest(setting.width, setting.height);
    way.step(&flow_of(setting).back(n), 0);
    way.carry(old)
}

/// Weights of frame `n - 1`'s second layer carried to frame `n`, by the nearest pixel.
pub fn carried_weight(setting: &Setting, n: u32, old: &[u8]) -> Vec<u8> {
    let (w, h) = (setting.width, setting.height);
    let mut way = Sway::rest(w, h);
    way.step(&flow_of(setting).back(n), 0);
    (0..w * h)
        .map(|i| {
            let (x, y) = way.was(i);
            let px = ((x + 128) >> 8).clamp(0, w as i32 - 1) as usize;
            let py = ((y + 128) >> 8).clamp(0, h as i32 - 1) as usize;
            old[py * w + px]
        })
        .collect()
}

fn flow_of(setting: &Setting) -> Flow {
    Flow::new(
        setting.manner,
        setting.width,
        setting.height,
        setting.seconds_a_frame,
        mix(setting.flow_seed ^ 0x11fe),
    )
    .hastened(setting.wished.accelerate, setting.wished.frames)
}

/// When each place changes, 0..1: a noise with patches of about a tenth of the height.
pub fn turns(w: usize, h: usize, seed: u64) -> Vec<f32> {
    let unit = 11.0 / h as f32;
    (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = ((i % w) as f32 * unit, (i / w) as f32 * unit);
            let n = super::flow::value_noise(x, y, seed ^ 0x7a12);
            ((n - 0.5) * 1.3 + 0.5).clamp(0.02, 0.98)
        })
        .collect()
}

/// Makes what may not stay anew, in the midst of what does.
pub fn mend(
    matter: &Matter,
    planes: &[Plane],
    weights: &Weights,
    w: usize,
    h: usize,
    wish: &[Guide],
    moved: &[Origin],
    kept: &[bool],
    pull: u16,
    texture: u32,
    seed: u64,
    stop: &Stop,
) -> Vec<Origin> {
    let level = &matter.levels[0];
    let from: Vec<Spot> = moved.par_iter().map(|o| nearest(matter, *o)).collect();
    let colour: Vec<Colour> = moved.par_iter().map(|o| carry::colour(level, *o)).collect();
    // What lies outside its photograph has nothing to stay like.
    let pulls: Vec<u16> = moved
        .par_iter()
        .map(|o| {
            if carry::inside(level, *o).is_some() {
                pull
            } else {
                0
            }
        })
        .collect();
    let carried = Carried {
        from: &from,
        colour: &colour,
        pull: &pulls,
        locked: kept,
        start: 2,
    };
    let wish = Wish {
        width: w,
        height: h,
        guide: wish,
        stop,
    };
    let mut effort = Effort::mending().for_texture(texture);
    // Whole pieces rather than threads.
    effort.beta *= 2;
    let made = synthesise(
        matter,
        planes,
        weights,
        &wish,
        &Begin::Carried(carried),
        &effort,
        seed,
    );
    let fresh = origins(&made.from, matter);
    let mut all: Vec<Origin> = moved
        .iter()
        .zip(kept)
        .zip(fresh)
        .map(|((m, k), f)| if *k { *m } else { f })
        .collect();
    for _ in 0..2 {
        carry::tidy(&mut all, w, h, level, kept);
    }
    all
}

impl Making for Living {
    fn first(&mut self, stop: &Stop) -> Result<Laid, Failure> {
        let map = Living::first(self, stop);
        Ok(self.with_points(map, None))
    }

    fn follow(&mut self, first: &Laid) -> Result<(), Failure> {
        Living::follow(self, &first.map);
        Ok(())
    }

    fn next(&mut self, n: u32, stop: &Stop) -> Result<Laid, Failure> {
        Ok(Living::next(self, n, stop))
    }

    fn resume(&mut self, key: u32, base: &Laid) -> Result<(), Failure> {
        Living::resume(self, key, &base.map);
        Ok(())
    }

    fn key_frames(&self) -> u32 {
        KEY_FRAMES
    }
}
