//! A provider's prompt cache, as far as its bill goes: exact prefixes, a smallest size, a life that a read renews.

use std::collections::HashMap;

use pointsman::{catalog::Model, wire::usage::Usage};

/// What one model's cache holds.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// By hash of a prefix: its tokens and the second at which it dies.
    entries: HashMap<u64, (u64, f64)>,
}

/// What a call is billed for, in tokens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Billed {
    pub(super) fresh: u64,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Cache {
    /// Bills a prompt of `tokens`, whose prefixes have these hashes, shortest first, the last being the whole.
    pub(super) fn bill(&mut self, model: &Model, prefixes: &[u64], tokens: u64, now: f64) -> Billed {
        let life = f64::from(model.cache_life_seconds.unwrap_or(300));
        let least = model.cache_min_prefix_tokens.unwrap_or(0);
        let alive = |entry: &(u64, f64)| entry.1 > now;
        let known = prefixes.iter().rev().find(|hash| self.entries.get(hash).is_some_and(alive)).copied();
        let read = known.and_then(|hash| self.entries.get(&hash)).map_or(0, |entry| entry.0.min(tokens));
        if let Some(entry) = known.and_then(|hash| self.entries.get_mut(&hash)) {
            entry.1 = now + life;
        }
        if tokens < least {
            return Billed { fresh: tokens, ..Billed::default() };
        }
        if let Some(whole) = prefixes.last() {
            self.entries.insert(*whole, (tokens, now + life));
        }
        Billed { read, written: tokens - read, fresh: 0 }
    }
}

/// Dollars for what was billed and answered, by the core's own price list.
#[expect(clippy::cast_precision_loss, reason = "a bill has less than 2^53 pico-dollars")]
pub(super) fn dollars(model: &Model, billed: Billed, output: u64) -> f64 {
    let usage = Usage {
        input: Some(billed.fresh),
        cache_read: Some(billed.read),
        cache_write_short: Some(billed.written),
        output: Some(output),
        ..Usage::NONE
    };
    let cost = model.rates.as_ref().and_then(|rates| rates.cost(&usage, None));
    cost.map_or(0.0, |cost| cost.pico() as f64 / 1e12)
}

#[cfg(test)]
mod tests {
    use pointsman::Config;

    use super::*;

    fn model(name: &str) -> Model {
        let config = format!(
            r#"{{"version":1,"ladders":{{"d":{{"tiers":[{{"name":"t","targets":["{name}"]}}]}}}},"aliases":{{"auto":"d"}}}}"#
        );
        let config = Config::from_json(config.as_bytes()).unwrap();
        config.target_of(&config.ladders()[0].tiers[0].choices[0]).unwrap().model.clone()
    }

    #[test]
    fn a_prefix_is_read_while_it_lives_and_bought_again_after() {
        let opus = model("anthropic/claude-opus-4-6");
        let mut cache = Cache::default();
        let billed = |fresh, read, written| Billed { fresh, read, written };
        assert_eq!(cache.bill(&opus, &[1], 3000, 0.0), billed(3000, 0, 0), "too short to be kept");
        assert_eq!(cache.bill(&opus, &[1, 2], 5000, 1.0), billed(0, 0, 5000));
        assert_eq!(cache.bill(&opus, &[1, 2, 3], 6000, 200.0), billed(0, 5000, 1000));
        assert_eq!(cache.bill(&opus, &[1, 2, 3, 4], 7000, 450.0), billed(0, 6000, 1000), "a read renews it");
        assert_eq!(
            cache.bill(&opus, &[1, 2, 3, 4, 5], 8000, 800.0),
            billed(0, 0, 8000),
            "300 seconds are over"
        );
        assert_eq!(cache.bill(&opus, &[9, 8], 8000, 801.0), billed(0, 0, 8000), "another beginning");
    }

    #[test]
    fn a_warm_prompt_costs_what_the_price_list_says() {
        let opus = model("anthropic/claude-opus-4-6");
        let billed = Billed { fresh: 0, read: 60_000, written: 1500 };
        // 60,000 at 0.50, 1,500 at 6.25, 700 at 25 dollars a million.
        assert!((dollars(&opus, billed, 700) - (0.03 + 0.009_375 + 0.0175)).abs() < 1e-9);
    }
}
