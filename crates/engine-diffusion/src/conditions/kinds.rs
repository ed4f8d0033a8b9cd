//! The kinds of control clips that VACE was trained with, made of the passes of a stage or of footage.
//!
//! What each looks like is what the authors' own preparation makes (Jiang and others, 2025, arXiv 2503.07598, table 1, and
//! the annotators of the code published with it), without its estimating networks: here depth, motion and boxes are known.
//! All are sRGB codes from 0 to 1, frame by frame, row by row.

use crate::generate::Clip;

/// What depth is stretched over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Depth {
    /// Each frame from its own nearest place to its own farthest, as in training.
    EachFrame,
    /// All frames alike, from the nearest place of the clip to its farthest: nothing pulses when something comes close.
    WholeClip,
    /// All frames alike, between places that are known: where a clip is a part of a longer one.
    Between {
        /// Metres to the nearest place.
        nearest: f32,
        /// Metres to the farthest, infinite for the sky.
        farthest: f32,
    },
}

/// A box that is drawn as an outline, the line within it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    /// Its left and its upper edge, in pixels.
    pub from: [f32; 2],
    /// Its right and its lower edge, in pixels.
    pub to: [f32; 2],
    /// Its colour; in training black, or one for each word of what is in the box.
    pub colour: [f32; 3],
}

/// Depth as the model saw it: the inverse of metres, stretched from black (far) to white (near). Places without a depth
/// (infinite, 0 or no number: sky) are as far as can be.
///
/// Ranftl and others, "Towards Robust Monocular Depth Estimation" (2020), whose network the training's depth came from, gives
/// inverse depth up to scale and shift.
pub fn depth(metres: &[f32], width: usize, height: usize, over: Depth) -> Clip {
    let inverse_of = |m: f32| match m.is_finite() && m > 0.0 {
        true => m.recip().min(f32::MAX),
        false => 0.0,
    };
    let inverse: Vec<f32> = metres.iter().map(|m| inverse_of(*m)).collect();
    let frame = (width * height).max(1);
    let span = match over {
        Depth::EachFrame => frame,
        Depth::WholeClip | Depth::Between { .. } => inverse.len().max(1),
    };
    let mut pixels = Vec::with_capacity(inverse.len());
    for part in inverse.chunks(span) {
        let (least, most) = match over {
            Depth::Between { nearest, farthest } => (inverse_of(farthest), inverse_of(nearest)),
            Depth::EachFrame | Depth::WholeClip => {
                part.iter().fold((f32::INFINITY, 0f32), |(least, most), v| {
                    (least.min(*v), most.max(*v))
                })
            }
        };
        let stretch = if most > least { (most - least).recip() } else { 0.0 };
        pixels.extend(part.iter().map(|v| [((v - least) * stretch).clamp(0.0, 1.0); 3]));
    }
    Clip {
        width,
        height,
        pixels,
    }
}

/// Lightness of a pixel's codes (ITU-R BT.601, section 2.5.1).
fn lightness([r, g, b]: [f32; 3]) -> f32 {
    (0.299 * r + 0.587 * g + 0.114 * b).min(1.0)
}

/// Footage without its colours.
pub fn grey(clip: &Clip) -> Clip {
    Clip {
        pixels: clip.pixels.iter().map(|p| [lightness(*p); 3]).collect(),
        ..*clip
    }
}

/// Edges as dark lines on white: how steep lightness is (Sobel's operator, on lightness evened out by three by three
/// pixels), `gain` times; 4 is as a drawing in ink, less is as one in pencil.
///
/// In training such drawings came from a network (Chan and others, "Learning to Generate Line Drawings that Convey Geometry
/// and Semantics", 2022); these have the same lines where the picture has edges, and none of its judgement.
pub fn edges(clip: &Clip, gain: f32) -> Clip {
    let (width, height) = (clip.width, clip.height);
    let mut pixels = Vec::with_capacity(clip.pixels.len());
    for frame in clip.frames() {
        let grey: Vec<f32> = frame.iter().map(|p| lightness(*p)).collect();
        // Past its border a frame goes on as it ends.
        let at = |values: &[f32], row: isize, column: isize| {
            let row = row.clamp(0, height as isize - 1) as usize;
            values[row * width + column.clamp(0, width as isize - 1) as usize]
        };
        let around = |values: &[f32], weights: [[f32; 3]; 3], row: usize, column: usize| {
            let mut sum = 0.0;
            for (dy, line) in weights.iter().enumerate() {
                for (dx, weight) in line.iter().enumerate() {
                    let (y, x) = ((row + dy) as isize - 1, (column + dx) as isize - 1);
                    sum += weight * at(values, y, x);
                }
            }
            sum
        };
        let even = [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]].map(|line| line.map(|v| v / 16.0));
        let across = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]].map(|line| line.map(|v| v / 4.0));
        let down = [0, 1, 2].map(|y| [0, 1, 2].map(|x| across[x][y]));
        let places = || (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let smooth: Vec<f32> = places()
            .map(|(row, column)| around(&grey, even, row, column))
            .collect();
        pixels.extend(places().map(|(row, column)| {
            let x = around(&smooth, across, row, column);
            let y = around(&smooth, down, row, column);
            [1.0 - (gain * x.hypot(y)).clamp(0.0, 1.0); 3]
        }));
    }
    Clip {
        width,
        height,
        pixels,
    }
}

/// Colours of the wheel from one to the next: how many steps there are, which channel changes, and whether it rises (Baker
/// and others, "A Database and Evaluation Methodology for Optical Flow", 2011, whose wheel has as many steps as the eye tells
/// apart).
const WHEEL: [(usize, usize, bool); 6] = [
    (15, 1, true),
    (6, 0, false),
    (4, 2, true),
    (11, 1, false),
    (13, 0, true),
    (6, 2, false),
];

/// The wheel's colours, from red over yellow, green, cyan, blue and magenta.
fn wheel() -> Vec<[f32; 3]> {
    let mut now = [1.0, 0.0, 0.0];
    let mut colours = Vec::new();
    for (steps, channel, rises) in WHEEL {
        for step in 0..steps {
            let part = step as f32 / steps as f32;
            now[channel] = if rises { part } else { 1.0 - part };
            colours.push(now);
        }
        now[channel] = if rises { 1.0 } else { 0.0 };
    }
    colours
}

/// Motion as colours: its direction by the wheel, its speed from white (still) to full (the frame's fastest).
///
/// `motion` is that of each frame to the next, in pixels (x to the right, y down); of the last frame it says nothing and may
/// be anything. Frame n shows how frame n−1 moved to it and the first frame shows what the second does, as in training.
pub fn flow(motion: &[[f32; 2]], width: usize, height: usize) -> Clip {
    let colours = wheel();
    let frame = (width * height).max(1);
    let frames: Vec<&[[f32; 2]]> = motion.chunks_exact(frame).collect();
    let mut pixels = Vec::with_capacity(motion.len());
    for n in 0..frames.len() {
        if frames.len() == 1 {
            // Of one frame nothing moves.
            pixels.extend(std::iter::repeat_n([1.0; 3], frame));
            break;
        }
        let shown = frames[n.saturating_sub(1)];
        let known = |v: &[f32; 2]| v[0].hypot(v[1]).is_finite();
        let fastest = shown
            .iter()
            .filter(|v| known(v))
            .fold(0f32, |most, [x, y]| most.max(x.hypot(*y)));
        pixels.extend(shown.iter().map(|v| {
            if !known(v) || fastest <= 1e-6 {
                return [1.0; 3];
            }
            let (speed, turn) = (
                v[0].hypot(v[1]) / fastest,
                (-v[1]).atan2(-v[0]) / std::f32::consts::PI,
            );
            let place = (turn + 1.0) / 2.0 * (colours.len() - 1) as f32;
            let (before, part) = (place as usize, place.fract());
            let (one, two) = (
                colours[before.min(colours.len() - 1)],
                colours[(before + 1) % colours.len()],
            );
            [0, 1, 2].map(|c| 1.0 - speed.min(1.0) * (1.0 - (one[c] * (1.0 - part) + two[c] * part)))
        }));
    }
    Clip {
        width,
        height,
        pixels,
    }
}

/// Where things are: for each frame the outlines of their boxes, on white. Later boxes lie over earlier ones.
pub fn layout(frames: &[Vec<Outline>], width: usize, height: usize) -> Clip {
    // Of 720 rows, 5: as drawn in training.
    let line = (height as f32 / 144.0).max(1.0);
    let mut pixels = Vec::with_capacity(frames.len() * width * height);
    for boxes in frames {
        let start = pixels.len();
        pixels.resize(start + width * height, [1.0; 3]);
        for one in boxes {
            for (n, pixel) in pixels[start..].iter_mut().enumerate() {
                let place = [(n % width) as f32 + 0.5, (n / width) as f32 + 0.5];
                let within =
                    |by: f32| (0..2).all(|i| place[i] >= one.from[i] - by && place[i] < one.to[i] + by);
                if within(0.0) && !within(-line) {
                    *pixel = one.colour;
                }
            }
        }
    }
    Clip {
        width,
        height,
        pixels,
    }
}
