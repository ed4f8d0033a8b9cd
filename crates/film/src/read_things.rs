//! From the tables of `film.toml` to the things of a set.

use crate::read::MAX_NAME;
use crate::read_blocking::{FAR_M, Names, TURNS_DEG, color, numbers, picture, place, word};
use crate::read_moves::ease;
use crate::toml::{Table, Value};
use crate::{FigurePose, Mark, Relief, Shape, Thing, Waves};

/// Most marks of one thing.
const MAX_MARKS: usize = 1_000;
/// Sizes in metres.
const SIZE_M: std::ops::RangeInclusive<f64> = 0.001..=FAR_M;

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Ground,
    Water,
    Sky,
    Sphere,
    Box,
    Capsule,
    Figure,
    Terrain,
    Billboard,
}

const WORDS: [(&str, Word); 9] = [
    ("ground", Word::Ground),
    ("water", Word::Water),
    ("sky", Word::Sky),
    ("sphere", Word::Sphere),
    ("box", Word::Box),
    ("capsule", Word::Capsule),
    ("figure", Word::Figure),
    ("terrain", Word::Terrain),
    ("billboard", Word::Billboard),
];

/// Other words for the same shapes.
const HABITS: [(&str, &str); 17] = [
    ("floor", "ground"),
    ("plane", "ground"),
    ("ocean", "water"),
    ("sea", "water"),
    ("lake", "water"),
    ("dome", "sky"),
    ("ball", "sphere"),
    ("cube", "box"),
    ("wall", "box"),
    ("table", "box"),
    ("cylinder", "capsule"),
    ("person", "figure"),
    ("human", "figure"),
    ("actor", "figure"),
    ("hills", "terrain"),
    ("landscape", "terrain"),
    ("photo", "billboard"),
];

/// The keys that only some shapes have, each with the shapes.
const OWN: [(&str, &[Word]); 12] = [
    (
        "size",
        &[
            Word::Ground,
            Word::Water,
            Word::Sphere,
            Word::Box,
            Word::Capsule,
            Word::Terrain,
            Word::Billboard,
        ],
    ),
    ("waves", &[Word::Water]),
    ("radius", &[Word::Sky]),
    ("horizon", &[Word::Sky]),
    ("height", &[Word::Figure]),
    ("pose", &[Word::Figure]),
    ("relief", &[Word::Terrain]),
    ("grain", &[Word::Terrain]),
    ("seed", &[Word::Terrain]),
    ("picture", &[Word::Billboard]),
    ("depth", &[Word::Billboard]),
    ("depth_picture", &[Word::Billboard]),
];

/// One thing of a shot of so many frames; none where its shape is not known.
pub(crate) fn thing(mut table: Table<'_>, frames: u32, names: &mut Names) -> Option<Thing> {
    table.describe("the thing");
    let name = table.require("name", "\"child\"");
    let name = name.and_then(|value| {
        let name = value.name(MAX_NAME)?;
        names.give(&value, name);
        Some(name.to_string())
    });
    if let Some(name) = &name {
        table.describe(format!("thing \"{name}\""));
    }
    let with = table.get("with").and_then(|value| {
        let with = value.name(MAX_NAME)?;
        if name.as_deref() == Some(with) || !names.known(with) {
            let mend = match names.meant(with) {
                _ if name.as_deref() == Some(with) => "delete it, or name another thing".into(),
                Some(meant) if meant != with && name.as_deref() != Some(meant) => {
                    format!("write \"{meant}\"")
                }
                _ => format!("put the thing \"{}\" above this one", with.escape_debug()),
            };
            value.fault(
                format!(
                    "no thing called \"{}\" stands above this one to go along with",
                    with.escape_debug()
                ),
                mend,
            );
        }
        Some(with.to_string())
    });
    let shape_word = table
        .require("shape", "\"figure\"")
        .and_then(|v| word(&v, "shape", &WORDS, &HABITS));
    let at_m = table.get("at").and_then(|v| place(&v));
    let turn_deg = table.get("turn").and_then(|v| turn(&v)).unwrap_or([0.0; 3]);
    let own_color = table.get("color").and_then(|v| color(&v));
    let marks = table.get("marks").map(|v| marks(&v, frames)).unwrap_or_default();
    let shape = match shape_word {
        Some(shape) => {
            let text = WORDS
                .iter()
                .find(|(_, word)| *word == shape)
                .map_or("", |(text, _)| text);
            for (key, shapes) in OWN {
                if !shapes.contains(&shape) {
                    table.forbid(
                        key,
                        format!("`{key}` does not belong to a {text}"),
                        "delete it, or give the thing another shape",
                    );
                }
            }
            shaped(&mut table, shape)
        }
        None => {
            for (key, _) in OWN {
                table.get(key);
            }
            None
        }
    };
    table.finish(&[
        ("position", "at"),
        ("place", "at"),
        ("rotation", "turn"),
        ("rotate", "turn"),
        ("colour", "color"),
        ("keys", "marks"),
        ("mark", "marks"),
        ("kind", "shape"),
        ("type", "shape"),
        ("scale", "size"),
        ("parent", "with"),
        ("on", "with"),
        ("image", "picture"),
        ("photo", "picture"),
    ]);
    let first = marks.iter().find_map(|mark| mark.at_m);
    Some(Thing {
        name: name.unwrap_or_default(),
        shape: shape?,
        with,
        at_m: at_m.or(first).unwrap_or([0.0; 3]),
        turn_deg,
        color: own_color,
        marks,
    })
}

fn shaped(table: &mut Table<'_>, shape: Word) -> Option<Shape> {
    Some(match shape {
        Word::Ground => Shape::Ground {
            size_m: flat(table, [40.0, 40.0]),
        },
        Word::Water => Shape::Water {
            size_m: flat(table, [400.0, 400.0]),
            waves: table.get("waves").and_then(|v| v.table()).map_or(WAVES, waves),
        },
        Word::Sky => Shape::Sky {
            radius_m: number(table, "radius", 10.0..=FAR_M, 5_000.0),
            horizon: table
                .get("horizon")
                .and_then(|v| color(&v))
                .unwrap_or([0.80, 0.86, 0.90]),
        },
        Word::Sphere => Shape::Sphere {
            size_m: solid(table, [1.0; 3]),
        },
        Word::Box => Shape::Box {
            size_m: solid(table, [1.0; 3]),
        },
        Word::Capsule => Shape::Capsule {
            size_m: solid(table, [0.4, 1.7, 0.4]),
        },
        Word::Figure => Shape::Figure {
            height_m: number(table, "height", 0.1..=100.0, 1.7),
            pose: table
                .get("pose")
                .and_then(|v| {
                    word(
                        &v,
                        "pose",
                        &FigurePose::ALL.map(|pose| (pose.word(), pose)),
                        &[
                            ("seated", "sitting"),
                            ("stand", "standing"),
                            ("walk", "walking"),
                            ("holding", "cradling"),
                            ("asleep", "lying"),
                        ],
                    )
                })
                .unwrap_or_default(),
        },
        Word::Terrain => Shape::Terrain {
            size_m: flat(table, [200.0, 200.0]),
            relief_m: number(table, "relief", 0.0..=10_000.0, 6.0),
            grain_m: number(table, "grain", 0.1..=FAR_M, 30.0),
            seed: seed(table),
        },
        Word::Billboard => {
            let shown = table
                .require("picture", "\"archive:...\"")
                .and_then(|v| picture(&v, "picture", "\"stage/backdrop.jpg\""));
            let size = table.get("size");
            let (width_m, height_m) = match size {
                Some(value) if value.is_list() => {
                    let [width, height] =
                        numbers(&value, "width and height in metres", "[4, 3]", &SIZE_M).unwrap_or([1.0; 2]);
                    (width, Some(height))
                }
                Some(value) => (value.number(SIZE_M).unwrap_or(1.0), None),
                None => (2.0, None),
            };
            let depth = table.get("depth");
            let depth_m = depth.as_ref().and_then(|v| v.number(-1_000.0..=1_000.0));
            let relief = table.get("depth_picture");
            if let (Some(value), None) = (&relief, &depth) {
                value.fault(
                    "`depth_picture` needs to know how far white stands out",
                    "add `depth = 0.5`, in metres",
                );
            }
            let relief = relief.and_then(|v| picture(&v, "depth_picture", "\"stage/depth.png\""));
            Shape::Billboard {
                width_m,
                height_m,
                picture: shown?,
                depth: match (relief, depth_m) {
                    (Some(picture), depth_m) => Relief::Picture {
                        picture,
                        depth_m: depth_m.unwrap_or(0.0),
                    },
                    (None, Some(depth_m)) if depth_m != 0.0 => Relief::Bright(depth_m),
                    _ => Relief::Flat,
                },
            }
        }
    })
}

const WAVES: Waves = Waves {
    height_m: 0.5,
    length_m: 12.0,
    toward_deg: 20.0,
    seed: 0,
};

fn waves(mut table: Table<'_>) -> Waves {
    table.describe("`waves`");
    let waves = Waves {
        height_m: number(&mut table, "height", 0.0..=100.0, WAVES.height_m),
        length_m: number(&mut table, "length", 0.05..=10_000.0, WAVES.length_m),
        toward_deg: number(&mut table, "toward", -360.0..=360.0, WAVES.toward_deg),
        seed: seed(&mut table),
    };
    table.finish(&[("direction", "toward"), ("size", "length")]);
    waves
}

fn number(table: &mut Table<'_>, key: &'static str, range: std::ops::RangeInclusive<f64>, plain: f64) -> f64 {
    table.get(key).and_then(|v| v.number(range)).unwrap_or(plain)
}

fn seed(table: &mut Table<'_>) -> u64 {
    table
        .get("seed")
        .and_then(|v| v.integer(0..=i64::MAX))
        .unwrap_or(0) as u64
}

fn flat(table: &mut Table<'_>, plain: [f64; 2]) -> [f64; 2] {
    table
        .get("size")
        .and_then(|v| numbers(&v, "width and depth in metres", "[40, 40]", &SIZE_M))
        .unwrap_or(plain)
}

fn solid(table: &mut Table<'_>, plain: [f64; 3]) -> [f64; 3] {
    table
        .get("size")
        .and_then(|v| numbers(&v, "width, height and depth in metres", "[1, 1, 1]", &SIZE_M))
        .unwrap_or(plain)
}

fn turn(value: &Value<'_>) -> Option<[f64; 3]> {
    numbers(value, "degrees round x, y and z", "[0, 90, 0]", &TURNS_DEG)
}

/// A frame of a shot of so many frames, or the one after its last.
pub(crate) fn frame_in(value: &Value<'_>, frames: u32) -> Option<u32> {
    value.integer(0..=i64::from(frames)).map(|frame| frame as u32)
}

fn marks(value: &Value<'_>, frames: u32) -> Vec<Mark> {
    let tables = value.tables().unwrap_or_default();
    if tables.len() > MAX_MARKS {
        value.fault(
            format!("there are {} marks, more than {MAX_MARKS}", tables.len()),
            "animate this in a 3D package and name its file: `scene = \"set.glb\"`",
        );
        return Vec::new();
    }
    let mut marks: Vec<Mark> = Vec::new();
    for mut table in tables {
        table.describe("the mark");
        let frame_value = table.require("frame", "48");
        let frame = frame_value.as_ref().and_then(|v| frame_in(v, frames));
        let at_m = table.get("at").and_then(|v| place(&v));
        let turn_deg = table.get("turn").and_then(|v| turn(&v));
        let ease = ease(&mut table);
        table.finish(&[
            ("time", "frame"),
            ("frames", "frame"),
            ("position", "at"),
            ("rotation", "turn"),
        ]);
        let (Some(frame), Some(value)) = (frame, frame_value) else {
            continue;
        };
        if let Some(before) = marks.last().filter(|before| before.frame >= frame) {
            value.fault(
                format!(
                    "the mark at frame {frame} does not come after the one at frame {}",
                    before.frame
                ),
                "put the marks in the order of their frames, each frame once",
            );
            continue;
        }
        marks.push(Mark {
            frame,
            at_m,
            turn_deg,
            ease,
        });
    }
    marks
}
