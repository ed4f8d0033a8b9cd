//! A table of a file, asked key by key.

use std::collections::BTreeSet;
use std::ops::Range;

use toml_edit::TableLike;

use super::nearest::{listed, nearest};
use super::{Report, Value};
use crate::problem::{Problem, Severity};

/// A table of the file, and which of its keys were asked for.
pub struct Table<'d> {
    report: &'d Report,
    table: &'d dyn TableLike,
    span: Range<usize>,
    what: String,
    asked: BTreeSet<&'static str>,
    judged: BTreeSet<&'static str>,
    all_asked: bool,
    missing: Vec<(&'static str, String, String)>,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        report: &'d Report,
        table: &'d dyn TableLike,
        span: Range<usize>,
        what: String,
    ) -> Table<'d> {
        Table {
            report,
            table,
            span,
            what,
            asked: BTreeSet::new(),
            judged: BTreeSet::new(),
            all_asked: false,
            missing: Vec::new(),
        }
    }

    /// Says what this table is, for messages: `shot "010"`.
    pub fn describe(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    /// Where the table begins: its header, or the whole of an inline table.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Asks for a key that may be missing.
    pub fn get(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.asked.insert(key);
        self.value(key)
    }

    /// Asks for a key that must be there; when it is not, that is an error whose mend shows `example`,
    /// a value in TOML.
    pub fn require(&mut self, key: &'static str, example: &str) -> Option<Value<'d>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing
                .push((key, format!("`{key}`"), format!("add `{key} = {example}`")));
        }
        value
    }

    /// Says that a key is missing that cannot be shown in one line, and the mend.
    pub fn missing(&mut self, key: &'static str, mend: impl Into<String>) {
        self.missing.push((key, format!("`{key}`"), mend.into()));
    }

    /// Asks for a table that must be there under a header of its own, `[key]`.
    pub fn require_table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing
                .push((key, format!("`[{key}]`"), format!("add the line `[{key}]`")));
        }
        value?.table()
    }

    /// Says of a key, if it is there, that it does not belong here, and why. Gives whether it was there.
    pub fn forbid(&mut self, key: &'static str, message: impl Into<String>, mend: impl Into<String>) -> bool {
        self.judged.insert(key);
        let value = self.value(key);
        if let Some(value) = &value {
            self.report.add(
                value.key_span.clone(),
                Severity::Error,
                message.into(),
                mend.into(),
            );
        }
        value.is_some()
    }

    /// Whether a key is there, without counting as asked for.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.table.iter().all(|(_, item)| item.is_none())
    }

    /// Every key and value, in order; all count as asked for. For tables whose keys are names.
    pub fn entries(&mut self) -> Vec<(&'d str, Value<'d>)> {
        self.all_asked = true;
        let (report, table) = (self.report, self.table);
        table
            .iter()
            .map(|(key, item)| (key, Value::of(report, table, key, item, &self.span)))
            .collect()
    }

    /// An error at the head of this table.
    pub fn fault(&self, message: impl Into<String>, mend: impl Into<String>) {
        self.report
            .add(self.span.clone(), Severity::Error, message.into(), mend.into());
    }

    /// A warning at the head of this table.
    pub fn warn(&self, message: impl Into<String>, mend: impl Into<String>) {
        self.report
            .add(self.span.clone(), Severity::Warning, message.into(), mend.into());
    }

    /// A warning that concerns the file as a whole.
    pub fn warn_of_file(&self, message: impl Into<String>, mend: impl Into<String>) {
        let mut problem = Problem::of_file(&self.report.file, message.into(), mend.into());
        problem.severity = Severity::Warning;
        self.report.found.borrow_mut().push(problem);
    }

    /// An error anywhere, made of its parts: for what concerns two places at once.
    pub fn fault_at(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        mend: impl Into<String>,
        related: Option<(Range<usize>, &str)>,
    ) {
        self.report.add_with(
            span,
            Severity::Error,
            message.into(),
            mend.into(),
            |problem| match related {
                Some((span, label)) => problem.related(span, label),
                None => problem,
            },
        );
    }

    /// Ends the asking: every key not asked for is an error that names the nearest one that was.
    /// `habits` are pairs of a word people write and the key they mean by it, such as `fps` and `rate`.
    pub fn finish(mut self, habits: &[(&str, &str)]) {
        for (key, item) in self.table.iter() {
            if self.all_asked || self.asked.contains(key) || self.judged.contains(key) {
                continue;
            }
            let value = Value::of(self.report, self.table, key, item, &self.span);
            let known = self.asked.iter().copied();
            let meant = habits
                .iter()
                .find(|(habit, _)| habit.eq_ignore_ascii_case(key))
                .map(|(_, right)| *right)
                .or_else(|| nearest(key, known.clone()));
            // A key that is missing because it is misspelt here is one mistake, not two.
            self.missing.retain(|(missing, ..)| Some(*missing) != meant);
            let mend = match meant {
                Some(right) => format!("write `{right}`"),
                None => format!("delete it; {} has {}", self.what, listed(known)),
            };
            self.report.add(
                value.key_span,
                Severity::Error,
                format!("`{}` is not a key of {}", key.escape_debug(), self.what),
                mend,
            );
        }
    }

    /// The value of a key, without counting as asked for.
    fn value(&self, key: &str) -> Option<Value<'d>> {
        let item = self.table.get(key).filter(|item| !item.is_none())?;
        Some(Value::of(self.report, self.table, key, item, &self.span))
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        for (_, key, mend) in std::mem::take(&mut self.missing) {
            self.fault(format!("{} has no {key}", self.what), mend);
        }
    }
}
