//! The same bytes for any number of threads, with and without SIMD, on every machine: against committed hashes.
//!
//! A change that means to change the bytes raises `engine::REVISION` and renews `tests/goldens.txt` by
//! `HEIRLOOM_BLESS=1 cargo test -p heirloom-engine-exemplar --test determinism`.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{draw, facts, request, two_photographs};
use heirloom_engine::{Param, Request, Task, settings};
use heirloom_engine_exemplar::synth::patch::{Simd, choose};

fn hashes(name: &str, request: &Request, files: &common::Files) -> String {
    let work = tempfile::tempdir().unwrap();
    let (_, draft) = draw(request, work.path(), files);
    let all = facts(&draft).frame_hashes.concat();
    let mut files = blake3::Hasher::new();
    for file in &draft.files {
        files.update(&std::fs::read(&file.path).unwrap());
    }
    format!(
        "{name} frames {} files {}\n",
        blake3::hash(all.as_bytes()),
        files.finalize()
    )
}

#[test]
fn takes_have_the_same_bytes_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let mut film_sized = request(Task::Living, &[cells], 2, Some("curl"), 0.5);
    film_sized.params.insert(settings::GRID.into(), Param::Whole(3));
    let requests = [
        ("living", request(Task::Living, &[cells], 15, Some("curl"), 0.5)),
        (
            "rising",
            request(Task::Living, &[stars, cells], 3, Some("rise"), 0.0),
        ),
        ("still", request(Task::Still, &[stars], 1, None, 1.0)),
        (
            "becoming",
            request(Task::Becoming, &[stars, cells], 9, Some("curl"), 0.5),
        ),
        ("film-sized", film_sized),
    ];
    let all = |threads: usize| -> String {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| requests.iter().map(|(name, r)| hashes(name, r, &files)).collect())
    };
    choose(Simd::Auto);
    let two = all(2);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens.txt");
    if std::env::var("HEIRLOOM_BLESS").is_ok() {
        std::fs::write(&path, &two).unwrap();
    }
    assert_eq!(
        two,
        std::fs::read_to_string(&path).unwrap(),
        "the committed hashes"
    );
    assert_eq!(all(1), two, "one thread");
    assert_eq!(all(3), two, "three threads");
    choose(Simd::Off);
    assert_eq!(all(2), two, "without SIMD");
}
