//! Which objects a shot has, what each is made of, and how large its matter must be.

use super::seen::Seen;
use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use std::collections::BTreeMap;

/// Frames that are looked at before the first is made.
const LOOKS: u32 = 24;
/// Height of the frames looked at, in pixels, at most.
const LOOK_HEIGHT: u32 = 180;
/// Octaves of size between the smallest and the largest matter of a thing, each way.
const REACH: i32 = 4;

/// A thing of the set, over the whole shot.
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    /// Its id in the guides; 0 is what is seen where nothing stands.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Pixels of it in all frames looked at.
    pub area: u64,
    /// How often each display code of the clay's luminance is seen.
    pub shades: Vec<u64>,
    /// Mean linear luminance of the clay.
    pub light: f32,
    /// The usual world metres from a pixel to the next, across and down, at the size looked at; 0 where unknown.
    pub metres: [f32; 2],
    /// Share of its area by octaves of size against the usual, across and down.
    pub sizes: BTreeMap<(i32, i32), u64>,
    /// Numbers of the sources it is made of.
    pub sources: Vec<usize>,
}

/// Everything seen in a shot.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Things, by id.
    pub things: Vec<Thing>,
    /// Height of the frames looked at, in pixels.
    pub height: u32,
}

/// Octaves of `v` against `usual`; 0 where either is not known.
pub fn octaves(v: f32, usual: f32) -> f32 {
    if v > 0.0 && usual > 0.0 {
        libm::log2f(v / usual).clamp(-(REACH as f32), REACH as f32)
    } else {
        0.0
    }
}

impl Cast {
    /// Looks through the shot's guides, at a small size.
    ///
    /// # Errors
    /// The guides can not be had, or lack a pass.
    pub fn look(guides: &dyn Guides, frames: u32, size: Size) -> Result<Cast, Failure> {
        let looks = frames.clamp(1, LOOKS);
        let height = size.height.min(LOOK_HEIGHT);
        let small = Size {
            width: ((size.width * height + size.height / 2) / size.height).max(1),
            height,
        };
        let mut seen = Vec::new();
        for k in 0..looks {
            let n = if looks == 1 {
                0
            } else {
                k * (frames - 1) / (looks - 1)
            };
            seen.push(Seen::new(guides.frame(n, small)?, small)?);
        }
        let mut things: BTreeMap<u32, Thing> = BTreeMap::new();
        let mut metres: BTreeMap<u32, [Vec<f32>; 2]> = BTreeMap::new();
        let mut light: BTreeMap<u32, f64> = BTreeMap::new();
        for s in &seen {
            for (i, id) in s.object.iter().enumerate() {
                let thing = things.entry(*id).or_insert_with(|| Thing {
                    id: *id,
                    name: guides.names().get(id).cloned().unwrap_or_default(),
                    area: 0,
                    shades: vec![0; 256],
                    light: 0.0,
                    metres: [0.0; 2],
                    sizes: BTreeMap::new(),
                    sources: Vec::new(),
                });
                thing.area += 1;
                thing.shades[usize::from(s.shade[i])] += 1;
                *light.entry(*id).or_default() += f64::from(s.light[i]);
                let m = s.metres[i];
                if m[0] > 0.0 && m[1] > 0.0 {
                    let all = metres.entry(*id).or_default();
                    all[0].push(m[0]);
                    all[1].push(m[1]);
                }
            }
        }
        for (id, thing) in &mut things {
            thing.light = (light[id] / thing.area.max(1) as f64) as f32;
            if let Some(all) = metres.get_mut(id) {
                for (k, v) in all.iter_mut().enumerate() {
                    v.sort_by(f32::total_cmp);
                    thing.metres[k] = v[v.len() / 2];
                }
            }
        }
        for s in &seen {
            for (i, id) in s.object.iter().enumerate() {
                if let Some(thing) = things.get_mut(id) {
                    let near = |k: usize| libm::roundf(octaves(s.metres[i][k], thing.metres[k])) as i32;
                    *thing.sizes.entry((near(0), near(1))).or_default() += 1;
                }
            }
        }
        Ok(Cast {
            things: things.into_values().collect(),
            height,
        })
    }

    /// Gives every thing its sources: those that `by_hand` names, else the one of `looks` (mean display colours of the
    /// sources) whose lightness is nearest to the clay's.
    pub fn assign(&mut self, by_hand: &BTreeMap<String, Vec<usize>>, looks: &[[f32; 3]]) {
        let sources = looks.len();
        for thing in &mut self.things {
            let named = by_hand
                .get(&thing.name)
                .or_else(|| by_hand.get("*"))
                .map(|list| list.iter().copied().filter(|k| *k < sources).collect::<Vec<_>>());
            thing.sources = match named {
                Some(list) if !list.is_empty() => list,
                _ => nearest(thing, looks).into_iter().collect(),
            };
        }
    }

    /// The thing of an id.
    pub fn thing(&self, id: u32) -> Option<usize> {
        self.things.binary_search_by_key(&id, |t| t.id).ok()
    }

    /// How many octaves smaller (or larger) than usual the matter of source `k` is wanted, across and down, the most
    /// wanted first: (0, 0) always, others where they fill a part worth having.
    pub fn sizes_of(&self, k: usize, most: usize) -> Vec<(i32, i32)> {
        let mut all: BTreeMap<(i32, i32), u64> = BTreeMap::new();
        let mut area = 0;
        for thing in self.things.iter().filter(|t| t.sources.contains(&k)) {
            for (size, n) in &thing.sizes {
                // Matter larger than usual is the usual, enlarged by the sampling.
                *all.entry((size.0.max(-1), size.1.max(-1))).or_default() += n;
                area += n;
            }
        }
        all.remove(&(0, 0));
        let mut list: Vec<((i32, i32), u64)> = all.into_iter().filter(|(_, n)| n * 50 >= area).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        std::iter::once((0, 0))
            .chain(list.into_iter().map(|(size, _)| size))
            .take(most)
            .collect()
    }
}

fn nearest(thing: &Thing, looks: &[[f32; 3]]) -> Option<usize> {
    let all: u64 = thing.shades.iter().sum();
    let mean = thing
        .shades
        .iter()
        .enumerate()
        .map(|(v, n)| v as f64 * *n as f64)
        .sum::<f64>()
        / all.max(1) as f64;
    let far = |c: &[f32; 3]| {
        (f64::from(c[0]) * 0.30 + f64::from(c[1]) * 0.59 + f64::from(c[2]) * 0.11 - mean).abs()
    };
    (0..looks.len()).min_by(|a, b| far(&looks[*a]).total_cmp(&far(&looks[*b])).then(a.cmp(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(id: u32, name: &str, shade: usize) -> Thing {
        let mut shades = vec![0; 256];
        shades[shade] = 10;
        Thing {
            id,
            name: name.into(),
            area: 10,
            shades,
            light: 0.1,
            metres: [1.0; 2],
            sizes: BTreeMap::from([((0, 0), 6), ((2, 3), 3), ((-3, -3), 1)]),
            sources: Vec::new(),
        }
    }

    #[test]
    fn the_hand_goes_before_the_eye() {
        let mut cast = Cast {
            things: vec![thing(0, "", 10), thing(4, "moon", 200)],
            height: 180,
        };
        let looks = [[200.0; 3], [20.0; 3]];
        cast.assign(&BTreeMap::new(), &looks);
        assert_eq!((cast.things[0].sources[0], cast.things[1].sources[0]), (1, 0));
        cast.assign(&BTreeMap::from([("moon".into(), vec![1, 9])]), &looks);
        assert_eq!(cast.things[1].sources, [1]);
        assert_eq!(cast.sizes_of(1, 6), [(0, 0), (2, 3), (-1, -1)]);
        assert_eq!(cast.thing(4), Some(1));
        assert_eq!(cast.thing(3), None);
    }
}
