//! The top level of one request, as it is being changed: later edits see what earlier ones did.
//!
//! Only the members that [`RequestView`] remembered are looked at; a value is opened only if an edit goes below it.

use alloc::{borrow::Cow, vec::Vec};

use super::{
    nested::{self, Nested, Walked},
    splice::{List, Splices, add_member},
};
use crate::{
    edit::BodySplice,
    wire::{
        json::{Kind, Value},
        request::{Member, RequestView},
    },
};

/// A request's top-level members and what becomes of them.
#[derive(Debug)]
pub(super) struct Body<'b> {
    body: &'b [u8],
    slots: Vec<Slot<'b>>,
    /// One bit for each name among the slots. Most rules concern members that a request does not have: they end here.
    names: u64,
    fresh: Vec<(&'b [u8], Cow<'b, [u8]>)>,
}

#[derive(Debug)]
struct Slot<'b> {
    member: &'b Member,
    /// The name it is to have, once it is another.
    renamed: Option<&'b [u8]>,
    state: State<'b>,
}

#[derive(Debug)]
enum State<'b> {
    Kept,
    Dropped,
    Replaced(Cow<'b, [u8]>),
    Edited(Splices),
}

impl<'b> Body<'b> {
    pub(super) fn new(body: &'b [u8], view: &'b RequestView) -> Self {
        let slot = |member| Slot { member, renamed: None, state: State::Kept };
        let names = view.members.iter().fold(0, |names, member| names | name_bit(member.name(body)));
        Self { body, slots: view.members.iter().map(slot).collect(), names, fresh: Vec::new() }
    }

    pub(super) const fn bytes(&self) -> &'b [u8] {
        self.body
    }

    fn slot(&self, name: &[u8]) -> Option<usize> {
        if self.names & name_bit(name) == 0 {
            return None;
        }
        self.slots.iter().position(|slot| {
            !matches!(slot.state, State::Dropped)
                && slot.renamed.unwrap_or_else(|| slot.member.name(self.body)) == name
        })
    }

    /// Whether there is such a member by now.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.slot(name).is_some() || self.fresh.iter().any(|(fresh, _)| *fresh == name)
    }

    /// The client's value of such a member, unless it was replaced or dropped.
    pub(super) fn value(&self, name: &[u8]) -> Option<Value> {
        let slot = self.slots.get(self.slot(name)?)?;
        matches!(slot.state, State::Kept | State::Edited(_)).then_some(slot.member.value)
    }

    /// Removes a member; tells whether it was there.
    pub(super) fn drop(&mut self, name: &[u8]) -> bool {
        let fresh = self.fresh.len();
        if fresh > 0 {
            self.fresh.retain(|(known, _)| *known != name);
        }
        let index = self.slot(name);
        if let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) {
            slot.state = State::Dropped;
        }
        index.is_some() || self.fresh.len() != fresh
    }

    /// Gives a member another name. If there is one of that name already, that one stays and this one goes.
    pub(super) fn rename(&mut self, from: &[u8], to: &'b [u8]) -> bool {
        if self.has(to) {
            return self.drop(from);
        }
        let index = self.slot(from);
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else { return false };
        slot.renamed = Some(to);
        self.names |= name_bit(to);
        true
    }

    /// Gives a member this JSON text as value, inserting it where it is not there; tells whether that is a change.
    pub(super) fn set(&mut self, name: &'b [u8], to: impl Into<Cow<'b, [u8]>>) -> bool {
        let to = to.into();
        if let Some(known) = self.fresh.iter_mut().find(|(known, _)| *known == name) {
            let other = known.1 != to;
            known.1 = to;
            return other;
        }
        let index = self.slot(name);
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) else {
            self.fresh.push((name, to));
            return true;
        };
        let now = match &slot.state {
            State::Replaced(text) => text,
            State::Kept | State::Edited(_) | State::Dropped => slot.member.value.span.of(self.body),
        };
        let other = *now != *to;
        if other {
            slot.state = State::Replaced(to);
        }
        other
    }

    /// Applies edits below one member; a member of which nothing is left goes. Once for each member at most.
    pub(super) fn nest(&mut self, name: &[u8], edits: &[Nested<'_>]) -> Option<Walked> {
        let index = self.slot(name)?;
        let slot = self.slots.get_mut(index)?;
        if !matches!(slot.state, State::Kept) || !matches!(slot.member.value.kind, Kind::Array | Kind::Object)
        {
            return None;
        }
        let mut walked = nested::walk(self.body, slot.member.value.span, edits)?;
        slot.state =
            if walked.emptied { State::Dropped } else { State::Edited(core::mem::take(&mut walked.splices)) };
        Some(walked)
    }

    /// The changes as splices.
    pub(super) fn finish(self) -> Vec<BodySplice> {
        let mut splices = Splices::default();
        let mut list = List::enter(&splices);
        let body = self.body;
        for slot in self.slots {
            let mark = splices.mark();
            let (key, value) = (slot.member.key, slot.member.value.span);
            if let Some(name) = slot.renamed {
                let inner = key.start.saturating_add(1) as usize..key.end.saturating_sub(1) as usize;
                splices.push(inner.start, inner.end, name.to_vec());
            }
            let keep = !matches!(slot.state, State::Dropped);
            match slot.state {
                State::Kept | State::Dropped => {}
                State::Replaced(text) => {
                    splices.push(value.start as usize, value.end as usize, text.into_owned())
                }
                State::Edited(inner) => splices.append(inner),
            }
            list.item(&mut splices, mark, key.start as usize, value.end as usize, keep);
        }
        let mut fresh = Vec::new();
        for (name, value) in &self.fresh {
            add_member(&mut fresh, name, value);
        }
        // A request that was read is an object, so its first brace is the one that opens it.
        let open = body.iter().position(|byte| *byte == b'{').map_or(0, |at| at.saturating_add(1));
        list.leave(&mut splices, open, fresh);
        splices.finish(body)
    }
}

/// A bit that names share rarely: told by length, first and last byte.
fn name_bit(name: &[u8]) -> u64 {
    let ends = name.first().copied().unwrap_or(0).wrapping_mul(3) ^ name.last().copied().unwrap_or(0);
    let mix = ends.wrapping_add((name.len() & 0xFF) as u8);
    1 << (mix & 63)
}
