//! The attempts of a decided request, each complete in itself.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Attempt, Forward, Router, Summary,
    endpoint::{EndpointKind, auth, endpoint_path},
    heard::Case,
};
use crate::{
    config::Choice,
    edit::HeaderEdit,
    limits,
    policy::{self, Ask, Decision},
};

impl Router {
    /// The environment variable that holds the key for an attempt; `None` where its provider takes none.
    pub fn key_variable(&self, attempt: &Attempt) -> Option<&str> {
        self.config.provider(&attempt.provider)?.key_env.as_deref()
    }

    /// Where an attempt goes, as a URL: `https://api.minimax.io/anthropic/v1/messages`.
    pub fn url(&self, attempt: &Attempt) -> Option<String> {
        let origin = self.config.provider(&attempt.provider)?.origin()?;
        let scheme = if origin.tls() { "https" } else { "http" };
        Some(format!("{scheme}://{}{}", origin.authority(), attempt.path))
    }
}

impl Case<'_> {
    /// The attempts of a decision, in order.
    pub(super) fn attempts(&self, decision: &Decision, ask: &Ask) -> Vec<Attempt> {
        let Self { router: Router { config, .. }, ladder, pending, body, view, .. } = *self;
        let Some(tier) = ladder.tiers.get(decision.tier) else { return Vec::new() };
        let choices = decision.choices.iter().filter_map(|choice| tier.choices.get(*choice));
        let attempt = |choice: &Choice| {
            let target = config.target_of(choice)?;
            let provider = config.provider_of(target)?;
            let fit = target.fit(view.dialect)?;
            let counting = pending.endpoint != EndpointKind::Create;
            let effort = policy::effort(ladder, choice, target, ask);
            // Counting and compacting are told the model, and are otherwise left as they are.
            let tier_effort = effort.filter(|_| !counting);
            let stream_usage = config.stream_usage && !counting;
            let mut wanted =
                policy::wanted(ladder, tier_effort, ask, stream_usage, decision.drop_foreign_thinking);
            if counting {
                wanted.effort = None;
            }
            let fitted = fit.edits(body, view, wanted);
            Some(Attempt {
                upstream: choice.upstream.clone(),
                provider: provider.name.clone(),
                target: target.name.clone(),
                model: Some(target.model.id.to_string()),
                path: endpoint_path(provider, view.dialect, pending.endpoint, &pending.head.query)?,
                auth: auth(provider, Some(view.dialect)),
                effort: fitted.effort,
                edits: pending.head.vendor_edits(Some(target.model.family.as_str())),
                splices: fitted.splices,
                applied: fitted.applied.iter().map(|rule| (*rule).to_string()).collect(),
                index: Some(choice.target),
            })
        };
        choices.filter_map(attempt).take(limits::ATTEMPTS).collect()
    }
}

impl Forward {
    /// Header edits for the request as a whole, before any attempt.
    pub fn edits(&self) -> &[HeaderEdit] {
        &self.edits
    }

    /// The targets in the order they are to be tried; at least one.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The decision in a few words.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Name of the chain of upstreams, in order: what an Envoy route selects a composite cluster by.
    pub fn chain(&self) -> String {
        chain_name(self.attempts.iter().map(|attempt| attempt.upstream.as_str()))
    }

    /// The attempt that goes to this upstream.
    pub fn attempt_at(&self, upstream: &str) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.upstream == upstream)
    }

    /// Headers for the response to the client, once it is known which upstream answered. Empty where the operator
    /// switched them off.
    pub fn response_edits(&self, upstream: Option<&str>) -> Vec<HeaderEdit> {
        let mut edits = Vec::new();
        if !self.response_headers {
            return edits;
        }
        let mut set =
            |name: &'static str, value: String| edits.push(HeaderEdit::Set(Cow::Borrowed(name), value));
        if let Some(tier) = &self.summary.tier {
            set("x-pointsman-tier", header_text(tier));
        }
        if let Some(attempt) = upstream.and_then(|upstream| self.attempt_at(upstream)) {
            set("x-pointsman-model", header_text(&attempt.target));
            if let Some(effort) = attempt.effort {
                set("x-pointsman-effort", effort.name().to_owned());
            }
        }
        set("x-pointsman-reason", header_text(&self.summary.reason.to_string()));
        edits
    }
}

/// Name of a chain of upstreams. The same for the door that selects it and the generator that writes it.
pub fn chain_name<'a>(upstreams: impl Iterator<Item = &'a str>) -> String {
    let mut name = String::from("chain:");
    for (i, upstream) in upstreams.enumerate() {
        if i > 0 {
            name.push('+');
        }
        name.push_str(upstream);
    }
    name
}

/// Header values are visible ASCII; anything else in a name of the configuration is shown as `?`.
pub(super) fn header_text(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
