//! What is written at the bottom of an animatic's picture: shot, lens, frame and timecode.

use std::sync::{Mutex, PoisonError};

use heirloom_film::{Rate, Size};
use heirloom_picture::Image;

use super::paint::{grey, halo, lay, mix};
use super::{Label, Lens};
use crate::lettering::{Face, Lettering, Line, Sheet, printable};
use crate::titles::unit;

/// What is read first.
const BRIGHT: u8 = 244;
/// What is read second.
const QUIET: u8 = 222;
/// How dark the ground behind the letters is made at the picture's lower edge.
const SHADE: f32 = 0.66;
/// How dark the ground close to the letters is made: they must be legible on snow.
const HALO: f32 = 0.9;

/// What is said of one frame.
pub(super) struct Fields<'f> {
    pub scene: &'f str,
    pub shot: &'f str,
    pub label: Label,
    pub frame: u32,
    pub frames: u32,
    pub film_frame: u64,
    pub film_last: u64,
    pub rate: Rate,
}

/// Sizes of the strip, in pixels.
#[derive(Clone, Copy)]
struct Strip {
    em: f32,
    top: u32,
    rows: u32,
    leading: f32,
}

impl Strip {
    fn of(size: Size) -> Self {
        let em = (unit(size.width, size.height) * 0.036).max(5.0);
        // Where both sides do not fit beside each other, they stand below each other.
        let rows = if size.width as f32 / em < 38.0 { 2 } else { 1 };
        let leading = em * 1.5;
        let height = em * 1.25 + leading * rows as f32;
        Self {
            em,
            top: size.height.saturating_sub(height.round() as u32),
            rows,
            leading,
        }
    }

    /// The baseline of a row, in pixels from the strip's top.
    fn baseline(self, row: u32, height: u32) -> f32 {
        let below = (self.rows - 1 - row) as f32 * self.leading;
        (height as f32 - self.em * 0.85 - below).round()
    }
}

/// The first row of pixels that the burn-in touches, for pictures of a size.
pub fn strip_top(size: Size) -> u32 {
    Strip::of(size).top
}

/// Writes burn-ins on pictures of one size, from any number of threads.
pub(super) struct BurnIn {
    size: Size,
    strip: Strip,
    /// Setting letters takes a set of fonts, and each thread its own.
    letters: Mutex<Vec<Lettering>>,
}

impl BurnIn {
    pub fn new(size: Size) -> Self {
        Self {
            size,
            strip: Strip::of(size),
            letters: Mutex::new(Vec::new()),
        }
    }

    pub fn write(&self, image: &mut Image, fields: &Fields<'_>) {
        if (image.width(), image.height()) != (self.size.width, self.size.height) {
            return;
        }
        let free =
            |letters: &Mutex<Vec<Lettering>>| letters.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut letters = free(&self.letters).unwrap_or_else(Lettering::new);
        let height = self.size.height - self.strip.top;
        let mut bright = Sheet::new(self.size.width, height);
        let mut quiet = bright.clone();
        self.set(&mut letters, fields, &mut bright, &mut quiet);
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(letters);
        self.shade(image, &bright, &quiet);
        lay(image, &quiet, self.strip.top, grey(QUIET));
        lay(image, &bright, self.strip.top, grey(BRIGHT));
    }

    /// Left: shot, what it is, lens. Right, each in a place of its own width so that nothing trembles: frame of the
    /// shot, frame of the film, timecode.
    fn set(&self, letters: &mut Lettering, fields: &Fields<'_>, bright: &mut Sheet, quiet: &mut Sheet) {
        let Strip { em, rows, .. } = self.strip;
        let (margin, gap) = ((em * 1.2).round(), em * 1.1);
        let width = self.size.width as f32;
        let right_row = rows - 1;
        let baseline = |row| self.strip.baseline(row, bright.height);
        let (left_base, right_base) = (baseline(0), baseline(right_row));

        let timecode = fields.rate.timecode(fields.film_frame).to_string();
        let columns = [
            (timecode, fields.rate.timecode(fields.film_last).to_string(), true),
            (
                format!("film {}", fields.film_frame),
                format!("film {}", fields.film_last),
                false,
            ),
            (
                format!("{} / {}", fields.frame, fields.frames),
                format!("{} / {}", fields.frames, fields.frames),
                false,
            ),
        ];
        let mut edge = width - margin;
        for (text, widest, first) in &columns {
            let face = if *first { Face::Label } else { Face::Figures };
            let [line, widest] = [text, widest].map(|t| one(letters, t, face, em));
            let (Some(line), Some(widest)) = (line, widest) else {
                continue;
            };
            if edge - widest.width < margin {
                break;
            }
            let sheet = if *first { &mut *bright } else { &mut *quiet };
            letters.draw(sheet, &line, edge - line.width, right_base, 1.0);
            edge -= widest.width.max(line.width) + gap;
        }
        let mut room = if rows == 1 {
            edge - margin
        } else {
            width - 2.0 * margin
        };
        let mut at = margin;
        let name = printable(&format!("{} {}", fields.scene, fields.shot));
        if let Some(line) = shortened(letters, &name, Face::Label, em, room) {
            letters.draw(bright, &line, at, left_base, 1.0);
            at += line.width + gap;
            room -= line.width + gap;
        }
        let mut about = vec![printable(&fields.label.what)];
        about.extend(fields.label.lens.map(said));
        for words in about {
            let Some(line) = one(letters, &words, Face::Figures, em).filter(|l| l.width <= room) else {
                break;
            };
            letters.draw(quiet, &line, at, left_base, 1.0);
            at += line.width + gap;
            room -= line.width + gap;
        }
    }

    /// Darken the ground: gently towards the lower edge, more around the letters.
    fn shade(&self, image: &mut Image, bright: &Sheet, quiet: &Sheet) {
        let (width, rows) = (bright.width as usize, bright.height as usize);
        let letters: Vec<f32> = bright
            .coverage
            .iter()
            .zip(&quiet.coverage)
            .map(|(a, b)| a.max(*b))
            .collect();
        let start = self.strip.top as usize * width;
        for (row, pixels) in image.pixels_mut()[start..].chunks_exact_mut(width).enumerate() {
            let down = ((row as f32 + 0.5) / rows as f32 * 1.6).min(1.0);
            for pixel in pixels {
                mix(pixel, [0.0, 0.0, 0.0, 1.0], SHADE * down * down);
            }
        }
        let radius = (self.strip.em * 0.24).ceil().max(1.0) as usize;
        halo(image, &letters, self.strip.top, radius, HALO);
    }
}

fn said(lens: Lens) -> String {
    let whole = (lens.focal_mm - libm::round(lens.focal_mm)).abs() < 0.05;
    if whole && !lens.zooms {
        format!("{:.0} mm", lens.focal_mm)
    } else {
        format!("{:.1} mm", lens.focal_mm)
    }
}

fn one(letters: &mut Lettering, text: &str, face: Face, em: f32) -> Option<Line> {
    letters.set(text, face, em, f32::MAX, false).into_iter().next()
}

/// As much of a name as there is room for, the rest as an ellipsis.
fn shortened(letters: &mut Lettering, text: &str, face: Face, em: f32, room: f32) -> Option<Line> {
    let whole = one(letters, text, face, em)?;
    if whole.width <= room {
        return Some(whole);
    }
    let characters: Vec<char> = text.chars().collect();
    // Halving finds the longest beginning that fits.
    let (mut low, mut high) = (0, characters.len());
    let mut best = None;
    while low < high {
        let middle = (low + high).div_ceil(2);
        let beginning: String = characters[..middle].iter().collect();
        match one(letters, &format!("{}…", beginning.trim_end()), face, em) {
            Some(line) if line.width <= room => (best, low) = (Some(line), middle),
            _ => high = middle - 1,
        }
    }
    best
}
