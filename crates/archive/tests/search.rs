//! Sources found again: words, filters, looks, and the index behind them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{Film, own_work};
use heirloom_archive::Index;
use heirloom_archive::search::{ByVectors, Found, Query, SearchError, only_vector};
use heirloom_picture::measure::View;
use heirloom_vault::{Actor, Consent, Rights, Use, Vault};
use jiff::civil::date;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const TODAY: jiff::civil::Date = date(2026, 11, 26);
const MARKS: &str = r#"xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/""#;

fn bag(name: &str, kind: &str, items: &[&str]) -> String {
    let items: String = items
        .iter()
        .map(|item| format!("<rdf:li xml:lang=\"x-default\">{item}</rdf:li>"))
        .collect();
    format!("<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>")
}

/// A JPEG of one colour above another, with what this XMP says.
fn jpeg(path: &Path, colours: [[u8; 3]; 2], size: [u16; 2], xmp: &str) {
    let [width, height] = size;
    let half = usize::from(width) * usize::from(height) / 2;
    let codes: Vec<u8> = (0..2 * half)
        .flat_map(|n| colours[usize::from(n >= half)])
        .collect();
    let packet = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF {MARKS}><rdf:Description \
         rdf:about=\"\">{xmp}</rdf:Description></rdf:RDF></x:xmpmeta>"
    );
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 92);
    encoder.add_app_segment(1, packet.into_bytes()).unwrap();
    encoder
        .encode(&codes, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    fs::write(path, bytes).unwrap();
}

/// Four photographs with all that files say, owned by Jean Doe.
fn archive() -> Film {
    let film = Film::new();
    let (blue, sand, grey, red) = ([60, 110, 200], [210, 180, 130], [110, 110, 110], [190, 30, 35]);
    jpeg(
        &film.path("father/1974/beach.jpg"),
        [blue, sand],
        [64, 48],
        &[
            bag("dc:description", "Alt", &["Noon at the beach, nobody there"]),
            bag("dc:subject", "Bag", &["sea lion", "holiday"]),
            bag("Iptc4xmpExt:PersonInImage", "Bag", &["Jean Doe", "Robin Smith"]),
            "<exif:DateTimeOriginal>1974-06-02T15:04:00</exif:DateTimeOriginal>".to_owned(),
            "<exif:GPSLatitude>48,7.0866N</exif:GPSLatitude><exif:GPSLongitude>123,25.842W</exif:GPSLongitude>"
                .to_owned(),
            "<photoshop:City>Port Angeles</photoshop:City>".to_owned(),
            "<aux:Lens>Summicron 50mm</aux:Lens><tiff:Make>Leica</tiff:Make><tiff:Model>M3</tiff:Model>".to_owned(),
        ]
        .concat(),
    );
    jpeg(
        &film.path("father/1975/cafe.jpg"),
        [red, sand],
        [48, 64],
        &[
            bag("dc:description", "Alt", &["Un caf\u{e9} \u{e0} la plage"]),
            bag("dc:subject", "Bag", &["holiday", "coffee"]),
            "<exif:DateTimeOriginal>1975-08-11T09:00:00</exif:DateTimeOriginal>".to_owned(),
            "<exif:GPSLatitude>48,25.704N</exif:GPSLatitude><exif:GPSLongitude>123,21.936W</exif:GPSLongitude>"
                .to_owned(),
        ]
        .concat(),
    );
    jpeg(
        &film.path("father/beach_house.jpg"),
        [grey, [60; 3]],
        [80, 40],
        "",
    );
    jpeg(
        &film.path("father/dog.jpg"),
        [sand, blue],
        [64, 48],
        &bag("dc:description", "Alt", &["The dog on beaches of sand"]),
    );
    film.add_with("father", &own_work()).unwrap();
    film
}

fn search(film: &Film, text: &str) -> Found {
    film.archive()
        .search(&Query::parse(text).unwrap(), 50, 0)
        .unwrap()
}

/// The names found, without their common folder.
fn names(film: &Film, text: &str) -> Vec<String> {
    let found = search(film, text);
    assert_eq!(found.hits.len(), found.total, "{text}");
    found
        .hits
        .iter()
        .map(|hit| hit.name.trim_start_matches("father/").to_owned())
        .collect()
}

/// The same, sorted.
fn sorted(film: &Film, text: &str) -> Vec<String> {
    let mut names = names(film, text);
    names.sort();
    names
}

#[test]
fn words_are_found() {
    let film = archive();
    // What is written of it goes before what its file is called.
    assert_eq!(names(&film, "beach"), ["1974/beach", "beach_house"]);
    assert_eq!(sorted(&film, "beach*"), ["1974/beach", "beach_house", "dog"]);
    assert_eq!(names(&film, "\"at the beach\""), ["1974/beach"]);
    assert_eq!(names(&film, "\"beach the at\""), [""; 0]);
    assert_eq!(names(&film, "beach noon"), ["1974/beach"]);
    assert_eq!(sorted(&film, "beach* -noon"), ["beach_house", "dog"]);
    assert_eq!(sorted(&film, "-beach*"), ["1975/cafe"]);
    assert_eq!(sorted(&film, "-keyword:holiday"), ["beach_house", "dog"]);
    // With diacritics or without, composed or not, in any case.
    for cafe in ["cafe plage", "CAF\u{c9}", "caf\u{e9}", "cafe\u{301}"] {
        assert_eq!(names(&film, cafe), ["1975/cafe"], "{cafe}");
    }
    assert_eq!(search(&film, "").total, 4);
    assert_eq!(
        names(&film, ""),
        ["beach_house", "dog", "1974/beach", "1975/cafe"],
        "without anything that ranks: by folder, then by name"
    );
}

#[test]
fn why_something_was_found_is_said() {
    let film = archive();
    let found = search(&film, "noon lion");
    let hit = &found.hits[0];
    assert_eq!(hit.why, ["caption: Noon", "keyword: lion"]);
    assert!(hit.snippet.contains("[Noon] at the beach") || hit.snippet.contains("sea [lion]; holiday"));
    assert_eq!(
        (hit.file_name.as_str(), hit.object),
        ("beach.jpg", film.source("archive:1974/beach").object)
    );
    let plain = search(&film, "is:landscape folder:1974");
    assert_eq!(plain.hits[0].snippet, "Noon at the beach, nobody there");
}

#[test]
fn fields_are_asked_for() {
    let film = archive();
    let cases: [(&str, &[&str]); 20] = [
        ("person:\"Jean Doe\"", &["1974/beach"]),
        ("person:doe", &["1974/beach"]),
        // From one name into the next is no phrase.
        ("person:\"Doe Robin\"", &[]),
        ("keyword:\"sea lion\"", &["1974/beach"]),
        ("keyword:noon", &[]),
        ("place:\"port angeles\"", &["1974/beach"]),
        ("lens:50mm", &["1974/beach"]),
        ("lens:summi*", &["1974/beach"]),
        ("camera:leica", &["1974/beach"]),
        ("folder:1974", &["1974/beach"]),
        ("folder:father/1975", &["1975/cafe"]),
        (
            "owner:\"Jean Doe\"",
            &["1974/beach", "1975/cafe", "beach_house", "dog"],
        ),
        ("taken:1974", &["1974/beach"]),
        ("taken:1974-06..1975-08-10", &["1974/beach"]),
        ("taken:1974..1975-08", &["1974/beach", "1975/cafe"]),
        ("-taken:..1974", &["1975/cafe", "beach_house", "dog"]),
        ("is:portrait", &["1975/cafe"]),
        ("is:grey", &["beach_house"]),
        ("wider:80", &["beach_house"]),
        ("is:clip", &[]),
    ];
    see(&film);
    for (text, expected) in cases {
        assert_eq!(sorted(&film, text), expected, "{text}");
    }
    // Whose it all is, is no word of a picture.
    assert_eq!(sorted(&film, "jean"), ["1974/beach"]);
}

#[test]
fn near_a_place() {
    let film = archive();
    assert_eq!(names(&film, "near:48.1181,-123.4307,1km"), ["1974/beach"]);
    // The nearer first.
    assert_eq!(names(&film, "near:48.4,-123.4,80km"), ["1975/cafe", "1974/beach"]);
    assert_eq!(names(&film, "near:48.4284,-123.3656,500m"), ["1975/cafe"]);
    assert_eq!(
        sorted(&film, "-near:48.1181,-123.4307,1km"),
        ["1975/cafe", "beach_house", "dog"]
    );
    let hit = &search(&film, "near:48.4284,-123.3656,50km").hits[1];
    assert_eq!(hit.why, ["34.8 km away"]);
    assert_eq!(names(&film, "holiday near:48.1181,-123.4307"), ["1974/beach"]);
}

#[test]
fn rights_are_asked_of_today() {
    let film = archive();
    assert_eq!(search(&film, "may:generate").total, 4);
    assert_eq!(search(&film, "may:train").total, 0);
    let ledger = film.vault.ledger();
    let (dog, cafe) = (
        film.source("archive:dog").object,
        film.source("archive:cafe").object,
    );
    ledger
        .revoke(&dog, Actor::person("Jean"), Some("no".into()))
        .unwrap();
    assert_eq!(
        sorted(&film, "may:generate"),
        ["1974/beach", "1975/cafe", "beach_house"]
    );
    assert_eq!(names(&film, "-may:generate"), ["dog"]);

    // Someone in it has a say.
    let mut rights = Rights::new("Robin Smith", "lent");
    rights.people = vec!["Ada Doe".into()];
    rights.until = Some(date(2030, 1, 31));
    ledger
        .declare(&cafe, &rights, Actor::person("Robin"), true)
        .unwrap();
    assert_eq!(sorted(&film, "may:generate"), ["1974/beach", "beach_house"]);
    assert_eq!(names(&film, "owner:robin"), ["1975/cafe"]);
    assert_eq!(names(&film, "person:\"Ada Doe\""), ["1975/cafe"]);
    ledger
        .consent(
            "Ada Doe",
            &Consent::new("in writing"),
            Actor::person("Ada Doe"),
            true,
        )
        .unwrap();
    assert_eq!(
        sorted(&film, "may:generate"),
        ["1974/beach", "1975/cafe", "beach_house"]
    );
    // A year on it has ended, though no act says so.
    let index = Index::open(&film.vault).unwrap();
    let query = Query::parse("may:generate").unwrap();
    let on = |day| index.search_on(&film.archive(), &query, 9, 0, day).unwrap().total;
    assert_eq!((on(date(2030, 1, 31)), on(date(2030, 2, 1))), (3, 2));
    ledger
        .revoke_consent("Ada Doe", Actor::person("Ada Doe"), None)
        .unwrap();
    assert_eq!(on(TODAY), 2);
}

#[test]
fn every_standing_is_judged_as_the_ledger_judges_it() {
    let film = archive();
    let ledger = film.vault.ledger();
    let sources = film.archive().sources().unwrap();
    let mut rights = Rights::new("Jean Doe", "own work");
    rights.people = vec![" Ada ".into(), "Bo".into()];
    rights.scope = [Use::Look, Use::Train].into();
    ledger
        .declare(&sources[0].object, &rights, Actor::person("Jean"), false)
        .unwrap();
    ledger
        .declare(
            &sources[1].object,
            &Rights::new("Jean", " "),
            Actor::person("Jean"),
            false,
        )
        .unwrap();
    ledger
        .revoke(&sources[2].object, Actor::person("Jean"), None)
        .unwrap();
    let mut consent = Consent::new("said so");
    consent.scope = [Use::Train].into();
    for person in ["Ada", "Bo"] {
        ledger
            .consent(person, &consent, Actor::person(person), false)
            .unwrap();
        for wanted in Use::ALL {
            let mut expected: Vec<String> = film
                .archive()
                .sources()
                .unwrap()
                .iter()
                .filter(|source| source.standing.allows(wanted, TODAY).is_ok())
                .map(|source| source.name().trim_start_matches("father/").to_owned())
                .collect();
            expected.sort();
            assert_eq!(sorted(&film, &format!("may:{wanted}")), expected, "{wanted}");
        }
    }
}

#[test]
fn the_index_follows_names() {
    let film = archive();
    assert_eq!(names(&film, "dog"), ["dog"]);
    fs::rename(film.path("father/dog.jpg"), film.path("father/hound.jpg")).unwrap();
    film.add("father").unwrap();
    assert_eq!(names(&film, "file:dog"), [""; 0]);
    assert_eq!(names(&film, "file:hound"), ["hound"]);
    assert_eq!(sorted(&film, "owner:jean").len(), 4, "it keeps its rights");
    // Another picture under the same name, and a caption beside it.
    jpeg(&film.path("father/hound.jpg"), [[9; 3]; 2], [32, 32], "");
    film.text("father/hound.txt", "Fenrir asleep");
    film.add("father").unwrap();
    assert_eq!(names(&film, "fenrir"), ["hound"]);
    assert_eq!(names(&film, "sand"), [""; 0]);
    let (held, anew) = (sorted(&film, ""), film.names());
    assert_eq!(held.len(), anew.len());
}

#[test]
fn acts_from_another_machine_come_in_between() {
    let film = archive();
    assert_eq!(search(&film, "").total, 4);
    let dog = film.source("archive:dog").object;
    // The other machine took leave back before this one declared something more.
    let other = Vault::create(&film.folder.path().join("other")).unwrap();
    other.ledger().merge(film.vault.ledger()).unwrap();
    other.ledger().revoke(&dog, Actor::person("Jean"), None).unwrap();
    let beach = film.source("archive:1974/beach").object;
    film.vault
        .ledger()
        .declare(
            &beach,
            &Rights::new("Robin", "lent"),
            Actor::person("Robin"),
            true,
        )
        .unwrap();
    assert_eq!(names(&film, "owner:robin"), ["1974/beach"]);
    assert_eq!(search(&film, "may:generate").total, 4);
    film.vault.ledger().merge(other.ledger()).unwrap();
    assert_eq!(names(&film, "-may:generate"), ["dog"]);
}

#[test]
fn a_deleted_or_damaged_index_is_made_anew() {
    let film = archive();
    let folder = film.vault.dir().join("archive");
    let expected = names(&film, "beach");
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(names(&film, "beach"), expected);
    // No database at all.
    fs::write(folder.join("index.sqlite"), vec![b'x'; 20_000]).unwrap();
    assert_eq!(names(&film, "beach"), expected);
    // A database with holes.
    let path = folder.join("index.sqlite");
    for hole in [4096_usize, 40_000, 80_000] {
        let mut bytes = fs::read(&path).unwrap();
        let end = (hole + 9000).min(bytes.len());
        bytes[hole.min(end)..end].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        for text in ["beach", "person:doe", ""] {
            assert!(search(&film, text).total <= 4);
        }
        assert_eq!(names(&film, "beach"), expected, "hole at {hole}");
    }
    // Of another format.
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("CREATE TABLE entries (x TEXT); PRAGMA user_version = 77")
        .unwrap();
    drop(old);
    assert_eq!(names(&film, "beach"), expected);
}

#[test]
fn another_ledger_in_its_place_is_seen() {
    let film = archive();
    assert_eq!(search(&film, "").total, 4);
    let other = Film::new();
    other.picture("mother/moon.png", 1);
    other.add_with("mother", &own_work()).unwrap();
    // The index of one vault under another.
    for ending in ["", "-wal", "-shm"] {
        let name = format!("archive/index.sqlite{ending}");
        let _ = fs::create_dir(other.vault.dir().join("archive"));
        if let Ok(bytes) = fs::read(film.vault.dir().join(&name)) {
            fs::write(other.vault.dir().join(&name), bytes).unwrap();
        }
    }
    assert_eq!(names(&other, ""), ["mother/moon"]);
}

/// Throws away what was seen, as one may.
fn forget(film: &Film) {
    fs::remove_dir_all(film.vault.dir().join("archive")).unwrap();
}

/// Looks at every source of the archive, as adding does.
fn see(film: &Film) {
    film.archive().look_again(&()).unwrap();
}

#[test]
fn pictures_are_found_by_how_they_look() {
    let film = archive();
    forget(&film);
    let unseen = search(&film, "colour:red");
    assert_eq!((unseen.total, unseen.unseen), (0, 4));
    see(&film);
    let red = search(&film, "colour:red");
    assert_eq!((red.total, red.hits[0].name.as_str()), (4, "father/1975/cafe"));
    assert!(red.hits[0].score > 2.0 * red.hits[1].score, "{red:?}");
    let blue = names(&film, "colour:#3c6ec8");
    assert_eq!(blue[2..].len(), 2);
    assert!(blue[..2].contains(&"1974/beach".to_owned()) && blue[..2].contains(&"dog".to_owned()));
    // The same colours upside down are nearer than other colours.
    let like = search(&film, "like:archive:1974/beach");
    assert_eq!(like.hits[0].name, "father/1974/beach");
    assert!((like.hits[0].score - 1.0).abs() < 1e-3);
    assert_eq!(like.hits[1].name, "father/dog");
    // Words choose, the look ranks.
    let both = names(&film, "like:archive:1974/beach holiday");
    assert_eq!(both, ["1974/beach", "1975/cafe"]);
    assert_eq!(names(&film, "beach* colour:#3c6ec8 -noon")[0].as_str(), "dog");
    // A page of it.
    let page = film
        .archive()
        .search(&Query::parse("colour:red").unwrap(), 2, 1)
        .unwrap();
    assert_eq!((page.hits.len(), page.total), (2, 4));
    assert_eq!(page.hits[..], red.hits[1..3]);
}

#[test]
fn a_picture_from_outside_and_what_cannot_be_looked_for() {
    let film = archive();
    forget(&film);
    let mut query = Query::parse("like:\"some where/pic.jpg\"").unwrap();
    assert_eq!(query.like_file(), Some(Path::new("some where/pic.jpg")));
    let error = film.archive().search(&query, 9, 0).unwrap_err();
    assert!(matches!(error, SearchError::NotSeen { .. }), "{error}");
    let error = film
        .archive()
        .search(&Query::parse("like:archive:dog").unwrap(), 9, 0)
        .unwrap_err();
    assert!(matches!(error, SearchError::NotSeen { .. }), "{error}");
    see(&film);
    let codes = [[190, 30, 35]; 64];
    query.look = Some(heirloom_picture::look::look(&View::new(&codes, 8, 8).unwrap()));
    let found = film.archive().search(&query, 9, 0).unwrap();
    assert_eq!(found.hits[0].name, "father/1975/cafe");
    let error = film
        .archive()
        .search(&Query::parse("like:archive:dgo").unwrap(), 9, 0)
        .unwrap_err();
    assert!(error.to_string().contains("archive:father/dog"), "{error}");
}

/// A safetensors file of F32 vectors.
fn vectors(rows: &[(&str, &[f32])]) -> Vec<u8> {
    let data: Vec<(String, Vec<u8>, usize)> = rows
        .iter()
        .map(|(name, row)| {
            let bytes = row.iter().flat_map(|v| v.to_le_bytes()).collect();
            ((*name).to_owned(), bytes, row.len())
        })
        .collect();
    let views = data.iter().map(|(name, bytes, length)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![*length], bytes).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn a_models_vectors_rank_by_what_they_mean() {
    let film = archive();
    let dog = film.source("archive:dog").object.to_string();
    let file = vectors(&[
        ("father/1974/beach", &[1.0, 0.1, 0.0]),
        ("father/1975/cafe", &[0.0, 0.2, 1.0]),
        (&dog, &[0.8, 0.5, 0.0]),
        ("father/nobody", &[1.0, 1.0, 1.0]),
    ]);
    let index = Index::open(&film.vault).unwrap();
    let imported = index.import_vectors(&film.archive(), "clip", &file).unwrap();
    assert_eq!(
        (imported.taken, imported.unknown),
        (3, vec!["father/nobody".to_owned()])
    );

    let by = |text: &str, model: &str, vector: Option<Vec<f32>>| {
        let mut query = Query::parse(text).unwrap();
        query.by_vectors = Some(ByVectors {
            model: model.into(),
            vector,
        });
        index.search(&film.archive(), &query, 9, 0)
    };
    let ordered = |found: Found| -> Vec<String> { found.hits.into_iter().map(|hit| hit.name).collect() };
    let found = by("like:archive:1974/beach", "clip", None).unwrap();
    assert_eq!((found.total, found.unseen), (3, 1));
    assert!((found.hits[0].score - 1.0).abs() < 1e-6);
    assert_eq!(
        ordered(found),
        ["father/1974/beach", "father/dog", "father/1975/cafe"]
    );
    // By the vector of a text, and among what words choose.
    let text = Some(vec![0.0, 0.0, 2.0]);
    assert_eq!(
        ordered(by("", "clip", text.clone()).unwrap())[0],
        "father/1975/cafe"
    );
    assert_eq!(ordered(by("beach*", "clip", text).unwrap()).len(), 2);

    // A second file of the model stands in place of the first.
    index
        .import_vectors(&film.archive(), "clip", &vectors(&[("father/dog", &[1.0, 0.0])]))
        .unwrap();
    assert_eq!(
        ordered(by("like:archive:dog", "clip", None).unwrap()),
        ["father/dog"]
    );
    for (error, mend) in [
        (
            by("like:archive:cafe", "clip", None),
            "no vector of archive:cafe by clip",
        ),
        (
            by("like:archive:dog", "dino", None),
            "no vector of any source by dino",
        ),
        (by("", "clip", Some(vec![1.0; 3])), "3 numbers and others have 2"),
        (by("", "clip", Some(vec![0.0; 2])), "no direction"),
        (by("", "clip", None), "like:archive:NAME"),
    ] {
        let text = error.unwrap_err().to_string();
        assert!(text.contains(mend), "{text}");
    }
    for (file, mend) in [
        (b"no such file".to_vec(), "no safetensors file"),
        (
            vectors(&[("father/dog", &[1.0]), ("father/moon", &[1.0, 2.0])]),
            "one model at a time",
        ),
        (vectors(&[("father/dog", &[0.0, f32::NAN])]), "no direction"),
    ] {
        let text = index
            .import_vectors(&film.archive(), "clip", &file)
            .unwrap_err()
            .to_string();
        assert!(text.contains(mend), "{text}");
    }
    assert_eq!(only_vector(&vectors(&[("a", &[1.0, 2.0])])).unwrap(), [1.0, 2.0]);
    assert!(only_vector(&vectors(&[("a", &[1.0]), ("b", &[1.0])])).is_err());
}

#[test]
fn an_open_index_sees_what_is_seen_later() {
    let film = archive();
    forget(&film);
    let index = Index::open(&film.vault).unwrap();
    let query = Query::parse("colour:red").unwrap();
    assert_eq!(index.search(&film.archive(), &query, 9, 0).unwrap().total, 0);
    see(&film);
    assert_eq!(index.search(&film.archive(), &query, 9, 0).unwrap().total, 4);
}

#[test]
fn mistakes_are_told_with_their_mend() {
    let cases = [
        ("persn:jean", "did you mean person:?"),
        ("xyzzy:jean", "there are caption:"),
        ("\"open", "write a second \""),
        ("person:", "person:\"Jean Doe\""),
        ("taken:", "taken:1974"),
        ("!!!", "holds no letter"),
        ("taken:1974-13", "no such day"),
        ("taken:1976..1974", "ends before it begins"),
        ("taken:74", "4 digits"),
        ("near:1,2,-3km", "more than nothing"),
        ("near:100,2", "from -90 to 90"),
        ("near:here", "a latitude and a longitude"),
        ("may:dance", "look, generate, publish or train"),
        ("is:nice", "photograph, clip"),
        ("wider:-3", "no number of pixels"),
        ("colour:mauve", "red, orange"),
        ("-colour:red", "without the minus"),
        ("like:a.jpg like:b.jpg", "twice"),
    ];
    for (text, mend) in cases {
        let error = Query::parse(text).expect_err(text).to_string();
        assert!(error.contains(mend), "{text}: {error}");
    }
    assert!(Query::parse(&"a ".repeat(41)).is_err());
    assert!(Query::parse(&"a".repeat(2001)).is_err());
}

#[test]
fn hostile_text_is_only_text() {
    let film = archive();
    for text in [
        "beach\" OR \"dog",
        "NOT beach",
        "beach OR dog",
        "NEAR(beach dog)",
        "-\"caption: x\"",
        "\"{caption} : a\"*",
        "a\0b",
        "'; DROP TABLE entries; --x",
        "^beach",
        "beach + dog",
        "(beach",
        "\u{e000} x",
        "person:\"a\u{e000}b\"",
        "\u{1f600}a \u{300}a",
        "folder:%",
    ] {
        match Query::parse(text) {
            Ok(query) => drop(film.archive().search(&query, 9, 0).unwrap()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert_eq!(search(&film, "").total, 4);
}

fn query_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,6}",
        any::<String>(),
        "[-\"*:(){}^+ ,.#\\PC]{0,8}",
        "(person|keyword|near|taken|may|is|wider|colour|like|folder|nosuch):",
        "(near:[0-9.,-]{1,12}km|taken:[0-9.-]{4,14}|may:(generate|train)|is:(clip|grey)|colour:(red|#[0-9a-f]{6}))",
    ];
    proptest::collection::vec(word, 0..6)
        .prop_flat_map(|words| prop_oneof![Just(words.join(" ")), Just(words.concat())])
}

#[test]
fn any_text_is_a_query_or_an_error_with_words() {
    let film = archive();
    see(&film);
    let index = Index::open(&film.vault).unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let checked = runner.run(&query_text(), |text| {
        match Query::parse(&text) {
            Err(error) => prop_assert!(error.to_string().len() > 20),
            Ok(query) => {
                let again = Query::parse(&query.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&query), "written as {}", query);
                match index.search(&film.archive(), &query, 5, 0) {
                    Ok(found) => prop_assert!(found.total <= 4),
                    Err(SearchError::NotSeen { .. } | SearchError::Like(_) | SearchError::Call(_)) => {}
                    Err(error) => panic!("{query}: {error}"),
                }
            }
        }
        Ok(())
    });
    checked.unwrap();
}
