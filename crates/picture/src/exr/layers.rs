//! OpenEXR files of many channels: colour and data of one frame in one file.
//!
//! Channels are named as compositors know them: `R`, `G`, `B`, `A` for the picture, `layer.channel` for all else. Each has
//! its own kind of number; all have one size.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use exr::image::read::read as reader;
use exr::prelude::{
    AnyChannel, AnyChannels, AttributeValue, FlatSamples, Image as Exr, Layer, LayerAttributes, ReadChannels,
    ReadLayers, Text, WritableImage, f16,
};

use super::{ExrError, ap1, encoding, sizes_within_limits, unreadable};
use crate::write::{self, WriteError};

/// The numbers of a channel, row by row from the top left.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// Kept as 16-bit floats, for pictures: what is beyond ±65 504 is written as that.
    Half(Vec<f32>),
    /// Kept as they are, for data.
    Float(Vec<f32>),
    /// Whole numbers, for ids.
    Whole(Vec<u32>),
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Half(v) | Self::Float(v) => v.len(),
            Self::Whole(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What stands in the header beside the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// ASCII text.
    Text(String),
    /// A number.
    Number(f32),
    /// A matrix, row by row.
    Matrix([f32; 16]),
}

/// A file of many channels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layers {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels by name, such as `depth.Z`.
    pub channels: BTreeMap<String, Samples>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// Writes all channels into one file of one part, ZIP-compressed, whole or not at all. `R`, `G` and `B` are ACEScg.
///
/// # Errors
/// Where there are no channels or no pixels, a channel has not one number a pixel, a name or a text is not ASCII, or the
/// file cannot be written; the file is then as it was before.
pub fn write_layers(path: &Path, layers: &Layers) -> Result<(), WriteError> {
    let size = (layers.width as usize, layers.height as usize);
    if layers.channels.is_empty() || size.0 * size.1 == 0 {
        return Err(WriteError::shape(path, "there is nothing in it"));
    }
    let mut channels = Vec::new();
    for (name, samples) in &layers.channels {
        if samples.len() != size.0 * size.1 {
            return Err(WriteError::shape(
                path,
                format!(
                    "channel {name} has {} values for {} x {} pixels",
                    samples.len(),
                    size.0,
                    size.1
                ),
            ));
        }
        let samples = match samples {
            Samples::Half(v) => FlatSamples::F16(
                v.iter()
                    .map(|v| f16::from_f32(v.clamp(-65_504.0, 65_504.0)))
                    .collect(),
            ),
            Samples::Float(v) => FlatSamples::F32(v.clone()),
            Samples::Whole(v) => FlatSamples::U32(v.clone()),
        };
        channels.push(AnyChannel::new(text(path, name)?, samples));
    }
    let mut attributes = LayerAttributes {
        software_name: Text::new_or_none("Heirloom"),
        ..Default::default()
    };
    for (name, value) in &layers.attributes {
        let value = match value {
            Attribute::Text(v) => AttributeValue::Text(text(path, v)?),
            Attribute::Number(v) => AttributeValue::F32(*v),
            Attribute::Matrix(m) => AttributeValue::Matrix4x4(*m),
        };
        attributes.other.insert(text(path, name)?, value);
    }
    let channels = AnyChannels::sort(channels.into_iter().collect());
    let mut exr = Exr::from_layer(Layer::new(size, attributes, encoding(), channels));
    exr.attributes.chromaticities = Some(ap1());
    let mut bytes = Cursor::new(Vec::new());
    exr.write().to_buffered(&mut bytes).map_err(|error| match error {
        exr::error::Error::Io(source) => WriteError::io(path, source),
        other => WriteError::io(path, io::Error::other(other.to_string())),
    })?;
    let mut bytes = bytes.into_inner();
    sort_header(&mut bytes);
    write::whole(path, |out| {
        out.write_all(&bytes)
            .map_err(|source| WriteError::io(path, source))
    })
}

/// JSON in ASCII, as an attribute can hold it: what lies beyond is escaped.
pub fn ascii_json(value: &serde_json::Value) -> String {
    let mut ascii = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii += &format!("\\u{unit:04x}");
            }
        }
    }
    ascii
}

/// Puts the attributes of a one-part file's header into the order of their names. The encoder keeps them in a map whose
/// order is another one in every run, and the same frame is to be the same bytes. The header's length, and so every
/// offset in the file, stays. Bytes that are no such header are left alone.
fn sort_header(bytes: &mut [u8]) {
    let start = 8; // magic number and version
    let mut at = start;
    let mut attributes: Vec<&[u8]> = Vec::new();
    while bytes.get(at).is_some_and(|b| *b != 0) {
        let word = |from: usize| Some(from + bytes.get(from..)?.iter().position(|b| *b == 0)? + 1);
        let after_kind = word(at).and_then(word);
        let end = after_kind.and_then(|from| {
            let length = bytes.get(from..from + 4)?.try_into().ok()?;
            (from + 4).checked_add(usize::try_from(i32::from_le_bytes(length)).ok()?)
        });
        let Some(whole) = end.and_then(|end| bytes.get(at..end)) else {
            return;
        };
        attributes.push(whole);
        at += whole.len();
    }
    attributes.sort_by_key(|whole| whole.split(|b| *b == 0).next());
    let sorted = attributes.concat();
    bytes[start..at].copy_from_slice(&sorted);
}

fn text(path: &Path, plain: &str) -> Result<Text, WriteError> {
    let sound = plain.is_ascii().then(|| Text::new_or_none(plain)).flatten();
    sound.ok_or_else(|| WriteError::shape(path, format!("`{plain}` is not ASCII text")))
}

/// Reads all channels and the text, number and matrix attributes of the first flat part.
///
/// # Errors
/// See [`ExrError`]; each says the mend.
pub fn read_layers(path: &Path) -> Result<Layers, ExrError> {
    let bytes = std::fs::read(path).map_err(|source| ExrError::Read {
        path: path.into(),
        source,
    })?;
    // A file that no writer made is a file that cannot be read, whatever it makes of the decoder.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(path, &bytes)));
    parsed.unwrap_or_else(|_| Err(unreadable(path, "the decoder gave up on it")))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Layers, ExrError> {
    sizes_within_limits(path, bytes)?;
    let exr = reader()
        .no_deep_data()
        .largest_resolution_level()
        .all_channels()
        .first_valid_layer()
        .all_attributes()
        .from_buffered(Cursor::new(bytes))
        .map_err(|error| unreadable(path, error))?;
    let layer = exr.layer_data;
    let mut layers = Layers {
        width: layer.size.0 as u32,
        height: layer.size.1 as u32,
        ..Layers::default()
    };
    for channel in layer.channel_data.list {
        let samples = match channel.sample_data {
            FlatSamples::F16(v) => Samples::Half(v.into_iter().map(f16::to_f32).collect()),
            FlatSamples::F32(v) => Samples::Float(v),
            FlatSamples::U32(v) => Samples::Whole(v),
        };
        layers.channels.insert(channel.name.to_string(), samples);
    }
    for (name, value) in layer.attributes.other {
        let value = match value {
            AttributeValue::Text(v) => Attribute::Text(v.to_string()),
            AttributeValue::F32(v) => Attribute::Number(v),
            AttributeValue::Matrix4x4(m) => Attribute::Matrix(m),
            _ => continue,
        };
        layers.attributes.insert(name.to_string(), value);
    }
    Ok(layers)
}
