//! EXIF: what the camera noted, and the words that Windows keeps there.

use exif::{Context, Exif, In, Rational, Reader, Tag, Value};

use super::words::{self, MOST_CHARS, MOST_KEYWORDS};
use super::{Metadata, Place, Said, When};

const XP_TITLE: Tag = Tag(Context::Tiff, 0x9c9b);
const XP_COMMENT: Tag = Tag(Context::Tiff, 0x9c9c);
const XP_AUTHOR: Tag = Tag(Context::Tiff, 0x9c9d);
const XP_KEYWORDS: Tag = Tag(Context::Tiff, 0x9c9e);
const RATING: Tag = Tag(Context::Tiff, 0x4746);
/// What cameras write of themselves where nobody wrote a caption.
const NO_CAPTION: [&str; 4] = ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCIM", "Default"];

/// Reads a TIFF block as EXIF has it, or a whole TIFF file.
pub(super) fn read(block: &[u8], warnings: &mut Vec<String>) -> Said {
    let parsed = Reader::new()
        .continue_on_error(true)
        .read_raw(block.to_vec())
        .or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(exif) = parsed else {
        warnings.push("its EXIF block cannot be read; it is passed over".into());
        return Said::default();
    };
    let taken = when(&exif, Tag::DateTimeOriginal, Tag::OffsetTimeOriginal);
    let digitized = when(&exif, Tag::DateTimeDigitized, Tag::OffsetTimeDigitized);
    let (taken, taken_offset_min) = taken.map_or((None, None), |(day, offset)| (Some(day), offset));
    let caption = text(&exif, Tag::ImageDescription).filter(|words| !NO_CAPTION.contains(&words.as_str()));
    let xp = |tag| utf16(&exif, tag).and_then(|words| words::line(&words));
    let list = |text: Option<String>| -> Vec<String> {
        let text = text.unwrap_or_default();
        text.split(';')
            .filter_map(words::line)
            .take(MOST_KEYWORDS)
            .collect()
    };
    let mut creators = list(text(&exif, Tag::Artist));
    words::merge(&mut creators, list(utf16(&exif, XP_AUTHOR)));
    let one = |tag| positive(&exif, tag);
    let plain = Metadata {
        title: xp(XP_TITLE),
        caption: caption.or_else(|| xp(XP_COMMENT)),
        keywords: list(utf16(&exif, XP_KEYWORDS)),
        creators,
        copyright: text(&exif, Tag::Copyright),
        taken,
        taken_offset_min,
        place: place(&exif, warnings),
        camera: camera(text(&exif, Tag::Make), text(&exif, Tag::Model)),
        lens: text(&exif, Tag::LensModel),
        focal_length_mm: one(Tag::FocalLength),
        focal_length_35mm: one(Tag::FocalLengthIn35mmFilm),
        f_number: one(Tag::FNumber),
        exposure_s: one(Tag::ExposureTime),
        // 65535 says: more than fits here.
        iso: value(&exif, Tag::PhotographicSensitivity)
            .and_then(|v| v.get_uint(0))
            .filter(|iso| (1..65_535).contains(iso)),
        rating: value(&exif, RATING)
            .and_then(|v| v.get_uint(0))
            .and_then(|stars| u8::try_from(stars).ok())
            .filter(|stars| (1..=5).contains(stars)),
        ..Metadata::default()
    };
    Said {
        plain,
        digitized,
        ..Said::default()
    }
}

fn value(exif: &Exif, tag: Tag) -> Option<&Value> {
    exif.get_field(tag, In::PRIMARY).map(|field| &field.value)
}

fn text(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(lines) = value(exif, tag)? else {
        return None;
    };
    words::line(&words::from_bytes(lines.iter().find(|line| !line.is_empty())?))
}

/// Windows' own fields: bytes that are UTF-16, low byte first.
fn utf16(exif: &Exif, tag: Tag) -> Option<String> {
    let (Value::Byte(bytes) | Value::Undefined(bytes, _)) = value(exif, tag)? else {
        return None;
    };
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).take(MOST_CHARS * 4).collect();
    Some(String::from_utf16_lossy(&units))
}

/// A number over zero; a number of nothing by nothing is none.
fn positive(exif: &Exif, tag: Tag) -> Option<f64> {
    let number = match value(exif, tag)? {
        Value::Rational(list) => ratio(list.first()?)?,
        other => f64::from(other.get_uint(0)?),
    };
    (number > 0.0).then_some(number)
}

fn ratio(r: &Rational) -> Option<f64> {
    (r.denom != 0).then(|| f64::from(r.num) / f64::from(r.denom))
}

/// A date, and the offset that belongs to that field where it has a time of day.
fn when(exif: &Exif, tag: Tag, zone: Tag) -> Option<When> {
    let Value::Ascii(lines) = value(exif, tag)? else {
        return None;
    };
    let day = words::noted(&words::from_bytes(lines.first()?))?;
    let zone = text(exif, zone).filter(|_| day.contains('T'));
    Some((day, zone.and_then(|zone| words::offset(&zone))))
}

/// Maker and model; models often begin with their maker: "NIKON CORPORATION" and "NIKON D850" are a "NIKON D850".
pub(super) fn camera(make: Option<String>, model: Option<String>) -> Option<String> {
    let (Some(make), Some(model)) = (&make, &model) else {
        return model.or(make);
    };
    let first = |text: &str| text.split(' ').next().unwrap_or_default().to_lowercase();
    if first(make) == first(model) {
        return Some(model.clone());
    }
    words::line(&format!("{make} {model}"))
}

fn place(exif: &Exif, warnings: &mut Vec<String>) -> Option<Place> {
    let degrees = |tag, reference, most: f64, [plus, minus]: [&str; 2]| -> Option<f64> {
        let Value::Rational(list) = value(exif, tag)? else {
            return None;
        };
        let part = |at: usize| list.get(at).map_or(Some(0.0), ratio);
        let (d, m, s) = (ratio(list.first()?)?, part(1)?, part(2)?);
        let size = d + m / 60.0 + s / 3600.0;
        let side = text(exif, reference)?.to_uppercase();
        let sign = if side.starts_with(plus) {
            1.0
        } else if side.starts_with(minus) {
            -1.0
        } else {
            return None;
        };
        (m < 60.000_001 && s < 60.000_001 && size <= most).then_some(sign * size)
    };
    let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, 90.0, ["N", "S"]);
    let longitude = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, 180.0, ["E", "W"]);
    let (Some(latitude_deg), Some(longitude_deg)) = (latitude, longitude) else {
        if value(exif, Tag::GPSLatitude).is_some() || value(exif, Tag::GPSLongitude).is_some() {
            warnings.push("its GPS position is not whole or is nowhere on earth; it is passed over".into());
        }
        return None;
    };
    // Cameras without a fix write zeros.
    if latitude_deg == 0.0 && longitude_deg == 0.0 {
        return None;
    }
    let below = value(exif, Tag::GPSAltitudeRef).and_then(|v| v.get_uint(0)) == Some(1);
    let altitude_m = match value(exif, Tag::GPSAltitude) {
        Some(Value::Rational(list)) => list.first().and_then(ratio),
        _ => None,
    }
    .map(|metres| if below { -metres } else { metres })
    .filter(|metres| (-12_000.0..=100_000.0).contains(metres));
    Some(Place {
        latitude_deg,
        longitude_deg,
        altitude_m,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_said_once() {
        let said = |make: &str, model: &str| camera(Some(make.into()), Some(model.into()));
        assert_eq!(
            said("NIKON CORPORATION", "NIKON D850").as_deref(),
            Some("NIKON D850")
        );
        assert_eq!(said("Canon", "Canon EOS R5").as_deref(), Some("Canon EOS R5"));
        assert_eq!(said("Apple", "iPhone 12").as_deref(), Some("Apple iPhone 12"));
        assert_eq!(camera(None, Some("F3".into())).as_deref(), Some("F3"));
        assert_eq!(camera(Some("Leica".into()), None).as_deref(), Some("Leica"));
    }
}
