//! A value of a file, read as what it should be.

use std::ops::{Range, RangeInclusive};

use toml_edit::{Item, TableLike};

use super::nearest::nearest;
use super::{Report, Table};
use crate::problem::Severity;

/// A value of the file, and where it stands.
#[derive(Clone)]
pub struct Value<'d> {
    report: &'d Report,
    node: Node<'d>,
    name: String,
    span: Range<usize>,
    pub(super) key_span: Range<usize>,
}

#[derive(Clone, Copy)]
enum Node<'d> {
    Item(&'d Item),
    Value(&'d toml_edit::Value),
}

impl<'d> Value<'d> {
    pub(super) fn of(
        report: &'d Report,
        table: &'d dyn TableLike,
        key: &str,
        item: &'d Item,
        around: &Range<usize>,
    ) -> Value<'d> {
        let key_span = table
            .key(key)
            .and_then(|key| key.span())
            .or_else(|| item.span())
            .unwrap_or(around.clone());
        let span = match item {
            // A table's own span may be missing (when its header only names a child) or reach far.
            Item::Table(table) => table.span().unwrap_or(key_span.clone()),
            Item::ArrayOfTables(tables) => tables
                .iter()
                .next()
                .and_then(|table| table.span())
                .unwrap_or(key_span.clone()),
            _ => item.span().unwrap_or(key_span.clone()),
        };
        Value {
            report,
            node: Node::Item(item),
            name: key.escape_debug().to_string(),
            span,
            key_span,
        }
    }

    fn plain(&self) -> Option<&'d toml_edit::Value> {
        match self.node {
            Node::Item(item) => item.as_value(),
            Node::Value(value) => Some(value),
        }
    }

    /// The same value under another name in messages: `width` says more than `size[0]`.
    pub fn called(mut self, name: &str) -> Value<'d> {
        self.name = name.into();
        self
    }

    /// The same value, for an error at another place that belongs to it.
    pub(crate) fn at(mut self, span: Range<usize>) -> Value<'d> {
        self.span = span;
        self
    }

    /// Where the value stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// An error at this value.
    pub fn fault(&self, message: impl Into<String>, mend: impl Into<String>) {
        self.report
            .add(self.span.clone(), Severity::Error, message.into(), mend.into());
    }

    /// A warning at this value.
    pub fn warn(&self, message: impl Into<String>, mend: impl Into<String>) {
        self.report
            .add(self.span.clone(), Severity::Warning, message.into(), mend.into());
    }

    /// An error at this value that points to another place too.
    pub fn fault_beside(
        &self,
        message: impl Into<String>,
        mend: impl Into<String>,
        other: Range<usize>,
        label: &str,
    ) {
        let span = self.span.clone();
        self.report
            .add_with(span, Severity::Error, message.into(), mend.into(), |problem| {
                problem.related(other, label)
            });
    }

    fn wrong_type(&self, wanted: &str, mend: String) {
        let have = match (self.node, self.plain()) {
            (_, Some(toml_edit::Value::String(_))) => "text",
            (_, Some(toml_edit::Value::Integer(_))) => "a whole number",
            (_, Some(toml_edit::Value::Float(_))) => "a number with a fraction",
            (_, Some(toml_edit::Value::Boolean(_))) => "true or false",
            (_, Some(toml_edit::Value::Datetime(_))) => "a date",
            (_, Some(toml_edit::Value::Array(_))) => "a list",
            (_, Some(toml_edit::Value::InlineTable(_))) => "a table",
            (Node::Item(Item::ArrayOfTables(_)), None) => "a list of tables",
            _ => "a table",
        };
        let message = format!("`{}` must be {wanted}, but it is {have}", self.name);
        self.report
            .add_with(self.span.clone(), Severity::Error, message, mend, |problem| {
                problem.label(format!("expected {wanted}"))
            });
    }

    /// The value as it is written in the file; empty when it is not in one place.
    pub fn written(&self) -> &'d str {
        self.report.text.get(self.span.clone()).unwrap_or_default()
    }

    /// Whether this is one table under a header rather than a list of them: `Some(true)` when the header
    /// is its own, `Some(false)` when it is there only because another header names something within it.
    pub(crate) fn sole_header(&self) -> Option<bool> {
        match self.node {
            Node::Item(Item::Table(table)) => Some(!table.is_implicit()),
            _ => None,
        }
    }

    /// The value as text.
    pub fn string(&self) -> Option<&'d str> {
        let text = self.plain().and_then(toml_edit::Value::as_str);
        if text.is_none() {
            // A scalar without its quotes is the commonest slip; show it quoted.
            let written = self.written();
            let scalar = self
                .plain()
                .is_some_and(|v| !v.is_array() && !v.is_inline_table());
            let mend = if scalar && written.len() < 60 {
                format!("put it in quotes: `{} = \"{written}\"`", self.name)
            } else {
                format!("write `{} = \"...\"`", self.name)
            };
            self.wrong_type("text", mend);
        }
        text
    }

    /// The value as text that says something: not blank, at most `max` characters, in one line.
    pub fn name(&self, max: usize) -> Option<&'d str> {
        let text = self.text(max)?;
        if text.trim().is_empty() {
            self.fault(
                format!("`{}` is empty", self.name),
                "write a few words between the quotes",
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            self.fault(
                format!("`{}` holds a line break or another control character", self.name),
                "write it in one line, in plain characters",
            );
            return None;
        }
        Some(text.trim())
    }

    /// The value as text of at most `max` characters; line breaks are welcome.
    pub fn text(&self, max: usize) -> Option<&'d str> {
        let text = self.string()?;
        let length = text.chars().count();
        if length > max {
            self.fault(
                format!(
                    "`{}` is {length} characters long, more than the {max} allowed",
                    self.name
                ),
                format!("shorten it to {max} characters or fewer"),
            );
            return None;
        }
        Some(text)
    }

    /// The value as a whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let (low, high) = (*range.start(), *range.end());
        let reach = if high == i64::MAX {
            format!("{low} or more")
        } else {
            format!("from {low} to {high}")
        };
        let Some(number) = self.plain().and_then(toml_edit::Value::as_integer) else {
            self.wrong_type(
                "a whole number",
                format!("write a whole number {reach}, without quotes"),
            );
            return None;
        };
        if !range.contains(&number) {
            self.fault(
                format!("`{}` is {number}, which is out of range", self.name),
                format!("write a whole number {reach}"),
            );
            return None;
        }
        Some(number)
    }

    /// The value as a number within `range`; whole numbers count too.
    pub fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let reach = format!("from {} to {}", range.start(), range.end());
        let plain = self.plain();
        let number = plain.and_then(toml_edit::Value::as_float).or_else(|| {
            plain
                .and_then(toml_edit::Value::as_integer)
                .map(|whole| whole as f64)
        });
        let Some(number) = number else {
            self.wrong_type("a number", format!("write a number {reach}, without quotes"));
            return None;
        };
        if !range.contains(&number) {
            self.fault(
                format!("`{}` is {number}, which is out of range", self.name),
                format!("write a number {reach}"),
            );
            return None;
        }
        Some(number)
    }

    /// The value as `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        let answer = self.plain().and_then(toml_edit::Value::as_bool);
        if answer.is_none() {
            self.wrong_type(
                "true or false",
                format!("write `{} = true` or `{0} = false`", self.name),
            );
        }
        answer
    }

    /// The value as a day, written `2027-03-01`, with quotes or without.
    pub fn date(&self) -> Option<jiff::civil::Date> {
        let plain = self.plain();
        let bare = plain
            .and_then(toml_edit::Value::as_datetime)
            .and_then(|when| when.date)
            .and_then(|toml_edit::Date { year, month, day }| {
                let year = i16::try_from(year).ok()?;
                jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
            });
        let date = bare.or_else(|| {
            plain
                .and_then(toml_edit::Value::as_str)
                .and_then(|text| text.parse().ok())
        });
        if date.is_none() {
            self.wrong_type(
                "a date",
                format!("write year, month and day: `{} = 2027-03-01`", self.name),
            );
        }
        date
    }

    /// The value as one of a few words, each standing for something.
    pub fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let all = known
                .clone()
                .map(|word| format!("\"{word}\""))
                .collect::<Vec<_>>()
                .join(", ");
            let mend = match nearest(text, known) {
                Some(word) if words.len() > 1 => format!("write \"{word}\"; there are {all}"),
                _ if words.len() == 1 => format!("write {all}"),
                _ => format!("write one of {all}"),
            };
            self.fault(
                format!("`{}` cannot be \"{}\"", self.name, text.escape_debug()),
                mend,
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// The value as a list of values.
    pub fn items(&self) -> Option<Vec<Value<'d>>> {
        let Some(array) = self.plain().and_then(toml_edit::Value::as_array) else {
            let written = self.written();
            let mend = if self.plain().is_some() && written.len() < 60 {
                format!("put it in brackets: `{} = [{written}]`", self.name)
            } else {
                format!("write `{} = [...]`", self.name)
            };
            self.wrong_type("a list", mend);
            return None;
        };
        let items = array.iter().enumerate().map(|(index, value)| {
            let span = value.span().unwrap_or(self.span.clone());
            Value {
                report: self.report,
                node: Node::Value(value),
                name: format!("{}[{index}]", self.name),
                span: span.clone(),
                key_span: span,
            }
        });
        Some(items.collect())
    }

    /// The value as a list of texts.
    pub fn strings(&self) -> Option<Vec<&'d str>> {
        let texts: Vec<_> = self.items()?.iter().map(Value::string).collect();
        texts.into_iter().collect()
    }

    /// Whether the value is text: for keys that take one text or a list of them.
    pub fn is_string(&self) -> bool {
        self.plain().is_some_and(toml_edit::Value::is_str)
    }

    /// Whether the value is a table: for keys that take a plain value or a table of them.
    pub fn is_table(&self) -> bool {
        match self.node {
            Node::Item(item) => item.is_table_like(),
            Node::Value(value) => value.is_inline_table(),
        }
    }

    /// Whether the value is a list: for keys that take one number or a list of them.
    pub fn is_list(&self) -> bool {
        self.plain().is_some_and(toml_edit::Value::is_array)
    }

    /// The value as a table: under a header of its own, or in braces.
    pub fn table(&self) -> Option<Table<'d>> {
        let table = match self.node {
            Node::Item(item) => item.as_table_like(),
            Node::Value(value) => value.as_inline_table().map(|table| table as &dyn TableLike),
        };
        let Some(table) = table else {
            let mend = match self.node {
                Node::Item(Item::ArrayOfTables(_)) => {
                    format!(
                        "there is only one: write `[{}]` with single brackets, once",
                        self.name
                    )
                }
                _ => format!("write it as a table: `{} = {{ ... }}`", self.name),
            };
            self.wrong_type("a table", mend);
            return None;
        };
        Some(Table::new(
            self.report,
            table,
            self.span.clone(),
            format!("`{}`", self.name),
        ))
    }

    /// The value as a list of tables: under `[[headers]]`, or in braces within brackets.
    pub fn tables(&self) -> Option<Vec<Table<'d>>> {
        if let Node::Item(Item::ArrayOfTables(tables)) = self.node {
            let each = tables.iter().map(|table| {
                let span = table.span().unwrap_or(self.span.clone());
                Table::new(self.report, table, span, format!("`{}`", self.name))
            });
            return Some(each.collect());
        }
        if self.plain().is_some_and(toml_edit::Value::is_array) {
            return Some(self.items()?.iter().filter_map(Value::table).collect());
        }
        self.wrong_type(
            "a list of tables",
            format!("write `[[{}]]` with double brackets, once for each", self.name),
        );
        None
    }
}
