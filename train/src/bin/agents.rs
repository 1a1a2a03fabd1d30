//! `agents`: makes `data/agent.json`, which places the tasks of agents, from tasks whose outcomes are known.
//!
//! The target is the gain for the money: whether the strong model solves a task, times the share of the cheap model's
//! tries that do not, divided by what the task costs on the strong model. A line over ten counts, by ridge regression.
//! What it is worth is measured on projects that it was not made from; those weights are written beside the bench, so that
//! it never reports on runs that it learned from.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use flate2::read::GzDecoder;
use pointsman::agent::brief::{Brief, FEATURES, NAMES, Weights};
use serde_json::{Value, json};
use train::{card::digest, ridge::solve};

/// Makes the weights that place agents' tasks.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the recorded runs, with `outcomes/` in it. They are not part of the repository.
    #[arg(long, default_value = "../shared/data/agents", value_name = "DIR")]
    data: PathBuf,
    /// Write nothing; fail where the data gives other bytes than the repository has.
    #[arg(long)]
    check: bool,
}

/// Runs of a strong model on real bug reports, with their text.
const RUNS: &str = "swebench_mini_gemini3pro.jsonl.gz";

/// What a cheaper model came to on the same reports.
const OUTCOMES: &str = "outcomes/swebench_complexity_trap.jsonl.gz";

/// The cheaper model, by the beginning of its name; it tried each task in three settings.
const CHEAP: &str = "sweagent|Qwen3-Coder-480B-A35B|";

/// The setting that the outcomes are reported of.
const REPORTED: &str = "sweagent|Qwen3-Coder-480B-A35B|llm-summary";

/// Penalty on weights, per row, of features scaled to a spread of one. Between 0.1 and 1 the figures are the same.
const PENALTY: f64 = 0.3;

/// Tasks from which on a project is held out by itself; smaller ones are held out together.
const PROJECT: usize = 13;

/// Share of the strong model's bill at which the gain is reported.
const SPENT: f64 = 0.29;

/// Samples of the bootstrap.
const SAMPLES: u64 = 2000;

/// A task with what came of it.
#[derive(Debug)]
struct Task {
    project: String,
    brief: Brief,
    /// Whether the strong model solves it and the cheap one does not.
    gained: bool,
    strong: bool,
    target: f64,
    /// Bills of the strong and of the cheap model, in tokens of the strong one's input.
    bills: (f64, f64),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tasks = read(&arguments.data)?;
    let all: Vec<&Task> = tasks.iter().collect();
    let mut projects: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &tasks {
        *projects.entry(&task.project).or_default() += 1;
    }
    let group = |task: &Task| {
        let large = projects.get(task.project.as_str()).is_some_and(|tasks| *tasks >= PROJECT);
        if large { task.project.clone() } else { "the rest".to_owned() }
    };
    let mut folds = BTreeMap::new();
    for task in &tasks {
        let others = || all.iter().copied().filter(|other| group(other) != group(task)).collect::<Vec<_>>();
        folds.entry(group(task)).or_insert_with(|| line(&others()));
    }
    let mut places = Vec::new();
    for task in &tasks {
        let weights = Weights::from_json(folds[&group(task)].to_string().as_bytes())?;
        let place = weights.place(&task.brief).unwrap_or(1000);
        places.push(-f64::from(place));
    }
    let mut file = line(&all);
    file["what"] = json!(
        "places an agent's task among agents' tasks by what a strong model is likely to gain for its money; weights in \
         millionths for a 64th of a feature, scores that the best 1, 2, … hundredths of the tasks reach"
    );
    file["target"] = json!(format!(
        "solved by gemini-3-pro, times the share of three tries of {CHEAP}* that fail, over the bill of the task on the \
         strong model"
    ));
    file["penalty"] = json!(PENALTY);
    file["data"] = [RUNS, OUTCOMES]
        .iter()
        .map(|name| Ok(json!({ "file": name, "sha256": digest(&fs::read(arguments.data.join(name))?) })))
        .collect::<Result<Value, std::io::Error>>()?;
    file["held_out"] = held_out(&tasks, &places);
    file["bad_at"] = json!([
        "tasks of one project: there its order is worth less (`within_projects`); it tells kinds of reports apart",
        "other languages than Python, and agents' tasks that are no bug reports: there were none to learn from",
        "errands and questions of a paragraph: below 25 words or 4 lines the classifier judges instead"
    ]);
    let by_project: BTreeMap<&str, &Value> =
        tasks.iter().map(|task| (task.project.as_str(), &folds[&group(task)])).collect();
    let folds = json!({
        "what": "weights for each project, made from the other projects: what the bench places its tasks by",
        "projects": by_project,
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, made) in [("data/agent.json", &file), ("xtask/src/bench/agents/folds.json", &folds)] {
        let made =
            format!("{}\n", if name.starts_with("data") { format!("{made:#}") } else { made.to_string() });
        let path = root.join(name);
        if !arguments.check {
            fs::write(&path, made)?;
        } else if fs::read_to_string(&path)? != made {
            return Err(format!("{name} is not what this data and these features give").into());
        }
    }
    anstream::println!("{:#}", file["held_out"]);
    Ok(())
}

fn lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    BufReader::new(GzDecoder::new(file)).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

fn read(folder: &Path) -> Result<Vec<Task>, Failure> {
    let mut outcomes = HashMap::new();
    for line in lines(&folder.join(OUTCOMES))? {
        outcomes.insert(line["task"].as_str().unwrap_or_default().to_owned(), line["results"].clone());
    }
    let mut tasks = Vec::new();
    for run in lines(&folder.join(RUNS))? {
        let name = run["task"].as_str().unwrap_or_default();
        let Some(results) = outcomes.get(name).and_then(Value::as_object) else { continue };
        let (Some(strong), Some(reported)) = (
            run["outcome"]["solved"].as_bool(),
            results.get(REPORTED).and_then(|result| result["solved"].as_bool()),
        ) else {
            continue;
        };
        let tries: Vec<bool> = results
            .iter()
            .filter(|(model, _)| model.starts_with(CHEAP))
            .filter_map(|(_, result)| result["solved"].as_bool())
            .collect();
        let messages = run["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let said = messages.iter().find(|message| message["role"] == "user");
        let said = said
            .and_then(|message| message["content"].as_str())
            .ok_or_else(|| format!("{name}: no words"))?;
        let quoted = serde_json::to_string(said)?;
        let bills = bills(&run["usage"]);
        tasks.push(Task {
            project: name
                .split('/')
                .nth(1)
                .and_then(|task| task.split("__").next())
                .unwrap_or(name)
                .to_owned(),
            brief: Brief::of([&quoted.as_bytes()[1..quoted.len() - 1]].into_iter()),
            gained: strong && !reported,
            strong,
            target: if strong {
                share(tries.iter().filter(|solved| !**solved).count(), tries.len()) / bills.0
            } else {
                0.0
            },
            bills,
        });
    }
    let mean = tasks.iter().map(|task| task.bills.0).sum::<f64>() / tasks.len() as f64;
    for task in &mut tasks {
        task.target *= mean;
    }
    Ok(tasks)
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 of anything here")]
fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// What a run costs with a warm cache, on Claude Opus 4.6 and on MiniMax M2.5, in input tokens of the former: read from the
/// cache at a tenth, written to it at five quarters, answered at five times the price, below 4096 tokens not kept.
fn bills(usage: &Value) -> (f64, f64) {
    let (mut strong, mut cheap) = (0.0, 0.0);
    let (mut kept, mut before) = (0.0f64, 0.0f64);
    for call in usage.as_array().map(Vec::as_slice).unwrap_or_default() {
        let [input, output] = ["in", "out"].map(|name| call[name].as_f64().unwrap_or_default());
        strong += 5.0 * output;
        if input < 4096.0 {
            strong += input;
        } else {
            strong += 0.1 * kept + 1.25 * (input - kept).max(0.0);
            kept = input;
        }
        cheap += 0.06 * (0.1 * before + 1.25 * (input - before).max(0.0) + 4.0 * output);
        before = input;
    }
    (strong, cheap)
}

/// The line through these tasks, as a file.
#[expect(clippy::cast_possible_truncation, reason = "weights and scores are small")]
fn line(tasks: &[&Task]) -> Value {
    let value = |task: &Task, at: usize| f64::from(task.brief.values[at]);
    let count = tasks.len() as f64;
    let mean = |of: &dyn Fn(&Task) -> f64| tasks.iter().map(|task| of(task)).sum::<f64>() / count;
    let means: Vec<f64> = (0..FEATURES).map(|at| mean(&|task| value(task, at))).collect();
    let spreads: Vec<f64> = (0..FEATURES)
        .map(|at| mean(&|task| (value(task, at) - means[at]).powi(2)).sqrt().max(1e-9))
        .collect();
    let middle = mean(&|task| task.target);
    let (mut matrix, mut right) = (vec![0.0; FEATURES * FEATURES], vec![0.0; FEATURES]);
    for task in tasks {
        let row: Vec<f64> = (0..FEATURES).map(|at| (value(task, at) - means[at]) / spreads[at]).collect();
        for at in 0..FEATURES {
            right[at] += row[at] * (task.target - middle);
            for other in 0..FEATURES {
                matrix[at * FEATURES + other] += row[at] * row[other];
            }
        }
    }
    for at in 0..FEATURES {
        matrix[at * FEATURES + at] += PENALTY * count;
    }
    let weights: Vec<i32> = solve(matrix, right)
        .iter()
        .zip(&spreads)
        .map(|(weight, spread)| (weight / spread * 1e6).round() as i32)
        .collect();
    let score = |task: &Task| -> i64 {
        weights
            .iter()
            .zip(task.brief.values)
            .map(|(weight, value)| i64::from(*weight) * i64::from(value))
            .sum()
    };
    let mut scores: Vec<i64> = tasks.iter().map(|task| score(task)).collect();
    scores.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
    let scores: Vec<i64> =
        (1..100).map(|hundredth| scores[(hundredth * scores.len() / 100).max(1) - 1]).collect();
    json!({ "features": NAMES, "weights": weights, "scores": scores })
}

/// What the places are worth on projects that they were not made from.
fn held_out(tasks: &[Task], places: &[f64]) -> Value {
    let rows: Vec<usize> = (0..tasks.len()).collect();
    let solved = |rows: &[usize]| rows.iter().copied().filter(|row| tasks[*row].strong).collect::<Vec<_>>();
    let auc = |rows: &[usize]| auc(tasks, places, rows);
    let gain = |rows: &[usize]| gain(tasks, places, rows);
    let mut by_project: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, task) in tasks.iter().enumerate() {
        by_project.entry(&task.project).or_default().push(row);
    }
    let projects: Vec<&Vec<usize>> = by_project.values().collect();
    let mut random = Random(0x5eed);
    let mut resample = |of: &dyn Fn(&[usize]) -> f64, whole: bool| {
        let mut found: Vec<f64> = (0..SAMPLES)
            .map(|_| {
                let drawn: Vec<usize> = if whole {
                    (0..projects.len()).flat_map(|_| projects[random.below(projects.len())].clone()).collect()
                } else {
                    rows.iter().map(|_| rows[random.below(rows.len())]).collect()
                };
                of(&drawn)
            })
            .filter(|figure| figure.is_finite())
            .collect();
        found.sort_by(f64::total_cmp);
        json!([round(found[found.len() / 40]), round(found[found.len() - 1 - found.len() / 40])])
    };
    json!({
        "how": "each project by weights that were made from the other projects; intervals of 95 % by drawing tasks, and by \
                drawing projects, 2000 times",
        "tasks": tasks.len(),
        "solved_by_the_strong_alone": tasks.iter().filter(|task| task.gained).count(),
        "auc": {
            "what": "the strong model alone solves it, against all other tasks",
            "value": round(auc(&rows)),
            "by_tasks": resample(&auc, false),
            "by_projects": resample(&auc, true),
            "of_those_that_the_strong_solves": round(auc(&solved(&rows))),
            "within_projects": round(within(&projects, &auc)),
        },
        "gain": {
            "what": format!("share of those tasks that are chosen for {SPENT} of the strong model's bill, less what random tasks \
                             of the same cost have"),
            "value": round(gain(&rows)),
            "by_tasks": resample(&gain, false),
            "by_projects": resample(&gain, true),
        },
    })
}

/// The mean over projects, by their tasks, of a figure that each has by itself.
fn within(projects: &[&Vec<usize>], of: &dyn Fn(&[usize]) -> f64) -> f64 {
    let known =
        projects.iter().map(|rows| (rows.len() as f64, of(rows))).filter(|(_, figure)| figure.is_finite());
    let (sum, all) = known.fold((0.0, 0.0), |(sum, all), (rows, figure)| (sum + rows * figure, all + rows));
    sum / all
}

fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Probability that a gained task stands above another.
fn auc(tasks: &[Task], places: &[f64], rows: &[usize]) -> f64 {
    let (gained, others): (Vec<&usize>, Vec<&usize>) = rows.iter().partition(|row| tasks[**row].gained);
    let mut above = 0.0;
    for one in &gained {
        for other in &others {
            above += match places[**one].total_cmp(&places[**other]) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    above / (gained.len() * others.len()) as f64
}

/// Share of the gained tasks among the best-placed that [`SPENT`] pays for, less that of random ones.
fn gain(tasks: &[Task], places: &[f64], rows: &[usize]) -> f64 {
    let mut order = rows.to_vec();
    order.sort_by(|a, b| places[*b].total_cmp(&places[*a]));
    let all: f64 = order.iter().map(|row| tasks[*row].bills.0).sum();
    let cheap: f64 = order.iter().map(|row| tasks[*row].bills.1).sum();
    let gained = order.iter().filter(|row| tasks[**row].gained).count() as f64;
    let (mut left, mut found) = (SPENT * all - cheap, 0.0);
    for row in order {
        let more = tasks[row].bills.0 - tasks[row].bills.1;
        let part = (left / more).clamp(0.0, 1.0);
        left -= part * more;
        found += part * f64::from(u8::from(tasks[row].gained));
    }
    found / gained - (SPENT * all - cheap) / (all - cheap)
}

/// Numbers without order, the same every time.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_possible_truncation, reason = "below a length")]
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % bound.max(1) as u64) as usize
    }
}
