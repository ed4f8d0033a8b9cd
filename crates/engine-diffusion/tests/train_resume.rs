//! What happens to a run when its process is killed, and when the disk is full. This file's own program is what is killed:
//! it runs itself again as a child.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use heirloom_engine_diffusion::train::{
    Progress, STATE_FILE, Sample, Settings, Subject, Trained, Trainer, Watch,
};
use heirloom_tensors::train::Nothing;
use heirloom_tensors::wan::DitConfig;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "HEIRLOOM_TEST_FOLDER";

fn settings() -> Settings {
    Settings {
        trained: Trained::Whole,
        steps: 40,
        examples: 2,
        average: Some(0.99),
        checkpoint_every: 1,
        ..Settings::default()
    }
}

fn samples() -> Vec<Sample> {
    let one = |kind: usize| Sample {
        latents: (0..3 * 2 * 8 * 8)
            .map(|i| ((i * (kind + 2)) as f32 * 0.21).sin())
            .collect(),
        size: [2, 8, 8],
        text: (0..12).map(|i| ((i + kind) as f32).cos()).collect(),
        control: None,
    };
    (0..3).map(one).collect()
}

fn trainer<'a>(samples: &'a [Sample], folder: &Path) -> Trainer<'a> {
    let subject = Subject {
        config: DitConfig {
            patch: [1, 2, 2],
            heads: 2,
            head_dim: 16,
            in_channels: 3,
            out_channels: 3,
            text_dim: 6,
            freq_dim: 8,
            ffn_dim: 64,
            layers: 2,
            cross_attn_norm: true,
            eps: 1e-6,
        },
        control: None,
        weights: &Nothing,
        base: "from nothing".into(),
        blank: None,
    };
    Trainer::in_folder(subject, samples, settings(), folder).unwrap()
}

struct Counted(u64);

impl Watch for Counted {
    fn step(&mut self, _: &Progress) {
        self.0 += 1;
    }
}

/// The child's part: nothing where it is run as a test.
#[test]
fn child_that_trains() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let samples = samples();
    let mut run = trainer(&samples, &folder);
    if let Err(error) = run.run(&folder, &mut Counted(0)) {
        fs::write(folder.join("error"), error.to_string()).unwrap();
        std::process::exit(7);
    }
}

fn child(folder: &Path, before: &str) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command
        .arg("-c")
        .arg(format!(
            "{before} exec \"$0\" --exact child_that_trains --nocapture"
        ))
        .arg(program)
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn straight() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples();
    trainer(&samples, folder.path())
        .run(folder.path(), &mut Counted(0))
        .unwrap();
    fs::read(folder.path().join(STATE_FILE)).unwrap()
}

/// Killed without warning again and again, at whatever point each time, the run ends with the bytes of one that was not.
#[test]
fn a_run_that_is_killed_again_and_again_gives_the_same_bytes() {
    let wanted = straight();
    let folder = tempfile::tempdir().unwrap();
    let (mut kills, mut wait) = (0, 30);
    loop {
        let mut running = child(folder.path(), "").spawn().unwrap();
        // Longer each time, so that a slow machine comes to the end too.
        let mut left = wait;
        let ended = loop {
            if let Some(status) = running.try_wait().unwrap() {
                break Some(status);
            }
            if left == 0 {
                running.kill().unwrap();
                running.wait().unwrap();
                break None;
            }
            left -= 1;
            std::thread::sleep(Duration::from_millis(1));
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        kills += 1;
        wait += 17;
    }
    assert!(kills > 0, "it was never killed");
    assert!(
        fs::read(folder.path().join(STATE_FILE)).unwrap() == wanted,
        "other bytes after {kills} kills"
    );
}

/// A limit on the size of files stands in for a full disk: a write fails midway, as there. The run stops and says so, the
/// last checkpoint stands whole, and nothing half-written stays; with room again it goes on to the same bytes.
#[test]
fn a_full_disk_stops_the_run_with_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples();
    let mut run = trainer(&samples, folder.path());
    run.step(&mut || true).unwrap();
    run.step(&mut || true).unwrap();
    run.save(folder.path()).unwrap();
    drop(run);
    let state = folder.path().join(STATE_FILE);
    let before = fs::read(&state).unwrap();
    assert!(before.len() > 200_000);
    // Blocks of 512 bytes; the signal that would end the process is ignored, so that the write fails instead.
    let status = child(folder.path(), "trap '' XFSZ; ulimit -f 100;")
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
    let told = fs::read_to_string(folder.path().join("error")).unwrap();
    assert!(told.contains("of step 3 could not be written"), "{told}");
    assert!(told.contains("that of step 2 stands there whole"), "{told}");
    assert!(fs::read(&state).unwrap() == before);
    fs::remove_file(folder.path().join("error")).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(child(folder.path(), "").status().unwrap().success());
    assert!(fs::read(&state).unwrap() == straight());
}
