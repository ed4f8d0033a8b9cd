//! Takes: what is stored of them, and how a frame comes out of it again.
//!
//! A frame is its coordinate map's samples of the scaled photographs, plus the stored finish offset. What is
//! written while a take is made lies in the order's work folder, a file at a time, each whole or not there.

use crate::codec::{Offset, decode_map, decode_offset, decode_weight, intact};
use crate::making::{Laid, Over};
use crate::map::{CoordinateMap, Origin, UNIT};
use crate::poisson;
use heirloom_engine::{Failure, Inputs, Share, TakeFrames, TakeManifest};
use heirloom_film::Size;
use heirloom_picture::{Image, photo, resample};
use heirloom_vault::ObjectId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The role of a frame's coordinate map among a take's files.
pub const MAP: &str = "map";
/// The role of a frame's finish offset.
pub const OFFSET: &str = "offset";
/// The role of a frame's second coordinate map, where something fades.
pub const OVER: &str = "over";
/// The role of the second map's weights.
pub const WEIGHT: &str = "weight";

/// What a take's manifest says of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFacts {
    /// The photograph.
    pub object: ObjectId,
    /// Its width and height, upright, in pixels.
    pub original: (u32, u32),
    /// What it was scaled to.
    pub scaled: (u32, u32),
    /// The part that was used: x, y, width, height in pixels of the scaled picture.
    pub crop: (u32, u32, u32, u32),
    /// The frame of a clip, from 0; none of a photograph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
}

/// What a weightless take's manifest says besides its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The sources, in the order of their numbers in the maps.
    pub sources: Vec<SourceFacts>,
    /// Strength of the finish, 0 for none.
    pub finish: f32,
    /// For every frame the BLAKE3 (hex) of its pixels as half floats, R, G, B, row by row, little-endian.
    pub frame_hashes: Vec<String>,
}

/// Samples of a map: every pixel's colour in its photograph, linear.
pub fn samples(origins: &[Origin], images: &[Image]) -> Vec<[f32; 4]> {
    origins.par_iter().map(|o| sample(*o, images)).collect()
}

/// One sample; black where there is no such source.
#[inline(always)]
pub fn sample(o: Origin, images: &[Image]) -> [f32; 4] {
    let Some(image) = images.get(usize::from(o.source)) else {
        return [0.0, 0.0, 0.0, 1.0];
    };
    if o.x & (UNIT - 1) == 0 && o.y & (UNIT - 1) == 0 {
        // At a pixel's centre the kernel is that pixel.
        let (x, y) = (o.x >> 8, o.y >> 8);
        let x = x.clamp(0, image.width() as i32 - 1) as usize;
        let y = y.clamp(0, image.height() as i32 - 1) as usize;
        return image.pixels()[y * image.width() as usize + x];
    }
    let (x, y) = o.pixels();
    resample::bicubic(image, x, y)
}

/// Mixes a second layer into the samples of the first.
pub fn blend(samples: &mut [[f32; 4]], over: &Over, images: &[Image]) {
    samples
        .par_iter_mut()
        .zip(over.map.par_iter().zip(&over.weight))
        .for_each(|(p, (o, w))| {
            if *w == 0 {
                return;
            }
            let (q, share) = (sample(*o, images), f32::from(*w) / 255.0);
            for k in 0..3 {
                p[k] += (q[k] - p[k]) * share;
            }
        });
}

/// The hash of a frame's pixels, as [`Facts::frame_hashes`] has them.
pub fn frame_hash(pixels: &[[f32; 4]]) -> String {
    let bytes: Vec<u8> = pixels
        .par_iter()
        .flat_map_iter(|p| (0..3).flat_map(move |k| half::f16::from_f32_const(p[k]).to_le_bytes()))
        .collect();
    blake3::hash(&bytes).to_hex().to_string()
}

/// A display picture: 8-bit codes row by row, width, height.
pub type Display = (Vec<[u8; 3]>, u32, u32);

/// Files of a take under way.
pub struct Work<'a> {
    folder: &'a Path,
}

impl<'a> Work<'a> {
    /// A take's work in a folder.
    pub fn new(folder: &'a Path) -> Work<'a> {
        Work { folder }
    }

    /// The file of a role and frame.
    pub fn file(&self, role: &str, n: u32) -> PathBuf {
        self.folder.join(format!("{role}-{n:06}"))
    }

    /// Writes a file whole or not at all.
    ///
    /// # Errors
    /// The disk is full or may not be written to.
    pub fn write(&self, role: &str, n: u32, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.file(role, n);
        let part = self.folder.join(format!("{role}-{n:06}.part"));
        std::fs::create_dir_all(self.folder)
            .and_then(|()| std::fs::write(&part, bytes))
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|e| {
                // A leftover part is of no use to anyone; that it cannot go either changes nothing.
                let _ = std::fs::remove_file(&part);
                Failure::passing(
                    "disk",
                    format!(
                        "{} cannot be written ({e}); make room on that disk and try again",
                        path.display()
                    ),
                )
            })
    }

    /// The hash of frame `n` if it is finished: all its files are there and whole.
    pub fn finished(&self, n: u32, with_offset: bool) -> Option<String> {
        let hash = std::fs::read_to_string(self.file("done", n))
            .ok()
            .filter(|h| h.len() == 64)?;
        let whole = |role: &str| std::fs::read(self.file(role, n)).is_ok_and(|b| intact(&b));
        let second = !self.file(OVER, n).exists() || (whole(OVER) && whole(WEIGHT));
        (whole(MAP) && second && (!with_offset || whole(OFFSET))).then_some(hash)
    }

    /// The layers of a finished frame.
    pub fn frame(&self, n: u32) -> Option<Laid> {
        let read = |role: &str| std::fs::read(self.file(role, n)).ok();
        let map = decode_map(&read(MAP)?).ok()?;
        let over = match read(OVER) {
            Some(bytes) => Some(Over {
                map: decode_map(&bytes).ok()?.origins().to_vec(),
                weight: decode_weight(&read(WEIGHT)?).ok()?.2,
            }),
            None => None,
        };
        Some(Laid {
            map: map.origins().to_vec(),
            over,
        })
    }
}

/// A weightless take, opened.
pub struct ExemplarTake {
    manifest: TakeManifest,
    facts: Facts,
    inputs: Arc<dyn Inputs>,
    images: Mutex<Option<Arc<Vec<Image>>>>,
    /// The frame whose pixels were last asked after: whoever asks for one mostly asks for more.
    asked: Mutex<Option<(u32, Arc<Layers>)>>,
}

/// What is stored of a frame, unpacked.
struct Layers {
    map: CoordinateMap,
    over: Option<Over>,
    offset: Option<Offset>,
}

impl ExemplarTake {
    /// Opens a take. Its photographs are read when a frame is first asked for.
    ///
    /// # Errors
    /// The manifest's facts are not those of a weightless take.
    pub fn open(manifest: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<ExemplarTake, Failure> {
        let facts: Facts = serde_json::from_value(manifest.facts.clone()).map_err(|e| {
            Failure::lasting(
                "take",
                format!("this take's manifest cannot be read ({e}); draw the shot again"),
            )
        })?;
        Ok(ExemplarTake {
            manifest: manifest.clone(),
            facts,
            inputs,
            images: Mutex::new(None),
            asked: Mutex::new(None),
        })
    }

    /// What the manifest says besides the files.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The coordinate map of frame `n`.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn map(&self, n: u32) -> Result<CoordinateMap, Failure> {
        let bytes = self.read(MAP, n)?;
        let map = decode_map(&bytes).map_err(|e| Failure::lasting("take", e.to_string()))?;
        if (map.width(), map.height()) != (self.manifest.size.width, self.manifest.size.height) {
            return Err(Failure::lasting(
                "take",
                format!("the map of frame {n} has another size than the take"),
            ));
        }
        Ok(map)
    }

    /// The second layer of frame `n`, if it has one.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn over(&self, n: u32) -> Result<Option<Over>, Failure> {
        if self.manifest.file(OVER, Some(n)).is_none() {
            return Ok(None);
        }
        let fault = |e: String| Failure::lasting("take", e);
        let map = decode_map(&self.read(OVER, n)?).map_err(|e| fault(e.to_string()))?;
        let (width, height, weight) =
            decode_weight(&self.read(WEIGHT, n)?).map_err(|e| fault(e.to_string()))?;
        let size = (self.manifest.size.width, self.manifest.size.height);
        if (map.width(), map.height()) != size || (width, height) != size {
            return Err(fault(format!(
                "the second layer of frame {n} has another size than the take"
            )));
        }
        Ok(Some(Over {
            map: map.origins().to_vec(),
            weight,
        }))
    }

    /// The finish offset of frame `n`, if the take has one.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn offset(&self, n: u32) -> Result<Option<Offset>, Failure> {
        if self.facts.finish <= 0.0 {
            return Ok(None);
        }
        let bytes = self.read(OFFSET, n)?;
        let offset = decode_offset(&bytes).map_err(|e| Failure::lasting("take", e.to_string()))?;
        if offset.size() != (self.manifest.size.width, self.manifest.size.height) {
            return Err(Failure::lasting(
                "take",
                format!("the offset of frame {n} has another size than the take"),
            ));
        }
        Ok(Some(offset))
    }

    /// The take's photographs, scaled as its maps were made on.
    ///
    /// # Errors
    /// A photograph is missing or cannot be read.
    pub fn images(&self) -> Result<Arc<Vec<Image>>, Failure> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(have) = &*images {
            return Ok(have.clone());
        }
        let mut out = Vec::new();
        for s in &self.facts.sources {
            let photo = read_photograph(&*self.inputs, &s.object)?;
            out.push(resample::scale_to(&photo, s.scaled.0, s.scaled.1));
        }
        let out = Arc::new(out);
        *images = Some(out.clone());
        Ok(out)
    }

    /// The used parts of the take's photographs as display pictures, without flat borders: what measures
    /// compare frames with. Each with its width and height.
    ///
    /// # Errors
    /// A photograph is missing or cannot be read.
    pub fn matter(&self) -> Result<Vec<Display>, Failure> {
        let images = self.images()?;
        let mut out = Vec::new();
        for (image, facts) in images.iter().zip(&self.facts.sources) {
            let scaled = crate::atlas::Scaled {
                original: facts.original,
                image: image.clone(),
                crop: facts.crop,
            };
            let sheet = scaled.sheet(true);
            let (x, y, w, h) = crate::synth::layout::content(&sheet.barred, sheet.width, sheet.height);
            let mut codes = Vec::with_capacity(w * h);
            for row in y..y + h {
                let line = &sheet.colour[row * sheet.width + x..row * sheet.width + x + w];
                codes.extend(line.iter().map(|c| [c[0], c[1], c[2]]));
            }
            out.push((codes, w as u32, h as u32));
        }
        Ok(out)
    }

    /// Everything stored of frame `n`, unpacked once for many pixels.
    fn layers(&self, n: u32) -> Result<Arc<Layers>, Failure> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((frame, layers)) = &*asked
            && *frame == n
        {
            return Ok(layers.clone());
        }
        let layers = Arc::new(Layers {
            map: self.map(n)?,
            over: self.over(n)?,
            offset: self.offset(n)?,
        });
        *asked = Some((n, layers.clone()));
        Ok(layers)
    }

    /// An origin as the contract has it.
    fn place(&self, origin: Origin, weight: f64, finished: bool) -> Result<heirloom_engine::Origin, Failure> {
        let source = self
            .facts
            .sources
            .get(usize::from(origin.source))
            .ok_or_else(|| {
                Failure::lasting(
                    "take",
                    "a map names a source that the take does not have; it is damaged",
                )
            })?;
        let (sx, sy) = origin.pixels();
        let back = |v: f64, original: u32, scaled: u32| {
            (v + 0.5) * f64::from(original) / f64::from(scaled.max(1)) - 0.5
        };
        Ok(heirloom_engine::Origin {
            source: source.object,
            x: back(sx, source.original.0, source.scaled.0),
            y: back(sy, source.original.1, source.scaled.1),
            scaled_to: source.scaled,
            scaled_x: sx,
            scaled_y: sy,
            weight,
            finished,
        })
    }

    fn read(&self, role: &str, n: u32) -> Result<Vec<u8>, Failure> {
        if n >= self.manifest.frames {
            return Err(Failure::lasting(
                "frame",
                format!(
                    "there is no frame {n}: the take has {} (from 0)",
                    self.manifest.frames
                ),
            ));
        }
        let object = self.manifest.file(role, Some(n)).ok_or_else(|| {
            Failure::lasting(
                "take",
                format!("the take has no {role} for frame {n}; draw the shot again"),
            )
        })?;
        self.inputs.read(&object)
    }
}

/// Reads a photograph by its hash.
///
/// # Errors
/// It is missing or no photograph.
pub fn read_photograph(inputs: &dyn Inputs, object: &ObjectId) -> Result<Image, Failure> {
    let bytes = inputs.read(object)?;
    let photo = photo::decode(&bytes, &format!("source {}", object.short()))
        .map_err(|e| Failure::lasting("input", e.to_string()))?;
    Ok(photo.image)
}

impl TakeFrames for ExemplarTake {
    fn size(&self) -> Size {
        self.manifest.size
    }

    fn frames(&self) -> u32 {
        self.manifest.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let map = self.map(n)?;
        let offset = self.offset(n)?;
        let images = self.images()?;
        let mut pixels = samples(map.origins(), &images);
        if let Some(over) = self.over(n)? {
            blend(&mut pixels, &over, &images);
        }
        if let Some(offset) = &offset {
            poisson::apply(&mut pixels, offset);
        }
        Image::from_pixels(map.width(), map.height(), pixels)
            .ok_or_else(|| Failure::lasting("take", format!("frame {n} has no pixels")))
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<heirloom_engine::Origin>, Failure> {
        let layers = self.layers(n)?;
        let size = self.manifest.size;
        let origin = layers.map.at(x, y).ok_or_else(|| {
            Failure::lasting(
                "pixel",
                format!(
                    "({x}, {y}) lies outside the frame: it has {}x{} pixels",
                    size.width, size.height
                ),
            )
        })?;
        let at = y as usize * size.width as usize + x as usize;
        let finished = layers
            .offset
            .as_ref()
            .and_then(|o| o.steps().get(at).copied())
            .is_some_and(|s| s != [0; 3]);
        let second = layers.over.as_ref().and_then(|over| {
            let weight = over.weight.get(at).copied().filter(|w| *w > 0)?;
            Some((*over.map.get(at)?, f64::from(weight) / 255.0))
        });
        let mut out = Vec::new();
        if second.is_none_or(|(_, w)| w < 1.0) {
            out.push(self.place(origin, second.map_or(1.0, |(_, w)| 1.0 - w), finished)?);
        }
        if let Some((origin, weight)) = second {
            out.push(self.place(origin, weight, finished)?);
        }
        out.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Ok(out)
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        // In 255ths of a pixel, so that sums are exact.
        let mut counts = vec![0u64; self.facts.sources.len()];
        for n in 0..self.manifest.frames {
            let mut add = |o: Origin, w: u64| {
                if let Some(c) = counts.get_mut(usize::from(o.source)) {
                    *c += w;
                }
            };
            let (map, over) = (self.map(n)?, self.over(n)?);
            for (i, o) in map.origins().iter().enumerate() {
                let w = over.as_ref().map_or(0, |v| u64::from(v.weight[i]));
                add(*o, 255 - w);
                if let Some(v) = &over {
                    add(v.map[i], w);
                }
            }
        }
        let all: u64 = counts.iter().sum();
        let mut by_object: std::collections::BTreeMap<ObjectId, u64> = std::collections::BTreeMap::new();
        for (s, n) in self.facts.sources.iter().zip(&counts) {
            *by_object.entry(s.object).or_default() += n;
        }
        let mut shares: Vec<Share> = by_object
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(source, n)| Share {
                source,
                share: n as f64 / all.max(1) as f64,
            })
            .collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.source.cmp(&b.source)));
        Ok(shares)
    }
}
