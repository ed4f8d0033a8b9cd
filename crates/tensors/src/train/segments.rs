//! A run in segments: each has a record of its own, kept until its gradient has passed, or made again for it.

use std::rc::Rc;

use super::parameters::{Gradients, Source};
use super::record::{Record, Value, Var};
use crate::weights::ModelError;

/// A matrix between segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

struct Held {
    value: Option<Value>,
    shape: [usize; 2],
    wanted: bool,
    given: Option<Vec<f32>>,
}

/// Notes a segment's operations: from its inputs to its results.
type Build<'a> = Box<dyn Fn(&mut Record<'a>, &[Var]) -> Result<Vec<Var>, ModelError> + 'a>;

struct Segment<'a> {
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
    build: Build<'a>,
    kept: Option<Noted<'a>>,
}

struct Noted<'a> {
    record: Record<'a>,
    inputs: Vec<Var>,
    outputs: Vec<Var>,
}

/// Segments in the order in which they ran.
pub(super) struct Segments<'a> {
    source: Source<'a>,
    slots: Vec<Held>,
    segments: Vec<Segment<'a>>,
    /// Whether a backward will come.
    keep: bool,
}

impl<'a> Segments<'a> {
    pub(super) fn new(source: Source<'a>, keep: bool) -> Self {
        Self {
            source,
            slots: Vec::new(),
            segments: Vec::new(),
            keep,
        }
    }

    /// A matrix from outside.
    pub(super) fn give(&mut self, values: Vec<f32>, shape: [usize; 2]) -> Slot {
        self.hold(Rc::new(values), shape, false)
    }

    fn hold(&mut self, value: Value, shape: [usize; 2], wanted: bool) -> Slot {
        self.slots.push(Held {
            value: Some(value),
            shape,
            wanted,
            given: None,
        });
        Slot(self.slots.len() - 1)
    }

    /// The values in a slot.
    pub(super) fn value(&self, slot: Slot) -> Option<Value> {
        self.slots[slot.0].value.clone()
    }

    /// Lets a matrix go that no later segment takes, unless a segment is to be made again from it.
    pub(super) fn let_go(&mut self, slot: Slot) {
        let again = |s: &Segment<'a>| s.kept.is_none() && s.inputs.contains(&slot);
        if !self.segments.iter().any(again) {
            self.slots[slot.0].value = None;
        }
    }

    fn note(&self, inputs: &[Slot], build: &Build<'a>, keep: bool) -> Result<Noted<'a>, ModelError> {
        let mut record = Record::new(self.source, keep);
        let mut vars = Vec::new();
        for slot in inputs {
            let held = &self.slots[slot.0];
            let Some(value) = &held.value else {
                unreachable!("a segment's input was let go");
            };
            vars.push(record.input(Rc::clone(value), held.shape, held.wanted));
        }
        let outputs = build(&mut record, &vars)?;
        Ok(Noted {
            record,
            inputs: vars,
            outputs,
        })
    }

    /// Runs a segment. With `again` its record is not kept, and made again for its gradient.
    pub(super) fn run(
        &mut self,
        inputs: &[Slot],
        again: bool,
        build: Build<'a>,
    ) -> Result<Vec<Slot>, ModelError> {
        let keep = self.keep && !again;
        let mut noted = self.note(inputs, &build, keep)?;
        let mut outputs = Vec::new();
        for var in noted.outputs.clone() {
            let (value, shape) = (noted.record.value(var), noted.record.shape(var));
            outputs.push(self.hold(value, shape, noted.record.wanted(var)));
        }
        if self.keep && outputs.iter().any(|slot| self.slots[slot.0].wanted) {
            noted.record.close();
            self.segments.push(Segment {
                inputs: inputs.to_vec(),
                outputs: outputs.clone(),
                build,
                kept: keep.then_some(noted),
            });
        }
        Ok(outputs)
    }

    /// Adds the gradients of all that is trained, for the gradient `d` of one matrix.
    pub(super) fn backward(
        mut self,
        seed: Slot,
        d: Vec<f32>,
        into: &mut Gradients,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ModelError> {
        self.slots[seed.0].given = Some(d);
        while let Some(mut segment) = self.segments.pop() {
            if !go_on() {
                return Err(ModelError::Stopped);
            }
            let given: Vec<_> = segment
                .outputs
                .iter()
                .map(|slot| {
                    let held = &mut self.slots[slot.0];
                    held.value = None;
                    held.given.take()
                })
                .collect();
            if given.iter().all(Option::is_none) {
                continue;
            }
            let noted = match segment.kept.take() {
                Some(noted) => noted,
                None => {
                    let mut noted = self.note(&segment.inputs, &segment.build, true)?;
                    noted.record.close();
                    noted
                }
            };
            let seeds = noted
                .outputs
                .iter()
                .zip(given)
                .filter_map(|(var, d)| Some((*var, d?)))
                .collect();
            let found = noted.record.backward(seeds, &noted.inputs, into)?;
            for (slot, d) in segment.inputs.iter().zip(found) {
                let Some(d) = d else { continue };
                match &mut self.slots[slot.0].given {
                    Some(sum) => crate::kernels::add_gated(sum, &d, None),
                    given @ None => *given = Some(d),
                }
            }
        }
        Ok(())
    }
}
