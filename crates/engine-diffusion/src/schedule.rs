//! From noise to a picture in steps: which noise levels, and what each step does.
//!
//! The models of the family are trained on straight flows (rectified flow, arXiv 2209.03003; flow matching, 2210.02747):
//! a sample at noise level `sigma` is `(1 - sigma) · picture + sigma · noise`, and the model says `noise - picture`. So its
//! picture is `sample - sigma · output`, and every solver here is a way to combine such estimates.
//!
//! A [`Schedule`] is numbers only: [`Plan`] says for each step with which weights to add up what is at hand, whatever the
//! tensors are; [`Stepper`] does it for slices.
//!
//! ```
//! use heirloom_engine_diffusion::schedule::{Schedule, Solver, Stepper};
//!
//! let schedule = Schedule::unipc(Solver::default(), 5.0, 20, 1000)?;
//! let mut stepper = Stepper::new(&schedule);
//! let mut sample = vec![0.3; 16];
//! while let Some(time) = stepper.time() {
//!     let output: Vec<f32> = sample.iter().map(|x| x * time as f32 / 1000.0).collect(); // the model's word
//!     stepper.step(&output, &mut sample, |_| {})?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// How UniPC steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solver {
    /// The function `B(h)` of the paper.
    pub kind: SolverKind,
    /// 1 or 2: how many estimates a step looks at.
    pub order: u8,
    /// Whether the last step looks at one estimate only.
    pub lower_order_final: bool,
    /// Steps at the beginning that are not corrected by the next one's estimate.
    pub uncorrected: usize,
}

/// `B(h)` of UniPC (arXiv 2302.04867, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverKind {
    /// `h`.
    Bh1,
    /// `exp(h) - 1`.
    Bh2,
}

impl Default for Solver {
    /// What the family's configurations ask for.
    fn default() -> Self {
        Self {
            kind: SolverKind::Bh2,
            order: 2,
            lower_order_final: true,
            uncorrected: 0,
        }
    }
}

impl Solver {
    /// The solver of a scheduler's configuration, or none where it is not one of these.
    pub fn named(kind: &str, order: u64, lower_order_final: bool) -> Option<Self> {
        let kind = match kind {
            "bh1" => SolverKind::Bh1,
            "bh2" => SolverKind::Bh2,
            _ => return None,
        };
        let order = u8::try_from(order).ok().filter(|o| (1..=2).contains(o))?;
        Some(Self {
            kind,
            order,
            lower_order_final,
            uncorrected: 0,
        })
    }
}

/// Steps that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// None, or more than the training had.
    #[error("{asked} steps cannot be made: ask for 1 to {most}")]
    Steps {
        /// What was asked for.
        asked: usize,
        /// The training's steps, less one.
        most: u64,
    },
    /// A shift that turns noise levels around.
    #[error("a shift of {0} cannot be: it must be above 0 (3 for small pictures, 5 for large ones is usual)")]
    Shift(String),
    /// Times that do not go down.
    #[error("the times {0:?} cannot be: they must go down and lie above 0, the training's last step at most")]
    Times(Vec<String>),
    /// A part of the steps that is none.
    #[error(
        "a strength of {0} cannot be: it must be above 0, and 1 at most (0.3 for the look alone, 0.8 for much)"
    )]
    Strength(String),
    /// A part of the steps in which there is none.
    #[error(
        "a strength of {strength} takes none of {steps} steps: ask for a strength of {least} at least, or for more steps"
    )]
    Weak {
        /// What was asked for.
        strength: String,
        /// Of how many steps.
        steps: usize,
        /// The strength of one step.
        least: String,
    },
    /// A sample and an output of different lengths, or a step after the last.
    #[error(
        "the sample has {sample} numbers and the model's output {output}: give both of one size, once for each step"
    )]
    Lengths {
        /// Numbers in the sample.
        sample: usize,
        /// Numbers in the output.
        output: usize,
    },
}

/// Noise levels and times of a run, and its solver.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    sigmas: Vec<f64>,
    times: Vec<f64>,
    method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Straight,
    UniPc(Solver),
    Renoise,
}

/// What one step does. All weights are for numbers of one place of sample, estimates and noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// What the model is told, in the training's steps.
    pub time: f64,
    /// The estimate of this step is `sample - sigma · output`.
    pub sigma: f64,
    /// Weights that make a better sample of what this one came from, if any.
    pub correction: Option<Correction>,
    /// Weight of the sample (the corrected one) in the next.
    pub sample: f64,
    /// Weight of this step's estimate in the next sample.
    pub estimate: f64,
    /// Weight of the step before's estimate in the next sample.
    pub before: f64,
    /// Weight of new noise in the next sample.
    pub noise: f64,
}

/// Weights of a corrected sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// Of the sample that the step before started from.
    pub last: f64,
    /// Of this step's estimate.
    pub estimate: f64,
    /// Of the step before's estimate.
    pub before: f64,
    /// Of the estimate of the step before that.
    pub two_before: f64,
}

/// `shift · s / (1 + (shift - 1) · s)`: moves levels up, for large pictures need more noise to hide as much (the paper
/// on scaling rectified flows, arXiv 2403.03206, section 5.3.2).
fn shifted(shift: f64, sigma: f64) -> f64 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}

/// The same in the width that the reference has there: its times depend on it to the last digit.
fn shifted_f32(shift: f64, sigma: f32) -> f32 {
    shift as f32 * sigma / (1.0 + (shift - 1.0) as f32 * sigma)
}

fn checked(shift: f64, steps: usize, training_steps: u64) -> Result<(), ScheduleError> {
    if !(shift.is_finite() && shift > 0.0) {
        return Err(ScheduleError::Shift(shift.to_string()));
    }
    let most = training_steps.saturating_sub(1);
    if steps == 0 || steps as u64 > most {
        return Err(ScheduleError::Steps { asked: steps, most });
    }
    Ok(())
}

impl Schedule {
    /// UniPC (arXiv 2302.04867) with the estimate of the picture as what is predicted, as the reference schedules it:
    /// whole times, and a first level a millionth below all noise, for the logarithm of no picture has no end.
    ///
    /// # Errors
    /// [`ScheduleError`]
    pub fn unipc(
        solver: Solver,
        shift: f64,
        steps: usize,
        training_steps: u64,
    ) -> Result<Self, ScheduleError> {
        checked(shift, steps, training_steps)?;
        let last = 1.0 / training_steps as f64;
        let pace = (last - 1.0) / steps as f64;
        let mut levels: Vec<f64> = (0..steps)
            .map(|i| shifted(shift, i as f64 * pace + 1.0))
            .collect();
        if let Some(first) = levels.first_mut().filter(|f| (**f - 1.0).abs() < 1e-6) {
            *first -= 1e-6;
        }
        let times = levels
            .iter()
            .map(|s| (s * training_steps as f64).trunc())
            .collect();
        let sigmas = levels
            .into_iter()
            .chain([0.0])
            .map(|s| f64::from(s as f32))
            .collect();
        Ok(Self {
            sigmas,
            times,
            method: Method::UniPc(solver),
        })
    }

    /// Straight steps (Euler's) along the flow. The reference shifts the least level twice, once in its own table and
    /// once here; so does this, for the models' authors tuned with it.
    ///
    /// # Errors
    /// [`ScheduleError`]
    pub fn euler(shift: f64, steps: usize, training_steps: u64) -> Result<Self, ScheduleError> {
        checked(shift, steps, training_steps)?;
        let training = training_steps as f64;
        let most = f64::from(shifted_f32(shift, 1.0)) * training;
        let least = f64::from(shifted_f32(shift, 1.0 / training_steps as f32)) * training;
        let pace = if steps > 1 {
            (least - most) / (steps - 1) as f64
        } else {
            0.0
        };
        let level = |i: usize| {
            if i > 0 && i + 1 == steps {
                least
            } else {
                i as f64 * pace + most
            }
        };
        let sigmas = (0..steps)
            .map(|i| shifted(shift, level(i) / training) as f32)
            .collect();
        Ok(Self::of_levels(sigmas, training_steps, Method::Straight))
    }

    /// A few straight steps at given times (before the shift), for weights distilled to be run at just those: 1000, 750,
    /// 500 and 250, say. With `renoise`, each estimate is noised anew to the next level, as consistency distillation
    /// (arXiv 2303.01469, algorithm 1) has it; such weights say so in their notes.
    ///
    /// # Errors
    /// [`ScheduleError`] where the times do not go down, or the shift cannot be.
    pub fn few(times: &[f64], shift: f64, renoise: bool, training_steps: u64) -> Result<Self, ScheduleError> {
        checked(shift, times.len(), training_steps)?;
        let training = training_steps as f64;
        let down = times.windows(2).all(|w| matches!(w, [a, b] if a > b));
        if !down || times.iter().any(|t| !(*t > 0.0 && *t <= training)) {
            return Err(ScheduleError::Times(times.iter().map(f64::to_string).collect()));
        }
        let sigmas = times
            .iter()
            .map(|t| shifted_f32(shift, (t / training) as f32))
            .collect();
        let method = if renoise {
            Method::Renoise
        } else {
            Method::Straight
        };
        Ok(Self::of_levels(sigmas, training_steps, method))
    }

    fn of_levels(sigmas: Vec<f32>, training_steps: u64, method: Method) -> Self {
        let times = sigmas
            .iter()
            .map(|s| f64::from(s * training_steps as f32))
            .collect();
        let sigmas = sigmas.into_iter().chain([0.0]).map(f64::from).collect();
        Self {
            sigmas,
            times,
            method,
        }
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.times.len()
    }

    /// The noise level before each step, and nought, the last.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// What the model is told at each step, in the training's steps.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// The last part of the steps as a run of its own, for a clip that is brought to the noise of its first level: the
    /// whole steps in `strength`, above 0 to 1, of all.
    ///
    /// # Errors
    /// [`ScheduleError`] where the strength is none, or has no whole step in it.
    pub fn last_part(&self, strength: f64) -> Result<Self, ScheduleError> {
        if !(strength > 0.0 && strength <= 1.0) {
            return Err(ScheduleError::Strength(strength.to_string()));
        }
        let taken = (self.steps() as f64 * strength) as usize;
        if taken == 0 {
            return Err(ScheduleError::Weak {
                strength: strength.to_string(),
                steps: self.steps(),
                least: format!("{:.3}", (1000.0 / self.steps() as f64).ceil() / 1000.0),
            });
        }
        let from = self.steps() - taken;
        Ok(Self {
            sigmas: self.sigmas[from..].to_vec(),
            times: self.times[from..].to_vec(),
            method: match self.method {
                Method::UniPc(solver) => Method::UniPc(Solver {
                    uncorrected: solver.uncorrected.saturating_sub(from),
                    ..solver
                }),
                other => other,
            },
        })
    }

    /// Whether its steps take new noise.
    pub fn takes_noise(&self) -> bool {
        self.method == Method::Renoise
    }

    /// What step `step` does; none past the last.
    pub fn plan(&self, step: usize) -> Option<Plan> {
        let (&time, &sigma, &next) = (
            self.times.get(step)?,
            self.sigmas.get(step)?,
            self.sigmas.get(step + 1)?,
        );
        let plain = Plan {
            time,
            sigma,
            correction: None,
            sample: 0.0,
            estimate: 0.0,
            before: 0.0,
            noise: 0.0,
        };
        Some(match self.method {
            Method::Straight => Plan {
                sample: next / sigma,
                estimate: 1.0 - next / sigma,
                ..plain
            },
            Method::Renoise => Plan {
                estimate: 1.0 - next,
                noise: next,
                ..plain
            },
            Method::UniPc(solver) => {
                let mut plan = self.predicted(solver, step, plain);
                plan.correction = self.correction(solver, step);
                plan
            }
        })
    }

    /// How many estimates step `step` looks at.
    fn order(&self, solver: Solver, step: usize) -> usize {
        let order = usize::from(solver.order);
        let left = self.steps() - step;
        // Into no noise at all the second order has no number: its step is endless.
        let most = if solver.lower_order_final || left == 1 {
            order.min(left)
        } else {
            order
        };
        most.min(step + 1)
    }

    /// Logarithm of how much picture there is to the noise, at a level.
    fn lambda(&self, index: usize) -> f64 {
        let sigma = self.sigmas[index];
        (1.0 - sigma).ln() - sigma.ln()
    }

    fn predicted(&self, solver: Solver, step: usize, plain: Plan) -> Plan {
        let (sigma, next) = (self.sigmas[step], self.sigmas[step + 1]);
        if next == 0.0 {
            return Plan {
                estimate: 1.0,
                ..plain
            };
        }
        let lambda = self.lambda(step);
        let h = self.lambda(step + 1) - lambda;
        let (phi, b) = phi_and_b(solver.kind, h);
        let alpha = 1.0 - next;
        let mut plan = Plan {
            sample: next / sigma,
            estimate: -alpha * phi,
            ..plain
        };
        if self.order(solver, step) == 2 {
            // Half of a first difference: the reference's own shortening for the second order.
            let ratio = (self.lambda(step - 1) - lambda) / h;
            let weight = alpha * b * 0.5 / ratio;
            plan.before = -weight;
            plan.estimate += weight;
        }
        plan
    }

    /// The corrector of the step before, now that this step's estimate is known.
    fn correction(&self, solver: Solver, step: usize) -> Option<Correction> {
        let previous = step.checked_sub(1)?;
        if previous < solver.uncorrected {
            return None;
        }
        let (from, sigma) = (self.sigmas[previous], self.sigmas[step]);
        let lambda = self.lambda(previous);
        let h = self.lambda(step) - lambda;
        let (phi, b) = phi_and_b(solver.kind, h);
        let alpha = 1.0 - sigma;
        let (rest, this) = if self.order(solver, previous) == 2 {
            let ratio = (self.lambda(previous - 1) - lambda) / h;
            let second = -phi / h - 1.0;
            let third = -second / h - 0.5;
            let (first_b, second_b) = (second / b, 2.0 * third / b);
            let rest = (first_b - second_b) / (1.0 - ratio);
            (rest / ratio, first_b - rest)
        } else {
            (0.0, 0.5)
        };
        Some(Correction {
            last: sigma / from,
            estimate: -alpha * b * this,
            before: -alpha * phi + alpha * b * (rest + this),
            two_before: -alpha * b * rest,
        })
    }
}

/// `exp(-h) - 1`, and the paper's `B(-h)`.
fn phi_and_b(kind: SolverKind, h: f64) -> (f64, f64) {
    let phi = (-h).exp_m1();
    match kind {
        SolverKind::Bh1 => (phi, -h),
        SolverKind::Bh2 => (phi, phi),
    }
}

/// A run through a schedule, on slices.
#[derive(Debug)]
pub struct Stepper<'a> {
    schedule: &'a Schedule,
    step: usize,
    last: Vec<f32>,
    before: Vec<f32>,
    two_before: Vec<f32>,
}

impl<'a> Stepper<'a> {
    /// Before the first step.
    pub fn new(schedule: &'a Schedule) -> Self {
        Self {
            schedule,
            step: 0,
            last: Vec::new(),
            before: Vec::new(),
            two_before: Vec::new(),
        }
    }

    /// What the model is told next; none when all steps are done.
    pub fn time(&self) -> Option<f64> {
        self.schedule.times.get(self.step).copied()
    }

    /// Makes the next sample of this one, by the model's output at [`Self::time`]. `noise` fills a slice with standard
    /// normal numbers, and is called only where the schedule takes noise.
    ///
    /// # Errors
    /// [`ScheduleError::Lengths`]
    pub fn step(
        &mut self,
        output: &[f32],
        sample: &mut [f32],
        noise: impl FnOnce(&mut [f32]),
    ) -> Result<(), ScheduleError> {
        let known = if self.step == 0 {
            sample.len()
        } else {
            self.last.len()
        };
        let wrong = ScheduleError::Lengths {
            sample: sample.len(),
            output: output.len(),
        };
        let Some(plan) = self
            .schedule
            .plan(self.step)
            .filter(|_| output.len() == sample.len() && known == sample.len())
        else {
            return Err(wrong);
        };
        if self.step == 0 {
            self.last = vec![0.0; sample.len()];
            self.before.clone_from(&self.last);
            self.two_before.clone_from(&self.last);
        }
        let mut new = Vec::new();
        if plan.noise != 0.0 {
            new = vec![0.0; sample.len()];
            noise(&mut new);
        }
        for (i, (x, &v)) in sample.iter_mut().zip(output).enumerate() {
            let estimate = f64::from(*x) - plan.sigma * f64::from(v);
            let (before, two_before) = (f64::from(self.before[i]), f64::from(self.two_before[i]));
            let corrected = plan.correction.map_or(f64::from(*x), |c| {
                c.last * f64::from(self.last[i])
                    + c.estimate * estimate
                    + c.before * before
                    + c.two_before * two_before
            });
            let fresh = new.get(i).map_or(0.0, |n| plan.noise * f64::from(*n));
            *x = (plan.sample * corrected + plan.estimate * estimate + plan.before * before + fresh) as f32;
            self.last[i] = corrected as f32;
            self.two_before[i] = self.before[i];
            self.before[i] = estimate as f32;
        }
        self.step += 1;
        Ok(())
    }
}
