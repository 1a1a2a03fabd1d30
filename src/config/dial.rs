//! The dial: which difficulty leads to which tier, and what that comes to on the mix that the weights are calibrated on.
//!
//! The table is `data/dial.json`, made with the weights: for each hundredth of the mix, the difficulty that its hardest such
//! part reaches, and how much of what a strong model gains on the whole mix is gained there.

use alloc::vec::Vec;

use serde::Deserialize;

use crate::classify::Difficulty;

/// Which difficulty leads to which tier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dial {
    /// One less than tiers, not falling. A request climbs past every threshold that its difficulty reaches.
    pub(crate) thresholds: Vec<Difficulty>,
    /// Index of the tier for a request that the classifier cannot judge.
    pub(crate) default_tier: usize,
    /// What the operator said that it is set by.
    pub(crate) aim: Aim,
}

/// What a dial is set by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aim {
    /// Thresholds, as they are.
    Thresholds,
    /// The share of the traffic, in permille, that the last tier is meant to get.
    FrontierShare(u16),
    /// The part, in permille, of the last tier's gain over the first one that is meant to be kept.
    Quality(u16),
}

/// What a dial does on the stated mix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outlook {
    /// Share of the requests that reach the last tier, in permille.
    pub share: u16,
    /// Part of the gain that is kept, in permille. Tiers between the first and the last are counted as the first.
    pub kept: u16,
}

/// A hundredth of the mix: how many there are so far, the permille of difficulty that they reach, the permille of the gain
/// that they hold.
type Row = (u16, u16, u16);

/// The table that ships.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Mix {
    rows: Vec<Row>,
}

const SHIPPED: &str = include_str!("../../data/dial.json");

impl Mix {
    pub(super) fn shipped() -> Self {
        // A table that cannot be read is refused by a test, and would send nothing up.
        serde_json::from_str(SHIPPED).unwrap_or_default()
    }

    /// The least difficulty of the hardest `share`, in permille. Parts of a hundredth are cut off: never more than that.
    fn threshold(&self, share: u16) -> Difficulty {
        let hundredths = share / 10;
        let permille = match self.rows.iter().rfind(|row| row.0 <= hundredths) {
            _ if hundredths >= 100 => 0,
            Some((_, permille, _)) => *permille,
            None => 1000,
        };
        Difficulty::new(permille).unwrap_or_default()
    }

    /// The least share, in permille, that keeps this part of the gain.
    fn share_that_keeps(&self, quality: u16) -> u16 {
        match self.rows.iter().find(|(_, _, kept)| *kept >= quality) {
            _ if quality == 0 => 0,
            Some((hundredths, _, _)) => hundredths.saturating_mul(10),
            None => 1000,
        }
    }

    /// Thresholds by which the last tier gets what the aim comes to on the mix, and the others even parts of the rest.
    pub(super) fn thresholds(&self, aim: Aim, tiers: usize) -> Vec<Difficulty> {
        let frontier = match aim {
            Aim::Thresholds => return Vec::new(),
            Aim::FrontierShare(share) => share,
            Aim::Quality(quality) => self.share_that_keeps(quality),
        };
        let rest = usize::from(1000u16.saturating_sub(frontier));
        let steps = tiers.saturating_sub(1);
        let above = |index: usize| {
            let even =
                rest.saturating_mul(steps.saturating_sub(index)).checked_div(steps).unwrap_or_default();
            u16::try_from(usize::from(frontier).saturating_add(even)).unwrap_or(1000)
        };
        (1..tiers).map(|index| self.threshold(above(index))).collect()
    }

    fn outlook(&self, threshold: Option<Difficulty>) -> Outlook {
        let Some(threshold) = threshold.filter(|least| *least > Difficulty::LOWEST) else {
            return Outlook { share: 1000, kept: 1000 };
        };
        let (hundredths, _, kept) =
            self.rows.iter().rfind(|row| row.1 >= threshold.permille()).copied().unwrap_or_default();
        Outlook { share: hundredths.saturating_mul(10), kept }
    }
}

impl Dial {
    /// The thresholds, in permille of difficulty.
    pub fn thresholds(&self) -> &[Difficulty] {
        &self.thresholds
    }

    /// Index of the tier for a request that the classifier cannot judge.
    pub const fn default_tier(&self) -> usize {
        self.default_tier
    }

    /// What the operator said that it is set by.
    pub const fn aim(&self) -> Aim {
        self.aim
    }

    /// What it does on the mix that the weights are calibrated on; an operator's own traffic is another.
    pub fn outlook(&self) -> Outlook {
        Mix::shipped().outlook(self.thresholds.last().copied())
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    fn permille(thresholds: &[Difficulty]) -> Vec<u16> {
        thresholds.iter().copied().map(Difficulty::permille).collect()
    }

    #[test]
    fn the_shipped_table_belongs_to_the_shipped_weights() {
        let table: serde_json::Value = serde_json::from_str(SHIPPED).unwrap();
        let digest = sha2::Sha256::digest(include_bytes!("../../data/weights.bin"));
        let digest: alloc::string::String = digest.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(
            table["weights_sha256"], digest,
            "made by `cargo run --release -p train`, as the weights are"
        );
        let rows = Mix::shipped().rows;
        assert!(rows.iter().map(|row| row.0).eq(1..=99), "{rows:?}");
        assert!(rows.is_sorted_by(|a, b| a.1 >= b.1 && a.2 <= b.2), "{rows:?}");
        assert!(rows.iter().all(|row| row.1 <= 1000 && row.2 < 1000), "{rows:?}");
        // Better than a random order, or the dial would be for nothing.
        assert!(rows.iter().filter(|row| row.2 > row.0 * 10).count() > 90, "{rows:?}");
    }

    fn mix() -> Mix {
        // Half of the difficulty is in the first quarter.
        Mix {
            rows: (1..=99)
                .map(|n| (n, 1000 - n * 10, if n < 25 { n * 20 } else { 333 + n * 20 / 3 }))
                .collect(),
        }
    }

    #[test]
    fn a_share_is_never_exceeded_and_a_quality_never_missed() {
        for (aim, tiers, expected) in [
            (Aim::FrontierShare(200), 2, &[800][..]),
            (Aim::FrontierShare(209), 2, &[800]),
            (Aim::FrontierShare(5), 2, &[1000]),
            (Aim::FrontierShare(0), 2, &[1000]),
            (Aim::FrontierShare(1000), 2, &[0]),
            (Aim::FrontierShare(200), 3, &[400, 800]),
            (Aim::FrontierShare(200), 1, &[]),
            (Aim::Quality(200), 2, &[900]),
            (Aim::Quality(201), 2, &[890]),
            (Aim::Quality(0), 2, &[1000]),
            (Aim::Quality(1000), 2, &[0]),
            (Aim::Quality(999), 2, &[0]),
            (Aim::Quality(400), 3, &[400, 800]),
            (Aim::Quality(400), 1, &[]),
        ] {
            assert_eq!(permille(&mix().thresholds(aim, tiers)), expected, "{aim:?} {tiers}");
        }
    }

    #[test]
    fn what_is_said_of_a_dial_is_what_it_was_set_by() {
        let mix = mix();
        for hundredths in 1..=99 {
            let thresholds = mix.thresholds(Aim::FrontierShare(hundredths * 10), 4);
            assert_eq!(mix.outlook(thresholds.last().copied()).share, hundredths * 10);
        }
        for quality in 1..=993 {
            let thresholds = mix.thresholds(Aim::Quality(quality), 2);
            let kept = mix.outlook(thresholds.last().copied()).kept;
            assert!((quality..quality + 20).contains(&kept), "{quality} {kept}");
        }
        let all = Outlook { share: 1000, kept: 1000 };
        assert_eq!((mix.outlook(None), mix.outlook(Some(Difficulty::LOWEST))), (all, all));
        assert_eq!(mix.outlook(Difficulty::new(1000).ok()), Outlook { share: 0, kept: 0 });
    }
}
