//! A record of operations: what was computed from what, so that gradients can go back the same way.
//!
//! Values are let go as early as can be. When an operation is noted, it says which of its inputs its own backward will
//! ask for; [`Record::let_go`], called by the model after an input's last use, drops all others. Of the cheap operations
//! (norms, rotations, activations) results are dropped too, and made again from their inputs when they are asked for.

mod back;

use std::rc::Rc;

use super::parameters::Source;
use crate::kernels::matmul::{Threads, product};
use crate::kernels::{self, Activation, Affine, Attention, Matrix, Norm, RotaryTable};
use crate::weights::ModelError;

/// A matrix's values, row-major.
pub(super) type Value = Rc<Vec<f32>>;

/// A result within a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Var(usize);

/// Angles of each token's pairs: (tokens, head_dim / 2) each.
pub(super) struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
    /// For turning back.
    minus_sin: Vec<f32>,
}

impl Rotation {
    pub(super) fn new((cos, sin): (Vec<f32>, Vec<f32>)) -> Self {
        let minus_sin = sin.iter().map(|s| -s).collect();
        Self { cos, sin, minus_sin }
    }
}

/// A linear layer by name.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) name: String,
    /// The weight's shape as it is stored: outputs first, all further axes are inputs.
    pub(super) shape: Vec<usize>,
}

impl Layer {
    pub(super) fn new(name: impl Into<String>, inputs: usize, outputs: usize) -> Self {
        Self {
            name: name.into(),
            shape: vec![outputs, inputs],
        }
    }

    fn outputs(&self) -> usize {
        self.shape[0]
    }

    fn inputs(&self) -> usize {
        self.shape[1..].iter().product()
    }

    fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    fn bias(&self) -> String {
        format!("{}.bias", self.name)
    }

    fn down(&self) -> String {
        format!("{}.lora_A.weight", self.name)
    }

    fn up(&self) -> String {
        format!("{}.lora_B.weight", self.name)
    }
}

enum Op {
    /// From outside; its gradient goes back there.
    Input,
    /// A small tensor by its name.
    Parameter(String),
    /// Value by value.
    Sum(Var, Var),
    /// One of several equal parts of a row.
    Part(Var, usize),
    Linear {
        x: Var,
        layer: Layer,
        /// `scale·x·Aᵀ` of a LoRA.
        low: Option<Value>,
    },
    Norm {
        x: Var,
        norm: Norm,
        base: f32,
        scale: Option<Var>,
        shift: Option<Var>,
    },
    Rotate {
        x: Var,
        by: Rc<Rotation>,
        heads: usize,
    },
    Attention {
        q: Var,
        k: Var,
        v: Var,
        shape: Attention,
        sums: Value,
    },
    Activate(Var, Activation),
    AddGated {
        x: Var,
        y: Var,
        gate: Option<Var>,
    },
}

struct Node {
    op: Op,
    rows: usize,
    width: usize,
    value: Option<Value>,
    /// Whether a gradient goes through it to something trained.
    wanted: bool,
    /// Whether some backward will ask for its value.
    needed: bool,
}

impl Node {
    /// Whether its value is dropped and made again. One without a gradient is kept: its inputs may be gone.
    fn made_again(&self) -> bool {
        self.wanted && matches!(self.op, Op::Norm { .. } | Op::Rotate { .. } | Op::Activate(..))
    }
}

/// Operations in the order in which they were done.
pub(super) struct Record<'a> {
    source: Source<'a>,
    nodes: Vec<Node>,
    /// Whether a backward will come; without, values are dropped after their last use.
    keep: bool,
}

impl<'a> Record<'a> {
    pub(super) fn new(source: Source<'a>, keep: bool) -> Self {
        Self {
            source,
            nodes: Vec::new(),
            keep,
        }
    }

    fn node(&self, var: Var) -> &Node {
        &self.nodes[var.0]
    }

    /// Whether a gradient goes through this result.
    pub(super) fn wanted(&self, var: Var) -> bool {
        self.node(var).wanted
    }

    /// Rows and width of a result.
    pub(super) fn shape(&self, var: Var) -> [usize; 2] {
        [self.node(var).rows, self.node(var).width]
    }

    /// Notes an operation; `asks` are the inputs whose values its backward needs.
    fn push(
        &mut self,
        op: Op,
        [rows, width]: [usize; 2],
        value: Vec<f32>,
        wanted: bool,
        asks: &[Var],
    ) -> Var {
        debug_assert_eq!(value.len(), rows * width);
        self.push_value(op, [rows, width], Rc::new(value), wanted, asks)
    }

    fn push_value(
        &mut self,
        op: Op,
        [rows, width]: [usize; 2],
        value: Value,
        wanted: bool,
        asks: &[Var],
    ) -> Var {
        if self.keep && wanted {
            for asked in asks {
                self.nodes[asked.0].needed = true;
            }
        }
        self.nodes.push(Node {
            op,
            rows,
            width,
            value: Some(value),
            wanted,
            needed: false,
        });
        Var(self.nodes.len() - 1)
    }

    /// Drops the value of a result that no further operation will be given, unless a backward asks for it.
    pub(super) fn let_go(&mut self, var: Var) {
        let keep = self.keep;
        let node = &mut self.nodes[var.0];
        if !keep || !node.needed || node.made_again() {
            node.value = None;
        }
    }

    /// Drops all that no backward asks for. To be called when all is noted.
    pub(super) fn close(&mut self) {
        (0..self.nodes.len()).for_each(|i| self.let_go(Var(i)));
    }

    /// A result's value: kept, or made again and kept until its gradient has passed.
    pub(super) fn value(&mut self, var: Var) -> Value {
        if let Some(value) = &self.node(var).value {
            return Rc::clone(value);
        }
        let made = match &self.node(var).op {
            Op::Norm {
                x,
                norm,
                base,
                scale,
                shift,
            } => {
                let (x, norm, base, scale, shift) = (*x, *norm, *base, *scale, *shift);
                self.normed(x, norm, base, scale, shift)
            }
            Op::Rotate { x, by, heads } => {
                let (x, by, heads) = (*x, Rc::clone(by), *heads);
                self.rotated(x, &by, heads)
            }
            Op::Activate(x, activation) => {
                let (x, activation) = (*x, *activation);
                self.activated(x, activation)
            }
            // What is not made again was kept, for somebody asked for it.
            _ => unreachable!("a value was let go that a gradient needs"),
        };
        let made = Rc::new(made);
        self.nodes[var.0].value = Some(Rc::clone(&made));
        made
    }

    /// A value from outside; `wanted` where its gradient is asked for.
    pub(super) fn input(&mut self, value: Value, shape: [usize; 2], wanted: bool) -> Var {
        self.push_value(Op::Input, shape, value, wanted, &[])
    }

    /// A small tensor by its name, stored as `stored`, as `rows` by `width`.
    pub(super) fn parameter(
        &mut self,
        name: String,
        stored: &[usize],
        shape: [usize; 2],
    ) -> Result<Var, ModelError> {
        let value = self.source.values(&name, stored)?.into_owned();
        let wanted = self.source.trains(&name);
        Ok(self.push(Op::Parameter(name), shape, value, wanted, &[]))
    }

    pub(super) fn sum(&mut self, x: Var, y: Var) -> Var {
        let mut value = self.value(x).to_vec();
        kernels::add_gated(&mut value, &self.value(y), None);
        let wanted = self.wanted(x) || self.wanted(y);
        self.push(Op::Sum(x, y), self.shape(x), value, wanted, &[])
    }

    /// Part `i` of `of` equal parts of a matrix of one row.
    pub(super) fn part(&mut self, x: Var, i: usize, of: usize) -> Var {
        let width = self.shape(x)[1] / of;
        let value = self.value(x)[i * width..(i + 1) * width].to_vec();
        let wanted = self.wanted(x);
        self.push(Op::Part(x, i), [1, width], value, wanted, &[])
    }

    pub(super) fn linear(&mut self, x: Var, layer: Layer) -> Result<Var, ModelError> {
        let [rows, width] = self.shape(x);
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        debug_assert_eq!(width, inputs);
        let source = self.source;
        let value = self.value(x);
        let mut y = vec![0.0; rows * outputs];
        {
            let weight = source.values(&layer.weight(), &layer.shape)?;
            let bias = source.values(&layer.bias(), &[outputs])?;
            kernels::linear(&value, &weight, Some(&bias), inputs, outputs, &mut y);
        }
        let mut low = None;
        if let Some(lora) = source.lora(&layer.name, inputs, outputs)? {
            let mut u = vec![0.0; rows * lora.rank];
            let down = Matrix::new(&lora.down, lora.rank, inputs, inputs, 1).transposed();
            let all = Matrix::new(&value, rows, inputs, inputs, 1);
            product(all, down, &mut u, lora.rank, false, Threads::All);
            u.iter_mut().for_each(|u| *u *= lora.scale);
            let up = Matrix::new(&lora.up, outputs, lora.rank, lora.rank, 1).transposed();
            let u_rows = Matrix::new(&u, rows, lora.rank, lora.rank, 1);
            product(u_rows, up, &mut y, outputs, true, Threads::All);
            low = Some(Rc::new(u));
        }
        let asks_x = source.trains(&layer.weight()) || (low.is_some() && source.trains(&layer.down()));
        let own = asks_x || source.trains(&layer.bias()) || (low.is_some() && source.trains(&layer.up()));
        let wanted = self.wanted(x) || own;
        let asks: &[Var] = if asks_x { &[x] } else { &[] };
        Ok(self.push(Op::Linear { x, layer, low }, [rows, outputs], y, wanted, asks))
    }

    /// Normalises rows, and `·(base + scale) + shift`.
    pub(super) fn norm(
        &mut self,
        x: Var,
        norm: Norm,
        base: f32,
        scale: Option<Var>,
        shift: Option<Var>,
    ) -> Var {
        let value = self.normed(x, norm, base, scale, shift);
        let wanted = [Some(x), scale, shift]
            .into_iter()
            .flatten()
            .any(|v| self.wanted(v));
        let asks: Vec<Var> = [Some(x), scale, shift].into_iter().flatten().collect();
        let op = Op::Norm {
            x,
            norm,
            base,
            scale,
            shift,
        };
        self.push(op, self.shape(x), value, wanted, &asks)
    }

    fn normed(&mut self, x: Var, norm: Norm, base: f32, scale: Option<Var>, shift: Option<Var>) -> Vec<f32> {
        let [_, width] = self.shape(x);
        let (x, scale, shift) = (
            self.value(x),
            scale.map(|s| self.value(s)),
            shift.map(|s| self.value(s)),
        );
        let affine = Affine {
            scale: scale.as_ref().map(|s| s.as_slice()),
            base,
            shift: shift.as_ref().map(|s| s.as_slice()),
            silu: false,
        };
        let mut out = vec![0.0; x.len()];
        kernels::norm_rows(&x, width, norm, affine, &mut out);
        out
    }

    pub(super) fn rotate(&mut self, x: Var, by: &Rc<Rotation>, heads: usize) -> Var {
        let value = self.rotated(x, by, heads);
        let (shape, wanted) = (self.shape(x), self.wanted(x));
        let op = Op::Rotate {
            x,
            by: Rc::clone(by),
            heads,
        };
        self.push(op, shape, value, wanted, &[x])
    }

    fn rotated(&mut self, x: Var, by: &Rotation, heads: usize) -> Vec<f32> {
        let [_, width] = self.shape(x);
        let mut value = self.value(x).to_vec();
        let table = RotaryTable {
            cos: &by.cos,
            sin: &by.sin,
        };
        kernels::rotate(&mut value, heads, width / heads, table);
        value
    }

    pub(super) fn attention(&mut self, q: Var, k: Var, v: Var, heads: usize) -> Var {
        let [queries, width] = self.shape(q);
        let [keys, _] = self.shape(k);
        let head_dim = width / heads;
        let shape = Attention {
            heads,
            head_dim,
            queries,
            keys,
            scale: 1.0 / (head_dim as f32).sqrt(),
        };
        let mut out = vec![0.0; queries * width];
        let mut sums = vec![0.0; queries * heads];
        let (qv, kv, vv) = (self.value(q), self.value(k), self.value(v));
        kernels::attention_keeping_sums(&qv, &kv, &vv, shape, &mut out, &mut sums);
        let wanted = [q, k, v].into_iter().any(|v| self.wanted(v));
        let op = Op::Attention {
            q,
            k,
            v,
            shape,
            sums: Rc::new(sums),
        };
        let var = self.push(op, [queries, width], out, wanted, &[q, k, v]);
        // Its backward asks for its own result.
        self.nodes[var.0].needed = self.keep && wanted;
        var
    }

    pub(super) fn activate(&mut self, x: Var, activation: Activation) -> Var {
        let value = self.activated(x, activation);
        let (shape, wanted) = (self.shape(x), self.wanted(x));
        self.push(Op::Activate(x, activation), shape, value, wanted, &[x])
    }

    fn activated(&mut self, x: Var, activation: Activation) -> Vec<f32> {
        let mut value = self.value(x).to_vec();
        kernels::activate(&mut value, activation);
        value
    }

    /// `x + y·gate`, the gate one row; without it `x + y`.
    pub(super) fn add_gated(&mut self, x: Var, y: Var, gate: Option<Var>) -> Var {
        let mut value = self.value(x).to_vec();
        let (yv, gv) = (self.value(y), gate.map(|g| self.value(g)));
        kernels::add_gated(&mut value, &yv, gv.as_ref().map(|g| g.as_slice()));
        let wanted = [Some(x), Some(y), gate]
            .into_iter()
            .flatten()
            .any(|v| self.wanted(v));
        let asks: Vec<Var> = match gate {
            Some(gate) if self.wanted(gate) => vec![gate, y],
            Some(gate) => vec![gate],
            None => Vec::new(),
        };
        self.push(Op::AddGated { x, y, gate }, self.shape(x), value, wanted, &asks)
    }
}
