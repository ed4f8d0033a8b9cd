//! Child processes: shown as a person would type them, streamed as they speak, failing with their name.

use crate::places;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// A command about to run.
pub struct Cmd {
    command: Command,
    words: Vec<String>,
}

/// `cargo` with the given words (split at spaces), building into the shared folder.
pub fn cargo(words: &str) -> Cmd {
    let mut cmd = program("cargo")
        .args(words.split_whitespace())
        .env("CARGO_TARGET_DIR", places::target());
    if std::env::var_os("CI").is_some() {
        // A fresh clone gains nothing from incremental state, and it fills the disk.
        cmd = cmd.env("CARGO_INCREMENTAL", "0");
    }
    cmd
}

/// Any other program, run in the repository's root.
pub fn program(name: impl AsRef<OsStr>) -> Cmd {
    let words = vec![name.as_ref().to_string_lossy().into_owned()];
    let mut command = Command::new(name);
    command.current_dir(places::root());
    Cmd { command, words }
}

impl Cmd {
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.words.push(arg.as_ref().to_string_lossy().into_owned());
        self.command.arg(arg);
        self
    }

    pub fn args<T: AsRef<OsStr>>(self, args: impl IntoIterator<Item = T>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, dir: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// The command as it would be typed.
    pub fn shown(&self) -> String {
        let quote = |w: &String| {
            if w.is_empty() || w.contains(|c: char| c.is_whitespace() || "'\"$&;|<>".contains(c)) {
                format!("'{}'", w.replace('\'', r"'\''"))
            } else {
                w.clone()
            }
        };
        self.words.iter().map(quote).collect::<Vec<_>>().join(" ")
    }

    fn announce(&self) {
        println!("$ {}", self.shown());
    }

    fn missing(&self) -> String {
        format!(
            "`{}` could not be started; is it installed?",
            self.words.first().map_or("", String::as_str)
        )
    }

    /// Runs it with this process's own output; an exit code other than 0 is an error.
    pub fn run(mut self) -> Result<()> {
        self.announce();
        let status = self
            .command
            .stdin(Stdio::null())
            .status()
            .with_context(|| self.missing())?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.shown());
        }
        Ok(())
    }

    /// As [`Cmd::run`], and every line of its standard output is also handed to `line`, as it comes.
    pub fn run_reading(mut self, mut line: impl FnMut(&str)) -> Result<()> {
        self.announce();
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.missing())?;
        if let Some(out) = child.stdout.take() {
            for bytes in BufReader::new(out).split(b'\n') {
                let bytes = bytes.context("its output could not be read")?;
                let text = String::from_utf8_lossy(&bytes);
                println!("{text}");
                line(&text);
            }
        }
        std::io::stdout().flush().ok();
        let status = child.wait().context("it could not be waited for")?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.shown());
        }
        Ok(())
    }

    /// Runs it silently and returns its standard output, trimmed; its errors are in the error.
    pub fn read(mut self) -> Result<String> {
        let out = self
            .command
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.missing())?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!("`{}` failed ({}): {}", self.shown(), out.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    /// Whether it runs and exits with 0; says nothing.
    pub fn succeeds(mut self) -> bool {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    }
}
