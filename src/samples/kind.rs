//! Which requests have an answer that can be compared, and what of it is compared.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use super::{Fault, schema};
use crate::{agent::Phrases, limits};

/// What an answer is, for the purpose of comparing it with others.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// JSON by this schema: numbers, truth values and words of a list are compared, free text is not.
    Schema(Value),
    /// Any JSON object, compared as a whole.
    Object,
    /// What stands in the last `\boxed{…}`.
    Boxed,
    /// One letter: a choice.
    Letter,
    /// One number.
    Number,
    /// One word or a short phrase.
    Label,
}

/// Phrases by which a person asks for such an answer, in lower case.
pub(super) static PHRASES: [(Kind, Phrases); 4] = [
    (Kind::Boxed, Phrases::new(&["boxed{"])),
    (
        Kind::Letter,
        Phrases::new(&[
            "single letter",
            "only the letter",
            "just the letter",
            "one letter",
            "letter only",
            "letter of the correct",
            "letter of your choice",
        ]),
    ),
    (
        Kind::Number,
        Phrases::new(&[
            "single number",
            "only the number",
            "only a number",
            "just the number",
            "just a number",
            "number only",
            "a single integer",
            "only an integer",
            "only the integer",
            "numeric answer only",
        ]),
    ),
    (
        Kind::Label,
        Phrases::new(&[
            "single word",
            "one word",
            "only the label",
            "just the label",
            "label only",
            "yes or no",
            "true or false",
            "only the category",
            "only the name of the",
        ]),
    ),
];

impl Kind {
    /// For people and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Schema(_) => "JSON by a schema",
            Self::Object => "a JSON object",
            Self::Boxed => "a boxed answer",
            Self::Letter => "a letter",
            Self::Number => "a number",
            Self::Label => "a label",
        }
    }

    /// Whether two answers can agree. Where a schema has nothing but free text they can be checked, not compared.
    pub fn votes(&self) -> bool {
        match self {
            Self::Schema(schema) => schema::votes(schema),
            _ => true,
        }
    }

    /// What is compared of an answer: equal texts are the same answer.
    pub(super) fn vote(&self, text: &str) -> Result<String, Fault> {
        match self {
            Self::Schema(schema) => {
                let value = json(text)?;
                if schema::holds(schema, &value) {
                    Ok(schema::vote(schema, &value))
                } else {
                    Err(Fault::Invalid)
                }
            }
            Self::Object => json(text).map(|value| schema::whole(&value)),
            Self::Boxed => {
                boxed(text).map(|inner| number(&inner).unwrap_or(inner)).ok_or(Fault::Incomparable)
            }
            Self::Letter => letter(text).ok_or(Fault::Incomparable),
            Self::Number => last_number(text).ok_or(Fault::Incomparable),
            Self::Label => label(text).ok_or(Fault::Incomparable),
        }
    }
}

/// The JSON object or array that an answer is, a fence of Markdown around it or not.
fn json(text: &str) -> Result<Value, Fault> {
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = fenced.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner));
    serde_json::from_str(inner).map_err(|_| Fault::Invalid)
}

/// The content of the last `\boxed{…}`, without white space.
fn boxed(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("\\boxed{")?;
    let mut depth = 1u32;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth = depth.saturating_add(1),
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let inner: String = rest.get(..at)?.chars().filter(|c| !c.is_whitespace()).collect();
            return Some(inner).filter(|inner| !inner.is_empty());
        }
    }
    None
}

/// What stands behind the last "answer is" or "answer:", else the whole; without marks of emphasis around it.
fn said(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let after =
        ["answer is", "answer:"].into_iter().filter_map(|mark| Some(lower.rfind(mark)? + mark.len())).max();
    let rest = after.and_then(|at| text.get(at..)).unwrap_or(text);
    rest.trim_matches(|c: char| c.is_whitespace() || ":*`\"'.()[]_".contains(c))
}

fn letter(text: &str) -> Option<String> {
    let said = said(text);
    let mut chars = said.chars();
    let first = chars.next().filter(char::is_ascii_alphabetic)?;
    // `B`, `B) Paris`, `B. Paris`, `B: Paris`; not `Both`, not `a choice`.
    let alone = chars.next().is_none_or(|next| !next.is_alphanumeric() && next != ' ' && next != '\'');
    alone.then(|| first.to_ascii_uppercase().to_string())
}

fn label(text: &str) -> Option<String> {
    let label = said(text);
    let short = !label.is_empty() && label.len() <= limits::LABEL && !label.contains('\n');
    short.then(|| label.to_lowercase())
}

/// The last number of a text. Where "answer" comes before one, that one.
fn last_number(text: &str) -> Option<String> {
    let said = said(text);
    let numeric = |c: char| c.is_ascii_digit() || c == '.' || c == ',' || c == '-' || c == '+';
    let words: Vec<&str> = said
        .split(|c: char| !numeric(c))
        .filter_map(|word| {
            let word = word.trim_end_matches(['.', ',', '-', '+']);
            word.bytes().any(|byte| byte.is_ascii_digit()).then_some(word)
        })
        .collect();
    words.iter().rev().find_map(|word| number(word))
}

/// A decimal number in one form: `+1,200.50` is `1200.5`. `None` where it is none.
pub(super) fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
        None => ("", text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.replace(',', "");
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !all_digits(&whole) || !all_digits(part) {
        return None;
    }
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match (sign, whole, part) {
        (_, "0", "") => "0".to_owned(),
        (sign, whole, "") => format!("{sign}{whole}"),
        (sign, whole, part) => format!("{sign}{whole}.{part}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_the_words_around_them() {
        for (kind, text, vote) in [
            (Kind::Letter, "B", Some("B")),
            (Kind::Letter, "**b**", Some("B")),
            (Kind::Letter, "(C)", Some("C")),
            (Kind::Letter, "B) Paris", Some("B")),
            (Kind::Letter, "It is not A. The answer is: **D**.", Some("D")),
            (Kind::Letter, "Both are right", None),
            (Kind::Letter, "A choice is hard", None),
            (Kind::Number, "42", Some("42")),
            (Kind::Number, "The answer is 1,200.50 apples.", Some("1200.5")),
            (Kind::Number, "7 and 8 make 15", Some("15")),
            (Kind::Number, "-3.0", Some("-3")),
            (Kind::Number, "none", None),
            (Kind::Label, "Yes.", Some("yes")),
            (Kind::Label, "Answer: Billing issue", Some("billing issue")),
            (Kind::Label, "I think\nthat it is fine", None),
            (Kind::Boxed, "so \\boxed{ x^{2} + 1 }.", Some("x^{2}+1")),
            (Kind::Boxed, "\\boxed{1} no, \\boxed{042.0}", Some("42")),
            (Kind::Boxed, "\\boxed{", None),
            (Kind::Object, "```json\n{\"b\": 1.0, \"a\": [true]}\n```", Some("{\"a\":[true],\"b\":1}")),
            (Kind::Object, "{", None),
        ] {
            assert_eq!(kind.vote(text).ok().as_deref(), vote, "{kind:?} {text}");
        }
    }

    #[test]
    fn numbers_have_one_form() {
        for (text, form) in [
            ("0", Some("0")),
            ("-0.00", Some("0")),
            ("007", Some("7")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("1,000,000", Some("1000000")),
            ("1-2", None),
            ("1.2.3", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(number(text).as_deref(), form, "{text}");
        }
    }
}
