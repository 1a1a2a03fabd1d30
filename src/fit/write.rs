//! Writes what was decided about thinking into a request, and clears the places where other targets read it.

use alloc::{borrow::Cow, sync::Arc, vec::Vec};

use super::{
    Below,
    body::Body,
    effort::{EffortFit, Plan, SwitchPlan},
    knob::{Budget, Word, quoted},
    nested::{Act, Nested, Step, Test, Want, holds},
    note,
};
use crate::wire::{
    Dialect, Span,
    json::{Cursor, Kind},
};

static MAX_TOKENS: [Step; 1] = [Step::Member(Cow::Borrowed(b"max_tokens"))];
static TYPE: [Step; 1] = [Step::Member(Cow::Borrowed(b"type"))];
static BUDGET: [Step; 1] = [Step::Member(Cow::Borrowed(b"budget_tokens"))];

impl Plan {
    /// Writes the plan into the request.
    pub(super) fn write<'r>(
        &'r self,
        fit: &'r EffortFit,
        body: &mut Body<'r>,
        below: &mut Vec<Below<'r>>,
        applied: &mut Vec<Arc<str>>,
    ) {
        let before = below.len();
        let mut changed = self.write_switch(fit, body, below);
        changed |= self.write_flag(fit, body);
        changed |= self.write_word(fit, body, below);
        changed |= fit.clear(body, below);
        if changed {
            note(applied, &fit.id);
        }
        // What was clamped or forced shows where it is written, if that is a change.
        if changed || (self.moved && below.len() > before) {
            for id in &self.used {
                note(applied, id);
            }
        }
    }

    fn write_word<'r>(&'r self, fit: &'r EffortFit, body: &mut Body<'r>, below: &mut Vec<Below<'r>>) -> bool {
        let Some(word) = fit.knob.word else { return false };
        let (root, path) = word.place();
        match (self.word, path) {
            (Some(effort), None) => body.set(root, quoted(effort)),
            (Some(effort), Some(path)) => {
                if body.value(root).is_none_or(|value| value.kind != Kind::Object) {
                    return body.set(root, [b"{\"effort\":", quoted(effort), b"}"].concat());
                }
                let set = Act::Set { to: quoted(effort), absent: false };
                below.push(Below::new(root, path, set, &fit.id));
                if fit.dialect == Dialect::Chat {
                    below.push(Below::new(root, &MAX_TOKENS, Act::Drop(&[]), &fit.id));
                }
                false
            }
            (None, None) if self.no_word => body.drop(root),
            (None, Some(path)) if self.no_word => {
                below.push(Below::new(root, path, Act::Drop(&[]), &fit.id));
                false
            }
            (None, _) => false,
        }
    }

    fn write_switch<'r>(
        &'r self,
        fit: &'r EffortFit,
        body: &mut Body<'r>,
        below: &mut Vec<Below<'r>>,
    ) -> bool {
        let root = b"thinking";
        let present = body.value(root).is_some_and(|value| value.kind == Kind::Object);
        match &self.switch {
            SwitchPlan::Leave => false,
            SwitchPlan::Remove => !fit.leaves(root) && body.drop(root),
            SwitchPlan::Off => {
                let needed = fit.knob.thinking.is_some_and(|switch| switch.budget == Budget::Needed);
                let off = body.value(root).is_some_and(|value| says_disabled(body.bytes(), value.span));
                // Without a budget there is no thinking, so nothing need be said.
                !off && (present || !needed) && body.set(root, &b"{\"type\":\"disabled\"}"[..])
            }
            SwitchPlan::On { kind, budget, drop_budget } => {
                if !present {
                    return match budget {
                        Some(tokens) => body.set(
                            root,
                            [b"{\"type\":", kind.quoted(), b",\"budget_tokens\":", &tokens[..], b"}"]
                                .concat(),
                        ),
                        None => body.set(root, [b"{\"type\":", kind.quoted(), b"}"].concat()),
                    };
                }
                let set = Act::Set { to: kind.quoted(), absent: false };
                below.push(Below::new(root, &TYPE, set, &fit.id));
                if let Some(tokens) = budget {
                    below.push(Below::new(root, &BUDGET, Act::Set { to: tokens, absent: false }, &fit.id));
                } else if *drop_budget {
                    below.push(Below::new(root, &BUDGET, Act::Drop(&[]), &fit.id));
                }
                false
            }
        }
    }

    fn write_flag<'r>(&'r self, fit: &EffortFit, body: &mut Body<'r>) -> bool {
        match &self.flag {
            None => false,
            Some(None) => body.set(b"enable_thinking", &b"false"[..]) | body.drop(b"thinking_budget"),
            Some(Some(tokens)) => {
                let budget = !tokens.is_empty() && body.set(b"thinking_budget", &tokens[..]);
                body.set(b"enable_thinking", &b"true"[..]) | (fit.knob.flag && budget)
            }
        }
    }
}

impl EffortFit {
    fn leaves(&self, root: &[u8]) -> bool {
        self.knob.leave.iter().any(|name| name.as_bytes() == root)
    }

    /// Clears the places where other targets read the effort.
    fn clear<'r>(&'r self, body: &mut Body<'r>, below: &mut Vec<Below<'r>>) -> bool {
        let mut changed = false;
        if !self.knob.flag && !self.leaves(b"enable_thinking") {
            changed |= body.drop(b"enable_thinking") | body.drop(b"thinking_budget");
        }
        for word in [Word::ReasoningEffort, Word::Reasoning, Word::OutputConfig] {
            let (root, path) = word.place();
            if Some(word) == self.knob.word || self.leaves(root) {
                continue;
            }
            match (path, self.dialect, word) {
                // OpenRouter's own object; in Responses it has other members too.
                (None, ..) | (_, Dialect::Chat, Word::Reasoning) => changed |= body.drop(root),
                (Some(path), Dialect::Responses, Word::Reasoning)
                | (Some(path), Dialect::Messages, Word::OutputConfig)
                    if body.value(root).is_some() =>
                {
                    below.push(Below::new(root, path, Act::Drop(&[]), &self.id));
                }
                _ => {}
            }
        }
        changed
    }
}

/// Whether an object's `type` is `disabled`.
fn says_disabled(body: &[u8], value: Span) -> bool {
    let want = Want::Is(Vec::from([b"disabled"[..].into()]));
    let test = Test { member: b"type"[..].into(), want };
    holds(&Cursor::at(body, value), &[test])
}

impl<'r> Below<'r> {
    fn new(root: &'r [u8], path: &'r [Step], act: Act<'r>, id: &'r Arc<str>) -> Self {
        Self { root, edit: Nested { path, tests: &[], act }, id }
    }
}
