//! Takes that were cared for: what is stored of them, and how a frame comes out of it again.
//!
//! Of a take whose flicker was taken off only the gains of each frame's regions are kept, a thousand bytes or so: a frame is that
//! of the take it is of, multiplied. Of one without noise or made larger each frame is kept (EXR, half), and
//! of the latter the places of what is fine in it with how much of it each pixel has.

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::{Failure, Inputs, Origin, Share, TakeFrames, TakeManifest};
use heirloom_film::Size;
use heirloom_picture::care::Gains;
use heirloom_picture::{Image, exr};
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

use crate::codec::{decode_map, decode_weight};
use crate::map::CoordinateMap;
use crate::take::{MAP, SourceFacts, WEIGHT};

/// The role of a frame's gains among a take's files.
pub const LIGHT: &str = "light";
/// The role of a frame whose noise was taken off, or that was made larger.
pub const FRAME: &str = "frame";

/// What the manifest of such a take says besides its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The manifest of the take that was cared for.
    pub of: ObjectId,
    /// The photographs that what is fine comes from, in the order of their numbers in the maps; `scaled` is the size in which each
    /// was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<SourceFacts>,
}

impl Facts {
    /// Those of a take.
    ///
    /// # Errors
    /// They are not those of a take that was cared for.
    pub fn of(manifest: &TakeManifest) -> Result<Self, Failure> {
        serde_json::from_value(manifest.facts.clone()).map_err(|e| {
            Failure::lasting(
                "take",
                format!("this take's manifest cannot be read ({e}); care for the take again"),
            )
        })
    }
}

/// A take that was cared for, opened.
pub struct CareTake {
    manifest: TakeManifest,
    facts: Facts,
    of: Box<dyn TakeFrames>,
    inputs: Arc<dyn Inputs>,
    /// The fine places of the frame whose pixels were last asked after.
    asked: Mutex<Option<(u32, Arc<Fine>)>>,
}

/// Where what is fine in a frame comes from, at the size of the take that was cared for.
struct Fine {
    map: CoordinateMap,
    amount: Vec<u8>,
}

impl CareTake {
    /// Of its manifest and the take that was cared for.
    pub fn new(
        manifest: TakeManifest,
        facts: Facts,
        of: Box<dyn TakeFrames>,
        inputs: Arc<dyn Inputs>,
    ) -> Self {
        Self {
            manifest,
            facts,
            of,
            inputs,
            asked: Mutex::new(None),
        }
    }

    fn damaged(n: u32, what: &str) -> Failure {
        Failure::lasting(
            "take",
            format!(
                "the take has no {what} for frame {n} that can be read; care for the take it is of again"
            ),
        )
    }

    fn check(&self, n: u32) -> Result<(), Failure> {
        if n < self.manifest.frames {
            return Ok(());
        }
        Err(Failure::lasting(
            "frame",
            format!(
                "there is no frame {n}: the take has {} (from 0)",
                self.manifest.frames
            ),
        ))
    }

    fn fine(&self, n: u32) -> Result<Option<Arc<Fine>>, Failure> {
        if self.facts.detail.is_empty() {
            return Ok(None);
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((frame, fine)) = &*asked
            && *frame == n
        {
            return Ok(Some(fine.clone()));
        }
        let read = |role: &str| -> Result<Vec<u8>, Failure> {
            let object = self
                .manifest
                .file(role, Some(n))
                .ok_or_else(|| Self::damaged(n, role))?;
            self.inputs.read(&object)
        };
        let map = decode_map(&read(MAP)?).map_err(|_| Self::damaged(n, MAP))?;
        let (_, _, amount) = decode_weight(&read(WEIGHT)?).map_err(|_| Self::damaged(n, WEIGHT))?;
        if amount.len() != map.origins().len() {
            return Err(Self::damaged(n, WEIGHT));
        }
        let fine = Arc::new(Fine { map, amount });
        *asked = Some((n, fine.clone()));
        Ok(Some(fine))
    }

    /// The pixel of the take that was cared for under one of this.
    fn under(&self, x: u32, y: u32) -> (u32, u32) {
        let (own, of) = (self.manifest.size, self.of.size());
        let at = |v: u32, to: u32, from: u32| {
            let place = (2 * u64::from(v) + 1) * u64::from(from) / (2 * u64::from(to.max(1)));
            (place as u32).min(from.saturating_sub(1))
        };
        (at(x, own.width, of.width), at(y, own.height, of.height))
    }

    /// The part of a pixel that its fine place has at the most: of the pixels that are there now, those that were not before.
    fn new_part(&self) -> f64 {
        let area = |size: Size| f64::from(size.width) * f64::from(size.height);
        (1.0 - area(self.of.size()) / area(self.manifest.size)).clamp(0.0, 1.0)
    }

    /// Adds to a pixel's origins where what is fine in it comes from; those it had have the rest of it.
    fn with_fine(
        &self,
        origins: &[Origin],
        fine: Option<&Fine>,
        (x, y): (u32, u32),
        (u, v): (u32, u32),
    ) -> Result<Vec<Origin>, Failure> {
        let mut all: Vec<Origin> = origins
            .iter()
            .map(|origin| Origin {
                finished: true,
                ..origin.clone()
            })
            .collect();
        let Some(fine) = fine else { return Ok(all) };
        let of = self.of.size();
        let i = v as usize * of.width as usize + u as usize;
        let (Some(place), Some(amount)) = (fine.map.origins().get(i), fine.amount.get(i)) else {
            return Ok(all);
        };
        if *amount == 0 {
            return Ok(all);
        }
        let facts = self.facts.detail.get(usize::from(place.source)).ok_or_else(|| {
            Failure::lasting(
                "take",
                "a map names a source that the take does not have; it is damaged",
            )
        })?;
        let weight = f64::from(*amount) / 255.0 * self.new_part();
        all.iter_mut().for_each(|origin| origin.weight *= 1.0 - weight);
        // From the pixel's own place in the one that it was.
        let off = |x: u32, to: u32, from: u32, u: u32, large: u32, small: u32| {
            let at = (f64::from(x) + 0.5) * f64::from(from) / f64::from(to) - 0.5;
            (at - f64::from(u)) * f64::from(large) / f64::from(small.max(1))
        };
        let small = |large: u32, to: u32, from: u32| {
            (u64::from(large) * u64::from(from) / u64::from(to.max(1))).max(1) as u32
        };
        let own = self.manifest.size;
        let (px, py) = place.pixels();
        let sx = px
            + off(
                x,
                own.width,
                of.width,
                u,
                facts.scaled.0,
                small(facts.scaled.0, own.width, of.width),
            );
        let sy = py
            + off(
                y,
                own.height,
                of.height,
                v,
                facts.scaled.1,
                small(facts.scaled.1, own.height, of.height),
            );
        let back = |at: f64, original: u32, scaled: u32| {
            (at + 0.5) * f64::from(original) / f64::from(scaled.max(1)) - 0.5
        };
        all.push(Origin {
            source: facts.object,
            frame: None,
            x: back(sx, facts.original.0, facts.scaled.0),
            y: back(sy, facts.original.1, facts.scaled.1),
            scaled_to: facts.scaled,
            scaled_x: sx,
            scaled_y: sy,
            weight,
            finished: true,
        });
        Ok(all)
    }
}

impl TakeFrames for CareTake {
    fn size(&self) -> Size {
        self.manifest.size
    }

    fn frames(&self) -> u32 {
        self.manifest.frames
    }

    fn frame(&self, n: u32) -> Result<Image, Failure> {
        self.check(n)?;
        if let Some(object) = self.manifest.file(FRAME, Some(n)) {
            let image = exr::read(&self.inputs.path(&object)?)
                .map_err(|e| Failure::lasting("take", e.to_string()))?;
            let size = self.manifest.size;
            return match (image.width(), image.height()) == (size.width, size.height) {
                true => Ok(image),
                false => Err(Self::damaged(n, FRAME)),
            };
        }
        let object = self
            .manifest
            .file(LIGHT, Some(n))
            .ok_or_else(|| Self::damaged(n, LIGHT))?;
        let gains = Gains::decode(&self.inputs.read(&object)?).ok_or_else(|| Self::damaged(n, LIGHT))?;
        Ok(gains.apply(&self.of.frame(n)?))
    }

    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        self.check(n)?;
        let size = self.manifest.size;
        if x >= size.width || y >= size.height {
            return Err(Failure::lasting(
                "pixel",
                format!("({x}, {y}) lies outside the frame: it has {size} pixels"),
            ));
        }
        let (u, v) = self.under(x, y);
        let fine = self.fine(n)?;
        self.with_fine(&self.of.origins(n, u, v)?, fine.as_deref(), (x, y), (u, v))
    }

    fn each_origin(&self, n: u32, each: &mut dyn FnMut(u32, u32, &[Origin])) -> Result<(), Failure> {
        self.check(n)?;
        let (size, of, fine) = (self.manifest.size, self.of.size(), self.fine(n)?);
        let mut below: Vec<Vec<Origin>> = Vec::new();
        self.of
            .each_origin(n, &mut |_, _, origins| below.push(origins.to_vec()))?;
        for y in 0..size.height {
            for x in 0..size.width {
                let (u, v) = self.under(x, y);
                let own = below.get(v as usize * of.width as usize + u as usize);
                let own = own.map_or(&[][..], Vec::as_slice);
                each(x, y, &self.with_fine(own, fine.as_deref(), (x, y), (u, v))?);
            }
        }
        Ok(())
    }

    fn sources(&self) -> Result<Vec<ObjectId>, Failure> {
        let mut all = self.of.sources()?;
        for facts in &self.facts.detail {
            if !all.contains(&facts.object) {
                all.push(facts.object);
            }
        }
        Ok(all)
    }

    /// Those of the take that was cared for, less what the photographs of what is fine have; empty where the engine of that take
    /// can not say.
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        let mut shares = self.of.shares()?;
        if self.facts.detail.is_empty() || shares.is_empty() {
            return Ok(shares);
        }
        // In 255ths of a pixel, so that sums are exact.
        let mut counts = vec![0u64; self.facts.detail.len()];
        let mut pixels = 0u64;
        for n in 0..self.manifest.frames {
            let Some(fine) = self.fine(n)? else { continue };
            for (place, amount) in fine.map.origins().iter().zip(&fine.amount) {
                pixels += 255;
                if let Some(count) = counts.get_mut(usize::from(place.source)) {
                    *count += u64::from(*amount);
                }
            }
        }
        let part = |count: u64| self.new_part() * count as f64 / pixels.max(1) as f64;
        let rest = 1.0 - part(counts.iter().sum());
        shares.iter_mut().for_each(|share| share.share *= rest);
        for (facts, count) in self.facts.detail.iter().zip(&counts) {
            match shares.iter_mut().find(|share| share.source == facts.object) {
                Some(share) => share.share += part(*count),
                None if *count > 0 => shares.push(Share {
                    source: facts.object,
                    share: part(*count),
                }),
                None => {}
            }
        }
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.source.cmp(&b.source)));
        Ok(shares)
    }
}
