//! What a file is, by its content; and its caption.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use heirloom_picture::photo;

/// Longest caption that is taken from a sidecar, in characters.
const LONGEST_CAPTION: usize = 2000;
/// Endings by which people tell pictures from other files. (`.ts` is left out: most of those are programs.)
const PICTURE_ENDINGS: [&str; 36] = [
    "jpg", "jpeg", "jpe", "png", "mp4", "mov", "m4v", "mkv", "webm", "avi", "mxf", "mts", "m2ts", "tif",
    "tiff", "heic", "heif", "webp", "gif", "bmp", "avif", "jxl", "exr", "hdr", "pic", "dng", "cr2", "cr3",
    "crw", "nef", "nrw", "arw", "orf", "rw2", "raf", "pef",
];
/// First bytes by which a file is known: as many as three packets of a transport stream begin in.
pub(crate) const START: usize = 400;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Photograph,
    Clip,
    /// Meant as a picture, but none that is read, and why.
    Unreadable(String),
    /// No picture, and not meant as one.
    SomethingElse,
}

/// What a file is by its first [`START`] bytes. Its name is asked only whether a picture was meant.
pub(crate) fn kind(start: &[u8], file_name: &str) -> Kind {
    if photo::format_by_content(start).is_some() {
        return Kind::Photograph;
    }
    if is_clip(start) {
        return Kind::Clip;
    }
    let ending = Path::new(file_name)
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let meant = PICTURE_ENDINGS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(ending));
    match photo::inspect(start, file_name) {
        Err(error) if meant => Kind::Unreadable(error.to_string()),
        Err(error @ photo::PhotoError::NotAPhotograph { known: Some(_), .. }) => {
            Kind::Unreadable(error.to_string())
        }
        _ => Kind::SomethingElse,
    }
}

pub(crate) fn unreadable(file_name: &str, error: &io::Error) -> String {
    format!("{file_name} could not be read ({error}): see that it is there and may be read")
}

/// Whether a file begins as clips do: mp4 and mov (and none of the still pictures that begin alike), Matroska and WebM,
/// AVI, MXF, MPEG transport streams.
fn is_clip(start: &[u8]) -> bool {
    let at = |offset: usize, what: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(what));
    let kind = start.get(4..8).unwrap_or_default();
    let brand = start.get(8..12).unwrap_or_default();
    let still: [&[u8]; 9] = [
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"crx ",
    ];
    let quicktime = match kind {
        b"ftyp" => !still.contains(&brand),
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" => true,
        _ => false,
    };
    // Packets of 188 bytes; cameras put a time of four bytes before each.
    let packets = |first: usize, length: usize| (0..3).all(|n| at(first + n * length, b"\x47"));
    quicktime
        || at(0, b"\x1a\x45\xdf\xa3")
        || (at(0, b"RIFF") && at(8, b"AVI "))
        // The key of an MXF file's first pack (SMPTE ST 377-1).
        || at(0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02")
        || packets(0, 188)
        || packets(4, 192)
}

/// What is to be seen: from `NAME.txt` or `NAME.jpg.txt` beside it, or else the file's name in words.
pub(crate) fn caption(path: &Path, stem: &str) -> String {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(".txt");
    let sidecars = [path.with_extension("txt"), with_ending.into()];
    let text = sidecars.iter().find_map(|sidecar| {
        let mut text = Vec::new();
        File::open(sidecar)
            .ok()?
            .take(64 << 10)
            .read_to_end(&mut text)
            .ok()?;
        let text = String::from_utf8_lossy(&text);
        let text = text
            .trim_start_matches('\u{feff}')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Some(text.chars().take(LONGEST_CAPTION).collect::<String>()).filter(|text| !text.is_empty())
    });
    text.unwrap_or_else(|| name_in_words(stem))
}

/// A file's name in words: what stands for a caption where there is none.
pub(crate) fn name_in_words(stem: &str) -> String {
    stem.replace(['-', '_'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_known_by_how_they_begin() {
        let mut stream = vec![0_u8; START];
        (0..3).for_each(|n| stream[n * 188] = 0x47);
        let mut camera = vec![0_u8; START];
        (0..3).for_each(|n| camera[4 + n * 192] = 0x47);
        for clip in [
            b"\0\0\0\x18ftypisom".as_slice(),
            b"\0\0\0\x14ftypqt  ",
            b"\0\0\0\x08wide\0\0\0\0mdat",
            b"\x1a\x45\xdf\xa3\x01\0\0\0",
            b"RIFF\x10\0\0\0AVI LIST",
            b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\0",
            &stream,
            &camera,
        ] {
            assert_eq!(kind(clip, "clip"), Kind::Clip, "{clip:?}");
        }
        for other in [
            b"\0\0\0\x18ftypheic".as_slice(),
            b"RIFF\x10\0\0\0WAVEfmt ",
            b"G is a letter",
            b"",
        ] {
            assert_ne!(kind(other, "other"), Kind::Clip, "{other:?}");
        }
    }
}
