//! How mistakes in film.toml are shown: one snapshot each, plain, without colour.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use heirloom_film::parse;

/// A film that checks, with one of its lines exchanged for another.
fn film_with(old: &str, new: &str) -> String {
    let good = r#"[film]
title = "First light"
rate = "24"
size = [1280, 720]

[charter]
synthetic_performers = "never"
sources = "cleared-only"

[[people]]
name = "Ada"
roles = ["director"]

[[scene]]
name = "cosmos"
id = "sc-00000001"

[[scene.shot]]
name = "010"
id = "sh-00000001"
frames = 96
kind = "living"
sources = ["archive:eta-carinae"]
motion = { flow = "curl", speed = 0.4 }

[[scene.shot]]
name = "020"
frames = 72
kind = "becoming"
from = "archive:hubble-deep-field"
to = "archive:tissue-01"
dissolve = 12
"#;
    assert!(good.contains(old), "{old}");
    good.replacen(old, new, 1)
}

/// What is shown for the film with that line exchanged.
fn shown(old: &str, new: &str) -> String {
    parse("film.toml", &film_with(old, new))
        .expect_err(new)
        .render(false)
}

#[test]
fn the_good_film_has_nothing_to_say() {
    let loaded = parse("film.toml", &film_with("Ada", "Ada")).expect("checks");
    assert_eq!(loaded.warnings, []);
}

#[test]
fn faces_that_nothing_looks_for_are_warned_of() {
    let never = film_with("sources = \"cleared-only\"", "faces = \"never\"");
    let loaded = parse("film.toml", &never).expect("checks");
    let [warning] = loaded.warnings.as_slice() else {
        unreachable!("{:?}", loaded.warnings)
    };
    assert!(warning.message.contains("nothing looks for them"), "{warning:?}");
    assert!(warning.mend.contains("face_detector = "), "{warning:?}");
    let found = never.replace("\"never\"\n\n", "\"never\"\nface_detector = \"faces.onnx\"\n\n");
    assert_eq!(parse("film.toml", &found).expect("checks").warnings, []);
}

macro_rules! snapshots {
    ($($name:ident: $old:literal => $new:literal;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown($old, $new));
        }
    )*};
}

snapshots! {
    cull_unknown_key: "[[people]]" => "[cull]\nkep = 10\n\n[[people]]";
    cull_limit_without_side: "[[people]]" => "[cull.limits]\nsharpness = {}\n\n[[people]]";
    cull_limit_misspelt: "[[people]]" => "[cull.limits]\nsharpness = { min = 0.3 }\n\n[[people]]";
    cull_limit_bare: "[[people]]" => "[cull.limits]\nsharpness = 0.3\n\n[[people]]";
    cull_limit_crossed: "[[people]]" => "[cull.limits]\nexposure = { at_least = 0.8, at_most = 0.2 }\n\n[[people]]";
    cull_measure_name: "[[people]]" => "[cull.limits]\nSharpness = { at_least = 0.3 }\n\n[[people]]";
    budget_unknown_key: "[[people]]" => "[budget]\nlimit = 500\n\n[[people]]";
    budget_negative: "[[people]]" => "[budget]\nusd = -5.0\n\n[[people]]";
    budget_not_a_number: "[[people]]" => "[budget]\nusd = nan\n\n[[people]]";
    budget_in_quotes: "[[people]]" => "[budget]\nusd = \"500\"\n\n[[people]]";
    budget_by_powers: "[[people]]" => "[budget]\nusd = 5e2\n\n[[people]]";
    budget_too_fine: "[[people]]" => "[budget]\nusd = 0.0000001\n\n[[people]]";
    budget_too_much: "[[people]]" => "[budget]\nusd = 1000000000.01\n\n[[people]]";
    budget_engine_bare: "[[people]]" => "[budget.engines]\nveo = 50\n\n[[people]]";
    budget_engine_empty: "[[people]]" => "[budget.engines.veo]\n\n[[people]]";
    budget_engine_unknown_key: "[[people]]" => "[budget.engines.veo]\nusd_per_frame = 0.4\n\n[[people]]";
    budget_two_prices: "[[people]]" => "[budget.engines.veo]\nusd_per_draw = 0.4\nusd_per_second = 0.1\n\n[[people]]";
    budget_of_a_scene: "id = \"sc-00000001\"" => "budget = 20";
    budget_of_a_scene_negative: "id = \"sc-00000001\"" => "budget_usd = -20";
    unknown_key: "sources = [\"archive:eta" => "sourcs = [\"archive:eta";
    unknown_key_by_habit: "rate = \"24\"" => "fps = 24";
    unknown_key_like_no_other: "rate = \"24\"" => "zebra = 24";
    unknown_table: "[[people]]" => "[[persons]]";
    unknown_charter_key: "sources = \"cleared-only\"" => "source = \"cleared-only\"";
    charter_faces_choice: "sources = \"cleared-only\"" => "faces = \"no\"";
    charter_face_detector_outside: "sources = \"cleared-only\"" => "face_detector = \"/models/faces.onnx\"";
    charter_choice: "\"cleared-only\"" => "\"all\"";
    wrong_type_number: "frames = 96" => "frames = \"96\"";
    wrong_type_text: "title = \"First light\"" => "title = 1984";
    wrong_type_list: "[\"archive:eta-carinae\"]" => "\"archive:eta-carinae\"";
    seconds_for_frames: "rate = \"24\"" => "title_seconds = 2";
    missing_key: "frames = 96\n" => "";
    zero_frames: "frames = 96" => "frames = 0";
    absurd_frames: "frames = 96" => "frames = 99999999";
    rounded_rate: "\"24\"" => "\"23.976\"";
    bare_rounded_rate: "\"24\"" => "29.97";
    no_rate: "\"24\"" => "\"fast\"";
    odd_size: "[1280, 720]" => "[1281, 719]";
    absurd_size: "[1280, 720]" => "[100000, 100000]";
    too_many_pixels: "[1280, 720]" => "[16384, 16384]";
    size_of_one: "[1280, 720]" => "[1280]";
    negative_size: "[1280, 720]" => "[-1280, 720]";
    guided: "\"living\"" => "\"guided\"";
    unknown_kind: "\"living\"" => "\"livng\"";
    key_of_another_kind: "motion = {" => "start = 3\nmotion = {";
    style_without_a_clip: "\"living\"" => "\"style\"";
    clip_of_a_living_shot: "motion = {" => "clip = \"archive:rocket\"\nmotion = {";
    sources_of_a_slow_shot: "kind = \"living\"" => "kind = \"slow\"\nclip = \"archive:rocket\"\npace = 2";
    tail_too_short: "kind = \"becoming\"" => "kind = \"extend\"\ntail = 1";
    between_with_motion: "kind = \"becoming\"" => "kind = \"between\"\nmotion = {}\nfinish = 1";
    strength_elsewhere: "motion = {" => "strength = 0.5\npace = 0.5\nmotion = {";
    sources_of_a_becoming: "from = " => "sources = [\"archive:moon\"]\nfrom = ";
    unknown_flow: "flow = \"curl\"" => "flow = \"swirl\"";
    speed_out_of_range: "speed = 0.4" => "speed = 40";
    unknown_motion_key: "speed = 0.4" => "sped = 0.4";
    no_archive: "\"archive:eta-carinae\"" => "\"eta-carinae.jpg\"";
    call_with_ending: "archive:eta-carinae" => "archive:eta-carinae.jpg";
    dissolve_too_long: "dissolve = 12" => "dissolve = 73";
    dissolve_first: "frames = 96" => "frames = 96\ndissolve = 6";
    duplicate_shot: "name = \"020\"" => "name = \"010\"";
    duplicate_scene: "[[scene.shot]]" => "[[scene]]\nname = \"cosmos\"\n[[scene.shot]]";
    duplicate_id: "name = \"020\"" => "name = \"020\"\nid = \"sh-00000001\"";
    bad_id: "sh-00000001" => "Shot 1";
    duplicate_person: "[[people]]" => "[[people]]\nname = \"Ada\"\n[[people]]";
    duplicate_key: "frames = 96" => "frames = 96\nframes = 48";
    duplicate_table: "[[people]]" => "[film]\nrate = \"25\"\n[[people]]";
    slash_in_name: "name = \"cosmos\"" => "name = \"cosmos/dark\"";
    empty_title: "First light" => " ";
    sound_elsewhere: "rate = \"24\"" => "sound = \"../score.wav\"";
    single_scene: "[[scene]]" => "[scene]";
    shot_before_scene: "[[scene]]\nname = \"cosmos\"\nid = \"sc-00000001\"\n" => "";
    shot_without_scene: "[[scene.shot]]" => "[[shot]]";
    unclosed_text: "title = \"First light\"" => "title = \"First light";
    text_without_quotes: "title = \"First light\"" => "title = First light";
    unclosed_header: "[film]" => "[film";
    unclosed_list: "size = [1280, 720]" => "size = [1280, 720";
    colon: "rate = \"24\"" => "rate: \"24\"";
    typographic_quotes: "\"First light\"" => "“First light”";
    backslash: "First light" => "C:\\pictures";
}

#[test]
fn all_mistakes_are_shown_in_one_go() {
    let text = r#"[film]
titel = "First light"
size = [1281, 720]
[[scene]]
name = "cosmos"
[[scene.shot]]
name = "010"
frames = 0
kind = "livng"
sources = ["eta"]
speed = 3
"#;
    insta::assert_snapshot!(
        parse("film.toml", text)
            .expect_err("full of mistakes")
            .render(false)
    );
}

#[test]
fn all_slips_of_syntax_are_shown_in_one_go() {
    let text = "[film\ntitle = First light\nrate = \"24\"\nsize = [1280 720]\nrate = \"25\"\n";
    insta::assert_snapshot!(parse("film.toml", text).expect_err("full of slips").render(false));
}

#[test]
fn dissolves_that_meet_in_a_short_shot() {
    let text = r#"[film]
title = "x"
[[scene]]
name = "a"
shot = [
  { name = "1", frames = 96, kind = "plate", sources = ["archive:a"] },
  { name = "2", frames = 20, kind = "plate", sources = ["archive:b"], dissolve = 12 },
  { name = "3", frames = 96, kind = "plate", sources = ["archive:c"], dissolve = 12 },
]
"#;
    insta::assert_snapshot!(parse("film.toml", text).expect_err("too short").render(false));
}

#[test]
fn places_hold_with_windows_line_ends_and_a_byte_order_mark() {
    let text = "\u{feff}[film]\r\ntitel = \"First light\"\r\n";
    insta::assert_snapshot!(parse("film.toml", text).expect_err("titel").render(false));
}

#[test]
fn columns_count_characters() {
    let problems = parse("film.toml", "[film]\ntitle = \"é\" rate = 2\n").expect_err("two in a line");
    assert_eq!((problems.0[0].line, problems.0[0].column), (2, 13));
}

#[test]
fn color_is_only_color() {
    let problems = parse("film.toml", "[film]\ntitel = \"x\"\n").expect_err("titel");
    let (plain, colored) = (problems.render(false), problems.render(true));
    assert!(!plain.contains('\u{1b}') && colored.contains('\u{1b}'));
    assert!(plain.contains("write `title`") && colored.contains("write `title`"));
}

#[test]
fn a_file_full_of_mistakes_is_cut_short() {
    let text: String = (0..5000).map(|n| format!("zebra{n} = 1\n")).collect();
    let problems = parse("film.toml", &format!("[film]\ntitle = \"x\"\n{text}")).expect_err("zebras");
    assert_eq!(problems.0.len(), 500);
    let shown = problems.to_string();
    assert!(
        shown.contains("... and 450 more") && shown.ends_with("film.toml: 500 errors or more"),
        "{shown}"
    );
}

#[test]
fn missing_and_unreadable_files_say_the_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = heirloom_film::load(&folder.path().join("film.toml"))
        .expect_err("missing")
        .to_string();
    assert!(missing.contains("heirloom new"), "{missing}");

    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, b"[film]\ntitle = \"\xff\"\n").expect("written");
    let binary = heirloom_film::load(&binary).expect_err("not UTF-8").to_string();
    assert!(
        binary.contains("line 2 is not UTF-8") && binary.contains("save the file as UTF-8"),
        "{binary}"
    );

    let folder = heirloom_film::load(folder.path())
        .expect_err("a folder")
        .to_string();
    assert!(folder.contains("cannot read"), "{folder}");
}

/// Carriage returns at the end of a line were cut off before it was shown, and the marked place with them,
/// which the renderer answered with a panic.
#[test]
fn lone_carriage_returns_are_shown_as_blanks() {
    let shown = parse("film.toml", "\"\r\r\n").expect_err("no key").to_string();
    assert!(shown.contains("film.toml:1:") && !shown.contains('\r'), "{shown}");
}

/// Many of one kind of mistake: the time to find them must not grow with their square.
#[test]
fn long_files_of_mistakes_are_read_in_a_moment() {
    let mistakes = [
        "a = \n",
        "1,",
        "[a]\n",
        "a = \"\n",
        "\r",
        "[[scene]]\n",
        "[[people]]\nname=3\n",
        "{",
        "\"\"\"\n",
        "a.",
    ];
    let started = std::time::Instant::now();
    for mistake in mistakes {
        let many = mistake.repeat((256 << 10) / mistake.len());
        for text in [many.clone(), format!("[film]\nsize = [{many}]\n")] {
            assert!(
                !parse("film.toml", &text)
                    .expect_err(mistake)
                    .to_string()
                    .is_empty()
            );
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
