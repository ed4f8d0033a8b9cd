//! A take's frames, wherever they come from: its engine, or the clip that it left.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_dailies::takes::Take;
use heirloom_engine::{Engines, Failure, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, FfmpegError, Master};
use heirloom_picture::preview::{Preview, fitted};
use heirloom_picture::{Image, color, resample};
use heirloom_vault::Vault;
use std::sync::Arc;

use crate::media::MediaError;

/// The role of a take's clip among its files.
const CLIP: &str = "clip";

/// Quality of JPEGs, as libjpeg counts it: for looking, not for keeping.
const QUALITY: u8 = 88;

/// Where frames are read from.
enum Source {
    Engine(Box<dyn TakeFrames>),
    Clip(PathBuf),
}

/// A take that was opened.
pub(crate) struct Opened {
    source: Source,
    size: Size,
    rate: Rate,
    frames: u32,
}

impl Opened {
    /// Opens a take by its engine. Where that is not plugged in any more, a take that is a clip is still a clip.
    pub(crate) fn new(take: &Take, engines: &Engines, vault: &Arc<Vault>) -> Result<Self, MediaError> {
        let manifest = &take.manifest;
        let by_engine = engines
            .get(Some(&manifest.engine))
            .and_then(|engine| engine.open(manifest, vault.clone()));
        let source = match by_engine {
            Ok(frames) => Source::Engine(frames),
            Err(failure) => match manifest.file(CLIP, None).filter(|clip| vault.contains(clip)) {
                Some(clip) => Source::Clip(vault.path(&clip)),
                None => return Err(failure.into()),
            },
        };
        Ok(Self {
            source,
            size: manifest.size,
            rate: manifest.rate,
            frames: manifest.frames,
        })
    }

    /// Frame `n`, from 0, at the take's own size.
    pub(crate) fn frame(&self, n: u32) -> Result<Image, MediaError> {
        if n >= self.frames {
            return Err(MediaError::NoFrame {
                n,
                frames: self.frames,
            });
        }
        match &self.source {
            Source::Engine(frames) => Ok(frames.frame(n)?),
            Source::Clip(path) => {
                let mut one = Ffmpeg::find()?.frames(path, u64::from(n), 1, self.size)?;
                one.next()
                    .unwrap_or_else(|| Err(self.ends(path, n)))
                    .map_err(Into::into)
            }
        }
    }

    fn ends(&self, path: &std::path::Path, n: u32) -> FfmpegError {
        FfmpegError::ClipEnds {
            path: path.into(),
            start: 0,
            count: u64::from(self.frames),
            had: u64::from(n),
        }
    }

    /// The frame in the middle, small, as a JPEG file's bytes.
    pub(crate) fn poster(&self, side: u32) -> Result<Vec<u8>, MediaError> {
        let image = self.frame(self.frames / 2)?;
        Ok(Preview::of_image(&image, side).to_jpeg(QUALITY)?)
    }

    /// All frames, small, as a clip that browsers play.
    pub(crate) fn clip(
        &self,
        side: u32,
        path: &std::path::Path,
        stop: &AtomicBool,
    ) -> Result<(), MediaError> {
        let size = clip_size(self.size, side);
        let mut encoder = Encoder::start(&Ffmpeg::find()?, Master::Preview, path, size, self.rate, None)?;
        let mut push = |image: &Image| -> Result<(), MediaError> {
            if stop.load(Ordering::Relaxed) {
                return Err(MediaError::Stopped);
            }
            let small = resample::scale_to(image, size.width, size.height);
            Ok(encoder.push(&color::to_video16(&small))?)
        };
        match &self.source {
            Source::Engine(frames) => {
                for n in 0..self.frames {
                    push(&frames.frame(n)?)?;
                }
            }
            Source::Clip(from) => {
                for image in Ffmpeg::find()?.frames(from, 0, u64::from(self.frames), self.size)? {
                    push(&image?)?;
                }
            }
        }
        Ok(encoder.finish()?)
    }
}

/// The size of a clip to play: at most `side` pixels on the longer side, and even, as its chroma has half as many.
fn clip_size(size: Size, side: u32) -> Size {
    let (width, height) = fitted(size.width, size.height, side);
    let even = |v: u32| (v & !1).max(Size::MIN_SIDE);
    Size {
        width: even(width),
        height: even(height),
    }
}

/// A frame as it is, as a PNG file's bytes: 8-bit sRGB.
pub(crate) fn png(image: &Image) -> Result<Vec<u8>, MediaError> {
    let encode = || -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, image.width(), image.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(color::to_display8(image).as_flattened())?;
        writer.finish()?;
        Ok(bytes)
    };
    encode()
        .map_err(|error| Failure::lasting("png", format!("the frame could not be coded ({error})")).into())
}

/// A frame as a JPEG file's bytes.
pub(crate) fn jpeg(image: &Image) -> Result<Vec<u8>, MediaError> {
    let side = image.width().max(image.height());
    Ok(Preview::of_image(image, side).to_jpeg(QUALITY)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_small_and_even() {
        let of = |width, height| {
            let size = clip_size(Size { width, height }, 480);
            (size.width, size.height)
        };
        assert_eq!(of(960, 540), (480, 270));
        assert_eq!(of(1998, 1080), (480, 258));
        assert_eq!(of(97, 65), (96, 64));
        assert_eq!(of(1080, 1920), (270, 480));
        assert_eq!(of(16_384, 16), (480, 16));
    }
}
