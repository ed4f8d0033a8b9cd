//! Takes: what is stored of them, and how a frame comes out of it again.
//!
//! A frame is its coordinate map's samples of the scaled photographs, plus the stored finish offset. What is
//! written while a take is made lies in the order's work folder, a file at a time, each whole or not there.

use crate::codec::{Offset, decode_map, decode_offset, decode_weight, intact};
use crate::grid::{Grid, MOST_BY};
use crate::making::{Laid, Over};
use crate::map::{CoordinateMap, Origin, UNIT};
use crate::pictures::{Held, Pictures};
use heirloom_engine::{Failure, Inputs, Share, TakeFrames, TakeManifest};
use heirloom_film::Size;
use heirloom_picture::{Image, resample};
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
    /// How many pixels of the frame are one pixel of the stored maps, each way ([`Grid::by`]).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub enlarged: u32,
    /// For every frame the BLAKE3 (hex) of its pixels as half floats, R, G, B, row by row, little-endian.
    pub frame_hashes: Vec<String>,
}

fn one() -> u32 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

/// Samples of a map: every pixel's colour in its photograph, linear.
pub fn samples(origins: &[Origin], held: &Held) -> Vec<[f32; 4]> {
    origins.par_iter().map(|o| sample(*o, held)).collect()
}

/// One sample; black where there is no such source.
#[inline(always)]
pub fn sample(o: Origin, held: &Held) -> [f32; 4] {
    let Some(image) = held.get(o.source) else {
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
pub fn blend(samples: &mut [[f32; 4]], over: &Over, held: &Held) {
    samples
        .par_iter_mut()
        .zip(over.map.par_iter().zip(&over.weight))
        .for_each(|(p, (o, w))| {
            if *w == 0 {
                return;
            }
            let (q, share) = (sample(*o, held), f32::from(*w) / 255.0);
            for k in 0..3 {
                p[k] += (q[k] - p[k]) * share;
            }
        });
}

/// The hash of a frame's pixels, as [`Facts::frame_hashes`] has them.
pub fn frame_hash(pixels: &[[f32; 4]]) -> String {
    let mut bytes = vec![[0u8; 6]; pixels.len()];
    bytes.par_iter_mut().zip(pixels).for_each(|(out, p)| {
        for k in 0..3 {
            out[2 * k..2 * k + 2].copy_from_slice(&half::f16::from_f32_const(p[k]).to_le_bytes());
        }
    });
    blake3::hash(bytes.as_flattened()).to_hex().to_string()
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
    pictures: Pictures,
    /// The frame whose pixels were last asked after: whoever asks for one mostly asks for more.
    asked: Mutex<Option<(u32, Arc<Layers>)>>,
}

/// What is stored of a frame, unpacked, on the take's grid.
struct Layers {
    map: CoordinateMap,
    over: Option<Over>,
    offset: Option<Offset>,
}

impl ExemplarTake {
    /// Opens a take. Its sources are read when a frame needs them.
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
        if !(1..=MOST_BY).contains(&facts.enlarged) {
            return Err(Failure::lasting(
                "take",
                "this take's manifest has maps of no sensible size; it is damaged, draw the shot again",
            ));
        }
        Ok(ExemplarTake {
            manifest: manifest.clone(),
            pictures: Pictures::new(inputs.clone(), facts.sources.clone()),
            facts,
            inputs,
            asked: Mutex::new(None),
        })
    }

    /// What the manifest says besides the files.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The grid of the take's maps.
    pub fn grid(&self) -> Grid {
        let size = self.manifest.size;
        Grid::with(size.width, size.height, self.facts.enlarged)
    }

    /// The coordinate map of every pixel of frame `n`.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn map(&self, n: u32) -> Result<CoordinateMap, Failure> {
        let stored = self.stored_map(n)?;
        if self.facts.enlarged == 1 {
            return Ok(stored);
        }
        let size = self.manifest.size;
        CoordinateMap::new(size.width, size.height, self.grid().enlarged(stored.origins()))
            .ok_or_else(|| Failure::lasting("take", format!("frame {n} has no pixels")))
    }

    /// The coordinate map of frame `n` as it is stored, on the take's [`ExemplarTake::grid`].
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn stored_map(&self, n: u32) -> Result<CoordinateMap, Failure> {
        let map = decode_map(&self.read(MAP, n)?).map_err(|e| Failure::lasting("take", e.to_string()))?;
        self.of_grid((map.width(), map.height()), "map", n)?;
        Ok(map)
    }

    /// The second layer of every pixel of frame `n`, if it has one.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn over(&self, n: u32) -> Result<Option<Over>, Failure> {
        let over = self.stored_over(n)?;
        Ok(match self.facts.enlarged {
            1 => over,
            _ => over.map(|o| self.grid().enlarged_over(&o)),
        })
    }

    /// The second layer of frame `n` as it is stored, on the take's grid.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn stored_over(&self, n: u32) -> Result<Option<Over>, Failure> {
        if self.manifest.file(OVER, Some(n)).is_none() {
            return Ok(None);
        }
        let fault = |e: String| Failure::lasting("take", e);
        let map = decode_map(&self.read(OVER, n)?).map_err(|e| fault(e.to_string()))?;
        let (width, height, weight) =
            decode_weight(&self.read(WEIGHT, n)?).map_err(|e| fault(e.to_string()))?;
        self.of_grid((map.width(), map.height()), "second layer", n)?;
        self.of_grid((width, height), "second layer", n)?;
        Ok(Some(Over {
            map: map.origins().to_vec(),
            weight,
        }))
    }

    /// The finish offset of frame `n` on the take's grid, if the take has one.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn offset(&self, n: u32) -> Result<Option<Offset>, Failure> {
        if self.facts.finish <= 0.0 {
            return Ok(None);
        }
        let bytes = self.read(OFFSET, n)?;
        let offset = decode_offset(&bytes).map_err(|e| Failure::lasting("take", e.to_string()))?;
        self.of_grid(offset.size(), "offset", n)?;
        Ok(Some(offset))
    }

    /// Everything stored of frame `n`.
    fn layers(&self, n: u32) -> Result<Layers, Failure> {
        Ok(Layers {
            map: self.stored_map(n)?,
            over: self.stored_over(n)?,
            offset: self.offset(n)?,
        })
    }

    /// The origins of one pixel, the strongest first.
    fn places(
        &self,
        layers: &Layers,
        x: usize,
        y: usize,
        out: &mut Vec<heirloom_engine::Origin>,
    ) -> Result<(), Failure> {
        let (grid, map) = (self.grid(), layers.map.origins());
        let finished = layers
            .offset
            .as_ref()
            .is_some_and(|o| grid.steps(o, map, x, y) != [0.0; 3]);
        let second = layers.over.as_ref().and_then(|over| {
            let weight = grid.weight(&over.weight, x, y);
            (weight > 0).then(|| (grid.origin(&over.map, x, y), f64::from(weight) / 255.0))
        });
        out.clear();
        if second.is_none_or(|(_, w)| w < 1.0) {
            let weight = second.map_or(1.0, |(_, w)| 1.0 - w);
            out.push(self.place(grid.origin(map, x, y), weight, finished)?);
        }
        if let Some((origin, weight)) = second {
            out.push(self.place(origin, weight, finished)?);
        }
        out.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Ok(())
    }

    fn of_grid(&self, size: (u32, u32), what: &str, n: u32) -> Result<(), Failure> {
        let grid = self.grid();
        if (size.0 as usize, size.1 as usize) == (grid.across, grid.down) {
            return Ok(());
        }
        Err(Failure::lasting(
            "take",
            format!("the {what} of frame {n} has another size than the take; draw the shot again"),
        ))
    }

    /// The take's sources as pictures of the size that its maps were made on.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// The used parts of the take's photographs as display pictures, without flat borders: what measures
    /// compare frames with. Each with its width and height.
    ///
    /// # Errors
    /// A photograph is missing or cannot be read.
    pub fn matter(&self) -> Result<Vec<Display>, Failure> {
        let mut out = Vec::new();
        for k in 0..self.facts.sources.len() {
            let sheet = self.pictures.sheet(k, 1, true)?;
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
            frame: source.frame,
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

impl TakeFrames for ExemplarTake {
    fn size(&self) -> Size {
        self.manifest.size
    }

    fn frames(&self) -> u32 {
        self.manifest.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        let (grid, size) = (self.grid(), self.manifest.size);
        let Layers { map, over, offset } = self.layers(n)?;
        let held = self.pictures.for_frame(map.origins(), over.as_ref())?;
        let mut pixels = grid.samples(map.origins(), &held);
        if let Some(over) = &over {
            grid.blend(&mut pixels, over, &held);
        }
        if let Some(offset) = &offset {
            grid.finish(&mut pixels, map.origins(), offset);
        }
        Image::from_pixels(size.width, size.height, pixels)
            .ok_or_else(|| Failure::lasting("take", format!("frame {n} has no pixels")))
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<heirloom_engine::Origin>, Failure> {
        let size = self.manifest.size;
        if x >= size.width || y >= size.height {
            return Err(Failure::lasting(
                "pixel",
                format!(
                    "({x}, {y}) lies outside the frame: it has {}x{} pixels",
                    size.width, size.height
                ),
            ));
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let layers = match &*asked {
            Some((frame, layers)) if *frame == n => layers.clone(),
            _ => {
                let layers = Arc::new(self.layers(n)?);
                *asked = Some((n, layers.clone()));
                layers
            }
        };
        drop(asked);
        let mut out = Vec::new();
        self.places(&layers, x as usize, y as usize, &mut out)?;
        Ok(out)
    }

    fn each_origin(
        &self,
        n: u32,
        each: &mut dyn FnMut(u32, u32, &[heirloom_engine::Origin]),
    ) -> Result<(), Failure> {
        let (size, layers) = (self.manifest.size, self.layers(n)?);
        let mut out = Vec::new();
        for y in 0..size.height {
            for x in 0..size.width {
                self.places(&layers, x as usize, y as usize, &mut out)?;
                each(x, y, &out);
            }
        }
        Ok(())
    }

    fn sources(&self) -> Result<Vec<ObjectId>, Failure> {
        let mut all: Vec<ObjectId> = Vec::new();
        for source in &self.facts.sources {
            if !all.contains(&source.object) {
                all.push(source.object);
            }
        }
        Ok(all)
    }

    fn shares(&self) -> Result<Vec<Share>, Failure> {
        // In 255ths of a pixel, so that sums are exact.
        let grid = self.grid();
        let mut counts = vec![0u64; self.facts.sources.len()];
        for n in 0..self.manifest.frames {
            let mut add = |o: Origin, w: u64| {
                if let Some(c) = counts.get_mut(usize::from(o.source)) {
                    *c += w;
                }
            };
            let (map, over) = (self.stored_map(n)?, self.stored_over(n)?);
            for (i, o) in map.origins().iter().enumerate() {
                // All pixels of a grid pixel are of its source.
                let (pixels, w) = grid.share(over.as_ref().map(|v| v.weight.as_slice()), i);
                add(*o, 255 * pixels - w);
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
