//! Options of `heirloom takes`, `watch` and `queue`.

use clap::{Args as Group, Subcommand};

/// Options of `takes`.
#[derive(Debug, Group)]
#[command(after_help = "\
Prompts may stand for many: {calm|stormy::2} is one of them, the second twice as often; {0.2..0.8} a number between.
  heirloom takes sea/010                                      what there is
  heirloom takes sea/010 --count 200 --dry-run                what would be drawn
  heirloom takes sea/010 --count 200 --workers 2              draw them; again goes on, more adds
  heirloom takes sea/010 --count 20 --parent 4f2a… --note \"nearer to dusk\"")]
pub struct Takes {
    /// The shot, as "scene/shot" or its id.
    pub shot: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Draw so many variations of the shot; those that are there already count.
    #[arg(long, value_name = "N", requires = "shot", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: Option<u32>,
    /// Write the shot's takes as one picture with numbers, marks and measures: PNG, or JPEG where the name ends so.
    #[arg(long, value_name = "FILE", requires = "shot", conflicts_with = "count")]
    pub sheet: Option<std::path::PathBuf>,
    /// Order the sheet by this measure, least first.
    #[arg(long, value_name = "MEASURE", requires = "sheet")]
    pub sort: Option<String>,
    /// Rank the shot's measured takes by how near their light and colour are to these: pictures, or takes by their ids.
    #[arg(long, value_name = "PICTURE|TAKE", requires = "shot", conflicts_with_all = ["count", "sort"], num_args = 1..)]
    pub near: Vec<String>,
    /// Versions of the shot's prompt side by side, by the numbers of their takes; the last four where none are named.
    #[arg(long, value_name = "N", requires = "shot", conflicts_with_all = ["count", "near", "sheet"], num_args = 0..=6)]
    pub versions: Option<Vec<u32>>,
    #[command(flatten)]
    pub spread: Spread,
}

/// Options of `measure`.
#[derive(Debug, Group)]
#[command(after_help = "\
Takes are held against the shot's plan: the motion and the layout of its stage, or its pictures. Where that changes, they
are measured again. docs/measures.md has the numbers.
  heirloom measure sea/010                         what is not measured yet
  heirloom measure sea/010 --style father --stage  against a style and the stage too")]
pub struct Measure {
    /// The shot, as "scene/shot" or its id.
    pub shot: String,
    /// Measure those too that are measured already.
    #[arg(long)]
    pub again: bool,
    /// Hold them against this style, "father" or "father@2", in place of their own.
    #[arg(long, value_name = "STYLE")]
    pub style: Option<String>,
    /// Judge how well they follow the stage: seconds more for every second of a take.
    #[arg(long)]
    pub stage: bool,
    /// Every take's numbers as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `cull`.
#[derive(Debug, Group)]
#[command(after_help = "\
The rules stand in film.toml, in [cull]; docs/film-toml.md has the keys, docs/measures.md the measures.
  heirloom cull sea/010                what would stay and what would go, with reasons
  heirloom cull sea/010 --write        do it: one act, which `heirloom choose --undo` takes back")]
pub struct Cull {
    /// The shot, as "scene/shot" or its id.
    pub shot: String,
    /// Keep so many, in place of what film.toml says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Write it into the ledger.
    #[arg(long)]
    pub write: bool,
    /// List every take, not only those that stay or are shelved.
    #[arg(long)]
    pub all: bool,
    /// The plan as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `compare`.
#[derive(Debug, Group)]
pub struct Compare {
    /// A take by its id, or a shot for the take that film.toml has now.
    pub one: String,
    /// The other.
    pub other: String,
    /// In turns in the same place, so many frames of each; side by side when left out.
    #[arg(long, value_name = "FRAMES", num_args = 0..=1, default_missing_value = "6", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub flicker: Option<u32>,
    /// The clip to write; beside the film's masters when left out.
    #[arg(long, value_name = "FILE")]
    pub to: Option<std::path::PathBuf>,
}

/// What variations differ in, and how they are drawn.
#[derive(Debug, Group)]
pub struct Spread {
    /// The first variation; variation n has the shot's seed and n more.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "count")]
    pub first: u32,
    /// A prompt in place of the shot's own. May be given again: they take turns.
    #[arg(long, value_name = "TEXT", requires = "count")]
    pub prompt: Vec<String>,
    /// An engine in place of the shot's own. May be given again: they take turns.
    #[arg(long, value_name = "NAME", requires = "count")]
    pub engine: Vec<String>,
    /// A style whose photographs the shot is made of, in place of its own sources. May be given again: they take turns.
    #[arg(long, value_name = "NAME", requires = "count")]
    pub style: Vec<String>,
    /// A first keyframe for a shot that becomes or goes between two stills, "archive:NAME". May be given again: they take turns.
    #[arg(long, value_name = "SOURCE", requires = "count", value_parser = source)]
    pub from: Vec<heirloom_film::SourceCall>,
    /// A last keyframe, in the same way.
    #[arg(long, value_name = "SOURCE", requires = "count", value_parser = source)]
    pub to: Vec<heirloom_film::SourceCall>,
    /// Strengths of the finish, from and to.
    #[arg(long, value_name = "A..B", requires = "count", value_parser = |text: &str| span(text, 0.0, 1.0))]
    pub finish: Option<(f32, f32)>,
    /// Sizes of the sources' matter, from and to.
    #[arg(long, value_name = "A..B", requires = "count", value_parser = |text: &str| span(text, 0.05, 20.0))]
    pub scale: Option<(f32, f32)>,
    /// The seed of variation 0, in place of the shot's own.
    #[arg(long, value_name = "N", requires = "count")]
    pub seed: Option<u64>,
    /// The take that these grow from, by its id.
    #[arg(long, value_name = "TAKE", requires = "count")]
    pub parent: Option<String>,
    /// What is to become other, for the ledger.
    #[arg(long, value_name = "TEXT", requires = "count")]
    pub note: Option<String>,
    /// What is larger is drawn before all that is smaller.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_hyphen_values = true,
        requires = "count"
    )]
    pub priority: i32,
    /// Processes that draw at a time. The weightless engine uses all cores for one take, so more gain little there.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// Only say what would be drawn.
    #[arg(long, requires = "count")]
    pub dry_run: bool,
    /// Threads of each process; all cores when left out.
    #[arg(long, value_name = "N", requires = "count")]
    pub threads: Option<usize>,
    /// Draw in a process of its own, which goes on when this terminal is closed; `heirloom watch` shows how far it is.
    #[arg(long, requires = "count", conflicts_with_all = ["dry_run", "hand"])]
    pub background: bool,
    /// Draw beside another process that was started with the same words.
    #[arg(long, hide = true, requires = "count")]
    pub hand: bool,
}

/// Options of `choose`.
#[derive(Debug, Group)]
pub struct Choose {
    /// The take, by its id; it becomes the shot's select unless something else is said of it.
    pub take: Option<String>,
    /// The shot that is meant, where several asked for the take.
    #[arg(long)]
    pub shot: Option<String>,
    /// It will not do, and why.
    #[arg(long, value_name = "WHY", group = "what")]
    pub reject: Option<String>,
    /// Not for now, and not lost; and why, if you like.
    #[arg(long, value_name = "WHY", group = "what", num_args = 0..=1, default_missing_value = "")]
    pub shelve: Option<String>,
    /// Stars, 0 to 5.
    #[arg(long, value_name = "N", group = "what")]
    pub star: Option<u8>,
    /// Something else, in words.
    #[arg(long, value_name = "TEXT", group = "what")]
    pub note: Option<String>,
    /// Take back what you said last.
    #[arg(long, group = "what", conflicts_with = "take")]
    pub undo: bool,
    /// Put in force again what you took back last.
    #[arg(long, group = "what", conflicts_with = "take")]
    pub redo: bool,
}

/// Options of `look`.
#[derive(Debug, Group)]
pub struct Look {
    /// The shot, as "scene/shot" or its id.
    pub shot: String,
    /// The port; a free one when left out.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Listen on this address in place of loopback: other machines can reach it then.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::IpAddr>,
}

/// Options of `budget`.
#[derive(Debug, Group)]
#[command(after_help = "\
Caps and prices stand in film.toml, in [budget]; docs/money.md has the keys.
  heirloom budget                                               spent, reserved, in doubt, left
  heirloom budget --paid 4f2a --usd 0.80 --why \"on the bill\"    a draw in doubt was paid
  heirloom budget --not-paid 4f2a --why \"not on the bill\"       it was not, and may be made")]
pub struct Budget {
    /// A draw in doubt was paid: its first digits.
    #[arg(long, value_name = "DRAW", requires = "why", conflicts_with = "not_paid")]
    pub paid: Option<String>,
    /// What was paid, in US dollars; what was reserved when left out.
    #[arg(long, value_name = "DOLLARS", requires = "paid", value_parser = dollars)]
    pub usd: Option<heirloom_film::Usd>,
    /// A draw in doubt was not paid: its first digits.
    #[arg(long, value_name = "DRAW", requires = "why")]
    pub not_paid: Option<String>,
    /// How you know, for the ledger.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `report`.
#[derive(Debug, Group)]
pub struct Report {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `watch`.
#[derive(Debug, Group)]
pub struct Watch {
    /// Say it once, and end.
    #[arg(long)]
    pub once: bool,
    /// As JSON, once.
    #[arg(long)]
    pub json: bool,
}

/// Commands of the queue.
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// What is under way goes on, nothing new is begun.
    Pause,
    /// Go on.
    Resume,
    /// Let go of all that waits or is under way.
    Cancel {
        /// Only of this shot, as `watch` calls it ("scene shot").
        shot: Option<String>,
    },
    /// What failed for good, and why.
    Failed,
}

/// A source of the archive.
fn source(text: &str) -> Result<heirloom_film::SourceCall, String> {
    heirloom_film::SourceCall::parse(text).map_err(|error| error.to_string())
}

/// An amount in US dollars.
fn dollars(text: &str) -> Result<heirloom_film::Usd, String> {
    heirloom_film::Usd::parse(text).map_err(|error| error.to_string())
}

/// Two numbers, the lower first; one number is both.
fn span(text: &str, least: f32, most: f32) -> Result<(f32, f32), String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| {
        text.trim()
            .parse::<f32>()
            .ok()
            .filter(|n| (least..=most).contains(n))
    };
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(format!(
            "write two numbers from {least} to {most}, the lower first, as in 0.4..0.8"
        )),
    }
}
