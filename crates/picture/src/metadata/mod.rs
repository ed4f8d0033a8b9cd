//! What a photograph's file says in words and numbers beside its pixels: EXIF, IPTC and XMP.
//!
//! Three standards say the same things in three places, and files carry any mixture of them. [`read`] gives one answer:
//! see its words for which goes before which. What cannot be understood is left out with a warning, never guessed at.

mod containers;
mod exif;
mod iptc;
mod words;
mod xmp;

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
    /// When it was taken, by the camera's clock: `2019-07-04T12:30:05`. Only as much of it as the file says, which of
    /// scanned pictures is often a day, a month or a year: `1974-06-02`, `1974-06`, `1974`.
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

/// Reads a photograph's metadata from its file's bytes: JPEG, PNG, TIFF, WebP, and the date of other formats.
///
/// Where the standards differ, as the Metadata Working Group's guidance (2010) has it, in few words:
/// - what the camera noted (date, place, camera, lens, exposure): EXIF, then XMP, then IPTC;
/// - when a picture became numbers (EXIF's DateTimeDigitized, XMP's CreateDate) counts as its date only where nothing says when
///   it was taken: of a scan it is the scanner's day;
/// - words that people wrote: XMP, then IPTC, then EXIF, then PNG's own text; a headline only where nothing says a title;
/// - keywords: of all of them in that order, each once;
/// - names of the place: XMP's; IPTC's fill in what is missing, unless the two name different places.
///
/// A text is one line of at most 2000 characters; a list has at most 200. Control characters are dropped.
///
/// Gives warnings for what is there and cannot be read. Never fails: a picture without a word is still a picture.
pub fn read(bytes: &[u8]) -> (Metadata, Vec<String>) {
    let mut warnings = Vec::new();
    let blocks = containers::find(bytes, &mut warnings);
    let exif = blocks.exif.map(|block| exif::read(block, &mut warnings));
    let xmp = blocks.xmp.map(|packet| xmp::read(&packet, &mut warnings));
    let iptc = blocks.iptc.map(|block| iptc::read(&block, &mut warnings));
    let exif = exif.unwrap_or_default();
    let (xmp, iptc) = (xmp.unwrap_or_default(), iptc.unwrap_or_default());
    let mut said = Metadata::default();
    for source in [&exif.plain, &xmp.plain, &iptc.plain, &blocks.text] {
        said.noted(source);
    }
    for source in [&xmp.plain, &iptc.plain, &exif.plain, &blocks.text] {
        said.written(source);
    }
    if said.taken.is_none()
        && let Some((day, offset)) = exif.digitized.or(xmp.digitized)
    {
        (said.taken, said.taken_offset_min) = (Some(day), offset);
    }
    said.title = said.title.or(xmp.headline).or(iptc.headline);
    said.place_names = places(xmp.places, iptc.places);
    (said, warnings)
}

/// A moment as far as it is known, and the clock's minutes ahead of UTC.
type When = (String, Option<i16>);
/// Location, city, state and country.
type Places = [Option<String>; 4];

/// What one standard says, and what of it has to wait for the others.
#[derive(Default)]
struct Said {
    /// What is taken as it is; without names of the place.
    plain: Metadata,
    /// When the picture became numbers.
    digitized: Option<When>,
    headline: Option<String>,
    places: Places,
}

/// The names of one place by two standards; the first alone where they do not mean the same place.
fn places(first: Places, second: Places) -> Vec<String> {
    let pairs = || first.iter().zip(&second);
    let differ =
        pairs().any(|pair| matches!(pair, (Some(a), Some(b)) if a.to_lowercase() != b.to_lowercase()));
    let names: Vec<String> = if differ {
        first.iter().flatten().cloned().collect()
    } else {
        pairs()
            .filter_map(|(a, b)| a.as_ref().or(b.as_ref()))
            .cloned()
            .collect()
    };
    names
}

impl Metadata {
    /// Takes from `other` what a camera notes, where it is not known yet.
    fn noted(&mut self, other: &Self) {
        if self.taken.is_none() {
            self.taken.clone_from(&other.taken);
            self.taken_offset_min = other.taken_offset_min;
        }
        self.place = self.place.or(other.place);
        self.camera = self.camera.take().or_else(|| other.camera.clone());
        self.lens = self.lens.take().or_else(|| other.lens.clone());
        self.focal_length_mm = self.focal_length_mm.or(other.focal_length_mm);
        self.focal_length_35mm = self.focal_length_35mm.or(other.focal_length_35mm);
        self.f_number = self.f_number.or(other.f_number);
        self.exposure_s = self.exposure_s.or(other.exposure_s);
        self.iso = self.iso.or(other.iso);
    }

    /// Takes from `other` what people write, where it is not known yet; keywords and people are added.
    fn written(&mut self, other: &Self) {
        self.title = self.title.take().or_else(|| other.title.clone());
        self.caption = self.caption.take().or_else(|| other.caption.clone());
        self.copyright = self.copyright.take().or_else(|| other.copyright.clone());
        self.usage_terms = self.usage_terms.take().or_else(|| other.usage_terms.clone());
        self.credit = self.credit.take().or_else(|| other.credit.clone());
        self.rating = self.rating.or(other.rating);
        if self.creators.is_empty() {
            words::merge(&mut self.creators, other.creators.clone());
        }
        words::merge(&mut self.keywords, other.keywords.clone());
        words::merge(&mut self.people, other.people.clone());
    }
}
