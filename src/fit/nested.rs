//! Edits below the top level: one walk over one top-level member applies all of them at once.
//!
//! An edit names a path, `messages.*.content.*.cache_control`, and what happens there. Since every step goes one level
//! down, all edits that are still in play at a value stand at the same step: a set of bits and a depth say it all.

use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use super::splice::{List, Splices, add_member};
use crate::{
    traits::Traits,
    wire::{
        Span,
        json::{Cursor, JsonError, Kind, Value},
        signer,
    },
};

/// One level down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Every element of an array.
    Each,
    /// The member of this name.
    Member(Cow<'static, [u8]>),
}

/// A condition on one member of an object. It is met only if the member is there, except for [`Want::Absent`].
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) member: Box<[u8]>,
    pub(super) want: Want,
}

/// What a [`Test`] wants of the member.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// A string, one of these.
    Is(Vec<Box<[u8]>>),
    /// A string, none of these.
    Not(Vec<Box<[u8]>>),
    /// A string with this beginning.
    Starts(Box<[u8]>),
    /// A signature that this vendor made: [`Traits::CLAUDE_SIGNATURE`] or [`Traits::OTHER_SIGNATURE`].
    Signed(Traits),
    /// Anything but null.
    Present,
    /// Nothing, or null.
    Absent,
}

/// Tests of one object, edits in one walk: sets of them are bits of a word.
pub(super) const TESTS: usize = 32;
pub(super) const EDITS: usize = 64;

/// An edit below one top-level member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nested<'r> {
    /// Where, from the top-level member on; not empty.
    pub(super) path: &'r [Step],
    /// Conditions on the object that holds the member, or on the element, at the end of the path.
    pub(super) tests: &'r [Test],
    pub(super) act: Act<'r>,
}

/// What happens at the end of a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'r> {
    /// The member or element goes; a member only if its value is one of these strings, where there are any.
    Drop(&'r [Box<[u8]>]),
    /// One of the strings becomes this JSON text; so does every object, if `objects`.
    Map { from: &'r [Box<[u8]>], objects: bool, to: &'r [u8] },
    /// The member gets this JSON text as value. With `absent`, only if it is not there or null.
    Set { to: &'r [u8], absent: bool },
}

/// What a walk did.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The splices, all within the walked value.
    pub(super) splices: Splices,
    /// The edits that changed something, as bits.
    pub(super) hits: u64,
    /// Nothing is left in the walked value.
    pub(super) emptied: bool,
    /// The names of elements that were dropped from the top-level array, as they stand.
    pub(super) dropped: Vec<Value>,
}

/// Names remembered of dropped elements: tools, of which no request has nearly as many.
const DROPPED_NAMES: usize = 1024;

/// Applies the edits to one value. `None` where nothing changes, and for a value that cannot be walked, which
/// [`RequestView::read`](crate::wire::request::RequestView::read) would not have let through.
pub(super) fn walk(body: &[u8], value: Span, edits: &[Nested<'_>]) -> Option<Walked> {
    let edits = edits.get(..edits.len().min(EDITS))?;
    let mut walker = Walker { body, edits, out: Walked::default() };
    let active = edits.iter().enumerate().fold(0, |bits, (index, _)| bits | bit(index));
    let left = walker.value(&mut Cursor::at(body, value), 0, active).ok()?;
    walker.out.emptied = left.1.emptied || left.1.hollow;
    Some(walker.out).filter(|out| out.hits != 0)
}

/// Whether all tests hold of the object at the cursor. Anything else than an object passes no test.
pub(super) fn holds(cursor: &Cursor<'_>, tests: &[Test]) -> bool {
    let body = cursor.body();
    let (mut met, mut all) = (0u32, 0u32);
    for (index, test) in tests.iter().take(TESTS).enumerate() {
        all |= 1 << index;
        met |= u32::from(matches!(test.want, Want::Absent)) << index;
    }
    let walked = cursor.clone().object(|cursor, key| {
        let value = cursor.skip()?;
        for (index, test) in tests.iter().take(TESTS).enumerate() {
            if *test.member == *key.name() {
                met = (met & !(1 << index)) | (u32::from(test.want.met(body, &value)) << index);
            }
        }
        Ok(())
    });
    walked.is_ok_and(|value| value.kind == Kind::Object) && met == all
}

impl Want {
    fn met(&self, body: &[u8], value: &Value) -> bool {
        match self {
            Self::Is(words) => one_of(body, value, words),
            Self::Not(words) => value.kind == Kind::String && !one_of(body, value, words),
            Self::Starts(words) => value.raw(body).starts_with(words),
            Self::Signed(by) => signer(value.raw(body)).meets(*by),
            Self::Present => value.kind != Kind::Null,
            Self::Absent => value.kind == Kind::Null,
        }
    }
}

/// Whether the value is one of these strings.
fn one_of(body: &[u8], value: &Value, words: &[Box<[u8]>]) -> bool {
    value.text(body).is_some_and(|text| words.iter().any(|word| **word == *text.as_bytes()))
}
const fn bit(index: usize) -> u64 {
    1 << (index & 63)
}

struct Walker<'a, 'r> {
    body: &'a [u8],
    edits: &'a [Nested<'r>],
    out: Walked,
}

/// What is left of one value.
#[derive(Clone, Copy, Default)]
struct Left {
    /// An array or object that held something and holds nothing any more.
    emptied: bool,
    /// An object one of whose arrays was emptied: a message without content.
    hollow: bool,
}

impl<'a> Walker<'a, '_> {
    fn value(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
        active: u64,
    ) -> Result<(Value, Left), JsonError> {
        match cursor.peek()? {
            Kind::Object if active != 0 => self.object(cursor, depth, active),
            Kind::Array if active != 0 => self.array(cursor, depth, active),
            _ => Ok((cursor.skip()?, Left::default())),
        }
    }

    /// Those of the active edits that take the step at `depth`; `ends` tells whether it is their last.
    fn taking(&self, active: u64, depth: usize, step: impl Fn(&Step) -> bool, ends: bool) -> u64 {
        self.each(active)
            .filter(|(_, edit)| edit.path.get(depth).is_some_and(&step))
            .filter(|(_, edit)| (edit.path.len() == depth.saturating_add(1)) == ends)
            .fold(0, |bits, (index, _)| bits | bit(index))
    }

    fn each(&self, active: u64) -> impl Iterator<Item = (usize, Nested<'_>)> {
        let edits = self.edits;
        edits
            .iter()
            .enumerate()
            .filter(move |(index, _)| active & bit(*index) != 0)
            .map(|(index, edit)| (index, *edit))
    }

    /// The edits without those whose tests fail at the object under the cursor.
    fn passing(&self, cursor: &Cursor<'_>, edits: u64) -> u64 {
        self.each(edits)
            .filter(|(_, edit)| edit.tests.is_empty() || holds(cursor, edit.tests))
            .fold(0, |bits, (index, _)| bits | bit(index))
    }

    fn object(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
        active: u64,
    ) -> Result<(Value, Left), JsonError> {
        let member = |step: &Step| matches!(step, Step::Member(_));
        let ending = self.passing(cursor, self.taking(active, depth, member, true));
        let deeper = self.taking(active, depth, member, false);
        let mut list = List::enter(&self.out.splices);
        let mut left = Left::default();
        let mut seen = 0;
        let value = cursor.object(|cursor, key| {
            let named = |step: &Step| matches!(step, Step::Member(name) if **name == *key.name());
            let mark = self.out.splices.mark();
            let below = self.taking(deeper, depth, named, false);
            let (value, inner) = self.value(cursor, depth.saturating_add(1), below)?;
            left.hollow |= inner.emptied && value.kind == Kind::Array;
            let here = self.taking(ending, depth, named, true);
            seen |= here;
            let keep = self.member(here, mark, &value);
            let start = key.span.start as usize;
            list.item(&mut self.out.splices, mark, start, value.span.end as usize, keep);
            Ok(())
        })?;
        let mut fresh = Vec::new();
        let mut hits = 0;
        for (index, edit) in self.each(ending & !seen) {
            if let (Act::Set { to, .. }, Some(Step::Member(name))) = (edit.act, edit.path.get(depth)) {
                add_member(&mut fresh, name, to);
                hits |= bit(index);
            }
        }
        self.out.hits |= hits;
        left.emptied =
            list.leave(&mut self.out.splices, (value.span.start as usize).saturating_add(1), fresh);
        Ok((value, left))
    }

    /// Applies the edits that end at a member; tells whether it stays.
    fn member(&mut self, here: u64, mark: usize, value: &Value) -> bool {
        let body = self.body;
        let mut replace: Option<Vec<u8>> = None;
        let mut hits = 0;
        let mut keep = true;
        for (index, edit) in self.each(here) {
            let to = match edit.act {
                Act::Drop(only) => {
                    if only.is_empty() || one_of(body, value, only) {
                        hits |= bit(index);
                        keep = false;
                    }
                    continue;
                }
                Act::Map { from, objects, to } => {
                    Some(to).filter(|_| one_of(body, value, from) || (objects && value.kind == Kind::Object))
                }
                Act::Set { to, absent } => Some(to).filter(|_| !absent || value.kind == Kind::Null),
            };
            if let Some(to) = to
                && replace.is_none()
                && to != value.span.of(body)
            {
                hits |= bit(index);
                replace = Some(to.to_vec());
            }
        }
        self.out.hits |= hits;
        if let Some(to) = replace.filter(|_| keep) {
            self.out.splices.truncate(mark);
            self.out.splices.push(value.span.start as usize, value.span.end as usize, to);
        }
        keep
    }

    fn array(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
        active: u64,
    ) -> Result<(Value, Left), JsonError> {
        let each = |step: &Step| matches!(step, Step::Each);
        let ending = self.taking(active, depth, each, true);
        let deeper = self.taking(active, depth, each, false);
        let mut list = List::enter(&self.out.splices);
        let value = cursor.array(|cursor| {
            cursor.peek()?;
            let (start, mark) = (cursor.offset(), self.out.splices.mark());
            let drop = self.passing(cursor, ending);
            let keep = if drop == 0 {
                !self.value(cursor, depth.saturating_add(1), deeper)?.1.hollow
            } else {
                self.out.hits |= drop;
                if depth == 0 && self.out.dropped.len() < DROPPED_NAMES {
                    self.out.dropped.extend(name_of(cursor));
                }
                cursor.skip()?;
                false
            };
            list.item(&mut self.out.splices, mark, start, cursor.offset(), keep);
            if depth == 0 {
                self.out.splices.fold(self.body);
            }
            Ok(())
        })?;
        let open = (value.span.start as usize).saturating_add(1);
        let emptied = list.leave(&mut self.out.splices, open, Vec::new());
        Ok((value, Left { emptied, hollow: false }))
    }
}

/// The `name` of the object at the cursor.
pub(super) fn name_of(cursor: &Cursor<'_>) -> Option<Value> {
    let mut name = None;
    let walked = cursor.clone().object(|cursor, key| {
        let value = cursor.skip()?;
        if key.name() == b"name" {
            name = Some(value);
        }
        Ok(())
    });
    walked.ok().and(name)
}
