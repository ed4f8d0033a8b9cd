//! What files say of their pictures, in every container, and files that say nothing sound.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_picture::metadata::{self, Metadata};
use proptest::prelude::*;

/// One directory, little-endian: each entry's tag, type, count and value bytes.
fn tiff(entries: &[(u16, u16, u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    out.extend((entries.len() as u16).to_le_bytes());
    let mut tail: Vec<u8> = Vec::new();
    let start = 8 + 2 + entries.len() * 12 + 4;
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(count.to_le_bytes());
        if value.len() <= 4 {
            let mut four = value.clone();
            four.resize(4, 0);
            out.extend(four);
        } else {
            out.extend(((start + tail.len()) as u32).to_le_bytes());
            tail.extend(value);
        }
    }
    out.extend([0; 4]);
    out.extend(tail);
    out
}

fn ascii(tag: u16, text: &str) -> (u16, u16, u32, Vec<u8>) {
    let value = [text.as_bytes(), b"\0"].concat();
    (tag, 2, value.len() as u32, value)
}

fn exif() -> Vec<u8> {
    let keywords: Vec<u8> = "sea;dög\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    tiff(&[
        ascii(0x010e, "from EXIF"),
        ascii(0x010f, "NIKON CORPORATION"),
        ascii(0x0110, "NIKON F3"),
        ascii(0x013b, "Ann"),
        (0x9c9e, 1, keywords.len() as u32, keywords),
    ])
}

const XMP: &str = r#"<?xpacket?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"
 xmp:Rating="4" photoshop:City="Point Reyes" exif:GPSLatitude="37,48.0S" exif:GPSLongitude="122,30,36W">
 <photoshop:Country>USA</photoshop:Country><photoshop:DateCreated>1978-08-01T12:30:05-07:00</photoshop:DateCreated>
 <dc:description><rdf:Alt><rdf:li xml:lang="de">Meer</rdf:li><rdf:li xml:lang="x-default">from XMP</rdf:li></rdf:Alt>
 </dc:description><dc:subject><rdf:Bag><rdf:li>beach</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
 <r:Regions><rdf:Bag><rdf:li><rdf:Description r:Name="Bea" r:Type="Face"/></rdf:li>
 <rdf:li rdf:parseType="Resource"><r:Name>Rex</r:Name><r:Type>Pet</r:Type></rdf:li></rdf:Bag></r:Regions>
 </rdf:Description></rdf:RDF></x:xmpmeta>"#;

fn iptc() -> Vec<u8> {
    let record =
        |set: u8, value: &[u8]| [&[0x1c, 2, set], &(value.len() as u16).to_be_bytes()[..], value].concat();
    [
        record(5, b"from IPTC"),
        record(120, b"not seen"),
        record(25, b"sea"),
        record(25, b"sand"),
    ]
    .concat()
}

fn resources() -> Vec<u8> {
    let iptc = iptc();
    [b"8BIM\x04\x04\0\0", &(iptc.len() as u32).to_be_bytes()[..], &iptc].concat()
}

fn jpeg() -> Vec<u8> {
    let segment = |marker: u8, head: &[u8], body: &[u8]| {
        let length = (head.len() + body.len() + 2) as u16;
        [&[0xff, marker], &length.to_be_bytes()[..], head, body].concat()
    };
    [
        vec![0xff, 0xd8],
        segment(0xe1, b"Exif\0\0", &exif()),
        segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()),
        segment(0xed, b"Photoshop 3.0\0", &resources()),
        vec![0xff, 0xd9],
    ]
    .concat()
}

fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in chunks {
        out.extend((body.len() as u32).to_be_bytes());
        out.extend(*kind);
        out.extend(body);
        out.extend([0; 4]);
    }
    out
}

/// zlib with one stored block.
fn stored(text: &[u8]) -> Vec<u8> {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in text {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = text.len() as u16;
    [
        &[0x78, 1, 1],
        &length.to_le_bytes()[..],
        &(!length).to_le_bytes(),
        text,
        &((b << 16) | a).to_be_bytes(),
    ]
    .concat()
}

fn webp() -> Vec<u8> {
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    for (kind, body) in [(b"EXIF", exif()), (b"XMP ", XMP.as_bytes().to_vec())] {
        out.extend(kind);
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(&body);
        out.extend(vec![0; body.len() % 2]);
    }
    out
}

fn whole_tiff() -> Vec<u8> {
    let (xmp, resources) = (XMP.as_bytes().to_vec(), resources());
    tiff(&[
        ascii(0x0110, "NIKON F3"),
        (700, 1, xmp.len() as u32, xmp),
        (34_377, 7, resources.len() as u32, resources),
    ])
}

fn of_xmp(said: &Metadata) {
    assert_eq!(said.caption.as_deref(), Some("from XMP"));
    assert_eq!(said.rating, Some(4));
    assert_eq!(said.people, ["Bea"]);
    assert_eq!(said.place_names, ["Point Reyes", "USA"]);
    assert_eq!(said.taken.as_deref(), Some("1978-08-01T12:30:05"));
    assert_eq!(said.taken_offset_min, Some(-420));
    let place = said.place.unwrap();
    assert!((place.latitude_deg + 37.8).abs() < 1e-9 && (place.longitude_deg + 122.51).abs() < 1e-9);
    assert_eq!(said.camera.as_deref(), Some("NIKON F3"));
}

#[test]
fn a_jpeg_says_all_three_in_their_order() {
    let (said, warnings) = metadata::read(&jpeg());
    assert_eq!(warnings, [""; 0]);
    of_xmp(&said);
    assert_eq!(said.title.as_deref(), Some("from IPTC"));
    assert_eq!(said.keywords, ["beach", "sea", "sand", "dög"]);
    assert_eq!(said.creators, ["Ann"]);
}

#[test]
fn tiff_and_webp_keep_theirs_elsewhere() {
    let (said, warnings) = metadata::read(&whole_tiff());
    assert_eq!(warnings, [""; 0]);
    of_xmp(&said);
    assert_eq!(said.keywords, ["beach", "sea", "sand"]);
    let (said, _) = metadata::read(&webp());
    of_xmp(&said);
    assert_eq!(said.keywords, ["beach", "sea", "dög"]);
}

#[test]
fn png_packs_its_xmp_or_not() {
    let key = b"XML:com.adobe.xmp\0";
    for (flag, text) in [(0, XMP.as_bytes().to_vec()), (1, stored(XMP.as_bytes()))] {
        let packet = [&key[..], &[flag, 0, 0, 0], &text].concat();
        let file = png(&[
            (b"iTXt", packet),
            (b"eXIf", exif()),
            (b"tEXt", b"Title\0A t\xeftle".to_vec()),
        ]);
        let (said, warnings) = metadata::read(&file);
        assert_eq!(warnings, [""; 0]);
        of_xmp(&said);
        assert_eq!(said.title.as_deref(), Some("A tïtle"));
    }
    let broken = [&key[..], &[1, 0, 0, 0], b"no zlib"].concat();
    let (said, warnings) = metadata::read(&png(&[(b"iTXt", broken)]));
    assert!(
        said.is_empty() && warnings[0].contains("unpacked"),
        "{warnings:?}"
    );
}

#[test]
fn positions_that_are_nowhere_are_passed_over() {
    let far = XMP.replace("122,30,36W", "182,30,36W");
    let packet = [&b"XML:com.adobe.xmp\0\0\0\0\0"[..], far.as_bytes()].concat();
    assert_eq!(metadata::read(&png(&[(b"iTXt", packet)])).0.place, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_stops_the_program(
        which in 0..4_usize,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut file = [jpeg(), whole_tiff(), webp(), png(&[(b"eXIf", exif())])][which].clone();
        for (place, value) in hits {
            let place = place.index(file.len());
            file[place] = value;
        }
        drop(metadata::read(&file));
        file.truncate(cut.index(file.len()));
        file.extend(noise);
        let (said, _) = metadata::read(&file);
        prop_assert!(said.keywords.len() <= 200);
        prop_assert!(said.caption.is_none_or(|text| text.chars().count() <= 2000));
    }
}
