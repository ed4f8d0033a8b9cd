//! The film.toml that a new film begins with.

use crate::read::MAX_NAME;

/// The commented `film.toml` of a new film called `title`. It checks as it stands, before there is any
/// photograph; lines that begin with `#` and no blank are examples that hold once the `#` is gone.
///
/// ```
/// let text = heirloom_film::template("First light");
/// let loaded = heirloom_film::parse("film.toml", &text)?;
/// assert_eq!(loaded.film.title, "First light");
/// assert_eq!(loaded.warnings[0].message, "the film has no shots yet");
/// # Ok::<(), heirloom_film::Problems>(())
/// ```
pub fn template(title: &str) -> String {
    let plain: String = title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let short: String = plain.trim().chars().take(MAX_NAME).collect();
    let title = if short.trim().is_empty() {
        "Untitled"
    } else {
        short.trim()
    };
    let quoted = toml_edit::Value::from(title).to_string();
    TEMPLATE.replacen("TITLE", &quoted, 1)
}

const TEMPLATE: &str = r##"# The plan of a film. `heirloom check` says what is wrong with it, `heirloom make` makes the film.
# Lines that begin with `#` and no blank are examples: delete the `#` to use them.
# Every key, with its range: docs/film-toml.md.

[film]
title = TITLE
rate = "24"                  # frames a second, exact: "24", "25", "24000/1001" ...
size = [1280, 720]           # width and height in pixels, both even
intent = ""                  # what the film is about, in your own words
#sound = "score.wav"         # a sound file in this folder, laid under the film
#scratch_sound = "scratch.wav"   # a sound file laid under the animatic
#title_frames = 48           # length of the title card; 0 for none
#credits_frames = 72         # length of the end credits; 0 for none
#credits_by = "share"        # owners by their share of the film, or "name"

# The limits that you set yourself. What you leave out is the most careful choice.
[charter]
synthetic_performers = "never"   # "never", "with-consent" or "allowed"
synthetic_voices = "never"       # "never", "with-consent" or "allowed"
sources = "cleared-only"         # only sources with an owner and rights that cover the use
named_artists = "never"          # "never" or "allowed": may prompts name artists to be imitated?
#copies = "warn"             # "warn", "refuse" or "allow": a take that is nearly a copy of one photograph
#faces = "never"             # takes with faces in them go to a person; face_detector finds them
#face_detector = "models/faces.onnx"   # docs/measures.md says which networks can be read
# How much of the film one source, or all sources of one owner, may be.
#[charter.shares]
#max = 0.6

# Who makes the film and who is in it.
#[[people]]
#name = "Your name"
#roles = ["director", "editor"]

# Scenes come in the order of the film, and so do the shots in them. Photographs are called by their
# file's name without the ending, once `heirloom archive add FOLDER` has taken them in.
#[[scene]]
#name = "cosmos"

# living: a photograph that lives. New pictures grow out of its matter, and move.
#[[scene.shot]]
#name = "010"
#frames = 96                 # length: 96 frames at 24 a second are four seconds
#kind = "living"
#prompt = "slow breathing nebula, embers, the dark before"   # `check --explain` says what each word does
#mood = "before anything hurt"
#sources = ["archive:eta-carinae"]   # left out, the words choose
# flow: curl, drift, rise, breathe, spiral or hold; speed: 0 to 4, 1 is the default pace;
# direction: in degrees, 0 to the right, 90 up (for rise 0 is up); steady: 0 lively to 1 steady.
#motion = { flow = "curl", speed = 0.4, direction = 30, steady = 0.5 }
#seed = 7                    # another number, another variation
#finish = 0.5                # 0: every pixel is a sample of a source, 1: the most finish

# becoming: one photograph becomes another.
#[[scene.shot]]
#name = "020"
#frames = 72
#kind = "becoming"
#from = "archive:hubble-deep-field"
#to = "archive:tissue-01"
#dissolve = 12               # frames of overlap with the shot before; leave it out for a cut

# still: a new picture from the matter of its sources, held. With a motion it drifts.
#[[scene.shot]]
#name = "030"
#frames = 48
#kind = "still"
#sources = ["archive:moon/tycho"]   # folder/name, where the name alone is not enough
#scale = 1.0                 # size of the sources' matter; leave it out and it is chosen for you

# plate: a piece of a clip, as it was shot.
#[[scene.shot]]
#name = "040"
#frames = 48
#kind = "plate"
#sources = ["archive:rocket"]
#start = 24                  # the first frame used, counted from 0

# style: a clip in the matter of photographs. strength: 0 the clip itself, 1 all style.
#[[scene.shot]]
#name = "060"
#frames = 48
#kind = "style"
#clip = "archive:rocket"
#strength = 0.8
#sources = ["archive:eta-carinae"]

# slow: a clip in slow motion. extend: a clip gone on with beyond its end.
#[[scene.shot]]
#name = "070"
#frames = 48
#kind = "slow"
#clip = "archive:rocket"
#pace = 0.25
#[[scene.shot]]
#name = "080"
#frames = 36
#kind = "extend"
#clip = "archive:rocket"

# between: the frames between two stills of one scene.
#[[scene.shot]]
#name = "090"
#frames = 24
#kind = "between"
#from = "archive:beach-1"
#to = "archive:beach-2"

# guided: a picture that follows its blocking, in words of the set: metres, degrees, frames of the shot.
# No engine here makes one yet; `heirloom stage animatic` shows it. A shot of any kind may be blocked.
#[[scene.shot]]
#name = "050"
#frames = 96
#kind = "guided"
#prompt = "she carries the child down to the water"
#[scene.shot.blocking]
#sun = { from = [60, 25] }   # azimuth and elevation
#camera = { at = [1.2, 1.4, 5.5], look_at = "mother", lens_mm = 35, film_back = "full-frame" }
# moves: static, dolly, truck, pedestal, crane, orbit, push-in, pan, tilt, roll, zoom, spiral-descent,
# handheld
#moves = [{ kind = "crane", up = 2.5, boom = 5, frames = [0, 72] }, { kind = "handheld", amount = 0.5 }]
# shapes: ground, water, sky, sphere, box, capsule, figure, terrain, billboard
#[[scene.shot.blocking.thing]]
#name = "sea"
#shape = "water"
#at = [0, -0.3, -60]
#[[scene.shot.blocking.thing]]
#name = "mother"
#shape = "figure"
#pose = "cradling"           # standing, walking, sitting, cradling or lying
#marks = [{ frame = 0, at = [0, 0, 1] }, { frame = 90, at = [-0.6, 0, -1.5] }]

# Storyboard drawings stand in the animatic, each for so many frames.
#[[scene.shot.board]]
#picture = "boards/050-a.png"
#frames = 96
#move = { from = [0, 0, 1, 1], to = [0.25, 0, 0.5, 0.5] }   # left, top, width, height in fractions
#caption = "she turns to the water"
"##;
