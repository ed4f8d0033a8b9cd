//! Ids are written where they are missing, and nothing else is touched.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use std::fs;

use heirloom_film::{Id, IdsError, load, parse, write_missing_ids};
use proptest::prelude::*;

/// A generator that counts, so that what is written is known.
fn counting() -> impl FnMut(&str) -> Id {
    let mut count = 0;
    move |prefix| {
        count += 1;
        Id::from_bits(prefix, count)
    }
}

/// Writes `text` as film.toml, adds ids, and gives what the file holds then and how many were added.
fn after(text: &str) -> (String, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    fs::write(&path, text).expect("written");
    let count = write_missing_ids(&path, &mut counting()).expect("ids written");
    assert_eq!(
        fs::read_dir(folder.path()).expect("listed").count(),
        1,
        "nothing is left beside it"
    );
    (fs::read_to_string(&path).expect("read"), count)
}

const FILM: &str = r#"# My film
[film]
title = "First light"   # not final

[[scene]]   # the sky
name = "cosmos"

  [[scene.shot]]
  name = "010"
  frames =   96     # four seconds
  kind = "plate"
  sources = ["archive:a"]

[[scene.shot]]
id = "sh-kept"
name = "020"
frames = 96
kind = "plate"
sources = ["archive:a"]
# the end"#;

#[test]
fn ids_go_below_the_headers_and_all_else_stays() {
    let (text, count) = after(FILM);
    assert_eq!(count, 2);
    insta::assert_snapshot!(text);
}

#[test]
fn a_second_time_nothing_is_missing_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    fs::write(&path, FILM).expect("written");
    assert_eq!(write_missing_ids(&path, &mut counting()).expect("first"), 2);
    let (text, time) = (
        fs::read(&path).expect("read"),
        fs::metadata(&path).expect("there").modified(),
    );
    assert_eq!(
        write_missing_ids(&path, &mut |_| panic!("not asked")).expect("second"),
        0
    );
    assert_eq!(fs::read(&path).expect("read"), text);
    assert_eq!(
        fs::metadata(&path).expect("there").modified().expect("a time"),
        time.expect("a time")
    );
}

#[test]
fn inline_tables_get_their_ids_within_the_braces() {
    let text = "film = { title = \"x\" }\nscene = [\n  {name = \"a\", shot = [{ name = \"1\", frames = 1, kind = \"plate\", sources = [\"archive:a\"] }]},\n]\n";
    let (text, count) = after(text);
    assert_eq!(count, 2);
    assert!(text.contains("{ id = \"sc-00000001\",name = \"a\""), "{text}");
    assert!(text.contains("{ id = \"sh-00000002\", name = \"1\""), "{text}");
}

#[test]
fn windows_line_ends_and_a_missing_last_one_are_kept() {
    let (text, _) = after("[film]\r\ntitle = \"x\"\r\n[[scene]]\r\nname = \"a\"\r\n");
    assert_eq!(
        text,
        "[film]\r\ntitle = \"x\"\r\n[[scene]]\r\nid = \"sc-00000001\"\r\nname = \"a\"\r\n"
    );
    let (text, _) = after("scene = [{ name = \"a\" }]\nfilm.title = \"x\"");
    assert_eq!(
        text,
        "scene = [{ id = \"sc-00000001\", name = \"a\" }]\nfilm.title = \"x\""
    );
}

#[test]
fn ids_that_the_film_has_are_not_given_again() {
    let text =
        "[film]\ntitle = \"x\"\n[[scene]]\nname = \"a\"\nid = \"sc-00000001\"\n[[scene]]\nname = \"b\"\n";
    let (text, count) = after(text);
    assert_eq!(count, 1);
    assert!(text.contains("sc-00000002"), "{text}");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    fs::write(&path, FILM).expect("written");
    let stuck = write_missing_ids(&path, &mut |_| Id::from_bits("sh", 1));
    assert!(matches!(stuck, Err(IdsError::NoFreshId)), "{stuck:?}");
    assert_eq!(fs::read_to_string(&path).expect("read"), FILM);
}

#[test]
fn a_file_with_mistakes_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    fs::write(&path, "[film]\ntitel = \"x\"\n").expect("written");
    let error = write_missing_ids(&path, &mut counting())
        .expect_err("titel")
        .to_string();
    assert!(error.contains("write `title`"), "{error}");
    assert_eq!(
        fs::read_to_string(&path).expect("read"),
        "[film]\ntitel = \"x\"\n"
    );
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let real = folder.path().join("real.toml");
    let link = folder.path().join("film.toml");
    fs::write(&real, FILM).expect("written");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("set");
    symlink("real.toml", &link).expect("linked");
    write_missing_ids(&link, &mut counting()).expect("ids written");
    assert_eq!(
        fs::metadata(&real).expect("there").permissions().mode() & 0o777,
        0o640
    );
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert!(
        load(&link)
            .expect("checks")
            .film
            .shots()
            .all(|(scene, shot)| scene.id.is_some() && shot.id.is_some())
    );
}

/// Films in many layouts: headers with odd blanks and comments, inline tables, either line ending.
fn any_film() -> impl Strategy<Value = String> {
    let comment = prop_oneof![Just(""), Just(" # é, [[scene]]"), Just("\t#")];
    let indent = prop_oneof![Just(""), Just("  "), Just("\t")];
    let header = prop_oneof![
        Just("[[scene.shot]]"),
        Just("[[ scene . shot ]]"),
        Just("[[\"scene\".'shot']]")
    ];
    let shot = (comment.clone(), indent, header, any::<bool>(), 1..500_u32);
    let scene = (comment, proptest::collection::vec(shot, 0..4), any::<bool>());
    let scenes = proptest::collection::vec(scene, 0..4);
    (scenes, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(scenes, windows, last, mark)| {
        let mut text = String::from("[film]\ntitle = '''two\"s'''\n");
        for (s, (comment, shots, inline)) in scenes.iter().enumerate() {
            text += &format!("\n[[scene]]{comment}\nname = \"s{s}\"\n");
            if *inline {
                text += "shot = [\n";
                for (n, (comment, _, _, id, frames)) in shots.iter().enumerate() {
                    let id = if *id { format!("id='sh-given-{s}-{n}',") } else { String::new() };
                    text += &format!("{{{id}name=\"{n}\",frames={frames},kind=\"plate\",sources=[\"archive:a\"]}},{comment}\n");
                }
                text += "]\n";
            } else {
                for (n, (comment, indent, header, id, frames)) in shots.iter().enumerate() {
                    text += &format!("{indent}{header}{comment}\n\n{indent}name = \"{n}\"{comment}\nframes={frames}\n");
                    text += "kind = \"plate\"\nsources = [ # [[scene.shot]]\n 'archive:a' ]\n";
                    if *id {
                        text += &format!("id = \"sh-given-{s}-{n}\"\n");
                    }
                }
            }
        }
        if !last {
            text.truncate(text.trim_end().len());
        }
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        if mark { format!("\u{feff}{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_other_byte_is_kept(text in any_film()) {
        let before = parse("film.toml", &text).map_err(|e| TestCaseError::fail(e.to_string()))?.film;
        let missing = before.scenes.iter().filter(|scene| scene.id.is_none()).count()
            + before.shots().filter(|(_, shot)| shot.id.is_none()).count();
        let (new, count) = after(&text);
        prop_assert_eq!(count, missing);

        // Taking the new ids out again, with what was put around each, gives the text as it was.
        let mut back = new.clone();
        for id in (1..=count as u64).flat_map(|n| [Id::from_bits("sc", n), Id::from_bits("sh", n)]) {
            let Some(at) = back.find(&format!("id = \"{id}\"")) else { continue };
            let line = back[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let (start, end) = if back[line..at].trim().is_empty() {
                (line, back[at..].find('\n').map_or(back.len(), |newline| at + newline + 1))
            } else {
                (at - 1, at + back[at..].find(',').expect("a comma") + 1)
            };
            back.replace_range(start..end, "");
        }
        prop_assert_eq!(&back, &text);

        // And the film is the same but for the ids, of which none is missing or changed.
        let film = parse("film.toml", &new).map_err(|e| TestCaseError::fail(e.to_string()))?.film;
        let mut without = film.clone();
        for (scene, old) in without.scenes.iter_mut().zip(&before.scenes) {
            prop_assert!(scene.id.is_some() && (old.id.is_none() || old.id == scene.id));
            scene.id.clone_from(&old.id);
            for (shot, old) in scene.shots.iter_mut().zip(&old.shots) {
                prop_assert!(shot.id.is_some() && (old.id.is_none() || old.id == shot.id));
                shot.id.clone_from(&old.id);
            }
        }
        prop_assert_eq!(without, before);
    }
}
