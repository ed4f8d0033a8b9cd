//! Text taken apart: folded words, where they stand, and which stand together.

use std::ops::Range;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The word in small letters without accents.
    pub folded: String,
    /// Its bytes in the text.
    pub at: Range<usize>,
    /// How many stops (commas, full stops, line breaks …) come before it: no phrase and no negation goes past one.
    pub clause: u32,
}

/// A letter in small, without its accent; more than one for ligatures. Empty for an accent that stands alone.
fn plain(c: char, out: &mut String) {
    for c in c.to_lowercase() {
        match c {
            'à'..='å' | 'ā' => out.push('a'),
            'æ' => out.push_str("ae"),
            'ç' => out.push('c'),
            'è'..='ë' | 'ē' => out.push('e'),
            'ì'..='ï' | 'ī' => out.push('i'),
            'ñ' => out.push('n'),
            'ò'..='ö' | 'ø' | 'ō' => out.push('o'),
            'œ' => out.push_str("oe"),
            'ù'..='ü' | 'ū' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ß' => out.push_str("ss"),
            '\u{300}'..='\u{36f}' => {}
            c => out.push(c),
        }
    }
}

/// Whether words end there, and phrases and negations with them.
fn stops(c: char) -> bool {
    matches!(
        c,
        ',' | ';'
            | ':'
            | '.'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '/'
            | '\n'
            | '–'
            | '—'
            | '…'
            | '¿'
            | '¡'
            | '"'
            | '«'
            | '»'
            | '“'
            | '”'
    )
}

/// The words of a text. Hyphens and apostrophes part words, as blanks do.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut clause = 0;
    let mut word: Option<(usize, String)> = None;
    let mut end = |word: &mut Option<(usize, String)>, at: usize, clause: u32| {
        if let Some((begin, folded)) = word.take()
            && !folded.is_empty()
        {
            out.push(Token {
                folded,
                at: begin..at,
                clause,
            });
        }
    };
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c) {
            let (_, folded) = word.get_or_insert_with(|| (at, String::new()));
            plain(c, folded);
        } else {
            end(&mut word, at, clause);
            clause += u32::from(stops(c));
        }
    }
    end(&mut word, text.len(), clause);
    out
}

/// A text's words as they are looked up: folded, parted by single blanks.
pub(crate) fn key(text: &str) -> String {
    let words: Vec<String> = tokens(text).into_iter().map(|t| t.folded).collect();
    words.join(" ")
}

/// What is compared of a word that nobody explained: without the ending of a plural.
pub(crate) fn stem(folded: &str) -> &str {
    match folded.strip_suffix('s') {
        Some(short) if short.chars().count() >= 3 && !short.ends_with('s') => short,
        _ => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_fold_away_however_they_are_coded() {
        for text in ["Dérive", "DE\u{301}RIVE", "derive"] {
            assert_eq!(key(text), "derive");
        }
        assert_eq!(key("l’œil, Straße; mañana"), "l oeil strasse manana");
        assert_eq!(key("slow-motion"), "slow motion");
    }

    #[test]
    fn words_know_where_they_stand() {
        let text = "la mer, très calme";
        let all = tokens(text);
        let written: Vec<&str> = all.iter().map(|t| &text[t.at.clone()]).collect();
        assert_eq!(written, ["la", "mer", "très", "calme"]);
        let clauses: Vec<u32> = all.iter().map(|t| t.clause).collect();
        assert_eq!(clauses, [0, 0, 1, 1]);
    }
}
