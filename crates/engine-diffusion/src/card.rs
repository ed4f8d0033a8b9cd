//! What a model can do, as its engine's card says it.

use crate::engine::REVISION;
use crate::fragments::RATIO;
use crate::models::{self, ListedLora};
use crate::settings;
use crate::wan::Takes;
use crate::wishes;
use heirloom_engine::card::{Lengths, OfTask, Price, Rates, Repeats, Sizes, Text};
use heirloom_engine::{Card, Param, Task};
use heirloom_film::Rate;
use std::collections::BTreeMap;

/// Frames a second that the family was trained at, and Wan 2.2 TI2V 5B.
const TRAINED_RATE: u32 = 16;
const TRAINED_RATE_5B: u32 = 24;
/// Most frames of one go: twice what the family was trained on.
pub(crate) const MOST_FRAMES: u32 = 161;
/// Most frames of a shot that is made in fragments.
const MOST_IN_FRAGMENTS: u32 = 2401;
/// Most pixels of a frame: 4 MP, which the autoencoder decodes in tiles.
const MOST_PIXELS: u64 = 4 << 20;
/// Pixels on a side must be multiples of this, and for Wan 2.2 TI2V 5B.
const GRID_PX: u32 = 16;
const GRID_PX_5B: u32 = 32;
/// Most photographs of what is to be seen, for a model that takes any.
const MOST_PICTURES: u32 = 4;

/// Whether a model can go on from frames that are there: then a shot may be longer than its most frames.
pub(crate) fn goes_on(model: &models::Model) -> bool {
    match model.takes {
        Takes::Words => model.holds_frames,
        Takes::Frames | Takes::Control => true,
    }
}

/// What a model is asked for, and of how many sources.
fn tasks(model: &models::Model) -> Vec<(Task, (u32, u32))> {
    let style = (Task::Style, (1, 1));
    match (model.takes, model.holds_frames) {
        (Takes::Words, false) => vec![(Task::Still, (0, 0)), (Task::Living, (0, 0)), style],
        (Takes::Words, true) => vec![
            (Task::Still, (0, 0)),
            // The first frame, where there is one.
            (Task::Living, (0, 1)),
            style,
            (Task::Extend, (1, 1)),
        ],
        // It makes nothing without a first frame.
        (Takes::Frames, _) => vec![
            (Task::Living, (1, 1)),
            (Task::Between, (2, 2)),
            style,
            (Task::Extend, (1, 1)),
        ],
        (Takes::Control, _) => vec![
            (Task::Still, (0, MOST_PICTURES)),
            (Task::Living, (0, MOST_PICTURES)),
            (Task::Guided, (0, MOST_PICTURES)),
            (Task::Between, (2, 2 + MOST_PICTURES)),
            (Task::Style, (1, 1 + MOST_PICTURES)),
            (Task::Extend, (1, 1)),
            (Task::Fill, (1, 1 + MOST_PICTURES)),
        ],
    }
}

/// The lengths of a task: 4n+1 frames, but 4n where all of them are new after frames that are there.
fn lengths(model: &models::Model, task: Task) -> Lengths {
    let fragments = goes_on(model) && !matches!(task, Task::Still | Task::Fill | Task::Between);
    let most = match fragments {
        true => MOST_IN_FRAGMENTS,
        false => MOST_FRAMES,
    };
    let (first_frames, least, most) = match task {
        Task::Extend => (0, RATIO, most - 1),
        _ => (1, 1, most),
    };
    Lengths {
        min_frames: least,
        max_frames: most,
        step_frames: RATIO,
        first_frames,
    }
}

/// The card of a model with these LoRAs.
pub(crate) fn card(model: &models::Model, loras: &[ListedLora]) -> Card {
    let (rate, step) = match model.holds_frames {
        true => (TRAINED_RATE_5B, GRID_PX_5B),
        false => (TRAINED_RATE, GRID_PX),
    };
    let tasks = tasks(model);
    let of_task = tasks.iter().map(|(task, sources)| {
        let of = OfTask {
            sources: Some(*sources),
            lengths: Some(lengths(model, *task)),
            takes: matches!(task, Task::Style | Task::Extend),
        };
        (*task, of)
    });
    Card {
        engine: model.name.clone(),
        revision: REVISION,
        about: format!("{}, on this machine ({})", model.title, model.licence.name),
        tasks: tasks.iter().map(|(task, _)| *task).collect(),
        text: Text::Required,
        sources: tasks
            .iter()
            .fold((u32::MAX, 0), |(least, most), (_, (from, to))| {
                (least.min(*from), most.max(*to))
            }),
        guides: model.takes == Takes::Control,
        lengths: lengths(model, Task::Living),
        sizes: Sizes::Grid {
            step,
            max_pixels: MOST_PIXELS,
        },
        rates: Rate::new(rate, 1).map_or(Rates::Any, |rate| Rates::Only(vec![rate])),
        seeded: true,
        repeats: Repeats::SameMachine,
        price: Price::Free,
        local: true,
        settings: wishes::knobs(model, loras),
        of_task: of_task.collect(),
        params: BTreeMap::from([(settings::MODEL.to_owned(), Param::Text(model.id.clone()))]),
    }
}
