//! The section `rules`.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::super::{Alias, ConfigError, Ladder, Pattern, Regex, Rule, Target, Then, When};
use super::ladder::effort;
use super::node::{Node, Object, hint, shown};
use crate::{
    agent::{Client, Language, Step},
    classify::Task,
    limits,
    wire::Dialect,
};

/// Length of a rule's name, which is part of header values and logs.
const NAME: usize = 64;

/// Members of one list of a rule.
const LIST: usize = 64;

const WHEN: [&str; 14] = [
    "path",
    "header",
    "alias",
    "caller",
    "dialect",
    "task",
    "step",
    "client",
    "tools",
    "tokens_from",
    "tokens_to",
    "keyword",
    "regex",
    "language",
];

/// What rules may name.
pub(super) struct Known<'k> {
    pub(super) ladders: &'k [Ladder],
    pub(super) aliases: &'k [Alias],
    pub(super) targets: &'k [Target],
}

/// Reads the rules, in their order.
pub(super) fn rules(node: &Node<'_>, known: &Known<'_>) -> Result<Vec<Rule>, ConfigError> {
    let mut expressions = 0usize;
    let mut rules = Vec::new();
    for node in node.items(0..=limits::RULES)? {
        let rule = rule(&node, known)?;
        expressions = expressions.saturating_add(rule.when.regex.len());
        if expressions > limits::REGEXES {
            return Err(node
                .error(format!("all rules together have at most {} regular expressions", limits::REGEXES)));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(node: &Node<'_>, known: &Known<'_>) -> Result<Rule, ConfigError> {
    let settings = node.object(&["name", "if", "then"])?;
    let name = settings.need("name")?.name(NAME)?.to_owned();
    let when = match settings.get("if") {
        Some(node) => when(&node, known)?,
        None => When::default(),
    };
    let then = then(&settings.need("then")?, &when, known)?;
    Ok(Rule { name, when, then })
}

fn when(node: &Node<'_>, known: &Known<'_>) -> Result<When, ConfigError> {
    let settings = node.object(&WHEN)?;
    let mut when = When {
        path: list(&settings, "path", pattern)?,
        caller: list(&settings, "caller", |node| node.name(NAME).map(ToOwned::to_owned))?,
        dialect: list(&settings, "dialect", |node| {
            node.word(&Dialect::ALL.map(|dialect| (dialect.name(), dialect)))
        })?,
        step: list(&settings, "step", |node| node.word(&Step::ALL.map(|step| (step.name(), step))))?,
        task: list(&settings, "task", |node| node.word(&Task::ALL.map(|task| (task.name(), task))))?,
        language: list(&settings, "language", |node| {
            node.word(&Language::ALL.map(|language| (language.name(), language)))
        })?,
        regex: list(&settings, "regex", |node| {
            Regex::new(node.string()?).map_err(|cause| node.error(cause))
        })?,
        client: list(&settings, "client", |node| {
            node.word(&Client::ALL.map(|client| (client.name(), client)))
        })?,
        keyword: list(&settings, "keyword", |node| node.name(NAME).map(str::to_ascii_lowercase))?,
        tools: settings.get("tools").map(|node| node.boolean()).transpose()?,
        ..When::default()
    };
    when.alias = list(&settings, "alias", |node| {
        let name = node.string()?;
        let names = || known.aliases.iter().map(|alias| alias.name.as_str());
        if names().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        Err(node.error(format!("unknown alias {}{}", shown(name), hint(name, names()))))
    })?;
    let tokens = |key: &str| settings.get(key).map(|node| tokens(&node)).transpose();
    when.tokens = (tokens("tokens_from")?, tokens("tokens_to")?);
    if let Some(node) = settings.get("header") {
        for (name, node) in node.named_entries(LIST)? {
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            {
                return Err(node.error(format!("{} is no header's name in lower case", shown(name))));
            }
            when.header.push((name.to_owned(), pattern(&node)?));
        }
    }
    Ok(when)
}

fn then(node: &Node<'_>, when: &When, known: &Known<'_>) -> Result<Then, ConfigError> {
    let settings = node.object(&["floor", "ceiling", "target", "effort", "reject"])?;
    // A tier is named for every ladder that the rule may meet.
    let ladders = || {
        let met = |alias: &&Alias| when.alias.is_empty() || when.alias.contains(&alias.name);
        known.aliases.iter().filter(met).filter_map(|alias| known.ladders.get(alias.ladder))
    };
    let tier = |key: &str| -> Result<Option<String>, ConfigError> {
        let Some(node) = settings.get(key) else { return Ok(None) };
        let name = node.string()?;
        for ladder in ladders() {
            let names = || ladder.tiers.iter().map(|tier| tier.name.as_str());
            if !names().any(|known| known == name) {
                return Err(node.error(format!(
                    "the ladder {} has no tier {}{}; name one of its own, or restrict the rule by `alias`",
                    shown(&ladder.name),
                    shown(name),
                    hint(name, names()),
                )));
            }
        }
        Ok(Some(name.to_owned()))
    };
    let target = match settings.get("target") {
        Some(node) => {
            let name = node.string()?;
            for ladder in ladders() {
                let names = || {
                    let choices = ladder.tiers.iter().flat_map(|tier| &tier.choices);
                    choices
                        .filter_map(|choice| known.targets.get(choice.target))
                        .map(|target| target.name.as_str())
                };
                if !names().any(|known| known == name) {
                    return Err(node.error(format!(
                        "the ladder {} has no target {}{}",
                        shown(&ladder.name),
                        shown(name),
                        hint(name, names()),
                    )));
                }
            }
            Some(name.to_owned())
        }
        None => None,
    };
    let then = Then {
        floor: tier("floor")?,
        ceiling: tier("ceiling")?,
        target,
        effort: settings.get("effort").map(|node| effort(&node)).transpose()?,
        reject: settings
            .get("reject")
            .map(|node| node.name(limits::MODEL_NAME).map(ToOwned::to_owned))
            .transpose()?,
    };
    if then == Then::default() {
        return Err(node.error("a rule does something: `floor`, `ceiling`, `target`, `effort` or `reject`"));
    }
    Ok(then)
}

/// A list of a rule, or one member without the brackets.
fn list<T>(
    settings: &Object<'_>,
    key: &str,
    read: impl Fn(&Node<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    match settings.get(key) {
        None => Ok(Vec::new()),
        Some(node) if node.value.is_array() => node.items(1..=LIST)?.iter().map(read).collect(),
        Some(node) => Ok(Vec::from([read(&node)?])),
    }
}

fn pattern(node: &Node<'_>) -> Result<Pattern, ConfigError> {
    node.name(limits::MODEL_NAME).map(|text| Pattern(text.to_owned()))
}

fn tokens(node: &Node<'_>) -> Result<u64, ConfigError> {
    node.value.as_u64().ok_or_else(|| node.wrong_type("a number of tokens"))
}
