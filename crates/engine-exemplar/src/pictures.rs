//! The pictures that frames are sampled from: read when a frame needs them, kept while there is room.
//!
//! A take may have more sources than memory holds: sixty photographs at film size, or every frame of a clip.
//! A frame names few of them. So each is read when it is asked for, scaled as the take records it, and the one
//! that was longest of no use is let go when the room is full. A clip is decoded forwards by one `ffmpeg` that
//! waits for the next frame; only a step back or a far leap opens it anew.

use crate::atlas;
use crate::making::Over;
use crate::map::Origin;
use crate::synth::matter::Sheet;
use crate::take::SourceFacts;
use heirloom_engine::footage::fault;
use heirloom_engine::{Failure, Inputs};
use heirloom_film::Size;
use heirloom_picture::ffmpeg::{Ffmpeg, Frames};
use heirloom_picture::{Image, photo, resample};
use heirloom_vault::ObjectId;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of pictures that are usually kept.
pub const ROOM: u64 = 512 << 20;
/// A clip that is this many frames behind is read on; one further away is opened anew.
const NEAR: u32 = 48;
/// How many frames before the one asked for are read along when a clip is asked backwards.
const BACKWARDS: u32 = 12;
/// Most clips that are kept open.
const OPEN: usize = 4;

/// The pictures of one frame, by source number: what [`crate::take::samples`] reads.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<Option<Arc<Image>>>);

impl Held {
    /// The picture of a source; `None` where there is no such source or it was not asked for.
    #[inline(always)]
    pub fn get(&self, source: u16) -> Option<&Image> {
        self.0.get(usize::from(source)).and_then(|p| p.as_deref())
    }
}

impl From<Vec<Image>> for Held {
    fn from(all: Vec<Image>) -> Held {
        Held(all.into_iter().map(|p| Some(Arc::new(p))).collect())
    }
}

/// The sources of a take as pictures of their recorded size.
pub struct Pictures {
    inputs: Arc<dyn Inputs>,
    sources: Vec<SourceFacts>,
    room: u64,
    shelf: Mutex<Shelf>,
}

/// What is in memory.
#[derive(Default)]
struct Shelf {
    /// Pictures by source number, each with when it was last asked for.
    kept: BTreeMap<usize, (u64, Arc<Image>)>,
    bytes: u64,
    clock: u64,
    ffmpeg: Option<Ffmpeg>,
    /// Open clips, the one read last at the end.
    reels: Vec<Reel>,
}

/// A clip being read.
struct Reel {
    object: ObjectId,
    frames: Frames,
    /// The frame that comes next.
    next: u32,
}

impl Pictures {
    /// The pictures of these sources, none of them read yet. Keeps [`ROOM`] bytes.
    pub fn new(inputs: Arc<dyn Inputs>, sources: Vec<SourceFacts>) -> Pictures {
        Pictures {
            inputs,
            sources,
            room: ROOM,
            shelf: Mutex::default(),
        }
    }

    /// Keeps this many bytes instead; what one frame needs is always kept while it is made.
    #[must_use]
    pub fn with_room(mut self, bytes: u64) -> Pictures {
        self.room = bytes;
        self
    }

    /// What is recorded of the sources, in the order of their numbers.
    pub fn sources(&self) -> &[SourceFacts] {
        &self.sources
    }

    /// Bytes of pictures in memory now.
    pub fn kept_bytes(&self) -> u64 {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// The picture of a source at its recorded size, linear ACEScg.
    ///
    /// # Errors
    /// There is no such source, it is missing, or it cannot be read.
    pub fn get(&self, source: usize) -> Result<Arc<Image>, Failure> {
        let held = self.hold(&BTreeSet::from([source]))?;
        held.0.get(source).and_then(Clone::clone).ok_or_else(|| {
            Failure::lasting(
                "take",
                format!("the take has no source {source}; it is damaged, draw the shot again"),
            )
        })
    }

    /// All the pictures that a frame's map and second layer name.
    ///
    /// # Errors
    /// As [`Pictures::get`]; a number that the take does not have is passed over (it samples to black).
    pub fn for_frame(&self, map: &[Origin], over: Option<&Over>) -> Result<Held, Failure> {
        let mut wanted = named(map, &[]);
        if let Some(over) = over {
            wanted.extend(named(&over.map, &over.weight));
        }
        self.hold(&wanted)
    }

    /// The used part of a source's picture, `by` times smaller; at 1 its very pixels. Where the size is no multiple
    /// of `by`, the picture's edge goes on.
    ///
    /// # Errors
    /// As [`Pictures::get`].
    pub fn used(&self, source: usize, by: u32) -> Result<Arc<Image>, Failure> {
        let whole = self.get(source)?;
        let crop = self.sources.get(source).map_or((0, 0, 0, 0), |s| s.crop);
        if by == 1 && crop == (0, 0, whole.width(), whole.height()) {
            return Ok(whole);
        }
        Ok(Arc::new(atlas::used(&whole, crop, by)))
    }

    /// The used part of a source as the search sees it (see [`atlas::sheet`]), `by` times smaller.
    ///
    /// # Errors
    /// As [`Pictures::get`].
    pub fn sheet(&self, source: usize, by: u32, border: bool) -> Result<Sheet, Failure> {
        Ok(atlas::sheet(&*self.used(source, by)?, border))
    }

    fn hold(&self, wanted: &BTreeSet<usize>) -> Result<Held, Failure> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = vec![None; self.sources.len()];
        // Clips forwards, whatever the order of the numbers.
        let mut order: Vec<usize> = wanted.iter().copied().filter(|k| *k < held.len()).collect();
        order.sort_by_key(|k| {
            self.sources
                .get(*k)
                .map(|s| (s.frame.is_some(), s.object, s.frame))
        });
        for k in order {
            let Some(facts) = self.sources.get(k) else {
                continue;
            };
            shelf.clock += 1;
            let now = shelf.clock;
            let picture = match shelf.kept.get_mut(&k) {
                Some((last, picture)) => {
                    *last = now;
                    picture.clone()
                }
                None => {
                    let picture = match facts.frame {
                        None => Arc::new(self.photograph(facts)?),
                        Some(frame) => self.frame_of_clip(&mut shelf, facts, frame, wanted)?,
                    };
                    shelf.keep(k, &picture, now);
                    picture
                }
            };
            if let Some(place) = held.get_mut(k) {
                *place = Some(picture);
            }
            shelf.shrink(self.room, wanted);
        }
        Ok(Held(held))
    }

    fn photograph(&self, facts: &SourceFacts) -> Result<Image, Failure> {
        let image = read_photograph(&*self.inputs, &facts.object)?;
        Ok(scaled(image, facts.scaled))
    }

    fn frame_of_clip(
        &self,
        shelf: &mut Shelf,
        facts: &SourceFacts,
        frame: u32,
        wanted: &BTreeSet<usize>,
    ) -> Result<Arc<Image>, Failure> {
        let open = shelf.reels.iter().position(|r| r.object == facts.object);
        let behind = open.and_then(|k| shelf.reels.get(k)).map(|r| r.next);
        let mut begin = frame;
        let goes_on = behind.is_some_and(|next| next <= frame && frame - next < NEAR);
        let mut reel = match open {
            Some(k) if goes_on => shelf.reels.remove(k),
            _ => {
                if let Some(k) = open {
                    shelf.reels.remove(k);
                    if behind.is_some_and(|next| frame < next && next - frame <= 2 * BACKWARDS) {
                        // Asked backwards: the frames before are next.
                        begin = frame.saturating_sub(BACKWARDS);
                    }
                }
                let path = self.inputs.path(&facts.object)?;
                if shelf.ffmpeg.is_none() {
                    shelf.ffmpeg = Some(Ffmpeg::find().map_err(fault)?);
                }
                let Some(ffmpeg) = &shelf.ffmpeg else {
                    return Err(Failure::lasting("ffmpeg", "ffmpeg was not found"));
                };
                let own = self.sources.iter().filter(|s| s.object == facts.object);
                let last = own.filter_map(|s| s.frame).max().unwrap_or(frame);
                let size = Size {
                    width: facts.original.0,
                    height: facts.original.1,
                };
                let count = u64::from(last - begin) + 1;
                let frames = ffmpeg.frames(&path, begin.into(), count, size).map_err(fault)?;
                Reel {
                    object: facts.object,
                    frames,
                    next: begin,
                }
            }
        };
        // What lies between is passed over; when going backwards it is what will be asked for.
        while reel.next < frame {
            let along = self
                .sources
                .iter()
                .position(|s| s.object == facts.object && s.frame == Some(reel.next))
                .filter(|k| begin < frame && !goes_on && !shelf.kept.contains_key(k));
            let passed = match along {
                Some(_) => reel.frames.next(),
                None => reel.frames.skip_one().map(|r| r.map(|()| Image::new(0, 0))),
            };
            reel.next += 1;
            let image = passed.ok_or_else(|| ended(facts, frame))?.map_err(fault)?;
            if let Some((k, other)) = along.and_then(|k| Some((k, self.sources.get(k)?))) {
                shelf.clock += 1;
                let now = shelf.clock;
                shelf.keep(k, &Arc::new(scaled(image, other.scaled)), now);
                shelf.shrink(self.room, wanted);
            }
        }
        let image = reel
            .frames
            .next()
            .ok_or_else(|| ended(facts, frame))?
            .map_err(fault)?;
        reel.next += 1;
        shelf.reels.push(reel);
        if shelf.reels.len() > OPEN {
            shelf.reels.remove(0);
        }
        Ok(Arc::new(scaled(image, facts.scaled)))
    }
}

fn ended(facts: &SourceFacts, frame: u32) -> Failure {
    Failure::lasting(
        "input",
        format!(
            "the clip {} has no frame {frame}; run `heirloom vault verify`, and add the clip again if it is damaged",
            facts.object.short()
        ),
    )
}

fn scaled(image: Image, size: (u32, u32)) -> Image {
    if (image.width(), image.height()) == size {
        return image;
    }
    resample::scale_to(&image, size.0, size.1)
}

impl Shelf {
    fn keep(&mut self, k: usize, picture: &Arc<Image>, now: u64) {
        self.bytes += bytes_of(picture);
        if let Some((_, old)) = self.kept.insert(k, (now, picture.clone())) {
            self.bytes -= bytes_of(&old);
        }
    }

    /// Lets go what was longest of no use, but nothing of what is wanted now.
    fn shrink(&mut self, room: u64, wanted: &BTreeSet<usize>) {
        while self.bytes > room {
            let free = self.kept.iter().filter(|(k, _)| !wanted.contains(k));
            let Some(k) = free.min_by_key(|(_, (last, _))| *last).map(|(k, _)| *k) else {
                return;
            };
            if let Some((_, old)) = self.kept.remove(&k) {
                self.bytes -= bytes_of(&old);
            }
        }
    }
}

fn bytes_of(image: &Image) -> u64 {
    size_of_val(image.pixels()) as u64
}

/// The sources that a map names; where a layer has weights, only of pixels that it has a share in.
fn named(map: &[Origin], weight: &[u8]) -> BTreeSet<usize> {
    const BLOCK: usize = 1 << 15;
    map.par_chunks(BLOCK)
        .enumerate()
        .map(|(block, origins)| {
            let mut found = BTreeSet::new();
            let mut last = None;
            for (i, o) in origins.iter().enumerate() {
                if last != Some(o.source) && weight.get(block * BLOCK + i).is_none_or(|w| *w > 0) {
                    last = Some(o.source);
                    found.insert(usize::from(o.source));
                }
            }
            found
        })
        .reduce(BTreeSet::new, |mut a, b| {
            a.extend(b);
            a
        })
}

/// Reads a photograph by its hash, at its own size.
///
/// # Errors
/// It is missing or no photograph.
pub fn read_photograph(inputs: &dyn Inputs, object: &ObjectId) -> Result<Image, Failure> {
    let bytes = inputs.read(object)?;
    let photo = photo::decode(&bytes, &format!("source {}", object.short()))
        .map_err(|e| Failure::lasting("input", e.to_string()))?;
    Ok(photo.image)
}

/// Width and height of a photograph, upright, without decoding its pixels.
///
/// # Errors
/// As [`read_photograph`], but damage in the pixels is not seen.
pub fn size_of_photograph(inputs: &dyn Inputs, object: &ObjectId) -> Result<(u32, u32), Failure> {
    let bytes = inputs.read(object)?;
    let info = photo::inspect(&bytes, &format!("source {}", object.short()))
        .map_err(|e| Failure::lasting("input", e.to_string()))?;
    Ok((info.width, info.height))
}
