//! Names of this engine's own settings among a request's `params`.

/// The model's files by one hash (text).
pub const MODEL: &str = "model";
/// Words for what is not to be seen (text).
pub const NEGATIVE: &str = "negative";
/// Steps from noise to picture (whole number).
pub const STEPS: &str = "steps";
/// How far the words are followed, 1 is without guidance (number).
pub const GUIDANCE: &str = "guidance";
/// The same for the expert of low noise, where a model has two (number).
pub const GUIDANCE_LOW: &str = "guidance_low";
/// How far noise levels are moved up, in place of what the model's scheduler says (number).
pub const SHIFT: &str = "shift";
/// LoRAs by their hashes, with strengths (text, a line each).
pub const LORAS: &str = "loras";
/// How the noise is stepped: `unipc` or `euler`, in place of the model's own (text).
pub const SCHEDULER: &str = "scheduler";
/// So few steps, evenly, for weights that are distilled to few (whole number).
pub const FEW: &str = "few";
/// The few steps' times before the shift, going down from 1000, in place of even ones (text).
pub const TIMES: &str = "times";
/// Whether each estimate is noised anew between few steps (flag).
pub const RENOISE: &str = "renoise";
/// How strongly a control, references and frames are followed (number).
pub const CONTROL_SCALE: &str = "control_scale";
/// Most frames that are made in one go; a longer shot is made in fragments (whole number).
pub const FRAGMENT: &str = "fragment";
/// How many frames of a fragment the next one goes on from (whole number).
pub const OVERLAP: &str = "overlap";

pub use heirloom_engine::settings::CONTROL;
