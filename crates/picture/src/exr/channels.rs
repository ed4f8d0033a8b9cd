//! EXR files of any channels: passes of data beside a picture, each channel with its own name and kind of number.
//!
//! A channel's name is its layer's, a dot, and its own (`depth.Z`), as the format has it; `R`, `G` and `B` without a
//! layer are the picture that other programs show first, and are ACEScg.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use exr::image::read::read as reader;
use exr::meta::MetaData;
use exr::prelude::{
    AnyChannel, AnyChannels, AttributeValue, Blocks, Compression, Encoding, FlatSamples, Image as Exr, Layer,
    LayerAttributes, LineOrder, ReadChannels, ReadLayers, Text, WritableImage, f16,
};

use super::{ExrError, ap1, check_size, unreadable};
use crate::write::{self, WriteError};

/// The values of a channel, row by row from the top left.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 16-bit float on disk, for pictures; values beyond ±65 504 are written as that.
    Half(Vec<f32>),
    /// 32-bit float: the very values, for data. Infinite values are kept.
    Float(Vec<f32>),
    /// Whole numbers: ids.
    Whole(Vec<u32>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::Half(values) | Self::Float(values) => values.len(),
            Self::Whole(values) => values.len(),
        }
    }
}

/// Channels of one size, by name, with what else the header says.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Channels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The channels by their whole names.
    pub channels: BTreeMap<String, Samples>,
    /// Words in the header, by name.
    pub notes: BTreeMap<String, String>,
}

/// Writes channels into one file, ZIP.
///
/// # Errors
/// Where there is none, one has another size, or a name is none that the format has; and where the file cannot be
/// written: it is then as it was before.
pub fn write_channels(path: &Path, channels: &Channels) -> Result<(), WriteError> {
    let size = (channels.width as usize, channels.height as usize);
    let pixels = size.0 * size.1;
    if pixels == 0 || channels.channels.is_empty() {
        return Err(WriteError::shape(path, "there is nothing in it"));
    }
    let text = |name: &str| {
        Text::new_or_none(name)
            .ok_or_else(|| WriteError::shape(path, format!("`{name}` is no name in an EXR file")))
    };
    let mut list = exr::prelude::SmallVec::new();
    for (name, samples) in &channels.channels {
        if samples.len() != pixels {
            let why = format!("{name} has {} values, and {pixels} are needed", samples.len());
            return Err(WriteError::shape(path, why));
        }
        let half = |v: &f32| f16::from_f32(v.clamp(-65_504.0, 65_504.0));
        let samples = match samples {
            Samples::Half(values) => FlatSamples::F16(values.iter().map(half).collect()),
            Samples::Float(values) => FlatSamples::F32(values.clone()),
            Samples::Whole(values) => FlatSamples::U32(values.clone()),
        };
        list.push(AnyChannel::new(text(name)?, samples));
    }
    let mut attributes = LayerAttributes {
        software_name: Text::new_or_none("Heirloom"),
        ..Default::default()
    };
    for (name, words) in &channels.notes {
        attributes
            .other
            .insert(text(name)?, AttributeValue::Text(text(words)?));
    }
    let encoding = Encoding {
        compression: Compression::ZIP16,
        blocks: Blocks::ScanLines,
        line_order: LineOrder::Increasing,
    };
    let mut exr = Exr::from_layer(Layer::new(size, attributes, encoding, AnyChannels::sort(list)));
    exr.attributes.chromaticities = Some(ap1());
    write::whole(path, |out| {
        exr.write().to_buffered(out).map_err(|error| match error {
            exr::error::Error::Io(source) => WriteError::io(path, source),
            other => WriteError::io(path, io::Error::other(other.to_string())),
        })
    })
}

/// Reads all channels of the first flat layer of an EXR file as they are; colours are not brought to ACEScg.
///
/// # Errors
/// See [`ExrError`]; each says the mend.
pub fn read_channels(path: &Path) -> Result<Channels, ExrError> {
    let bytes = std::fs::read(path).map_err(|source| ExrError::Read {
        path: path.into(),
        source,
    })?;
    // As in `read`: a file that no writer made may make anything of the decoder.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(path, &bytes)));
    parsed.unwrap_or_else(|_| Err(unreadable(path, "the decoder gave up on it")))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Channels, ExrError> {
    let failed = |error: exr::error::Error| unreadable(path, error);
    let meta = MetaData::read_from_buffered(Cursor::new(bytes), false).map_err(failed)?;
    check_size(path, &meta)?;
    let exr = reader()
        .no_deep_data()
        .largest_resolution_level()
        .all_channels()
        .first_valid_layer()
        .all_attributes()
        .from_buffered(Cursor::new(bytes))
        .map_err(failed)?;
    let layer = exr.layer_data;
    let notes = layer
        .attributes
        .other
        .iter()
        .filter_map(|(name, value)| match value {
            AttributeValue::Text(words) => Some((name.to_string(), words.to_string())),
            _ => None,
        });
    let channels = layer.channel_data.list.into_iter().map(|channel| {
        let samples = match channel.sample_data {
            FlatSamples::F16(values) => Samples::Half(values.iter().map(|v| v.to_f32()).collect()),
            FlatSamples::F32(values) => Samples::Float(values),
            FlatSamples::U32(values) => Samples::Whole(values),
        };
        (channel.name.to_string(), samples)
    });
    Ok(Channels {
        width: layer.size.0 as u32,
        height: layer.size.1 as u32,
        notes: notes.collect(),
        channels: channels.collect(),
    })
}
