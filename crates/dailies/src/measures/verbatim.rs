//! Verbatim copying: how large the pieces are in which a take shows its sources as they are.
//!
//! Where an engine says where every pixel came from ([`TakeFrames::each_origin`]), neighbours that come from
//! neighbouring places of the same source belong to one piece. Three frames are looked at: first, middle and last.
//!
//! *Blind to:* engines that can not say (they give nothing here, not zero); copies that are scaled or turned count as
//! pieces only as far as neighbours stay within half a pixel; a piece that was shaded, graded or finished is a copy
//! still, and is counted as one.

use heirloom_engine::{Failure, Origin, TakeFrames};
use serde::{Deserialize, Serialize};

/// How much is copied in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verbatim {
    /// The largest piece of the frames looked at, in percent of the frame.
    pub largest_percent: f64,
    /// Area-weighted mean size of pieces, in pixels of the take; mean over the frames looked at.
    pub piece_px: f64,
}

/// What is compared of a pixel's origin: a number for its source and frame, and its place.
#[derive(Clone, Copy, Default, PartialEq)]
struct Place {
    /// 0 where nothing is known.
    source: u32,
    x: f32,
    y: f32,
}

/// Looks at an opened take; `None` where its engine can not say where pixels came from.
///
/// # Errors
/// As [`TakeFrames::frame`].
pub fn verbatim(take: &dyn TakeFrames) -> Result<Option<Verbatim>, Failure> {
    let last = take.frames().saturating_sub(1);
    let mut looked_at = vec![0, last / 2, last];
    looked_at.dedup();
    let mut found = Verbatim::default();
    let mut known = false;
    for n in &looked_at {
        let (places, width) = places(take, *n)?;
        known |= places.iter().any(|p| p.source > 0);
        let sizes = pieces(&places, width);
        let area = places.len().max(1) as f64;
        let most = sizes.iter().copied().max().unwrap_or(0);
        found.largest_percent = found.largest_percent.max(100.0 * most as f64 / area);
        let weighted: f64 = sizes.iter().map(|s| (*s as f64) * (*s as f64)).sum();
        found.piece_px += weighted / area / looked_at.len() as f64;
    }
    Ok(known.then_some(found))
}

fn places(take: &dyn TakeFrames, n: u32) -> Result<(Vec<Place>, usize), Failure> {
    let size = take.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let mut places = vec![Place::default(); width * height];
    let mut sources = Vec::new();
    take.each_origin(n, &mut |x, y, origins| {
        let heaviest = |a: &&Origin, b: &&Origin| a.weight.total_cmp(&b.weight);
        let Some(origin) = origins.iter().max_by(heaviest) else {
            return;
        };
        let source = (origin.source, origin.frame);
        let number = sources.iter().position(|s| *s == source).unwrap_or_else(|| {
            sources.push(source);
            sources.len() - 1
        });
        if let Some(place) = places.get_mut(y as usize * width + x as usize) {
            *place = Place {
                source: number as u32 + 1,
                x: origin.scaled_x as f32,
                y: origin.scaled_y as f32,
            };
        }
    })?;
    Ok((places, width))
}

/// The sizes of all pieces, in pixels.
fn pieces(places: &[Place], width: usize) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..places.len() as u32).collect();
    let joins = |a: &Place, b: &Place, dx: f32, dy: f32| {
        a.source > 0 && a.source == b.source && (b.x - a.x - dx).abs() <= 0.5 && (b.y - a.y - dy).abs() <= 0.5
    };
    for i in 0..places.len() {
        if (i + 1) % width.max(1) != 0
            && let Some(right) = places.get(i + 1)
            && joins(&places[i], right, 1.0, 0.0)
        {
            join(&mut parent, i, i + 1);
        }
        if let Some(below) = places.get(i + width)
            && joins(&places[i], below, 0.0, 1.0)
        {
            join(&mut parent, i, i + width);
        }
    }
    let mut sizes = vec![0u32; places.len()];
    for (i, place) in places.iter().enumerate() {
        if place.source > 0 {
            sizes[root(&mut parent, i)] += 1;
        }
    }
    sizes.retain(|s| *s > 0);
    sizes
}

fn join(parent: &mut [u32], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b) as u32;
}

fn root(parent: &mut [u32], mut i: usize) -> usize {
    while parent[i] as usize != i {
        parent[i] = parent[parent[i] as usize];
        i = parent[i] as usize;
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_where_neighbours_are_no_neighbours() {
        let at = |source, x: f32, y: f32| Place { source, x, y };
        // Two rows of four: three columns of one source, one of another; the second row is shifted by two.
        let row = |y: f32, by: f32| {
            [
                at(1, by, y),
                at(1, 1.0 + by, y),
                at(1, 2.2 + by, y),
                at(2, 3.0, y),
            ]
        };
        let whole: Vec<Place> = row(0.0, 0.0).into_iter().chain(row(1.0, 0.0)).collect();
        let mut sizes = pieces(&whole, 4);
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 6]);
        let shifted: Vec<Place> = row(0.0, 0.0).into_iter().chain(row(1.0, 2.0)).collect();
        let mut sizes = pieces(&shifted, 4);
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 3, 3]);
        assert!(pieces(&[Place::default(); 4], 2).is_empty());
    }
}
