//! Takes: what is kept of a draw's output, and how its frames and their origins are read.

use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

use crate::job::Failure;
use crate::request::Draw;

/// One file of a take, in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeFile {
    /// What it is: `map`, `offset`, `clip` …
    pub role: String,
    /// The frame it belongs to; none for what belongs to the whole take.
    pub frame: Option<u32>,
    /// Its object.
    pub object: ObjectId,
}

/// A take as it is kept: (request, draw, output), its files, and what its engine needs to open it. Stored as
/// canonical JSON; the take's id is that object's hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeManifest {
    /// The engine that made it.
    pub engine: String,
    /// The engine's algorithm revision.
    pub revision: u32,
    /// The request and the go.
    pub draw: Draw,
    /// Which output of the draw.
    pub output: u32,
    /// Frame size in pixels.
    pub size: Size,
    /// Frames a second.
    pub rate: Rate,
    /// Length in frames.
    pub frames: u32,
    /// Files by role and frame.
    pub files: Vec<TakeFile>,
    /// The engine's own facts.
    pub facts: serde_json::Value,
}

/// Among a take's facts: the first frames of all fragments but the first that it was made in.
pub const ANCHORS: &str = "anchors";

impl TakeManifest {
    /// The frames at which a fragment begins, where it was made in several: places to look for a seam at.
    pub fn anchors(&self) -> Vec<u32> {
        let listed = self.facts.get(ANCHORS).and_then(serde_json::Value::as_array);
        let frame = |n: &serde_json::Value| n.as_u64().and_then(|n| u32::try_from(n).ok());
        listed.into_iter().flatten().filter_map(frame).collect()
    }

    /// The object of a role and frame, if the take has it.
    pub fn file(&self, role: &str, frame: Option<u32>) -> Option<ObjectId> {
        self.files
            .iter()
            .find(|f| f.role == role && f.frame == frame)
            .map(|f| f.object)
    }
}

/// Where one pixel came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The source.
    pub source: ObjectId,
    /// The frame of a clip, from 0 at its own rate; none of a photograph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
    /// Column in the original photograph or frame, upright, in pixels; 0.0 is the centre of the first pixel.
    pub x: f64,
    /// Row in the original photograph, likewise.
    pub y: f64,
    /// Width and height in pixels of the scaled picture that was sampled.
    pub scaled_to: (u32, u32),
    /// Column in the scaled picture.
    pub scaled_x: f64,
    /// Row in the scaled picture.
    pub scaled_y: f64,
    /// Share of this origin in the pixel, 0..=1.
    pub weight: f64,
    /// Whether the finish moved the pixel's value away from the sample.
    pub finished: bool,
}

/// A source's part in a take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The source.
    pub source: ObjectId,
    /// Part of all pixels of all frames, 0..=1.
    pub share: f64,
}

/// An opened take.
pub trait TakeFrames: Send + Sync {
    /// Frame size in pixels.
    fn size(&self) -> Size;
    /// Length in frames.
    fn frames(&self) -> u32;
    /// Frame `n`, from 0, in linear ACEScg.
    ///
    /// # Errors
    /// An object of the take is missing or damaged, or `n` is past the end.
    fn frame(&self, n: u32) -> Result<Image, Failure>;
    /// Where the pixel (`x`, `y`) of frame `n` came from; empty where the engine can not say.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`]; also a pixel outside the frame.
    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure>;
    /// Hands out where every pixel of frame `n` came from, row by row: column, row and what [`TakeFrames::origins`]
    /// says of it.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`].
    fn each_origin(&self, n: u32, each: &mut dyn FnMut(u32, u32, &[Origin])) -> Result<(), Failure> {
        let size = self.size();
        for y in 0..size.height {
            for x in 0..size.width {
                each(x, y, &self.origins(n, x, y)?);
            }
        }
        Ok(())
    }
    /// All sources that a pixel may come from, in an order that stays; empty where the engine can not say.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`].
    fn sources(&self) -> Result<Vec<ObjectId>, Failure> {
        Ok(self.shares()?.iter().map(|share| share.source).collect())
    }
    /// Every source's share, largest first; empty where the engine can not say.
    ///
    /// # Errors
    /// As [`TakeFrames::frame`].
    fn shares(&self) -> Result<Vec<Share>, Failure>;
}

/// A take's manifest, with the files that its objects will be made of.
pub type Stored = (TakeManifest, Vec<(ObjectId, std::path::PathBuf)>);

/// The manifest that a finished draft gets when its files are put into the vault, with each file's hash.
///
/// # Errors
/// A file of the draft can not be read.
pub fn manifest_of(
    request: &crate::request::Request,
    draw: Draw,
    draft: &crate::job::Draft,
) -> std::io::Result<Stored> {
    let mut files = Vec::with_capacity(draft.files.len());
    let mut paths = Vec::with_capacity(draft.files.len());
    for file in &draft.files {
        let object = ObjectId::of(&std::fs::read(&file.path)?);
        files.push(TakeFile {
            role: file.role.clone(),
            frame: file.frame,
            object,
        });
        paths.push((object, file.path.clone()));
    }
    let manifest = TakeManifest {
        engine: request.engine.clone(),
        revision: request.revision,
        draw,
        output: draft.output,
        size: draft.size,
        rate: draft.rate,
        frames: draft.frames,
        files,
        facts: draft.facts.clone(),
    };
    Ok((manifest, paths))
}
