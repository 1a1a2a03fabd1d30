//! The edits that rules are made of, and how they stand in a document.

use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;

use super::{
    decimal::Decimal,
    nested::{Step, TESTS, Test, Want},
    rules::{RulesFault, traits},
};

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Top-level members.
    Top(Vec<Box<[u8]>>, TopAct),
    /// A member or element below the top-level member `root`.
    Nested { root: Box<[u8]>, path: Vec<Step>, tests: Vec<Test>, act: NestedAct },
}

#[derive(Clone, Debug)]
pub(super) enum TopAct {
    /// Goes; only if the value is an object that passes the tests, where there are any.
    Drop(Vec<Test>),
    Rename(Box<[u8]>),
    Clamp(Vec<Bound>),
    /// At most the model's longest completion.
    Cap,
    Set {
        to: Box<[u8]>,
        absent: bool,
    },
    Map {
        from: Vec<Box<[u8]>>,
        objects: bool,
        to: Box<[u8]>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum NestedAct {
    Drop(Vec<Box<[u8]>>),
    Set { to: Box<[u8]>, absent: bool },
    Map { from: Vec<Box<[u8]>>, objects: bool, to: Box<[u8]> },
}

/// One end of the range of a number.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) at: Decimal,
    /// Whether it is the lower end.
    pub(super) lower: bool,
    /// Whether `at` itself is out of range.
    pub(super) exclusive: bool,
    /// What is written instead.
    pub(super) text: Box<[u8]>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum OpDoc {
    Drop {
        at: Vec<String>,
        #[serde(default)]
        is: Vec<String>,
        #[serde(default, rename = "where")]
        tests: BTreeMap<String, WantDoc>,
        #[serde(default)]
        holding: BTreeMap<String, WantDoc>,
    },
    Rename {
        at: String,
        to: String,
    },
    Clamp {
        at: Vec<String>,
        min: Option<String>,
        max: Option<String>,
        /// A bound that is out of range itself, and what is written instead.
        above: Option<[String; 2]>,
        below: Option<[String; 2]>,
    },
    Cap {
        at: Vec<String>,
    },
    Set {
        at: Vec<String>,
        to: serde_json::Value,
        #[serde(default)]
        absent: bool,
        #[serde(default, rename = "where")]
        tests: BTreeMap<String, WantDoc>,
    },
    Map {
        at: Vec<String>,
        #[serde(default)]
        from: Vec<String>,
        #[serde(default)]
        objects: bool,
        to: serde_json::Value,
        #[serde(default, rename = "where")]
        tests: BTreeMap<String, WantDoc>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WantDoc {
    Is(Vec<String>),
    Not(Vec<String>),
    Starts(String),
    Signed(String),
    Present,
    Absent,
}

pub(super) fn ops(docs: Vec<OpDoc>, triggered: bool) -> Result<Vec<Op>, RulesFault> {
    let mut ops = Vec::new();
    for doc in docs {
        add_ops(&mut ops, doc)?;
    }
    // An ordinary request is not walked a second time: only a trait says that there is something to do down there.
    let walks = |op: &Op| matches!(op, Op::Nested { path, .. } if path.contains(&Step::Each));
    if !triggered && ops.iter().any(walks) { Err(RulesFault::Untriggered) } else { Ok(ops) }
}

fn add_ops(ops: &mut Vec<Op>, doc: OpDoc) -> Result<(), RulesFault> {
    let mut add =
        |at: Vec<String>, tests: BTreeMap<String, WantDoc>, top: Option<TopAct>, below: Option<NestedAct>| {
            let mut names = Vec::new();
            let tests = self::tests(tests)?;
            for place in at {
                let (root, path) = place_of(&place)?;
                if path.is_empty() {
                    names.push(root);
                } else {
                    let act = below.clone().ok_or_else(|| RulesFault::Place(place.clone()))?;
                    if matches!(path.last(), Some(Step::Each))
                        && !matches!(act, NestedAct::Drop(ref is) if is.is_empty())
                    {
                        return Err(RulesFault::Place(place));
                    }
                    ops.push(Op::Nested { root, path, tests: tests.clone(), act });
                }
            }
            match top {
                _ if names.is_empty() => Ok(()),
                Some(act) if tests.is_empty() => {
                    ops.push(Op::Top(names, act));
                    Ok(())
                }
                _ => Err(RulesFault::Place(String::new())),
            }
        };
    match doc {
        OpDoc::Drop { at, is, tests, holding } => {
            let top = if is.is_empty() { Some(TopAct::Drop(self::tests(holding)?)) } else { None };
            add(at, tests, top, Some(NestedAct::Drop(words(is))))
        }
        OpDoc::Rename { at, to } => {
            let (to, below) = place_of(&to)?;
            if !below.is_empty() {
                return Err(RulesFault::Place(at));
            }
            add([at].into(), BTreeMap::new(), Some(TopAct::Rename(to)), None)
        }
        OpDoc::Clamp { at, min, max, above, below } => {
            let end = |pair: [&str; 2], lower, exclusive| {
                let [at, text] = pair;
                let number =
                    Decimal::parse(at.as_bytes()).filter(|_| Decimal::parse(text.as_bytes()).is_some());
                let at = number.ok_or_else(|| RulesFault::Number(at.to_owned()))?;
                Ok(Bound { at, lower, exclusive, text: text.as_bytes().into() })
            };
            let mut bounds = Vec::new();
            for (bound, lower) in [(&min, true), (&max, false)] {
                bounds.extend(bound.iter().map(|text| end([text, text], lower, false)));
            }
            for (bound, lower) in [(&above, true), (&below, false)] {
                bounds.extend(bound.iter().map(|[at, text]| end([at, text], lower, true)));
            }
            let bounds = bounds.into_iter().collect::<Result<Vec<_>, _>>()?;
            add(at, BTreeMap::new(), Some(TopAct::Clamp(bounds)), None)
        }
        OpDoc::Cap { at } => add(at, BTreeMap::new(), Some(TopAct::Cap), None),
        OpDoc::Set { at, to, absent, tests } => {
            let to = json(&to);
            add(at, tests, Some(TopAct::Set { to: to.clone(), absent }), Some(NestedAct::Set { to, absent }))
        }
        OpDoc::Map { at, from, objects, to, tests } => {
            let (from, to) = (words(from), json(&to));
            let below = NestedAct::Map { from: from.clone(), objects, to: to.clone() };
            add(at, tests, Some(TopAct::Map { from, objects, to }), Some(below))
        }
    }
}

fn json(value: &serde_json::Value) -> Box<[u8]> {
    value.to_string().into_bytes().into()
}

fn words(words: Vec<String>) -> Vec<Box<[u8]>> {
    words.into_iter().map(|word| word.into_bytes().into()).collect()
}

fn tests(docs: BTreeMap<String, WantDoc>) -> Result<Vec<Test>, RulesFault> {
    if docs.len() > TESTS {
        return Err(RulesFault::Place(String::new()));
    }
    let test = |(member, want): (String, WantDoc)| {
        let want = match want {
            WantDoc::Is(list) => Want::Is(words(list)),
            WantDoc::Not(list) => Want::Not(words(list)),
            WantDoc::Starts(word) => Want::Starts(word.into_bytes().into()),
            WantDoc::Signed(name) => Want::Signed(traits(&[name])?),
            WantDoc::Present => Want::Present,
            WantDoc::Absent => Want::Absent,
        };
        Ok(Test { member: member.into_bytes().into(), want })
    };
    docs.into_iter().map(test).collect()
}

/// `tools.*.function.strict`: the top-level member and the way down from it.
fn place_of(place: &str) -> Result<(Box<[u8]>, Vec<Step>), RulesFault> {
    let mut steps = Vec::new();
    for step in place.split('.') {
        steps.push(match step {
            "*" => Step::Each,
            name if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                Step::Member(Cow::Owned(name.as_bytes().to_vec()))
            }
            _ => return Err(RulesFault::Place(place.to_owned())),
        });
    }
    match steps.split_first() {
        Some((Step::Member(root), path)) if path.len() <= PATH => {
            Ok((root.clone().into_owned().into(), path.to_vec()))
        }
        _ => Err(RulesFault::Place(place.to_owned())),
    }
}

/// Steps of a path. A walk goes down as many levels of recursion.
const PATH: usize = 12;
