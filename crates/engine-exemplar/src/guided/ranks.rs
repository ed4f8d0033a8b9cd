//! From the clay's shade to a photograph's own light: by rank, so that the darkest clay wants the darkest matter, whatever
//! lamps the stage has.
//!
//! Ranks are pooled over the whole shot, so that a frame's light does not jump. A photograph's share in a hue that is
//! foreign to it (the one deep blue hole in a grey sea) is left out of its ranks: no shade ever wants it.

use super::cast::Thing;
use crate::synth::guide;
use crate::synth::matter::{Colour, Sheet};
use rayon::prelude::*;

/// Ranks below and above these shares are held: the extremes of a photograph are few and strange.
const TRIM: f64 = 0.02;
/// How many deviations from a photograph's own hue are still its own.
const OWN: f32 = 2.2;

/// For each shade of a thing (display code) the luminance (display code) of the matter that is wished.
pub type Table = Vec<u8>;

/// The share of light in a photograph: how often each display code of its blurred luminance is seen in its own hue.
/// With `own` false, in all its hues.
pub fn lights(sheet: &Sheet, own: bool) -> Vec<u64> {
    let own = match own {
        true => own_hue(&sheet.colour, &sheet.barred),
        false => vec![true; sheet.colour.len()],
    };
    let mut count = vec![0u64; 256];
    for (i, g) in sheet.guide.iter().enumerate() {
        let barred = sheet.barred.get(i).copied().unwrap_or(false);
        if own[i] && !barred {
            count[usize::from(g[0])] += 1;
        }
    }
    if count.iter().all(|n| *n == 0) {
        for g in &sheet.guide {
            count[usize::from(g[0])] += 1;
        }
    }
    count
}

/// Which pixels have the photograph's own hue: two colour differences, not far from their mean.
fn own_hue(colour: &[Colour], barred: &[bool]) -> Vec<bool> {
    // Opponent colours of display codes: enough to tell a foreign hue.
    let opponent = |c: &Colour| -> [i32; 2] {
        let (r, g, b) = (i32::from(c[0]), i32::from(c[1]), i32::from(c[2]));
        [r - g, b - (r + g) / 2]
    };
    let (mut n, mut sum, mut squares) = (0i64, [0i64; 2], [0i64; 2]);
    for (i, c) in colour.iter().enumerate() {
        if barred.get(i).copied().unwrap_or(false) {
            continue;
        }
        let o = opponent(c);
        n += 1;
        for k in 0..2 {
            sum[k] += i64::from(o[k]);
            squares[k] += i64::from(o[k]) * i64::from(o[k]);
        }
    }
    let n = n.max(1) as f32;
    let mean: [f32; 2] = std::array::from_fn(|k| sum[k] as f32 / n);
    let spread: [f32; 2] = std::array::from_fn(|k| {
        (squares[k] as f32 / n - mean[k] * mean[k])
            .max(0.0)
            .sqrt()
            .max(6.0)
    });
    colour
        .par_iter()
        .map(|c| {
            let o = opponent(c);
            let far: f32 = (0..2)
                .map(|k| {
                    let z = (o[k] as f32 - mean[k]) / spread[k];
                    z * z
                })
                .sum();
            far <= OWN * OWN
        })
        .collect()
}

/// The table from a thing's shades to the light of a photograph (see [`lights`]).
pub fn table(thing: &Thing, lights: &[u64]) -> Table {
    let all: u64 = thing.shades.iter().sum();
    let whole: u64 = lights.iter().sum();
    let mut below = 0u64;
    thing
        .shades
        .iter()
        .map(|n| {
            let rank = (below as f64 + *n as f64 / 2.0) / all.max(1) as f64;
            below += n;
            let rank = rank.clamp(TRIM, 1.0 - TRIM);
            let mut reached = 0u64;
            let at = lights.iter().position(|m| {
                reached += m;
                reached as f64 >= rank * whole as f64
            });
            at.unwrap_or(128) as u8
        })
        .collect()
}

/// Mean colour of a photograph at each luminance, in its own hue, smoothed over neighbouring luminances.
pub fn palette(sheet: &Sheet) -> Vec<Colour> {
    let own = own_hue(&sheet.colour, &sheet.barred);
    let mut sum = vec![[0u64; 4]; 256];
    for (i, (c, g)) in sheet.colour.iter().zip(&sheet.guide).enumerate() {
        if own[i] && !sheet.barred.get(i).copied().unwrap_or(false) {
            let o = &mut sum[usize::from(g[0])];
            for k in 0..3 {
                o[k] += u64::from(c[k]);
            }
            o[3] += 1;
        }
    }
    guide::mean_colours(&sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_shade_wants_a_foreign_hue() {
        // A grey sheet, light to middle, with a small deep blue hole that is its darkest part.
        let (w, h) = (64usize, 64usize);
        let mut colour = Vec::new();
        for i in 0..w * h {
            let v = 100 + (i / w) as u8;
            colour.push(if i % w < 4 && i / w < 8 {
                [0, 0, 90, 0]
            } else {
                [v, v, v, 0]
            });
        }
        let guide = colour
            .iter()
            .map(|c| [guide::luminance(*c), 0, 0, 0, 0])
            .collect();
        let sheet = Sheet {
            width: w,
            height: h,
            colour,
            guide,
            barred: Vec::new(),
        };
        let lights = lights(&sheet, true);
        let mut shades = vec![0; 256];
        for s in &mut shades[10..100] {
            *s = 5;
        }
        let thing = Thing {
            id: 1,
            name: "sea".into(),
            area: 450,
            shades,
            light: 0.2,
            metres: [0.0; 2],
            sizes: BTreeMap::new(),
            sources: vec![0],
        };
        let table = table(&thing, &lights);
        assert!(table[10] >= 98, "{}", table[10]);
        assert!(table.windows(2).all(|p| p[0] <= p[1]));
        assert!(table[99] > 150);
        let palette = palette(&sheet);
        assert_eq!(palette[10][0], palette[10][2], "{:?}", palette[10]);
    }
}
