//! Where a plate lies in its frame, and what of the frame is made anew: one answer for every engine that fills.

use heirloom_picture::{Image, color, resample};

use crate::job::Failure;
use crate::request::Request;
use crate::settings;

/// From this whiteness on, of 255, a mask says that a place is made anew.
const WHITE: u8 = 128;
/// Fewest pixels of a plate along a side of the frame.
const LEAST_PX: u32 = 16;
/// How far a mask's shape may be from the plate's.
const SHAPE_SLACK: f64 = 0.02;

/// A plate in its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// Column of the frame at which the plate begins.
    pub left: u32,
    /// Row at which it begins.
    pub top: u32,
    /// Columns that it is seen in.
    pub width: u32,
    /// Rows that it is seen in.
    pub height: u32,
    /// For each pixel of the frame, row by row, whether it is made anew.
    pub made: Vec<bool>,
}

impl Hole {
    /// Where a plate of `original` pixels lies in a frame of `frame` pixels, and what is made anew: what the request adds
    /// round it, and what is white in `mask`.
    ///
    /// # Errors
    /// The mask has another shape than the plate, or nothing is left to fill or to keep; each says the mend.
    pub fn of(
        request: &Request,
        frame: (u32, u32),
        original: (u32, u32),
        mask: Option<&Image>,
    ) -> Result<Self, Failure> {
        let (left, width) = span(request, settings::FRAME_LEFT, settings::FRAME_RIGHT, frame.0);
        let (top, height) = span(request, settings::FRAME_UP, settings::FRAME_DOWN, frame.1);
        if width < LEAST_PX || height < LEAST_PX {
            return Err(fault(format!(
                "the plate would be {width}x{height} pixels in the frame; add less round it, or make the film larger"
            )));
        }
        let mut made = vec![true; frame.0 as usize * frame.1 as usize];
        for y in top..top + height {
            let at = y as usize * frame.0 as usize + left as usize;
            made[at..at + width as usize].fill(false);
        }
        if let Some(mask) = mask {
            let [shape, wanted] =
                [(mask.width(), mask.height()), original].map(|(w, h)| f64::from(w) / f64::from(h.max(1)));
            if (shape / wanted - 1.0).abs() > SHAPE_SLACK {
                return Err(fault(format!(
                    "the mask is {}x{} pixels and the plate {}x{}, which is another shape; paint the mask over the plate",
                    mask.width(),
                    mask.height(),
                    original.0,
                    original.1
                )));
            }
            for (i, white) in (0..).zip(whiteness(mask, width, height)) {
                let (x, y) = (i % width + left, i / width + top);
                made[y as usize * frame.0 as usize + x as usize] |= white >= WHITE;
            }
        }
        let count = made.iter().filter(|made| **made).count();
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
        Ok(Self {
            left,
            top,
            width,
            height,
            made,
        })
    }
}

fn fault(words: impl Into<String>) -> Failure {
    Failure::lasting("input", words)
}

/// Luminance of a display colour, 0..=255.
#[inline(always)]
pub fn luminance([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29 + 128) >> 8) as u8
}

/// How white the pixels of a mask are, its middle scaled to cover so many pixels.
pub fn whiteness(mask: &Image, width: u32, height: u32) -> Vec<u8> {
    let codes = color::to_display8(&resample::cover(mask, width, height));
    codes.into_iter().map(luminance).collect()
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
