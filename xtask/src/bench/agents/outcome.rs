//! What strong and cheap models did on the same tasks.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use live::Failure;
use serde::Deserialize;
use serde_json::Value;

use super::run::{self, Run};

/// Tasks that two models must share to be compared.
const SHARED: usize = 20;

/// How much more of the shared tasks the strong model must solve, as a share.
const AHEAD: f64 = 0.10;

#[derive(Debug, Deserialize)]
struct Line {
    task: String,
    results: BTreeMap<String, Value>,
}

/// Outcomes of a strong and a cheap model on the same tasks.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// By task: whether the strong one solved it, and the cheap one.
    pub(super) pairs: HashMap<String, (bool, bool)>,
    /// Families of tasks with the models that stand for strong and cheap there.
    pub(super) stand_ins: Vec<(String, String, String)>,
}

/// The family of a task: `swebench` of `swebench/django__django-1`.
fn family(task: &str) -> &str {
    task.split('/').next().unwrap_or(task)
}

/// Reads the folder `outcomes` beside the runs, if there, and joins it with the outcomes of the runs themselves.
///
/// In each family of tasks, the strong model is the one that solves the largest share, of those that tried at least
/// half as many as any, and the cheap
/// one the best of those that solve at least [`AHEAD`] less of the tasks that both tried.
pub(super) fn read(data: Option<&Path>, runs: &[Run]) -> Result<Outcomes, Failure> {
    let mut by_family: BTreeMap<String, BTreeMap<String, HashMap<String, bool>>> = BTreeMap::new();
    let mut add = |task: &str, model: &str, solved: bool| {
        let models = by_family.entry(family(task).to_owned()).or_default();
        models.entry(model.to_owned()).or_default().entry(task.to_owned()).or_insert(solved);
    };
    for run in runs {
        if let Some(solved) = run.solved {
            add(&run.task, &run.model, solved);
        }
    }
    let folder = data.map(|data| data.join("outcomes")).filter(|folder| folder.is_dir());
    for path in folder.map(|folder| run::files(&folder)).transpose()?.unwrap_or_default() {
        for line in run::lines(&path)? {
            let place = path.display();
            let line: Line =
                serde_json::from_str(&line).map_err(|error| Failure::new(format!("{place}: {error}")))?;
            for (model, result) in &line.results {
                if let Some(solved) = result["solved"].as_bool() {
                    add(&line.task, model, solved);
                }
            }
        }
    }
    let mut outcomes = Outcomes::default();
    for (family, models) in by_family {
        if let Some((strong, cheap)) = pair(&models) {
            for (task, solved) in &models[&strong] {
                if let Some(cheaply) = models[&cheap].get(task) {
                    outcomes.pairs.insert(task.clone(), (*solved, *cheaply));
                }
            }
            outcomes.stand_ins.push((family, strong, cheap));
        }
    }
    Ok(outcomes)
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 tasks")]
fn pair(models: &BTreeMap<String, HashMap<String, bool>>) -> Option<(String, String)> {
    let share = |tasks: &HashMap<String, bool>, of: &dyn Fn(&str) -> bool| {
        let (mut solved, mut all) = (0usize, 0usize);
        for (_, yes) in tasks.iter().filter(|(task, _)| of(task)) {
            all += 1;
            solved += usize::from(*yes);
        }
        (solved as f64 / all.max(1) as f64, all)
    };
    let everything = |_: &str| true;
    let most = models.values().map(HashMap::len).max().unwrap_or(0);
    let able = models.iter().filter(|(_, tasks)| tasks.len() >= SHARED && tasks.len() * 2 >= most);
    // Of equals, the one that tried more.
    let (strong, tasks) = able.max_by(|a, b| {
        let (a, b) = (share(a.1, &everything), share(b.1, &everything));
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
    })?;
    let cheap = models
        .iter()
        .filter_map(|(name, others)| {
            let (theirs, all) = share(others, &|task| tasks.contains_key(task));
            let (ours, _) = share(tasks, &|task| others.contains_key(task));
            (all >= SHARED && all * 2 >= tasks.len() && theirs + AHEAD <= ours).then_some((theirs, name))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((strong.clone(), cheap.1.clone()))
}

impl Outcomes {
    /// Whether this run stands for its task: the cheap model's own run does, and the strong one's where there is none.
    pub(super) fn stands_for(&self, run: &Run, runs: &[Run]) -> bool {
        let Some((_, strong, cheap)) = self.stand_ins.iter().find(|(name, ..)| name == family(&run.task))
        else {
            return false;
        };
        let cheap_there = || runs.iter().any(|other| other.task == run.task && other.model == *cheap);
        run.model == *cheap || (run.model == *strong && !cheap_there())
    }
}
