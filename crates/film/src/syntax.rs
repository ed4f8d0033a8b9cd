//! Words of one's own for what a TOML parser says.

/// The parser's message in plain words, and the mend.
pub(crate) fn explain(message: &str) -> (String, String) {
    let first = message.lines().next().unwrap_or("not TOML").trim();
    let mend = "write `key = value`, with text in quotes";
    (format!("this is not TOML: {first}"), mend.into())
}
