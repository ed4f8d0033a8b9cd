//! From the text of `film.toml` to a checked [`Film`].

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use crate::budget;
use crate::check;
use crate::cull;
use crate::plan::{default_credits_frames, default_title_frames};
use crate::problem::{Problem, Problems};
use crate::read_blocking::file;
use crate::shares;
use crate::shot::scene;
use crate::subject;
use crate::toml::{self, Table, Value};
use crate::{Charter, Faces, Film, Id, Leave, NamedArtists, Person, Rate, Size, SizeError, SourcesRule};

/// Most characters of a title or a name.
pub(crate) const MAX_NAME: usize = 200;
/// Most characters of a prompt, a mood or the film's intent.
pub(crate) const MAX_WORDS: usize = 10_000;

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
    /// Of each of its subjects, its name's.
    pub subjects: Vec<Range<usize>>,
}

fn film(mut root: Table<'_>) -> Film {
    root.describe("film.toml");
    let mut film = Film::new("");
    if let Some(table) = root.require_table("film") {
        head(table, &mut film);
    }
    if let Some(table) = root.get("charter").and_then(|v| v.table()) {
        film.charter = charter(table);
    }
    if let Some(table) = root.get("cull").and_then(|v| v.table()) {
        film.cull = cull::cull(table);
    }
    if let Some(table) = root.get("budget").and_then(|v| v.table()) {
        film.budget = budget::budget(table);
    }
    let people = root.get("people").and_then(|v| v.tables()).unwrap_or_default();
    film.people = self::people(people);
    film.subjects = root
        .get("subject")
        .map(|v| subject::subjects(&v))
        .unwrap_or_default();

    let mut places = Places::default();
    let homeless = root.forbid(
        "shot",
        "shots belong to scenes",
        "write `[[scene.shot]]` below the `[[scene]]` that it is part of",
    );
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
        if !homeless {
            check::whole(&root, &film, &places);
        }
    }
    root.finish(&[
        ("scenes", "scene"),
        ("person", "people"),
        ("persons", "people"),
        ("crew", "people"),
        ("cast", "people"),
        ("limits", "charter"),
        ("culling", "cull"),
        ("budgets", "budget"),
        ("money", "budget"),
        ("subjects", "subject"),
        ("character", "subject"),
        ("characters", "subject"),
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
    film.sound = table
        .get("sound")
        .and_then(|v| file(&v, "sound", "\"score.wav\""));
    film.scratch_sound = table
        .get("scratch_sound")
        .and_then(|v| file(&v, "scratch_sound", "\"scratch.wav\""));
    let hour = film.rate.frames_in(3600) as i64;
    let mut card = |key, default| {
        table
            .get(key)
            .and_then(|v| v.integer(0..=hour))
            .map_or(default, |frames| frames as u32)
    };
    film.title_frames = card("title_frames", default_title_frames(film.rate));
    film.credits_frames = card("credits_frames", default_credits_frames(film.rate));
    (film.credits_by, film.credits_shares) = shares::credits(&mut table);
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
        ("scratch", "scratch_sound"),
        ("guide_track", "scratch_sound"),
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

pub(crate) fn size(value: &Value<'_>) -> Option<Size> {
    let items = value.items()?;
    let [width, height] = items.as_slice() else {
        let message = format!("`size` is two numbers, width and height, not {}", items.len());
        value.fault(message, "write `size = [1280, 720]`");
        return None;
    };
    let side = i64::from(Size::MIN_SIDE)..=i64::from(Size::MAX_SIDE);
    let width = width.clone().called("width").integer(side.clone());
    let height = height.clone().called("height").integer(side);
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

/// Words of any length within reason, in any number of lines.
pub(crate) fn words(table: &mut Table<'_>, key: &'static str) -> String {
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
    let faces_value = ask("faces");
    let faces = faces_value
        .as_ref()
        .and_then(|v| v.one_of(&[("never", Faces::Never), ("allowed", Faces::Allowed)]));
    let detector_value = ask("face_detector");
    let face_detector = detector_value
        .as_ref()
        .and_then(|v| file(v, "face_detector", "\"models/faces.onnx\""));
    if let (Some(value), Some(Faces::Never), None) = (&faces_value, faces, &detector_value) {
        value.warn(
            "faces are forbidden, and nothing looks for them",
            "name a network that does, an ONNX file in the film's folder: `face_detector = \"models/faces.onnx\"`",
        );
    }
    let (shares, copies) = (shares::limits(&mut table), shares::copies(&mut table));
    table.finish(&[
        ("actors", "synthetic_performers"),
        ("voices", "synthetic_voices"),
        ("face", "faces"),
        ("people", "faces"),
        ("detector", "face_detector"),
    ]);
    Charter {
        synthetic_performers: performers.unwrap_or_default(),
        synthetic_voices: voices.unwrap_or_default(),
        sources: sources.unwrap_or_default(),
        named_artists: artists.unwrap_or_default(),
        shares,
        copies,
        faces: faces.unwrap_or_default(),
        face_detector,
        stated,
    }
}

fn people(tables: Vec<Table<'_>>) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut places: HashMap<String, Range<usize>> = HashMap::new();
    for mut table in tables {
        table.describe("a person");
        let value = table.require("name", "\"...\"");
        let place = value.as_ref().map_or(table.span(), Value::span);
        let name = value
            .as_ref()
            .and_then(|v| v.name(MAX_NAME))
            .unwrap_or_default()
            .to_string();
        let roles = table.get("roles").and_then(|v| v.items()).unwrap_or_default();
        let roles = roles
            .iter()
            .filter_map(|v| v.name(MAX_NAME))
            .map(String::from)
            .collect();
        let earlier = if name.is_empty() {
            None
        } else {
            places.insert(name.clone(), place)
        };
        if let (Some(value), Some(earlier)) = (&value, earlier) {
            value.fault_beside(
                format!("\"{name}\" is among the people twice"),
                "keep one and give it all the roles: `roles = [\"...\", \"...\"]`",
                earlier,
                "first here",
            );
        }
        table.finish(&[("as", "roles"), ("character", "roles"), ("job", "roles")]);
        people.push(Person { name, roles });
    }
    people
}
