//! Words and dates of any standard, made safe to keep: bounded, on one line, without what cannot be seen.

/// Keywords, creators or people that are kept of one file.
pub(super) const MOST_KEYWORDS: usize = 200;
/// Characters that are kept of one text.
pub(super) const MOST_CHARS: usize = 2000;

/// A text on one line: control and direction characters dropped, runs of blanks made one, at most [`MOST_CHARS`].
/// `None` where nothing is left.
pub(super) fn line(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = 0;
    let mut blank = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            blank = true;
            continue;
        }
        if hidden(c) {
            continue;
        }
        if blank && chars > 0 {
            out.push(' ');
            chars += 1;
        }
        blank = false;
        if chars >= MOST_CHARS {
            break;
        }
        out.push(c);
        chars += 1;
    }
    let out = out.trim_end();
    (!out.is_empty()).then(|| out.to_owned())
}

/// Characters that change how others are shown, or that are no characters.
fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{fffd}' | '\u{fff9}'..='\u{fffb}')
}

/// Bytes of no declared charset: UTF-8 where they are valid as such, else Latin-1. Ends at the first zero byte.
pub(super) fn from_bytes(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let bytes = &bytes[..end.min(MOST_CHARS * 16)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // A cut within a character is no sign of another charset.
        Err(e) if e.error_len().is_none() => String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// Adds texts to a list, each once, at most [`MOST_KEYWORDS`].
pub(super) fn merge(list: &mut Vec<String>, more: Vec<String>) {
    for one in more {
        if list.len() >= MOST_KEYWORDS {
            return;
        }
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

/// A zone as `+01:00`, `-0730` is not one, `Z` is: minutes ahead of UTC.
pub(super) fn offset(zone: &str) -> Option<i16> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours, 2, 14)?, number(minutes, 2, 59)?);
    Some(sign * (hours * 60 + minutes) as i16)
}

/// A whole number of exactly `digits` digits and at most `most`.
fn number(text: &str, digits: usize, most: u32) -> Option<u32> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?.filter(|n| *n <= most)
}

/// A day as far as it is known: `1974-06-02`, `1974-06` or `1974`. Zeros and blanks are what is not known.
/// `None` where there is no year, or no such month or day.
pub(super) fn day(year: &str, month: &str, day: &str) -> Option<String> {
    let year = number(year, 4, 9999).filter(|y| *y > 0)?;
    let known = |text: &str, most| match text.trim() {
        "" => Some(0),
        text => number(text, 2, most),
    };
    let (month, day) = (known(month, 12)?, known(day, 31)?);
    Some(match (month, day) {
        (0, 0) => format!("{year:04}"),
        (0, _) => return None,
        (month, 0) => format!("{year:04}-{month:02}"),
        (month, day) => format!("{year:04}-{month:02}-{day:02}"),
    })
}

/// An EXIF date, `2019:07:04 12:30:05`: as far as it is known.
pub(super) fn noted(text: &str) -> Option<String> {
    // Each part has its place, whatever of it is known; some programs write dashes.
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let date = day(part(0, 4), part(5, 7), part(8, 10))?;
    let whole = moment(&format!("{date}T{}", part(11, 19)));
    Some(whole.map_or(date, |(moment, _)| moment))
}

/// An ISO 8601 date and time, `2019-07-04T12:30[:05[.12]][+02:00]`: to the second, and its zone's minutes ahead of UTC; or
/// a day, month or year alone. `None` where there is no such day or time.
pub(super) fn moment(text: &str) -> Option<(String, Option<i16>)> {
    let text = text.trim();
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, last) = (parts.next()?, parts.next(), parts.next());
    let date = day(year, month.unwrap_or_default(), last.unwrap_or_default())?;
    let Some(clock) = clock else {
        return Some((date, None));
    };
    // A time of day of no day is none.
    if date.len() < 10 {
        return None;
    }
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(at);
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2, 23)?;
    let minute = number(parts.next()?, 2, 59)?;
    let second = match parts.next() {
        Some(seconds) => number(seconds.split('.').next()?, 2, 60)?,
        None => 0,
    };
    Some((format!("{date}T{hour:02}:{minute:02}:{second:02}"), offset(zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_clean() {
        assert_eq!(line(" a\u{7}\r\nb \u{202e}c ").as_deref(), Some("a b c"));
        assert_eq!(line("\0 \u{feff}"), None);
        assert_eq!(line(&"é".repeat(5000)).map(|t| t.chars().count()), Some(2000));
    }

    #[test]
    fn moments_are_kept_as_far_as_they_are_known() {
        let at = |text| moment(text);
        let when = "2019-07-04T12:30:05".to_owned();
        assert_eq!(
            at("2019-07-04T12:30:05.25+05:45"),
            Some((when.clone(), Some(345)))
        );
        assert_eq!(at("2019-07-04T12:30:05"), Some((when, None)));
        assert_eq!(
            at("2019-07-04T12:30Z"),
            Some(("2019-07-04T12:30:00".into(), Some(0)))
        );
        for alone in ["2019-07-04", "2019-07", "2019"] {
            assert_eq!(at(alone), Some((alone.to_owned(), None)));
        }
        for none in [
            "2019T12:30",
            "2019-13-04T12:30",
            "0000-01-01T00:00",
            "2019-07-04T25:00",
            "é-é-éTé",
            "",
        ] {
            assert_eq!(at(none), None, "{none}");
        }
    }
    #[test]
    fn exif_says_of_a_date_what_it_knows() {
        for (said, known) in [
            ("2019:07:04 12:30:05", Some("2019-07-04T12:30:05")),
            ("1974:06:02", Some("1974-06-02")),
            ("1974:06:02   :  :  ", Some("1974-06-02")),
            ("1974:06:00 00:00:00", Some("1974-06")),
            ("1974:06:  ", Some("1974-06")),
            ("1974", Some("1974")),
            ("0000:00:00 00:00:00", None),
            ("    :  :     :  :  ", None),
            ("éééééééééé", None),
        ] {
            assert_eq!(noted(said).as_deref(), known, "{said}");
        }
    }
}
