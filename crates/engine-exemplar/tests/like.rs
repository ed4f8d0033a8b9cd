//! Takes that are like a take: how near, in what, and what of it is lost.

#![allow(clippy::unwrap_used)] // what fails here fails the test

mod common;

use common::{Files, draw, open, request, two_photographs};
use heirloom_engine::distance::Signature;
use heirloom_engine::local::{Control, Generator, Stop};
use heirloom_engine::places::{PlaceMap, copying};
use heirloom_engine::{Order, Param, Request, TakeManifest, Task, settings};
use heirloom_engine_exemplar::engine::Exemplar;
use heirloom_engine_exemplar::map::Origin;
use heirloom_film::{Rate, Size};
use heirloom_vault::ObjectId;
use std::path::Path;
use std::sync::Arc;

/// Draws a request and keeps the take among the files: its id, its first map and what it is compared by.
fn keep(request: &Request, root: &Path, files: &mut Files) -> (ObjectId, Vec<Origin>, Signature) {
    let (order, draft) = draw(request, root, files);
    let (manifest, stored) = heirloom_engine::manifest_of(request, order.draw, &draft).unwrap();
    files.0.extend(stored);
    let bytes = serde_json::to_value::<&TakeManifest>(&manifest)
        .unwrap()
        .to_string();
    let id = ObjectId::of(bytes.as_bytes());
    let path = root.join(id.to_string());
    std::fs::write(&path, bytes).unwrap();
    files.0.insert(id, path);
    let (_, take) = open(request, &order, &draft, files);
    let signature = Signature::of(&take, Rate::CINEMA).unwrap();
    (id, take.map(0).unwrap().origins().to_vec(), signature)
}

fn like(request: &Request, take: ObjectId, amount: f64, seed: u64) -> Request {
    let mut like = Request {
        seed,
        ..request.clone()
    };
    like.pictures.insert(settings::LIKE.into(), take);
    like.params.insert(settings::AMOUNT.into(), Param::Number(amount));
    like
}

#[test]
fn an_amount_moves_just_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, stars) = two_photographs(folder.path());
    let plain = request(Task::Still, &[cells, stars], 1, None, 0.5);
    let (id, map, liked) = keep(&plain, folder.path(), &mut files);
    let mut before = -1.0;
    for (amount, free) in [(0.0, 0.0), (0.25, 0.25), (0.6, 0.6)] {
        let (_, other, signature) = keep(&like(&plain, id, amount, 90), folder.path(), &mut files);
        let moved = map.iter().zip(&other).filter(|(a, b)| a != b).count() as f64 / map.len() as f64;
        // Never more than the amount, and of what may change most does.
        assert!(
            moved <= free + 0.001 && moved >= free * 0.7,
            "amount {amount} moved {moved}"
        );
        let distance = signature.distance(&liked);
        assert!(distance.whole > before, "amount {amount}: {distance:?}");
        before = distance.whole;
    }
    // All of it is a new seed's own take, byte for byte.
    let (_, all, _) = keep(&like(&plain, id, 1.0, 90), folder.path(), &mut files);
    let own = Request { seed: 90, ..plain };
    assert_eq!(all, keep(&own, folder.path(), &mut files).1);
}

#[test]
fn what_is_liked_may_have_another_size_or_lack_a_photograph() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, stars) = two_photographs(folder.path());
    let plain = request(Task::Still, &[cells, stars], 1, None, 0.5);
    let (id, _, liked) = keep(&plain, folder.path(), &mut files);
    let mut larger = like(&plain, id, 0.0, 4);
    larger.size = Size {
        width: 256,
        height: 144,
    };
    let (_, _, signature) = keep(&larger, folder.path(), &mut files);
    let distance = signature.distance(&liked);
    assert!(distance.composition < 0.12, "{distance:?}");
    // The order of photographs does not matter, and what one gave that is not named is made anew.
    let mut turned = like(&plain, id, 0.0, 4);
    turned.sources = vec![stars, cells];
    let (_, _, signature) = keep(&turned, folder.path(), &mut files);
    assert!(signature.distance(&liked).whole < 1e-9);
    let mut one = like(&plain, id, 0.0, 4);
    one.sources = vec![cells];
    let (_, map, _) = keep(&one, folder.path(), &mut files);
    assert!(map.iter().all(|o| o.source == 0));
}

#[test]
fn what_is_no_take_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, _) = two_photographs(folder.path());
    let plain = request(Task::Still, &[cells], 1, None, 0.5);
    let wrong = like(&plain, cells, 0.3, 1);
    let order = Order::new(wrong, 0, &folder.path().join("w"), Arc::new(files)).unwrap();
    let stop = Exemplar::new().generate(&order, &Control::new()).unwrap_err();
    assert!(
        matches!(stop, Stop::Failed(ref f) if f.code == "like" && f.message.contains("name another")),
        "{stop:?}"
    );
}

#[test]
fn seeds_lie_apart_and_renderings_of_a_seed_together() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, cells, _) = two_photographs(folder.path());
    let plain = request(Task::Still, &[cells], 1, None, 0.5);
    let seeds: Vec<Signature> = (1..=4)
        .map(|seed| {
            let own = Request {
                seed,
                ..plain.clone()
            };
            keep(&own, folder.path(), &mut files).2
        })
        .collect();
    let mut other = Request { seed: 1, ..plain };
    other.params.insert(settings::FINISH.into(), Param::Number(0.0));
    let same = keep(&other, folder.path(), &mut files).2.distance(&seeds[0]);
    let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
    let nearest = pairs
        .iter()
        .map(|(a, b)| seeds[*a].distance(&seeds[*b]).whole)
        .fold(f64::INFINITY, f64::min);
    assert!(
        nearest > 0.12 && nearest > same.whole * 8.0,
        "nearest {nearest}, same {same:?}"
    );
}

#[test]
fn a_copy_is_known_and_a_new_picture_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (files, cells, stars) = two_photographs(folder.path());
    let made = request(Task::Still, &[cells, stars], 1, None, 0.5);
    let (order, draft) = draw(&made, &folder.path().join("a"), &files);
    let (_, take) = open(&made, &order, &draft, &files);
    let new = copying(&PlaceMap::read(&take, 0).unwrap().unwrap(), &|_| false).unwrap();
    // The first frame of a becoming is the photograph itself.
    let becoming = request(Task::Becoming, &[cells, stars], 3, None, 0.5);
    let (order, draft) = draw(&becoming, &folder.path().join("b"), &files);
    let (_, take) = open(&becoming, &order, &draft, &files);
    let map = PlaceMap::read(&take, 0).unwrap().unwrap();
    let copy = copying(&map, &|_| false).unwrap();
    assert!(new.nearness() < 0.3 && copy.nearness() > 0.99, "{new:?} {copy:?}");
    assert_eq!((copy.source, map.pieces(&|_| false).all.len()), (cells, 1));
    assert!(copy.in_place > 0.99, "{copy:?}");
    // Left out by intent, nothing of it is judged.
    assert_eq!(copying(&map, &|_| true), None);
}
