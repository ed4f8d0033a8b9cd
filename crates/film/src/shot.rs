//! From the tables of `film.toml` to scenes and shots.

use std::collections::BTreeSet;

use crate::budget;
use crate::like::like;
use crate::read::{MAX_NAME, Places, ShotPlace, size, words};
use crate::read_blocking::{blocking, boards};
use crate::read_layout;
use crate::settings::settings;
use crate::subject;
use crate::toml::{Table, Value};
use std::collections::BTreeMap;

use crate::{Flow, Id, Kind, Margins, Motion, Rate, Scene, Shot, SourceCall, Still};

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
    let budget_usd = table.get("budget_usd").and_then(|v| budget::amount(&v));
    let mut shots = Vec::new();
    let mut shot_places = Vec::new();
    for table in table.get("shot").and_then(|v| v.tables()).unwrap_or_default() {
        let (shot, place) = shot(table, rate, places);
        shots.push(shot);
        shot_places.push(place);
    }
    places.scenes.push((name_place, shot_places));
    table.finish(&[
        ("shots", "shot"),
        ("title", "name"),
        ("budget", "budget_usd"),
        ("usd", "budget_usd"),
    ]);
    Scene {
        id,
        name,
        budget_usd,
        shots,
    }
}

/// Which engine makes it, at which size, and that engine's own settings.
fn engine(table: &mut Table<'_>, shot: &mut Shot) {
    shot.engine = table.get("engine").and_then(|v| v.name(64)).map(String::from);
    shot.size = table.get("size").and_then(|v| size(&v));
    shot.settings = table.get("settings").map(|v| settings(&v)).unwrap_or_default();
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
    Style,
    Extend,
    Between,
    Slow,
    Fill,
}

impl Word {
    fn text(self) -> &'static str {
        match self {
            Word::Living => "living",
            Word::Still => "still",
            Word::Becoming => "becoming",
            Word::Plate => "plate",
            Word::Guided => "guided",
            Word::Style => "style",
            Word::Extend => "extend",
            Word::Between => "between",
            Word::Slow => "slow",
            Word::Fill => "fill",
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
    let (guided, fill) = (Word::Guided, Word::Fill);
    let (style, extend, between, slow) = (Word::Style, Word::Extend, Word::Between, Word::Slow);
    let mut foreign = Foreign {
        word: word.map_or("", Word::text),
        name: &name,
    };

    if is(&[living, still, plate, guided, style, fill]) {
        // Words may choose the photographs of a living shot or a still; a clip is named. Whether a style is in photographs
        // or in words, its engine knows.
        let spoken = !(shot.prompt.is_empty() && shot.mood.is_empty());
        let chosen = matches!(word, Some(Word::Living | Word::Still)) && spoken;
        let value = if word.is_some_and(|word| ![guided, fill, style].contains(&word)) && !chosen {
            table.require("sources", "[\"archive:...\"]")
        } else {
            table.get("sources")
        };
        shot.sources = value
            .map(|v| sources(&v, word == Some(plate)))
            .unwrap_or_default();
    } else {
        let mend = if is(&[becoming, between]) {
            "name the two photographs with `from` and `to`"
        } else {
            "name the clip: `clip = \"archive:...\"`"
        };
        foreign.judge(&mut table, "sources", mend);
    }
    let mut ends = [None, None];
    for (end, key) in ends.iter_mut().zip(["from", "to"]) {
        if word == Some(becoming) || word == Some(between) {
            *end = table.require(key, "\"archive:...\"").and_then(|v| call(&v));
        } else if is(&[becoming]) {
            table.get(key);
        } else {
            let mend = if is(&[style, extend, slow]) {
                "name the clip with `clip`, or write `kind = \"becoming\"` or `\"between\"`"
            } else {
                "name its photographs with `sources`, or write `kind = \"becoming\"`"
            };
            foreign.judge(&mut table, key, mend);
        }
    }
    let mut clip = None;
    if word.is_some() && is(&[style, extend, slow]) {
        clip = table.require("clip", "\"archive:...\"").and_then(|v| call(&v));
    } else if word.is_none() {
        table.get("clip");
    } else {
        foreign.judge(
            &mut table,
            "clip",
            "a clip belongs to `kind = \"style\"`, `\"extend\"` or `\"slow\"`; a plate names it with `sources`",
        );
    }
    let mut moves = None;
    if is(&[living, still, becoming]) {
        let read = table
            .get("motion")
            .and_then(|v| v.table())
            .map(|table| motion(table, word == Some(becoming), &mut shot.stated));
        if let Some((motion, held)) = read {
            moves = Some(motion);
            shot.still = held;
        }
    } else if word == Some(fill) {
        foreign.judge(&mut table, "motion", "delete it: a filled photograph is held");
    } else if word == Some(guided) {
        foreign.judge(
            &mut table,
            "motion",
            "delete it: what moves, and how, is in the shot's `blocking`",
        );
    } else if is(&[style, extend, between, slow]) {
        foreign.judge(
            &mut table,
            "motion",
            "delete it: the shot moves as its clip or its two stills do",
        );
    }
    if is(&[living, still, becoming, guided, style, fill]) {
        shot.seed = table
            .get("seed")
            .and_then(|v| v.integer(0..=i64::MAX))
            .unwrap_or(0) as u64;
        shot.finish = float(&mut table, "finish", 0.0..=1.0).unwrap_or(Shot::DEFAULT_FINISH);
        shot.scale = float(&mut table, "scale", 0.05..=20.0);
        for key in ["finish", "scale"] {
            if table.has(key) {
                shot.stated.insert(key);
            }
        }
        engine(&mut table, &mut shot);
    } else if is(&[extend, between, slow]) {
        shot.seed = table
            .get("seed")
            .and_then(|v| v.integer(0..=i64::MAX))
            .unwrap_or(0) as u64;
        engine(&mut table, &mut shot);
        // Its pictures are shown as they are: there are no seams to finish.
        shot.finish = 0.0;
        for key in ["finish", "scale"] {
            foreign.judge(
                &mut table,
                key,
                "delete it: the shot shows its pictures as they are",
            );
        }
    } else {
        for key in ["motion", "seed", "finish", "scale", "engine", "size", "settings"] {
            foreign.judge(&mut table, key, "delete it: a plate is shown as it was shot");
        }
    }
    let mut matter = BTreeMap::new();
    let mut light = None;
    if is(&[guided]) {
        matter = table
            .get("matter")
            .and_then(|v| v.table())
            .map(matter_of)
            .unwrap_or_default();
        light = float(&mut table, "light", 0.0..=1.0);
    } else {
        for key in ["matter", "light"] {
            foreign.judge(
                &mut table,
                key,
                "delete it: only a guided shot has things on a set",
            );
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
    if is(&[living, still]) {
        shot.layout = table
            .get("layout")
            .and_then(|v| v.table())
            .and_then(|table| read_layout::layout(table, &shot.sources, &shot.boards));
    } else {
        foreign.judge(
            &mut table,
            "layout",
            "delete it: only the composition of a still or living shot can be drawn",
        );
    }
    let shown = table
        .get("subjects")
        .map(|v| subject::shown(&v, frames))
        .unwrap_or_default();
    let subject_places;
    (shot.subjects, subject_places) = shown.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let filled = filled(&mut table, word, &mut foreign);
    let mut start = 0;
    if is(&[plate, style, slow]) {
        start = table.get("start").and_then(|v| v.integer(0..=day)).unwrap_or(0) as u32;
    } else {
        foreign.judge(
            &mut table,
            "start",
            "delete it: only a plate, and a clip that is styled or slowed down, is trimmed",
        );
    }
    let mut of = |table: &mut Table<'_>, kinds: &[Word], key: &'static str, range, mend: &str| {
        if is(kinds) {
            float(table, key, range)
        } else {
            foreign.judge(table, key, mend);
            None
        }
    };
    let strength = of(
        &mut table,
        &[style],
        "strength",
        0.0..=1.0,
        "delete it, or write `kind = \"style\"`",
    );
    let pace = of(
        &mut table,
        &[slow],
        "pace",
        0.05..=1.0,
        "delete it, or write `kind = \"slow\"`; how fast matter flows is `motion = { speed = ... }`",
    );
    let mut tail = Kind::DEFAULT_TAIL;
    if is(&[extend]) {
        tail = table
            .get("tail")
            .and_then(|v| v.integer(2..=1000))
            .map_or(tail, |n| n as u32);
    } else {
        foreign.judge(&mut table, "tail", "delete it, or write `kind = \"extend\"`");
    }
    shot.kind = match (word, ends) {
        (Some(Word::Between), [Some(from), Some(to)]) => Kind::Between { from, to },
        (Some(Word::Living), _) => Kind::Living {
            motion: moves.unwrap_or_default(),
        },
        (Some(Word::Still), _) => Kind::Still { motion: moves },
        (Some(Word::Becoming), [Some(from), Some(to)]) => Kind::Becoming {
            from,
            to,
            motion: moves.unwrap_or_default(),
        },
        (Some(Word::Guided), _) => Kind::Guided {
            matter,
            light: light.unwrap_or(Shot::DEFAULT_LIGHT),
        },
        (Some(Word::Fill), _) => filled.unwrap_or(Kind::Plate { start }),
        (Some(word), _) => match (word, clip) {
            (Word::Style, Some(clip)) => Kind::Style {
                clip,
                start,
                strength: strength.unwrap_or(1.0),
            },
            (Word::Extend, Some(clip)) => Kind::Extend { clip, tail },
            (Word::Slow, Some(clip)) => Kind::Slow {
                clip,
                start,
                pace: pace.unwrap_or(Kind::DEFAULT_PACE),
            },
            _ => Kind::Plate { start },
        },
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
        ("resolution", "size"),
        ("params", "settings"),
        ("options", "settings"),
        ("in", "start"),
        ("plate", "clip"),
        ("video", "clip"),
        ("factor", "pace"),
        ("boards", "board"),
        ("storyboard", "board"),
        ("stage", "blocking"),
        ("camera", "blocking"),
        ("composition", "layout"),
        ("drawing", "layout"),
        ("margins", "frame"),
        ("subject", "subjects"),
        ("characters", "subjects"),
        ("outpaint", "frame"),
    ]);
    let place = ShotPlace {
        name: name_place,
        frames: frames_place,
        dissolve: dissolve_place,
        subjects: subject_places,
    };
    (shot, place)
}

/// What things are made of: a call or a list of calls for each name.
fn matter_of(mut table: Table<'_>) -> BTreeMap<String, Vec<SourceCall>> {
    table.describe("`matter`");
    table
        .entries()
        .into_iter()
        .map(|(name, value)| {
            let calls = match value.is_list() {
                true => sources(&value, false),
                false => call(&value).into_iter().collect(),
            };
            (name.to_owned(), calls)
        })
        .collect()
}

/// What only a fill has: its plate, its mask and what is added round it.
fn filled(table: &mut Table<'_>, word: Option<Word>, foreign: &mut Foreign<'_>) -> Option<Kind> {
    if word.is_some_and(|word| word != Word::Fill) {
        for key in ["plate", "mask", "frame"] {
            foreign.judge(table, key, "delete it, or write `kind = \"fill\"`");
        }
        return None;
    }
    let plate = if word.is_some() {
        table.require("plate", "\"archive:...\"")
    } else {
        table.get("plate")
    };
    let plate = plate.and_then(|v| call(&v));
    let mask = table.get("mask").map(|v| read_layout::mask(&v));
    let frame = table.get("frame");
    let margins = frame
        .as_ref()
        .and_then(|v| v.table())
        .map_or(Margins::default(), read_layout::margins);
    if word.is_some() && mask.is_none() {
        match &frame {
            None => table.missing(
                "mask",
                "add `mask = \"masks/010.png\"`, white where the plate is made anew, or \
                 `frame = { left = 0.2, right = 0.2 }`, what is added round it",
            ),
            Some(frame) if margins.is_none() => frame.fault(
                "`frame` adds nothing, and there is no `mask`: nothing is filled",
                "write how much is added, in shares of the plate: `frame = { left = 0.2, right = 0.2 }`",
            ),
            Some(_) => {}
        }
    }
    Some(Kind::Fill {
        plate: plate?,
        mask,
        margins,
    })
}

/// Says of keys that they belong to shots of another kind.
struct Foreign<'a> {
    word: &'a str,
    name: &'a str,
}

impl Foreign<'_> {
    fn judge(&mut self, table: &mut Table<'_>, key: &'static str, mend: &str) {
        let Foreign { word, name } = self;
        let article = if word.starts_with('e') { "an" } else { "a" };
        table.forbid(
            key,
            format!("`{key}` does not belong to {article} {word} shot (\"{name}\")"),
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
        Word::Style,
        Word::Extend,
        Word::Between,
        Word::Slow,
        Word::Fill,
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

fn motion(
    mut table: Table<'_>,
    becoming: bool,
    stated: &mut BTreeSet<&'static str>,
) -> (Motion, Option<Still>) {
    table.describe("`motion`");
    stated.extend(
        ["flow", "speed", "direction", "steady"]
            .into_iter()
            .filter(|key| table.has(key)),
    );
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
    let held = if becoming {
        table.forbid(
            "still",
            "`still` does not belong to a becoming: all of it turns into the other photograph",
            "delete it",
        );
        None
    } else {
        table.get("still").and_then(|v| read_layout::still(&v))
    };
    table.finish(&[
        ("hold", "still"),
        ("mask", "still"),
        ("angle", "direction"),
        ("pace", "speed"),
        ("kind", "flow"),
        ("type", "flow"),
    ]);
    (motion, held)
}
