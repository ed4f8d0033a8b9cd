//! Control latents as VACE lays them, with blocks in place of an autoencoder.

use super::{Blocks, PixelsError};
use crate::conditions::{BLANK, HALF, Mask, told};
use crate::generate::Clip;

/// Channels of control latents: of what is kept, of what is made anew, and one of the mask for each pixel of a block.
pub fn control_channels(blocks: &Blocks) -> usize {
    2 * blocks.channels() + blocks.side() * blocks.side()
}

/// Control latents of a control clip: latents of what is kept of it, of what is made anew by it, and the mask. Without a mask
/// all is made anew, and the clip is followed everywhere. The same as the engine makes for VACE (`conditions`), frame by frame,
/// for blocks do not reach over time.
///
/// # Errors
/// [`PixelsError::Clip`], [`PixelsError::Mask`]
pub fn control(blocks: &Blocks, clip: &Clip, mask: Option<&Mask>) -> Result<Vec<f32>, PixelsError> {
    let pixels = clip.pixels.len();
    let all_anew;
    let mask = match mask {
        Some(mask) => mask.values.as_slice(),
        None => {
            all_anew = vec![1.0; pixels];
            &all_anew
        }
    };
    if mask.len() != pixels {
        return Err(PixelsError::Mask {
            found: mask.len(),
            wanted: pixels,
        });
    }
    let only = |anew: bool| Clip {
        pixels: clip
            .pixels
            .iter()
            .zip(mask)
            .map(|(pixel, m)| if (*m > HALF) == anew { *pixel } else { BLANK })
            .collect(),
        ..*clip
    };
    let (mut latents, size) = blocks.latents(&only(false))?;
    latents.extend(blocks.latents(&only(true))?.0);
    latents.extend(told(
        mask,
        [size[0], clip.height, clip.width],
        blocks.side(),
        size[0],
    ));
    Ok(latents)
}
