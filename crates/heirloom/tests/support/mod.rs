//! A film's folder in a temporary place, and the program run in it.

#![allow(dead_code)] // each test file uses its own part

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Film {
    folder: tempfile::TempDir,
    /// Let go of before the folder is.
    disk: Option<Disk>,
}

/// A small disk of its own, mounted.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        // It may be in use still; then it goes when that ends.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// What the program said and how it ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It ended well; else its words are the panic's.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(
            self.code, 0,
            "exit {}\n--- out\n{}\n--- err\n{}",
            self.code, self.out, self.err
        );
        self
    }

    /// It ended with `code`, saying each of `words` and no panic.
    #[track_caller]
    pub fn ended(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "--- out\n{}\n--- err\n{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "nothing about {word:?} in:\n{all}");
        }
        assert!(!all.contains("panicked"), "{all}");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A photograph with structure at several scales: bands, blobs and grain, different for every `kind`.
pub fn photograph(path: &Path, kind: u32, width: u32, height: u32) {
    let mut codes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / 17.0, y as f32 / 13.0);
            let k = kind as f32;
            let wave =
                ((u * (1.0 + k * 0.3) + (v * 0.7).sin() * 2.0).sin() + (v * 1.3 + k).cos()) * 0.25 + 0.5;
            let noise = x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263) ^ (kind * 97);
            let grain = (noise ^ (noise >> 13)) % 29;
            let at = |shift: f32| ((wave * 190.0 + shift * k).rem_euclid(200.0) + grain as f32) as u8;
            codes.push([at(11.0), at(37.0), at(71.0)]);
        }
    }
    heirloom_picture::png::write8(path, &codes, width, height).unwrap();
}

/// Copies a folder and all in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// A folder with a tiny model of random weights: `t2v`, `i2v`, `ti2v` or `vace`.
pub fn tiny_model(kind: &str, to: &Path) {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-diffusion/tests/goldens");
    // Parts that are those of the model for words are not kept twice.
    for part in ["vae", "text_encoder", "tokenizer"] {
        copy(&goldens.join("t2v").join(part), &to.join(part));
    }
    copy(&goldens.join(kind), to);
}

/// `heirloom` with these words, not yet started.
pub fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom"));
    command
        .args(words)
        .env_remove("HEIRLOOM_FFMPEG")
        .env_remove("HEIRLOOM_LOG");
    command
}

impl Film {
    /// A film's folder without a film in it.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            disk: None,
        }
    }

    /// As [`Film::with`], on a disk of its own that holds so many mebibytes. `None` where there is no right to mount one.
    pub fn on_a_disk(mebibytes: u32, scenes: &str) -> Option<Self> {
        let mut film = Self::empty();
        let path = film.path("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "none"])
            .arg(&path)
            .output();
        if !mounted.is_ok_and(|done| done.status.success()) {
            return None;
        }
        film.disk = Some(Disk(path));
        film.fill(scenes);
        Some(film)
    }

    /// Fills the film's own disk to the last block; it is free again when the file that this returns is removed.
    pub fn full(&self) -> PathBuf {
        let filler = self.path("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        while std::io::Write::write(&mut file, &[7; 4096]).is_ok() {}
        filler
    }

    /// A film of 96x64 with three cleared photographs (`sea`, `moon`, `skin`) and these scenes.
    pub fn with(scenes: &str) -> Self {
        let film = Self::empty();
        film.fill(scenes);
        film
    }

    fn fill(&self, scenes: &str) {
        self.toml(scenes);
        self.photographs();
        self.run(&[
            "archive", "add", "pictures", "--owner", "A. Owner", "--rights", "own work",
        ])
        .well();
    }

    /// Where the film is: its own disk, or the temporary folder.
    fn place(&self) -> &Path {
        self.disk
            .as_ref()
            .map_or_else(|| self.folder.path(), |disk| disk.0.as_path())
    }

    pub fn toml(&self, scenes: &str) {
        let text = format!(
            "[film]\ntitle = \"Test\"\nsize = [96, 64]\ntitle_frames = 4\ncredits_frames = 4\n\n{scenes}"
        );
        std::fs::write(self.path("film.toml"), text).unwrap();
    }

    pub fn photographs(&self) {
        std::fs::create_dir_all(self.path("pictures")).unwrap();
        for (kind, name) in ["sea", "moon", "skin"].iter().enumerate() {
            photograph(
                &self.path(&format!("pictures/{name}.png")),
                kind as u32 + 1,
                150,
                110,
            );
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place().join(name)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = program(words);
        command.current_dir(self.place());
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    /// How many acts the ledger has of a verb.
    pub fn acts(&self, verb: &str) -> usize {
        self.run(&["log", "--verb", verb, "--json"])
            .well()
            .out
            .lines()
            .count()
    }

    pub fn hash(&self, name: &str) -> String {
        let bytes = std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        heirloom_vault::ObjectId::of(&bytes).to_string()
    }

    /// Every file below the film's folder but the ledger's and the lock, with sizes: to see that nothing changed.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        fn below(folder: &Path, into: &mut Vec<(PathBuf, u64)>) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    below(&path, into);
                } else if !path.to_string_lossy().contains("sqlite") && !path.ends_with(".lock") {
                    into.push((path, entry.metadata().unwrap().len()));
                }
            }
        }
        let mut all = Vec::new();
        below(self.place(), &mut all);
        all.sort();
        all
    }
}

/// Three short shots: a living one, a becoming that dissolves in, a still.
pub const SCENES: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "010"
frames = 8
kind = "living"
sources = ["archive:sea"]
prompt = "a slow tide"
seed = 7
[[scene.shot]]
name = "020"
frames = 8
kind = "becoming"
from = "archive:moon"
to = "archive:skin"
dissolve = 4
[[scene.shot]]
name = "030"
frames = 4
kind = "still"
sources = ["archive:sea", "archive:skin"]
"#;
