//! What samples add to an exchange: whether a request is asked more than once, and what all the answers cost.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Attempt, Forward, Receipt, ResponseHead, Router, Summary, endpoint::EndpointKind, forward::header_text,
    heard::Case,
};
use crate::{
    config::{Ladder, Mode},
    policy::{self, Ask, Decision},
    price::PicoUsd,
    samples::{self, Plan, Unfit},
};

/// Whether a request is asked more than once, where its tier says so.
#[derive(Debug)]
pub(super) struct Sampled {
    plan: Result<Plan, Unfit>,
    /// The next tier, for a cascade.
    up: Option<Forward>,
}

/// What a tier that asks more than once makes of a request.
pub(super) struct Samples {
    plan: Result<Plan, Unfit>,
    /// Index of the next tier with its attempts, for a cascade.
    up: Option<(usize, Vec<Attempt>)>,
}

impl Case<'_> {
    /// Whether the decided tier asks more than once, and who stands above it, not above the tier `highest`.
    pub(super) fn samples(
        &self,
        decision: &Decision,
        attempts: &[Attempt],
        ask: &Ask,
        highest: usize,
    ) -> Option<Samples> {
        if self.pending.endpoint != EndpointKind::Create {
            return None;
        }
        let plan = self.plan(decision, attempts)?;
        let cascade = plan.as_ref().is_ok_and(|plan| plan.mode == Mode::Cascade);
        let above = || policy::above(&self.router.config, self.ladder, decision, ask, highest);
        let up = cascade.then(above).flatten();
        Some(Samples { plan, up: up.map(|up| (up.tier, self.attempts(&up, ask))) })
    }

    fn plan(&self, decision: &Decision, attempts: &[Attempt]) -> Option<Result<Plan, Unfit>> {
        let sampling = self.ladder.tiers.get(decision.tier)?.samples?;
        let first = attempts.first()?;
        let mode = match sampling.mode {
            Mode::Auto => {
                let model = &self.router.config.targets.get(first.index?)?.model;
                self.router.classes.mode(&model.id, model.reasoning.thinks, first.effort)
            }
            mode => Some(mode),
        };
        Some(samples::plan(&sampling, mode, self.body, self.view, self.story))
    }
}

impl Samples {
    pub(super) const fn are_taken(&self) -> bool {
        self.plan.is_ok()
    }

    /// How many are taken at most.
    pub(super) fn most(&self) -> usize {
        self.plan.as_ref().map_or(1, Plan::most)
    }

    /// The attempts of the next tier, for a cascade.
    pub(super) fn above(&self) -> Option<&[Attempt]> {
        self.up.as_ref().map(|(_, attempts)| attempts.as_slice())
    }

    /// Puts them beside what is asked first.
    pub(super) fn beside(self, forward: Forward, ladder: &Ladder) -> Forward {
        let up = self.up.map(|(tier, attempts)| Forward {
            edits: forward.edits.clone(),
            attempts,
            summary: Summary {
                tier: ladder.tiers.get(tier).map(|tier| tier.name.clone()),
                ..forward.summary.clone()
            },
            tab: None,
            expected: forward.expected.clone(),
            sampled: None,
            ..forward
        });
        Forward { sampled: Some(Box::new(Sampled { plan: self.plan, up })), ..forward }
    }
}

impl Forward {
    /// How it is asked more than once, where its tier says so and it qualifies. A door that cannot do it asks once.
    pub fn sampling(&self) -> Option<&Plan> {
        self.sampled.as_ref()?.plan.as_ref().ok()
    }

    /// Why it is asked once although its tier says otherwise.
    pub fn not_sampled(&self) -> Option<Unfit> {
        self.sampled.as_ref()?.plan.as_ref().err().copied()
    }

    /// The same request to the next tier, for a cascade.
    pub fn up(&self) -> Option<&Self> {
        self.sampled.as_ref()?.up.as_ref()
    }

    /// What a sample is taken to have cost that is cancelled while this upstream is at work.
    pub fn cancelled(&self, upstream: &str, router: &Router, unix_seconds: Option<u64>) -> Receipt {
        let head = ResponseHead { status: 200, ..ResponseHead::default() };
        let receipt = self.respond(Some(upstream), &head).finish(router, unix_seconds);
        Receipt { status: 0, ..receipt }
    }

    /// Headers of an answer that is one of several samples: what came of them, and what all of them cost. Empty where the
    /// operator switched such headers off.
    pub fn sample_headers(
        &self,
        report: &str,
        total: Option<&Receipt>,
        cancelled: usize,
    ) -> Vec<(&'static str, String)> {
        if !self.response_headers {
            return Vec::new();
        }
        let mut headers = Vec::from([("x-pointsman-samples", header_text(report))]);
        if let Some(total) = total {
            let mut cost = total.cost.unwrap_or_default().to_string();
            if let Some(estimated) = total.estimated {
                cost.push_str(&format!(" and about {estimated} for {cancelled} cancelled"));
            }
            headers.push(("x-pointsman-samples-cost", cost));
        }
        headers
    }
}

impl Receipt {
    /// As the receipt of a sample whose answer was not delivered: it was paid, and in place of nothing.
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.baseline = self.cost.map(|_| PicoUsd::ZERO);
        self.remembered = None;
        self
    }

    /// With what another sample used and cost added. What is said of the answer stays as it is.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let sum = |one: Option<PicoUsd>, other: Option<PicoUsd>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self.cost = sum(self.cost, other.cost);
        self.baseline = sum(self.baseline, other.baseline);
        self.estimated = sum(self.estimated, other.estimated);
        self.metered.usage = self.metered.usage.with(&other.metered.usage);
        self
    }
}
