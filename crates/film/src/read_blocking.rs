//! From the tables of `film.toml` to the blocking of a shot.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Component, PathBuf};

use crate::read::MAX_NAME;
use crate::read_moves;
use crate::read_things::{self, thing};
use crate::toml::{Table, Value, nearest};
use crate::{Blocking, Board, CameraSetup, FilmBack, Picture, SourceCall, Spot, Sun};

/// Most things of one shot.
const MAX_THINGS: usize = 200;
/// Most storyboard drawings of one shot.
const MAX_BOARDS: usize = 1_000;
/// How far from the middle of the set anything may stand, in metres.
pub(crate) const FAR_M: f64 = 100_000.0;
/// Places in metres.
pub(crate) const PLACE_M: RangeInclusive<f64> = -FAR_M..=FAR_M;
/// Any number of turns that makes sense, in degrees.
pub(crate) const TURNS_DEG: RangeInclusive<f64> = -36_000.0..=36_000.0;
/// Focal lengths in millimetres.
pub(crate) const LENS_MM: RangeInclusive<f64> = 1.0..=5_000.0;

/// The blocking of a shot of so many frames.
pub(crate) fn blocking(mut table: Table<'_>, frames: u32) -> Blocking {
    table.describe("`blocking`");
    let mut names = Names::default();
    let scene = table
        .get("scene")
        .and_then(|v| file(&v, "scene", "\"stage/room.glb\""));
    let camera_name = table.get("camera_name");
    if let (Some(value), false) = (&camera_name, table.has("scene")) {
        value.fault(
            "`camera_name` names a camera of the scene file, but there is no `scene`",
            "add `scene = \"stage/room.glb\"`, or set the camera up with `camera = { at = [0, 1.6, 6] }`",
        );
    }
    let camera_name = camera_name.and_then(|v| v.name(MAX_NAME)).map(String::from);
    let start = table.get("start");
    if let (Some(value), false) = (&start, table.has("scene")) {
        value.fault(
            "`start` is a frame of the scene file's animation, but there is no `scene`",
            "delete it, or add `scene = \"stage/room.glb\"`",
        );
    }
    let start_frame = start.and_then(|v| v.integer(0..=10_000_000)).unwrap_or(0) as u32;
    let light_from = table
        .get("light_from")
        .and_then(|v| picture(&v, "light_from", "\"stage/ward.jpg\""));
    let sun = table.get("sun").and_then(|v| v.table()).map(sun);
    let camera = table
        .get("camera")
        .and_then(|v| v.table())
        .map(|table| camera(table, &mut names));
    let moves = table.get("moves").and_then(|v| v.tables()).unwrap_or_default();
    let aimed = camera.as_ref().is_some_and(|camera| camera.look_at.is_some());
    let moves = read_moves::moves(moves, frames, aimed, &mut names);
    let things = match table.get("thing") {
        Some(value) => {
            let tables = value.tables().unwrap_or_default();
            if tables.len() > MAX_THINGS {
                value.fault(
                    format!("there are {} things, more than {MAX_THINGS}", tables.len()),
                    "build a set of this size in a 3D package and name its file: `scene = \"set.glb\"`",
                );
                Vec::new()
            } else {
                tables
                    .into_iter()
                    .filter_map(|table| thing(table, frames, &mut names))
                    .collect()
            }
        }
        None => Vec::new(),
    };
    names.check(&table, scene.is_some() || table.has("scene"));
    if !table.has("scene") && !table.has("thing") {
        table.fault(
            "the blocking has nothing to see: neither a `scene` file nor a `thing`",
            "add `[[scene.shot.blocking.thing]]` with a name and a shape, or `scene = \"stage/room.glb\"`",
        );
    }
    table.forbid(
        "lens_mm",
        "`lens_mm` is a key of the blocking's camera",
        "write it in there: `camera = { at = [0, 1.6, 6], lens_mm = 35 }`",
    );
    table.finish(&[
        ("move", "moves"),
        ("things", "thing"),
        ("object", "thing"),
        ("objects", "thing"),
        ("file", "scene"),
        ("light", "sun"),
        ("hdri", "light_from"),
        ("environment", "light_from"),
        ("first_frame", "start"),
    ]);
    Blocking {
        scene,
        camera_name,
        start_frame,
        light_from,
        sun,
        camera,
        moves,
        things,
    }
}

/// The storyboard drawings of a shot of so many frames.
pub(crate) fn boards(value: &Value<'_>, shot_frames: u32) -> Vec<Board> {
    let tables = value.tables().unwrap_or_default();
    if tables.len() > MAX_BOARDS {
        value.fault(
            format!("there are {} drawings, more than {MAX_BOARDS}", tables.len()),
            format!("keep at most {MAX_BOARDS}"),
        );
        return Vec::new();
    }
    let mut total = 0_u64;
    let mut boards = Vec::new();
    for table in tables {
        let span = table.span();
        let (board, frames_span) = board(table);
        let before = total;
        total += u64::from(board.frames);
        if total > u64::from(shot_frames) && before <= u64::from(shot_frames) {
            value.clone().at(frames_span.unwrap_or(span)).fault(
                format!("the drawings take {total} frames up to here, but the shot has {shot_frames}"),
                match u64::from(shot_frames) - before {
                    0 => "delete this drawing, or lengthen the shot".to_string(),
                    left => format!("write at most {left}, or lengthen the shot"),
                },
            );
        }
        boards.push(board);
    }
    boards
}

fn board(mut table: Table<'_>) -> (Board, Option<std::ops::Range<usize>>) {
    table.describe("the drawing");
    let picture = table
        .require("picture", "\"boards/010-a.png\"")
        .and_then(|v| picture(&v, "picture", "\"boards/010-a.png\""));
    let frames = table.require("frames", "48");
    let span = frames.as_ref().map(Value::span);
    let frames = frames
        .and_then(|v| v.integer(1..=i64::from(u32::MAX)))
        .unwrap_or(1) as u32;
    let caption = table
        .get("caption")
        .and_then(|v| v.name(MAX_NAME))
        .unwrap_or_default()
        .to_string();
    let whole = [0.0, 0.0, 1.0, 1.0];
    let (mut from, mut to, mut ease) = (whole, whole, Default::default());
    if let Some(mut moved) = table.get("move").and_then(|v| v.table()) {
        moved.describe("the move over the drawing");
        let mut part = |key: &'static str| moved.get(key).and_then(|v| part_of_drawing(&v)).unwrap_or(whole);
        (from, to) = (part("from"), part("to"));
        ease = read_moves::ease(&mut moved);
        moved.finish(&[("start", "from"), ("end", "to")]);
    }
    table.finish(&[
        ("image", "picture"),
        ("file", "picture"),
        ("drawing", "picture"),
        ("length", "frames"),
        ("duration", "frames"),
        ("text", "caption"),
        ("pan", "move"),
    ]);
    let board = Board {
        picture: picture.unwrap_or(Picture::File(PathBuf::new())),
        frames,
        from,
        to,
        ease,
        caption,
    };
    (board, span)
}

/// Left, top, width and height in fractions of a drawing, all within it.
fn part_of_drawing(value: &Value<'_>) -> Option<[f64; 4]> {
    let part: [f64; 4] = numbers(value, "left, top, width, height", "[0, 0, 1, 1]", &(0.0..=1.0))?;
    let [left, top, width, height] = part;
    if width < 0.01 || height < 0.01 || left + width > 1.0 + 1e-9 || top + height > 1.0 + 1e-9 {
        value.fault(
            "this part is not within the drawing",
            "write left, top, width and height in fractions of the drawing: `[0.25, 0, 0.5, 0.5]` is the upper middle",
        );
        return None;
    }
    Some(part)
}

fn sun(mut table: Table<'_>) -> Sun {
    table.describe("`sun`");
    let from: Option<[f64; 2]> = table.require("from", "[45, 30]").and_then(|v| {
        numbers(
            &v,
            "azimuth and elevation in degrees",
            "[45, 30]",
            &(-360.0..=360.0),
        )
    });
    if let (Some([_, elevation]), Some(value)) = (from, table.get("from"))
        && !(-90.0..=90.0).contains(&elevation)
    {
        value.fault(
            format!("the sun stands {elevation} degrees high, which is out of range"),
            "write an elevation from -90 to 90 degrees; 90 is overhead",
        );
    }
    let color = table.get("color").and_then(|v| color(&v)).unwrap_or([1.0; 3]);
    let strength = table
        .get("strength")
        .and_then(|v| v.number(0.0..=1_000.0))
        .unwrap_or(1.0);
    table.finish(&[("direction", "from"), ("intensity", "strength"), ("at", "from")]);
    let [azimuth_deg, elevation_deg] = from.unwrap_or([45.0, 30.0]);
    Sun {
        azimuth_deg,
        elevation_deg,
        color,
        strength,
    }
}

fn camera(mut table: Table<'_>, names: &mut Names) -> CameraSetup {
    table.describe("the camera");
    let plain = CameraSetup::default();
    let at_m = table.require("at", "[0, 1.6, 6]").and_then(|v| place(&v));
    let look_at = table.get("look_at").and_then(|v| spot(&v, names));
    let hold = table.get("hold");
    if let (Some(value), None) = (&hold, &look_at)
        && !table.has("look_at")
    {
        value.fault(
            "`hold` says that what the camera looks at is held, but it looks at nothing",
            "add `look_at = \"NAME\"`, or delete `hold`",
        );
    }
    let hold = hold.and_then(|v| v.boolean()).unwrap_or(true);
    let mut angle = |key| table.get(key).and_then(|v| v.number(TURNS_DEG)).unwrap_or(0.0);
    let (pan_deg, tilt_deg, roll_deg) = (angle("pan"), angle("tilt"), angle("roll"));
    let lens_mm = table.get("lens_mm").and_then(|v| v.number(LENS_MM));
    let back = table.get("film_back").and_then(|v| film_back(&v));
    let focus = table.get("focus").and_then(|v| spot(&v, names));
    table.finish(&[
        ("lens", "lens_mm"),
        ("focal", "lens_mm"),
        ("focal_mm", "lens_mm"),
        ("focal_length", "lens_mm"),
        ("target", "look_at"),
        ("sensor", "film_back"),
        ("back", "film_back"),
        ("from", "at"),
        ("position", "at"),
        ("dutch", "roll"),
    ]);
    CameraSetup {
        at_m: at_m.unwrap_or(plain.at_m),
        look_at,
        hold,
        pan_deg,
        tilt_deg,
        roll_deg,
        lens_mm: lens_mm.unwrap_or(plain.lens_mm),
        back: back.unwrap_or(plain.back),
        focus,
    }
}

fn film_back(value: &Value<'_>) -> Option<FilmBack> {
    if value.is_string() {
        return value.one_of(&FilmBack::ALL.map(|back| (back.name.unwrap_or_default(), back)));
    }
    numbers(
        value,
        "width and height in millimetres",
        "[24.89, 18.66]",
        &(1.0..=1_000.0),
    )
    .map(|size_mm| FilmBack { name: None, size_mm })
}

/// Names that the blocking gives and names that it uses.
#[derive(Default)]
pub(crate) struct Names {
    /// The things, with their places in the file.
    given: HashMap<String, std::ops::Range<usize>>,
    /// Every use: the name, its place, and whether it must be one of the things before it.
    used: Vec<(String, std::ops::Range<usize>)>,
}

impl Names {
    /// A thing gets its name.
    pub fn give(&mut self, value: &Value<'_>, name: &str) {
        match self.given.get(name) {
            Some(first) => value.fault_beside(
                format!("two things are called \"{name}\""),
                "give one of them another name",
                first.clone(),
                "first here",
            ),
            None => {
                self.given.insert(name.into(), value.span());
            }
        }
    }

    /// Whether a thing of this name came before.
    pub fn known(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The thing that was probably meant.
    pub fn meant(&self, name: &str) -> Option<&str> {
        let mut names: Vec<_> = self.given.keys().map(String::as_str).collect();
        names.sort_unstable();
        nearest(name, names)
    }

    /// A name is used that may be given further down.
    pub fn using(&mut self, value: &Value<'_>, name: &str) {
        self.used.push((name.into(), value.span()));
    }

    /// Faults every name that is used and never given; with a scene file any may be in there.
    fn check(&self, table: &Table<'_>, has_scene: bool) {
        for (name, span) in &self.used {
            if has_scene || self.known(name) {
                continue;
            }
            let mend = match self.meant(name) {
                Some(meant) => format!("write \"{meant}\""),
                None => "write the name of one of the things, or a place in metres: `[0, 1, 0]`".into(),
            };
            table.fault_at(
                span.clone(),
                format!("there is no thing called \"{}\"", name.escape_debug()),
                mend,
                None,
            );
        }
    }
}

/// The name of a thing, or a place in metres.
pub(crate) fn spot(value: &Value<'_>, names: &mut Names) -> Option<Spot> {
    if value.is_string() {
        let name = value.name(MAX_NAME)?;
        names.using(value, name);
        return Some(Spot::Thing(name.into()));
    }
    place(value).map(Spot::Place)
}

/// A place in metres: x to the right, y up, z toward the camera's first side.
pub(crate) fn place(value: &Value<'_>) -> Option<[f64; 3]> {
    numbers(value, "x, y and z in metres", "[0, 1, 0]", &PLACE_M)
}

/// A list of so many numbers, each within a range.
pub(crate) fn numbers<const N: usize>(
    value: &Value<'_>,
    what: &str,
    example: &str,
    range: &RangeInclusive<f64>,
) -> Option<[f64; N]> {
    let items = value.items()?;
    if items.len() != N {
        value.fault(
            format!("{} numbers are needed here, {what}, not {}", N, items.len()),
            format!("write such as `{example}`"),
        );
        return None;
    }
    let numbers: Vec<f64> = items
        .iter()
        .map(|item| item.number(range.clone()))
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// A colour as a colour picker shows it: `[r, g, b]` from 0 to 1, or `"#rrggbb"`.
pub(crate) fn color(value: &Value<'_>) -> Option<[f64; 3]> {
    if !value.is_string() {
        return numbers(
            value,
            "red, green and blue from 0 to 1",
            "[0.8, 0.6, 0.5]",
            &(0.0..=1.0),
        );
    }
    let text = value.string()?;
    let read = text
        .strip_prefix('#')
        .filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
    if read.is_none() {
        value.fault(
            format!("\"{}\" is not a colour", text.escape_debug()),
            "write red, green and blue as a colour picker shows them: `\"#c9a78e\"` or `[0.79, 0.65, 0.56]`",
        );
    }
    read.map(|code| [16, 8, 0].map(|shift| f64::from((code >> shift) & 255) / 255.0))
}

/// A photograph of the archive, or a picture file within the film's folder.
pub(crate) fn picture(value: &Value<'_>, key: &str, example: &str) -> Option<Picture> {
    let text = value.string()?;
    if !text.starts_with("archive:") {
        return file(value, key, example).map(Picture::File);
    }
    match SourceCall::parse(text) {
        Ok(call) => Some(Picture::Source(call)),
        Err(error) => {
            let (what, mend) = error.parts();
            value.fault(what, mend);
            None
        }
    }
}

/// A path within the film's folder.
pub(crate) fn file(value: &Value<'_>, key: &str, example: &str) -> Option<PathBuf> {
    let text = value.name(1_000)?;
    let path = PathBuf::from(text);
    let inside = path
        .components()
        .all(|step| matches!(step, Component::Normal(_) | Component::CurDir));
    if !inside || text.contains('\\') {
        value.fault(
            format!("`{key}` must lie in the film's folder"),
            format!("copy the file beside film.toml and write its name: `{key} = {example}`"),
        );
        return None;
    }
    Some(path)
}

/// One of a few words; `habits` are other words that people have for some of them.
pub(crate) fn word<T: Copy>(
    value: &Value<'_>,
    key: &str,
    words: &[(&'static str, T)],
    habits: &[(&str, &str)],
) -> Option<T> {
    if let Some(text) = value.string()
        && !words.iter().any(|(word, _)| *word == text)
        && let Some((_, right)) = habits.iter().find(|(habit, _)| habit.eq_ignore_ascii_case(text))
    {
        value.fault(
            format!("`{key}` cannot be \"{}\"", text.escape_debug()),
            format!("write \"{right}\""),
        );
        return None;
    } else if !value.is_string() {
        value.string();
        return None;
    }
    value.one_of(words)
}

pub(crate) use read_things::frame_in;
