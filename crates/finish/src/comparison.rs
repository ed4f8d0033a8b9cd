//! Two takes in one clip, to choose by eye: side by side, or in turns in the same place, where the eye finds every difference.

use std::path::Path;

use heirloom_engine::TakeFrames;
use heirloom_film::{Rate, Size};
use heirloom_picture::color;
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};

use crate::error::FinishError;

/// How two takes lie in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The first on the left, the second on the right.
    SideBySide,
    /// In turns, so many frames of each, both going on meanwhile: frame n is always frame n of the one or the other. A white
    /// mark says which: upper left for the first, upper right for the second.
    Flicker {
        /// Frames of each turn, at least one.
        frames: u32,
    },
}

/// Grey of what neither picture fills, in 16-bit codes.
const GROUND: [u16; 3] = [0x1616; 3];
const MARK: [u16; 3] = [u16::MAX; 3];

/// Writes the clip (H.264 in MP4), as long as the shorter take. `progress` hears how many of how many frames are written and
/// says whether to go on. Gives whether it was written whole; a clip that was stopped leaves nothing.
///
/// # Errors
/// A frame can not be had, or ffmpeg gives up.
pub fn comparison(
    ffmpeg: &Ffmpeg,
    to: &Path,
    (one, other): (&dyn TakeFrames, &dyn TakeFrames),
    rate: Rate,
    layout: Layout,
    progress: &mut dyn FnMut(u32, u32) -> bool,
) -> Result<bool, FinishError> {
    let (a, b) = (one.size(), other.size());
    // H.264 halves the colour's resolution: sides are even.
    let even = |v: u32| v.next_multiple_of(2);
    let size = match layout {
        Layout::SideBySide => Size {
            width: even(a.width + b.width),
            height: even(a.height.max(b.height)),
        },
        Layout::Flicker { .. } => Size {
            width: even(a.width.max(b.width)),
            height: even(a.height.max(b.height)),
        },
    };
    let frames = one.frames().min(other.frames());
    let mut encoder = Encoder::start(ffmpeg, Master::Preview, to, size, rate, None)?;
    for n in 0..frames {
        let mut codes = vec![GROUND; size.width as usize * size.height as usize];
        let mut lay = |take: &dyn TakeFrames, left: u32| -> Result<(), FinishError> {
            let image = take.frame(n).map_err(FinishError::Cut)?;
            let width = image.width() as usize;
            let picture = color::to_video16(&image);
            let rows = codes.chunks_exact_mut(size.width as usize);
            for (row, from) in rows.zip(picture.chunks_exact(width)) {
                if let Some(place) = row.get_mut(left as usize..left as usize + width) {
                    place.copy_from_slice(from);
                }
            }
            Ok(())
        };
        match layout {
            Layout::SideBySide => {
                lay(one, 0)?;
                lay(other, a.width)?;
            }
            Layout::Flicker { frames } => {
                let first = n / frames.max(1) % 2 == 0;
                lay(if first { one } else { other }, 0)?;
                mark(&mut codes, size, first);
            }
        }
        encoder.push(&codes)?;
        if !progress(n + 1, frames) {
            return Ok(false);
        }
    }
    encoder.finish()?;
    Ok(true)
}

fn mark(codes: &mut [[u16; 3]], size: Size, left: bool) {
    let side = (size.height / 40).max(2).min(size.width / 2);
    let from = if left {
        side
    } else {
        size.width.saturating_sub(2 * side)
    } as usize;
    let rows = codes.chunks_exact_mut(size.width as usize);
    for row in rows.skip(side as usize).take(side as usize) {
        if let Some(place) = row.get_mut(from..from + side as usize) {
            place.fill(MARK);
        }
    }
}
