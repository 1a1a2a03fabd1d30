//! The decision: from a request that was read to the targets that it goes to.

use alloc::{boxed::Box, format, vec::Vec};
use core::cell::OnceCell;

use super::{
    Forward, Heard, Pending, Routed, Router, Summary, endpoint::EndpointKind, recall::Recalled,
    sampled::Samples,
};
use crate::{
    agent::{Identity, Story},
    budget::{self, Standing},
    config::{Alias, Ladder},
    edit::Rejection,
    policy::{self, NoCandidate, Reason, Remembered},
    wire::{Dialect, request::RequestView},
};

/// A request that could be read, with the ladder that its model leads to: what every part of the decision looks at.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) router: &'a Router,
    pub(super) alias: &'a Alias,
    pub(super) ladder: &'a Ladder,
    pub(super) pending: &'a Pending,
    pub(super) body: &'a [u8],
    pub(super) view: &'a RequestView,
    pub(super) story: &'a Story,
}

impl Pending {
    /// The dialect, told by the endpoint.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Decides, without anything remembered. Infallible: what cannot be understood is forwarded as it is, with the
    /// reason visible, unless the operator chose to reject it.
    pub fn route(self, router: &Router, body: &[u8]) -> Routed {
        self.read(body).route(router, None, None)
    }

    /// Reads the body. For doors that remember conversations: [`Heard::identity`] says which one to look up.
    pub fn read(self, body: &[u8]) -> Heard<'_> {
        let read = RequestView::read(self.dialect, body).map(|view| {
            let story = Story::read(body, &view);
            (view, story)
        });
        Heard { pending: self, body, read, identity: OnceCell::new(), spent: Vec::new(), now: 0 }
    }

    /// The answer to a body above the bound that the door keeps.
    pub fn too_large(self, limit: usize) -> Rejection {
        let message = format!("the request body is larger than {limit} bytes");
        Rejection::new(Some(self.dialect), 413, "too_large", &message)
    }
}

impl Heard<'_> {
    /// The conversation that the request continues; `None` where it could not be read, or continues none.
    pub fn identity(&self) -> Option<Identity> {
        let (view, story) = self.read.as_ref().ok()?;
        let identity = || Identity::of(&self.pending.hints, self.body, view, story);
        Some(*self.identity.get_or_init(identity))
    }

    /// Decides. `memory` is what was [remembered](crate::Receipt::remembered) of the conversation, if anything is left of it,
    /// and `now` the time in seconds since 1970: without either the history alone decides. See [`Pending::route`].
    pub fn route(self, router: &Router, memory: Option<&Remembered>, now: Option<u64>) -> Routed {
        let Self { pending, body, read, identity, spent, now: asked_at } = self;
        let config = &router.config;
        let standing = budget::strictest(config, &spent);
        if let Some(standing) = standing.filter(Standing::refuses) {
            return Routed::Reject(standing.refusal(pending.dialect, asked_at));
        }
        let (view, story) = match read {
            Ok(read) => read,
            Err(cause) => return router.unreadable(pending.head, pending.dialect, pending.endpoint, cause),
        };
        let alias = config.alias(&view.model);
        let Some((alias, ladder)) = alias.and_then(|alias| Some((alias, config.ladder_of(alias)?))) else {
            return pending.not_routed(router, &view);
        };
        let case = Case { router, alias, ladder, pending: &pending, body, view: &view, story: &story };
        let forced = match pending.forced(config, ladder) {
            Ok(forced) => forced,
            Err(rejection) => return Routed::Reject(rejection),
        };
        let mut recalled = Recalled::new(memory, now, &pending.hints, &story);
        let mut ask = case.ask(forced, &mut recalled);
        let rule = pending.rule(config, alias, &ask, || story.spoken(body, &view));
        if let Some(message) = rule.and_then(|rule| rule.then.reject.as_deref()) {
            return Routed::Reject(Rejection::new(Some(pending.dialect), 403, "rule", message));
        }
        let obeyed = rule.filter(|rule| policy::obey(config, ladder, rule, &mut ask));
        let bound = standing.map(|standing| case.bound(standing, &mut ask));
        let mut decision = match policy::decide(config, alias, &ask) {
            Ok(decision) => decision,
            Err(none) => return Routed::Reject(case.no_candidate(&none)),
        };
        if let Some(rule) = obeyed
            && !matches!(decision.reason, Reason::Requirement { .. } | Reason::History { .. })
        {
            decision.reason = Reason::Rule { name: rule.name.clone() };
        }
        if let Some(bound) = &bound
            && !bound.hold(&case, &ask, &mut decision)
        {
            return Routed::Reject(bound.standing.refusal(pending.dialect, asked_at));
        }
        recalled.warm_first(&case, &mut decision);
        let attempts = case.attempts(&decision, &ask);
        if attempts.is_empty() {
            return Routed::Reject(case.no_candidate(&NoCandidate { obstacles: Vec::new() }));
        }
        let highest = bound.map_or(usize::MAX, |bound| bound.ceiling);
        let samples = case.samples(&decision, &attempts, &ask, highest);
        let expected = case.expected(!spent.is_empty() || samples.as_ref().is_some_and(Samples::are_taken));
        let tab = case.tab(&spent, asked_at, expected.as_ref(), &attempts, samples.as_ref());
        let tier = ladder.tiers.get(decision.tier).map(|tier| tier.name.clone());
        // Who has no clock remembers nothing.
        let remembers = now.is_some() && !ask.step.is_aside();
        let memo = remembers.then(|| recalled.memo(identity.into_inner().unwrap_or_else(|| case.identity())));
        let forward = Forward {
            edits: pending.head.edits,
            attempts,
            sampled: None,
            tab: tab.map(Box::new),
            expected: expected.map(Box::new),
            dialect: Some(pending.dialect),
            billed: pending.endpoint != EndpointKind::CountTokens,
            baseline: Some(ladder.baseline),
            response_headers: config.response_headers,
            memo,
            summary: Summary {
                dialect: Some(pending.dialect),
                caller: pending.head.caller,
                alias: Some(alias.name.clone()),
                tier,
                reason: decision.reason,
                difficulty: ask.difficulty,
                task: ask.judgement.map(|judgement| judgement.task),
                confidence: ask.judgement.map(|judgement| judgement.confidence),
                step: Some(ask.step),
                client: pending.hints.client,
                stream: view.stream,
            },
        };
        Routed::Forward(match samples {
            Some(samples) => samples.beside(forward, ladder),
            None => forward,
        })
    }
}

impl Case<'_> {
    fn identity(&self) -> Identity {
        Identity::of(&self.pending.hints, self.body, self.view, self.story)
    }

    fn no_candidate(&self, none: &NoCandidate) -> Rejection {
        let name = &self.alias.name;
        let mut message = format!("no target behind the model `{name}` can serve this request");
        for (i, (target, obstacle)) in none.obstacles.iter().take(8).enumerate() {
            message.push_str(if i == 0 { ": " } else { "; " });
            message.push_str(&format!("{target} {obstacle}"));
        }
        Rejection::new(Some(self.pending.dialect), 400, "no_candidate", &message)
    }
}
