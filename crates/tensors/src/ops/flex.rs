//! The kernels as operations of burn's CPU backend.

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, DType, Dispatch, DispatchDevice, ExtensionType, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Bytes, Device, Shape, Tensor};

use super::{ConvSpec, NormSpec};
use crate::kernels::{self, Activation, Affine, Attention, RotaryTable};

/// A tensor that may be left out; the extension layer has no `Option`.
#[derive(Debug, Clone, ExtensionType)]
pub enum Maybe<B: Backend> {
    /// It is there.
    Given(FloatTensor<B>),
    /// It is left out.
    Absent,
}

impl<const D: usize> From<Option<Tensor<D>>> for Maybe<Dispatch> {
    fn from(tensor: Option<Tensor<D>>) -> Self {
        tensor.map_or(Maybe::Absent, |tensor| Maybe::Given(tensor.into_dispatch()))
    }
}

/// The operations, by burn's extension way. [`super`] says what each does; all are in 32-bit floating point.
#[backend_extension(Flex)]
pub trait CpuOps: Backend {
    /// See [`super::linear`].
    fn cpu_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
    ) -> FloatTensor<Self>;
    /// See [`super::attention`].
    fn cpu_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
        heads: usize,
        scale: f32,
    ) -> FloatTensor<Self>;
    /// See [`super::norm`].
    fn cpu_norm(
        x: FloatTensor<Self>,
        #[extension_type] scale: Maybe<Self>,
        #[extension_type] shift: Maybe<Self>,
        spec: NormSpec,
    ) -> FloatTensor<Self>;
    /// See [`super::activate`].
    fn cpu_activate(x: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self>;
    /// See [`super::activate_times`].
    fn cpu_activate_times(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;
    /// See [`super::add_gated`].
    fn cpu_add_gated(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        #[extension_type] gate: Maybe<Self>,
    ) -> FloatTensor<Self>;
    /// See [`super::rotate`].
    fn cpu_rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;
    /// See [`super::pack_conv_weight`].
    fn cpu_pack_conv_weight(weight: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`super::conv`].
    fn cpu_conv(
        x: FloatTensor<Self>,
        #[extension_type] past: Maybe<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        spec: ConvSpec,
    ) -> FloatTensor<Self>;
}

/// A tensor whose values lie in a row.
fn flat(x: FlexTensor) -> FlexTensor {
    x.to_contiguous()
}

/// The same for one that may be missing.
fn flat_option(x: Maybe<Flex>) -> Option<FlexTensor> {
    match x {
        Maybe::Given(x) => Some(flat(x)),
        Maybe::Absent => None,
    }
}

/// The values of a tensor that [`flat`] made.
fn values(x: &FlexTensor) -> &[f32] {
    x.storage::<f32>()
}

/// A tensor of values.
fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

impl CpuOps for Flex {
    fn cpu_linear(x: FlexTensor, weight: FlexTensor, bias: Maybe<Flex>) -> FlexTensor {
        let (x, weight, bias) = (flat(x), flat(weight), flat_option(bias));
        let (rows, inputs, outputs) = (x.shape()[0], x.shape()[1], weight.shape()[0]);
        let mut out = kernels::zeros(rows * outputs);
        kernels::linear(
            values(&x),
            values(&weight),
            bias.as_ref().map(values),
            inputs,
            outputs,
            &mut out,
        );
        tensor(out, Shape::new([rows, outputs]))
    }

    fn cpu_attention(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        bias: Maybe<Flex>,
        heads: usize,
        scale: f32,
    ) -> FlexTensor {
        let (q, k, v, bias) = (flat(q), flat(k), flat(v), flat_option(bias));
        let (queries, width, keys) = (q.shape()[0], q.shape()[1], k.shape()[0]);
        let shape = Attention {
            heads,
            head_dim: width / heads,
            queries,
            keys,
            scale,
        };
        let mut out = kernels::zeros(queries * width);
        kernels::attention(
            values(&q),
            values(&k),
            values(&v),
            bias.as_ref().map(values),
            shape,
            &mut out,
        );
        tensor(out, Shape::new([queries, width]))
    }

    fn cpu_norm(x: FlexTensor, scale: Maybe<Flex>, shift: Maybe<Flex>, spec: NormSpec) -> FlexTensor {
        let (x, scale, shift) = (flat(x), flat_option(scale), flat_option(shift));
        let affine = Affine {
            scale: scale.as_ref().map(values),
            base: spec.base,
            shift: shift.as_ref().map(values),
            silu: spec.silu,
        };
        let mut out = kernels::zeros(values(&x).len());
        kernels::norm_rows(values(&x), x.shape()[1], spec.norm, affine, &mut out);
        tensor(out, x.shape())
    }

    fn cpu_activate(x: FlexTensor, activation: Activation) -> FlexTensor {
        let mut x = flat(x);
        kernels::activate(x.storage_mut::<f32>(), activation);
        x
    }

    fn cpu_activate_times(x: FlexTensor, y: FlexTensor, activation: Activation) -> FlexTensor {
        let (mut x, y) = (flat(x), flat(y));
        kernels::activate_times(x.storage_mut::<f32>(), activation, values(&y));
        x
    }

    fn cpu_add_gated(x: FlexTensor, y: FlexTensor, gate: Maybe<Flex>) -> FlexTensor {
        let (mut x, y, gate) = (flat(x), flat(y), flat_option(gate));
        kernels::add_gated(x.storage_mut::<f32>(), values(&y), gate.as_ref().map(values));
        x
    }

    fn cpu_rotate(x: FlexTensor, cos: FlexTensor, sin: FlexTensor, heads: usize) -> FlexTensor {
        let (mut x, cos, sin) = (flat(x), flat(cos), flat(sin));
        let head_dim = x.shape()[1] / heads;
        let table = RotaryTable {
            cos: values(&cos),
            sin: values(&sin),
        };
        kernels::rotate(x.storage_mut::<f32>(), heads, head_dim, table);
        x
    }

    fn cpu_pack_conv_weight(weight: FlexTensor) -> FlexTensor {
        let weight = flat(weight);
        let s = weight.shape();
        let (outputs, inputs, kernel) = (s[0], s[1], [s[2], s[3], s[4]]);
        let packed = kernels::pack_conv_weight(values(&weight), inputs, outputs, kernel);
        tensor(
            packed,
            Shape::new([kernel[0], kernel[1], kernel[2], inputs, outputs]),
        )
    }

    fn cpu_conv(
        x: FlexTensor,
        past: Maybe<Flex>,
        weight: FlexTensor,
        bias: FlexTensor,
        spec: ConvSpec,
    ) -> FlexTensor {
        let (x, past, weight, bias) = (flat(x), flat_option(past), flat(weight), flat(bias));
        let s = x.shape();
        let outputs = weight.shape()[4];
        let conv = spec.over([s[0], s[1], s[2], s[3]], outputs);
        let [frames, height, width] = conv.output();
        let mut out = kernels::zeros(frames * height * width * outputs);
        let past = past.as_ref().map_or(&[][..], values);
        kernels::conv(
            values(&x),
            past,
            values(&weight),
            Some(values(&bias)),
            &conv,
            &mut out,
        );
        tensor(out, Shape::new([frames, height, width, outputs]))
    }
}

/// Whether a tensor lies on burn's CPU backend in 32-bit floating point, for which the kernels are.
pub(super) fn on_flex<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && is_flex(&x.device())
}

/// Whether a device is burn's CPU backend.
pub(crate) fn is_flex(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}
