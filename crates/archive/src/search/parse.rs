//! From what people write to a [`Query`], and back.

use std::fmt;
use std::path::PathBuf;

use heirloom_vault::Use;

use super::dates::Day;
use super::query::{
    Colour, Field, Kind, LONGEST, Like, MOST_TERMS, Query, QueryError, Term, USUAL_RADIUS_KM, What, Words,
};

/// The fields that are not words, each with how it is written.
const OTHERS: [(&str, &str); 8] = [
    ("near", "near:48.1,-123.4,20km"),
    ("taken", "taken:1974 or taken:1974-06..1976"),
    ("may", "may:generate (look, generate, publish or train)"),
    (
        "is",
        "is:photograph (photograph, clip, portrait, landscape, colour or grey)",
    ),
    ("wider", "wider:3000"),
    ("taller", "taller:2000"),
    ("colour", "colour:#c08040 or colour:blue"),
    ("like", "like:archive:moon or like:picture.jpg"),
];

/// The fields most like this one, or all.
pub(super) fn fields_offered(field: &str) -> String {
    let words = Field::ALL.iter().map(|(_, name, _)| *name);
    let all: Vec<&str> = words.chain(OTHERS.iter().map(|(name, _)| *name)).collect();
    let asked = field.to_lowercase();
    let nearest = all
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&asked, name), *name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((alike, name)) if alike >= 0.5 => format!("did you mean {name}:?"),
        _ => format!("there are {}:", all.join(":, ")),
    }
}

/// One term as it is written.
struct Piece {
    negated: bool,
    field: Option<String>,
    text: String,
    quoted: bool,
    prefix: bool,
}

impl Query {
    /// Reads a query as people write it: see the page on search.
    ///
    /// # Errors
    /// [`QueryError`], which says the mend. No text leads to an error of the database.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.chars().count() > LONGEST {
            return Err(QueryError::TooLong);
        }
        let mut terms: Vec<Term> = Vec::new();
        let mut rest = text;
        while let Some((piece, after)) = next(rest)? {
            rest = after;
            if terms.len() == MOST_TERMS {
                return Err(QueryError::TooManyTerms);
            }
            let negated = piece.negated;
            let what = understand(piece)?;
            let ranks = match what {
                What::Colour(_) => Some("colour"),
                What::Like(_) => Some("like"),
                _ => None,
            };
            if let Some(field) = ranks.filter(|_| negated) {
                return Err(QueryError::NotNegated { field });
            }
            let is_like = |what: &What| matches!(what, What::Like(_));
            if is_like(&what) && terms.iter().any(|term| is_like(&term.what)) {
                return Err(QueryError::TwoLikes);
            }
            terms.push(Term { negated, what });
        }
        Ok(Self {
            terms,
            ..Self::default()
        })
    }
}

impl std::str::FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::parse(text)
    }
}

/// Whether a character parts terms; a control character (NUL among them) does so too.
fn parts(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The first term of a text, and what follows it.
fn next(text: &str) -> Result<Option<(Piece, &str)>, QueryError> {
    let text = text.trim_start_matches(parts);
    if text.is_empty() {
        return Ok(None);
    }
    let (negated, rest) = match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(parts) => (true, rest),
        _ => (false, text),
    };
    let (field, rest) = match rest.split_once(':') {
        Some((field, value)) if !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphabetic()) => {
            (Some(field.to_lowercase()), value)
        }
        _ => (None, rest),
    };
    let (value, quoted, rest) = match rest.strip_prefix('"') {
        Some(inner) => {
            let Some((value, rest)) = inner.split_once('"') else {
                let start = rest.chars().take(24).collect();
                return Err(QueryError::OpenQuote { start });
            };
            (value, true, rest)
        }
        None => {
            // A quote within a word begins the next term.
            let end = rest.find(|c| parts(c) || c == '"').unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            (value, false, rest)
        }
    };
    let (value, prefix, rest) = if quoted {
        match rest.strip_prefix('*') {
            Some(rest) => (value, true, rest),
            None => (value, false, rest),
        }
    } else {
        match value.strip_suffix('*') {
            Some(value) => (value, true, rest),
            None => (value, false, rest),
        }
    };
    let text: String = value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let piece = Piece {
        negated,
        field,
        text: text.trim().to_owned(),
        quoted,
        prefix,
    };
    Ok(Some((piece, rest)))
}

fn understand(piece: Piece) -> Result<What, QueryError> {
    let Some(name) = piece.field.clone() else {
        return words(None, piece);
    };
    let name = match name.as_str() {
        "color" => "colour",
        "keywords" => "keyword",
        "people" => "person",
        other => other,
    };
    if let Some((field, ..)) = Field::ALL.iter().find(|(_, field, _)| *field == name) {
        return words(Some(*field), piece);
    }
    let Some((field, example)) = OTHERS.iter().find(|(field, _)| *field == name).copied() else {
        return Err(QueryError::NoField {
            field: name.to_owned(),
        });
    };
    if piece.text.is_empty() {
        return Err(QueryError::Empty {
            field: field.to_owned(),
            example,
        });
    }
    let text = piece.text.as_str();
    let bad = |why: String| QueryError::BadValue {
        field,
        value: text.to_owned(),
        why,
        example,
    };
    if piece.prefix {
        return Err(bad("it takes no *".to_owned()));
    }
    let lower = text.to_lowercase();
    match field {
        "near" => near(&lower).map_err(bad),
        "taken" => taken(text).map_err(bad),
        "may" => lower
            .parse::<Use>()
            .map(What::May)
            .map_err(|e| bad(e.to_string())),
        "is" => kind(&lower)
            .map(What::Is)
            .ok_or_else(|| bad("there is no such kind".to_owned())),
        "wider" | "taller" => {
            let pixels = lower.strip_suffix("px").unwrap_or(&lower).trim().parse::<u32>();
            let pixels = pixels.map_err(|_| bad("that is no number of pixels".to_owned()))?;
            Ok(if field == "wider" {
                What::Wider(pixels)
            } else {
                What::Taller(pixels)
            })
        }
        "colour" => colour(&lower).map(What::Colour).ok_or_else(|| {
            bad(format!(
                "it is neither six digits 0-9 and a-f nor one of {}",
                colour_names()
            ))
        }),
        _ => Ok(What::Like(if text.starts_with("archive:") {
            Like::Source(text.to_owned())
        } else {
            Like::File(PathBuf::from(text))
        })),
    }
}

fn words(field: Option<Field>, piece: Piece) -> Result<What, QueryError> {
    if piece.text.chars().any(char::is_alphanumeric) {
        return Ok(What::Words(Words {
            field,
            text: piece.text,
            prefix: piece.prefix,
        }));
    }
    match field {
        Some(field) if piece.text.is_empty() => Err(QueryError::Empty {
            field: field.as_str().to_owned(),
            example: "person:\"Jean Doe\" or keyword:sea",
        }),
        _ => {
            let star = if piece.prefix { "*" } else { "" };
            let quote = if piece.quoted { "\"" } else { "" };
            Err(QueryError::NoWord {
                text: format!("{quote}{}{quote}{star}", piece.text),
            })
        }
    }
}

fn near(text: &str) -> Result<What, String> {
    let number = |text: &str| {
        let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| format!("\"{text}\" is no number"))
    };
    let mut fields = text.split(',');
    let (Some(latitude), Some(longitude)) = (fields.next(), fields.next()) else {
        return Err("a latitude and a longitude are needed".to_owned());
    };
    let (latitude_deg, longitude_deg) = (number(latitude)?, number(longitude)?);
    let radius_km = match fields.next().map(str::trim) {
        None => USUAL_RADIUS_KM,
        Some(text) => match (text.strip_suffix("km"), text.strip_suffix('m')) {
            (Some(km), _) => number(km)?,
            (None, Some(m)) => number(m)? / 1000.0,
            (None, None) => number(text)?,
        },
    };
    if fields.next().is_some() {
        return Err("it has more than three parts".to_owned());
    }
    if !(-90.0..=90.0).contains(&latitude_deg) || !(-180.0..=180.0).contains(&longitude_deg) {
        return Err("latitudes go from -90 to 90, longitudes from -180 to 180".to_owned());
    }
    if radius_km <= 0.0 {
        return Err("the distance must be more than nothing".to_owned());
    }
    Ok(What::Near {
        latitude_deg,
        longitude_deg,
        radius_km,
    })
}

fn taken(text: &str) -> Result<What, String> {
    let day = |text: &str| match text {
        "" => Ok(None),
        text => Day::parse(text).map(Some),
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (day(from)?, day(to)?),
        None => (day(text)?, day(text)?),
    };
    match (from, to) {
        (None, None) => Err("it says no day".to_owned()),
        (Some(from), Some(to)) if from.is_after(to) => Err("it ends before it begins".to_owned()),
        _ => Ok(What::Taken { from, to }),
    }
}

fn kind(text: &str) -> Option<Kind> {
    let text = match text {
        "photo" | "picture" => "photograph",
        "video" => "clip",
        "color" => "colour",
        "gray" | "bw" => "grey",
        other => other,
    };
    Kind::ALL
        .iter()
        .find(|(_, name)| *name == text)
        .map(|(kind, _)| *kind)
}

fn colour(text: &str) -> Option<Colour> {
    let name = if text == "gray" { "grey" } else { text };
    if let Some((_, codes)) = Colour::NAMES.iter().find(|(known, _)| *known == name) {
        return Some(Colour(*codes));
    }
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = code.to_be_bytes();
    Some(Colour([red, green, blue]))
}

fn colour_names() -> String {
    Colour::NAMES.map(|(name, _)| name).join(", ")
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, term) in self.terms.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("-")?;
        }
        match &self.what {
            What::Words(words) => {
                if let Some(field) = words.field {
                    write!(f, "{}:", field.as_str())?;
                }
                let plain = words.text.chars().all(char::is_alphanumeric);
                let quote = if plain { "" } else { "\"" };
                let star = if words.prefix { "*" } else { "" };
                write!(f, "{quote}{}{quote}{star}", words.text)
            }
            What::Near {
                latitude_deg,
                longitude_deg,
                radius_km,
            } => write!(f, "near:{latitude_deg},{longitude_deg},{radius_km}km"),
            What::Taken { from, to } if from == to => from.map_or(Ok(()), |day| write!(f, "taken:{day}")),
            What::Taken { from, to } => {
                let text = |day: &Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
                write!(f, "taken:{}..{}", text(from), text(to))
            }
            What::May(wanted) => write!(f, "may:{wanted}"),
            What::Is(kind) => write!(f, "is:{}", kind.as_str()),
            What::Wider(pixels) => write!(f, "wider:{pixels}"),
            What::Taller(pixels) => write!(f, "taller:{pixels}"),
            What::Colour(colour) => write!(f, "colour:{}", colour.label()),
            What::Like(Like::Source(call)) => write!(f, "like:\"{call}\""),
            What::Like(Like::File(path)) => write!(f, "like:\"{}\"", path.display()),
        }
    }
}
