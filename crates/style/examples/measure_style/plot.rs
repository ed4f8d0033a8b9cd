//! The plot of how far pictures of every archive are from every style.

use super::{Archive, Judged, aucs, mean, of};
use heirloom_picture::png;
use std::path::Path;

/// Pixels of the picture's width, of the room for names, and of a row's height; between bands.
const WIDTH: usize = 1240;
const LEFT: usize = 260;
const ROW: usize = 18;
const GAP: usize = 44;
const COLOURS: [[u8; 3]; 8] = [
    [31, 119, 180],
    [214, 39, 40],
    [44, 160, 44],
    [255, 127, 14],
    [148, 103, 189],
    [140, 86, 75],
    [23, 190, 207],
    [188, 189, 34],
];
/// Where the axis is marked, from 1/4 to 64.
const MARKS: [&str; 9] = ["0.25", "0.5", "1", "2", "4", "8", "16", "32", "64"];

/// A band for each style, a row in it for each archive (its own first, dark; the others with their mean AUC), a tick for each
/// picture: drift on a logarithmic axis, what lies beyond at its ends; a dark line stands at 1.
pub fn draw(path: &Path, archives: &[Archive], judged: &[Judged]) {
    let (count, aucs) = (archives.len(), aucs(archives, judged, 0));
    let height = count * (count * ROW + GAP) + GAP / 2;
    let mut codes = vec![[255u8; 3]; WIDTH * height];
    let span = (WIDTH - LEFT - 20) as f64;
    let x_of =
        |drift: f64| LEFT + (((libm::log2(drift.max(1e-9)) + 2.0) / 8.0).clamp(0.0, 1.0) * span) as usize;
    for home in 0..count {
        let top = GAP + home * (count * ROW + GAP);
        words(
            &mut codes,
            (6, top - 20),
            &format!("style {}", archives[home].name),
            [0; 3],
        );
        for (n, label) in MARKS.iter().enumerate() {
            let x = x_of(libm::exp2(n as f64 - 2.0));
            words(&mut codes, (x - 6 * label.len(), top - 20), label, [90; 3]);
            for y in top..top + count * ROW {
                codes[y * WIDTH + x] = [if n == 2 { 60 } else { 215 }; 3];
            }
        }
        for from in 0..count {
            let (colour, place) = if from == home {
                ([40; 3], 0)
            } else {
                (COLOURS[from % COLOURS.len()], from + usize::from(from < home))
            };
            let top = top + place * ROW;
            let label = if from == home {
                "held out".to_owned()
            } else {
                let pair = aucs.iter().filter(|a| (a.0, a.1) == (home, from));
                let auc = mean(pair.map(|a| a.2));
                format!("{} {auc:.3}", archives[from].name)
            };
            words(&mut codes, (20, top + 2), &label, colour);
            for drift in of(judged, home, from, 0) {
                let x = x_of(drift);
                for pixel in (top + 1..top + ROW - 2).flat_map(|y| [y * WIDTH + x, y * WIDTH + x + 1]) {
                    let mix = |c: usize| ((u16::from(codes[pixel][c]) + u16::from(colour[c])) / 2) as u8;
                    codes[pixel] = [mix(0), mix(1), mix(2)];
                }
            }
        }
    }
    png::write8(path, &codes, WIDTH as u32, height as u32).unwrap();
}

/// Letters of 5 columns by 7 rows, the lowest bit on top: a to z, then 0 to 9, then a point.
const LETTERS: [[u8; 5]; 37] = [
    [0x20, 0x54, 0x54, 0x54, 0x78],
    [0x7f, 0x48, 0x44, 0x44, 0x38],
    [0x38, 0x44, 0x44, 0x44, 0x20],
    [0x38, 0x44, 0x44, 0x48, 0x7f],
    [0x38, 0x54, 0x54, 0x54, 0x18],
    [0x08, 0x7e, 0x09, 0x01, 0x02],
    [0x0c, 0x52, 0x52, 0x52, 0x3e],
    [0x7f, 0x08, 0x04, 0x04, 0x78],
    [0x00, 0x44, 0x7d, 0x40, 0x00],
    [0x20, 0x40, 0x44, 0x3d, 0x00],
    [0x7f, 0x10, 0x28, 0x44, 0x00],
    [0x00, 0x41, 0x7f, 0x40, 0x00],
    [0x7c, 0x04, 0x18, 0x04, 0x78],
    [0x7c, 0x08, 0x04, 0x04, 0x78],
    [0x38, 0x44, 0x44, 0x44, 0x38],
    [0x7c, 0x14, 0x14, 0x14, 0x08],
    [0x08, 0x14, 0x14, 0x18, 0x7c],
    [0x7c, 0x08, 0x04, 0x04, 0x08],
    [0x48, 0x54, 0x54, 0x54, 0x20],
    [0x04, 0x3f, 0x44, 0x40, 0x20],
    [0x3c, 0x40, 0x40, 0x20, 0x7c],
    [0x1c, 0x20, 0x40, 0x20, 0x1c],
    [0x3c, 0x40, 0x30, 0x40, 0x3c],
    [0x44, 0x28, 0x10, 0x28, 0x44],
    [0x0c, 0x50, 0x50, 0x50, 0x3c],
    [0x44, 0x64, 0x54, 0x4c, 0x44],
    [0x3e, 0x51, 0x49, 0x45, 0x3e],
    [0x00, 0x42, 0x7f, 0x40, 0x00],
    [0x42, 0x61, 0x51, 0x49, 0x46],
    [0x21, 0x41, 0x45, 0x4b, 0x31],
    [0x18, 0x14, 0x12, 0x7f, 0x10],
    [0x27, 0x45, 0x45, 0x45, 0x39],
    [0x3c, 0x4a, 0x49, 0x49, 0x30],
    [0x01, 0x71, 0x09, 0x05, 0x03],
    [0x36, 0x49, 0x49, 0x49, 0x36],
    [0x06, 0x49, 0x49, 0x29, 0x1e],
    [0x00, 0x60, 0x60, 0x00, 0x00],
];

/// Words in letters of twice the size, from a corner on; what has no letter is a space.
fn words(codes: &mut [[u8; 3]], (left, top): (usize, usize), text: &str, colour: [u8; 3]) {
    for (n, byte) in text.bytes().enumerate() {
        let letter = match byte {
            b'a'..=b'z' => LETTERS[usize::from(byte - b'a')],
            b'0'..=b'9' => LETTERS[usize::from(byte - b'0') + 26],
            b'.' => LETTERS[36],
            _ => [0; 5],
        };
        for (x, y) in (0..10).flat_map(|x| (0..14).map(move |y| (x, y))) {
            if letter[x / 2] >> (y / 2) & 1 == 1 {
                codes[(top + y) * WIDTH + left + 12 * n + x] = colour;
            }
        }
    }
}
