//! Frames of a cut or an animatic: each from its layers, several at a time, handed on in order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use heirloom_engine::Failure;
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_vault::ObjectId;

use crate::animatic::Pictures;
use crate::cut::{Cut, Footage, PartOf, fitted};
use crate::error::FinishError;
use crate::plates::PlateReader;
use crate::timeline::{Layer, Timeline};
use crate::titles::Card;

/// One part of what is rendered, in the order of its timeline.
pub(crate) enum Seen<'c> {
    /// A title card or credits.
    Card(&'c Card),
    /// A take or a plate of a shot.
    Footage {
        shot: ShotName<'c>,
        footage: &'c Footage,
    },
    /// Pictures of an animatic.
    Pictures {
        shot: ShotName<'c>,
        pictures: &'c dyn Pictures,
    },
}

/// A shot's names, for errors.
#[derive(Clone, Copy)]
pub(crate) struct ShotName<'c> {
    pub scene: &'c str,
    pub shot: &'c str,
}

/// All that is rendered: parts and when they are seen.
pub(crate) struct Program<'c> {
    pub parts: Vec<Seen<'c>>,
    pub timeline: Timeline,
    pub size: Size,
    pub rate: Rate,
}

impl<'c> Program<'c> {
    /// A checked cut's.
    pub fn of(cut: &'c Cut) -> Result<Self, FinishError> {
        cut.check().map_err(FinishError::Cut)?;
        let seen = |part| match part {
            PartOf::Title(card) | PartOf::Credits(card) => Seen::Card(card),
            PartOf::Shot(item) => Seen::Footage {
                shot: ShotName {
                    scene: &item.scene,
                    shot: &item.shot,
                },
                footage: &item.footage,
            },
        };
        Ok(Self {
            parts: cut.parts().into_iter().map(seen).collect(),
            timeline: cut.timeline()?,
            size: cut.size,
            rate: cut.rate,
        })
    }
}

/// Renders frames of a program.
pub(crate) struct Renderer<'c> {
    program: Program<'c>,
    /// A reader for every plate in the range, by part.
    plates: BTreeMap<usize, PlateReader<'c>>,
    range: Range<u64>,
}

impl<'c> Renderer<'c> {
    /// For the master's frames in `range`, each of which is rendered once.
    pub fn new(
        program: Program<'c>,
        ffmpeg: Option<&'c Ffmpeg>,
        range: Range<u64>,
    ) -> Result<Self, FinishError> {
        let timeline = &program.timeline;
        if range.end > timeline.frames() || range.start > range.end {
            let asked = range.start.max(range.end.saturating_sub(1));
            return Err(FinishError::PastEnd {
                asked,
                frames: timeline.frames(),
            });
        }
        let mut plates = BTreeMap::new();
        for (at, (part, span)) in program.parts.iter().zip(timeline.spans()).enumerate() {
            let (first, last) = (range.start.max(span.start), range.end.min(span.end()));
            let Seen::Footage {
                footage: Footage::Plate(plate),
                ..
            } = part
            else {
                continue;
            };
            if first >= last {
                continue;
            }
            let Some(ffmpeg) = ffmpeg else {
                let missing = "a plate is shown, and no ffmpeg was given to read it with";
                return Err(FinishError::Cut(Failure::lasting("input", missing)));
            };
            let frames = (first - span.start) as u32..(last - span.start) as u32;
            plates.insert(
                at,
                PlateReader::new(ffmpeg, plate, program.rate, program.size, frames),
            );
        }
        Ok(Self {
            program,
            plates,
            range,
        })
    }

    /// How many frames its range has.
    pub fn frames(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// What is seen in a frame.
    pub fn layers(&self, n: u64) -> Vec<Layer> {
        self.program.timeline.layers(n)
    }

    /// One frame, opaque, in linear ACEScg: layers added in linear light by their weights.
    pub fn frame(&self, n: u64) -> Result<Image, FinishError> {
        let layers = self.program.timeline.layers(n);
        if let [only] = layers.as_slice() {
            let mut image = self.layer(only)?;
            for pixel in image.pixels_mut() {
                pixel[3] = 1.0;
            }
            return Ok(image);
        }
        let mut sum = Image::filled(
            self.program.size.width,
            self.program.size.height,
            [0.0, 0.0, 0.0, 1.0],
        );
        for layer in &layers {
            let image = self.layer(layer)?;
            let weight = layer.weight.value() as f32;
            for (to, from) in sum.pixels_mut().iter_mut().zip(image.pixels()) {
                for channel in 0..3 {
                    to[channel] += from[channel] * weight;
                }
            }
        }
        Ok(sum)
    }

    fn layer(&self, layer: &Layer) -> Result<Image, FinishError> {
        let size = self.program.size;
        match self.program.parts.get(layer.part) {
            Some(Seen::Card(card)) => Ok(card.frame(layer.frame)),
            Some(Seen::Footage { shot, footage }) => match footage {
                Footage::Take { frames, .. } => frames
                    .frame(layer.frame)
                    .map(|image| fitted(image, size))
                    .map_err(|failure| shot.error(layer.frame, failure)),
                Footage::Plate(plate) => match self.plates.get(&layer.part) {
                    Some(reader) => {
                        let image = reader.frame(layer.frame)?;
                        Ok(std::sync::Arc::unwrap_or_clone(image))
                    }
                    None => Err(missing_plate(plate.source)),
                },
            },
            Some(Seen::Pictures { shot, pictures }) => pictures
                .frame(layer.frame)
                .map(|image| fitted(image, size))
                .map_err(|failure| shot.error(layer.frame, failure)),
            None => Err(FinishError::PastEnd {
                asked: self.range.end,
                frames: self.program.timeline.frames(),
            }),
        }
    }
}

impl ShotName<'_> {
    fn error(self, frame: u32, failure: Failure) -> FinishError {
        FinishError::Take {
            scene: self.scene.into(),
            shot: self.shot.into(),
            frame,
            failure,
        }
    }
}

fn missing_plate(source: ObjectId) -> FinishError {
    FinishError::Cut(Failure::lasting(
        "input",
        format!("the plate {} was not opened", source.short()),
    ))
}

/// A frame's result; none where it was skipped.
type Made<T> = Result<Option<T>, FinishError>;

/// What workers and the one who takes their results share.
struct Window<T> {
    state: Mutex<Shared<T>>,
    changed: Condvar,
    /// How many frames may be under way or waiting at once.
    width: u64,
}

struct Shared<T> {
    next: u64,
    taken: u64,
    done: BTreeMap<u64, Made<T>>,
    stop: bool,
}

impl<T> Window<T> {
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, Shared<T>>) -> MutexGuard<'s, Shared<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next frame to make; `None` when there is nothing more to do.
    fn claim(&self, end: u64) -> Option<u64> {
        let mut state = self.lock();
        loop {
            if state.stop || state.next >= end {
                return None;
            }
            if state.next < state.taken + self.width {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wait(state);
        }
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }
}

/// Stops the workers when the one who takes their results returns early or unwinds: they would wait for ever.
struct StopOnDrop<'w, T>(&'w Window<T>);

impl<T> Drop for StopOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Reports a frame as lost when its worker unwinds, so that nobody waits for it.
struct Claimed<'w, T> {
    window: &'w Window<T>,
    frame: u64,
    result: Option<Made<T>>,
}

impl<T> Drop for Claimed<'_, T> {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or(Err(FinishError::Fault));
        self.window.lock().done.insert(self.frame, result);
        self.window.changed.notify_all();
    }
}

/// Make every frame of the renderer's range (`make`, several at a time, a few ahead) and hand the results on in
/// order (`take`, on this thread). `skip` says which frames are not made at all.
pub(crate) fn in_order<T: Send>(
    renderer: &Renderer<'_>,
    cancel: &AtomicBool,
    skip: &(dyn Fn(u64) -> bool + Sync),
    make: &(dyn Fn(u64, Image) -> Result<T, FinishError> + Sync),
    mut take: impl FnMut(u64, Option<T>) -> Result<(), FinishError>,
) -> Result<(), FinishError> {
    let workers = rayon::current_num_threads().max(1);
    let Range { start, end } = renderer.range;
    let window = Window {
        state: Mutex::new(Shared {
            next: start,
            taken: start,
            done: BTreeMap::new(),
            stop: false,
        }),
        changed: Condvar::new(),
        width: workers as u64 + 2,
    };
    // Plates are decoded in order, so a frame of theirs can not be left out.
    let skips = |n: u64| renderer.plates.is_empty() && skip(n);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&window);
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(frame) = window.claim(end) {
                    let mut claimed = Claimed {
                        window: &window,
                        frame,
                        result: None,
                    };
                    claimed.result = Some(if cancel.load(Ordering::Relaxed) {
                        Err(FinishError::Cancelled)
                    } else if skips(frame) {
                        Ok(None)
                    } else {
                        renderer
                            .frame(frame)
                            .and_then(|image| make(frame, image))
                            .map(Some)
                    });
                }
            });
        }
        for frame in start..end {
            if cancel.load(Ordering::Relaxed) {
                return Err(FinishError::Cancelled);
            }
            let mut state = window.lock();
            let result = loop {
                if let Some(result) = state.done.remove(&frame) {
                    break result;
                }
                state = window.wait(state);
            };
            drop(state);
            take(frame, result?)?;
            window.lock().taken = frame + 1;
            window.changed.notify_all();
        }
        Ok(())
    })
}
