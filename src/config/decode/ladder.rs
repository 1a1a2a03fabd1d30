//! Ladders and the aliases that lead to them.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::super::dial::Mix;
use super::super::{
    Aim, Alias, Bounds, Choice, ClientEffort, ConfigError, Dial, Efforts, ForeignThinking, Ladder, Steps,
    Target, Tier,
};
use super::directory::Directory;
use super::node::{Node, Object, hint, shown};
use super::samples;
use crate::{agent::Step, classify::Difficulty, effort::Effort, limits, price::PicoUsd, wire::Dialect};

/// Length of the name of a ladder or tier, which is part of header values and metrics.
const NAME: usize = 64;

const KEYS: [&str; 10] = [
    "tiers",
    "thresholds",
    "frontier_share",
    "quality",
    "default_tier",
    "baseline",
    "client_effort",
    "foreign_thinking",
    "steps",
    "efforts",
];

/// The section `ladders`, sorted by name.
pub(super) fn ladders(node: &Node<'_>, directory: &mut Directory) -> Result<Vec<Ladder>, ConfigError> {
    let entries = node.named_entries(limits::LADDERS)?;
    if entries.is_empty() {
        return Err(node.error("expected at least one ladder"));
    }
    entries.into_iter().map(|(name, node)| ladder(name, &node, directory)).collect()
}

fn ladder(name: &str, node: &Node<'_>, directory: &mut Directory) -> Result<Ladder, ConfigError> {
    node.check_name(name, NAME)?;
    let settings = node.object(&KEYS)?;
    let list = settings.need("tiers")?;
    let mut tiers: Vec<Tier> = Vec::new();
    let items = list.items(1..=limits::TIERS)?;
    let last = items.len().saturating_sub(1);
    for (index, node) in items.iter().enumerate() {
        let tier = tier(node, &tiers, index == last, directory)?;
        tiers.push(tier);
    }
    let default = Dial {
        thresholds: Mix::shipped().thresholds(FRONTIER_SHARE, tiers.len()),
        default_tier: tiers.len() / 2,
        aim: FRONTIER_SHARE,
    };
    let dial = dial(&settings, &tiers, &default)?;
    let first_of_last =
        || tiers.last().and_then(|tier| tier.choices.first()).map_or(0, |choice| choice.target);
    let baseline = match settings.get("baseline") {
        Some(node) => directory.target(&node)?,
        None => first_of_last(),
    };
    let client_effort = settings
        .get("client_effort")
        .map(|node| node.word(&[("keep", ClientEffort::Keep), ("replace", ClientEffort::Replace)]))
        .transpose()?
        .unwrap_or_default();
    let foreign_thinking = settings
        .get("foreign_thinking")
        .map(|node| node.word(&[("stay", ForeignThinking::Stay), ("drop", ForeignThinking::Drop)]))
        .transpose()?
        .unwrap_or_default();
    let steps = settings.get("steps").map(|node| steps(&node, &tiers)).transpose()?.unwrap_or_default();
    let efforts = settings.get("efforts").map(|node| efforts(&node)).transpose()?.unwrap_or_default();
    warn_of_skipped_tiers(&list, &tiers, directory)?;
    warn_of_wrong_order(&list, &tiers, directory);
    let name = name.to_owned();
    Ok(Ladder { name, tiers, dial, baseline, client_effort, foreign_thinking, steps, efforts })
}

/// Index of the tier that a value names.
pub(super) fn tier_named(node: &Node<'_>, tiers: &[Tier]) -> Result<usize, ConfigError> {
    let name = node.string()?;
    let names = || tiers.iter().map(|tier| tier.name.as_str());
    names().position(|known| known == name).ok_or_else(|| {
        node.error(format!("no tier of this ladder is called {}{}", shown(name), hint(name, names())))
    })
}

/// Bounds and effort by step.
fn steps(node: &Node<'_>, tiers: &[Tier]) -> Result<Steps, ConfigError> {
    let names = Step::ALL.map(Step::name);
    let known = node.object(&names)?;
    let mut steps = Vec::new();
    for step in Step::ALL {
        let Some(node) = known.get(step.name()) else { continue };
        let settings = node.object(&["floor", "ceiling", "effort"])?;
        let tier = |key| settings.get(key).map(|node| tier_named(&node, tiers)).transpose();
        let bounds = Bounds {
            floor: tier("floor")?,
            ceiling: tier("ceiling")?,
            effort: settings.get("effort").map(|node| effort(&node)).transpose()?,
        };
        if bounds.floor.zip(bounds.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling) {
            return Err(node.error("the floor is above the ceiling: tiers go from cheap to dear"));
        }
        steps.push((step, bounds));
    }
    Ok(Steps(steps))
}

/// Rows of difficulty and effort, ascending.
fn efforts(node: &Node<'_>) -> Result<Efforts, ConfigError> {
    let mut rows: Vec<(Difficulty, Effort)> = Vec::new();
    for node in node.items(1..=limits::TIERS)? {
        let settings = node.object(&["from", "effort"])?;
        let from = settings.need("from")?;
        let difficulty =
            Difficulty::new(from.integer(0..=1000)?).map_err(|error| from.error(error.to_string()))?;
        if rows.last().is_some_and(|(last, _)| *last >= difficulty) {
            return Err(from.error("rows must rise: each begins above the one before"));
        }
        rows.push((difficulty, effort(&settings.need("effort")?)?));
    }
    Ok(Efforts(rows))
}

fn tier(
    node: &Node<'_>,
    before: &[Tier],
    last: bool,
    directory: &mut Directory,
) -> Result<Tier, ConfigError> {
    let settings = node.object(&["name", "effort", "targets", "samples"])?;
    let name = settings.need("name")?;
    let label = name.name(NAME)?;
    if before.iter().any(|tier| tier.name == label) {
        return Err(name.error(format!("the name {} is taken by another tier of this ladder", shown(label))));
    }
    let tier_effort = settings.get("effort").map(|node| effort(&node)).transpose()?;
    let mut choices: Vec<Choice> = Vec::new();
    for node in settings.need("targets")?.items(1..=limits::TARGETS_PER_TIER)? {
        let (place, own_effort) = match node.value.is_object() {
            true => {
                let settings = node.object(&["target", "effort"])?;
                let own = settings.get("effort").map(|node| effort(&node)).transpose()?;
                (settings.need("target")?, own)
            }
            false => (node, None),
        };
        if !place.value.is_string() {
            return Err(
                place.wrong_type("a target (`provider/model`, or an object with `target` and `effort`)")
            );
        }
        let target = directory.target(&place)?;
        if choices.iter().any(|choice| choice.target == target) {
            return Err(place.error("this target stands twice in the tier: remove one"));
        }
        choices.push(Choice { target, effort: own_effort.or(tier_effort), upstream: String::new() });
    }
    name_upstreams(&mut choices, directory);
    let samples = settings.get("samples").map(|node| samples::samples(&node, last)).transpose()?;
    Ok(Tier { name: label.to_owned(), choices, samples })
}

/// The provider's name, numbered from its second appearance on: attempts of one tier have different upstreams.
fn name_upstreams(choices: &mut [Choice], directory: &Directory) {
    let provider_of = |choice: &Choice| directory.targets().get(choice.target).map(|target| target.provider);
    let mut seen: Vec<usize> = Vec::new();
    for choice in choices {
        let Some(provider) = provider_of(choice) else { continue };
        let Some(name) = directory.providers().get(provider).map(|provider| &provider.name) else { continue };
        seen.push(provider);
        choice.upstream = match seen.iter().filter(|seen| **seen == provider).count() {
            1 => name.clone(),
            count => format!("{name}.{count}"),
        };
    }
}

pub(super) fn effort(node: &Node<'_>) -> Result<Effort, ConfigError> {
    node.word(&Effort::ALL.map(|effort| (effort.name(), effort)))
}

/// What a dial is set by where the operator does not say.
const FRONTIER_SHARE: Aim = Aim::FrontierShare(200);

/// `thresholds`, `frontier_share` or `quality`, and `default_tier`, of a ladder or alias; what is absent is as in `default`.
fn dial(settings: &Object<'_>, tiers: &[Tier], default: &Dial) -> Result<Dial, ConfigError> {
    let mut dial = default.clone();
    let mut set_by = None;
    for key in ["thresholds", "frontier_share", "quality"] {
        let Some(node) = settings.get(key) else { continue };
        if let Some(before) = set_by.replace(key) {
            return Err(node.error(format!(
                "the dial is set by `{before}` already: either `thresholds`, `frontier_share` or `quality`; remove the \
                 others"
            )));
        }
        dial.aim = match key {
            "thresholds" => Aim::Thresholds,
            "frontier_share" => Aim::FrontierShare(permille(&node, "a share", "0.2")?),
            _ => Aim::Quality(permille(&node, "a part of the gain", "0.9")?),
        };
        dial.thresholds = match dial.aim {
            Aim::Thresholds => thresholds(&node, tiers.len())?,
            aim => Mix::shipped().thresholds(aim, tiers.len()),
        };
    }
    if let Some(node) = settings.get("default_tier") {
        dial.default_tier = tier_named(&node, tiers)?;
    }
    Ok(dial)
}

/// A number from 0 to 1, in thousandths; more digits are cut off.
pub(super) fn permille(node: &Node<'_>, what: &str, example: &str) -> Result<u16, ConfigError> {
    let wrong = || node.error(format!("expected {what} from 0 to 1, such as {example}"));
    let text = node.value.is_number().then(|| node.value.to_string()).ok_or_else(wrong)?;
    let (whole, digits) = text.split_once('.').unwrap_or((&text, ""));
    let whole: u16 = whole.parse().map_err(|_| wrong())?;
    let mut permille = whole.saturating_mul(1000);
    let mut weight = 100;
    for digit in digits.bytes() {
        let digit = u16::from(digit.wrapping_sub(b'0'));
        if digit > 9 {
            return Err(wrong());
        }
        permille = permille.saturating_add(digit * weight);
        weight /= 10;
    }
    if permille <= 1000 { Ok(permille) } else { Err(wrong()) }
}

fn thresholds(node: &Node<'_>, tiers: usize) -> Result<Vec<Difficulty>, ConfigError> {
    let items = node.items(0..=limits::TIERS)?;
    let wanted = tiers.saturating_sub(1);
    if items.len() != wanted {
        let plural = if wanted == 1 { "" } else { "s" };
        let found = items.len();
        return Err(node.error(format!(
            "a ladder of {tiers} tiers has {wanted} threshold{plural}, one between each two; found {found}"
        )));
    }
    let mut thresholds = Vec::new();
    let mut least = 0;
    for node in items {
        let permille = node.integer(0..=1000)?;
        if permille < least {
            return Err(node.error(format!("thresholds must not fall, but {permille} stands after {least}")));
        }
        least = permille;
        thresholds.push(Difficulty::new(permille).map_err(|error| node.error(error.to_string()))?);
    }
    Ok(thresholds)
}

fn target_of<'d>(directory: &'d Directory, choice: &Choice) -> Option<&'d Target> {
    directory.targets().get(choice.target)
}

/// A request is answered in its own dialect, so a tier that does not speak it is passed over.
fn warn_of_skipped_tiers(
    list: &Node<'_>,
    tiers: &[Tier],
    directory: &mut Directory,
) -> Result<(), ConfigError> {
    let speaks = |directory: &Directory, tier: &Tier, dialect| {
        tier.choices
            .iter()
            .any(|choice| target_of(directory, choice).is_some_and(|target| target.speaks(dialect)))
    };
    for (tier, node) in tiers.iter().zip(list.items(1..=limits::TIERS)?) {
        let missing: Vec<String> = Dialect::ALL
            .into_iter()
            .filter(|dialect| !speaks(directory, tier, *dialect))
            .filter(|dialect| tiers.iter().any(|other| speaks(directory, other, *dialect)))
            .map(|dialect| format!("`{}`", dialect.name()))
            .collect();
        if !missing.is_empty() {
            let dialects = missing.join(" or ");
            let message = format!(
                "no target of this tier speaks {dialects}, which other tiers do: requests in {dialects} will skip the \
                 tier {}; add a target that speaks it, or leave it so",
                shown(&tier.name)
            );
            directory.warn(&node, message);
        }
    }
    Ok(())
}

/// Compares what is tried first on the last and the first rung.
fn warn_of_wrong_order(list: &Node<'_>, tiers: &[Tier], directory: &mut Directory) {
    let first = |tier: Option<&Tier>| target_of(directory, tier?.choices.first()?);
    let (Some(bottom), Some(top)) = (first(tiers.first()), first(tiers.last())) else { return };
    let (Some(low), Some(high)) = (&bottom.model.rates, &top.model.rates) else { return };
    let (low, high) = (low.list(), high.list());
    // Three prompt tokens to one of the answer, the mix by which price lists are commonly compared.
    let blend = |input: PicoUsd, output: PicoUsd| input.saturating_mul(3).saturating_add(output);
    if blend(high.input, high.output) < blend(low.input, low.output) {
        let million = |price: PicoUsd| price.saturating_mul(1_000_000);
        let message = format!(
            "tiers go from cheap to dear, but the last one's {} costs {} and {} per million tokens (prompt, answer), \
             less than the first one's {} at {} and {}: is the order right?",
            shown(&top.name),
            million(high.input),
            million(high.output),
            shown(&bottom.name),
            million(low.input),
            million(low.output),
        );
        directory.warn(list, message);
    }
}

/// The section `aliases`, sorted by name.
pub(super) fn aliases(node: &Node<'_>, ladders: &[Ladder]) -> Result<Vec<Alias>, ConfigError> {
    let entries = node.named_entries(limits::ALIASES)?;
    if entries.is_empty() {
        return Err(node.error(
            "expected at least one alias: without it, no request is routed; try `auto: NAME_OF_LADDER`",
        ));
    }
    entries.into_iter().map(|(name, node)| alias(name, &node, ladders)).collect()
}

fn alias(name: &str, node: &Node<'_>, ladders: &[Ladder]) -> Result<Alias, ConfigError> {
    node.check_name(name, limits::MODEL_NAME)?;
    if node.value.is_object() {
        let settings = node.object(&["ladder", "thresholds", "frontier_share", "quality", "default_tier"])?;
        let (index, ladder) = ladder_named(&settings.need("ladder")?, ladders)?;
        let dial = dial(&settings, &ladder.tiers, &ladder.dial)?;
        return Ok(Alias { name: name.to_owned(), ladder: index, dial });
    }
    if !node.value.is_string() {
        return Err(node.wrong_type("a ladder (its name, or an object with `ladder`)"));
    }
    let (index, ladder) = ladder_named(node, ladders)?;
    Ok(Alias { name: name.to_owned(), ladder: index, dial: ladder.dial.clone() })
}

fn ladder_named<'l>(node: &Node<'_>, ladders: &'l [Ladder]) -> Result<(usize, &'l Ladder), ConfigError> {
    let name = node.string()?;
    ladders.iter().enumerate().find(|(_, ladder)| ladder.name == name).ok_or_else(|| {
        let names = ladders.iter().map(|ladder| ladder.name.as_str());
        node.error(format!("unknown ladder {}{}", shown(name), hint(name, names)))
    })
}
