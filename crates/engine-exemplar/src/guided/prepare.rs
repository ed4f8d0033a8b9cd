//! From an order to a guided shot: its things cast, its photographs scaled to the sizes that the things ask for.

use super::cast::Cast;
use super::{Guided, Piece, Setting, Without};
use crate::atlas;
use crate::grid::Grid;
use crate::pictures::Pictures;
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{Failure, Order, settings};
use heirloom_film::Size;
use heirloom_picture::{Image, color, resample};
use std::collections::BTreeMap;

/// Most sheets of matter in all.
const MOST_SHEETS: usize = 120;
/// Most sizes of one source.
const MOST_SIZES: usize = 6;
/// The shortest side of a sheet, in pixels.
const LEAST_SIDE: u32 = 48;

/// A source, and by how many octaves it is smaller across and down.
type Sizing = (usize, (i32, i32));

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

/// Prepares the guided shot of an order, whose photographs have these sizes.
///
/// # Errors
/// There are no guides, they lack a pass, the photographs are too small, or it was told to stop.
pub fn prepare(
    order: &Order,
    originals: &[(u32, u32)],
    control: &Control,
) -> Result<(Guided, Pictures), Stop> {
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
        )
        .into());
    }
    let grid = Grid::of_request(request);
    let size = Size {
        width: grid.across as u32,
        height: grid.down as u32,
    };
    let mut cast = Cast::look(&*guides, request.frames, size)?;
    let number = |name: &str, usual: f64| request.number(name).unwrap_or(usual);
    let without = Without::parse(request.word(settings::WITHOUT).unwrap_or_default()).map_err(|name| {
        Failure::lasting(
            "request",
            format!(
                "there is no part `{name}` to leave out; there are {}",
                Without::NAMES.join(", ")
            ),
        )
    })?;
    let by = number(settings::SCALE, 1.0).clamp(0.1, 8.0);
    let usual = atlas::sizes(originals, request.size.height, by, grid.by);
    let plain = request.sources.iter().zip(originals).zip(&usual);
    let plain = plain.map(|((object, original), size)| atlas::whole(*object, *original, *size));
    let plain = Pictures::new(order.inputs.clone(), plain.collect());
    let mut looks = Vec::new();
    for k in 0..originals.len() {
        control.check()?;
        looks.push(mean(&*plain.used(k, grid.by)?));
    }
    cast.assign(&by_hand(order)?, &looks);
    let most = if without.perspective {
        1
    } else {
        (MOST_SHEETS / originals.len().max(1)).clamp(1, MOST_SIZES)
    };
    let mut wanted: Vec<(Vec<usize>, Vec<Sizing>)> = Vec::new();
    let mut sources = Vec::new();
    for thing in &mut cast.things {
        thing.sources.sort_unstable();
        thing.sources.dedup();
    }
    let mut lists: Vec<Vec<usize>> = cast.things.iter().map(|t| t.sources.clone()).collect();
    lists.sort();
    lists.dedup();
    for list in lists {
        let mut pieces = Vec::new();
        for k in &list {
            let (Some(object), Some(own), Some(usual)) =
                (request.sources.get(*k), originals.get(*k), usual.get(*k))
            else {
                continue;
            };
            let mut had = Vec::new();
            for octaves in cast.sizes_of(*k, &list, most) {
                let side = |v: u32, o: i32| {
                    let v = v / grid.by;
                    (if o >= 0 { (v >> o).max(1) } else { v << -o }) * grid.by
                };
                let (w, h) = (side(usual.0, octaves.0), side(usual.1, octaves.1));
                // Never larger than the photograph can give, nor too small to hold a patch worth having.
                let larger = (octaves.0 < 0 && w > own.0) || (octaves.1 < 0 && h > own.1);
                if octaves != (0, 0) && (larger || w.min(h) < LEAST_SIDE * grid.by || had.contains(&(w, h))) {
                    continue;
                }
                had.push((w, h));
                pieces.push((*k, octaves));
                sources.push(atlas::whole(*object, *own, (w, h)));
            }
        }
        wanted.push((list, pieces));
    }
    let pictures = Pictures::new(order.inputs.clone(), sources);
    let mut groups: Vec<(Vec<usize>, Vec<Piece>)> = Vec::new();
    let mut number_of = 0;
    for (list, wanted) in wanted {
        let mut pieces = Vec::new();
        for (source, octaves) in wanted {
            control.check()?;
            pieces.push(Piece {
                source,
                octaves,
                sheet: pictures.sheet(number_of, grid.by, true)?,
            });
            number_of += 1;
        }
        groups.push((list, pieces));
    }
    let wished = crate::engine::wished(request);
    let setting = Setting {
        wished,
        size,
        frames: request.frames,
        seed: request.seed,
        steady: number(settings::STEADY, 0.5).clamp(0.0, 1.0) as f32,
        light: number(settings::LIGHT, 0.5).clamp(0.0, 1.0) as f32,
        without,
    };
    let guided = Guided::new(groups, cast, guides, setting).ok_or_else(|| {
        Failure::lasting(
            "input",
            "the sources are too small to make a picture of; use larger photographs",
        )
    })?;
    Ok((guided, pictures))
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
