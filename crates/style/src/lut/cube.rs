//! `.cube` files (Adobe, "Cube LUT Specification 1.0", 2013): 3D tables in and out, from any program.

use std::fmt::Write as _;
use std::path::Path;

use heirloom_picture::{WriteError, write_whole};

use super::{LARGEST, Lut3};

/// A table that cannot be read or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}{}: {what}; {mend}", if *line > 0 { format!(", line {line}") } else { String::new() })]
pub struct CubeError {
    /// The file.
    pub name: String,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl CubeError {
    pub(super) fn new(name: &str, line: usize, what: String, mend: &'static str) -> Self {
        Self {
            name: name.into(),
            line,
            what,
            mend,
        }
    }
}

/// As many bytes as a table of [`LARGEST`] nodes a side can need.
const MOST_BYTES: u64 = 256 << 20;
const NEW_EXPORT: &str = "export it anew as a 3D .cube with 33 or 65 nodes a side";

impl Lut3 {
    /// Reads the text of a `.cube` file. `name` is what errors call it.
    ///
    /// Comments, blank lines, `TITLE`, `LUT_3D_SIZE`, `DOMAIN_MIN`, `DOMAIN_MAX` and `LUT_3D_INPUT_RANGE` are known;
    /// other words are an error, since a table that is half understood gives wrong colours.
    ///
    /// # Errors
    /// With the line and the mend; a 1D table is refused.
    pub fn parse_cube(name: &str, text: &str) -> Result<Self, CubeError> {
        let mut reader = Reader {
            name,
            ..Reader::default()
        };
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            reader.line(n + 1, line.trim())?;
        }
        reader.end()
    }

    /// Reads a `.cube` file.
    ///
    /// # Errors
    /// As [`Lut3::parse_cube`], and where the file cannot be read.
    pub fn read_cube(path: &Path) -> Result<Self, CubeError> {
        let name = path.display().to_string();
        let refuse = |what: String, mend| CubeError::new(&name, 0, what, mend);
        let there = "see that the file is there and may be read";
        let about = std::fs::metadata(path).map_err(|e| refuse(format!("it cannot be read ({e})"), there))?;
        if about.len() > MOST_BYTES {
            return Err(refuse(format!("it has {} MiB", about.len() >> 20), NEW_EXPORT));
        }
        let bytes = std::fs::read(path).map_err(|e| refuse(format!("it cannot be read ({e})"), there))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not text".into(), NEW_EXPORT))?;
        Self::parse_cube(&name, &text)
    }

    /// The table as the text of a `.cube` file; reading it gives the same table to the bit.
    pub fn to_cube(&self) -> String {
        let mut text = String::with_capacity(self.nodes.len() * 30 + 200);
        if !self.title.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "TITLE \"{}\"", self.title);
        }
        let _ = writeln!(text, "LUT_3D_SIZE {}", self.size);
        for (word, [r, g, b]) in ["DOMAIN_MIN", "DOMAIN_MAX"].iter().zip(self.domain) {
            let _ = writeln!(text, "{word} {r} {g} {b}");
        }
        for [r, g, b] in &self.nodes {
            let _ = writeln!(text, "{r} {g} {b}");
        }
        text
    }

    /// Writes a `.cube` file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written; it is then as it was before.
    pub fn write_cube(&self, path: &Path) -> Result<(), WriteError> {
        write_whole(path, self.to_cube().as_bytes())
    }
}

#[derive(Default)]
struct Reader<'a> {
    name: &'a str,
    title: Option<String>,
    size: Option<usize>,
    domain: [Option<[f32; 3]>; 2],
    nodes: Vec<[f32; 3]>,
}

impl Reader<'_> {
    fn refuse(&self, line: usize, what: impl Into<String>, mend: &'static str) -> CubeError {
        CubeError::new(self.name, line, what.into(), mend)
    }

    fn line(&mut self, n: usize, line: &str) -> Result<(), CubeError> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let begins_number = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        if !begins_number && !self.nodes.is_empty() {
            let what = format!("`{}` after the first colour", short(word));
            return Err(self.refuse(n, what, "put all settings before the colours"));
        }
        match word {
            "TITLE" => {
                let title = rest.trim().trim_matches('"').trim();
                let twice = self.title.is_some();
                self.title = Some(title.chars().filter(|c| *c != '"' && !c.is_control()).collect());
                self.once(n, word, twice)
            }
            "LUT_1D_SIZE" | "LUT_1D_INPUT_RANGE" => {
                Err(self.refuse(n, "it is a 1D table, which bends each channel alone", NEW_EXPORT))
            }
            "LUT_3D_SIZE" => {
                let size = rest
                    .trim()
                    .parse()
                    .ok()
                    .filter(|size| (2..=LARGEST).contains(size));
                let Some(size) = size else {
                    let what = format!("LUT_3D_SIZE is `{}`, not 2 to {LARGEST}", short(rest.trim()));
                    return Err(self.refuse(n, what, NEW_EXPORT));
                };
                let twice = self.size.replace(size).is_some();
                self.once(n, word, twice)
            }
            "DOMAIN_MIN" | "DOMAIN_MAX" => {
                let which = usize::from(word == "DOMAIN_MAX");
                let values = self.numbers(n, rest)?;
                let twice = self.domain[which].replace(values).is_some();
                self.once(n, word, twice)
            }
            "LUT_3D_INPUT_RANGE" => {
                let [least, most] = self.numbers(n, rest)?;
                let twice = self.domain.iter().any(Option::is_some);
                self.domain = [Some([least; 3]), Some([most; 3])];
                self.once(n, word, twice)
            }
            _ if begins_number => {
                let Some(size) = self.size else {
                    let mend = "write LUT_3D_SIZE before the colours, or export it anew as a 3D .cube";
                    return Err(self.refuse(n, "a colour before LUT_3D_SIZE", mend));
                };
                if self.nodes.len() == size * size * size {
                    let what = format!("more than {size}x{size}x{size} colours");
                    return Err(self.refuse(n, what, "correct LUT_3D_SIZE, or export it anew"));
                }
                let colour = self.numbers(n, line)?;
                self.nodes.push(colour);
                Ok(())
            }
            _ => {
                let what = format!("`{}` is not known", short(word));
                Err(self.refuse(
                    n,
                    what,
                    "see that it is a .cube file; take the line out if it is a remark",
                ))
            }
        }
    }

    fn once(&self, n: usize, word: &str, twice: bool) -> Result<(), CubeError> {
        if twice {
            return Err(self.refuse(n, format!("{word} a second time"), "keep one of the two"));
        }
        Ok(())
    }

    fn numbers<const N: usize>(&self, n: usize, text: &str) -> Result<[f32; N], CubeError> {
        let mut values = [0.0; N];
        let mut words = text.split_whitespace();
        for value in &mut values {
            let Some(word) = words.next() else {
                return Err(self.refuse(
                    n,
                    format!("fewer than {N} numbers"),
                    "complete the line, or export it anew",
                ));
            };
            *value = match word.parse::<f32>() {
                Ok(number) if number.is_finite() && number.abs() <= 1e6 => number,
                _ => {
                    let what = format!("`{}` is no number that fits", short(word));
                    return Err(self.refuse(
                        n,
                        what,
                        "write numbers such as 0.25 or 2.5e-1, at most a million",
                    ));
                }
            };
        }
        match words.next() {
            Some(word) if !word.starts_with('#') => Err(self.refuse(
                n,
                format!("more than {N} numbers"),
                "one colour a line; export it anew",
            )),
            _ => Ok(values),
        }
    }

    fn end(self) -> Result<Lut3, CubeError> {
        let Some(size) = self.size else {
            return Err(self.refuse(
                0,
                "LUT_3D_SIZE is missing",
                "see that it is a 3D .cube file, and whole",
            ));
        };
        let needed = size * size * size;
        if self.nodes.len() != needed {
            let what = format!("{} colours of {needed}; the file is cut short", self.nodes.len());
            return Err(self.refuse(0, what, "copy it again, or export it anew"));
        }
        let domain = [
            self.domain[0].unwrap_or([0.0; 3]),
            self.domain[1].unwrap_or([1.0; 3]),
        ];
        if (0..3).any(|c| domain[1][c] - domain[0][c] < 1e-6) {
            let mend = "DOMAIN_MAX must be above DOMAIN_MIN in every channel; usual are 0 0 0 and 1 1 1";
            return Err(self.refuse(0, "its domain is empty", mend));
        }
        Ok(Lut3 {
            title: self.title.unwrap_or_default().trim().into(),
            size,
            domain,
            nodes: self.nodes,
        })
    }
}

/// A word of the file, short enough for a message.
fn short(word: &str) -> String {
    word.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: &str = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n";

    #[test]
    fn other_programs_files_are_read() {
        let text = format!(
            "\u{feff}# made elsewhere\r\nTITLE \"Film  look\"\r\n\r\nLUT_3D_SIZE 2\r\nLUT_3D_INPUT_RANGE 0.0 2.0\r\n{}",
            COLOURS.replace("1 1 1", "9.5e-1\t+1.0 .5").replace('\n', "\r\n")
        );
        let lut = Lut3::parse_cube("a.cube", &text).unwrap();
        assert_eq!(
            (lut.title(), lut.size(), lut.domain()[1]),
            ("Film  look", 2, [2.0; 3])
        );
        assert_eq!(lut.node([1, 1, 1]), [0.95, 1.0, 0.5]);
        assert_eq!(lut.sample([1.0, 0.0, 0.0]), [0.5, 0.0, 0.0]);
    }

    #[test]
    fn every_fault_has_its_line_and_a_mend() {
        let cases = [
            ("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n".into(), 1, "1D"),
            (format!("LUT_3D_SIZE 1\n{COLOURS}"), 1, "not 2 to 129"),
            (format!("LUT_3D_SIZE 999999999999\n{COLOURS}"), 1, "not 2 to 129"),
            (format!("LUT_3D_SIZE 2\n{COLOURS}0 0 0\n"), 10, "more than 2x2x2"),
            ("LUT_3D_SIZE 2\n0 0 0\n".into(), 0, "1 colours of 8"),
            ("LUT_3D_SIZE 2\n0 0\n".into(), 2, "fewer than 3"),
            ("LUT_3D_SIZE 2\n0 0 0 0\n".into(), 2, "more than 3"),
            ("LUT_3D_SIZE 2\n0 1e99 0\n".into(), 2, "no number"),
            (
                "LUT_3D_SIZE 2\n0 0 0\nTITLE \"late\"\n".into(),
                3,
                "after the first colour",
            ),
            ("LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n".into(), 2, "a second time"),
            (
                format!("LUT_3D_SIZE 2\nDOMAIN_MAX 0 0 0\n{COLOURS}"),
                0,
                "domain is empty",
            ),
            ("0 0 0\n".into(), 1, "before LUT_3D_SIZE"),
            ("SHAPER 3\n".into(), 1, "not known"),
            (String::new(), 0, "missing"),
        ];
        for (text, line, words) in cases {
            let error = Lut3::parse_cube("bad.cube", &text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            let message = error.to_string();
            assert!(
                message.contains(words) && message.starts_with("bad.cube"),
                "{message}"
            );
            assert!(!error.mend.is_empty());
        }
    }

    #[test]
    fn a_file_is_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("third.cube");
        let lut = Lut3::from_fn(33, |c| c.map(|v| v * v)).unwrap().titled("Third");
        lut.write_cube(&path).unwrap();
        assert_eq!(Lut3::read_cube(&path).unwrap(), lut);
        assert!(
            Lut3::read_cube(&folder.path().join("none.cube"))
                .unwrap_err()
                .to_string()
                .contains("may be read")
        );
    }
}
