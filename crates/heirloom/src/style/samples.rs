//! What a style is trained on: its sources as items of a data set, and their pictures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_archive::{Archive, Source};
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::train::dataset::{Buckets, Item, Pictures};
use heirloom_film::Size;
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::{photo, resample};
use heirloom_style::style::Held;
use heirloom_style::training::{Learnt, Whose, caption};
use heirloom_vault::{ObjectId, Vault};

use crate::show::{Bar, Show};

/// Fewest frames of a stretch of a clip.
const FEWEST_FRAMES: u64 = 5;

/// A style's sources as the archive has them now, and more.
pub fn sources(vault: &Vault, held: &Held, more: &[String]) -> anyhow::Result<Vec<Source>> {
    let all = Archive::new(vault).sources()?;
    let mut found: Vec<Source> = Vec::new();
    for object in &held.style.sources {
        let source = all.iter().find(|s| s.object == *object).with_context(|| {
            format!(
                "{held} has a source that the archive does not know ({}): make the style again",
                object.short()
            )
        })?;
        found.push(source.clone());
    }
    for source in super::chosen(vault, more, usize::MAX)? {
        if !found.iter().any(|known| known.object == source.object) {
            found.push(source);
        }
    }
    Ok(found)
}

/// Whose look is learnt.
pub fn whose(subject: Option<&str>, thing: bool) -> Whose {
    match (subject, thing) {
        (None, _) => Whose::Style,
        (Some(name), false) => Whose::Person(name.to_owned()),
        (Some(name), true) => Whose::Thing(name.to_owned()),
    }
}

/// How sources become items.
pub struct Cut<'a> {
    /// Sizes.
    pub buckets: &'a Buckets,
    /// The trigger.
    pub trigger: &'a str,
    /// Frames of a stretch, 4n+1.
    pub frames: usize,
    /// Stretches at most of one clip.
    pub stretches: usize,
    /// Frames a second that the model works at.
    pub rate: u32,
}

impl Cut<'_> {
    /// The items of these sources: one of a photograph, a few stretches of a clip. What is too short is told.
    pub fn items(&self, sources: &[Source], show: &Show) -> Vec<Item> {
        let mut items = Vec::new();
        for source in sources {
            let fit = self.buckets.fit(source.width as usize, source.height as usize);
            let item = Item {
                source: source.object.to_string(),
                name: format!("archive:{}", source.name()),
                caption: caption(source, self.trigger).text,
                width: fit.width,
                height: fit.height,
                first: 0,
                frames: 1,
            };
            let (Some(frames), Some(rate)) = (source.frames, source.rate) else {
                items.push(item);
                continue;
            };
            // Frames at the model's own rate.
            let there = frames.saturating_mul(u64::from(self.rate) * u64::from(rate.den()))
                / u64::from(rate.num().max(1));
            let wanted = (self.frames as u64).min(there.saturating_sub(1) / 4 * 4 + 1);
            if wanted < FEWEST_FRAMES {
                show.note(&format!(
                    "left out: {}: it is shorter than {FEWEST_FRAMES} frames at {} a second",
                    item.name, self.rate
                ));
                continue;
            }
            let stretches = (there / wanted).clamp(1, self.stretches.max(1) as u64);
            for n in 0..stretches {
                let free = there - wanted;
                let first = if stretches == 1 {
                    free / 2
                } else {
                    free * n / (stretches - 1)
                };
                items.push(Item {
                    first,
                    frames: usize::try_from(wanted).unwrap_or(1),
                    ..item.clone()
                });
            }
        }
        items
    }

    /// What is said of sources in a record.
    pub fn learnt(&self, sources: &[Source]) -> Vec<Learnt> {
        sources
            .iter()
            .map(|source| {
                let rights = source.standing.rights.as_ref();
                Learnt {
                    object: source.object,
                    name: source.name(),
                    owner: rights.map(|r| r.owner.clone()).unwrap_or_default(),
                    terms: rights.map(|r| r.terms.clone()).unwrap_or_default(),
                    caption: caption(source, self.trigger).text,
                }
            })
            .collect()
    }
}

/// Reads the pictures of items out of the vault.
pub struct Reading<'a> {
    vault: &'a Vault,
    sources: BTreeMap<String, &'a Source>,
    rate: u32,
    ffmpeg: Option<Ffmpeg>,
    bar: Bar<'a>,
    stop: &'a Arc<AtomicBool>,
}

impl<'a> Reading<'a> {
    /// Of these sources, at the model's rate.
    pub fn new(
        vault: &'a Vault,
        sources: impl Iterator<Item = &'a Source>,
        rate: u32,
        show: &'a Show,
        stop: &'a Arc<AtomicBool>,
    ) -> Self {
        Self {
            vault,
            sources: sources.map(|s| (s.object.to_string(), s)).collect(),
            rate,
            ffmpeg: None,
            bar: show.bar("pictures to latents", 0, "samples"),
            stop,
        }
    }

    fn stretch(&mut self, source: &Source, item: &Item) -> Result<Clip, String> {
        let rate = source.rate.ok_or("it has no rate; add it to the archive anew")?;
        let ffmpeg = match &mut self.ffmpeg {
            Some(found) => found,
            none => none.insert(Ffmpeg::find().map_err(|e| e.to_string())?),
        };
        // The frame of the clip that stands at each moment of the model's time.
        let last = source.frames.unwrap_or(1).saturating_sub(1);
        let at = |n: u64| {
            let up = u128::from(n) * u128::from(rate.num());
            let down = u128::from(self.rate) * u128::from(rate.den());
            u64::try_from(up / down.max(1)).unwrap_or(u64::MAX).min(last)
        };
        let wanted: Vec<u64> = (0..item.frames as u64).map(|n| at(item.first + n)).collect();
        let (first, end) = (wanted[0], wanted[wanted.len() - 1] + 1);
        let size = Size {
            width: item.width as u32,
            height: item.height as u32,
        };
        let path = self.vault.path(&source.object);
        let frames = ffmpeg
            .frames(&path, first, end - first, size)
            .map_err(|e| e.to_string())?;
        let mut clip: Option<Clip> = None;
        for (n, frame) in frames.enumerate() {
            let frame = frame.map_err(|e| e.to_string())?;
            // A clip slower than the model has a frame twice.
            for _ in wanted.iter().filter(|w| **w == first + n as u64) {
                match &mut clip {
                    Some(clip) => clip.push(&frame),
                    none => *none = Some(Clip::of_image(&frame)),
                }
            }
        }
        clip.ok_or_else(|| "it has no frames".to_owned())
    }
}

impl Pictures for Reading<'_> {
    fn read(&mut self, item: &Item) -> Result<Clip, String> {
        let Some(source) = self.sources.get(&item.source).copied() else {
            return Err("it is no source of the run; this is a fault of the program".to_owned());
        };
        if source.frames.is_some() {
            return self.stretch(source, item);
        }
        let object: ObjectId = source.object;
        let bytes = self.vault.read(&object).map_err(|e| e.to_string())?;
        let image = photo::decode(&bytes, &source.file_name)
            .map_err(|e| e.to_string())?
            .image;
        let seen = resample::cover(&image, item.width as u32, item.height as u32);
        Ok(Clip::of_image(&seen))
    }

    fn ready(&mut self, done: usize, of: usize) {
        self.bar.at(done as u64, of as u64);
    }

    fn go_on(&mut self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}
