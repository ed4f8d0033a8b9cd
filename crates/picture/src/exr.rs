//! OpenEXR: pictures kept with their full range, ACEScg, half or float, ZIP.
//!
//! A picture that is opaque everywhere is written as R, G, B; any other as R, G, B, A, premultiplied,
//! as the format wants it. The header carries AP1's chromaticities, so that other programs know the
//! colours. What comes in with other primaries, or with none (the format then means BT.709), is
//! brought to ACEScg.

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use exr::image::read::read as reader;
use exr::meta::MetaData;
use exr::meta::attribute::{ChannelDescription, Chromaticities as Attribute, SampleType};
use exr::meta::header::Header;
use exr::prelude::{
    AnyChannel, AnyChannels, AttributeValue, Blocks, Compression, Encoding, FlatSamples, Image as Exr,
    IntegerBounds, Layer, LayerAttributes, LineOrder, ReadChannels, ReadLayers, Text, Vec2, WritableImage,
    f16,
};

use crate::color::{self, Chromaticities};
use crate::image::{AcesCg, Image};
use crate::photo::Limits;
use crate::write::{self, WriteError};

mod layers;

pub use layers::{Attribute as LayerAttribute, Layers, Samples, ascii_json, read_layers, write_layers};

/// How each channel's number is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 16-bit float: 11 bits of precision up to 65 504, which is for pictures.
    Half,
    /// 32-bit float: the very values, which is for data.
    Float,
}

/// An EXR file that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExrError {
    /// The file is missing or may not be read.
    #[error("{} could not be read ({source}); see that the file is there and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not an EXR, cut short, or of a kind that is not read.
    #[error("{} is not an EXR picture that Heirloom reads: {why}; write it anew as a flat RGB or RGBA EXR", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Larger than the limits of a photograph.
    #[error("{} declares {width} x {height} pixels, more than Heirloom reads; crop or scale it down", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Declared pixels in a row.
        width: usize,
        /// Declared rows.
        height: usize,
    },
}

/// Writes a picture. Half keeps what it can hold: values beyond ±65 504 are written as that.
///
/// # Errors
/// For an empty picture, and where the file cannot be written; the file is then as it was before.
pub fn write(path: &Path, image: &Image<AcesCg>, depth: Depth) -> Result<(), WriteError> {
    if image.pixels().is_empty() {
        return Err(WriteError::shape(path, "the picture has no pixels"));
    }
    let opaque = image.pixels().iter().all(|p| p[3] == 1.0);
    let names = ["R", "G", "B", "A"];
    let channels = names
        .iter()
        .take(if opaque { 3 } else { 4 })
        .enumerate()
        .map(|(c, name)| {
            let values = image.pixels().iter().map(|p| p[c]);
            let samples = match depth {
                Depth::Half => FlatSamples::F16(
                    values
                        .map(|v| f16::from_f32(v.clamp(-65_504.0, 65_504.0)))
                        .collect(),
                ),
                Depth::Float => FlatSamples::F32(values.collect()),
            };
            AnyChannel::new(*name, samples)
        });
    let channels = AnyChannels::sort(channels.collect());
    let mut attributes = LayerAttributes {
        software_name: Text::new_or_none("Heirloom"),
        ..Default::default()
    };
    if let (Some(key), Some(value)) = (
        Text::new_or_none("colorInteropID"),
        Text::new_or_none("lin_ap1_scene"),
    ) {
        attributes.other.insert(key, AttributeValue::Text(value));
    }
    let size = (image.width() as usize, image.height() as usize);
    let mut exr = Exr::from_layer(Layer::new(size, attributes, encoding(), channels));
    exr.attributes.chromaticities = Some(ap1());
    write::whole(path, |out| {
        exr.write().to_buffered(out).map_err(|error| match error {
            exr::error::Error::Io(source) => WriteError::io(path, source),
            other => WriteError::io(path, io::Error::other(other.to_string())),
        })
    })
}

fn encoding() -> Encoding {
    Encoding {
        compression: Compression::ZIP16,
        blocks: Blocks::ScanLines,
        line_order: LineOrder::Increasing,
    }
}

/// The header's word for ACEScg's primaries.
fn ap1() -> Attribute {
    let xy = |[x, y]: [f64; 2]| Vec2(x as f32, y as f32);
    let ap1 = Chromaticities::AP1;
    Attribute {
        red: xy(ap1.red),
        green: xy(ap1.green),
        blue: xy(ap1.blue),
        white: xy(ap1.white),
    }
}

/// Reads the first flat layer with R, G and B (and A) of an EXR file, placed in its display window.
///
/// # Errors
/// See [`ExrError`]; each says the mend.
pub fn read(path: &Path) -> Result<Image<AcesCg>, ExrError> {
    let bytes = std::fs::read(path).map_err(|source| ExrError::Read {
        path: path.into(),
        source,
    })?;
    from_bytes(path, &bytes)
}

/// As [`read`], from a file's bytes; `path` stands for it in errors.
pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Image<AcesCg>, ExrError> {
    // A file that no writer made is a file that cannot be read, whatever it makes of the decoder.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(path, bytes)));
    parsed.unwrap_or_else(|_| Err(unreadable(path, "the decoder gave up on it")))
}

/// What the header of a file says of the picture that [`read`] would give.
pub(crate) struct About {
    /// Of the display window.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// The largest width and height of a layer that may be read, before it is placed.
    pub layer: (u32, u32),
    /// Bits of each channel.
    pub bit_depth: u8,
    /// The name of the declared primaries, or that there are some.
    pub primaries: Option<String>,
}

/// Looks at a file's header alone.
pub(crate) fn about(path: &Path, bytes: &[u8]) -> Result<About, ExrError> {
    let looked = catch_unwind(AssertUnwindSafe(|| look(path, bytes)));
    looked.unwrap_or_else(|_| Err(unreadable(path, "the decoder gave up on it")))
}

fn look(path: &Path, bytes: &[u8]) -> Result<About, ExrError> {
    sizes_within_limits(path, bytes)?;
    let failed = |error: exr::error::Error| unreadable(path, error);
    let meta = MetaData::read_from_buffered(Cursor::new(bytes), false).map_err(failed)?;
    let kind = |header: &Header, name: &str| {
        let named = |channel: &&ChannelDescription| channel.name.eq(name);
        header
            .channels
            .list
            .iter()
            .find(named)
            .map(|channel| channel.sample_type)
    };
    let coloured =
        |header: &&Header| !header.deep && ["R", "G", "B"].iter().all(|name| kind(header, name).is_some());
    let Some(header) = meta.headers.iter().find(coloured) else {
        return Err(unreadable(path, "it has no flat layer with R, G and B"));
    };
    // Whichever the decoder takes: none is larger.
    let layers = meta.headers.iter().filter(coloured).map(|h| h.layer_size);
    let layer = layers.fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)));
    let Vec2(width, height) = header.shared_attributes.display_window.size;
    let small = |v: usize| u32::try_from(v).unwrap_or(u32::MAX);
    Ok(About {
        width: small(width),
        height: small(height),
        layer: (small(layer.0), small(layer.1)),
        bit_depth: if kind(header, "R") == Some(SampleType::F16) {
            16
        } else {
            32
        },
        primaries: header.shared_attributes.chromaticities.map(|c| {
            let declared = declared(&c);
            let known = [
                ("ACEScg (AP1)", Chromaticities::AP1),
                ("BT.709", Chromaticities::REC709),
                ("BT.2020", Chromaticities::REC2020),
                ("P3-D65", Chromaticities::DISPLAY_P3),
            ];
            let name = known.into_iter().find(|(_, k)| same(&declared, k));
            name.map_or("its own primaries", |(name, _)| name).into()
        }),
    })
}

fn declared(c: &Attribute) -> Chromaticities {
    let xy = |v: Vec2<f32>| [f64::from(v.0), f64::from(v.1)];
    Chromaticities {
        red: xy(c.red),
        green: xy(c.green),
        blue: xy(c.blue),
        white: xy(c.white),
    }
}

fn unreadable(path: &Path, why: impl ToString) -> ExrError {
    ExrError::Unreadable {
        path: path.into(),
        why: why.to_string(),
    }
}

/// Looks at the header alone, before anything is made room for.
fn sizes_within_limits(path: &Path, bytes: &[u8]) -> Result<(), ExrError> {
    let failed = |error: exr::error::Error| unreadable(path, error);
    let meta = MetaData::read_from_buffered(Cursor::new(bytes), false).map_err(failed)?;
    for header in &meta.headers {
        for Vec2(width, height) in [header.layer_size, header.shared_attributes.display_window.size] {
            let limits = Limits::default();
            let pixels = (width as u64).saturating_mul(height as u64);
            if width.max(height) as u64 > limits.side.into() || pixels > limits.pixels {
                return Err(ExrError::TooLarge {
                    path: path.into(),
                    width,
                    height,
                });
            }
        }
    }
    Ok(())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Image<AcesCg>, ExrError> {
    let failed = |error: exr::error::Error| unreadable(path, error);
    sizes_within_limits(path, bytes)?;
    let new = |size: Vec2<usize>, _: &_| (size.0, vec![[0.0f32; 4]; size.0 * size.1]);
    let set = |(width, pixels): &mut (usize, Vec<[f32; 4]>), place: Vec2<usize>, (r, g, b, a)| {
        pixels[place.1 * *width + place.0] = [r, g, b, a];
    };
    let exr = reader()
        .no_deep_data()
        .largest_resolution_level()
        .rgba_channels(new, set)
        .first_valid_layer()
        .all_attributes()
        .from_buffered(Cursor::new(bytes))
        .map_err(failed)?;
    let declared = exr.attributes.chromaticities.as_ref().map(declared);
    let layer = exr.layer_data;
    let (width, pixels) = layer.channel_data.pixels;
    let placed = place(
        exr.attributes.display_window,
        layer.attributes.layer_position,
        width,
        pixels,
    );
    let (size, mut pixels) = placed;
    let from = declared.unwrap_or(Chromaticities::REC709);
    if !same(&from, &Chromaticities::AP1) {
        let matrix = color::between(&from, &Chromaticities::AP1);
        for pixel in &mut pixels {
            let rgb = matrix.apply([pixel[0].into(), pixel[1].into(), pixel[2].into()]);
            *pixel = [rgb[0] as f32, rgb[1] as f32, rgb[2] as f32, pixel[3]];
        }
    }
    Image::from_pixels(size.0 as u32, size.1 as u32, pixels)
        .ok_or_else(|| unreadable(path, "it has no pixels"))
}

/// The layer's pixels where they belong in the display window.
fn place(
    window: IntegerBounds,
    position: Vec2<i32>,
    width: usize,
    pixels: Vec<[f32; 4]>,
) -> (Vec2<usize>, Vec<[f32; 4]>) {
    let size = window.size;
    let height = pixels.len() / width.max(1);
    let (left, top) = (
        i64::from(position.0) - i64::from(window.position.0),
        i64::from(position.1) - i64::from(window.position.1),
    );
    if left == 0 && top == 0 && size == Vec2(width, height) {
        return (size, pixels);
    }
    let mut placed = vec![[0.0; 4]; size.0 * size.1];
    for (i, pixel) in pixels.into_iter().enumerate() {
        let (x, y) = ((i % width) as i64 + left, (i / width) as i64 + top);
        if (0..size.0 as i64).contains(&x) && (0..size.1 as i64).contains(&y) {
            placed[y as usize * size.0 + x as usize] = pixel;
        }
    }
    (size, placed)
}

fn same(a: &Chromaticities, b: &Chromaticities) -> bool {
    let pairs = [
        (a.red, b.red),
        (a.green, b.green),
        (a.blue, b.blue),
        (a.white, b.white),
    ];
    pairs
        .iter()
        .all(|(a, b)| (a[0] - b[0]).abs() < 1e-5 && (a[1] - b[1]).abs() < 1e-5)
}
