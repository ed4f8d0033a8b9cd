//! What the values of a binary layer may be, before they are decoded.

use super::crate_check::{Reader, Tables};
use crate::read::ReadLimits;

/// Values that are looked at: those within others count again each time.
const VISITS: u64 = 1 << 25;

/// How deep dictionaries may lie within each other.
const NESTED: usize = 32;

/// Looks at every value of a layer.
pub(super) struct Values<'a> {
    reader: &'a Reader<'a>,
    tables: &'a Tables,
    visits: u64,
    /// Bytes that the value being looked at takes, decoded, and may take.
    decoded: u64,
    room: u64,
}

/// A value as the file has it in 8 bytes.
#[derive(Clone, Copy)]
struct Rep {
    kind: u8,
    array: bool,
    inlined: bool,
    packed: bool,
    payload: usize,
}

impl Rep {
    fn of(bits: u64) -> Self {
        Self {
            kind: (bits >> 48) as u8,
            array: bits >> 63 & 1 == 1,
            inlined: bits >> 62 & 1 == 1,
            packed: bits >> 61 & 1 == 1,
            payload: (bits & ((1 << 48) - 1)) as usize,
        }
    }
}

impl<'a> Values<'a> {
    pub fn new(reader: &'a Reader<'a>, tables: &'a Tables, limits: &ReadLimits) -> Self {
        Self {
            reader,
            tables,
            visits: 0,
            decoded: 0,
            room: limits
                .key_values
                .max(limits.vertices.saturating_mul(3))
                .saturating_mul(4),
        }
    }

    /// What is wrong with one of them, if anything.
    pub fn check(mut self) -> Result<(), String> {
        for &bits in &self.tables.reps {
            self.decoded = 0;
            self.value(Rep::of(bits), 0)?;
        }
        Ok(())
    }

    fn take(&mut self, count: usize, size: usize) -> Result<(), String> {
        self.decoded = self
            .decoded
            .saturating_add((count as u64).saturating_mul(size as u64));
        if self.decoded > self.room {
            return Err(format!("one of its values takes more than {} bytes", self.room));
        }
        Ok(())
    }

    fn token(&self, index: u64) -> Result<(), String> {
        match usize::try_from(index) {
            Ok(i) if i < self.tables.tokens.len() => Ok(()),
            _ => Err("a value is a name that is not there".into()),
        }
    }

    fn string(&self, index: u32) -> Result<(), String> {
        if (index as usize) < self.tables.strings.len() {
            Ok(())
        } else {
            Err("a value is a string that is not there".into())
        }
    }

    fn path(&self, index: u32) -> Result<(), String> {
        if (index as usize) < self.tables.path_count {
            Ok(())
        } else {
            Err("a value is a path that is not there".into())
        }
    }

    fn value(&mut self, rep: Rep, depth: usize) -> Result<(), String> {
        self.visits += 1;
        if self.visits > VISITS || depth > NESTED {
            return Err(format!(
                "its values lie in each other more than {NESTED} deep, or are too many"
            ));
        }
        self.take(1, 64)?;
        if rep.array && rep.inlined {
            return Err("a list stands where a single value should".into());
        }
        let single = if rep.inlined {
            Some(rep.payload as u32)
        } else {
            None
        };
        match rep.kind {
            // Numbers, vectors, matrices, rotations: Bool, Uchar, Int … Double, Matrix2d … Vec4i, TimeCode.
            1 | 2 | 13..=30 if rep.array => self.plain(rep, element_bytes(rep.kind)),
            3..=6 if rep.array => self.whole(rep),
            7..=9 | 56 if rep.array => self.fractions(rep),
            1..=9 | 13..=30 | 56 | 42..=44 => Ok(()),
            // DoubleVector.
            48 => self.fractions(rep),
            // String.
            10 if rep.array => self.indices(rep.payload, Self::string),
            10 => {
                let index = single.map_or_else(|| self.reader.u32(rep.payload), Ok)?;
                self.string(index)
            }
            // Token; UnregisteredValue.
            11 if rep.array => {
                let (at, count) = self.list(rep)?;
                self.take(count, 16)?;
                let bytes = self.reader.slice(at, count.saturating_mul(4))?;
                for b in bytes.chunks_exact(4) {
                    self.token(u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into())?;
                }
                Ok(())
            }
            11 | 53 => {
                let index = single.map_or_else(|| self.reader.u64(rep.payload), |i| Ok(i.into()))?;
                self.token(index)
            }
            // AssetPath; PathExpression.
            12 | 57 if rep.array => self.indices(rep.payload, Self::string),
            12 | 57 => match single {
                Some(index) => self.token(index.into()),
                None => self.string(self.reader.u32(rep.payload)?),
            },
            // Dictionary.
            31 if rep.inlined => Ok(()),
            31 => self.dictionary(rep.payload, depth).map(|_| ()),
            // Lists of changes.
            32..=39 | 54 | 55 => self.changes(rep, depth),
            // PathVector, TokenVector, StringVector.
            40 => self.indices(rep.payload, Self::path),
            41 => self.indices(rep.payload, |v, i| v.token(i.into())),
            50 => self.indices(rep.payload, Self::string),
            // VariantSelectionMap.
            45 => {
                let count = self.reader.count(rep.payload)?;
                self.take(count, 64)?;
                let bytes = self.reader.slice(rep.payload + 8, count.saturating_mul(8))?;
                for b in bytes.chunks_exact(4) {
                    self.string(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))?;
                }
                Ok(())
            }
            46 => self.samples(rep, depth),
            // Payload.
            47 => self.payload(rep.payload).map(|_| ()),
            // LayerOffsetVector.
            49 => {
                let count = self.reader.count(rep.payload)?;
                self.take(count, 16)?;
                self.reader
                    .slice(rep.payload + 8, count.saturating_mul(16))
                    .map(|_| ())
            }
            // ValueBlock, Value.
            51 | 52 => Ok(()),
            // Relocates.
            58 => {
                let count = self.reader.count(rep.payload)?;
                self.take(count, 64)?;
                let bytes = self.reader.slice(rep.payload + 8, count.saturating_mul(8))?;
                for b in bytes.chunks_exact(4) {
                    self.path(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))?;
                }
                Ok(())
            }
            // What the parser does not know it refuses when it is asked for.
            _ => Ok(()),
        }
    }

    /// Where a list's elements begin and how many they are.
    fn list(&self, rep: Rep) -> Result<(usize, usize), String> {
        if rep.payload == 0 {
            return Ok((0, 0));
        }
        let mut at = rep.payload;
        if self.tables.version < 5 {
            at += 4;
        }
        if self.tables.version < 7 {
            Ok((at + 4, self.reader.u32(at)? as usize))
        } else {
            Ok((at + 8, self.reader.count(at)?))
        }
    }

    fn plain(&mut self, rep: Rep, size: usize) -> Result<(), String> {
        if rep.packed {
            return Err("a list is packed that cannot be".into());
        }
        let (at, count) = self.list(rep)?;
        self.take(count, size)?;
        self.reader.slice(at, count.saturating_mul(size)).map(|_| ())
    }

    fn whole(&mut self, rep: Rep) -> Result<(), String> {
        let size = element_bytes(rep.kind);
        let (at, count) = self.list(rep)?;
        self.take(count, size)?;
        if rep.packed && self.tables.version >= 5 && count >= 4 {
            let codes = count.div_ceil(4);
            let room = 4 + codes + count.saturating_mul(4);
            return self.reader.unpacked(at, size + codes, room).map(|_| ());
        }
        self.reader.slice(at, count.saturating_mul(size)).map(|_| ())
    }

    fn fractions(&mut self, rep: Rep) -> Result<(), String> {
        if rep.inlined {
            return Err("a list stands where a single value should".into());
        }
        let size = element_bytes(rep.kind);
        let (at, count) = self.list(rep)?;
        self.take(count, size)?;
        if !(rep.packed && self.tables.version >= 6 && count >= 4) {
            return self.reader.slice(at, count.saturating_mul(size)).map(|_| ());
        }
        match self.reader.byte(at)? {
            b'i' => self.reader.coded(at + 1, count).map(|_| ()),
            b't' => {
                let table = self.reader.u32(at + 1)? as usize;
                self.reader.slice(at + 5, table.saturating_mul(size))?;
                let (places, _) = self.reader.coded(at + 5 + table * size, count)?;
                if places.iter().any(|&i| i as usize >= table) {
                    return Err("a packed list speaks of values that are not there".into());
                }
                Ok(())
            }
            _ => Err("a list is packed in an unknown way".into()),
        }
    }

    /// A count, then as many indices.
    fn indices(&mut self, at: usize, sound: impl Fn(&Self, u32) -> Result<(), String>) -> Result<(), String> {
        if at == 0 {
            return Ok(());
        }
        self.run(at, sound).map(|_| ())
    }

    fn run(&mut self, at: usize, sound: impl Fn(&Self, u32) -> Result<(), String>) -> Result<usize, String> {
        let count = self.reader.count(at)?;
        self.take(count, 32)?;
        let bytes = self.reader.slice(at + 8, count.saturating_mul(4))?;
        for b in bytes.chunks_exact(4) {
            sound(self, u32::from_le_bytes([b[0], b[1], b[2], b[3]]))?;
        }
        Ok(at + 8 + bytes.len())
    }

    fn changes(&mut self, rep: Rep, depth: usize) -> Result<(), String> {
        if rep.inlined {
            return Ok(());
        }
        let header = self.reader.byte(rep.payload)?;
        let lists = (header >> 1 & 0x3f).count_ones();
        let mut at = rep.payload + 1;
        for _ in 0..lists {
            at = match rep.kind {
                32 => self.run(at, |v, i| v.token(i.into()))?,
                33 | 54 => self.run(at, Self::string)?,
                34 => self.run(at, Self::path)?,
                36..=39 => {
                    let size = if rep.kind == 36 || rep.kind == 38 { 4 } else { 8 };
                    let count = self.reader.count(at)?;
                    self.take(count, size)?;
                    at + 8 + self.reader.slice(at + 8, count.saturating_mul(size))?.len()
                }
                35 => {
                    let count = self.reader.count(at)?;
                    self.take(count, 256)?;
                    // Each has 32 bytes at least.
                    self.reader.slice(at + 8, count.saturating_mul(32))?;
                    let mut next = at + 8;
                    for _ in 0..count {
                        self.string(self.reader.u32(next)?)?;
                        self.path(self.reader.u32(next + 4)?)?;
                        next = self.dictionary(next + 24, depth)?;
                    }
                    next
                }
                _ => {
                    let count = self.reader.count(at)?;
                    self.take(count, 128)?;
                    self.reader.slice(at + 8, count.saturating_mul(8))?;
                    let mut next = at + 8;
                    for _ in 0..count {
                        next = self.payload(next)?;
                    }
                    next
                }
            };
        }
        Ok(())
    }

    fn payload(&mut self, at: usize) -> Result<usize, String> {
        self.string(self.reader.u32(at)?)?;
        self.path(self.reader.u32(at + 4)?)?;
        Ok(if self.tables.version >= 8 { at + 24 } else { at + 8 })
    }

    /// A place given by its distance from here.
    fn jump(&self, at: usize) -> Result<usize, String> {
        let distance = self.reader.u64(at)? as i64;
        let to = (at as i64)
            .checked_add(distance)
            .and_then(|to| usize::try_from(to).ok());
        to.ok_or_else(|| "a value lies outside the file".into())
    }

    fn dictionary(&mut self, at: usize, depth: usize) -> Result<usize, String> {
        let count = self.reader.count(at)?;
        // A name and a distance each.
        self.reader.slice(at + 8, count.saturating_mul(12))?;
        self.take(count, 128)?;
        let mut next = at + 8;
        for _ in 0..count {
            self.string(self.reader.u32(next)?)?;
            let place = self.jump(next + 4)?;
            let rep = Rep::of(self.reader.u64(place)?);
            self.value(rep, depth + 1)?;
            // The parser goes on behind the value's 8 bytes, wherever they are.
            next = place + 8;
        }
        Ok(next)
    }

    fn samples(&mut self, rep: Rep, depth: usize) -> Result<(), String> {
        if rep.inlined || depth > 0 {
            return Err("values over time lie within others".into());
        }
        let place = self.jump(rep.payload)?;
        let times = Rep::of(self.reader.u64(place)?);
        if !(times.kind == 48 || times.kind == 9 && times.array) {
            return Err("values over time have no times".into());
        }
        self.value(times, depth + 1)?;
        let place = self.jump(place + 8)?;
        let count = self.reader.count(place)?;
        let values = self.reader.slice(place + 8, count.saturating_mul(8))?;
        for b in values.chunks_exact(8) {
            let bits = u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            let rep = Rep::of(bits);
            if rep.kind == 46 {
                return Err("values over time lie within others".into());
            }
            self.value(rep, depth + 1)?;
        }
        Ok(())
    }
}

/// Bytes of one element of a list.
fn element_bytes(kind: u8) -> usize {
    match kind {
        1 | 2 => 1,
        7 => 2,
        3 | 4 | 8 => 4,
        5 | 6 | 9 | 48 | 56 => 8,
        // Matrix2d, 3d, 4d.
        13 => 32,
        14 => 72,
        15 => 128,
        // Quatd, f, h.
        16 => 32,
        17 => 16,
        18 => 8,
        // Vec2 d, f, h, i; Vec3; Vec4.
        19 => 16,
        20 => 8,
        21 => 4,
        22 => 8,
        23 => 24,
        24 => 12,
        25 => 6,
        26 => 12,
        27 => 32,
        28 => 16,
        29 => 8,
        30 => 16,
        _ => 8,
    }
}
