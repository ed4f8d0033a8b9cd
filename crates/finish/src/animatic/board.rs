//! Storyboard drawings with durations, and moves over them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::Failure;
use heirloom_film::{Ease, Size};
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{AcesCg, Image};

use super::paint::{self, grey, overlap};
use super::{Label, Pictures};
use crate::lettering::{Face, Lettering, Sheet, printable};
use crate::titles::unit;

/// The display grey around a drawing that does not fill the picture.
const GROUND: u8 = 18;

/// A drawing, read when it is first shown: linear ACEScg of any size.
pub type Drawing = Arc<dyn Fn() -> Result<Image, Failure> + Send + Sync>;

/// A part of a drawing, in fractions of its width and height from its upper left corner. It may reach beyond the
/// drawing; what lies there is a dark grey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// From the left.
    pub x: f64,
    /// From above.
    pub y: f64,
    /// Part of the drawing's width.
    pub width: f64,
    /// Part of the drawing's height.
    pub height: f64,
}

impl Part {
    /// The whole drawing.
    pub const WHOLE: Self = Self {
        x: 0.0,
        y: 0.0,
        width: 1.0,
        height: 1.0,
    };

    fn is_sound(self) -> bool {
        let all = [self.x, self.y, self.width, self.height];
        all.iter().all(|v| v.is_finite() && v.abs() <= 16.0) && self.width.min(self.height) >= 1e-3
    }

    /// As pixels of a drawing, widened about its middle to the shape of `size`, so that all of it is seen.
    fn window(self, drawing: (u32, u32), size: Size) -> Window {
        let (across, down) = (f64::from(drawing.0), f64::from(drawing.1));
        let (mut width, mut height) = (self.width * across, self.height * down);
        let middle = ((self.x * across) + width / 2.0, (self.y * down) + height / 2.0);
        let shape = f64::from(size.width) / f64::from(size.height);
        if width < height * shape {
            width = height * shape;
        } else {
            height = width / shape;
        }
        Window {
            left: middle.0 - width / 2.0,
            top: middle.1 - height / 2.0,
            width,
            height,
        }
    }
}

/// One drawing of a storyboard.
#[derive(Clone)]
pub struct Board {
    /// What people call it, for errors.
    pub name: String,
    /// The drawing.
    pub drawing: Drawing,
    /// How long it is shown, in frames.
    pub frames: u32,
    /// What is seen of it at first.
    pub from: Part,
    /// What is seen of it at last.
    pub to: Part,
    /// How it goes from the one to the other.
    pub ease: Ease,
    /// Words below the drawing; none where empty.
    pub caption: String,
}

/// Boards whose lengths do not make up the shot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardWarning {
    /// The last one is held.
    TooShort {
        /// Frames of all boards.
        boards: u64,
        /// Frames of the shot.
        shot: u32,
    },
    /// What is over is not seen.
    TooLong {
        /// Frames of all boards.
        boards: u64,
        /// Frames of the shot.
        shot: u32,
    },
}

impl fmt::Display for BoardWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { boards, shot } => write!(
                f,
                "its boards last {boards} frames and the shot {shot}, so the last board is held for {} more; give the \
                 boards {shot} frames together",
                u64::from(*shot).saturating_sub(*boards)
            ),
            Self::TooLong { boards, shot } => write!(
                f,
                "its boards last {boards} frames and the shot {shot}, so the last {} are not seen; shorten a board or \
                 lengthen the shot",
                boards.saturating_sub(u64::from(*shot))
            ),
        }
    }
}

/// The boards of a shot, as pictures.
pub struct Boards {
    boards: Vec<Board>,
    frames: u32,
    size: Size,
    /// The drawing that was shown last, with its number: in an animatic they follow each other.
    shown: Mutex<Option<Shown>>,
}

/// A drawing in memory.
#[derive(Clone)]
struct Shown {
    index: usize,
    image: Arc<Image>,
    /// Its caption, over the whole picture.
    caption: Option<Arc<Sheet>>,
}

impl Boards {
    /// Boards of a shot of `frames` frames, for pictures of a size.
    ///
    /// # Errors
    /// There is no board, one without frames, or a move over nothing; the failure says the mend.
    pub fn new(boards: Vec<Board>, frames: u32, size: Size) -> Result<Self, Failure> {
        if boards.is_empty() {
            return Err(Failure::lasting(
                "input",
                "a storyboard needs at least one drawing",
            ));
        }
        for board in &boards {
            let wrong = |why: &str| Failure::lasting("input", format!("the board {} {why}", board.name));
            if board.frames == 0 {
                return Err(wrong("has no frames; give it at least 1"));
            }
            if !board.from.is_sound() || !board.to.is_sound() {
                return Err(wrong(
                    "shows a part without area; a part is x, y, width and height in fractions of the drawing",
                ));
            }
        }
        Ok(Self {
            boards,
            frames,
            size,
            shown: Mutex::new(None),
        })
    }

    /// Whether the boards' lengths make up the shot's.
    pub fn warning(&self) -> Option<BoardWarning> {
        let boards: u64 = self.boards.iter().map(|b| u64::from(b.frames)).sum();
        let shot = self.frames;
        match boards.cmp(&u64::from(shot)) {
            std::cmp::Ordering::Less => Some(BoardWarning::TooShort { boards, shot }),
            std::cmp::Ordering::Greater => Some(BoardWarning::TooLong { boards, shot }),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Which board is seen at a frame, and the frame within it; past its end where the last one is held.
    fn at(&self, n: u32) -> (usize, u64) {
        let mut start = 0_u64;
        let last = self.boards.len() - 1;
        for (index, board) in self.boards.iter().enumerate() {
            let end = start + u64::from(board.frames);
            if u64::from(n) < end || index == last {
                return (index, u64::from(n) - start);
            }
            start = end;
        }
        (last, 0)
    }

    fn drawing(&self, index: usize) -> Result<Shown, Failure> {
        // Read under the lock, so that two workers do not read one drawing twice.
        let mut kept = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = kept.as_ref().filter(|shown| shown.index == index) {
            return Ok(shown.clone());
        }
        // Let go first: two large drawings need not be in memory at once.
        *kept = None;
        let board = &self.boards[index];
        let shown = Shown {
            index,
            image: Arc::new((board.drawing)()?),
            caption: caption(&board.caption, self.size).map(Arc::new),
        };
        *kept = Some(shown.clone());
        Ok(shown)
    }
}

impl Pictures for Boards {
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let (index, within) = self.at(n);
        let board = &self.boards[index];
        let shown = self.drawing(index)?;
        let drawing = &shown.image;
        if n + 1 >= self.frames {
            // The shot is over.
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let size = (drawing.width(), drawing.height());
        let [from, to] = [board.from, board.to].map(|frame| frame.window(size, self.size));
        // The first frame shows the beginning and the last one the end.
        let t = match board.frames {
            1 => 0.0,
            frames => (within as f64 / f64::from(frames - 1)).min(1.0),
        };
        let mut image = seen(drawing, between(from, to, board.ease.at(t)), self.size);
        if let Some(caption) = &shown.caption {
            let radius = (caption_em(self.size) * 0.25).ceil() as usize;
            paint::halo(&mut image, &caption.coverage, 0, radius, 0.92);
            paint::lay(&mut image, caption, 0, grey(236));
        }
        Ok(image)
    }

    fn label(&self, n: u32) -> Label {
        Label {
            what: match self.boards.len() {
                1 => "board".into(),
                all => format!("board {}/{all}", self.at(n).0 + 1),
            },
            lens: None,
        }
    }
}

/// The window on the way from one to another. Its size grows by equal factors in equal times, which looks like one
/// speed, and its edges go along straight lines, so that a point that stands in both stands still between.
fn between(from: Window, to: Window, t: f64) -> Window {
    let zoom = to.width / from.width;
    let part = if (zoom - 1.0).abs() < 1e-9 {
        t
    } else {
        (libm::pow(zoom, t) - 1.0) / (zoom - 1.0)
    };
    let on_the_way = |a: f64, b: f64| a + (b - a) * part;
    Window {
        left: on_the_way(from.left, to.left),
        top: on_the_way(from.top, to.top),
        width: on_the_way(from.width, to.width),
        height: on_the_way(from.height, to.height),
    }
}

/// A drawing through a window, on the dark ground where the window reaches beyond it.
fn seen(drawing: &Image<AcesCg>, window: Window, size: Size) -> Image {
    let mut image = resample::window(drawing, window, size.width, size.height);
    let ground = grey(GROUND);
    let covered = |start: f64, length: f64, side: u32, count: u32| -> Vec<f32> {
        let pixel = length / f64::from(count);
        // In pixels of the picture: where the drawing begins and ends.
        let (from, to) = (-start / pixel, (f64::from(side) - start) / pixel);
        (0..count as usize)
            .map(|at| overlap(at, from, to) as f32)
            .collect()
    };
    let across = covered(window.left, window.width, drawing.width(), size.width);
    let down = covered(window.top, window.height, drawing.height(), size.height);
    for (row, down) in image
        .pixels_mut()
        .chunks_exact_mut(across.len().max(1))
        .zip(&down)
    {
        for (pixel, across) in row.iter_mut().zip(&across) {
            let drawn = down * across;
            let under = 1.0 - pixel[3] * drawn;
            for channel in 0..3 {
                pixel[channel] = pixel[channel] * drawn + ground[channel] * under;
            }
            pixel[3] = 1.0;
        }
    }
    image
}

fn caption_em(size: Size) -> f32 {
    unit(size.width, size.height) * 0.046
}

/// A caption, in the middle above the burn-in's place; nothing where there are no words.
fn caption(words: &str, size: Size) -> Option<Sheet> {
    let words = printable(words);
    let em = caption_em(size);
    let room = size.width as f32 * 0.8;
    let mut letters = Lettering::new();
    let mut lines = letters.set_balanced(&words, Face::Text, em, room);
    // Words without end are cut: a caption must not cover the drawing.
    lines.truncate(3);
    if lines.is_empty() {
        return None;
    }
    let mut sheet = Sheet::new(size.width, size.height);
    let leading = em * 1.32;
    let mut baseline = super::strip_top(size) as f32 - em * 0.45 - leading * (lines.len() - 1) as f32;
    for line in &lines {
        let left = (size.width as f32 - line.width) / 2.0;
        letters.draw(&mut sheet, line, left, baseline.round(), 1.0);
        baseline += leading;
    }
    Some(sheet)
}
