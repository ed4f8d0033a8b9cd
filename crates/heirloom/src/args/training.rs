//! Options of `heirloom style check`, `train` and `keep`.

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};
use heirloom_film::Size;

use super::{share, size};

/// Options of `style check`.
#[derive(Debug, Group)]
pub struct CheckStyle {
    /// The style's name; NAME@2 for a version.
    pub name: String,
    /// Whose look is to be learnt, where it is not the style's.
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// The subject is a thing: no consent of its own is asked for.
    #[arg(long, requires = "subject")]
    pub thing: bool,
    /// More sources than the style has: as `style make --from` takes them. May be given again.
    #[arg(long = "with", value_name = "QUERY")]
    pub more: Vec<String>,
    /// Pixels that are trained at; pictures of other shapes have about as many.
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "832x480")]
    pub size: Size,
    /// Words that are to call for it; made of the name when left out.
    #[arg(long, value_name = "WORD")]
    pub trigger: Option<String>,
    /// A network that finds faces (.onnx); the film's own, where film.toml names one. Needs a program with `faces`.
    #[arg(long, value_name = "FILE")]
    pub face_detector: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which transformer of a model with two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// That of high noise, which lays out the picture.
    High,
    /// That of low noise, which ends it.
    Low,
}

/// Options of `style train`.
#[derive(Debug, Group)]
#[command(after_help = "\
Only sources whose scope has `train` are learnt from, with everyone in them consenting to it; the others are named. Stopped or
killed, the same command goes on where it was. `heirloom style check NAME` says before whether there is enough.
  heirloom rights change --folder father/1974 --scope look,generate,publish,train
  heirloom style train father --model wan-1.3b --steps 1500
  heirloom style keep father
docs/training.md says what each setting does and what it costs.")]
pub struct Train {
    /// The style's name; NAME@2 for a version.
    pub name: String,
    /// The model that is trained on, by its name on the list (`heirloom models list`).
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Learn the look of a person or a thing instead of the style's. A person must have consented to training.
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// The subject is a thing: no consent of its own is asked for.
    #[arg(long, requires = "subject")]
    pub thing: bool,
    /// More sources than the style has, clips among them: as `style make --from` takes them. May be given again.
    #[arg(long = "with", value_name = "QUERY")]
    pub more: Vec<String>,
    /// Words that are to call for it in a prompt; made of the name when left out.
    #[arg(long, value_name = "WORD")]
    pub trigger: Option<String>,
    /// Steps.
    #[arg(long, default_value_t = 1000)]
    pub steps: u64,
    /// Examples that make one step, one after the other.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub examples: usize,
    /// The LoRA's rank.
    #[arg(long, default_value_t = 16)]
    pub rank: usize,
    /// Its alpha; as the rank when left out.
    #[arg(long)]
    pub alpha: Option<f32>,
    /// Layers that get one, such as to_q,to_k,to_v; all linear layers of the blocks when left out.
    #[arg(long, value_delimiter = ',', value_name = "LAYER,...")]
    pub targets: Vec<String>,
    /// The highest rate.
    #[arg(long, default_value_t = 1e-4)]
    pub rate: f64,
    /// Steps in which the rate rises to it.
    #[arg(long, default_value_t = 50, value_name = "STEPS")]
    pub warm_up: u64,
    /// How much of the running mean of the weights is kept from step to step, such as 0.99; none is made when left out.
    #[arg(long, value_name = "0..1", value_parser = share)]
    pub average: Option<f64>,
    /// Part of the examples that are shown without their caption.
    #[arg(long, default_value_t = 0.1, value_name = "0..1", value_parser = share)]
    pub dropout: f64,
    /// How far noise levels are moved up; the model's own when left out.
    #[arg(long)]
    pub shift: Option<f64>,
    /// Pixels that are trained at; pictures of other shapes have about as many.
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "832x480")]
    pub size: Size,
    /// Frames of a clip that are learnt at once (4n+1), at the model's rate.
    #[arg(long, default_value_t = 17, value_name = "N")]
    pub frames: usize,
    /// Stretches at most that are taken of one clip.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub stretches: usize,
    /// Which of a model's two experts.
    #[arg(long, value_enum)]
    pub expert: Option<Which>,
    /// Part of the sources that is held out to judge checkpoints by.
    #[arg(long, default_value_t = 0.125, value_name = "0..1", value_parser = share)]
    pub held_out: f64,
    /// Of order, noise and start.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Steps from checkpoint to checkpoint; a tenth of all when left out.
    #[arg(long, value_name = "STEPS")]
    pub checkpoint_every: Option<u64>,
    /// Stills that are made of each checkpoint; 0 for none, which is quicker, and then none is judged by its look.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub stills: usize,
    /// Steps of each still.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub still_steps: usize,
    /// Pixels of each still; a quarter of those trained at when left out.
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub still_size: Option<Size>,
    /// What a still is to show, with the trigger added; captions of held-out sources when left out. May be given again.
    #[arg(long, value_name = "WORDS")]
    pub prompt: Vec<String>,
    /// Keep all in memory that a gradient needs: a quarter quicker, much more memory.
    #[arg(long)]
    pub no_checkpointing: bool,
    /// Threads; all cores when left out. Another number gives other last digits.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Options of `style keep`.
#[derive(Debug, Group)]
pub struct Keep {
    /// The style that was trained.
    pub name: String,
    /// The checkpoint's step; the one suggested when left out.
    pub step: Option<u64>,
    /// The subject, where a subject's look was trained.
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Which run, by its folder's name in work/training; the last one when left out.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// What the list of models is to call it.
    #[arg(long = "as", value_name = "NAME")]
    pub called: Option<String>,
    /// Why this one.
    #[arg(long)]
    pub why: Option<String>,
}
