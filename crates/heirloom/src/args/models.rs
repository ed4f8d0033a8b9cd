//! Options of `heirloom models`.

use std::path::PathBuf;

use clap::Subcommand;

/// Models of open weights on this machine, and LoRAs for them. They stay where they are; the list is one for all films.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A model is an engine by its name: a shot asks for it with `engine = \"NAME\"`. docs/diffusion.md says where people get
weights, and what memory each needs.
  heirloom models add ~/models/Wan2.1-T2V-1.3B-Diffusers --name wan-1.3b
  heirloom models add ~/loras/grain.safetensors --licence cc-by-4.0
  heirloom models check --deep
A LoRA is laid on by the shot: `settings = { loras = { grain = 0.8 } }`.")]
pub enum Models {
    /// Look a model's folder through, or a LoRA's file, hash it and put it on the list.
    Add {
        /// The folder that the model was downloaded into; or a LoRA: a safetensors file, or the folder that PEFT leaves.
        folder: PathBuf,
        /// A LoRA's second file, for the expert of low noise, where it comes as two.
        #[arg(long, value_name = "FILE")]
        low: Option<PathBuf>,
        /// What it is to be called; the folder's or the file's own name when left out.
        #[arg(long)]
        name: Option<String>,
        /// The weights' licence, where the folder does not say: "apache-2.0".
        #[arg(long, value_name = "NAME")]
        licence: Option<String>,
    },
    /// The models and LoRAs on the list.
    List {
        /// As JSON, with every file and its hash.
        #[arg(long)]
        json: bool,
    },
    /// Hold models and LoRAs against what was noted when they were added; or look a folder through that is not on the list.
    Check {
        /// A model's name, or a folder; all on the list when left out.
        model: Option<String>,
        /// Read every byte: hashes, and numbers that are none.
        #[arg(long)]
        deep: bool,
    },
    /// Take a model or a LoRA off the list. Its files stay.
    Forget {
        /// Its name.
        name: String,
    },
}
