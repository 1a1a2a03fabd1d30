//! Which sentences belong together, and which only stand beside the question.
//!
//! What is put before or behind a question (a plea, a signature, a pasted line) has no word in common with it, as a rule.
//! Sentences that share a word are kin, and so are their kin; the family with most to say is the question. What stands
//! outside of it at either end, no longer than [`LONGEST`], is not counted: a sentence with those beside it that share a
//! word with it, or that name nothing, as it. Before the question only if it says no more than half as much, since
//! questions too begin with sentences that set the scene. Nowhere if it alone says what is to be done.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    lexicon::{List, Mask, lists},
    tally::{Count, Tally},
};

/// A word that names what a sentence is about, as a number below [`NAMES`].
pub(super) type Name = u16;

const NAMES: u32 = 2048;

/// A word by the hash of its beginning.
pub(super) const fn name(hash: u32) -> Name {
    (hash.wrapping_mul(0x9E37_79B1) >> (u32::BITS - NAMES.ilog2())) as Name
}

/// A sentence as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sentence {
    pub(super) tally: Tally,
    pub(super) words: u32,
    pub(super) asks: bool,
    /// Is not counted: only speaks of how to answer, or stands beside the question.
    pub(super) aside: bool,
    /// The lists of its first word.
    pub(super) opening: Mask,
    /// The number of its line.
    pub(super) line: usize,
    /// Where its names stand among all.
    pub(super) names: (usize, usize),
}

impl Sentence {
    fn sets_a_task(&self) -> bool {
        self.asks || self.opening & TASKS != 0
    }
}

/// Lists of words that a question or an order begins with.
const TASKS: Mask = lists(&[
    List::Compute,
    List::Prove,
    List::Explain,
    List::Which,
    List::Factoid,
    List::HowMany,
    List::Write,
    List::Name,
    List::Translate,
    List::Summarise,
    List::Extract,
    List::Compare,
]);

/// What is known of the options of a question.
pub(super) struct Asked {
    /// Where their names stand among all.
    pub(super) names: Range<usize>,
    pub(super) words: u32,
    /// The last sentence before them.
    pub(super) sentence: usize,
}

/// Sentences from which on one more beside them moves little.
const MANY: usize = 32;

/// Words of the longest sentence that may stand beside the question.
const LONGEST: u32 = 24;

/// Sentences that share a word, or share one with those that do.
struct Family {
    names: Names,
    words: u32,
    first: usize,
    last: usize,
}

impl Family {
    fn shares(&self, names: &Names) -> bool {
        self.names.iter().zip(names).fold(0, |both, (own, other)| both | (own & other)) != 0
    }
}

/// Names as bits.
type Names = [u64; NAMES as usize / 64];

fn add(found: &mut Names, names: &[Name]) {
    for name in names {
        if let Some(place) = found.get_mut(usize::from(*name / 64)) {
            *place |= 1 << (name % 64);
        }
    }
}

/// Marks as asides what stands beside the question.
pub(super) fn set_apart(sentences: &mut [Sentence], names: &[Name], options: Option<Asked>) {
    let counted = |sentence: &Sentence| !sentence.aside;
    let (Some(first), Some(last)) = (sentences.iter().position(counted), sentences.iter().rposition(counted))
    else {
        return;
    };
    let short = |at: usize| sentences.get(at).is_some_and(|sentence| sentence.words <= LONGEST);
    let (short_first, short_last) = (short(first), short(last));
    if first == last || sentences.len() > MANY || !(short_first || short_last) {
        return;
    }
    let has_options = options.is_some();
    let Some((most, words)) = largest(sentences, names, options) else { return };
    let set =
        |range: Range<usize>| sentences.get(range).unwrap_or_default().iter().any(Sentence::sets_a_task);
    // A text and what is to be done with it need not share a word.
    let needed = !(has_options || set(most.start..most.end + 1));
    let mut end = beside(sentences, names, (most.end + 1..=last).rev());
    let mut start = beside(sentences, names, first..most.start);
    if needed && set(last + 1 - end..last + 1) {
        end = 0;
    }
    if needed && set(first..first + start) {
        start = 0;
    }
    let mut total = 0;
    for sentence in sentences.iter().skip(first).take(start) {
        total += sentence.words;
    }
    // Of a request in two sentences the first is as likely what it is about.
    if total * 2 <= words {
        sentences.iter_mut().skip(first).take(start).for_each(|sentence| sentence.aside = true);
    }
    sentences.iter_mut().take(last + 1).rev().take(end).for_each(|sentence| sentence.aside = true);
}

/// How many of these sentences, from the first on, stand together beside the question: those that share a word with it,
/// or have none that names anything, as it.
fn beside(sentences: &[Sentence], names: &[Name], mut among: impl Iterator<Item = usize>) -> usize {
    let names_of = |sentence: &Sentence| names.get(sentence.names.0..sentence.names.1).unwrap_or_default();
    let Some(outer) = among.next().and_then(|at| sentences.get(at)) else { return 0 };
    let mut words = outer.words;
    if words > LONGEST {
        return 0;
    }
    let outer = names_of(outer);
    1 + among
        .map_while(|at| sentences.get(at))
        .take_while(|sentence| {
            words += sentence.words;
            let own = names_of(sentence);
            let kin =
                if own.is_empty() { outer.is_empty() } else { own.iter().any(|name| outer.contains(name)) };
            (kin || sentence.aside) && words <= LONGEST
        })
        .count()
}

/// The first and the last sentence of the family with most words, and how many. A question counts double, and options are
/// a large part of the question before them.
fn largest(sentences: &[Sentence], names: &[Name], options: Option<Asked>) -> Option<(Range<usize>, u32)> {
    let mut families: Vec<Family> = Vec::with_capacity(4);
    for (at, sentence) in sentences.iter().enumerate().filter(|(_, sentence)| !sentence.aside) {
        let words = (sentence.words + sentence.tally.get(Count::Numbers)) * if sentence.asks { 2 } else { 1 };
        let asked = options.as_ref().filter(|options| options.sentence == at);
        let mut named = [0; NAMES as usize / 64];
        add(&mut named, names.get(sentence.names.0..sentence.names.1).unwrap_or_default());
        if let Some(options) = asked {
            add(&mut named, names.get(options.names.clone()).unwrap_or_default());
        }
        let mut own = Family { names: named, words, first: at, last: at };
        own.words += asked.map_or(0, |options| options.words * 4);
        families.retain(|family| {
            let kin = family.shares(&named);
            if kin {
                for (place, more) in own.names.iter_mut().zip(&family.names) {
                    *place |= more;
                }
                own.words += family.words;
                own.first = own.first.min(family.first);
            }
            !kin
        });
        families.push(own);
    }
    let most = families.iter().max_by_key(|family| (family.words, family.last))?;
    Some((most.first..most.last, most.words))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use crate::classify::{Classifier, shape::Shape};

    fn shape(text: &str) -> Shape {
        let quoted = serde_json::to_string(text).unwrap();
        let raw = &quoted.as_bytes()[1..quoted.len() - 1];
        Classifier::shipped().shape([raw].into_iter(), 4096)
    }

    #[test]
    fn what_stands_beside_a_question_is_not_counted() {
        let question =
            "How many gallons of paint cover a fence of forty feet, if a gallon of paint covers eight feet?";
        let paper = "Which planet has the most moons?\nA. Saturn\nB. Mars\nC. Venus\nAnswer:";
        for text in [question, paper] {
            for other in
                ["We had pasta for lunch.", "Lovely weather over here.", "Nobody reads such stuff anyway."]
            {
                for whole in [[other, "\n", text].concat(), [text, "\n", other].concat()] {
                    assert_eq!(shape(&whole).words, shape(text).words, "{whole}");
                }
            }
        }
    }

    #[test]
    fn what_is_kin_to_the_question_is_counted() {
        let parts = ["A train leaves Ulm at nine.", "The train needs two hours.", "When does it arrive?"];
        let all: Vec<usize> = parts.iter().map(|part| part.split(' ').count()).collect();
        let whole: String = parts.join(" ");
        // The last shares no word with the others, but without it nothing is asked.
        assert_eq!(shape(&whole).words as usize, all.iter().sum::<usize>());
        let text = "The committee met on Tuesday and discussed the new bridge at length before lunch.";
        for task in ["Summarise in one line.", "Translate into German."] {
            for whole in [[task, "\n\n", text].concat(), [text, "\n\n", task].concat()] {
                assert_eq!(shape(&whole).words as usize, whole.split_ascii_whitespace().count(), "{whole}");
            }
        }
        assert_eq!(shape("When does the train arrive? The train needs two hours.").words, 10);
        // A scene, and what is to be done about it.
        let task = "Derive the interleaving, propose a fix and show that it keeps throughput.";
        assert_eq!(shape(&["The queue loses an element once a day. ", task].concat()).words, 20);
    }
}
