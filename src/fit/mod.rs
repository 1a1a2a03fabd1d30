//! Validity: the edits that make a request right for the target it goes to.
//!
//! Providers that speak the same dialect do not take the same requests: one wants `max_completion_tokens`, another
//! rejects `temperature`, a third has no word for thinking. [`Rules`] say so as data; [`Fit`] holds those that concern
//! one target in one dialect, resolved once per configuration. [`Fit::refuses`] tells which requests cannot go there at
//! all; [`Fit::edits`] makes the others right, as [splices](BodySplice) that leave every other byte as it is.

mod body;
mod decimal;
mod effort;
mod knob;
mod nested;
mod ops;
mod rules;
mod splice;
mod write;

use alloc::{string::String, string::ToString, sync::Arc, vec::Vec};
use core::cell::OnceCell;

use crate::{
    catalog::Model,
    edit::BodySplice,
    effort::Effort,
    traits::Traits,
    wire::{
        Dialect,
        json::{Cursor, Kind, Value},
        request::RequestView,
    },
};
use body::Body;
use decimal::Decimal;
use effort::EffortFit;
use nested::{Act, Nested, Step, Walked};
use ops::{Bound, NestedAct, Op, TopAct};
use rules::Rule;

pub use rules::{Rules, RulesError, RulesFault};

/// The rules that concern one target in one dialect.
#[derive(Clone, Debug)]
pub struct Fit {
    dialect: Dialect,
    model: String,
    /// The model's name as JSON text.
    model_text: Vec<u8>,
    /// The most that the model writes, as JSON text and as a number.
    max_output: (Vec<u8>, Option<Decimal>),
    refuses: Traits,
    droppable: Traits,
    effort: Option<EffortFit>,
    steps: Vec<Rule>,
}

/// What a request is to be, beyond valid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// The effort to ask for. `None`: the client's own, only moved and clamped.
    pub effort: Option<Effort>,
    /// Whether a streamed Chat answer is to report its usage, even if the client did not ask for that.
    pub stream_usage: bool,
    /// Whether thinking blocks that the target cannot read are dropped.
    pub drop_foreign_thinking: bool,
}

/// The edits of one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fitted {
    /// In the order of the body, not overlapping; the model's name is among them unless it stands there already.
    pub splices: Vec<BodySplice>,
    /// The effort in force at the target, as far as known.
    pub effort: Option<Effort>,
    /// Ids of the rules that changed something, in the order in which they did.
    pub applied: Vec<Arc<str>>,
}

/// An edit below a top-level member, and the rule it is from.
#[derive(Clone, Copy, Debug)]
struct Below<'r> {
    root: &'r [u8],
    edit: Nested<'r>,
    id: &'r Arc<str>,
}

impl Fit {
    /// Collects the rules that concern a target in a dialect.
    pub fn resolve(rules: &Rules, dialect: Dialect, provider: &str, model: &Model) -> Self {
        let max_output = model.max_output.to_string().into_bytes();
        let most = Decimal::parse(&max_output);
        let mut fit = Self {
            dialect,
            model_text: serde_json::Value::from(model.id.as_str()).to_string().into_bytes(),
            model: model.id.clone(),
            max_output: (max_output, most),
            refuses: Traits::NONE,
            droppable: Traits::NONE,
            effort: EffortFit::resolve(rules, dialect, provider, model),
            steps: Vec::new(),
        };
        let mut cured = Traits::NONE;
        let mut stuck = Traits::NONE;
        for rule in rules.rules.iter().filter(|rule| rule.concerns(dialect, provider, model)) {
            if rule.cure.is_empty() {
                stuck |= rule.refuse;
            } else {
                cured |= rule.refuse;
            }
            if !(rule.edit.is_empty() && rule.cure.is_empty()) {
                fit.steps.push(rule.clone());
            }
        }
        fit.refuses = cured | stuck;
        fit.droppable = cured.without(stuck);
        fit
    }

    /// A request with any of these traits cannot go to the target.
    pub const fn refuses(&self) -> Traits {
        self.refuses
    }

    /// The part of [`refuses`](Self::refuses) that [`Wanted::drop_foreign_thinking`] cures.
    pub const fn droppable(&self) -> Traits {
        self.droppable
    }

    /// The edits that make a request right for the target. `view` is what [`RequestView::read`] made of `body`.
    ///
    /// Fitting the result again changes nothing. A request that the target [refuses](Self::refuses) is made as right as
    /// it can be. Costs one look at the top-level members for each rule; the conversation is walked again only where a
    /// trait of the request sets off a rule that edits there.
    pub fn edits(&self, body: &[u8], view: &RequestView, wanted: Wanted) -> Fitted {
        let plan = self.effort.as_ref().map(|effort| (effort, effort.plan(body, view, wanted)));
        let mut top = Body::new(body, view);
        let mut below = Vec::new();
        let mut applied = Vec::new();
        if view.model != self.model {
            top.set(b"model", &self.model_text[..]);
        }
        let stream_usage = OnceCell::new();
        if wanted.stream_usage && self.dialect == Dialect::Chat && view.stream && !view.stream_usage {
            let id = stream_usage.get_or_init(|| Arc::from(STREAM_USAGE));
            ask_for_usage(&mut top, &mut below, &mut applied, id);
        }
        if let Some((effort, plan)) = &plan {
            plan.write(effort, &mut top, &mut below, &mut applied);
        }
        let max_output = &self.max_output;
        let thinking = plan.as_ref().map(|(_, plan)| plan.thinking);
        for rule in &self.steps {
            let met = rule.traits == Traits::NONE || view.traits.meets(rule.traits);
            if met && rule.thinking.is_none_or(|state| thinking == Some(state)) {
                apply(rule, &rule.edit, &mut top, &mut below, &mut applied, max_output);
            }
            if wanted.drop_foreign_thinking && view.traits.meets(rule.refuse) {
                apply(rule, &rule.cure, &mut top, &mut below, &mut applied, max_output);
            }
        }
        nest(&mut top, &below, &mut applied);
        let effort = match &plan {
            Some((_, plan)) => plan.effort,
            None => view.asked.effort,
        };
        Fitted { splices: top.finish(), effort, applied }
    }
}

/// Stands among the ids of rules where usage was asked for.
const STREAM_USAGE: &str = "stream-usage";

static INCLUDE_USAGE: [Step; 1] = [Step::Member(alloc::borrow::Cow::Borrowed(b"include_usage"))];

fn ask_for_usage<'r>(
    top: &mut Body<'r>,
    below: &mut Vec<Below<'r>>,
    applied: &mut Vec<Arc<str>>,
    id: &'r Arc<str>,
) {
    if top.value(b"stream_options").is_some_and(|value| value.kind == Kind::Object) {
        let act = Act::Set { to: b"true", absent: false };
        let edit = Nested { path: &INCLUDE_USAGE, tests: &[], act };
        below.push(Below { root: b"stream_options", edit, id });
    } else if top.set(b"stream_options", &b"{\"include_usage\":true}"[..]) {
        note(applied, id);
    }
}

/// Adds an id that is not there yet.
fn note(applied: &mut Vec<Arc<str>>, id: &Arc<str>) {
    if !applied.contains(id) {
        applied.push(id.clone());
    }
}

/// Applies the edits of one rule, those below the top level later.
fn apply<'r>(
    rule: &'r Rule,
    ops: &'r [Op],
    top: &mut Body<'r>,
    below: &mut Vec<Below<'r>>,
    applied: &mut Vec<Arc<str>>,
    max_output: &'r (Vec<u8>, Option<Decimal>),
) {
    let mut changed = false;
    for op in ops {
        match op {
            Op::Top(names, act) => {
                for name in names {
                    changed |= apply_top(name, act, top, max_output);
                }
            }
            Op::Nested { root, path, tests, act } => {
                let act = match act {
                    NestedAct::Drop(is) => Act::Drop(is),
                    NestedAct::Set { to, absent } => Act::Set { to, absent: *absent },
                    NestedAct::Map { from, objects, to } => Act::Map { from, objects: *objects, to },
                };
                below.push(Below { root, edit: Nested { path, tests, act }, id: &rule.id });
            }
        }
    }
    if changed {
        note(applied, &rule.id);
    }
}

fn apply_top<'r>(
    name: &'r [u8],
    act: &'r TopAct,
    top: &mut Body<'r>,
    max_output: &'r (Vec<u8>, Option<Decimal>),
) -> bool {
    let body = top.bytes();
    let number = |value: &Value| {
        Some(value)
            .filter(|value| value.kind == Kind::Number)
            .and_then(|value| Decimal::parse(value.span.of(body)))
    };
    match act {
        TopAct::Drop(tests) if tests.is_empty() => top.drop(name),
        TopAct::Drop(tests) => {
            let value = top.value(name);
            value.is_some_and(|value| nested::holds(&Cursor::at(body, value.span), tests)) && top.drop(name)
        }
        TopAct::Rename(to) => top.rename(name, to),
        TopAct::Clamp(bounds) => {
            let Some(value) = top.value(name).as_ref().and_then(number) else { return false };
            bounds
                .iter()
                .find(|bound| bound.excludes(value))
                .is_some_and(|bound| top.set(name, &bound.text[..]))
        }
        TopAct::Cap => {
            let Some(value) = top.value(name).as_ref().and_then(number) else { return false };
            let (text, most) = max_output;
            Some(value) > *most && top.set(name, &text[..])
        }
        TopAct::Set { to, absent } => {
            let present = top.has(name) && top.value(name).is_none_or(|value| value.kind != Kind::Null);
            !(*absent && present) && top.set(name, &to[..])
        }
        TopAct::Map { from, objects, to } => {
            let Some(value) = top.value(name) else { return false };
            let text = value.text(body);
            let listed = text.is_some_and(|text| from.iter().any(|word| **word == *text.as_bytes()));
            (listed || (*objects && value.kind == Kind::Object)) && top.set(name, &to[..])
        }
    }
}

impl Bound {
    fn excludes(&self, value: Decimal) -> bool {
        match (self.lower, self.exclusive) {
            (true, false) => value < self.at,
            (true, true) => value <= self.at,
            (false, false) => value > self.at,
            (false, true) => value >= self.at,
        }
    }
}

/// Walks every top-level member that has edits below it, each once.
fn nest<'r>(top: &mut Body<'r>, below: &[Below<'r>], applied: &mut Vec<Arc<str>>) {
    let mut done: Vec<&[u8]> = Vec::new();
    for root in below.iter().map(|below| below.root) {
        if done.contains(&root) {
            continue;
        }
        done.push(root);
        let ours = || below.iter().filter(|below| below.root == root);
        let edits: Vec<Nested<'_>> = ours().map(|below| below.edit).collect();
        let Some(walked) = top.nest(root, &edits) else { continue };
        for (index, below) in ours().enumerate().take(nested::EDITS) {
            if walked.hits >> index & 1 == 1 {
                note(applied, below.id);
            }
        }
        if root == b"tools" {
            untie(top, &walked);
        }
    }
}

/// Removes a demand for tools that are gone.
fn untie(top: &mut Body<'_>, walked: &Walked) {
    let body = top.bytes();
    if walked.emptied {
        top.drop(b"tool_choice");
        top.drop(b"parallel_tool_calls");
        return;
    }
    let named = top.value(b"tool_choice").and_then(|value| nested::name_of(&Cursor::at(body, value.span)));
    let gone = |name: Value| walked.dropped.iter().any(|dropped| dropped.raw(body) == name.raw(body));
    if named.is_some_and(gone) {
        top.drop(b"tool_choice");
    }
}
