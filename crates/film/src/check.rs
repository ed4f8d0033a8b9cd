//! Checks that compare one part of a film with another.

use std::collections::HashMap;

use crate::Film;
use crate::read::Places;
use crate::toml::{Table, nearest};

/// Everything that can only be said of the film as a whole.
pub(crate) fn whole(root: &Table<'_>, film: &Film, places: &Places) {
    if film.shots().next().is_none() {
        root.warn_of_file(
            "the film has no shots yet",
            "add `[[scene]]` with a name, and below it `[[scene.shot]]`",
        );
    }
    names(root, film, places);
    ids(root, places);
    dissolves(root, film, places);
    subjects(root, film, places);
}

fn names(root: &Table<'_>, film: &Film, places: &Places) {
    let mut scenes = HashMap::new();
    for (scene, (place, shot_places)) in film.scenes.iter().zip(&places.scenes) {
        if let Some(first) = scenes
            .insert(scene.name.as_str(), place)
            .filter(|_| !scene.name.is_empty())
        {
            root.fault_at(
                place.clone(),
                format!("two scenes are called \"{}\"", scene.name),
                "give one of them another name",
                Some((first.clone(), "first here")),
            );
        }
        let mut shots = HashMap::new();
        for (shot, place) in scene.shots.iter().zip(shot_places) {
            if let Some(first) = shots
                .insert(shot.name.as_str(), &place.name)
                .filter(|_| !shot.name.is_empty())
            {
                root.fault_at(
                    place.name.clone(),
                    format!("scene \"{}\" has two shots called \"{}\"", scene.name, shot.name),
                    "give one of them another name",
                    Some((first.clone(), "first here")),
                );
            }
        }
    }
}

fn ids(root: &Table<'_>, places: &Places) {
    let mut seen = HashMap::new();
    for (id, place) in &places.ids {
        if let Some(first) = seen.insert(id, place) {
            root.fault_at(
                place.clone(),
                format!("the id \"{id}\" is there twice"),
                "delete this line; the next `heirloom make` writes a fresh id",
                Some((first.clone(), "first here")),
            );
        }
    }
}

fn subjects(root: &Table<'_>, film: &Film, places: &Places) {
    let names: Vec<&str> = film
        .subjects
        .iter()
        .map(|subject| subject.name.as_str())
        .collect();
    let shots = film
        .shots()
        .map(|(_, shot)| shot)
        .zip(places.scenes.iter().flat_map(|(_, shots)| shots));
    for (shot, place) in shots {
        for (shown, place) in shot.subjects.iter().zip(&place.subjects) {
            if names.contains(&shown.name.as_str()) {
                continue;
            }
            let mend = match nearest(&shown.name, names.iter().copied()) {
                Some(meant) => format!("write \"{}\"", meant.escape_debug()),
                None => format!(
                    "add `[subject.\"{}\"]` with pictures of it: `pictures = [\"archive:...\"]`",
                    shown.name.escape_debug()
                ),
            };
            root.fault_at(
                place.clone(),
                format!("there is no subject called \"{}\"", shown.name.escape_debug()),
                mend,
                None,
            );
        }
    }
}

fn dissolves(root: &Table<'_>, film: &Film, places: &Places) {
    let shots: Vec<_> = film
        .shots()
        .map(|(_, shot)| shot)
        .zip(places.scenes.iter().flat_map(|(_, shots)| shots))
        .collect();
    for (index, (shot, place)) in shots.iter().enumerate() {
        if shot.dissolve == 0 {
            continue;
        }
        let Some((before, before_place)) = index.checked_sub(1).and_then(|at| shots.get(at)) else {
            root.fault_at(
                place.dissolve.clone(),
                "the first shot has nothing to dissolve from",
                "delete the line; the title card has a fade of its own",
                None,
            );
            continue;
        };
        let (short, frames) = if before.frames < shot.frames {
            (before, &before_place.frames)
        } else {
            (shot, &place.frames)
        };
        if shot.dissolve > short.frames {
            root.fault_at(
                place.dissolve.clone(),
                format!(
                    "the dissolve takes {} frames, but shot \"{}\" has only {}",
                    shot.dissolve, short.name, short.frames
                ),
                format!("write at most {}, or lengthen the shot", short.frames),
                Some((frames.clone(), "this shot's length")),
            );
        } else if u64::from(before.dissolve) + u64::from(shot.dissolve) > u64::from(before.frames)
            && before.dissolve <= before.frames
        {
            let left = before.frames - before.dissolve;
            let mend = match left {
                0 => format!(
                    "lengthen shot \"{}\", or delete one of the dissolves",
                    before.name
                ),
                _ => format!("write at most {left}, or lengthen shot \"{}\"", before.name),
            };
            root.fault_at(
                place.dissolve.clone(),
                format!(
                    "the dissolves into and out of shot \"{}\" take {} frames together, but it has only {}",
                    before.name,
                    u64::from(before.dissolve) + u64::from(shot.dissolve),
                    before.frames
                ),
                mend,
                Some((before_place.frames.clone(), "that shot's length")),
            );
        }
    }
}
