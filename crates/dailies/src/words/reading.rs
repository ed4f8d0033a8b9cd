//! A prompt and a mood, read: which words they have, which of them are turned off, which count more or less.

use heirloom_engine::palette::Wish;

use super::Language;
use super::fold::{Token, stem, tokens};
use super::vocabulary::{Form, Role, Word, Words};

/// Unknown words over which a `no` still reaches: in "no trace of the red" it is red that is not wanted.
const REACH: u32 = 3;
/// What "very" and "slightly" multiply by.
const MORE: f64 = 1.5;
const LESS: f64 = 0.5;
/// Forms of other languages than the prompt's count from this length: short ones are too often alike by chance.
const LONG: usize = 6;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// In the shot's prompt.
    Prompt,
    /// In its mood.
    Mood,
}

/// A word of a prompt or a mood that says something, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// As it is written.
    pub written: String,
    /// Where.
    pub field: Field,
    /// Which word it is; `None` for one that is not among the words.
    pub(super) word: Option<usize>,
    /// What sources are compared by: the word's name, or what is left of the word itself.
    pub(super) key: String,
    /// The `no` that turns it off, as it is written.
    pub turned_off_by: Option<String>,
    /// How much it counts: 1, or more or less by a word such as "very" before it.
    pub strength: f64,
}

impl Spoken {
    /// Whether it is among the words.
    pub fn is_known(&self) -> bool {
        self.word.is_some()
    }
}

/// Prompt and mood, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The language that most of it is in.
    pub language: Language,
    /// The words that say something, the prompt's before the mood's.
    pub spoken: Vec<Spoken>,
}

/// A word or a phrase found in a text.
struct Found<'t> {
    tokens: &'t [Token],
    word: Option<usize>,
}

impl Words {
    /// Reads a prompt and a mood.
    ///
    /// ```
    /// use heirloom_dailies::words::Words;
    ///
    /// let words = Words::built_in();
    /// let reading = words.read("une dérive lente, sans rouge", "");
    /// let said: Vec<&str> = reading.spoken.iter().map(|s| s.written.as_str()).collect();
    /// assert_eq!(said, ["dérive", "lente", "rouge"]);
    /// assert_eq!(reading.spoken[2].turned_off_by.as_deref(), Some("sans"));
    /// ```
    pub fn read(&self, prompt: &str, mood: &str) -> Reading {
        let texts = [(prompt, tokens(prompt)), (mood, tokens(mood))];
        let (language, sure) = self.language(texts.iter().flat_map(|(_, t)| t));
        let mut spoken = Vec::new();
        for ((text, tokens), field) in texts.iter().zip([Field::Prompt, Field::Mood]) {
            let found = self.found(tokens, language, sure);
            self.speak(text, field, &found, &mut spoken);
        }
        Reading { language, spoken }
    }

    /// The colours and light that a word of a reading wishes for.
    pub fn wishes(&self, spoken: &Spoken) -> &[Wish] {
        spoken.word.map_or(&[], |word| &self.word(word).wishes)
    }

    /// What a name or a caption speaks of, to be compared with a prompt's words. Small words are left out.
    pub(super) fn keys(&self, text: &str) -> Vec<String> {
        let tokens = tokens(text);
        let (language, sure) = self.language(tokens.iter());
        self.found(&tokens, language, sure)
            .into_iter()
            .filter_map(|found| self.key(&found))
            .collect()
    }

    /// The key of a word that says something.
    fn key(&self, found: &Found<'_>) -> Option<String> {
        match found.word {
            Some(word) if self.word(word).role != Role::Content => None,
            Some(word) => Some(format!("={}", self.word(word).name)),
            None => found.tokens.first().map(|t| stem(&t.folded).to_owned()),
        }
    }

    /// The language that most words are of, and whether that is clear.
    fn language<'t>(&self, tokens: impl Iterator<Item = &'t Token>) -> (Language, bool) {
        let mut count = [0u32; Language::ALL.len()];
        for token in tokens {
            let forms = self.forms(&token.folded);
            let small = |f: &&Form| self.word(f.word).role != Role::Content;
            // Small words tell most: "the" is hardly ever the French for tea.
            let telling = forms.iter().any(|f| small(&f));
            for (language, n) in Language::ALL.iter().zip(&mut count) {
                let own = forms.iter().find(|f| f.language == *language);
                *n += match own {
                    Some(own) if small(&own) => 2,
                    Some(_) if !telling => 1,
                    _ => 0,
                };
            }
        }
        let most = count.iter().copied().max().unwrap_or(0);
        let best = Language::ALL.iter().zip(count).filter(|(_, n)| *n == most);
        let first = best.clone().map(|(l, _)| *l).next().unwrap_or(Language::English);
        (first, best.count() == 1)
    }

    /// The words of a text, the longest phrases first.
    fn found<'t>(&self, tokens: &'t [Token], language: Language, sure: bool) -> Vec<Found<'t>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let most = self.longest().min(tokens.len() - at);
            let phrase = (1..=most).rev().find_map(|n| {
                let part = &tokens[at..at + n];
                if part.iter().any(|t| t.clause != part[0].clause) {
                    return None;
                }
                let key = part
                    .iter()
                    .map(|t| t.folded.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                let form = self.pick(&key, language, sure)?;
                Some((n, form.word))
            });
            let (n, word) = phrase.map_or((1, None), |(n, word)| (n, Some(word)));
            out.push(Found {
                tokens: &tokens[at..at + n],
                word,
            });
            at += n;
        }
        out
    }

    /// The form that is meant: of the text's own language where there is one, then listed before made.
    fn pick(&self, key: &str, language: Language, sure: bool) -> Option<Form> {
        self.forms(key)
            .iter()
            .filter(|f| f.language == language || !sure || key.chars().count() >= LONG)
            .min_by_key(|f| (f.language != language, !f.listed, f.language))
            .copied()
    }

    /// What found words say: negation and degree worked out.
    fn speak(&self, text: &str, field: Field, found: &[Found<'_>], spoken: &mut Vec<Spoken>) {
        /// How a `no` stands: who said it, over how many unknown words it still reaches, and whether it has
        /// turned a word off already, so that it goes on only by an "and".
        struct No {
            written: String,
            reach: u32,
            served: bool,
        }
        let mut no: Option<No> = None;
        let mut strength = 1.0;
        let mut clause = None;
        for part in found {
            let (Some(first), Some(last)) = (part.tokens.first(), part.tokens.last()) else {
                continue;
            };
            if clause.is_some_and(|c| c != first.clause) {
                (no, strength) = (None, 1.0);
            }
            clause = Some(first.clause);
            let written = text
                .get(first.at.start..last.at.end)
                .unwrap_or(&first.folded)
                .to_owned();
            let known: Option<&Word> = part.word.map(|w| self.word(w));
            match known.map_or(Role::Content, |w| w.role) {
                Role::No => {
                    no = Some(No {
                        written,
                        reach: REACH,
                        served: false,
                    });
                }
                Role::And => {
                    if let Some(no) = &mut no {
                        no.served = false;
                    }
                }
                Role::But => (no, strength) = (None, 1.0),
                Role::More => strength = MORE,
                Role::Less => strength = LESS,
                Role::Small => {}
                Role::Content => {
                    if no.as_ref().is_some_and(|no| no.served || no.reach == 0) {
                        no = None;
                    }
                    let Some(key) = self.key(part) else { continue };
                    spoken.push(Spoken {
                        written,
                        field,
                        word: part.word,
                        key,
                        turned_off_by: no.as_ref().map(|no| no.written.clone()),
                        strength,
                    });
                    strength = 1.0;
                    if let Some(no) = &mut no {
                        no.served = part.word.is_some();
                        no.reach -= 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word with a `-` where it is turned off, and a sign for its degree.
    fn read(prompt: &str) -> (Language, Vec<String>) {
        let words = Words::built_in();
        let reading = words.read(prompt, "");
        let said = reading.spoken.iter().map(|s| {
            let name = s
                .word
                .map_or(format!("({})", s.key), |w| words.word(w).name.clone());
            let off = if s.turned_off_by.is_some() { "-" } else { "" };
            let degree = match s.strength {
                s if s > 1.0 => "!",
                s if s < 1.0 => "?",
                _ => "",
            };
            format!("{off}{name}{degree}")
        });
        (reading.language, said.collect())
    }

    #[test]
    fn three_languages_are_read() {
        let cases = [
            (
                Language::English,
                "slow breathing nebula, embers, the dark before",
                "slow breathe nebula ember dark",
            ),
            (
                Language::French,
                "une nébuleuse qui RESPIRE lentement, des braises",
                "nebula breathe slow ember",
            ),
            (
                Language::Spanish,
                "una nebulosa que respira despacio, brasas",
                "nebula breathe slow ember",
            ),
            (Language::French, "l'aube dorée sur la mer", "dawn gold sea"),
            (Language::English, "gold or silver", "gold silver"),
            (Language::French, "or et argent, la main", "gold silver hand"),
            (Language::English, "the main thing", "(main) (thing)"),
            (Language::Spanish, "olas que suben, muy lentas", "wave rise slow!"),
            (Language::English, "slightly red, very slow", "red? slow!"),
            (
                Language::English,
                "extreme close-up of vessels; she closes the book",
                "extreme-close vessel (close) book",
            ),
        ];
        for (language, prompt, expected) in cases {
            let (found, said) = read(prompt);
            assert_eq!((found, said.join(" ").as_str()), (language, expected), "{prompt}");
        }
    }

    #[test]
    fn a_no_reaches_its_word_and_no_further() {
        let cases = [
            ("no red, blue", "-red blue"),
            ("without red or blue, slow", "-red -blue slow"),
            ("not red but blue", "-red blue"),
            ("never fast, calm", "-fast calm"),
            ("no trace of the red at dusk", "-(trace) -red dusk"),
            ("the sea doesn't move", "sea -move"),
            ("sans bruit ni rouge, lent", "-(bruit) -red slow"),
            ("la mer ne bouge pas", "sea -move"),
            ("sin rojo y sin prisa", "-red -(prisa)"),
            ("no quiet red glow", "-quiet red glow"),
        ];
        for (prompt, expected) in cases {
            assert_eq!(read(prompt).1.join(" "), expected, "{prompt}");
        }
    }
}
