//! `heirloom stage render`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_engine::gate::Action;
use heirloom_film::{Rate, Size};
use heirloom_finish::stage_frames::StageFrames;
use heirloom_finish::{FinishError, numbered};
use heirloom_stage::exr::{Heading, write_frame};
use heirloom_stage::passes::{Passes, Renderer, Shot};
use heirloom_stage::preview;
use heirloom_vault::ObjectId;

use super::{Room, Setup, scene_file};
use crate::args::{StageFormat, StageRender};
use crate::show::Show;
use crate::{Ended, INTERRUPTED, make, open};

/// The passes by the words the command line has for them, in the order they are named in.
const PASSES: [(&str, Passes); 7] = [
    ("color", Passes::COLOR),
    ("depth", Passes::DEPTH),
    ("normals", Passes::NORMALS),
    ("objects", Passes::OBJECTS),
    ("position", Passes::POSITION),
    ("next", Passes::NEXT),
    ("previous", Passes::PREVIOUS),
];

/// Render passes of a shot, of every blocked shot, or of a scene file.
pub fn run(folder: &Path, options: &StageRender, show: &Show, stop: &AtomicBool) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let passes = passes(&options.passes)?;
    if let Some(path) = options.what.as_deref().and_then(scene_file) {
        let setup = Setup::of_file(
            &path,
            options.rate.unwrap_or(Rate::CINEMA),
            options.size.unwrap_or(Size::HD),
        )?;
        warnings(&setup, show);
        return render(folder, options, passes, &setup, false, show, stop);
    }
    anyhow::ensure!(
        options.rate.is_none(),
        "--rate is for scene files; a shot has the rate of its film, which stands in film.toml"
    );
    let room = Room::open(folder, show)?;
    let meant = room.meant(options.what.as_deref())?;
    let several = meant.len() > 1;
    for (scene, shot) in meant {
        let staged = room.staged(scene, shot, Action::Spend, show)?;
        let mut setup = Setup::of_shot(&room.film, scene, shot, staged);
        setup.size = options.size.unwrap_or(setup.size);
        warnings(&setup, show);
        render(folder, options, passes, &setup, several, show, stop)?;
    }
    Ok(())
}

/// What was not carried or had to be mended.
pub(super) fn warnings(setup: &Setup, show: &Show) {
    for warning in &setup.scene.warnings {
        show.note(&format!(
            "warning: {}: {}: {}",
            setup.name, warning.subject, warning.what
        ));
    }
}

fn passes(words: &[String]) -> anyhow::Result<Passes> {
    let mut passes = Passes::NONE;
    for word in words {
        let plain = word.trim().to_lowercase();
        let these = match plain.as_str() {
            "all" => Some(Passes::ALL),
            "motion" => Some(Passes::NEXT | Passes::PREVIOUS),
            "colour" => Some(Passes::COLOR),
            name => PASSES.iter().find(|(known, _)| *known == name).map(|(_, p)| *p),
        };
        passes = passes
            | these.with_context(|| {
                format!(
                    "there is no pass `{word}`; the passes are {}, motion and all",
                    names(Passes::ALL).join(", ")
                )
            })?;
    }
    Ok(passes)
}

fn names(passes: Passes) -> Vec<&'static str> {
    let named = PASSES.iter().filter(|(_, these)| passes.has(*these));
    named.map(|(name, _)| *name).collect()
}

/// What each frame is written as.
#[derive(Clone)]
struct Files {
    folder: PathBuf,
    format: StageFormat,
}

impl Files {
    fn exr(&self, n: u32) -> Option<PathBuf> {
        (self.format != StageFormat::Preview).then(|| self.folder.join(format!("{n:06}.exr")))
    }

    fn preview(&self, n: u32) -> Option<PathBuf> {
        (self.format != StageFormat::Exr).then(|| self.folder.join(format!("{n:06}.png")))
    }

    fn are_there(&self, n: u32) -> bool {
        let files = [self.exr(n), self.preview(n)];
        files.iter().flatten().all(|path| path.is_file())
    }
}

fn render(
    folder: &Path,
    options: &StageRender,
    passes: Passes,
    setup: &Setup,
    several: bool,
    show: &Show,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let camera = setup.camera_node(options.camera.as_deref())?;
    let range = match &options.range {
        None => 0..setup.frames,
        Some(range) => {
            let frames = setup.frames;
            anyhow::ensure!(
                range.end <= u64::from(frames),
                "{} has {frames} frames, 0 to {}; ask for a range within them",
                setup.name,
                frames.saturating_sub(1)
            );
            range.start as u32..range.end as u32
        }
    };
    let to = match &options.to {
        Some(to) if several => to.join(&setup.name),
        Some(to) => to.clone(),
        None => open::out(folder).join("stage").join(&setup.name),
    };
    let renderer = Renderer::new(
        &setup.scene,
        Shot {
            camera,
            start_s: setup.start_s,
            rate: setup.rate,
            frames: setup.frames,
            size: setup.size,
        },
    )?;
    let made_of = serde_json::json!({
        "heirloom_stage": heirloom_stage::REVISION,
        "scene": ObjectId::of(setup.made_of.to_string().as_bytes()),
        "camera": setup.scene.nodes[camera].name,
        "size": setup.size,
        "passes": names(passes),
    });
    numbered::prepare(&to, &made_of)?;
    manifest(&to, setup, camera, &renderer, passes)?;
    let files = Files {
        folder: to.clone(),
        format: options.format,
    };
    let objects = &renderer.cast().names;
    let views = (0..setup.frames)
        .map(|n| renderer.view(n))
        .collect::<Result<Vec<_>, _>>()?;
    let bar = show.bar(
        &format!("passes of {}", setup.name),
        u64::from(range.end - range.start),
        "frames",
    );
    let done = StageFrames {
        renderer: &renderer,
        passes,
        range,
        is_there: &|n| files.are_there(n),
        write: &|n, frame| {
            if let Some(path) = files.exr(n) {
                let heading = Heading {
                    frame: n,
                    rate: setup.rate,
                    size: setup.size,
                    view: &views[n as usize],
                    names: objects,
                };
                write_frame(&path, frame, &heading)?;
            }
            match files.preview(n) {
                Some(path) => preview::write(&path, frame, setup.size),
                None => Ok(()),
            }
        },
    }
    .write_missing(&mut |done, total| bar.at(done, total), stop);
    drop(bar);
    match done {
        Err(FinishError::Cancelled) => {
            show.note("Stopped. The frames that are there are whole; run it again to go on.");
            Err(Ended::Said(INTERRUPTED).into())
        }
        done => {
            let done = done?;
            show.say(&format!(
                "{}: {} frames written, {} there already",
                to.display(),
                done.written,
                done.kept
            ));
            Ok(())
        }
    }
}

/// Write `stage.json` beside the frames: what the ids mean, and how the camera sees each frame.
fn manifest(
    to: &Path,
    setup: &Setup,
    camera: usize,
    renderer: &Renderer<'_>,
    passes: Passes,
) -> anyhow::Result<()> {
    let lenses: Vec<Option<f64>> = (0..setup.frames).map(|n| setup.focal_mm(camera, n)).collect();
    let text = serde_json::to_string_pretty(&serde_json::json!({
        "heirloom_stage": heirloom_stage::REVISION,
        "scene": setup.name,
        "rate": setup.rate,
        "size": setup.size,
        "frames": setup.frames,
        "start_s": setup.start_s,
        "passes": names(passes),
        "camera": setup.scene.nodes[camera].name,
        "focal_mm": lenses,
        "exposure": renderer.exposure(),
        "objects": renderer.cast().names,
    }))?;
    open::write_whole(&to.join("stage.json"), format!("{text}\n").as_bytes())
}
