//! Simple inflections: the forms that a listed word may take in a prompt, beside those that are listed.
//!
//! They are made by rule from folded words, so some are no words at all; nobody writes those. What a rule can not
//! make (`rose` of `rise`) is listed.

use super::Language;

/// Every inflected form of a folded phrase, itself left out. Of a phrase of several words only the last changes.
pub(super) fn inflections(phrase: &str, language: Language) -> Vec<String> {
    let (before, last) = phrase.rsplit_once(' ').map_or(("", phrase), |(b, l)| (b, l));
    if last.len() < 3 || !last.bytes().all(|b| b.is_ascii_lowercase()) {
        return Vec::new();
    }
    let forms = match language {
        Language::English => english(last),
        Language::French => french(last),
        Language::Spanish => spanish(last),
    };
    forms
        .into_iter()
        .filter(|form| form != last)
        .map(|form| {
            if before.is_empty() {
                form
            } else {
                format!("{before} {form}")
            }
        })
        .collect()
}

fn vowel(b: u8) -> bool {
    matches!(b, b'a' | b'e' | b'i' | b'o' | b'u')
}

fn with(stem: &str, endings: &[&str]) -> Vec<String> {
    endings.iter().map(|e| format!("{stem}{e}")).collect()
}

fn english(word: &str) -> Vec<String> {
    let bytes = word.as_bytes();
    let last = bytes[bytes.len() - 1];
    if let Some(stem) = word.strip_suffix('e') {
        return with(stem, &["es", "ed", "ing", "er", "est", "ely", "y"]);
    }
    if let Some(stem) = word.strip_suffix('y')
        && !stem.bytes().next_back().is_some_and(vowel)
    {
        return with(stem, &["ies", "ied", "ying", "ier", "iest", "ily"]);
    }
    if ["s", "x", "z", "ch", "sh"].iter().any(|e| word.ends_with(e)) {
        return with(word, &["es", "ed", "ing", "er", "est", "ly"]);
    }
    let mut forms = with(word, &["s", "ed", "ing", "er", "est", "ly"]);
    let before = bytes[bytes.len() - 2];
    let short =
        !vowel(last) && !matches!(last, b'w' | b'y') && vowel(before) && !vowel(bytes[bytes.len() - 3]);
    if short {
        let double = char::from(last);
        forms.extend(with(&format!("{word}{double}"), &["ed", "ing", "er", "est", "y"]));
    }
    forms
}

fn french(word: &str) -> Vec<String> {
    let mut forms = with(word, &["s", "e", "es", "ment", "ement"]);
    if let Some(stem) = word.strip_suffix("eux") {
        forms.extend(with(stem, &["euse", "euses", "eusement"]));
    } else if let Some(stem) = word.strip_suffix('f') {
        forms.extend(with(stem, &["ve", "ves", "vement"]));
    } else if let Some(stem) = word.strip_suffix("eau") {
        forms.extend(with(stem, &["eaux", "elle", "elles"]));
    } else if let Some(stem) = word.strip_suffix("al") {
        forms.extend(with(stem, &["aux", "ale", "ales"]));
    } else if let Some(stem) = word.strip_suffix("eur") {
        forms.extend(with(stem, &["euse", "euses", "rice", "rices"]));
    } else if let Some(stem) = word.strip_suffix("er") {
        forms.extend(with(
            stem,
            &[
                "e", "es", "ent", "ant", "ante", "antes", "ee", "ees", "ait", "aient", "era", "eront",
            ],
        ));
        if stem.ends_with('g') {
            forms.extend(with(stem, &["eant", "eait"]));
        }
        // céder, élever: the e of the stem folds to the same letter; peser, appeler double nothing that is listed.
    } else if let Some(stem) = word.strip_suffix("ir") {
        forms.extend(with(
            stem,
            &[
                "it", "is", "issent", "issant", "issante", "i", "ie", "ies", "e", "ent", "ant",
            ],
        ));
    } else if let Some(stem) = word.strip_suffix("re") {
        forms.extend(with(stem, &["", "ent", "ant", "u", "ue", "ues", "us"]));
    }
    if let Some(double) = ["n", "l", "t"].iter().find(|e| word.ends_with(*e)) {
        forms.extend(with(&format!("{word}{double}"), &["e", "es"]));
    }
    if ["u", "l"].iter().any(|e| word.ends_with(e)) {
        forms.push(format!("{word}x"));
    }
    forms
}

fn spanish(word: &str) -> Vec<String> {
    let mut forms = with(word, &["s", "es", "mente"]);
    if let Some(stem) = word.strip_suffix('o') {
        forms.extend(with(stem, &["a", "os", "as", "amente"]));
    } else if let Some(stem) = word.strip_suffix('z') {
        forms.extend(with(stem, &["ces"]));
    } else if let Some(stem) = word.strip_suffix("or") {
        forms.extend(with(stem, &["ora", "oras"]));
    }
    let verb = word.strip_suffix("se").unwrap_or(word);
    if let Some(stem) = verb.strip_suffix("ar") {
        forms.extend(with(
            stem,
            &[
                "a", "an", "ando", "andose", "ado", "ada", "ados", "adas", "aba", "aban", "ante", "antes",
                "arse", "e", "en",
            ],
        ));
    } else if let Some(stem) = verb.strip_suffix("er").or_else(|| verb.strip_suffix("ir")) {
        forms.extend(with(
            stem,
            &[
                "e", "en", "iendo", "iendose", "ido", "ida", "idos", "idas", "ia", "ian", "iente", "ientes",
                "irse", "erse",
            ],
        ));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(word: &str, language: Language, forms: &[&str]) {
        let all = inflections(word, language);
        for form in forms {
            assert!(all.iter().any(|f| f == form), "{word}: no {form} in {all:?}");
        }
    }

    #[test]
    fn the_usual_endings_are_there() {
        has("drift", Language::English, &["drifts", "drifted", "drifting"]);
        has(
            "breathe",
            Language::English,
            &["breathes", "breathed", "breathing"],
        );
        has("spin", Language::English, &["spins", "spinning"]);
        has("rusty", Language::English, &["rustier"]);
        has("slow", Language::English, &["slowly", "slower", "slowest"]);
        has("blood cell", Language::English, &["blood cells"]);
        has("deriver", Language::French, &["derive", "derivent", "derivant"]);
        has("lent", Language::French, &["lente", "lentes", "lentement"]);
        has("vif", Language::French, &["vive", "vives"]);
        has("nuageux", Language::French, &["nuageuse"]);
        has("bleu", Language::French, &["bleue", "bleues", "bleus"]);
        has(
            "descendre",
            Language::French,
            &["descend", "descendent", "descendant"],
        );
        has("rojo", Language::Spanish, &["roja", "rojos", "rojas"]);
        has("girar", Language::Spanish, &["gira", "giran", "girando"]);
        has("ascender", Language::Spanish, &["ascendiendo"]);
        has("veloz", Language::Spanish, &["veloces"]);
        assert!(inflections("or", Language::French).is_empty());
    }
}
