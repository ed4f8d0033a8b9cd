//! Map pictures, limits and credits by share, on a take that is known pixel by pixel.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use heirloom_engine::places::{PlaceMap, copying};
use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{CreditsBy, Film, Size};
use heirloom_finish::ShareTable;
use heirloom_finish::attribution::MapPicture;
use heirloom_finish::credits::{SourceInfo, ordered_lines, percent};
use heirloom_finish::limits::{film_breaches, take_breaches};
use heirloom_picture::Image;
use heirloom_vault::{ObjectId, Rights};

/// Grey; its left quarter whole from one photograph, the rest strewn from another.
struct Quarter;

const SIZE: Size = Size {
    width: 32,
    height: 18,
};

fn ids() -> [ObjectId; 2] {
    [ObjectId::of(b"one"), ObjectId::of(b"two")]
}

impl TakeFrames for Quarter {
    fn size(&self) -> Size {
        SIZE
    }
    fn frames(&self) -> u32 {
        2
    }
    fn frame(&self, _: u32) -> Result<Image, Failure> {
        Ok(Image::filled(SIZE.width, SIZE.height, [0.2, 0.2, 0.2, 1.0]))
    }
    fn origins(&self, _: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        let [one, two] = ids();
        let (source, sx, sy) = if x < 8 {
            (one, x + 10, y + 5)
        } else {
            (two, (x * 37 + y * 11) % 60, (x * 13 + y * 29) % 40)
        };
        Ok(vec![Origin {
            source,
            x: f64::from(sx),
            y: f64::from(sy),
            scaled_to: (64, 48),
            scaled_x: f64::from(sx),
            scaled_y: f64::from(sy),
            weight: 1.0,
            finished: false,
            frame: None,
        }])
    }
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        let [one, two] = ids();
        Ok(vec![
            Share {
                source: one,
                share: 0.25,
            },
            Share {
                source: two,
                share: 0.75,
            },
        ])
    }
}

fn lookup(id: &ObjectId) -> Option<SourceInfo> {
    let (name, owner) = if *id == ids()[0] {
        ("sea", "Ada")
    } else {
        ("moon", "Zoe")
    };
    Some(SourceInfo {
        name: name.into(),
        file_name: format!("{name}.png"),
        width: 64,
        height: 48,
        rights: Some(Rights::new(owner, "own work")),
        revoked: false,
    })
}

#[test]
fn pieces_and_shares_are_those_of_the_take() {
    let map = PlaceMap::read(&Quarter, 0).unwrap().unwrap();
    let shares: Vec<f64> = map.shares().to_vec();
    assert_eq!(shares, [0.25, 0.75]);
    let found = copying(&map, &|_| false).unwrap();
    assert_eq!((found.source, found.largest_of_frame), (ids()[0], 0.25));
    assert!((found.largest_of_photograph - 144.0 / (64.0 * 48.0)).abs() < 1e-9);
    // Judged by itself the whole piece is a copy; without it nothing is.
    let alone = copying(&map, &|i| i % 32 >= 8).unwrap();
    assert!(alone.largest_of_frame > 0.999 && alone.in_place > 0.999 && (alone.judged - 0.25).abs() < 1e-9);
    let rest = copying(&map, &|i| i % 32 < 8).unwrap();
    assert!(rest.nearness() < 0.1, "{rest:?}");
}

#[test]
fn a_map_picture_shows_where_things_come_from() {
    let table = ShareTable::of_take("one 010", &Quarter, &lookup).unwrap();
    assert_eq!(table.owners[0].owner, "Zoe");
    assert!(table.to_string().contains("75 %  archive:moon"), "{table}");
    let map = PlaceMap::read(&Quarter, 1).unwrap().unwrap();
    let frame = Quarter.frame(1).unwrap();
    let wanted = MapPicture {
        title: "one / 010".into(),
        note: "a note".into(),
        frame: &frame,
        places: &map,
        shares: &table,
        shares_of: "shares of the whole take".into(),
    };
    let photograph = |_: &ObjectId| Some(Image::filled(64, 48, [0.5, 0.5, 0.5, 1.0]));
    let picture = wanted.draw(&photograph);
    assert_eq!(picture, wanted.draw(&photograph));
    let at = |x: u32, y: u32| picture.codes[(y * picture.width + x) as usize];
    // The frame is grey; the map beside it has colour, another one for each photograph.
    let grey = at(300, 250);
    assert!(
        grey[0].abs_diff(grey[1]) < 3 && grey[1].abs_diff(grey[2]) < 3,
        "{grey:?}"
    );
    let (left, right) = (at(36 + 786 + 36 + 60, 250), at(36 + 786 + 36 + 700, 250));
    let spread = |c: [u8; 3]| c.iter().max().unwrap() - c.iter().min().unwrap();
    assert!(spread(left) > 25 && left != right, "{left:?} {right:?}");
    // Photographs that are not to be had are named all the same.
    assert_eq!(wanted.draw(&|_| None).width, picture.width);
}

#[test]
fn limits_say_who_is_outside_and_how_to_mend_it() {
    let film = |charter: &str| -> Film {
        let text = format!("[film]\ntitle = \"T\"\n[charter.shares]\n{charter}\n");
        heirloom_film::parse("film.toml", &text).unwrap().film
    };
    let table = ShareTable::of_take("T", &Quarter, &lookup).unwrap();
    let means = |call: &heirloom_film::SourceCall| match call.call.as_str() {
        "sea" => Some(ids()[0]),
        "moon" => Some(ids()[1]),
        _ => None,
    };
    let words = |charter: &str| -> Vec<String> {
        let limits = film(charter).charter.shares;
        film_breaches(&limits, &table, &means)
            .into_iter()
            .map(|b| b.words)
            .collect()
    };
    assert_eq!(words("max = 0.75\nmin = 0.25"), [""; 0]);
    let over = words("max = 0.7");
    assert!(
        over.len() == 1 && over[0].contains("archive:moon is 75 %") && over[0].contains("at most 70 %"),
        "{over:?}"
    );
    assert_eq!(
        words("max = 0.7\n[charter.shares.sources]\n\"archive:moon\" = { max = 0.8 }"),
        [""; 0]
    );
    let owner = words("[charter.shares.owners]\nAda = { min = 0.5 }");
    assert!(
        owner.len() == 1 && owner[0].contains("what Ada owns is 25 %"),
        "{owner:?}"
    );
    let gone = words("[charter.shares.sources]\n\"archive:mars\" = { min = 0.1 }");
    assert!(
        gone.len() == 1 && gone[0].contains("archive:mars is 0 %"),
        "{gone:?}"
    );
    // A take of one source is all of it, whatever the limit.
    let one = ShareTable::of_shares(
        "T",
        1,
        &[Share {
            source: ids()[0],
            share: 1.0,
        }],
        &lookup,
    );
    let limits = film("max = 0.1").charter.shares;
    assert!(take_breaches(&limits, &one, &means).is_empty());
    assert_eq!(take_breaches(&limits, &table, &means).len(), 2);
}

#[test]
fn credits_go_by_share_or_by_name_and_say_shares() {
    let shares = Quarter.shares().unwrap();
    let mut film = Film::new("T");
    let owners = |film: &Film| -> Vec<(String, String)> {
        let lines = ordered_lines(film, &shares, &lookup);
        lines.into_iter().map(|l| (l.owner, l.terms)).collect()
    };
    assert_eq!(owners(&film)[0], ("Zoe".into(), "own work".into()));
    (film.credits_by, film.credits_shares) = (CreditsBy::Name, true);
    assert_eq!(owners(&film)[0], ("Ada".into(), "own work, 25 %".into()));
    let said: Vec<String> = [0.0, 0.0004, 0.034, 0.0997, 1.0]
        .into_iter()
        .map(percent)
        .collect();
    assert_eq!(said, ["0 %", "less than 0.1 %", "3.4 %", "10 %", "100 %"]);
}
