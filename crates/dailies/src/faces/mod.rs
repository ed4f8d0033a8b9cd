//! Faces where the charter forbids them: the network that finds them, and the question that a hit puts to a person.
//!
//! The network is the film's own file (`face_detector` of the charter), read by `tract` where the program was built with the
//! feature `faces`. Two kinds are read, told apart by what they give:
//!
//! - *boxes and scores* by anchors, as the "ultra light fast generic" detectors have them: scores of `[1, N, 2]` (no face, face)
//!   and corners of `[1, N, 4]` in fractions of the picture; codes go in as (code - 127) / 128;
//! - *maps*, as CenterFace has them (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019): a
//!   heat map `[1, 1, h, w]` of faces' middles at a quarter of the picture's size, log sizes `[1, 2, h, w]` and offsets
//!   `[1, 2, h, w]`; codes go in as they are.
//!
//! Of two boxes that overlap by more than [`OVERLAP`] (shared area over joint area) the surer one stays.

mod boxes;
#[cfg(feature = "faces")]
mod network;

use std::collections::BTreeMap;

use heirloom_film::{Charter, Faces as Allowed};
use heirloom_vault::ObjectId;

use crate::measures::FindFaces;

/// From this sureness on something counts as a face.
pub const SURE: f64 = 0.5;
/// Boxes that overlap more than this are one face.
pub const OVERLAP: f64 = 0.3;
/// The largest network that is read, in bytes. Small detectors have one to eight million.
pub const LARGEST: usize = 64 << 20;
/// Raised when the same network would find other faces than before.
const REVISION: u32 = 1;

/// A network could not be made ready; each says the mend.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DetectorError {
    /// This program can not look for faces.
    #[error(
        "this program was built without the finding of faces; build it with `cargo build --release --features faces`"
    )]
    NotBuilt,
    /// The file is too large to be a small detector.
    #[error(
        "{name} has {bytes} bytes, more than the {LARGEST} that a detector may have; name a small one in face_detector"
    )]
    Large {
        /// The file's name.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// The file is no network, or one that can not be run.
    #[error(
        "{name} can not be read as a network that finds faces ({why}); face_detector wants an ONNX file of a kind that \
         docs/measures.md names"
    )]
    Network {
        /// The file's name.
        name: String,
        /// What keeps it.
        why: String,
    },
}

/// The hash of all that decides which faces a network finds.
pub fn id(network: &[u8]) -> ObjectId {
    let of = serde_json::json!({ "network": ObjectId::of(network), "revision": REVISION });
    ObjectId::of(of.to_string().as_bytes())
}

/// Makes a network ready, from the bytes of its ONNX file; `name` is for errors. It is tried on a plain grey picture once.
///
/// # Errors
/// [`DetectorError`].
pub fn open(network: &[u8], name: &str) -> Result<Box<dyn FindFaces>, DetectorError> {
    if network.len() > LARGEST {
        return Err(DetectorError::Large {
            name: name.to_owned(),
            bytes: network.len(),
        });
    }
    #[cfg(feature = "faces")]
    {
        let detector = network::Detector::new(network).map_err(|why| DetectorError::Network {
            name: name.to_owned(),
            why,
        })?;
        Ok(Box::new(detector))
    }
    #[cfg(not(feature = "faces"))]
    Err(DetectorError::NotBuilt)
}

/// What a person must look at before a take with these measures may be kept; none where nothing is in question.
pub fn question(charter: &Charter, measures: &BTreeMap<String, f64>) -> Option<String> {
    let number = |name: &str| measures.get(name).copied().filter(|v| v.is_finite());
    if charter.faces == Allowed::Allowed {
        return None;
    }
    let most = number("faces.most").filter(|most| *most > 0.0)?;
    let faces = if most > 1.0 {
        format!("{most:.0} faces at once")
    } else {
        "a face".to_owned()
    };
    let at = number("faces.at_s").map_or(String::new(), |s| format!(", the surest at {s:.1} s"));
    let sure = number("faces.surest").map_or(String::new(), |s| format!(" ({s:.2} sure)"));
    Some(format!(
        "{faces} may be seen{at}{sure}, and the charter forbids faces"
    ))
}
