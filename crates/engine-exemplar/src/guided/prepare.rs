//! From an order to a guided shot: its things cast, its photographs scaled to the sizes that the things ask for.

use super::cast::Cast;
use super::{Guided, Piece, Setting};
use crate::atlas::{self, Scaled};
use heirloom_engine::{Failure, Order, settings};
use heirloom_picture::{Image, color, resample};
use std::collections::BTreeMap;

/// Most sheets of matter in all.
const MOST_SHEETS: usize = 120;
/// Most sizes of one source.
const MOST_SIZES: usize = 6;
/// The shortest side of a sheet, in pixels.
const LEAST_SIDE: u32 = 48;

/// A shot ready to be made: its sources as they were scaled, each with its number in the request.
pub struct Ready {
    /// The shot.
    pub guided: Guided,
    /// Number of the source in the request and the scaled picture, in the order of the maps' numbers.
    pub scaled: Vec<(usize, Scaled)>,
}

/// Which sources each thing is made of, by hand: the setting [`settings::OBJECTS`], JSON of names and lists of numbers.
fn by_hand(order: &Order) -> Result<BTreeMap<String, Vec<usize>>, Failure> {
    let Some(text) = order.request.word(settings::OBJECTS) else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(text).map_err(|e| {
        Failure::lasting(
            "request",
            format!(
                "the setting `{}` is not a table of things and sources ({e}); draw the shot again",
                settings::OBJECTS
            ),
        )
    })
}

/// Prepares the guided shot of an order at `size` (the order's own, or the grid it is made on).
///
/// # Errors
/// There are no guides, they lack a pass, or the photographs are too small.
pub fn prepare(order: &Order, photographs: &[Image], size: heirloom_film::Size) -> Result<Ready, Failure> {
    let request = &order.request;
    let id = request.guides.ok_or_else(|| {
        Failure::lasting(
            "guides",
            "a guided shot follows guides; block the shot in film.toml",
        )
    })?;
    let guides = order.inputs.guides(&id)?;
    if guides.frames() < request.frames {
        return Err(Failure::lasting(
            "guides",
            format!(
                "the guides have {} frames, the shot {}; render the guides anew",
                guides.frames(),
                request.frames
            ),
        ));
    }
    let mut cast = Cast::look(&*guides, request.frames, size)?;
    let looks: Vec<[f32; 3]> = photographs.iter().map(mean).collect();
    cast.assign(&by_hand(order)?, &looks);
    let number = |name: &str, usual: f64| request.number(name).unwrap_or(usual);
    let by = number(settings::SCALE, 1.0).clamp(0.1, 8.0);
    let originals: Vec<(u32, u32)> = photographs.iter().map(|p| (p.width(), p.height())).collect();
    let usual = atlas::sizes(&originals, size.height, by);
    let most = (MOST_SHEETS / photographs.len().max(1)).clamp(1, MOST_SIZES);
    let mut pieces = Vec::new();
    let mut scaled = Vec::new();
    for (k, photograph) in photographs.iter().enumerate() {
        // A source that no thing is made of is no matter.
        if !cast.things.iter().any(|t| t.sources.contains(&k)) {
            continue;
        }
        let mut had = Vec::new();
        for octaves in cast.sizes_of(k, most) {
            let side = |v: u32, o: i32| {
                if o >= 0 { (v >> o).max(1) } else { v << -o }
            };
            let (w, h) = (side(usual[k].0, octaves.0), side(usual[k].1, octaves.1));
            // Never larger than the photograph can give, nor too small to hold a patch worth having.
            let larger = (octaves.0 < 0 && w > originals[k].0) || (octaves.1 < 0 && h > originals[k].1);
            if octaves != (0, 0) && (larger || w.min(h) < LEAST_SIDE || had.contains(&(w, h))) {
                continue;
            }
            had.push((w, h));
            let one = Scaled::whole(photograph, (w, h));
            pieces.push(Piece {
                source: k,
                octaves,
                sheet: one.sheet(true),
            });
            scaled.push((k, one));
        }
    }
    let setting = Setting {
        size,
        seed: request.seed,
        steady: number(settings::STEADY, 0.5).clamp(0.0, 1.0) as f32,
        light: number(settings::LIGHT, 0.5).clamp(0.0, 1.0) as f32,
    };
    let guided = Guided::new(pieces, cast, guides, setting).ok_or_else(|| {
        Failure::lasting(
            "input",
            "the sources are too small to make a picture of; use larger photographs",
        )
    })?;
    Ok(Ready { guided, scaled })
}

/// The mean display colour of a photograph.
fn mean(photograph: &Image) -> [f32; 3] {
    let small = resample::scale_to(photograph, 32, 32);
    let codes = color::to_display8(&small);
    let mut sum = [0u32; 3];
    for c in &codes {
        for k in 0..3 {
            sum[k] += u32::from(c[k]);
        }
    }
    sum.map(|v| v as f32 / codes.len().max(1) as f32)
}
