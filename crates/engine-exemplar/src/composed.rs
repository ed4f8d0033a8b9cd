//! The pictures that a shot is composed by, read and brought to the frame: drawings, labels, masks.

use crate::atlas;
use crate::grid::Grid;
use crate::pictures::read_photograph;
use crate::synth::compose::Wanted;
use crate::synth::fill::Hole;
use crate::synth::matter::Colour;
use crate::take::SourceFacts;
use heirloom_engine::{Failure, Order, Request, hole, settings};
use heirloom_picture::{Image, color, resample};
use heirloom_vault::ObjectId;

/// How far, in each of the colours, a pixel of a label map may be from its label.
const LABEL_SLACK: u32 = 40;

fn fault(words: impl Into<String>) -> Failure {
    Failure::lasting("input", words)
}

/// Width and height of the grid that the frames are made on.
fn grid_size(request: &Request) -> (u32, u32) {
    let grid = Grid::of_request(request);
    (grid.across as u32, grid.down as u32)
}

/// A picture of the request, by its role.
fn picture(order: &Order, role: &str) -> Result<Option<Image>, Failure> {
    order
        .request
        .pictures
        .get(role)
        .map(|object| read_photograph(&*order.inputs, object))
        .transpose()
}

/// The middle of a picture, as large as it covers the frame, in display colours.
fn over_frame(image: &Image, width: u32, height: u32) -> Vec<Colour> {
    let codes = color::to_display8(&resample::cover(image, width, height));
    codes.iter().map(|c| [c[0], c[1], c[2], 0]).collect()
}

/// What a still or living shot is composed by.
///
/// # Errors
/// A picture is missing or unreadable, or a label map has colours that stand for nothing.
pub fn wanted(order: &Order) -> Result<Wanted, Failure> {
    let request = &order.request;
    let (width, height) = grid_size(request);
    let mut wanted = Wanted {
        strength: request
            .number(settings::LAYOUT_STRENGTH)
            .unwrap_or(0.75)
            .clamp(0.0, 1.0) as f32,
        stars: request.flag(settings::STILL_STARS),
        ..Wanted::default()
    };
    if let Some(drawing) = picture(order, settings::LAYOUT)? {
        wanted.drawing = over_frame(&drawing, width, height);
    }
    if let Some(map) = picture(order, settings::LABELS)? {
        wanted.labels = labels(&map, request)?;
    }
    if let Some(mask) = picture(order, settings::STILL)? {
        // What is white to the eye is quite still.
        wanted.still = hole::whiteness(&mask, width, height)
            .into_iter()
            .map(|v| if v >= 250 { 255 } else { v })
            .collect();
    }
    Ok(wanted)
}

/// Colours and the numbers of the sources that they stand for.
fn meanings(request: &Request) -> Result<Vec<([u8; 3], u8)>, Failure> {
    let words = request.word(settings::LABEL_SOURCES).unwrap_or_default();
    let read = |word: &str| -> Option<([u8; 3], u8)> {
        let (hex, number) = word.split_once(':')?;
        let all = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        let number: u8 = number.parse().ok()?;
        (usize::from(number) < request.sources.len())
            .then_some(([(all >> 16) as u8, (all >> 8) as u8, all as u8], number))
    };
    let all: Option<Vec<_>> = words.split_whitespace().map(read).collect();
    all.filter(|all| !all.is_empty()).ok_or_else(|| {
        fault(format!(
            "the request does not say what its labels mean (`{}` is \"{words}\"); draw the shot anew from film.toml",
            settings::LABEL_SOURCES
        ))
    })
}

/// Number of the source at each pixel of the frame.
fn labels(map: &Image, request: &Request) -> Result<Vec<u8>, Failure> {
    let meanings = meanings(request)?;
    let far = |c: [u8; 3], label: [u8; 3]| -> u32 {
        (0..3)
            .map(|k| u32::from(c[k].abs_diff(label[k])).pow(2))
            .sum::<u32>()
    };
    let nearest = |c: [u8; 3]| -> (u32, u8) {
        meanings
            .iter()
            .map(|(label, source)| (far(c, *label), *source))
            .min()
            .unwrap_or((u32::MAX, 0))
    };
    // Edges may be mixed, but a whole flat part that no label names is a mistake.
    let codes = color::to_display8(map);
    let mut strange: std::collections::BTreeMap<[u8; 3], usize> = std::collections::BTreeMap::new();
    for c in &codes {
        if nearest(*c).0 > 3 * LABEL_SLACK * LABEL_SLACK {
            *strange.entry(*c).or_default() += 1;
        }
    }
    if let Some((c, n)) = strange.iter().max_by_key(|(c, n)| (**n, **c))
        && n * 100 > codes.len()
    {
        return Err(fault(format!(
            "the label picture is #{:02x}{:02x}{:02x} over {} % of it, and no label has that colour; name it in the \
             layout's `sources`, or paint it over",
            c[0],
            c[1],
            c[2],
            n * 100 / codes.len().max(1)
        )));
    }
    // The nearest pixel of the picture: colours that are mixed between two labels might mean a third.
    let (width, height) = grid_size(request);
    let (mw, mh) = (map.width() as usize, map.height() as usize);
    let by = (mw as f64 / f64::from(width)).min(mh as f64 / f64::from(height));
    let place = |v: u32, size: u32, of: usize| -> usize {
        let at = (of as f64 - f64::from(size) * by) / 2.0 + (f64::from(v) + 0.5) * by;
        (at.max(0.0) as usize).min(of - 1)
    };
    let mut out = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        let row = place(y, height, mh) * mw;
        for x in 0..width {
            out.push(nearest(codes[row + place(x, width, mw)]).1);
        }
    }
    Ok(out)
}

/// A plate in its frame, and what of the frame is to be made anew.
///
/// # Errors
/// The mask is unreadable, has another shape than the plate, or nothing is left to fill or to keep.
pub fn plate(order: &Order, object: ObjectId, original: (u32, u32)) -> Result<(SourceFacts, Hole), Failure> {
    let request = &order.request;
    let by = Grid::of_request(request).by;
    let (width, height) = grid_size(request);
    let mask = picture(order, settings::MASK)?;
    let hole = hole::Hole::of(request, (width, height), original, mask.as_ref())?;
    let facts = atlas::covering(object, original, hole.width * by, hole.height * by, by);
    let hole = Hole {
        width: width as usize,
        height: height as usize,
        left: hole.left as usize,
        top: hole.top as usize,
        made: hole.made,
    };
    Ok((facts, hole))
}
