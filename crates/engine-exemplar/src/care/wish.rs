//! What a request wishes for a take.

use heirloom_engine::{Card, Request, TakeManifest, settings};
use heirloom_vault::ObjectId;

/// What is to be done, and to which take.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The manifest of the take.
    pub take: ObjectId,
    /// How much of its flicker is taken off, 0 to 1.
    pub deflicker: f32,
}

impl Wish {
    /// What a request wishes.
    ///
    /// # Errors
    /// Why it can not be met, with the mend; nothing was read.
    pub fn of(card: &Card, request: &Request) -> Result<Self, String> {
        let shape = (request.size, request.rate, request.frames, request.sources.len());
        if let Some(objection) = card.objection(request.task, shape.0, shape.1, shape.2, shape.3) {
            return Err(objection);
        }
        if request.revision != card.revision {
            return Err(format!(
                "this Heirloom has revision {} of the engine `{}`; the request asks for {}",
                card.revision, card.engine, request.revision
            ));
        }
        card.own_settings(&request.params)?;
        let Some(take) = request.pictures.get(settings::OF_TAKE) else {
            return Err("the request names no take to care for; name one that `heirloom takes` lists".into());
        };
        let number = |name: &str| request.number(name).unwrap_or(0.0) as f32;
        let wish = Self {
            take: *take,
            deflicker: number(settings::DEFLICKER),
        };
        if wish.deflicker <= 0.0 {
            return Err("nothing is wished for the take; say --deflicker".into());
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
        if take.size != request.size {
            return Err(format!(
                "the take is of {}, and {} was asked for; ask for its own size",
                take.size, request.size
            ));
        }
        Ok(())
    }
}
