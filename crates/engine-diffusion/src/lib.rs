//! Open-weight video diffusion: what is on the disk, before any of it is computed.
//!
//! People have models as folders in the diffusers layout or as the original single files. This crate says what such
//! files are and whether they are whole ([`models`]), opens them without copying or trusting them ([`weights`]), knows
//! each tensor of the Wan family by both of its names ([`wan`]), lays LoRAs of every common form on them ([`lora`]), walks
//! from noise to a picture in steps ([`schedule`]), and trains LoRAs and small models ([`train`]),
//! also without an autoencoder ([`pixels`]).
//!
//! ```
//! use heirloom_engine_diffusion::wan::TransformerConfig;
//!
//! let model = TransformerConfig::t2v_1_3b();
//! let tensors = model.expected();
//! let query = tensors.iter().find(|t| t.name == "blocks.0.attn1.to_q.weight").unwrap();
//! assert_eq!(query.original, "blocks.0.self_attn.q.weight");
//! assert_eq!(query.shape, [1536, 1536]);
//! ```
//!
//! # What always holds
//! - No pickle file is ever read: it could run code.
//! - A file's claims are held against its length before anything is allocated or read by them.
//! - Weights are used only where every tensor that the model needs is there, in its shape, and none is left over.
//! - Each error names the file, what is wrong with it, and the mend.
//! - Goldens made by PyTorch, diffusers, transformers and PEFT (`tools/parity`) stand for every stage.

#[cfg(feature = "run")]
mod card;
#[cfg(feature = "run")]
pub mod conditions;
#[cfg(feature = "run")]
mod encode;
#[cfg(feature = "run")]
pub mod engine;
#[cfg(feature = "run")]
mod followed;
#[cfg(feature = "run")]
pub mod fragments;
#[cfg(feature = "run")]
pub mod generate;
#[cfg(feature = "run")]
mod given;
pub mod lora;
#[cfg(feature = "run")]
mod making;
#[cfg(feature = "run")]
pub mod memory;
#[cfg(feature = "run")]
pub mod model;
pub mod models;
#[cfg(feature = "run")]
pub mod noise;
#[cfg(feature = "run")]
pub mod pixels;
pub mod schedule;
#[cfg(feature = "run")]
pub mod settings;
#[cfg(feature = "run")]
pub mod start;
#[cfg(feature = "run")]
pub mod take;
#[cfg(feature = "run")]
pub mod tokens;
#[cfg(feature = "run")]
pub mod train;
pub mod wan;
pub mod weights;
#[cfg(feature = "run")]
mod wishes;
