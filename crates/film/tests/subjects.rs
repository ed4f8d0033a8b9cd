//! What `film.toml` says of subjects, and how mistakes in that are shown.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use heirloom_film::{Film, Picture, Portrait, Shown, SourceCall, Subject, parse};

const BOAT: &str = "[subject.\"the red boat\"]\npictures = [\"archive:boat-1\"]\n";
const SEEN: &str = "subjects = [{ name = \"the red boat\", region = [0.5, 0.25, 0.25, 0.5] }]";

/// A film with these subjects, and one shot of 96 frames with these lines.
fn text(subjects: &str, shot: &str) -> String {
    format!(
        "[film]\ntitle = \"Harbour\"\n{subjects}\n[[scene]]\nname = \"sea\"\n[[scene.shot]]\nname = \"010\"\n\
         frames = 96\nkind = \"living\"\nsources = [\"archive:sea\"]\n{shot}\n"
    )
}

fn film(subjects: &str, shot: &str) -> Film {
    parse("film.toml", &text(subjects, shot)).expect(shot).film
}

fn shown(subjects: &str, shot: &str) -> String {
    parse("film.toml", &text(subjects, shot))
        .expect_err(shot)
        .render(false)
}

#[test]
fn a_subject_has_pictures_and_a_shot_says_where_it_is() {
    let film = film(
        "[subject]\n\"the red boat\" = { pictures = [\"archive:boat-1\", { picture = \"boards/boat.png\", region = \
         [0.25, 0, 0.5, 1] }] }\nanna = { pictures = [\"anna.png\"] }",
        "subjects = [{ name = \"anna\", frame = 95, region = [0, 0, 1, 1] }, { name = \"the red boat\", region = \
         [0.9, 0.9, 0.1, 0.1] }]",
    );
    let whole = [0.0, 0.0, 1.0, 1.0];
    let boat = SourceCall::parse("archive:boat-1").expect("a call");
    assert_eq!(
        film.subjects,
        [
            Subject {
                name: "the red boat".into(),
                pictures: vec![
                    Portrait {
                        picture: Picture::Source(boat),
                        region: whole
                    },
                    Portrait {
                        picture: Picture::File("boards/boat.png".into()),
                        region: [0.25, 0.0, 0.5, 1.0]
                    },
                ]
            },
            Subject {
                name: "anna".into(),
                pictures: vec![Portrait {
                    picture: Picture::File("anna.png".into()),
                    region: whole
                }]
            },
        ]
    );
    let shot = film.shots().next().expect("a shot").1;
    assert_eq!(
        shot.subjects,
        [
            Shown {
                name: "anna".into(),
                frame: 95,
                region: whole
            },
            Shown {
                name: "the red boat".into(),
                frame: 0,
                region: [0.9, 0.9, 0.1, 0.1]
            },
        ]
    );
    // A picture of a subject is no source of the shot.
    assert_eq!(shot.calls().count(), 1);
    assert!(film_without().subjects.is_empty());
}

fn film_without() -> Film {
    film("", "")
}

#[test]
fn mistakes_are_shown_with_their_mend() {
    for (subjects, shot, message, mend) in [
        (
            "",
            SEEN,
            "there is no subject called \"the red boat\"",
            "add `[subject.\"the red boat\"]`",
        ),
        (
            "[subject.\"the red boot\"]\npictures = [\"archive:boat-1\"]\n",
            SEEN,
            "there is no subject called",
            "write \"the red boot\"",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\", frame = 96, region = [0, 0, 1, 1] }]",
            "`frame` is 96, which is out of range",
            "from 0 to 95",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\", region = [0.6, 0, 0.5, 1] }]",
            "reaches out of the frame",
            "in fractions of the frame",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\", region = [0.5, 0.5, 0.01, 0.5] }]",
            "too small",
            "0.02 or more",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\", region = [0, 0, 1] }]",
            "4 numbers are needed here",
            "[0.25, 0.25, 0.5, 0.5]",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\" }]",
            "has no `region`",
            "add `region =",
        ),
        (
            BOAT,
            "subjects = [\"the red boat\"]",
            "must be a table",
            "{ ... }",
        ),
        (
            BOAT,
            "subjects = [{ name = \"the red boat\", region = [0, 0, 1, 1] }, { name = \"the red boat\", region = [0, 0, 1, 1] }]",
            "among the subjects of the shot twice",
            "keep one",
        ),
        (
            BOAT,
            "subject = [{ name = \"the red boat\", region = [0, 0, 1, 1] }]",
            "`subject` is not a key of shot",
            "write `subjects`",
        ),
        (
            "[subject.boat]\n",
            "",
            "subject \"boat\" has no `pictures`",
            "add `pictures = ",
        ),
        (
            "[subject.boat]\npictures = []\n",
            "",
            "has 0 pictures",
            "name 1 to 32",
        ),
        (
            "[subject.boat]\npictures = [\"../boat.png\"]\n",
            "",
            "must lie in the film's folder",
            "copy the file",
        ),
        (
            "[subject.boat]\npictures = [{ picture = \"boat.png\", region = [0, 0.5, 1, 0.6] }]\n",
            "",
            "reaches out of the picture",
            "in fractions of the picture",
        ),
        (
            "[subject.boat]\npictures = [{ region = [0, 0, 1, 1] }]\n",
            "",
            "the picture has no `picture`",
            "add `picture = ",
        ),
        (
            "[subject.\" \"]\npictures = [\"a.png\"]\n",
            "",
            "is no name of a subject",
            "[subject.",
        ),
        (
            "[[subject]]\nname = \"boat\"\n",
            "",
            "must be a table",
            "single brackets",
        ),
        (
            "[subjects.boat]\npictures = [\"a.png\"]\n",
            "",
            "`subjects` is not a key",
            "write `subject`",
        ),
    ] {
        let told = shown(subjects, shot);
        assert!(
            told.contains(message) && told.contains(mend),
            "{subjects}{shot}\n{told}"
        );
        assert!(told.contains("film.toml:"), "{told}");
    }
}
