//! What cameras note in EXIF: which way is up, and when it was.

use exif::{DateTime, In, Reader, Tag, Value};

/// The facts that are used.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// 1 to 8.
    pub orientation: u8,
    /// The camera's clock, ISO 8601 without a zone.
    pub taken: Option<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            orientation: 1,
            taken: None,
        }
    }
}

/// Reads a TIFF block as EXIF has it. What cannot be read is as if it were not there: half of all
/// old files have some field that breaks a rule.
pub(super) fn read(block: &[u8], warnings: &mut Vec<String>) -> Facts {
    let parsed = Reader::new()
        .continue_on_error(true)
        .read_raw(block.to_vec())
        .or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(exif) = parsed else {
        warnings.push("its EXIF block cannot be read; orientation and date are taken as absent".into());
        return Facts::default();
    };
    let orientation = exif
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1);
    // Tag::DateTime is when the file was last changed, not when the picture was taken.
    let taken = [Tag::DateTimeOriginal, Tag::DateTimeDigitized]
        .into_iter()
        .find_map(|tag| date(&exif.get_field(tag, In::PRIMARY)?.value));
    Facts { orientation, taken }
}

/// An EXIF date as ISO 8601, where it is one.
fn date(value: &Value) -> Option<String> {
    let Value::Ascii(lines) = value else { return None };
    let at = DateTime::from_ascii(lines.first()?).ok()?;
    let real = at.year > 0
        && (1..=12).contains(&at.month)
        && (1..=31).contains(&at.day)
        && at.hour < 24
        && at.minute < 60
        && at.second <= 60;
    real.then(|| {
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year, at.month, at.day, at.hour, at.minute, at.second
        )
    })
}

/// Where in the file's `width` x `height` pixels the upright picture's pixel (x, y) lies.
#[inline]
pub(super) fn source_place(
    orientation: u8,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> (usize, usize) {
    match orientation {
        2 => (width - 1 - x, y),
        3 => (width - 1 - x, height - 1 - y),
        4 => (x, height - 1 - y),
        5 => (y, x),
        6 => (y, height - 1 - x),
        7 => (width - 1 - y, height - 1 - x),
        8 => (width - 1 - y, x),
        _ => (x, y),
    }
}
