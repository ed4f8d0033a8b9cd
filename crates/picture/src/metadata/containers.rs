//! Where each file format keeps its blocks of metadata. Blocks are walked by their lengths; nothing is decoded.

use std::borrow::Cow;

use super::{Metadata, iptc, words, xmp};
use crate::photo::{self, Format};

/// Blocks of a file that are looked at, so that a made-up file cannot keep the reader busy.
const MOST_BLOCKS: usize = 10_000;
/// Bytes of the pieces of Photoshop's resources, together.
const MOST_RESOURCES: usize = 4 << 20;

/// The blocks of a file.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    pub exif: Option<&'a [u8]>,
    pub xmp: Option<Cow<'a, [u8]>>,
    pub iptc: Option<Cow<'a, [u8]>>,
    /// What stands in the file by itself.
    pub text: Metadata,
}

/// Finds a file's blocks. A walk ends where the file does, or where a length does not fit: what was found until then counts.
pub(super) fn find<'a>(bytes: &'a [u8], warnings: &mut Vec<String>) -> Blocks<'a> {
    let mut blocks = Blocks::default();
    match photo::format_by_content(bytes) {
        Some(Format::Jpeg) => jpeg(bytes, &mut blocks, warnings),
        Some(Format::Png) => {
            let _ends = png(bytes, &mut blocks, warnings);
        }
        // A raw file's pixels are not read, and what it says would stand beside no picture.
        Some(Format::Tiff) if photo::tiff::raw(bytes).is_some() => {
            warnings.push("it is a camera's raw file, which is not read".into());
        }
        Some(Format::Tiff) => {
            blocks.exif = Some(bytes);
            let _ends = tiff(bytes, &mut blocks);
        }
        Some(Format::WebP) => {
            let _ends = webp(bytes, &mut blocks);
        }
        _ => {
            let info = photo::inspect(bytes, "the photograph");
            blocks.text.taken = info.ok().and_then(|info| info.taken);
        }
    }
    blocks
}

fn jpeg<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>, warnings: &mut Vec<String>) {
    let mut resources = Vec::new();
    let mut extended = false;
    let mut at = 2;
    for _ in 0..MOST_BLOCKS {
        let Some(&[0xff, marker]) = bytes.get(at..at + 2) else {
            break;
        };
        match marker {
            0xff => {
                at += 1;
                continue;
            }
            0x01 | 0xd0..=0xd8 => {
                at += 2;
                continue;
            }
            // The pixels, or the end.
            0xd9 | 0xda => break,
            _ => {}
        }
        let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
            break;
        };
        let length = usize::from(u16::from_be_bytes([high, low])).max(2);
        let Some(body) = bytes.get(at + 4..at + 2 + length) else {
            break;
        };
        if marker == 0xe1 {
            if let Some(block) = body.strip_prefix(b"Exif\0\0") {
                blocks.exif = blocks.exif.or(Some(block));
            } else if let Some(packet) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                blocks.xmp.get_or_insert(Cow::Borrowed(packet));
            } else {
                extended |= body.starts_with(b"http://ns.adobe.com/xmp/extension/\0");
            }
        } else if marker == 0xed
            && let Some(piece) = body.strip_prefix(b"Photoshop 3.0\0")
            && resources.len() + piece.len() <= MOST_RESOURCES
        {
            resources.extend_from_slice(piece);
        }
        at += 2 + length;
    }
    if extended {
        warnings.push("its XMP goes on in an extension, which is passed over".into());
    }
    blocks.iptc = iptc::within_resources(&resources).map(|block| Cow::Owned(block.to_vec()));
}

fn png<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>, warnings: &mut Vec<String>) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    for _ in 0..MOST_BLOCKS {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let (body, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        match kind {
            b"eXIf" => blocks.exif = Some(body.strip_prefix(b"Exif\0\0").unwrap_or(body)),
            b"tEXt" => {
                if let Some((key, value)) = split(body) {
                    said(&mut blocks.text, key, &words::from_bytes(value));
                }
            }
            b"iTXt" if body.starts_with(b"XML:com.adobe.xmp\0") => match international(body) {
                Some(packet) => blocks.xmp = Some(packet),
                None => warnings.push("its XMP packet cannot be unpacked; it is passed over".into()),
            },
            b"iTXt" => {
                if let Some((key, _)) = split(body)
                    && let Some(text) = international(body)
                {
                    said(&mut blocks.text, key, &words::from_bytes(&text));
                }
            }
            b"IEND" => return None,
            _ => {}
        }
        rest = after.get(4..)?;
    }
    None
}

/// What stands before the first zero byte, and behind it.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = body.iter().position(|b| *b == 0)?;
    Some((&body[..at], &body[at + 1..]))
}

fn said(text: &mut Metadata, key: &[u8], value: &str) {
    let value = words::line(value);
    match key {
        b"Title" => text.title = value,
        b"Author" => words::merge(&mut text.creators, value.into_iter().collect()),
        b"Description" => text.caption = value,
        b"Copyright" => text.copyright = value,
        _ => {}
    }
}

/// The text of an `iTXt` chunk: keyword, 0, whether packed, method, language, 0, keyword again, 0, text.
fn international(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (_, after) = split(body)?;
    let (&[packed, _], after) = after.split_first_chunk::<2>()?;
    let (_, after) = split(after)?;
    let (_, text) = split(after)?;
    if packed == 0 {
        return Some(Cow::Borrowed(text));
    }
    unpack(body).map(Cow::Owned)
}

/// Unpacks a packed `iTXt` chunk, to no more than a packet's bytes: `png` reads it in a picture of one pixel made for it.
fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|n| *n as usize <= xmp::MOST_BYTES)?;
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\0\0\0\0".to_vec();
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(b"iTXt");
    file.extend_from_slice(body);
    // The checksums are not looked at.
    file.extend_from_slice(b"\0\0\0\0\0\0\0\0IDAT\0\0\0\0");
    let mut decoder = png::Decoder::new_with_limits(
        std::io::Cursor::new(file),
        png::Limits {
            bytes: 4 * xmp::MOST_BYTES,
        },
    );
    decoder.ignore_checksums(true);
    let reader = decoder.read_info().ok()?;
    let mut text = reader.info().utf8_text.first()?.clone();
    text.decompress_text_with_limit(xmp::MOST_BYTES).ok()?;
    text.get_text().ok().map(String::into_bytes)
}

fn webp<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) -> Option<()> {
    let mut rest = bytes.get(12..)?;
    for _ in 0..MOST_BLOCKS {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let body = after.get(..length)?;
        match kind {
            b"EXIF" => blocks.exif = Some(body.strip_prefix(b"Exif\0\0").unwrap_or(body)),
            b"XMP " => blocks.xmp = Some(Cow::Borrowed(body)),
            _ => {}
        }
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
    None
}

/// The first directory of a TIFF file.
fn tiff<'a>(bytes: &'a [u8], blocks: &mut Blocks<'a>) -> Option<()> {
    let little = bytes.starts_with(b"II");
    let short = |at: usize| {
        let pair = bytes.get(at..)?.first_chunk::<2>()?;
        Some(if little {
            u16::from_le_bytes(*pair)
        } else {
            u16::from_be_bytes(*pair)
        })
    };
    let long = |at: usize| {
        let four = bytes.get(at..)?.first_chunk::<4>()?;
        Some(if little {
            u32::from_le_bytes(*four)
        } else {
            u32::from_be_bytes(*four)
        } as usize)
    };
    let directory = long(4)?;
    let mut resources = None;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory + 2 + entry * 12;
        let (tag, kind, count) = (short(at)?, short(at + 2)?, long(at + 4)?);
        // Some programs say that IPTC is of whole numbers of four bytes.
        let size = match kind {
            1 | 2 | 6 | 7 => count,
            4 | 9 | 13 => count.checked_mul(4)?,
            _ => continue,
        };
        let from = if size <= 4 { at + 8 } else { long(at + 8)? };
        let Some(body) = from.checked_add(size).and_then(|end| bytes.get(from..end)) else {
            continue;
        };
        match tag {
            700 => blocks.xmp = Some(Cow::Borrowed(body)),
            33_723 => blocks.iptc = Some(Cow::Borrowed(body)),
            34_377 => resources = iptc::within_resources(body),
            _ => {}
        }
    }
    if blocks.iptc.is_none() {
        blocks.iptc = resources.map(Cow::Borrowed);
    }
    None
}
