//! A .usdz: a zip archive whose files are stored as they are (USD's "usdz file format specification").

use crate::read::budget::Context;
use crate::read::files::within;
use crate::read::{Memory, ReadError};

/// The name of the first file, and all files. Their bytes are copied once; the archive's own count towards the limit.
pub(super) fn open(bytes: &[u8], context: &mut Context<'_>) -> Result<(String, Memory), ReadError> {
    let cut = |context: &Context<'_>| context.damaged("the package is cut short");
    let mut files = Memory::default();
    let mut first: Option<(usize, String)> = None;
    let directory = Directory::find(bytes).ok_or_else(|| context.damaged("the package has no directory"))?;
    let mut at = directory.start;
    for _ in 0..directory.entries {
        let entry = Entry::read(bytes, at).ok_or_else(|| cut(context))?;
        at = entry.next;
        if entry.name.ends_with('/') {
            continue;
        }
        if entry.method != 0 {
            return Err(ReadError::Unsupported {
                name: context.name.clone(),
                what: "compressed files within the package".into(),
                mend: "pack it without compression, as the format asks".into(),
            });
        }
        let data = entry.data(bytes).ok_or_else(|| cut(context))?;
        let Some(path) = within("", &entry.name) else {
            context.warn(
                &entry.name,
                "this file of the package has a path that leaves it; it is left out",
            );
            continue;
        };
        context.bytes(data.len() as u64)?;
        if first.as_ref().is_none_or(|(offset, _)| entry.offset < *offset) {
            first = Some((entry.offset, path.clone()));
        }
        files = files.with(path, data);
    }
    let (_, first) = first.ok_or_else(|| context.damaged("the package is empty"))?;
    Ok((first, files))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

/// The list of files at an archive's end.
struct Directory {
    start: usize,
    entries: u16,
}

impl Directory {
    fn find(bytes: &[u8]) -> Option<Self> {
        // Behind it may stand a comment of up to 64 KiB.
        let lowest = bytes.len().saturating_sub(22 + 65_535);
        let at = (lowest..=bytes.len().checked_sub(22)?)
            .rev()
            .find(|&i| bytes[i..].starts_with(b"PK\x05\x06"))?;
        Some(Self {
            start: long(bytes, at + 16)?,
            entries: short(bytes, at + 10)?,
        })
    }
}

struct Entry {
    name: String,
    method: u16,
    size: usize,
    offset: usize,
    next: usize,
}

impl Entry {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (name, extra, comment) = (
            short(bytes, at + 28)? as usize,
            short(bytes, at + 30)? as usize,
            short(bytes, at + 32)? as usize,
        );
        let written = bytes.get(at + 46..at + 46 + name)?;
        Some(Self {
            name: String::from_utf8_lossy(written).into_owned(),
            method: short(bytes, at + 10)?,
            size: long(bytes, at + 20)?,
            offset: long(bytes, at + 42)?,
            next: at + 46 + name + extra + comment,
        })
    }

    fn data<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if !bytes.get(self.offset..)?.starts_with(b"PK\x03\x04") {
            return None;
        }
        let head = 30 + short(bytes, self.offset + 26)? as usize + short(bytes, self.offset + 28)? as usize;
        let start = self.offset.checked_add(head)?;
        bytes.get(start..start.checked_add(self.size)?)
    }
}
