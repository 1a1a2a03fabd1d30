//! Every chain of upstreams that a request can be given: what a host with static clusters has to prepare.
//!
//! Envoy walks a chain by a composite cluster, and clusters are written before the first request. So the reachable
//! chains are enumerated here, from the same obstacles that `policy` raises: nothing a request can hold
//! leads to a chain that is not in the list (a test holds random requests against it).

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use crate::{
    catalog::Window,
    config::{Choice, Config, Target, Tier},
    policy,
    traits::Traits,
    wire::Dialect,
};

/// A set of a tier's choices, one bit each; [`limits::TARGETS_PER_TIER`](crate::limits::TARGETS_PER_TIER) is 8.
type Set = u8;

/// All reachable chains, each the names of its upstreams in order; sorted, without repeats.
pub fn chains(config: &Config) -> Vec<Vec<String>> {
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for tier in config.ladders().iter().flat_map(|ladder| &ladder.tiers) {
        for dialect in Dialect::ALL {
            for out in refused_sets(config, tier, dialect) {
                let names = tier.choices.iter().enumerate();
                let kept = names.filter(|(i, _)| out & bit(*i) == 0);
                found.insert(kept.map(|(_, choice)| choice.upstream.clone()).collect());
            }
        }
        // A header or a rule may name a target: it goes alone.
        let named = |choice: &&Choice| {
            config.overrides().target
                || config.rules().iter().any(|rule| {
                    config
                        .target_of(choice)
                        .is_some_and(|target| rule.then.target.as_ref() == Some(&target.name))
                })
        };
        found.extend(tier.choices.iter().filter(named).map(|choice| Vec::from([choice.upstream.clone()])));
    }
    let passing = Dialect::ALL.into_iter().map(Some).chain([None]);
    found.extend(passing.filter_map(|dialect| Some(Vec::from([config.passthrough(dialect)?.name.clone()]))));
    found.retain(|chain| !chain.is_empty());
    found.into_iter().collect()
}

/// All chains that are reachable where conversations are remembered: the one that answered last may stand before the others
/// of its tier, which keep their order ([`policy::warm_first`]).
pub fn warm_chains(config: &Config) -> Vec<Vec<String>> {
    let mut found = BTreeSet::new();
    for chain in chains(config) {
        for first in 0..chain.len() {
            let mut warm = chain.clone();
            warm.get_mut(..=first).unwrap_or_default().rotate_right(1);
            found.insert(warm);
        }
    }
    found.into_iter().collect()
}

/// The sets of choices that requests of this dialect can rule out.
fn refused_sets(config: &Config, tier: &Tier, dialect: Dialect) -> BTreeSet<Set> {
    let targets: Vec<Option<&Target>> = tier.choices.iter().map(|choice| config.target_of(choice)).collect();
    let mute = set_of(&targets, |target| target.fit(dialect).is_none());
    let contexts = context_sets(&targets);
    let mut out = BTreeSet::new();
    for drop_thinking in [false, true] {
        for by_traits in trait_sets(&targets, dialect, drop_thinking) {
            out.extend(contexts.iter().map(|by_context| mute | by_traits | by_context));
        }
    }
    out
}

/// Unions of "who refuses this trait", over any set of traits.
fn trait_sets(targets: &[Option<&Target>], dialect: Dialect, drop_thinking: bool) -> BTreeSet<Set> {
    let refused = |target: &Target| {
        let fit = target.fit(dialect);
        let refused = fit.map_or(Traits::NONE, |fit| fit.refuses());
        if drop_thinking { refused.without(fit.map_or(Traits::NONE, |fit| fit.droppable())) } else { refused }
    };
    let mut all = Traits::NONE;
    for target in targets.iter().flatten() {
        all |= refused(target);
    }
    let mut sets = BTreeSet::from([0]);
    for single in all.each() {
        let column = set_of(targets, |target| refused(target).meets(single));
        let grown: Vec<Set> = sets.iter().map(|set| set | column).collect();
        sets.extend(grown);
    }
    sets
}

/// Who is too small, over any prompt and any room for the answer.
///
/// Membership changes only where the need of some target crosses its window, so it is enough to look at both sides of
/// every such line, for every room at which two lines can cross.
fn context_sets(targets: &[Option<&Target>]) -> BTreeSet<Set> {
    let known: Vec<&Target> = targets.iter().flatten().copied().collect();
    let mut rooms: BTreeSet<u64> = BTreeSet::from([0, u64::MAX]);
    for a in &known {
        for n in [a.model.max_output, a.model.context] {
            rooms.extend([n.saturating_sub(1), n, n.saturating_add(1)]);
        }
        for b in &known {
            for gap in [
                a.model.context.saturating_sub(b.model.context),
                a.model.context.saturating_sub(b.model.context.saturating_sub(b.model.max_output)),
            ] {
                rooms.extend([gap.saturating_sub(1), gap, gap.saturating_add(1)]);
            }
        }
    }
    let mut sets = BTreeSet::new();
    for room in &rooms {
        let mut prompts: BTreeSet<u64> = BTreeSet::from([0, u64::MAX]);
        for target in &known {
            let answer = match target.model.window {
                Window::Input => 0,
                Window::Shared => (*room).min(target.model.max_output),
            };
            let largest = largest_prompt(target, target.model.context.saturating_sub(answer));
            prompts.extend([largest.saturating_sub(1), largest, largest.saturating_add(1)]);
        }
        for prompt in prompts {
            sets.insert(set_of(targets, |target| {
                policy::needed(target, prompt, Some(*room)) > target.model.context
            }));
        }
    }
    sets
}

/// The largest estimate that still fits into `left` tokens, by bisection over [`policy::needed`].
fn largest_prompt(target: &Target, left: u64) -> u64 {
    let (mut low, mut high) = (0, left);
    while low < high {
        let middle = low.saturating_add((high - low).div_ceil(2));
        if policy::needed(target, middle, None) <= left {
            low = middle
        } else {
            high = middle.saturating_sub(1)
        }
    }
    low
}

fn set_of(targets: &[Option<&Target>], mut holds: impl FnMut(&Target) -> bool) -> Set {
    let mut set = 0;
    for (i, target) in targets.iter().enumerate() {
        if target.is_none_or(&mut holds) {
            set |= bit(i);
        }
    }
    set
}

fn bit(i: usize) -> Set {
    u32::try_from(i).ok().and_then(|i| 1u8.checked_shl(i)).unwrap_or(0)
}
