//! Numbers out of buffers, every range checked (glTF 2.0, section 3.6.2).

use std::borrow::Cow;

use gltf::json::accessor::{Accessor, ComponentType, Type};
use gltf::json::validation::{Checked, USize64};
use gltf::json::{Index, Root, buffer};

use crate::read::ReadError;
use crate::read::budget::Context;

/// The file's buffers, and what points into them.
pub(super) struct Data<'a> {
    root: &'a Root,
    buffers: Vec<Cow<'a, [u8]>>,
}

/// How the components of an element lie in bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    kind: ComponentType,
    normalized: bool,
}

impl Layout {
    /// Component `i` as a number; whole numbers that stand for fractions are made them.
    pub fn float(self, bytes: &[u8], i: usize) -> f32 {
        let whole = self.raw(bytes, i);
        match (self.kind, self.normalized) {
            (ComponentType::F32, _) => {
                let at = i * 4;
                bytes
                    .get(at..at + 4)
                    .map_or(0.0, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            }
            (_, false) => whole as f32,
            (ComponentType::U8, true) => whole as f32 / 255.0,
            (ComponentType::U16, true) => whole as f32 / 65_535.0,
            (ComponentType::U32, true) => whole as f32 / u32::MAX as f32,
            (ComponentType::I8, true) => (whole as f32 / 127.0).max(-1.0),
            (ComponentType::I16, true) => (whole as f32 / 32_767.0).max(-1.0),
        }
    }

    /// Component `i` as a whole number; 0 for one that is a float.
    pub fn raw(self, bytes: &[u8], i: usize) -> i64 {
        let size = self.kind.size();
        let Some(b) = bytes.get(i * size..(i + 1) * size) else {
            return 0;
        };
        match self.kind {
            ComponentType::I8 => i64::from(b[0] as i8),
            ComponentType::U8 => b[0].into(),
            ComponentType::I16 => i16::from_le_bytes([b[0], b[1]]).into(),
            ComponentType::U16 => u16::from_le_bytes([b[0], b[1]]).into(),
            ComponentType::U32 => u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
            ComponentType::F32 => 0,
        }
    }
}

/// Equal steps in a run of bytes.
struct Steps<'b> {
    bytes: &'b [u8],
    step: usize,
    size: usize,
}

impl<'b> Steps<'b> {
    fn get(&self, i: usize) -> &'b [u8] {
        let start = i.saturating_mul(self.step);
        self.bytes
            .get(start..start.saturating_add(self.size))
            .unwrap_or(&[])
    }
}

impl<'a> Data<'a> {
    pub fn new(root: &'a Root, buffers: Vec<Cow<'a, [u8]>>) -> Self {
        Self { root, buffers }
    }

    /// The bytes of a buffer view.
    pub fn view(&self, index: Index<buffer::View>, context: &Context<'_>) -> Result<&[u8], ReadError> {
        let view = super::at(&self.root.buffer_views, index, "buffer view", context)?;
        let buffer = self.buffers.get(view.buffer.value()).ok_or_else(|| {
            context.damaged(format!(
                "buffer view {} lies in buffer {}, and there are {}",
                index.value(),
                view.buffer.value(),
                self.buffers.len()
            ))
        })?;
        let start = bytes_of(view.byte_offset);
        let end = start.saturating_add(bytes_of(Some(view.byte_length)));
        buffer.get(start..end).ok_or_else(|| {
            context.damaged(format!(
                "buffer view {} goes to byte {end} of a buffer with {} bytes",
                index.value(),
                buffer.len()
            ))
        })
    }

    /// How many elements an accessor has.
    pub fn count(&self, index: Index<Accessor>, context: &Context<'_>) -> Result<u64, ReadError> {
        Ok(super::at(&self.root.accessors, index, "accessor", context)?
            .count
            .0)
    }

    /// Whether an accessor's components are floats.
    pub fn is_float(&self, index: Index<Accessor>) -> bool {
        self.root
            .accessors
            .get(index.value())
            .is_some_and(|a| matches!(&a.component_type, Checked::Valid(c) if c.0 == ComponentType::F32))
    }

    /// Reads an accessor that must be of one of some types; `decode` makes an element of its bytes. Elements that the
    /// file leaves out are zero.
    pub fn read<T: Clone>(
        &self,
        index: Index<Accessor>,
        types: &[Type],
        context: &Context<'_>,
        decode: impl Fn(Layout, Type, &[u8]) -> T,
    ) -> Result<Vec<T>, ReadError> {
        let name = || format!("accessor {}", index.value());
        let accessor = super::at(&self.root.accessors, index, "accessor", context)?;
        let (Checked::Valid(kind), Checked::Valid(type_)) = (&accessor.component_type, &accessor.type_)
        else {
            return Err(context.damaged(format!("{} is of no known type", name())));
        };
        let (kind, type_) = (kind.0, *type_);
        if !types.contains(&type_) {
            return Err(context.damaged(format!("{} is of type {type_:?}, not {:?}", name(), types[0])));
        }
        let layout = Layout {
            kind,
            normalized: accessor.normalized,
        };
        let size = kind.size() * type_.multiplicity();
        let count = usize::try_from(accessor.count.0).unwrap_or(usize::MAX);
        let mut out: Vec<T> = match accessor.buffer_view {
            Some(view) => {
                let step = self.stride(view).unwrap_or(size);
                let bytes = self.span(view, bytes_of(accessor.byte_offset), step, size, count, context)?;
                let steps = Steps { bytes, step, size };
                (0..count).map(|i| decode(layout, type_, steps.get(i))).collect()
            }
            None => {
                // Nothing in the file stands against the count: the callers' limits have to.
                let limits = &context.options.limits;
                let most = limits
                    .vertices
                    .max(limits.triangles.saturating_mul(3))
                    .max(limits.key_values);
                if count as u64 > most {
                    return Err(context.damaged(format!("{} has {count} elements, all left out", name())));
                }
                let zero = vec![0_u8; size];
                vec![decode(layout, type_, &zero); count]
            }
        };
        if let Some(sparse) = &accessor.sparse {
            let Checked::Valid(index_kind) = &sparse.indices.component_type else {
                return Err(context.damaged(format!("{} has sparse indices of no known type", name())));
            };
            let changed = usize::try_from(sparse.count.0).unwrap_or(usize::MAX);
            if changed > count {
                return Err(context.damaged(format!("{} changes {changed} of {count} elements", name())));
            }
            let places = {
                let size = index_kind.0.size();
                let offset = bytes_of(Some(sparse.indices.byte_offset));
                let bytes = self.span(sparse.indices.buffer_view, offset, size, size, changed, context)?;
                Steps {
                    bytes,
                    step: size,
                    size,
                }
            };
            let values = {
                let offset = bytes_of(Some(sparse.values.byte_offset));
                let bytes = self.span(sparse.values.buffer_view, offset, size, size, changed, context)?;
                Steps {
                    bytes,
                    step: size,
                    size,
                }
            };
            let whole = Layout {
                kind: index_kind.0,
                normalized: false,
            };
            for i in 0..changed {
                let place = usize::try_from(whole.raw(places.get(i), 0)).unwrap_or(usize::MAX);
                let Some(slot) = out.get_mut(place) else {
                    return Err(context.damaged(format!("{} changes element {place} of {count}", name())));
                };
                *slot = decode(layout, type_, values.get(i));
            }
        }
        Ok(out)
    }

    /// Vectors of N numbers.
    pub fn vectors<const N: usize>(
        &self,
        index: Index<Accessor>,
        context: &Context<'_>,
    ) -> Result<Vec<[f32; N]>, ReadError> {
        let type_ = match N {
            1 => Type::Scalar,
            2 => Type::Vec2,
            3 => Type::Vec3,
            4 => Type::Vec4,
            _ => Type::Mat4,
        };
        self.read(index, &[type_], context, |layout, _, bytes| {
            std::array::from_fn(|i| layout.float(bytes, i))
        })
    }

    /// Single numbers.
    pub fn scalars(&self, index: Index<Accessor>, context: &Context<'_>) -> Result<Vec<f32>, ReadError> {
        self.read(index, &[Type::Scalar], context, |layout, _, bytes| {
            layout.float(bytes, 0)
        })
    }

    fn stride(&self, view: Index<buffer::View>) -> Option<usize> {
        let stride = self.root.buffer_views.get(view.value())?.byte_stride?.0;
        (stride > 0).then_some(stride)
    }

    /// The part of a view with `count` elements of `size` bytes each.
    fn span(
        &self,
        view: Index<buffer::View>,
        offset: usize,
        step: usize,
        size: usize,
        count: usize,
        context: &Context<'_>,
    ) -> Result<&[u8], ReadError> {
        let bytes = self.view(view, context)?;
        if count == 0 {
            return Ok(&[]);
        }
        let needed = (count - 1)
            .checked_mul(step)
            .and_then(|n| n.checked_add(size))
            .and_then(|n| n.checked_add(offset));
        needed.and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
            context.damaged(format!(
                "buffer view {} has {} bytes, fewer than the {count} elements in it need",
                view.value(),
                bytes.len()
            ))
        })
    }
}

fn bytes_of(size: Option<USize64>) -> usize {
    usize::try_from(size.unwrap_or_default().0).unwrap_or(usize::MAX)
}
