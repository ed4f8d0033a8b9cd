//! The models of Wan 2.1, VACE among them, and of Wan 2.2 (the A14B pairs and the 5B), by the names that the diffusers layout gives
//! their tensors.
//!
//! Each follows the published description (Wan Team, "Wan: Open and Advanced Large-Scale Video Generative Models", 2025,
//! sections 4.1 and 4.2) and is held to the reference implementation by goldens.

pub(crate) mod dit;
mod layers;
mod lone;
pub(crate) mod rope;
mod text;
mod times;
mod vace;
mod vae;
mod vae_levels;
mod vae_parts;
mod vae_tiles;

pub use dit::{Dit, DitConfig, LoneBlock, Sample};
pub use lone::LoneLevel;
pub use rope::RopeTable;
pub use text::{TextConfig, TextEncoder};
pub use times::Times;
pub use vace::{Control, VaceConfig, VaceDit};
pub use vae::{Vae, VaeConfig};
pub use vae_tiles::Tiling;
