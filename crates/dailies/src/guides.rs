//! A blocked shot as guides: its passes, rendered when an engine asks for them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::{Failure, GuideFrame, Guides};
use heirloom_film::{Rate, Size};
use heirloom_stage::blocking::Blocked;
use heirloom_stage::passes::{Passes, RenderError, Renderer, Shot, Wanted};
use heirloom_vault::ObjectId;

use crate::staged::Staged;

/// One frame that is asked for, and where the answer goes.
struct Asked {
    n: u32,
    size: Size,
    answer: Sender<Result<GuideFrame, Failure>>,
}

/// The guides of a blocked shot. Nothing is kept on a disk: a pass costs less to render than to read.
pub struct ShotGuides {
    object: ObjectId,
    manifest: Vec<u8>,
    names: BTreeMap<u32, String>,
    frames: u32,
    /// The thread that holds the set; it ends when this is dropped.
    stage: Mutex<Sender<Asked>>,
}

impl std::fmt::Debug for ShotGuides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShotGuides")
            .field("object", &self.object)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl ShotGuides {
    /// The guides of a shot of `frames` at `rate`.
    ///
    /// # Errors
    /// The camera can not see, or there is too much geometry.
    pub fn new(staged: Staged, frames: u32, rate: Rate) -> Result<ShotGuides, RenderError> {
        let manifest = serde_json::json!({
            "heirloom_stage": heirloom_stage::REVISION,
            "made_of": staged.made_of,
        })
        .to_string()
        .into_bytes();
        let blocked = staged.blocked;
        let small = Size { width: 16, height: 9 };
        let names = Renderer::new(&blocked.scene, shot(&blocked, frames, rate, small))?
            .cast()
            .names
            .clone();
        let (stage, asked) = mpsc::channel();
        std::thread::Builder::new()
            .name("stage".into())
            .spawn(move || serve(&blocked, frames, rate, &asked))
            .map_err(|_| RenderError::Stopped)?;
        Ok(ShotGuides {
            object: ObjectId::of(&manifest),
            manifest,
            names,
            frames,
            stage: Mutex::new(stage),
        })
    }

    /// Their hash: that of [`ShotGuides::manifest`].
    pub fn object(&self) -> ObjectId {
        self.object
    }

    /// All that decides how they look, but the size: JSON of the blocking and every file it rests on, by hash.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }
}

impl Guides for ShotGuides {
    fn frames(&self) -> u32 {
        self.frames
    }

    fn names(&self) -> &BTreeMap<u32, String> {
        &self.names
    }

    fn frame(&self, n: u32, size: Size) -> Result<GuideFrame, Failure> {
        let gone = || Failure::passing("guides", "the stage has stopped; draw the shot again");
        let (answer, answered) = mpsc::channel();
        self.stage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(Asked { n, size, answer })
            .map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}

fn shot(blocked: &Blocked, frames: u32, rate: Rate, size: Size) -> Shot {
    Shot {
        camera: blocked.camera_node,
        start_s: blocked.start_s,
        rate,
        frames,
        size,
    }
}

/// Renders what is asked for until nobody asks any more. A set is made ready once for each size.
fn serve(blocked: &Blocked, frames: u32, rate: Rate, asked: &Receiver<Asked>) {
    let mut sets: BTreeMap<(u32, u32), Renderer<'_>> = BTreeMap::new();
    while let Ok(Asked { n, size, answer }) = asked.recv() {
        let key = (size.width, size.height);
        let rendered = match sets.get(&key) {
            Some(set) => frame(set, n),
            None => Renderer::new(&blocked.scene, shot(blocked, frames, rate, size)).and_then(|set| {
                let frame = frame(&set, n);
                sets.insert(key, set);
                frame
            }),
        };
        // Nobody waits for it any more: nothing is lost.
        let _ = answer.send(rendered.map_err(|e| Failure::lasting("guides", e.to_string())));
    }
}

fn frame(set: &Renderer<'_>, n: u32) -> Result<GuideFrame, RenderError> {
    let wanted = Wanted {
        frames: n..n + 1,
        passes: Passes::ALL,
        window: None,
    };
    let mut out = None;
    set.render(&wanted, &AtomicBool::new(false), |_, frame| {
        out = Some(std::mem::take(frame));
        ControlFlow::Break(())
    })?;
    let mut frame = out.ok_or(RenderError::Stopped)?;
    frame.light = Some(set.light(n)?);
    Ok(frame)
}

/// Guides beside a vault: what an engine is handed for a guided shot.
pub struct Handed {
    /// The vault.
    pub vault: Arc<heirloom_vault::Vault>,
    /// The shot's guides, if it has any.
    pub guides: Option<Arc<ShotGuides>>,
}

impl heirloom_engine::Inputs for Handed {
    fn read(&self, object: &ObjectId) -> Result<Vec<u8>, Failure> {
        heirloom_engine::Inputs::read(&*self.vault, object)
    }

    fn path(&self, object: &ObjectId) -> Result<std::path::PathBuf, Failure> {
        heirloom_engine::Inputs::path(&*self.vault, object)
    }

    fn guides(&self, object: &ObjectId) -> Result<Arc<dyn Guides>, Failure> {
        match &self.guides {
            Some(guides) if guides.object() == *object => Ok(guides.clone()),
            _ => heirloom_engine::Inputs::guides(&*self.vault, object),
        }
    }
}
