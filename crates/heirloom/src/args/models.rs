//! Options of `heirloom models`.

use std::path::PathBuf;

use clap::Subcommand;

/// Models of open weights on this machine. They stay where they are; the list is one for all films.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A model is an engine by its name: a shot asks for it with `engine = \"NAME\"`. docs/diffusion.md says where people get
weights, and what memory each needs.
  heirloom models add ~/models/Wan2.1-T2V-1.3B-Diffusers --name wan-1.3b
  heirloom models check --deep")]
pub enum Models {
    /// Look a folder through, hash its files and put it on the list.
    Add {
        /// The folder that the model was downloaded into.
        folder: PathBuf,
        /// What it is to be called; the folder's name when left out.
        #[arg(long)]
        name: Option<String>,
        /// The weights' licence, where the folder does not say: "apache-2.0".
        #[arg(long, value_name = "NAME")]
        licence: Option<String>,
    },
    /// The models on the list.
    List {
        /// As JSON, with every file and its hash.
        #[arg(long)]
        json: bool,
    },
    /// Hold models against what was noted when they were added; or look a folder through that is not on the list.
    Check {
        /// A model's name, or a folder; all on the list when left out.
        model: Option<String>,
        /// Read every byte: hashes, and numbers that are none.
        #[arg(long)]
        deep: bool,
    },
    /// Take a model off the list. Its files stay.
    Forget {
        /// Its name.
        name: String,
    },
}
