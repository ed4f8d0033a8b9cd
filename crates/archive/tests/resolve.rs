//! From what a film calls a source to the source.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

mod common;

use common::{Film, own_work};
use heirloom_archive::{ResolveError, Source, resolve_among};
use heirloom_film::SourceCall;
use proptest::prelude::*;

fn film_of(paths: &[&str]) -> Film {
    let film = Film::new();
    for (number, path) in paths.iter().enumerate() {
        film.picture(&format!("pictures/{path}.png"), number as u32);
    }
    film.add_with("pictures", &own_work()).unwrap();
    film
}

fn resolve(film: &Film, call: &str) -> Result<String, ResolveError> {
    film.archive()
        .resolve(&SourceCall::parse(call).unwrap())
        .map(|source| source.name())
}

#[test]
fn hyphen_underscore_space_and_case_are_one() {
    let film = film_of(&["Eta_Carinae", "deep field 2"]);
    for call in [
        "archive:eta-carinae",
        "archive:ETA CARINAE",
        "archive:eta_carinae",
        "archive:pictures/eta-Carinae",
    ] {
        assert_eq!(resolve(&film, call).unwrap(), "pictures/Eta_Carinae");
    }
    assert_eq!(
        resolve(&film, "archive:Deep_Field-2").unwrap(),
        "pictures/deep field 2"
    );
}

#[test]
fn what_is_not_there_is_told_with_the_nearest() {
    let film = film_of(&["eta-carinae", "moon/tycho", "moon/copernicus", "retina"]);
    let error = resolve(&film, "archive:eta-carina").unwrap_err();
    assert!(
        matches!(&error, ResolveError::NotFound { nearest, .. } if nearest == &["archive:pictures/eta-carinae"])
    );
    let text = error.to_string();
    assert!(
        text.starts_with(
            "archive:eta-carina is not in the archive: did you mean archive:pictures/eta-carinae?"
        ),
        "{text}"
    );
    let text = resolve(&film, "archive:mars/tycho").unwrap_err().to_string();
    assert!(text.contains("archive:pictures/moon/tycho"), "{text}");
    let text = resolve(&film, "archive:something-else-entirely")
        .unwrap_err()
        .to_string();
    assert!(text.contains("heirloom archive add FOLDER"), "{text}");
}

#[test]
fn an_ambiguous_call_lists_all_and_the_full_name_tells_them_apart() {
    let film = film_of(&["moon/tycho", "mars/tycho", "tycho"]);
    let text = resolve(&film, "archive:tycho").unwrap_err().to_string();
    assert!(
        text.contains("archive:pictures/mars/tycho (tycho.png) or archive:pictures/moon/tycho (tycho.png)"),
        "{text}"
    );
    assert!(text.contains("write the one you mean in full"), "{text}");
    assert_eq!(
        resolve(&film, "archive:mars/tycho").unwrap(),
        "pictures/mars/tycho"
    );
    assert_eq!(
        resolve(&film, "archive:pictures/tycho").unwrap(),
        "pictures/tycho"
    );
}

#[test]
fn files_that_differ_only_in_their_ending_must_be_renamed() {
    let film = film_of(&["moon"]);
    common::jpeg(&film.path("pictures/moon.jpg"));
    film.add_with("pictures", &own_work()).unwrap();
    let text = resolve(&film, "archive:moon").unwrap_err().to_string();
    assert!(
        text.contains("(moon.jpg) or archive:pictures/moon (moon.png): rename one"),
        "{text}"
    );
    // And renaming one mends it.
    std::fs::rename(film.path("pictures/moon.jpg"), film.path("pictures/luna.jpg")).unwrap();
    film.add("pictures").unwrap();
    assert_eq!(film.source("archive:moon").format, "PNG");
}

#[test]
fn names_of_one_picture_are_no_ambiguity() {
    let film = film_of(&["one/moon"]);
    film.picture("pictures/two/moon.png", 0);
    film.add_with("pictures", &own_work()).unwrap();
    assert_eq!(film.names().len(), 2);
    assert!(resolve(&film, "archive:moon").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the folders are called, a source's full name finds it and nothing else.
    #[test]
    fn a_full_name_always_means_one(paths in prop::collection::btree_set("[a-c](/[a-c]){0,3}", 1..8)) {
        let sources: Vec<Source> = paths.iter().enumerate().map(|(number, path)| {
            let (folder, stem) = path.rsplit_once('/').unwrap_or(("", path));
            Source {
                object: heirloom_vault::ObjectId::of(&number.to_le_bytes()),
                stem: stem.to_owned(),
                folder: folder.to_owned(),
                file_name: format!("{stem}.png"),
                media: heirloom_archive::Media::Photograph,
                format: "PNG".into(),
                width: 1,
                height: 1,
                frames: None,
                rate: None,
                taken: None,
                profile: None,
                metadata: Default::default(),
                caption: String::new(),
                standing: Default::default(),
            }
        }).collect();
        for source in &sources {
            let call = SourceCall::parse(&format!("archive:{}", source.name())).unwrap();
            prop_assert_eq!(&resolve_among(&sources, &call).unwrap(), source);
        }
    }
}
