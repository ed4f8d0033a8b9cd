//! What `film.toml` says of layouts, masks, stars and fills, and how mistakes in them are shown.
#![allow(clippy::expect_used, clippy::panic)] // the lints do not see that helpers of tests are tests

use heirloom_film::{Kind, Layout, LayoutBy, Margins, Picture, Shot, Still, parse};

/// A film of one shot with these lines.
fn film(lines: &str) -> String {
    format!(
        "[film]\ntitle = \"First light\"\n\n[[scene]]\nname = \"shore\"\n\n[[scene.shot]]\nname = \"010\"\nframes = 96\n{lines}\n"
    )
}

fn shot(lines: &str) -> Shot {
    let loaded = parse("film.toml", &film(lines)).expect(lines);
    loaded.film.shots().next().expect("a shot").1.clone()
}

fn shown(lines: &str) -> String {
    parse("film.toml", &film(lines)).expect_err(lines).render(false)
}

fn file(path: &str) -> Picture {
    Picture::File(path.into())
}

const LIVING: &str = "kind = \"living\"\nsources = [\"archive:sky/moon\", \"archive:sea\"]\n";

#[test]
fn a_layout_is_a_drawing_a_board_or_labels() {
    let drawn = shot(&format!(
        "{LIVING}layout = {{ drawing = \"boards/x.png\", strength = 1 }}"
    ));
    assert_eq!(
        drawn.layout,
        Some(Layout {
            by: LayoutBy::Drawing(file("boards/x.png")),
            strength: 1.0
        })
    );
    let boarded = shot(&format!(
        "{LIVING}layout = {{ board = 2 }}\n[[scene.shot.board]]\npicture = \"a.png\"\nframes = 9\n\
         [[scene.shot.board]]\npicture = \"b.png\"\nframes = 9"
    ));
    assert_eq!(
        boarded.layout,
        Some(Layout {
            by: LayoutBy::Board(1),
            strength: Layout::DEFAULT_STRENGTH
        })
    );
    // A source may be called by its stem, with `archive:` or without.
    let labelled = shot(&format!(
        "{LIVING}layout = {{ labels = \"x.png\", sources = {{ \"#ff0000\" = \"moon\", \"#00A0ff\" = \"archive:sea\" }} }}"
    ));
    let layout = labelled.layout.expect("a layout");
    assert_eq!(
        layout.by,
        LayoutBy::Labels {
            picture: file("x.png"),
            sources: vec![([255, 0, 0], 0), ([0, 160, 255], 1)],
        }
    );
}

#[test]
fn what_stands_still_is_a_mask_or_the_stars() {
    let masked = shot(&format!(
        "{LIVING}motion = {{ flow = \"drift\", still = \"masks/x.png\" }}"
    ));
    assert_eq!(masked.still, Some(Still::Mask(file("masks/x.png"))));
    let starry = shot(&format!("{LIVING}motion = {{ still = \"stars\" }}"));
    assert_eq!(starry.still, Some(Still::Stars));
    assert!(matches!(starry.kind, Kind::Living { .. }));
    assert_eq!(shot(LIVING).still, None);
}

#[test]
fn a_fill_has_a_plate_and_a_mask_or_margins() {
    let plain = shot("kind = \"fill\"\nplate = \"archive:ward\"\nmask = \"masks/x.png\"\nseed = 3");
    assert_eq!(plain.seed, 3);
    let calls: Vec<_> = plain.calls().map(ToString::to_string).collect();
    assert_eq!(calls, ["archive:ward"]);
    let Kind::Fill { mask, margins, .. } = plain.kind else {
        panic!("a fill");
    };
    assert_eq!((mask, margins), (Some(file("masks/x.png")), Margins::default()));
    let wider = shot(
        "kind = \"fill\"\nplate = \"archive:ward\"\nsources = [\"archive:sea\"]\n\
         frame = { left = 0.2, right = 0.2, up = 0, down = 0.5 }",
    );
    let Kind::Fill { mask, margins, plate } = wider.kind else {
        panic!("a fill");
    };
    assert_eq!((mask, plate.call.as_str()), (None, "ward"));
    let wanted = Margins {
        left: 0.2,
        right: 0.2,
        up: 0.0,
        down: 0.5,
    };
    assert_eq!((margins, wider.sources.len()), (wanted, 1));
}

macro_rules! snapshots {
    ($($name:ident: $lines:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown(AsRef::<str>::as_ref(&$lines)));
        }
    )*};
}

snapshots! {
    two_layouts: format!("{LIVING}layout = {{ drawing = \"x.png\", board = 1 }}\n[[scene.shot.board]]\npicture = \"a.png\"\nframes = 9");
    a_layout_of_nothing: format!("{LIVING}layout = {{ strength = 0.5 }}");
    a_board_that_is_not_there: format!("{LIVING}layout = {{ board = 1 }}");
    a_board_too_many: format!("{LIVING}layout = {{ board = 2 }}\n[[scene.shot.board]]\npicture = \"a.png\"\nframes = 9");
    labels_without_sources: format!("{LIVING}layout = {{ labels = \"x.png\" }}");
    a_label_of_no_colour: format!("{LIVING}layout = {{ labels = \"x.png\", sources = {{ red = \"moon\" }} }}");
    a_label_of_another_source: format!("{LIVING}layout = {{ labels = \"x.png\", sources = {{ \"#ff0000\" = \"mooon\" }} }}");
    a_drawing_elsewhere: format!("{LIVING}layout = {{ drawing = \"../x.png\" }}");
    a_strength_out_of_range: format!("{LIVING}layout = {{ drawing = \"x.png\", strength = 2 }}");
    a_layout_of_a_becoming: "kind = \"becoming\"\nfrom = \"archive:a\"\nto = \"archive:b\"\nlayout = { drawing = \"x.png\" }";
    a_becoming_that_stands: "kind = \"becoming\"\nfrom = \"archive:a\"\nto = \"archive:b\"\nmotion = { still = \"x.png\" }";
    a_fill_of_nothing: "kind = \"fill\"\nplate = \"archive:ward\"";
    a_fill_that_adds_nothing: "kind = \"fill\"\nplate = \"archive:ward\"\nframe = { left = 0 }";
    a_fill_without_a_plate: "kind = \"fill\"\nmask = \"x.png\"";
    a_fill_that_moves: "kind = \"fill\"\nplate = \"archive:ward\"\nmask = \"x.png\"\nmotion = { flow = \"curl\" }";
    a_mask_of_a_living_shot: format!("{LIVING}mask = \"x.png\"");
}
