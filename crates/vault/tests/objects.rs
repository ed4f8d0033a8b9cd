//! Objects: put, read, damage, leftovers, and a full disk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end at the first thing wrong"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use heirloom_vault::{ObjectId, Vault, VaultError};
use proptest::prelude::*;

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    (folder, vault)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[test]
fn a_file_is_kept_once_and_stays_where_it_is() {
    let (folder, vault) = vault();
    let file = folder.path().join("moon.jpg");
    fs::write(&file, b"moon").unwrap();
    let (id, new) = vault.put_file(&file).unwrap();
    assert!(new);
    assert_eq!(vault.put_file(&file).unwrap(), (id, false));
    assert_eq!(vault.put_bytes(b"moon").unwrap(), id);
    assert_eq!(vault.read(&id).unwrap(), b"moon");
    assert!(file.exists());
    assert_eq!(files(&vault.dir().join("objects")), [vault.path(&id)]);
    assert!(fs::metadata(vault.path(&id)).unwrap().permissions().readonly());
}

#[test]
fn json_is_kept_canonically() {
    let (_folder, vault) = vault();
    let one = vault.put_json(&serde_json::json!({ "b": 0.1, "a": 1 })).unwrap();
    assert_eq!(vault.read(&one).unwrap(), br#"{"a":1,"b":0.1}"#);
}

#[test]
fn missing_and_damaged_objects_are_told_apart() {
    let (_folder, vault) = vault();
    let id = vault.put_bytes(b"the sea from above").unwrap();
    let path = vault.path(&id);
    fs::remove_file(&path).unwrap();
    assert!(matches!(vault.read(&id), Err(VaultError::Missing { .. })));
    fs::write(&path, b"the sea from abovE").unwrap();
    let error = vault.read(&id).unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }));
    assert!(
        error.to_string().contains("bring the original in again"),
        "{error}"
    );
}

/// A disk that lost the end of an object is mended by putting the same bytes again.
#[test]
fn an_object_cut_short_is_written_again() {
    let (_folder, vault) = vault();
    let id = vault.put_bytes(b"the sea from above").unwrap();
    let path = vault.path(&id);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"the sea").unwrap();
    vault.put_bytes(b"the sea from above").unwrap();
    assert_eq!(vault.read(&id).unwrap(), b"the sea from above");
}

#[test]
fn many_threads_may_put_the_same_bytes() {
    let (_folder, vault) = vault();
    let bytes = vec![7_u8; 300_000];
    let ids: Vec<ObjectId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| vault.put_bytes(&bytes).unwrap()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| id == &ids[0]));
    assert_eq!(vault.read(&ids[0]).unwrap(), bytes);
    assert!(files(&vault.dir().join("writing")).is_empty());
}

#[test]
fn an_object_that_is_not_kept_leaves_nothing() {
    let (_folder, vault) = vault();
    let mut writer = vault.writer().unwrap();
    writer.write_all(b"half a fra").unwrap();
    drop(writer);
    assert!(files(&vault.dir().join("writing")).is_empty());
    assert!(files(&vault.dir().join("objects")).is_empty());
}

#[test]
fn a_vault_is_made_once_and_found_only_where_it_is() {
    let (folder, vault) = vault();
    assert!(matches!(
        Vault::create(vault.dir()),
        Err(VaultError::AlreadyThere { .. })
    ));
    assert!(matches!(
        Vault::open(folder.path()),
        Err(VaultError::NotAVault { .. })
    ));
    assert!(Vault::open_or_create(vault.dir()).is_ok());
}

#[test]
fn a_newer_vault_is_refused() {
    let (_folder, vault) = vault();
    let dir = vault.dir().to_owned();
    drop(vault);
    fs::remove_file(dir.join("vault.json")).unwrap();
    fs::write(dir.join("vault.json"), r#"{"heirloom_vault":99}"#).unwrap();
    let error = Vault::open(&dir).unwrap_err();
    assert!(matches!(error, VaultError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("update Heirloom"), "{error}");
}

/// A vault on a disk of two megabytes: one clear error, nothing half-written, and all goes on with room again.
/// Needs the right to mount; where there is none, only the wording is tested (in `error.rs`).
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    use std::process::Command;

    struct Mounted(tempfile::TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
        }
    }
    let disk = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "none"])
        .arg(disk.path())
        .output();
    if !mount.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: no right to mount a small disk here");
        return;
    }
    let disk = Mounted(disk);
    let vault = Vault::create(&disk.0.path().join("vault")).unwrap();
    let kept = vault.put_bytes(b"kept before").unwrap();

    let error = vault.put_bytes(&vec![1; 4 << 20]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the disk is full") && text.contains("free 100 MB and run again"),
        "{text}"
    );
    assert!(files(&vault.dir().join("writing")).is_empty());
    assert_eq!(files(&vault.dir().join("objects")).len(), 1);

    // Filled to the last byte, the ledger says the same, and holds what it held.
    let filler = disk.0.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    let act = || {
        use heirloom_vault::{Actor, NewAct, Verb};
        NewAct::new(Verb::Cut, Actor::person("Ada"), "film")
            .with_facts(serde_json::json!({ "x": "y".repeat(9000) }))
    };
    let error = (0..100).find_map(|_| vault.ledger().append(act()).err()).unwrap();
    assert!(matches!(error, VaultError::DiskFull { .. }), "{error}");
    // Opened in this state, it says so too.
    let dir = vault.dir().to_owned();
    drop(vault);
    while file.write_all(&[0; 512]).is_ok() {}
    let error = Vault::open(&dir).unwrap_err();
    assert!(matches!(error, VaultError::DiskFull { .. }), "{error}");
    drop(file);
    fs::remove_file(&filler).unwrap();
    let vault = Vault::open(&dir).unwrap();
    vault.ledger().append(act()).unwrap();
    assert_eq!(vault.read(&kept).unwrap(), b"kept before");
    assert!(vault.verify(&()).unwrap().is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_was_put_is_read(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let (_folder, vault) = vault();
        let id = vault.put_bytes(&bytes).unwrap();
        prop_assert_eq!(id, ObjectId::of(&bytes));
        prop_assert_eq!(vault.read(&id).unwrap(), bytes);
        prop_assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<ObjectId>(&json).unwrap(), id);
    }

    #[test]
    fn text_that_is_no_id_is_refused(text in "[0-9a-fA-Fg]{0,70}") {
        let lower = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        prop_assert_eq!(text.parse::<ObjectId>().is_ok(), lower);
    }
}
