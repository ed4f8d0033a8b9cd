//! What the engine reads of the stage's passes: one frame of guides, in whole numbers where it decides anything.

use crate::synth::blur::soften;
use crate::synth::guide::luminance;
use heirloom_engine::guides::Pass;
use heirloom_engine::{Failure, GuideFrame};
use heirloom_film::Size;
use heirloom_picture::color;
use rayon::prelude::*;

/// One frame of guides as the engine sees it; all planes row by row from the top left.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Object ids; 0 is nothing.
    pub object: Vec<u32>,
    /// Luminance of the lit clay, display codes, a little softened inside each object.
    pub shade: Vec<u8>,
    /// Linear luminance of the lit clay.
    pub light: Vec<f32>,
    /// World metres from a pixel to the next, across and down; 0 where that is not known.
    pub metres: Vec<[f32; 2]>,
    /// World positions in metres; empty without that pass.
    pub position: Vec<[f32; 3]>,
    /// From each pixel's centre to where its point was in the frame before, in pixels.
    pub back: Vec<[f32; 2]>,
    /// Whether the point was hidden or out of the picture in the frame before.
    pub hidden: Vec<bool>,
    /// From each pixel's centre to where its point is in the frame after, in pixels.
    pub next: Vec<[f32; 2]>,
    /// Whether the point is hidden or out of the picture in the frame after.
    pub hidden_next: Vec<bool>,
}

/// Shades are softened over this share of the height, so that the clay's facets do not steer.
const SOFT: usize = 270;

fn missing(pass: &str) -> Failure {
    Failure::lasting(
        "guides",
        format!("the guides have no {pass} pass, which a guided shot needs; render it with the others"),
    )
}

impl Seen {
    /// Reads a frame of guides of `size`.
    ///
    /// # Errors
    /// The passes for colour, objects or motion to the previous frame are not there, or are not as large as the frame.
    pub fn new(frame: GuideFrame, size: Size) -> Result<Seen, Failure> {
        let (w, h) = (size.width as usize, size.height as usize);
        let n = w * h;
        let (colour, _) = frame.color.ok_or_else(|| missing("colour"))?;
        let object = frame.object_id.ok_or_else(|| missing("object id"))?.values;
        let back = frame
            .motion_previous_px
            .ok_or_else(|| missing("motion to the previous frame"))?
            .values;
        let hides = |pass: Option<Pass<f32>>| -> Vec<bool> {
            pass.map(|p| p.values.iter().map(|v| *v > 0.5).collect())
                .unwrap_or_else(|| vec![false; n])
        };
        let (hidden, hidden_next) = (hides(frame.occlusion_previous), hides(frame.occlusion));
        let next = frame
            .motion_next_px
            .ok_or_else(|| missing("motion to the next frame"))?
            .values;
        let position = frame.position_m.map(|p| p.values).unwrap_or_default();
        let fits = colour.pixels().len() == n
            && object.len() == n
            && [back.len(), hidden.len(), next.len(), hidden_next.len()] == [n; 4];
        if !fits || !(position.is_empty() || position.len() == n) {
            return Err(Failure::lasting(
                "guides",
                format!("the guides are not {w}x{h} pixels as the shot is; render them again"),
            ));
        }
        // ACEScg's luminance (S-2014-004, table 1).
        let light: Vec<f32> = colour
            .pixels()
            .par_iter()
            .map(|p| (0.272_228_7 * p[0] + 0.674_081_8 * p[1] + 0.053_689_5 * p[2]).max(0.0))
            .collect();
        let codes: Vec<u8> = color::to_display8(&colour)
            .iter()
            .map(|c| luminance([c[0], c[1], c[2], 0]))
            .collect();
        // A pixel at an edge shows a little of both things: it takes its light from its own thing's inside.
        let inner: Vec<usize> = (0..n).into_par_iter().map(|i| inside(&object, i, w, h)).collect();
        let light = inner.iter().map(|i| light[*i]).collect();
        let codes: Vec<[u8; 1]> = inner.iter().map(|i| [codes[*i]]).collect();
        let soft = soften(&codes, w, h, (h / SOFT).max(1));
        // Softening must not bring another object's light over the edge.
        let shade = (0..n)
            .into_par_iter()
            .map(|i| {
                let reach = 3 * (h / SOFT).max(1);
                let (x, y) = (i % w, i / w);
                let own = object[i];
                let inside = [(0, reach), (reach, 0)].iter().all(|(dx, dy)| {
                    let before = (y.saturating_sub(*dy)) * w + x.saturating_sub(*dx);
                    let after = (y + dy).min(h - 1) * w + (x + dx).min(w - 1);
                    object[before] == own && object[after] == own
                });
                if inside { soft[i][0] } else { codes[i][0] }
            })
            .collect();
        let metres = metres(&position, &object, w, h);
        Ok(Seen {
            width: w,
            height: h,
            object,
            shade,
            light,
            metres,
            position,
            back,
            hidden,
            next,
            hidden_next,
        })
    }
}

/// The pixel itself, or, if it has another object beside it, the nearest of its own object that has not.
fn inside(object: &[u32], i: usize, w: usize, h: usize) -> usize {
    let own = object[i];
    let whole = |x: usize, y: usize| {
        let j = y * w + x;
        object[j] == own
            && (x == 0 || object[j - 1] == own)
            && (x + 1 == w || object[j + 1] == own)
            && (y == 0 || object[j - w] == own)
            && (y + 1 == h || object[j + w] == own)
    };
    let (x, y) = (i % w, i / w);
    if whole(x, y) {
        return i;
    }
    for r in 1..=2usize {
        for (dx, dy) in [
            (0i64, -1i64),
            (-1, 0),
            (1, 0),
            (0, 1),
            (-1, -1),
            (1, -1),
            (-1, 1),
            (1, 1),
        ] {
            let (px, py) = (x as i64 + dx * r as i64, y as i64 + dy * r as i64);
            if px >= 0 && py >= 0 && px < w as i64 && py < h as i64 && whole(px as usize, py as usize) {
                return py as usize * w + px as usize;
            }
        }
    }
    i
}

/// How large the world is at each pixel: the way between the points of its neighbours, a pixel's worth.
fn metres(position: &[[f32; 3]], object: &[u32], w: usize, h: usize) -> Vec<[f32; 2]> {
    if position.is_empty() {
        return vec![[0.0; 2]; w * h];
    }
    (0..w * h)
        .into_par_iter()
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let between = |a: usize, b: usize, pixels: usize| -> f32 {
                if pixels == 0 || object[a] != object[i] || object[b] != object[i] || object[i] == 0 {
                    return 0.0;
                }
                let d: [f32; 3] = std::array::from_fn(|k| position[b][k] - position[a][k]);
                let v = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt() / pixels as f32;
                if v.is_finite() { v } else { 0.0 }
            };
            let (x0, x1) = (x.saturating_sub(1), (x + 1).min(w - 1));
            let (y0, y1) = (y.saturating_sub(1), (y + 1).min(h - 1));
            [
                between(y * w + x0, y * w + x1, x1 - x0),
                between(y0 * w + x, y1 * w + x, y1 - y0),
            ]
        })
        .collect()
}
