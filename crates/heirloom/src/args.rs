//! What can be typed.

mod archive;
mod care;
mod models;
mod restyle;
mod takes;
mod training;

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use heirloom_film::{Rate, Size};

pub use archive::{Archive, Drift, Ordered, Search};
pub use care::Care;
pub use models::Models;
pub use restyle::Restyle;
pub use takes::{Budget, Choose, Compare, Cull, Look, Measure, Queue, Report, Takes, Watch};
pub use training::{CheckStyle, Keep, Train, Which};

/// Heirloom, a film studio for pictures that are your own.
#[derive(Debug, Parser)]
#[command(name = "heirloom", version, max_term_width = 110)]
pub struct Args {
    /// The film's folder.
    #[arg(long, short = 'C', global = true, default_value = ".", value_name = "FOLDER")]
    pub film: PathBuf,
    /// No colours and no moving bars: one line for each thing that happens.
    #[arg(long, global = true)]
    pub plain: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a film: a folder with a commented film.toml and an empty vault.
    New {
        /// The folder to make; its name becomes the film's title.
        name: PathBuf,
    },
    /// Check film.toml, the sources it calls and their rights; makes and writes nothing.
    Check(Check),
    /// Make the film: draw every shot that is not there yet, then cut and master.
    Make(Make),
    /// Photographs and clips in, and what there is.
    #[command(subcommand)]
    Archive(Archive),
    /// Whose sources are and who consented: grant, change, revoke, and see.
    #[command(subcommand)]
    Rights(Rights),
    /// Styles made from sources: a grade and exemplars, by name and version.
    #[command(subcommand)]
    Style(Style),
    /// Apply a style's grade, or a .cube file, to stills and clips at film bit depth.
    Grade(Grade),
    /// Models of open weights on this machine: add, list, check, forget.
    #[command(subcommand)]
    Models(Models),
    /// The ledger: who did what, to what, from what, and why.
    Log(Log),
    /// The vault: how large it is, whether it is whole, and making room.
    #[command(subcommand)]
    Vault(Vault),
    /// Which photograph a pixel of a master comes from, where in it, whose, under what terms.
    Trace(Trace),
    /// The takes there are: id, shot, seed, and what they are like. With --count: draw many of one shot.
    Takes(Takes),
    /// Choose a take, turn it down, shelve it, give it stars or a note; take that back.
    Choose(Choose),
    /// Measure a shot's takes: sharpness, light, flicker, coherence, motion, what is frozen or broken.
    Measure(Measure),
    /// Make few of a shot's many takes, by the rules of film.toml: shown first, written when asked.
    Cull(Cull),
    /// A shot's takes on a local page: play, compare, judge by keys.
    Look(Look),
    /// Two takes in one clip, side by side or in turns.
    Compare(Compare),
    /// Takes made and chosen, shooting ratio, cost and time, of each shot and the film.
    Report(Report),
    /// How the money stands: caps, spent, reserved, in doubt; and ruling on what is in doubt.
    Budget(Budget),
    /// How far the queue is: what waits, what is under way, what failed.
    Watch(Watch),
    /// Hold the queue, let it go on, cancel what waits, list what failed for good.
    #[command(subcommand)]
    Queue(Queue),
    /// Care for takes: take flicker and noise off, make them as large as the film. Gives a new take beside each.
    Care(Care),
    /// Make takes over by a model: little at a low strength, nearly all at a high one. Gives a new take beside each.
    Restyle(Restyle),
    /// How far two takes lie apart: composition, matter, motion.
    Distance(Distance),
    /// Whose a take or the film is: a table of shares, and for a take a picture of what comes from where.
    Attribution(Attribution),
    /// Write frames of a shot or of the whole cut as 16-bit PNG or EXR.
    Frames(Frames),
    /// The stage: blocked shots and 3D scenes as guide passes, and the film as an animatic.
    #[command(subcommand)]
    Stage(Stage),
}

/// Options of `check`.
#[derive(Debug, Group)]
pub struct Check {
    /// Say of every word of prompt and mood what it does, or why it does nothing.
    #[arg(long)]
    pub explain: bool,
}

/// Options of `make`.
#[derive(Debug, Group)]
pub struct Make {
    /// Make the film at another size than film.toml says.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
    /// Draw the shots, but do not cut the film.
    #[arg(long)]
    pub no_cut: bool,
    /// Say of every word of prompt and mood what it does, or why it does nothing, before the shots are drawn.
    #[arg(long)]
    pub explain: bool,
    /// Threads that the engine and the cut use; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Draw only this shot, as "scene/shot" or its id, and do not cut the film.
    #[arg(long, value_name = "SHOT")]
    pub shot: Option<String>,
    /// Make the shot a little other than this take: its id, or the shot whose take it is. Written into film.toml.
    #[arg(long, value_name = "TAKE", requires = "shot")]
    pub like: Option<String>,
    /// How far from that take: 0 keeps its composition, 1 is as free as a new seed; 0.3 when left out.
    #[arg(long, value_name = "0..1", requires = "like", value_parser = share)]
    pub amount: Option<f64>,
    /// The seed to go on with; one that the shot has not had yet when left out.
    #[arg(long, value_name = "N", requires = "like")]
    pub seed: Option<u64>,
}

/// Options of `distance`.
#[derive(Debug, Group)]
pub struct Distance {
    /// A take: its id, or the shot whose take it is, as "scene/shot" or its id.
    #[arg(value_name = "TAKE")]
    pub one: String,
    /// Another.
    #[arg(value_name = "TAKE")]
    pub other: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `attribution`.
#[derive(Debug, Group)]
pub struct Attribution {
    /// The shot, as "scene/shot" or its id, or a take's id; without it, the whole film.
    pub shot: Option<String>,
    /// The frame of the take that is drawn, from 0; the middle one when left out.
    #[arg(long, requires = "shot", value_name = "N")]
    pub frame: Option<u32>,
    /// Where the picture goes; out/attribution/SCENE-SHOT-FRAME.png in the film's folder when left out.
    #[arg(long, requires = "shot", value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// The table as JSON.
    #[arg(long)]
    pub json: bool,
    /// The size that the film was made at, if not film.toml's.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
}

/// Commands on rights.
#[derive(Debug, Subcommand)]
pub enum Rights {
    /// What may be done with sources, and why not; or what a person consented to.
    Show(Whose),
    /// Say whose sources are and on what terms, or that a person consented. Lifts an earlier revocation.
    Grant {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        said: Said,
    },
    /// Change some of what is declared; the rest stays, a revocation too.
    Change {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        said: Said,
    },
    /// Take leave or consent back, and say all that it touches.
    Revoke {
        #[command(flatten)]
        whose: Whose,
        /// Why, for the ledger.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        /// Only say what it would touch.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What rights are spoken of.
#[derive(Debug, Group)]
pub struct Whose {
    /// Sources, as in film.toml: archive:moon, or only moon.
    #[arg(value_name = "SOURCE", conflicts_with = "person")]
    pub sources: Vec<String>,
    /// Every source in this folder of the archive and below it. May be given again.
    #[arg(long, value_name = "FOLDER", conflicts_with = "person")]
    pub folder: Vec<String>,
    /// Not sources, but a person who can be recognised in some.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
}

/// What is said of them. What is left out stays as it is.
#[derive(Debug, Group)]
pub struct Said {
    /// Whose they are.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// The terms, or how a person consented: "own work", "in writing, 2024-05-01".
    #[arg(long)]
    pub terms: Option<String>,
    /// The text of the terms; kept in the vault.
    #[arg(long, value_name = "FILE")]
    pub terms_file: Option<PathBuf>,
    /// How and when they were obtained.
    #[arg(long, value_name = "TEXT")]
    pub obtained: Option<String>,
    /// What for: look, generate, publish, train; without it look, generate and publish.
    #[arg(long, value_delimiter = ',', value_name = "USE,...")]
    pub scope: Vec<heirloom_vault::Use>,
    /// The last day: 2031-12-31.
    #[arg(long, value_name = "DAY")]
    pub until: Option<jiff::civil::Date>,
    /// Who can be recognised in them. May be given again.
    #[arg(long, value_name = "NAME")]
    pub shows: Vec<String>,
    /// Who consented for the person: a guardian, an estate.
    #[arg(long, value_name = "NAME")]
    pub given_by: Option<String>,
}

/// Commands on styles.
#[derive(Debug, Subcommand)]
pub enum Style {
    /// Make a style from sources, or the next version of it.
    Make {
        /// Its name; with / a variant of another: father/night.
        name: String,
        /// A source (archive:moon, or only moon), a folder of the archive with / at its end, or a query as `archive search`
        /// takes it. May be given again.
        #[arg(long, required = true, value_name = "QUERY")]
        from: Vec<String>,
        /// Of a query that ranks (like:, colour:) the first so many.
        #[arg(long, default_value_t = 60, value_name = "N")]
        first: usize,
        /// A picture that the grade is to be applied to, so that it is fitted to such pictures. May be given again.
        #[arg(long, value_name = "FILE")]
        against: Vec<PathBuf>,
        /// How much of the sources' lightness the grade takes: 1 darkens all there is where they are night skies.
        #[arg(long, default_value_t = 1.0, value_name = "0..1", value_parser = share)]
        lightness: f64,
        /// Sources at most that stand for all of them.
        #[arg(long, default_value_t = 12, value_name = "N")]
        exemplars: u8,
    },
    /// Make a style between two: for a style that changes from scene to scene.
    Blend {
        /// Its name.
        name: String,
        /// The style at 0; NAME@2 for a version.
        one: String,
        /// The style at 1.
        other: String,
        /// How far from one to the other.
        #[arg(long, value_name = "0..1", value_parser = share)]
        at: f64,
    },
    /// Make a variant for every scene of the film, NAME/SCENE, so that the style changes from scene to scene.
    Arc {
        /// The variants' common name.
        name: String,
        /// The styles that it goes through, from the first scene to the last; two at least.
        #[arg(required = true, num_args = 2.., value_name = "STYLE")]
        through: Vec<String>,
    },
    /// Every style, at its newest version.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// How far pictures and clips are from a style: 1 as its own sources, more the farther.
    Drift(Drift),
    /// Whether there is enough to train on: too few, too alike, too small, marks, faces, captions.
    Check(CheckStyle),
    /// Train a LoRA of the style, or of a person or thing, from sources that may be trained on.
    Train(Box<Train>),
    /// Keep a checkpoint: in the vault, in the ledger with its reason, and on the list of models.
    Keep(Keep),
    /// All that is known of a style.
    Show {
        /// Its name; NAME@2 for a version.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a style's grade as .cube, for other programs.
    Export {
        /// Its name; NAME@2 for a version.
        name: String,
        /// Where to; out/styles/NAME.cube in the film's folder when left out.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

/// How graded stills are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GradeFormat {
    /// 16-bit PNG, display colours.
    Png,
    /// Half-float EXR, linear ACEScg, brighter than white kept.
    Exr,
}

/// Options of `grade`.
#[derive(Debug, Group)]
pub struct Grade {
    /// A style by name (NAME@2 for a version), or a .cube file.
    #[arg(value_name = "STYLE")]
    pub style: PathBuf,
    /// Photographs and clips. Clips become ProRes 422 HQ.
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// How much of the grade: 0 leaves all as it is.
    #[arg(long, default_value_t = 1.0, value_name = "0..1", value_parser = share)]
    pub strength: f64,
    /// Hold the grade back in the colours of skin.
    #[arg(long)]
    pub skin_safe: bool,
    /// Which hues are held back, in degrees of OKLCH, in place of those of skin (25..75).
    #[arg(long, value_name = "A..B", value_parser = hues)]
    pub skin_hues: Option<[f64; 2]>,
    /// How stills are written.
    #[arg(long, value_enum, default_value_t = GradeFormat::Exr)]
    pub format: GradeFormat,
    /// The folder they are written to; out/graded in the film's folder when left out.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

/// Options of `log`.
#[derive(Debug, Group)]
pub struct Log {
    /// Only acts with this verb: ingested, declared, requested, drawn, refused, cut, exported …
    #[arg(long)]
    pub verb: Option<String>,
    /// Only acts that touch this object (its whole id).
    #[arg(long)]
    pub object: Option<String>,
    /// At most so many, the newest.
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Commands of the vault.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Vault {
    /// How much room sources, takes and masters take.
    Size,
    /// Read every object again and hold it against its name.
    Verify,
    /// Remove leftovers of interrupted writes, and objects that no act refers to.
    Tidy {
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Options of `trace`.
#[derive(Debug, Group)]
pub struct Trace {
    /// A master that was exported from this film.
    pub master: PathBuf,
    /// The frame, from 0.
    #[arg(long)]
    pub frame: u64,
    /// A pixel, from the top left; without it, every source's share of the frame.
    #[arg(long, value_name = "X,Y", value_parser = pixel)]
    pub at: Option<(u32, u32)>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// How frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// 16-bit PNG, display colours.
    Png,
    /// Half-float EXR, linear ACEScg.
    Exr,
}

/// Options of `frames`.
#[derive(Debug, Group)]
pub struct Frames {
    /// The shot, as "scene/shot" or its id; without it, the whole cut.
    pub shot: Option<String>,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Exr)]
    pub format: Format,
    /// Frames A to B, B not included; all when left out.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub range: Option<std::ops::Range<u64>>,
    /// Where to; out/frames/SHOT in the film's folder when left out.
    #[arg(long)]
    pub to: Option<PathBuf>,
    /// The size that the film was made at, if not film.toml's.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
    /// EXR with the picture alone, without layers that say where every pixel comes from.
    #[arg(long)]
    pub no_attribution: bool,
}

/// Commands of the stage.
#[derive(Debug, Subcommand)]
pub enum Stage {
    /// Say what stands on the stage: objects, cameras, lights, frames, and what was not carried.
    Check {
        /// A shot, as "scene/shot" or its id, or a scene file (.glb, .gltf, .usda, .usdc, .usdz); without it, every
        /// blocked shot.
        what: Option<String>,
    },
    /// Render guide passes: one multi-layer EXR a frame, and previews.
    Render(StageRender),
    /// The film at its own timing before it is made: takes, stage, boards, slates.
    Animatic(StageAnimatic),
    /// How well a take follows the stage: camera, timing, blocking and light, each a number.
    Adhere(StageAdhere),
    /// Write a shot's blocking as .glb, for Blender and others to go on with.
    Glb {
        /// The shot, as "scene/shot" or its id.
        shot: String,
        /// Where to; out/stage/SCENE-SHOT.glb in the film's folder when left out.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

/// What is written of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageFormat {
    /// A multi-layer EXR with every pass.
    Exr,
    /// One PNG with all passes side by side, for looking.
    Preview,
    /// Both.
    Both,
}

/// Options of `stage render`.
#[derive(Debug, Group)]
pub struct StageRender {
    /// A shot, as "scene/shot" or its id, or a scene file; without it, every blocked shot.
    pub what: Option<String>,
    /// Which passes: color, depth, normals, objects, position, next, previous, or all.
    #[arg(long, value_delimiter = ',', default_value = "all", value_name = "PASS,...")]
    pub passes: Vec<String>,
    /// Frames A to B of the shot, B not included; all when left out.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub range: Option<std::ops::Range<u64>>,
    /// Size of the pictures, if not film.toml's; 1280x720 for a scene file.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
    /// Frames a second of a scene file; 24 when left out. A shot has its film's.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<Rate>,
    /// What is written.
    #[arg(long, value_enum, default_value_t = StageFormat::Both)]
    pub format: StageFormat,
    /// Another camera than the shot's own, by name.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Where to; out/stage/SCENE-SHOT in the film's folder when left out.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Threads; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Options of `stage adhere`.
#[derive(Debug, Group)]
pub struct StageAdhere {
    /// The shot that the take is of, as "scene/shot" or its id, or a scene file.
    pub what: String,
    /// The take: a clip, or a folder of pictures in the order of their names.
    #[arg(long, value_name = "CLIP or FOLDER")]
    pub take: PathBuf,
    /// Frames a second of a folder of pictures or a scene file; the film's, or 24, when left out.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<Rate>,
    /// Another camera than the shot's own, by name.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Where the sheet of frames goes; out/stage/SCENE-SHOT-adherence.png when left out.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// The whole report as JSON, frame by frame.
    #[arg(long)]
    pub json: bool,
    /// Threads; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// What an animatic shows first, where a shot has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Prefer {
    /// The take that was made, else the stage, else the boards.
    Take,
    /// The stage, else the take, else the boards.
    Stage,
    /// The boards, else the stage, else the take.
    Board,
}

/// Options of `stage animatic`.
#[derive(Debug, Group)]
pub struct StageAnimatic {
    /// Size of the picture; the film's, at most 1280 across, when left out.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
    /// What is shown first, where a shot has several.
    #[arg(long, value_enum, default_value_t = Prefer::Take)]
    pub prefer: Prefer,
    /// No shot name, frame, lens and timecode in the picture.
    #[arg(long)]
    pub no_burn_in: bool,
    /// Where to; out/animatic.mp4 in the film's folder when left out.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Threads; all cores when left out.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).map_err(|error| error.to_string())
}

fn size(text: &str) -> Result<Size, String> {
    Size::parse(text)
}

fn share(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number
        .filter(|n| (0.0..=1.0).contains(n))
        .ok_or_else(|| "an amount is a number from 0 to 1, such as 0.3".to_owned())
}

fn hues(text: &str) -> Result<[f64; 2], String> {
    text.split_once("..")
        .and_then(|(a, b)| Some([a.trim().parse().ok()?, b.trim().parse().ok()?]))
        .filter(|range: &[f64; 2]| range.iter().all(|h| (0.0..=360.0).contains(h)))
        .ok_or_else(|| "hues are two angles from 0 to 360: 25..75".to_owned())
}

fn pixel(text: &str) -> Result<(u32, u32), String> {
    text.split_once(',')
        .and_then(|(x, y)| Some((x.trim().parse().ok()?, y.trim().parse().ok()?)))
        .ok_or_else(|| "a pixel is two whole numbers, column and row: 640,360".to_owned())
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    text.split_once("..")
        .and_then(|(a, b)| Some(a.trim().parse().ok()?..b.trim().parse().ok()?))
        .filter(|r: &std::ops::Range<u64>| r.start < r.end)
        .ok_or_else(|| "a range is two frame numbers, the second not included: 0..48".to_owned())
}
