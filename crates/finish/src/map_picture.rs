//! The map picture: which place of which photograph stands where in a frame.
//!
//! Hue says the photograph and, within its share of the colour circle, how far right in it a place lies; strength of
//! colour says how far down. So a piece can be found again in its photograph by its colour, and where two pieces of
//! one photograph meet their colours differ. Lightness is the frame's own.

use heirloom_engine::places::{PlaceMap, Sampled};
use heirloom_picture::{Image, color, resample};
use heirloom_vault::ObjectId;

use crate::attribution::{MapPicture, Picture, SourceRow};
use crate::credits::percent;
use crate::lettering::{Face, Lettering, Sheet, printable};

/// Width of the whole picture in pixels.
const WIDTH: usize = 1680;
/// Space around and between.
const MARGIN: usize = 36;
/// Most photographs across in the legend.
const ACROSS: usize = 3;
/// Most photographs in the legend.
const MOST: usize = 12;
/// The ground, and letters on it.
const GROUND: [u8; 3] = [24, 24, 26];
const INK: [u8; 3] = [236, 233, 226];
const QUIET: [u8; 3] = [158, 156, 152];

type Codes = Vec<[u8; 3]>;

struct Canvas {
    width: usize,
    height: usize,
    codes: Codes,
    letters: Lettering,
}

impl Canvas {
    fn put(&mut self, x: usize, y: usize, code: [u8; 3]) {
        if x < self.width && y < self.height {
            self.codes[y * self.width + x] = code;
        }
    }

    fn fill(&mut self, [x, y, w, h]: [usize; 4], code: [u8; 3]) {
        for row in y..y + h {
            for column in x..x + w {
                self.put(column, row, code);
            }
        }
    }

    /// Words on one line, cut with dots where they are too long. `y` is the baseline.
    fn words(&mut self, text: &str, face: Face, em: f32, [x, y]: [usize; 2], width: f32, ink: [u8; 3]) {
        let mut text = printable(text);
        let line = loop {
            let lines = self.letters.set(&text, face, em, 1e6, false);
            let Some(line) = lines.into_iter().next() else {
                return;
            };
            if line.width <= width || text.chars().count() < 3 {
                break line;
            }
            let keep = text.chars().count() - 2;
            text = text
                .chars()
                .take(keep)
                .collect::<String>()
                .trim_end_matches(['…', ' '])
                .to_owned()
                + "…";
        };
        let (high, wide) = ((em * 1.6) as usize + 2, line.width as usize + 4);
        let mut sheet = Sheet::new(wide as u32, high as u32);
        self.letters.draw(&mut sheet, &line, 1.0, em * 1.15, 1.0);
        let top = y.saturating_sub((em * 1.15) as usize);
        for (i, cover) in sheet.coverage.iter().enumerate().filter(|(_, c)| **c > 0.0) {
            let (px, py) = (x + i % wide, top + i / wide);
            if px < self.width && py < self.height {
                let at = &mut self.codes[py * self.width + px];
                *at = std::array::from_fn(|k| {
                    (f32::from(at[k]) * (1.0 - cover) + f32::from(ink[k]) * cover + 0.5) as u8
                });
            }
        }
    }

    /// Words on up to two lines; gives where the next line stands.
    fn lines(
        &mut self,
        text: &str,
        face: Face,
        em: f32,
        [x, y]: [usize; 2],
        width: f32,
        ink: [u8; 3],
    ) -> usize {
        let leading = (em * 1.3) as usize;
        let text = printable(text);
        let mut first = String::new();
        for word in text.split(' ') {
            let longer = if first.is_empty() {
                word.to_owned()
            } else {
                format!("{first} {word}")
            };
            let fits = self
                .letters
                .set(&longer, face, em, 1e6, false)
                .first()
                .is_none_or(|l| l.width <= width);
            if !fits && !first.is_empty() {
                break;
            }
            first = longer;
        }
        let rest = text[first.len()..].trim_start().to_owned();
        self.words(&first, face, em, [x, y], width, ink);
        if rest.is_empty() {
            return y + leading;
        }
        self.words(&rest, face, em, [x, y + leading], width, ink);
        y + 2 * leading
    }

    fn picture(&mut self, codes: &Codes, width: usize, [x, y]: [usize; 2]) {
        for (i, code) in codes.iter().enumerate() {
            self.put(x + i % width.max(1), y + i / width.max(1), *code);
        }
    }
}

/// Colours of the places of a photograph, of `count` in all.
struct Hues {
    middle: f64,
    reach: f64,
}

impl Hues {
    fn new(number: usize, count: usize) -> Hues {
        // Evenly about the circle, beginning at a warm colour; a photograph alone has most of it for itself.
        let step = 360.0 / count.max(1) as f64;
        Hues {
            middle: 40.0 + step * number as f64,
            reach: if count < 2 { 250.0 } else { (step * 0.6).min(80.0) },
        }
    }

    /// The code of the place (`u`, `v`) of the photograph, 0..=1 each, at a lightness 0..=1.
    fn at(&self, u: f64, v: f64, lightness: f64) -> [u8; 3] {
        oklch(lightness, 0.075 + 0.085 * v, self.middle + (u - 0.5) * self.reach)
    }
}

/// A code from OKLCH (Ottosson 2020), its chroma lowered until sRGB has it.
fn oklch(lightness: f64, chroma: f64, hue_deg: f64) -> [u8; 3] {
    let radians = hue_deg / 180.0 * std::f64::consts::PI;
    let (cos, sin) = (libm::cos(radians), libm::sin(radians));
    let mut chroma = chroma;
    for _ in 0..24 {
        let rgb = linear(lightness, chroma * cos, chroma * sin);
        if rgb.iter().all(|v| (-0.001..=1.001).contains(v)) {
            break;
        }
        chroma *= 0.88;
    }
    linear(lightness, chroma * cos, chroma * sin).map(|v| color::encode8(v as f32))
}

/// OKLab to linear sRGB.
fn linear(lightness: f64, a: f64, b: f64) -> [f64; 3] {
    let cube = |v: f64| v * v * v;
    let l = cube(lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b);
    let m = cube(lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b);
    let s = cube(lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

/// Lightness of a code, 0..=1, as an eye would order codes.
fn lightness(code: [u8; 3]) -> f64 {
    (0.299 * f64::from(code[0]) + 0.587 * f64::from(code[1]) + 0.114 * f64::from(code[2])) / 255.0
}

/// Lightness of a coloured place: dark pictures stay dark, but their colours can be told.
fn shade(code: [u8; 3]) -> f64 {
    0.32 + 0.56 * lightness(code)
}

/// A place's right and down within its photograph, 0..=1.
fn within(sampled: &Sampled, x: f64, y: f64) -> (f64, f64) {
    let share = |v: f64, whole: u32| ((v + 0.5) / f64::from(whole.max(1))).clamp(0.0, 1.0);
    (share(x, sampled.scaled_to.0), share(y, sampled.scaled_to.1))
}

pub(crate) fn draw(wanted: &MapPicture<'_>, photograph: &dyn Fn(&ObjectId) -> Option<Image>) -> Picture {
    let map = wanted.places;
    let rows: Vec<&SourceRow> = wanted.shares.sources.iter().filter(|s| s.share > 0.0).collect();
    // Colours go by the table's order; a photograph that was sampled at two sizes has one colour.
    let number = |object: &ObjectId| {
        rows.iter()
            .position(|r| r.source == *object)
            .unwrap_or(rows.len())
    };
    let hues: Vec<Hues> = (0..=rows.len()).map(|k| Hues::new(k, rows.len())).collect();
    let panel_width = (WIDTH - 3 * MARGIN) / 2;
    let (w, h) = (map.size().width.max(1), map.size().height.max(1));
    let panel_height = (panel_width as u64 * u64::from(h) / u64::from(w)).clamp(16, 4_000) as usize;
    let shown = rows.len().min(MOST);
    // A photograph or two have more room.
    let across = shown.clamp(2, ACROSS);
    let lines = shown.div_ceil(across);
    let cell_width = (WIDTH - MARGIN * (across + 1)) / across;
    let (thumb_width, thumb_most) = (cell_width * 45 / 100, cell_width * 45 / 100);
    let thumbs: Vec<Option<Image>> = rows[..shown]
        .iter()
        .map(|row| photograph(&row.source).map(|image| fit(&image, thumb_width, thumb_most)))
        .collect();
    let high = |line: usize| {
        let of_line = thumbs.iter().skip(line * across).take(across).flatten();
        of_line.map(|t| t.height() as usize).max().unwrap_or(0).max(128)
    };
    let top = MARGIN + 84;
    let legend = top + panel_height + 88;
    let left_out = usize::from(rows.len() > MOST) * 44;
    let height = legend + (0..lines).map(|line| high(line) + MARGIN).sum::<usize>() + left_out + 8;
    let mut canvas = Canvas {
        width: WIDTH,
        height,
        codes: vec![GROUND; WIDTH * height],
        letters: Lettering::new(),
    };
    let room = (WIDTH - 2 * MARGIN) as f32;
    canvas.words(&wanted.title, Face::Label, 30.0, [MARGIN, MARGIN + 30], room, INK);
    canvas.words(&wanted.note, Face::Text, 18.0, [MARGIN, MARGIN + 62], room, QUIET);

    let frame = resample::scale_to(wanted.frame, panel_width as u32, panel_height as u32);
    let frame = color::to_display8(&frame);
    canvas.picture(&frame, panel_width, [MARGIN, top]);
    let colour = |object: &ObjectId| &hues[number(object)];
    let pieces = coloured(map, &frame, panel_width, panel_height, &colour);
    canvas.picture(&pieces.codes, panel_width, [2 * MARGIN + panel_width, top]);
    let below = top + panel_height + 28;
    canvas.words(
        "The frame",
        Face::Text,
        17.0,
        [MARGIN, below],
        panel_width as f32,
        QUIET,
    );
    canvas.words(
        &pieces.said,
        Face::Text,
        17.0,
        [2 * MARGIN + panel_width, below],
        panel_width as f32,
        QUIET,
    );

    let mut y = legend;
    let heading = format!("MADE FROM ({})", wanted.shares_of);
    canvas.words(&heading, Face::Label, 15.0, [MARGIN, legend - 18], room, QUIET);
    for line in 0..lines {
        for (column, k) in (line * across..shown.min((line + 1) * across)).enumerate() {
            let x = MARGIN + column * (cell_width + MARGIN);
            let used = Used::of(map, &rows[k].source);
            if let Some(thumb) = &thumbs[k] {
                let lit = lit(thumb, &used, &hues[k]);
                canvas.picture(&lit, thumb.width() as usize, [x, y]);
            }
            let text = x + thumb_width + 20;
            let width = (cell_width - thumb_width - 20) as f32;
            entry(&mut canvas, rows[k], &hues[k], [text, y], width);
        }
        y += high(line) + MARGIN;
    }
    if rows.len() > MOST {
        let rest: f64 = rows[MOST..].iter().map(|r| r.share).sum();
        let said = format!("and {} more, {} together", rows.len() - MOST, percent(rest));
        canvas.words(&said, Face::Text, 18.0, [MARGIN, y + 10], room, QUIET);
    }
    Picture {
        width: WIDTH as u32,
        height: height as u32,
        codes: canvas.codes,
    }
}

/// A photograph's lines in the legend: its share as number and bar, name, owner, terms.
fn entry(canvas: &mut Canvas, row: &SourceRow, hues: &Hues, [x, y]: [usize; 2], width: f32) {
    canvas.words(&percent(row.share), Face::Label, 30.0, [x, y + 26], width, INK);
    let bar = (width as usize).saturating_sub(4);
    canvas.fill([x, y + 38, bar, 8], [52, 52, 56]);
    let part = ((bar as f64 * row.share) as usize).clamp(2, bar.max(2));
    for k in 0..part {
        let code = hues.at(k as f64 / part as f64, 0.7, 0.72);
        canvas.fill([x + k, y + 38, 1, 8], code);
    }
    let name = row.name.strip_prefix("archive:").unwrap_or(&row.name);
    canvas.words(name, Face::Label, 19.0, [x, y + 74], width, INK);
    let owner = if row.owner.is_empty() {
        "owner not stated"
    } else {
        &row.owner
    };
    let below = canvas.lines(owner, Face::Text, 17.0, [x, y + 100], width, INK);
    canvas.words(&row.terms, Face::Text, 15.0, [x, below + 1], width, QUIET);
}

struct Coloured {
    codes: Codes,
    said: String,
}

/// The frame in the colours of its places, with the borders of pieces, and what is to be said of it.
fn coloured<'h>(
    map: &PlaceMap,
    frame: &Codes,
    width: usize,
    height: usize,
    hues: &dyn Fn(&ObjectId) -> &'h Hues,
) -> Coloured {
    let (w, h) = (map.size().width as usize, map.size().height as usize);
    let pieces = map.pieces(&|_| false);
    let at = |x: usize, y: usize| (y * h / height).min(h - 1) * w + (x * w / width).min(w - 1);
    let of = |i: usize| (pieces.of_pixel[i], map.places()[i].map(|p| p.source));
    // Borders are mixed in by how much of a pixel's neighbourhood they take, so that crumbs do not turn black.
    let mut codes = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let i = at(x, y);
            let light = shade(frame[y * width + x]);
            let mut code = match map.places()[i] {
                Some(p) => {
                    let sampled = &map.sources()[p.source as usize];
                    let (u, v) = within(sampled, f64::from(p.x), f64::from(p.y));
                    hues(&sampled.object).at(u, v, light)
                }
                None => oklch(light, 0.0, 0.0),
            };
            let (right, down) = (at((x + 1).min(width - 1), y), at(x, (y + 1).min(height - 1)));
            let (here, right, down) = (of(i), of(right), of(down));
            let large =
                |piece: u32| pieces.all.get(piece as usize).map_or(0, |p| p.pixels) as usize * 4_000 >= w * h;
            if here.1 != right.1 || here.1 != down.1 {
                code = INK;
            } else if (here.0 != right.0 && large(here.0) && large(right.0))
                || (here.0 != down.0 && large(here.0) && large(down.0))
            {
                code = code.map(|v| (f32::from(v) * 0.35) as u8);
            }
            codes.push(code);
        }
    }
    let largest = pieces.all.iter().map(|p| p.pixels).max().unwrap_or(0);
    let said = format!(
        "Where each pixel comes from: {} {} of {}; the largest is {} of the frame",
        pieces.all.len(),
        if pieces.all.len() == 1 { "piece" } else { "pieces" },
        match map.sources().len() {
            1 => "one photograph".to_owned(),
            n => format!("{n} photographs"),
        },
        percent(f64::from(largest) / (w * h) as f64)
    );
    Coloured { codes, said }
}

/// Which places of a photograph a frame uses, on a grid.
struct Used {
    side: (usize, usize),
    counts: Vec<u32>,
}

impl Used {
    fn of(map: &PlaceMap, object: &ObjectId) -> Used {
        let side = (60, 45);
        let mut counts = vec![0; side.0 * side.1];
        for place in map.places().iter().flatten() {
            let sampled = &map.sources()[place.source as usize];
            if sampled.object == *object {
                let (u, v) = within(sampled, f64::from(place.x), f64::from(place.y));
                let (x, y) = ((u * side.0 as f64) as usize, (v * side.1 as f64) as usize);
                counts[y.min(side.1 - 1) * side.0 + x.min(side.0 - 1)] += 1;
            }
        }
        Used { side, counts }
    }

    fn at(&self, u: f64, v: f64) -> bool {
        let (x, y) = (
            (u * self.side.0 as f64) as usize,
            (v * self.side.1 as f64) as usize,
        );
        self.counts[y.min(self.side.1 - 1) * self.side.0 + x.min(self.side.0 - 1)] > 0
    }
}

/// A photograph in the colours of its places, dark grey where the frame does not use it.
fn lit(thumb: &Image, used: &Used, hues: &Hues) -> Codes {
    let (w, h) = (thumb.width() as usize, thumb.height() as usize);
    let codes = color::to_display8(thumb);
    let share = |k: usize, n: usize| (k as f64 + 0.5) / n as f64;
    (0..w * h)
        .map(|i| {
            let (u, v) = (share(i % w, w), share(i / w, h));
            if used.at(u, v) {
                hues.at(u, v, shade(codes[i]))
            } else {
                oklch(0.20 + 0.34 * lightness(codes[i]), 0.0, 0.0)
            }
        })
        .collect()
}

/// A picture within a box, its shape kept.
fn fit(image: &Image, width: usize, height: usize) -> Image {
    let (w, h) = (u64::from(image.width().max(1)), u64::from(image.height().max(1)));
    let (most_w, most_h) = (width as u64, height as u64);
    let (w, h) = if w * most_h >= h * most_w {
        (most_w, (h * most_w / w).max(1))
    } else {
        ((w * most_h / h).max(1), most_h)
    };
    resample::scale_to(image, w as u32, h as u32)
}
