//! A first frame that is like another's: most of that one's pieces stay where they are, the rest is made anew.
//!
//! Which parts change is a noise with patches of about a third of the frame's height, cut where just the share
//! asked for lies below: with the same seed, what changes at a small amount changes at a larger one too. There the
//! seed's own layout is wished for, and it blends into the old one towards what stays.

use super::first::MOST_CHUNK;
use super::{Living, Stop, nearest, origins};
use crate::map::Origin;
use crate::measure::chunk_pixels;
use crate::synth::carry;
use crate::synth::flow::{ease, value_noise};
use crate::synth::guide;
use crate::synth::hash::{Dice, mix};
use crate::synth::matter::{Colour, Guide, Spot};
use crate::synth::pyramid::{Begin, Carried, Effort, Wish, synthesise};

/// What a first frame is to be like.
#[derive(Clone, Debug)]
pub struct Like {
    /// The other's places, row by row, in the sheets of this shot; none where a place is not in them.
    pub places: Vec<Option<Origin>>,
    /// Share of the frame that changes, 0..=1.
    pub amount: f32,
}

/// Which of `places` change for an amount: exactly that share of the frame (to a pixel), and all that have no place.
pub fn changed(places: &[Option<Origin>], w: usize, h: usize, amount: f32, seed: u64) -> Vec<bool> {
    let unit = 3.0 / h as f32;
    let noise = |i: usize| {
        let (x, y) = ((i % w) as f32 * unit, (i / w) as f32 * unit);
        let n = value_noise(x, y, seed ^ 0x11ce) + 0.4 * value_noise(x * 2.3, y * 2.3, seed ^ 0x11cf);
        (n * 1_000_000.0) as u32
    };
    let mut order: Vec<(u32, u32)> = (0..w * h).map(|i| (noise(i), i as u32)).collect();
    order.sort_unstable();
    let share = f64::from(amount.clamp(0.0, 1.0)) * (w * h) as f64;
    let mut out: Vec<bool> = places.iter().map(Option::is_none).collect();
    for (_, i) in order.into_iter().take((share + 0.5) as usize) {
        out[i as usize] = true;
    }
    out
}

/// How much of the seed's own layout is wished for, 0..=256: all of it deep in what changes, none where it stays.
fn own_share(changed: &[bool], w: usize, h: usize) -> Vec<u16> {
    let mut share: Vec<u32> = changed.iter().map(|c| if *c { 256 } else { 0 }).collect();
    let reach = (h / 16).max(1);
    // Means along rows and columns, twice: nearly a round kernel.
    for _ in 0..2 {
        share = means(&share, w, h, 1, reach);
        share = means(&share, h, w, w, reach);
    }
    share
        .iter()
        .zip(changed)
        .map(|(s, c)| {
            // Half and half lies on the border: there it begins.
            let t = ((*s as f32 - 96.0) / 128.0).clamp(0.0, 1.0);
            if *c { (ease(t) * 256.0) as u16 } else { 0 }
        })
        .collect()
}

/// Means of `2 * reach + 1` values along lines of `length` whose values lie `step` apart.
fn means(values: &[u32], length: usize, lines: usize, step: usize, reach: usize) -> Vec<u32> {
    let mut out = vec![0; values.len()];
    for line in 0..lines {
        let at = |k: usize| {
            if step == 1 {
                line * length + k
            } else {
                line + k * step
            }
        };
        let mut before = vec![0u64; length + 1];
        for k in 0..length {
            before[k + 1] = before[k] + u64::from(values[at(k)]);
        }
        for k in 0..length {
            let (a, b) = (k.saturating_sub(reach), (k + reach + 1).min(length));
            out[at(k)] = ((before[b] - before[a]) / (b - a) as u64) as u32;
        }
    }
    out
}

impl Living {
    /// Says what frame 0 is to be like.
    pub fn be_like(&mut self, like: Like) {
        self.like = Some(like);
    }

    /// Frame 0, like another's.
    pub(super) fn first_like(&mut self, like: &Like, stop: &Stop) -> Vec<Origin> {
        let s = self.setting.clone();
        let (w, h) = (s.width, s.height);
        let changed = changed(&like.places, w, h, like.amount, s.seed);
        let level = &self.matter.levels[0];
        // What has no place yet begins anywhere: from the layout's own places a copy of the photograph would come.
        let from: Vec<Spot> = like
            .places
            .iter()
            .enumerate()
            .map(|(i, o)| match o {
                Some(o) if !changed[i] => nearest(&self.matter, *o),
                _ => level.random(&mut Dice::new(mix(s.seed ^ 0x11d0), i as u64)),
            })
            .collect();
        let old: Vec<Colour> = like
            .places
            .iter()
            .zip(&from)
            .map(|(o, f)| carry::colour(level, o.unwrap_or_else(|| origins(&[*f], &self.matter)[0])))
            .collect();
        let stays: Vec<Guide> = guide::of_photograph(&old, w, h, self.radius, self.gain);
        let (own, goes) = self.composition().draw(&self.sheets);
        let share = own_share(&changed, w, h);
        let mut wish: Vec<Guide> = stays;
        for (guide, (go, share)) in wish.iter_mut().zip(goes.iter().zip(&share)) {
            for (a, b) in guide.iter_mut().zip(go) {
                let share = u32::from(*share);
                *a = ((u32::from(*a) * (256 - share) + u32::from(*b) * share + 128) >> 8) as u8;
            }
        }
        let colour: Vec<Colour> = changed
            .iter()
            .zip(old.iter().zip(&own))
            .map(|(c, (old, own))| if *c { *own } else { *old })
            .collect();
        let locked: Vec<bool> = changed.iter().map(|c| !c).collect();
        let pull = vec![0; w * h];
        let laid: Vec<Origin> = like
            .places
            .iter()
            .zip(&from)
            .map(|(o, f)| o.unwrap_or_else(|| origins(&[*f], &self.matter)[0]))
            .collect();
        if changed.iter().all(|c| !c) {
            return laid;
        }
        let effort = Effort::whole().for_texture(self.texture);
        // What was liked may have larger pieces than usual; the new parts add none.
        let most = (MOST_CHUNK * (w * h) as f64 / (960.0 * 540.0)).max(chunk_pixels(&laid, w));
        let mut best: Option<(f64, Vec<Origin>)> = None;
        let mut by = 1.0f64;
        for attempt in 0..3 {
            if attempt > 0 {
                self.rule(by, 0..self.matter.levels.len());
            }
            let wish = Wish {
                width: w,
                height: h,
                guide: &wish,
                stop,
            };
            let begin = Begin::Carried(Carried {
                from: &from,
                colour: &colour,
                pull: &pull,
                locked: &locked,
                start: self.matter.levels.len() - 1,
            });
            let made = synthesise(
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &begin,
                &effort,
                s.seed,
            );
            let mut all: Vec<Origin> = origins(&made.from, &self.matter)
                .into_iter()
                .zip(laid.iter().zip(&locked))
                .map(|(new, (old, stays))| if *stays { *old } else { new })
                .collect();
            for _ in 0..2 {
                carry::tidy(&mut all, w, h, &self.matter.levels[0], &locked);
            }
            let chunk = chunk_pixels(&all, w);
            if best.as_ref().is_none_or(|(b, _)| chunk < *b) {
                best = Some((chunk, all));
            }
            if stop() || chunk <= most {
                break;
            }
            by *= libm::pow(chunk / (most * 0.8), 0.2).clamp(1.0, 1.5);
        }
        self.rule(1.0, 0..self.matter.levels.len());
        best.map(|b| b.1).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_the_share_asked_for_changes_and_more_holds_less() {
        let (w, h) = (64, 36);
        let places = vec![Some(Origin::whole(0, 3, 3)); w * h];
        let sets: Vec<Vec<bool>> = [0.0, 0.1, 0.3, 0.7, 1.0]
            .iter()
            .map(|a| changed(&places, w, h, *a, 5))
            .collect();
        let counts: Vec<usize> = sets.iter().map(|s| s.iter().filter(|c| **c).count()).collect();
        assert_eq!(counts, [0, 230, 691, 1613, 2304]);
        for pair in sets.windows(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(less, more)| !less || *more));
        }
        let missing = vec![None; w * h];
        assert!(changed(&missing, w, h, 0.0, 5).iter().all(|c| *c));
    }

    #[test]
    fn the_own_layout_fades_in_from_the_border() {
        let (w, h) = (64, 64);
        let half: Vec<bool> = (0..w * h).map(|i| i % w >= 32).collect();
        let share = own_share(&half, w, h);
        assert!((0..32).all(|x| share[20 * w + x] == 0));
        assert_eq!(share[20 * w + 60], 256);
        assert!((32..63).all(|x| share[20 * w + x] <= share[20 * w + x + 1]));
    }
}
