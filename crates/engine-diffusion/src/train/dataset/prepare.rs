//! From pictures and captions to what a run learns from.

use super::cache::Cache;
use crate::encode;
use crate::generate::{Clip, GenerateError, numbers, text_states, tiling};
use crate::model::{Laid, Model, vae_config};
use crate::train::Sample;
use burn::tensor::Device;
use heirloom_tensors::wan::Vae;
use std::path::PathBuf;

/// A picture, or a stretch of a clip, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The hash of the file it comes from: by it latents are found again.
    pub source: String,
    /// What it is called, for people.
    pub name: String,
    /// What is to be seen.
    pub caption: String,
    /// Pixels in a row that it is trained at.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Its first frame, at the model's rate; 0 of a photograph.
    pub first: u64,
    /// Frames at the model's rate, 4n+1; a photograph is a clip of one.
    pub frames: usize,
}

/// Hashes of what a model's latents and text states follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Makers {
    /// Of the autoencoder's files.
    pub vae: String,
    /// Of the text encoder's and the tokenizer's.
    pub text: String,
}

impl Makers {
    /// Those of a model on the list: of its own parts where its files tell them apart, so that two models with the same
    /// autoencoder share latents.
    pub fn of(model: &crate::models::Model) -> Self {
        let of = |folders: &[&str]| {
            let mut hasher = blake3::Hasher::new();
            let mut any = false;
            for file in &model.files {
                if folders.iter().any(|folder| file.path.starts_with(folder)) {
                    any = true;
                    hasher.update(file.path.as_bytes());
                    hasher.update(file.blake3.as_bytes());
                }
            }
            match any {
                true => hasher.finalize().to_hex().to_string(),
                false => model.id.clone(),
            }
        };
        Self {
            vae: of(&["vae/"]),
            text: of(&["text_encoder/", "tokenizer/"]),
        }
    }
}

/// Who hands over pictures and may stop.
pub trait Pictures {
    /// The frames of an item: sRGB codes, of the item's size and length.
    ///
    /// # Errors
    /// Why it cannot be read, with the mend.
    fn read(&mut self, item: &Item) -> Result<Clip, String>;

    /// So many items of so many are ready.
    fn ready(&mut self, _done: usize, _of: usize) {}

    /// Whether to go on; asked between parts of a clip and layers of a text.
    fn go_on(&mut self) -> bool {
        true
    }
}

/// Samples that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A picture.
    #[error("{name}: {why}")]
    Picture {
        /// The item.
        name: String,
        /// What is wrong, with the mend.
        why: String,
    },
    /// The model, or a caption that it cannot read.
    #[error("{name}: {source}")]
    Model {
        /// The item.
        name: String,
        /// What is wrong.
        source: GenerateError,
    },
    /// The cache.
    #[error("{} could not be written ({source}): make room, and begin again; what is done stays", path.display())]
    Cache {
        /// Its folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// As asked.
    #[error("stopped as asked; the same command goes on from here")]
    Stopped,
}

/// How pictures and words are made into samples.
#[derive(Clone, Copy, Debug)]
pub struct Preparing<'a> {
    /// The model.
    pub model: &'a Model,
    /// What its latents and states follow from.
    pub makers: &'a Makers,
    /// Where they are kept.
    pub cache: &'a Cache,
    /// Most tokens of a text.
    pub text_tokens: usize,
    /// Above so many pixels a picture is encoded in tiles of this side; none is all at once.
    pub tile_px: Option<usize>,
}

impl Preparing<'_> {
    /// Samples of these items, in their order. What is in the cache is not worked out again, nor is its picture read.
    ///
    /// # Errors
    /// [`PrepareError`]; what was worked out stays in the cache.
    pub fn samples(&self, items: &[Item], pictures: &mut dyn Pictures) -> Result<Vec<Sample>, PrepareError> {
        let device = Device::flex();
        let weights = Laid::new(&self.model.vae, None);
        let model = |name: &str, source: GenerateError| match source {
            GenerateError::Stopped => PrepareError::Stopped,
            source => PrepareError::Model {
                name: name.to_owned(),
                source,
            },
        };
        let vae = Vae::new(vae_config(&self.model.config.vae), &weights, &device)
            .map_err(|e| model(&self.model.folder.display().to_string(), e.into()))?;
        let ratio = vae.config().space_ratio();
        let tiling = tiling(self.tile_px, ratio).map_err(|e| model("tiles", e.into()))?;
        let mut samples = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            pictures.ready(n, items.len());
            if !pictures.go_on() {
                return Err(PrepareError::Stopped);
            }
            let text = self.text(&item.caption, &item.name, pictures)?;
            let [w, h, first, frames] = [
                item.width.to_string(),
                item.height.to_string(),
                item.first.to_string(),
                item.frames.to_string(),
            ];
            let key = Cache::key(&[
                "latents",
                &self.makers.vae,
                &item.source,
                &w,
                &h,
                &first,
                &frames,
                &self.model.config.trained_rate().to_string(),
            ]);
            let kept = self.cache.get(&key).filter(|(shape, _)| shape.len() == 4);
            let (shape, latents) = match kept {
                Some(kept) => kept,
                None => {
                    let clip = pictures.read(item).map_err(|why| PrepareError::Picture {
                        name: item.name.clone(),
                        why,
                    })?;
                    let whole = (clip.width, clip.height, clip.frames().len());
                    if whole != (item.width, item.height, item.frames) {
                        return Err(PrepareError::Picture {
                            name: item.name.clone(),
                            why: format!(
                                "{}x{} with {} frames was wanted, and {}x{} with {} was given; this is a fault of the program",
                                item.width, item.height, item.frames, clip.width, clip.height, whole.2
                            ),
                        });
                    }
                    let (latents, t) =
                        encode::latents(&clip, &vae, tiling, &device, &mut |_, _| pictures.go_on())
                            .map_err(|e| model(&item.name, e))?;
                    let channels = vae.config().latent_channels;
                    let made = (
                        vec![channels, t, item.height / ratio, item.width / ratio],
                        latents,
                    );
                    self.keep(&key, &made)?;
                    made
                }
            };
            let size = [shape[1], shape[2], shape[3]];
            samples.push(Sample {
                latents,
                size,
                text,
                control: None,
            });
        }
        pictures.ready(items.len(), items.len());
        Ok(samples)
    }

    /// The states of a text, as many rows as it has tokens; of an empty one those that stand for no words.
    ///
    /// # Errors
    /// [`PrepareError`]
    pub fn text(
        &self,
        text: &str,
        name: &str,
        pictures: &mut dyn Pictures,
    ) -> Result<Vec<f32>, PrepareError> {
        let key = Cache::key(&["text", &self.makers.text, text]);
        let width = usize::try_from(self.model.config.text.d_model).unwrap_or(usize::MAX);
        // A text is never long enough to be told by its states that it is too long.
        let sound = |shape: &[usize]| matches!(shape, [rows, w] if *w == width && *rows <= self.text_tokens);
        if let Some((_, states)) = self.cache.get(&key).filter(|(shape, _)| sound(shape)) {
            return Ok(states);
        }
        let told = |source: GenerateError| match source {
            GenerateError::Stopped => PrepareError::Stopped,
            source => PrepareError::Model {
                name: name.to_owned(),
                source,
            },
        };
        let states = text_states(
            self.model,
            (text, "caption"),
            self.text_tokens,
            &Device::flex(),
            &mut |_| pictures.go_on(),
        )
        .map_err(told)?;
        let shape = states.dims().to_vec();
        let made = (shape, numbers(states).map_err(told)?);
        self.keep(&key, &made)?;
        Ok(made.1)
    }

    fn keep(&self, key: &str, made: &(Vec<usize>, Vec<f32>)) -> Result<(), PrepareError> {
        self.cache.put(key, made).map_err(|source| PrepareError::Cache {
            path: self.cache.folder().to_owned(),
            source,
        })
    }
}
