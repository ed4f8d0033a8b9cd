//! What is wrong with a file, where, and the mend; shown with the line as good compilers do.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::toml::MAX_PROBLEMS;

/// How grave a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth saying; the file still holds.
    Warning,
    /// The file cannot be used until it is mended.
    Error,
}

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named when read.
    pub file: String,
    /// Line from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column from 1, in characters; 0 when the file as a whole is meant.
    pub column: usize,
    /// How grave it is.
    pub severity: Severity,
    /// What was wrong, in one sentence without a full stop.
    pub message: String,
    /// What stands under the marked place; empty for none.
    pub label: String,
    /// What to do about it.
    pub mend: String,
    /// The bytes of the file that are meant.
    pub span: Option<Range<usize>>,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Range<usize>, String)>,
    text: Arc<str>,
}

impl Problem {
    /// A problem at `span` of the file `file`, whose text is `text`.
    pub fn at(
        file: &str,
        text: &Arc<str>,
        span: Range<usize>,
        severity: Severity,
        message: String,
        mend: String,
    ) -> Problem {
        let (start, end) = within(text, &span);
        let (line, column) = place(text, start);
        Problem {
            file: file.into(),
            line,
            column,
            severity,
            message,
            label: String::new(),
            mend,
            span: Some(start..end),
            related: Vec::new(),
            text: text.clone(),
        }
    }

    /// A problem of the file as a whole, such as that it is missing.
    pub fn of_file(file: &str, message: String, mend: String) -> Problem {
        Problem {
            file: file.into(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message,
            label: String::new(),
            mend,
            span: None,
            related: Vec::new(),
            text: Arc::from(""),
        }
    }

    /// The same problem with a few words under the marked place.
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    /// The same problem with one more place marked.
    pub fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Problem {
        let (start, end) = within(&self.text, &span);
        self.related.push((start..end, label.into()));
        self
    }

    /// The problem as shown to people: what was wrong, the file, line and column, the line itself, the mend.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let group = match self.excerpt() {
            Some((excerpt, offset, first_line)) => {
                let shift = |span: &Range<usize>| (span.start - offset)..(span.end - offset);
                let mut snippet = Snippet::source(excerpt)
                    .line_start(first_line)
                    .path(self.file.as_str())
                    .fold(true);
                if let Some(span) = &self.span {
                    let mark = AnnotationKind::Primary.span(shift(span));
                    let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
                    snippet = snippet.annotation(mark.label(label));
                }
                for (span, label) in &self.related {
                    snippet =
                        snippet.annotation(AnnotationKind::Context.span(shift(span)).label(label.as_str()));
                }
                title.element(snippet)
            }
            None => {
                let mut origin = Origin::path(self.file.as_str());
                if self.line > 0 {
                    origin = origin.line(self.line).char_column(self.column);
                }
                Group::with_title(title).element(origin)
            }
        };
        let group = if self.mend.is_empty() {
            group
        } else {
            group.element(Level::HELP.message(&self.mend))
        };
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }

    /// The lines that are shown, the byte they start at and the number of the first. None when there is
    /// nothing to show, or when a line is so long that showing it would help nobody.
    fn excerpt(&self) -> Option<(Cow<'_, str>, usize, usize)> {
        const LONGEST: usize = 4000;
        let span = self.span.as_ref()?;
        let mut spans = self.related.iter().map(|(span, _)| span).chain([span]);
        let first = spans.clone().map(|s| s.start).min()?;
        let last = spans.clone().map(|s| s.end).max()?;
        let start = self.text[..first]
            .rfind('\n')
            .map_or(bom(&self.text), |at| at + 1);
        let end = self.text[last..]
            .find('\n')
            .map_or(self.text.len(), |at| last + at);
        let line_is_long = spans.any(|s| {
            let from = self.text[..s.start].rfind('\n').map_or(0, |at| at + 1);
            let to = self.text[s.end..]
                .find('\n')
                .map_or(self.text.len(), |at| s.end + at);
            to - from > LONGEST
        });
        if line_is_long {
            return None;
        }
        // Carriage returns would be drawn as signs: the last are cut off, as far as no mark stands there,
        // and blanks in the others' stead keep every offset.
        let trimmed = start + self.text[start..end].trim_end_matches('\r').len();
        let shown = &self.text[start..trimmed.max(last)];
        let shown = if shown.contains('\r') {
            Cow::Owned(shown.replace('\r', " "))
        } else {
            Cow::Borrowed(shown)
        };
        Some((shown, start, place(&self.text, start).0))
    }
}

/// Line and column, both from 1, of a byte offset that lies on a character boundary.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(bom(text), |at| at + 1);
    (line, before.get(start..).unwrap_or_default().chars().count() + 1)
}

/// Length of the mark that some editors put at the beginning of a file and nobody sees.
fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}

/// The span cut to the text, on boundaries of characters.
pub(crate) fn within(text: &str, span: &Range<usize>) -> (usize, usize) {
    let start = boundary_before(text, span.start.clamp(bom(text), text.len()));
    (start, boundary_before(text, span.end.min(text.len())).max(start))
}

fn boundary_before(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with a file, in the order of its lines. Holds at least one error, and any
/// warnings beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Most problems that are shown; a file with more needs another look, not a longer list.
    const SHOWN: usize = 50;

    /// All of it as shown to people, with a closing line that counts the errors.
    pub fn render(&self, color: bool) -> String {
        let mut shown: Vec<String> = self
            .0
            .iter()
            .take(Problems::SHOWN)
            .map(|problem| problem.render(color))
            .collect();
        let left = self.0.len().saturating_sub(Problems::SHOWN);
        if left > 0 {
            shown.push(format!("... and {left} more"));
        }
        let errors = self
            .0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        if errors > 1 {
            let file = self.0.first().map_or("", |problem| problem.file.as_str());
            let or_more = if errors >= MAX_PROBLEMS { " or more" } else { "" };
            shown.push(format!("{file}: {errors} errors{or_more}"));
        }
        shown.join("\n\n")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
