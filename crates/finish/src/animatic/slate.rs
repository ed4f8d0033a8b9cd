//! A card in place of a shot of which there is nothing to show yet.

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::Failure;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;

use super::paint::{fill, grey, lay, tone};
use super::{Label, Pictures};
use crate::lettering::{Face, Lettering, Line, Sheet, printable};
use crate::titles::unit;

/// The ground, as a display shows it.
const GROUND: [u8; 3] = [26, 28, 32];
/// What is read first.
const BRIGHT: u8 = 232;
/// What is read second.
const QUIET: u8 = 150;
/// The line that shows how far the shot is, before and behind.
const LINE: (u8, u8) = (70, 205);

/// A slate: the shot's name, its length and what is to be seen in it, with a line that fills as it goes by.
pub struct Slate {
    scene: String,
    shot: String,
    frames: u32,
    length: String,
    words: String,
    size: Size,
    /// The card without its line, while the shot is being shown.
    card: Mutex<Option<Arc<Image>>>,
}

impl Slate {
    /// For a shot of `frames` frames; `words` say what is to be seen (its prompt).
    pub fn new(scene: &str, shot: &str, frames: u32, rate: Rate, words: &str) -> Self {
        let length = match frames {
            1 => "1 frame".to_owned(),
            frames => format!("{frames} frames, {}", rate.timecode(frames.into())),
        };
        Self {
            scene: printable(scene),
            shot: printable(shot),
            frames,
            length,
            words: printable(words),
            size: Size::HD,
            card: Mutex::new(None),
        }
    }

    /// For pictures of another size than 1280x720.
    #[must_use]
    pub fn size(self, size: Size) -> Self {
        Self { size, ..self }
    }

    /// Left edge of everything, and the line's right end, in pixels.
    fn edges(&self) -> (f64, f64) {
        let width = f64::from(self.size.width);
        ((width * 0.085).round(), width - (width * 0.085).round())
    }

    /// Where the line lies, in pixels from the top.
    fn line(&self) -> (f64, f64) {
        let height = f64::from(self.size.height);
        let top = (height * 0.47).round();
        let thick = f64::from(unit(self.size.width, self.size.height)) / 180.0;
        (top, top + thick.round().max(1.0))
    }

    fn draw(&self) -> Image {
        let (width, height) = (self.size.width, self.size.height);
        let mut image = Image::filled(width, height, tone(GROUND));
        let mut letters = Lettering::new();
        let unit = unit(width, height);
        let (left, right) = self.edges();
        let room = (right - left) as f32;
        let left = left as f32;
        let (line_top, line_end) = self.line();
        let mut bright = Sheet::new(width, height);
        let mut quiet = Sheet::new(width, height);

        // Above the line: scene, then shot, sitting on it.
        let (shot, em) = fit(&mut letters, &self.shot, Face::Label, unit * 0.15, room);
        let baseline = line_top as f32 - unit * 0.055;
        if let Some(shot) = shot {
            letters.draw(&mut bright, &shot, left, baseline.round(), 1.0);
        }
        let (scene, _) = fit(&mut letters, &self.scene, Face::Label, unit * 0.05, room);
        if let Some(scene) = scene {
            let above = baseline - em * Face::Label.capital() - unit * 0.055;
            letters.draw(&mut quiet, &scene, left, above.round(), 1.0);
        }
        // Below it: the length, then what is to be seen.
        let small = unit * 0.042;
        let mut baseline = line_end as f32 + unit * 0.075;
        let (length, _) = fit(&mut letters, &self.length, Face::Figures, small, room);
        if let Some(length) = length {
            letters.draw(&mut quiet, &length, left, baseline.round(), 1.0);
        }
        baseline += unit * 0.09;
        // The burn-in's place at the bottom stays free.
        let end = super::strip_top(self.size) as f32 - small * 0.5;
        let column = room.min(unit * 1.15);
        let lines = letters.set(&self.words, Face::Text, unit * 0.046, column, false);
        let fitting = ((end - baseline) / (unit * 0.064)).floor().max(0.0) as usize + 1;
        for line in lines.iter().filter(|line| line.width <= room).take(fitting) {
            letters.draw(&mut bright, line, left, baseline.round(), 1.0);
            baseline += unit * 0.064;
        }
        lay(&mut image, &quiet, 0, grey(QUIET));
        lay(&mut image, &bright, 0, grey(BRIGHT));
        image
    }
}

impl Pictures for Slate {
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let card = {
            let mut card = self.card.lock().unwrap_or_else(PoisonError::into_inner);
            let drawn = card.get_or_insert_with(|| Arc::new(self.draw())).clone();
            if n + 1 >= self.frames {
                // The shot is over: a film of slates must not fill the memory.
                *card = None;
            }
            drawn
        };
        let mut image = Image::clone(&card);
        let (left, right) = self.edges();
        let part = f64::from(n + 1) / f64::from(self.frames.max(1));
        let now = left + (right - left) * part.min(1.0);
        fill(&mut image, (left, right), self.line(), grey(LINE.0), 1.0);
        fill(&mut image, (left, now), self.line(), grey(LINE.1), 1.0);
        Ok(image)
    }

    fn label(&self, _: u32) -> Label {
        Label {
            what: "slate".into(),
            lens: None,
        }
    }
}

/// One line of words as large as `em` or as small as it must be to fit, and how large it is.
fn fit(letters: &mut Lettering, text: &str, face: Face, em: f32, room: f32) -> (Option<Line>, f32) {
    let whole = letters.set(text, face, em, f32::MAX, false).into_iter().next();
    match whole {
        Some(line) if line.width > room => {
            let em = (em * room / line.width * 0.98).max(em * 0.2);
            (letters.set(text, face, em, room, true).into_iter().next(), em)
        }
        line => (line, em),
    }
}
