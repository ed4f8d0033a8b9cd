//! Copies are found, and different pictures of like things are not joined.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod altered;

use std::path::{Path, PathBuf};

use altered::Codes;
use heirloom_archive::fingerprint::{Fingerprint, fingerprint, near};
use heirloom_archive::groups::{Entry, Kind, group};
use heirloom_archive::judge::{Judgement, judge};
use heirloom_vault::ObjectId;

fn demo(name: &str) -> Codes {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../demo/archive")
        .join(name);
    Codes::read(&path, 1024).unwrap()
}

fn seen(codes: &Codes, quality: u8) -> (Fingerprint, Judgement) {
    let thumbnail = codes.through_jpeg(quality, 256);
    let view = thumbnail.view().unwrap();
    (fingerprint(&view), judge(&view, codes.width, codes.height))
}

#[test]
fn a_fingerprint_is_small_and_matches_itself() {
    for side in [1_u32, 2, 15, 16, 17, 40] {
        let codes: Vec<[u8; 3]> = (0..side * side).map(|i| [(i * 37) as u8; 3]).collect();
        let codes = Codes {
            codes,
            width: side,
            height: side,
        };
        let preview = codes.preview();
        let print = fingerprint(&preview.view().unwrap());
        assert!(print.0.len() <= 1500);
        assert_eq!(print, fingerprint(&preview.view().unwrap()));
        near(&print, &print);
    }
    let (print, _) = seen(&demo("coffee.png"), 90);
    assert!(print.0.len() <= 1500 && near(&print, &print).score > 0.9);
    assert_eq!(near(&print, &Fingerprint::default()).score, 0.0);
}

#[test]
fn copies_group_with_the_best_and_nothing_else() {
    let mut all: Vec<(String, Fingerprint, Judgement)> = Vec::new();
    for name in ["coffee", "rocket", "eta-carinae", "hubble-deep-field"] {
        let file = ["png", "jpg"]
            .map(|e| format!("{name}.{e}"))
            .into_iter()
            .find(|f| {
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("../../demo/archive")
                    .join(f)
                    .exists()
            })
            .unwrap();
        let original = demo(&file);
        let copies = [
            ("0", original.clone(), 97),
            ("1 half", original.resized(0.5), 90),
            ("2 compressed", original.clone(), 35),
            ("3 crop", original.cropped(0.1, 0.1, 0.1, 0.1), 90),
            ("4 lighter", original.exposed(0.5), 90),
            ("5 grey", original.mapped(|c| [c[1]; 3]), 90),
        ];
        for (kind, codes, quality) in copies {
            let (print, judgement) = seen(&codes, quality);
            all.push((format!("{name} {kind}"), print, judgement));
        }
    }
    let mut entries: Vec<Entry<'_>> = all
        .iter()
        .map(|(name, print, judgement)| Entry {
            object: ObjectId::of(name.as_bytes()),
            fingerprint: print,
            judgement,
            // The original has been compressed least.
            bytes: if name.ends_with(" 0") { 4_000_000 } else { 400_000 },
            taken: None,
            name,
        })
        .collect();
    let found = group(&entries);
    let sizes: Vec<usize> = found.groups.iter().map(|g| g.members.len()).collect();
    assert_eq!(sizes, [6, 6, 6, 6], "{found:#?}");
    for g in &found.groups {
        assert_eq!(g.kind, Kind::Copies);
        let of = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        assert!(g.members.iter().all(|m| of(&m.name) == of(&g.members[0].name)));
        assert!(g.members[0].name.ends_with(" 0"), "{g:#?}");
    }
    entries.reverse();
    assert_eq!(group(&entries), found);
}

#[test]
fn two_places_of_one_star_field_are_two_pictures() {
    let field = demo("hubble-deep-field.jpg");
    let (w, h) = (field.width / 2, field.height / 2);
    let parts = [(0, 0), (w, 0), (0, h), (w, h)].map(|(x, y)| seen(&field.part(x, y, w, h), 90).0);
    for (i, a) in parts.iter().enumerate() {
        for b in &parts[i + 1..] {
            assert!(!near(a, b).is_copy(), "{:?}", near(a, b));
        }
    }
}

#[test]
fn one_file_under_two_names_and_a_burst() {
    let original = demo("coffee.png");
    // The second frame of a burst: the camera moved a little.
    let (first, judged_first) = seen(&original.cropped(0.0, 0.0, 0.02, 0.02), 95);
    let (second, judged_second) = seen(&original.cropped(0.02, 0.02, 0.0, 0.0), 95);
    let (other, judged_other) = seen(&demo("rocket.jpg"), 95);
    let entry = |object: &str, print, judgement, taken, name| Entry {
        object: ObjectId::of(object.as_bytes()),
        fingerprint: print,
        judgement,
        bytes: 0,
        taken,
        name,
    };
    let entries = [
        entry("a", &first, &judged_first, Some("2019-07-04T12:30:05"), "one"),
        entry(
            "a",
            &first,
            &judged_first,
            Some("2019-07-04T12:30:05"),
            "one again",
        ),
        entry("b", &second, &judged_second, Some("2019-07-04T12:30:07"), "two"),
        entry("c", &other, &judged_other, Some("2019-07-04T12:30:08"), "rocket"),
    ];
    let found = group(&entries);
    let kinds: Vec<(Kind, usize)> = found.groups.iter().map(|g| (g.kind, g.members.len())).collect();
    assert_eq!(kinds, [(Kind::Same, 2), (Kind::Burst, 2)]);
    let reasons: Vec<&str> = found.groups[1]
        .members
        .iter()
        .map(|m| m.reason.as_str())
        .collect();
    assert_eq!(reasons[1], "taken 2 seconds apart");
}
