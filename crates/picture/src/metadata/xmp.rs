//! XMP: an XML packet of properties, as attributes or as elements.

use roxmltree::{Document, Node, ParsingOptions};

use super::exif::camera;
use super::words::{self, MOST_KEYWORDS};
use super::{Metadata, Place, Said};

/// Bytes of a packet that are read.
pub(super) const MOST_BYTES: usize = 1 << 20;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const XMP: &str = "http://ns.adobe.com/xap/1.0/";
const RIGHTS: &str = "http://ns.adobe.com/xap/1.0/rights/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const CORE: &str = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/";
const EXT: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
const REGIONS: &str = "http://www.metadataworkinggroup.com/schemas/regions/";
const MS_REGION: &str = "http://ns.microsoft.com/photo/1.2/t/Region#";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const EXIF_EX: &str = "http://cipa.jp/exif/1.0/";
const AUX: &str = "http://ns.adobe.com/exif/1.0/aux/";

/// Reads a packet.
pub(super) fn read(packet: &[u8], warnings: &mut Vec<String>) -> Said {
    let mut pass_over = |why: &str| {
        warnings.push(format!("its XMP packet {why}; it is passed over"));
        Said::default()
    };
    if packet.len() > MOST_BYTES {
        return pass_over("is longer than 1 MiB");
    }
    let Ok(text) = std::str::from_utf8(packet) else {
        return pass_over("is not UTF-8");
    };
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
    let options = ParsingOptions {
        nodes_limit: 100_000,
        ..ParsingOptions::default()
    };
    match Document::parse_with_options(text, options) {
        Ok(document) => Packet::of(&document).said(),
        Err(error) => pass_over(&format!("cannot be read ({error})")),
    }
}

/// The top-level descriptions of a packet, and all its nodes.
struct Packet<'a> {
    tops: Vec<Node<'a, 'a>>,
    root: Node<'a, 'a>,
}

impl<'a> Packet<'a> {
    fn of(document: &'a Document<'a>) -> Self {
        let root = document.root();
        let tops = root
            .descendants()
            .filter(|node| node.has_tag_name((RDF, "RDF")))
            .flat_map(|rdf| rdf.children())
            .filter(|node| node.has_tag_name((RDF, "Description")))
            .collect();
        Self { tops, root }
    }

    fn list(&self, space: &str, name: &str) -> Vec<String> {
        let mut list = Vec::new();
        for top in &self.tops {
            words::merge(&mut list, values(*top, space, name));
        }
        list
    }

    fn text(&self, space: &str, name: &str) -> Option<String> {
        self.tops
            .iter()
            .find_map(|top| values(*top, space, name).into_iter().next())
    }

    /// `12/10` or `1.2`, over zero.
    fn number(&self, space: &str, name: &str) -> Option<f64> {
        ratio(&self.text(space, name)?).filter(|number| *number > 0.0)
    }

    fn said(&self) -> Said {
        let moment = |space, name| self.text(space, name).and_then(|text| words::moment(&text));
        let when = moment(EXIF, "DateTimeOriginal").or_else(|| moment(PHOTOSHOP, "DateCreated"));
        let digitized = moment(EXIF, "DateTimeDigitized").or_else(|| moment(XMP, "CreateDate"));
        let (taken, taken_offset_min) = when.map_or((None, None), |(taken, zone)| (Some(taken), zone));
        let places = [
            (CORE, "Location"),
            (PHOTOSHOP, "City"),
            (PHOTOSHOP, "State"),
            (PHOTOSHOP, "Country"),
        ];
        let plain = Metadata {
            title: self.text(DC, "title"),
            caption: self.text(DC, "description"),
            keywords: self.list(DC, "subject"),
            creators: self.list(DC, "creator"),
            copyright: self.text(DC, "rights"),
            usage_terms: self.text(RIGHTS, "UsageTerms"),
            credit: self.text(PHOTOSHOP, "Credit"),
            people: self.people(),
            taken,
            taken_offset_min,
            place: self.place(),
            place_names: Vec::new(),
            camera: camera(self.text(TIFF, "Make"), self.text(TIFF, "Model")),
            lens: self.text(EXIF_EX, "LensModel").or_else(|| self.text(AUX, "Lens")),
            focal_length_mm: self.number(EXIF, "FocalLength"),
            focal_length_35mm: self.number(EXIF, "FocalLengthIn35mmFilm"),
            f_number: self.number(EXIF, "FNumber"),
            exposure_s: self.number(EXIF, "ExposureTime"),
            iso: self
                .text(EXIF_EX, "PhotographicSensitivity")
                .or_else(|| self.text(EXIF, "ISOSpeedRatings"))
                .and_then(|iso| iso.parse().ok())
                .filter(|iso| *iso > 0),
            rating: self
                .text(XMP, "Rating")
                .and_then(|stars| stars.parse::<f64>().ok())
                .filter(|stars| (1.0..=5.0).contains(stars))
                .map(|stars| stars as u8),
        };
        Said {
            plain,
            digitized,
            headline: self.text(PHOTOSHOP, "Headline"),
            places: places.map(|(space, name)| self.text(space, name)),
        }
    }

    /// The named people, and the names of regions that are faces.
    fn people(&self) -> Vec<String> {
        let mut people = self.list(EXT, "PersonInImage");
        for node in self.root.descendants().filter(Node::is_element) {
            if people.len() >= MOST_KEYWORDS {
                break;
            }
            if one(node, REGIONS, "Type").as_deref() == Some("Face") {
                words::merge(&mut people, values(node, REGIONS, "Name"));
            }
            words::merge(&mut people, values(node, MS_REGION, "PersonDisplayName"));
        }
        people
    }

    fn place(&self) -> Option<Place> {
        let latitude_deg = degrees(&self.text(EXIF, "GPSLatitude")?, 90.0, ['N', 'S'])?;
        let longitude_deg = degrees(&self.text(EXIF, "GPSLongitude")?, 180.0, ['E', 'W'])?;
        let below = self.text(EXIF, "GPSAltitudeRef").as_deref() == Some("1");
        let altitude_m = self
            .text(EXIF, "GPSAltitude")
            .and_then(|text| ratio(&text))
            .map(|metres| if below { -metres } else { metres })
            .filter(|metres| (-12_000.0..=100_000.0).contains(metres));
        (latitude_deg != 0.0 || longitude_deg != 0.0).then_some(Place {
            latitude_deg,
            longitude_deg,
            altitude_m,
        })
    }
}

fn one(node: Node<'_, '_>, space: &str, name: &str) -> Option<String> {
    values(node, space, name).into_iter().next()
}

/// What a description says of a property: an attribute, an element's text, or the items of its array, at most
/// [`MOST_KEYWORDS`]. Of alternative languages the default comes first.
fn values(node: Node<'_, '_>, space: &str, name: &str) -> Vec<String> {
    if let Some(value) = node.attribute((space, name)) {
        return words::line(value).into_iter().collect();
    }
    let mut out = Vec::new();
    for property in node.children().filter(|child| child.has_tag_name((space, name))) {
        let array = property.children().find(|child| {
            ["Alt", "Bag", "Seq"]
                .iter()
                .any(|kind| child.has_tag_name((RDF, *kind)))
        });
        let Some(array) = array else {
            out.extend(property.text().and_then(words::line));
            continue;
        };
        let items = array
            .children()
            .filter(|child| child.has_tag_name((RDF, "li")))
            .take(MOST_KEYWORDS);
        for item in items {
            let Some(text) = item.text().and_then(words::line) else {
                continue;
            };
            let xml = "http://www.w3.org/XML/1998/namespace";
            if item.attribute((xml, "lang")) == Some("x-default") {
                out.insert(0, text);
            } else {
                out.push(text);
            }
        }
    }
    out.truncate(MOST_KEYWORDS);
    out
}

fn ratio(text: &str) -> Option<f64> {
    let number = match text.split_once('/') {
        Some((a, b)) => a.trim().parse::<f64>().ok()? / b.trim().parse::<f64>().ok()?,
        None => text.trim().parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// `37,48,18N` or `37,48.3N`.
fn degrees(text: &str, most: f64, [plus, minus]: [char; 2]) -> Option<f64> {
    let (numbers, sign) = match text.strip_suffix(plus) {
        Some(numbers) => (numbers, 1.0),
        None => (text.strip_suffix(minus)?, -1.0),
    };
    let mut size = 0.0;
    let mut unit = 1.0;
    for part in numbers.split(',').take(3) {
        let number: f64 = part.trim().parse().ok().filter(|n| (0.0..=180.0).contains(n))?;
        size += number / unit;
        unit *= 60.0;
    }
    (size <= most).then_some(sign * size)
}
