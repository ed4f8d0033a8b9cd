//! From the tables of `film.toml` to scenes and shots.

use crate::like::like;
use crate::read::{MAX_NAME, Places, ShotPlace, words};
use crate::read_blocking::{blocking, boards};
use crate::toml::{Table, Value};
use crate::{Flow, Id, Kind, Motion, Rate, Scene, Shot, SourceCall};

/// Most sources of one shot.
const MAX_SOURCES: usize = 1_000;

/// One scene with its shots; where they stand goes into `places`.
pub(crate) fn scene(mut table: Table<'_>, rate: Rate, places: &mut Places) -> Scene {
    table.describe("the scene");
    let name_value = table.require("name", "\"...\"");
    let name_place = name_value.as_ref().map_or(table.span(), Value::span);
    let name = name_value.and_then(|v| part_name(&v)).unwrap_or_default();
    if !name.is_empty() {
        table.describe(format!("scene \"{name}\""));
    }
    let id = id(&mut table, places);
    let mut shots = Vec::new();
    let mut shot_places = Vec::new();
    for table in table.get("shot").and_then(|v| v.tables()).unwrap_or_default() {
        let (shot, place) = shot(table, rate, places);
        shots.push(shot);
        shot_places.push(place);
    }
    places.scenes.push((name_place, shot_places));
    table.finish(&[("shots", "shot"), ("title", "name")]);
    Scene { id, name, shots }
}

/// The name of a scene or a shot: the two are joined by a slash where one is called from outside.
fn part_name(value: &Value<'_>) -> Option<String> {
    let name = value.name(MAX_NAME)?;
    if name.contains('/') {
        value.fault(
            "a name cannot hold `/`, which stands between scene and shot",
            format!("write \"{}\"", name.replace('/', "-").escape_debug()),
        );
        return None;
    }
    Some(name.into())
}

fn id(table: &mut Table<'_>, places: &mut Places) -> Option<Id> {
    let value = table.get("id")?;
    match Id::parse(value.string()?) {
        Ok(id) => {
            places.ids.push((id.clone(), value.span()));
            Some(id)
        }
        Err(error) => {
            let what = error.to_string();
            let (what, mend) = what.split_once(": ").unwrap_or((&what, ""));
            value.fault(what, mend);
            None
        }
    }
}

/// The kinds by their words.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Living,
    Still,
    Becoming,
    Plate,
    Guided,
}

impl Word {
    fn text(self) -> &'static str {
        match self {
            Word::Living => "living",
            Word::Still => "still",
            Word::Becoming => "becoming",
            Word::Plate => "plate",
            Word::Guided => "guided",
        }
    }
}

fn shot(mut table: Table<'_>, rate: Rate, places: &mut Places) -> (Shot, ShotPlace) {
    table.describe("the shot");
    let name_value = table.require("name", "\"010\"");
    let name_place = name_value.as_ref().map_or(table.span(), Value::span);
    let name = name_value.and_then(|v| part_name(&v)).unwrap_or_default();
    if !name.is_empty() {
        table.describe(format!("shot \"{name}\""));
    }
    let id = id(&mut table, places);
    let day = rate.frames_in(24 * 3600) as i64;
    let frames_value = table.require("frames", "96");
    let frames_place = frames_value.as_ref().map_or(table.span(), Value::span);
    let frames = frames_value.and_then(|v| v.integer(1..=day)).unwrap_or(day) as u32;
    let dissolve_value = table.get("dissolve");
    let dissolve_place = dissolve_value.as_ref().map_or(table.span(), Value::span);
    let dissolve = dissolve_value.and_then(|v| v.integer(0..=day)).unwrap_or(0) as u32;
    let kind_value = table.require("kind", "\"living\"");
    let word = kind_value.as_ref().and_then(kind_word);
    let mut shot = Shot::new(&name, frames, Kind::Plate { start: 0 });
    shot.id = id;
    shot.dissolve = dissolve;
    shot.prompt = words(&mut table, "prompt");
    shot.mood = words(&mut table, "mood");

    // Of a shot whose kind is not known, every key is asked for and none is missed.
    let is = |kinds: &[Word]| word.is_none_or(|word| kinds.contains(&word));
    let (living, still, becoming, plate) = (Word::Living, Word::Still, Word::Becoming, Word::Plate);
    let guided = Word::Guided;
    let mut foreign = Foreign {
        word: word.map_or("", Word::text),
        name: &name,
    };

    if is(&[living, still, plate, guided]) {
        let value = if word.is_some_and(|word| word != guided) {
            table.require("sources", "[\"archive:...\"]")
        } else {
            table.get("sources")
        };
        shot.sources = value
            .map(|v| sources(&v, word == Some(plate)))
            .unwrap_or_default();
    } else {
        foreign.judge(
            &mut table,
            "sources",
            "name the two photographs with `from` and `to`",
        );
    }
    let mut ends = [None, None];
    for (end, key) in ends.iter_mut().zip(["from", "to"]) {
        if word == Some(becoming) {
            *end = table.require(key, "\"archive:...\"").and_then(|v| call(&v));
        } else if is(&[becoming]) {
            table.get(key);
        } else {
            foreign.judge(
                &mut table,
                key,
                "name its photographs with `sources`, or write `kind = \"becoming\"`",
            );
        }
    }
    let mut moves = None;
    if is(&[living, still, becoming]) {
        moves = table.get("motion").and_then(|v| v.table()).map(motion);
    } else if word == Some(guided) {
        foreign.judge(
            &mut table,
            "motion",
            "delete it: what moves, and how, is in the shot's `blocking`",
        );
    }
    if is(&[living, still, becoming, guided]) {
        shot.seed = table
            .get("seed")
            .and_then(|v| v.integer(0..=i64::MAX))
            .unwrap_or(0) as u64;
        shot.finish = float(&mut table, "finish", 0.0..=1.0).unwrap_or(Shot::DEFAULT_FINISH);
        shot.scale = float(&mut table, "scale", 0.05..=20.0);
        shot.engine = table.get("engine").and_then(|v| v.name(64)).map(String::from);
    } else {
        for key in ["motion", "seed", "finish", "scale", "engine"] {
            foreign.judge(&mut table, key, "delete it: a plate is shown as it was shot");
        }
    }
    if is(&[living, still]) {
        shot.like = like(&mut table);
    } else {
        for key in ["like", "amount"] {
            foreign.judge(
                &mut table,
                key,
                "delete it: only living and still shots move a little from a take",
            );
        }
    }
    for key in ["flow", "speed", "direction", "steady"] {
        table.forbid(
            key,
            format!("`{key}` is a key of the shot's motion"),
            format!("write it in there: `motion = {{ {key} = ... }}`"),
        );
    }
    let blocking_value = table.get("blocking");
    if let (None, true) = (&blocking_value, word == Some(guided)) {
        table.missing(
            "blocking",
            "add `[scene.shot.blocking]` below it: who and what stands where, and how the camera moves",
        );
    }
    shot.blocking = blocking_value
        .and_then(|v| v.table())
        .map(|table| blocking(table, frames));
    shot.boards = table.get("board").map(|v| boards(&v, frames)).unwrap_or_default();
    let mut start = 0;
    if is(&[plate]) {
        start = table.get("start").and_then(|v| v.integer(0..=day)).unwrap_or(0) as u32;
    } else {
        foreign.judge(&mut table, "start", "delete it: only a plate is trimmed");
    }
    shot.kind = match (word, ends) {
        (Some(Word::Living), _) => Kind::Living {
            motion: moves.unwrap_or_default(),
        },
        (Some(Word::Still), _) => Kind::Still { motion: moves },
        (Some(Word::Becoming), [Some(from), Some(to)]) => Kind::Becoming {
            from,
            to,
            motion: moves.unwrap_or_default(),
        },
        (Some(Word::Guided), _) => Kind::Guided,
        _ => Kind::Plate { start },
    };
    table.finish(&[
        ("length", "frames"),
        ("duration", "frames"),
        ("fade", "dissolve"),
        ("transition", "dissolve"),
        ("source", "sources"),
        ("type", "kind"),
        ("model", "engine"),
        ("in", "start"),
        ("boards", "board"),
        ("storyboard", "board"),
        ("stage", "blocking"),
        ("camera", "blocking"),
    ]);
    let place = ShotPlace {
        name: name_place,
        frames: frames_place,
        dissolve: dissolve_place,
    };
    (shot, place)
}

/// Says of keys that they belong to shots of another kind.
struct Foreign<'a> {
    word: &'a str,
    name: &'a str,
}

impl Foreign<'_> {
    fn judge(&mut self, table: &mut Table<'_>, key: &'static str, mend: &str) {
        let Foreign { word, name } = self;
        table.forbid(
            key,
            format!("`{key}` does not belong to a {word} shot (\"{name}\")"),
            mend,
        );
    }
}

fn kind_word(value: &Value<'_>) -> Option<Word> {
    let all = [
        Word::Living,
        Word::Still,
        Word::Becoming,
        Word::Plate,
        Word::Guided,
    ];
    value.one_of(&all.map(|word| (word.text(), word)))
}

fn sources(value: &Value<'_>, single: bool) -> Vec<SourceCall> {
    let Some(items) = value.items() else {
        return Vec::new();
    };
    if items.is_empty() {
        value.fault(
            "`sources` is empty",
            "name at least one: `sources = [\"archive:eta-carinae\"]`",
        );
    }
    if single && items.len() > 1 {
        value.fault(
            format!("a plate has one clip, but `sources` names {}", items.len()),
            "keep one, and make a shot of each other one",
        );
    }
    if items.len() > MAX_SOURCES {
        value.fault(
            format!("`sources` names {}, more than {MAX_SOURCES}", items.len()),
            format!("keep at most {MAX_SOURCES}"),
        );
        return Vec::new();
    }
    items.iter().filter_map(call).collect()
}

fn call(value: &Value<'_>) -> Option<SourceCall> {
    match SourceCall::parse(value.string()?) {
        Ok(call) => Some(call),
        Err(error) => {
            let (what, mend) = error.parts();
            value.fault(what, mend);
            None
        }
    }
}

fn float(table: &mut Table<'_>, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f32> {
    table
        .get(key)
        .and_then(|v| v.number(range))
        .map(|number| number as f32)
}

fn motion(mut table: Table<'_>) -> Motion {
    table.describe("`motion`");
    let plain = Motion::default();
    let flow = table
        .get("flow")
        .and_then(|v| v.one_of(&Flow::ALL.map(|flow| (flow.word(), flow))));
    let motion = Motion {
        flow: flow.unwrap_or(plain.flow),
        speed: float(&mut table, "speed", 0.0..=4.0).unwrap_or(plain.speed),
        direction_deg: float(&mut table, "direction", -360.0..=360.0).unwrap_or(plain.direction_deg),
        steady: float(&mut table, "steady", 0.0..=1.0).unwrap_or(plain.steady),
    };
    table.finish(&[
        ("angle", "direction"),
        ("pace", "speed"),
        ("kind", "flow"),
        ("type", "flow"),
    ]);
    motion
}
