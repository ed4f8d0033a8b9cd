//! What a request wishes for a take.

use heirloom_engine::{Card, Request, TakeManifest, settings};
use heirloom_film::Size;
use heirloom_vault::ObjectId;

/// How far, in parts of a side, a size may lie from the take's times the factor: whole pixels, and even ones.
const NEAR: f64 = 0.02;

/// What is to be done, and to which take.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The manifest of the take.
    pub take: ObjectId,
    /// How much of its flicker is taken off, 0 to 1.
    pub deflicker: f32,
    /// How much of its noise is taken off, 0 to 1.
    pub denoise: f32,
    /// How strong its grain is then, against what it was.
    pub grain: f32,
    /// How many times as wide and high it becomes; none where it keeps its size.
    pub upscale: Option<f64>,
    /// How much of what is fine comes from photographs, 0 to 1.
    pub detail: f32,
    /// The photographs that it may come from.
    pub photographs: Vec<ObjectId>,
}

impl Wish {
    /// What a request wishes.
    ///
    /// # Errors
    /// Why it can not be met, with the mend; nothing was read.
    pub fn of(card: &Card, request: &Request) -> Result<Self, String> {
        let (size, rate, frames) = (request.size, request.rate, request.frames);
        if let Some(objection) = card.objection(request.task, size, rate, frames, request.sources.len()) {
            return Err(objection);
        }
        if request.revision != card.revision {
            return Err(format!(
                "this Heirloom has revision {} of the engine `{}`; the request asks for {}",
                card.revision, card.engine, request.revision
            ));
        }
        card.check_params(&request.params)?;
        let Some(take) = request.pictures.get(settings::OF_TAKE) else {
            return Err("the request names no take to care for; name one that `heirloom takes` lists".into());
        };
        let wish = Self {
            take: *take,
            deflicker: request.number(settings::DEFLICKER).unwrap_or(0.0) as f32,
            denoise: request.number(settings::DENOISE).unwrap_or(0.0) as f32,
            grain: request.number(settings::GRAIN).unwrap_or(1.0) as f32,
            upscale: request.number(settings::UPSCALE),
            detail: request.number(settings::DETAIL).unwrap_or(0.0) as f32,
            photographs: photographs(request)?,
        };
        if wish.deflicker <= 0.0 && wish.denoise <= 0.0 && wish.upscale.is_none() {
            return Err("nothing is wished for the take; say --deflicker, --denoise or --upscale".into());
        }
        Ok(wish)
    }

    /// Whether the take is what the request takes it for.
    ///
    /// # Errors
    /// What differs, with the mend.
    pub fn fits(&self, request: &Request, take: &TakeManifest) -> Result<(), String> {
        if (take.frames, take.rate) != (request.frames, request.rate) {
            return Err(format!(
                "the take has {} frames at {} a second, and {} at {} were asked for; ask for all of it",
                take.frames, take.rate, request.frames, request.rate
            ));
        }
        let by = self.upscale.unwrap_or(1.0);
        let near = |wanted: u32, side: u32| {
            let exact = f64::from(side) * by;
            (f64::from(wanted) - exact).abs() <= if self.upscale.is_some() { NEAR * exact } else { 0.0 }
        };
        let Size { width, height } = request.size;
        if !near(width, take.size.width) || !near(height, take.size.height) {
            return Err(format!(
                "the take is of {}, and {} was asked for, which is not {by} times that; ask for a size of the same shape",
                take.size, request.size
            ));
        }
        Ok(())
    }
}

/// The sources that a request names as photographs.
fn photographs(request: &Request) -> Result<Vec<ObjectId>, String> {
    let Some(text) = request.word(settings::DETAIL_FROM) else {
        return Ok(Vec::new());
    };
    text.split(',')
        .map(|number| {
            let source = number.trim().parse().ok().and_then(|n: usize| request.sources.get(n));
            source.copied().ok_or_else(|| {
                format!(
                    "the setting `{}` is `{text}`; write numbers of the request's {} sources from 0, commas between",
                    settings::DETAIL_FROM,
                    request.sources.len()
                )
            })
        })
        .collect()
}
