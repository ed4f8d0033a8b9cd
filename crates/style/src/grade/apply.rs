//! A grade on a picture in scene light.

use heirloom_picture::color::{self, Chromaticities};
use heirloom_picture::{AcesCg, Image, oklab};
use rayon::prelude::*;

use super::{Grade, SkinSafe};

impl Grade {
    /// Grades a picture in place, `strength` from 0 (no bit changes) to 1 (as fitted); between, colours are mixed in
    /// OKLab. With `skin`, the strength is less where a colour is skin.
    ///
    /// Display light is graded as the table says. A colour lighter than display white is graded at its own ratio
    /// scaled down to it and scaled up again; what is below zero, outside the display's gamut, is laid aside and
    /// added again. So nothing is clipped, and nothing jumps at the edge. Colours are taken out of their alpha and put
    /// back under it; light without alpha (a glow) and what is no number stay as they are.
    pub fn apply(&self, image: &mut Image<AcesCg>, strength: f64, skin: Option<&SkinSafe>) {
        let strength = if strength > 0.0 { strength.min(1.0) } else { 0.0 };
        if strength == 0.0 || image.width() == 0 {
            return;
        }
        let out = color::between(&Chromaticities::AP1, &Chromaticities::REC709);
        let back = color::between(&Chromaticities::REC709, &Chromaticities::AP1);
        let width = image.width() as usize;
        image.pixels_mut().par_chunks_mut(width).for_each(|row| {
            for pixel in row {
                let alpha = f64::from(pixel[3]);
                if alpha.is_nan() || alpha <= 0.0 || !pixel.iter().all(|v| v.is_finite()) {
                    continue;
                }
                let light = out.apply([pixel[0], pixel[1], pixel[2]].map(|v| f64::from(v) / alpha));
                if let Some(light) = self.light(light, strength, skin) {
                    let rgb = back.apply(light).map(|v| (v * alpha) as f32);
                    *pixel = [rgb[0], rgb[1], rgb[2], pixel[3]];
                }
            }
        });
    }

    /// One colour, linear Rec. 709; `None` where it stays.
    fn light(&self, light: [f64; 3], strength: f64, skin: Option<&SkinSafe>) -> Option<[f64; 3]> {
        let scale = light.iter().fold(1.0, |most: f64, v| most.max(*v));
        let within = light.map(|v| (v / scale).max(0.0));
        let beside: [f64; 3] = std::array::from_fn(|c| light[c] / scale - within[c]);
        let graded = self
            .lut
            .sample(within.map(color::srgb_encode))
            .map(color::srgb_decode);
        let mixed = if strength == 1.0 && skin.is_none() {
            graded
        } else {
            let lab = oklab::from_linear(within);
            let part = skin.map_or(strength, |skin| skin.strength(lab, strength));
            if part <= 0.0 {
                return None;
            }
            let to = oklab::from_linear(graded);
            oklab::to_linear(std::array::from_fn(|k| lab[k] + (to[k] - lab[k]) * part))
        };
        Some(std::array::from_fn(|c| (mixed[c] + beside[c]) * scale))
    }
}
