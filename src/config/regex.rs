//! Regular expressions of rules: bounded when they are read, linear when they are matched.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

use regex_automata::{
    nfa::thompson::{self, NFA, WhichCaptures, pikevm::PikeVM},
    util::syntax,
};

use crate::limits;

/// A regular expression. Matching takes time in proportion to the product of its size, which is bounded, and the text's:
/// there is no backtracking. It works on bytes: `\w`, `\d`, `\s`, `\b` and `(?i)` mean ASCII.
#[derive(Clone, Debug)]
pub struct Regex {
    source: String,
    program: PikeVM,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Regex {}

impl Regex {
    /// Compiles one.
    ///
    /// # Errors
    /// What is wrong with it, and the cure, in a sentence.
    pub fn new(source: &str) -> Result<Self, String> {
        if source.len() > limits::REGEX {
            return Err(format!(
                "a regular expression has at most {} bytes: use several rules",
                limits::REGEX
            ));
        }
        let syntax = syntax::Config::new().unicode(false).utf8(false).nest_limit(limits::REGEX_DEPTH);
        let parsed = syntax::parse_with(source, &syntax).map_err(|error| {
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default();
            format!("this is no regular expression: {}", cause.strip_prefix("error: ").unwrap_or(cause))
        })?;
        let compiling = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(limits::REGEX_COMPILED))
            .which_captures(WhichCaptures::None);
        let program = NFA::compiler().configure(compiling).build_from_hir(&parsed).ok();
        let program = program.and_then(|nfa| PikeVM::new_from_nfa(nfa).ok()).ok_or_else(|| {
            format!(
                "this regular expression is too large: compiled it may have {} bytes; count less far in `{{…}}`",
                limits::REGEX_COMPILED
            )
        })?;
        Ok(Self { source: source.to_owned(), program })
    }

    /// As the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it matches anywhere in the text.
    pub fn found_in(&self, text: &[u8]) -> bool {
        self.program.is_match(&mut self.program.create_cache(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_anywhere_unless_it_is_anchored() {
        for (source, text, found) in [
            (r"\bCVE-\d{4}-\d{4,}\b", "Is CVE-2024-3094 fixed?", true),
            (r"\bCVE-\d{4}-\d{4,}\b", "Is CVE-24 fixed?", false),
            ("(?i)top.secret", "TOP SECRET", true),
            ("^fix", "please fix", false),
            ("größe|size", "die größe", true),
        ] {
            assert_eq!(Regex::new(source).unwrap().found_in(text.as_bytes()), found, "{source} {text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (source, cause) in [
            ("(a", "unclosed group"),
            (r"(a)\1", "backreferences are not supported"),
            ("(?=a)", "look-around"),
            ("((a{100}){100}){100}", "too large"),
        ] {
            let error = Regex::new(source).unwrap_err();
            assert!(error.contains(cause), "{source}: {error}");
        }
        assert!(Regex::new(&"a".repeat(limits::REGEX + 1)).unwrap_err().contains("at most"));
        assert!(Regex::new(&"(".repeat(limits::REGEX)).is_err());
    }
}
