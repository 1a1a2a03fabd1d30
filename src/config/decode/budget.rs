//! The section `budgets`.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::super::{Alias, AtLimit, Budget, Caller, ConfigError, Window};
use super::directory::Directory;
use super::ladder::permille;
use super::node::{Node, Object, hint, shown};
use crate::{limits, price::PicoUsd};

/// Length of a budget's name, which is part of header values and metrics.
const NAME: usize = 64;

/// Members of one list of a budget.
const LIST: usize = 64;

const KEYS: [&str; 9] =
    ["name", "usd", "window", "per", "caller", "alias", "near", "near_closes", "at_limit"];

/// What budgets may name.
pub(super) struct Known<'k> {
    pub(super) callers: Option<&'k [Caller]>,
    pub(super) aliases: &'k [Alias],
}

/// Reads the budgets, in their order.
pub(super) fn budgets(node: &Node<'_>, known: &Known<'_>) -> Result<Vec<Budget>, ConfigError> {
    let mut budgets: Vec<Budget> = Vec::new();
    for node in node.items(0..=limits::BUDGETS)? {
        let budget = budget(&node, known)?;
        if budgets.iter().any(|other| other.name == budget.name) {
            return Err(node.error(format!("another budget is called {} already", shown(&budget.name))));
        }
        budgets.push(budget);
    }
    Ok(budgets)
}

fn budget(node: &Node<'_>, known: &Known<'_>) -> Result<Budget, ConfigError> {
    let settings = node.object(&KEYS)?;
    let (mut per_caller, mut per_alias) = (false, false);
    for word in one_or_more(&settings, "per")? {
        let slot =
            if word.word(&[("caller", true), ("alias", false)])? { &mut per_caller } else { &mut per_alias };
        *slot = true;
        if per_caller && known.callers.is_none() {
            return Err(word.error("nobody tells callers apart without the section `callers`"));
        }
    }
    let callers = known.callers.unwrap_or_default();
    let near = settings.get("near").map(|node| permille(&node, "a share", "0.8")).transpose()?;
    let near_closes = settings.get("near_closes").map(|node| node.integer(1..=15)).transpose()?;
    if near.is_none()
        && let Some(node) = settings.get("near_closes")
    {
        return Err(node.error("it does nothing without `near`, the share from which the top is closed"));
    }
    Ok(Budget {
        name: settings.need("name")?.name(NAME)?.to_owned(),
        limit: money(&settings.need("usd")?)?,
        window: settings.need("window")?.word(&[("day", Window::Day), ("month", Window::Month)])?,
        per_caller,
        per_alias,
        callers: names(&settings, "caller", callers.iter().map(|caller| caller.name.as_str()))?,
        aliases: names(&settings, "alias", known.aliases.iter().map(|alias| alias.name.as_str()))?,
        near,
        near_closes: near_closes.unwrap_or(1),
        at_limit: settings
            .get("at_limit")
            .map(|node| node.word(&[("reject", AtLimit::Reject), ("cheapest", AtLimit::Cheapest)]))
            .transpose()?
            .unwrap_or_default(),
    })
}

/// Who answers at an unknown price is charged to nobody.
pub(super) fn warn_of_unpriced(node: &Node<'_>, directory: &mut Directory) {
    let unpriced = directory.targets().iter().filter(|target| target.model.rates.is_none());
    let names: Vec<String> = unpriced.take(8).map(|target| shown(&target.name)).collect();
    if !names.is_empty() {
        let message = format!(
            "budgets count nothing for targets without a price: {}; state `usd_per_mtok` under `models`",
            names.join(", ")
        );
        directory.warn(node, message);
    }
}

/// Names out of those that are known.
fn names<'k>(
    settings: &Object<'_>,
    key: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Result<Vec<String>, ConfigError> {
    let name = |node: Node<'_>| {
        let name = node.string()?;
        if known.clone().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        Err(node.error(format!("unknown {key} {}{}", shown(name), hint(name, known.clone()))))
    };
    one_or_more(settings, key)?.into_iter().map(name).collect()
}

/// The members of a list, or one without the brackets; none where the key is absent.
fn one_or_more<'v>(settings: &Object<'v>, key: &str) -> Result<Vec<Node<'v>>, ConfigError> {
    match settings.get(key) {
        None => Ok(Vec::new()),
        Some(node) if node.value.is_array() => node.items(1..=LIST),
        Some(node) => Ok(Vec::from([node])),
    }
}

/// Dollars with at most six decimals, more than none.
fn money(node: &Node<'_>) -> Result<PicoUsd, ConfigError> {
    /// What [`PicoUsd::per_token_from_usd_per_mtok`] divides by.
    const MTOK: u64 = 1_000_000;
    let wrong = || {
        node.error("expected an amount in dollars above zero with at most six decimals, such as 20 or 0.5")
    };
    let text = node.value.is_number().then(|| node.value.to_string()).ok_or_else(wrong)?;
    let millionth = PicoUsd::per_token_from_usd_per_mtok(&text).map_err(|_| wrong())?;
    let pico = millionth.pico().checked_mul(MTOK).filter(|pico| *pico > 0).ok_or_else(wrong)?;
    Ok(PicoUsd::from_pico(pico))
}
