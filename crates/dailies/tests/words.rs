//! From words to requests: what a prompt sets, what stays as it is written by hand, which sources it chooses and
//! weighs, and what the explanation says of it.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

use heirloom_archive::{AddOptions, Archive, Source};
use heirloom_dailies::words::{Deed, Language, Photographs, Words, source_for};
use heirloom_dailies::{Desk, Plan, Work, plan_with};
use heirloom_engine::gate::SourceGate;
use heirloom_engine::palette::Palette;
use heirloom_engine::{Engines, Request};
use heirloom_film::Film;
use heirloom_vault::Vault;

struct Room {
    folder: tempfile::TempDir,
    vault: Vault,
    engines: Engines,
}

impl Room {
    /// An archive of flat photographs: name, colour, caption. Those that begin with `lent-` have no owner.
    fn new(photographs: &[(&str, [u8; 3], &str)]) -> Room {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        for (name, color, caption) in photographs {
            let lent = name.starts_with("lent-");
            let pictures = folder.path().join(if lent { "borrowed" } else { "pictures" });
            std::fs::create_dir_all(&pictures).unwrap();
            let codes: Vec<[u8; 3]> = (0..40 * 30)
                .map(|i| color.map(|c| c.saturating_add((i % 3) as u8)))
                .collect();
            heirloom_picture::png::write8(&pictures.join(format!("{name}.png")), &codes, 40, 30).unwrap();
            std::fs::write(pictures.join(format!("{name}.txt")), caption).unwrap();
        }
        for (pictures, owner) in [("pictures", Some("A. Owner")), ("borrowed", None)] {
            let pictures = folder.path().join(pictures);
            if pictures.is_dir() {
                let options = AddOptions {
                    owner: owner.map(Into::into),
                    rights: owner.map(|_| "own work".into()),
                    ..AddOptions::default()
                };
                Archive::new(&vault).add(&[pictures], &options, &()).unwrap();
            }
        }
        Room {
            folder,
            vault,
            engines: Engines::new().with(std::sync::Arc::new(engine::engine())),
        }
    }

    fn usual() -> Room {
        Room::new(&[
            ("moon", [120, 120, 118], "the whole face of the moon, unrolled"),
            ("waves", [30, 60, 130], "the sea before a storm"),
            ("eta-carinae", [200, 60, 30], "a nebula, embers"),
            ("retina", [180, 20, 30], "the ground of an eye, vessels"),
        ])
    }

    fn plan_by(&self, shots: &str, words: &Words) -> Plan {
        let text = format!("[film]\ntitle = \"T\"\nsize = [64, 32]\n[[scene]]\nname = \"s\"\n{shots}");
        let film: Film = heirloom_film::parse("film.toml", &text)
            .unwrap_or_else(|p| panic!("{p}"))
            .film;
        let gate = SourceGate::new(&self.vault, "2026-11-22".parse().unwrap());
        let desk = Desk {
            words,
            measured: &Photographs::new(&self.vault),
            explain: true,
        };
        plan_with(
            &film,
            self.folder.path(),
            &self.vault,
            &self.engines,
            &gate,
            &desk,
        )
        .unwrap()
    }

    fn plan(&self, shots: &str) -> Plan {
        self.plan_by(shots, &Words::built_in())
    }

    /// The request and the explanation of one living shot.
    fn living(&self, prompt: &str, more: &str) -> (Request, String) {
        let plan = self.plan(&shot("living", prompt, more));
        assert!(plan.objections.is_empty(), "{}", plan.objections[0]);
        let Work::Draw { request, .. } = &plan.shots[0].work else {
            panic!("a plate")
        };
        ((**request).clone(), plan.words[0].to_string())
    }

    fn objection(&self, prompt: &str) -> String {
        let plan = self.plan(&shot("living", prompt, ""));
        assert!(plan.shots.is_empty(), "{:?}", plan.shots);
        plan.objections[0].to_string()
    }

    fn sources(&self) -> Vec<Source> {
        Archive::new(&self.vault).sources().unwrap()
    }

    fn stems(&self, request: &Request) -> Vec<String> {
        let all = self.sources();
        let stem = |object: &heirloom_vault::ObjectId| {
            all.iter().find(|s| s.object == *object).unwrap().stem.clone()
        };
        request.sources.iter().map(stem).collect()
    }
}

fn shot(kind: &str, prompt: &str, more: &str) -> String {
    format!("[[scene.shot]]\nname = \"010\"\nframes = 24\nkind = \"{kind}\"\nprompt = \"{prompt}\"\n{more}\n")
}

/// An engine with the card that words need; it draws nothing here.
mod engine {
    use heirloom_engine::card::{Card, Lengths, Price, Rates, Repeats, Sizes, Text};
    use heirloom_engine::local::{Control, Generator, LocalEngine, Stop};
    use heirloom_engine::{Draft, Failure, Inputs, Order, TakeFrames, TakeManifest, Task};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    pub struct Idle(Card);

    pub fn engine() -> LocalEngine<Idle> {
        LocalEngine::new(Idle(Card {
            engine: "idle".into(),
            revision: 1,
            about: "makes nothing".into(),
            tasks: BTreeSet::from([Task::Living, Task::Still, Task::Becoming]),
            text: Text::Ignored,
            sources: (1, 8),
            guides: false,
            lengths: Lengths::any(1000),
            sizes: Sizes::UpTo {
                max_pixels: 1 << 20,
                min_side: 16,
            },
            rates: Rates::Any,
            seeded: true,
            repeats: Repeats::Everywhere,
            price: Price::Free,
            local: true,
            settings: Default::default(),
            of_task: Default::default(),
            params: Default::default(),
        }))
    }

    impl Generator for Idle {
        fn card(&self) -> &Card {
            &self.0
        }
        fn generate(&self, _: &Order, _: &Control) -> Result<Vec<Draft>, Stop> {
            Err(Failure::lasting("idle", "this engine makes nothing").into())
        }
        fn open(&self, _: &TakeManifest, _: Arc<dyn Inputs>) -> Result<Box<dyn TakeFrames>, Failure> {
            Err(Failure::lasting("idle", "this engine makes nothing"))
        }
    }
}

const ONE: &str = "sources = [\"archive:waves\"]";

#[test]
fn words_of_motion_set_what_is_not_written_by_hand() {
    let room = Room::usual();
    let (request, told) = room.living("slow drift to the left, accelerating", ONE);
    assert_eq!(request.word("flow"), Some("drift"));
    assert_eq!(request.number("speed"), Some(0.5));
    assert_eq!(request.number("direction_deg"), Some(180.0));
    assert_eq!(request.number("accelerate"), Some(0.8));
    assert!(
        told.contains("drift -> flow drift") && told.contains("slow -> speed 0.5"),
        "{told}"
    );
    // The same in the other two languages, with accents and without.
    for prompt in [
        "dérive lente vers la gauche, en accélérant",
        "derive lente vers la gauche, en accelerant",
        "deriva lenta hacia la izquierda, acelerando",
    ] {
        let (other, _) = room.living(prompt, ONE);
        assert_eq!(other.id().unwrap(), request.id().unwrap(), "{prompt}");
    }
    // What is written by hand stays, key by key.
    let hand = format!("{ONE}\nmotion = {{ flow = \"spiral\", speed = 0.9 }}");
    let (request, told) = room.living("slow drift, steady", &hand);
    assert_eq!(request.word("flow"), Some("spiral"));
    assert_eq!(request.number("speed"), Some(0.9));
    assert_eq!(request.number("steady"), Some(0.9));
    assert!(
        told.contains("drift -> nothing: motion.flow is written by hand"),
        "{told}"
    );
    assert!(
        told.contains("slow -> nothing: motion.speed is written by hand"),
        "{told}"
    );
    // A rise counts its direction from upwards.
    let (request, _) = room.living("embers rising", ONE);
    assert_eq!(
        (request.word("flow"), request.number("direction_deg")),
        (Some("rise"), Some(0.0))
    );
    let (request, _) = room.living("ashes falling", ONE);
    assert_eq!(
        (request.word("flow"), request.number("direction_deg")),
        (Some("drift"), Some(270.0))
    );
}

#[test]
fn a_no_turns_words_off_or_around() {
    let room = Room::usual();
    let (plain, _) = room.living("", &format!("{ONE}\nmood = \"\""));
    let (request, told) = room.living("does not drift", ONE);
    assert_eq!(request.id().unwrap(), plain.id().unwrap(), "{told}");
    assert!(told.contains("drift -> nothing: \"not\" turns it off"), "{told}");
    let (fast, told) = room.living("never fast", ONE);
    let (slow, _) = room.living("slow", ONE);
    assert_eq!(fast.id().unwrap(), slow.id().unwrap(), "{told}");
    assert!(told.contains("(\"never\" turns it to `slow`)"), "{told}");
    for (prompt, language) in [
        ("the sea without red", Language::English),
        ("la mer sans rouge", Language::French),
        ("el mar sin rojo", Language::Spanish),
    ] {
        let (request, told) = room.living(prompt, ONE);
        let palette = Palette::parse(request.word("palette").unwrap()).unwrap();
        assert_eq!(palette.0[0].weight, -1.0, "{told}");
        assert!(told.contains("away from 0.58 0.21 28°"), "{told}");
        assert!(told.contains(&format!("read in {language}")), "{told}");
    }
    let (request, _) = room.living("la mer ne bouge pas", ONE);
    assert_eq!(request.word("flow"), Some("hold"));
}

#[test]
fn a_rewording_that_does_the_same_is_the_same_request() {
    let room = Room::usual();
    let both = "sources = [\"archive:waves\", \"archive:moon\"]";
    let (one, _) = room.living("crimson dusk over the ocean, calm", both);
    for prompt in [
        "carmine dusk above the sea, calm",
        "calm, the sea at nightfall, crimson",
        "la mer cramoisie à la tombée de la nuit, calme",
        "el mar carmesí al anochecer, calma",
    ] {
        let (other, told) = room.living(prompt, both);
        assert_eq!(other.id().unwrap(), one.id().unwrap(), "{prompt}\n{told}");
    }
    assert_eq!((one.prompt.as_str(), one.mood.as_str()), ("", ""));
    let (other, _) = room.living("crimson dusk over the moon, calm", both);
    assert_ne!(other.id().unwrap(), one.id().unwrap());
}

#[test]
fn colours_and_light_are_wished_for() {
    let room = Room::usual();
    let (request, told) = room.living("crimson, slightly golden, dark", ONE);
    let palette = Palette::parse(request.word("palette").unwrap()).unwrap();
    let weight = |l: f64| palette.0.iter().find(|w| w.lightness == Some(l)).unwrap().weight;
    assert_eq!((weight(0.55), weight(0.79), weight(0.18)), (1.0, 0.5, 1.0));
    assert!(
        told.contains("crimson -> palette 0.55 0.21 22°, 40 % of its weight; the sources have none of it"),
        "{told}"
    );
    // A blocked or whole picture has none of it, and says so.
    let becoming = shot(
        "becoming",
        "crimson",
        "from = \"archive:moon\"\nto = \"archive:waves\"",
    );
    let plan = room.plan(&becoming);
    let Work::Draw { request, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    assert_eq!(request.word("palette"), None);
    let told = plan.words[0].to_string();
    assert!(
        told.contains("crimson -> nothing: a becoming shows both photographs whole"),
        "{told}"
    );
}

#[test]
fn amounts_are_set_and_a_still_is_held() {
    let room = Room::usual();
    let (request, _) = room.living("vast, silky, very calm and nervous", ONE);
    assert_eq!(request.number("scale"), Some(0.6));
    assert_eq!(request.number("finish"), Some(0.85));
    let steady = request.number("steady").unwrap();
    assert!((steady - 0.55).abs() < 0.011, "{steady}");
    let hand = format!("{ONE}\nscale = 2.0\nfinish = 0.1");
    let (request, told) = room.living("vast and silky", &hand);
    assert_eq!(
        (request.number("scale"), request.number("finish")),
        (Some(2.0), Some(0.1))
    );
    assert!(
        told.contains("vast -> nothing: scale is written by hand"),
        "{told}"
    );
    let plan = room.plan(&shot("still", "a slow drift", ONE));
    let Work::Draw { request, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    assert_eq!((request.word("flow"), request.number("speed")), (None, None));
    let told = plan.words[0].to_string();
    assert!(
        told.contains("slow, drift -> nothing: a still without a `motion` is held"),
        "{told}"
    );
    // Held by words: what moves nothing is not in the request either.
    let (held, _) = room.living("perfectly motionless", ONE);
    let (slow, told) = room.living("motionless, slow", ONE);
    assert_eq!(held.id().unwrap(), slow.id().unwrap(), "{told}");
}

#[test]
fn named_sources_are_weighed() {
    let room = Room::usual();
    let both = "sources = [\"archive:waves\", \"archive:moon\"]";
    let (request, told) = room.living("la lune", both);
    assert_eq!(request.word("weights"), Some("0.25,1"));
    assert!(
        told.contains("lune -> weighs archive:moon 1 (its name) against archive:waves 0.25"),
        "{told}"
    );
    let (request, told) = room.living("the moon and the sea", both);
    // A name says more than a caption.
    assert_eq!(request.word("weights"), Some("0.63,1"), "{told}");
    let (request, _) = room.living("the sea without the moon", both);
    assert_eq!(request.word("weights"), Some("1,0.05"));
    let (request, told) = room.living("a dream", both);
    assert_eq!(request.word("weights"), None, "{told}");
    // Colours weigh as well.
    let (request, told) = room.living("blue", both);
    assert_eq!(request.word("weights"), Some("1,0.25"), "{told}");
    assert!(told.contains("weighs archive:waves 1 (its colours)"), "{told}");
}

#[test]
fn sources_that_are_not_named_are_chosen() {
    let room = Room::usual();
    let (request, told) = room.living("the moon, slowly turning", "");
    assert_eq!(room.stems(&request), ["moon"]);
    assert!(told.contains("moon -> chose archive:moon (its name)"), "{told}");
    let (request, told) = room.living("vasos en el ojo", "");
    assert_eq!(room.stems(&request), ["retina"], "{told}");
    let (request, told) = room.living("something ruby", "");
    assert_eq!(room.stems(&request)[0], "retina", "{told}");
    assert!(told.contains("chose archive:retina (its colours"), "{told}");
    let words = room.objection("a bicycle");
    assert!(
        words.contains("no photograph has a word of its prompt") && words.contains("sources = [\"archive:"),
        "{words}"
    );
    // Nothing to go by at all is an error of the file.
    let text = "[film]\ntitle = \"T\"\n[[scene]]\nname = \"s\"\n[[scene.shot]]\nname = \"1\"\nframes = 4\nkind = \"living\"\n";
    let problems = heirloom_film::parse("film.toml", text).unwrap_err().to_string();
    assert!(problems.contains("has no `sources`"), "{problems}");
}

#[test]
fn a_tie_and_a_refusal_say_the_mend() {
    // Of one colour nearly, so that only words tell them apart.
    let gray = |v: u8| [v, v, v];
    let room = Room::new(&[
        ("leaf-1", gray(90), "a leaf"),
        ("leaf-2", gray(91), "a leaf"),
        ("leaf-3", gray(92), "a leaf"),
        ("leaf-4", gray(93), "a leaf in autumn"),
        ("lent-wolf", [10, 20, 30], "a wolf"),
    ]);
    let words = room.objection("feuilles");
    assert!(
        words.contains("fit 4 photographs alike") && words.contains("a word that tells them apart"),
        "{words}"
    );
    let (request, told) = room.living("une feuille en automne", "");
    assert_eq!(room.stems(&request)[0], "leaf-4", "{told}");
    let words = room.objection("a wolf");
    assert!(
        words.contains("what its words fit is refused") && words.contains("archive:lent-wolf"),
        "{words}"
    );
}

#[test]
fn every_word_is_told_of_once_and_none_for_what_it_did_not_do() {
    let room = Room::usual();
    let both = "sources = [\"archive:waves\", \"archive:moon\"]\nmood = \"calm, as before anything hurt\"";
    let plan = room.plan(&shot("living", "crimson drift, spiral; the moon, xyzzy", both));
    let words = &plan.words[0];
    let said: Vec<&str> = words.told.iter().map(|t| t.word.as_str()).collect();
    assert_eq!(
        said,
        [
            "crimson", "drift", "spiral", "moon", "xyzzy", "calm", "anything", "hurt"
        ]
    );
    assert!(words.told.iter().all(|t| !t.deeds.is_empty()));
    let Work::Draw { request, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    for told in &words.told {
        for deed in &told.deeds {
            if let Deed::Did(text) = deed
                && let Some(flow) = text.strip_prefix("flow ")
            {
                assert_eq!(request.word("flow"), Some(flow));
            }
        }
    }
    let text = words.to_string();
    assert!(
        text.contains("spiral -> nothing: a shot has one flow, and \"drift\" comes first"),
        "{text}"
    );
    assert!(
        text.contains("xyzzy, anything (mood), hurt (mood) -> nothing: not among the words"),
        "{text}"
    );
    assert!(text.contains("calm (mood) -> speed 0.6"), "{text}");
}

#[test]
fn a_films_own_words_add_and_change() {
    let room = Room::usual();
    let words = Words::built_in()
        .extended(
            "words.toml",
            "[word.gloam]\nen = [\"gloam\", \"owl light\"]\ncolor = [0.3, 0.1, 300]\nspeed = 0.25\n\
             [word.drift]\nen = [\"drift\"]\nflow = \"rise\"\n\
             [word.crimson]\noff = true\n\
             [word.mars]\nfr = [\"la rouge\"]\nflow = \"spiral\"\n",
        )
        .unwrap_or_else(|p| panic!("{p}"));
    let plan = room.plan_by(&shot("living", "owl-light drifts, crimson", ONE), &words);
    let Work::Draw { request, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    assert_eq!(request.word("flow"), Some("rise"));
    assert_eq!(request.number("speed"), Some(0.25));
    assert_eq!(request.word("palette"), Some("0.3 0.1 300 1"));
    // The forms of a replaced word go with it.
    assert!(!words.read("la dérive", "").spoken[0].is_known());
    assert!(Words::built_in().read("la dérive", "").spoken[0].is_known());
}

#[test]
fn mistakes_in_words_toml_have_line_and_mend() {
    let problems = Words::built_in()
        .extended(
            "words.toml",
            "[word.a]\nen = [\"alpha\"]\nflow = \"drfit\"\n\n[word.b]\nen = [\"alpha\"]\ncolour = [1, 0, 0]\n\n\
             [word.c]\nspeed = 99\n\n[word.d]\nen = [\"delta\"]\nnot = \"slwo\"\ncolor = [0.5, 0.1]\n",
        )
        .unwrap_err();
    let text = problems.to_string();
    for words in [
        "words.toml:3:",
        "write \"drift\"",
        "\"alpha\" is English for both `a` and `b`",
        "`colour` is not a key of the word `b`",
        "write `color`",
        "words.toml:10:",
        "`speed` is 99",
        "the word `c` has no forms",
        "there is no word `slwo`",
        "write \"slow\"",
        "a colour is three numbers",
    ] {
        assert!(text.contains(words), "nothing of {words:?} in\n{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Words::of_film(folder.path()).unwrap(), Words::built_in());
    std::fs::write(folder.path().join("words.toml"), "word = 3").unwrap();
    assert!(Words::of_film(folder.path()).is_err());
}

#[test]
fn a_things_name_finds_its_source() {
    let room = Room::usual();
    let sources = room.sources();
    let found =
        |name: &str| source_for(name, &sources).map(|(k, why)| (sources[k].stem.clone(), why.to_string()));
    assert_eq!(
        found("la lune"),
        Some(("moon".into(), "\"lune\" in its name".into()))
    );
    assert_eq!(
        found("mer"),
        Some(("waves".into(), "\"mer\" in its caption".into()))
    );
    assert_eq!(
        found("olas"),
        Some(("waves".into(), "\"olas\" in its name".into()))
    );
    assert_eq!(found("mother"), None);
    assert_eq!(found("not the moon"), None);
}
