//! How pictures look, packed so that a hundred thousand are compared in the time of a keystroke.
//!
//! A look's 479 numbers are kept as bytes. All are in one block in memory, and a search goes through all of them: no index of
//! neighbours to build, to keep right and to miss some. Sums of bytes are whole numbers, so that answers are the same on
//! every machine and for any number of threads.

use heirloom_picture::look::{
    COMPOSITION, DIRECTIONS, Look, PALETTE, SCALES, TEXTURE, node_colour, node_position,
};
use heirloom_picture::oklab;
use rayon::prelude::*;
use rusqlite::Connection;

use super::query::Colour;

/// Bytes of a packed look: its numbers, and one to make them divisible by 16.
const PACKED: usize = (PALETTE + COMPOSITION + TEXTURE).next_multiple_of(16);
/// Numbers of texture that are logarithms of energies; the others are sparseness and correlations.
const ENERGIES: usize = SCALES * DIRECTIONS;
/// Logarithms of energies that are kept: from the least that [`Look::texture`] has, -11.5, to that of noise.
const LOGS: [f32; 2] = [-12.0, 4.0];

/// What each part of a look counts in "alike". Only their ratios matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookWeights {
    /// Which colours there are, wherever they are. Hellinger distance of the palettes: 0 for the same, 1 for no colour in
    /// common.
    pub palette: f32,
    /// Where in the picture they are. Mean distance in OKLab over a 4x4 grid, doubled: unrelated photographs are about
    /// 0.5 apart.
    pub composition: f32,
    /// How fine and how rough it is. Mean difference of the logarithms of energies, a quarter of it, and of sparseness and
    /// correlations: unrelated photographs are about 0.4 apart.
    pub texture: f32,
}

impl Default for LookWeights {
    fn default() -> Self {
        Self {
            palette: 1.0,
            composition: 1.0,
            texture: 0.5,
        }
    }
}

/// The parts of a comparison, each from 0 (alike) to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Apart {
    pub palette: f32,
    pub composition: f32,
    pub texture: f32,
}

impl Apart {
    /// How alike, from 0 to 1.
    pub fn alike(&self, weights: &LookWeights) -> f32 {
        let all = weights.palette + weights.composition + weights.texture;
        if all <= 0.0 {
            return 0.0;
        }
        let apart = weights.palette * self.palette
            + weights.composition * self.composition
            + weights.texture * self.texture;
        1.0 - apart / all
    }
}

/// A look in bytes: square roots of the palette's shares, the composition from -0.5 to 0.5 (lightness from 0 to 1), and
/// the texture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PackedLook([u8; PACKED]);

impl PackedLook {
    /// Packs a look; `None` where its parts have other lengths than this program's.
    pub fn of(look: &Look) -> Option<Self> {
        let lengths = (look.palette.len(), look.composition.len(), look.texture.len());
        if lengths != (PALETTE, COMPOSITION, TEXTURE) {
            return None;
        }
        let palette = look.palette.iter().map(|share| libm::sqrtf(share.max(0.0)));
        let composition = look
            .composition
            .iter()
            .enumerate()
            .map(|(n, v)| if n % 3 == 0 { *v } else { v + 0.5 });
        let [least, most] = LOGS;
        let texture = look.texture.iter().enumerate().map(|(n, v)| match n {
            n if n < ENERGIES => (v - least) / (most - least),
            n if n < ENERGIES + SCALES => *v,
            _ => 0.5 + 0.5 * v,
        });
        let mut bytes = [0; PACKED];
        for (byte, v) in bytes.iter_mut().zip(palette.chain(composition).chain(texture)) {
            *byte = (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        }
        Some(Self(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what was kept; `None` for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// The mean distance of a picture's colours from grey, in OKLab: 0 for black and white, about 0.05 for photographs.
pub(crate) fn chroma(look: &Look) -> f64 {
    let nodes = look.palette.iter().enumerate();
    nodes
        .map(|(node, share)| {
            let [_, a, b] = node_colour(node);
            f64::from(*share) * f64::from(libm::sqrtf(a * a + b * b))
        })
        .sum()
}

/// Products of bytes, added up. Written so that compilers make wide instructions of it.
fn dot(one: &[u8], other: &[u8]) -> i32 {
    one.iter()
        .zip(other)
        .map(|(a, b)| i32::from(i16::from(*a)) * i32::from(i16::from(*b)))
        .sum()
}

/// Sizes of differences, added up.
fn differences(one: &[u8], other: &[u8]) -> u32 {
    one.iter()
        .zip(other)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum()
}

/// How far apart two packed looks are; the first two numbers are their palettes' own products.
fn apart(one: &[u8], own: i32, other: &[u8], others: i32) -> Apart {
    let (palette, rest) = one.split_at(PALETTE);
    let (other_palette, other_rest) = other.split_at(PALETTE);
    let (composition, texture) = rest.split_at(COMPOSITION);
    let (other_composition, other_texture) = other_rest.split_at(COMPOSITION);
    // Rounding left the roots' squares not quite summing to one: divided by their lengths they do.
    let common = dot(palette, other_palette) as f32 / libm::sqrtf(own as f32 * others as f32).max(1.0);
    let mut cells = 0.0;
    for (a, b) in composition.chunks_exact(3).zip(other_composition.chunks_exact(3)) {
        let squares: i32 = a
            .iter()
            .zip(b)
            .map(|(a, b)| (i32::from(*a) - i32::from(*b)) * (i32::from(*a) - i32::from(*b)))
            .sum();
        cells += libm::sqrtf(squares as f32);
    }
    let (energies, shapes) = texture.split_at(ENERGIES);
    let (other_energies, other_shapes) = other_texture.split_at(ENERGIES);
    let logs = differences(energies, other_energies) as f32 * (LOGS[1] - LOGS[0]) / 255.0 / ENERGIES as f32;
    let shape = differences(shapes, other_shapes) as f32 / 255.0 / (TEXTURE - ENERGIES) as f32;
    Apart {
        palette: libm::sqrtf((1.0 - common).max(0.0)),
        composition: (2.0 * cells / 255.0 / 16.0).min(1.0),
        texture: (0.75 * logs / 4.0 + 0.25 * 2.0 * shape).min(1.0),
    }
}

/// How much of a picture has about a colour: what each node of the palette counts for it.
#[derive(Clone, Debug)]
struct Share {
    nodes: Vec<(usize, f32)>,
    /// What a picture all of this colour adds up to.
    whole: f32,
}

/// How many nodes off a lightness still counts a little: light and shade change it within one thing.
const LIGHTNESS_REACH: f32 = 2.5;
/// How many nodes off a tint still counts a little.
const TINT_REACH: f32 = 1.6;

impl Share {
    fn of(Colour(codes): Colour) -> Self {
        let at = node_position(oklab::from_display8(codes).map(|v| v as f32));
        let tent = |reach: f32, node: [f32; 3]| {
            let reach = [LIGHTNESS_REACH.max(reach), reach, reach];
            (0..3)
                .map(|k| (1.0 - (node[k] - at[k]).abs() / reach[k]).max(0.0))
                .product::<f32>()
        };
        let mut nodes = Vec::new();
        let mut whole = 0.0;
        for node in 0..PALETTE {
            let place = node_position(node_colour(node));
            let weight = tent(TINT_REACH, place);
            if weight > 0.0 {
                // Packed palettes hold 255 times the roots of shares.
                nodes.push((node, weight / 65_025.0));
                // A pixel of the colour is shared between the nodes next to it, as the palette does.
                let shared: f32 = (0..3)
                    .map(|k| (1.0 - (place[k] - at[k]).abs()).max(0.0))
                    .product();
                whole += weight * shared;
            }
        }
        Self { nodes, whole }
    }

    fn in_palette(&self, packed: &[u8]) -> f32 {
        let mut sum = 0.0;
        for (node, weight) in &self.nodes {
            let root = packed.get(*node).copied().unwrap_or_default();
            sum += weight * f32::from(u16::from(root) * u16::from(root));
        }
        if self.whole > 0.0 {
            (sum / self.whole).min(1.0)
        } else {
            0.0
        }
    }
}

/// What pictures are ranked by.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    like: Option<(PackedLook, i32)>,
    shares: Vec<(Colour, Share)>,
    weights: LookWeights,
}

impl Wanted {
    pub fn new(
        like: Option<PackedLook>,
        colours: impl Iterator<Item = Colour>,
        weights: LookWeights,
    ) -> Self {
        Self {
            like: like.map(|packed| {
                let own = own_product(&packed.0);
                (packed, own)
            }),
            shares: colours.map(|colour| (colour, Share::of(colour))).collect(),
            weights,
        }
    }

    /// From 0 to 1: the mean of how alike it is and of the root of each colour's share. The root, as half a picture of blue
    /// is a blue picture.
    fn score(&self, packed: &[u8], own: i32) -> f32 {
        let mut sum = 0.0;
        let mut parts = 0.0;
        if let Some((like, likes_own)) = &self.like {
            sum += apart(&like.0, *likes_own, packed, own).alike(&self.weights);
            parts += 1.0;
        }
        for (_, share) in &self.shares {
            sum += libm::sqrtf(share.in_palette(packed));
            parts += 1.0;
        }
        if parts > 0.0 { sum / parts } else { 0.0 }
    }

    /// The score's parts, in words.
    pub fn why(&self, packed: &PackedLook) -> Vec<String> {
        let mut why = Vec::new();
        if let Some((like, own)) = &self.like {
            let parts = apart(&like.0, *own, &packed.0, own_product(&packed.0));
            why.push(format!(
                "looks {:.0} % alike (colours {:.0}, where they are {:.0}, texture {:.0})",
                100.0 * parts.alike(&self.weights),
                100.0 * (1.0 - parts.palette),
                100.0 * (1.0 - parts.composition),
                100.0 * (1.0 - parts.texture),
            ));
        }
        for (colour, share) in &self.shares {
            let percent = 100.0 * share.in_palette(&packed.0);
            why.push(format!("{percent:.0} % about {}", colour.label()));
        }
        why
    }
}

fn own_product(packed: &[u8]) -> i32 {
    let palette = packed.get(..PALETTE).unwrap_or_default();
    dot(palette, palette)
}

/// The looks of all entries that have one.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The entries, rising.
    ids: Vec<i64>,
    /// Their looks, one after another.
    packed: Vec<u8>,
    /// Their palettes' own products.
    own: Vec<i32>,
}

impl Looks {
    /// Reads them all.
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut looks = Self::default();
        let mut query = connection.prepare_cached(
            "SELECT e.id, l.packed FROM entries e JOIN looks l ON l.object = e.object ORDER BY e.id",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let packed = row.get_ref(1)?.as_blob().unwrap_or_default();
            if packed.len() == PACKED {
                looks.ids.push(row.get(0)?);
                looks.packed.extend_from_slice(packed);
                looks.own.push(own_product(packed));
            }
        }
        Ok(looks)
    }

    /// All of these entries that have a look (or all there are), with their scores, in no order.
    ///
    /// `among` is rising.
    pub fn scores(&self, wanted: &Wanted, among: Option<&[i64]>) -> Vec<(f32, i64)> {
        let one = |at: usize| -> Option<(f32, i64)> {
            let packed = self.packed.get(at * PACKED..(at + 1) * PACKED)?;
            let (id, own) = (self.ids.get(at)?, self.own.get(at)?);
            Some((wanted.score(packed, *own), *id))
        };
        match among {
            None => (0..self.ids.len())
                .into_par_iter()
                .with_min_len(2048)
                .filter_map(one)
                .collect(),
            Some(among) => self
                .places(among)
                .into_par_iter()
                .with_min_len(2048)
                .filter_map(one)
                .collect(),
        }
    }

    /// Where these entries lie in the block. Both lists rise, so one walk finds all.
    fn places(&self, among: &[i64]) -> Vec<usize> {
        let mut places = Vec::with_capacity(among.len());
        let mut wanted = among.iter().peekable();
        for (at, id) in self.ids.iter().enumerate() {
            while wanted.next_if(|asked| *asked < id).is_some() {}
            match wanted.peek() {
                None => break,
                Some(asked) if *asked == id => places.push(at),
                Some(_) => {}
            }
        }
        places
    }

    /// The look of an entry.
    pub fn of_entry(&self, id: i64) -> Option<PackedLook> {
        let at = self.ids.binary_search(&id).ok()?;
        self.packed
            .get(at * PACKED..(at + 1) * PACKED)
            .and_then(PackedLook::from_bytes)
    }
}
