//! The words that a picture is learnt with: the trigger, then what is to be seen.

use heirloom_archive::Source;

/// Words of a caption that are kept; a text encoder reads some hundred more, and nobody writes them with care.
const MOST_WORDS: usize = 80;
/// Keywords that stand in where there is no caption.
const MOST_KEYWORDS: usize = 8;

/// How cameras, scanners and programs name files.
const CAMERA: [&str; 16] = [
    "img",
    "dsc",
    "dscn",
    "dscf",
    "pict",
    "image",
    "photo",
    "scan",
    "pxl",
    "mvi",
    "gopr",
    "vid",
    "screenshot",
    "untitled",
    "copy",
    "whatsapp",
];

/// Where the words came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Somebody wrote what is to be seen.
    Written,
    /// The keywords of the file.
    Keywords,
    /// The file's own name, which says something.
    Named,
    /// Nothing: the trigger stands alone.
    Nothing,
}

/// What a picture is learnt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// Trigger and words.
    pub text: String,
    /// Where the words came from.
    pub said: Said,
}

/// The caption of a source: the trigger, a comma, and what was written beside it or in its file; else its keywords; else its
/// file's name, where that is more than a camera's count.
pub fn caption(source: &Source, trigger: &str) -> Caption {
    let metadata = &source.metadata;
    let named = plain(&source.caption) == plain(&source.stem);
    let written = Some(&source.caption)
        .filter(|_| !named)
        .or(metadata.caption.as_ref())
        .or(metadata.title.as_ref())
        .map(|text| text.as_str())
        .filter(|text| speaks(text));
    let keywords: Vec<&str> = metadata
        .keywords
        .iter()
        .take(MOST_KEYWORDS)
        .map(String::as_str)
        .collect();
    let (words, said) = match (written, keywords.is_empty()) {
        (Some(text), _) => (text.to_owned(), Said::Written),
        (None, false) => (keywords.join(", "), Said::Keywords),
        (None, true) if speaks(&source.caption) => (source.caption.clone(), Said::Named),
        (None, true) => (String::new(), Said::Nothing),
    };
    let words: Vec<&str> = words.split_whitespace().take(MOST_WORDS).collect();
    let text = match words.is_empty() {
        true => trigger.to_owned(),
        false => format!("{trigger}, {}", words.join(" ")),
    };
    Caption { text, said }
}

/// Letters and digits alone, small.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether there is a word in it that is none of a camera's or a program's.
fn speaks(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 3)
        // Hashes and counts: as many digits as letters.
        .filter(|word| word.chars().filter(char::is_ascii_digit).count() * 2 < word.chars().count())
        .map(|word| {
            let letters: String = word.chars().filter(|c| c.is_alphabetic()).collect();
            letters.to_lowercase()
        })
        .any(|word| !CAMERA.contains(&word.as_str()))
}

/// A trigger for a name: a word that a text encoder has not met, so that nothing else is called by it.
pub fn trigger_for(name: &str) -> String {
    let letters: String = slug(name).chars().filter(|c| c.is_alphanumeric()).collect();
    format!("hl{letters}")
}

/// A name for files and lists: small letters, digits and single hyphens.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cameras_count_is_no_word() {
        for nothing in [
            "IMG_1234",
            "DSC00231",
            "P1010023",
            "2019 07 04 12 30",
            "scan 12",
            "a1b2c3d4e5f6",
            "VID-0001",
            "",
        ] {
            assert!(!speaks(nothing), "{nothing}");
        }
        for word in [
            "The Beach",
            "IMG 1234 beach",
            "moon",
            "père et fils",
            "海辺の写真",
        ] {
            assert!(speaks(word), "{word}");
        }
        assert_eq!(trigger_for("father/night 2"), "hlfathernight2");
        assert_eq!(slug("The  Red Boat!"), "the-red-boat");
    }
}
