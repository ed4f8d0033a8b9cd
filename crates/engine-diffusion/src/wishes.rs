//! What a shot may wish of a model: its settings on the card, and what they mean in a request.

use crate::card::{MOST_FRAMES, goes_on};
use crate::conditions::Conditions;
use crate::followed::CONTROLS;
use crate::fragments::whole_latents;
use crate::generate::{Ask, Steps, TEXT_TOKENS};
use crate::models::{self, ListedLora};
use crate::schedule::Solver;
use crate::settings;
use crate::start::Start;
use crate::wan::{SchedulerKind, Takes};
use heirloom_engine::card::Knob;
use heirloom_engine::{Request, Task};
use std::collections::BTreeMap;

/// Steps and guidance where the shot does not say.
const STEPS: u64 = 40;
const GUIDANCE: f64 = 5.0;
/// Shift of few steps, as the makers of such weights have it.
const FEW_SHIFT: f64 = 5.0;
/// Most steps that are few.
const MOST_FEW: i64 = 16;
/// Furthest that a LoRA may be laid on.
const MOST_STRENGTH: f64 = 4.0;
/// Above so many pixels a frame is decoded in tiles.
const UNTILED_PIXELS: u64 = 640 * 640;
/// Side of a tile in pixels.
const TILE_PX: usize = 384;

/// Fewest frames of a fragment: two latents beside the one that they go on from.
const LEAST_FRAGMENT: i64 = 9;
/// Frames that a fragment goes on from, where the shot does not say: about a second.
const OVERLAP: u32 = 17;

/// The settings of a model with these LoRAs.
pub(crate) fn knobs(model: &models::Model, loras: &[ListedLora]) -> BTreeMap<String, Knob> {
    let number = |what: &str, min: f64, max: f64| Knob::Number {
        what: what.into(),
        min,
        max,
    };
    let text = |what: &str| Knob::Text { what: what.into() };
    let whole = |what: String, max: i64| Knob::Whole { what, min: 1, max };
    let mut knobs = vec![
        (settings::NEGATIVE, text("words for what is not to be seen")),
        (
            settings::STEPS,
            whole(format!("steps from noise to picture, {STEPS} when left out"), 200),
        ),
        (
            settings::GUIDANCE,
            number("how far the words are followed; 1 takes half the time", 1.0, 30.0),
        ),
        (
            settings::GUIDANCE_LOW,
            number("the same for a second expert, which ends the picture", 1.0, 30.0),
        ),
        (
            settings::SHIFT,
            number(
                "how far noise levels are moved up; the model's own when left out",
                0.1,
                20.0,
            ),
        ),
        (
            settings::SCHEDULER,
            Knob::Choice {
                what: "how noise is stepped to a picture; the model's own when left out".into(),
                of: vec!["unipc".into(), "euler".into()],
            },
        ),
        (
            settings::FEW,
            whole(
                "so few steps, for weights or a LoRA distilled to few; without guidance unless it is given"
                    .into(),
                MOST_FEW,
            ),
        ),
        (
            settings::TIMES,
            text("the few steps' own times, going down from 1000: \"1000 750 500 250\""),
        ),
        (
            settings::RENOISE,
            Knob::Flag {
                what: "whether each estimate is noised anew between few steps, as such weights' notes say"
                    .into(),
            },
        ),
    ];
    if goes_on(model) {
        let what = format!(
            "most frames that are made in one go, {MOST_FRAMES} when left out; a longer shot is made in fragments"
        );
        let fragment = Knob::Whole {
            what,
            min: LEAST_FRAGMENT,
            max: MOST_FRAMES.into(),
        };
        knobs.push((settings::FRAGMENT, fragment));
        if model.takes != Takes::Frames {
            let what =
                format!("how many frames of a fragment the next one goes on from, {OVERLAP} when left out");
            knobs.push((settings::OVERLAP, whole(what, i64::from(MOST_FRAMES / 2))));
        }
    }
    if model.takes == Takes::Control {
        let kinds = Knob::Choice {
            what: "what a guided shot follows of the stage, depth when left out; and what a clip that is made over keeps to: its own \
                   edges or grey, the rest of a stage"
                .into(),
            of: CONTROLS.map(str::to_owned).into(),
        };
        let scale = number(
            "how strongly passes, frames and references are followed",
            0.0,
            4.0,
        );
        knobs.extend([(settings::CONTROL, kinds), (settings::CONTROL_SCALE, scale)]);
    }
    if !loras.is_empty() {
        let names = loras.iter().map(|lora| (lora.name.clone(), lora.id.clone()));
        let what = "LoRAs laid on the model, each with its strength, 1 being as it was trained";
        knobs.push((
            settings::LORAS,
            Knob::Weights {
                what: what.into(),
                names: names.collect(),
                min: -MOST_STRENGTH,
                max: MOST_STRENGTH,
            },
        ));
    }
    knobs
        .into_iter()
        .map(|(name, knob)| (name.to_owned(), knob))
        .collect()
}

/// The LoRAs that a request names, by their hashes, with strengths.
///
/// # Errors
/// The request was not made by this program, or by a later one.
pub(crate) fn loras(request: &Request) -> Result<Vec<(&str, f32)>, String> {
    let lines = request.word(settings::LORAS).unwrap_or_default().lines();
    lines
        .map(|line| {
            line.split_once(' ')
                .and_then(|(id, strength)| Some((id, strength.parse().ok()?)))
                .ok_or_else(|| {
                    format!("the request's LoRAs can not be read (\"{line}\"); plan the shot again")
                })
        })
        .collect()
}

/// What a request asks of the model.
///
/// # Errors
/// Settings that do not go together, with the mend.
pub(crate) fn ask(request: &Request) -> Result<Ask, String> {
    let said: Vec<&str> = [&request.prompt, &request.mood]
        .into_iter()
        .map(|words| words.trim())
        .filter(|words| !words.is_empty())
        .collect();
    let frames = match request.task {
        Task::Still | Task::Fill => 1,
        _ => request.frames as usize,
    };
    let pixels = u64::from(request.size.width) * u64::from(request.size.height);
    let steps = steps(request)?;
    let guidance = match steps {
        Steps::Own { .. } => GUIDANCE,
        Steps::Few { .. } => 1.0,
    };
    Ok(Ask {
        prompt: said.join(". "),
        negative: request.word(settings::NEGATIVE).unwrap_or_default().to_owned(),
        width: request.size.width as usize,
        height: request.size.height as usize,
        frames,
        seed: request.seed,
        steps,
        guidance: request.number(settings::GUIDANCE).unwrap_or(guidance),
        guidance_low: request.number(settings::GUIDANCE_LOW),
        text_tokens: TEXT_TOKENS,
        tile_px: (pixels > UNTILED_PIXELS).then_some(TILE_PX),
        start: Start::default(),
        conditions: Conditions::default(),
    })
}

/// Most frames that are made in one go, and how many of them the next goes on from.
pub(crate) fn fragment(request: &Request, takes: Takes) -> (u32, u32) {
    let whole = |name: &str| request.whole(name).and_then(|n| u32::try_from(n).ok());
    let most = whole_latents(whole(settings::FRAGMENT).unwrap_or(MOST_FRAMES), MOST_FRAMES);
    let overlap = match takes {
        Takes::Frames => 1,
        // At least half of a fragment is new.
        Takes::Words | Takes::Control => {
            whole_latents(whole(settings::OVERLAP).unwrap_or(OVERLAP), most.div_ceil(2))
        }
    };
    (most, overlap)
}

fn steps(request: &Request) -> Result<Steps, String> {
    let shift = request.number(settings::SHIFT);
    let (few, times) = (request.whole(settings::FEW), request.word(settings::TIMES));
    if few.is_none() && times.is_none() {
        if request.flag(settings::RENOISE) {
            return Err("`renoise` goes with few steps: give `few`, or leave it out".into());
        }
        return Ok(Steps::Own {
            count: request.whole(settings::STEPS).unwrap_or(STEPS) as usize,
            shift,
            kind: request.word(settings::SCHEDULER).map(|word| match word {
                "euler" => SchedulerKind::Euler,
                _ => SchedulerKind::UniPc(Solver::default()),
            }),
        });
    }
    for other in [settings::STEPS, settings::SCHEDULER] {
        if request.params.contains_key(other) {
            return Err(format!(
                "`{other}` does not go with few steps: leave it out, or `few` and `times`"
            ));
        }
    }
    let times = match times {
        Some(text) => text
            .split([' ', ','])
            .filter(|part| !part.is_empty())
            .map(|part| {
                part.parse()
                    .map_err(|_| format!("`times` holds \"{part}\", which is no number"))
            })
            .collect::<Result<Vec<f64>, _>>()?,
        None => {
            let count = few.unwrap_or(1).max(1);
            (0..count)
                .map(|n| 1000.0 * (count - n) as f64 / count as f64)
                .collect()
        }
    };
    if few.is_some_and(|few| few as usize != times.len()) {
        return Err(format!(
            "`few` is {} and `times` are {}: leave one of them out",
            few.unwrap_or_default(),
            times.len()
        ));
    }
    Ok(Steps::Few {
        times,
        shift: shift.unwrap_or(FEW_SHIFT),
        renoise: request.flag(settings::RENOISE),
    })
}
