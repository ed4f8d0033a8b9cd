//! The take that a shot is to be like, read from its manifest into the places of the new shot.

use crate::codec::{decode_map, decode_weight};
use crate::engine::{NAME, REVISION};
use crate::grid::Grid;
use crate::map::{CoordinateMap, Origin, UNIT};
use crate::synth::living::Like;
use crate::take::{Facts, MAP, OVER, SourceFacts, WEIGHT};
use heirloom_engine::{Failure, Order, TakeManifest, settings};
use heirloom_vault::ObjectId;

/// What the shot of an order, made of `sources`, is to be like; `None` if it is to be like nothing, or as free as a new seed.
///
/// # Errors
/// The take is missing, damaged, of another engine or of a newer revision.
pub fn read(order: &Order, sources: &[SourceFacts]) -> Result<Option<Like>, Failure> {
    let request = &order.request;
    let Some(id) = request.pictures.get(settings::LIKE) else {
        return Ok(None);
    };
    let amount = request.number(settings::AMOUNT).unwrap_or(0.3).clamp(0.0, 1.0) as f32;
    if amount >= 1.0 {
        return Ok(None);
    }
    let fault = |why: String| {
        Failure::lasting(
            "like",
            format!("the take {} can not be followed: {why}", id.short()),
        )
    };
    let manifest: TakeManifest = serde_json::from_slice(&order.inputs.read(id)?)
        .map_err(|e| fault(format!("it is no take ({e}); name another in `like`")))?;
    if manifest.engine != NAME {
        return Err(fault(format!(
            "it is of the engine `{}`; name a take of `{NAME}`",
            manifest.engine
        )));
    }
    if manifest.revision > REVISION {
        return Err(fault(
            "it was made by a newer Heirloom; draw the shot with that version".into(),
        ));
    }
    let facts: Facts = serde_json::from_value(manifest.facts.clone())
        .map_err(|e| fault(format!("its manifest can not be read ({e}); name another take")))?;
    let layer = |role: &str| -> Result<Option<Vec<u8>>, Failure> {
        manifest
            .file(role, Some(0))
            .map(|object| order.inputs.read(&object))
            .transpose()
    };
    let map =
        layer(MAP)?.ok_or_else(|| fault("it has no map of its first frame; name another take".into()))?;
    let mut map = decode_map(&map).map_err(|e| fault(e.to_string()))?;
    if let (Some(over), Some(weight)) = (layer(OVER)?, layer(WEIGHT)?) {
        let over = decode_map(&over).map_err(|e| fault(e.to_string()))?;
        let weight = decode_weight(&weight).map_err(|e| fault(e.to_string()))?.2;
        map = stronger(&map, &over, &weight)
            .ok_or_else(|| fault("its layers do not fit; name another take".into()))?;
    }
    let grid = Grid::of_request(request);
    // Maps and searches are in pixels of their grids.
    let onto = |all: &[SourceFacts], by: u32| -> Vec<SourceFacts> {
        let by = by.max(1);
        all.iter()
            .map(|s| SourceFacts {
                scaled: (s.scaled.0 / by, s.scaled.1 / by),
                crop: (s.crop.0 / by, s.crop.1 / by, s.crop.2 / by, s.crop.3 / by),
                ..s.clone()
            })
            .collect()
    };
    let places = carried_over(
        &map,
        &onto(&facts.sources, facts.enlarged),
        &request.sources,
        &onto(sources, grid.by),
        [grid.across as u32, grid.down as u32],
    );
    Ok(Some(Like { places, amount }))
}

/// Of two layers the one that is seen more at each pixel.
fn stronger(map: &CoordinateMap, over: &CoordinateMap, weight: &[u8]) -> Option<CoordinateMap> {
    let layers = map.origins().iter().zip(over.origins()).zip(weight);
    let origins = layers.map(|((under, over), w)| if *w > 127 { *over } else { *under });
    CoordinateMap::new(map.width(), map.height(), origins.collect())
}

/// The places of a map in the sheets of another shot of `[width, height]` pixels: the same places of the same
/// photographs, at that shot's scale. None where the shot does not have the photograph.
fn carried_over(
    map: &CoordinateMap,
    theirs: &[SourceFacts],
    ours: &[ObjectId],
    scaled: &[SourceFacts],
    [width, height]: [u32; 2],
) -> Vec<Option<Origin>> {
    let number: Vec<Option<usize>> = theirs
        .iter()
        .map(|facts| {
            ours.iter()
                .position(|o| *o == facts.object)
                .filter(|_| facts.frame.is_none())
        })
        .collect();
    // In 1/256 pixels of the other frame: the pixel in which a pixel's centre lies, and how far from its centre.
    let across = |k: u32, ours: u32, theirs: u32| -> (u32, i64) {
        let at = (i64::from(2 * k + 1) * i64::from(theirs) * i64::from(UNIT)) / i64::from(2 * ours);
        let pixel = (at / i64::from(UNIT)).min(i64::from(theirs) - 1);
        (pixel as u32, at - pixel * i64::from(UNIT) - i64::from(UNIT) / 2)
    };
    let mut out = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        let (py, dy) = across(y, height, map.height());
        for x in 0..width {
            let (px, dx) = across(x, width, map.width());
            out.push(map.at(px, py).and_then(|o| {
                let k = (*number.get(usize::from(o.source))?)?;
                let (facts, sheet) = (theirs.get(usize::from(o.source))?, scaled.get(k)?);
                let (w, h) = sheet.scaled;
                if facts.scaled == (w, h) && (dx, dy) == (0, 0) {
                    return within(k, i64::from(o.x), i64::from(o.y), sheet);
                }
                let half = i64::from(UNIT) / 2;
                let fit = |v: i64, ours: u32, theirs: u32| {
                    let moved = (v + half) * i64::from(ours) / i64::from(theirs.max(1)) - half;
                    // First frames are made of whole pixels.
                    (moved + half).div_euclid(i64::from(UNIT)) * i64::from(UNIT)
                };
                within(
                    k,
                    fit(i64::from(o.x) + dx, w, facts.scaled.0),
                    fit(i64::from(o.y) + dy, h, facts.scaled.1),
                    sheet,
                )
            }));
        }
    }
    out
}

/// A place of the whole scaled picture as one of its used part, if it lies in there.
fn within(k: usize, x: i64, y: i64, sheet: &SourceFacts) -> Option<Origin> {
    let (left, top, w, h) = sheet.crop;
    let unit = i64::from(UNIT);
    let (x, y) = (x - i64::from(left) * unit, y - i64::from(top) * unit);
    let inside = |v: i64, side: u32| v >= 0 && v <= (i64::from(side) - 1) * unit;
    (inside(x, w) && inside(y, h)).then_some(Origin {
        source: k as u16,
        x: x as i32,
        y: y as i32,
    })
}
