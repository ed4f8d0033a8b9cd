//! Title card and end credits: what stands where.
//!
//! White, a little warm, on black. All measures follow the picture's height (or three quarters of its width
//! where that is less), so a card looks the same at any size.

use heirloom_film::{Rate, Size};
use heirloom_picture::{AcesCg, Image, color};

use crate::credit_pages::draw_credits;
use crate::lettering::{FONTS, Face, Lettering, Line, Sheet, printable};

/// The colour of letters, as a display shows it: white, a little warm, and below full so that it does not glare
/// out of black.
const LETTERS: [u8; 3] = [243, 238, 228];

/// Pages of letters on black, with a gentle fade into and out of each.
#[derive(Debug, Clone)]
pub struct Card {
    size: Size,
    pages: Vec<Sheet>,
    page_frames: u32,
    fade_frames: u32,
    text: Vec<String>,
    warnings: Vec<String>,
}

/// Who did what in the film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCredit {
    /// What the person did, as a heading: `Directed by`.
    pub did: String,
    /// The person.
    pub name: String,
}

/// What one owner gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCredit {
    /// Names of the sources, for people: `Eta Carinae`.
    pub gave: Vec<String>,
    /// Who owns them.
    pub owner: String,
    /// Under what terms: `CC BY 3.0`.
    pub terms: String,
}

/// All that the end credits say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditText {
    /// The film's title.
    pub title: String,
    /// Who made it, in the order given.
    pub people: Vec<PersonCredit>,
    /// Whose sources it is made of, in the order given.
    pub sources: Vec<SourceCredit>,
}

impl Card {
    /// The title card: `title`, large, alone, for `frames` frames.
    pub fn title(title: &str, size: Size, rate: Rate, frames: u32) -> Self {
        let title = printable(title);
        let mut letters = Lettering::new();
        let mut sheet = Sheet::new(size.width, size.height);
        draw_title(&mut letters, &mut sheet, &title);
        Self::new(size, rate, vec![sheet], frames, vec![title], &letters)
    }

    /// The end credits: as many pages as their text needs, `page_frames` frames each.
    pub fn credits(text: &CreditText, size: Size, rate: Rate, page_frames: u32) -> Self {
        let mut letters = Lettering::new();
        let pages = draw_credits(&mut letters, size, text);
        let mut said = vec![printable(&text.title)];
        said.extend(
            text.people
                .iter()
                .map(|p| printable(&format!("{}: {}", p.did, p.name))),
        );
        said.extend(
            text.sources
                .iter()
                .map(|s| printable(&format!("{}: {}, {}", s.gave.join(", "), s.owner, s.terms))),
        );
        Self::new(size, rate, pages, page_frames, said, &letters)
    }

    fn new(
        size: Size,
        rate: Rate,
        pages: Vec<Sheet>,
        page_frames: u32,
        text: Vec<String>,
        letters: &Lettering,
    ) -> Self {
        // Two thirds of a second, and never more than a third of the page.
        let fade_frames = (rate.frames_in(2) / 3).min(u64::from(page_frames / 3)) as u32;
        let mut warnings = Vec::new();
        if !letters.missing().is_empty() {
            let list: Vec<String> = letters
                .missing()
                .iter()
                .map(|c| format!("{c} (U+{:04X})", u32::from(*c)))
                .collect();
            warnings.push(format!(
                "titles and credits are drawn without characters that the shipped fonts do not have: {}; write \
                 those words in Latin, Greek or Cyrillic letters",
                list.join(", ")
            ));
        }
        Self {
            size,
            pages,
            page_frames,
            fade_frames,
            text,
            warnings,
        }
    }

    /// Length in frames; 0 for a card that is not shown.
    pub fn frames(&self) -> u32 {
        (self.pages.len() as u32).saturating_mul(self.page_frames)
    }

    /// Picture size in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Number of pages.
    pub fn pages(&self) -> u32 {
        self.pages.len() as u32
    }

    /// The words on it.
    pub fn text(&self) -> &[String] {
        &self.text
    }

    /// What could not be drawn, and the mend.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Names of the fonts that cards are drawn with.
    pub fn fonts() -> impl Iterator<Item = &'static str> {
        FONTS.iter().map(|(name, _)| *name)
    }

    /// Frame `n`, from 0, opaque: letters on black in linear ACEScg. Past the end it is black.
    pub fn frame(&self, n: u32) -> Image {
        let within = n % self.page_frames.max(1);
        match self.pages.get((n / self.page_frames.max(1)) as usize) {
            Some(sheet) if n < self.frames() => flatten(&paint(sheet, self.level(within))),
            _ => Image::filled(self.size.width, self.size.height, [0.0, 0.0, 0.0, 1.0]),
        }
    }

    /// Page `page`, from 0, at its full strength and on nothing: premultiplied, coverage as alpha.
    pub fn page(&self, page: u32) -> Option<Image> {
        self.pages.get(page as usize).map(|sheet| paint(sheet, 1.0))
    }

    /// Strength of the letters in linear light, at a frame within its page.
    fn level(&self, within: u32) -> f32 {
        let nearest_edge = within.min(self.page_frames - 1 - within);
        if nearest_edge >= self.fade_frames {
            return 1.0;
        }
        let t = (nearest_edge as f32 + 0.5) / self.fade_frames as f32;
        let eased = t * t * (3.0 - 2.0 * t);
        // Squared, because the eye is nearer to even in the root of light than in light.
        eased * eased
    }
}

/// Letters in their colour, premultiplied, on nothing.
fn paint(sheet: &Sheet, level: f32) -> Image<AcesCg> {
    let ink = color::from_display8(&[LETTERS], 1, 1).map_or([1.0; 4], |one| one.at(0, 0));
    let mut image = Image::new(sheet.width, sheet.height);
    for (pixel, coverage) in image.pixels_mut().iter_mut().zip(&sheet.coverage) {
        let alpha = coverage * level;
        *pixel = [ink[0] * alpha, ink[1] * alpha, ink[2] * alpha, alpha];
    }
    image
}

fn flatten(image: &Image<AcesCg>) -> Image<AcesCg> {
    let mut flat = image.clone();
    for pixel in flat.pixels_mut() {
        pixel[3] = 1.0;
    }
    flat
}

/// The measure that everything on a card follows, in pixels.
pub(crate) fn unit(width: u32, height: u32) -> f32 {
    (height as f32).min(width as f32 * 0.75)
}

fn draw_title(letters: &mut Lettering, sheet: &mut Sheet, title: &str) {
    let (width, height) = (sheet.width as f32, sheet.height as f32);
    let (lines, size) = fit_title(
        letters,
        title,
        unit(sheet.width, sheet.height),
        width * 0.74,
        height * 0.6,
    );
    let leading = size * 1.16;
    let capital = size * Face::Title.capital();
    let block = capital + leading * (lines.len().saturating_sub(1)) as f32;
    // The eye takes a point a little above the middle for the middle.
    let mut baseline = height * 0.488 - block / 2.0 + capital;
    for line in &lines {
        letters.draw(sheet, line, (width - line.width) / 2.0, baseline.round(), 1.0);
        baseline += leading;
    }
}

/// The largest setting of a title that fits: one line rather than two, two rather than three.
fn fit_title(
    letters: &mut Lettering,
    title: &str,
    unit: f32,
    max_width: f32,
    max_height: f32,
) -> (Vec<Line>, f32) {
    let steps = |from: f32, to: f32| (0..=8).map(move |k| unit * (from + (to - from) * k as f32 / 8.0));
    let tries = [
        (1, 0.150, 0.100),
        (2, 0.128, 0.090),
        (3, 0.105, 0.070),
        (8, 0.070, 0.030),
    ];
    for (most_lines, from, to) in tries {
        for size in steps(from, to) {
            let lines = letters.set_balanced(title, Face::Title, size, max_width);
            let whole = letters.set(title, Face::Title, size, max_width, false);
            let fits = lines.len() <= most_lines
                && whole.iter().all(|line| line.width <= max_width)
                && lines.len() as f32 * size * 1.16 <= max_height;
            if fits {
                return (lines, size);
            }
        }
    }
    // Words without end: broken anywhere, as much of them as there is room for.
    let size = unit * 0.030;
    let mut lines = letters.set(title, Face::Title, size, max_width, true);
    lines.truncate((max_height / (size * 1.16)) as usize);
    (lines, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 160,
        height: 90,
    };

    fn light(image: &Image) -> f64 {
        image.pixels().iter().map(|pixel| f64::from(pixel[1])).sum()
    }

    #[test]
    fn a_card_fades_in_and_out_and_is_opaque() {
        let card = Card::title("First light", SIZE, Rate::CINEMA, 48);
        let lights: Vec<f64> = (0..48).map(|n| light(&card.frame(n))).collect();
        assert!(lights[0] < lights[24] * 0.01 && lights[47] < lights[24] * 0.01);
        assert!(lights[..17].windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(lights[20], lights[28]);
        assert!((0..48).all(|n| (lights[n] - lights[47 - n]).abs() < 1e-9));
        assert!(card.frame(24).pixels().iter().all(|pixel| pixel[3] == 1.0));
        assert_eq!(light(&card.frame(48)), 0.0);
    }

    #[test]
    fn a_page_is_coverage_over_nothing() {
        let page = Card::title("First light", SIZE, Rate::CINEMA, 48)
            .page(0)
            .unwrap();
        let pixels = page.pixels();
        assert!(pixels.iter().any(|p| p[3] > 0.99) && pixels.iter().any(|p| p[3] == 0.0));
        assert!(pixels.iter().all(|p| p[3] <= 1.0 && p[1] <= p[3]));
    }

    #[test]
    fn letters_stay_within_the_frame() {
        let words = "The rhythms of the sky mirrored in the body ";
        let unbroken = "Ab".repeat(200);
        let long = words.repeat(12);
        for title in ["Ω", "First light", &words.repeat(2), &long, &unbroken] {
            for size in [
                SIZE,
                Size {
                    width: 90,
                    height: 160,
                },
                Size {
                    width: 16,
                    height: 16,
                },
            ] {
                let card = Card::title(title, size, Rate::CINEMA, 1);
                let page = card.page(0).unwrap();
                let edge = |x: u32, y: u32| page.at(x, y)[3] == 0.0;
                assert!(
                    (0..size.height).all(|y| edge(0, y) && edge(size.width - 1, y)),
                    "{title:.20} at {size}"
                );
                assert!(
                    (0..size.width).all(|x| edge(x, 0) && edge(x, size.height - 1)),
                    "{title:.20} at {size}"
                );
            }
        }
    }

    #[test]
    fn characters_that_no_font_has_are_named() {
        let card = Card::title("Birth \u{8a95}\u{751f} \u{8a95}", SIZE, Rate::CINEMA, 48);
        let [warning] = card.warnings() else {
            panic!("{:?}", card.warnings())
        };
        assert!(
            warning.contains("\u{751f} (U+751F), \u{8a95} (U+8A95)"),
            "{warning}"
        );
        let covered = "Zażółć gęślą jaźń, Ærøskøbing, Γέννηση, Рождение, Đặng Văn Ngữ";
        for face in ["title", "credits"] {
            let card = match face {
                "title" => Card::title(covered, SIZE, Rate::CINEMA, 48),
                _ => {
                    let person = PersonCredit {
                        did: "With".into(),
                        name: covered.into(),
                    };
                    Card::credits(
                        &CreditText {
                            people: vec![person],
                            ..CreditText::default()
                        },
                        SIZE,
                        Rate::CINEMA,
                        9,
                    )
                }
            };
            assert_eq!(card.warnings(), &[] as &[String], "{face}");
        }
    }

    #[test]
    fn credits_take_as_many_pages_as_they_need() {
        let source = |n: usize| SourceCredit {
            gave: vec![format!("Album {n}"), "At the lake".into()],
            owner: format!("Owner number {n}"),
            terms: "own work, with leave of everyone in the picture".into(),
        };
        let text = |n: usize| CreditText {
            title: "First light".into(),
            people: vec![PersonCredit {
                did: "Directed by".into(),
                name: "Ada".into(),
            }],
            sources: (0..n).map(source).collect(),
        };
        let size = Size {
            width: 320,
            height: 180,
        };
        let pages: Vec<u32> = [1, 6, 40, 120]
            .into_iter()
            .map(|n| {
                let card = Card::credits(&text(n), size, Rate::CINEMA, 72);
                assert_eq!(card.frames(), card.pages() * 72);
                assert!((0..card.pages()).all(|page| light(&card.page(page).unwrap()) > 0.0));
                card.pages()
            })
            .collect();
        assert!(
            pages[0] == 1 && pages[1] == 1 && pages[2] > 1 && pages[3] > pages[2],
            "{pages:?}"
        );
    }

    #[test]
    fn the_fonts_are_those_that_were_chosen() {
        let hashes: Vec<String> = FONTS
            .iter()
            .map(|(_, bytes)| blake3::hash(bytes).to_hex().to_string())
            .collect();
        assert_eq!(hashes, FONT_HASHES);
    }

    /// A change here changes the pixels of every card: say so in the changelog.
    const FONT_HASHES: [&str; 3] = [
        "85e3ec47c717cb1fb7166945f8c0307516347ab71c4ff7785b585110b612a5f3",
        "a05a96f2ba45b6719379d67f288b71cfbddb0d1e84e07d1fb98ae603f841613a",
        "927ffaf1bc604bc37ec1e11806f9eb331c016fa5a2ac29d5356fb4ac71236056",
    ];

    #[test]
    fn the_same_words_give_the_same_pixels_everywhere() {
        let card = Card::title("First light", SIZE, Rate::CINEMA, 48);
        let bytes: Vec<u8> = card
            .frame(24)
            .pixels()
            .iter()
            .flatten()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(
            blake3::hash(&bytes).to_hex().as_str(),
            "a38a3ea6af200e1030505c0d61689b65e1ea8528ee611fb4b7ca9d4e9acde6f1"
        );
    }
}
