//! From the text of `film.toml` to a checked [`Film`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use crate::check;
use crate::plan::{default_credits_frames, default_title_frames};
use crate::problem::{Problem, Problems};
use crate::toml::{self, Table, Value};
use crate::{
    Charter, Film, Flow, Id, Kind, Leave, Motion, NamedArtists, Person, Rate, Scene, Shot, Size, SizeError,
    SourceCall, SourcesRule,
};

/// Most characters of a title or a name.
pub(crate) const MAX_NAME: usize = 200;
/// Most characters of a prompt, a mood or the film's intent.
pub(crate) const MAX_WORDS: usize = 10_000;
/// Most sources of one shot.
const MAX_SOURCES: usize = 1_000;

/// A film as read, and what is worth saying about its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The checked plan.
    pub film: Film,
    /// What does not stop the making, such as that there are no shots yet.
    pub warnings: Vec<Problem>,
    /// The text it was read from, as it was.
    pub text: String,
}

/// Reads and checks a `film.toml`.
///
/// # Errors
/// All that is wrong with the file in one go; a file that is missing, unreadable, too long or no UTF-8
/// is one problem.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    parse(&path.display().to_string(), &read_text(path)?)
}

/// Reads the text of a file within the bounds, with the errors of [`load`].
pub(crate) fn read_text(path: &Path) -> Result<String, Problems> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let mend = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "go to the film's folder, or make one with `heirloom new NAME`".to_string()
            }
            std::io::ErrorKind::PermissionDenied => "give yourself leave to read it: `chmod u+r`".into(),
            _ => "see whether it is an ordinary file that other programs can read".into(),
        };
        Problems::from(Problem::of_file(
            &name,
            format!("cannot read the file: {error}"),
            mend,
        ))
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > toml::MAX_BYTES as u64 {
        return Err(toml::too_long(&name, length).into());
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|&&b| b == b'\n').count() + 1;
        Problem::of_file(
            &name,
            format!("line {line} is not UTF-8 text"),
            "save the file as UTF-8 in your editor".into(),
        )
        .into()
    })
}

/// Reads and checks the text of a `film.toml`, called `name` in messages.
///
/// # Errors
/// All that is wrong with it in one go, in the order of the lines.
pub fn parse(name: &str, text: &str) -> Result<Loaded, Problems> {
    let (film, warnings) = toml::read(name, text, film)?;
    Ok(Loaded {
        film,
        warnings,
        text: text.into(),
    })
}

/// Where the checked things stand, for checks that compare one with another.
#[derive(Default)]
pub(crate) struct Places {
    /// Of each scene in order: its name's place, and its shots.
    pub scenes: Vec<(Range<usize>, Vec<ShotPlace>)>,
    /// Every id with its place.
    pub ids: Vec<(Id, Range<usize>)>,
}

/// Where the parts of one shot stand.
pub(crate) struct ShotPlace {
    pub name: Range<usize>,
    pub frames: Range<usize>,
    pub dissolve: Range<usize>,
}

fn film(mut root: Table<'_>) -> Film {
    root.describe("film.toml");
    let mut film = Film::new("");
    match root.require("film", "[film]").and_then(|v| v.table()) {
        Some(table) => head(table, &mut film),
        None => drop(root.get("film")),
    }
    if let Some(table) = root.get("charter").and_then(|v| v.table()) {
        film.charter = charter(table);
    }
    let people = root.get("people").and_then(|v| v.tables()).unwrap_or_default();
    film.people = self::people(people);

    let mut places = Places::default();
    let scenes = root.get("scene");
    let misplaced = scenes.as_ref().and_then(Value::sole_header);
    if let (Some(value), Some(table)) = (&scenes, misplaced) {
        let (message, mend) = if table {
            (
                "`scene` is a single table, but a film has a list of scenes",
                "write `[[scene]]` with double brackets",
            )
        } else {
            (
                "a shot stands before the first scene",
                "put `[[scene]]` and `name = \"...\"` before the first `[[scene.shot]]`",
            )
        };
        value.fault(message, mend);
    } else {
        for table in scenes.and_then(|v| v.tables()).unwrap_or_default() {
            film.scenes.push(scene(table, film.rate, &mut places));
        }
        check::whole(&root, &film, &places);
    }
    root.forbid(
        "shot",
        "shots belong to scenes",
        "write `[[scene.shot]]` below the `[[scene]]` that it is part of",
    );
    root.finish(&[
        ("scenes", "scene"),
        ("person", "people"),
        ("cast", "people"),
        ("limits", "charter"),
    ]);
    film
}

fn head(mut table: Table<'_>, film: &mut Film) {
    table.describe("[film]");
    film.title = table
        .require("title", "\"...\"")
        .and_then(|v| v.name(MAX_NAME))
        .unwrap_or_default()
        .into();
    if let Some(rate) = table.get("rate").and_then(|v| rate(&v)) {
        film.rate = rate;
    }
    if let Some(size) = table.get("size").and_then(|v| size(&v)) {
        film.size = size;
    }
    film.intent = words(&mut table, "intent");
    film.sound = table.get("sound").and_then(|v| sound(&v));
    let hour = film.rate.frames_in(3600) as i64;
    let mut card = |key, default| {
        table
            .get(key)
            .and_then(|v| v.integer(0..=hour))
            .map_or(default, |frames| frames as u32)
    };
    film.title_frames = card("title_frames", default_title_frames(film.rate));
    film.credits_frames = card("credits_frames", default_credits_frames(film.rate));
    for (key, frames) in [
        ("title_seconds", "title_frames"),
        ("credits_seconds", "credits_frames"),
    ] {
        let two = film.rate.frames_in(2);
        table.forbid(
            key,
            format!("`{key}` is not a key of [film]: time is counted in frames"),
            format!(
                "write `{frames} = {two}` for two seconds at {} frames a second",
                film.rate
            ),
        );
    }
    table.finish(&[
        ("fps", "rate"),
        ("framerate", "rate"),
        ("frame_rate", "rate"),
        ("resolution", "size"),
        ("name", "title"),
        ("music", "sound"),
        ("audio", "sound"),
        ("about", "intent"),
        ("description", "intent"),
    ]);
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    // A bare whole number is as exact as a quoted one; a bare decimal gets the mend of a quoted one.
    let text = if value.is_string() {
        value.string()?
    } else {
        value.written()
    };
    let number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !value.is_string() && !number {
        value.string()?;
    }
    match Rate::parse(text) {
        Ok(rate) => Some(rate),
        Err(error) => {
            let what = error.to_string();
            let what = what.split_once("; ").map_or(what.as_str(), |(what, _)| what);
            value.fault(what, error.mend());
            None
        }
    }
}

fn size(value: &Value<'_>) -> Option<Size> {
    let items = value.items()?;
    let [width, height] = items.as_slice() else {
        let message = format!("`size` is width and height, but it has {} numbers", items.len());
        value.fault(message, "write `size = [1280, 720]`");
        return None;
    };
    let all = 0..=i64::from(u32::MAX);
    let (width, height) = (width.integer(all.clone()), height.integer(all));
    let (width, height) = (u32::try_from(width?).ok()?, u32::try_from(height?).ok()?);
    match Size::new(width, height) {
        Ok(size) => Some(size),
        Err(error) => {
            let what = error.to_string();
            let what = what.split_once("; ").map_or(what.as_str(), |(what, _)| what);
            let mend = match error {
                SizeError::Odd { .. } => format!("write `size = {}`, the nearest even size", error.nearest()),
                SizeError::Side { .. } => "write sides from 16 to 16384 pixels".into(),
                SizeError::Area { .. } => "write a smaller size; `[7680, 4320]` is 8K".into(),
            };
            value.fault(what, mend);
            None
        }
    }
}

fn sound(value: &Value<'_>) -> Option<PathBuf> {
    let text = value.name(1_000)?;
    let path = PathBuf::from(text);
    let inside = path
        .components()
        .all(|step| matches!(step, Component::Normal(_) | Component::CurDir));
    if !inside || text.contains('\\') {
        value.fault(
            "`sound` must lie in the film's folder",
            "copy the sound beside film.toml and write its name: `sound = \"score.wav\"`",
        );
        return None;
    }
    Some(path)
}

fn words(table: &mut Table<'_>, key: &'static str) -> String {
    table
        .get(key)
        .and_then(|v| v.text(MAX_WORDS))
        .unwrap_or_default()
        .trim()
        .into()
}

fn charter(mut table: Table<'_>) -> Charter {
    table.describe("[charter]");
    let leave = [
        ("never", Leave::Never),
        ("with-consent", Leave::WithConsent),
        ("allowed", Leave::Allowed),
    ];
    let mut stated = BTreeSet::new();
    let mut ask = |key: &'static str| {
        let value = table.get(key);
        if value.is_some() {
            stated.insert(key);
        }
        value
    };
    let performers = ask("synthetic_performers").and_then(|v| v.one_of(&leave));
    let voices = ask("synthetic_voices").and_then(|v| v.one_of(&leave));
    let sources = ask("sources").and_then(|v| v.one_of(&[("cleared-only", SourcesRule::ClearedOnly)]));
    let artists = ask("named_artists")
        .and_then(|v| v.one_of(&[("never", NamedArtists::Never), ("allowed", NamedArtists::Allowed)]));
    table.finish(&[("actors", "synthetic_performers"), ("voices", "synthetic_voices")]);
    Charter {
        synthetic_performers: performers.unwrap_or_default(),
        synthetic_voices: voices.unwrap_or_default(),
        sources: sources.unwrap_or_default(),
        named_artists: artists.unwrap_or_default(),
        stated,
    }
}

fn people(tables: Vec<Table<'_>>) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::new();
    for mut table in tables {
        table.describe("a person");
        let value = table.require("name", "\"...\"");
        let place = value.as_ref().map_or(table.span(), Value::span);
        let name = value
            .as_ref()
            .and_then(|v| v.name(MAX_NAME))
            .unwrap_or_default()
            .to_string();
        let roles = table.get("role").map(|v| {
            if v.is_string() {
                v.name(MAX_NAME).into_iter().map(String::from).collect()
            } else {
                let items = v.items().unwrap_or_default();
                items
                    .iter()
                    .filter_map(|v| v.name(MAX_NAME))
                    .map(String::from)
                    .collect()
            }
        });
        let earlier = people
            .iter()
            .position(|other| other.name == name && !name.is_empty());
        if let (Some(value), Some(earlier)) = (&value, earlier) {
            value.fault_beside(
                format!("\"{name}\" is among the people twice"),
                "keep one and give it all the roles: `role = [\"...\", \"...\"]`",
                places[earlier].clone(),
                "first here",
            );
        }
        table.finish(&[("roles", "role"), ("as", "role"), ("character", "role")]);
        people.push(Person {
            name,
            roles: roles.unwrap_or_default(),
        });
        places.push(place);
    }
    people
}

fn scene(mut table: Table<'_>, rate: Rate, places: &mut Places) -> Scene {
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

/// The kinds by their words; `Guided` is known only to be refused well.
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
    let frames = frames_value.and_then(|v| v.integer(1..=day)).unwrap_or(1) as u32;
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
    let is = |kinds: &[Word]| word.is_none_or(|word| word == Word::Guided || kinds.contains(&word));
    let known = word.is_some_and(|word| word != Word::Guided);
    let (living, still, becoming, plate) = (Word::Living, Word::Still, Word::Becoming, Word::Plate);
    let mut foreign = Foreign {
        word: word.map_or("", Word::text),
        name: &name,
    };

    if is(&[living, still, plate]) {
        let value = if known {
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
        _ => Kind::Plate { start },
    };
    table.finish(&[
        ("length", "frames"),
        ("duration", "frames"),
        ("fade", "dissolve"),
        ("transition", "dissolve"),
        ("source", "sources"),
        ("type", "kind"),
        ("flow", "motion"),
        ("speed", "motion"),
        ("direction", "motion"),
        ("steady", "motion"),
        ("model", "engine"),
        ("in", "start"),
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
    let text = value.string()?;
    if text == Word::Guided.text() {
        value.fault(
            "a \"guided\" shot needs the stage, which is not in this version",
            "write \"living\", \"still\", \"becoming\" or \"plate\"",
        );
        return Some(Word::Guided);
    }
    let all = [Word::Living, Word::Still, Word::Becoming, Word::Plate];
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
