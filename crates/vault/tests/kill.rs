//! Killed at any moment, a vault loses nothing that it reported as written.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end at the first thing wrong"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use heirloom_vault::{ActId, Actor, NewAct, ObjectId, Vault, Verb};

const CHILD: &str = "HEIRLOOM_KILL_TEST_VAULT";

/// Not a test by itself: what the child of the test below does until it is killed.
#[test]
fn child_writes_until_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let vault = Vault::open_or_create(dir.as_ref()).unwrap();
    let mut out = std::io::stdout().lock();
    for n in 0_u64.. {
        let mut bytes = vec![0_u8; (n as usize * 7919) % 200_000];
        bytes.extend([u64::from(std::process::id()), n].map(u64::to_le_bytes).concat());
        let object = vault.put_bytes(&bytes).unwrap();
        let act = NewAct::new(Verb::Drawn, Actor::engine("test"), format!("shot:{n}")).output("take", object);
        let act = vault.ledger().append(act).unwrap();
        writeln!(out, "wrote {object} {}", act.id).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_reported_as_written_is_there_after_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vault");
    let mut written: Vec<(ObjectId, ActId)> = Vec::new();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_writes_until_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, &dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Moments spread over start-up, creation and writing; the first fall before the vault is made.
        std::thread::sleep(Duration::from_millis(round * round * 2 + round % 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map(Result::unwrap) {
            // A line cut short by the kill was not reported in full, and may or may not be there.
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["wrote", object, act] = words[..]
                && let (Ok(object), Ok(act)) = (object.parse(), act.parse())
            {
                written.push((object, act));
            }
        }
        let Ok(vault) = Vault::open(&dir) else { continue };
        let report = vault.verify(&()).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
    let mut vault = Vault::open(&dir).unwrap();
    assert!(written.len() > 10, "the child wrote only {} acts", written.len());
    vault.tidy(false, Actor::program()).unwrap();
    assert!(vault.size().unwrap().leftovers.objects == 0);
    for (object, act) in &written {
        assert!(vault.read(object).is_ok());
        assert_eq!(
            vault
                .ledger()
                .get(act)
                .unwrap()
                .unwrap()
                .outputs("take")
                .collect::<Vec<_>>(),
            [*object]
        );
    }
}
