//! Contact sheets: small pictures in rows, numbered and captioned, as one picture to look at.

use heirloom_picture::preview::Preview;

use crate::lettering::{Face, Lettering, Sheet, printable};

/// Grey of the sheet, in display codes: dark enough that pictures stand out, and neutral.
const GROUND: u8 = 38;
/// Grey of the ground behind a picture's own bars.
const FRAME: u8 = 22;
/// Greys of what is read first and second.
const BRIGHT: f32 = 235.0;
const QUIET: f32 = 165.0;
/// Letters' size, in pixels an em.
const EM: f32 = 13.0;
/// Pixels from one line of letters to the next.
const LEADING: u32 = 18;
/// Pixels between tiles and around them.
const GAP: u32 = 14;

/// One picture of a sheet and what stands below it.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The picture; scaled down where it is larger than a tile, and never up.
    pub picture: Option<Preview>,
    /// What is read first: a number and a name. Cut at the tile's width.
    pub title: String,
    /// Further lines, in quiet letters.
    pub lines: Vec<String>,
}

/// Lays tiles out in rows of `columns`, each `side` pixels wide and at most as high. 8-bit sRGB; `None` without tiles.
///
/// Rows are as high as their highest picture, so that a sheet of landscape frames wastes no room.
pub fn contact_sheet(tiles: &[Tile], columns: u32, side: u32) -> Option<Preview> {
    let (columns, side) = (columns.clamp(1, 64), side.clamp(32, 2048));
    let columns = columns.min(u32::try_from(tiles.len()).ok()?);
    if columns == 0 {
        return None;
    }
    let width = GAP + columns * (side + GAP);
    let rows: Vec<Vec<Placed<'_>>> = tiles
        .chunks(columns as usize)
        .map(|row| row.iter().map(|tile| Placed::new(tile, side)).collect())
        .collect();
    let height = GAP + rows.iter().map(|row| row_height(row) + GAP).sum::<u32>();
    let mut codes = vec![[GROUND; 3]; width as usize * height as usize];
    let (mut bright, mut quiet) = (Sheet::new(width, height), Sheet::new(width, height));
    let mut letters = Lettering::new();
    let mut top = GAP;
    for row in &rows {
        let pictures = picture_height(row);
        for (n, placed) in row.iter().enumerate() {
            let left = GAP + n as u32 * (side + GAP);
            placed.paint(&mut codes, width, left, top, side, pictures);
            let base = |line: u32| (top + pictures + LEADING * (line + 1)) as f32 - 3.0;
            write(
                &mut letters,
                &mut bright,
                &placed.tile.title,
                Face::Label,
                left,
                base(0),
                side,
            );
            for (line, text) in (1..).zip(&placed.tile.lines) {
                write(
                    &mut letters,
                    &mut quiet,
                    text,
                    Face::Figures,
                    left,
                    base(line),
                    side,
                );
            }
        }
        top += row_height(row) + GAP;
    }
    for (sheet, grey) in [(&quiet, QUIET), (&bright, BRIGHT)] {
        for (code, cover) in codes.iter_mut().zip(&sheet.coverage) {
            *code = code.map(|v| (f32::from(v) + (grey - f32::from(v)) * cover).round() as u8);
        }
    }
    Preview::from_codes(codes, width, height)
}

/// A tile with its picture at the size it is shown.
struct Placed<'t> {
    tile: &'t Tile,
    picture: Option<Preview>,
}

impl<'t> Placed<'t> {
    fn new(tile: &'t Tile, side: u32) -> Self {
        let picture = tile.picture.as_ref().map(|picture| picture.scaled(side));
        Self { tile, picture }
    }

    /// The picture in the middle of its tile.
    fn paint(&self, codes: &mut [[u8; 3]], width: u32, left: u32, top: u32, side: u32, height: u32) {
        for y in top..top + height {
            let at = (y * width + left) as usize;
            if let Some(row) = codes.get_mut(at..at + side as usize) {
                row.fill([FRAME; 3]);
            }
        }
        let Some(picture) = &self.picture else { return };
        let (w, h) = (picture.width(), picture.height());
        let (left, top) = (
            left + side.saturating_sub(w) / 2,
            top + height.saturating_sub(h) / 2,
        );
        for (y, row) in picture.codes().chunks(w.max(1) as usize).enumerate() {
            let at = (top as usize + y) * width as usize + left as usize;
            if let Some(to) = codes.get_mut(at..at + row.len()) {
                to.copy_from_slice(row);
            }
        }
    }
}

fn picture_height(row: &[Placed<'_>]) -> u32 {
    let heights = row
        .iter()
        .filter_map(|placed| placed.picture.as_ref().map(Preview::height));
    heights.max().unwrap_or(LEADING)
}

fn row_height(row: &[Placed<'_>]) -> u32 {
    let lines = row
        .iter()
        .map(|placed| 1 + placed.tile.lines.len())
        .max()
        .unwrap_or(1);
    picture_height(row) + LEADING * lines as u32 + 4
}

/// One line of letters, cut with an ellipsis where it is too long.
fn write(
    letters: &mut Lettering,
    sheet: &mut Sheet,
    text: &str,
    face: Face,
    left: u32,
    base: f32,
    side: u32,
) {
    let text = printable(text);
    let fits = |letters: &mut Lettering, text: &str| {
        let mut lines = letters.set(text, face, EM, f32::MAX, false);
        lines
            .pop()
            .filter(|line| lines.is_empty() && line.width <= side as f32)
    };
    let line = fits(letters, &text).or_else(|| {
        // The longest beginning that fits.
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let cut = |n: usize| ends.get(n).map(|end| format!("{}…", text[..*end].trim_end()));
        let (mut most, mut least) = (ends.len(), 0);
        while most - least > 1 {
            let middle = usize::midpoint(most, least);
            match cut(middle).and_then(|text| fits(letters, &text)) {
                Some(_) => least = middle,
                None => most = middle,
            }
        }
        cut(least).and_then(|text| fits(letters, &text))
    });
    if let Some(line) = line {
        letters.draw(sheet, &line, left as f32, base, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(size: (u32, u32), code: u8, title: &str) -> Tile {
        let codes = vec![[code; 3]; (size.0 * size.1) as usize];
        Tile {
            picture: Preview::from_codes(codes, size.0, size.1),
            title: title.to_owned(),
            lines: vec!["a line".into()],
        }
    }

    #[test]
    fn pictures_lie_in_rows_with_words_below() {
        let tiles = [
            tile((300, 200), 200, "1 beach"),
            tile(
                (40, 80),
                120,
                "2 a name that is far too long to stand below a picture of a hundred pixels",
            ),
            tile((100, 50), 90, "3 moon"),
        ];
        let sheet = contact_sheet(&tiles, 2, 100).unwrap();
        assert_eq!(sheet.width(), 14 + 2 * 114);
        let at = |x: u32, y: u32| sheet.codes()[(y * sheet.width() + x) as usize][0];
        // The first is scaled to 100 x 67 and stands in the middle of 80 rows.
        assert_eq!((at(14, 14), at(64, 54), at(13, 54)), (FRAME, 200, GROUND));
        // The second keeps its size.
        assert_eq!((at(128 + 29, 20), at(128 + 30, 20)), (FRAME, 120));
        let second = 14 + 80 + 2 * LEADING + 4 + GAP;
        assert_eq!(at(20, second + 5), 90);
        // Letters stand below, within the tile's width.
        let words = |x: std::ops::Range<u32>| {
            x.flat_map(|x| (96..112).map(move |y| (x, y)))
                .filter(|(x, y)| at(*x, *y) > 150)
                .count()
        };
        assert!(words(14..114) > 20 && words(128..228) > 60);
        assert_eq!(words(228..242), 0, "nothing runs over the edge");
        assert!(contact_sheet(&[], 3, 100).is_none());
    }
}
