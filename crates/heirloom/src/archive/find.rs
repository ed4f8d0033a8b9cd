//! `heirloom archive search` and `heirloom archive vectors`.

use std::path::Path;

use anyhow::Context;
use heirloom_archive::search::{ByVectors, Found, Query, only_vector};
use heirloom_archive::{Archive, Index, THUMBNAIL_SIDE, groups};
use heirloom_picture::{look, preview};

use super::sheet;
use crate::args::Search;
use crate::reports;
use crate::show::Show;

/// Finds and tells.
pub fn search(archive: &Archive<'_>, options: &Search, show: &Show) -> anyhow::Result<()> {
    let mut query = query(&text(&options.query))?;
    if let Some(model) = &options.model {
        let vector = options.vector.as_deref().map(|path| {
            let bytes = read(path)?;
            only_vector(&bytes).with_context(|| path.display().to_string())
        });
        query.by_vectors = Some(ByVectors {
            model: model.clone(),
            vector: vector.transpose()?,
        });
    }
    let index = Index::open(archive.vault())?;
    let (limit, offset) = (
        options.limit,
        options.limit.saturating_mul(options.page as usize - 1),
    );
    let found = if options.best {
        best(archive, &index, &query, limit, offset)?
    } else {
        index.search(archive, &query, limit, offset)?
    };
    if let Some(path) = &options.as_what.sheet {
        let shown = found.hits.iter().enumerate().map(|(n, hit)| sheet::Shown {
            object: hit.object,
            title: format!("{}  {}", offset + n + 1, hit.name),
            lines: vec![hit.snippet.clone(), hit.why.join("; ")],
        });
        sheet::write(path, shown.collect(), &index, show)?;
    }
    if options.as_what.json {
        show.say(&serde_json::to_string_pretty(&found)?);
    } else {
        tell(&found, offset, show);
    }
    Ok(())
}

/// As a search, without what stands behind a better picture of its group.
fn best(
    archive: &Archive<'_>,
    index: &Index,
    query: &Query,
    limit: usize,
    offset: usize,
) -> anyhow::Result<Found> {
    let seen = index.all_seen()?.into_iter().collect();
    let behind = groups::of_sources(archive.vault(), &archive.sources()?, &seen).behind();
    let mut found = index.search(archive, query, usize::MAX, 0)?;
    found.hits.retain(|hit| !behind.contains(&hit.object));
    found.total = found.hits.len();
    found.hits = found.hits.into_iter().skip(offset).take(limit).collect();
    Ok(found)
}

fn tell(found: &Found, offset: usize, show: &Show) {
    if found.total == 0 {
        show.say("Nothing was found. Words are found as they are written: beach* finds \"beaches\" too.");
    }
    for (n, hit) in found.hits.iter().enumerate() {
        show.say(&format!(
            "{:>4}  archive:{:<36} {}",
            offset + n + 1,
            hit.name,
            hit.snippet
        ));
        if !hit.why.is_empty() {
            show.say(&format!("      {}", hit.why.join("; ")));
        }
    }
    let last = offset + found.hits.len();
    if last < found.total {
        show.note(&format!(
            "{} to {last} of {}; --page shows the next, --limit more at once",
            offset + 1,
            found.total
        ));
    }
    if found.unseen > 0 {
        show.note(&format!(
            "{} more fit but were not looked at: heirloom archive look",
            found.unseen
        ));
    }
}

/// The words of a command line as one query: a word that the shell took out of its quotes is put back into them.
fn text(words: &[String]) -> String {
    if let [whole] = words {
        return whole.clone();
    }
    let quoted = |word: &String| {
        if !word.contains(char::is_whitespace) || word.contains('"') {
            return word.clone();
        }
        match word.split_once(':') {
            Some((field, value)) if !field.contains(char::is_whitespace) => format!("{field}:\"{value}\""),
            _ => format!("\"{word}\""),
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A query; a picture that it calls from outside is looked at.
pub fn query(text: &str) -> anyhow::Result<Query> {
    let mut query = Query::parse(text)?;
    if let Some(path) = query.like_file() {
        let small = preview::decode(&read(path)?, &path.display().to_string(), THUMBNAIL_SIDE)?;
        query.look = small.view().map(|view| look::look(&view));
    }
    Ok(query)
}

/// Takes in a model's vectors.
pub fn vectors(archive: &Archive<'_>, model: &str, file: &Path, show: &Show) -> anyhow::Result<()> {
    let index = Index::open(archive.vault())?;
    let imported = index
        .import_vectors(archive, model, &read(file)?)
        .with_context(|| file.display().to_string())?;
    for name in &imported.unknown {
        show.note(&format!("warning: no source goes by {name}"));
    }
    show.say(&format!(
        "took in the vectors of {} by {model}; search with --model {model} like:archive:NAME",
        reports::count(imported.taken, "source")
    ));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} could not be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn what_the_shell_took_out_of_quotes_is_put_back() {
        let words = |words: &[&str]| text(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(words(&["beach* -dog"]), "beach* -dog");
        assert_eq!(
            words(&["beach", "person:Jean Doe", "at the sea", "-dog"]),
            "beach person:\"Jean Doe\" \"at the sea\" -dog"
        );
        assert_eq!(words(&[]), "");
    }
}
