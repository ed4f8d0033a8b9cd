//! What the engine reads of the stage's passes: one frame of guides, in whole numbers where it decides anything.

use crate::synth::blur::soften;
use crate::synth::guide::luminance;
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
        let hidden: Vec<bool> = frame
            .occlusion_previous
            .map(|p| p.values.iter().map(|v| *v > 0.5).collect())
            .unwrap_or_else(|| vec![false; n]);
        let position = frame.position_m.map(|p| p.values).unwrap_or_default();
        let fits = colour.pixels().len() == n && object.len() == n && back.len() == n && hidden.len() == n;
        if !fits || !(position.is_empty() || position.len() == n) {
            return Err(Failure::lasting(
                "guides",
                format!("the guides are not {w}x{h} pixels as the shot is; render them again"),
            ));
        }
        // ACEScg's luminance (S-2014-004, table 1).
        let light = colour
            .pixels()
            .par_iter()
            .map(|p| (0.272_228_7 * p[0] + 0.674_081_8 * p[1] + 0.053_689_5 * p[2]).max(0.0))
            .collect();
        let codes: Vec<[u8; 1]> = color::to_display8(&colour)
            .iter()
            .map(|c| [luminance([c[0], c[1], c[2], 0])])
            .collect();
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
        })
    }
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
