//! Copies found: every original beside every copy, and all of them grouped as the archive does.

use std::collections::BTreeMap;
use std::time::Instant;

use heirloom_archive::fingerprint::near;
use heirloom_archive::groups::{Entry, Kind, group};
use heirloom_vault::ObjectId;
use rayon::prelude::*;

use crate::copies::Picture;
use crate::{Original, figure, share};

/// What came out for one kind of change.
#[derive(Default)]
struct Tally {
    found: usize,
    all: usize,
    wrong: usize,
    goal: bool,
}

/// Lines shown of each sort of mistake.
const SHOWN: usize = 60;

/// Each original is compared with its own copies and with every picture of the others.
pub fn in_pairs(originals: &[Original], pictures: &[Picture]) {
    let firsts: Vec<usize> = (0..pictures.len())
        .filter(|n| pictures[*n].kind == "original")
        .collect();
    // For each original: the numbers of copies missed, of strangers taken for copies, and how many strangers there are.
    let seen: Vec<(Vec<usize>, Vec<usize>, usize)> = firsts
        .par_iter()
        .map(|first| {
            let p = &pictures[*first];
            let (mut missed, mut wrong, mut strangers) = (Vec::new(), Vec::new(), 0);
            for (n, q) in pictures.iter().enumerate() {
                if q.origin == p.origin {
                    if q.kind != "original" && !near(&p.print, &q.print).is_copy() {
                        missed.push(n);
                    }
                    continue;
                }
                // Two originals are one pair, not two.
                let twice = q.kind == "original" && n < *first;
                if !q.goal || twice || originals[p.origin].kin(&originals[q.origin]) {
                    continue;
                }
                strangers += 1;
                if near(&p.print, &q.print).is_copy() {
                    wrong.push(n);
                }
            }
            (missed, wrong, strangers)
        })
        .collect();

    let mut by_kind: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut by_detail: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for p in pictures.iter().filter(|p| p.kind != "original") {
        let k = by_kind.entry(p.kind).or_default();
        k.all += 1;
        k.found += 1;
        k.goal = p.goal;
        let d = by_detail.entry((p.kind, p.detail)).or_default();
        d.0 += 1;
        d.1 += 1;
    }
    let (mut strangers, mut wrong_originals) = (0, 0);
    let (mut shown_missed, mut shown_wrong) = (0, 0);
    for (first, (missed, wrong, unlike)) in firsts.iter().zip(&seen) {
        strangers += unlike;
        for n in missed {
            let q = &pictures[*n];
            if let Some(k) = by_kind.get_mut(q.kind) {
                k.found -= 1;
            }
            if let Some(d) = by_detail.get_mut(&(q.kind, q.detail)) {
                d.0 -= 1;
            }
            if q.goal && shown_missed < SHOWN {
                shown_missed += 1;
                println!("missed: {} {:?}", q.name, near(&pictures[*first].print, &q.print));
            }
        }
        for n in wrong {
            let q = &pictures[*n];
            match by_kind.get_mut(q.kind) {
                Some(k) => k.wrong += 1,
                None => wrong_originals += 1,
            }
            if shown_wrong < SHOWN || q.kind == "original" {
                shown_wrong += 1;
                let p = &pictures[*first];
                println!("wrong: {} | {} | {:?}", p.name, q.name, near(&p.print, &q.print));
            }
        }
    }
    let goal = || by_kind.values().filter(|k| k.goal);
    let (found, all) = goal().fold((0, 0), |s, k| (s.0 + k.found, s.1 + k.all));
    let wrong = goal().map(|k| k.wrong).sum::<usize>() + wrong_originals;
    let note = format!("{wrong} wrong pairs of {strangers} that are no copies");
    figure(
        "precision",
        share(found, found + wrong),
        "",
        "higher",
        "0.98",
        &note,
    );
    let note = format!("{found} of {all} copies");
    figure("recall", share(found, all), "", "higher", "0.98", &note);
    for (kind, k) in by_kind.iter().filter(|(_, k)| k.goal) {
        let note = format!("{} wrong pairs", k.wrong);
        let precision = share(k.found, k.found + k.wrong);
        figure(&format!("{kind}, precision"), precision, "", "higher", "-", &note);
        let note = format!("{} of {} copies", k.found, k.all);
        figure(
            &format!("{kind}, recall"),
            share(k.found, k.all),
            "",
            "higher",
            "-",
            &note,
        );
        for ((_, detail), (found, all)) in by_detail.iter().filter(|((k, _), _)| k == kind) {
            let name = format!("{kind} {detail}, recall");
            let note = format!("{found} of {all} copies");
            figure(&name, share(*found, *all), "", "higher", "-", &note);
        }
    }
    for (kind, k) in by_kind.iter().filter(|(_, k)| !k.goal) {
        let note = format!("{} of {} copies; beyond the goal", k.found, k.all);
        figure(
            &format!("{kind}, recall"),
            share(k.found, k.all),
            "",
            "higher",
            "-",
            &note,
        );
    }
}

/// All originals and their copies of the four kinds, grouped; the photographs by themselves, and the quarters.
pub fn in_groups(originals: &[Original], pictures: &[Picture]) {
    let (mut right, mut wrong, mut together, mut copies) = (0_usize, 0_usize, 0_usize, 0_usize);
    let (mut compared, mut all_pairs, mut seconds, mut shown) = (0_usize, 0_usize, 0.0, 0);
    for whole in [true, false] {
        let set: Vec<&Picture> = pictures
            .iter()
            .filter(|p| p.goal && originals[p.origin].whole == whole)
            .collect();
        let entries: Vec<Entry<'_>> = set
            .iter()
            .map(|p| Entry {
                object: ObjectId::of(p.name.as_bytes()),
                fingerprint: &p.print,
                judgement: &p.judgement,
                bytes: 0,
                taken: None,
                name: &p.name,
            })
            .collect();
        let before = Instant::now();
        let groups = group(&entries);
        seconds += before.elapsed().as_secs_f64();
        compared += groups.compared;
        all_pairs += set.len() * set.len().saturating_sub(1) / 2;
        let number: BTreeMap<&str, usize> = set
            .iter()
            .enumerate()
            .map(|(n, p)| (p.name.as_str(), n))
            .collect();
        let mut group_of: Vec<Option<usize>> = vec![None; set.len()];
        for (g, found) in groups
            .groups
            .iter()
            .enumerate()
            .filter(|(_, g)| g.kind == Kind::Copies)
        {
            let best = set[number[found.members[0].name.as_str()]];
            for m in &found.members {
                let n = number[m.name.as_str()];
                group_of[n] = Some(g);
                if std::ptr::eq(best, set[n]) {
                    continue;
                }
                if best.origin == set[n].origin {
                    right += 1;
                } else {
                    wrong += 1;
                    if shown < SHOWN {
                        shown += 1;
                        println!("grouped wrong: {} | {} | {:?}", best.name, m.name, m.matched);
                    }
                }
            }
        }
        let mut original = 0;
        for (n, p) in set.iter().enumerate() {
            if p.kind == "original" {
                original = n;
                continue;
            }
            copies += 1;
            together += usize::from(group_of[n].is_some() && group_of[n] == group_of[original]);
        }
    }
    let note = format!(
        "{wrong} of {} beside a best one of another picture",
        right + wrong
    );
    figure(
        "in groups, precision",
        share(right, right + wrong),
        "",
        "higher",
        "0.98",
        &note,
    );
    let note = format!("{together} of {copies} copies stand in their original's group");
    figure(
        "in groups, recall",
        share(together, copies),
        "",
        "higher",
        "0.98",
        &note,
    );
    let note = format!("{compared} of {all_pairs} pairs compared");
    figure("grouping", seconds, "s", "lower", "-", &note);
}
