//! Controls: the same requests with the tiers decided otherwise. A bill that is small says little by itself; all-cheap
//! is smaller. What counts is where the money went, so one control spends the very same mix of tiers at random.

use std::sync::Arc;

use live::{Failure, host::Program};
use pointsman_cli::document::Document;
use tokio::task::JoinHandle;

use super::{
    ledger::{self, Row, Sum},
    play::{self, Script},
    requests::Bundle,
    stage::Stage,
};

/// Seed of the shuffle: the same in every run.
const SEED: u64 = 2026;

/// Name of a control, and how it is called on the table.
const NAMES: [(&str, &str); 3] = [
    ("all_cheap", "all on the first tier"),
    ("all_frontier", "all on the last tier"),
    ("shuffled", "same mix of tiers, shuffled"),
];

/// Stages that are being started.
#[derive(Debug)]
pub(crate) struct Controls {
    stages: Vec<JoinHandle<Result<Stage, Failure>>>,
    tiers: Vec<String>,
}

/// The outcome of one.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) sum: Sum,
    faults: Vec<String>,
}

impl Controls {
    /// Starts a stage for each, meanwhile.
    pub(crate) fn prepare(document: &Arc<Document>, program: &Program) -> Self {
        let start = || {
            let (document, program) = (Arc::clone(document), program.clone());
            tokio::spawn(async move { Stage::simulated(&document, &program).await })
        };
        let tiers = document.config.ladders().first().map(|ladder| &ladder.tiers);
        Self {
            stages: NAMES.iter().map(|_| start()).collect(),
            tiers: tiers.into_iter().flatten().map(|tier| tier.name.clone()).collect(),
        }
    }

    /// Runs them side by side.
    ///
    /// # Errors
    /// Where one cannot be run at all.
    pub(crate) async fn run(
        self,
        bundles: &[Bundle],
        rows: &[Row],
        death: Option<(usize, &str)>,
    ) -> Result<Vec<Control>, Failure> {
        let routed: Vec<String> = (0..bundles.len())
            .map(|i| rows.iter().find(|row| row.bundle == i).map(|row| row.tier.clone()).unwrap_or_default())
            .collect();
        let all = |tier: Option<&String>| vec![tier.cloned().unwrap_or_default(); bundles.len()];
        let choices = [all(self.tiers.first()), all(self.tiers.last()), shuffled(routed)];
        let mut stages = self.stages.into_iter();
        let mut next = || stages.next().ok_or_else(|| Failure::new("a control has no stage"));
        let [cheap, frontier, random] = [next()?, next()?, next()?];
        let (cheap, frontier, random) = tokio::try_join!(
            control(0, cheap, bundles, &choices[0], death),
            control(1, frontier, bundles, &choices[1], death),
            control(2, random, bundles, &choices[2], death),
        )?;
        Ok(vec![cheap, frontier, random])
    }
}

impl Control {
    /// What was not as it should be, with the control's name.
    pub(crate) fn faults(&self) -> impl Iterator<Item = String> {
        self.faults.iter().map(|fault| format!("control `{}`: {fault}", self.name))
    }
}

async fn control(
    number: usize,
    stage: JoinHandle<Result<Stage, Failure>>,
    bundles: &[Bundle],
    tiers: &[String],
    death: Option<(usize, &str)>,
) -> Result<Control, Failure> {
    let stage = stage.await.map_err(|error| Failure::new(error.to_string()))??;
    let script = Script { bundles, death, tiers: Some(tiers) };
    let played = play::play(&stage, script, |_, _| ()).await?;
    let rows = ledger::rows(&stage, &played).await?;
    let mut faults = played.faults;
    faults.extend(ledger::audit(&stage, &rows)?);
    let (name, title) = NAMES[number];
    Ok(Control { name, title, sum: Sum::of(&rows), faults })
}

/// Fisher and Yates, with a generator of a few bits that is the same everywhere.
fn shuffled(mut tiers: Vec<String>) -> Vec<String> {
    let mut state = SEED;
    for i in (1..tiers.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = usize::try_from(state >> 33).unwrap_or(0) % (i + 1);
        tiers.swap(i, pick);
    }
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_the_mix_and_changes_the_order() {
        let tiers: Vec<String> =
            (0..40).map(|i| if i < 25 { "cheap" } else { "frontier" }.to_owned()).collect();
        let mixed = shuffled(tiers.clone());
        assert_ne!(mixed, tiers);
        let mut sorted = mixed;
        sorted.sort();
        assert_eq!(sorted, tiers);
    }
}
