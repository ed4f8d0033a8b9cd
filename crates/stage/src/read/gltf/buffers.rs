//! Buffers and pictures: in the .glb, within the text, or beside it.

use std::borrow::Cow;

use gltf::json::Root;

use crate::read::ReadError;
use crate::read::budget::Context;

pub(super) fn load<'a>(
    root: &'a Root,
    blob: Option<&'a [u8]>,
    context: &mut Context<'_>,
) -> Result<Vec<Cow<'a, [u8]>>, ReadError> {
    let mut buffers = Vec::with_capacity(root.buffers.len());
    for (i, buffer) in root.buffers.iter().enumerate() {
        let bytes: Cow<'a, [u8]> = match (&buffer.uri, blob) {
            (Some(uri), _) if uri.starts_with("data:") => {
                let bytes = data_uri(uri)
                    .ok_or_else(|| context.damaged(format!("buffer {i} is a data URI that is not base64")))?;
                context.bytes(bytes.len() as u64)?;
                bytes.into()
            }
            (Some(uri), _) => context.needed_file(&percent_decoded(uri))?.into(),
            (None, Some(blob)) if i == 0 => blob.into(),
            (None, _) => {
                return Err(context.damaged(format!(
                    "buffer {i} names no file, and the file has no binary part"
                )));
            }
        };
        if (bytes.len() as u64) < buffer.byte_length.0 {
            return Err(context.damaged(format!(
                "buffer {i} should have {} bytes and has {}",
                buffer.byte_length.0,
                bytes.len()
            )));
        }
        buffers.push(bytes);
    }
    Ok(buffers)
}

/// The bytes of a `data:` URI in base64 (RFC 2397, RFC 4648); none where it is not that.
pub(super) fn data_uri(uri: &str) -> Option<Vec<u8>> {
    let (head, body) = uri.strip_prefix("data:")?.split_once(',')?;
    if !head.ends_with(";base64") {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in body.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b' ' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// `%20` and the like made what they stand for.
pub(super) fn percent_decoded(uri: &str) -> String {
    let mut out = Vec::with_capacity(uri.len());
    let bytes = uri.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| uri.to_owned())
}
