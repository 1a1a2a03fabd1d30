//! One run under every policy: which model takes which call, and what that costs.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use live::Failure;
use pointsman::{
    Config, Opened, Remembered, RequestHead, ResponseHead, Routed, Router, Step, agent::brief::Weights,
    catalog::Model,
};
use serde_json::Value;

use super::{
    cache::{Billed, Cache, dollars},
    run::{Call, Run},
};

/// The policies that decide by themselves, in the order of the report.
pub(super) const POLICIES: [&str; 5] = ["frontier", "cheap", "bounce", "sticky", "pointsman"];

/// Place of ours among them.
pub(super) const OURS: usize = 4;

/// Weights for the tasks of each project that the shipped weights were made from, made without that project.
const FOLDS: &str = include_str!("folds.json");

/// The router under test, and the models of its two tiers.
#[derive(Debug)]
pub(super) struct Bench {
    router: Router,
    /// The same for projects that its weights for tasks were made from: with weights that never saw the project.
    unseen: BTreeMap<String, Router>,
    /// The same without weights for agents' tasks: what a router for questions thinks of them.
    plain: Router,
    models: Vec<Model>,
}

/// A run under one policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Ride {
    /// Index of the tier of each call.
    pub(super) tiers: Vec<usize>,
    /// Dollars of each call.
    pub(super) costs: Vec<f64>,
    /// Prompt tokens, and those of them that the cache served.
    pub(super) prompt: u64,
    pub(super) read: u64,
}

/// What the core said of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Calls at which it noticed a loop.
    pub(super) loops: Vec<usize>,
    /// Calls by what they were for.
    pub(super) steps: Vec<Step>,
    /// Difficulty of the first call, in permille.
    pub(super) difficulty: Option<u16>,
    /// The same as a router for questions sees it, and that of each call's newest message alone.
    pub(super) plain: u16,
    pub(super) alone: Vec<u16>,
    /// Calls that were decided otherwise with a memory.
    pub(super) sharpened: u32,
}

/// A run under all of them.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) rides: Vec<Ride>,
    /// Ours, if nothing after the first words moved it.
    pub(super) unmoved: Ride,
    pub(super) told: Told,
}

impl Ride {
    pub(super) fn cost(&self) -> f64 {
        self.costs.iter().sum()
    }

    pub(super) fn switches(&self) -> usize {
        self.tiers.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// Share of the calls that the best tier took.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^53 calls")]
    pub(super) fn strong(&self, best: usize) -> f64 {
        self.tiers.iter().filter(|tier| **tier == best).count() as f64 / self.tiers.len().max(1) as f64
    }
}

/// What one call came to.
struct Decided {
    tier: usize,
    step: Step,
    looped: bool,
    difficulty: Option<u16>,
    remembered: Option<Remembered>,
}

impl Bench {
    /// The router on a configuration whose alias `auto` leads to a ladder.
    pub(super) fn new(document: &str) -> Result<Self, Failure> {
        let config =
            Config::from_json(document.as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
        let ladder = config.alias("auto").and_then(|alias| config.ladder_of(alias));
        let tiers = ladder.map(|ladder| ladder.tiers.clone()).unwrap_or_default();
        let first = |tier: &pointsman::Tier| {
            tier.choices
                .first()
                .and_then(|choice| config.target_of(choice))
                .map(|target| target.model.clone())
        };
        let models = tiers.iter().filter_map(first).collect::<Vec<_>>();
        if models.len() < 2 {
            return Err(Failure::new("the ladder behind `auto` needs two tiers or more"));
        }
        let folds: Value =
            serde_json::from_str(FOLDS).map_err(|error| Failure::new(format!("folds.json: {error}")))?;
        let mut unseen = BTreeMap::new();
        for (project, weights) in folds["projects"].as_object().into_iter().flatten() {
            let weights = Weights::from_json(weights.to_string().as_bytes())
                .map_err(|error| Failure::new(format!("folds.json, {project}: {error}")))?;
            unseen.insert(project.clone(), Router::new(config.clone()).with_briefs(weights));
        }
        let plain = Router::new(config.clone()).with_briefs(Weights::default());
        Ok(Self { router: Router::new(config), unseen, plain, models })
    }

    /// The router for a run: never one that learned from the run's own project.
    fn router_of(&self, run: &Run) -> &Router {
        let project = run.task.split('/').nth(1).and_then(|task| task.split("__").next());
        project.and_then(|project| self.unseen.get(project)).unwrap_or(&self.router)
    }

    /// Sets the dial of a ladder of two tiers by what it would spend, not by what it would keep: the lowest threshold at
    /// which the runs whose first words reach it cost, together with the others on the cheap tier, at most `share` of
    /// what all of them cost on the best.
    pub(super) fn threshold(&self, runs: &[Run], share: f64) -> Result<u16, Failure> {
        let mut known = Vec::new();
        for run in runs {
            let call = &run.calls[0];
            let first = self.decide(self.router_of(run), run, call, &run.body(call), None)?;
            let prefixes = prefixes(run);
            let cost = |tier| self.ride(run, vec![tier; run.calls.len()], &prefixes).cost();
            known.push((first.difficulty.unwrap_or(0), cost(0), cost(self.best())));
        }
        let all: f64 = known.iter().map(|(.., dear)| dear).sum();
        let spent = |threshold: u16| -> f64 {
            known
                .iter()
                .map(|(difficulty, cheap, dear)| if *difficulty >= threshold { dear } else { cheap })
                .sum()
        };
        Ok((0..=1000).find(|threshold| spent(*threshold) <= share * all).unwrap_or(1000))
    }

    /// Index of the best tier.
    pub(super) fn best(&self) -> usize {
        self.models.len() - 1
    }

    /// Replays a run.
    pub(super) fn replay(&self, run: &Run) -> Result<Replayed, Failure> {
        let mut told = Told::default();
        let router = self.router_of(run);
        let mut tiers = vec![Vec::new(); POLICIES.len() + 1];
        let mut memory: Option<Remembered> = None;
        for (n, call) in run.calls.iter().enumerate() {
            let body = run.body(call);
            let ours = self.decide(router, run, call, &body, None)?;
            let sharp = self.decide(router, run, call, &body, memory.as_ref())?;
            memory = sharp.remembered;
            told.sharpened += u32::from(sharp.tier != ours.tier);
            if ours.looped {
                told.loops.push(n);
            }
            told.steps.push(ours.step);
            if n == 0 {
                told.difficulty = ours.difficulty;
                let plain = self.decide(&self.plain, run, call, &body, None)?;
                told.plain = plain.difficulty.unwrap_or(0);
                tiers[3].push(plain.tier);
                tiers[OURS + 1].push(ours.tier);
            }
            let (alone, difficulty) = self.alone(&run.newest_alone(call))?;
            told.alone.push(difficulty);
            let pinned = |list: &[usize]| list.first().copied().unwrap_or(ours.tier);
            let (sticky, unmoved) = (pinned(&tiers[3]), pinned(&tiers[OURS + 1]));
            for (list, tier) in tiers.iter_mut().zip([self.best(), 0, alone, sticky, ours.tier, unmoved]) {
                if list.len() <= n {
                    list.push(tier);
                }
            }
        }
        let prefixes = prefixes(run);
        let mut rides: Vec<Ride> = tiers.into_iter().map(|tiers| self.ride(run, tiers, &prefixes)).collect();
        let unmoved = rides.pop().unwrap_or_default();
        Ok(Replayed { rides, unmoved, told })
    }

    /// Gives sticky and bounce dials of their own, so that they too spend at most `share` of the bill on the best model.
    pub(super) fn level(&self, runs: &[Run], replayed: &mut [Replayed], share: f64) {
        let bill = |of: &dyn Fn(&Run, &Replayed) -> f64| -> f64 {
            runs.iter().zip(replayed.iter()).map(|(run, replayed)| of(run, replayed)).sum()
        };
        let most = share * bill(&|_, replayed| replayed.rides[0].cost());
        let pinned = |replayed: &Replayed, threshold: u16| usize::from(replayed.told.plain < threshold);
        let dial = |spent: &dyn Fn(u16) -> f64| {
            let (mut low, mut high) = (0, 1001);
            while low < high {
                let middle = (low + high) / 2;
                if spent(middle) <= most { high = middle } else { low = middle + 1 }
            }
            low
        };
        let sticky = dial(&|at| bill(&|_, replayed| replayed.rides[pinned(replayed, at)].cost()));
        let bounce = dial(&|at| bill(&|run, replayed| self.bounced(run, replayed, at).cost()));
        for (run, replayed) in runs.iter().zip(replayed) {
            replayed.rides[3] = replayed.rides[pinned(replayed, sticky)].clone();
            replayed.rides[2] = self.bounced(run, replayed, bounce);
        }
    }

    /// A run whose every call goes up where its newest message alone reaches a difficulty.
    pub(super) fn bounced(&self, run: &Run, replayed: &Replayed, threshold: u16) -> Ride {
        let tier = |difficulty: &u16| if *difficulty >= threshold { self.best() } else { 0 };
        self.ride(run, replayed.told.alone.iter().map(tier).collect(), &prefixes(run))
    }

    /// What a run costs when its calls go to these tiers.
    fn ride(&self, run: &Run, tiers: Vec<usize>, prefixes: &[u64]) -> Ride {
        let mut caches: Vec<Cache> = self.models.iter().map(|_| Cache::default()).collect();
        let mut ride = Ride::default();
        for (call, tier) in run.calls.iter().zip(&tiers) {
            let (model, cache) = (&self.models[*tier], &mut caches[*tier]);
            let billed: Billed = cache.bill(model, &prefixes[..call.sent], call.input, call.at);
            ride.costs.push(dollars(model, billed, call.output));
            ride.prompt += call.input;
            ride.read += billed.read;
        }
        ride.tiers = tiers;
        ride
    }

    fn decide(
        &self,
        router: &Router,
        run: &Run,
        call: &Call,
        body: &[u8],
        memory: Option<&Remembered>,
    ) -> Result<Decided, Failure> {
        let headers: Vec<(&str, &[u8])> =
            run.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let head = RequestHead { method: b"POST", path: run.path.as_bytes(), headers: &headers };
        let Opened::NeedBody(pending) = router.open(&head) else {
            return Err(Failure::new(format!("{}: not a completion request", run.id)));
        };
        let now = 1_800_000_000 + seconds(call.at);
        let forward = match pending.read(body).route(router, memory, Some(now)) {
            Routed::Forward(forward) => forward,
            Routed::Reject(rejection) => {
                let text = String::from_utf8_lossy(&rejection.body).into_owned();
                return Err(Failure::new(format!("{}: {text}", run.id)));
            }
        };
        let summary = forward.summary();
        let tier = self.index(summary.tier.as_deref());
        let looped = summary.reason.code() == "loop" || summary.step == Some(Step::FailingLoop);
        let step = summary.step.unwrap_or(Step::Prompt);
        let difficulty = summary.difficulty.map(|difficulty| difficulty.permille());
        let upstream = forward.attempts().first().map(|attempt| attempt.upstream.clone());
        let mut metering = forward.respond(
            upstream.as_deref(),
            &ResponseHead { status: 200, content_type: Some(b"application/json"), ..ResponseHead::default() },
        );
        let usage = format!(
            r#"{{"usage":{{"input_tokens":{0},"output_tokens":{1},"prompt_tokens":{0},"completion_tokens":{1}}}}}"#,
            call.input, call.output
        );
        metering.push(usage.as_bytes());
        let remembered = metering.finish(router, Some(now)).remembered.map(|(_, remembered)| remembered);
        Ok(Decided { tier, step, looped, difficulty, remembered: remembered.or_else(|| memory.copied()) })
    }

    /// Tier and difficulty of a single message.
    fn alone(&self, body: &[u8]) -> Result<(usize, u16), Failure> {
        let head = RequestHead { method: b"POST", path: b"/v1/messages", headers: &[] };
        let Opened::NeedBody(pending) = self.plain.open(&head) else {
            return Err(Failure::new("not a completion request"));
        };
        match pending.route(&self.plain, body) {
            Routed::Forward(forward) => {
                let difficulty = forward.summary().difficulty.map_or(0, |difficulty| difficulty.permille());
                Ok((self.index(forward.summary().tier.as_deref()), difficulty))
            }
            // What fits nowhere alone fits nowhere at all: the best tier says so.
            Routed::Reject(_) => Ok((self.best(), 1000)),
        }
    }

    fn index(&self, tier: Option<&str>) -> usize {
        let config = self.router.config();
        let ladder = config.alias("auto").and_then(|alias| config.ladder_of(alias));
        let names = ladder.into_iter().flat_map(|ladder| &ladder.tiers).map(|tier| tier.name.as_str());
        names.enumerate().find(|(_, name)| Some(*name) == tier).map_or(0, |(index, _)| index)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run takes hours, not ages")]
fn seconds(at: f64) -> u64 {
    at.max(0.0) as u64
}

/// Hash of the messages up to each one.
fn prefixes(run: &Run) -> Vec<u64> {
    let mut hasher = DefaultHasher::new();
    run.messages
        .iter()
        .map(|(text, _)| {
            text.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}
