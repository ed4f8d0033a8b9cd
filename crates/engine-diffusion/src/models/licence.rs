//! The licence of a model's weights, by what its folder says.

use crate::weights::{read_limited, shortened};
use serde::{Deserialize, Serialize};
use std::path::Path;

const MOST_BYTES: u64 = 1_000_000;

/// Under which terms the weights may be used, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Its name: an SPDX identifier in lower case where it is a known one.
    pub name: String,
    /// Who says so.
    pub from: LicenceFrom,
}

/// Where a licence was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenceFrom {
    /// A file of the model's folder.
    File(String),
    /// The person who added the model.
    Stated,
}

/// What the folder says: the head of its README (`license:` between two lines of `---`), else its licence file.
pub(super) fn find(folder: &Path) -> Option<Licence> {
    let read = |name: &str| {
        let bytes = read_limited(&folder.join(name), MOST_BYTES).ok()??;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let found = |name: String, file: &str| Licence {
        name,
        from: LicenceFrom::File(file.into()),
    };
    if let Some(name) = read("README.md").as_deref().and_then(of_readme) {
        return Some(found(name, "README.md"));
    }
    ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"]
        .into_iter()
        .find_map(|file| Some(found(of_text(&read(file)?)?, file)))
}

/// `license` of the head; for `other`, `license_name` where it stands there too.
fn of_readme(text: &str) -> Option<String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
    let value = |key: &str| {
        let line = head
            .iter()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let plain = line.trim().trim_matches(['"', '\'']).trim();
        (!plain.is_empty()).then(|| shortened(plain).to_lowercase())
    };
    let name = value("license")?;
    if name == "other" {
        value("license_name").or(Some(name))
    } else {
        Some(name)
    }
}

/// A licence's own text by how it begins.
fn of_text(text: &str) -> Option<String> {
    let start: String = text.split_whitespace().take(60).collect::<Vec<_>>().join(" ");
    let known = [
        ("Apache License Version 2.0", "apache-2.0"),
        ("MIT License", "mit"),
        (
            "Permission is hereby granted, free of charge, to any person obtaining a copy",
            "mit",
        ),
        ("BSD 3-Clause", "bsd-3-clause"),
    ];
    if let Some((_, name)) = known.iter().find(|(words, _)| start.contains(words)) {
        return Some((*name).to_owned());
    }
    // Its title will do to find it again.
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(shortened)
}
