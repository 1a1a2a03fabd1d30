//! What the classifier is worth on labelled prompts that it was not trained on. `cargo xtask eval` runs this.

use std::{collections::BTreeSet, fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use pointsman::classify::{Classifier, Task};
use serde_json::{Value, json};
use train::{
    calibrate,
    chance::Chance,
    data::SOURCES,
    fit::Settings,
    gain, noise,
    samples::{Sample, Samples},
};

/// Measures the classifier on splits that it was not trained on.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the labelled prompts. They are not part of the repository.
    #[arg(long, default_value = "../shared/data", value_name = "DIR")]
    data: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// File of the report, one HTML page.
    #[arg(long, default_value = "target/eval.html", value_name = "FILE")]
    html: PathBuf,
}

/// Samples drawn for each interval.
const DRAWS: usize = 400;
/// Rewordings are judged for every n-th prompt.
const STRIDE: usize = 3;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::SHIPPED;
    anstream::eprintln!("reading {}", arguments.data.display());
    let samples = Samples::read(&arguments.data, settings.seed)?;
    anstream::eprintln!("cross-validation by groups of near-equal prompts");
    let folds = calibrate::out_of_fold(&samples, &settings);
    anstream::eprintln!("leave one source out");
    let left_out = leave_one_source_out(&samples, &settings);
    anstream::eprintln!("rewordings");
    let stability = stability(&samples, &settings);
    let shipped = Classifier::shipped();
    let speed = speed(&samples, &shipped);

    let mut tables = Vec::new();
    let mut page = String::from(HEAD);
    for (split, scores) in [("groups", &folds), ("leave one source out", &left_out)] {
        let rows = table(&samples, scores);
        if !arguments.json {
            print_table(split, &rows);
        }
        page.push_str(&html_table(split, &rows));
        tables.push(json!({ "split": split, "rows": rows }));
    }
    for (number, source) in SOURCES.iter().enumerate() {
        page.push_str(&plot(source.name, &samples, number, &[("groups", &folds), ("left out", &left_out)]));
    }
    page.push_str(&format!("<h2>Rewordings</h2><pre>{stability:#}</pre><h2>Speed</h2><pre>{speed:#}</pre>"));
    let tasks = tasks(&samples, &shipped);
    page.push_str(&format!(
        "<h2>Tasks, as labelled and as told (on training data)</h2><pre>{tasks:#}</pre></body></html>\n"
    ));
    if let Some(folder) = arguments.html.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.html, page)?;
    if arguments.json {
        let report = json!({ "tables": tables, "rewordings": stability, "speed": speed, "tasks": tasks });
        anstream::println!("{report:#}");
    } else {
        anstream::println!(
            "\nrewordings {stability:#}\nspeed {speed:#}\nreport: {}",
            arguments.html.display()
        );
    }
    Ok(())
}

/// Trains on all sources but one, and scores that one. Both MMLU sources are left out together.
fn leave_one_source_out(samples: &Samples, settings: &Settings) -> Vec<u32> {
    let mut scores = vec![0; samples.rows.len()];
    let family = |sample: &Sample| match SOURCES.get(sample.source) {
        Some(source) if source.name == "fe_mmlu" => 0,
        _ => sample.source,
    };
    for left_out in 0..SOURCES.len() {
        let tested = |sample: &Sample| family(sample) == left_out;
        let groups: BTreeSet<usize> =
            samples.rows.iter().filter(|sample| tested(sample)).map(|sample| sample.group).collect();
        if groups.is_empty() {
            continue;
        }
        let rows: Vec<usize> = (0..samples.rows.len())
            .filter(|row| !tested(&samples.rows[*row]) && !groups.contains(&samples.rows[*row].group))
            .collect();
        let classifier = calibrate::classifier(samples, &rows, settings, false);
        for (score, sample) in scores.iter_mut().zip(&samples.rows) {
            if tested(sample) {
                *score = calibrate::judge(&classifier, &sample.row.prompt);
            }
        }
    }
    scores
}

/// One row for each source and pair, and their mean.
fn table(samples: &Samples, scores: &[u32]) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut means = [(0.0, 0.0), (0.0, 0.0)];
    for (number, source) in SOURCES.iter().enumerate() {
        let mut kinds: Vec<(String, Option<usize>)> = (0..source.pairs.len())
            .map(|pair| (format!("{} / {}", source.pairs[pair].0, source.pairs[pair].1), Some(pair)))
            .collect();
        kinds.push(("strong group / cheap group".to_owned(), None));
        for (name, pair) in kinds {
            let mut found: Vec<(f64, f64, &str)> = Vec::new();
            for (sample, score) in samples.rows.iter().zip(scores) {
                if sample.source == number {
                    let gain = match pair {
                        Some(pair) => source.pair_gain(&sample.row, pair),
                        None => source.group_gain(&sample.row),
                    };
                    if let Some(gain) = gain {
                        found.push((f64::from(*score), gain, sample.row.prompt.as_str()));
                    }
                }
            }
            let gains: Vec<f64> = found.iter().map(|row| row.1).collect();
            let own: Vec<f64> = found.iter().map(|row| row.0).collect();
            let mut chance = Chance::new(1, "controls");
            let random: Vec<f64> = found.iter().map(|_| chance.below(1 << 30) as f64).collect();
            let length: Vec<f64> = found.iter().map(|row| row.2.len() as f64).collect();
            let numbers: Vec<f64> = found.iter().map(|row| count_numbers(row.2)).collect();
            // At equal cost: the same scores, dealt to other prompts.
            let mut shuffled = own.clone();
            for at in (1..shuffled.len()).rev() {
                shuffled.swap(at, chance.below(at + 1));
            }
            let (low, high) = interval(&own, &gains);
            let apgr = gain::apgr(&own, &gains);
            if source.name != "fe_mmlu" && pair.is_none_or(|pair| pair == 0) {
                let place = &mut means[usize::from(pair.is_none())];
                *place = (place.0 + apgr, place.1 + 1.0);
            }
            let round = |value: f64| (value * 1000.0).round() / 1000.0;
            rows.push(json!({
                "source": source.name, "pair": name, "rows": gains.len(),
                "mean_gain": round(gains.iter().sum::<f64>() / gains.len() as f64),
                "apgr": round(apgr), "low": round(low), "high": round(high),
                "cpt50": round(gain::cpt(&own, &gains, 0.5)), "cpt80": round(gain::cpt(&own, &gains, 0.8)),
                "auc": round(gain::auc(&own, &gains)),
                "controls": {
                    "random": round(gain::apgr(&random, &gains)),
                    "shuffled": round(gain::apgr(&shuffled, &gains)),
                    "length": round(gain::apgr(&length, &gains)),
                    "numbers": round(gain::apgr(&numbers, &gains)),
                    "all_cheap": 0.0, "all_frontier": 1.0,
                },
            }));
        }
    }
    for (name, (sum, count)) in [("usual pairs", means[0]), ("groups", means[1])] {
        let mean = (sum / count * 1000.0).round() / 1000.0;
        rows.push(json!({ "source": "mean of six", "pair": name, "apgr": mean }));
    }
    rows
}

fn count_numbers(text: &str) -> f64 {
    let starts = |pair: &[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
    text.as_bytes().windows(2).filter(|pair| starts(pair)).count() as f64
}

/// The middle 95 % of APGR over samples drawn with replacement.
fn interval(scores: &[f64], gains: &[f64]) -> (f64, f64) {
    let mut chance = Chance::new(2, "draws");
    let mut found: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let rows: Vec<usize> = gains.iter().map(|_| chance.below(gains.len())).collect();
            let scores: Vec<f64> = rows.iter().map(|row| scores[*row]).collect();
            let gains: Vec<f64> = rows.iter().map(|row| gains[*row]).collect();
            gain::apgr(&scores, &gains)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    (found[DRAWS / 40], found[DRAWS - 1 - DRAWS / 40])
}

/// Share of prompts that stay on their side of the dial when reworded, out of fold.
fn stability(samples: &Samples, settings: &Settings) -> Value {
    let mut kept: Vec<(&str, Vec<(u32, u32)>)> =
        vec![("light", Vec::new()), ("heavy", Vec::new()), ("prefix or suffix", Vec::new())];
    for tested in 0..calibrate::FOLDS {
        let rows: Vec<usize> =
            (0..samples.rows.len()).filter(|row| calibrate::fold(&samples.rows[*row]) != tested).collect();
        let classifier = calibrate::classifier(samples, &rows, settings, false);
        let of_fold = samples.rows.iter().filter(|sample| calibrate::fold(sample) == tested);
        for sample in of_fold.filter(|sample| sample.source < SOURCES.len()).step_by(STRIDE) {
            let mut chance = Chance::new(77, &sample.row.id);
            let text = sample.row.prompt.as_str();
            let before = calibrate::judge(&classifier, text);
            let texts = [
                noise::light(text, &mut chance),
                noise::heavy(text, &samples.pool, &mut chance),
                noise::unseen_gadget(text, &mut chance),
            ];
            for ((_, list), text) in kept.iter_mut().zip(&texts) {
                list.push((before, calibrate::judge(&classifier, text)));
            }
        }
    }
    let mut report = serde_json::Map::new();
    for (name, list) in kept {
        let mut scores: Vec<u32> = list.iter().map(|pair| pair.0).collect();
        scores.sort_unstable();
        let same = |dial: usize| {
            let cut = scores[scores.len() * dial / 100];
            let same = list.iter().filter(|(before, after)| (*before >= cut) == (*after >= cut)).count();
            (same as f64 / list.len() as f64 * 1000.0).round() / 1000.0
        };
        report.insert(name.to_owned(), json!({ "median": same(50), "dial_20_percent": same(80) }));
    }
    report.insert(
        "note".to_owned(),
        "light and heavy come from the generator of the training noise, with another seed; the prefixes and suffixes are \
         others than in training"
            .into(),
    );
    Value::Object(report)
}

/// Time for a prompt by its size. Best of five runs.
fn speed(samples: &Samples, classifier: &Classifier) -> Value {
    let mut report = serde_json::Map::new();
    for (name, least, most) in [("1 KB", 900, 1100), ("4 KB", 3500, 8000)] {
        let prompts: Vec<&str> = samples
            .rows
            .iter()
            .map(|sample| sample.row.prompt.as_str())
            .filter(|prompt| (least..most).contains(&prompt.len()))
            .take(500)
            .collect();
        if prompts.is_empty() {
            continue;
        }
        let once = || {
            let start = now();
            let sum: u64 = prompts.iter().map(|prompt| u64::from(calibrate::judge(classifier, prompt))).sum();
            std::hint::black_box(sum);
            start.elapsed().as_secs_f64() * 1e6 / prompts.len() as f64
        };
        let best = (0..5).map(|_| once()).fold(f64::MAX, f64::min);
        report.insert(
            name.to_owned(),
            json!({ "microseconds": (best * 10.0).round() / 10.0, "prompts": prompts.len() }),
        );
    }
    Value::Object(report)
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn now() -> Instant {
    Instant::now()
}

/// How often each task is told right.
fn tasks(samples: &Samples, classifier: &Classifier) -> Value {
    let mut counts = vec![vec![0u32; Task::ALL.len()]; Task::ALL.len()];
    for sample in samples.rows.iter().step_by(STRIDE) {
        let raw = train::samples::escaped(&sample.row.prompt);
        let text = pointsman::classify::Text { role: pointsman::classify::Role::User, raw: &raw };
        let told = classifier.classify([text].into_iter()).task;
        counts[sample.task as usize][told as usize] += 1;
    }
    let mut report = serde_json::Map::new();
    for (task, row) in Task::ALL.into_iter().zip(&counts) {
        let total: u32 = row.iter().sum();
        if total > 0 {
            let right = f64::from(row[task as usize]) / f64::from(total);
            report.insert(
                task.name().to_owned(),
                json!({ "prompts": total, "right": (right * 1000.0).round() / 1000.0 }),
            );
        }
    }
    Value::Object(report)
}

fn print_table(split: &str, rows: &[Value]) {
    anstream::println!("\n{split}");
    anstream::println!(
        "{:<12} {:<64} {:>6} {:>6} {:>13} {:>6} {:>6} {:>6} | {:>6} {:>7} {:>8}",
        "source",
        "pair",
        "rows",
        "APGR",
        "95 %",
        "CPT50",
        "CPT80",
        "AUC",
        "length",
        "numbers",
        "shuffled"
    );
    for row in rows {
        let cell = |value: &Value| value.as_f64().map_or_else(String::new, |value| format!("{value:.3}"));
        let range = row["low"]
            .as_f64()
            .map_or_else(String::new, |_| format!("{}-{}", cell(&row["low"]), cell(&row["high"])));
        let controls = &row["controls"];
        anstream::println!(
            "{:<12} {:<64} {:>6} {:>6} {:>13} {:>6} {:>6} {:>6} | {:>6} {:>7} {:>8}",
            row["source"].as_str().unwrap_or_default(),
            row["pair"].as_str().unwrap_or_default(),
            row["rows"].as_u64().map_or_else(String::new, |rows| rows.to_string()),
            cell(&row["apgr"]),
            range,
            cell(&row["cpt50"]),
            cell(&row["cpt80"]),
            cell(&row["auc"]),
            cell(&controls["length"]),
            cell(&controls["numbers"]),
            cell(&controls["shuffled"]),
        );
    }
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Classifier</title><style>\
                    body{font:15px/1.5 system-ui;margin:2em auto;max-width:75em;color:#222}\
                    table{border-collapse:collapse}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}\
                    td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}svg{margin:.5em}</style></head><body>\
                    <h1>What the classifier is worth</h1><p>APGR: the gap between the cheap and the strong model that is \
                    recovered, averaged over all shares of calls to the strong one; a random order gives 0.5. Nothing is \
                    scored by a model that was trained on it.</p>";

fn html_table(split: &str, rows: &[Value]) -> String {
    let heads = ["source", "pair", "rows", "apgr", "low", "high", "cpt50", "cpt80", "auc"];
    let controls = ["length", "numbers", "shuffled", "random"];
    let mut out = format!("<h2>Split: {split}</h2><table><tr>");
    for head in heads.iter().chain(&controls) {
        out.push_str(&format!("<th>{head}</th>"));
    }
    out.push_str("</tr>");
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for row in rows {
        out.push_str("<tr>");
        for head in heads {
            out.push_str(&format!("<td>{}</td>", text(&row[head])));
        }
        for control in controls {
            out.push_str(&format!("<td>{}</td>", text(&row["controls"][control])));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
    out
}

/// The cost-quality curve of a source on its usual pair.
fn plot(name: &str, samples: &Samples, source: usize, splits: &[(&str, &Vec<u32>)]) -> String {
    const SIZE: f64 = 260.0;
    let mut out = format!(
        "<svg width=\"300\" height=\"310\" viewBox=\"-30 -20 300 310\"><text y=\"-6\">{name}</text>\
         <rect width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" stroke=\"#ccc\"/>\
         <line y1=\"{SIZE}\" x2=\"{SIZE}\" y2=\"0\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>\
         <text x=\"60\" y=\"280\" font-size=\"12\">share of calls to the strong model</text>"
    );
    for ((split, scores), colour) in splits.iter().zip(["#0a7", "#d60"]) {
        let (scores, gains): (Vec<f64>, Vec<f64>) = samples
            .rows
            .iter()
            .zip(*scores)
            .filter(|(sample, _)| sample.source == source)
            .filter_map(|(sample, score)| Some((f64::from(*score), sample.pair?)))
            .unzip();
        let points: Vec<String> = gain::curve(&scores, &gains, 50)
            .iter()
            .enumerate()
            .map(|(step, part)| format!("{:.1},{:.1}", step as f64 / 50.0 * SIZE, SIZE - part * SIZE))
            .collect();
        out.push_str(&format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"><title>{split}</title></polyline>",
            points.join(" ")
        ));
    }
    out.push_str("</svg>");
    out
}
