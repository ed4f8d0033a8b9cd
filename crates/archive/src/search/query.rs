//! What is searched for.

use std::path::PathBuf;

use heirloom_picture::look::Look;
use heirloom_vault::Use;

use super::dates::Day;
use super::look::LookWeights;
use super::vectors::ByVectors;

/// Longest text of a query, in characters.
pub const LONGEST: usize = 2000;
/// Most terms of a query.
pub const MOST_TERMS: usize = 40;
/// How far around a place is searched where no distance is said, in kilometres.
pub const USUAL_RADIUS_KM: f64 = 10.0;

/// What is searched for: every term must hold.
///
/// [`Query::parse`] reads it as people write it, and `Display` writes it so that it is read back the same.
///
/// ```
/// use heirloom_archive::search::Query;
///
/// let query = Query::parse("beach* -dog person:\"Jean Doe\" taken:1974..1976-06")?;
/// assert_eq!(query.terms.len(), 4);
/// assert_eq!(query.to_string(), "beach* -dog person:\"Jean Doe\" taken:1974..1976-06");
/// let error = Query::parse("persn:Jean").unwrap_err();
/// assert!(error.to_string().contains("person:"));
/// # Ok::<(), heirloom_archive::search::QueryError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// What must hold, all of it.
    pub terms: Vec<Term>,
    /// How the picture looks that the answers shall look like; the caller's answer to [`Query::like_file`].
    pub look: Option<Look>,
    /// What each part of a look counts.
    pub weights: LookWeights,
    /// Ranks by a model's vectors: then `like:` goes by these, and not by look.
    pub by_vectors: Option<ByVectors>,
}

/// One thing that must hold, or must not.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether it must not hold.
    pub negated: bool,
    /// What it is.
    pub what: What,
}

/// What a term asks.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Words, next to one another, in what is said of a source.
    Words(Words),
    /// Taken near a place.
    Near {
        /// Degrees, north positive.
        latitude_deg: f64,
        /// Degrees, east positive.
        longitude_deg: f64,
        /// Kilometres.
        radius_km: f64,
    },
    /// Taken within these days, months or years, both included; open where one is left out.
    Taken {
        /// The first.
        from: Option<Day>,
        /// The last.
        to: Option<Day>,
    },
    /// May be used so today.
    May(Use),
    /// Is of a kind.
    Is(Kind),
    /// Has at least so many pixels in a row.
    Wider(u32),
    /// Has at least so many rows.
    Taller(u32),
    /// Ranks by how much of the picture has about this colour.
    Colour(Colour),
    /// Ranks by how alike a picture looks.
    Like(Like),
}

/// Words that follow one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// Where they stand; anywhere but the owner where it is left open.
    pub field: Option<Field>,
    /// The words: holds a letter or digit.
    pub text: String,
    /// Whether the last one may go on.
    pub prefix: bool,
}

/// Where words may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The caption, from its file or from beside it.
    Caption,
    /// The title.
    Title,
    /// A keyword.
    Keyword,
    /// Someone named in the file or declared to be recognised in it.
    Person,
    /// The name of a place.
    Place,
    /// Who made it.
    Creator,
    /// The file's name.
    File,
    /// The folder.
    Folder,
    /// The lens.
    Lens,
    /// The camera.
    Camera,
    /// Whose it is.
    Owner,
}

impl Field {
    /// Every field, by the word it is written with and its column in the index, in the order of its table.
    pub(super) const ALL: [(Field, &'static str, &'static str); 11] = [
        (Field::Caption, "caption", "caption"),
        (Field::Title, "title", "title"),
        (Field::Keyword, "keyword", "keywords"),
        (Field::Person, "person", "people"),
        (Field::Place, "place", "places"),
        (Field::Creator, "creator", "creators"),
        (Field::File, "file", "file"),
        (Field::Folder, "folder", "folder"),
        (Field::Lens, "lens", "lens"),
        (Field::Camera, "camera", "camera"),
        (Field::Owner, "owner", "owner"),
    ];

    /// The word before the colon.
    pub fn as_str(self) -> &'static str {
        self.names().0
    }

    pub(super) fn column(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        Self::ALL
            .iter()
            .find(|(field, ..)| *field == self)
            .map_or(("", ""), |(_, name, column)| (*name, *column))
    }
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stands still.
    Photograph,
    /// Moves.
    Clip,
    /// Higher than wide.
    Portrait,
    /// Wider than high.
    Landscape,
    /// Has colours. Toned pictures (sepia) count as such where the tone is plain to see.
    Colour,
    /// Black and white.
    Grey,
}

impl Kind {
    pub(super) const ALL: [(Kind, &'static str); 6] = [
        (Kind::Photograph, "photograph"),
        (Kind::Clip, "clip"),
        (Kind::Portrait, "portrait"),
        (Kind::Landscape, "landscape"),
        (Kind::Colour, "colour"),
        (Kind::Grey, "grey"),
    ];

    /// The word after `is:`.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| *name)
    }
}

/// A colour as sRGB codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    pub(super) const NAMES: [(&'static str, [u8; 3]); 15] = [
        ("red", [200, 30, 35]),
        ("orange", [230, 130, 30]),
        ("yellow", [235, 210, 50]),
        ("green", [50, 140, 60]),
        ("cyan", [40, 180, 190]),
        ("blue", [40, 80, 190]),
        ("purple", [120, 50, 150]),
        ("pink", [235, 140, 170]),
        ("brown", [120, 75, 40]),
        ("gold", [192, 150, 60]),
        ("cream", [245, 232, 205]),
        ("black", [10, 10, 10]),
        ("grey", [128, 128, 128]),
        ("white", [250, 250, 250]),
        ("sky", [120, 180, 235]),
    ];

    /// Its name, where it has one, or else `#rrggbb`.
    pub fn label(self) -> String {
        let Self(codes) = self;
        Self::NAMES.iter().find(|(_, named)| *named == codes).map_or_else(
            || format!("#{:02x}{:02x}{:02x}", codes[0], codes[1], codes[2]),
            |(name, _)| (*name).to_owned(),
        )
    }
}

/// What the answers shall look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Like {
    /// A source, as a film calls it: `archive:moon`.
    Source(String),
    /// A picture outside the archive.
    File(PathBuf),
}

impl Query {
    /// The picture file that the answers shall look like: the caller looks at it and puts its [`Look`] into `look`.
    pub fn like_file(&self) -> Option<&std::path::Path> {
        match self.like()? {
            Like::File(path) => Some(path),
            Like::Source(_) => None,
        }
    }

    /// Whether it ranks by look, colour or a model's vectors, so that every source that was looked at is an answer.
    pub fn ranks_by_look(&self) -> bool {
        self.like().is_some() || self.colours().next().is_some() || self.by_vectors.is_some()
    }

    pub(super) fn like(&self) -> Option<&Like> {
        self.terms.iter().find_map(|term| match &term.what {
            What::Like(like) => Some(like),
            _ => None,
        })
    }

    pub(super) fn colours(&self) -> impl Iterator<Item = Colour> {
        self.terms.iter().filter_map(|term| match term.what {
            What::Colour(colour) => Some(colour),
            _ => None,
        })
    }
}

/// A query that cannot be understood. Every message says the mend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// More text than anyone writes.
    #[error("the query is longer than {LONGEST} characters: write fewer words")]
    TooLong,
    /// More terms than are looked for at once.
    #[error(
        "the query has more than {MOST_TERMS} terms: write fewer, or put words that belong together in quotes"
    )]
    TooManyTerms,
    /// A quote that does not end.
    #[error("the quote that begins with {start} does not end: write a second \" where it shall")]
    OpenQuote {
        /// Its beginning.
        start: String,
    },
    /// A field that there is not.
    #[error(
        "there is no field {field}: {}; to look for the word itself write it in quotes, as in \"{field}:…\"",
        super::parse::fields_offered(field)
    )]
    NoField {
        /// What was written before the colon.
        field: String,
    },
    /// A field with nothing after it.
    #[error("{field}: stands alone: write what to look for right after the colon, as in {example}")]
    Empty {
        /// The field.
        field: String,
        /// How it is written.
        example: &'static str,
    },
    /// Nothing to look for.
    #[error("{text} holds no letter and no digit to look for: write a word, or leave it out")]
    NoWord {
        /// What was written.
        text: String,
    },
    /// A value that its field does not take.
    #[error("{field}:{value} cannot be understood ({why}): write it as in {example}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// What was written.
        value: String,
        /// What is wrong with it.
        why: String,
        /// How it is written.
        example: &'static str,
    },
    /// A `-` before what ranks.
    #[error("-{field}: cannot be left out, as it ranks and does not choose: write it without the minus")]
    NotNegated {
        /// The field.
        field: &'static str,
    },
    /// More than one `like:`.
    #[error("like: stands twice: leave one of them out")]
    TwoLikes,
}
