//! Passes of a shot: which, of which frames, and what comes out.

use std::ops::{BitOr, ControlFlow, Range};
use std::sync::atomic::AtomicBool;

use glam::DVec3;
use heirloom_engine::guides::GuideLight;
use heirloom_engine::{GuideFrame, GuideSet};
use heirloom_film::{Rate, Size};

use crate::pose::{Pose, View, ViewError, frame_time_s};
use crate::posed::{Cast, TooMuch};
use crate::render::sequence::{Run, Studio};
use crate::render::still::Set;
use crate::scene::Scene;
use crate::shade::texture::Pyramid;

/// A set of passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passes(u16);

impl Passes {
    /// Lit clay.
    pub const COLOR: Self = Self(1);
    /// Planar depth.
    pub const DEPTH: Self = Self(1 << 1);
    /// World and camera normals.
    pub const NORMALS: Self = Self(1 << 2);
    /// Object ids.
    pub const OBJECTS: Self = Self(1 << 3);
    /// World positions.
    pub const POSITION: Self = Self(1 << 4);
    /// Motion to the next frame, and what is hidden in it.
    pub const NEXT: Self = Self(1 << 5);
    /// Motion to the previous frame, and what is hidden in it.
    pub const PREVIOUS: Self = Self(1 << 6);
    /// None.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self(0x7f);

    /// Whether all of these are in the set.
    pub fn has(self, these: Self) -> bool {
        self.0 & these.0 == these.0
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::ALL
    }
}

impl BitOr for Passes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which pictures are wanted: a camera, and when and how often it looks.
///
/// Frame `i` shows the scene at `start_s + i / rate`. An engine that works at another rate than the film's gets a shot
/// with that rate; nothing is resampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// The node that carries the camera; see [`crate::scene::Scene::camera_node`].
    pub camera: usize,
    /// The scene's time at frame 0, in seconds.
    pub start_s: f64,
    /// Frames a second.
    pub rate: Rate,
    /// Frames of the whole shot; exposure is settled over them.
    pub frames: u32,
    /// Size of the whole picture in pixels.
    pub size: Size,
}

/// A part of the picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns and rows.
    pub size: Size,
}

/// Why a shot is not rendered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The camera cannot see.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Too much geometry.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// An empty or an absurd picture.
    #[error("a picture of {} x {} pixels cannot be rendered; ask for 1 to {limit} pixels each way", size.width, size.height)]
    Size {
        /// What was asked for.
        size: Size,
        /// Pixels a side may have.
        limit: u32,
    },
    /// The window is empty or not inside the picture.
    #[error("the window lies outside the picture of {} x {} pixels; give one inside it", size.width, size.height)]
    Window {
        /// The picture's size.
        size: Size,
    },
    /// A time that is no number.
    #[error("the shot begins at no time that there is; give its start in seconds")]
    Time,
    /// The stop flag was raised.
    #[error("rendering was stopped; ask again to render the rest")]
    Stopped,
}

/// Pixels a side that a picture may have.
pub const LARGEST: u32 = 16_384;

/// What is asked for of a shot.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Frames, counted from the shot's first.
    pub frames: Range<u32>,
    /// Passes.
    pub passes: Passes,
    /// The part of the picture; none for all of it. Its values are those that the whole picture has there.
    pub window: Option<Window>,
}

impl Wanted {
    /// All passes of some frames.
    pub fn all(frames: Range<u32>) -> Self {
        Self {
            frames,
            passes: Passes::ALL,
            window: None,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Frames handed out.
    pub frames: u32,
    /// The most triangles of any frame that had no area on the picture, no place, or no such vertices.
    pub dropped_triangles: u64,
}

/// Renders the passes of a shot on the processor.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use heirloom_film::{Rate, Size};
/// use heirloom_stage::passes::{Renderer, Shot, Wanted};
/// use heirloom_stage::scene::{Camera, Mesh, Node, Placement, Primitive, Scene};
/// # use glam::{DQuat, DVec3};
///
/// let mut scene = Scene::default();
/// let sheet = Primitive {
///     positions: vec![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]],
///     triangles: vec![[0, 1, 2]],
///     ..Primitive::default()
/// };
/// scene.meshes.push(Mesh { name: "sail".into(), primitives: vec![sheet] });
/// let mut sail = Node::named("sail");
/// sail.mesh = Some(0);
/// sail.placement = Placement::fixed(DVec3::new(0.0, 0.0, -4.0), DQuat::IDENTITY, DVec3::ONE);
/// scene.cameras.push(Camera::with_lens("camera", 35.0));
/// let mut camera = Node::named("camera");
/// camera.camera = Some(0);
/// scene.nodes = vec![sail, camera];
///
/// // An engine that makes five frames at 16 a second gets its guides at that rate.
/// let shot = Shot {
///     camera: 1,
///     start_s: 0.0,
///     rate: Rate::parse("16")?,
///     frames: 5,
///     size: Size { width: 64, height: 36 },
/// };
/// let guides = Renderer::new(&scene, shot)?.guides(&Wanted::all(0..5), &AtomicBool::new(false))?;
/// guides.validate()?;
/// assert_eq!(guides.names[&1], "sail");
/// let depth = &guides.frames[0].depth_m.as_ref().unwrap().values;
/// assert_eq!(depth[18 * 64 + 32], 4.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The same scene and shot give the same bytes on any processor and for any number of threads.
///
/// - A pixel of data has one surface: what is seen at its centre. Values are not filtered.
/// - Where nothing stands: id 0, depth infinite, normals and position 0, and the motion of a point infinitely far off.
/// - Where a point goes behind the other frame's camera, its motion is 0 and it counts as hidden.
/// - Colour is the mean of eight samples. Lit surfaces and the sky are multiplied by one exposure a shot, so that lights
///   in physical units give a picture that can be read; what gives off light, and what is not lit, is shown as it is.
#[derive(Debug)]
pub struct Renderer<'a> {
    pub(crate) studio: Studio<'a>,
}

impl<'a> Renderer<'a> {
    /// Makes a shot of a scene ready.
    ///
    /// # Errors
    /// Where the camera cannot see at frame 0, the picture is empty or too large, or there is too much geometry.
    pub fn new(scene: &'a Scene, shot: Shot) -> Result<Self, RenderError> {
        let Size { width, height } = shot.size;
        if width.min(height) == 0 || width.max(height) > LARGEST {
            return Err(RenderError::Size {
                size: shot.size,
                limit: LARGEST,
            });
        }
        if !shot.start_s.is_finite() {
            return Err(RenderError::Time);
        }
        let cast = Cast::of(scene)?;
        let pose = Pose::of(scene, shot.start_s);
        let view = View::of(scene, &pose, shot.camera, shot.size)?;
        let mut studio = Studio {
            set: Set::new(scene, cast),
            pyramids: scene.textures.iter().map(Pyramid::new).collect(),
            exposure: 1.0,
            front: view.world_from_camera.transform_vector3(DVec3::NEG_Z),
            shot,
        };
        studio.find_exposure()?;
        Ok(Self { studio })
    }

    /// The instances that are drawn, and the objects' names.
    pub fn cast(&self) -> &Cast {
        &self.studio.set.cast
    }

    /// The shot.
    pub fn shot(&self) -> &Shot {
        &self.studio.shot
    }

    /// What the camera sees at a frame.
    ///
    /// # Errors
    /// Where it can see nothing then.
    pub fn view(&self, frame: u32) -> Result<View, ViewError> {
        let Shot {
            camera,
            start_s,
            rate,
            size,
            ..
        } = self.studio.shot;
        let scene = self.studio.set.scene;
        let pose = Pose::of(scene, frame_time_s(start_s, f64::from(frame), rate));
        View::of(scene, &pose, camera, size)
    }

    /// The light of a frame, in world space and in the colour pass's exposure: the lamp that throws shadows as the key,
    /// all else as the fill.
    ///
    /// # Errors
    /// Where the camera can see nothing then.
    pub fn light(&self, frame: u32) -> Result<GuideLight, ViewError> {
        self.studio.light(frame)
    }

    /// What lit surfaces and the sky are multiplied by.
    pub fn exposure(&self) -> f32 {
        self.studio.exposure
    }

    /// Renders frames in order and hands each, with its number, to `sink`, which may take it away, and may stop the
    /// rest by breaking. What it leaves is memory for the next frame. Raising `stop` stops within a frame.
    ///
    /// # Errors
    /// Where the window is not inside the picture, the camera cannot see at some frame, or `stop` was raised.
    pub fn render(
        &self,
        wanted: &Wanted,
        stop: &AtomicBool,
        mut sink: impl FnMut(u32, &mut GuideFrame) -> ControlFlow<()>,
    ) -> Result<Summary, RenderError> {
        let window = self.window(wanted)?;
        let run = Run {
            first: wanted.frames.start,
            beyond: wanted.frames.end,
            passes: wanted.passes,
            window,
            stop,
        };
        let mut frames = 0;
        let dropped_triangles = self.studio.run(&run, &mut |frame, passes| {
            frames += 1;
            sink(frame, passes)
        })?;
        Ok(Summary {
            frames,
            dropped_triangles,
        })
    }

    /// The part of the picture that is asked for.
    pub(crate) fn window(&self, wanted: &Wanted) -> Result<Window, RenderError> {
        let size = self.studio.shot.size;
        let window = wanted.window.unwrap_or(Window { x: 0, y: 0, size });
        let fits = |from: u32, length: u32, whole: u32| {
            length > 0 && from.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !(fits(window.x, window.size.width, size.width) && fits(window.y, window.size.height, size.height))
        {
            return Err(RenderError::Window { size });
        }
        Ok(window)
    }

    /// The guides of a short range, all in memory.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn guides(&self, wanted: &Wanted, stop: &AtomicBool) -> Result<GuideSet, RenderError> {
        let mut frames = Vec::new();
        self.render(wanted, stop, |_, frame| {
            frames.push(std::mem::take(frame));
            ControlFlow::Continue(())
        })?;
        let light = self.light(wanted.frames.start)?;
        for (frame, n) in frames.iter_mut().zip(wanted.frames.clone()) {
            let own = self.light(n)?;
            frame.light = (own != light).then_some(own);
        }
        Ok(GuideSet {
            size: wanted.window.map_or(self.studio.shot.size, |w| w.size),
            rate: self.studio.shot.rate,
            names: self.cast().names.clone(),
            light: Some(light),
            frames,
        })
    }
}
