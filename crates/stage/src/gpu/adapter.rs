//! Which graphics processor draws, and what it can.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use heirloom_film::Size;

use crate::passes::RenderError;

/// What the wgpu path runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterName {
    /// Its name, as its driver gives it.
    pub name: String,
    /// The driver and its version, where it says so.
    pub driver: String,
    /// The interface it is spoken to by: `vulkan`, `metal` or `dx12`.
    pub interface: String,
    /// Whether it is a program and no device: Mesa's lavapipe, Windows' WARP.
    pub software: bool,
}

impl std::fmt::Display for AdapterName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.software { "software" } else { "a device" };
        write!(f, "{} ({}, {kind})", self.name, self.interface)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        Ok(())
    }
}

/// Why the wgpu path cannot draw.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GpuError {
    /// No driver was found.
    #[error(
        "no driver for a graphics processor was found ({0}); install the maker's driver or Mesa's \
         (`mesa-vulkan-drivers` on Debian and Ubuntu, with a software one in it), or render on the processor, \
         without `gpu`"
    )]
    NoAdapter(String),
    /// What was found lacks something that the passes need.
    #[error(
        "`{adapter}` cannot {what}; bring its driver up to date, or render on the processor, without `gpu`"
    )]
    Lacking {
        /// Whose.
        adapter: String,
        /// What.
        what: String,
    },
    /// The picture or the scene is larger than the adapter can hold.
    #[error(
        "{what} is {found}, and `{adapter}` holds {limit} at most; render on the processor, without `gpu`, or {mend}"
    )]
    TooLarge {
        /// Whose limit.
        adapter: String,
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// The limit.
        limit: u64,
        /// What else may be done.
        mend: String,
    },
    /// The driver gave up: out of memory, or the device is gone.
    #[error(
        "`{adapter}` gave up: {why}; render fewer pixels or triangles, or on the processor, without `gpu`"
    )]
    Failed {
        /// Whose.
        adapter: String,
        /// What it said.
        why: String,
    },
    /// The shot itself cannot be rendered, or was stopped.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// Storage buffers that the largest shader reads and writes.
const BUFFERS: u32 = 11;

/// An open adapter: its device, its queue and its limits.
#[derive(Debug)]
pub(super) struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub name: AdapterName,
    pub limits: wgpu::Limits,
    /// Whether buffers that shaders write can be read by the processor as they are.
    pub direct: bool,
    /// What the driver complained of since it was last asked.
    complaints: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// The best adapter there is: a device of its own, then one in the processor, then a virtual one, then software.
    pub fn open() -> Result<Self, GpuError> {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            // The validation layers of the driver are for debugging this crate, slow, and not always there.
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let mut adapters = ready(instance.enumerate_adapters(backends)).unwrap_or_default();
        adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        });
        let mut first = None;
        for adapter in adapters {
            match Self::open_adapter(&adapter) {
                Ok(gpu) => return Ok(gpu),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| GpuError::NoAdapter("neither Vulkan, nor Metal, nor DirectX 12".into())))
    }

    fn open_adapter(adapter: &wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let name = AdapterName {
            name: info.name.clone(),
            driver: [info.driver.as_str(), info.driver_info.as_str()]
                .join(" ")
                .trim()
                .to_owned(),
            interface: info.backend.to_string(),
            software: info.device_type == wgpu::DeviceType::Cpu,
        };
        let lacking = |what: &str| GpuError::Lacking {
            adapter: name.name.clone(),
            what: what.into(),
        };
        if !adapter.features().contains(wgpu::Features::PRIMITIVE_INDEX) {
            return Err(lacking("say which triangle a pixel shows"));
        }
        if !adapter.features().contains(wgpu::Features::DEPTH_CLIP_CONTROL) {
            return Err(lacking("draw shadows of what stands before a map's range"));
        }
        // Everything it has: scenes and pictures are as large as the adapter allows.
        let limits = adapter.limits();
        if limits.max_storage_buffers_per_shader_stage < BUFFERS {
            return Err(lacking(&format!("read from {BUFFERS} buffers at once")));
        }
        let shared = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        // Where the device's memory is the processor's own, results are read where they were written.
        let direct = adapter.features().contains(shared)
            && matches!(
                info.device_type,
                wgpu::DeviceType::Cpu | wgpu::DeviceType::IntegratedGpu
            );
        let mut features = wgpu::Features::PRIMITIVE_INDEX | wgpu::Features::DEPTH_CLIP_CONTROL;
        features.set(shared, direct);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("stage"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = match ready(adapter.request_device(&descriptor)) {
            Some(Ok(pair)) => pair,
            Some(Err(error)) => return Err(lacking(&format!("be opened ({error})"))),
            None => return Err(lacking("be opened")),
        };
        let complaints: Arc<Mutex<Option<String>>> = Arc::default();
        let to = Arc::clone(&complaints);
        // Without a handler of its own the library would end the program.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut held = to.lock().unwrap_or_else(PoisonError::into_inner);
            held.get_or_insert(error.to_string());
        }));
        Ok(Self {
            device,
            queue,
            name,
            limits,
            direct,
            complaints,
        })
    }

    /// What went wrong since this was last asked.
    pub fn check(&self) -> Result<(), GpuError> {
        let mut held = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        held.take().map_or(Ok(()), |why| Err(self.failed(why)))
    }

    pub fn failed(&self, why: impl ToString) -> GpuError {
        GpuError::Failed {
            adapter: self.name.name.clone(),
            why: why.to_string(),
        }
    }

    /// Whether something is no larger than a limit; the mend says what else may be done than to do without the device.
    pub fn check_limit(&self, what: &str, found: u64, limit: u64, mend: &str) -> Result<(), GpuError> {
        if found <= limit {
            return Ok(());
        }
        Err(GpuError::TooLarge {
            adapter: self.name.name.clone(),
            what: what.into(),
            found,
            limit,
            mend: mend.into(),
        })
    }

    /// Whether pictures of this size can be drawn.
    pub fn check_size(&self, size: Size) -> Result<(), GpuError> {
        let what = "the longer side of the picture, in pixels,";
        let limit = self.limits.max_texture_dimension_2d;
        let longest = size.width.max(size.height);
        self.check_limit(what, longest.into(), limit.into(), "make it smaller")
    }

    /// The most bytes that a buffer which is bound may have.
    pub fn limit_bytes(&self) -> u64 {
        self.limits
            .max_storage_buffer_binding_size
            .min(self.limits.max_buffer_size)
    }

    /// Whether a buffer of this many bytes can be bound.
    pub fn check_bytes(&self, what: &str, bytes: u64, mend: &str) -> Result<(), GpuError> {
        self.check_limit(&format!("{what}, in bytes,"), bytes, self.limit_bytes(), mend)
    }

    /// A buffer of its own that shaders read or write.
    pub fn storage(&self, label: &str, bytes: u64, more: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            // An empty buffer cannot be bound.
            size: bytes.max(256).next_multiple_of(4),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | more,
            mapped_at_creation: false,
        })
    }

    /// The same, with values in it.
    pub fn storage_of<T: bytemuck::NoUninit>(
        &self,
        label: &str,
        values: &[T],
        more: wgpu::BufferUsages,
    ) -> wgpu::Buffer {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let buffer = self.storage(label, bytes.len() as u64, more);
        if !bytes.is_empty() {
            self.queue.write_buffer(&buffer, 0, bytes);
        }
        buffer
    }
}

/// The value of a future that is ready at once, as all of the library's are outside a browser.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What each adapter that there is refuses; none may be there. The drawing itself is held in `tests/gpu`.
    #[test]
    fn what_is_too_large_is_refused_with_the_mend() {
        let Ok(gpu) = Gpu::open() else { return };
        let side = gpu.limits.max_texture_dimension_2d;
        let size = |width, height| Size { width, height };
        assert_eq!(gpu.check_size(size(side, 1)), Ok(()));
        let error = gpu.check_size(size(1, side + 1)).unwrap_err().to_string();
        assert!(
            error.contains("on the processor") && error.contains(&side.to_string()),
            "{error}"
        );
        assert!(gpu.check_bytes("it", gpu.limit_bytes(), "").is_ok());
        assert!(gpu.check_bytes("it", gpu.limit_bytes() + 1, "").is_err());
    }
}
