//! Versions of a shot's prompt side by side, by the numbers of their takes.

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_dailies::choices::Verdict;
use heirloom_dailies::index::{Index, Query, Row, Summary};
use heirloom_dailies::measures::{Better, NAMED};
use heirloom_dailies::subject;

use crate::args::Takes;
use crate::show::Show;
use crate::{cull, open, reports, takes};

/// So many versions stand side by side where none are named: the last ones.
const SIDE_BY_SIDE: usize = 4;

/// One version of a prompt, and its takes in numbers.
#[derive(Debug)]
struct Version {
    version: u32,
    prompt: String,
    takes: usize,
    measured: usize,
    chosen: usize,
    kept: usize,
    rejected: usize,
    mean_stars: Option<f64>,
    measures: BTreeMap<String, Summary>,
}

impl Version {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "version": self.version, "prompt": self.prompt, "takes": self.takes, "measured": self.measured,
            "chosen": self.chosen, "kept": self.kept, "rejected": self.rejected, "mean_stars": self.mean_stars,
            "measures": self.measures,
        })
    }
}

/// The shot's prompt, version beside version.
pub fn compare(folder: &Path, options: &Takes, show: &Show) -> anyhow::Result<()> {
    let (Some(shot), Some(wanted)) = (&options.shot, &options.versions) else {
        return Ok(());
    };
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let index = Index::open(&vault)?;
    let mut by_version: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for row in cull::rows(&film, &vault, &index, shot)? {
        if let Some(version) = row.version {
            by_version.entry(version).or_default().push(row);
        }
    }
    for version in wanted {
        anyhow::ensure!(
            by_version.contains_key(version),
            "{shot} has no takes of version {version} of its prompt; there are {}",
            by_version
                .keys()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let last = by_version.len().saturating_sub(SIDE_BY_SIDE);
    let shown: Vec<u32> = match wanted.is_empty() {
        true => by_version.keys().copied().skip(last).collect(),
        false => wanted.clone(),
    };
    let (scene, planned) = takes::among(&film, shot)?;
    let mut versions = Vec::new();
    for version in shown {
        let query = Query {
            shot: Some(subject(scene, planned)),
            version: Some(version),
            ..Query::default()
        };
        let rows = by_version.get(&version).map_or(&[][..], Vec::as_slice);
        versions.push(of(version, rows, index.summaries(&vault, &query)?));
    }
    if options.json {
        let all: Vec<_> = versions.iter().map(Version::json).collect();
        show.say(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    tell(&versions, show);
    if wanted.is_empty() && last > 0 {
        show.note(&format!(
            "These are the last {SIDE_BY_SIDE} of {}; name others, as in --versions 1 2",
            reports::count(by_version.len(), "version")
        ));
    }
    if versions.iter().any(|version| version.measured < version.takes) {
        show.note(&format!("`heirloom measure {shot}` measures the rest."));
    }
    Ok(())
}

fn of(version: u32, rows: &[Row], mut measures: BTreeMap<String, Summary>) -> Version {
    measures.remove(heirloom_dailies::measuring::REVISION_NAME);
    let stars: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.standing.stars.map(f64::from))
        .collect();
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    Version {
        version,
        prompt: rows.first().map(|row| row.prompt.clone()).unwrap_or_default(),
        takes: rows.len(),
        measured: count(&|row| !row.measures.is_empty()),
        chosen: count(&|row| row.standing.verdict == Verdict::Chosen),
        kept: count(&|row| row.standing.kept.is_some()),
        rejected: count(&|row| row.standing.verdict == Verdict::Rejected),
        mean_stars: (!stars.is_empty()).then(|| stars.iter().sum::<f64>() / stars.len() as f64),
        measures,
    }
}

/// A table: a line for every measure, a column for every version, the better mean marked.
fn tell(versions: &[Version], show: &Show) {
    for version in versions {
        show.say(&format!("v{}  {}", version.version, version.prompt));
    }
    let line = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|cell| format!("{cell:>26}")).collect();
        show.say(format!("{name:<34}{}", cells.concat()).trim_end());
    };
    line("", &mut versions.iter().map(|v| format!("v{}", v.version)));
    line("takes", &mut versions.iter().map(|v| v.takes.to_string()));
    line("measured", &mut versions.iter().map(|v| v.measured.to_string()));
    line(
        "kept by the cull",
        &mut versions.iter().map(|v| v.kept.to_string()),
    );
    line("chosen", &mut versions.iter().map(|v| v.chosen.to_string()));
    line("rejected", &mut versions.iter().map(|v| v.rejected.to_string()));
    if versions.iter().any(|v| v.mean_stars.is_some()) {
        let stars = |v: &Version| {
            v.mean_stars
                .map_or_else(|| "-".into(), |stars| format!("{stars:.1}"))
        };
        line("stars, mean", &mut versions.iter().map(stars));
    }
    for named in NAMED {
        let of = |v: &Version| v.measures.get(named.name).copied();
        let means = versions.iter().filter_map(|v| of(v).map(|s| s.mean));
        let best = match named.better {
            Better::Less => means.min_by(f64::total_cmp),
            Better::More => means.max_by(f64::total_cmp),
            Better::Neither => None,
        };
        let differ = versions.iter().filter_map(|v| of(v).map(|s| s.mean));
        let differ = differ.clone().any(|mean| Some(mean) != differ.clone().next());
        if versions.iter().all(|v| of(v).is_none()) {
            continue;
        }
        let unit = if named.unit.is_empty() {
            String::new()
        } else {
            format!(" ({})", named.unit)
        };
        let cell = |v: &Version| {
            of(v).map_or_else(
                || "-".to_owned(),
                |s| {
                    let mark = if differ && best == Some(s.mean) { "*" } else { "" };
                    format!("{mark}{:.3} ({:.3} to {:.3})", s.mean, s.least, s.most)
                },
            )
        };
        line(&format!("{}{unit}", named.name), &mut versions.iter().map(cell));
    }
    if versions.len() > 1 && versions.iter().any(|v| v.measured > 0) {
        show.note(
            "Means, with least and most; * is the better mean, which may be chance where the spans are wide.",
        );
    }
}
