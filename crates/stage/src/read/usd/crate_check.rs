//! What a binary layer may be, before it is parsed: its sections, its tables and its tree of paths.
//!
//! The format is described in the AOUSD Core Specification 1.0, section 16.3. The `openusd` crate takes what a file
//! says of counts and indices at its word; here everything that it would take memory for, index by, or go round in is
//! looked at first. [`crate_values`](super::crate_values) does the same for the values.

use super::crate_values::Values;
use super::{PRIM_DEPTH, is_name, is_property};
use crate::read::ReadLimits;
use crate::read::names::tidy;

/// Elements of the tree of paths, and paths written out in full: far above what any scene needs.
const PATHS: usize = 1 << 24;
const PATH_BYTES: u64 = 1 << 31;

/// What is wrong with it, if anything.
pub(super) fn check(bytes: &[u8], limits: &ReadLimits) -> Result<(), String> {
    let reader = Reader { bytes };
    let version = [reader.byte(8)?, reader.byte(9)?, reader.byte(10)?];
    if version[0] != 0 || version[1] < 4 || version[1] > 12 {
        return Err(format!(
            "its version {}.{}.{} is not read",
            version[0], version[1], version[2]
        ));
    }
    let tables = Tables::read(&reader, version[1])?;
    tables.paths()?;
    tables.specs()?;
    Values::new(&reader, &tables, limits).check()
}

/// Numbers out of bytes, little end first.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn slice(&self, at: usize, count: usize) -> Result<&'a [u8], String> {
        at.checked_add(count)
            .and_then(|end| self.bytes.get(at..end))
            .ok_or_else(|| {
                format!(
                    "it is cut short: it has {} bytes and needs those at {at}",
                    self.bytes.len()
                )
            })
    }

    pub fn byte(&self, at: usize) -> Result<u8, String> {
        Ok(self.slice(at, 1)?[0])
    }

    pub fn u32(&self, at: usize) -> Result<u32, String> {
        let b = self.slice(at, 4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    pub fn u64(&self, at: usize) -> Result<u64, String> {
        let b = self.slice(at, 8)?;
        Ok(u64::from_le_bytes([
            b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
        ]))
    }

    /// A count or a size; too large a one becomes one that no file has room for.
    pub fn count(&self, at: usize) -> Result<usize, String> {
        Ok(usize::try_from(self.u64(at)?).unwrap_or(usize::MAX))
    }

    /// What is packed at a place: its size, then LZ4. Gives it unpacked, `least` to `room` bytes, and where it ends.
    pub fn unpacked(&self, at: usize, least: usize, room: usize) -> Result<(Vec<u8>, usize), String> {
        let size = self.count(at)?;
        let packed = self.slice(at + 8, size)?;
        // LZ4 makes at most 255 bytes of one.
        if least / 255 > packed.len() {
            return Err(format!("{size} packed bytes cannot hold {least}"));
        }
        let (&chunks, rest) = packed.split_first().ok_or("a packed part of it is empty")?;
        if chunks != 0 {
            return Err("a part of it is packed in chunks, which is not read".into());
        }
        let mut out = vec![0; room.min(packed.len().saturating_mul(255) + 64)];
        let found = lz4_flex::block::decompress_into(rest, &mut out)
            .map_err(|e| format!("a packed part of it is damaged ({e})"))?;
        if found < least {
            return Err("a packed part of it is cut short".into());
        }
        out.truncate(found);
        Ok((out, at + 8 + size))
    }

    /// Whole numbers, each coded by its step from the one before, then packed.
    pub fn coded(&self, at: usize, count: usize) -> Result<(Vec<u32>, usize), String> {
        if count == 0 {
            // Still packed, though nothing is in it.
            let size = self.count(at)?;
            self.slice(at + 8, size)?;
            return Ok((Vec::new(), at + 8 + size));
        }
        if count > PATHS * 4 {
            return Err(format!("it says that a list has {count} numbers"));
        }
        let codes = count.div_ceil(4);
        let (data, end) = self.unpacked(at, 4 + codes, 4 + codes + 4 * count)?;
        let inside = Reader { bytes: &data };
        let common = inside.u32(0)?;
        let mut next = 4 + codes;
        inside.slice(4, codes)?;
        let (mut value, mut out) = (0_u32, Vec::with_capacity(count));
        for i in 0..codes * 4 {
            let step = match (data[4 + i / 4] >> (2 * (i % 4))) & 3 {
                0 => common,
                1 => {
                    next += 1;
                    inside.byte(next - 1)? as i8 as u32
                }
                2 => {
                    next += 2;
                    let b = inside.slice(next - 2, 2)?;
                    i16::from_le_bytes([b[0], b[1]]) as u32
                }
                _ => {
                    next += 4;
                    inside.u32(next - 4)?
                }
            };
            value = value.wrapping_add(step);
            if i < count {
                out.push(value);
            }
        }
        Ok((out, end))
    }
}

/// The tables of a layer.
pub(super) struct Tables {
    pub version: u8,
    /// The names; in the file every name once.
    pub tokens: Vec<String>,
    /// Strings, as places in `tokens`.
    pub strings: Vec<u32>,
    /// Values, as the file has them in 8 bytes.
    pub reps: Vec<u64>,
    field_names: Vec<u32>,
    /// Runs of places in `reps`, each ended by `u32::MAX`.
    field_sets: Vec<u32>,
    pub path_count: usize,
    tree: [Vec<u32>; 3],
    specs: [Vec<u32>; 2],
}

impl Tables {
    fn read(reader: &Reader<'_>, version: u8) -> Result<Self, String> {
        let contents = reader.count(16)?;
        let sections = reader.count(contents)?;
        if sections == 0 || sections >= 64 {
            return Err(format!("it says that it has {sections} sections"));
        }
        let find = |name: &str| -> Result<Option<usize>, String> {
            for i in 0..sections {
                let at = contents + 8 + 32 * i;
                let written = reader.slice(at, 16)?;
                let end = written.iter().position(|b| *b == 0).unwrap_or(0);
                if &written[..end] == name.as_bytes() {
                    let start = reader.count(at + 16)?;
                    reader.slice(start, 8)?;
                    return Ok(Some(start));
                }
            }
            Ok(None)
        };
        let mut tables = Self {
            version,
            tokens: Vec::new(),
            strings: Vec::new(),
            reps: Vec::new(),
            field_names: Vec::new(),
            field_sets: Vec::new(),
            path_count: 0,
            tree: Default::default(),
            specs: Default::default(),
        };
        if let Some(at) = find("TOKENS")? {
            tables.tokens = tokens(reader, at)?;
        }
        if let Some(at) = find("STRINGS")? {
            let count = reader.count(at)?;
            let bytes = reader.slice(
                at + 8,
                count
                    .checked_mul(4)
                    .ok_or("it says that it has endless strings")?,
            )?;
            tables.strings = bytes
                .chunks_exact(4)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
        }
        if let Some(at) = find("FIELDS")? {
            let count = reader.count(at)?;
            let (names, next) = reader.coded(at + 8, count)?;
            let (reps, _) = reader.unpacked(next, count.saturating_mul(8), count.saturating_mul(8))?;
            tables.field_names = names;
            tables.reps = reps
                .chunks_exact(8)
                .map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
                .collect();
            if tables.reps.len() != count {
                return Err(format!("it has {} values for {count} fields", tables.reps.len()));
            }
        }
        if let Some(at) = find("FIELDSETS")? {
            let count = reader.count(at)?;
            tables.field_sets = reader.coded(at + 8, count)?.0;
        }
        if let Some(at) = find("PATHS")? {
            tables.path_count = reader.count(at)?;
            if tables.path_count > PATHS {
                return Err(format!("it says that it has {} paths", tables.path_count));
            }
            let count = reader.count(at + 8)?;
            let (places, next) = reader.coded(at + 16, count)?;
            let (names, next) = reader.coded(next, count)?;
            let (jumps, _) = reader.coded(next, count)?;
            // Every path is written out below; one that is in the count alone would cost memory for nothing.
            if tables.path_count > count + 16 {
                return Err(format!(
                    "it has {} paths and a tree of {count}",
                    tables.path_count
                ));
            }
            tables.tree = [places, names, jumps];
        }
        if let Some(at) = find("SPECS")? {
            let count = reader.count(at)?;
            let (paths, next) = reader.coded(at + 8, count)?;
            let (sets, next) = reader.coded(next, count)?;
            let _kinds = reader.coded(next, count)?;
            tables.specs = [paths, sets];
        }
        let wrong = |list: &[u32], end: usize| list.iter().any(|&i| i as usize >= end);
        if wrong(&tables.strings, tables.tokens.len()) || wrong(&tables.field_names, tables.tokens.len()) {
            return Err("it speaks of names that it does not have".into());
        }
        let fields: Vec<u32> = tables
            .field_sets
            .iter()
            .copied()
            .filter(|&i| i != u32::MAX)
            .collect();
        if wrong(&fields, tables.reps.len()) {
            return Err("it speaks of fields that it does not have".into());
        }
        Ok(tables)
    }

    /// Walks the tree of paths as the parser will: every place once, and not too deep.
    fn paths(&self) -> Result<(), String> {
        let [places, names, jumps] = &self.tree;
        if places.is_empty() {
            return Ok(());
        }
        // The parser takes the first for the root.
        if places[0] != 0 || (jumps[0] as i32) >= 0 {
            return Err("its tree of paths does not begin with the root".into());
        }
        let mut seen = vec![false; places.len()];
        let mut written = 0_u64;
        let mut waiting = vec![(0_usize, 0_usize, 0_u64)];
        while let Some((mut at, mut depth, mut length)) = waiting.pop() {
            loop {
                let index = at;
                at += 1;
                match seen.get_mut(index) {
                    Some(seen) if !*seen => *seen = true,
                    _ => return Err("its tree of paths goes round in circles, or leaves the file".into()),
                }
                if places[index] as usize >= self.path_count {
                    return Err("it speaks of paths that it does not have".into());
                }
                let mut own = length;
                if index > 0 {
                    let name = (names[index] as i32).unsigned_abs() as usize;
                    let name = self
                        .tokens
                        .get(name)
                        .ok_or("a path has a name that is not there")?;
                    let sound = match name.strip_prefix('{') {
                        Some(variant) => variant.find(['{', '}']) == variant.len().checked_sub(1),
                        None if (names[index] as i32) < 0 => is_property(name),
                        None => is_name(name),
                    };
                    if !sound {
                        return Err(format!(
                            "it has a thing called `{}`, which is no name",
                            tidy(name)
                        ));
                    }
                    own += name.len() as u64 + 1;
                }
                written = written.saturating_add(own);
                if depth > PRIM_DEPTH * 2 || written > PATH_BYTES {
                    return Err(format!(
                        "its paths are deeper than {} levels, or too long",
                        PRIM_DEPTH * 2
                    ));
                }
                let jump = jumps[index] as i32;
                let (child, sibling) = (jump > 0 || jump == -1, jump >= 0);
                if child {
                    if sibling {
                        waiting.push((index + jump as usize, depth, length));
                    }
                    depth += 1;
                    length = own;
                }
                if !child && !sibling {
                    break;
                }
            }
        }
        Ok(())
    }

    fn specs(&self) -> Result<(), String> {
        let [paths, sets] = &self.specs;
        // Every property is looked for along its own run of fields.
        let mut fields = 0_u64;
        let mut lengths = vec![0_u64; self.field_sets.len() + 1];
        for i in (0..self.field_sets.len()).rev() {
            lengths[i] = if self.field_sets[i] == u32::MAX {
                0
            } else {
                lengths[i + 1] + 1
            };
        }
        for (&path, &set) in paths.iter().zip(sets) {
            let set = set as usize;
            if path as usize >= self.path_count || set >= self.field_sets.len() {
                return Err("it describes things that it does not have".into());
            }
            fields = fields.saturating_add(lengths[set]);
        }
        if fields > 1 << 28 {
            return Err(format!("it says that its things have {fields} fields"));
        }
        Ok(())
    }
}

fn tokens(reader: &Reader<'_>, at: usize) -> Result<Vec<String>, String> {
    let (count, size) = (reader.count(at)?, reader.count(at + 8)?);
    if size > 1 << 30 {
        return Err(format!("it says that its names take {size} bytes"));
    }
    let (data, _) = reader.unpacked(at + 16, size, size)?;
    if data.is_empty() && count == 0 {
        return Ok(Vec::new());
    }
    let Some((0, names)) = data.split_last() else {
        return Err("its names are cut short".into());
    };
    if data.len() != size {
        return Err("its names are cut short".into());
    }
    let names: Result<Vec<String>, _> = names
        .split(|b| *b == 0)
        .map(|name| std::str::from_utf8(name).map(str::to_owned))
        .collect();
    let names = names.map_err(|_| "its names are not UTF-8".to_owned())?;
    if names.len() != count {
        return Err(format!("it has {} names and says {count}", names.len()));
    }
    Ok(names)
}
