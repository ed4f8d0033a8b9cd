//! The film's blocked shots, rendered along ways of the camera.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use heirloom_engine::GuideSet;
use heirloom_engine_diffusion::conditions::{Depth, depth};
use heirloom_engine_diffusion::generate::Clip;
use heirloom_engine_diffusion::noise::Noise;
use heirloom_film::{Film, Rate, Shot, Size};
use heirloom_picture::{Image, color};
use heirloom_stage::blocking::{Context, build};
use heirloom_stage::passes::{Passes, Renderer, Wanted};
use heirloom_stage::read::{ReadOptions, read};
use heirloom_stage::scene::Scene;
use heirloom_stage::{passes, pose::frame_time_s};

use crate::ways::{FRAMES, REACHES, Way};

/// Numbers of the one state that stands for a shot's words.
pub const TEXT: usize = 32;

/// A blocked shot.
struct Set {
    shot: Shot,
    /// The scene of its file, where it has one.
    file: Option<Scene>,
}

/// The blocked shots of [`REACHES`].
pub struct Sets {
    film: Film,
    sets: Vec<Set>,
}

/// What is learned from: the stage's picture and its depth as a control clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Which of [`REACHES`].
    pub set: usize,
    /// Lit colour.
    pub picture: Clip,
    /// Inverse depth over the whole clip, as guided shots have it.
    pub depth: Clip,
}

impl Sets {
    /// Reads the film and the scene files of its shots.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let loaded = heirloom_film::load(&folder.join("film.toml")).map_err(|p| anyhow::anyhow!("{p}"))?;
        let film = loaded.film;
        let sets = REACHES.iter().map(|reach| {
            let shot = film
                .shots()
                .map(|(_, shot)| shot)
                .find(|shot| shot.name == reach.shot);
            let shot = shot.with_context(|| format!("the film has no shot {}", reach.shot))?;
            let blocking = shot.blocking.as_ref();
            let blocking = blocking.with_context(|| format!("shot {} is not blocked", shot.name))?;
            let file = blocking.scene.as_ref();
            let file = file.map(|path| read(&folder.join(path), &ReadOptions::default()));
            Ok(Set {
                shot: shot.clone(),
                file: file.transpose()?,
            })
        });
        let sets = sets.collect::<anyhow::Result<_>>()?;
        Ok(Self { film, sets })
    }

    /// States that stand for a shot's words: one, drawn once, for no text encoder is trained.
    pub fn text(set: usize) -> Vec<f32> {
        let mut state = vec![0.0; TEXT];
        Noise::new(&format!("words of {}", REACHES[set].shot), 0).fill(&mut state);
        state
    }

    /// The passes of a way.
    pub fn guides(&self, way: &Way, size: Size, wanted: Passes) -> anyhow::Result<GuideSet> {
        let Set { shot, file } = &self.sets[way.set];
        let every = REACHES[way.set].every;
        let mut blocking = shot.blocking.clone().unwrap_or_default();
        blocking.moves = way.moves(shot.frames);
        let context = Context::of(&self.film, shot, file.clone(), &|picture| {
            Err(format!("{picture} is a photograph, and these sets have none"))
        });
        let blocked = build(&blocking, context)?;
        let rate = self.film.rate;
        let view = passes::Shot {
            camera: blocked.camera_node,
            start_s: frame_time_s(blocked.start_s, f64::from(way.start(shot.frames)), rate),
            rate: Rate::new(rate.num(), rate.den() * every)?,
            frames: way.frames,
            size,
        };
        let wanted = Wanted {
            frames: 0..way.frames,
            passes: wanted,
            window: None,
        };
        Ok(Renderer::new(&blocked.scene, view)?.guides(&wanted, &AtomicBool::new(false))?)
    }

    /// What is learned from a way: a clip for each run of its frames.
    pub fn shown(&self, way: &Way, size: Size) -> anyhow::Result<Vec<Shown>> {
        let guides = self.guides(way, size, Passes::COLOR | Passes::DEPTH)?;
        let (width, height) = (size.width as usize, size.height as usize);
        let runs = guides.frames.windows(FRAMES as usize).map(|run| {
            let (mut metres, mut pixels) = (Vec::new(), Vec::new());
            for frame in run {
                metres.extend_from_slice(&frame.depth_m.as_ref().context("no depth")?.values);
                pixels.extend(codes(&frame.color.as_ref().context("no colour")?.0));
            }
            Ok(Shown {
                set: way.set,
                picture: Clip {
                    width,
                    height,
                    pixels,
                },
                depth: depth(&metres, width, height, Depth::WholeClip),
            })
        });
        runs.collect()
    }
}

fn codes(image: &Image) -> impl Iterator<Item = [f32; 3]> {
    color::to_video16(image)
        .into_iter()
        .map(|p| p.map(|v| f32::from(v) / 65535.0))
}

/// A clip's frames as pictures.
pub fn images(clip: &Clip) -> Option<Vec<Image>> {
    let (width, height) = (clip.width as u32, clip.height as u32);
    let code = |v: f32| (v.clamp(0.0, 1.0) * 65535.0).round() as u16;
    clip.frames()
        .map(|frame| {
            let codes: Vec<[u16; 3]> = frame.iter().map(|p| p.map(code)).collect();
            color::from_video16(&codes, width, height)
        })
        .collect()
}
