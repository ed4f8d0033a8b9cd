//! What film.toml means: its keys, its defaults, and that no text whatever makes the reader panic.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use heirloom_film::{
    Budget, Cull, Faces, Film, Flow, Kind, Leave, Limit, Motion, NamedArtists, Rate, Setting, Size,
    SourceCall, SourcesRule, StatedPrice, Usd, UsdError, load, parse, template,
};
use proptest::prelude::*;

fn film(text: &str) -> Film {
    parse("film.toml", text)
        .map_err(|problems| problems.to_string())
        .expect("checks")
        .film
}

/// The example of the reference, with every key.
const EVERY_KEY: &str = r#"
[film]
title = "First light"
rate = "24000/1001"
size = [1920, 1080]
intent = "What the body remembers of the sky."
sound = "sound/score.wav"
title_frames = 0
credits_frames = 120

[charter]
synthetic_performers = "with-consent"
synthetic_voices = "allowed"
sources = "cleared-only"
named_artists = "allowed"
faces = "never"
face_detector = "models/faces.onnx"

[budget]
usd = 1_500.5
[budget.engines.veo]
usd = 100
usd_per_second = 0.1
[budget.engines."own server"]
usd_per_draw = 0.000001

[cull]
keep = 12
alike = 0.1
difference = 0.25
shelve = 3
unusual = 3
[cull.limits]
sharpness = { at_least = 0.3 }
exposure = { at_least = 0.1, at_most = 0.9 }
[cull.weights]
sharpness = 2
flicker = -1

[[people]]
name = "Ada"
roles = ["director", "editor"]
[[people]]
name = "Grace"
roles = ["herself"]
[[people]]
name = "Mary"

[[scene]]
id = "sc-1"
name = "cosmos"
budget_usd = 20.25
[[scene.shot]]
id = "sh-1"
name = "010"
frames = 96
kind = "living"
prompt = "slow breathing nebula"
mood = "before anything hurt"
sources = ["archive:eta-carinae", "archive:moon/tycho"]
motion = { flow = "spiral", speed = 0.4, direction = -30, steady = 1 }
seed = 7
finish = 0
scale = 1.5
engine = "exemplar"
[[scene.shot]]
name = "020"
frames = 72
kind = "becoming"
from = "archive:hubble-deep-field"
to = "archive:tissue-01"
dissolve = 12
[[scene]]
name = "body"
[[scene.shot]]
name = "010"
frames = 24
kind = "still"
sources = ["archive:retina"]
[[scene.shot]]
name = "020"
frames = 24
kind = "plate"
sources = ["archive:rocket"]
start = 100
"#;

#[test]
fn an_engines_own_settings_are_kept_by_name_and_kind() {
    let text = "[film]\ntitle = \"T\"\n[[scene]]\nname = \"s\"\n[[scene.shot]]\nname = \"010\"\nframes = 9\n\
                kind = \"living\"\nprompt = \"a tide\"\nengine = \"wan\"\nsize = [832, 480]\n\
                settings = { steps = 1_000, guidance = 4.5, negative = \" blurred \", tiled = true, loras = { grain = 0.4, \
                \"old film\" = 1 } }\n";
    let film = film(text);
    let shot = &film.scenes[0].shots[0];
    assert_eq!(shot.size.unwrap().to_string(), "832x480");
    let settings = &shot.settings;
    let weights = [("grain", 0.4), ("old film", 1.0)].map(|(name, weight)| (name.to_owned(), weight));
    let expected = [
        ("guidance", Setting::Number(4.5)),
        ("loras", Setting::Weights(weights.into())),
        ("negative", Setting::Text("blurred".into())),
        ("steps", Setting::Whole(1000)),
        ("tiled", Setting::Flag(true)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(*settings, expected.into_iter().collect());
    for wrong in [
        "{ Steps = 3 }",
        "{ steps = [1] }",
        "{ steps = nan }",
        "{ loras = { grain = \"much\" } }",
        "{ loras = { grain = { more = 1 } } }",
        "3",
    ] {
        let (before, _) = text.split_once("{ steps").unwrap();
        let text = format!("{before}{wrong}\n");
        assert!(parse("film.toml", &text).is_err(), "{wrong}");
    }
}

#[test]
fn every_key_is_read() {
    let film = film(EVERY_KEY);
    assert_eq!((film.rate.num(), film.rate.den()), (24000, 1001));
    assert_eq!(
        film.size,
        Size {
            width: 1920,
            height: 1080
        }
    );
    assert_eq!(film.sound.as_deref(), Some("sound/score.wav".as_ref()));
    assert_eq!((film.title_frames, film.credits_frames), (0, 120));
    assert_eq!(film.charter.synthetic_performers, Leave::WithConsent);
    assert_eq!(film.charter.synthetic_voices, Leave::Allowed);
    assert_eq!(film.charter.sources, SourcesRule::ClearedOnly);
    assert_eq!(film.charter.named_artists, NamedArtists::Allowed);
    assert_eq!(film.charter.faces, Faces::Never);
    assert_eq!(
        film.charter.face_detector.as_deref(),
        Some("models/faces.onnx".as_ref())
    );
    assert_eq!(film.charter.stated.len(), 6);
    let caps: Vec<_> = film.scenes.iter().map(|scene| scene.budget_usd).collect();
    assert_eq!(caps, [Some(Usd::from_micros(20_250_000)), None]);
    assert_eq!(film.budget.usd, Some(Usd::from_micros(1_500_500_000)));
    let veo = &film.budget.engines["veo"];
    assert_eq!(veo.usd, Some(Usd::from_dollars(100)));
    assert_eq!(veo.price, Some(StatedPrice::PerSecond(Usd::from_micros(100_000))));
    let own = &film.budget.engines["own server"];
    assert_eq!(
        (own.usd, own.price),
        (None, Some(StatedPrice::PerDraw(Usd::from_micros(1))))
    );
    let cull = &film.cull;
    assert_eq!((cull.keep, cull.shelve), (12, 3));
    assert_eq!((cull.alike, cull.difference, cull.unusual), (0.1, 0.25, 3.0));
    assert_eq!(cull.limits["sharpness"], Limit::at_least(0.3));
    let exposure = cull.limits["exposure"];
    assert!(exposure.holds(0.1) && exposure.holds(0.9) && !exposure.holds(0.95) && !exposure.holds(0.05));
    assert_eq!((cull.weights["sharpness"], cull.weights["flicker"]), (2.0, -1.0));
    let roles: Vec<_> = film.people.iter().map(|person| person.roles.join("+")).collect();
    assert_eq!(roles, ["director+editor", "herself", ""]);

    let shots: Vec<_> = film.shots().map(|(_, shot)| shot).collect();
    let living = shots[0];
    let motion = Motion {
        flow: Flow::Spiral,
        speed: 0.4,
        direction_deg: -30.0,
        steady: 1.0,
    };
    assert_eq!(living.kind, Kind::Living { motion });
    assert_eq!((living.seed, living.finish, living.scale), (7, 0.0, Some(1.5)));
    assert_eq!(living.engine.as_deref(), Some("exemplar"));
    assert_eq!(living.id.as_ref().map(AsRef::as_ref), Some("sh-1"));
    let calls: Vec<_> = shots[1].calls().map(ToString::to_string).collect();
    assert_eq!(calls, ["archive:hubble-deep-field", "archive:tissue-01"]);
    assert_eq!(shots[2].kind, Kind::Still { motion: None });
    assert_eq!(shots[3].kind, Kind::Plate { start: 100 });
    assert_eq!(film.shot_frames(), 96 + 72 - 12 + 24 + 24);
}

#[test]
fn defaults_are_those_of_the_reference() {
    let film = film(
        "[film]\ntitle = \"x\"\n[[scene]]\nname = \"a\"\n[[scene.shot]]\nname = \"1\"\nframes = 5\nkind = \"living\"\nsources = [\"archive:a\"]\n",
    );
    let (_, shot) = film.shots().next().expect("a shot");
    assert_eq!((film.rate, film.size), (Rate::CINEMA, Size::HD));
    assert_eq!((film.title_frames, film.credits_frames), (48, 72));
    assert_eq!(film.charter.synthetic_performers, Leave::Never);
    assert_eq!(film.charter.faces, Faces::Allowed);
    assert_eq!(film.cull, Cull::default());
    assert_eq!(film.budget, Budget::default());
    assert_eq!(
        (shot.seed, shot.dissolve, shot.finish, shot.scale),
        (0, 0, 0.5, None)
    );
    assert_eq!(
        shot.kind,
        Kind::Living {
            motion: Motion::default()
        }
    );
    let mut expected = Film::new("x");
    expected.scenes.clone_from(&film.scenes);
    assert_eq!(film, expected);
}

#[test]
fn cards_follow_the_rate() {
    let film = film("[film]\ntitle = \"x\"\nrate = \"50\"\n");
    assert_eq!((film.title_frames, film.credits_frames), (100, 150));
    assert_eq!(self::film("[film]\ntitle = \"x\"\nrate = 25\n").title_frames, 50);
}

#[test]
fn five_lines_are_a_film() {
    let text = "[film]\ntitle = \"Pictures\"\n[[scene]]\nname = \"all\"\nshot = [{ name = \"010\", frames = 48, kind = \"living\", sources = [\"archive:a\"] }]\n";
    assert_eq!(film(text).shots().count(), 1);
}

#[test]
fn a_film_without_shots_holds_and_says_so() {
    let loaded = parse("film.toml", "[film]\ntitle = \"x\"\n").expect("checks");
    assert_eq!(loaded.warnings.len(), 1);
    insta::assert_snapshot!(loaded.warnings[0]);
}

#[test]
fn loading_is_parsing_with_the_path_as_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    std::fs::write(&path, EVERY_KEY).expect("written");
    let loaded = load(&path).expect("checks");
    assert_eq!((loaded.film, loaded.text.as_str()), (film(EVERY_KEY), EVERY_KEY));
    std::fs::write(&path, "[film]\n").expect("written");
    assert_eq!(
        load(&path).expect_err("no title").0[0].file,
        path.display().to_string()
    );
}

#[test]
fn endless_files_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(1 << 40))
        .expect("a sparse file");
    assert!(
        load(&path)
            .expect_err("too long")
            .to_string()
            .contains("bytes long")
    );
}

#[test]
fn brackets_without_end_are_an_error_and_no_more() {
    for open in ["[", "{a=", "a=[", "a.", "[[a."] {
        assert!(parse("film.toml", &format!("x = {}", open.repeat(20_000))).is_err());
        assert!(parse("film.toml", &open.repeat(20_000)).is_err());
    }
}

/// The template with its examples switched on: lines that begin with `#` and no blank.
fn with_examples(text: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_string(),
        _ => line.to_string(),
    };
    text.lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_of_the_template_hold() {
    let film = film(&with_examples(&template("First light")));
    let kinds: Vec<_> = film.shots().map(|(_, shot)| shot.kind.word()).collect();
    assert_eq!(
        kinds,
        [
            "living", "becoming", "still", "plate", "style", "slow", "extend", "between", "guided"
        ]
    );
    assert_eq!(film.people[0].roles, ["director", "editor"]);
    assert!(template("x").lines().all(|line| line.len() <= 110));
}

#[test]
fn the_examples_of_the_reference_hold() {
    let page = include_str!("../../../docs/film-toml.md");
    let mut examples = 0;
    for block in page.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        // Pieces of a film stand within the least one that holds them.
        let whole = match text.trim_start() {
            film if film.starts_with("[film]") => film.to_string(),
            shot if shot.starts_with("[[scene.shot]]") => {
                let before = "name = \"before\"\nframes = 48\nkind = \"plate\"\nsources = [\"archive:a\"]\n";
                format!("[film]\ntitle = \"x\"\n[[scene]]\nname = \"s\"\n[[scene.shot]]\n{before}{shot}")
            }
            part => format!("[film]\ntitle = \"x\"\n{part}"),
        };
        film(&whole);
        examples += 1;
    }
    assert!(examples >= 6, "{examples} examples");
}

#[test]
fn rates_are_read_and_written_exactly() {
    for (text, num, den) in [
        ("24", 24, 1),
        ("48/2", 24, 1),
        ("30000/1001", 30000, 1001),
        (" 25 ", 25, 1),
        ("15/2", 15, 2),
    ] {
        let rate = Rate::parse(text).expect(text);
        assert_eq!((rate.num(), rate.den()), (num, den), "{text}");
        assert_eq!(Rate::parse(&rate.to_string()), Ok(rate));
    }
    for (text, mend) in [
        ("23.976", "24000/1001"),
        ("23.98", "24000/1001"),
        ("29.97", "30000/1001"),
        ("59.94", "60000/1001"),
        ("25.0", "\"25\""),
        ("12.5", "25/2"),
    ] {
        let error = Rate::parse(text).expect_err(text);
        assert!(error.mend().contains(mend), "{text}: {error}");
    }
    for text in [
        "",
        "0",
        "24/0",
        "1/2",
        "1001",
        "-24",
        "+24",
        "24/",
        "/24",
        "0x18",
        "nan",
        "inf",
        "1e3",
        "24 fps",
        "99999999999",
        "٢٤",
    ] {
        assert!(Rate::parse(text).is_err(), "{text}");
    }
}

#[test]
fn timecode_counts_at_the_nominal_rate() {
    let ntsc = Rate::parse("30000/1001").expect("a rate");
    assert_eq!(ntsc.nominal(), 30);
    assert_eq!(ntsc.timecode(30 * 3600).to_string(), "01:00:00:00");
    assert_eq!(
        Rate::parse("120").expect("a rate").timecode(119).to_string(),
        "00:00:00:119"
    );
    assert_eq!(Rate::CINEMA.timecode(24 * 86_400 + 1).to_string(), "24:00:00:01");
}

#[test]
fn calls_match_whatever_the_blanks_and_the_case() {
    let call = |text: &str| SourceCall::parse(text).expect(text);
    assert!(call("archive:eta carinae").matches("", "Eta_Carinae"));
    assert!(call("archive:Moon/Tycho").matches("a/b/moon", "tycho"));
    assert!(call("archive:b/moon/tycho").matches("a\\b\\moon\\", "tycho"));
    assert!(!call("archive:x/b/moon/tycho").matches("b/moon", "tycho"));
    assert!(!call("archive:oon/tycho").matches("moon", "tycho"));
    assert!(call("archive:père").matches("", "PÈRE"));
    for text in [
        "",
        "archive:",
        "archive:/x",
        "archive:a//b",
        "archive:../x",
        "archive:a/.",
        "eta",
        "file:eta.jpg",
        "archive:x.JPG",
    ] {
        assert!(SourceCall::parse(text).is_err(), "{text}");
    }
    assert_eq!(call("archive:img.v2").call, "img.v2");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*|[\\[\\]{}=\"'.,#a-c0-9\n\r\t\\\\ ]{0,80}") {
        if let Err(problems) = parse("film.toml", &text) {
            prop_assert!(!problems.0.is_empty() && !problems.to_string().is_empty());
            for problem in &problems.0 {
                prop_assert!(problem.line >= 1 && problem.column >= 1 && !problem.mend.is_empty());
            }
        }
    }

    #[test]
    fn no_slip_in_a_film_makes_the_reader_panic(at in 0..EVERY_KEY.len(), length in 0..40_usize, with in "[\\[\\]{}=\"'.,#a0\n\\\\ é]{0,4}") {
        let mut text = EVERY_KEY.to_string();
        text.replace_range(at..(at + length).min(EVERY_KEY.len()), &with);
        if let Err(problems) = parse("film.toml", &text) {
            prop_assert!(problems.0.iter().all(|problem| problem.line >= 1 && !problem.mend.is_empty()));
            prop_assert!(!problems.render(true).is_empty());
        }
    }

    #[test]
    fn the_template_holds_for_any_title(title in any::<String>()) {
        let text = template(&title);
        let film = parse("film.toml", &text).map_err(|e| TestCaseError::fail(e.to_string()))?.film;
        prop_assert!(!film.title.is_empty());
        let plain = !title.trim().is_empty() && title.trim().chars().count() <= 200 && !title.chars().any(char::is_control);
        if plain {
            prop_assert_eq!(film.title.as_str(), title.trim());
        }
        prop_assert!(parse("film.toml", &with_examples(&text)).is_ok());
    }

    #[test]
    fn frame_times_are_exact(num in 1..1_000_000_u32, den in 1..10_000_u32, frame in 0..100_000_000_u64) {
        let Ok(rate) = Rate::new(num, den) else { return Ok(()) };
        prop_assert_eq!(u64::from(rate.num()) * u64::from(den), u64::from(num) * u64::from(rate.den()));
        // The nearest nanosecond: within half of one of the exact time, compared as whole numbers.
        let exact = u128::from(frame) * u128::from(rate.den()) * 2_000_000_000;
        let scaled = rate.nanoseconds(frame) * 2 * u128::from(rate.num());
        prop_assert!(exact.abs_diff(scaled) <= u128::from(rate.num()));
        prop_assert_eq!(rate.frame_at(rate.nanoseconds(frame)), frame);
        prop_assert_eq!(rate.frame_at(rate.nanoseconds(frame + 1) - 1), frame);
    }

    #[test]
    fn timecode_names_every_frame_once(num in 1..1000_u32, frame in 0..10_000_000_u64) {
        let rate = Rate::new(num, 1).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let code = rate.timecode(frame);
        let seconds = (code.hours * 60 + u64::from(code.minutes)) * 60 + u64::from(code.seconds);
        prop_assert_eq!(seconds * u64::from(num) + u64::from(code.frames), frame);
    }

    #[test]
    fn sizes_hold_or_say_the_mend(width in any::<u32>(), height in 0..20_000_u32) {
        match Size::new(width % 20_000, height) {
            Ok(size) => prop_assert!(size.width % 2 == 0 && size.height % 2 == 0 && size.pixels() <= Size::MAX_PIXELS),
            Err(error) => prop_assert!(error.to_string().contains("; write ")),
        }
    }
}

#[test]
fn shots_from_clips_have_their_defaults() {
    let shot = |lines: &str| {
        let text = format!(
            "[film]\ntitle = \"T\"\n[[scene]]\nname = \"s\"\n[[scene.shot]]\nname = \"010\"\nframes = 9\n{lines}"
        );
        film(&text).scenes.remove(0).shots.remove(0)
    };
    let call = |text: &str| SourceCall::parse(text).expect("a call");
    let clip = call("archive:rocket");
    let style = shot("kind = \"style\"\nclip = \"archive:rocket\"\nsources = [\"archive:moon\"]");
    assert_eq!(
        style.kind,
        Kind::Style {
            clip: clip.clone(),
            start: 0,
            strength: 1.0
        }
    );
    assert_eq!(
        style.calls().cloned().collect::<Vec<_>>(),
        [call("archive:moon"), clip.clone()]
    );
    assert_eq!(style.finish, 0.5);
    let slow = shot("kind = \"slow\"\nclip = \"archive:rocket\"\nstart = 4");
    assert_eq!(
        slow.kind,
        Kind::Slow {
            clip: clip.clone(),
            start: 4,
            pace: 0.25
        }
    );
    let extend = shot("kind = \"extend\"\nclip = \"archive:rocket\"");
    assert_eq!(extend.kind, Kind::Extend { clip, tail: 24 });
    let between = shot("kind = \"between\"\nfrom = \"archive:a\"\nto = \"archive:b\"");
    assert_eq!(
        between.kind,
        Kind::Between {
            from: call("archive:a"),
            to: call("archive:b")
        }
    );
    assert_eq!(between.calls().count(), 2);
}

#[test]
fn limits_credits_and_likes_are_read_as_written() {
    let text = "[film]\ntitle = \"T\"\ncredits_by = \"name\"\ncredits_shares = true\n[charter]\ncopies = \"refuse\"\n\
                copy_over = 0.4\n[charter.shares]\nmax = 0.6\n[charter.shares.sources]\n\"archive:moon\" = { min = 0.1 \
                }\n[charter.shares.owners]\nNASA = { max = 0.5 }\n[[scene]]\nname = \"s\"\n[[scene.shot]]\nname = \
                \"a\"\nid = \"sh-a1b2\"\nframes = 2\nkind = \"still\"\nsources = [\"archive:moon\"]\nseed = 4 # mine\n";
    let film = parse("film.toml", text).unwrap().film;
    assert_eq!(
        (film.credits_by, film.credits_shares),
        (heirloom_film::CreditsBy::Name, true)
    );
    let (shares, copies) = (&film.charter.shares, film.charter.copies);
    assert_eq!(
        (copies.rule, copies.over.share()),
        (heirloom_film::CopyRule::Refuse, 0.4)
    );
    assert_eq!(shares.every_source.max.unwrap().millionths, 600_000);
    assert_eq!(
        (
            shares.sources[0].0.call.as_str(),
            shares.sources[0].1.min.unwrap().share()
        ),
        ("moon", 0.1)
    );
    assert_eq!(shares.owners["NASA"].max.unwrap().share(), 0.5);

    // Writing what a shot is like changes those keys alone, and the same again changes nothing.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.toml");
    std::fs::write(&path, text).unwrap();
    let like = heirloom_film::Like {
        take: "0123456789abcdef".into(),
        amount: heirloom_film::Portion::of(0.3),
    };
    let id = heirloom_film::Id::parse("sh-a1b2").unwrap();
    heirloom_film::write_like(&path, &id, &like, 5).unwrap();
    let new = std::fs::read_to_string(&path).unwrap();
    let expected = text.replace(
        "seed = 4 # mine\n",
        "seed = 5 # mine\nlike = \"0123456789abcdef\"\namount = 0.3\n",
    );
    assert_eq!(new, expected);
    let film = load(&path).unwrap().film;
    let shot = &film.scenes[0].shots[0];
    assert_eq!((shot.seed, shot.like.as_ref()), (5, Some(&like)));
    heirloom_film::write_like(&path, &id, &like, 5).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), new);
    let other = heirloom_film::Id::parse("sh-zzzz").unwrap();
    heirloom_film::write_like(&path, &other, &like, 5).unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), new);
}

#[test]
fn amounts_are_read_digit_by_digit() {
    // As floats, ten times 0.1 is less than 1, and 0.29 * 100 less than 29.
    let tenth = Usd::parse("0.1").expect("an amount");
    assert_eq!((0..10).map(|_| tenth).sum::<Usd>(), Usd::from_dollars(1));
    assert_eq!(Usd::parse("0.29"), Ok(Usd::from_micros(290_000)));
    assert_eq!(
        Usd::parse("999999999.999999"),
        Ok(Usd::from_micros(999_999_999_999_999))
    );
    assert_eq!(Usd::parse("-0.0"), Ok(Usd::ZERO));
    for (text, error) in [
        ("-1", UsdError::Negative),
        ("nan", UsdError::NoNumber),
        ("inf", UsdError::NoNumber),
        ("1e3", UsdError::NoNumber),
        ("", UsdError::NoNumber),
        (".5", UsdError::NoNumber),
        ("1.0000001", UsdError::TooFine),
        ("1000000000.1", UsdError::TooMuch),
        ("99999999999999999999999", UsdError::TooMuch),
    ] {
        assert_eq!(Usd::parse(text), Err(error), "{text}");
    }
    assert_eq!(Usd::from_micros(12_500_000).to_string(), "$12.50");
    assert_eq!(Usd::from_micros(1).to_string(), "$0.000001");
}

proptest! {
    #[test]
    fn amounts_are_written_and_read_without_loss(micros in 0_u64..1_000_000_000_000_000) {
        let amount = Usd::from_micros(micros);
        prop_assert_eq!(Usd::parse(&amount.decimal()), Ok(amount));
    }

    /// A part is never rounded down: a cap that holds for the sum of prices holds for what they stand for.
    #[test]
    fn parts_of_an_amount_are_rounded_up(micros in 0_u64..1_000_000_000, over in 0_u64..1_000_000, under in 1_u64..100_000) {
        let part = u128::from(Usd::from_micros(micros).times(over, under).micros());
        let whole = u128::from(micros) * u128::from(over);
        let under = u128::from(under);
        prop_assert!(part * under >= whole && part * under < whole + under);
    }
}
