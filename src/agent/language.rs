//! In which language somebody writes: by the script where a script has one language, else by its small words.

use core::fmt;

use alloc::vec::Vec;

/// A language that can be told.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "languages by their own names")]
pub enum Language {
    English,
    German,
    French,
    Spanish,
    Portuguese,
    Italian,
    Dutch,
    Polish,
    Turkish,
    Russian,
    Ukrainian,
    Greek,
    Arabic,
    Hebrew,
    Hindi,
    Thai,
    Chinese,
    Japanese,
    Korean,
}

/// Languages in Latin letters, each with small words that are frequent in it and rare in the others.
const SMALL_WORDS: [(Language, &[&str]); 9] = [
    (
        Language::English,
        &[
            "the", "and", "is", "are", "of", "to", "that", "this", "it", "with", "for", "you", "what", "how",
            "my", "please", "can", "not", "does", "when",
        ],
    ),
    (
        Language::German,
        &[
            "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "ich", "mit", "auf", "f\u{fc}r",
            "wie", "bitte", "den", "dem", "wird", "auch", "kann", "zu",
        ],
    ),
    (
        Language::French,
        &[
            "le", "les", "et", "est", "une", "des", "du", "dans", "pour", "que", "qui", "pas", "vous", "je",
            "ce", "sur", "avec", "comment", "mon", "ne",
        ],
    ),
    (
        Language::Spanish,
        &[
            "el",
            "los",
            "las",
            "y",
            "es",
            "una",
            "del",
            "que",
            "por",
            "para",
            "con",
            "c\u{f3}mo",
            "qu\u{e9}",
            "no",
            "se",
            "mi",
            "est\u{e1}",
            "como",
            "esta",
            "hay",
        ],
    ),
    (
        Language::Portuguese,
        &[
            "o",
            "os",
            "as",
            "e",
            "\u{e9}",
            "uma",
            "um",
            "do",
            "da",
            "dos",
            "das",
            "n\u{e3}o",
            "que",
            "para",
            "com",
            "em",
            "voc\u{ea}",
            "como",
            "por",
            "meu",
        ],
    ),
    (
        Language::Italian,
        &[
            "il", "gli", "e", "\u{e8}", "una", "un", "di", "che", "per", "non", "con", "sono", "come",
            "della", "del", "nel", "questo", "mi", "lo", "si",
        ],
    ),
    (
        Language::Dutch,
        &[
            "het", "een", "en", "van", "niet", "is", "ik", "dat", "met", "voor", "op", "zijn", "wat", "hoe",
            "deze", "naar", "je", "ook", "aan", "kan",
        ],
    ),
    (
        Language::Polish,
        &[
            "i",
            "w",
            "z",
            "na",
            "nie",
            "jest",
            "si\u{119}",
            "do",
            "to",
            "\u{17c}e",
            "jak",
            "czy",
            "dla",
            "po",
            "o",
            "co",
            "mnie",
            "tego",
            "prosz\u{119}",
            "od",
        ],
    ),
    (
        Language::Turkish,
        &[
            "ve",
            "bir",
            "bu",
            "i\u{e7}in",
            "ile",
            "de",
            "da",
            "ne",
            "nas\u{131}l",
            "mi",
            "m\u{131}",
            "var",
            "ama",
            "gibi",
            "daha",
            "l\u{fc}tfen",
            "olarak",
            "\u{e7}ok",
            "ben",
            "de\u{11f}il",
        ],
    ),
];

/// Characters that are looked at.
const LOOKED_AT: usize = 2000;

/// Letters, or half as many characters of a script without spaces, below which nothing can be told.
const LEAST: u32 = 8;

impl Language {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Portuguese,
        Self::Italian,
        Self::Dutch,
        Self::Polish,
        Self::Turkish,
        Self::Russian,
        Self::Ukrainian,
        Self::Greek,
        Self::Arabic,
        Self::Hebrew,
        Self::Hindi,
        Self::Thai,
        Self::Chinese,
        Self::Japanese,
        Self::Korean,
    ];

    /// The code of ISO 639-1.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
            Self::Italian => "it",
            Self::Dutch => "nl",
            Self::Polish => "pl",
            Self::Turkish => "tr",
            Self::Russian => "ru",
            Self::Ukrainian => "uk",
            Self::Greek => "el",
            Self::Arabic => "ar",
            Self::Hebrew => "he",
            Self::Hindi => "hi",
            Self::Thai => "th",
            Self::Chinese => "zh",
            Self::Japanese => "ja",
            Self::Korean => "ko",
        }
    }

    /// Tells the language of a text; `None` where it is too short, mixed, code, or in none of these.
    pub fn of(text: &str) -> Option<Self> {
        let mut scripts = Scripts::default();
        let mut votes = [0u32; SMALL_WORDS.len()];
        let mut words = 0u32;
        let mut word: Vec<u8> = Vec::with_capacity(16);
        for c in text.chars().take(LOOKED_AT).chain([' ']) {
            scripts.count(c);
            if c.is_alphabetic() || c == '\'' {
                if word.len() < 16 {
                    let lower = c.to_lowercase().next().unwrap_or(c);
                    word.extend(lower.encode_utf8(&mut [0; 4]).bytes());
                }
                continue;
            }
            if !word.is_empty() {
                words = words.saturating_add(1);
                for (vote, (_, small)) in votes.iter_mut().zip(&SMALL_WORDS) {
                    *vote =
                        vote.saturating_add(u32::from(small.iter().any(|known| known.as_bytes() == word)));
                }
                word.clear();
            }
        }
        if let Some(language) = scripts.language() {
            return Some(language);
        }
        let (best, votes_of_best) =
            votes.iter().enumerate().max_by_key(|(at, votes)| (**votes, usize::MAX - at))?;
        let second = votes.iter().enumerate().filter(|(at, _)| *at != best).map(|(_, votes)| *votes).max()?;
        // One small word in eight, and more of them than any other language has.
        let sure = *votes_of_best >= 2 && *votes_of_best > second && votes_of_best.saturating_mul(8) >= words;
        if scripts.latin < LEAST || !sure {
            return None;
        }
        SMALL_WORDS.get(best).map(|(language, _)| *language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Letters by script.
#[derive(Default)]
struct Scripts {
    latin: u32,
    cyrillic: u32,
    /// Letters that Ukrainian has and Russian does not, and the other way round.
    ukrainian: u32,
    russian: u32,
    greek: u32,
    arabic: u32,
    hebrew: u32,
    devanagari: u32,
    thai: u32,
    kana: u32,
    han: u32,
    hangul: u32,
}

impl Scripts {
    fn count(&mut self, c: char) {
        let place = match c {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => &mut self.latin,
            '\u{370}'..='\u{3ff}' => &mut self.greek,
            '\u{400}'..='\u{52f}' => {
                match c {
                    '\u{456}' | '\u{457}' | '\u{454}' | '\u{491}' | '\u{406}' | '\u{407}' | '\u{404}' => {
                        self.ukrainian += 1
                    }
                    '\u{44b}' | '\u{44d}' | '\u{44a}' | '\u{451}' | '\u{42d}' | '\u{401}' => {
                        self.russian += 1
                    }
                    _ => {}
                }
                &mut self.cyrillic
            }
            '\u{590}'..='\u{5ff}' => &mut self.hebrew,
            '\u{600}'..='\u{6ff}' => &mut self.arabic,
            '\u{900}'..='\u{97f}' => &mut self.devanagari,
            '\u{e00}'..='\u{e7f}' => &mut self.thai,
            '\u{3040}'..='\u{30ff}' => &mut self.kana,
            '\u{3400}'..='\u{9fff}' => &mut self.han,
            '\u{ac00}'..='\u{d7a3}' => &mut self.hangul,
            _ => return,
        };
        *place = place.saturating_add(1);
    }

    /// The language of a script that most of the text is in; a character without spaces counts for two letters.
    fn language(&self) -> Option<Language> {
        let east = self.han.saturating_add(self.kana);
        let cyrillic = match (self.ukrainian, self.russian) {
            (ukrainian, russian) if ukrainian > russian => Language::Ukrainian,
            _ => Language::Russian,
        };
        // Japanese mixes both; no Chinese text has kana.
        let eastern =
            if self.kana.saturating_mul(8) >= east { Language::Japanese } else { Language::Chinese };
        let found = [
            (self.cyrillic, cyrillic),
            (self.greek, Language::Greek),
            (self.arabic, Language::Arabic),
            (self.hebrew, Language::Hebrew),
            (self.devanagari, Language::Hindi),
            (self.thai, Language::Thai),
            (east.saturating_mul(2), eastern),
            (self.hangul.saturating_mul(2), Language::Korean),
        ];
        let (letters, language) = found.into_iter().max_by_key(|(letters, _)| *letters)?;
        (letters >= LEAST && letters >= self.latin).then_some(language)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_told_by_an_ordinary_request() {
        for (expected, text) in [
            ("en", "Please fix the bug in this function and explain what was wrong with it."),
            ("de", "Bitte behebe den Fehler in dieser Funktion und erkl\u{e4}re, warum das nicht geht."),
            (
                "fr",
                "Corrige le bug dans cette fonction et explique-moi pourquoi \u{e7}a ne marche pas pour les autres.",
            ),
            (
                "es",
                "Corrige el error de esta funci\u{f3}n y explica por qu\u{e9} no funciona con los dem\u{e1}s.",
            ),
            (
                "pt",
                "Corrija o erro desta fun\u{e7}\u{e3}o e explique por que n\u{e3}o funciona com os outros arquivos.",
            ),
            (
                "it",
                "Correggi il bug di questa funzione e spiega perch\u{e9} non funziona con gli altri file.",
            ),
            (
                "nl",
                "Los het probleem in deze functie op en leg uit waarom het niet werkt voor een lege lijst.",
            ),
            (
                "pl",
                "Popraw b\u{142}\u{105}d w tej funkcji i wyja\u{15b}nij, dlaczego to nie dzia\u{142}a dla pustej listy.",
            ),
            (
                "tr",
                "Bu fonksiyondaki hatay\u{131} d\u{fc}zelt ve neden \u{e7}al\u{131}\u{15f}mad\u{131}\u{11f}\u{131}n\u{131} bir c\u{fc}mle ile a\u{e7}\u{131}kla.",
            ),
            ("ru", "Исправь ошибку в этой функции и объясни, почему она не работает."),
            ("uk", "Виправ помилку в цій функції та поясни, чому вона не працює."),
            ("el", "Διόρθωσε το σφάλμα σε αυτή τη συνάρτηση."),
            ("ar", "أصلح الخطأ في هذه الدالة واشرح السبب."),
            ("he", "תקן את השגיאה בפונקציה הזאת והסבר למה."),
            ("hi", "इस फ़ंक्शन में त्रुटि ठीक करो और कारण बताओ।"),
            ("th", "แก้ข้อผิดพลาดในฟังก์ชันนี้และอธิบายสาเหตุ"),
            ("zh", "请修复这个函数里的错误，并解释原因。"),
            ("ja", "この関数のバグを直して、理由を説明してください。"),
            ("ko", "이 함수의 오류를 고치고 이유를 설명해 주세요."),
        ] {
            assert_eq!(Language::of(text).map(Language::name), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        for text in
            ["", "ok", "42", "fn main() { let x = vec![1, 2]; }", "Foo bar baz", "git push --force origin"]
        {
            assert_eq!(Language::of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn takes_any_text(text in "\\PC{0,200}") {
            Language::of(&text);
        }
    }
}
