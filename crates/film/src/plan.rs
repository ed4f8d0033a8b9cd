//! The checked plan of a film: film, scenes, shots, people and the charter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::{
    Blocking, Board, Budget, Copies, CreditsBy, Cull, Id, Layout, Like, Margins, Picture, Rate, Setting,
    ShareLimits, Shown, Size, SourceCall, Still, Subject, Usd,
};

/// A whole film as `film.toml` plans it, every number within its range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Film {
    /// The film's title, shown on the title card.
    pub title: String,
    /// Frames a second, exact.
    pub rate: Rate,
    /// Pixels of every frame.
    pub size: Size,
    /// What the film is about, in its maker's words; empty when not given.
    pub intent: String,
    /// The sound laid under the cut: a path relative to the folder of `film.toml`.
    pub sound: Option<PathBuf>,
    /// A sound laid under the animatic in its place: a path relative to the folder of `film.toml`.
    pub scratch_sound: Option<PathBuf>,
    /// Length of the title card in frames; 0 means none. Two seconds when not given.
    pub title_frames: u32,
    /// Length of the end credits in frames; 0 means none. Three seconds when not given.
    pub credits_frames: u32,
    /// In which order the end credits name the owners of sources.
    pub credits_by: CreditsBy,
    /// Whether the end credits say every owner's share.
    pub credits_shares: bool,
    /// The film's limits.
    pub charter: Charter,
    /// By what rules many takes of a shot become few.
    pub cull: Cull,
    /// What may be spent.
    pub budget: Budget,
    /// Who makes and who appears.
    pub people: Vec<Person>,
    /// Who and what is to be known again from shot to shot.
    pub subjects: Vec<Subject>,
    /// The scenes, in order.
    pub scenes: Vec<Scene>,
}

impl Film {
    /// A film with this title, no scenes, and the defaults of `film.toml`.
    pub fn new(title: &str) -> Film {
        let rate = Rate::default();
        Film {
            title: title.into(),
            rate,
            size: Size::default(),
            intent: String::new(),
            sound: None,
            scratch_sound: None,
            title_frames: default_title_frames(rate),
            credits_frames: default_credits_frames(rate),
            credits_by: CreditsBy::default(),
            credits_shares: false,
            charter: Charter::default(),
            cull: Cull::default(),
            budget: Budget::default(),
            people: Vec::new(),
            subjects: Vec::new(),
            scenes: Vec::new(),
        }
    }

    /// Every shot with its scene, in the order of the film.
    pub fn shots(&self) -> impl Iterator<Item = (&Scene, &Shot)> {
        self.scenes
            .iter()
            .flat_map(|scene| scene.shots.iter().map(move |shot| (scene, shot)))
    }

    /// Frames of all shots in the cut: their sum less the dissolves, without title card and credits.
    pub fn shot_frames(&self) -> u64 {
        self.shots()
            .map(|(_, shot)| u64::from(shot.frames) - u64::from(shot.dissolve.min(shot.frames)))
            .sum()
    }
}

/// Frames of a title card that the film does not set: two seconds.
pub(crate) fn default_title_frames(rate: Rate) -> u32 {
    rate.frames_in(2) as u32
}

/// Frames of the credits that the film does not set: three seconds.
pub(crate) fn default_credits_frames(rate: Rate) -> u32 {
    rate.frames_in(3) as u32
}

/// Shots that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scene {
    /// Stable id, written by `make` when missing.
    pub id: Option<Id>,
    /// The scene's name, unique in the film; may change freely.
    pub name: String,
    /// The most that its shots may cost together, if there is a cap.
    pub budget_usd: Option<Usd>,
    /// The shots, in order.
    pub shots: Vec<Shot>,
}

/// One shot: what is seen from one cut to the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shot {
    /// Stable id, written by `make` when missing.
    pub id: Option<Id>,
    /// The shot's name, unique in its scene; may change freely.
    pub name: String,
    /// Length in frames at the film's rate: at least 1, at most 24 hours.
    pub frames: u32,
    /// What the shot is made of, and how.
    pub kind: Kind,
    /// What is to be seen, in words; empty when not given.
    pub prompt: String,
    /// How it is to feel, in words; empty when not given.
    pub mood: String,
    /// The sources the shot is made of. Empty for kinds that name what they are made of themselves, as
    /// [`Kind::Becoming`] its two ends: [`Shot::calls`] gives all in one. Empty too for a
    /// living shot or a still that leaves the choice to the words of its prompt.
    pub sources: Vec<SourceCall>,
    /// The number that chance starts from: another seed, another variation. 0 when not given.
    pub seed: u64,
    /// Frames by which the shot overlaps the one before it in a dissolve; 0 means a cut.
    pub dissolve: u32,
    /// Strength of the finish, from 0 (off: every pixel is one sample of a source) to 1.
    pub finish: f32,
    /// Size of the sources' matter in the picture, 1 being their own pixels; the engine chooses when not
    /// given. From 0.05 to 20.
    pub scale: Option<f32>,
    /// Name of the engine that is to make it; the studio chooses when not given.
    pub engine: Option<String>,
    /// The size that the engine is to work at, where it is not the film's: its pictures are scaled to cover the film's.
    pub size: Option<Size>,
    /// That engine's own settings, by name.
    pub settings: BTreeMap<String, Setting>,
    /// The take it is to be like.
    pub like: Option<Like>,
    /// Who and what stands where, and how the camera moves.
    pub blocking: Option<Blocking>,
    /// Storyboard drawings, in order.
    pub boards: Vec<Board>,
    /// Where things go in a still or living shot; the engine chooses when not given.
    pub layout: Option<Layout>,
    /// What stands still while the rest flows.
    pub still: Option<Still>,
    /// Subjects that are to be known again in it, and where.
    pub subjects: Vec<Shown>,
    /// Of the keys that words may fill, those that the file states, as against those left to their defaults:
    /// `flow`, `speed`, `direction` and `steady` of its motion, `finish` and `scale`.
    pub stated: BTreeSet<&'static str>,
}

impl Shot {
    /// Finish of a shot that does not set it.
    pub const DEFAULT_FINISH: f32 = 0.5;
    /// How far things of a guided shot that does not say so are given the stage's light.
    pub const DEFAULT_LIGHT: f32 = 0.5;

    /// A shot with the defaults of `film.toml`.
    pub fn new(name: &str, frames: u32, kind: Kind) -> Shot {
        Shot {
            id: None,
            name: name.into(),
            frames,
            kind,
            prompt: String::new(),
            mood: String::new(),
            sources: Vec::new(),
            seed: 0,
            dissolve: 0,
            finish: Shot::DEFAULT_FINISH,
            scale: None,
            engine: None,
            size: None,
            settings: BTreeMap::new(),
            like: None,
            blocking: None,
            boards: Vec::new(),
            layout: None,
            still: None,
            subjects: Vec::new(),
            stated: BTreeSet::new(),
        }
    }

    /// Every source the shot calls: `sources`, then what its kind names itself: the two ends of a becoming, the clip, the plate of a fill, or
    /// the matter of a guided shot's things.
    pub fn calls(&self) -> impl Iterator<Item = &SourceCall> {
        let ends = match &self.kind {
            Kind::Becoming { from, to, .. } | Kind::Between { from, to } => [Some(from), Some(to)],
            Kind::Style { clip, .. } | Kind::Extend { clip, .. } | Kind::Slow { clip, .. } => {
                [Some(clip), None]
            }
            Kind::Fill { plate, .. } => [Some(plate), None],
            _ => [None, None],
        };
        let matter = match &self.kind {
            Kind::Guided { matter, .. } => Some(matter.values().flatten()),
            _ => None,
        };
        self.sources
            .iter()
            .chain(ends.into_iter().flatten())
            .chain(matter.into_iter().flatten())
    }
}

/// What a shot is made of, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A photograph that lives: new pictures from its matter, moving.
    Living {
        /// How it moves.
        motion: Motion,
    },
    /// One new picture from the matter of its sources, held; with a motion it drifts.
    Still {
        /// How it moves, if at all.
        motion: Option<Motion>,
    },
    /// One photograph becoming another. The first and the last frame are the two themselves.
    Becoming {
        /// What it is at first.
        from: SourceCall,
        /// What it is at last.
        to: SourceCall,
        /// How it moves on the way.
        motion: Motion,
    },
    /// A clip in the matter of the shot's sources, along the clip's own motion.
    Style {
        /// The clip.
        clip: SourceCall,
        /// First frame of the clip that is used, counted from 0 at the film's rate.
        start: u32,
        /// From 0, the clip as it is, to 1, all of it made of the sources.
        strength: f32,
    },
    /// A clip gone on with beyond its end: all frames of the shot are new.
    Extend {
        /// The clip.
        clip: SourceCall,
        /// How many of the clip's last frames, at its own rate, it is made of; at least 2.
        tail: u32,
    },
    /// The frames between two stills of one scene. The first and the last frame are the two themselves.
    Between {
        /// The first still.
        from: SourceCall,
        /// The last still.
        to: SourceCall,
    },
    /// A clip in slow motion.
    Slow {
        /// The clip.
        clip: SourceCall,
        /// First frame of the clip that is used, counted from 0 at the film's rate.
        start: u32,
        /// Pace against the clip's own, from 0.05 to 1.
        pace: f32,
    },
    /// A take that follows the shot's blocking, which such a shot always has.
    Guided {
        /// What things of the set are made of, by their names; `*` is every thing not named. The engine chooses among
        /// the shot's sources for the rest.
        matter: BTreeMap<String, Vec<SourceCall>>,
        /// How far things are given the stage's light, 0 to 1.
        light: f32,
    },
    /// A trimmed clip of live action.
    Plate {
        /// First frame used, counted from 0 at the film's rate.
        start: u32,
    },
    /// A photograph with a part of it made anew, or gone on with beyond its edges; held. `sources` are other matter to
    /// make it of; without them it is made of the plate's own.
    Fill {
        /// The photograph.
        plate: SourceCall,
        /// White where it is made anew.
        mask: Option<Picture>,
        /// What is added round it.
        margins: Margins,
    },
}

impl Kind {
    /// Pace of a [`Kind::Slow`] that does not set it.
    pub const DEFAULT_PACE: f32 = 0.25;
    /// Tail of a [`Kind::Extend`] that does not set it, in frames of the clip.
    pub const DEFAULT_TAIL: u32 = 24;

    /// The word `film.toml` has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Living { .. } => "living",
            Kind::Still { .. } => "still",
            Kind::Becoming { .. } => "becoming",
            Kind::Style { .. } => "style",
            Kind::Extend { .. } => "extend",
            Kind::Between { .. } => "between",
            Kind::Slow { .. } => "slow",
            Kind::Guided { .. } => "guided",
            Kind::Plate { .. } => "plate",
            Kind::Fill { .. } => "fill",
        }
    }

    /// How it moves, if it does.
    pub fn motion(&self) -> Option<&Motion> {
        match self {
            Kind::Living { motion } | Kind::Becoming { motion, .. } => Some(motion),
            Kind::Still { motion } => motion.as_ref(),
            Kind::Style { .. }
            | Kind::Extend { .. }
            | Kind::Between { .. }
            | Kind::Slow { .. }
            | Kind::Guided { .. }
            | Kind::Fill { .. }
            | Kind::Plate { .. } => None,
        }
    }
}

/// How the matter of a shot moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Motion {
    /// The shape of the movement.
    pub flow: Flow,
    /// Pace from 0 to 4; 1 is the default pace, 0 stands.
    pub speed: f32,
    /// Where it goes, in degrees from -360 to 360, counted against the clock: for [`Flow::Drift`] 0 is to
    /// the right, for [`Flow::Rise`] it is up. The other flows ignore it.
    pub direction_deg: f32,
    /// From 0, lively, to 1, steady.
    pub steady: f32,
}

impl Default for Motion {
    fn default() -> Motion {
        Motion {
            flow: Flow::Curl,
            speed: 1.0,
            direction_deg: 0.0,
            steady: 0.5,
        }
    }
}

/// The shape of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Eddies, as in smoke.
    Curl,
    /// All one way, as clouds in wind.
    Drift,
    /// Upward and apart, as embers.
    Rise,
    /// Out and back, as a chest.
    Breathe,
    /// Round a middle, as a galaxy.
    Spiral,
    /// No movement but life within.
    Hold,
}

impl Flow {
    /// Every flow, in the order of the reference.
    pub const ALL: [Flow; 6] = [
        Flow::Curl,
        Flow::Drift,
        Flow::Rise,
        Flow::Breathe,
        Flow::Spiral,
        Flow::Hold,
    ];

    /// The word `film.toml` has for it.
    pub fn word(self) -> &'static str {
        match self {
            Flow::Curl => "curl",
            Flow::Drift => "drift",
            Flow::Rise => "rise",
            Flow::Breathe => "breathe",
            Flow::Spiral => "spiral",
            Flow::Hold => "hold",
        }
    }
}

/// One of the people of a film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The person's name, unique in the film.
    pub name: String,
    /// What the person does or who they are in it, such as `director`.
    pub roles: Vec<String>,
}

/// The film's limits. What is not said is the cautious choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Default)]
pub struct Charter {
    /// Whether performers may be made by machine.
    pub synthetic_performers: Leave,
    /// Whether voices may be made by machine.
    pub synthetic_voices: Leave,
    /// Which sources may be used.
    pub sources: SourcesRule,
    /// Whether prompts may name artists to be imitated.
    pub named_artists: NamedArtists,
    /// How much of the film may be whose.
    pub shares: ShareLimits,
    /// What is said of takes that are nearly copies of one photograph.
    pub copies: Copies,
    /// Whether faces may be seen in takes.
    pub faces: Faces,
    /// The network that looks for them: an ONNX file, as a path relative to the folder of `film.toml`.
    pub face_detector: Option<PathBuf>,
    /// The keys that the file states, as against those left to their defaults.
    pub stated: BTreeSet<&'static str>,
}

/// How far a synthetic likeness may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Leave {
    /// Not at all.
    #[default]
    Never,
    /// Where the person has given leave.
    WithConsent,
    /// Freely.
    Allowed,
}

/// Which sources may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SourcesRule {
    /// Only those with an owner and rights whose scope covers the use.
    #[default]
    ClearedOnly,
}

/// Whether prompts may name artists to be imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum NamedArtists {
    /// They may not.
    #[default]
    Never,
    /// They may.
    Allowed,
}

/// Whether faces may be seen in takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Faces {
    /// They may not: a take in which one is found goes to a person before it can be kept by a cull.
    Never,
    /// They may. Said nowhere else in the charter, this is the default: to look for faces takes a network that the film
    /// has to bring along.
    #[default]
    Allowed,
}
