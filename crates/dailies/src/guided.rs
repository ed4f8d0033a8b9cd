//! Shots that follow the stage: the request of their engine, and the guides that it names.

use std::collections::BTreeMap;
use std::sync::Arc;

use heirloom_archive::Source;
use heirloom_engine::gate::Action;
use heirloom_engine::{Guides, Param, Request, Task, settings};
use heirloom_film::{Kind, Shot, SourceCall};

use crate::guides::ShotGuides;
use crate::plan::{Room, Why, Work, calls, draw};
use crate::staged::{Shelf, Sources, StageError, Staged, stage_shot};
use crate::wording::Wording;

/// The shot on the stage.
pub(crate) fn staged(room: &Room<'_>, shot: &Shot) -> Result<Staged, Why> {
    let sources = Sources {
        folder: room.folder,
        archive: Some(Shelf {
            vault: room.vault,
            sources: room.archive,
            gate: room.gate,
            action: Action::Spend,
        }),
    };
    stage_shot(room.film, shot, &sources).map_err(|error| match error {
        StageError::Gate(grounds) => Why::Gate(grounds),
        other => Why::Shot(other.to_string()),
    })
}

/// The guides of a shot at the moments of a request.
pub(crate) fn guides(staged: Staged, request: &Request) -> Result<ShotGuides, Why> {
    // At the engine's own moments, where those are not the film's.
    ShotGuides::new(staged, request.frames, request.rate).map_err(|e| Why::Shot(e.to_string()))
}

fn named(request: Box<Request>, guides: ShotGuides) -> Result<(Work, Arc<ShotGuides>), Why> {
    let id = request.id().map_err(|e| Why::Shot(e.to_string()))?;
    Ok((Work::Draw { request, id }, Arc::new(guides)))
}

/// Whether a clip that is made over is to keep to the stage of its shot.
pub(crate) fn keeps_to_stage(shot: &Shot) -> bool {
    let is_styled = matches!(shot.kind, Kind::Style { .. });
    is_styled && shot.blocking.is_some() && shot.settings.contains_key(settings::CONTROL)
}

/// A clip that is made over, and keeps to the stage of its shot.
pub(crate) fn styled(room: &Room<'_>, shot: &Shot, work: Work) -> Result<(Work, Arc<ShotGuides>), Why> {
    let Work::Draw { mut request, .. } = work else {
        return Err(Why::Shot("it is not drawn".into()));
    };
    let guides = guides(staged(room, shot)?, &request)?;
    request.guides = Some(guides.object());
    named(request, guides)
}

/// A guided shot.
pub(crate) fn guided(
    room: &Room<'_>,
    shot: &Shot,
    sources: &[Source],
    spoken: &mut Wording,
) -> Result<(Work, Arc<ShotGuides>), Why> {
    let Kind::Guided { matter, light } = &shot.kind else {
        return Err(Why::Shot("it is not guided".into()));
    };
    let of_words = room
        .engines
        .get(shot.engine.as_deref())
        .is_ok_and(|engine| engine.card().sources_of(Task::Guided).0 == 0);
    if sources.is_empty() && !of_words {
        return Err(Why::Shot(
            "it has no matter: name photographs with `sources = [\"archive:...\"]`, or for each thing with `matter`".into(),
        ));
    }
    let staged = staged(room, shot)?;
    let Work::Draw { mut request, .. } = draw(room.film, shot, sources, &[], room.engines, spoken)? else {
        return Err(Why::Shot("it is not drawn".into()));
    };
    let guides = guides(staged, &request)?;
    let calls = calls(shot);
    let number = |call: &SourceCall| calls.iter().position(|c| *c == call);
    let mut objects: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (thing, of) in matter {
        let known = thing == "*" || thing.is_empty() || guides.names().values().any(|name| name == thing);
        if !known {
            let names: Vec<&str> = guides.names().values().map(String::as_str).collect();
            return Err(Why::Shot(format!(
                "its `matter` names `{thing}`, which is not on the set; there are: {}",
                names.join(", ")
            )));
        }
        objects.insert(thing, of.iter().filter_map(number).collect());
    }
    // What the hand leaves open, names may say: a thing called "sea" is made of the photograph called so.
    if !matter.contains_key("*") {
        for name in guides.names().values() {
            if objects.contains_key(name.as_str()) {
                continue;
            }
            if let Some((k, why)) = room.desk.words.source_for(name, sources) {
                objects.insert(name, vec![k]);
                let file = sources.get(k).map(|s| s.file_name.clone()).unwrap_or_default();
                spoken.things.push((name.clone(), file, why.to_string()));
            }
        }
    }
    request.guides = Some(guides.object());
    if !objects.is_empty() {
        let text = serde_json::to_string(&objects).map_err(|e| Why::Shot(e.to_string()))?;
        request.params.insert(settings::OBJECTS.into(), Param::Text(text));
    }
    request.params.insert(
        settings::LIGHT.into(),
        Param::Number((f64::from(*light) * 1e6).round() / 1e6),
    );
    named(request, guides)
}
