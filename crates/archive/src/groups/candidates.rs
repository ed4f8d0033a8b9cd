//! Which pairs are worth comparing, without comparing all.
//!
//! The 256 bits of a blob are cut into words of 24 bits. Two views of one blob differ in some bits, but seldom in all
//! words; two blobs that are not the same seldom share one. Pictures that share two words are compared, and
//! pictures whose wholes differ in few bits. A list per word makes the work grow with the number of pictures.

use crate::fingerprint::Parts;

const WORD_BITS: usize = 24;
const WORDS: usize = 10;
/// Words that more pictures have than this tell nothing.
const COMMON: usize = 48;
/// Shared words from which on two pictures are compared.
const VOTES: usize = 2;
/// The most bits in which the wholes of two pictures worth comparing differ.
const WHOLE_BITS: u32 = 16;

/// Pairs worth comparing, each once, the lower number first.
pub(super) fn alike(pictures: &[Option<&Parts>]) -> Vec<(u32, u32)> {
    let mut votes: Vec<(u32, u32)> = Vec::new();
    for word in 0..WORDS {
        let mut list: Vec<(u32, u32)> = Vec::new();
        for (n, parts) in numbered(pictures) {
            list.extend(
                parts
                    .blobs
                    .iter()
                    .map(|b| (word_of(&b.bits, word) << 1 | u32::from(b.light), n)),
            );
        }
        votes.extend(together(list));
    }
    votes.sort_unstable();
    let mut pairs: Vec<(u32, u32)> = votes
        .chunk_by(|a, b| a == b)
        .filter(|run| run.len() >= VOTES)
        .map(|run| run[0])
        .collect();
    for quarter in 0..4 {
        let list = numbered(pictures)
            .map(|(n, parts)| ((parts.whole >> (quarter * 16)) as u32 & 0xffff, n))
            .collect();
        pairs.extend(together(list).into_iter().filter(|(a, b)| {
            let whole = |n: u32| pictures[n as usize].map_or(0, |p| p.whole);
            (whole(*a) ^ whole(*b)).count_ones() <= WHOLE_BITS
        }));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn numbered<'a>(pictures: &'a [Option<&'a Parts>]) -> impl Iterator<Item = (u32, &'a Parts)> {
    pictures
        .iter()
        .enumerate()
        .filter_map(|(n, parts)| Some((n as u32, (*parts)?)))
}

fn word_of(bits: &[u64; 4], word: usize) -> u32 {
    let from = word * WORD_BITS;
    let (n, shift) = (from / 64, from % 64);
    let low = bits[n] >> shift;
    let high = match bits.get(n + 1) {
        Some(next) if shift + WORD_BITS > 64 => next << (64 - shift),
        _ => 0,
    };
    (low | high) as u32 & ((1 << WORD_BITS) - 1)
}

/// Pairs of pictures on the list of one word, each once a word.
fn together(mut list: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    list.sort_unstable();
    list.dedup();
    let mut pairs = Vec::new();
    for run in list.chunk_by(|a, b| a.0 == b.0) {
        if run.len() > COMMON {
            continue;
        }
        for (n, (_, a)) in run.iter().enumerate() {
            pairs.extend(run[n + 1..].iter().map(|(_, b)| (*a, *b)));
        }
    }
    pairs
}
