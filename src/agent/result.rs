//! Did a tool call fail, and how badly?

use super::phrase::{Phrases, begins, head, holds, tail, trimmed};

/// How badly a tool call failed, least first.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It did not, as far as one can see.
    #[default]
    Fine,
    /// A program ended with a failure: a red test is one, and part of honest work.
    Exit,
    /// The tool was used wrongly: unknown tool, bad arguments, a text to replace that is not there.
    Misuse,
    /// The tool or the program under it broke.
    Crash,
}

/// A person declined the call: no failure of the model's.
const DECLINED: [&str; 3] = ["the user doesn't want", "the user does not want", "user rejected"];

static MISUSE: Phrases = Phrases::new(&[
    "<tool_use_error>",
    "string to replace not found",
    "no replacement was performed",
    "found 2 matches of the string",
    "error: no such tool",
    "error: invalid",
    "error: file does not exist",
    "invalid arguments",
    "invalid parameter",
    "invalid input",
    "inputvalidationerror",
    "no such file or directory",
    "unknown tool",
    "your command was not executed",
]);

static CRASH: Phrases = Phrases::new(&[
    "traceback (most recent call last)",
    "fatal:",
    "panic:",
    "thread 'main' panicked",
    "segmentation fault",
]);

const FAILED: [&str; 9] = [
    "error",
    "exception",
    "failed",
    "{\\\"error\\\"",
    "{\\\"status\\\": \\\"error\\\"",
    "bash: ",
    "/bin/bash: ",
    "/bin/sh: ",
    "command failed",
];

/// Output of a program that ended with a failure but has nothing to say: a search without a find.
const SILENT: usize = 24;

/// Judges a result. `raw` is JSON string content, still escaped; `flagged` where the client marked it as an error.
pub(super) fn severity(raw: &[u8], flagged: bool) -> Severity {
    let text = trimmed(raw);
    let start = head(text, 96);
    if begins(start, &DECLINED) {
        return Severity::Fine;
    }
    let said = said(start, text);
    match said {
        Some(severity) => severity,
        None if flagged => Severity::Exit,
        None => Severity::Fine,
    }
}

fn said(start: &[u8], text: &[u8]) -> Option<Severity> {
    if let Some((code, rest)) = exit_code(start) {
        if code == b'0' {
            return Some(Severity::Fine);
        }
        let output = text.len().saturating_sub(start.len().saturating_sub(rest.len()));
        // What stands around an empty output counts for nothing.
        let words = rest.strip_prefix(b"\\n<output>").unwrap_or(rest);
        let empty = output <= SILENT || (begins(trimmed(words), &["</output>"]));
        let severity = if empty { Severity::Fine } else { crashed(text).unwrap_or(Severity::Exit) };
        return Some(severity);
    }
    if begins(start, MISUSE.list()) {
        return Some(Severity::Misuse);
    }
    if begins(start, CRASH.list()) {
        return Some(Severity::Crash);
    }
    if begins(start, &FAILED) {
        return Some(if holds(start, &MISUSE) { Severity::Misuse } else { Severity::Exit });
    }
    // OpenHands: `[Command finished with exit code 2]` closes the output.
    let end = tail(text, 160);
    let at = end.windows(EXIT.len()).rposition(|words| words == EXIT)?;
    let digit = end.get(at.saturating_add(EXIT.len())..)?.first()?;
    (digit.is_ascii_digit() || *digit == b'-').then_some(match digit {
        b'0' => Severity::Fine,
        _ if text.len() <= 160 + SILENT => Severity::Fine,
        _ => Severity::Exit,
    })
}

const EXIT: &[u8] = b"finished with exit code ";

/// A crash that the end of the output tells of.
fn crashed(text: &[u8]) -> Option<Severity> {
    holds(head(text, 256), &CRASH).then_some(Severity::Crash)
}

/// The first digit of an exit code that the result begins with, and what follows the code.
///
/// `<returncode>1</returncode>`: mini-swe-agent. `Exit code 1`: Claude Code. `exit_code: 1`, `exit code: 1`: Codex and
/// others.
fn exit_code(start: &[u8]) -> Option<(u8, &[u8])> {
    const BEGINNINGS: [&str; 5] =
        ["<returncode>", "exit code ", "exit code: ", "exit_code: ", "exit status "];
    let beginning = BEGINNINGS.into_iter().find(|beginning| begins(start, &[beginning]))?;
    let rest = start.get(beginning.len()..)?;
    let first = *rest.first()?;
    if !first.is_ascii_digit() && first != b'-' {
        return None;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
    let rest = rest.get(digits..)?;
    Some((first, rest.strip_prefix(b"</returncode>").unwrap_or(rest)))
}

/// Whether a user message is really a tool's output, in agents that have no tool calls: they run the command in the
/// answer's code block and send what it printed.
pub(super) fn is_observation(raw: &[u8]) -> bool {
    let text = trimmed(raw);
    begins(
        text,
        &[
            "<returncode>",
            "observation:",
            "<output>",
            "<warning>",
            "[command finished",
            "your command ran successfully",
        ],
    ) || tail(raw, 24).array_windows().any(|words| words == b"bash-$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_from_results() {
        for (raw, flagged, expected) in [
            (&br"<returncode>0</returncode>\n<output>\nerror\n</output>"[..], false, Severity::Fine),
            (br"<returncode>1</returncode>\n<output>\n</output>", false, Severity::Fine),
            (br"<returncode>1</returncode>\n<output>\nFAILED tests/test_a.py::test_b - assert 1 == 2\n</output>", false, Severity::Exit),
            (br"<returncode>1</returncode>\n<output>\nTraceback (most recent call last):\n  File</output>", false, Severity::Crash),
            (br"Exit code 127\n/bin/bash: line 1: pytest: command not found", true, Severity::Exit),
            (br"<tool_use_error>String to replace not found in file.", true, Severity::Misuse),
            (br"Error: No such tool available: X", true, Severity::Misuse),
            (br"The user doesn't want to proceed with this tool use. The tool use was rejected", true, Severity::Fine),
            (br"Error: reservation not found", false, Severity::Exit),
            (br"src/errors.rs: error handling lives here", false, Severity::Fine),
            (b"anything", true, Severity::Exit),
            (b"", false, Severity::Fine),
        ] {
            assert_eq!(severity(raw, flagged), expected, "{}", core::str::from_utf8(raw).unwrap());
        }
    }

    #[test]
    fn observations_are_no_words_of_a_person() {
        assert!(is_observation(br"<returncode>0</returncode>\n<output>"));
        assert!(is_observation(br"total 12\n(Open file: n/a)\n(Current directory: /x)\nbash-$"));
        assert!(!is_observation(b"Please fix the bug"));
    }
}
