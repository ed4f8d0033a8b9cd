//! The way back through a record.

use super::{Layer, Op, Record, Value, Var};
use crate::kernels::matmul::{Threads, product};
use crate::kernels::{self, Matrix, NormGradients, RotaryTable};
use crate::train::parameters::Gradients;
use crate::weights::ModelError;

impl Record<'_> {
    /// Adds the gradients of all that is trained, for the gradients `seeds` of some results; what it answers are the
    /// gradients of `inputs`, where they are wanted.
    pub(in crate::train) fn backward(
        mut self,
        seeds: Vec<(Var, Vec<f32>)>,
        inputs: &[Var],
        into: &mut Gradients,
    ) -> Result<Vec<Option<Vec<f32>>>, ModelError> {
        let mut given: Vec<Option<Vec<f32>>> = Vec::new();
        given.resize_with(self.nodes.len(), || None);
        for (var, d) in seeds {
            add(&mut given[var.0], d);
        }
        for i in (0..self.nodes.len()).rev() {
            if inputs.contains(&Var(i)) {
                continue;
            }
            if let Some(d) = given[i].take()
                && self.nodes[i].wanted
            {
                self.step_back(i, d, &mut given, into)?;
            }
            // All that was made of it lies behind.
            self.nodes[i].value = None;
        }
        let wanted = |var: &Var| given[var.0].take().filter(|_| self.nodes[var.0].wanted);
        Ok(inputs.iter().map(wanted).collect())
    }

    fn step_back(
        &mut self,
        i: usize,
        d: Vec<f32>,
        given: &mut [Option<Vec<f32>>],
        into: &mut Gradients,
    ) -> Result<(), ModelError> {
        let op = std::mem::replace(&mut self.nodes[i].op, Op::Input);
        match op {
            Op::Input => {}
            Op::Parameter(name) => {
                if let Some(into) = into.get_mut(&name) {
                    kernels::add_gated(into, &d, None);
                }
            }
            Op::Sum(x, y) => {
                if self.wanted(x) {
                    add(&mut given[x.0], d.clone());
                }
                if self.wanted(y) {
                    add(&mut given[y.0], d);
                }
            }
            Op::Part(x, part) => {
                let [rows, width] = self.shape(x);
                let slot = given[x.0].get_or_insert_with(|| vec![0.0; rows * width]);
                kernels::add_gated(&mut slot[part * d.len()..(part + 1) * d.len()], &d, None);
            }
            Op::Linear { x, layer, low } => self.linear_back(x, &layer, low, &d, given, into)?,
            Op::Norm {
                x,
                norm,
                base,
                scale,
                shift,
            } => {
                let [rows, width] = self.shape(x);
                let value = self.value(x);
                let factors = scale.map(|s| self.value(s));
                let mut taken = |this: &Self, var: Option<Var>, n: usize| {
                    let var = var.filter(|v| this.wanted(*v))?;
                    Some((var, given[var.0].take().unwrap_or_else(|| vec![0.0; n])))
                };
                let mut dx = taken(self, Some(x), rows * width);
                let (mut ds, mut dt) = (taken(self, scale, width), taken(self, shift, width));
                let to = NormGradients {
                    x: dx.as_mut().map(|(_, v)| v.as_mut_slice()),
                    scale: ds.as_mut().map(|(_, v)| v.as_mut_slice()),
                    shift: dt.as_mut().map(|(_, v)| v.as_mut_slice()),
                };
                let factors = factors.as_ref().map(|f| f.as_slice());
                kernels::norm_backward(&value, &d, width, norm, base, factors, to);
                for (var, values) in [dx, ds, dt].into_iter().flatten() {
                    given[var.0] = Some(values);
                }
            }
            Op::Rotate { x, by, heads } => {
                let [_, width] = self.shape(x);
                let mut d = d;
                let table = RotaryTable {
                    cos: &by.cos,
                    sin: &by.minus_sin,
                };
                kernels::rotate(&mut d, heads, width / heads, table);
                add(&mut given[x.0], d);
            }
            Op::Attention { q, k, v, shape, sums } => {
                let (qv, kv, vv, out) = (self.value(q), self.value(k), self.value(v), self.value(Var(i)));
                let found = kernels::attention_backward(&qv, &kv, &vv, &out, &sums, &d, shape);
                for (var, d) in [(q, found.q), (k, found.k), (v, found.v)] {
                    if self.wanted(var) {
                        add(&mut given[var.0], d);
                    }
                }
            }
            Op::Activate(x, activation) => {
                let mut d = d;
                kernels::activate_backward(&self.value(x), activation, &mut d);
                add(&mut given[x.0], d);
            }
            Op::AddGated { x, y, gate } => {
                if let Some(gate) = gate.filter(|g| self.wanted(*g)) {
                    let value = self.value(y);
                    let slot = given[gate.0].get_or_insert_with(|| vec![0.0; self.nodes[gate.0].width]);
                    kernels::gate_backward(&value, &d, slot);
                }
                if self.wanted(y) {
                    let dy = match gate {
                        Some(gate) => kernels::multiply_columns(&d, &self.value(gate)),
                        None => d.clone(),
                    };
                    add(&mut given[y.0], dy);
                }
                if self.wanted(x) {
                    add(&mut given[x.0], d);
                }
            }
        }
        Ok(())
    }

    fn linear_back(
        &mut self,
        x: Var,
        layer: &Layer,
        low: Option<Value>,
        d: &[f32],
        given: &mut [Option<Vec<f32>>],
        into: &mut Gradients,
    ) -> Result<(), ModelError> {
        let source = self.source;
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let [rows, _] = self.shape(x);
        let given_rows = Matrix::new(d, rows, outputs, outputs, 1);
        if let Some(bias) = into.get_mut(&layer.bias()) {
            kernels::add_column_sums(d, bias);
        }
        if let Some(weight) = into.get_mut(&layer.weight()) {
            let value = self.value(x);
            let x_rows = Matrix::new(&value, rows, inputs, inputs, 1);
            product(
                given_rows.transposed(),
                x_rows,
                weight,
                inputs,
                true,
                Threads::All,
            );
        }
        // The gradient of the input: through the weight, then through the LoRA.
        let mut dx = self.wanted(x).then(|| given[x.0].take()).map(|before| {
            let fresh = before.is_none();
            (before.unwrap_or_else(|| vec![0.0; rows * inputs]), fresh)
        });
        if let Some((dx, fresh)) = &mut dx {
            let weight = source.values(&layer.weight(), &layer.shape)?;
            let weight = Matrix::new(&weight, outputs, inputs, inputs, 1);
            product(given_rows, weight, dx, inputs, !*fresh, Threads::All);
        }
        if let (Some(low), Some(lora)) = (low, source.lora(&layer.name, inputs, outputs)?) {
            let rank = lora.rank;
            if let Some(up) = into.get_mut(&layer.up()) {
                let low = Matrix::new(&low, rows, rank, rank, 1);
                product(given_rows.transposed(), low, up, rank, true, Threads::All);
            }
            let mut g = vec![0.0; rows * rank];
            let up = Matrix::new(&lora.up, outputs, rank, rank, 1);
            product(given_rows, up, &mut g, rank, false, Threads::All);
            g.iter_mut().for_each(|g| *g *= lora.scale);
            let g = Matrix::new(&g, rows, rank, rank, 1);
            if let Some(down) = into.get_mut(&layer.down()) {
                let value = self.value(x);
                let x_rows = Matrix::new(&value, rows, inputs, inputs, 1);
                product(g.transposed(), x_rows, down, inputs, true, Threads::All);
            }
            if let Some((dx, _)) = &mut dx {
                let down = Matrix::new(&lora.down, rank, inputs, inputs, 1);
                product(g, down, dx, inputs, true, Threads::All);
            }
        }
        if let Some((dx, _)) = dx {
            given[x.0] = Some(dx);
        }
        Ok(())
    }
}

/// Adds a gradient to those that came before.
fn add(slot: &mut Option<Vec<f32>>, d: Vec<f32>) {
    match slot {
        Some(sum) => kernels::add_gated(sum, &d, None),
        None => *slot = Some(d),
    }
}
