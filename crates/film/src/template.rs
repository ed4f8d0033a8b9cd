//! The film.toml that a new film begins with.

/// The commented `film.toml` of a new film called `title`. It checks as it stands, before there is any
/// photograph.
pub fn template(title: &str) -> String {
    format!("[film]\ntitle = {}\n", toml_edit::Value::from(title))
}
