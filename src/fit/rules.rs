//! Rules: what targets keep, rename, drop and clamp. Data, in `data/rules.json`; this file reads and checks it.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::fmt;
use serde::Deserialize;

use super::{
    knob::{self, Budgets, Clamp, Knob},
    ops::{Op, OpDoc, ops},
};
use crate::{
    catalog::{Capabilities, ChatTools, Model},
    effort::Effort,
    traits::Traits,
    wire::Dialect,
};

/// The rules of all targets, in the order in which they apply.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) budgets: Budgets,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    when: When,
    except: Option<When>,
    /// Applies to requests with any of these traits; to every request if empty.
    pub(super) traits: Traits,
    pub(super) thinking: Option<bool>,
    pub(super) refuse: Traits,
    pub(super) edit: Arc<[Op]>,
    pub(super) cure: Arc<[Op]>,
    pub(super) effort: Option<EffortRule>,
}

/// What a rule says about thinking.
#[derive(Clone, Debug)]
pub(super) enum EffortRule {
    /// Where a request says how much to think, and which words it may use there.
    Knob(Knob, Clamp),
    /// Words that are replaced, whatever the knob.
    Clamp(Clamp),
    /// The only effort that requests with the rule's traits may have.
    Force(Effort),
}

/// Which targets a rule concerns: every list that is there has an entry that fits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    dialect: Option<Vec<String>>,
    provider: Option<Vec<String>>,
    family: Option<Vec<String>>,
    /// Canonical names.
    model: Option<Vec<String>>,
    /// Capabilities, by the names of the catalogue, all of which the model is without.
    lacks: Option<Vec<String>>,
    chat_tools: Option<ChatTools>,
    /// Whether the catalogue lists efforts that a request may name.
    efforts: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(rename = "as_of")]
    _as_of: String,
    #[serde(default, rename = "notes")]
    _notes: Vec<String>,
    budgets: BTreeMap<String, u64>,
    rules: Vec<RuleDoc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDoc {
    id: String,
    when: When,
    except: Option<When>,
    #[serde(default, rename = "if")]
    traits: Vec<String>,
    #[serde(rename = "while")]
    thinking: Option<ThinkingDoc>,
    #[serde(default)]
    refuse: Vec<String>,
    #[serde(default)]
    edit: Vec<OpDoc>,
    /// What makes a refused request acceptable, if the operator allows the loss.
    #[serde(default)]
    cure: Vec<OpDoc>,
    effort: Option<EffortDoc>,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "verified")]
    _verified: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ThinkingDoc {
    Thinking,
    NotThinking,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EffortDoc {
    knob: Option<Knob>,
    #[serde(default)]
    clamp: BTreeMap<String, String>,
    force: Option<String>,
}

impl Rules {
    /// The rules that come with this crate, `data/rules.json`.
    pub fn built_in() -> Result<Self, RulesError> {
        Self::from_json(include_bytes!("../../data/rules.json"))
    }

    /// Reads rules. An error names the rule at fault.
    pub fn from_json(document: &[u8]) -> Result<Self, RulesError> {
        let fault = |what: RulesFault| RulesError { rule: String::new(), what };
        let read: Document =
            serde_json::from_slice(document).map_err(|e| fault(RulesFault::Document(e.to_string())))?;
        if read.version != 1 {
            return Err(fault(RulesFault::Version(read.version)));
        }
        let budgets = Budgets::new(&read.budgets).map_err(fault)?;
        let mut rules: Vec<Rule> = Vec::with_capacity(read.rules.len());
        for doc in read.rules {
            let id = doc.id.clone();
            let taken = rules.iter().any(|rule| *rule.id == *id);
            let rule = if taken { Err(RulesFault::Duplicate) } else { Rule::new(doc) };
            rules.push(rule.map_err(|what| RulesError { rule: id, what })?);
        }
        Ok(Self { budgets, rules })
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The names of the rules, in the order in which they apply.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.id)
    }
}

impl Rule {
    fn new(doc: RuleDoc) -> Result<Self, RulesFault> {
        if doc.id.is_empty() || !doc.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            return Err(RulesFault::Name);
        }
        let [when, except] = [Some(doc.when), doc.except];
        for when in [&when, &except].into_iter().flatten() {
            when.check()?;
        }
        let (set_off, refuse) = (traits(&doc.traits)?, traits(&doc.refuse)?);
        let edit = ops(doc.edit, !doc.traits.is_empty())?;
        let cure = ops(doc.cure, !doc.refuse.is_empty())?;
        let effort = doc.effort.map(EffortRule::new).transpose()?;
        if edit.is_empty() && refuse == Traits::NONE && effort.is_none() {
            return Err(RulesFault::Idle);
        }
        Ok(Self {
            id: Arc::from(doc.id),
            when: when.unwrap_or_default(),
            except,
            traits: set_off,
            thinking: doc.thinking.map(|state| matches!(state, ThinkingDoc::Thinking)),
            refuse,
            edit: Arc::from(edit),
            cure: Arc::from(cure),
            effort,
        })
    }

    /// Whether it concerns this target.
    pub(super) fn concerns(&self, dialect: Dialect, provider: &str, model: &Model) -> bool {
        let fits = |when: &When| when.fits(dialect, provider, model);
        fits(&self.when) && !self.except.as_ref().is_some_and(fits)
    }
}

pub(super) fn traits(names: &[String]) -> Result<Traits, RulesFault> {
    names.iter().try_fold(Traits::NONE, |all, name| {
        Ok(all | Traits::parse(name).ok_or_else(|| RulesFault::Unknown(name.clone()))?)
    })
}

impl EffortRule {
    fn new(doc: EffortDoc) -> Result<Self, RulesFault> {
        let clamp = Clamp::new(&doc.clamp)?;
        match (doc.knob, doc.force) {
            (Some(knob), None) => Ok(Self::Knob(knob, clamp)),
            (None, Some(effort)) if doc.clamp.is_empty() => knob::named(&effort).map(Self::Force),
            (None, None) if !doc.clamp.is_empty() => Ok(Self::Clamp(clamp)),
            _ => Err(RulesFault::Idle),
        }
    }
}

impl When {
    fn check(&self) -> Result<(), RulesFault> {
        for name in self.dialect.iter().flatten() {
            if !Dialect::ALL.iter().any(|dialect| dialect.name() == name) {
                return Err(RulesFault::Unknown(name.clone()));
            }
        }
        for name in self.lacks.iter().flatten() {
            capability(name).ok_or_else(|| RulesFault::Unknown(name.clone()))?;
        }
        Ok(())
    }

    fn fits(&self, dialect: Dialect, provider: &str, model: &Model) -> bool {
        let any = |globs: &Option<Vec<String>>, name: &str| {
            globs
                .as_ref()
                .is_none_or(|globs| globs.iter().any(|pattern| glob(pattern.as_bytes(), name.as_bytes())))
        };
        let lacks = |name: &String| capability(name).is_some_and(|bit| !model.capabilities.holds(bit));
        any(&self.dialect, dialect.name())
            && any(&self.provider, provider)
            && any(&self.family, model.family.as_str())
            && any(&self.model, &model.canonical)
            && self.lacks.iter().flatten().all(lacks)
            && self.chat_tools.is_none_or(|state| state == model.chat_tools)
            && self.efforts.is_none_or(|listed| listed != model.reasoning.efforts.is_empty())
    }
}

/// The capability of this name in the catalogue.
fn capability(name: &str) -> Option<Capabilities> {
    Some(match name {
        "tools" => Capabilities::TOOLS,
        "forced_tool_choice" => Capabilities::FORCED_TOOL_CHOICE,
        "images" => Capabilities::IMAGES,
        "documents" => Capabilities::DOCUMENTS,
        "audio" => Capabilities::AUDIO,
        "json_schema" => Capabilities::JSON_SCHEMA,
        "sampling_params" => Capabilities::SAMPLING_PARAMS,
        "prefill" => Capabilities::PREFILL,
        _ => return None,
    })
}

/// Whether a name fits a pattern in which `*` stands for any characters. Case does not count: hosts do not agree on it.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    // Where to go on if a guess about the last star was wrong.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest, left) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, left));
                rest = after;
            }
            ([want, after @ ..], [byte, next @ ..]) if want.eq_ignore_ascii_case(byte) => {
                (rest, left) = (after, next);
            }
            ([], []) => return true,
            _ => {
                let Some((after, [_, next @ ..])) = retry else { return false };
                retry = Some((after, next));
                (rest, left) = (after, next);
            }
        }
    }
}

/// What is wrong with a document of rules, and in which rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RulesError {
    /// The rule's id; empty where it is the document itself.
    pub rule: String,
    /// What is wrong there.
    pub what: RulesFault,
}

/// What can be wrong with a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RulesFault {
    /// Not JSON, or not of the shape of a document of rules; the words of the JSON reader.
    Document(String),
    /// A version that is not understood.
    Version(u32),
    /// An id that is empty or holds other than letters, digits, dashes and dots.
    Name,
    /// An id that is taken.
    Duplicate,
    /// No such dialect, trait, capability or effort.
    Unknown(String),
    /// A path that no edit of this kind can have.
    Place(String),
    /// A bound that is not a number.
    Number(String),
    /// A path with a star in a rule that no trait sets off.
    Untriggered,
    /// A rule that does nothing, or contradicts itself.
    Idle,
}

impl fmt::Display for RulesFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(words) => f.write_str(words),
            Self::Version(version) => write!(f, "version {version} is not known"),
            Self::Name => f.write_str("an id is made of letters, digits, dashes and dots"),
            Self::Duplicate => f.write_str("this id is taken"),
            Self::Unknown(name) => write!(f, "`{name}` is not known"),
            Self::Place(place) => write!(f, "`{place}` is no place for this edit"),
            Self::Number(text) => write!(f, "`{text}` is not a number"),
            Self::Untriggered => f.write_str("a path with a star needs a trait that sets it off"),
            Self::Idle => f.write_str("the rule does nothing or contradicts itself"),
        }
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rule.is_empty() { self.what.fmt(f) } else { write!(f, "rule {}: {}", self.rule, self.what) }
    }
}

impl core::error::Error for RulesError {}
