//! `rights.toml`: whose the pictures of a folder are, and on what terms they may be used.
//!
//! ```
//! use heirloom_archive::rights_toml;
//!
//! let text = r#"
//!     owner = "Jean Doe"
//!     terms = "own work"
//!     until = 2031-12-31
//!     [file."beach.jpg"]
//!     people = ["Jean Doe", "Robin Doe"]
//!     scope = ["look", "generate", "publish", "train"]
//! "#;
//! let (rights, warnings) = rights_toml::parse("rights.toml", text, None).map_err(|p| p.to_string())?;
//! assert!(warnings.is_empty());
//! assert_eq!(rights.of("beach.jpg").owner.as_deref(), Some("Jean Doe"));
//! assert_eq!(rights.of("beach.jpg").people.unwrap_or_default().len(), 2);
//! assert!(rights.of("forest.jpg").people.is_none());
//!
//! let problems = rights_toml::parse("rights.toml", "ownr = \"Jean Doe\"", None).unwrap_err();
//! assert!(problems.to_string().contains("write `owner`"));
//! # Ok::<(), String>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path};

use heirloom_film::toml::{self, Table, Value};
use heirloom_film::{Problem, Problems};
use heirloom_vault::Use;
use jiff::civil::Date;

/// The file's name, in the folder whose pictures it speaks of.
pub const FILE_NAME: &str = "rights.toml";

/// Longest name of an owner or person, in characters.
const LONGEST_NAME: usize = 200;
/// Longest terms or word of how a picture was obtained, in characters; longer ones go into `terms_file`.
const LONGEST_TERMS: usize = 4000;

/// What a file says of some pictures. What it leaves open is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statement {
    /// Whose they are.
    pub owner: Option<String>,
    /// How and when they were obtained.
    pub obtained: Option<String>,
    /// The terms, in words.
    pub terms: Option<String>,
    /// The file with the text of the terms, relative to the folder, with `/`.
    pub terms_file: Option<String>,
    /// What they may be used for.
    pub scope: Option<BTreeSet<Use>>,
    /// The last day on which they may be used.
    pub until: Option<Date>,
    /// Who can be recognised in them.
    pub people: Option<Vec<String>>,
}

impl Statement {
    /// This statement, with `other` where this leaves something open.
    pub fn or(self, other: &Statement) -> Statement {
        let other = other.clone();
        Statement {
            owner: self.owner.or(other.owner),
            obtained: self.obtained.or(other.obtained),
            terms: self.terms.or(other.terms),
            terms_file: self.terms_file.or(other.terms_file),
            scope: self.scope.or(other.scope),
            until: self.until.or(other.until),
            people: self.people.or(other.people),
        }
    }
}

/// What a file says of someone who can be recognised in pictures. What it leaves open is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersonStatement {
    /// How they consented, in words.
    pub terms: Option<String>,
    /// Who consented for them: a guardian, an estate.
    pub given_by: Option<String>,
    /// The file with the text of the consent, relative to the folder, with `/`.
    pub terms_file: Option<String>,
    /// What pictures of them may be used for.
    pub scope: Option<BTreeSet<Use>>,
    /// The last day on which they may be used.
    pub until: Option<Date>,
}

/// A `rights.toml` as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RightsFile {
    /// What it says of every picture in the folder.
    pub all: Statement,
    /// What it says of single files besides, by file name.
    pub files: BTreeMap<String, Statement>,
    /// What the people shown have consented to, by name.
    pub people: BTreeMap<String, PersonStatement>,
}

impl RightsFile {
    /// What it says of one file: its own table, and the folder's words where that leaves something open.
    pub fn of(&self, file_name: &str) -> Statement {
        self.files
            .get(file_name)
            .cloned()
            .unwrap_or_default()
            .or(&self.all)
    }
}

/// Reads the text of a `rights.toml`, called `file` in messages.
///
/// With `beside`, the folder that it lies in, it is also checked that the files it names are there.
///
/// # Errors
/// All that is wrong with it, each with line, column and mend.
pub fn parse(file: &str, text: &str, beside: Option<&Path>) -> Result<(RightsFile, Vec<Problem>), Problems> {
    toml::read(file, text, |mut root| {
        root.describe("rights.toml");
        let all = statement(&mut root, beside);
        let mut files = BTreeMap::new();
        if let Some(mut tables) = root.get("file").and_then(|value| value.table()) {
            for (name, value) in tables.entries() {
                check_file(name, &value, beside);
                let Some(mut table) = value.table() else { continue };
                table.describe(format!("[file.\"{name}\"]"));
                files.insert(name.to_owned(), statement(&mut table, beside));
                table.finish(HABITS);
            }
        }
        let mut people = BTreeMap::new();
        if let Some(mut tables) = root.get("person").and_then(|value| value.table()) {
            for (name, value) in tables.entries() {
                let Some(mut table) = value.table() else { continue };
                table.describe(format!("[person.\"{name}\"]"));
                let said = person(&mut table, beside);
                if said.terms.is_none() && said.terms_file.is_none() {
                    value.fault(
                        format!("[person.\"{name}\"] does not say how they consented"),
                        "write `terms`, such as \"in writing, 2024-05-01\", or `terms_file`",
                    );
                }
                people.insert(name.trim().to_owned(), said);
                table.finish(HABITS);
            }
        }
        root.finish(HABITS);
        RightsFile { all, files, people }
    })
}

/// Words that people write, and the keys that they mean by them.
const HABITS: &[(&str, &str)] = &[
    ("author", "owner"),
    ("by", "owner"),
    ("copyright", "owner"),
    ("holder", "owner"),
    ("license", "terms"),
    ("licence", "terms"),
    ("rights", "terms"),
    ("license_file", "terms_file"),
    ("licence_file", "terms_file"),
    ("uses", "scope"),
    ("use", "scope"),
    ("expires", "until"),
    ("source", "obtained"),
    ("persons", "people"),
    ("files", "file"),
    ("persons", "person"),
    ("consent", "terms"),
    ("consent_file", "terms_file"),
    ("guardian", "given_by"),
    ("estate", "given_by"),
];

fn statement(table: &mut Table<'_>, beside: Option<&Path>) -> Statement {
    let owned = |text: &str| text.to_owned();
    Statement {
        owner: table.get("owner").and_then(|v| v.name(LONGEST_NAME)).map(owned),
        obtained: table
            .get("obtained")
            .and_then(|v| v.text(LONGEST_TERMS))
            .map(owned),
        terms: table.get("terms").and_then(|v| terms(&v)),
        terms_file: table.get("terms_file").and_then(|v| terms_file(&v, beside)),
        scope: table.get("scope").and_then(|v| scope(&v)),
        until: table.get("until").and_then(|v| v.date()),
        people: table.get("people").and_then(|v| people(&v)),
    }
}

fn person(table: &mut Table<'_>, beside: Option<&Path>) -> PersonStatement {
    PersonStatement {
        terms: table.get("terms").and_then(|v| terms(&v)),
        given_by: table
            .get("given_by")
            .and_then(|v| v.name(LONGEST_NAME).map(str::to_owned)),
        terms_file: table.get("terms_file").and_then(|v| terms_file(&v, beside)),
        scope: table.get("scope").and_then(|v| scope(&v)),
        until: table.get("until").and_then(|v| v.date()),
    }
}

fn terms(value: &Value<'_>) -> Option<String> {
    let text = value.text(LONGEST_TERMS)?.trim();
    if text.is_empty() {
        value.fault(
            "`terms` is empty",
            "write on what terms you may use them, such as \"own work\" or \"CC BY 4.0\"",
        );
        return None;
    }
    Some(text.to_owned())
}

fn scope(value: &Value<'_>) -> Option<BTreeSet<Use>> {
    let words = Use::ALL.map(|wanted| (wanted.as_str(), wanted));
    let uses: Vec<_> = value.items()?.iter().map(|item| item.one_of(&words)).collect();
    uses.into_iter().collect()
}

fn people(value: &Value<'_>) -> Option<Vec<String>> {
    let names: Vec<_> = value
        .items()?
        .iter()
        .map(|item| item.name(LONGEST_NAME).map(str::to_owned))
        .collect();
    names.into_iter().collect()
}

/// The terms' file: within the folder, so that a folder that is copied still has it.
fn terms_file(value: &Value<'_>, beside: Option<&Path>) -> Option<String> {
    let name = value.name(LONGEST_TERMS)?;
    let path = Path::new(name);
    let inside = path.components().all(|step| matches!(step, Component::Normal(_)));
    if !inside || name.contains('\\') {
        value.fault(
            format!("`terms_file` points outside the folder: {}", name.escape_debug()),
            "put the file into this folder and write its name alone, such as \"terms.txt\"",
        );
        return None;
    }
    if let Some(folder) = beside
        && !folder.join(path).is_file()
    {
        let mend = match nearest_file(name, folder) {
            Some(near) => format!("write \"{near}\""),
            None => "put the file there, or delete this line".to_owned(),
        };
        value.fault(
            format!("there is no file {} in this folder", name.escape_debug()),
            mend,
        );
        return None;
    }
    Some(name.to_owned())
}

/// A table for a file that is not there is an error: a limit that was meant for a picture must not go unheard
/// for a slip in its name.
fn check_file(name: &str, value: &Value<'_>, beside: Option<&Path>) {
    let Some(folder) = beside else { return };
    let plain = Path::new(name)
        .components()
        .eq([Component::Normal(OsStr::new(name))]);
    if plain && folder.join(name).is_file() {
        return;
    }
    let mend = match nearest_file(name, folder) {
        Some(near) => format!("write [file.\"{near}\"], with the quotes"),
        None => "write the file's name with its ending, in quotes: [file.\"name.jpg\"]; or delete the table"
            .to_owned(),
    };
    value.fault(
        format!("there is no file {} in this folder", name.escape_debug()),
        mend,
    );
}

fn nearest_file(name: &str, folder: &Path) -> Option<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|other| other != FILE_NAME && !other.starts_with('.'))
        .collect();
    names.sort();
    toml::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}
