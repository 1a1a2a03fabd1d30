//! Prompt tokens, estimated from the text as it stands in the request.
//!
//! A real tokenizer needs a vocabulary of megabytes and differs from model to model. Routing needs to know whether a
//! request fits and what it will cost, roughly, before it is sent. So a scanner cuts the text nearly as a tokenizer
//! would and counts the pieces by kind and length, and a table says what a piece of each kind costs on average.
//!
//! # How good
//!
//! `tokencheck` measures the estimate against `o200k_base` and `cl100k_base` and fits the tables. Relative errors in
//! per cent, without sign except for bias and worst:
//!
//! | what | measured against | bias | median | 90 % | 99 % | worst |
//! |---|---|---:|---:|---:|---:|---:|
//! | 939 recorded requests, agents and tools | `o200k_base` | -0.4 | 3.1 | 7.7 | 13.9 | -21.0 |
//! | 879 of them, their sources left out of the fit (measured with four times the sample) | `o200k_base` | -0.0 | 2.7 | 5.5 | 9.1 | -20.4 |
//! | the 939 requests | `cl100k_base` | -1.0 | 2.7 | 7.7 | 13.3 | -22.0 |
//! | 2,471 single texts, most of them short | `o200k_base` | +0.5 | 3.3 | 10.0 | 20.0 | -46.2 |
//! | 36 samples: languages, code, data | `o200k_base` | +2.1 | 3.8 | 14.6 | 23.8 | +23.8 |
//! | the 36 samples | `cl100k_base` | -15.1 | 9.4 | 47.1 | 67.8 | -67.8 |
//! | the same, [`cautious`](Estimator::cautious) | `cl100k_base` | +1.1 | | | | -22.7 |
//! | 13 first calls, as `gpt-4.1-mini` was billed | the bill | -9.6 | 8.6 | 11.9 | 19.5 | -19.5 |
//!
//! What to keep in mind:
//!
//! - Most texts are measured on halves whose other halves fitted the tables; only the second row is free of that, and
//!   even there the price of tool definitions was chosen with those requests in sight. Other languages than English rest
//!   on one short sample each.
//! - The requests are English and code. An older vocabulary takes up to three times as many tokens for Hindi, Thai or
//!   Arabic: there [`tokens`](Estimator::tokens) is far too low for it, and `cautious` is not.
//! - The truth for requests adds three tokens and a role for each message, and renders tools as OpenAI's models read
//!   them, as far as that is known. The bill is the one real check, of one source, whose system prompt was recorded only
//!   in part. Providers with another form of tools, or a hidden prompt of their own, are not measured.
//! - Claude's and Gemini's vocabularies are not public and not measured.
//! - Images and documents are constants, not estimates.

mod cost;
mod scan;

pub use scan::{Counts, FEATURES, LENGTHS, PER_CHARACTER, WORDS};

use crate::limits;

/// Bytes of one window of a sampled request. Long enough that cut words at its ends do not matter.
const WINDOW: u64 = 512;

/// Bytes at the start of a window in which a place to begin is looked for: a space or an escape.
const ALIGN: usize = 32;

/// Adds up what the model has to read, in tokens.
///
/// Give it the bytes of text and tool definitions that will follow, then every piece in the order of the request.
/// Requests of up to [`limits::TEXT_SAMPLE`] bytes are looked at as a whole. In larger ones, windows at even distances
/// are looked at, and what they show is scaled to the full length. So the work is bounded, and the result depends only
/// on the pieces and the total.
///
/// A wrong total is not an error: too small a one makes the sample end early, too large a one makes it thinner.
#[derive(Clone, Debug)]
pub struct Estimator {
    stride: u64,
    at: u64,
    window: u64,
    looked: usize,
    text: Strand,
    schema: Strand,
    fixed: u64,
}

/// One kind of content: its length, the part of it that was counted, and what was counted there.
#[derive(Clone, Copy, Debug)]
struct Strand {
    bytes: u64,
    counted: u64,
    counts: Counts,
}

impl Strand {
    const EMPTY: Self = Self { bytes: 0, counted: 0, counts: [0; FEATURES] };

    fn tokens(&self, weights: &[u16; FEATURES]) -> u64 {
        if self.counted == 0 {
            // No window fell on it, so it is small beside the rest.
            return self.bytes.div_ceil(cost::BYTES_PER_TOKEN);
        }
        let seen = self.counts.iter().zip(weights).fold(0u64, |sum, (&count, &weight)| {
            sum.saturating_add(u64::from(count).saturating_mul(u64::from(weight)))
        });
        let scaled = seen.saturating_mul(self.bytes) / self.counted;
        scaled.div_ceil(cost::SCALE)
    }
}

impl Estimator {
    /// Starts an estimate over `total` bytes of text and tool definitions.
    pub const fn new(total: u64) -> Self {
        let sample = limits::TEXT_SAMPLE as u64;
        // One window in every stride; from the first byte on, so that windows are never more than the sample holds.
        let stride = if total <= sample { WINDOW } else { total.saturating_mul(WINDOW).div_ceil(sample) };
        Self {
            stride,
            at: 0,
            window: 0,
            looked: 0,
            text: Strand::EMPTY,
            schema: Strand::EMPTY,
            fixed: cost::REQUEST,
        }
    }

    /// Adds the content of one JSON string, without its quotes and still escaped.
    pub fn text(&mut self, raw: &[u8]) {
        let mut strand = self.text;
        self.sample(&mut strand, raw);
        self.text = strand;
    }

    /// Adds tool definitions or an output schema: raw JSON.
    pub fn schema(&mut self, json: &[u8]) {
        let mut strand = self.schema;
        self.sample(&mut strand, json);
        self.schema = strand;
    }

    /// Adds what every message costs besides its text: role and delimiters.
    pub const fn message(&mut self) {
        self.fixed = self.fixed.saturating_add(cost::MESSAGE);
    }

    /// Adds an image of unknown size.
    pub const fn image(&mut self) {
        self.fixed = self.fixed.saturating_add(cost::IMAGE);
    }

    /// Adds a document (a PDF) of unknown length.
    pub const fn document(&mut self) {
        self.fixed = self.fixed.saturating_add(cost::DOCUMENT);
    }

    /// The estimate for a tokenizer of the size of `o200k_base`.
    pub fn tokens(&self) -> u64 {
        self.total(&cost::O200K, cost::SCHEMA_PERCENT)
    }

    /// The estimate for an older, smaller vocabulary (`cl100k_base`), but never less than [`tokens`](Self::tokens).
    ///
    /// Meant for the question "does it fit into the context window?", where too low a figure does harm.
    pub fn cautious(&self) -> u64 {
        self.total(&cost::CL100K, 100).max(self.total(&cost::O200K, 100))
    }

    /// Bytes looked at so far: at most [`limits::TEXT_SAMPLE`].
    pub const fn looked(&self) -> usize {
        self.looked
    }

    /// What was counted so far in text; the constants of the cost model are fitted to these.
    pub const fn counts(&self) -> &Counts {
        &self.text.counts
    }

    fn total(&self, weights: &[u16; FEATURES], percent: u64) -> u64 {
        let schema = self.schema.tokens(weights).saturating_mul(percent) / 100;
        self.fixed.saturating_add(self.text.tokens(weights)).saturating_add(schema)
    }

    /// Counts the windows that fall into one piece.
    fn sample(&mut self, strand: &mut Strand, raw: &[u8]) {
        let length = raw.len() as u64;
        let (start, end) = (self.at, self.at.saturating_add(length));
        self.at = end;
        strand.bytes = strand.bytes.saturating_add(length);
        while self.window < end {
            let stop = self.window.saturating_add(WINDOW);
            // Adjoining windows are one: only the end of the piece or of the sample cuts a word.
            let stop = if self.stride == WINDOW { u64::MAX } else { stop };
            let from = self.window.saturating_sub(start) as usize;
            let to = stop.min(end).saturating_sub(start) as usize;
            let left = limits::TEXT_SAMPLE.saturating_sub(self.looked);
            let to = to.min(from.saturating_add(left));
            let seen = raw.get(from..to).unwrap_or_default();
            self.looked = self.looked.saturating_add(seen.len());
            let whole = if from == 0 { seen } else { align(seen) };
            strand.counted = strand.counted.saturating_add(whole.len() as u64);
            scan::count(&mut strand.counts, whole);
            if stop > end || self.looked >= limits::TEXT_SAMPLE {
                // The rest of this window lies in the next piece.
                break;
            }
            self.window = self.window.saturating_add(self.stride);
        }
    }
}

/// The text from the first place at which a word can begin.
fn align(text: &[u8]) -> &[u8] {
    let near = text.get(..ALIGN).unwrap_or(text);
    let start = near.iter().position(|byte| matches!(byte, b' ' | b'\\'));
    // Without one (Chinese, base64), at least not inside a character.
    let start = start.or_else(|| near.iter().position(|byte| !(0x80..0xC0).contains(byte)));
    text.get(start.unwrap_or_default()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const PROSE: &str = "The ferry left the harbour a little before six, while the town was still dark.";
    const CODE: &str = "    let total: u64 = ledger.accounts().map(|(_, balance)| balance).sum();\n";

    /// Without what is added for the request itself.
    fn text(text: &str) -> u64 {
        let quoted = serde_json::to_string(text).unwrap();
        raw(&quoted[1..quoted.len() - 1])
    }

    fn raw(raw: &str) -> u64 {
        let mut estimator = Estimator::new(raw.len() as u64);
        estimator.text(raw.as_bytes());
        estimator.tokens() - cost::REQUEST
    }

    /// The true numbers are those of `o200k_base`.
    #[test]
    fn is_near_the_truth_for_every_kind_of_text() {
        for (sample, truth) in [
            (PROSE, 17),
            (CODE, 19),
            ("{\"id\":48213,\"pos\":[12.48201,-7.3391],\"ok\":true,\"tags\":[\"roof\"]}", 27),
            ("Der Schaffner kontrollierte die Fahrkarten erst kurz vor der Grenze, während es regnete.", 20),
            ("Поезд остановился посреди поля, и проводница объявила, что впереди ремонтируют пути.", 21),
            ("请帮我把下面这份会议记录整理成三个要点，并注明每项任务的负责人和截止日期。", 25),
            ("कृपया मुझे बताइए कि घर के लिए कर्ज़ लेते समय किन बातों का ध्यान रखना चाहिए।", 25),
            ("eyJvZmZzZXQiOjMwfQ8fJk3LmZ0Qx7Vb2TnYp5RsW9dKc1HgE6uXa4ZtB0oNq", 51),
        ] {
            let estimate = text(sample);
            assert!(estimate.abs_diff(truth) * 4 <= truth, "{estimate} for {truth}: {sample}");
        }
    }

    #[test]
    fn escapes_do_not_change_the_estimate() {
        assert_eq!(raw(r"caf\u00e9 \u4f60\u597d \ud83c\udf89 a\/b"), raw("café 你好 🎉 a/b"));
        assert_eq!(raw(r"a\u0020b\u000Ac"), raw(r"a b\nc"));
    }

    #[test]
    fn overhead_is_counted_without_text() {
        let mut estimator = Estimator::new(0);
        let empty = estimator.tokens();
        estimator.message();
        let message = estimator.tokens();
        estimator.image();
        let image = estimator.tokens();
        estimator.document();
        assert!(empty < message && message < image && image < estimator.tokens());
        assert_eq!(estimator.cautious(), estimator.tokens());
    }

    #[test]
    fn tools_cost_less_than_their_json_but_not_cautiously() {
        let json = r#"[{"name":"cancel","description":"Cancels an order.","parameters":{"type":"object"}}]"#;
        let (mut tools, mut plain) = (Estimator::new(json.len() as u64), Estimator::new(json.len() as u64));
        tools.schema(json.as_bytes());
        plain.text(json.as_bytes());
        assert!(tools.tokens() < plain.tokens());
        assert!(tools.cautious() >= plain.tokens());
    }

    #[test]
    fn work_is_bounded_and_the_rest_is_scaled() {
        let page = text(&PROSE.repeat(100));
        let huge = PROSE.repeat(limits::REQUEST_BODY / PROSE.len());
        let mut estimator = Estimator::new(huge.len() as u64);
        estimator.text(huge.as_bytes());
        assert!(estimator.looked() <= limits::TEXT_SAMPLE);
        assert!(estimator.looked() > limits::TEXT_SAMPLE / 2);
        let expected = page * (limits::REQUEST_BODY / PROSE.len()) as u64 / 100;
        assert!(
            estimator.tokens().abs_diff(expected) * 50 < expected,
            "{} for {expected}",
            estimator.tokens()
        );
    }

    #[test]
    fn a_sample_sees_every_part_of_a_long_request() {
        // Half prose, half base64, in pieces: looking at the beginning alone would be off by half.
        let (prose, blob) = (PROSE.repeat(40), "eyJvZmZzZXQiOjMwfQ8fJk3LmZ0Qx7Vb2TnYp5RsW9dKc1".repeat(70));
        let pieces: Vec<&str> =
            (0..200).map(|n| if n < 100 { prose.as_str() } else { blob.as_str() }).collect();
        let expected: u64 = pieces.iter().map(|piece| raw(piece)).sum();
        let mut estimator = Estimator::new(pieces.iter().map(|piece| piece.len() as u64).sum());
        pieces.iter().for_each(|piece| estimator.text(piece.as_bytes()));
        assert!(
            estimator.tokens().abs_diff(expected) * 20 < expected,
            "{} for {expected}",
            estimator.tokens()
        );
    }

    #[test]
    fn a_wrong_total_only_thins_or_ends_the_sample() {
        let long = PROSE.repeat(2000);
        let expected = raw(&long);
        for total in [0, 1000, u64::MAX] {
            let mut estimator = Estimator::new(total);
            estimator.text(long.as_bytes());
            assert!(estimator.looked() <= limits::TEXT_SAMPLE);
            assert!(estimator.tokens().abs_diff(expected) * 10 < expected, "{total}: {}", estimator.tokens());
        }
    }

    proptest! {
        #[test]
        fn takes_any_bytes_in_any_pieces(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..40),
            total in any::<u64>(),
        ) {
            let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
            for total in [length, total] {
                let mut estimator = Estimator::new(total);
                pieces.iter().for_each(|piece| estimator.text(piece));
                prop_assert!(estimator.looked() <= limits::TEXT_SAMPLE);
                prop_assert!(estimator.tokens() <= estimator.cautious());
                // No feature is dearer than five tokens a byte.
                prop_assert!(estimator.tokens() <= 5 * length + 5);
            }
        }

        #[test]
        fn more_text_is_never_fewer_tokens_by_much(a in "[ -~]{0,300}", b in "[ -~]{0,300}") {
            let both: String = alloc::format!("{a}\n{b}");
            // The seam may join two pieces; a line with another tail may be judged another language.
            prop_assert!(text(&both) * 2 + 8 >= text(&a).max(text(&b)));
        }
    }
}
