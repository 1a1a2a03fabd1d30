//! What the operator and the client demand: rules of the configuration, and headers where they are allowed.

use alloc::{format, string::String, vec::Vec};
use core::cell::OnceCell;

use super::Pending;
use crate::{
    config::{Alias, Config, Ladder, Rule},
    edit::Rejection,
    effort::Effort,
    policy::{Ask, Forced},
    traits::Traits,
};

impl Pending {
    /// The first rule that holds.
    pub(super) fn rule<'c>(
        &self,
        config: &'c Config,
        alias: &Alias,
        ask: &Ask,
        spoken: impl Fn() -> String,
    ) -> Option<&'c Rule> {
        self.unmet(config, alias, ask, spoken).find(|(_, unmet)| unmet.is_none()).map(|(rule, _)| rule)
    }

    /// Of each rule, a condition that the request does not meet; `None` where it meets all.
    pub(super) fn unmet<'c>(
        &self,
        config: &'c Config,
        alias: &Alias,
        ask: &Ask,
        spoken: impl Fn() -> String,
    ) -> impl Iterator<Item = (&'c Rule, Option<&'static str>)> {
        let words = OnceCell::new();
        let unmet = move |(rule, head): (&'c Rule, &bool)| {
            let when = &rule.when;
            let listed = |list: &[String], name: Option<&str>| {
                list.is_empty() || name.is_some_and(|name| list.iter().any(|known| known == name))
            };
            let tokens = when.tokens.0.is_none_or(|least| ask.prompt_tokens >= least)
                && when.tokens.1.is_none_or(|most| ask.prompt_tokens <= most);
            let task = || ask.judgement.is_some_and(|judged| when.task.contains(&judged.task));
            let unmet = match () {
                () if !head => Some("path or header"),
                () if !listed(&when.alias, Some(&alias.name)) => Some("alias"),
                () if !listed(&when.caller, self.head.caller.as_deref()) => Some("caller"),
                () if !(when.dialect.is_empty() || when.dialect.contains(&self.dialect)) => Some("dialect"),
                () if !(when.step.is_empty() || when.step.contains(&ask.step)) => Some("step"),
                () if !(when.client.is_empty() || when.client.contains(&self.hints.client)) => Some("client"),
                () if when.tools.is_some_and(|tools| tools != ask.traits.meets(Traits::TOOLS)) => {
                    Some("tools")
                }
                () if !tokens => Some("tokens"),
                () if !(when.task.is_empty() || task()) => Some("task"),
                () if when.reads() => when.unmet_by_words(words.get_or_init(&spoken)),
                () => None,
            };
            (rule, unmet)
        };
        config.rules().iter().zip(&self.head.rules).map(unmet)
    }

    pub(super) fn forced(&self, config: &Config, ladder: &Ladder) -> Result<Forced, Rejection> {
        let allowed = config.overrides();
        let mut forced = Forced::default();
        let wrong = |header: &str, value: &str, known: &[&str]| {
            let message = format!("{header}: `{value}` is not one of {}", known.join(", "));
            Rejection::new(Some(self.dialect), 400, "bad_override", &message)
        };
        if let Some(name) = self.head.tier.as_deref().filter(|_| allowed.tier) {
            let known: Vec<&str> = ladder.tiers.iter().map(|tier| tier.name.as_str()).collect();
            let found = known.iter().position(|tier| *tier == name);
            forced.tier = Some(found.ok_or_else(|| wrong("x-pointsman-tier", name, &known))?);
        }
        if let Some(name) = self.head.effort.as_deref().filter(|_| allowed.effort) {
            let known = Effort::ALL.map(Effort::name);
            let found = Effort::parse(name.as_bytes());
            forced.effort = Some(found.ok_or_else(|| wrong("x-pointsman-effort", name, &known))?);
        }
        if let Some(name) = self.head.target.as_deref().filter(|_| allowed.target) {
            let mut known: Vec<&str> = Vec::new();
            for (tier, rung) in ladder.tiers.iter().enumerate() {
                for (choice, listed) in rung.choices.iter().enumerate() {
                    let Some(target) = config.target_of(listed) else { continue };
                    if target.name == name && forced.choice.is_none() {
                        forced.choice = Some((tier, choice));
                    }
                    known.push(&target.name);
                }
            }
            if forced.choice.is_none() {
                return Err(wrong("x-pointsman-target", name, &known));
            }
        }
        Ok(forced)
    }
}
