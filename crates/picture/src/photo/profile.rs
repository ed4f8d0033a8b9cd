//! What a photograph's numbers mean: its tone curve and primaries, and the way to linear ACEScg.
//!
//! Profiles of a matrix and tone curves, which cameras and editors embed, are evaluated here in f64;
//! `moxcms` only takes the file apart. Profiles of lookup tables are evaluated by `moxcms`.

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParametricCurve, ProfileText, RenderingIntent, ToneReprCurve,
    TransformF32Executor, TransformOptions,
};

use crate::color::{self, Chromaticities, Matrix};

/// The white that ICC profiles meet in.
const D50: [f64; 3] = [0.964_202_88, 1.0, 0.824_905_40];

/// How to read the numbers of a photograph.
#[derive(Clone)]
pub(super) struct Colour {
    /// The name of the profile, where the file has one.
    pub name: Option<String>,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Matrix {
        curves: Box<[Curve; 3]>,
        to_acescg: Matrix,
    },
    Tables(Arc<TransformF32Executor>),
}

#[derive(Clone, Debug, PartialEq)]
enum Curve {
    Srgb,
    Gamma(f64),
    Table(Vec<u16>),
    /// (a x + b)^g + e from d on, c x + f below, in this order: g a b c d e f.
    Pieces([f64; 7]),
}

impl Curve {
    fn light(&self, v: f64) -> f64 {
        match self {
            Self::Srgb => color::srgb_decode(v),
            Self::Gamma(g) => libm::pow(v, *g),
            Self::Table(table) => {
                let place = v * (table.len() - 1) as f64;
                let low = (place as usize).min(table.len() - 1);
                let high = (low + 1).min(table.len() - 1);
                let (a, b) = (f64::from(table[low]), f64::from(table[high]));
                (a + (b - a) * (place - low as f64)) / 65_535.0
            }
            Self::Pieces([g, a, b, c, d, e, f]) => {
                if v < *d {
                    c * v + f
                } else {
                    libm::pow((a * v + b).max(0.0), *g) + e
                }
            }
        }
    }

    fn from_icc(curve: &ToneReprCurve) -> Option<Self> {
        let curve = match curve {
            ToneReprCurve::Lut(table) => match table[..] {
                [] => Self::Gamma(1.0),
                [gamma] => Self::Gamma(f64::from(gamma) / 256.0),
                _ => Self::Table(table.clone()),
            },
            ToneReprCurve::Parametric(p) if p.is_empty() => return None,
            ToneReprCurve::Parametric(p) => {
                let ParametricCurve { g, a, b, c, d, e, f } = ParametricCurve::new(p)?;
                Self::Pieces([g, a, b, c, d, e, f].map(f64::from))
            }
        };
        (0..=16)
            .all(|i| curve.light(f64::from(i) / 16.0).is_finite())
            .then_some(curve)
    }

    /// Whether the curve is sRGB's to within a third of an 8-bit step.
    fn is_srgb(&self) -> bool {
        (0..=255).all(|code| {
            let code = f64::from(code) / 255.0;
            (color::srgb_encode(self.light(code)) - code).abs() < 1.0 / 765.0
        })
    }
}

impl Colour {
    /// sRGB, under the name the file gives it.
    pub fn srgb(name: Option<String>) -> Self {
        Self::plain(name, Curve::Srgb, &Chromaticities::REC709)
    }

    /// Whether the numbers are sRGB's already, whatever their profile is called.
    pub fn is_srgb(&self) -> bool {
        let Way::Matrix { curves, to_acescg } = &self.way else {
            return false;
        };
        let srgb = color::between(&Chromaticities::REC709, &Chromaticities::AP1);
        curves.iter().all(|curve| *curve == Curve::Srgb) && *to_acescg == srgb
    }

    fn plain(name: Option<String>, curve: Curve, primaries: &Chromaticities) -> Self {
        let to_acescg = color::between(primaries, &Chromaticities::AP1);
        let curves = Box::new([curve.clone(), curve.clone(), curve]);
        Self {
            name,
            way: Way::Matrix { curves, to_acescg },
        }
    }

    /// From the numbers of ITU-T H.273, for the few that photographs use.
    pub fn from_code_points(primaries: u8, transfer: u8) -> Option<Self> {
        let (name, primaries) = match primaries {
            1 => ("BT.709", Chromaticities::REC709),
            9 => ("BT.2020", Chromaticities::REC2020),
            12 => ("Display P3", Chromaticities::DISPLAY_P3),
            _ => return None,
        };
        let curve = match transfer {
            4 => Curve::Gamma(2.2),
            8 => Curve::Gamma(1.0),
            13 => Curve::Srgb,
            _ => return None,
        };
        Some(Self::plain(Some(name.into()), curve, &primaries))
    }

    /// From PNG's gAMA (file gamma, about 0.45455) and cHRM. What is about sRGB is sRGB.
    pub fn from_gamma(
        gamma: Option<f64>,
        primaries: Option<Chromaticities>,
        warnings: &mut Vec<String>,
    ) -> Self {
        let curve = match gamma {
            Some(g) if g > 0.05 && g < 10.0 && (g - 0.45455).abs() > 0.005 => Curve::Gamma(1.0 / g),
            _ => Curve::Srgb,
        };
        let primaries = match primaries {
            Some(p) if close(&p, &Chromaticities::REC709) => Chromaticities::REC709,
            Some(p) if p.to_xyz().and_then(|m| m.inverse()).is_some() && p.white[1] > 0.0 => p,
            Some(_) => {
                warnings.push("its primaries (cHRM) span no colours; sRGB's are taken".into());
                Chromaticities::REC709
            }
            None => Chromaticities::REC709,
        };
        let name = (curve != Curve::Srgb || primaries != Chromaticities::REC709)
            .then(|| "declared gamma and primaries".into());
        Self::plain(name, curve, &primaries)
    }

    /// From an embedded ICC profile. One that cannot be read, or is not for such pixels, is named in
    /// a warning and taken as sRGB, which it is nine times in ten.
    pub fn from_icc(icc: &[u8], grey: bool, warnings: &mut Vec<String>) -> Self {
        match Self::try_icc(icc, grey) {
            Ok(colour) => colour,
            Err(why) => {
                warnings.push(format!(
                    "its colour profile cannot be used ({why}); it is taken as sRGB"
                ));
                Self::srgb(None)
            }
        }
    }

    fn try_icc(icc: &[u8], grey: bool) -> Result<Self, String> {
        let profile = ColorProfile::new_from_slice(icc).map_err(|e| format!("{e}"))?;
        let name = profile.description.as_ref().and_then(text);
        match (profile.color_space, grey) {
            (DataColorSpace::Gray, true) => {
                let curve = profile
                    .gray_trc
                    .as_ref()
                    .and_then(Curve::from_icc)
                    .ok_or("no grey curve")?;
                let curve = if curve.is_srgb() { Curve::Srgb } else { curve };
                // Grey is neutral: any primaries serve.
                return Ok(Self::plain(name, curve, &Chromaticities::REC709));
            }
            (DataColorSpace::Rgb, _) => {}
            (space, _) => return Err(format!("made for {space:?} pixels")),
        }
        let curves = [&profile.red_trc, &profile.green_trc, &profile.blue_trc]
            .map(|curve| curve.as_ref().and_then(Curve::from_icc));
        if let [Some(red), Some(green), Some(blue)] = curves {
            let (r, g, b) = (
                profile.red_colorant,
                profile.green_colorant,
                profile.blue_colorant,
            );
            let to_xyz = Matrix([[r.x, g.x, b.x], [r.y, g.y, b.y], [r.z, g.z, b.z]]);
            if to_xyz.inverse().is_some() {
                return Self::from_matrix(name, [red, green, blue], to_xyz);
            }
        }
        let options = TransformOptions {
            rendering_intent: RenderingIntent::RelativeColorimetric,
            ..TransformOptions::default()
        };
        let transform = profile
            .create_transform_f32(
                Layout::Rgb,
                &ColorProfile::new_aces_cg_linear(),
                Layout::Rgb,
                options,
            )
            .map_err(|e| format!("{e}"))?;
        Ok(Self {
            name,
            way: Way::Tables(transform),
        })
    }

    fn from_matrix(name: Option<String>, curves: [Curve; 3], to_xyz: Matrix) -> Result<Self, String> {
        let rec709 = &Chromaticities::REC709;
        let srgb = color::bradford(color::white_xyz(rec709.white), D50).after(&rec709.to_xyz().ok_or("")?);
        let mut far = 0.0f64;
        for (a, b) in to_xyz.0.as_flattened().iter().zip(srgb.0.as_flattened()) {
            far = far.max((a - b).abs());
        }
        if far < 0.002 && curves.iter().all(Curve::is_srgb) {
            // The many editions of sRGB differ in the last digits. Their pictures should leave with the
            // numbers they came with.
            return Ok(Self::srgb(name));
        }
        let ap1 = &Chromaticities::AP1;
        let from_xyz = ap1.to_xyz().and_then(|m| m.inverse()).ok_or("")?;
        let adapt = color::bradford(D50, color::white_xyz(ap1.white));
        let to_acescg = from_xyz.after(&adapt).after(&to_xyz);
        Ok(Self {
            name,
            way: Way::Matrix {
                curves: Box::new(curves),
                to_acescg,
            },
        })
    }

    /// What turns codes of 0 to `white` to light.
    pub fn table(&self, white: u16) -> Light {
        match &self.way {
            Way::Matrix { curves, to_acescg } => {
                let table = |curve: &Curve| -> Arc<Vec<f32>> {
                    let codes = (0..=white).map(|code| f64::from(code) / f64::from(white));
                    Arc::new(codes.map(|code| curve.light(code) as f32).collect())
                };
                let red = table(&curves[0]);
                let same = |n: usize| {
                    if curves[n] == curves[0] {
                        red.clone()
                    } else {
                        table(&curves[n])
                    }
                };
                let (green, blue) = (same(1), same(2));
                Light::Tables {
                    tables: [red, green, blue],
                    to_acescg: *to_acescg,
                }
            }
            Way::Tables(transform) => Light::Transform {
                transform: transform.clone(),
                white: white.into(),
            },
        }
    }
}

fn close(a: &Chromaticities, b: &Chromaticities) -> bool {
    let pairs = [
        (a.red, b.red),
        (a.green, b.green),
        (a.blue, b.blue),
        (a.white, b.white),
    ];
    pairs
        .iter()
        .all(|(a, b)| (a[0] - b[0]).abs() < 0.002 && (a[1] - b[1]).abs() < 0.002)
}

fn text(text: &ProfileText) -> Option<String> {
    let text = match text {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(all) => {
            &all.iter()
                .find(|t| t.language == "en")
                .or_else(|| all.first())?
                .value
        }
        ProfileText::Description(text) => &text.ascii_string,
    };
    let text = text.trim_matches(|c: char| c.is_control() || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

/// From codes to linear, premultiplied ACEScg.
pub(super) enum Light {
    Tables {
        tables: [Arc<Vec<f32>>; 3],
        to_acescg: Matrix,
    },
    Transform {
        transform: Arc<TransformF32Executor>,
        white: f32,
    },
}

impl Light {
    /// Writes the colours of one row; each pixel's alpha is already there and is multiplied in.
    pub fn develop_row(&self, codes: &[[usize; 3]], row: &mut [[f32; 4]]) {
        match self {
            Self::Tables {
                tables: [red, green, blue],
                to_acescg,
            } => {
                for (pixel, code) in row.iter_mut().zip(codes) {
                    let light = [red[code[0]], green[code[1]], blue[code[2]]].map(f64::from);
                    premultiply(pixel, to_acescg.apply(light).map(|v| v as f32));
                }
            }
            Self::Transform { transform, white } => {
                let source: Vec<f32> = codes.as_flattened().iter().map(|c| *c as f32 / white).collect();
                let mut result = vec![0.0; source.len()];
                // It fails only for rows of unequal length, which these are not; black would show it.
                if transform.transform(&source, &mut result).is_err() {
                    result.fill(0.0);
                }
                for (pixel, light) in row.iter_mut().zip(result.chunks_exact(3)) {
                    premultiply(pixel, [light[0], light[1], light[2]]);
                }
            }
        }
    }
}

fn premultiply(pixel: &mut [f32; 4], light: [f32; 3]) {
    let alpha = pixel[3];
    *pixel = [light[0] * alpha, light[1] * alpha, light[2] * alpha, alpha];
}
