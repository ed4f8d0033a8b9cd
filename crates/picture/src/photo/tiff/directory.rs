//! A TIFF file's directory of tags, walked by its lengths: what is there, before anything is decoded.

/// Pages that are counted, so that a made-up file cannot keep the reader busy.
const MOST_PAGES: usize = 1000;
/// Directories beside the pages that are looked at.
const MOST_INNER: usize = 16;
/// Numbers of one tag that are looked at.
const MOST_NUMBERS: usize = 64;

pub(super) const SUBFILE: u16 = 254;
pub(super) const WIDTH: u16 = 256;
pub(super) const HEIGHT: u16 = 257;
pub(super) const BITS: u16 = 258;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const INTERPRETATION: u16 = 262;
pub(super) const SAMPLES: u16 = 277;
pub(super) const PLANAR: u16 = 284;
pub(super) const EXTRA_SAMPLES: u16 = 338;
pub(super) const SAMPLE_FORMAT: u16 = 339;
pub(super) const ICC: u16 = 34_675;
const INNER: u16 = 330;
const DNG_VERSION: u16 = 50_706;

/// A file in its byte order.
#[derive(Clone, Copy)]
struct Words<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Words<'_> {
    fn short(self, at: usize) -> Option<u16> {
        let pair = *self.bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self.little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    }

    fn long(self, at: usize) -> Option<u32> {
        let four = *self.bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self.little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    }
}

/// One directory of a file.
pub(super) struct Directory<'a> {
    words: Words<'a>,
    /// Tag, kind, count, and where the value or its place stands.
    entries: Vec<(u16, u16, usize, usize)>,
    /// Where the next page's directory stands; 0 where there is none.
    next: usize,
}

impl<'a> Directory<'a> {
    /// The first page's. `None` where the file ends before it does.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let little = bytes.starts_with(b"II");
        let words = Words { bytes, little };
        Self::at(words, words.long(4)? as usize)
    }

    fn at(words: Words<'a>, place: usize) -> Option<Self> {
        let count = usize::from(words.short(place)?);
        let mut entries = Vec::new();
        for entry in 0..count {
            let at = place + 2 + entry * 12;
            let value = at + 8;
            words.long(value)?;
            entries.push((
                words.short(at)?,
                words.short(at + 2)?,
                words.long(at + 4)? as usize,
                value,
            ));
        }
        let next = words.long(place + 2 + count * 12).unwrap_or(0) as usize;
        Some(Self { words, entries, next })
    }

    /// Where a tag's value stands, its kind and its count. The last of several counts, as the decoder has it.
    fn value(&self, tag: u16) -> Option<(usize, u16, usize)> {
        let (_, kind, count, at) = *self.entries.iter().rev().find(|entry| entry.0 == tag)?;
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let within = count.checked_mul(size)? <= 4;
        let at = if within { at } else { self.words.long(at)? as usize };
        Some((at, kind, count))
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.0 == tag)
    }

    /// A tag's whole numbers, the first 64 of them; none where the tag is not there or holds no whole numbers.
    pub(super) fn numbers(&self, tag: u16) -> Vec<u32> {
        let Some((at, kind, count)) = self.value(tag) else {
            return Vec::new();
        };
        (0..count.min(MOST_NUMBERS))
            .map_while(|n| match kind {
                1 | 7 => self.words.bytes.get(at.checked_add(n)?).map(|b| u32::from(*b)),
                3 => self.words.short(at.checked_add(2 * n)?).map(u32::from),
                4 | 13 => self.words.long(at.checked_add(4 * n)?),
                _ => None,
            })
            .collect()
    }

    pub(super) fn number(&self, tag: u16) -> Option<u32> {
        self.numbers(tag).first().copied()
    }

    /// A tag's bytes.
    pub(super) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        let (at, kind, count) = self.value(tag)?;
        matches!(kind, 1 | 2 | 6 | 7)
            .then(|| self.words.bytes.get(at..at.checked_add(count)?))
            .flatten()
    }

    /// Where the one short number of a tag stands in the file, where it stands in the directory itself.
    pub(super) fn place_of_short(&self, tag: u16) -> Option<usize> {
        let (at, kind, count) = self.value(tag)?;
        (kind == 3 && count == 1).then_some(at)
    }

    /// Whether it holds a smaller edition of another page, or a mask.
    pub(super) fn is_beside(&self) -> bool {
        self.number(SUBFILE).unwrap_or(0) & 5 != 0
    }

    /// Pages that hold a picture of their own, this one among them; at most 1000 are counted.
    pub(super) fn pages(&self) -> usize {
        1 + self.others().filter(|page| !page.is_beside()).count()
    }

    fn others(&self) -> impl Iterator<Item = Self> + '_ {
        let mut next = self.next;
        (0..MOST_PAGES).map_while(move |_| {
            let page = (next != 0).then(|| Self::at(self.words, next)).flatten()?;
            next = page.next;
            Some(page)
        })
    }

    /// What kind of raw file it is, where it is one: `DNG`, `CR2`, or a camera's own.
    pub(super) fn raw(&self) -> Option<&'static str> {
        let behind = |what: &[u8]| {
            self.words
                .bytes
                .get(8..)
                .is_some_and(|rest| rest.starts_with(what))
        };
        if self.has(DNG_VERSION) {
            return Some("DNG");
        }
        if behind(b"CR\x02") {
            return Some("CR2");
        }
        if behind(b"IIII") || behind(b"MMMM") {
            return Some("IIQ");
        }
        let inner = self.numbers(INNER).into_iter().take(MOST_INNER);
        let inner = inner.filter_map(|place| Self::at(self.words, place as usize));
        let mut any = inner.chain(self.others().take(MOST_INNER));
        (self.is_sensor() || any.any(|directory| directory.is_sensor()))
            .then_some("NEF, ARW, PEF or the like")
    }

    /// Whether it holds what a sensor saw, one colour at each place: by its interpretation (colour filter array, linear
    /// raw), or by a coding that only cameras write (Sony, Samsung, Nikon, Pentax).
    fn is_sensor(&self) -> bool {
        let by_colour = matches!(self.number(INTERPRETATION), Some(32_803 | 34_892));
        let by_coding = matches!(
            self.number(COMPRESSION),
            Some(32_767 | 32_769 | 32_770 | 34_713 | 65_535)
        );
        by_colour || by_coding
    }
}
