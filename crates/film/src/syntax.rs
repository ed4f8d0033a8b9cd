//! Text that is not TOML: every place where it is not, in plain words, with the mend.
//!
//! `toml_edit` stops at the first error of syntax. Here the events of the parser below it are walked, so
//! that all are found, and a key given twice is shown with the place where it was given first.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ParseError, Source};

use crate::problem::{self, Problem, Severity};
use crate::toml::MAX_PROBLEMS;

/// Depth of brackets within brackets at which reading stops, so that no file can exhaust the stack.
const MAX_DEPTH: u32 = 80;

/// All that keeps `text` from being TOML, one problem a line at most and [`MAX_PROBLEMS`] in
/// all, in the order of the lines.
/// `first` is what `toml_edit` came upon; it is used where nothing is found here.
pub(crate) fn problems(file: &str, text: &Arc<str>, first: &toml_edit::TomlError) -> Vec<Problem> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut errors: Vec<ParseError> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(tokens.len());
    let mut whitespace = ValidateWhitespace::new(&mut events, source);
    parse_document(
        &tokens,
        &mut RecursionGuard::new(&mut whitespace, MAX_DEPTH),
        &mut errors,
    );
    for event in &events {
        let raw = source.get(*event);
        match (event.kind(), raw) {
            (EventKind::Scalar, Some(raw)) => drop(raw.decode_scalar(&mut (), &mut errors)),
            (EventKind::SimpleKey, Some(raw)) => raw.decode_key(&mut (), &mut errors),
            _ => {}
        }
    }
    errors.sort_by_key(|error| error.unexpected().map_or(0, |span| span.start()));
    let mut found = Vec::new();
    let mut read_askew = text.len();
    // What follows a slip in the same line is mostly its consequence.
    let mut line_end = None;
    for error in &errors {
        let at = error.unexpected().map_or(0..0, |span| span.start()..span.end());
        let start = at.start.min(text.len());
        if found.len() >= MAX_PROBLEMS || line_end.is_some_and(|end| start <= end) {
            continue;
        }
        line_end = text.as_bytes()[start..]
            .iter()
            .position(|&b| b == b'\n')
            .map(|length| start + length);
        line_end = line_end.or(Some(text.len()));
        found.push(one(file, text, at, error.description()));
        if error.description().starts_with("missing comma") && begins_line(text, start) {
            // A bracket was left open in a line before; from here on everything is taken for its content.
            read_askew = start;
            break;
        }
    }
    found.extend(
        duplicates(file, text, source, &events)
            .into_iter()
            .filter(|problem| problem.span.as_ref().is_some_and(|span| span.start < read_askew)),
    );
    if found.is_empty() {
        found.push(one(file, text, first.span().unwrap_or(0..0), first.message()));
    }
    found.sort_by_key(|problem| (problem.line, problem.column));
    found.dedup_by_key(|problem| problem.line);
    found
}

/// Whether only blanks stand before `at` in its line.
fn begins_line(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before
        .rfind('\n')
        .is_some_and(|newline| before[newline + 1..].trim().is_empty())
}

fn one(file: &str, text: &Arc<str>, at: Range<usize>, said: &str) -> Problem {
    let (start, end) = problem::within(text, &at);
    let (message, mend) = explain(text, &(start..end), said);
    Problem::at(file, text, at, Severity::Error, message, mend)
}

/// The parser's words made plain, and the mend, from what stands at the place.
fn explain(text: &str, at: &Range<usize>, said: &str) -> (String, String) {
    let start = text[..at.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at.start..]
        .find('\n')
        .map_or(text.len(), |newline| at.start + newline);
    let line = text.get(start..end).unwrap_or_default().trim();
    let (before, rest) = (text[start..at.start].trim(), text[at.start..end].trim());
    let word = text.get(at.clone()).unwrap_or_default();
    let brief = |text: &str| text.chars().take(40).collect::<String>();
    let mend_of = |message: &str, mend: &str| (message.to_string(), mend.to_string());
    let said = said.split(", expected").next().unwrap_or(said);

    if said.contains("recurs") {
        return mend_of(
            "brackets stand within brackets too deep",
            "write it flatter; a film needs three levels",
        );
    }
    if line.starts_with("//") || line.starts_with("/*") {
        return mend_of("this is no comment in TOML", "begin comments with `#`");
    }
    if word.starts_with(['“', '”', '„', '‘', '’', '«']) {
        return mend_of(
            "these are typographic quotes, which TOML does not know",
            "use the straight ones of the keyboard: `\"...\"`",
        );
    }
    match said {
        "invalid basic string" | "invalid literal string" if at.is_empty() || rest.is_empty() => mend_of(
            "the text has no closing quote",
            "close it with the quote it begins with, in the same line",
        ),
        "invalid multi-line basic string" | "invalid multi-line literal string" => mend_of(
            "the text has no closing quotes",
            "close it with the three quotes it begins with",
        ),
        "invalid basic string" | "invalid literal string" | "invalid comment character" => mend_of(
            "a control character stands in the text",
            "delete it and type the text anew; it may have come with a paste",
        ),
        "string values must be quoted" if word.is_empty() => {
            mend_of("there is no value", "write one after the `=`, or delete the line")
        }
        "string values must be quoted" if before.ends_with(['[', ',']) && word.contains(' ') => (
            format!("`{}` is no value", brief(word)),
            "put a comma between values, and texts in quotes: `[1280, 720]`, `[\"a\", \"b\"]`".into(),
        ),
        "missing comma between array elements"
            if begins_line(text, at.start) && (rest.starts_with('[') || rest.contains('=')) =>
        {
            mend_of(
                "the list before this line has no closing bracket",
                "close it with `]`",
            )
        }
        "missing comma between key-value pairs" if begins_line(text, at.start) => mend_of(
            "the table before this line has no closing brace, or there is no comma between its keys",
            "close it with `}`, or put a comma behind the key before",
        ),
        "missing comma between array elements" | "missing comma between key-value pairs" => mend_of(
            "there is no comma here",
            "put a comma between this and what stands before it",
        ),
        "extra comma in array" | "extra comma in inline table" => {
            mend_of("there is a comma too many", "delete it")
        }
        "unclosed table" => mend_of("the header has no closing bracket", "close it with `]`"),
        "unclosed array table" => mend_of("the header has no closing brackets", "close it with `]]`"),
        "unclosed array" => mend_of("the list has no closing bracket", "close it with `]`"),
        "unclosed inline table" => mend_of("the table has no closing brace", "close it with `}`"),
        "invalid unquoted key" if word.starts_with(':') => mend_of(
            "a key and its value are joined by `=`",
            "write `key = value`, without a colon",
        ),
        "key with no value" if rest.starts_with(':') || before.ends_with(':') => mend_of(
            "a key and its value are joined by `=`",
            "write `key = value`, without a colon",
        ),
        "key with no value" => mend_of("there is no `=` between key and value", "write `key = value`"),
        "extra `=`" => mend_of("there is a `=` too many", "write `key = value`"),
        "unquoted keys cannot be empty" => {
            mend_of("there is no key", "write one before the `=`, or delete the line")
        }
        "invalid unquoted key" => (
            format!("`{}` is no key", brief(word)),
            "keys are letters a to z, digits, `-` and `_`; others go in quotes".into(),
        ),
        "unexpected key or value" if before.ends_with(']') || rest.starts_with(']') => mend_of(
            "something stands behind the header",
            "write `[name]` or `[[name]]`, and the rest in lines of its own",
        ),
        "unexpected key or value" if before.ends_with(['\'', '"']) => mend_of(
            "something stands behind the closing quote",
            "write one `key = value` a line; a quote within a text is written `\\\"`, an apostrophe goes in double quotes",
        ),
        "unexpected key or value" => mend_of(
            "something stands behind the value",
            "write one `key = value` a line, without a comma or semicolon behind it",
        ),
        "missing escaped value" => mend_of(
            "a lone `\\` stands in the text",
            "write `\\\\`, or put the text in single quotes: 'C:\\pictures'",
        ),
        "invalid boolean" => mend_of(
            "this is neither true nor false",
            "write `true` or `false`, in small letters",
        ),
        "duplicate key" => mend_of("this is there twice", "keep one of the two"),
        _ if said.starts_with("cannot extend") => {
            mend_of("this is a value and a table at once", "give each its own name")
        }
        _ => {
            let number = said.contains("number")
                || said.contains("float")
                || said.contains("digits")
                || said.contains("zero")
                || said.contains("sign")
                || matches!(said, "invalid mantissa" | "invalid fraction" | "invalid exponent");
            if said.ends_with("overflowed") && word.len() > 4 {
                mend_of("this number is too large", "write a smaller one")
            } else if said.contains("date") || said.contains("time") {
                mend_of(
                    "this is no date",
                    "write year, month and day, such as `2027-03-01`, or put text in quotes",
                )
            } else if number {
                mend_of(
                    "this is neither a number nor a text in quotes",
                    "write a plain number such as `12` or `0.4`, or put text in quotes: `\"...\"`",
                )
            } else if said == "string values must be quoted" {
                (
                    format!("`{}` is a text without quotes", brief(word)),
                    format!("write `\"{}\"`", brief(word)),
                )
            } else {
                (
                    format!("this is not TOML: {said}"),
                    "write `key = value`, with text in quotes".into(),
                )
            }
        }
    }
}

/// Keys and tables that are there twice, each with the place of the first.
fn duplicates(file: &str, text: &Arc<str>, source: Source<'_>, events: &[Event]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    // How often each list of tables was begun anew, and which headers were tables of their own.
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    let mut table = String::new();
    let mut path: Vec<(String, Range<usize>)> = Vec::new();
    let mut depth = 0_usize;
    let mut in_value = false;
    let mut tables: BTreeSet<String> = BTreeSet::new();
    for event in events {
        if found.len() >= MAX_PROBLEMS {
            break;
        }
        match event.kind() {
            EventKind::ArrayOpen | EventKind::InlineTableOpen => depth += 1,
            EventKind::ArrayClose | EventKind::InlineTableClose => depth = depth.saturating_sub(1),
            EventKind::Newline if depth == 0 => {
                path.clear();
                in_value = false;
            }
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => path.clear(),
            EventKind::SimpleKey if depth == 0 && !in_value => {
                let mut key = String::new();
                if let Some(raw) = source.get(*event) {
                    raw.decode_key(&mut key, &mut ());
                }
                path.push((key, event.span().start()..event.span().end()));
            }
            EventKind::KeyValSep if depth == 0 => {
                let at = whole(&path);
                let name = path.iter().fold(table.clone(), |name, (key, _)| step(&name, key));
                if let (Some(first), Some((key, _))) = (seen.insert(name, at.clone()), path.last()) {
                    found.push(twice(
                        file,
                        text,
                        at,
                        format!("`{}` is there twice", key.escape_debug()),
                        first,
                    ));
                }
                in_value = true;
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                let at = whole(&path);
                table.clear();
                for (index, (key, _)) in path.iter().enumerate() {
                    table = step(&table, key);
                    let last = index + 1 == path.len();
                    if last && event.kind() == EventKind::ArrayTableClose && !tables.contains(&table) {
                        *lists.entry(table.clone()).or_default() += 1;
                    } else if last
                        && !tables.insert(table.clone())
                        && let Some(first) = seen.get(&table).cloned()
                    {
                        let mend = format!("`[{}]` is there twice", key.escape_debug());
                        found.push(twice(file, text, at.clone(), mend, first));
                    }
                    if let Some(count) = lists.get(&table).filter(|_| !tables.contains(&table)) {
                        table = format!("{table}\u{2}{count}");
                    }
                }
                seen.entry(table.clone()).or_insert(at);
                path.clear();
            }
            _ => {}
        }
    }
    found
}

fn step(name: &str, key: &str) -> String {
    // Keys hold neither of the marks \u{1} and \u{2} unless escaped; a clash would only cost a label.
    format!("{name}\u{1}{key}")
}

fn whole(path: &[(String, Range<usize>)]) -> Range<usize> {
    let start = path.first().map_or(0, |(_, span)| span.start);
    start..path.last().map_or(start, |(_, span)| span.end)
}

fn twice(file: &str, text: &Arc<str>, at: Range<usize>, message: String, first: Range<usize>) -> Problem {
    let mend = if message.starts_with("`[") {
        "put what is below it under the first, and delete this line".to_string()
    } else {
        "keep one of the two".to_string()
    };
    Problem::at(file, text, at, Severity::Error, message, mend).related(first, "first here")
}
