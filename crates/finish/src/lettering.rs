//! Words set in the shipped fonts, as antialiased coverage.

use std::collections::BTreeSet;

use cosmic_text::{
    Attrs, Buffer, CacheKeyFlags, Family, FeatureTag, FontFeatures, FontSystem, LayoutGlyph, Metrics,
    Shaping, SwashCache, SwashContent, Weight, Wrap, fontdb,
};

/// The font files of this crate; `fonts/README.md` says whose they are.
pub(crate) const FONTS: [(&str, &[u8]); 3] = [
    (
        "EB Garamond 12 Regular",
        include_bytes!("../fonts/EBGaramond12-Regular.otf"),
    ),
    ("Inter Regular", include_bytes!("../fonts/Inter-Regular.otf")),
    ("Inter Medium", include_bytes!("../fonts/Inter-Medium.otf")),
];

/// How words are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// EB Garamond: the film's title.
    Title,
    /// Inter: names, sources and terms.
    Text,
    /// Inter Medium, letterspaced: headings.
    Heading,
    /// Inter Medium with digits of one width: what is read first of figures that change.
    Label,
    /// Inter with digits of one width: figures that change.
    Figures,
}

impl Face {
    /// Height of a capital above the baseline, in ems.
    pub(crate) fn capital(self) -> f32 {
        match self {
            Self::Title => 0.65,
            Self::Text | Self::Heading | Self::Label | Self::Figures => 0.727,
        }
    }

    /// Space between letters, in ems.
    fn spacing(self) -> f32 {
        match self {
            // Letters of a book face stand too close at the size of a title on black.
            Self::Title => 0.018,
            Self::Text => 0.004,
            // Small, over pictures of any kind.
            Self::Label | Self::Figures => 0.02,
            Self::Heading => 0.14,
        }
    }

    fn attrs(self) -> Attrs<'static> {
        let (family, weight) = match self {
            Self::Title => ("EB Garamond", Weight::NORMAL),
            Self::Text | Self::Figures => ("Inter", Weight::NORMAL),
            Self::Heading | Self::Label => ("Inter", Weight::MEDIUM),
        };
        let mut features = FontFeatures::new();
        features.enable(FeatureTag::KERNING);
        if self == Self::Heading {
            features.disable(FeatureTag::STANDARD_LIGATURES);
        }
        if matches!(self, Self::Label | Self::Figures) {
            features.enable(FeatureTag::new(b"tnum"));
        }
        Attrs::new()
            .family(Family::Name(family))
            .weight(weight)
            .letter_spacing(self.spacing())
            .font_features(features)
            // Hinting bends letters to the pixel grid, which a moving picture does not want.
            .cache_key_flags(CacheKeyFlags::DISABLE_HINTING)
    }
}

/// One set line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    glyphs: Vec<LayoutGlyph>,
    /// From the left edge of the first letter's box to the right edge of the last one's, in pixels.
    pub(crate) width: f32,
}

/// Coverage of a picture by letters, 0..=1 a pixel, rows from the top left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) coverage: Vec<f32>,
}

impl Sheet {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            coverage: vec![0.0; width as usize * height as usize],
        }
    }

    fn cover(&mut self, x: i32, y: i32, by: f32) {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && x < self.width
            && y < self.height
        {
            let at = &mut self.coverage[y as usize * self.width as usize + x as usize];
            *at += by * (1.0 - *at);
        }
    }
}

/// Shapes words and draws them.
pub(crate) struct Lettering {
    fonts: FontSystem,
    glyphs: SwashCache,
    missing: BTreeSet<char>,
}

impl Lettering {
    pub(crate) fn new() -> Self {
        let mut db = fontdb::Database::new();
        for (_, bytes) in FONTS {
            db.load_font_data(bytes.to_vec());
        }
        // The locale is fixed, since it takes part in the choice of fonts. Those that cosmic-text would fall back
        // on are not in the database: the shipped families stand in for each other, and nothing else does.
        let fonts = FontSystem::new_with_locale_and_db("en-US".into(), db);
        Self {
            fonts,
            glyphs: SwashCache::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Characters met so far that no shipped font has.
    pub(crate) fn missing(&self) -> &BTreeSet<char> {
        &self.missing
    }

    /// `text` in lines no wider than `max_width` pixels, at `size` pixels an em. A single word that is wider
    /// stays whole, and its line too wide, unless `split` allows a break within it.
    pub(crate) fn set(
        &mut self,
        text: &str,
        face: Face,
        size: f32,
        max_width: f32,
        split: bool,
    ) -> Vec<Line> {
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::relative(size, 1.0));
        buffer.set_wrap(if split { Wrap::WordOrGlyph } else { Wrap::Word });
        // cosmic-text adds the letter space after the last letter too: leave room for it.
        buffer.set_size(Some(max_width + size * face.spacing()), None);
        buffer.set_text(text, &face.attrs(), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let mut lines = Vec::new();
        for run in buffer.layout_runs() {
            let mut glyphs = Vec::new();
            let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
            for glyph in run.glyphs {
                let letters = run.text.get(glyph.start..glyph.end).unwrap_or_default();
                if letters.chars().all(char::is_whitespace) {
                    continue;
                }
                left = left.min(glyph.x);
                right = right.max(glyph.x + glyph.w - size * face.spacing());
                if glyph.glyph_id == 0 {
                    self.missing.extend(letters.chars());
                } else {
                    glyphs.push(glyph.clone());
                }
            }
            if right > left {
                for glyph in &mut glyphs {
                    glyph.x -= left;
                }
                lines.push(Line {
                    glyphs,
                    width: right - left,
                });
            }
        }
        lines
    }

    /// As [`Lettering::set`], with lines as nearly equal in length as their number allows; words too long for
    /// `max_width` are broken.
    pub(crate) fn set_balanced(&mut self, text: &str, face: Face, size: f32, max_width: f32) -> Vec<Line> {
        let mut best = self.set(text, face, size, max_width, false);
        if best.iter().any(|line| line.width > max_width) {
            return self.set(text, face, size, max_width, true);
        }
        let (mut low, mut high) = (max_width / best.len().max(1) as f32 * 0.8, max_width);
        if best.len() > 1 {
            for _ in 0..7 {
                let middle = (low + high) / 2.0;
                let tried = self.set(text, face, size, middle, false);
                if tried.len() <= best.len() && tried.iter().all(|line| line.width <= middle + 0.5) {
                    (best, high) = (tried, middle);
                } else {
                    low = middle;
                }
            }
        }
        best
    }

    /// Draw a line with its left edge at `x` and its baseline at `y`, in pixels from the top left corner.
    pub(crate) fn draw(&mut self, sheet: &mut Sheet, line: &Line, x: f32, y: f32, opacity: f32) {
        for glyph in &line.glyphs {
            let placed = glyph.physical((x, y), 1.0);
            let Some(image) = self.glyphs.get_image(&mut self.fonts, placed.cache_key) else {
                continue;
            };
            if image.content != SwashContent::Mask {
                continue;
            }
            let (left, top) = (placed.x + image.placement.left, placed.y - image.placement.top);
            let across = image.placement.width as usize;
            for (at, alpha) in image.data.iter().enumerate().filter(|(_, alpha)| **alpha > 0) {
                let (dx, dy) = ((at % across) as i32, (at / across) as i32);
                sheet.cover(left + dx, top + dy, f32::from(*alpha) / 255.0 * opacity);
            }
        }
    }
}

/// Text as it can be set on one line: runs of white space as one space, nothing that is no character of print.
pub(crate) fn printable(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && *c != '\u{feff}')
        .collect();
    spaced
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
