//! The viewer over a real socket, with a real film: what is listed, shown, judged, and refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_engine::{Draw, TakeFile, TakeManifest};
use heirloom_film::{Rate, Size};
use heirloom_picture::ffmpeg::{Encoder, Ffmpeg, Master};
use heirloom_picture::preview::Preview;
use heirloom_vault::{Actor, NewAct, ObjectId, Verb};
use serde_json::json;

use heirloom_studio::{Listen, StudioError, serve};
use support::{Film, SHOT, Viewer};

/// Two takes of eight small frames.
fn two() -> (Film, [ObjectId; 2]) {
    let film = Film::new((96, 64), 8);
    let takes = [film.draw(1, "a slow tide"), film.draw(2, "a slow tide")];
    (film, takes)
}

#[test]
fn takes_are_listed_oldest_first_with_how_they_stand() {
    let (film, [first, second]) = two();
    film.measure(first, &[("sharpness.blur_px", 1.25), ("own", 3.0)]);
    let viewer = Viewer::of(film.look());
    let shown = viewer.get("/api/shot").well().json();
    assert_eq!(
        (shown["label"].as_str(), shown["by"].as_str()),
        (Some("cosmos 010"), Some("Ada"))
    );
    let takes = shown["takes"].as_array().unwrap();
    assert_eq!(takes.len(), 2);
    assert_eq!(
        (&takes[0]["take"], &takes[1]["take"]),
        (&json!(first), &json!(second))
    );
    assert_eq!(
        (&takes[0]["number"], &takes[0]["seed"], &takes[0]["frames"]),
        (&json!(1), &json!(1), &json!(8))
    );
    assert_eq!(takes[0]["rate"], json!([24, 1]));
    assert_eq!(takes[0]["prompt"], "a slow tide");
    assert_eq!(takes[0]["standing"]["verdict"], "open");
    assert_eq!(
        takes[0]["measures"],
        json!({ "sharpness.blur_px": 1.25, "own": 3.0 })
    );
    assert_eq!(shown["counts"], json!({ "open": 2 }));
    // Measures are told of once, in the order of tables, and those of unknown names after them.
    assert_eq!(shown["measures"][0]["better"], "less");
    assert_eq!(shown["measures"][0]["unit"], "px");
    assert_eq!(shown["measures"][1]["name"], "own");
    viewer.end().unwrap();
}

#[test]
fn judgements_land_in_the_ledger_and_are_taken_back() {
    let (film, [first, second]) = two();
    let viewer = Viewer::of(film.look());
    let judge = |take: &ObjectId, said: serde_json::Value| {
        viewer.post(&format!("/api/takes/{take}/judge"), &said.to_string())
    };
    let chosen = judge(&first, json!({ "do": "choose" })).well().json();
    assert_eq!(chosen["standing"]["verdict"], "chosen");
    let acts = film.acts(Verb::Chosen);
    assert_eq!(
        (acts.len(), acts[0].by.name.as_str(), acts[0].subject.as_str()),
        (1, "Ada", SHOT)
    );
    assert_eq!(json!(acts[0].id), chosen["act"]);
    // What it was made by stands in the act.
    assert_eq!(
        (&acts[0].facts["ties"]["seed"], &acts[0].facts["ties"]["prompt"]),
        (&json!(1), &json!("a slow tide"))
    );

    judge(&second, json!({ "do": "star", "stars": 4 })).well();
    judge(&second, json!({ "do": "note", "text": "nearer to dusk" })).well();
    judge(&second, json!({ "do": "shelve", "reason": null })).well();
    judge(&second, json!({ "do": "reject", "reason": "it flickers" })).well();
    let shown = viewer.get("/api/shot").well().json();
    let standing = &shown["takes"][1]["standing"];
    assert_eq!(
        (&standing["verdict"], &standing["reason"]),
        (&json!("rejected"), &json!("it flickers"))
    );
    assert_eq!(
        (&standing["stars"], &standing["notes"][0]["text"]),
        (&json!(4), &json!("nearer to dusk"))
    );
    assert_eq!(shown["counts"], json!({ "chosen": 1, "rejected": 1 }));

    let undone = viewer.post("/api/undo", "").well().json();
    assert_eq!(
        (&undone["take"], &undone["what"]),
        (&json!(second), &json!("rejected"))
    );
    assert_eq!(film.acts(Verb::Undone).len(), 1);
    let verdict =
        |at: usize| viewer.get("/api/shot").well().json()["takes"][at]["standing"]["verdict"].clone();
    assert_eq!(verdict(1), "shelved");
    let redone = viewer.post("/api/redo", "").well().json();
    assert_eq!(redone["take"], json!(second));
    assert_eq!(verdict(1), "rejected");
    viewer
        .post("/api/redo", "")
        .refused(409, "has taken back nothing");

    // What can not be written says why, and writes nothing.
    let before = film.vault.ledger().count().unwrap();
    judge(&first, json!({ "do": "reject", "reason": "  " })).refused(422, "say why");
    judge(&first, json!({ "do": "star", "stars": 6 })).refused(422, "more than there are");
    judge(&first, json!({ "do": "burn" })).refused(400, "burn");
    judge(&first, json!({ "do": "choose", "by": "Eve" })).refused(400, "by");
    judge(&ObjectId::of(b"none"), json!({ "do": "choose" })).refused(404, "no such take");
    let long = json!({ "do": "note", "text": "a".repeat(70_000) });
    assert_eq!(judge(&first, long).status, 400);
    assert_eq!(film.vault.ledger().count().unwrap(), before);
}

#[test]
fn posters_clips_and_frames_are_made_once_and_served() {
    let (film, [first, _]) = two();
    let viewer = Viewer::of(film.look());
    let poster = viewer.get(&format!("/takes/{first}/poster.jpg")).well();
    assert_eq!(poster.header("content-type"), Some("image/jpeg"));
    let poster = heirloom_picture::preview::decode(&poster.body, "poster.jpg", 480).unwrap();
    assert_eq!((poster.width(), poster.height()), (96, 64));

    let clip = viewer.get(&format!("/takes/{first}/clip.mp4")).well();
    assert_eq!(
        (clip.header("content-type"), clip.header("accept-ranges")),
        (Some("video/mp4"), Some("bytes"))
    );
    let made = film
        .folder
        .path()
        .join("work/look")
        .join(format!("{first}-480.mp4"));
    assert_eq!(std::fs::read(&made).unwrap(), clip.body);
    let info = Ffmpeg::find().unwrap().probe(&made).unwrap();
    assert_eq!((info.width, info.height, info.frames), (96, 64, 8));
    assert_eq!(
        (info.codec.as_str(), info.pixel_format.as_str(), info.rate),
        ("h264", "yuv420p", Rate::CINEMA)
    );
    // The index stands before the pictures, so that playing begins before the end has come.
    let at = |word: &[u8]| clip.body.windows(4).position(|w| w == word).unwrap();
    assert!(at(b"moov") < at(b"mdat"));

    let token = viewer.served.token.as_str();
    let ranged = |range: &str| {
        let headers = [("x-heirloom-token", token), ("Range", range)];
        viewer.ask("GET", &format!("/takes/{first}/clip.mp4"), &headers, "")
    };
    let length = clip.body.len();
    let part = ranged("bytes=100-299");
    assert_eq!((part.status, part.body.as_slice()), (206, &clip.body[100..300]));
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 100-299/{length}").as_str())
    );
    assert_eq!(ranged("bytes=-10").body, clip.body[length - 10..]);
    let beyond = ranged(&format!("bytes={length}-"));
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some(format!("bytes */{length}").as_str()))
    );

    // A frame is the take's own, to the code.
    let frame = viewer.get(&format!("/takes/{first}/frames/3.png")).well();
    let shown = heirloom_picture::preview::decode(&frame.body, "3.png", 96).unwrap();
    let take = heirloom_dailies::takes::open(&film.vault, &first).unwrap();
    let engine = film.engines.get(None).unwrap();
    let opened = engine.open(&take.manifest, film.vault.clone()).unwrap();
    assert_eq!(shown, Preview::of_image(&opened.frame(3).unwrap(), 96));
    let frame = viewer.get(&format!("/takes/{first}/frames/3.jpg")).well();
    assert!(frame.body.starts_with(&[0xff, 0xd8]));
    viewer
        .get(&format!("/takes/{first}/frames/8.png"))
        .refused(404, "no frame 8");
    viewer
        .get(&format!("/takes/{first}/frames/+3.png"))
        .refused(404, "by its number");

    // All of it is derived: deleted, it is made again.
    std::fs::remove_dir_all(film.folder.path().join("work/look")).unwrap();
    assert_eq!(
        viewer.get(&format!("/takes/{first}/clip.mp4")).well().body,
        clip.body
    );
}

#[test]
fn a_take_whose_engine_is_gone_plays_from_its_clip() {
    let film = Film::new((96, 64), 8);
    let size = Size::new(64, 32).unwrap();
    let path = film.folder.path().join("hosted.mp4");
    let mut encoder = Encoder::start(
        &Ffmpeg::find().unwrap(),
        Master::H264,
        &path,
        size,
        Rate::CINEMA,
        None,
    )
    .unwrap();
    for n in 0..10u16 {
        encoder.push(&vec![[n * 6000, 20_000, 9_000]; 64 * 32]).unwrap();
    }
    encoder.finish().unwrap();
    let take = hosted(&film, size, vec![("clip", film.vault.put_file(&path).unwrap().0)]);
    let lost = hosted(&film, size, Vec::new());
    let viewer = Viewer::of(film.look());
    let clip = viewer.get(&format!("/takes/{take}/clip.mp4")).well();
    assert!(clip.body.len() > 500);
    let red = |n: u32| {
        let frame = viewer.get(&format!("/takes/{take}/frames/{n}.png")).well();
        heirloom_picture::preview::decode(&frame.body, "f.png", 64)
            .unwrap()
            .codes()[40][0]
    };
    // 6000 of 65535 is 23 of 255.
    assert!(
        red(1).abs_diff(23) < 4 && red(9).abs_diff(210) < 4,
        "{} {}",
        red(1),
        red(9)
    );
    viewer
        .get(&format!("/takes/{lost}/poster.jpg"))
        .refused(500, "there is no engine `hosted`");
}

/// A take of an engine that this program does not have.
fn hosted(film: &Film, size: Size, files: Vec<(&str, ObjectId)>) -> ObjectId {
    let request = film
        .vault
        .put_bytes(format!("{{\"files\":{}}}", files.len()).as_bytes())
        .unwrap();
    let manifest = TakeManifest {
        engine: "hosted".into(),
        revision: 1,
        draw: Draw { request, n: 0 },
        output: 0,
        size,
        rate: Rate::CINEMA,
        frames: 10,
        files: files
            .into_iter()
            .map(|(role, object)| TakeFile {
                role: role.into(),
                frame: None,
                object,
            })
            .collect(),
        facts: serde_json::Value::Null,
    };
    let take = film.vault.put_json(&manifest).unwrap();
    let ledger = film.vault.ledger();
    let asked = NewAct::new(Verb::Requested, Actor::person("Ada"), SHOT).output("request", request);
    ledger
        .append(asked.with_facts(json!({ "shot": "cosmos 010", "engine": "hosted", "prompt": "dusk" })))
        .unwrap();
    let drawn = NewAct::new(Verb::Drawn, Actor::engine("hosted"), format!("request:{request}"));
    let drawn = drawn.input("request", request).output("take", take);
    ledger
        .append(drawn.with_facts(json!({ "draw": 0, "frames": 10, "rate": "24" })))
        .unwrap();
    take
}

#[test]
fn new_takes_are_news() {
    let (film, _) = two();
    let viewer = Viewer::of(film.look());
    let revision = viewer.get("/api/shot").well().json()["revision"]
        .as_u64()
        .unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| viewer.get(&format!("/api/news?after={revision}")).well().json());
        std::thread::sleep(Duration::from_millis(700));
        assert!(!waiting.is_finished(), "there was no news yet");
        film.draw(3, "a slow tide");
        let news = waiting.join().unwrap();
        assert!(
            news["revision"].as_u64().unwrap() > revision && news["ended"] == false,
            "{news}"
        );
    });
    assert_eq!(
        viewer.get("/api/shot").well().json()["takes"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn it_ends_soon_while_pages_wait_for_news() {
    let (film, _) = two();
    let viewer = Viewer::of(film.look());
    let address = viewer.address();
    let revision = viewer.get("/api/shot").well().json()["revision"]
        .as_u64()
        .unwrap();
    // A page that waits, and a connection on which nothing comes.
    let idle = std::net::TcpStream::connect(address).unwrap();
    let mut waiting = std::net::TcpStream::connect(address).unwrap();
    let token = &viewer.served.token;
    let request = format!(
        "GET /api/news?after={revision} HTTP/1.1\r\nHost: {address}\r\nx-heirloom-token: {token}\r\n\r\n"
    );
    std::io::Write::write_all(&mut waiting, request.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let from = Instant::now();
    viewer.end().unwrap();
    assert!(from.elapsed() < Duration::from_secs(6), "{:?}", from.elapsed());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut waiting, &mut said).unwrap();
    assert!(said.contains("\"ended\":true"), "{said}");
    drop(idle);
}

#[test]
fn strangers_are_refused() {
    let (film, [first, _]) = two();
    let viewer = Viewer::of(film.look());
    assert!(viewer.address().ip().is_loopback());
    let port = viewer.address().port();
    let token = viewer.served.token.as_str();
    let own = ("x-heirloom-token", token);
    let get = |path: &str, headers: &[(&str, &str)]| viewer.ask("GET", path, headers, "");
    let choose = |headers: &[(&str, &str)]| {
        viewer.ask(
            "POST",
            &format!("/api/takes/{first}/judge"),
            headers,
            "{\"do\":\"choose\"}",
        )
    };

    // DNS rebinding: another name leads here.
    let foreign = format!("evil.example:{port}");
    get("/api/shot", &[own, ("Host", &foreign)]).refused(403, "not called so");
    get("/look.js", &[("Host", &foreign)]).refused(403, "not called so");
    choose(&[own, ("Host", &foreign)]).refused(403, "not called so");
    let without = viewer.raw("GET /api/shot HTTP/1.0\r\n\r\n");
    assert_eq!(without.status, 403);
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        get("/api/shot", &[own, ("Host", &format!("{name}:{port}"))]).well();
    }

    // Without the token, or with another one.
    for path in [
        "/api/shot".to_owned(),
        format!("/takes/{first}/poster.jpg"),
        "/api/news".to_owned(),
    ] {
        get(&path, &[]).refused(403, "token");
        get(&path, &[("x-heirloom-token", "0")]).refused(403, "token");
    }
    choose(&[]).refused(403, "token");
    get("/", &[]).refused(403, "whole address");
    get("/?token=0", &[]).refused(403, "whole address");

    // The cookie opens pictures, and never judges.
    let page = get(&format!("/?token={token}"), &[]).well();
    let cookie = page.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    get("/api/shot", &[("Cookie", cookie)]).well();
    get("/", &[("Cookie", cookie)]).well();
    choose(&[("Cookie", cookie)]).refused(403, "token");

    // Another site's page, even with the cookie, even from this machine.
    let away = ("Sec-Fetch-Site", "cross-site");
    get(&format!("/takes/{first}/poster.jpg"), &[("Cookie", cookie), away]).refused(403, "another site");
    choose(&[own, away]).refused(403, "another site");
    choose(&[own, ("Origin", "http://evil.example")]).refused(403, "another site");
    choose(&[own, ("Origin", "null")]).refused(403, "another site");
    choose(&[own, ("Origin", &format!("http://127.0.0.1:{}", port ^ 1))]).refused(403, "another site");
    assert_eq!(film.acts(Verb::Chosen).len(), 0);
    let same = format!("http://127.0.0.1:{port}");
    choose(&[own, ("Origin", &same), ("Sec-Fetch-Site", "same-origin")]).well();
    assert_eq!(film.acts(Verb::Chosen).len(), 1);
}

#[test]
fn only_takes_of_the_shot_are_served_and_no_path_is_a_file() {
    let (film, [first, _]) = two();
    std::fs::write(film.folder.path().join("secret.txt"), "a secret").unwrap();
    let viewer = Viewer::of(film.look());
    let other = ObjectId::of(b"no take");
    let source = heirloom_archive::Archive::new(&film.vault).sources().unwrap()[0].object;
    for id in [
        other.to_string(),
        source.to_string(),
        first.to_string().to_uppercase(),
        first.short(),
    ] {
        viewer
            .get(&format!("/takes/{id}/poster.jpg"))
            .refused(404, "no such take");
        viewer
            .get(&format!("/takes/{id}/clip.mp4"))
            .refused(404, "no such take");
        viewer
            .get(&format!("/takes/{id}/frames/0.png"))
            .refused(404, "no such take");
    }
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/takes/../../secret.txt",
        "/takes/..%2f..%2fsecret.txt/poster.jpg",
        "/takes/%2e%2e%2f%2e%2e%2fsecret.txt/clip.mp4",
        "/takes//secret.txt",
        "/secret.txt",
        "//secret.txt",
        "/work/look",
        "/vault/ledger.sqlite",
        "/takes/%00/poster.jpg",
        "/takes/%ff/poster.jpg",
    ] {
        let answer = viewer.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("a secret"),
            "{path}"
        );
    }
    for name in [
        "..%2f..%2f..%2fsecret.txt",
        "3",
        "3.exe",
        ".png",
        "-1.png",
        "99999999999.png",
        "3.png.png",
    ] {
        viewer
            .get(&format!("/takes/{first}/frames/{name}"))
            .refused(404, "");
    }
    assert_eq!(
        viewer
            .ask(
                "DELETE",
                "/api/shot",
                &[("x-heirloom-token", &viewer.served.token)],
                ""
            )
            .status,
        405
    );
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let film = Film::new((96, 64), 8);
    let viewer = Viewer::of(film.look());
    let page = viewer.get(&format!("/?token={}", viewer.served.token)).well();
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let mut all = String::from_utf8(page.body).unwrap();
    assert!(all.contains(&viewer.served.token));
    for path in ["/look.js", "/player.js", "/look.css", "/look.svg"] {
        let part = viewer.ask("GET", path, &[], "").well();
        all += &String::from_utf8(part.body).unwrap();
    }
    let all = all.replace("http://www.w3.org/2000/svg", "");
    for word in [
        "http://",
        "https://",
        "@import",
        " onclick=",
        " onload=",
        "style=\"",
        "{{token}}",
    ] {
        assert!(!all.contains(word), "{word}");
    }
    assert_eq!(viewer.get("/api/shot").well().json()["takes"], json!([]));
}

#[test]
fn past_loopback_the_token_decides_by_whatever_name_it_is_called() {
    let film = Film::new((96, 64), 8);
    let listen = Listen {
        address: [0, 0, 0, 0].into(),
        port: 0,
    };
    let viewer = Viewer::at(film.look(), listen);
    let host = format!("studio.local:{}", viewer.address().port());
    let get = |path: &str, headers: &[(&str, &str)]| viewer.ask("GET", path, headers, "");
    get("/api/shot", &[("Host", &host)]).refused(403, "token");
    get("/", &[("Host", &host)]).refused(403, "whole address");
    get(
        "/api/shot",
        &[("Host", &host), ("x-heirloom-token", &viewer.served.token)],
    )
    .well();
    let undo = [
        ("Host", host.as_str()),
        ("Origin", "http://evil.example"),
        ("x-heirloom-token", &viewer.served.token),
    ];
    viewer
        .ask("POST", "/api/undo", &undo, "")
        .refused(403, "another site");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let film = Film::new((96, 64), 8);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = Listen {
        port: taken.local_addr().unwrap().port(),
        ..Listen::default()
    };
    let error = serve(
        film.look(),
        &listen,
        |_| panic!("it is not ready"),
        &Arc::default(),
    )
    .unwrap_err();
    assert!(matches!(error, StudioError::Listen { .. }));
    assert!(error.to_string().contains("name another port"), "{error}");
}
