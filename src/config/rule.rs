//! Rules of people who know better: an ordered list, of which the first that holds decides.

use alloc::{string::String, vec::Vec};

use super::Regex;
use crate::{
    agent::{Client, Language, Step},
    classify::Task,
    effort::Effort,
    wire::Dialect,
};

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its name: what the reason of a decision says.
    pub name: String,
    /// When it holds: all of it.
    pub when: When,
    /// What then happens.
    pub then: Then,
}

/// Conditions of a rule. An empty list, or nothing, holds always; of a list, one member is enough.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct When {
    /// The path without its query.
    pub path: Vec<Pattern>,
    /// Headers by name, in lower case, and their values.
    pub header: Vec<(String, Pattern)>,
    /// Names of aliases.
    pub alias: Vec<String>,
    /// Names of callers.
    pub caller: Vec<String>,
    /// APIs.
    pub dialect: Vec<Dialect>,
    /// What the call is for.
    pub step: Vec<Step>,
    /// What is asked for.
    pub task: Vec<Task>,
    /// Clients.
    pub client: Vec<Client>,
    /// Whether tools are offered.
    pub tools: Option<bool>,
    /// Estimated prompt tokens: at least, and at most.
    pub tokens: (Option<u64>, Option<u64>),
    /// Words in what the person said last, in lower case; the case of ASCII letters does not count.
    pub keyword: Vec<String>,
    /// Regular expressions, searched for in the same words.
    pub regex: Vec<Regex>,
    /// The language of the same words; one that cannot be told is none of them.
    pub language: Vec<Language>,
}

/// What a rule does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Then {
    /// Name of the lowest tier.
    pub floor: Option<String>,
    /// Name of the highest tier.
    pub ceiling: Option<String>,
    /// `provider/model`: exactly this target of the ladder.
    pub target: Option<String>,
    /// The effort, instead of the client's and the tier's.
    pub effort: Option<Effort>,
    /// The request is refused with this message.
    pub reject: Option<String>,
}

/// Text in which `*` stands for any text. Matching takes time in proportion to both lengths at most, whatever they hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern(pub(crate) String);

impl Pattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `text` is as the pattern says.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), text);
        // Where the last star stood, and the text from which it may take one byte more.
        let mut star: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, rest) {
                ([b'*', after @ ..], _) => {
                    star = Some((after, rest));
                    pattern = after;
                }
                ([], []) => return true,
                ([wanted, after @ ..], [found, left @ ..]) if wanted == found => {
                    pattern = after;
                    rest = left;
                }
                _ => {
                    let Some((after, [_, left @ ..])) = star else { return false };
                    star = Some((after, left));
                    pattern = after;
                    rest = left;
                }
            }
        }
    }
}

impl When {
    /// Whether it asks for the person's words.
    pub fn reads(&self) -> bool {
        !(self.keyword.is_empty() && self.regex.is_empty() && self.language.is_empty())
    }

    /// Which of its conditions the person's newest words do not meet, if any.
    pub fn unmet_by_words(&self, spoken: &str) -> Option<&'static str> {
        let mentions = |word: &String| {
            spoken.as_bytes().windows(word.len()).any(|there| there.eq_ignore_ascii_case(word.as_bytes()))
        };
        if !(self.keyword.is_empty() || self.keyword.iter().any(mentions)) {
            return Some("keyword");
        }
        if !(self.regex.is_empty() || self.regex.iter().any(|regex| regex.found_in(spoken.as_bytes()))) {
            return Some("regex");
        }
        let told = || Language::of(spoken).is_some_and(|language| self.language.contains(&language));
        (!self.language.is_empty() && !told()).then_some("language")
    }

    /// Whether path and headers are as the rule wants them; `path` without its query.
    pub fn head_holds(&self, path: &[u8], headers: &[(&str, &[u8])]) -> bool {
        let path_holds = self.path.is_empty() || self.path.iter().any(|pattern| pattern.matches(path));
        path_holds
            && self.header.iter().all(|(name, pattern)| {
                headers.iter().any(|(known, value)| known == name && pattern.matches(value))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("/v1/messages", "/v1/messages", true),
            ("/v1/messages", "/v1/message", false),
            ("/v1/*", "/v1/messages", true),
            ("*messages", "/v1/messages", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern(pattern.to_owned()).matches(text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_wicked_pattern_takes_no_longer() {
        let pattern = Pattern("*a".repeat(100) + "b");
        assert!(!pattern.matches(&[b'a'; 4000]));
    }
}
