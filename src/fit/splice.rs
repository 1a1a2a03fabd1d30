//! One small editor for things between commas: members of an object, elements of an array.
//!
//! JSON has no trailing commas, so what must go with a removed item depends on its neighbours. [`List`] hears of the
//! items of one container in order and writes splices that leave well-formed JSON behind, whatever goes and comes.

use alloc::vec::Vec;

use crate::{edit::BodySplice, limits};

/// Splices in the order of the body, not overlapping.
#[derive(Clone, Debug, Default)]
pub(super) struct Splices(Vec<BodySplice>);

impl Splices {
    /// A place to come back to.
    pub(super) const fn mark(&self) -> usize {
        self.0.len()
    }

    /// Forgets every splice behind the mark.
    pub(super) fn truncate(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    /// Adds a splice behind all others.
    pub(super) fn push(&mut self, start: usize, end: usize, with: Vec<u8>) {
        self.0.push(BodySplice { start, end, with });
    }

    /// Adds a splice before those behind the mark.
    fn insert(&mut self, mark: usize, start: usize, end: usize, with: Vec<u8>) {
        self.0.insert(mark.min(self.0.len()), BodySplice { start, end, with });
    }

    /// Adds all of `other` behind all others.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps the list within [`limits::SPLICES`]: what is beyond becomes one splice that repeats the bytes between.
    /// Marks beyond the bound are void afterwards.
    pub(super) fn fold(&mut self, body: &[u8]) {
        while self.0.len() > limits::SPLICES {
            let beyond = self.0.split_off(limits::SPLICES);
            let Some(last) = self.0.last_mut() else { return };
            for next in beyond {
                last.with.extend_from_slice(body.get(last.end..next.start).unwrap_or_default());
                last.with.extend_from_slice(&next.with);
                last.end = next.end;
            }
        }
    }

    /// The splices; neighbours without a byte between them become one.
    pub(super) fn finish(mut self, body: &[u8]) -> Vec<BodySplice> {
        self.0.dedup_by(|next, last| {
            let touching = last.end == next.start;
            if touching {
                last.with.append(&mut next.with);
                last.end = next.end;
            }
            touching
        });
        self.fold(body);
        self.0
    }
}

/// The items of one container, while it is walked.
#[derive(Debug)]
pub(super) struct List {
    /// Number of splices when the container was entered.
    mark: usize,
    /// Start of the first item, as long as every item so far was removed.
    removed_from: Option<usize>,
    /// Whether an item stays.
    keeps: bool,
    /// End of the item before.
    end: usize,
}

impl List {
    /// Before the first item.
    pub(super) const fn enter(splices: &Splices) -> Self {
        Self { mark: splices.mark(), removed_from: None, keeps: false, end: 0 }
    }

    /// Tells of the next item, `start..end` without comma or white space around it. `mark` is from before its own
    /// splices; they vanish with it.
    pub(super) fn item(&mut self, splices: &mut Splices, mark: usize, start: usize, end: usize, keep: bool) {
        match (keep, self.keeps) {
            (true, false) => {
                if let Some(from) = self.removed_from.take() {
                    splices.insert(mark, from, start, Vec::new());
                }
                self.keeps = true;
            }
            (true, true) => {}
            (false, keeps) => {
                splices.truncate(mark);
                if keeps {
                    splices.push(self.end, end, Vec::new());
                } else {
                    self.removed_from.get_or_insert(start);
                }
            }
        }
        self.end = end;
    }

    /// Behind the last item. `open` is the offset behind the opening bracket, where `fresh` items are inserted.
    /// Tells whether there were items and none is left.
    pub(super) fn leave(self, splices: &mut Splices, open: usize, fresh: Vec<u8>) -> bool {
        if let Some(from) = self.removed_from {
            splices.push(from, self.end, Vec::new());
        }
        let emptied = self.removed_from.is_some() && fresh.is_empty();
        if !fresh.is_empty() {
            let mut with = fresh;
            if self.keeps {
                with.push(b',');
            }
            splices.insert(self.mark, open, open, with);
        }
        emptied
    }
}

/// Adds `"name":value` to items that are to be inserted.
pub(super) fn add_member(fresh: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if !fresh.is_empty() {
        fresh.push(b',');
    }
    // Names come from rules and hold no character that JSON escapes; the rule reader sees to it.
    fresh.push(b'"');
    fresh.extend_from_slice(name);
    fresh.extend_from_slice(b"\":");
    fresh.extend_from_slice(value);
}
