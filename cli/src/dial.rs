//! A dial in words: what it is set by, and what that comes to on the mix that the weights are calibrated on.

use pointsman::config::{Aim, Dial};
use serde_json::{Value, json};

/// `quality: 0.9`, or `thresholds`.
pub fn aim(dial: &Dial) -> String {
    match dial.aim() {
        Aim::Thresholds => "thresholds".to_owned(),
        Aim::FrontierShare(share) => format!("frontier_share: {}", part(share)),
        Aim::Quality(quality) => format!("quality: {}", part(quality)),
    }
}

/// `86 % up, 90 % of the gain kept`.
pub fn outlook(dial: &Dial) -> String {
    let outlook = dial.outlook();
    format!("{} % up, {} % of the gain kept", outlook.share / 10, outlook.kept / 10)
}

/// The same for machines.
pub fn report(dial: &Dial) -> Value {
    let outlook = dial.outlook();
    let share = |permille: u16| f64::from(permille) / 1000.0;
    let aim = match dial.aim() {
        Aim::Thresholds => json!("thresholds"),
        Aim::FrontierShare(wanted) => json!({ "frontier_share": share(wanted) }),
        Aim::Quality(wanted) => json!({ "quality": share(wanted) }),
    };
    json!({ "set_by": aim, "on_the_mix": { "share": share(outlook.share), "kept": share(outlook.kept) } })
}

/// Thousandths as a number from 0 to 1, without needless digits.
fn part(permille: u16) -> String {
    (f64::from(permille) / 1000.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_have_no_needless_digits() {
        assert_eq!([1000, 900, 125, 0].map(part), ["1", "0.9", "0.125", "0"]);
    }
}
