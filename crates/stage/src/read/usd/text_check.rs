//! What a text layer may be, before it is parsed: how deep it is nested, and how much it holds.

use super::DEPTH;
use crate::read::ReadLimits;

/// What is wrong with it, if anything.
pub(super) fn check(bytes: &[u8], limits: &ReadLimits) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        format!(
            "it is neither USD text nor USD binary (byte {} is not UTF-8)",
            e.valid_up_to()
        )
    })?;
    if !text.starts_with("#usda") {
        return Err("it does not begin with `#usda 1.0`".into());
    }
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut values) = (0_usize, 0_usize, 0_u64);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'#' => at = after(bytes, at, b"\n"),
            b'"' | b'\'' => {
                let three = [byte; 3];
                if bytes[at - 1..].starts_with(&three) {
                    at = after_string(bytes, at + 2, &three);
                } else {
                    at = after_string(bytes, at, &three[..1]);
                }
            }
            b'@' if bytes[at..].starts_with(b"@@") => at = after(bytes, at + 2, b"@@@"),
            b'@' => at = after(bytes, at, b"@"),
            b'(' | b'[' | b'{' => {
                depth += 1;
                values += 1;
                if depth > DEPTH {
                    return Err(format!("it is nested deeper than {DEPTH} levels"));
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' | b'=' => values += 1,
            _ => {}
        }
    }
    if values > limits.text_values {
        return Err(format!(
            "it has more than {} values; export it as .usdc",
            limits.text_values
        ));
    }
    if depth > 0 {
        return Err("it is cut short: it ends within brackets".into());
    }
    Ok(())
}

/// Behind the next `end`; the end of all where there is none.
fn after(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or(&[]);
    rest.windows(end.len())
        .position(|w| w == end)
        .map_or(bytes.len(), |i| from + i + end.len())
}

/// The same, passing over what a backslash stands before.
fn after_string(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let mut at = from;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at..].starts_with(end) {
            return at + end.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}
