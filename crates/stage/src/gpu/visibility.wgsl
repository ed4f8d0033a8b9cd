// Which triangle every pixel, or every sample of it, shows.

struct View {
    // Pixels a unit of x / depth, or pixels a metre.
    scale: f32,
    orthographic: u32,
    center: vec2<f32>,
    size: vec2<f32>,
    clip: vec2<f32>,
}

struct Attributes {
    color: vec4<f32>,
    uv: vec2<f32>,
    spare: vec2<f32>,
}
