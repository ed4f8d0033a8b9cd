//! Care for takes, whatever engine they are of: flicker and noise taken off along the motion, and a larger size with what is fine from
//! photographs ([`detail`]).
//!
//! It is an engine beside the others ([`engine`]): a request names the take by its manifest ([`settings::OF_TAKE`]) and what is
//! wished by its settings, and a take comes of it. So care is queued, goes on where it stopped, stands in the ledger and is
//! chosen as any take is, and can be given to a take that was cared for before. The take it is of is opened by its own engine,
//! so it is given the engines there are.
//!
//! # What always holds
//! - The same take and wishes give the same bytes on every processor, for any number of threads, and however often the work was
//!   stopped and gone on with.
//! - A pixel comes from where the pixel of the take that was cared for comes from, and from the photograph that it has what is
//!   fine from.
//! - A frame that was made larger is, made small again, the frame that it was.
//! - Nothing is read but the take (and what it is made of), nothing written but the order's work folder, each file whole.

pub mod detail;
pub mod exemplars;
mod making;
mod take;
mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heirloom_engine::card::{Knob, Lengths, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
use heirloom_engine::{
    Card, Draft, Engines, Failure, Inputs, Order, Refusal, TakeFrames, TakeManifest, Task, settings,
};

use crate::codec::MAX_PIXELS;

pub use take::{CareTake, FRAME, Facts, LIGHT};
pub use wish::Wish;

/// The engine's name in requests and in the ledger.
pub const NAME: &str = "care";
/// Raised only when the bytes of takes change.
pub const REVISION: u32 = 1;
/// Most sources in one request: those of the take.
const MOST_SOURCES: u32 = 1000;

/// The generator behind the engine.
pub struct Care {
    card: Card,
    engines: Engines,
}

/// The engine, as a program plugs it in after all others: it opens their takes.
pub fn engine(engines: Engines) -> LocalEngine<Care> {
    LocalEngine::new(Care::new(engines))
}

impl Care {
    /// A generator that can care for takes of these engines, and its own.
    pub fn new(engines: Engines) -> Self {
        Self {
            card: card(),
            engines,
        }
    }

    /// The take of that manifest, opened by its own engine.
    fn opened(
        &self,
        manifest: &TakeManifest,
        inputs: Arc<dyn Inputs>,
    ) -> Result<Box<dyn TakeFrames>, Failure> {
        if manifest.engine == NAME {
            return self.open(manifest, inputs);
        }
        self.engines.get(Some(&manifest.engine))?.open(manifest, inputs)
    }
}

fn card() -> Card {
    let share = |what: &str| Knob::Number {
        what: what.into(),
        min: 0.0,
        max: 1.0,
    };
    Card {
        engine: NAME.into(),
        revision: REVISION,
        about: "cares for takes of any engine: takes flicker and noise off, makes them 1.2 to 4 times as large".into(),
        tasks: BTreeSet::from([Task::Care]),
        text: Text::Ignored,
        sources: (0, MOST_SOURCES),
        guides: false,
        lengths: Lengths::any(24 * 3600 * 60),
        sizes: Sizes::UpTo {
            max_pixels: MAX_PIXELS,
            min_side: 16,
        },
        rates: Rates::Any,
        seeded: true,
        repeats: Repeats::Everywhere,
        price: Price::Free,
        local: true,
        settings: BTreeMap::from([
            (
                settings::DEFLICKER.to_owned(),
                share("how much of the flicker is taken off"),
            ),
            (
                settings::DENOISE.to_owned(),
                share("how much of the noise is taken off"),
            ),
            (
                settings::GRAIN.to_owned(),
                Knob::Number {
                    what: "how strong the grain is where noise was taken off, against the take's own".into(),
                    min: 0.0,
                    max: 2.0,
                },
            ),
            (
                settings::UPSCALE.to_owned(),
                Knob::Number {
                    what: "how many times as wide and high it becomes".into(),
                    min: 1.2,
                    max: 4.0,
                },
            ),
            (
                settings::DETAIL.to_owned(),
                share("how much of what is fine comes from photographs where it becomes larger"),
            ),
            (
                settings::DETAIL_FROM.to_owned(),
                Knob::Text {
                    what: "which sources are photographs that what is fine may come from: numbers from 0, commas between".into(),
                },
            ),
        ]),
        of_task: BTreeMap::new(),
        params: BTreeMap::new(),
    }
}

/// The manifest of a take among an order's inputs.
fn manifest(inputs: &dyn Inputs, object: &heirloom_vault::ObjectId) -> Result<TakeManifest, Failure> {
    serde_json::from_slice(&inputs.read(object)?).map_err(|e| {
        Failure::lasting(
            "input",
            format!(
                "{} is no take ({e}); name one that `heirloom takes` lists",
                object.short()
            ),
        )
    })
}

fn refused(ground: String) -> Stop {
    Stop::Refused(Refusal {
        grounds: vec![ground],
    })
}

impl Generator for Care {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, order: &Order, control: &Control) -> Result<Vec<Draft>, Stop> {
        let request = &order.request;
        let wish = Wish::of(&self.card, request).map_err(refused)?;
        control.progress(0, request.frames);
        let parent = manifest(&*order.inputs, &wish.take)?;
        wish.fits(request, &parent).map_err(refused)?;
        let take = self.opened(&parent, order.inputs.clone())?;
        let (files, facts) = making::make(order, &wish, &*take, control)?;
        let facts = serde_json::to_value(facts).map_err(|e| Failure::lasting("take", e.to_string()))?;
        Ok(vec![Draft {
            output: 0,
            size: request.size,
            rate: request.rate,
            frames: request.frames,
            files,
            facts,
        }])
    }

    fn open(&self, take: &TakeManifest, inputs: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
        if take.engine != NAME {
            return Err(Failure::lasting(
                "take",
                format!("this take is of the engine `{}`", take.engine),
            ));
        }
        if take.revision > REVISION {
            return Err(Failure::lasting(
                "take",
                format!(
                    "this take was made by a newer Heirloom (revision {} of this engine); open it with that version",
                    take.revision
                ),
            ));
        }
        let facts = Facts::of(take)?;
        let of = self.opened(&manifest(&*inputs, &facts.of)?, inputs.clone())?;
        Ok(Box::new(CareTake::new(take.clone(), facts, of, inputs)))
    }
}
