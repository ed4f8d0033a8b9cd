//! IPTC-IIM: the records that newsrooms and Photoshop write, in an image resource block or bare.
//!
//! After IIM 4.2 and Adobe's image resources. Records are walked by their own lengths; the first that does not fit ends
//! the walk.

use super::words::{self, MOST_KEYWORDS};
use super::{Metadata, Said, When};

/// More than any program writes, so that a made-up file cannot keep the reader busy.
const MOST_RECORDS: usize = 4096;

/// The IPTC records within Photoshop's image resources (`8BIM`), if they are there.
pub(super) fn within_resources(block: &[u8]) -> Option<&[u8]> {
    let mut rest = block;
    while let Some(after) = rest.strip_prefix(b"8BIM") {
        let (id, after) = after.split_first_chunk::<2>()?;
        // A name of Pascal's kind, padded with its length byte to an even length.
        let name = usize::from(*after.first()?) + 1;
        let after = after.get(name + name % 2..)?;
        let (size, after) = after.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*size) as usize;
        let data = after.get(..size)?;
        if u16::from_be_bytes(*id) == 0x0404 {
            return Some(data);
        }
        rest = after.get(size..)?;
        if size % 2 == 1 {
            rest = rest.get(1..)?;
        }
    }
    None
}

/// Reads the records.
pub(super) fn read(block: &[u8], warnings: &mut Vec<String>) -> Said {
    let mut said = Metadata::default();
    let mut declared_utf8 = false;
    let (mut date, mut time, mut headline) = (None, None, None);
    // The narrowest first: sub-location, city, state, country.
    let mut places = [const { None }; 4];
    let mut rest = block;
    for _ in 0..MOST_RECORDS {
        if rest.first() != Some(&0x1c) {
            break;
        }
        let Some((record, dataset, value, after)) = next(rest) else {
            warnings.push("its IPTC block is cut off; what stands before the cut is taken".into());
            break;
        };
        rest = after;
        let text = || words::line(&decode(value, declared_utf8));
        match (record, dataset) {
            (1, 90) => declared_utf8 = value == b"\x1b%G",
            (2, 5) => said.title = said.title.take().or_else(text),
            (2, 105) => headline = headline.or_else(text),
            (2, 25) if said.keywords.len() < MOST_KEYWORDS => said.keywords.extend(text()),
            (2, 55) => date = Some(value),
            (2, 60) => time = Some(value),
            (2, 80) if said.creators.len() < MOST_KEYWORDS => said.creators.extend(text()),
            (2, 90) => places[1] = text(),
            (2, 92) => places[0] = text(),
            (2, 95) => places[2] = text(),
            (2, 101) => places[3] = text(),
            (2, 110) => said.credit = text(),
            (2, 116) => said.copyright = text(),
            (2, 120) => said.caption = text(),
            _ => {}
        }
    }
    if let Some(day) = date {
        match when(day, time) {
            Some((taken, offset)) => (said.taken, said.taken_offset_min) = (Some(taken), offset),
            None => warnings.push("its IPTC date cannot be read; it is passed over".into()),
        }
    }
    Said {
        plain: said,
        digitized: None,
        headline,
        places,
    }
}

/// One record: its number, its data set, its value, and what follows.
fn next(block: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let (&[_, record, dataset, high, low], after) = block.split_first_chunk::<5>()?;
    let length = u16::from_be_bytes([high, low]);
    let (length, after) = if length & 0x8000 == 0 {
        (usize::from(length), after)
    } else {
        // An extended length: so many bytes of it.
        let of = usize::from(length & 0x7fff);
        let bytes = after.get(..of).filter(|bytes| bytes.len() <= 4)?;
        let length = bytes.iter().fold(0_usize, |sum, b| (sum << 8) | usize::from(*b));
        (length, after.get(of..)?)
    };
    let (value, after) = after.split_at_checked(length)?;
    Some((record, dataset, value, after))
}

/// UTF-8 where it is declared or valid, else Latin-1.
fn decode(value: &[u8], declared_utf8: bool) -> String {
    if declared_utf8 {
        return String::from_utf8_lossy(value).into_owned();
    }
    words::from_bytes(value)
}

/// `19780801` and `123000+0100` as the archive writes them. A month or day of zeros is not known, nor is a time of day that
/// is not there or cannot be read. `None` where there is no year.
fn when(date: &[u8], time: Option<&[u8]>) -> Option<When> {
    let date = std::str::from_utf8(date)
        .ok()
        .filter(|d| d.is_ascii() && d.len() == 8)?;
    let day = words::day(&date[..4], &date[4..6], &date[6..])?;
    let clock = time
        .and_then(|time| std::str::from_utf8(time).ok())
        .filter(|t| t.is_ascii() && t.len() >= 6)
        .and_then(|time| {
            let offset = match time.get(6..11) {
                Some(zone) => format!("{}:{}", &zone[..3], &zone[3..]),
                None => String::new(),
            };
            words::moment(&format!(
                "{day}T{}:{}:{}{offset}",
                &time[..2],
                &time[2..4],
                &time[4..6]
            ))
        });
    Some(clock.unwrap_or((day, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8, dataset: u8, value: &[u8]) -> Vec<u8> {
        [
            &[0x1c, number, dataset],
            &(value.len() as u16).to_be_bytes()[..],
            value,
        ]
        .concat()
    }

    #[test]
    fn records_are_read_by_their_charset() {
        let plain = [
            record(2, 5, b"Stra\xdfe"),
            record(2, 105, b"not the title"),
            record(2, 25, b"one"),
            record(2, 25, "zwölf".as_bytes()),
            record(2, 55, b"19780801"),
            record(2, 60, b"123005-0730"),
            record(2, 92, b"North Beach"),
            record(2, 101, b"USA"),
            record(2, 90, b"Point Reyes"),
            // An extended length of two bytes.
            [&[0x1c, 2, 120, 0x80, 2, 0, 4][..], b"seen"].concat(),
        ]
        .concat();
        let mut warnings = Vec::new();
        let all = read(&plain, &mut warnings);
        let said = &all.plain;
        assert_eq!(warnings, [""; 0]);
        assert_eq!(all.headline.as_deref(), Some("not the title"));
        assert_eq!(said.title.as_deref(), Some("Straße"));
        assert_eq!(said.keywords, ["one", "zwölf"]);
        assert_eq!(said.taken.as_deref(), Some("1978-08-01T12:30:05"));
        assert_eq!(said.taken_offset_min, Some(-450));
        let place = |name: &str| Some(name.to_owned());
        assert_eq!(
            all.places,
            [place("North Beach"), place("Point Reyes"), None, place("USA")]
        );
        assert_eq!(said.caption.as_deref(), Some("seen"));

        let cut = read(&plain[..plain.len() - 1], &mut warnings).plain;
        assert_eq!(cut.caption, None);
        assert!(warnings[0].contains("cut off"), "{warnings:?}");
    }

    #[test]
    fn days_are_kept_as_far_as_they_are_known() {
        let at = |date: &[u8], time: Option<&[u8]>| when(date, time);
        let known = |day: &str, offset| Some((day.to_owned(), offset));
        assert_eq!(at(b"19740602", None), known("1974-06-02", None));
        assert_eq!(at(b"19740602", Some(b"late")), known("1974-06-02", None));
        assert_eq!(at(b"19740600", None), known("1974-06", None));
        assert_eq!(at(b"19740000", Some(b"000000")), known("1974", None));
        assert_eq!(
            at(b"19740602", Some(b"180000")),
            known("1974-06-02T18:00:00", None)
        );
        assert_eq!(at(b"00000602", None), None);
        assert_eq!(at(b"19741302", None), None);
        assert_eq!(at(b"June 197", None), None);
    }

    #[test]
    fn resources_are_walked_past_names_and_odd_lengths() {
        let block = [
            &b"8BIM\x04\x0a\x03abc\0\0\0\x03xyz\0"[..],
            b"8BIM\x04\x04\0\0\0\0\0\x02ok",
        ]
        .concat();
        assert_eq!(within_resources(&block), Some(&b"ok"[..]));
        assert_eq!(within_resources(&block[..block.len() - 1]), None);
    }
}
