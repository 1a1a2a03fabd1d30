//! How long workerd takes until it listens, with the pass-through alone and with the Worker alone.

use std::{net::SocketAddr, time::Duration};

use live::{Failure, folder::Folder, tools, workerd::Workerd};
use pointsman_cli::paint;
use serde_json::json;

use super::hosts;
use crate::progress::Progress;

/// The most that the Worker may add, in milliseconds.
const BAR_MS: f64 = 50.0;

/// Starts each of them in turn, this often, and prints the medians.
///
/// # Errors
/// workerd or the Worker cannot be had, or does not start.
pub(crate) fn run(rounds: u32, as_json: bool) -> Result<(), Failure> {
    let progress = Progress::begin("getting workerd");
    tools::workerd()?;
    progress.step("building the Worker");
    let folder = Folder::new("startup")?;
    // Nobody asks them anything, so that the provider need not be there.
    let [plain, _, _, ours] = hosts::sites(SocketAddr::from(([127, 0, 0, 1], 9)), &folder)?;
    progress.step("starting workerd, again and again");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (site, times) in [(&plain, &mut without), (&ours, &mut with)] {
            times.push(Workerd::start(std::slice::from_ref(site))?.started());
        }
    }
    drop(progress);
    let (without, with) = (middle(without), middle(with));
    let more = with - without;
    if as_json {
        println!(
            "{:#}",
            json!({ "rounds": rounds, "javascript_ms": without, "pointsman_ms": with, "more_ms": more, "target_ms": BAR_MS })
        );
        return Ok(());
    }
    paint::heading(&format!("until workerd listens, median of {rounds} starts"));
    paint::fact("pass-through", &format!("{without:.1} ms"));
    paint::fact("Pointsman", &format!("{with:.1} ms, {more:.1} ms more; at most {BAR_MS:.0}"));
    Ok(())
}

/// The median, in milliseconds.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
