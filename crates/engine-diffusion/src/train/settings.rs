//! How a run is to be.

use serde::{Deserialize, Serialize};

/// A LoRA's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraShape {
    /// Rows of its first half, columns of its second.
    pub rank: usize,
    /// The change is multiplied by alpha over rank.
    pub alpha: f32,
    /// Which linear layers of the blocks get one: those whose diffusers name ends in one of these after a dot, or is one
    /// of these.
    pub targets: Vec<String>,
}

impl LoraShape {
    /// On every linear layer of every block.
    pub fn new(rank: usize, alpha: f32) -> Self {
        let targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"];
        Self {
            rank,
            alpha,
            targets: targets.map(str::to_owned).to_vec(),
        }
    }

    /// Whether a layer of this diffusers name gets one.
    pub fn is_on(&self, layer: &str) -> bool {
        self.targets.iter().any(|target| {
            layer
                .strip_suffix(target.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// What is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trained {
    /// A LoRA beside the model's weights, which stay as they are.
    Lora(LoraShape),
    /// Every weight, from the model's own where it has any, else from chance.
    Whole,
}

/// How noise levels are drawn, before the shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// All alike.
    Even,
    /// The logistic function of a normal number: most in the middle.
    LogitNormal {
        /// Mean of the normal number; above nought is more noise.
        mean: f64,
        /// Its standard deviation.
        deviation: f64,
    },
}

/// All that a run depends on, but its model and its samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is trained.
    pub trained: Trained,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Examples whose gradients make one step.
    pub examples: usize,
    /// Whether a step's examples run side by side, one thread each, for small models; each has gradients of its own in
    /// memory. Otherwise they run in turn, on all threads.
    pub side_by_side: bool,
    /// The highest rate.
    pub rate: f64,
    /// Steps in which the rate rises to it in a straight line.
    pub warm_up: u64,
    /// What part of the rate is left at the end, having fallen along half a cosine (Loshchilov and Hutter, "SGDR", 2017).
    pub least_rate: f64,
    /// How much of the mean gradient, and of its mean square, AdamW keeps.
    pub betas: [f64; 2],
    /// Added to the root of the mean square.
    pub eps: f64,
    /// What part of a weight is taken off at each step, times the rate.
    pub weight_decay: f64,
    /// The longest that all gradients together may be; none for no limit.
    pub clip: Option<f64>,
    /// How much of the running mean of weights is kept from step to step; none for no mean.
    pub average: Option<f64>,
    /// Whether only what goes into each block is kept for its gradient: less memory, a third more time.
    pub checkpointing: bool,
    /// How noise levels are drawn.
    pub levels: Levels,
    /// How far they are moved up: as the model is run.
    pub shift: f64,
    /// The least and the most level that is trained: of Wan 2.2's experts each knows its own part.
    pub range: [f64; 2],
    /// In what part of examples the text is the blank one, so that guidance has something to lead away from.
    pub blank: f64,
    /// Of chance.
    pub seed: u64,
    /// Steps from checkpoint to checkpoint.
    pub checkpoint_every: u64,
}

impl Default for Settings {
    /// A LoRA of rank 16 for a style, as its makers commonly train one.
    fn default() -> Self {
        Self {
            trained: Trained::Lora(LoraShape::new(16, 16.0)),
            steps: 1000,
            examples: 1,
            side_by_side: false,
            rate: 1e-4,
            warm_up: 50,
            least_rate: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.01,
            clip: Some(1.0),
            average: None,
            checkpointing: true,
            levels: Levels::LogitNormal {
                mean: 0.0,
                deviation: 1.0,
            },
            shift: 3.0,
            range: [0.0, 1.0],
            blank: 0.0,
            seed: 0,
            checkpoint_every: 50,
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {name} is {found}, and must be {wanted}")]
pub struct SettingsError {
    name: &'static str,
    found: String,
    wanted: &'static str,
}

impl Settings {
    /// Checks what can be checked without a model.
    ///
    /// # Errors
    /// [`SettingsError`]: the first that cannot be.
    pub fn check(&self) -> Result<(), SettingsError> {
        let no = |name, found: String, wanted| Err(SettingsError { name, found, wanted });
        if let Trained::Lora(lora) = &self.trained {
            if lora.rank == 0 {
                return no("rank", "0".into(), "1 or more");
            }
            if !(lora.alpha.is_finite() && lora.alpha > 0.0) {
                return no("alpha", lora.alpha.to_string(), "a number above 0");
            }
        }
        if self.steps == 0 {
            return no("steps", "0".into(), "1 or more");
        }
        if self.examples == 0 {
            return no("examples", "0".into(), "1 or more");
        }
        if self.checkpoint_every == 0 {
            return no("checkpoint_every", "0".into(), "1 or more");
        }
        let [least, most] = self.range;
        if !(least >= 0.0 && most <= 1.0 && least < most) {
            return no(
                "range",
                format!("{:?}", self.range),
                "two rising numbers from 0 to 1",
            );
        }
        if let Levels::LogitNormal { mean, deviation } = self.levels
            && !(mean.is_finite() && deviation.is_finite() && deviation > 0.0)
        {
            return no(
                "levels",
                format!("{mean}, {deviation}"),
                "a number, and a deviation above 0",
            );
        }
        let positive = [
            ("rate", self.rate),
            ("eps", self.eps),
            ("shift", self.shift),
            ("clip", self.clip.unwrap_or(1.0)),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return no(name, value.to_string(), "a number above 0");
            }
        }
        let parts = [
            ("least_rate", self.least_rate),
            ("blank", self.blank),
            ("weight_decay", self.weight_decay),
        ];
        for (name, value) in parts {
            if !(0.0..=1.0).contains(&value) {
                return no(name, value.to_string(), "a number from 0 to 1");
            }
        }
        let below_one = [
            ("betas", self.betas[0]),
            ("betas", self.betas[1]),
            ("average", self.average.unwrap_or(0.0)),
        ];
        for (name, value) in below_one {
            if !(0.0..1.0).contains(&value) {
                return no(name, value.to_string(), "0 or more, and below 1");
            }
        }
        Ok(())
    }

    /// The rate of a step; steps count from 0.
    pub fn rate_at(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f64 / self.warm_up as f64;
        }
        let falling = self.steps.saturating_sub(self.warm_up).max(1) as f64;
        let done = ((step - self.warm_up) as f64 / falling).min(1.0);
        let cosine = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done));
        self.rate * (self.least_rate + (1.0 - self.least_rate) * cosine)
    }
}
