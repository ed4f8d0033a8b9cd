//! The words and what they do, from TOML: the built-in ones, and a film's own `words.toml`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use heirloom_engine::palette::Wish;
use heirloom_film::toml::{self, Table, Value};
use heirloom_film::{Flow, Problem, Problems};

use super::Language;
use super::fold;
use super::inflect::inflections;

/// The file beside `film.toml` that adds words and changes them.
pub const FILE_NAME: &str = "words.toml";

/// The built-in words, by subject.
const BUILT_IN: [(&str, &str); 7] = [
    ("grammar.toml", include_str!("data/grammar.toml")),
    ("motion.toml", include_str!("data/motion.toml")),
    ("pace.toml", include_str!("data/pace.toml")),
    ("scale.toml", include_str!("data/scale.toml")),
    ("light.toml", include_str!("data/light.toml")),
    ("color.toml", include_str!("data/color.toml")),
    ("things.toml", include_str!("data/things.toml")),
];

/// Longest name of a word and longest form, in characters.
const LONGEST: usize = 80;
/// Most words of one file, and most forms of a word in one language.
const MOST_WORDS: usize = 5_000;
const MOST_FORMS: usize = 200;

/// What a word is in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It does something, or names a thing.
    Content,
    /// It turns the words after it off, or around: no, without.
    No,
    /// What it joins is turned off alike: and, or.
    And,
    /// It ends a turning off: but.
    But,
    /// It makes what follows count more: very.
    More,
    /// It makes what follows count less: slightly.
    Less,
    /// It only holds the sentence together: the, of.
    Small,
}

/// What a word does. All numbers are as `docs/words.md` has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// What it goes by in `words.toml`.
    pub name: String,
    /// What it is in a sentence.
    pub role: Role,
    /// The flow it asks for.
    pub flow: Option<Flow>,
    /// What it multiplies the usual pace by.
    pub speed: Option<f64>,
    /// Where it goes on the screen, in degrees: 0 is to the right, 90 up.
    pub direction_deg: Option<f64>,
    /// How the pace changes over the shot, -1 to 1.
    pub accelerate: Option<f64>,
    /// From 0 (lively) to 1 (steady).
    pub steady: Option<f64>,
    /// The finish, 0 to 1.
    pub finish: Option<f64>,
    /// What it multiplies the size of the sources' matter by.
    pub scale: Option<f64>,
    /// Colours and light that it wishes for.
    pub wishes: Vec<Wish>,
    /// The word that it turns into after a `no`.
    pub not: Option<String>,
}

/// A form of a word, in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub language: Language,
    pub word: usize,
    /// Listed, not made by a rule.
    pub listed: bool,
}

/// All words that are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    words: Vec<Word>,
    forms: BTreeMap<String, Vec<Form>>,
    /// Most words in one form.
    longest: usize,
}

/// A word as one file has it.
struct Entry {
    word: Word,
    off: bool,
    /// Folded forms by language, whether they take endings, and where they stand.
    forms: Vec<(Language, String, bool, Range<usize>)>,
}

impl Words {
    /// The built-in words.
    pub fn built_in() -> Words {
        let mut words = Words {
            words: Vec::new(),
            forms: BTreeMap::new(),
            longest: 1,
        };
        for (name, text) in BUILT_IN {
            // A test reads every file; what does not hold would be left out.
            if let Ok((entries, _)) = toml::read(name, text, |root| entries(root, &Words::none())) {
                words.take(entries);
            }
        }
        words
    }

    fn none() -> Words {
        Words {
            words: Vec::new(),
            forms: BTreeMap::new(),
            longest: 1,
        }
    }

    /// The built-in words, and those of the `words.toml` in a film's folder where there is one.
    ///
    /// # Errors
    /// All that is wrong with the file, each with its line and the mend.
    pub fn of_film(folder: &Path) -> Result<Words, Problems> {
        let path = folder.join(FILE_NAME);
        let file = path.display().to_string();
        let text = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Words::built_in()),
            Ok(data) if data.len() > toml::MAX_BYTES as u64 => {
                return Err(Problem::of_file(
                    &file,
                    format!(
                        "the file is longer than the {} bytes that are read",
                        toml::MAX_BYTES
                    ),
                    "see whether this is the file you mean".into(),
                )
                .into());
            }
            _ => std::fs::read_to_string(&path).map_err(|error| {
                Problems::from(Problem::of_file(
                    &file,
                    format!("cannot read the file: {error}"),
                    "see that it is an ordinary UTF-8 text that you may read".into(),
                ))
            })?,
        };
        Words::built_in().extended(&file, &text)
    }

    /// These words, with those of a `words.toml`, called `file` in messages. A word of the same name is
    /// replaced, and a form that another word has goes over to the new one.
    ///
    /// # Errors
    /// All that is wrong with the text, each with its line and the mend.
    pub fn extended(mut self, file: &str, text: &str) -> Result<Words, Problems> {
        let (entries, _) = toml::read(file, text, |root| entries(root, &self))?;
        self.take(entries);
        Ok(self)
    }

    /// How many words there are, small ones too.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A word by the name that it has in the file.
    pub fn named(&self, name: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.name == name)
    }

    pub(super) fn word(&self, index: usize) -> &Word {
        &self.words[index]
    }

    pub(super) fn forms(&self, key: &str) -> &[Form] {
        self.forms.get(key).map_or(&[], Vec::as_slice)
    }

    /// Most words in one form.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    fn take(&mut self, entries: Vec<Entry>) {
        // First what goes: words of the same name with all their forms.
        for entry in &entries {
            if let Some(old) = self.words.iter().position(|word| word.name == entry.word.name) {
                for forms in self.forms.values_mut() {
                    forms.retain(|form| form.word != old);
                }
            }
        }
        let mut listed = Vec::new();
        for Entry { word, off, forms } in entries {
            let at = match self.words.iter().position(|old| old.name == word.name) {
                Some(at) => {
                    self.words[at] = word;
                    at
                }
                None => {
                    self.words.push(word);
                    self.words.len() - 1
                }
            };
            if !off {
                listed.extend(
                    forms
                        .into_iter()
                        .map(|(l, key, inflects, _)| (l, key, inflects, at)),
                );
            }
        }
        // What is listed takes its forms from those that had them; what a rule makes comes after all listed ones.
        for (language, key, _, word) in &listed {
            let forms = self.forms.entry(key.clone()).or_default();
            forms.retain(|form| form.language != *language);
            self.longest = self.longest.max(key.split(' ').count());
            forms.push(Form {
                language: *language,
                word: *word,
                listed: true,
            });
        }
        for (language, key, inflects, word) in listed {
            if !inflects || self.words[word].role != Role::Content {
                continue;
            }
            for form in inflections(&key, language) {
                let forms = self.forms.entry(form).or_default();
                if forms.iter().all(|f| f.language != language) {
                    forms.push(Form {
                        language,
                        word,
                        listed: false,
                    });
                }
            }
        }
        self.forms.retain(|_, forms| !forms.is_empty());
    }
}

fn entries(mut root: Table<'_>, known: &Words) -> Vec<Entry> {
    root.describe("the file");
    let mut entries: Vec<Entry> = Vec::new();
    let mut all: BTreeMap<(Language, String), (String, Range<usize>)> = BTreeMap::new();
    let mut turned: Vec<(Value<'_>, String)> = Vec::new();
    let table = root.get("word").and_then(|v| v.table());
    for (name, value) in table.map(|mut t| t.entries()).unwrap_or_default() {
        if entries.len() >= MOST_WORDS {
            value.fault(
                format!("there are more than {MOST_WORDS} words"),
                "keep to those that the film needs",
            );
            break;
        }
        let blank = name.trim().is_empty() || name.chars().any(char::is_control);
        if blank || name.chars().count() > LONGEST {
            value.fault(
                "a word's name is blank or long",
                format!("give it a name of 1 to {LONGEST} characters, such as `[word.drift]`"),
            );
            continue;
        }
        let Some(table) = value.table() else { continue };
        let (entry, not) = entry(name, table, known);
        for (language, key, _, at) in &entry.forms {
            let before = all.insert((*language, key.clone()), (name.to_owned(), at.clone()));
            if let Some((other, place)) = before.filter(|(other, _)| other != name) {
                value.fault_beside(
                    format!(
                        "\"{key}\" is {} for both `{other}` and `{name}`",
                        language.english_name()
                    ),
                    "keep it with one of them",
                    place,
                    "the first one",
                );
            }
        }
        turned.extend(not);
        entries.push(entry);
    }
    for (value, not) in turned {
        let there = entries.iter().any(|e| e.word.name == not) || known.named(&not).is_some();
        if !there {
            let names = entries
                .iter()
                .map(|e| e.word.name.as_str())
                .chain(known.words.iter().map(|w| w.name.as_str()));
            let mend = match toml::nearest(&not, names) {
                Some(near) => format!("write \"{near}\""),
                None => "write the name of a word, or leave `not` out".into(),
            };
            value.fault(format!("there is no word `{}`", not.escape_debug()), mend);
        }
    }
    root.finish(&[("words", "word"), ("term", "word"), ("entry", "word")]);
    entries
}

fn entry<'d>(name: &str, mut table: Table<'d>, known: &Words) -> (Entry, Option<(Value<'d>, String)>) {
    table.describe(format!("the word `{}`", name.escape_debug()));
    let off = table.get("off").and_then(|v| v.boolean()).unwrap_or(false);
    let mut forms = Vec::new();
    for language in Language::ALL {
        let value = table.get(language.code());
        let Some(items) = value.as_ref().and_then(Value::items) else {
            continue;
        };
        if items.len() > MOST_FORMS
            && let Some(value) = &value
        {
            value.fault(
                format!("there are more than {MOST_FORMS} forms"),
                "usual endings need not be listed",
            );
            continue;
        }
        for item in items {
            let Some(text) = item.name(LONGEST) else { continue };
            let exact = text.ends_with('=');
            let key = fold::key(text);
            if key.is_empty() {
                item.fault("there is no letter in it", "write a word");
                continue;
            }
            forms.push((language, key, !exact, item.span()));
        }
    }
    if forms.is_empty() && !off {
        if known.named(name).is_some() {
            table.fault(
                format!(
                    "the word `{}` has no forms, so nothing would call it",
                    name.escape_debug()
                ),
                "list some: `en = [\"...\"]`, `fr`, `es`; or turn the built-in word off: `off = true`",
            );
        } else {
            table.fault(
                format!("the word `{}` has no forms", name.escape_debug()),
                "list them: `en = [\"...\"]`, `fr = [\"...\"]` or `es = [\"...\"]`",
            );
        }
    }
    let roles = [
        ("no", Role::No),
        ("and", Role::And),
        ("but", Role::But),
        ("more", Role::More),
        ("less", Role::Less),
        ("small", Role::Small),
    ];
    let role = table
        .get("role")
        .and_then(|v| v.one_of(&roles))
        .unwrap_or(Role::Content);
    let flow = table
        .get("flow")
        .and_then(|v| v.one_of(&Flow::ALL.map(|flow| (flow.word(), flow))));
    let mut number = |key: &'static str, least: f64, most: f64| -> Option<f64> {
        table.get(key).and_then(|v| v.number(least..=most))
    };
    let speed = number("speed", 0.05, 10.0);
    let direction_deg = number("direction", -360.0, 360.0);
    let accelerate = number("accelerate", -1.0, 1.0);
    let steady = number("steady", 0.0, 1.0);
    let finish = number("finish", 0.0, 1.0);
    let scale = number("scale", 0.05, 20.0);
    let weight = number("weight", 0.01, 1.0).unwrap_or(1.0);
    let chroma = number("chroma", 0.0, 0.4);
    let hue = number("hue", -360.0, 360.0);
    let mut wishes: Vec<Wish> = table.get("color").map(|v| colors(&v, weight)).unwrap_or_default();
    let lights = table.get("lightness").map(|v| numbers(&v)).unwrap_or_default();
    let mut partial = |lightness: Option<f64>| {
        wishes.push(Wish {
            lightness,
            chroma,
            hue,
            weight,
        });
    };
    if lights.is_empty() && (chroma.is_some() || hue.is_some()) {
        partial(None);
    }
    lights.into_iter().for_each(|l| partial(Some(l)));
    let not = table.get("not").and_then(|v| {
        let text = v.name(LONGEST)?.to_owned();
        Some((v, text))
    });
    let word = Word {
        name: name.to_owned(),
        role,
        flow,
        speed,
        direction_deg,
        accelerate,
        steady,
        finish,
        scale,
        wishes,
        not: not.as_ref().map(|(_, text)| text.clone()),
    };
    table.finish(&[
        ("colour", "color"),
        ("colors", "color"),
        ("colours", "color"),
        ("palette", "color"),
        ("pace", "speed"),
        ("angle", "direction"),
        ("light", "lightness"),
        ("saturation", "chroma"),
        ("size", "scale"),
        ("opposite", "not"),
        ("english", "en"),
        ("french", "fr"),
        ("spanish", "es"),
        ("acceleration", "accelerate"),
    ]);
    (Entry { word, off, forms }, not)
}

/// One number from 0 to 1, or a list of up to four.
fn numbers(value: &Value<'_>) -> Vec<f64> {
    if !value.is_list() {
        return value.number(0.0..=1.0).into_iter().collect();
    }
    let items = value.items().unwrap_or_default();
    if items.is_empty() || items.len() > 4 {
        value.fault(
            "that is no list of one to four numbers",
            "write `lightness = [0.1, 0.9]`",
        );
        return Vec::new();
    }
    items.iter().filter_map(|v| v.number(0.0..=1.0)).collect()
}

/// One colour, or a list of up to eight.
fn colors(value: &Value<'_>, weight: f64) -> Vec<Wish> {
    let items = value.items().unwrap_or_default();
    let several = items.first().is_some_and(Value::is_list);
    let each = if several { items } else { vec![value.clone()] };
    if each.len() > 8 {
        value.fault("there are more than eight colours", "keep the eight that matter");
        return Vec::new();
    }
    each.iter()
        .filter_map(|color| {
            let parts = color.items()?;
            let [l, c, h] = parts.as_slice() else {
                color.fault(
                    "a colour is three numbers",
                    "write lightness, chroma and hue: `[0.55, 0.21, 25]`",
                );
                return None;
            };
            Some(Wish {
                lightness: Some(l.clone().called("lightness").number(0.0..=1.0)?),
                chroma: Some(c.clone().called("chroma").number(0.0..=0.4)?),
                hue: Some(h.clone().called("hue").number(-360.0..=360.0)?),
                weight,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_holds_and_no_name_comes_twice() {
        let mut names = std::collections::BTreeSet::new();
        let mut forms: BTreeMap<(Language, String), String> = BTreeMap::new();
        let all = Words::built_in();
        for (file, text) in BUILT_IN {
            let (entries, warnings) =
                toml::read(file, text, |root| entries(root, &all)).unwrap_or_else(|p| panic!("{p}"));
            assert!(warnings.is_empty());
            for entry in entries {
                assert!(
                    names.insert(entry.word.name.clone()),
                    "{file}: {} again",
                    entry.word.name
                );
                for (language, key, ..) in entry.forms {
                    let before = forms.insert((language, key.clone()), entry.word.name.clone());
                    let small = |name: &String| all.named(name).is_some_and(|w| w.role != Role::Content);
                    if let Some(other) = before.filter(|o| *o != entry.word.name && !small(o)) {
                        panic!(
                            "{file}: {language:?} \"{key}\" is both {other} and {}",
                            entry.word.name
                        );
                    }
                }
            }
        }
        let words = all;
        assert!(words.len() > 350, "{}", words.len());
        let deeds = words
            .words
            .iter()
            .filter(|w| w.flow.is_some() || !w.wishes.is_empty())
            .count();
        assert!(deeds > 180, "{deeds}");
    }
}
