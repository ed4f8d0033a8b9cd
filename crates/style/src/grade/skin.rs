//! Skin kept from a grade: a range of hue, chroma and lightness with soft edges.

/// Where a grade is held back, in OKLCH. The default is the range that skin of all shades has in ordinary light.
#[derive(Clone, Debug, PartialEq)]
pub struct SkinSafe {
    /// From and to, in degrees; may pass through 360.
    pub hue_deg: [f64; 2],
    /// The edge outside that range over which it fades out, in degrees.
    pub hue_soft_deg: f64,
    /// From and to.
    pub chroma: [f64; 2],
    /// The edge outside it.
    pub chroma_soft: f64,
    /// From and to.
    pub lightness: [f64; 2],
    /// The edge outside it.
    pub lightness_soft: f64,
    /// How much of the grade skin may take at most, 0 to 1, times the grade's strength.
    pub at_most: f64,
}

impl Default for SkinSafe {
    fn default() -> Self {
        Self {
            hue_deg: [25.0, 75.0],
            hue_soft_deg: 15.0,
            chroma: [0.03, 0.15],
            chroma_soft: 0.02,
            lightness: [0.25, 0.92],
            lightness_soft: 0.08,
            at_most: 0.2,
        }
    }
}

impl SkinSafe {
    /// How much a colour (OKLab) is skin: 0 to 1, without a step anywhere but at grey.
    pub fn share(&self, lab: [f64; 3]) -> f64 {
        let chroma = libm::hypot(lab[1], lab[2]);
        let hue = libm::atan2(lab[2], lab[1]) * 180.0 / core::f64::consts::PI;
        let half = (self.hue_deg[1] - self.hue_deg[0]).rem_euclid(360.0) / 2.0;
        let off = (hue - self.hue_deg[0] - half + 180.0).rem_euclid(360.0) - 180.0;
        soft(off.abs() - half, self.hue_soft_deg)
            * soft(beyond(chroma, self.chroma), self.chroma_soft)
            * soft(beyond(lab[0], self.lightness), self.lightness_soft)
    }

    /// The strength that is left for a colour (OKLab).
    pub fn strength(&self, lab: [f64; 3], strength: f64) -> f64 {
        strength * (1.0 - self.share(lab) * (1.0 - self.at_most.clamp(0.0, 1.0)))
    }
}

fn beyond(v: f64, [from, to]: [f64; 2]) -> f64 {
    (from - v).max(v - to)
}

/// 1 within, 0 from `edge` on, smooth between.
fn soft(outside: f64, edge: f64) -> f64 {
    let t = if edge > 0.0 {
        (outside / edge).clamp(0.0, 1.0)
    } else {
        f64::from(outside > 0.0)
    };
    1.0 - t * t * (3.0 - 2.0 * t)
}
