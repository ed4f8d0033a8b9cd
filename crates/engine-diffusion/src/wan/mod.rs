//! The Wan family (Wan 2.1 T2V and VACE, 1.3B and 14B, Wan 2.2 T2V and I2V A14B, TI2V 5B): what its files say and which tensors it
//! needs.
//!
//! A second family would be a folder beside this one. Papers: "Wan: Open and Advanced Large-Scale Video Generative
//! Models" (arXiv 2503.20314): the transformer is its section 4.2, the autoencoder 4.1; "UniMax" and mT5 for umT5, whose
//! position bias is each layer's own.

mod config;
mod dit;
mod pipeline;
mod single;
mod umt5;
mod vace;
mod vae;
mod vae_config;
mod vae_levels;

pub use config::{ConfigError, TextConfig, TransformerConfig};
pub use dit::TooLong;
pub use pipeline::{PipelineConfig, SchedulerConfig, SchedulerKind};
pub use single::{NameError, Part, by_diffusers_names, part_of, single_expected};
pub use vace::Takes;
pub use vae_config::VaeConfig;
