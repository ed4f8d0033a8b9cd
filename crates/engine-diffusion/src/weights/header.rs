//! The header of a safetensors file, read as what a stranger wrote.
//!
//! The format (the `safetensors` project's README, "Format"): eight bytes with the header's length, little-endian; that
//! many bytes of JSON, which begins with `{` and may end in spaces; then the tensors' bytes with no gap. The JSON has one
//! entry for each tensor (`dtype`, `shape`, `data_offsets`: where its bytes begin and end, counted from the header's
//! end), and may have `__metadata__`, a flat map of texts.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Longest header that is read, as the format's own reader has it.
pub const MOST_HEADER_BYTES: u64 = 100_000_000;
/// Most tensors that one file may hold; the largest model of the family has about 1 100.
pub const MOST_TENSORS: usize = 100_000;
/// Most axes that a tensor may have.
pub const MOST_AXES: usize = 8;
/// Longest name, in bytes.
pub const LONGEST_NAME: usize = 512;

/// The kinds of number that the format knows and whose width is whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Dtype {
    Bool,
    U8,
    I8,
    F8E5M2,
    F8E4M3,
    F8E8M0,
    U16,
    I16,
    F16,
    Bf16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

impl Dtype {
    const NAMES: [(Self, &'static str, u64); 16] = [
        (Self::Bool, "BOOL", 1),
        (Self::U8, "U8", 1),
        (Self::I8, "I8", 1),
        (Self::F8E5M2, "F8_E5M2", 1),
        (Self::F8E4M3, "F8_E4M3", 1),
        (Self::F8E8M0, "F8_E8M0", 1),
        (Self::U16, "U16", 2),
        (Self::I16, "I16", 2),
        (Self::F16, "F16", 2),
        (Self::Bf16, "BF16", 2),
        (Self::U32, "U32", 4),
        (Self::I32, "I32", 4),
        (Self::F32, "F32", 4),
        (Self::U64, "U64", 8),
        (Self::I64, "I64", 8),
        (Self::F64, "F64", 8),
    ];

    /// The kind of this name, as the format spells it.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, n, _)| *n == name)
            .map(|(d, _, _)| *d)
    }

    /// Its name in the format.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of one number.
    pub fn bytes(self) -> u64 {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, u64) {
        // Every kind stands in the table; the first row is never reached for another.
        Self::NAMES
            .iter()
            .find(|(d, _, _)| *d == self)
            .copied()
            .unwrap_or(Self::NAMES[0])
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where one tensor lies, and how its bytes are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The kind of its numbers.
    pub dtype: Dtype,
    /// Length of each axis, the slowest first. None: a single number.
    pub shape: Vec<u64>,
    /// First byte, counted from the end of the header.
    pub begin: u64,
    /// The byte after its last.
    pub end: u64,
}

/// A header that agrees with itself and with the file's length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Each tensor by name.
    pub tensors: BTreeMap<String, Entry>,
    /// The writer's notes.
    pub metadata: BTreeMap<String, String>,
    /// Bytes before the first tensor's.
    pub data_begin: u64,
}

/// A header that cannot be trusted. Whatever it says, the mend is the same: get the file again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Too short to hold even the header's length.
    #[error("the file is {bytes} bytes long, too short for a safetensors file: copy or download it again")]
    Short {
        /// The file's length.
        bytes: u64,
    },
    /// A pickle (PyTorch) or zip file, by its first bytes.
    #[error(
        "this is a PyTorch file, which can run code when it is read, so it never is: get the model's safetensors files, \
         or convert it once with a program that you trust"
    )]
    Pickle,
    /// More header than there is file, or than any model needs.
    #[error(
        "the header claims {claimed} bytes, and {why}: the file is damaged or cut short; copy or download it again"
    )]
    Length {
        /// What the first eight bytes say.
        claimed: u64,
        /// Why that cannot be.
        why: String,
    },
    /// No JSON of the right form.
    #[error("the header is not what a safetensors file has ({why}): copy or download the file again")]
    Form {
        /// Where and what.
        why: String,
    },
    /// A tensor's entry that cannot be.
    #[error("the header's entry for \"{name}\" cannot be ({why}): copy or download the file again")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file ends before the tensors do.
    #[error(
        "the file is cut short: its header speaks of {expected} bytes and {found} are there; copy or download it again"
    )]
    Truncated {
        /// Bytes that the header speaks of.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Bytes that belong to no tensor.
    #[error("{bytes} bytes {place} belong to no tensor: the file is damaged; copy or download it again")]
    Stray {
        /// How many.
        bytes: u64,
        /// Where.
        place: String,
    },
}

/// Reads a header out of a file's first bytes.
///
/// `start` holds the file from its beginning, at least as far as the header reaches (the whole file will do);
/// `file_bytes` is the file's true length. Everything is checked that the bytes of tensors need not be read for:
/// nothing is allocated for what the header claims, only for what it holds.
///
/// # Errors
/// See [`HeaderError`].
pub fn read_header(start: &[u8], file_bytes: u64) -> Result<Header, HeaderError> {
    if start.starts_with(b"PK\x03\x04")
        || (start.starts_with(&[0x80]) && matches!(start.get(1), Some(2..=5)) && !plausible(start))
    {
        return Err(HeaderError::Pickle);
    }
    let Some((length, rest)) = start.split_first_chunk::<8>() else {
        return Err(HeaderError::Short { bytes: file_bytes });
    };
    let claimed = u64::from_le_bytes(*length);
    let long = |why: String| HeaderError::Length { claimed, why };
    if claimed > MOST_HEADER_BYTES {
        return Err(long(format!("no more than {MOST_HEADER_BYTES} are read")));
    }
    let data_begin = claimed + 8;
    if data_begin > file_bytes {
        return Err(long(format!("the file has {file_bytes} in all")));
    }
    let text = usize::try_from(claimed)
        .ok()
        .and_then(|n| rest.get(..n))
        .ok_or_else(|| long(format!("only {} were handed over", rest.len())))?;
    if text.first() != Some(&b'{') {
        return Err(HeaderError::Form {
            why: "it does not begin with {".into(),
        });
    }
    let raw: Raw = serde_json::from_slice(text).map_err(|e| HeaderError::Form {
        why: plain(&e.to_string()),
    })?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in raw.tensors {
        let checked = entry.checked().map_err(|why| HeaderError::Tensor {
            name: shortened(&name),
            why,
        })?;
        tensors.insert(name, checked);
    }
    covered(&tensors, file_bytes - data_begin)?;
    Ok(Header {
        tensors,
        metadata: raw.metadata,
        data_begin,
    })
}

/// Whether the first bytes could be a header's length all the same: 0x80 is also the low byte of one.
fn plausible(start: &[u8]) -> bool {
    start.get(8) == Some(&b'{')
}

/// Tensors lie one after the other, from the header's end to the file's, each byte in exactly one.
fn covered(tensors: &BTreeMap<String, Entry>, found: u64) -> Result<(), HeaderError> {
    let mut order: Vec<(&String, &Entry)> = tensors.iter().collect();
    order.sort_by_key(|(_, e)| (e.begin, e.end));
    let mut at = 0;
    for (name, entry) in order {
        if entry.begin < at {
            let why = format!(
                "its bytes begin at {}, inside the tensor before it, which ends at {at}",
                entry.begin
            );
            return Err(HeaderError::Tensor {
                name: shortened(name),
                why,
            });
        }
        if entry.begin > at {
            let place = format!("before the tensor \"{}\"", shortened(name));
            return Err(HeaderError::Stray {
                bytes: entry.begin - at,
                place,
            });
        }
        at = entry.end;
    }
    if at > found {
        return Err(HeaderError::Truncated { expected: at, found });
    }
    if at < found {
        return Err(HeaderError::Stray {
            bytes: found - at,
            place: "at the file's end".into(),
        });
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    dtype: String,
    shape: Axes,
    data_offsets: (u64, u64),
}

impl RawEntry {
    fn checked(self) -> Result<Entry, String> {
        let dtype = Dtype::named(&self.dtype).ok_or_else(|| {
            format!(
                "its numbers are of the unknown kind \"{}\"",
                shortened(&self.dtype)
            )
        })?;
        let shape = self.shape.0;
        let (begin, end) = self.data_offsets;
        let bytes = shape
            .iter()
            .try_fold(dtype.bytes(), |bytes, &axis| bytes.checked_mul(axis))
            .ok_or_else(|| format!("its shape {:?} is larger than any file", shape))?;
        if begin.checked_add(bytes) != Some(end) {
            return Err(format!(
                "its bytes are said to go from {begin} to {end}, and {} of the shape {:?} need {bytes}",
                dtype, shape
            ));
        }
        Ok(Entry {
            dtype,
            shape,
            begin,
            end,
        })
    }
}

struct Raw {
    tensors: Vec<(String, RawEntry)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw {
            tensors: Vec::new(),
            metadata: BTreeMap::new(),
        };
        let (mut names, mut noted) = (HashSet::new(), false);
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if noted {
                    return Err(A::Error::custom("__metadata__ stands there twice"));
                }
                noted = true;
                raw.metadata = map.next_value::<Notes>()?.0;
                continue;
            }
            if name.len() > LONGEST_NAME || name.is_empty() {
                return Err(A::Error::custom(format!("a name is {} bytes long", name.len())));
            }
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("\"{name}\" stands there twice")));
            }
            if names.len() > MOST_TENSORS {
                return Err(A::Error::custom(format!(
                    "there are more than {MOST_TENSORS} tensors"
                )));
            }
            raw.tensors.push((name, map.next_value()?));
        }
        Ok(raw)
    }
}

/// Notes that are texts; others are passed over, for some writers put numbers there.
struct Notes(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Notes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("notes by name")
            }
            fn visit_unit<E>(self) -> Result<Notes, E> {
                Ok(Notes(BTreeMap::new()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notes, A::Error> {
                let mut notes = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if let Note(Some(text)) = map.next_value()? {
                        notes.insert(key, text);
                    }
                }
                Ok(Notes(notes))
            }
        }
        deserializer.deserialize_any(V)
    }
}

/// A note, if it is a text; anything else is passed over without being kept.
struct Note(Option<String>);

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Note;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a note")
            }
            fn visit_str<E>(self, text: &str) -> Result<Note, E> {
                Ok(Note(Some(text.to_owned())))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Note, E> {
                Ok(Note(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Note, E> {
                Ok(Note(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Note, E> {
                Ok(Note(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Note, E> {
                Ok(Note(None))
            }
            fn visit_unit<E>(self) -> Result<Note, E> {
                Ok(Note(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Note, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Note(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Note, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Note(None))
            }
        }
        deserializer.deserialize_any(V)
    }
}

/// Axes, no more of them than are allowed, so that a list of millions is not kept.
struct Axes(Vec<u64>);

impl<'de> Deserialize<'de> for Axes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Axes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the lengths of at most {MOST_AXES} axes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Axes, A::Error> {
                let mut axes = Vec::new();
                while let Some(axis) = seq.next_element()? {
                    if axes.len() == MOST_AXES {
                        return Err(A::Error::custom(format!(
                            "a shape has more than {MOST_AXES} axes"
                        )));
                    }
                    axes.push(axis);
                }
                Ok(Axes(axes))
            }
        }
        deserializer.deserialize_seq(V)
    }
}

/// A stranger's text, fit for one line of an error.
pub(crate) fn shortened(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if clean.chars().count() <= 120 {
        return clean;
    }
    clean.chars().take(119).chain(['…']).collect()
}

fn plain(text: &str) -> String {
    shortened(text)
}
