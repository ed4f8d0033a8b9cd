//! Files in whole or in part: a player that jumps asks for ranges (RFC 9110, section 14).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, Response, StatusCode};

use crate::answer::{Refusal, aside};

/// What a take's id names never changes, and the id is part of the address.
pub(crate) const LASTING: &str = "private, max-age=86400, immutable";

/// The part of a file that a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Bytes(Range<u64>),
    /// Nothing of the file lies there.
    Beyond,
}

/// Reads a header `Range`. What is not understood, and several ranges at once, mean the whole, as they may.
fn part(header: Option<&str>, length: u64) -> Part {
    let Some(asked) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((from, to)) = asked.split_once('-') else {
        return Part::Whole;
    };
    // Digits alone: `parse` would take a sign too.
    let number = |text: &str| -> Option<u64> {
        let text = text.trim();
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    let range = match (from.trim(), to.trim()) {
        ("", last) => match number(last) {
            Some(0) => return Part::Beyond,
            Some(last) => length.saturating_sub(last)..length,
            None => return Part::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..length,
            None => return Part::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Part::Whole,
        },
    };
    if range.start >= length {
        return Part::Beyond;
    }
    Part::Bytes(range)
}

/// A file that is there, or the part of it that is asked for.
pub(crate) async fn file(
    path: PathBuf,
    kind: &'static str,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let range = headers
        .get(RANGE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let read = aside(move || {
        read(&path, range.as_deref()).map_err(|error| {
            let words = format!(
                "{} could not be read ({error}); ask again, and it is made anew if it is gone",
                path.display()
            );
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, words)
        })
    });
    let (part, length, bytes) = read.await?;
    let answer = Response::builder()
        .header(CONTENT_TYPE, kind)
        .header(ACCEPT_RANGES, "bytes")
        .header(CACHE_CONTROL, LASTING)
        .header(CONTENT_LENGTH, bytes.len());
    let answer = match part {
        Part::Whole => answer.status(StatusCode::OK),
        Part::Bytes(range) => answer.status(StatusCode::PARTIAL_CONTENT).header(
            CONTENT_RANGE,
            format!("bytes {}-{}/{length}", range.start, range.end - 1),
        ),
        Part::Beyond => answer
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(CONTENT_RANGE, format!("bytes */{length}")),
    };
    answer
        .body(Body::from(bytes))
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn read(path: &std::path::Path, range: Option<&str>) -> io::Result<(Part, u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let part = part(range, length);
    let (from, count) = match &part {
        Part::Whole => (0, length),
        Part::Bytes(range) => (range.start, range.end - range.start),
        Part::Beyond => (0, 0),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok((part, length, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rule_has_them() {
        for (asked, is) in [
            (None, Part::Whole),
            (Some("bytes=0-0"), Part::Bytes(0..1)),
            (Some("bytes=10-19"), Part::Bytes(10..20)),
            (Some("bytes=10-"), Part::Bytes(10..100)),
            (Some("bytes=90-1000"), Part::Bytes(90..100)),
            (Some("bytes=-7"), Part::Bytes(93..100)),
            (Some("bytes=-700"), Part::Bytes(0..100)),
            (Some("bytes=0-18446744073709551615"), Part::Bytes(0..100)),
            (Some("bytes=100-"), Part::Beyond),
            (Some("bytes=-0"), Part::Beyond),
            (Some("bytes=20-10"), Part::Whole),
            (Some("bytes=+1-2"), Part::Whole),
            (Some("bytes=1-2,4-5"), Part::Whole),
            (Some("bytes=-"), Part::Whole),
            (Some("lines=1-2"), Part::Whole),
        ] {
            assert_eq!(part(asked, 100), is, "{asked:?}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Beyond);
    }
}
