//! Blocking without a 3D package: from the words of the set in `film.toml` to a scene, and back to words.
//!
//! [`build`] makes a [`Scene`] of things, marks and camera moves, on its own or added to a scene that was read from a
//! file; [`describe`] prints what came of it as a first assistant would read it out. The camera has a key at every
//! frame, so whatever samples it between frames goes straight from one to the next. All arithmetic is portable and
//! all chance comes from seeds: the same words are the same scene on every machine.
//!
//! ```
//! use heirloom_film::parse;
//! use heirloom_stage::blocking::{Context, build, describe};
//!
//! let film = parse("film.toml", r#"
//!     [film]
//!     title = "First light"
//!     [[scene]]
//!     name = "shore"
//!     [[scene.shot]]
//!     name = "010"
//!     frames = 48
//!     kind = "guided"
//!     [scene.shot.blocking]
//!     camera = { at = [0, 1.5, 4], look_at = "mother" }
//!     moves = [{ kind = "dolly", in = 1, frames = [0, 48] }]
//!     [[scene.shot.blocking.thing]]
//!     name = "mother"
//!     shape = "figure"
//! "#)?.film;
//! let shot = &film.scenes[0].shots[0];
//! let blocking = shot.blocking.as_ref().ok_or("a blocking")?;
//! let context = Context::of(&film, shot, None, &|picture| Err(format!("{picture} is not needed")));
//! let blocked = build(blocking, context)?;
//! assert_eq!(blocked.scene.nodes[0].name, "mother");
//! assert!(describe(&film, shot, blocking, &blocked).contains("dolly in 1 m"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod angle;
mod billboard;
mod camera;
mod describe;
mod figure;
mod land;
mod noise;
mod place_light;
mod set;
mod shapes;
mod things;

use glam::{DQuat, DVec3};
use heirloom_film::{Blocking, Film, Picture, Rate, Shot, Size};
use heirloom_picture::{Image, color};

use crate::light::PlaceLight;
use crate::pose::frame_time_s;
use crate::scene::{Camera, Fit, Light, LightKind, Node, Placement, Scene};
use crate::track::{Interpolation, Keyed, Track};
pub use describe::describe;

/// Longest shot that is blocked, in frames: an hour and more.
pub const MAX_FRAMES: u32 = 100_000;
/// What a sun of strength 1 gives, in the scene's W/m²: a matt white surface that faces it is shown at four fifths of
/// white.
const SUN_W_M2: f64 = 0.8 * std::f64::consts::PI;
/// Nearest and farthest that the camera of a blocking sees, in metres.
const CLIP_M: [f64; 2] = [0.02, 400_000.0];

/// What a blocking is built for and with.
pub struct Context<'a> {
    /// The shot's name.
    pub shot: String,
    /// Frames a second.
    pub rate: Rate,
    /// Length of the shot in frames.
    pub frames: u32,
    /// Pixels of a frame.
    pub size: Size,
    /// The scene of the file that the blocking names, as read.
    pub file: Option<Scene>,
    /// Finds a photograph; what is wrong, in words with the mend, where it cannot.
    pub pictures: &'a dyn Fn(&Picture) -> Result<Image, String>,
}

impl<'a> Context<'a> {
    /// What is known of a film's shot.
    pub fn of(
        film: &Film,
        shot: &Shot,
        file: Option<Scene>,
        pictures: &'a dyn Fn(&Picture) -> Result<Image, String>,
    ) -> Self {
        Self {
            shot: shot.name.clone(),
            rate: film.rate,
            frames: shot.frames,
            size: film.size,
            file,
            pictures,
        }
    }
}

/// A shot as it stands on the stage.
#[derive(Debug, Clone)]
pub struct Blocked {
    /// The scene: the file's nodes first, then the things in their order, the sun and the camera.
    pub scene: Scene,
    /// The node of the camera that the shot is seen through.
    pub camera_node: usize,
    /// The scene's time at frame 0 of the shot, in seconds.
    pub start_s: f64,
    /// The light of the place that `light_from` shows, in world space; it stands in the scene as two lights.
    pub light: Option<PlaceLight>,
}

/// Why a blocking could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BlockingError {
    /// The shot is longer than what is blocked.
    #[error(
        "the shot has {0} frames, more than the {MAX_FRAMES} that can be blocked; cut it into shorter shots"
    )]
    TooLong(u32),
    /// A scene file is named, and its scene was not given.
    #[error("the scene file {0} was not read; read it before the blocking is built")]
    NoFile(String),
    /// A name that neither a thing nor the file has.
    #[error("there is nothing called \"{name}\" on the set; {mend}")]
    NoThing {
        /// The name.
        name: String,
        /// What to do.
        mend: String,
    },
    /// A thing has the name of something in the file.
    #[error("the scene file has something called \"{0}\" already; give the thing another name")]
    Taken(String),
    /// No camera of that name, or none at all.
    #[error(
        "the scene file has no camera{}; {}",
        .name.as_ref().map(|n| format!(" called \"{n}\"")).unwrap_or_default(),
        if .others.is_empty() {
            "add `camera = { at = [0, 1.6, 6] }` to the blocking".to_string()
        } else {
            format!("it has {}", .others.join(", "))
        }
    )]
    NoCamera {
        /// The name.
        name: Option<String>,
        /// The cameras there are.
        others: Vec<String>,
    },
    /// The file's camera cannot be moved on from.
    #[error(
        "the file's camera {0} has no focal length; set a camera up with `camera = {{ at = [0, 1.6, 6] }}`"
    )]
    Flat(String),
    /// A move needs something to look at or go round.
    #[error("the {0} needs something to look at; add `look_at` to the camera")]
    Aimless(&'static str),
    /// A push-in goes past what it goes toward.
    #[error(
        "the push-in at frame {frame} goes {by_m:.2} m, but what it goes toward is only {distance_m:.2} m away; write \
         less than that, or `to` a distance"
    )]
    PushThrough {
        /// How far it would go.
        by_m: f64,
        /// How far there is to go.
        distance_m: f64,
        /// The frame at which it sets out.
        frame: u32,
    },
    /// A photograph could not be had.
    #[error("the picture of \"{thing}\" could not be used: {why}")]
    Picture {
        /// The thing.
        thing: String,
        /// Why, with the mend.
        why: String,
    },
}

/// Puts a shot on the stage.
///
/// # Errors
/// [`BlockingError`], which names the thing and says the mend.
pub fn build(blocking: &Blocking, context: Context<'_>) -> Result<Blocked, BlockingError> {
    if context.frames > MAX_FRAMES {
        return Err(BlockingError::TooLong(context.frames));
    }
    let mut scene = match (&blocking.scene, context.file.clone()) {
        (Some(path), None) => return Err(BlockingError::NoFile(path.display().to_string())),
        (_, file) => file.unwrap_or_default(),
    };
    let from_file = scene.nodes.len();
    scene.name = context.shot.clone();
    let start_s = frame_time_s(0.0, f64::from(blocking.start_frame), context.rate);
    let clock = Clock {
        start_s,
        rate: context.rate,
        frames: context.frames,
    };
    let looks = things::place(&mut scene, blocking, &context, &clock)?;
    if let Some(sun) = &blocking.sun {
        let name = free_name(&scene, "sun");
        let turn = angle::turn(DVec3::Y, sun.azimuth_deg) * angle::turn(DVec3::X, -sun.elevation_deg);
        scene.lights.push(Light {
            name: name.clone(),
            kind: LightKind::Sun { angle_deg: 0.53 },
            color: linear(sun.color),
            intensity: Track::constant(sun.strength * SUN_W_M2),
        });
        scene.nodes.push(Node {
            placement: Placement::fixed(DVec3::ZERO, turn, DVec3::ONE),
            light: Some(scene.lights.len() - 1),
            object: false,
            ..Node::named(name)
        });
    }
    let camera_node = set::camera(&mut scene, blocking, &looks, from_file, &clock)?;
    let light = match &blocking.light_from {
        Some(picture) => Some(place_light::light(
            &mut scene,
            picture,
            camera_node,
            start_s,
            &context,
        )?),
        None => None,
    };
    let end_s = clock.at(context.frames);
    let moves = scene.nodes[from_file..]
        .iter()
        .any(|node| !node.placement.is_constant() || node.morph_weights.is_some())
        || scene
            .cameras
            .iter()
            .any(|c| c.focal_mm.as_ref().is_some_and(|f| !f.is_constant()));
    if moves {
        scene.duration_s = scene.duration_s.max(end_s);
    }
    Ok(Blocked {
        scene,
        camera_node,
        start_s,
        light,
    })
}

/// The shot's frames in the scene's time.
struct Clock {
    start_s: f64,
    rate: Rate,
    frames: u32,
}

impl Clock {
    fn at(&self, frame: u32) -> f64 {
        frame_time_s(self.start_s, f64::from(frame), self.rate)
    }

    /// A track with a key at every frame, or one value where it never changes.
    fn baked<T: Keyed + PartialEq>(&self, values: Vec<T>) -> Option<Track<T>> {
        let first = values.first()?.clone();
        if values.iter().all(|value| *value == first) {
            return Some(Track::constant(first));
        }
        let times = (0..values.len() as u32).map(|frame| self.at(frame)).collect();
        Track::keys(times, values, Interpolation::Linear).ok()
    }
}

/// Where to look on each of a scene's nodes: a place in the node's own space, where it is not the middle.
type Looks = std::collections::HashMap<usize, DVec3>;

/// A name that no node has yet.
fn free_name(scene: &Scene, wanted: &str) -> String {
    let taken = |name: &str| scene.nodes.iter().any(|node| node.name == name);
    if !taken(wanted) {
        return wanted.into();
    }
    (2..)
        .map(|n| format!("{wanted} {n}"))
        .find(|name| !taken(name))
        .unwrap_or_else(|| wanted.into())
}

/// A colour as a colour picker shows it, in linear ACEScg.
fn linear(display: [f64; 3]) -> [f32; 3] {
    let matrix = color::between(&color::Chromaticities::REC709, &color::Chromaticities::AP1);
    matrix.apply(display.map(color::srgb_decode)).map(|v| v as f32)
}

/// The camera of a blocking.
fn own_camera(name: String, focal_mm: Track<f64>, back_mm: [f64; 2]) -> Camera {
    Camera {
        back_mm,
        fit: Fit::Width,
        focal_mm: Some(focal_mm),
        clip_m: CLIP_M,
        ..Camera::with_lens(name, 35.0)
    }
}

/// What a node that only moves needs.
fn moving(translation: Track<DVec3>, rotation: Track<DQuat>) -> Placement {
    Placement::Parts {
        translation,
        rotation,
        scale: Track::constant(DVec3::ONE),
    }
}
