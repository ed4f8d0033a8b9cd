//! What may be learnt from, whether there is enough of it, and which checkpoint is kept.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_archive::fingerprint::{Fingerprint, fingerprint};
use heirloom_archive::{AddOptions, Archive, Source};
use heirloom_picture::measure::View;
use heirloom_picture::png;
use heirloom_style::make::MakeOptions;
use heirloom_style::style::Styles;
use heirloom_style::training::{
    Checked, Chosen, Kept, Learnt, LookAt, Looks, Nearest, Record, Said, Weight, Whose, caption, check,
    choose, curves, keep, rank, stamped, tell_trained, watermark,
};
use heirloom_vault::rights::declaration;
use heirloom_vault::{Actor, Consent, LoraFacts, ObjectId, Use, Vault, Verb};
use jiff::civil::{Date, date};
use tempfile::TempDir;

const TODAY: Date = date(2026, 11, 26);
const SIZE: (u32, u32) = (240, 180);

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// Discs and bands in colours, at other places for each `kind`.
fn codes(kind: u64) -> Vec<[u8; 3]> {
    let mut chance = Chance(kind.wrapping_mul(7919) + 17);
    for _ in 0..8 {
        chance.next();
    }
    let (width, height) = SIZE;
    let discs: Vec<[f32; 6]> = (0..14)
        .map(|_| {
            [
                chance.next() * width as f32,
                chance.next() * height as f32,
                10.0 + 45.0 * chance.next(),
                chance.next(),
                chance.next(),
                chance.next(),
            ]
        })
        .collect();
    let ground = [chance.next(), chance.next(), chance.next()];
    (0..width * height)
        .map(|n| {
            let (x, y) = ((n % width) as f32, (n / width) as f32);
            let mut color = ground;
            for [cx, cy, r, red, green, blue] in &discs {
                let far = ((x - cx).powi(2) + (y - cy).powi(2)).sqrt();
                // Edges of a pixel.
                let share = ((r - far) / 1.2).clamp(0.0, 1.0);
                for (c, other) in color.iter_mut().zip([red, green, blue]) {
                    *c += (other - *c) * share;
                }
            }
            color.map(|c| (30.0 + 190.0 * c) as u8)
        })
        .collect()
}

/// Seven rows of five pixels for a few letters.
const FONT: [(char, [u8; 7]); 8] = [
    ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('J', [7, 2, 2, 2, 2, 18, 12]),
    ('U', [17, 17, 17, 17, 17, 17, 14]),
    ('N', [17, 25, 21, 19, 17, 17, 17]),
    ('E', [31, 16, 16, 30, 16, 16, 31]),
];

/// Writes words into a picture.
fn write(codes: &mut [[u8; 3]], words: &str, (left, top): (usize, usize), scale: usize, color: [u8; 3]) {
    let width = SIZE.0 as usize;
    for (n, letter) in words.chars().enumerate() {
        let Some((_, rows)) = FONT.iter().find(|(c, _)| *c == letter) else {
            continue;
        };
        for (y, row) in rows.iter().enumerate() {
            for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
                for at in 0..scale * scale {
                    let (px, py) = (
                        left + (n * 6 + x) * scale + at % scale,
                        top + y * scale + at / scale,
                    );
                    codes[py * width + px] = color;
                }
            }
        }
    }
}

struct Film {
    folder: TempDir,
    vault: Vault,
}

impl Film {
    /// A film with these pictures in a folder, captioned each by itself; the first `clear` of them may be trained on.
    fn with(pictures: &[Vec<[u8; 3]>], clear: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pile = folder.path().join("pile");
        std::fs::create_dir(&pile).unwrap();
        for (n, codes) in pictures.iter().enumerate() {
            save(&pile, n, codes, &format!("a thing of the kind {n}"));
        }
        let vault = Vault::create(&folder.path().join("vault")).unwrap();
        let film = Self { folder, vault };
        film.add();
        for source in film.sources().iter().take(clear) {
            film.clear(source, &[]);
        }
        film
    }

    fn add(&self) {
        let options = AddOptions {
            owner: Some("Robin".into()),
            rights: Some("own work".into()),
            ..AddOptions::default()
        };
        Archive::new(&self.vault)
            .add(&[self.folder.path().join("pile")], &options, &())
            .unwrap();
    }

    fn clear(&self, source: &Source, people: &[&str]) {
        let mut rights = source.standing.rights.clone().unwrap();
        rights.scope = Use::ALL.into();
        rights.people = people.iter().map(|p| (*p).to_owned()).collect();
        let act = declaration(&source.object, &rights, Actor::person("Robin"), true).unwrap();
        self.vault.ledger().append(act).unwrap();
    }

    fn sources(&self) -> Vec<Source> {
        Archive::new(&self.vault).sources().unwrap()
    }

    fn chosen(&self, whose: &Whose, share: f64) -> Chosen {
        choose(self.vault.ledger(), &self.sources(), whose, share, TODAY).unwrap()
    }

    fn checked(&self) -> Checked {
        let looks = Looks {
            area: SIZE.0 as usize * SIZE.1 as usize,
            trigger: "hlfather",
            faces: None,
        };
        check(&self.vault, &self.chosen(&Whose::Style, 0.0), &looks, &()).unwrap()
    }
}

fn save(pile: &Path, n: usize, codes: &[[u8; 3]], words: &str) {
    png::write8(&pile.join(format!("p{n:02}.png")), codes, SIZE.0, SIZE.1).unwrap();
    std::fs::write(pile.join(format!("p{n:02}.txt")), words).unwrap();
}

fn pile(count: u64) -> Vec<Vec<[u8; 3]>> {
    (0..count).map(codes).collect()
}

fn kinds(checked: &Checked) -> Vec<&'static str> {
    checked.findings.iter().map(|f| f.kind).collect()
}

#[test]
fn only_what_may_be_trained_on_is_learnt_from_and_a_share_is_held_out() {
    let film = Film::with(&pile(40), 36);
    let chosen = film.chosen(&Whose::Style, 0.25);
    assert_eq!(chosen.trained.len() + chosen.held_out.len(), 36);
    assert_eq!(chosen.left_out.len(), 4);
    assert!(
        chosen
            .left_out
            .iter()
            .all(|l| l.why.contains("outside scope: \"train\""))
    );
    assert!(
        (3..=18).contains(&chosen.held_out.len()),
        "{}",
        chosen.held_out.len()
    );
    // By each one's own hash: whatever else comes, the same ones are held out.
    let objects = |of: &[Source]| of.iter().map(|s| s.object).collect::<Vec<ObjectId>>();
    for n in 40..50 {
        save(&film.folder.path().join("pile"), n, &codes(n as u64), "more");
    }
    film.add();
    for source in film.sources() {
        film.clear(&source, &[]);
    }
    let later = film.chosen(&Whose::Style, 0.25);
    assert_eq!(later.trained.len() + later.held_out.len(), 50);
    for held in objects(&chosen.held_out) {
        assert!(objects(&later.held_out).contains(&held));
    }
    for learnt in objects(&chosen.trained) {
        assert!(objects(&later.trained).contains(&learnt));
    }
    // Copies of what is held out are held out with it.
    let mut apart = film.chosen(&Whose::Style, 0.25);
    let print = |n: u64| fingerprint(&View::new(&codes(n), SIZE.0, SIZE.1).unwrap());
    let mut prints: BTreeMap<ObjectId, Fingerprint> = BTreeMap::new();
    for (n, source) in apart.trained.iter().chain(&apart.held_out).enumerate() {
        prints.insert(source.object, print(n as u64));
    }
    let before = apart.held_out.len();
    apart.hold_copies_out(&prints);
    assert_eq!(apart.held_out.len(), before, "no two of them are copies");
    let (copy, of) = (apart.trained[3].object, apart.held_out[0].object);
    prints.insert(copy, prints[&of].clone());
    apart.hold_copies_out(&prints);
    assert_eq!(apart.held_out.len(), before + 1);
    assert!(objects(&apart.held_out).contains(&copy));
    // Of a handful, none is; without a share, none.
    let few = Film::with(&pile(4), 4);
    assert!(few.chosen(&Whose::Style, 0.9).held_out.is_empty());
    assert!(film.chosen(&Whose::Style, 0.0).held_out.is_empty());
}

#[test]
fn a_likeness_needs_the_consent_of_whose_it_is_and_others_in_the_picture_too() {
    let film = Film::with(&pile(4), 0);
    let sources = film.sources();
    film.clear(&sources[0], &["Jane"]);
    film.clear(&sources[1], &["Jane", "Ed"]);
    film.clear(&sources[2], &[]);
    let jane = Whose::Person("Jane".into());
    let choose = |whose: &Whose| choose(film.vault.ledger(), &film.sources(), whose, 0.0, TODAY);
    let told = choose(&jane).unwrap_err().to_string();
    assert!(
        told.contains("Jane's likeness") && told.contains("rights grant --person"),
        "{told}"
    );
    let consent = |scope: &[Use], until: Option<Date>| Consent {
        scope: scope.iter().copied().collect(),
        until,
        ..Consent::new("in writing")
    };
    let say = |name: &str, consent: &Consent| {
        film.vault
            .ledger()
            .consent(name, consent, Actor::person("Robin"), true)
            .unwrap();
    };
    say("Jane", &consent(&[Use::Look, Use::Generate], None));
    assert!(
        choose(&jane)
            .unwrap_err()
            .to_string()
            .contains("not to \"train\"")
    );
    say("Jane", &consent(&Use::ALL, Some(date(2020, 1, 1))));
    assert!(
        choose(&jane)
            .unwrap_err()
            .to_string()
            .contains("ended on 2020-01-01")
    );
    say("Jane", &consent(&Use::ALL, None));
    // Ed stands beside her in one, and has not been asked.
    let chosen = choose(&jane).unwrap();
    assert_eq!(chosen.trained.len(), 1);
    assert_eq!(chosen.trained[0].object, sources[0].object);
    let why = |object: ObjectId| {
        chosen
            .left_out
            .iter()
            .find(|l| l.object == object)
            .unwrap()
            .why
            .clone()
    };
    assert!(why(sources[1].object).contains("Ed can be recognised"));
    assert!(why(sources[2].object).contains("nobody says that it shows Jane"));
    // A style or a thing asks everybody in its pictures as well.
    for whose in [Whose::Style, Whose::Thing("boat".into())] {
        let chosen = choose(&whose).unwrap();
        assert_eq!(chosen.trained.len(), 2, "{:?}", chosen.left_out);
    }
    film.vault
        .ledger()
        .revoke_consent("Jane", Actor::person("Jane"), Some("no".into()))
        .unwrap();
    assert!(choose(&jane).unwrap_err().to_string().contains("revoked by Jane"));
    assert_eq!(choose(&Whose::Style).unwrap().trained.len(), 1);
}

#[test]
fn captions_are_what_was_written_else_keywords_else_a_speaking_name() {
    let film = Film::with(&pile(1), 1);
    let mut source = film.sources().remove(0);
    let of = |source: &Source| {
        let caption = caption(source, "hlx");
        (caption.text, caption.said)
    };
    assert_eq!(of(&source), ("hlx, a thing of the kind 0".into(), Said::Written));
    source.caption = "p00".into();
    assert_eq!(of(&source), ("hlx".into(), Said::Nothing));
    source.metadata.keywords = vec!["sea".into(), "boat".into()];
    assert_eq!(of(&source), ("hlx, sea, boat".into(), Said::Keywords));
    source.metadata.caption = Some("The boat at low tide".into());
    assert_eq!(of(&source), ("hlx, The boat at low tide".into(), Said::Written));
    source.metadata = Default::default();
    (source.stem, source.caption) = ("the-old-boat".into(), "the old boat".into());
    assert_eq!(of(&source), ("hlx, the old boat".into(), Said::Named));
    source.caption = "word ".repeat(500);
    assert!(of(&source).0.split(' ').count() < 100);
}

#[test]
fn a_good_set_passes_and_each_fault_of_a_bad_one_is_found() {
    let good = Film::with(&pile(26), 26).checked();
    assert_eq!((good.usable, good.different), (26, 26));
    let wrong: Vec<_> = good
        .findings
        .iter()
        .filter(|f| f.weight != Weight::Advice)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    // Few, two of them the same but for light, one a date burnt in, two without words.
    let mut few = pile(6);
    let lighter: Vec<[u8; 3]> = few[0].iter().map(|c| c.map(|v| v.saturating_add(9))).collect();
    few.push(lighter);
    write(&mut few[2], "JUNE1974", (121, 151), 2, [10, 10, 10]);
    write(&mut few[2], "JUNE1974", (120, 150), 2, [255, 240, 120]);
    let film = Film::with(&few, 7);
    let pile_folder = film.folder.path().join("pile");
    for n in [3, 4] {
        std::fs::rename(
            pile_folder.join(format!("p{n:02}.png")),
            pile_folder.join(format!("IMG_{n}.png")),
        )
        .unwrap();
        std::fs::remove_file(pile_folder.join(format!("p{n:02}.txt"))).unwrap();
    }
    film.add();
    // What is added again is declared again, as the folder's terms have it.
    for source in film.sources() {
        film.clear(&source, &[]);
    }
    let checked = film.checked();
    let found = |kind: &str| {
        let found = checked.findings.iter().find(|f| f.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {:?}", checked.findings))
    };
    assert_eq!(checked.different, 6, "{checked:?}");
    assert_eq!(found("few").weight, Weight::Serious);
    assert!(
        found("few").words.contains("4 more make it 10"),
        "{}",
        found("few").words
    );
    assert!(found("alike").sources[0].contains("p00") && found("alike").sources[0].contains("p06"));
    assert_eq!(found("text").sources.len(), 1, "{:?}", found("text"));
    assert!(found("text").sources[0].contains("p02"));
    assert!(
        found("captions").words.contains("2 have no caption"),
        "{:?}",
        checked.findings
    );
    assert!(
        checked
            .findings
            .windows(2)
            .all(|pair| pair[0].weight <= pair[1].weight)
    );

    // One watermark over all.
    let mut marked = pile(14);
    for codes in &mut marked {
        let own = codes.clone();
        write(codes, "JUNE1974", (20, 60), 4, [255, 255, 255]);
        // Half seen through.
        for (code, before) in codes.iter_mut().zip(own) {
            for (c, b) in code.iter_mut().zip(before) {
                *c = ((u16::from(*c) + u16::from(b)) / 2) as u8;
            }
        }
    }
    let checked = Film::with(&marked, 14).checked();
    assert!(kinds(&checked).contains(&"watermark"), "{:?}", checked.findings);

    // Nothing may be used.
    let none = Film::with(&pile(3), 0).checked();
    assert_eq!(none.usable, 0);
    assert_eq!(none.findings[0].weight, Weight::Serious);
    assert!(kinds(&none).contains(&"rights") && kinds(&none).contains(&"few"));
}

#[test]
fn letters_and_watermarks_are_told_from_pictures_without() {
    let view = |codes: &'_ Vec<[u8; 3]>| -> Option<[f64; 4]> {
        stamped(&View::new(codes, SIZE.0, SIZE.1).unwrap()).map(|mark| mark.region)
    };
    for kind in 0..30 {
        let mut codes = codes(kind);
        assert_eq!(view(&codes), None, "{kind}");
        write(&mut codes, "19JUNE74", (130, 160), 2, [10, 10, 10]);
        write(&mut codes, "19JUNE74", (129, 159), 2, [250, 240, 120]);
        let [left, top, width, _] = view(&codes).unwrap_or_else(|| panic!("nothing in {kind}"));
        assert!(
            (left - 129.0 / 240.0).abs() < 0.12 && (top - 159.0 / 180.0).abs() < 0.06,
            "{kind}: {left} {top}"
        );
        assert!(width > 0.2, "{kind}: {width}");
    }
    let plain = pile(20);
    let views: Vec<View<'_>> = plain
        .iter()
        .map(|c| View::new(c, SIZE.0, SIZE.1).unwrap())
        .collect();
    assert_eq!(watermark(&views), None);
    let marked: Vec<Vec<[u8; 3]>> = pile(20)
        .into_iter()
        .map(|mut codes| {
            write(&mut codes, "JUNE", (150, 130), 3, [255; 3]);
            codes
        })
        .collect();
    let views: Vec<View<'_>> = marked
        .iter()
        .map(|c| View::new(c, SIZE.0, SIZE.1).unwrap())
        .collect();
    let [left, top, ..] = watermark(&views).unwrap().region;
    assert!(
        (0.55..0.95).contains(&left) && (0.65..0.9).contains(&top),
        "{left} {top}"
    );
}

fn look(step: u64, train_loss: f64, held_out: &[f64], drift: f64) -> LookAt {
    LookAt {
        step,
        train_loss,
        held_out: held_out.to_vec(),
        drift: Some(drift),
        nearest: None,
        file: format!("checkpoints/step-{step:06}.safetensors"),
        stills: Vec::new(),
        seconds: step as f64,
    }
}

/// Losses of five held-out samples about a mean, each at its own level.
fn held(mean: f64) -> Vec<f64> {
    [0.8, 0.95, 1.0, 1.1, 1.15].iter().map(|of| mean * of).collect()
}

/// The same, some better and some worse, and a little worse in all.
fn about(mean: f64) -> Vec<f64> {
    let by = [0.002, -0.0015, 0.0015, -0.001, 0.0];
    held(mean).iter().zip(by).map(|(loss, by)| loss + by).collect()
}

#[test]
fn where_the_held_out_loss_turns_an_earlier_checkpoint_is_kept_and_it_is_said() {
    // Falls, then rises, while the samples' own falls on; drift falls on too, as what is learnt by heart looks at home.
    let looks = [
        look(100, 0.30, &held(0.310), 2.4),
        look(200, 0.26, &held(0.270), 1.6),
        look(300, 0.22, &about(0.2500), 1.3),
        look(400, 0.19, &held(0.2500), 1.2),
        look(500, 0.15, &held(0.270), 1.1),
        look(600, 0.10, &held(0.300), 1.0),
        look(700, 0.06, &held(0.340), 0.9),
    ];
    let ranking = rank(&looks);
    let steps: Vec<u64> = ranking.order.iter().map(|r| r.step).collect();
    // 300 and 400 cannot be told apart by their losses; 400 drifts less.
    assert_eq!(steps, [400, 300, 200, 500, 600, 100, 700], "{:#?}", ranking.order);
    assert!(
        ranking.order[0].why.contains("is the least"),
        "{}",
        ranking.order[0].why
    );
    assert_eq!(ranking.turned, Some(500));
    assert!(
        ranking.warnings[0].contains("learning by heart: from step 500"),
        "{:?}",
        ranking.warnings
    );

    // Drifts alike: the earlier.
    let mut even = looks.to_vec();
    even[2].drift = Some(1.205);
    assert_eq!(rank(&even).order[0].step, 300);
    // Still falling: nothing turned.
    let falling = &looks[..4];
    assert_eq!((rank(falling).turned, rank(falling).warnings.len()), (None, 0));
    // Rising together with the samples' own is no learning by heart, but a run that runs away.
    let mut away = looks.to_vec();
    away[6].train_loss = 0.9;
    assert_eq!(rank(&away).turned, None);
    // A copy comes last, and is named.
    let mut copying = looks.to_vec();
    copying[3].nearest = Some(Nearest {
        source: "father/beach".into(),
        still: 0,
        likeness: 0.8,
        alike: 0.9,
        is_copy: true,
    });
    let ranking = rank(&copying);
    assert_eq!((ranking.order[0].step, ranking.order[6].step), (300, 400));
    assert!(
        ranking
            .warnings
            .iter()
            .any(|w| w.contains("a copy of archive:father/beach"))
    );
    // Nothing held out: by drift alone. Neither: the first. None at all: none.
    let blind: Vec<LookAt> = looks
        .iter()
        .map(|l| LookAt {
            held_out: Vec::new(),
            ..l.clone()
        })
        .collect();
    assert_eq!(rank(&blind).order[0].step, 700);
    let bare: Vec<LookAt> = blind
        .iter()
        .map(|l| LookAt {
            drift: None,
            ..l.clone()
        })
        .collect();
    assert_eq!(rank(&bare).order[0].step, 100);
    assert!(rank(&[]).order.is_empty());
}

#[test]
fn what_is_trained_and_kept_stands_in_the_ledger_from_photograph_to_lora() {
    let film = Film::with(&pile(8), 6);
    let styles = Styles::new(&film.vault);
    let mut options = MakeOptions::new(TODAY);
    options.fit.size = 17;
    let first = styles
        .make("father", "pile/", &film.sources(), &options, &())
        .unwrap()
        .held;
    let chosen = film.chosen(&Whose::Style, 0.2);
    let learnt = |of: &[Source]| -> Vec<Learnt> {
        let one = |s: &Source| Learnt {
            object: s.object,
            name: s.name(),
            owner: "Robin".into(),
            terms: "own work".into(),
            caption: caption(s, "hlfather").text,
        };
        of.iter().map(one).collect()
    };
    let mut record = Record {
        heirloom_training: Record::FORM,
        style: "father".into(),
        style_object: first.id,
        subject: None,
        model: "wan".into(),
        model_id: "id".into(),
        model_title: "Wan".into(),
        expert: None,
        trigger: "hlfather".into(),
        settings: serde_json::json!({}),
        dataset: "hash".into(),
        sources: learnt(&chosen.trained),
        held_out: learnt(&chosen.held_out),
        left_out: Vec::new(),
        prompts: Vec::new(),
        looks: Vec::new(),
        suggestion: None,
        warnings: Vec::new(),
    };
    // In whatever order they come.
    for (step, loss, drift) in [
        (300, 0.25, 1.3),
        (100, 0.31, 2.4),
        (200, 0.27, 1.6),
        (300, 0.25, 1.2),
    ] {
        record.note(look(step, loss, &held(loss), drift));
    }
    assert_eq!(
        record.looks.iter().map(|l| l.step).collect::<Vec<_>>(),
        [100, 200, 300]
    );
    assert_eq!(record.suggestion.as_ref().unwrap().step, 300);
    let losses: Vec<(u64, f64)> = (1..=300).map(|n| (n, 0.4 / (1.0 + n as f64 * 0.01))).collect();
    let svg = curves(&record, &losses, 300);
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<circle").count(), 6);
    assert_eq!(
        svg.matches("r=\"7\"").count(),
        2,
        "the one suggested is not drawn large"
    );

    let training = tell_trained(&film.vault, &record, Actor::person("Robin")).unwrap();
    assert_eq!(
        tell_trained(&film.vault, &record, Actor::person("Robin")).unwrap(),
        training
    );
    let ledger = film.vault.ledger();
    let acts = |verb| ledger.acts(&heirloom_vault::Filter::verb(verb)).unwrap();
    assert_eq!(acts(Verb::Trained).len(), 1);
    let lora = film.vault.put_bytes(b"the LoRA").unwrap();
    let comfy = film.vault.put_bytes(b"the LoRA in another form").unwrap();
    let kept = Kept {
        record: &record,
        training,
        lora,
        comfy,
        facts: LoraFacts {
            id: "a".repeat(64),
            name: "father-2".into(),
            of: "father@2".into(),
            model: "wan".into(),
            trigger: "hlfather".into(),
            step: 300,
        },
        why: "calmer".into(),
        by: Actor::person("Robin"),
    };
    let next = keep(&styles, &first, kept).unwrap();
    assert_eq!(
        (next.style.version, next.style.lora, next.style.before),
        (2, Some(lora), Some(first.id))
    );
    assert_eq!(styles.get("father").unwrap(), next);
    let found = ledger.loras().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].object, found[0].act.why.as_deref()),
        (lora, Some("calmer"))
    );
    // What was trained on, and neither what was held out nor what may not be trained on, though the style has it.
    let mut wanted: Vec<ObjectId> = chosen.trained.iter().map(|s| s.object).collect();
    wanted.sort();
    assert_eq!(found[0].sources, wanted);
    assert!(wanted.len() < next.style.sources.len());
    // Each photograph reaches it, one that was held out the run alone.
    for object in &wanted {
        let touched = ledger.touched_by([*object]).unwrap();
        assert!(touched.objects("lora").contains(&lora));
        assert!(touched.objects("training").contains(&training));
    }
    assert!(film.vault.verify(&()).unwrap().is_sound());
}
