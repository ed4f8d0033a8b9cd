//! Options of `heirloom archive`.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

/// Commands of the archive.
#[derive(Debug, Subcommand)]
pub enum Archive {
    /// Take in folders or files: JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR photographs, and clips.
    Add {
        /// Folders and files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Whose they are, where no rights.toml says so.
        #[arg(long)]
        owner: Option<String>,
        /// The terms they may be used under, where no rights.toml says so ("own work").
        #[arg(long, value_name = "TERMS")]
        rights: Option<String>,
    },
    /// Every source, by name.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// All that is known of one source.
    Show {
        /// As in film.toml: archive:moon, or only moon.
        source: String,
    },
    /// Find sources by word, look, time, place, lens and rights, all at once.
    Search(Search),
    /// Sources that are one file, copies of one photograph, or one burst; the best of each group first.
    Duplicates(Ordered),
    /// Sources that are blurred, badly exposed, noisy or small, with what was measured.
    Faults(Ordered),
    /// Look at every source of which nothing was seen yet, and make thumbnails and proxies that are gone.
    Look,
    /// Take in the vectors that a model made of the sources, to search by.
    Vectors {
        /// The model's name and version, as searches shall call it.
        model: String,
        /// A safetensors file: one tensor for each source, named by its full name or its object's id.
        file: PathBuf,
    },
}

/// Options of `archive search`.
#[derive(Debug, Group)]
#[command(after_help = "\
Words and filters choose, all of them must hold; like: and colour: rank.
  beach* -dog \"at the beach\"                    words, beginnings, phrases, what shall not be
  person:\"Jean Doe\" keyword:sea place:Lyon      fields; caption title creator file folder lens camera owner too
  taken:1974..1976-06 near:48.1,-123.4,20km     when and where
  may:generate is:portrait is:clip wider:3000   rights as of today, kind, size
  like:archive:moon like:photo.jpg colour:blue  how it looks")]
pub struct Search {
    /// What to look for; everything, by name, when left out. Put it in single quotes; words after -- may begin with a hyphen.
    pub query: Vec<String>,
    /// How many to show.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 24)]
    pub limit: usize,
    /// Which page of so many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub page: u32,
    /// Only the best of every burst and of copies of one photograph.
    #[arg(long)]
    pub best: bool,
    /// Rank by the vectors of this model: near to `like:archive:NAME`, or to the vector of --vector.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A safetensors file with one tensor: what the model made of a text or a picture.
    #[arg(long, value_name = "FILE", requires = "model")]
    pub vector: Option<PathBuf>,
    #[command(flatten)]
    pub as_what: Ordered,
}

/// How answers are given.
#[derive(Debug, Group)]
pub struct Ordered {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Write a contact sheet here as well, as PNG or JPEG.
    #[arg(long, value_name = "FILE")]
    pub sheet: Option<PathBuf>,
}

/// Options of `style drift`.
#[derive(Debug, Group)]
pub struct Drift {
    /// The style; NAME@2 for a version.
    pub name: String,
    /// Photographs and clips, on disk or in the archive (archive:moon).
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<String>,
    /// Of clips only every so many frames.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// As JSON, with every frame of clips.
    #[arg(long)]
    pub json: bool,
}
