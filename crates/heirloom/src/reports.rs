//! What came of things, in words.

use heirloom_archive::{AddReport, Media, Source};
use heirloom_vault::{SizeReport, TidyReport, VerifyReport};

use crate::show::Show;

/// Bytes as people say them.
fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// So many of something: "1 take", "3 takes".
pub fn count(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}

/// What came of `archive add`.
pub fn added(report: &AddReport, show: &Show) {
    let mut line = format!(
        "{} came in, {} known already",
        count(report.added.len(), "picture"),
        report.known.len()
    );
    if !report.renamed.is_empty() {
        line += &format!(", {} under a new name or caption", report.renamed.len());
    }
    if report.declared > 0 {
        line += &format!("; rights declared for {}", report.declared);
    }
    if report.consents > 0 {
        line += &format!("; {} declared", count(report.consents, "consent"));
    }
    show.say(&format!("{line}."));
    for (path, why) in &report.skipped {
        show.note(&format!("skipped: {}: {why}", path.display()));
    }
    if report.passed_over > 0 {
        show.note(&format!(
            "{} passed over, neither pictures nor texts beside them",
            count(report.passed_over, "file")
        ));
    }
    for warning in &report.warnings {
        show.note(&format!("warning: {warning}"));
    }
    for (name, clause) in &report.unusable {
        show.note(&format!("warning: archive:{name} can not be used yet: {clause}"));
    }
}

/// One source on a line.
pub fn line(source: &Source) -> String {
    let what = match source.media {
        Media::Photograph => format!("{}x{}", source.width, source.height),
        Media::Clip => {
            format!(
                "{}x{}, {} frames",
                source.width,
                source.height,
                source.frames.unwrap_or_default()
            )
        }
    };
    let rights = match &source.standing.rights {
        _ if source.standing.revoked.is_some() => "leave taken back".to_owned(),
        Some(rights) => format!("{}, {}", rights.owner, rights.terms),
        None => "no owner declared".to_owned(),
    };
    format!("{:<32} {what:<22} {rights}", source.name())
}

/// All that is known of a source.
pub fn source(source: &Source, show: &Show) {
    let row = |what: &str, value: String| {
        if !value.is_empty() {
            show.say(&format!("{what:<10} {value}"));
        }
    };
    row("name", format!("archive:{}", source.name()));
    row("file", format!("{} ({})", source.file_name, source.format));
    row("size", format!("{}x{}", source.width, source.height));
    if let (Some(frames), Some(rate)) = (source.frames, source.rate) {
        row("length", format!("{frames} frames at {rate} a second"));
    }
    row("taken", source.taken.clone().unwrap_or_default());
    row("profile", source.profile.clone().unwrap_or_default());
    row("caption", source.caption.clone());
    row("object", source.object.to_string());
    match &source.standing.rights {
        Some(rights) => {
            row("owner", rights.owner.clone());
            row("terms", rights.terms.clone());
            row("obtained", rights.obtained.clone().unwrap_or_default());
            row(
                "scope",
                rights
                    .scope
                    .iter()
                    .map(|u| u.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            );
            row("until", rights.until.map(|d| d.to_string()).unwrap_or_default());
            row("people", rights.people.join(", "));
        }
        None => row("owner", "none declared, so it can not be used".into()),
    }
    if let Some(act) = &source.standing.revoked {
        row(
            "revoked",
            format!("by {} on {}", act.by.name, act.at.strftime("%Y-%m-%d")),
        );
    }
}

/// What a person consented to.
pub fn consent(person: &str, consenting: &heirloom_vault::Consenting, show: &Show) {
    let Some(consent) = &consenting.consent else {
        show.say(&format!("{person}: no consent declared"));
        return;
    };
    let scope: Vec<&str> = consent.scope.iter().map(|u| u.as_str()).collect();
    let mut line = format!("{person}: {} ({})", consent.terms, scope.join(", "));
    if let Some(by) = &consent.given_by {
        line += &format!(", given by {by}");
    }
    if let Some(until) = consent.until {
        line += &format!(", until {until}");
    }
    if let Some(act) = &consenting.revoked {
        line += &format!("; revoked by {} on {}", act.by.name, act.at.strftime("%Y-%m-%d"));
    }
    show.say(&line);
}

/// What takes the room.
pub fn size(report: &SizeReport, show: &Show) {
    for (what, kind) in [
        ("sources", report.sources),
        ("takes", report.takes),
        ("masters", report.masters),
        ("other", report.other),
        ("not referred to", report.unreferenced),
        ("leftovers", report.leftovers),
    ] {
        show.say(&format!(
            "{what:<16} {:>7}  {:>10}",
            kind.objects,
            bytes(kind.bytes)
        ));
    }
    show.say(&format!(
        "{:<16} {:>7}  {:>10}",
        "ledger",
        "",
        bytes(report.ledger_bytes)
    ));
    show.say(&format!(
        "{:<16} {:>7}  {:>10}",
        "all",
        "",
        bytes(report.total_bytes())
    ));
}

/// Whether all is whole.
pub fn verified(report: &VerifyReport, show: &Show) {
    show.say(&format!(
        "{} objects ({}) and {} acts are whole.",
        report.sound,
        bytes(report.bytes),
        report.acts
    ));
    for id in &report.missing {
        show.error(&format!(
            "object {id} is missing: bring its file in again, or restore it from a backup"
        ));
    }
    for id in &report.damaged {
        show.error(&format!(
            "object {id} is damaged: delete it and bring its file in again, or restore it"
        ));
    }
    for path in &report.strays {
        show.note(&format!("a stray file: {}", path.display()));
    }
    if let Some(fault) = &report.ledger_fault {
        show.error(&format!("the ledger: {fault}"));
    }
}

/// What was removed.
pub fn tidied(report: &TidyReport, dry_run: bool, show: &Show) {
    let (objects, leftovers) = (
        count(report.objects.len(), "object"),
        count(report.leftovers.len(), "leftover"),
    );
    let verb = if dry_run { "would be removed" } else { "removed" };
    show.say(&format!(
        "{objects} that no act refers to and {leftovers} of interrupted writes {verb}: {}.",
        bytes(report.bytes)
    ));
}
