//! What was laid over pictures: watermarks and frames, which many pictures share, and lines of letters.
//!
//! A watermark has the same edges at the same place of every picture, where those of pictures themselves point anywhere
//! (Dekel and others, *On the effectiveness of visible watermarks*, 2017, take the median of the gradients for that reason).
//! Letters in a line are small connected pieces of one lightness and one height that stand on one base (the grouping
//! of Epshtein, Ofek and Wexler, *Detecting text in natural scenes with stroke width transform*, 2010, without their
//! transform).

use heirloom_picture::measure::View;
use heirloom_picture::oklab;
use serde::{Deserialize, Serialize};

/// Side of the plane that gradients are compared on: every picture is stretched to it.
const SIDE: usize = 128;
/// Pictures from which on edges that agree are no chance.
const LEAST_PICTURES: usize = 8;
/// Part of the pictures that must have an edge of one direction at a place.
const AGREE: f64 = 0.8;
/// The least step of lightness that is an edge.
const EDGE: f32 = 0.015;
/// Places that agree, side by side, from which on it is a mark.
const LEAST_PLACES: usize = 24;
/// Longer side that letters are looked for at.
const TEXT_SIDE: usize = 512;
/// How far a letter's lightness lies from that around it, at least.
const LETTER_STEP: f32 = 0.14;
/// Pixels around, on each side.
const AROUND: usize = 9;
/// Letters in a line from which on it is one.
const LEAST_LETTERS: usize = 6;

/// Something that was laid over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Left, top, width and height, in fractions of the picture.
    pub region: [f64; 4],
    /// Places that agree, or letters.
    pub count: usize,
}

/// Lightness of a picture on a plane of this size, each place the mean of what it covers.
fn lightness(view: &View<'_>, width: usize, height: usize) -> Vec<f32> {
    let (columns, rows) = (view.width() as usize, view.height() as usize);
    let codes = view.codes();
    let span = |at: usize, of: usize, whole: usize| {
        let from = at * whole / of;
        (
            from,
            ((at + 1) * whole)
                .div_ceil(of)
                .clamp(from + 1, whole.max(from + 1)),
        )
    };
    let mut plane = Vec::with_capacity(width * height);
    for y in 0..height {
        let (top, bottom) = span(y, height, rows);
        for x in 0..width {
            let (left, right) = span(x, width, columns);
            let (mut sum, mut count) = (0.0, 0.0);
            for row in top..bottom.min(rows) {
                for code in codes
                    .get(row * columns + left..row * columns + right.min(columns))
                    .into_iter()
                    .flatten()
                {
                    sum += oklab::from_display8(*code)[0] as f32;
                    count += 1.0;
                }
            }
            plane.push(if count > 0.0 { sum / count } else { 0.0 });
        }
    }
    plane
}

/// Edges that most of these pictures have at the same place: a watermark, a frame, a border of the scan. Near copies among
/// them would agree too: leave those out before. None from fewer than eight pictures.
pub fn watermark(pictures: &[View<'_>]) -> Option<Mark> {
    if pictures.len() < LEAST_PICTURES {
        return None;
    }
    let needed = (AGREE * pictures.len() as f64).ceil() as usize;
    // Of each place, how many pictures have an edge in each of eight directions.
    let mut votes = vec![[0_usize; 8]; SIDE * SIDE];
    for view in pictures {
        let plane = lightness(view, SIDE, SIDE);
        let at = |x: usize, y: usize| plane[y * SIDE + x];
        for y in 1..SIDE - 1 {
            for x in 1..SIDE - 1 {
                let gx = (at(x + 1, y) - at(x - 1, y)) * 0.5;
                let gy = (at(x, y + 1) - at(x, y - 1)) * 0.5;
                if gx * gx + gy * gy < EDGE * EDGE {
                    continue;
                }
                let turn = libm::atan2f(gy, gx) / std::f32::consts::TAU + 1.0;
                votes[y * SIDE + x][(turn * 8.0) as usize % 8] += 1;
            }
        }
    }
    // Directions on either side of a border between two of eight are one.
    let agrees = |v: &[usize; 8]| (0..8).any(|d| v[d] + v[(d + 1) % 8] >= needed);
    let mask: Vec<bool> = votes.iter().map(agrees).collect();
    let largest = pieces(&mask, SIDE)
        .into_iter()
        .filter(|piece| piece.count >= LEAST_PLACES)
        .max_by_key(|piece| piece.count)?;
    Some(Mark {
        region: largest.region(SIDE, SIDE),
        count: largest.count,
    })
}

/// A line of letters in a picture: a date that the camera burnt in, a caption, a signature in print.
pub fn stamped(view: &View<'_>) -> Option<Mark> {
    let (width, height) = (view.width() as usize, view.height() as usize);
    let scale = (TEXT_SIDE as f64 / width.max(height).max(1) as f64).min(1.0);
    let side = |s: usize| ((s as f64 * scale).round() as usize).max(1);
    let (columns, rows) = (side(width), side(height));
    let plane = lightness(view, columns, rows);
    let around = blurred(&plane, columns, rows);
    let mut best: Option<Mark> = None;
    for brighter in [true, false] {
        let mask: Vec<bool> = plane
            .iter()
            .zip(&around)
            .map(|(l, m)| {
                if brighter {
                    l - m > LETTER_STEP
                } else {
                    m - l > LETTER_STEP
                }
            })
            .collect();
        let letters: Vec<Piece> = pieces_of(&mask, columns, Some(&plane))
            .into_iter()
            .filter(Piece::may_be_a_letter)
            .collect();
        if let Some(found) = line(letters, columns, rows)
            && best.is_none_or(|known| known.count < found.count)
        {
            best = Some(found);
        }
    }
    best
}

/// Means over squares of `2 · AROUND + 1` pixels, cut off at the edges.
fn blurred(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    let stride = width + 1;
    let mut sums = vec![0.0_f64; stride * (height + 1)];
    for y in 0..height {
        let mut row = 0.0;
        for x in 0..width {
            row += f64::from(plane[y * width + x]);
            sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
        }
    }
    let mut out = Vec::with_capacity(plane.len());
    for y in 0..height {
        let (top, bottom) = (y.saturating_sub(AROUND), (y + AROUND + 1).min(height));
        for x in 0..width {
            let (left, right) = (x.saturating_sub(AROUND), (x + AROUND + 1).min(width));
            let sum = sums[bottom * stride + right] + sums[top * stride + left]
                - sums[top * stride + right]
                - sums[bottom * stride + left];
            out.push((sum / ((bottom - top) * (right - left)) as f64) as f32);
        }
    }
    out
}

/// Places that hang together.
#[derive(Clone, Debug)]
struct Piece {
    left: usize,
    top: usize,
    /// Inclusive.
    right: usize,
    bottom: usize,
    count: usize,
    /// Mean lightness, and the mean of its square.
    light: [f64; 2],
}

impl Piece {
    fn height(&self) -> usize {
        self.bottom - self.top + 1
    }

    fn width(&self) -> usize {
        self.right - self.left + 1
    }

    fn region(&self, width: usize, height: usize) -> [f64; 4] {
        [
            self.left as f64 / width as f64,
            self.top as f64 / height as f64,
            self.width() as f64 / width as f64,
            self.height() as f64 / height as f64,
        ]
    }

    /// Of a letter's size, neither a speck nor a block, and of one lightness.
    fn may_be_a_letter(&self) -> bool {
        let fill = self.count as f64 / (self.width() * self.height()) as f64;
        let [mean, square] = self.light;
        let spread = libm::sqrt((square - mean * mean).max(0.0));
        (6..=40).contains(&self.height())
            && (2..=40).contains(&self.width())
            && self.width() <= 2 * self.height()
            && (0.12..=0.97).contains(&fill)
            && spread < 0.12
    }
}

fn pieces(mask: &[bool], width: usize) -> Vec<Piece> {
    pieces_of(mask, width, None)
}

/// Pieces of a mask, neighbours at corners among them.
fn pieces_of(mask: &[bool], width: usize, plane: Option<&[f32]>) -> Vec<Piece> {
    let mut open = mask.to_vec();
    let height = mask.len() / width.max(1);
    let mut out = Vec::new();
    let mut waiting = Vec::new();
    for start in 0..open.len() {
        if !open[start] {
            continue;
        }
        open[start] = false;
        waiting.push(start);
        let mut piece = Piece {
            left: usize::MAX,
            top: usize::MAX,
            right: 0,
            bottom: 0,
            count: 0,
            light: [0.0; 2],
        };
        while let Some(place) = waiting.pop() {
            let (x, y) = (place % width, place / width);
            piece.left = piece.left.min(x);
            piece.right = piece.right.max(x);
            piece.top = piece.top.min(y);
            piece.bottom = piece.bottom.max(y);
            piece.count += 1;
            let l = plane.and_then(|p| p.get(place)).map_or(0.0, |l| f64::from(*l));
            piece.light[0] += l;
            piece.light[1] += l * l;
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let next = ny * width + nx;
                    if open[next] {
                        open[next] = false;
                        waiting.push(next);
                    }
                }
            }
        }
        piece.light = piece.light.map(|sum| sum / piece.count as f64);
        out.push(piece);
    }
    out
}

/// The longest line of letters.
fn line(mut letters: Vec<Piece>, width: usize, height: usize) -> Option<Mark> {
    letters.sort_by_key(|l| l.left);
    let mut best: Vec<&Piece> = Vec::new();
    for (n, first) in letters.iter().enumerate() {
        let mut chain = vec![first];
        for next in &letters[n + 1..] {
            let Some(last) = chain.last() else { break };
            let tall = first.height() as f64;
            let gap = next.left as f64 - last.right as f64;
            if gap > 2.0 * tall {
                break;
            }
            let on_base = (next.bottom as f64 - first.bottom as f64).abs() <= (0.2 * tall).max(1.0);
            let as_tall = (0.6..=1.6).contains(&(next.height() as f64 / tall));
            let as_light = (next.light[0] - first.light[0]).abs() < 0.06;
            if gap > 0.0 && on_base && as_tall && as_light {
                chain.push(next);
            }
        }
        if chain.len() > best.len() {
            best = chain;
        }
    }
    if best.len() < LEAST_LETTERS {
        return None;
    }
    let whole = best
        .iter()
        .skip(1)
        .fold((*best.first()?).clone(), |sum, l| Piece {
            left: sum.left.min(l.left),
            top: sum.top.min(l.top),
            right: sum.right.max(l.right),
            bottom: sum.bottom.max(l.bottom),
            ..sum
        });
    Some(Mark {
        region: whole.region(width, height),
        count: best.len(),
    })
}
