//! Blocking: who and what stands where in a shot, how the camera moves, where the light comes from; and the
//! storyboard drawings of a shot.
//!
//! Metres, degrees and millimetres. Right-handed: x to the right, y up, and a camera that is turned nowhere looks
//! down −z. Frames count from 0 within the shot, at the film's rate. Colours are what a colour picker shows: sRGB
//! values from 0 to 1, with their curve on.

use std::path::PathBuf;

use serde::Serialize;

use crate::SourceCall;

/// How a shot is blocked.
#[derive(Clone, Debug, PartialEq, Serialize, Default)]
pub struct Blocking {
    /// A scene file within the film's folder; the things are added to it.
    pub scene: Option<PathBuf>,
    /// Which camera of that file; its first when not given.
    pub camera_name: Option<String>,
    /// The file's animation begins at this frame of its own, at the film's rate.
    pub start_frame: u32,
    /// A photograph of a place that lights the shot.
    pub light_from: Option<Picture>,
    /// The sun.
    pub sun: Option<Sun>,
    /// Where the camera stands at first; the file's own camera when not given.
    pub camera: Option<CameraSetup>,
    /// Camera moves, in order; they may overlap.
    pub moves: Vec<Move>,
    /// Things of the set, in order.
    pub things: Vec<Thing>,
}

impl Blocking {
    /// Every photograph that the blocking shows or is lit by, in the order of the file.
    pub fn pictures(&self) -> impl Iterator<Item = &Picture> {
        let shown = self.things.iter().flat_map(|thing| match &thing.shape {
            Shape::Billboard { picture, depth, .. } => {
                let relief = match depth {
                    Relief::Picture { picture, .. } => Some(picture),
                    _ => None,
                };
                [Some(picture), relief]
            }
            _ => [None, None],
        });
        self.light_from.iter().chain(shown.flatten())
    }
}

/// A picture: a photograph of the archive, or a file in the film's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    /// Of the archive.
    Source(SourceCall),
    /// A path within the film's folder.
    File(PathBuf),
}

impl std::fmt::Display for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Picture::Source(call) => write!(f, "{call}"),
            Picture::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Light from far away, all one way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sun {
    /// Where it comes from, in degrees round the set: 0 is behind the camera's first side (+z), 90 from the right (+x).
    pub azimuth_deg: f64,
    /// How high it stands, in degrees above the ground.
    pub elevation_deg: f64,
    /// Its colour, as a colour picker shows it.
    pub color: [f64; 3],
    /// How strong it is; 1 is a plain sunny day.
    pub strength: f64,
}

/// What a camera looks at or goes round.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// A thing of the set or of the scene file, by name; followed where it moves.
    Thing(String),
    /// A place in metres.
    Place([f64; 3]),
}

/// How the camera is set up before it moves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CameraSetup {
    /// Where it stands, in metres.
    pub at_m: [f64; 3],
    /// What it looks at; straight down −z when not given.
    pub look_at: Option<Spot>,
    /// Whether what it looks at is held all along; where not, it only says where the camera looks at frame 0.
    pub hold: bool,
    /// Turned to the left, in degrees.
    pub pan_deg: f64,
    /// Turned up, in degrees.
    pub tilt_deg: f64,
    /// Leaning to its right side, in degrees.
    pub roll_deg: f64,
    /// Focal length in millimetres.
    pub lens_mm: f64,
    /// What the lens draws on; its width is the frame's width.
    pub back: FilmBack,
    /// What is sharp; said in the shot description.
    pub focus: Option<Spot>,
}

impl Default for CameraSetup {
    fn default() -> CameraSetup {
        CameraSetup {
            at_m: [0.0, 1.6, 5.0],
            look_at: None,
            hold: true,
            pan_deg: 0.0,
            tilt_deg: 0.0,
            roll_deg: 0.0,
            lens_mm: 35.0,
            back: FilmBack::FULL_FRAME,
            focus: None,
        }
    }
}

/// The width and height that a lens draws on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FilmBack {
    /// The word `film.toml` has for it, where it has one.
    pub name: Option<&'static str>,
    /// Width and height in millimetres.
    pub size_mm: [f64; 2],
}

impl FilmBack {
    /// 36 x 24 mm.
    pub const FULL_FRAME: FilmBack = FilmBack::named("full-frame", 36.0, 24.0);

    /// Every film back that has a name, in the order of the reference.
    pub const ALL: [FilmBack; 8] = [
        FilmBack::FULL_FRAME,
        FilmBack::named("super-35", 24.89, 18.66),
        FilmBack::named("academy", 21.95, 16.0),
        FilmBack::named("16mm", 10.26, 7.49),
        FilmBack::named("super-16", 12.52, 7.41),
        FilmBack::named("65mm", 52.48, 23.01),
        FilmBack::named("imax", 70.41, 52.63),
        FilmBack::named("aps-c", 23.6, 15.7),
    ];

    const fn named(name: &'static str, width_mm: f64, height_mm: f64) -> FilmBack {
        FilmBack {
            name: Some(name),
            size_mm: [width_mm, height_mm],
        }
    }
}

/// How a movement sets out and arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Ease {
    /// At one pace.
    Linear,
    /// Sets out slowly: `t²`.
    In,
    /// Arrives slowly: `2t − t²`.
    Out,
    /// Both: `3t² − 2t³`.
    #[default]
    InOut,
}

impl Ease {
    /// Every ease, in the order of the reference.
    pub const ALL: [Ease; 4] = [Ease::Linear, Ease::In, Ease::Out, Ease::InOut];

    /// The word `film.toml` has for it.
    pub fn word(self) -> &'static str {
        match self {
            Ease::Linear => "linear",
            Ease::In => "in",
            Ease::Out => "out",
            Ease::InOut => "in-out",
        }
    }

    /// How much of the way is done at `t` of the time, both from 0 to 1.
    ///
    /// ```
    /// use heirloom_film::Ease;
    /// assert_eq!(Ease::ALL.map(|ease| ease.at(0.5)), [0.5, 0.25, 0.75, 0.5]);
    /// ```
    pub fn at(self, t: f64) -> f64 {
        let t = t.clamp(0.0, 1.0);
        match self {
            Ease::Linear => t,
            Ease::In => t * t,
            Ease::Out => t * (2.0 - t),
            Ease::InOut => t * t * (3.0 - 2.0 * t),
        }
    }

    /// How fast it goes at its beginning and at its end, in ways a time: 1 is an even pace.
    pub fn slopes(self) -> [f64; 2] {
        match self {
            Ease::Linear => [1.0, 1.0],
            Ease::In => [0.0, 2.0],
            Ease::Out => [2.0, 0.0],
            Ease::InOut => [0.0, 0.0],
        }
    }
}

/// One camera move between two frames.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// What the camera does.
    #[serde(flatten)]
    pub kind: MoveKind,
    /// The frame at which it sets out.
    pub first_frame: u32,
    /// The frame at which it has arrived; at most the shot's length.
    pub last_frame: u32,
    /// How it sets out and arrives.
    pub ease: Ease,
}

/// The camera moves. Distances and directions are laid when the move sets out, as a track is: what the camera looks
/// at may walk on, the track stays.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MoveKind {
    /// It stands.
    Static,
    /// Along the level of its view.
    Dolly {
        /// Metres; negative is out.
        in_m: f64,
    },
    /// Sideways.
    Truck {
        /// Metres; negative is left.
        right_m: f64,
    },
    /// Straight up or down.
    Pedestal {
        /// Metres; negative is down.
        up_m: f64,
    },
    /// Up or down on the arm of a crane.
    Crane {
        /// Metres; negative is down.
        up_m: f64,
        /// Length of the arm in metres: the camera swings forward in the middle of the arc. Straight when not given.
        boom_m: Option<f64>,
    },
    /// Round a spot, turning with it.
    Orbit {
        /// Degrees; the camera goes to its own right.
        right_deg: f64,
        /// What it goes round; what it looks at when not given.
        round: Option<Spot>,
    },
    /// Straight toward what it looks at.
    PushIn {
        /// How far.
        way: Push,
    },
    /// Turned on its foot.
    Pan {
        /// Degrees; negative is left.
        right_deg: f64,
    },
    /// Turned up or down.
    Tilt {
        /// Degrees; negative is down.
        up_deg: f64,
    },
    /// Leaning.
    Roll {
        /// Degrees; the camera leans to its right side, so that the picture turns to the left.
        right_deg: f64,
    },
    /// Another focal length. The picture grows evenly: by the same factor in the same time.
    Zoom {
        /// Millimetres at the end.
        to_mm: f64,
    },
    /// Round and down.
    SpiralDescent {
        /// What it goes round; what it looks at when not given.
        round: Option<Spot>,
        /// How often round; the camera goes to its own right, or to its left where negative.
        turns: f64,
        /// Metres down.
        drop_m: f64,
        /// Level distances from the middle in metres, at first and at last; the camera's own when not given.
        radius_m: Option<[f64; 2]>,
    },
    /// On a shoulder. Adds smooth noise: at most 3 cm each way, 1.2 degrees of pan and tilt and 0.6 of roll, times
    /// the amount.
    Handheld {
        /// How unsteady; 1 is a good operator.
        amount: f64,
        /// Another number, another walk.
        seed: u64,
    },
}

impl MoveKind {
    /// The word `film.toml` has for it.
    pub fn word(&self) -> &'static str {
        match self {
            MoveKind::Static => "static",
            MoveKind::Dolly { .. } => "dolly",
            MoveKind::Truck { .. } => "truck",
            MoveKind::Pedestal { .. } => "pedestal",
            MoveKind::Crane { .. } => "crane",
            MoveKind::Orbit { .. } => "orbit",
            MoveKind::PushIn { .. } => "push-in",
            MoveKind::Pan { .. } => "pan",
            MoveKind::Tilt { .. } => "tilt",
            MoveKind::Roll { .. } => "roll",
            MoveKind::Zoom { .. } => "zoom",
            MoveKind::SpiralDescent { .. } => "spiral-descent",
            MoveKind::Handheld { .. } => "handheld",
        }
    }
}

/// How far a push-in goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Push {
    /// So many metres nearer.
    By(f64),
    /// Up to so many metres from it.
    To(f64),
}

/// A thing of the set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thing {
    /// What it is called: once in a shot; its name in the object-id pass.
    pub name: String,
    /// What it is.
    pub shape: Shape,
    /// The thing that it goes along with: its place is counted from that one's.
    pub with: Option<String>,
    /// Where it stands, in metres: the middle of its underside, or of the surface of a ground, water or terrain.
    pub at_m: [f64; 3],
    /// Turned round x, y and z, in degrees; y first, then x, then z, each round the thing's own axis.
    pub turn_deg: [f64; 3],
    /// Its colour, as a colour picker shows it; one that suits the shape when not given.
    pub color: Option<[f64; 3]>,
    /// Where it is when; frames rise.
    pub marks: Vec<Mark>,
}

/// Where a thing is at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// The frame.
    pub frame: u32,
    /// Where it stands then; where it stood at the mark before when not given.
    pub at_m: Option<[f64; 3]>,
    /// How it is turned then; as at the mark before when not given.
    pub turn_deg: Option<[f64; 3]>,
    /// How it goes there from the mark before.
    pub ease: Ease,
}

/// What a thing of the set is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Shape {
    /// A flat floor.
    Ground {
        /// Width and depth in metres.
        size_m: [f64; 2],
    },
    /// Water with waves that run.
    Water {
        /// Width and depth in metres.
        size_m: [f64; 2],
        /// The waves.
        waves: Waves,
    },
    /// A dome round everything, lit by itself: its colour above, another at the horizon.
    Sky {
        /// Radius in metres.
        radius_m: f64,
        /// Colour at the horizon, as a colour picker shows it.
        horizon: [f64; 3],
    },
    /// A ball or an egg.
    Sphere {
        /// Width, height and depth in metres.
        size_m: [f64; 3],
    },
    /// A box.
    Box {
        /// Width, height and depth in metres.
        size_m: [f64; 3],
    },
    /// An upright rod with round ends.
    Capsule {
        /// Width, height and depth in metres.
        size_m: [f64; 3],
    },
    /// Somebody, built of capsules, facing +z.
    Figure {
        /// How tall when standing, in metres.
        height_m: f64,
        /// How they hold themselves.
        pose: FigurePose,
    },
    /// Hills.
    Terrain {
        /// Width and depth in metres.
        size_m: [f64; 2],
        /// From the lowest to the highest ground, in metres at most; the middle stands at the thing's height.
        relief_m: f64,
        /// Metres from hill to hill.
        grain_m: f64,
        /// Another number, another land.
        seed: u64,
    },
    /// A photograph that stands, facing +z.
    Billboard {
        /// Its width and height in metres; the height follows from the picture when not given.
        width_m: f64,
        /// Height in metres.
        height_m: Option<f64>,
        /// The photograph.
        picture: Picture,
        /// How it stands out.
        depth: Relief,
    },
}

impl Shape {
    /// The word `film.toml` has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Shape::Ground { .. } => "ground",
            Shape::Water { .. } => "water",
            Shape::Sky { .. } => "sky",
            Shape::Sphere { .. } => "sphere",
            Shape::Box { .. } => "box",
            Shape::Capsule { .. } => "capsule",
            Shape::Figure { .. } => "figure",
            Shape::Terrain { .. } => "terrain",
            Shape::Billboard { .. } => "billboard",
        }
    }
}

/// How water moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Waves {
    /// From trough to crest of the largest waves, in metres.
    pub height_m: f64,
    /// From crest to crest, in metres.
    pub length_m: f64,
    /// Where they run, in degrees: 0 toward +z, 90 toward +x.
    pub toward_deg: f64,
    /// Another number, another sea.
    pub seed: u64,
}

/// How somebody holds themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum FigurePose {
    /// On their feet, arms down.
    #[default]
    Standing,
    /// In a stride.
    Walking,
    /// On a seat of a quarter of their height.
    Sitting,
    /// On their feet, both arms folded before the chest as round a child.
    Cradling,
    /// On the floor, on their back, head toward +z.
    Lying,
}

impl FigurePose {
    /// Every pose, in the order of the reference.
    pub const ALL: [FigurePose; 5] = [
        FigurePose::Standing,
        FigurePose::Walking,
        FigurePose::Sitting,
        FigurePose::Cradling,
        FigurePose::Lying,
    ];

    /// The word `film.toml` has for it.
    pub fn word(self) -> &'static str {
        match self {
            FigurePose::Standing => "standing",
            FigurePose::Walking => "walking",
            FigurePose::Sitting => "sitting",
            FigurePose::Cradling => "cradling",
            FigurePose::Lying => "lying",
        }
    }
}

/// How a billboard stands out from its plane.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relief {
    /// Not at all.
    Flat,
    /// By how bright the photograph is: white stands out by so many metres.
    Bright(f64),
    /// By how bright another picture is: white stands out.
    Picture {
        /// That picture.
        picture: Picture,
        /// Metres.
        depth_m: f64,
    },
}

/// A storyboard drawing, shown for a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Board {
    /// The drawing.
    pub picture: Picture,
    /// For how many frames it is shown.
    pub frames: u32,
    /// The part that is seen at first: left, top, width and height, in fractions of the drawing.
    pub from: [f64; 4],
    /// The part that is seen at last.
    pub to: [f64; 4],
    /// How the move over the drawing sets out and arrives.
    pub ease: Ease,
    /// Words below it; empty when not given.
    pub caption: String,
}
