//! Money as a user sees it: prices read exactly, bills exact to the pico-dollar.

use pointsman::{
    price::{FlatRates, Hours, InvalidPrice, InvalidRates, OffPeak, PicoUsd, PriceTier, Prices, Rates},
    wire::usage::Usage,
};
use proptest::prelude::*;

fn usd(text: &str) -> PicoUsd {
    PicoUsd::per_token_from_usd_per_mtok(text).unwrap()
}

#[test]
fn a_price_is_read_exactly() {
    for (text, pico) in [
        ("5", 5_000_000),
        ("5.0", 5_000_000),
        ("0.0605", 60_500),
        ("0.000001", 1),
        ("0.0000010", 1),
        ("1e-2", 10_000),
        ("2.5E1", 25_000_000),
        ("1e+3", 1_000_000_000),
        ("0", 0),
        ("0.00", 0),
        ("0e-9", 0),
        ("10e-7", 1),
    ] {
        assert_eq!(PicoUsd::per_token_from_usd_per_mtok(text), Ok(PicoUsd::from_pico(pico)), "{text}");
    }
}

#[test]
fn what_is_no_price_is_refused() {
    for (text, error) in [
        ("", InvalidPrice::NotANumber),
        (".5", InvalidPrice::NotANumber),
        ("5.", InvalidPrice::NotANumber),
        ("1.2.3", InvalidPrice::NotANumber),
        ("NaN", InvalidPrice::NotANumber),
        ("1e", InvalidPrice::NotANumber),
        ("1e99999", InvalidPrice::NotANumber),
        ("1e+-2", InvalidPrice::NotANumber),
        ("+1", InvalidPrice::NotANumber),
        ("1 ", InvalidPrice::NotANumber),
        ("-1", InvalidPrice::Negative),
        ("0.0000001", InvalidPrice::TooFine),
        ("1e-7", InvalidPrice::TooFine),
        ("1.0000005", InvalidPrice::TooFine),
        ("99999999999999999999", InvalidPrice::TooLarge),
        ("1e9999", InvalidPrice::TooLarge),
    ] {
        assert_eq!(PicoUsd::per_token_from_usd_per_mtok(text), Err(error), "{text}");
    }
}

#[test]
fn money_is_shown_in_dollars() {
    for (pico, shown) in [
        (0, "$0"),
        (1, "$0.000000000001"),
        (1_234_000_000, "$0.001234"),
        (5_000_000_000_000, "$5"),
        (10_500_000_000_000, "$10.5"),
    ] {
        assert_eq!(PicoUsd::from_pico(pico).to_string(), shown);
    }
}

#[test]
fn a_difference_has_a_sign() {
    assert_eq!(usd("1").minus(usd("3")), -2_000_000);
    assert_eq!(PicoUsd::from_pico(u64::MAX).minus(PicoUsd::ZERO), i128::from(u64::MAX));
}

#[test]
fn silent_cache_prices_follow_the_input_price() {
    let mut prices = Prices { input: usd("5"), output: usd("25"), ..Prices::default() };
    let flat = prices.flat();
    assert_eq!([flat.cache_read, flat.cache_write_short, flat.cache_write_long], [usd("5"); 3]);
    prices.cache_write_short = Some(usd("6.25"));
    assert_eq!(prices.flat().cache_write_long, usd("6.25"));
}

#[test]
fn a_cost_needs_both_sides_of_the_bill() {
    let flat = Prices { input: usd("5"), output: usd("25"), ..Prices::default() }.flat();
    let none = Usage::default();
    assert_eq!(flat.cost(&none), None);
    assert_eq!(flat.cost(&Usage { input: Some(1), ..none }), None);
    assert_eq!(flat.cost(&Usage { output: Some(1), ..none }), None);
    assert_eq!(flat.cost(&Usage { reasoning: Some(1), input: Some(1), ..none }), None);
    assert_eq!(flat.cost(&Usage { output: Some(2), cache_read: Some(3), ..none }), Some(usd("65")));
    assert_eq!(flat.cost(&Usage { output: Some(0), input: Some(0), ..none }), Some(PicoUsd::ZERO));
}

#[test]
fn a_long_prompt_pays_its_tier_for_every_token() {
    let list = Prices { input: usd("1"), output: usd("2"), ..Prices::default() };
    let tier = |above, factor| PriceTier {
        above_prompt_tokens: above,
        prices: Prices {
            input: list.input.saturating_mul(factor),
            output: list.output.saturating_mul(factor),
            ..list
        },
    };
    let rates = Rates::new(list, vec![tier(10, 2), tier(20, 4)], None).unwrap();
    for (prompt, input) in [(0, "1"), (10, "1"), (11, "2"), (20, "2"), (21, "4"), (u64::MAX, "4")] {
        assert_eq!(rates.at(prompt, None).input, usd(input), "{prompt}");
    }
    // 6 fresh and 5 cached tokens make a prompt of 11, above the first bound.
    let usage = Usage { input: Some(6), cache_read: Some(5), output: Some(1), ..Usage::default() };
    assert_eq!(rates.cost(&usage, None), Some(usd("26")));
    assert_eq!(Rates::new(list, vec![tier(20, 2), tier(20, 4)], None), Err(InvalidRates::Tiers));
    assert_eq!(Rates::new(list, vec![tier(20, 2), tier(10, 4)], None), Err(InvalidRates::Tiers));
}

#[test]
fn cheap_hours_follow_the_weekday() {
    let night = Hours::new(&[1, 2, 3, 4, 5], "10:00-00:00").unwrap();
    let weekend = Hours::new(&[6, 7], "00:00-24:00").unwrap();
    let thursday = 0; // 1970-01-01
    let saturday = 2 * 86_400;
    let monday = 4 * 86_400;
    assert!(!night.contains(thursday + 10 * 3600 - 1));
    assert!(night.contains(thursday + 10 * 3600));
    assert!(night.contains(thursday + 86_399));
    assert!(!night.contains(saturday + 10 * 3600));
    assert!(weekend.contains(saturday));
    assert!(weekend.contains(monday - 1));
    assert!(!weekend.contains(monday));
    assert!(!weekend.contains(saturday - 1));
}

#[test]
fn windows_that_make_no_sense_are_refused() {
    for (days, hours, error) in [
        (&[0][..], "00:00-01:00", InvalidRates::Weekday),
        (&[8], "00:00-01:00", InvalidRates::Weekday),
        (&[], "00:00-01:00", InvalidRates::Weekday),
        (&[1], "22:00-02:00", InvalidRates::Hours),
        (&[1], "01:00-01:00", InvalidRates::Hours),
        (&[1], "24:00-00:00", InvalidRates::Hours),
        (&[1], "1:00-02:00", InvalidRates::Hours),
        (&[1], "00:00-24:01", InvalidRates::Hours),
        (&[1], "00:60-02:00", InvalidRates::Hours),
        (&[1], "00:00", InvalidRates::Hours),
    ] {
        assert_eq!(Hours::new(days, hours), Err(error), "{hours}");
    }
    let list = Prices::default();
    let never = OffPeak { prices: list, windows: vec![] };
    assert_eq!(Rates::new(list, vec![], Some(never)), Err(InvalidRates::Windows));
}

proptest! {
    #[test]
    fn the_cost_is_the_exact_sum_or_the_largest_amount(
        tokens in proptest::array::uniform5(any::<u64>()),
        prices in proptest::array::uniform5(any::<u64>()),
        // Small exponents bring most cases into the exact range.
        token_shift in 0u32..64,
        price_shift in 0u32..64,
    ) {
        let tokens = tokens.map(|count| count >> token_shift);
        let prices = prices.map(|price| price >> price_shift);
        let exact = tokens.iter().zip(prices).fold(0u128, |sum, (count, price)| {
            sum.saturating_add(u128::from(*count) * u128::from(price))
        });
        let [input, output, cache_read, cache_write_short, cache_write_long] = tokens.map(Some);
        let [a, b, c, d, e] = prices.map(PicoUsd::from_pico);
        let flat = FlatRates { input: a, output: b, cache_read: c, cache_write_short: d, cache_write_long: e };
        let usage = Usage { input, output, cache_read, cache_write_short, cache_write_long, reasoning: None };
        let expected = u64::try_from(exact).unwrap_or(u64::MAX);
        prop_assert_eq!(flat.cost(&usage), Some(PicoUsd::from_pico(expected)));
    }

    #[test]
    fn a_price_survives_the_text_of_a_json_number(micro in 0u64..1_000_000_000) {
        let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
        let number: serde_json::Number = serde_json::from_str(&text).unwrap();
        let read = PicoUsd::per_token_from_usd_per_mtok(&number.to_string());
        prop_assert_eq!(read, Ok(PicoUsd::from_pico(micro)));
    }

    #[test]
    fn any_text_is_a_price_or_an_error(text in "[-+0-9.eE]{0,24}") {
        if let Ok(price) = PicoUsd::per_token_from_usd_per_mtok(&text) {
            let exact = format!("{}.{:06}", price.pico() / 1_000_000, price.pico() % 1_000_000);
            prop_assert_eq!(text.parse::<f64>().unwrap(), exact.parse::<f64>().unwrap());
        }
    }
}
