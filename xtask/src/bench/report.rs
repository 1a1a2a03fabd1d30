//! Ratios first: absolute figures are the machine's.

use pointsman_cli::paint;
use serde_json::{Map, Value, json};

use super::{Measured, load::Sample};
use crate::table::{BOLD, Cell, Column, DIM, GREEN, PLAIN, RED, Table, YELLOW};

/// The most memory that the filter may take over a plain Envoy.
const MEMORY_MB: f64 = 40.0;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    /// Names of the variants; the others are held against the first.
    pub(crate) names: &'static [&'static str],
    /// Whether the last one has a bar to meet.
    pub(crate) bars: bool,
    pub(crate) rounds: u32,
    pub(crate) measured: Vec<Measured>,
    /// Resident memory after the load, in bytes, by variant.
    pub(crate) memory: Vec<u64>,
}

/// How a variant stands to the plain Envoy: medians of the ratios of single rounds.
#[derive(Clone, Copy, Debug)]
struct Ratios {
    cpu: f64,
    p50: f64,
    rps: f64,
}

impl Measured {
    /// Medians over the rounds.
    fn middle(&self, variant: usize) -> Sample {
        let of = |figure: fn(&Sample) -> f64| median(self.samples[variant].iter().map(figure).collect());
        Sample {
            rps: of(|s| s.rps),
            p50_us: of(|s| s.p50_us),
            p99_us: of(|s| s.p99_us),
            cpu_us: of(|s| s.cpu_us),
        }
    }

    fn ratios(&self, variant: usize) -> Ratios {
        let of = |figure: fn(&Sample) -> f64| {
            let pairs = self.samples[variant].iter().zip(&self.samples[0]);
            median(pairs.map(|(sample, plain)| figure(sample) / figure(plain)).collect())
        };
        Ratios { cpu: of(|s| s.cpu_us), p50: of(|s| s.p50_us), rps: of(|s| s.rps) }
    }
}

impl Results {
    /// The figures as data.
    pub(crate) fn json(&self) -> Value {
        let case = |measured: &Measured| {
            let mut figures = Map::new();
            for (i, name) in self.names.iter().enumerate() {
                let Sample { rps, p50_us, p99_us, cpu_us } = measured.middle(i);
                let mut of = json!({ "rps": cut(rps), "p50_us": cut(p50_us), "p99_us": cut(p99_us), "cpu_us": cut(cpu_us) });
                if i > 0 {
                    let ratios = measured.ratios(i);
                    of["over_plain"] =
                        json!({ "cpu": cut(ratios.cpu), "p50": cut(ratios.p50), "rps": cut(ratios.rps) });
                }
                figures.insert((*name).to_owned(), of);
            }
            if self.bars {
                figures.insert("cpu_target".to_owned(), json!(measured.case.target));
            }
            figures
        };
        let mut bodies = Vec::new();
        let mut stream = Value::Null;
        for measured in &self.measured {
            let mut figures = case(measured);
            if measured.case.stream {
                figures.insert("events".to_owned(), json!(pointsman_sim::BENCH_EVENTS));
                stream = Value::Object(figures);
            } else {
                figures.insert("kb".to_owned(), json!(measured.case.kb));
                bodies.push(Value::Object(figures));
            }
        }
        let mut memory: Map<String, Value> = self
            .names
            .iter()
            .zip(&self.memory)
            .map(|(name, bytes)| (format!("{name}_bytes"), json!(bytes)))
            .collect();
        memory.insert("over_plain_mb".to_owned(), json!(cut(self.over_plain())));
        if self.bars {
            memory.insert("target_mb".to_owned(), json!(MEMORY_MB));
        }
        json!({
            "rounds": self.rounds,
            "bodies": bodies,
            "stream": stream,
            "memory": memory,
        })
    }

    /// The figures as a table.
    pub(crate) fn print(&self) {
        let javascript = self.names.first() == Some(&"javascript");
        let what = match (self.bars, javascript) {
            (true, _) => "Envoy with one worker",
            (false, true) => "Workers in one workerd",
            (false, false) => "the gateway beside an Envoy with one worker",
        };
        paint::heading(&format!("{what}, 8 connections, median of {} rounds", self.rounds));
        let mut table = Table::new(&[
            Column::Left("request"),
            Column::Left("host"),
            Column::Right("CPU ×"),
            Column::Right("at most"),
            Column::Right("aim"),
            Column::Right("p50 ×"),
            Column::Right("req/s ×"),
            Column::Right("CPU/request"),
            Column::Right("p50"),
            Column::Right("p99"),
            Column::Right("req/s"),
        ]);
        for (n, measured) in self.measured.iter().enumerate() {
            if n > 0 {
                table.rule();
            }
            for (i, name) in self.names.iter().enumerate() {
                table.row(self.row(measured, i, name));
            }
        }
        table.print();
        if javascript {
            paint::aside(
                "CPU is workerd's, all threads; ratios are to the pass-through in JavaScript of the same round. It takes the \
                 body whole, copies the headers, sets a key, asks the provider and streams the answer back. The one that \
                 reads does so with the answer, too, events in a copy that workerd makes, and does nothing with it.",
            );
            return;
        }
        let (over, plain) = (self.over_plain(), megabytes(self.memory.first().copied().unwrap_or(0)));
        if self.bars {
            let (mark, style) = if over <= MEMORY_MB { ("✓", GREEN) } else { ("✗", RED) };
            anstream::println!(
                "\n{style}{mark}{style:#} memory {over:.1} MB over the plain Envoy's {plain:.1} MB, at most {MEMORY_MB:.0} MB"
            );
        } else {
            anstream::println!("\nmemory {:.1} MB, the plain Envoy's {plain:.1} MB", plain + over);
        }
        paint::aside(
            "CPU is the host's alone, all threads; ratios are to the plain Envoy of the same round. The plain one has the \
             same listener, buffers and cluster, a static route, no filter and no retries.",
        );
    }

    fn row(&self, measured: &Measured, variant: usize, name: &str) -> Vec<Cell> {
        let case = measured.case;
        let Sample { rps, p50_us, p99_us, cpu_us } = measured.middle(variant);
        let title = if variant == 0 { case.title() } else { String::new() };
        let mut cells = vec![Cell::new(title, BOLD), Cell::new(name.replace('_', " "), PLAIN)];
        if variant == 0 {
            cells.extend(["1", "", "", "1", "1"].map(|text| Cell::new(text, DIM)));
        } else {
            let ratios = measured.ratios(variant);
            let ours = self.bars && variant + 1 == self.names.len();
            let style = match ratios.cpu {
                _ if !self.bars => PLAIN.bold(),
                _ if !ours => DIM,
                cpu if cpu <= case.aim => GREEN.bold(),
                cpu if cpu <= case.target => YELLOW.bold(),
                _ => RED,
            };
            let bound = |bound: f64| if ours { format!("{bound:.2}") } else { String::new() };
            cells.extend([
                Cell::new(format!("{:.2}", ratios.cpu), style),
                bound(case.target).into(),
                Cell::new(bound(case.aim), DIM),
                format!("{:.2}", ratios.p50).into(),
                format!("{:.2}", ratios.rps).into(),
            ]);
        }
        cells.extend([
            format!("{cpu_us:.1} µs").into(),
            format!("{p50_us:.0} µs").into(),
            format!("{p99_us:.0} µs").into(),
            format!("{rps:.0}").into(),
        ]);
        cells
    }

    /// The last one's memory over the first one's, in megabytes.
    fn over_plain(&self) -> f64 {
        let of = |bytes: Option<&u64>| megabytes(bytes.copied().unwrap_or(0));
        of(self.memory.last()) - of(self.memory.first())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a process has less than 2^53 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle), figures.len() % 2) {
        (Some(high), 0) => f64::midpoint(figures[middle - 1], *high),
        (Some(only), _) => *only,
        (None, _) => f64::NAN,
    }
}

/// Three decimals are more than is known.
fn cut(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::body::CASES;

    fn sample(cpu_us: f64) -> Sample {
        Sample { rps: 1000.0, p50_us: 10.0, p99_us: 20.0, cpu_us }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_not_the_ratio_of_medians() {
        let plain = [10.0, 100.0, 20.0].map(sample).to_vec();
        let ours = [20.0, 110.0, 50.0].map(sample).to_vec();
        let measured = Measured { case: &CASES[0], samples: vec![plain, Vec::new(), ours] };
        // 2.0, 1.1 and 2.5; the medians alone would say 50 / 20.
        assert!((measured.ratios(2).cpu - 2.0).abs() < 1e-9);
        assert!((measured.middle(0).cpu_us - 20.0).abs() < 1e-9);
    }

    #[test]
    fn a_median_of_an_even_number_lies_between() {
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }
}
