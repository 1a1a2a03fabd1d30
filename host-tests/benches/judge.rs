//! What judging a prompt costs in WebAssembly, as JSON: `cargo xtask eval` runs this.
//!
//! The module is built as it ships and compiled by Cranelift, optimised; only calls into it are timed, and each repeats its work
//! inside. So the profile of this host does not matter, and a quick one will do. It is time of the processor, not of the clock on
//! the wall: what else the machine does is not counted.

use bench_core::workload;
use host_tests::bare::Bare;
use serde_json::json;

const ROUNDS: usize = 15;

fn main() {
    let mut bare = Bare::start();
    let rows: Vec<serde_json::Value> = workload::all()
        .iter()
        .map(|workload| {
            let length = workload.body.len();
            bare.take(&workload.body);
            let times = 400_000 / (length + 2_000) + 4;
            // Reading alone and reading with judging, side by side: what else the machine does meets both.
            let rounds: Vec<[f64; 2]> = (0..ROUNDS)
                .map(|_| {
                    ["read", "judge"].map(|export| {
                        let began = processor();
                        bare.call(export, length, times);
                        (processor() - began) / times as f64
                    })
                })
                .collect();
            json!({ "name": workload.name, "rounds": rounds })
        })
        .collect();
    println!("{}", json!(rows));
}

/// Microseconds that this thread has had.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
