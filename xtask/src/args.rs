//! The few words and flags a command takes.

use anyhow::{Context, Result, bail};
use std::str::FromStr;

/// What is left of the command line. Commands take out what they know and then call [`Args::done`].
pub struct Args(Vec<String>);

impl Args {
    /// The program's own arguments.
    pub fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes the first argument, if it is not an option.
    pub fn word(&mut self) -> Option<String> {
        match self.0.first() {
            Some(first) if !first.starts_with('-') => Some(self.0.remove(0)),
            Some(first) if first == "--help" || first == "-h" => {
                self.0.clear();
                Some("help".into())
            }
            _ => None,
        }
    }

    /// Takes `--name` out and says whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|a| a != name);
        self.0.len() < before
    }

    /// Takes `--name VALUE` or `--name=VALUE` out.
    pub fn value<T>(&mut self, name: &str) -> Result<Option<T>>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let Some(at) = self
            .0
            .iter()
            .position(|a| a == name || a.starts_with(&format!("{name}=")))
        else {
            return Ok(None);
        };
        let given = self.0.remove(at);
        let text = match given.split_once('=') {
            Some((_, v)) => v.to_owned(),
            None if at < self.0.len() => self.0.remove(at),
            None => bail!("`{name}` wants a value after it"),
        };
        text.parse()
            .map(Some)
            .with_context(|| format!("`{name} {text}` cannot be read"))
    }

    /// Refuses whatever nobody took.
    pub fn done(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some(a) => bail!("`{a}` is not understood here; `cargo xtask help` lists what is"),
        }
    }
}
