//! The word that was probably meant.

/// The word of `known` that `word` was probably meant to be: near in letters, or the beginning of it.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase().replace(['-', ' '], "_");
    // Comparing is quadratic in length, and no key is that long.
    if word.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let plain = candidate.to_lowercase().replace(['-', ' '], "_");
            let distance = strsim::damerau_levenshtein(&word, &plain);
            let longer = word.chars().count().max(plain.chars().count());
            let grown = word.len() >= 3 && (plain.starts_with(&word) || word.starts_with(&plain));
            (distance, distance * 5 <= longer * 2 || grown, candidate)
        })
        .filter(|(_, near, _)| *near)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, candidate)| candidate)
}

/// Words as one reads them out: `a`, `b` and `c`.
pub(super) fn listed<'k>(words: impl Iterator<Item = &'k str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => format!("only {last}"),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "no keys".into(),
    }
}
