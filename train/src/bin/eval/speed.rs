//! How long judging takes: natively, here; in WebAssembly as the benchmark of the module measured it before.
//!
//! Time of the processor, not of the clock on the wall: what else the machine does is not counted.

use std::path::Path;

use bench_core::workload::{self, Workload};
use pointsman::classify::Classifier;
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 31;

/// A request, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Speed {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) native: Took,
    pub(crate) native_bar: Option<f64>,
    pub(crate) wasm: Option<Took>,
    pub(crate) wasm_bar: Option<f64>,
}

/// Medians over rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Took {
    /// Reading the request, which routing needs in any case.
    pub(crate) read: f64,
    /// Judging what was said in it: all less reading.
    pub(crate) judge: f64,
    /// The same in the best round.
    pub(crate) judge_best: f64,
}

impl Took {
    /// From rounds of reading alone, and of reading with judging.
    fn of(rounds: &[[f64; 2]]) -> Option<Self> {
        let sorted = |of: &dyn Fn(&[f64; 2]) -> f64| {
            let mut list: Vec<f64> = rounds.iter().map(of).collect();
            list.sort_by(f64::total_cmp);
            list
        };
        let (read, judge) = (sorted(&|round| round[0]), sorted(&|round| round[1] - round[0]));
        let least = sorted(&|round| round[1]).first()? - read.first()?;
        Some(Self {
            read: *read.get(read.len() / 2)?,
            judge: *judge.get(judge.len() / 2)?,
            judge_best: least,
        })
    }
}

/// What the benchmark of the module writes.
#[derive(Debug, Deserialize)]
struct Measured {
    name: String,
    rounds: Vec<[f64; 2]>,
}

/// Measures natively, and takes what was measured in WebAssembly from a file.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn all(wasm: Option<&Path>) -> Result<Vec<Speed>, Box<dyn std::error::Error>> {
    let measured: Vec<Measured> = match wasm {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Vec::new(),
    };
    let classifier = Classifier::shipped();
    workload::all()
        .iter()
        .map(|workload| {
            let native = Took::of(&natively(&classifier, workload)).ok_or("nothing was measured")?;
            let wasm = measured.iter().find(|measured| measured.name == workload.name);
            Ok(Speed {
                name: workload.name,
                bytes: workload.body.len(),
                native,
                native_bar: workload.bar_us[0],
                wasm: wasm.and_then(|measured| Took::of(&measured.rounds)),
                wasm_bar: workload.bar_us[1],
            })
        })
        .collect()
}

fn natively(classifier: &Classifier, workload: &Workload) -> Vec<[f64; 2]> {
    let times = 400_000 / (workload.body.len() + 2_000) + 4;
    let each = |call: &dyn Fn() -> bool| {
        let began = processor();
        for _ in 0..times {
            assert!(std::hint::black_box(call()), "{} cannot be judged", workload.name);
        }
        (processor() - began) / times as f64
    };
    (0..ROUNDS)
        .map(|_| {
            let body = std::hint::black_box(workload.body.as_slice());
            [each(&|| bench_core::read(body)), each(&|| bench_core::judge(classifier, body))]
        })
        .collect()
}

/// Microseconds that this thread has had.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
