//! The one place that maps files into memory.

use memmap2::Mmap;
use std::fs::File;
use std::io;

/// Maps a whole file for reading. Weights of 28 GB are not copied into memory: pages come in as they are read, and the
/// system may drop them again.
///
/// # Errors
/// Those of the system, an empty file's among them on some systems.
#[allow(unsafe_code)]
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a map is unsound where another process cuts or rewrites the file while it is read: the program would be
    // stopped by the system, or see other numbers. Weights are written once and then only read, by this program never
    // written, and no value read from them is trusted: every length was checked against the file's own when it was
    // opened, and bytes are decoded, never taken as references or as memory addresses. The other way, to read 28 GB
    // into memory, would keep the models from running on most machines.
    unsafe { Mmap::map(file) }
}
