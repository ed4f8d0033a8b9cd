//! Pictures to latents of the transformer, by the autoencoder: for what a picture starts from, and for training.

use crate::generate::{Clip, GenerateError, numbers};
use burn::tensor::{Device, Tensor, TensorData};
use heirloom_picture::{Image, color};
use heirloom_tensors::wan::{Tiling, Vae};

/// Latents of a clip as the transformer was trained with them (channels, frames, rows, columns), and how many frames of
/// latents there are. `go_on` is told parts done, of how many, and answers whether to go on.
pub(crate) fn latents(
    clip: &Clip,
    vae: &Vae<'_>,
    tiling: Option<Tiling>,
    device: &Device,
    go_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<(Vec<f32>, usize), GenerateError> {
    let frames = clip.frames().len();
    let values = clip.pixels.iter().flatten().map(|v| 2.0 * v - 1.0).collect();
    let data = TensorData::new::<f32, _>(values, [frames, clip.height, clip.width, 3]);
    let pixels = Tensor::<4>::from_data(data, device).permute([3, 0, 1, 2]);
    let encoded = vae.encode(pixels, tiling, go_on)?;
    let [_, frames, _, _] = encoded.dims();
    Ok((numbers(vae.to_model(encoded))?, frames))
}

impl Clip {
    /// A clip of one frame: a picture in the video's code values.
    pub fn of_image(image: &Image) -> Self {
        let mut clip = Self {
            width: image.width() as usize,
            height: image.height() as usize,
            pixels: Vec::new(),
        };
        clip.push(image);
        clip
    }

    /// Adds a picture of the same size as the next frame.
    pub fn push(&mut self, image: &Image) {
        let codes = color::to_video16(image).into_iter();
        self.pixels
            .extend(codes.map(|p| p.map(|v| f32::from(v) / 65535.0)));
    }
}
