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

fn photo(name: &str) -> Metadata {
    let photos = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos");
    let (said, warnings) = metadata::read(&std::fs::read(photos.join(name)).unwrap());
    assert_eq!(warnings, [""; 0]);
    said
}

#[test]
fn a_scan_is_dated_by_its_picture_and_not_by_its_scanner() {
    let said = photo("scan.jpg");
    assert_eq!(said.taken.as_deref(), Some("1974-06-02"));
    assert_eq!(said.taken_offset_min, None);
    assert_eq!(
        said.title.as_deref(),
        Some("The beach"),
        "no headline goes before it"
    );
    assert_eq!(said.caption.as_deref(), Some("Father on the beach"));
    assert_eq!(said.place_names, ["North Beach", "Point Reyes", "USA"]);
    assert_eq!(said.people, ["Jean Doe"]);
    assert_eq!(said.keywords, ["beach", "Strände"]);
    assert_eq!(said.camera.as_deref(), Some("EPSON Perfection V600"));
}

#[test]
fn a_camera_says_where_when_and_how() {
    let said = photo("camera.jpg");
    let place = said.place.unwrap();
    assert!((place.latitude_deg + 33.5).abs() < 1e-9 && (place.longitude_deg + 70.25).abs() < 1e-9);
    assert_eq!(place.altitude_m, Some(-12.5));
    assert_eq!(said.taken.as_deref(), Some("2019-07-04T12:30:05"));
    assert_eq!(said.taken_offset_min, Some(-210));
    assert_eq!(said.camera.as_deref(), Some("NIKON D850"));
    assert_eq!(said.lens.as_deref(), Some("50mm f/1.8"));
    assert_eq!(
        (said.focal_length_mm, said.focal_length_35mm),
        (Some(50.0), Some(75.0))
    );
    assert_eq!((said.f_number, said.exposure_s), (Some(2.8), Some(1.0 / 250.0)));
    assert_eq!((said.iso, said.rating), (Some(400), Some(4)));
    assert_eq!(said.creators, ["Ann", "Bea"]);
}

/// A packet of attributes of one description.
fn packet(attributes: &str) -> String {
    format!(
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
        xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:exifEX="http://cipa.jp/exif/1.0/"
        xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
        xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
        {attributes}/></rdf:RDF>"#
    )
}

fn png_with(packet: &str) -> Vec<u8> {
    png(&[(
        b"iTXt",
        [&b"XML:com.adobe.xmp\0\0\0\0\0"[..], packet.as_bytes()].concat(),
    )])
}

#[test]
fn xmp_says_lens_exposure_and_days() {
    let (said, warnings) = metadata::read(&png_with(&packet(
        r#"tiff:Make="Leica" tiff:Model="M6" aux:Lens="Summicron" exif:FocalLength="350/10" exif:FNumber="28/10"
        exif:ExposureTime="1/60" exifEX:PhotographicSensitivity="100" exif:GPSLatitude="1,30S" exif:GPSLongitude="2,0,0E"
        exif:GPSAltitude="25/2" exif:GPSAltitudeRef="1" xmp:CreateDate="2021-11-20T10:11:12+01:00"
        photoshop:DateCreated="1974-06""#,
    )));
    assert_eq!(warnings, [""; 0]);
    assert_eq!(said.camera.as_deref(), Some("Leica M6"));
    assert_eq!(said.lens.as_deref(), Some("Summicron"));
    assert_eq!((said.focal_length_mm, said.f_number), (Some(35.0), Some(2.8)));
    assert_eq!((said.exposure_s, said.iso), (Some(1.0 / 60.0), Some(100)));
    assert_eq!(said.place.unwrap().latitude_deg, -1.5);
    assert_eq!(said.place.unwrap().altitude_m, Some(-12.5));
    assert_eq!(
        (said.taken.as_deref(), said.taken_offset_min),
        (Some("1974-06"), None)
    );
    let (said, _) = metadata::read(&png_with(&packet(
        r#"xmp:CreateDate="2021-11-20T10:11:12+01:00""#,
    )));
    assert_eq!(
        said.taken.as_deref(),
        Some("2021-11-20T10:11:12"),
        "nothing else says when"
    );
    assert_eq!(said.taken_offset_min, Some(60));
}

#[test]
fn windows_titles_and_headlines_stand_behind_titles() {
    let title: Vec<u8> = "Am Meer\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let exif = tiff(&[(0x9c9b, 1, title.len() as u32, title)]);
    let headline = packet(r#"photoshop:Headline="A headline""#);
    let key = &b"XML:com.adobe.xmp\0\0\0\0\0"[..];
    let text = [key, headline.as_bytes()].concat();
    let (said, _) = metadata::read(&png(&[(b"eXIf", exif), (b"iTXt", text)]));
    assert_eq!(said.title.as_deref(), Some("Am Meer"));
    let (said, _) = metadata::read(&png_with(&headline));
    assert_eq!(said.title.as_deref(), Some("A headline"));
}

#[test]
fn two_places_are_not_mixed_up() {
    // IPTC names a state and another country than XMP.
    let record =
        |set: u8, value: &[u8]| [&[0x1c, 2, set], &(value.len() as u16).to_be_bytes()[..], value].concat();
    for (country, names) in [
        ("usa", vec!["Point Reyes", "California", "USA"]),
        ("Spain", vec!["Point Reyes", "USA"]),
    ] {
        let iptc = [record(95, b"California"), record(101, country.as_bytes())].concat();
        let xmp = XMP.as_bytes().to_vec();
        let file = tiff(&[
            (700, 1, xmp.len() as u32, xmp),
            (33_723, 7, iptc.len() as u32, iptc),
        ]);
        assert_eq!(metadata::read(&file).0.place_names, names);
    }
}

#[test]
fn what_is_too_long_or_goes_on_elsewhere_is_said() {
    let long = packet(&format!("tiff:Model=\"{}\"", "x".repeat(1 << 20)));
    let (said, warnings) = metadata::read(&png_with(&long));
    assert!(
        said.is_empty() && warnings[0].contains("longer than 1 MiB"),
        "{warnings:?}"
    );
    let name = b"http://ns.adobe.com/xmp/extension/\0";
    let length = (name.len() as u16 + 2).to_be_bytes();
    let mut file = jpeg();
    file.splice(2..2, [&[0xff, 0xe1], &length[..], name].concat());
    let (said, warnings) = metadata::read(&file);
    assert!(warnings[0].contains("goes on in an extension"), "{warnings:?}");
    of_xmp(&said);
}

#[test]
fn png_says_words_of_its_own() {
    let text = |key: &str, text: &str| (b"iTXt", format!("{key}\0\0\0de\0{key}\0{text}").into_bytes());
    let (said, warnings) = metadata::read(&png(&[
        text("Title", "Am Meer – früh"),
        text("Author", "Ann"),
        text("Description", "Vater"),
        text("Copyright", "© Ann"),
        text("Software", "none"),
    ]));
    assert_eq!(warnings, [""; 0]);
    assert_eq!(said.title.as_deref(), Some("Am Meer – früh"));
    assert_eq!(
        (said.caption.as_deref(), said.copyright.as_deref()),
        (Some("Vater"), Some("© Ann"))
    );
    assert_eq!(said.creators, ["Ann"]);
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
