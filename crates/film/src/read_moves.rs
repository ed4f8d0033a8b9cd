//! From the tables of `film.toml` to camera moves.

use crate::read_blocking::{FAR_M, LENS_MM, Names, TURNS_DEG, frame_in, numbers, spot, word};
use crate::toml::{Table, Value};
use crate::{Ease, Move, MoveKind, Push};

/// Most moves of one shot.
const MAX_MOVES: usize = 200;

/// What a camera move can be called.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Static,
    Dolly,
    Truck,
    Pedestal,
    Crane,
    Orbit,
    PushIn,
    Pan,
    Tilt,
    Roll,
    Zoom,
    SpiralDescent,
    Handheld,
}

const WORDS: [(&str, Word); 13] = [
    ("static", Word::Static),
    ("dolly", Word::Dolly),
    ("truck", Word::Truck),
    ("pedestal", Word::Pedestal),
    ("crane", Word::Crane),
    ("orbit", Word::Orbit),
    ("push-in", Word::PushIn),
    ("pan", Word::Pan),
    ("tilt", Word::Tilt),
    ("roll", Word::Roll),
    ("zoom", Word::Zoom),
    ("spiral-descent", Word::SpiralDescent),
    ("handheld", Word::Handheld),
];

/// Other words of the set for the same moves.
const HABITS: [(&str, &str); 17] = [
    ("arc", "orbit"),
    ("circle", "orbit"),
    ("track", "truck"),
    ("tracking", "truck"),
    ("crab", "truck"),
    ("slide", "truck"),
    ("boom", "crane"),
    ("jib", "crane"),
    ("ped", "pedestal"),
    ("rise", "pedestal"),
    ("locked-off", "static"),
    ("hold", "static"),
    ("push", "push-in"),
    ("dutch", "roll"),
    ("shoulder", "handheld"),
    ("spiral", "spiral-descent"),
    ("steadicam", "dolly"),
];

/// The moves of a shot of so many frames; `aimed` says whether the camera looks at something.
pub(crate) fn moves(tables: Vec<Table<'_>>, frames: u32, aimed: bool, names: &mut Names) -> Vec<Move> {
    if let Some(table) = tables.get(MAX_MOVES) {
        table.fault(
            format!("there are {} camera moves, more than {MAX_MOVES}", tables.len()),
            "animate a camera of this kind in a 3D package and name its file: `scene = \"set.glb\"`",
        );
        return Vec::new();
    }
    let made: Vec<_> = tables
        .into_iter()
        .map(|table| one(table, frames, aimed, names))
        .collect();
    made.into_iter().flatten().collect()
}

fn one(mut table: Table<'_>, frames: u32, aimed: bool, names: &mut Names) -> Option<Move> {
    table.describe("the camera move");
    let kind = table.require("kind", "\"dolly\"");
    let kind = kind.and_then(|v| word(&v, "kind", &WORDS, &HABITS));
    if let Some((text, _)) = kind.and_then(|kind| WORDS.iter().find(|(_, word)| *word == kind)) {
        table.describe(format!("the {text} move"));
    }
    let span = table.get("frames").and_then(|v| span(&v, frames));
    let ease = ease(&mut table);
    let Some(kind) = kind else {
        // Of a move that is not known every key is asked for, and none is missed.
        for key in KEYS {
            table.get(key);
        }
        table.finish(&[]);
        return None;
    };
    let kind = moved(&mut table, kind, aimed, names);
    table.finish(&[
        ("type", "kind"),
        ("move", "kind"),
        ("angle", "degrees"),
        ("around", "round"),
        ("center", "round"),
        ("centre", "round"),
        ("lens_mm", "to_mm"),
        ("lens", "to_mm"),
        ("forward", "in"),
        ("back", "out"),
        ("backward", "out"),
        ("distance", "by"),
        ("easing", "ease"),
        ("strength", "amount"),
    ]);
    let (first_frame, last_frame) = span.unwrap_or((0, frames.saturating_sub(1)));
    Some(Move {
        kind: kind?,
        first_frame,
        last_frame,
        ease,
    })
}

/// Every key of any move.
const KEYS: [&str; 17] = [
    "in", "out", "left", "right", "up", "down", "boom", "round", "degrees", "by", "to", "to_mm", "turns",
    "drop", "radius", "amount", "seed",
];

fn moved(table: &mut Table<'_>, kind: Word, aimed: bool, names: &mut Names) -> Option<MoveKind> {
    let distance = -FAR_M..=FAR_M;
    Some(match kind {
        Word::Static => MoveKind::Static,
        Word::Dolly => MoveKind::Dolly {
            in_m: either(table, "in", "out", &distance)?,
        },
        Word::Truck => MoveKind::Truck {
            right_m: either(table, "right", "left", &distance)?,
        },
        Word::Pedestal => MoveKind::Pedestal {
            up_m: either(table, "up", "down", &distance)?,
        },
        Word::Crane => {
            let up_m = either(table, "up", "down", &distance);
            let boom = table.get("boom");
            let boom_m = boom.as_ref().and_then(|v| v.number(0.1..=1_000.0));
            let up_m = up_m?;
            if let (Some(value), Some(boom_m)) = (&boom, boom_m)
                && boom_m * 2.0 < up_m.abs()
            {
                value.fault(
                    format!("an arm of {boom_m} m cannot lift the camera by {} m", up_m.abs()),
                    format!("write `boom = {}` or more", up_m.abs() / 2.0),
                );
            }
            MoveKind::Crane { up_m, boom_m }
        }
        Word::Orbit => {
            let right_deg = table.require("degrees", "90").and_then(|v| v.number(TURNS_DEG));
            let round = round(table, aimed, names);
            MoveKind::Orbit {
                right_deg: right_deg?,
                round,
            }
        }
        Word::PushIn => {
            if !aimed {
                table.fault(
                    "a push-in goes toward what the camera looks at, but it looks at nothing",
                    "add `look_at` to the camera, or write `kind = \"dolly\"`",
                );
            }
            let to = table.get("to");
            let (by, to) = match to {
                Some(value) => {
                    table.forbid(
                        "by",
                        "a push-in goes `by` so many metres or `to` a distance, not both",
                        "delete one of the two",
                    );
                    (None, value.number(0.01..=FAR_M))
                }
                None => (table.require("by", "2").and_then(|v| v.number(distance)), None),
            };
            MoveKind::PushIn {
                way: by.map(Push::By).or(to.map(Push::To))?,
            }
        }
        Word::Pan => MoveKind::Pan {
            right_deg: either(table, "right", "left", &TURNS_DEG)?,
        },
        Word::Tilt => MoveKind::Tilt {
            up_deg: either(table, "up", "down", &(-180.0..=180.0))?,
        },
        Word::Roll => MoveKind::Roll {
            right_deg: either(table, "right", "left", &TURNS_DEG)?,
        },
        Word::Zoom => MoveKind::Zoom {
            to_mm: table.require("to_mm", "85").and_then(|v| v.number(LENS_MM))?,
        },
        Word::SpiralDescent => {
            let round = round(table, aimed, names);
            let turns = table.require("turns", "2").and_then(|v| v.number(-100.0..=100.0));
            let drop_m = table.require("drop", "6").and_then(|v| v.number(distance));
            let radius_m = table.get("radius").and_then(|v| {
                numbers(
                    &v,
                    "the first and the last distance in metres",
                    "[4, 1]",
                    &(0.0..=FAR_M),
                )
            });
            MoveKind::SpiralDescent {
                round,
                turns: turns?,
                drop_m: drop_m?,
                radius_m,
            }
        }
        Word::Handheld => MoveKind::Handheld {
            amount: table
                .get("amount")
                .and_then(|v| v.number(0.0..=10.0))
                .unwrap_or(1.0),
            seed: table
                .get("seed")
                .and_then(|v| v.integer(0..=i64::MAX))
                .unwrap_or(0) as u64,
        },
    })
}

/// One of two keys that go opposite ways; the second counts as the first below zero.
fn either(
    table: &mut Table<'_>,
    plus: &'static str,
    minus: &'static str,
    range: &std::ops::RangeInclusive<f64>,
) -> Option<f64> {
    let Some(value) = table.get(minus) else {
        return table.require(plus, "2").and_then(|v| v.number(range.clone()));
    };
    table.forbid(
        plus,
        format!("`{plus}` and `{minus}` go opposite ways"),
        "delete one of the two",
    );
    value.number(range.clone()).map(|number| -number)
}

/// What the camera goes round: a key, or what it looks at.
fn round(table: &mut Table<'_>, aimed: bool, names: &mut Names) -> Option<crate::Spot> {
    match table.get("round") {
        Some(value) => spot(&value, names),
        None => {
            if !aimed {
                table.fault(
                    "the camera looks at nothing, so there is nothing to go round",
                    "add `round = \"NAME\"` or `round = [0, 1, 0]`, or `look_at` to the camera",
                );
            }
            None
        }
    }
}

/// Two frames of the shot that rise. A move may end at the frame after the last, where the cut is.
fn span(value: &Value<'_>, frames: u32) -> Option<(u32, u32)> {
    let items = value.items()?;
    let [first, last] = items.as_slice() else {
        value.fault(
            format!(
                "`frames` of a move are two, the first and the last, not {}",
                items.len()
            ),
            "write `frames = [0, 48]`",
        );
        return None;
    };
    let first = frame_in(first, frames)?;
    let last = frame_in(last, frames)?;
    if first >= last {
        value.fault(
            format!("the move ends at frame {last}, which does not come after frame {first}"),
            "write the frame at which it sets out, then the one at which it has arrived",
        );
        return None;
    }
    Some((first, last))
}

/// How a movement sets out and arrives.
pub(crate) fn ease(table: &mut Table<'_>) -> Ease {
    table
        .get("ease")
        .and_then(|v| {
            word(
                &v,
                "ease",
                &Ease::ALL.map(|ease| (ease.word(), ease)),
                &[
                    ("ease-in", "in"),
                    ("ease-out", "out"),
                    ("ease-in-out", "in-out"),
                    ("smooth", "in-out"),
                    ("none", "linear"),
                    ("slow", "in-out"),
                ],
            )
        })
        .unwrap_or_default()
}
