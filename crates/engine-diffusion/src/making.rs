//! A draw under way: fragment after fragment, each frame a file in the order's work folder.

use crate::engine::PREVIEW;
use crate::fragments::Fragment;
use crate::generate::{Ask, At, Clip, GenerateError, Hear, Loras, generate, latents_shape};
use crate::given::{Given, codes, refused};
use crate::lora::LoraStack;
use crate::memory::{Estimate, available};
use crate::model::Model;
use crate::models::Stacks;
use crate::take::FRAME;
use burn::tensor::Device;
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{DraftFile, Failure, Order};
use heirloom_picture::{photo, png};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a draw is made with.
pub(crate) struct Making<'a> {
    pub order: &'a Order,
    pub control: &'a Control,
    pub model: &'a Model,
    pub stacks: &'a Stacks,
    pub given: &'a Given<'a>,
    /// Whether one frame is made, and held for the shot's length.
    pub held: bool,
}

impl Making<'_> {
    /// Makes a fragment, or takes it as it is where all its frames are there from before; the files of its frames.
    pub(crate) fn fragment(&self, base: &Ask, fragment: &Fragment, n: usize) -> Result<Vec<DraftFile>, Stop> {
        self.control.check()?;
        let files = fragment.made().map(|n| DraftFile {
            role: FRAME.into(),
            frame: Some(n),
            path: self.path(n),
        });
        let files: Vec<DraftFile> = files.collect();
        if files.iter().all(|file| file.path.exists()) {
            self.control
                .progress(self.now(fragment).end, self.order.request.frames);
            return Ok(files);
        }
        let known = match n {
            0 => self.given.before().clone(),
            _ => self.known(fragment)?,
        };
        let ask = self.given.ask(base, fragment, known)?;
        let mut clip = self.made(&ask, fragment)?;
        self.given.mend(&mut clip);
        for (frame, file) in clip.frames().skip(fragment.known as usize).zip(&files) {
            self.control.check()?;
            self.write(frame, &file.path)?;
        }
        Ok(files)
    }

    /// The frames of the shot that a fragment makes.
    fn now(&self, fragment: &Fragment) -> Range<u32> {
        match self.held {
            true => 0..self.order.request.frames,
            false => fragment.made(),
        }
    }

    fn path(&self, n: u32) -> PathBuf {
        self.order.work.join(format!("frame-{n:05}.png"))
    }

    /// The frames before a fragment. They are read from their files, so that a draw that was stopped goes on to the same bytes.
    fn known(&self, fragment: &Fragment) -> Result<Clip, Failure> {
        let size = self.order.request.size;
        let mut pixels = Vec::new();
        for n in fragment.from.saturating_sub(fragment.known)..fragment.from {
            let read = photo::read(&self.path(n)).map_err(|e| Failure::passing("disk", e.to_string()))?;
            pixels.extend(codes(&read.image).pixels);
        }
        Ok(Clip {
            width: size.width as usize,
            height: size.height as usize,
            pixels,
        })
    }

    fn made(&self, ask: &Ask, fragment: &Fragment) -> Result<Clip, Stop> {
        let lasting = |error: GenerateError| Stop::Failed(Failure::lasting("diffusion", error.to_string()));
        latents_shape(self.model, ask).map_err(|e| refused(e.to_string()))?;
        let needed = Estimate::of(self.model, ask).map_err(lasting)?.most();
        if let Some(there) = available().filter(|there| *there < needed) {
            let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            return Err(Stop::Failed(Failure::passing(
                "memory",
                format!(
                    "{}x{} with {} frames needs about {:.1} GiB of memory, and {:.1} GiB are free; end other programs, or ask for \
                     a smaller or shorter shot",
                    ask.width,
                    ask.height,
                    ask.frames,
                    gib(needed),
                    gib(there)
                ),
            )));
        }
        let work = &self.order.work;
        std::fs::create_dir_all(work).map_err(|e| unwritten(work, &e))?;
        let laid = |stack: &'_ LoraStack| !stack.changed().is_empty();
        let loras = Loras {
            first: Some(&self.stacks.first).filter(|stack| laid(stack)),
            second: Some(&self.stacks.second).filter(|stack| laid(stack)),
        };
        let mut hear = Following {
            control: self.control,
            frames: self.order.request.frames,
            now: self.now(fragment),
            work,
        };
        generate(self.model, ask, loras, &Device::flex(), &mut hear).map_err(|error| match error {
            GenerateError::Stopped => Stop::Cancelled,
            GenerateError::Tokens(error) => refused(error.to_string()),
            other => lasting(other),
        })
    }

    fn write(&self, frame: &[[f32; 3]], path: &Path) -> Result<(), Stop> {
        let size = self.order.request.size;
        let codes: Vec<[u16; 3]> = frame
            .iter()
            .map(|p| p.map(|v| (v * 65535.0 + 0.5) as u16))
            .collect();
        let part = path.with_extension("part");
        let written = png::write16(&part, &codes, size.width, size.height)
            .map_err(|e| std::io::Error::other(e.to_string()));
        written
            .and_then(|()| std::fs::rename(&part, path))
            .map_err(|e| unwritten(path, &e))
    }
}

fn unwritten(what: &Path, e: &std::io::Error) -> Stop {
    Stop::Failed(Failure::passing(
        "disk",
        format!(
            "{} could not be written ({e}); see that the disk has room",
            what.display()
        ),
    ))
}

/// Follows a draw for the engine's control; previews go to the work folder.
struct Following<'a> {
    control: &'a Control,
    /// Frames of the shot, and which of them are made now.
    frames: u32,
    now: Range<u32>,
    work: &'a Path,
}

impl Hear for Following<'_> {
    fn go_on(&mut self) -> bool {
        !self.control.cancelled()
    }

    fn at(&mut self, at: At) {
        // Most of the time goes into the steps: nine tenths of the progress are theirs.
        let part = |done: usize, of: usize| done as f64 / of.max(1) as f64;
        let done = match at {
            At::Words(..) | At::Given(..) | At::Conditions(..) => 0.0,
            At::Steps(done, of) => 0.9 * part(done, of),
            At::Frames(done, of) => 0.9 + 0.1 * part(done, of),
        };
        let made = f64::from(self.now.start) + done * f64::from(self.now.end - self.now.start);
        self.control.progress(made as u32, self.frames);
    }

    fn preview(&mut self, step: usize, picture: Clip) {
        let codes: Vec<[u8; 3]> = picture
            .pixels
            .iter()
            .map(|p| p.map(|v| (v * 255.0 + 0.5) as u8))
            .collect();
        let to = self.work.join(PREVIEW);
        let part = self.work.join(format!("preview-{step}.part"));
        // A preview that can not be written is no reason to end a draw of hours.
        let (width, height) = (picture.width as u32, picture.height as u32);
        if png::write8(&part, &codes, width, height).is_ok() {
            drop(std::fs::rename(&part, &to));
        }
    }

    fn looks(&self) -> bool {
        true
    }
}
