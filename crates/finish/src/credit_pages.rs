//! How end credits are laid out: rows of two columns, in as few pages as are legible.

use heirloom_film::Size;

use crate::lettering::{Face, Lettering, Line, Sheet, printable};
use crate::titles::{CreditText, unit};

/// Strength of what is read second: terms, what was done.
const QUIET: f32 = 0.42;
/// Space between lines of text, in ems.
const LEADING: f32 = 1.38;
/// Space between the two columns of the credits, in ems.
const GUTTER: f32 = 1.5;

/// A line within its column.
#[derive(Clone)]
struct Placed {
    line: Line,
    opacity: f32,
    /// Which line of the column it stands on, from 0.
    down: usize,
    /// Distance from the column's edge at the middle of the page, in pixels.
    along: f32,
}

/// One line of the credits, of up to two columns, or a heading over both.
#[derive(Clone)]
enum Row {
    Heading(Line),
    Title(Line),
    Pair {
        left: Vec<Placed>,
        right: Vec<Placed>,
    },
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
                let lines = left
                    .iter()
                    .chain(right)
                    .map(|placed| placed.down + 1)
                    .max()
                    .unwrap_or(0);
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

/// The pages of the credits.
pub(crate) fn draw_credits(letters: &mut Lettering, size: Size, text: &CreditText) -> Vec<Sheet> {
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
        let set = Setting {
            em: unit * em,
            stacked,
        };
        let rows = credit_rows(letters, size, text, set);
        let fits = rows.iter().map(|row| row.height(set)).sum::<f32>() <= room;
        chosen = Some((rows, set));
        if fits {
            break;
        }
    }
    let Some((rows, set)) = chosen else {
        return Vec::new();
    };
    let pages = paginate(rows, set, room);
    pages
        .iter()
        .map(|rows| draw_page(letters, size, rows, set))
        .collect()
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
        rows.push(Row::Pair {
            left: toned(left, QUIET),
            right: toned(right, 1.0),
        });
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
        let terms = letters.set_balanced(&printable(&source.terms), Face::Text, quiet * 0.92, column);
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
            None => Placed {
                down: placed.down + below,
                ..placed
            },
        }));
        rows.push(Row::Pair {
            left: toned(left, 1.0),
            right,
        });
    }
    rows
}

fn toned(lines: Vec<Line>, opacity: f32) -> Vec<Placed> {
    lines
        .into_iter()
        .enumerate()
        .map(|(down, line)| Placed {
            line,
            opacity,
            down,
            along: 0.0,
        })
        .collect()
}

/// Rows in as few pages as `room` allows, of about equal height; none is higher than `room` unless a single row is.
fn paginate(rows: Vec<Row>, set: Setting, room: f32) -> Vec<Vec<Row>> {
    let fewest = breaks(&rows, set, room).len();
    let (mut low, mut high) = (0.0, room);
    for _ in 0..12 {
        let middle = (low + high) / 2.0;
        if breaks(&rows, set, middle).len() <= fewest {
            high = middle
        } else {
            low = middle
        }
    }
    let mut starts = breaks(&rows, set, high).into_iter().peekable();
    let mut pages: Vec<Vec<Row>> = Vec::new();
    let mut heading = None;
    for (at, row) in rows.into_iter().enumerate() {
        if starts.next_if_eq(&at).is_some() || pages.is_empty() {
            // What goes on over the page says again what it is; the margins have room for it.
            let again = heading.clone().filter(|_| matches!(row, Row::Pair { .. }));
            pages.push(again.into_iter().collect());
        }
        if let Row::Heading(_) = row {
            heading = Some(row.clone());
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
                letters.draw(
                    &mut sheet,
                    line,
                    middle - line.width / 2.0,
                    baseline.round(),
                    QUIET * 1.2,
                );
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
