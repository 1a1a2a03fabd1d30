//! `pointsman calibrate`: thresholds from one's own traffic, for a share of it or for a part of what there is to gain.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use pointsman::{
    Config,
    classify::{Classifier, UNSURE},
};
use serde_json::{Value, json};

use crate::{
    document::Document,
    lines::{self, Line, Unread},
    paint,
};

/// Shares of the printed curve, in hundredths.
const CURVE: [u32; 11] = [1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90];
/// Samples drawn for the interval of what is kept.
const DRAWS: usize = 400;
/// Columns of the drawn curve.
const WIDTH: f64 = 40.0;
/// Labelled requests below which what they say is little more than noise.
const FEW: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// JSON lines; `-` is standard input.
    pub log: PathBuf,
    /// Share of the traffic for the last tier, 0 to 1.
    pub share: Option<f64>,
    /// Part of the gain to keep, 0 to 1.
    pub quality: Option<f64>,
    /// Tiers of the ladder.
    pub tiers: Option<usize>,
    /// The document whose ladder it is for.
    pub config: Option<PathBuf>,
    /// Which of its ladders.
    pub ladder: Option<String>,
    /// Models of `scores`: which one is strong, and which cheap.
    pub models: Option<(String, String)>,
    /// File to write the thresholds to.
    pub out: Option<PathBuf>,
    /// Print JSON for machines.
    pub json: bool,
}

/// A request of the log.
#[derive(Clone, Copy, Debug)]
struct Request {
    permille: u16,
    /// What a strong model is expected to gain, in millionths: the score's own meaning.
    expected: i64,
    /// What it did gain, in millionths, where the log says so.
    found: Option<i64>,
}

/// What became of a line.
enum Read {
    Request(Request),
    Unsure,
    /// A line of the access log that was not judged.
    Unjudged,
    Wrong(String),
}

/// The traffic, hardest first.
struct Traffic {
    requests: Vec<Request>,
    /// Whether what is kept is measured, or expected.
    measured: bool,
}

/// Reads a log: prompts and requests as `pointsman score` takes them, or lines of the access log. Prints which threshold
/// sends which share up and how much of the gain that keeps, and writes the thresholds for the wanted share or quality, as a piece
/// of a configuration.
///
/// # Errors
/// Where the log cannot be read or holds nothing that can be judged, or there is nothing to gain.
pub fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let part = |name: &str, value: Option<f64>| match value.filter(|value| !(0.0..=1.0).contains(value)) {
        Some(value) => Err(format!("--{name} is from 0 to 1, such as 0.2; {value} is not")),
        None => Ok(()),
    };
    part("share", options.share).and_then(|()| part("quality", options.quality))?;
    let (tiers, names) = tiers(options)?;
    let classifier = Classifier::shipped();
    let (mut unread, mut unsure, mut unjudged) = (Unread::default(), 0u64, 0u64);
    let mut requests = Vec::new();
    for (name, mut from) in lines::open(std::slice::from_ref(&options.log))? {
        let models = options.models.as_ref();
        let judge = |_, text: Option<&str>| {
            text.map_or_else(|| Read::Wrong(lines::too_long()), |text| request(&classifier, text, models))
        };
        lines::each(&mut *from, judge, |number, read| {
            match read {
                Read::Request(request) => requests.push(request),
                Read::Unsure => unsure += 1,
                Read::Unjudged => unjudged += 1,
                Read::Wrong(error) => unread.add(&name, number, &error),
            }
            Ok(())
        })
        .map_err(|error| format!("{name}: {error}"))?;
    }
    unread.warn();
    if requests.is_empty() {
        return Err(format!("{}: no line that can be judged", options.log.display()).into());
    }
    let traffic = Traffic::new(requests);
    let least = match (options.quality, options.share) {
        (Some(quality), _) => traffic.least_for_quality(quality)?,
        (None, share) => traffic.least_for_share(share.unwrap_or(0.2)),
    };
    let (sent, kept) = (traffic.sent(least), traffic.kept(least));
    let between = (1..tiers.saturating_sub(1)).map(|tier| {
        let even = (1.0 - sent) * (tiers - 1 - tier) as f64 / (tiers - 1) as f64;
        traffic.least_for_share(sent + even).min(least)
    });
    let thresholds: Vec<u16> = between.chain([least]).collect();
    if let Some(out) = &options.out {
        let document = json!({ "thresholds": thresholds });
        std::fs::write(out, format!("{document:#}\n"))
            .map_err(|error| format!("{}: {error}", out.display()))?;
    }
    let interval = traffic.interval(least);
    let outcomes = traffic.outcomes();
    if options.json {
        let curve: Vec<Value> = (0..=100)
            .map(|hundredth| {
                let least = traffic.least_for_share(f64::from(hundredth) / 100.0);
                json!({
                    "share": f64::from(hundredth) / 100.0,
                    "threshold": least,
                    "sent": traffic.sent(least),
                    "kept": traffic.kept(least),
                })
            })
            .collect();
        println!(
            "{:#}",
            json!({
                "judged": traffic.requests.len(),
                "unsure": unsure,
                "unjudged": unjudged,
                "unread": unread.count,
                "outcomes": outcomes,
                "thresholds": thresholds,
                "frontier_share": sent,
                "kept": kept,
                "kept_interval": interval,
                "kept_by": if traffic.measured { "outcomes" } else { "calibration" },
                "curve": curve,
            })
        );
        return Ok(());
    }
    paint::heading("traffic");
    paint::fact("judged", &format!("{} requests", traffic.requests.len()));
    if unsure > 0 {
        paint::fact("unsure", &format!("{unsure}, which go to the default tier"));
    }
    if unjudged > 0 {
        paint::fact("not judged", &format!("{unjudged}: passed through, or nothing in them to judge"));
    }
    paint::fact("outcomes", &how_known(&traffic, outcomes));
    paint::heading("curve: how much goes up (█), and how much of the gain that keeps (░)");
    let mut leasts: Vec<u16> =
        CURVE.iter().map(|hundredths| traffic.least_for_share(f64::from(*hundredths) / 100.0)).collect();
    leasts.push(least);
    leasts.sort_unstable_by(|a, b| b.cmp(a));
    leasts.dedup();
    let rows = leasts.into_iter().map(|row| {
        let (up, kept) = (traffic.sent(row), traffic.kept(row));
        let mark = if row == least { "◀" } else { "" };
        vec![row.to_string(), percent(up), percent(kept), bar(up, kept), mark.to_owned()]
    });
    paint::table(
        &["threshold", "goes up", "keeps", "0 %                               100 %", ""],
        rows.collect(),
    );
    paint::heading("dial");
    paint::fact("thresholds", &format!("{thresholds:?}"));
    paint::fact(&names, &format!("{} of this traffic", percent(sent)));
    let of_kept = match interval {
        Some([low, high]) => format!(" (95 % of samples like this: {} to {})", percent(low), percent(high)),
        None => String::new(),
    };
    paint::fact("keeps", &format!("{} of the gain{of_kept}", percent(kept)));
    match &options.out {
        Some(out) => paint::fact("written to", &out.display().to_string()),
        None => paint::fact("next", "put the thresholds into the ladder, or write them with --out FILE"),
    }
    Ok(())
}

fn how_known(traffic: &Traffic, outcomes: usize) -> String {
    if !traffic.measured {
        return "none in this log: what is kept is expected by the shipped calibration, not measured"
            .to_owned();
    }
    let few = if outcomes < FEW { "; few: what is kept is little more than a guess" } else { "" };
    format!("{outcomes} requests say what the strong model gained: what is kept is measured on them{few}")
}

/// How many tiers there are, and what the last one is called.
fn tiers(options: &Options) -> Result<(usize, String), Box<dyn std::error::Error>> {
    let Some(path) = &options.config else {
        return match options.tiers.unwrap_or(2) {
            0 | 1 => Err("a ladder with a dial has at least two tiers".into()),
            tiers => Ok((tiers, "last tier".to_owned())),
        };
    };
    let document = Document::read(path)?;
    let ladder = ladder(&document.config, path, options.ladder.as_deref())?;
    match ladder.tiers.as_slice() {
        [_, .., last] => Ok((ladder.tiers.len(), last.name.clone())),
        _ => Err(format!("the ladder {} has one tier, and so no dial", ladder.name).into()),
    }
}

fn ladder<'c>(config: &'c Config, path: &Path, name: Option<&str>) -> Result<&'c pointsman::Ladder, String> {
    let known = || config.ladders().iter().map(|ladder| ladder.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.ladders()) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(format!("{} has several ladders ({}): name one with --ladder", path.display(), known()))
        }
        (Some(name), ladders) => ladders
            .iter()
            .find(|ladder| ladder.name == name)
            .ok_or_else(|| format!("{} has no ladder {name}; known: {}", path.display(), known())),
    }
}

fn request(classifier: &Classifier, text: &str, models: Option<&(String, String)>) -> Read {
    let line = match Line::read(text) {
        Ok(line) => line,
        Err(error) => return Read::Wrong(error),
    };
    let found = match outcome(&line, models) {
        Ok(found) => found,
        Err(error) => return Read::Wrong(error),
    };
    if line.is_logged() {
        let permille = line.difficulty.map(|raw| raw.get().trim_matches('"')).filter(|raw| *raw != "-");
        return match permille.map(str::parse::<u16>) {
            Some(Ok(permille @ 0..=1000)) => {
                Read::Request(Request { permille, expected: i64::from(permille) * 1000, found })
            }
            Some(_) => Read::Wrong("`difficulty` is a whole number from 0 to 1000".to_owned()),
            None => Read::Unjudged,
        };
    }
    match line.judge(classifier, text) {
        Err(error) => Read::Wrong(error),
        Ok(judgement) if judgement.confidence < UNSURE => Read::Unsure,
        Ok(judgement) => {
            let (permille, expected) = (judgement.difficulty.permille(), i64::from(judgement.gain));
            Read::Request(Request { permille, expected, found })
        }
    }
}

/// What the strong model gained, in millionths: as the line says, or by the scores of both models.
fn outcome(line: &Line<'_>, models: Option<&(String, String)>) -> Result<Option<i64>, String> {
    let gain = match (line.gain, line.scores, models) {
        (Some(gain), _, _) => Some(gain),
        (None, Some(scores), Some((strong, cheap))) => {
            let scores: BTreeMap<String, Value> =
                serde_json::from_str(scores.get()).map_err(|error| format!("scores: {error}"))?;
            let of = |model: &str| scores.get(model).and_then(Value::as_f64);
            of(strong).zip(of(cheap)).map(|(strong, cheap)| strong - cheap)
        }
        _ => None,
    };
    match gain.filter(|gain| !(-1.0..=1.0).contains(gain)) {
        Some(gain) => {
            Err(format!("a gain is from -1 to 1, the difference of two scores from 0 to 1; {gain} is not"))
        }
        None => Ok(gain.map(|gain| (gain * 1e6).round() as i64)),
    }
}

impl Traffic {
    fn new(mut requests: Vec<Request>) -> Self {
        requests.sort_by_key(|request| std::cmp::Reverse(request.permille));
        let measured = requests.iter().any(|request| request.found.is_some());
        Self { requests, measured }
    }

    fn outcomes(&self) -> usize {
        self.requests.iter().filter(|request| request.found.is_some()).count()
    }

    /// What counts as a request's gain; `None` where others are measured and this one is not.
    fn gain(&self, request: &Request) -> Option<i64> {
        if self.measured { request.found } else { Some(request.expected) }
    }

    /// How many requests reach a threshold.
    fn reach(&self, least: u16) -> usize {
        self.requests.partition_point(|request| request.permille >= least)
    }

    /// Share of the requests that reach a threshold.
    fn sent(&self, least: u16) -> f64 {
        self.reach(least) as f64 / self.requests.len() as f64
    }

    /// Part of all gain that the requests hold which reach a threshold.
    fn kept(&self, least: u16) -> f64 {
        let sum =
            |requests: &[Request]| requests.iter().filter_map(|request| self.gain(request)).sum::<i64>();
        let total = sum(&self.requests);
        if total > 0 { sum(&self.requests[..self.reach(least)]) as f64 / total as f64 } else { 0.0 }
    }

    /// The lowest threshold that at most this share of the requests reaches; of equal scores, all go or none.
    fn least_for_share(&self, share: f64) -> u16 {
        let most = (share * self.requests.len() as f64 + 1e-9).floor() as usize;
        match self.requests.get(most) {
            None => 0,
            Some(first_below) => (first_below.permille + 1).min(1000),
        }
    }

    /// The highest threshold that keeps this part of the gain.
    fn least_for_quality(&self, quality: f64) -> Result<u16, String> {
        let total: i64 = self.requests.iter().filter_map(|request| self.gain(request)).sum();
        if total <= 0 {
            return Err(format!(
                "there is no gain to keep: over the {} outcomes of this log the strong model is no better than the cheap one",
                self.outcomes()
            ));
        }
        let wanted = (quality * total as f64 - 0.5).ceil() as i64;
        let mut sum = 0;
        if wanted <= 0 {
            return Ok(1000);
        }
        for same in self.requests.chunk_by(|a, b| a.permille == b.permille) {
            sum += same.iter().filter_map(|request| self.gain(request)).sum::<i64>();
            if sum >= wanted {
                return Ok(same.first().map_or(0, |request| request.permille));
            }
        }
        Ok(0)
    }

    /// The middle 95 % of what is kept over samples drawn with replacement from the outcomes.
    fn interval(&self, least: u16) -> Option<[f64; 2]> {
        let found: Vec<(bool, i64)> = self
            .requests
            .iter()
            .filter_map(|request| Some((request.permille >= least, request.found?)))
            .collect();
        if found.len() < 2 {
            return None;
        }
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut draw = || {
            // xorshift64: the same interval in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            found[(state % found.len() as u64) as usize]
        };
        let mut kept: Vec<f64> = (0..DRAWS)
            .filter_map(|_| {
                let (mut above, mut total) = (0, 0);
                for _ in 0..found.len() {
                    let (up, gain) = draw();
                    total += gain;
                    above += if up { gain } else { 0 };
                }
                (total > 0).then(|| above as f64 / total as f64)
            })
            .collect();
        kept.sort_by(f64::total_cmp);
        let at = |permille: usize| kept.get(kept.len() * permille / 1000).copied();
        Some([at(25)?, at(975)?])
    }
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn bar(sent: f64, kept: f64) -> String {
    let cells = |part: f64| (part.clamp(0.0, 1.0) * WIDTH).round() as usize;
    format!("{}{}", "█".repeat(cells(sent)), "░".repeat(cells(kept).saturating_sub(cells(sent))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(rows: &[(u16, Option<i64>)]) -> Traffic {
        let request = |(permille, found): &(u16, Option<i64>)| Request {
            permille: *permille,
            expected: i64::from(*permille) * 1000,
            found: *found,
        };
        Traffic::new(rows.iter().map(request).collect())
    }

    #[test]
    fn a_share_is_never_exceeded() {
        let traffic = traffic(&[(100, None), (200, None), (200, None), (200, None), (900, None)]);
        for (share, least, sent) in [
            (0.0, 901, 0.0),
            (0.2, 201, 0.2),
            (0.5, 201, 0.2),
            (0.8, 101, 0.8),
            (0.99, 101, 0.8),
            (1.0, 0, 1.0),
        ] {
            assert_eq!(traffic.least_for_share(share), least, "{share}");
            assert!((traffic.sent(least) - sent).abs() < 1e-9, "{share}");
        }
    }

    #[test]
    fn outcomes_decide_where_there_are_any() {
        let expected = traffic(&[(100, None), (300, None), (600, None)]);
        assert_eq!(expected.least_for_quality(0.6), Ok(600));
        assert_eq!(expected.least_for_quality(0.61), Ok(300));
        assert_eq!(expected.least_for_quality(1.0), Ok(100));
        assert_eq!(expected.least_for_quality(0.0), Ok(1000));
        let found = traffic(&[(100, Some(900_000)), (300, Some(100_000)), (600, Some(0)), (900, None)]);
        assert_eq!(found.least_for_quality(0.1), Ok(300));
        assert_eq!(found.least_for_quality(0.11), Ok(100));
        assert!((found.kept(300) - 0.1).abs() < 1e-9 && (found.sent(300) - 0.75).abs() < 1e-9);
        let lost = traffic(&[(100, Some(-900_000)), (300, Some(100_000))]);
        assert!(lost.least_for_quality(0.5).unwrap_err().contains("no gain to keep"));
    }
}
