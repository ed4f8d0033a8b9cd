//! Names from files, made fit to be printed and told apart.

use std::collections::HashSet;

/// Characters of a name that are kept.
const LENGTH: usize = 120;

/// One line, of bounded length.
pub(super) fn tidy(name: &str) -> String {
    name.chars()
        .take(LENGTH)
        .map(|c| if c.is_control() { '_' } else { c })
        .collect()
}

/// Gives out names, no two the same.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// Where the count stands for each name that came twice.
    counts: std::collections::HashMap<String, usize>,
}

impl Names {
    /// The name, or `kind` where there is none; with a number behind where it is taken.
    pub fn unique(&mut self, name: Option<&str>, kind: &str) -> String {
        let base = match name.map(tidy) {
            Some(n) if !n.trim().is_empty() => n,
            _ => kind.to_owned(),
        };
        if self.taken.insert(base.clone()) {
            return base;
        }
        let mut count = self.counts.get(&base).copied().unwrap_or(1);
        loop {
            count += 1;
            let name = format!("{base} {count}");
            if self.taken.insert(name.clone()) {
                self.counts.insert(base, count);
                return name;
            }
        }
    }
}
