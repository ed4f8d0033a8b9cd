//! The door for models that put pictures, and texts, into one space of vectors.
//!
//! Heirloom brings no such model and no runtime for one. What another program worked out comes in as a safetensors file
//! with one vector for each source, and from then on `like:` may rank by it, or a text that the same model made a vector of.

use heirloom_vault::ObjectId;
use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use safetensors::{Dtype, SafeTensors};

use super::{SearchError, widened};
use crate::index::{Trouble, sync};
use crate::{Archive, Index};

/// Longest vector that is taken.
pub const MOST_NUMBERS: usize = 8192;

/// Ranks by imported vectors instead of by look.
#[derive(Clone, Debug, PartialEq)]
pub struct ByVectors {
    /// The name that they were imported under.
    pub model: String,
    /// What the answers shall be near to: a text's or a picture's vector by the same model. Where it is left open, the
    /// vector of the source that `like:` calls.
    pub vector: Option<Vec<f32>>,
}

/// What came of importing vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many sources have a vector now by this file.
    pub taken: usize,
    /// Names in the file that no source goes by.
    pub unknown: Vec<String>,
}

/// Vectors that could not be taken, or compared.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// No safetensors file.
    #[error(
        "this is no safetensors file ({why}): write one tensor for each source, named by its full name or object id"
    )]
    Format {
        /// What is wrong with it.
        why: String,
    },
    /// A tensor that is no vector.
    #[error(
        "the tensor \"{name}\" cannot be taken ({why}): write one row of up to {MOST_NUMBERS} F32, F16 or BF16 numbers"
    )]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Vectors of different lengths.
    #[error(
        "\"{name}\" has {found} numbers and others have {expected}: import vectors of one model at a time"
    )]
    Length {
        /// The tensor, or the vector asked for.
        name: String,
        /// Its length.
        found: usize,
        /// That of the others.
        expected: usize,
    },
    /// Nothing that the answers shall be near to.
    #[error(
        "nothing is said that the answers shall be near to: give a vector, or write like:archive:NAME into the query"
    )]
    Nothing,
    /// No vectors under this name, or none of the source asked for.
    #[error("there is no vector of {what} by {model}: import one with its model's name")]
    None {
        /// The source, or "any source".
        what: String,
        /// The model's name.
        model: String,
    },
}

/// A vector as signed bytes: all that its direction needs.
pub(super) fn packed(vector: &[f32]) -> Option<Vec<u8>> {
    let largest = vector.iter().fold(0_f32, |most, v| most.max(v.abs()));
    if !largest.is_finite() || largest <= 0.0 || vector.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let byte = |v: &f32| (libm::roundf(v / largest * 127.0) as i8).cast_unsigned();
    Some(vector.iter().map(byte).collect())
}

fn dot(one: &[u8], other: &[u8]) -> i32 {
    one.iter()
        .zip(other)
        .map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b.cast_signed()))
        .sum()
}

/// The vectors of all entries that have one by a model.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    ids: Vec<i64>,
    packed: Vec<u8>,
    own: Vec<i32>,
    dim: usize,
}

impl Vectors {
    pub fn read(connection: &Connection, model: &str) -> rusqlite::Result<Self> {
        let mut vectors = Self::default();
        let mut query = connection.prepare_cached(
            "SELECT e.id, v.packed FROM entries e JOIN vectors v ON v.model = ?1 AND v.object = e.object \
             ORDER BY e.id",
        )?;
        let mut rows = query.query([model])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
            if vectors.dim == 0 {
                vectors.dim = bytes.len();
            }
            if bytes.len() == vectors.dim {
                vectors.ids.push(row.get(0)?);
                vectors.packed.extend_from_slice(bytes);
                vectors.own.push(dot(bytes, bytes));
            }
        }
        Ok(vectors)
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The cosines, from -1 to 1, of all these entries that have a vector (or all there are), rising by entry.
    pub fn cosines(&self, to: &[u8], among: Option<&[i64]>) -> Vec<(f64, i64)> {
        let own = dot(to, to);
        let one = |(at, id): (usize, &i64)| {
            if among.is_some_and(|among| among.binary_search(id).is_err()) {
                return None;
            }
            let vector = self.packed.get(at * self.dim..(at + 1) * self.dim)?;
            let lengths = libm::sqrt(f64::from(own) * f64::from(*self.own.get(at)?));
            Some((f64::from(dot(to, vector)) / lengths.max(1.0), *id))
        };
        self.ids
            .par_iter()
            .enumerate()
            .with_min_len(2048)
            .filter_map(one)
            .collect()
    }
}

/// The packed vector of a picture by a model.
pub(super) fn of_object(
    connection: &Connection,
    model: &str,
    object: &ObjectId,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT packed FROM vectors WHERE model = ?1 AND object = ?2")?
        .query_row(params![model, object.to_string()], |row| row.get(0))
        .optional()
}

impl Index {
    /// Takes in the vectors that a model made of the archive's sources, in place of those it made before.
    ///
    /// `safetensors` is the content of a file with one tensor for each source, named by the source's full name
    /// (`father/1974/beach`) or its object's id. They are kept in the index, to a part in 127, and go with it when it is made
    /// anew.
    ///
    /// # Errors
    /// [`SearchError::Vectors`] for a file that cannot be taken; then nothing is.
    pub fn import_vectors(
        &self,
        archive: &Archive<'_>,
        model: &str,
        safetensors: &[u8],
    ) -> Result<Imported, SearchError> {
        let mut rows = Vec::new();
        for (name, vector) in unpack(safetensors)? {
            let packed = packed(&vector).ok_or_else(|| VectorError::Tensor {
                name: name.clone(),
                why: "it has no direction".to_owned(),
            })?;
            rows.push((name, packed));
        }
        self.run(|connection| {
            sync(connection, archive.vault().ledger()).map_err(widened)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM vectors WHERE model = ?1", [model])?;
            let mut imported = Imported::default();
            for (name, packed) in &rows {
                let Some(object) = object_of(&transaction, name)? else {
                    imported.unknown.push(name.clone());
                    continue;
                };
                imported.taken += transaction
                    .prepare_cached("INSERT OR REPLACE INTO vectors VALUES (?1, ?2, ?3)")?
                    .execute(params![model, object, packed])?;
            }
            transaction.execute("UPDATE state SET looks = looks + 1", [])?;
            transaction.commit()?;
            Ok(imported)
        })
    }
}

/// The object that goes by a full name, or has this id.
fn object_of(connection: &Connection, name: &str) -> Result<Option<String>, Trouble<SearchError>> {
    let (folder, stem) = name.rsplit_once('/').unwrap_or(("", name));
    let found = connection
        .prepare_cached(
            "SELECT object FROM entries WHERE object = ?1 \
             UNION ALL SELECT object FROM entries WHERE folder = ?2 AND stem = ?3 LIMIT 1",
        )?
        .query_row(params![name, folder, stem], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// The one vector of a safetensors file: a text's or a picture's, to rank by.
///
/// # Errors
/// [`VectorError`]: for several tensors, too.
pub fn only_vector(safetensors: &[u8]) -> Result<Vec<f32>, VectorError> {
    let mut rows = unpack(safetensors)?;
    match (rows.pop(), rows.len()) {
        (Some((_, vector)), 0) => Ok(vector),
        (_, more) => Err(VectorError::Format {
            why: format!(
                "it holds {} tensors instead of one",
                if more == 0 { 0 } else { more + 1 }
            ),
        }),
    }
}

/// The names and vectors of a safetensors file, in the order of their names.
fn unpack(bytes: &[u8]) -> Result<Vec<(String, Vec<f32>)>, VectorError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| VectorError::Format {
        why: error.to_string(),
    })?;
    let mut tensors = file.tensors();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut rows = Vec::with_capacity(tensors.len());
    let mut expected = None;
    for (name, tensor) in tensors {
        let wrong = |why: String| VectorError::Tensor {
            name: name.clone(),
            why,
        };
        let found: usize = tensor.shape().iter().product();
        if found == 0 || found > MOST_NUMBERS {
            return Err(wrong(format!("it has {found} numbers")));
        }
        let expected = *expected.get_or_insert(found);
        if found != expected {
            return Err(VectorError::Length {
                name,
                found,
                expected,
            });
        }
        let data = tensor.data();
        let pairs = || {
            data.as_chunks::<2>()
                .0
                .iter()
                .map(|pair| u16::from_le_bytes(*pair))
        };
        let vector: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => data
                .as_chunks::<4>()
                .0
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect(),
            Dtype::BF16 => pairs()
                .map(|bits| f32::from_bits(u32::from(bits) << 16))
                .collect(),
            Dtype::F16 => pairs().map(half).collect(),
            other => return Err(wrong(format!("its numbers are {other:?}"))),
        };
        rows.push((name, vector));
    }
    Ok(rows)
}

/// The value of a number of half precision (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * libm::scalbnf(fraction, -24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * libm::scalbnf(fraction + 1024.0, exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_read() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65_504.0),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }
}
