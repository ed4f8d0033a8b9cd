//! What a request gives besides words: photographs and the stage's passes, as pictures of the size that is asked for.
//!
//! | task | model | what its sources are |
//! |---|---|---|
//! | living | Wan 2.2 TI2V 5B | the first frame, where there is one |
//! | living | image to video | the first frame |
//! | between | image to video, VACE | the first and the last frame; VACE takes more as references |
//! | still, living | VACE | references: what people or things look like |
//! | guided | VACE | the same, and the stage's passes are followed |

use crate::conditions::{Conditions, Depth, Scale, depth, edges, grey};
use crate::generate::{Ask, Clip};
use crate::models;
use crate::settings;
use crate::start::Start;
use crate::wan::Takes;
use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{Failure, Inputs, Request, Task};
use heirloom_film::Size;
use heirloom_picture::{Image, color, photo, resample};
use heirloom_vault::ObjectId;

/// Kinds of control that a stage gives.
pub(crate) const CONTROLS: [&str; 3] = ["depth", "edges", "grey"];
/// How steep lightness must be for a line, as in a drawing in ink.
const INK: f32 = 4.0;

/// Lays what the request gives into what is asked.
///
/// # Errors
/// [`Stop`]: a source or the guides can not be read, or it was asked to stop.
pub(crate) fn lay(
    ask: &mut Ask,
    request: &Request,
    inputs: &dyn Inputs,
    model: &models::Model,
    control: &Control,
) -> Result<(), Stop> {
    let mut photographs = Vec::new();
    for source in &request.sources {
        control.check()?;
        photographs.push(photograph(source, inputs, request.size)?);
    }
    let mut photographs = photographs.into_iter();
    let scale = request.number(settings::CONTROL_SCALE).map_or(1.0, |v| v as f32);
    match (model.takes, request.task) {
        (Takes::Words, _) => {
            ask.start = Start {
                held: photographs.next(),
                ..Start::default()
            };
            return Ok(());
        }
        (_, Task::Between) => {
            ask.conditions.first = photographs.next();
            ask.conditions.last = photographs.next();
        }
        (Takes::Frames, _) => ask.conditions.first = photographs.next(),
        (Takes::Control, Task::Guided) => {
            ask.conditions.control = Some(followed(request, inputs, control)?);
        }
        (Takes::Control, _) => {}
    }
    ask.conditions = Conditions {
        references: photographs.collect(),
        scale: Scale::Same(scale),
        ..std::mem::take(&mut ask.conditions)
    };
    Ok(())
}

/// A photograph, scaled to cover the frame and cropped evenly.
fn photograph(source: &ObjectId, inputs: &dyn Inputs, size: Size) -> Result<Clip, Failure> {
    let bytes = inputs.read(source)?;
    let image = photo::decode(&bytes, &source.short())
        .map_err(|e| Failure::lasting("input", e.to_string()))?
        .image;
    Ok(codes(&resample::cover(&image, size.width, size.height)))
}

/// A picture as codes.
fn codes(image: &Image) -> Clip {
    let pixels = color::to_video16(image).into_iter();
    Clip {
        width: image.width() as usize,
        height: image.height() as usize,
        pixels: pixels.map(|p| p.map(|v| f32::from(v) / 65535.0)).collect(),
    }
}

/// The stage's passes as a control clip.
fn followed(request: &Request, inputs: &dyn Inputs, control: &Control) -> Result<Clip, Stop> {
    let Some(object) = &request.guides else {
        return Err(Failure::lasting("guides", "the request names no guides; plan the shot again").into());
    };
    let guides = inputs.guides(object)?;
    let kind = request.word(settings::CONTROL).unwrap_or(CONTROLS[0]);
    let lacking = |n: u32, pass: &str| {
        Failure::lasting(
            "guides",
            format!(
                "frame {n} of the guides has no {pass}, which `control = \"{kind}\"` follows; name another control"
            ),
        )
    };
    let (width, height) = (request.size.width as usize, request.size.height as usize);
    let (mut metres, mut pixels) = (Vec::new(), Vec::new());
    for n in 0..request.frames {
        control.check()?;
        let frame = guides.frame(n, request.size)?;
        if kind == CONTROLS[0] {
            metres.extend(frame.depth_m.ok_or_else(|| lacking(n, "depth"))?.values);
        } else {
            let (image, _) = frame.color.ok_or_else(|| lacking(n, "colour"))?;
            pixels.extend(codes(&image).pixels);
        }
    }
    let seen = Clip {
        width,
        height,
        pixels,
    };
    Ok(match kind {
        "grey" => grey(&seen),
        "edges" => edges(&seen, INK),
        // Over the whole clip, so that nothing pulses when something comes close.
        _ => depth(&metres, width, height, Depth::WholeClip),
    })
}
