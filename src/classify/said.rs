//! What the person said: the harness's blocks, pasted code and encoded data are left out.
//!
//! Agent clients put much into user turns that no person wrote: reminders, the state of the editor, files, output of
//! commands. They mark it with tags, and this is where those are known.

use alloc::vec::Vec;

use crate::{
    limits,
    wire::text::{character, find},
};

/// Tags whose content no person wrote as a question. What they hold is left out.
const TAGS: [&[u8]; 40] = [
    b"system-reminder",
    b"system_reminder",
    b"environment_context",
    b"environment_details",
    b"environment",
    b"env",
    b"user_instructions",
    b"INSTRUCTIONS",
    b"permissions",
    b"collaboration_mode",
    b"skills_instructions",
    b"available_skills",
    b"skill",
    b"ide_selection",
    b"ide_opened_file",
    b"ide_diagnostics",
    b"command-name",
    b"command-message",
    b"local-command-stdout",
    b"local-command-stderr",
    b"local-command-caveat",
    b"bash-stdout",
    b"bash-stderr",
    b"task-notification",
    b"tool_use_error",
    b"tool_result",
    b"tools",
    b"functions",
    b"function_calls",
    b"uploaded_files",
    b"file",
    b"files",
    b"file_contents",
    b"document",
    b"documents",
    b"attachment",
    b"attachments",
    b"repo_map",
    b"context",
    b"open_and_recently_viewed_files",
];

/// The tags that begin with a byte, as bits by their number: most `<` begin none.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
const TAGS_BY_FIRST: [u64; 128] = {
    let mut masks = [0u64; 128];
    let mut n = 0;
    while n < TAGS.len() {
        if let Some(first) = TAGS[n].first()
            && *first < 128
        {
            masks[*first as usize] |= 1 << n;
        }
        n += 1;
    }
    masks
};

/// Numbers of the tags that `name` may begin with, rising.
fn tags_like(name: &[u8]) -> impl Iterator<Item = (usize, &'static [u8])> {
    let first = name.first().copied().unwrap_or(b' ');
    let mut mask = TAGS_BY_FIRST.get(usize::from(first)).copied().unwrap_or_default();
    core::iter::from_fn(move || {
        let n = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        Some((n, *TAGS.get(n)?))
    })
}

/// Where the next `<` stands.
fn bracket(text: &[u8]) -> Option<usize> {
    find(text, b'<')
}

/// Beginnings of lines that a client writes.
const LINES: [&[u8]; 5] = [
    b"x-anthropic-billing-header",
    b"[Request interrupted",
    b"[Image",
    b"Caveat: The messages below were generated",
    b"Base directory for this skill",
];

/// Bytes of a fenced block that are kept: enough to see what it is.
const FENCED: usize = 240;

/// Letters of one word from which on it is taken for encoded data.
const ENCODED: usize = 80;

/// Bytes at the start of a turn, and at its end, in which tags are looked for.
const SEARCHED: usize = 16 * 1024;

/// The parts of raw text that are left when the harness's blocks are taken out. Pushes slices of `raw`.
fn outside_tags<'b>(raw: &'b [u8], kept: &mut Vec<&'b [u8]>) {
    if raw.len() > 2 * SEARCHED {
        let (head, rest) = raw.split_at_checked(SEARCHED).unwrap_or((raw, &[]));
        let tail = rest.get(rest.len().saturating_sub(SEARCHED)..).unwrap_or_default();
        if let Some(open) = cut(head, kept)
            && let Some(after) = closed(tail, open)
        {
            cut(after, kept);
        } else {
            // A block may have been opened in the part that was not searched.
            cut(behind_closings(tail).unwrap_or(tail), kept);
        }
        return;
    }
    cut(raw, kept);
}

/// What stands behind the last of the closing tags that are each the first of their kind. A block that both opens and
/// closes in `tail` is cut out all the same, and only what stands before it is lost with it.
fn behind_closings(tail: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut seen, mut found) = (tail, 0u64, None);
    while let Some(at) = bracket(rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(name) = closing(rest) else { continue };
        let tags = tags_like(name).filter(|(n, _)| seen & 1 << n == 0);
        let mut ends = tags.filter_map(|(n, tag)| Some((n, name.strip_prefix(tag)?.strip_prefix(b">")?)));
        if let Some((n, end)) = ends.next() {
            seen |= 1 << n;
            found = Some(end);
        }
    }
    found
}

/// The name of a closing tag, behind its `<`. JSON writers may escape the slash.
fn closing(rest: &[u8]) -> Option<&[u8]> {
    rest.strip_prefix(b"/").or_else(|| rest.strip_prefix(b"\\/"))
}

/// Cuts blocks out; the result is a block that does not end.
fn cut<'b>(raw: &'b [u8], kept: &mut Vec<&'b [u8]>) -> Option<&'static [u8]> {
    let (mut rest, mut from) = (raw, 0);
    while let Some(at) = rest.get(from..).and_then(bracket) {
        let at = from + at;
        let behind = rest.get(at + 1..).unwrap_or_default();
        let tag = tags_like(behind).find(|(_, tag)| {
            behind.strip_prefix(*tag).is_some_and(|end| matches!(end.first(), Some(b'>' | b' ' | b'\\')))
        });
        let Some((_, tag)) = tag else {
            from = at + 1;
            continue;
        };
        kept.push(rest.get(..at).unwrap_or_default());
        match closed(behind, tag) {
            Some(after) => (rest, from) = (after, 0),
            None => return Some(tag),
        }
    }
    kept.push(rest);
    None
}

/// What stands behind the closing tag.
fn closed<'b>(raw: &'b [u8], tag: &[u8]) -> Option<&'b [u8]> {
    let mut rest = raw;
    while let Some(at) = bracket(rest) {
        rest = rest.get(at + 1..)?;
        if let Some(end) = closing(rest).and_then(|name| name.strip_prefix(tag)?.strip_prefix(b">")) {
            return Some(end);
        }
    }
    None
}

/// The text of one turn, decoded and cleaned; at most `budget` bytes of it, from the beginning and the end.
///
/// `pieces` are JSON string contents, still escaped.
pub(super) fn said<'b>(pieces: impl Iterator<Item = &'b [u8]>, budget: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut kept = Vec::new();
    for piece in pieces.take(limits::TEXT_PIECES) {
        all.push(piece);
        outside_tags(piece, &mut kept);
        // Two blocks of one turn are two lines.
        kept.push(b"\\n");
    }
    let blank = |kept: &[&[u8]]| kept.iter().all(|part| part.trim_ascii().is_empty() || *part == b"\\n");
    if blank(&kept) {
        // Nothing but blocks: then they are the question.
        kept = all;
    }
    let total: usize = kept.iter().map(|part| part.len()).sum();
    let head = if total > budget { budget / 8 * 5 } else { budget };
    let tail = total.saturating_sub(budget - budget / 8 * 5).max(head);
    let mut writer = Writer::new(budget);
    let mut at = 0;
    for part in kept {
        let end = at + part.len();
        for (from, to) in [(0, head), (tail, usize::MAX)] {
            let place = |place: usize| place.clamp(at, end) - at;
            writer.decode(part.get(place(from)..place(to)).unwrap_or_default());
        }
        at = end;
    }
    writer.out
}

/// How many bytes stand before the first backslash or wide character.
fn unescaped(raw: &[u8]) -> usize {
    const ALL: u64 = u64::MAX / 0xFF;
    let mut at = 0;
    for bytes in raw.as_chunks::<8>().0 {
        let bytes = u64::from_le_bytes(*bytes);
        let slash = bytes ^ (ALL * b'\\' as u64);
        // Exact up to the first that is marked: a borrow goes upwards.
        let marked = (slash.wrapping_sub(ALL) & !slash | bytes) & (ALL * 0x80);
        if marked != 0 {
            return at + marked.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = raw.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| *byte == b'\\' || *byte >= 0x80).unwrap_or(rest.len())
}

/// Decodes JSON string content; leaves out long fenced blocks and encoded data.
struct Writer {
    out: Vec<u8>,
    budget: usize,
    /// Where the line began in `out`.
    line: usize,
    /// Where the word began in `out`.
    word: usize,
    /// Where the fenced block began in `out`.
    fence: Option<usize>,
    /// Whether the line before is part of a stack trace.
    traced: bool,
}

impl Writer {
    fn new(budget: usize) -> Self {
        Self {
            out: Vec::with_capacity(budget.min(4096)),
            budget,
            line: 0,
            word: 0,
            fence: None,
            traced: false,
        }
    }

    fn decode(&mut self, raw: &[u8]) {
        let mut rest = raw;
        while let Some(&byte) = rest.first() {
            if self.out.len() >= self.budget {
                return;
            }
            let run = self.plain(rest);
            if run > 0 {
                rest = rest.get(run..).unwrap_or_default();
                continue;
            }
            let used = match byte {
                b'\\' | 0x80.. => {
                    let Some((code, used)) = character(rest) else { return };
                    self.wide(code);
                    used
                }
                b' ' => {
                    self.end_word();
                    self.byte(b' ');
                    1
                }
                _ => {
                    self.byte(byte);
                    1
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        self.end_word();
    }

    /// Takes the bytes up to the next escape or wide character in one piece, where nothing of them is to be left out;
    /// gives how many.
    fn plain(&mut self, raw: &[u8]) -> usize {
        let room = match self.fence {
            Some(start) => (start + FENCED + 1).saturating_sub(self.out.len()),
            None => usize::MAX,
        };
        let end = unescaped(raw).min(room).min(self.budget - self.out.len());
        let run = raw.get(..end).unwrap_or_default();
        // Each word must end in time, or it may be encoded data: looked for backwards, a space is near.
        let mut from = 0;
        let mut room = (self.word + ENCODED + 1).saturating_sub(self.out.len());
        while from + room <= end {
            let window = run.get(from..from + room).unwrap_or_default();
            let Some(space) = window.iter().rposition(|byte| *byte == b' ') else { return 0 };
            (from, room) = (from + space + 1, ENCODED + 1);
        }
        if let Some(space) = run.get(from..).unwrap_or_default().iter().rposition(|byte| *byte == b' ') {
            from += space + 1;
        }
        if from > 0 {
            self.word = self.out.len() + from;
        }
        self.out.extend_from_slice(run);
        end
    }

    fn byte(&mut self, byte: u8) {
        if self.fence.is_some_and(|start| self.out.len() > start + FENCED) {
            // Past the bound of a fenced block, only its end is waited for.
            if byte != b'`' && byte != b'\n' {
                return;
            }
        }
        self.out.push(byte);
        if byte == b' ' {
            self.word = self.out.len();
        }
    }

    fn wide(&mut self, code: u32) {
        match code {
            0x0A | 0x0D => self.end_line(),
            0x09 => {
                self.end_word();
                self.byte(b' ');
            }
            0..0x80 => self.byte(code as u8),
            // A no-break or ideographic space separates words too.
            0xA0 | 0x3000 | 0x2000..0x200B | 0x202F => {
                self.end_word();
                self.byte(b' ');
            }
            0x200B..0x2010 | 0xFEFF | 0xFE0F => {}
            _ => {
                let c = char::from_u32(code).unwrap_or('\u{FFFD}');
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    self.byte(byte);
                }
            }
        }
    }

    /// Takes back a word that is encoded data.
    fn end_word(&mut self) {
        if self.out.len() > self.word + ENCODED {
            let word = self.out.get(self.word..).unwrap_or_default();
            let encoded = word
                .iter()
                .filter(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
                })
                .count();
            if encoded * 50 > word.len() * 49 {
                self.out.truncate(self.word);
            }
        }
        self.word = self.out.len();
    }

    /// Whether the line is part of a stack trace, of which another line is to come.
    fn trace(&mut self) -> bool {
        let line = self.out.get(self.line..).unwrap_or_default();
        let indented = line.starts_with(b" ");
        self.traced = line.trim_ascii_start().starts_with(b"Traceback (most recent call last)")
            || (self.traced && indented);
        self.traced
    }

    fn end_line(&mut self) {
        self.end_word();
        let line = self.out.get(self.line..).unwrap_or_default().trim_ascii_start();
        if line.starts_with(b"```") {
            self.fence = match self.fence {
                None => Some(self.out.len()),
                Some(_) => None,
            };
            self.out.truncate(self.line);
        } else if LINES.iter().any(|start| line.first() == start.first() && line.starts_with(start)) {
            self.out.truncate(self.line);
        } else if self.fence.is_none() && self.trace() {
            self.out.push(b' ');
        } else if self.fence.is_none_or(|start| self.out.len() <= start + FENCED) {
            self.out.push(b'\n');
        } else {
            // Nothing of this line but backquotes was kept.
            self.out.truncate(self.line);
        }
        self.line = self.out.len();
        self.word = self.out.len();
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use super::*;

    fn clean(text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        let raw = &quoted.as_bytes()[1..quoted.len() - 1];
        String::from_utf8_lossy(&said([raw].into_iter(), 4096)).trim().into()
    }

    #[test]
    fn the_harness_is_left_out() {
        let text = "<system-reminder>\nToday is Monday. Prove it.\n</system-reminder>\nFix the typo.\n<env foo=\"1\">x</env>";
        assert_eq!(clean(text), "Fix the typo.");
        assert_eq!(clean("a<b and b>c"), "a<b and b>c");
        assert_eq!(clean("x-anthropic-billing-header: cc_version=2\nHello"), "Hello");
        assert_eq!(
            clean("<document>The whole question is in here.</document>"),
            "<document>The whole question is in here.</document>"
        );
    }

    #[test]
    fn code_and_data_are_bounded() {
        let code = "let x = 1;\n".repeat(400);
        let found = clean(&["Why does this fail?\n```rust\n", &code, "```\nIt used to work."].concat());
        assert!(found.len() < 400, "{found}");
        assert!(found.starts_with("Why does") && found.ends_with("used to work."), "{found}");
        assert_eq!(clean(&["See ", &"QUJDRA+/".repeat(60), " for it"].concat()), "See  for it");
    }

    #[test]
    fn long_turns_keep_both_ends() {
        let text = ["First. ", &"and so on ".repeat(30_000), " Last."].concat();
        let found = clean(&text);
        assert!(found.starts_with("First.") && found.ends_with("Last.") && found.len() <= 4096);
        let text = ["Do it. <file>", &"and so on ".repeat(30_000), "</file> Last."].concat();
        assert_eq!(clean(&text), "Do it.  Last.");
        let blocks: Vec<&[u8]> = ["one".as_bytes(), b"two"].into();
        assert_eq!(said(blocks.into_iter(), 100), b"one\ntwo\n");
    }
}
