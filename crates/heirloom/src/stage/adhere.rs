//! `heirloom stage adhere`: how well a take follows its blocking, in numbers.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_engine::gate::Action;
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::{Image, exr, photo, resample};
use heirloom_stage::adherence::{AdherenceError, AdherenceOptions, judge, write_contact};
use heirloom_stage::passes::{Passes, RenderError, Renderer, Shot, Wanted};

use super::{Room, Setup, scene_file};
use crate::args::StageAdhere;
use crate::show::Show;
use crate::{Ended, INTERRUPTED, make, open};

/// Frames on the sheet.
const COLUMNS: usize = 6;
/// Memory for the passes of the whole shot, in bytes; longer shots are judged smaller.
const PASSES_BYTES: u64 = 1 << 30;
/// Bytes a pixel of the passes that judging asks for, and of the take.
const PIXEL_BYTES: u64 = 72;

/// Judge a take against the shot or the scene file it was made for.
pub fn run(folder: &Path, options: &StageAdhere, show: &Show, stop: &AtomicBool) -> anyhow::Result<()> {
    make::threads(options.threads)?;
    let mut setup = match scene_file(&options.what) {
        Some(path) => Setup::of_file(&path, options.rate.unwrap_or(Rate::CINEMA), Size::HD)?,
        None => {
            let room = Room::open(folder, show)?;
            let (scene, shot) = room.find(&options.what)?;
            let staged = room.staged(scene, shot, Action::Choose, show)?;
            Setup::of_shot(&room.film, scene, shot, staged)
        }
    };
    let take = Take::find(&options.take, options.rate.unwrap_or(setup.rate))?;
    // The stage is asked at the take's own times, so nothing is resampled.
    let seconds = f64::from(setup.frames) * f64::from(setup.rate.den()) / f64::from(setup.rate.num());
    let at_its_rate = (seconds * f64::from(take.rate.num()) / f64::from(take.rate.den())).ceil() as u32;
    setup.rate = take.rate;
    setup.frames = at_its_rate.min(take.frames).max(1);
    setup.size = working(setup.size, setup.frames);
    let renderer = Renderer::new(
        &setup.scene,
        Shot {
            camera: setup.camera_node(options.camera.as_deref())?,
            start_s: setup.start_s,
            rate: setup.rate,
            frames: setup.frames,
            size: setup.size,
        },
    )?;
    show.note(&format!(
        "{}: {} frames of the take against the stage, at {}",
        setup.name, setup.frames, setup.size
    ));
    let wanted = Wanted {
        passes: Passes::COLOR | Passes::DEPTH | Passes::NORMALS | Passes::OBJECTS | Passes::NEXT,
        ..Wanted::all(0..setup.frames)
    };
    let guides = match renderer.guides(&wanted, stop) {
        Err(RenderError::Stopped) => return Err(interrupted(show)),
        guides => guides?,
    };
    let pictures = take.pictures(setup.size, setup.frames)?;
    let settings = AdherenceOptions::default();
    let bar = show.bar("judging", setup.frames.into(), "frames");
    let judged = judge(
        &guides,
        &pictures,
        &settings,
        &mut |done, of| bar.at(done, of),
        stop,
    );
    drop(bar);
    let report = match judged {
        Err(AdherenceError::Stopped) => return Err(interrupted(show)),
        report => report?,
    };
    let to = options.to.clone().unwrap_or_else(|| {
        open::out(folder)
            .join("stage")
            .join(format!("{}-adherence.png", setup.name))
    });
    if let Some(parent) = to.parent().filter(|p| !p.as_os_str().is_empty()) {
        open::make_folder(parent)?;
    }
    write_contact(&to, &guides, &pictures, COLUMNS, &settings)?;
    if options.json {
        show.say(&serde_json::to_string_pretty(&report)?);
    } else {
        show.say(&report.to_string());
        show.say(&format!("the stage, the take, and what is off: {}", to.display()));
    }
    Ok(())
}

fn interrupted(show: &Show) -> anyhow::Error {
    show.note("Stopped; nothing was written.");
    Ended::Said(INTERRUPTED).into()
}

/// The size at which a shot of so many frames is judged.
fn working(size: Size, frames: u32) -> Size {
    let longest = f64::from(AdherenceOptions::default().longest_side_px);
    let room = (PASSES_BYTES / PIXEL_BYTES / u64::from(frames.max(1))) as f64;
    let pixels = f64::from(size.width) * f64::from(size.height);
    let by_side = longest / f64::from(size.width.max(size.height));
    let by = by_side.min((room / pixels).sqrt()).min(1.0);
    let even = |side: u32| ((f64::from(side) * by / 2.0).round() as u32 * 2).max(Size::MIN_SIDE);
    Size::new(even(size.width), even(size.height)).unwrap_or(size)
}

/// A take on the disk: a clip, or a folder of pictures in the order of their names.
struct Take {
    path: PathBuf,
    /// Of a folder, its pictures.
    files: Option<Vec<PathBuf>>,
    frames: u32,
    rate: Rate,
}

impl Take {
    fn find(path: &Path, rate: Rate) -> anyhow::Result<Self> {
        if !path.is_dir() {
            let clip = Ffmpeg::find()?.probe(path)?;
            return Ok(Self {
                path: path.into(),
                files: None,
                frames: u32::try_from(clip.frames).unwrap_or(u32::MAX),
                rate: clip.rate,
            });
        }
        let entries = std::fs::read_dir(path).with_context(|| {
            format!(
                "{} could not be read; see that it is there and may be read",
                path.display()
            )
        })?;
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|file| {
                let ending = file.extension().and_then(|e| e.to_str()).unwrap_or("");
                ["png", "jpg", "jpeg", "exr"].contains(&ending.to_ascii_lowercase().as_str())
            })
            .collect();
        files.sort();
        anyhow::ensure!(
            !files.is_empty(),
            "{} holds no frames; name a clip, or a folder of PNG, JPEG or EXR pictures in the order of their names",
            path.display()
        );
        Ok(Self {
            path: path.into(),
            frames: u32::try_from(files.len()).unwrap_or(u32::MAX),
            files: Some(files),
            rate,
        })
    }

    /// Its first frames, scaled to cover a size.
    fn pictures(&self, size: Size, frames: u32) -> anyhow::Result<Vec<Image>> {
        let Some(files) = &self.files else {
            let frames = Ffmpeg::find()?.frames(&self.path, 0, frames.into(), size)?;
            return Ok(frames.collect::<Result<Vec<_>, _>>()?);
        };
        files
            .iter()
            .take(frames as usize)
            .map(|file| {
                let is_exr = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("exr"));
                let image = if is_exr {
                    exr::read(file)?
                } else {
                    photo::read(file)?.image
                };
                Ok(resample::cover(&image, size.width, size.height))
            })
            .collect()
    }
}
