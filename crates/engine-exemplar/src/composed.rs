//! The pictures that a shot is composed by, read and brought to the frame: drawings, labels, masks.

use crate::atlas;
use crate::grid::Grid;
use crate::pictures::read_photograph;
use crate::synth::compose::Wanted;
use crate::synth::fill::Hole;
use crate::synth::matter::Colour;
use crate::take::SourceFacts;
use heirloom_engine::{Failure, Order, Request, settings};
use heirloom_picture::{Image, color, resample};
use heirloom_vault::ObjectId;

/// How far, in each of the colours, a pixel of a label map may be from its label.
const LABEL_SLACK: u32 = 40;

fn fault(words: impl Into<String>) -> Failure {
    Failure::lasting("input", words)
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

/// How white the pixels of a mask are, over the frame.
fn whiteness(image: &Image, width: u32, height: u32) -> Vec<u8> {
    over_frame(image, width, height)
        .iter()
        .map(|c| crate::synth::guide::luminance(*c))
        .collect()
}

/// What a still or living shot is composed by.
///
/// # Errors
/// A picture is missing or unreadable, or a label map has colours that stand for nothing.
pub fn wanted(order: &Order) -> Result<Wanted, Failure> {
    let request = &order.request;
    let (width, height) = size(request);
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
        wanted.still = whiteness(&mask, width, height)
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
    let (width, height) = size(request);
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

/// A plate (of `original` pixels) in its frame, and what of the frame is to be made anew.
///
/// # Errors
/// The mask is unreadable, has another shape than the plate, or nothing is left to fill or to keep.
pub fn plate(order: &Order, object: ObjectId, original: (u32, u32)) -> Result<(SourceFacts, Hole), Failure> {
    let request = &order.request;
    let by = Grid::of_request(request).by;
    let (width, height) = size(request);
    let (left, pw) = span(request, settings::FRAME_LEFT, settings::FRAME_RIGHT, width);
    let (top, ph) = span(request, settings::FRAME_UP, settings::FRAME_DOWN, height);
    if pw < 16 || ph < 16 {
        return Err(fault(format!(
            "the plate would be {pw}x{ph} pixels in the frame; add less round it, or make the film larger"
        )));
    }
    let scaled = atlas::covering(object, original, pw * by, ph * by, by);
    let mut made = vec![true; (width * height) as usize];
    for y in top..top + ph {
        let at = (y * width + left) as usize;
        made[at..at + pw as usize].fill(false);
    }
    if let Some(mask) = picture(order, settings::MASK)? {
        let sizes = [(mask.width(), mask.height()), original];
        let [shape, wanted] = sizes.map(|(w, h)| f64::from(w) / f64::from(h.max(1)));
        if (shape / wanted - 1.0).abs() > 0.02 {
            return Err(fault(format!(
                "the mask is {}x{} pixels and the plate {}x{}, which is another shape; paint the mask over the plate",
                mask.width(),
                mask.height(),
                original.0,
                original.1
            )));
        }
        let white = whiteness(&mask, pw, ph);
        for (i, v) in white.iter().enumerate() {
            let (x, y) = (i as u32 % pw + left, i as u32 / pw + top);
            made[(y * width + x) as usize] |= *v >= 128;
        }
    }
    let count = made.iter().filter(|m| **m).count();
    if count == 0 {
        return Err(fault(
            "there is nothing to fill: the mask has no white over what is seen of the plate, and nothing is added round it",
        ));
    }
    if count == made.len() {
        return Err(fault(
            "there is nothing to keep: the mask is white all over; paint white only what is to be made anew",
        ));
    }
    let hole = Hole {
        width: width as usize,
        height: height as usize,
        left: left as usize,
        top: top as usize,
        made,
    };
    Ok((scaled, hole))
}

/// Width and height of the grid that the request's frames are made on.
fn size(request: &Request) -> (u32, u32) {
    let grid = Grid::of_request(request);
    (grid.across as u32, grid.down as u32)
}

/// Where the plate begins along one side of the frame, and how long it is there, in pixels.
fn span(request: &Request, before: &str, after: &str, whole: u32) -> (u32, u32) {
    let share = |name: &str| request.number(name).unwrap_or(0.0).clamp(0.0, 8.0);
    let (a, b) = (share(before), share(after));
    let round = |v: f64| (v + 0.5) as u32;
    let begin = round(f64::from(whole) * a / (1.0 + a + b));
    let end = round(f64::from(whole) * (1.0 + a) / (1.0 + a + b));
    (begin, end.min(whole).saturating_sub(begin))
}
