//! A stage for budgets: two tiers of one provider that speaks all APIs, of which nobody looks at the difficulty.

use pointsman_sim::Vendor;
use serde_json::{Value, json};

use crate::stage::Script;

/// Adds the provider, its tiers, and these budgets to a script.
#[must_use]
pub fn script(script: Script, budgets: Value) -> Script {
    let tiers = json!([
        { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
        { "name": "top", "targets": ["minimax/MiniMax-M3"] },
    ]);
    script
        .provider("minimax", Vendor::MiniMax)
        .set("/ladders/auto", json!({ "tiers": tiers, "thresholds": [1000], "default_tier": "cheap" }))
        .set("/aliases/auto", json!("auto"))
        .set("/override", json!(["tier"]))
        .set("/budgets", budgets)
}

/// The cost in a line of the access log, in pico-dollars.
///
/// # Panics
/// Where there is none.
pub fn cost(line: &Value) -> u64 {
    let text = line["cost_usd"].as_str().expect("a cost");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<12}").parse().expect("a number")
}
