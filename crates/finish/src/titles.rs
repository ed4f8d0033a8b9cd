//! Title card and end credits: what stands where.
//!
//! White, a little warm, on black. All measures follow the picture's height (or three quarters of its width
//! where that is less), so a card looks the same at any size.

use heirloom_film::{Rate, Size};
use heirloom_picture::{AcesCg, Image, color};

use crate::lettering::{FONTS, Face, Lettering, Line, Sheet, printable};

/// The colour of letters, as a display shows it: white, a little warm, and below full so that it does not glare
/// out of black.
const LETTERS: [u8; 3] = [243, 238, 228];
/// Strength of what is read second: terms, what was done.
const QUIET: f32 = 0.42;
/// Space between lines of text, in ems.
const LEADING: f32 = 1.38;
/// Space between the two columns of the credits, in ems.
const GUTTER: f32 = 1.5;

/// Pages of letters on black, with a gentle fade into and out of each.
#[derive(Debug, Clone)]
pub struct Card {
    size: Size,
    pages: Vec<Sheet>,
    page_frames: u32,
    fade_frames: u32,
    text: Vec<String>,
    warnings: Vec<String>,
}

/// Who did what in the film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCredit {
    /// What the person did, as a heading: `Directed by`.
    pub did: String,
    /// The person.
    pub name: String,
}

/// What one owner gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCredit {
    /// Names of the sources, for people: `Eta Carinae`.
    pub gave: Vec<String>,
    /// Who owns them.
    pub owner: String,
    /// Under what terms: `CC BY 3.0`.
    pub terms: String,
}

/// All that the end credits say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditText {
    /// The film's title.
    pub title: String,
    /// Who made it, in the order given.
    pub people: Vec<PersonCredit>,
    /// Whose sources it is made of, in the order given.
    pub sources: Vec<SourceCredit>,
}

impl Card {
    /// The title card: `title`, large, alone, for `frames` frames.
    pub fn title(title: &str, size: Size, rate: Rate, frames: u32) -> Self {
        let title = printable(title);
        let mut letters = Lettering::new();
        let mut sheet = Sheet::new(size.width, size.height);
        draw_title(&mut letters, &mut sheet, &title);
        Self::new(size, rate, vec![sheet], frames, vec![title], &letters)
    }

    /// The end credits: as many pages as their text needs, `page_frames` frames each.
    pub fn credits(text: &CreditText, size: Size, rate: Rate, page_frames: u32) -> Self {
        let mut letters = Lettering::new();
        let pages = draw_credits(&mut letters, size, text);
        let mut said = vec![printable(&text.title)];
        said.extend(text.people.iter().map(|p| printable(&format!("{}: {}", p.did, p.name))));
        said.extend(
            text.sources.iter().map(|s| printable(&format!("{}: {}, {}", s.gave.join(", "), s.owner, s.terms))),
        );
        Self::new(size, rate, pages, page_frames, said, &letters)
    }

    fn new(
        size: Size,
        rate: Rate,
        pages: Vec<Sheet>,
        page_frames: u32,
        text: Vec<String>,
        letters: &Lettering,
    ) -> Self {
        // Two thirds of a second, and never more than a third of the page.
        let fade_frames = (rate.frames_in(2) / 3).min(u64::from(page_frames / 3)) as u32;
        let mut warnings = Vec::new();
        if !letters.missing().is_empty() {
            let list: Vec<String> =
                letters.missing().iter().map(|c| format!("{c} (U+{:04X})", u32::from(*c))).collect();
            warnings.push(format!(
                "titles and credits are drawn without characters that the shipped fonts do not have: {}; write \
                 those words in Latin, Greek or Cyrillic letters",
                list.join(", ")
            ));
        }
        Self { size, pages, page_frames, fade_frames, text, warnings }
    }

    /// Length in frames; 0 for a card that is not shown.
    pub fn frames(&self) -> u32 {
        (self.pages.len() as u32).saturating_mul(self.page_frames)
    }

    /// Picture size in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Number of pages.
    pub fn pages(&self) -> u32 {
        self.pages.len() as u32
    }

    /// The words on it.
    pub fn text(&self) -> &[String] {
        &self.text
    }

    /// What could not be drawn, and the mend.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Names of the fonts that cards are drawn with.
    pub fn fonts() -> impl Iterator<Item = &'static str> {
        FONTS.iter().map(|(name, _)| *name)
    }

    /// Frame `n`, from 0, opaque: letters on black in linear ACEScg. Past the end it is black.
    pub fn frame(&self, n: u32) -> Image {
        let within = n % self.page_frames.max(1);
        match self.pages.get((n / self.page_frames.max(1)) as usize) {
            Some(sheet) if n < self.frames() => flatten(&paint(sheet, self.level(within))),
            _ => Image::filled(self.size.width, self.size.height, [0.0, 0.0, 0.0, 1.0]),
        }
    }

    /// Page `page`, from 0, at its full strength and on nothing: premultiplied, coverage as alpha.
    pub fn page(&self, page: u32) -> Option<Image> {
        self.pages.get(page as usize).map(|sheet| paint(sheet, 1.0))
    }

    /// Strength of the letters in linear light, at a frame within its page.
    fn level(&self, within: u32) -> f32 {
        let nearest_edge = within.min(self.page_frames - 1 - within);
        if nearest_edge >= self.fade_frames {
            return 1.0;
        }
        let t = (nearest_edge as f32 + 0.5) / self.fade_frames as f32;
        let eased = t * t * (3.0 - 2.0 * t);
        // Squared, because the eye is nearer to even in the root of light than in light.
        eased * eased
    }
}

/// Letters in their colour, premultiplied, on nothing.
fn paint(sheet: &Sheet, level: f32) -> Image<AcesCg> {
    let ink = color::from_display8(&[LETTERS], 1, 1).map_or([1.0; 4], |one| one.at(0, 0));
    let mut image = Image::new(sheet.width, sheet.height);
    for (pixel, coverage) in image.pixels_mut().iter_mut().zip(&sheet.coverage) {
        let alpha = coverage * level;
        *pixel = [ink[0] * alpha, ink[1] * alpha, ink[2] * alpha, alpha];
    }
    image
}

fn flatten(image: &Image<AcesCg>) -> Image<AcesCg> {
    let mut flat = image.clone();
    for pixel in flat.pixels_mut() {
        pixel[3] = 1.0;
    }
    flat
}

/// The measure that everything on a card follows, in pixels.
fn unit(width: u32, height: u32) -> f32 {
    (height as f32).min(width as f32 * 0.75)
}

fn draw_title(letters: &mut Lettering, sheet: &mut Sheet, title: &str) {
    let (width, height) = (sheet.width as f32, sheet.height as f32);
    let (lines, size) = fit_title(letters, title, unit(sheet.width, sheet.height), width * 0.74, height * 0.6);
    let leading = size * 1.16;
    let capital = size * Face::Title.capital();
    let block = capital + leading * (lines.len().saturating_sub(1)) as f32;
    // The eye takes a point a little above the middle for the middle.
    let mut baseline = height * 0.488 - block / 2.0 + capital;
    for line in &lines {
        letters.draw(sheet, line, (width - line.width) / 2.0, baseline.round(), 1.0);
        baseline += leading;
    }
}

/// The largest setting of a title that fits: one line rather than two, two rather than three.
fn fit_title(letters: &mut Lettering, title: &str, unit: f32, max_width: f32, max_height: f32) -> (Vec<Line>, f32) {
    let steps = |from: f32, to: f32| (0..=8).map(move |k| unit * (from + (to - from) * k as f32 / 8.0));
    let tries = [(1, 0.150, 0.100), (2, 0.128, 0.090), (3, 0.105, 0.070), (8, 0.070, 0.030)];
    for (most_lines, from, to) in tries {
        for size in steps(from, to) {
            let lines = letters.set_balanced(title, Face::Title, size, max_width);
            let whole = letters.set(title, Face::Title, size, max_width, false);
            let fits = lines.len() <= most_lines
                && whole.iter().all(|line| line.width <= max_width)
                && lines.len() as f32 * size * 1.16 <= max_height;
            if fits {
                return (lines, size);
            }
        }
    }
    // Words without end: broken anywhere, as much of them as there is room for.
    let size = unit * 0.030;
    let mut lines = letters.set(title, Face::Title, size, max_width, true);
    lines.truncate((max_height / (size * 1.16)) as usize);
    (lines, size)
}

/// A line within its column.
struct Placed {
    line: Line,
    opacity: f32,
    /// Which line of the column it stands on, from 0.
    down: usize,
    /// Distance from the column's edge at the middle of the page, in pixels.
    along: f32,
}

/// One line of the credits, of up to two columns, or a heading over both.
enum Row {
    Heading(Line),
    Title(Line),
    Pair { left: Vec<Placed>, right: Vec<Placed> },
    /// Empty space, in ems of the text.
    Space(f32),
}

/// How the credits are set.
#[derive(Clone, Copy)]
struct Setting {
    /// Pixels an em of the text.
    em: f32,
    /// Terms under the owner, and not beside.
    stacked: bool,
}

impl Row {
    /// Height in pixels.
    fn height(&self, set: Setting) -> f32 {
        match self {
            Self::Heading(_) => set.em * 2.3,
            Self::Title(_) => set.em * 3.2,
            Self::Pair { left, right } => {
                let lines = left.iter().chain(right).map(|placed| placed.down + 1).max().unwrap_or(0);
                set.em * (lines as f32 * LEADING + if set.stacked { 0.55 } else { 0.25 })
            }
            Self::Space(ems) => set.em * ems,
        }
    }

    /// Whether it must not be the last of a page.
    fn leads(&self) -> bool {
        matches!(self, Self::Heading(_) | Self::Title(_) | Self::Space(_))
    }
}

fn draw_credits(letters: &mut Lettering, size: Size, text: &CreditText) -> Vec<Sheet> {
    let unit = unit(size.width, size.height);
    let room = size.height as f32 * 0.84;
    // From generous to close, terms below and then beside the owner; the last is 15 pixels an em at 540 lines, below which it would be hard to read.
    let settings = [
        (0.0400, true),
        (0.0365, true),
        (0.0335, true),
        (0.0350, false),
        (0.0325, false),
        (0.0300, false),
        (0.0280, false),
    ];
    let mut chosen = None;
    for (em, stacked) in settings {
        let set = Setting { em: unit * em, stacked };
        let rows = credit_rows(letters, size, text, set);
        let fits = rows.iter().map(|row| row.height(set)).sum::<f32>() <= room;
        chosen = Some((rows, set));
        if fits {
            break;
        }
    }
    let Some((rows, set)) = chosen else { return Vec::new() };
    let pages = paginate(rows, set, room);
    pages.iter().map(|rows| draw_page(letters, size, rows, set)).collect()
}

/// The rows of the credits, shaped.
fn credit_rows(letters: &mut Lettering, size: Size, text: &CreditText, set: Setting) -> Vec<Row> {
    let width = size.width as f32;
    let column = width * 0.43 - set.em * GUTTER / 2.0;
    let mut rows = Vec::new();
    let title = printable(&text.title);
    if !title.is_empty() {
        let mut em = set.em * 1.75;
        let mut lines = letters.set(&title, Face::Title, em, width * 0.8, false);
        while lines.iter().any(|line| line.width > width * 0.8) && em > set.em {
            em *= 0.92;
            lines = letters.set(&title, Face::Title, em, width * 0.8, false);
        }
        rows.extend(lines.into_iter().map(Row::Title));
    }
    let quiet = set.em * 0.92;
    for person in &text.people {
        let left = letters.set(&printable(&person.did), Face::Text, quiet, column, true);
        let right = letters.set(&printable(&person.name), Face::Text, set.em, column, true);
        rows.push(Row::Pair { left: toned(left, QUIET), right: toned(right, 1.0) });
    }
    if !text.sources.is_empty() {
        if !text.people.is_empty() {
            rows.push(Row::Space(1.5));
        }
        let heading = letters.set("MADE FROM", Face::Heading, set.em * 0.66, width * 0.8, false);
        rows.extend(heading.into_iter().map(Row::Heading));
    }
    for source in &text.sources {
        let gave = printable(&source.gave.join(", "));
        let left = letters.set(&gave, Face::Text, set.em, column, true);
        let owner = letters.set_balanced(&printable(&source.owner), Face::Text, set.em, column);
        let terms = letters.set(&printable(&source.terms), Face::Text, quiet * 0.92, column, true);
        let beside = match (owner.as_slice(), terms.as_slice()) {
            ([owner], [terms]) if !set.stacked && owner.width + set.em + terms.width <= column => {
                Some(owner.width + set.em)
            }
            _ => None,
        };
        let mut right = toned(owner, 1.0);
        let below = right.len();
        right.extend(toned(terms, QUIET).into_iter().map(|placed| match beside {
            Some(along) => Placed { along, ..placed },
            None => Placed { down: placed.down + below, ..placed },
        }));
        rows.push(Row::Pair { left: toned(left, 1.0), right });
    }
    rows
}

fn toned(lines: Vec<Line>, opacity: f32) -> Vec<Placed> {
    lines.into_iter().enumerate().map(|(down, line)| Placed { line, opacity, down, along: 0.0 }).collect()
}

/// Rows in as few pages as `room` allows, of about equal height; none is higher than `room` unless a single row is.
fn paginate(rows: Vec<Row>, set: Setting, room: f32) -> Vec<Vec<Row>> {
    let fewest = breaks(&rows, set, room).len();
    let (mut low, mut high) = (0.0, room);
    for _ in 0..12 {
        let middle = (low + high) / 2.0;
        if breaks(&rows, set, middle).len() <= fewest { high = middle } else { low = middle }
    }
    let mut starts = breaks(&rows, set, high).into_iter().peekable();
    let mut pages: Vec<Vec<Row>> = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        if starts.next_if_eq(&at).is_some() || pages.is_empty() {
            pages.push(Vec::new());
        }
        if let Some(page) = pages.last_mut() {
            page.push(row);
        }
    }
    pages
}

/// Where pages begin when each is filled up to `limit` pixels. A heading goes with what it heads, and a page does
/// not begin with empty space.
fn breaks(rows: &[Row], set: Setting, limit: f32) -> Vec<usize> {
    let mut starts = vec![0];
    let mut filled = 0.0;
    for (at, row) in rows.iter().enumerate() {
        let start = starts.last().copied().unwrap_or(0);
        if filled + row.height(set) > limit && at > start {
            let mut from = at;
            while from > start + 1 && rows[from - 1].leads() {
                from -= 1;
            }
            if from > start && !rows[start..from].iter().all(Row::leads) {
                starts.push(from);
                filled = rows[from..at].iter().map(|row| row.height(set)).sum();
            }
        }
        filled += row.height(set);
    }
    starts
}

fn draw_page(letters: &mut Lettering, size: Size, rows: &[Row], set: Setting) -> Sheet {
    let mut sheet = Sheet::new(size.width, size.height);
    let middle = size.width as f32 / 2.0;
    let half_gutter = set.em * GUTTER / 2.0;
    let height: f32 = rows.iter().map(|row| row.height(set)).sum();
    let mut top = ((size.height as f32 - height) * 0.49).max(size.height as f32 * 0.04);
    for row in rows {
        match row {
            Row::Title(line) => {
                let baseline = top + set.em * 1.45;
                letters.draw(&mut sheet, line, middle - line.width / 2.0, baseline.round(), 1.0);
            }
            Row::Heading(line) => {
                let baseline = top + set.em * 0.95;
                letters.draw(&mut sheet, line, middle - line.width / 2.0, baseline.round(), QUIET * 1.2);
            }
            Row::Pair { left, right } => {
                for placed in left {
                    let x = middle - half_gutter - placed.line.width;
                    let y = top + set.em * (1.0 + LEADING * placed.down as f32);
                    letters.draw(&mut sheet, &placed.line, x, y.round(), placed.opacity);
                }
                for placed in right {
                    let x = middle + half_gutter + placed.along;
                    let y = top + set.em * (1.0 + LEADING * placed.down as f32);
                    letters.draw(&mut sheet, &placed.line, x, y.round(), placed.opacity);
                }
            }
            Row::Space(_) => {}
        }
        top += row.height(set);
    }
    sheet
}
