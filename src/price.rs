//! Money: what tokens cost, in integers only.
//!
//! Price lists quote dollars per million tokens with at most six decimals, so the price of one token is a whole number
//! of pico-dollars (10⁻¹² $). All sums are exact up to `u64::MAX` pico-dollars (18 million dollars) and stop there.

use alloc::vec::Vec;
use core::{fmt, str::FromStr};

use crate::{limits, wire::usage::Usage};

/// Tokens that a price list calls a million.
const MTOK_DECIMALS: i32 = 6;

/// An amount of money in pico-dollars, 10⁻¹² US dollars.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PicoUsd(u64);

impl PicoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many pico-dollars.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// The amount in pico-dollars.
    pub const fn pico(self) -> u64 {
        self.0
    }

    /// The sum, at most `u64::MAX` pico-dollars.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The price of `count` things at this price each, at most `u64::MAX` pico-dollars.
    #[must_use]
    pub const fn saturating_mul(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// This amount less the other, in pico-dollars; negative where the other is larger. Exact.
    pub const fn minus(self, other: Self) -> i128 {
        self.0 as i128 - other.0 as i128
    }

    /// Reads the decimal text of a price in dollars per million tokens into the price of one token.
    ///
    /// The text has the shape of a JSON number (`0.0605`, `5`, `1e-2`); it is read digit by digit, so no rounding can
    /// occur. An error if it is anything else, negative, finer than a millionth of a dollar, or too large to hold.
    pub fn per_token_from_usd_per_mtok(text: &str) -> Result<Self, InvalidPrice> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() {
            return Err(InvalidPrice::NotANumber);
        }
        let fraction = if fraction.bytes().all(|b| b == b'0') { "" } else { fraction.trim_end_matches('0') };
        let mut value: u64 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = match byte {
                b'0'..=b'9' => byte.wrapping_sub(b'0'),
                b'-' => return Err(InvalidPrice::Negative),
                _ => return Err(InvalidPrice::NotANumber),
            };
            let shifted = value.checked_mul(10).ok_or(InvalidPrice::TooLarge)?;
            value = shifted.checked_add(u64::from(digit)).ok_or(InvalidPrice::TooLarge)?;
        }
        let decimals = i32::try_from(fraction.len()).map_err(|_| InvalidPrice::TooFine)?;
        shift(value, exponent.saturating_sub(decimals).saturating_add(MTOK_DECIMALS)).map(Self)
    }
}

/// Digits of an exponent. More than four of them is no price.
fn parse_exponent(text: &str) -> Result<i32, InvalidPrice> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidPrice::NotANumber);
    }
    i32::from_str(text).map_err(|_| InvalidPrice::NotANumber)
}

/// `value` × 10^`power`, if that is a whole number that fits. Ends after 20 steps: the value grows out of bounds, or
/// runs out of trailing zeros.
fn shift(mut value: u64, power: i32) -> Result<u64, InvalidPrice> {
    if value == 0 {
        return Ok(0);
    }
    for _ in 0..power.unsigned_abs() {
        value = if power > 0 {
            value.checked_mul(10).ok_or(InvalidPrice::TooLarge)?
        } else if value.is_multiple_of(10) {
            value / 10
        } else {
            return Err(InvalidPrice::TooFine);
        };
    }
    Ok(value)
}

/// Dollars, with as many decimals as are needed: `$0.001234`, `$5`.
impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: u64 = 1_000_000_000_000;
        write!(f, "${}", self.0 / UNIT)?;
        let (mut rest, mut width) = (self.0 % UNIT, 12);
        if rest == 0 {
            return Ok(());
        }
        while rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        write!(f, ".{rest:0width$}")
    }
}

/// Why a text is no price.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InvalidPrice {
    /// Not the decimal text of a number.
    NotANumber,
    /// Less than nothing.
    Negative,
    /// Finer than a millionth of a dollar per million tokens.
    TooFine,
    /// More than 18 trillion dollars per million tokens.
    TooLarge,
}

impl fmt::Display for InvalidPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "a price is a decimal number of dollars per million tokens",
            Self::Negative => "a price is not negative",
            Self::TooFine => "a price has at most six decimals",
            Self::TooLarge => "the price is too large",
        })
    }
}

impl core::error::Error for InvalidPrice {}

/// Prices of one token as a price list states them: `None` where the list is silent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Prices {
    /// Prompt token that no cache served.
    pub input: PicoUsd,
    /// Completion token, thinking included.
    pub output: PicoUsd,
    /// Prompt token read from a cache. Silent: the input price.
    pub cache_read: Option<PicoUsd>,
    /// Prompt token written to the short-lived cache (5 or 30 minutes). Silent: the input price.
    pub cache_write_short: Option<PicoUsd>,
    /// Prompt token written to the long-lived cache (1 or 12 hours). Silent: the price of a short-lived write, since
    /// nobody sells the longer life for less.
    pub cache_write_long: Option<PicoUsd>,
}

impl Prices {
    /// The prices with every silence filled in.
    pub fn flat(&self) -> FlatRates {
        let short = self.cache_write_short.unwrap_or(self.input);
        FlatRates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write_short: short,
            cache_write_long: self.cache_write_long.unwrap_or(short),
        }
    }
}

/// Prices of one token for one request, nothing left open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FlatRates {
    /// Prompt token that no cache served.
    pub input: PicoUsd,
    /// Completion token, thinking included.
    pub output: PicoUsd,
    /// Prompt token read from a cache.
    pub cache_read: PicoUsd,
    /// Prompt token written to the short-lived cache.
    pub cache_write_short: PicoUsd,
    /// Prompt token written to the long-lived cache.
    pub cache_write_long: PicoUsd,
}

impl FlatRates {
    /// What this usage costs; saturates at `u64::MAX` pico-dollars.
    ///
    /// `None` unless the output and at least one of the four input counts were reported: half a bill is no bill. Input
    /// counts that are absent next to a reported one count as zero, since providers leave out what did not occur.
    pub fn cost(&self, usage: &Usage) -> Option<PicoUsd> {
        let output = usage.output?;
        let inputs = [
            (usage.input, self.input),
            (usage.cache_read, self.cache_read),
            (usage.cache_write_short, self.cache_write_short),
            (usage.cache_write_long, self.cache_write_long),
        ];
        let mut known = false;
        let mut total = self.output.saturating_mul(output);
        for (tokens, price) in inputs {
            known |= tokens.is_some();
            total = total.saturating_add(price.saturating_mul(tokens.unwrap_or(0)));
        }
        known.then_some(total)
    }
}

/// Prompt tokens of a usage, however the cache served them.
fn prompt_tokens(usage: &Usage) -> u64 {
    [usage.input, usage.cache_read, usage.cache_write_short, usage.cache_write_long]
        .into_iter()
        .flatten()
        .fold(0, u64::saturating_add)
}

/// Prices that hold for the whole request once its prompt is longer than a bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PriceTier {
    /// The tier holds for prompts of more tokens than this, cached ones included.
    pub above_prompt_tokens: u64,
    /// Its prices, for all tokens of the request.
    pub prices: Prices,
}

/// Prices that hold at certain hours of the week.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OffPeak {
    /// Its prices.
    pub prices: Prices,
    /// When they hold: in any of these.
    pub windows: Vec<Hours>,
}

/// Hours of certain weekdays, in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    /// Bit 0 is Monday, bit 6 Sunday.
    weekdays: u8,
    /// Minutes of the day, `start < end <= 24 * 60`.
    start: u16,
    end: u16,
}

impl Hours {
    const DAY: u16 = 24 * 60;

    /// Hours such as `04:00-06:00` on weekdays numbered 1 (Monday) to 7 (Sunday).
    ///
    /// The first minute belongs to the window, the last does not; an end of `00:00` or `24:00` is midnight at the end of
    /// the day. A window does not reach across midnight: write two.
    pub fn new(weekdays: &[u8], hours: &str) -> Result<Self, InvalidRates> {
        let mut days = 0;
        for day in weekdays {
            if !(1..=7).contains(day) {
                return Err(InvalidRates::Weekday);
            }
            days |= 1 << day.saturating_sub(1);
        }
        let (start, end) = hours.split_once('-').ok_or(InvalidRates::Hours)?;
        let start = minute_of_day(start)?;
        let end = match minute_of_day(end)? {
            0 => Self::DAY,
            end => end,
        };
        if days == 0 {
            return Err(InvalidRates::Weekday);
        }
        if start >= end {
            return Err(InvalidRates::Hours);
        }
        Ok(Self { weekdays: days, start, end })
    }

    /// Whether the moment lies in the window.
    pub fn contains(&self, unix_seconds: u64) -> bool {
        // 1970-01-01 was a Thursday, three days after a Monday.
        let weekday = (unix_seconds / 86_400 % 7 + 3) % 7;
        let minute = unix_seconds % 86_400 / 60;
        self.weekdays & (1 << weekday) != 0 && (u64::from(self.start)..u64::from(self.end)).contains(&minute)
    }
}

/// `HH:MM`, up to `24:00`, in minutes.
fn minute_of_day(text: &str) -> Result<u16, InvalidRates> {
    let (hour, minute) = text.split_once(':').ok_or(InvalidRates::Hours)?;
    let two_digits = |text: &str| match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => u16::from_str(text).map_err(|_| InvalidRates::Hours),
        false => Err(InvalidRates::Hours),
    };
    match (two_digits(hour)?, two_digits(minute)?) {
        (hour @ 0..=23, minute @ 0..=59) => Ok(hour.saturating_mul(60).saturating_add(minute)),
        (24, 0) => Ok(Hours::DAY),
        _ => Err(InvalidRates::Hours),
    }
}

/// The price list of one model at one provider: a list price, dearer tiers for long prompts, cheaper hours.
///
/// Where a tier and cheap hours would both apply, the tier holds: no provider read so far has both, and the dearer
/// guess is the safer one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rates {
    list: Prices,
    /// Ascending bounds.
    tiers: Vec<PriceTier>,
    off_peak: Option<OffPeak>,
}

impl Rates {
    /// A price list. Tiers come in ascending order of their bounds, at most [`limits::PRICE_TIERS`] of them; cheap hours
    /// name at least one and at most [`limits::PRICE_WINDOWS`] windows.
    pub fn new(list: Prices, tiers: Vec<PriceTier>, off_peak: Option<OffPeak>) -> Result<Self, InvalidRates> {
        let bounds = tiers.iter().map(|tier| tier.above_prompt_tokens);
        if tiers.len() > limits::PRICE_TIERS || !bounds.is_sorted_by(|low, high| low < high) {
            return Err(InvalidRates::Tiers);
        }
        let windows = off_peak.as_ref().map(|off_peak| off_peak.windows.len());
        if windows.is_some_and(|count| count == 0 || count > limits::PRICE_WINDOWS) {
            return Err(InvalidRates::Windows);
        }
        Ok(Self { list, tiers, off_peak })
    }

    /// The same prices for every request.
    pub const fn flat(list: Prices) -> Self {
        Self { list, tiers: Vec::new(), off_peak: None }
    }

    /// The prices of a request with so many prompt tokens at this moment. Without a moment the list price, which is the
    /// dearest.
    pub fn at(&self, prompt_tokens: u64, unix_seconds: Option<u64>) -> FlatRates {
        let tier = self.tiers.iter().rfind(|tier| prompt_tokens > tier.above_prompt_tokens);
        if let Some(tier) = tier {
            return tier.prices.flat();
        }
        let off_peak = self.off_peak.as_ref().filter(|off_peak| {
            unix_seconds.is_some_and(|now| off_peak.windows.iter().any(|window| window.contains(now)))
        });
        off_peak.map_or_else(|| self.list.flat(), |off_peak| off_peak.prices.flat())
    }

    /// What this usage costs at this moment; the tier follows from its prompt tokens. `None` as in
    /// [`FlatRates::cost`].
    pub fn cost(&self, usage: &Usage, unix_seconds: Option<u64>) -> Option<PicoUsd> {
        self.at(prompt_tokens(usage), unix_seconds).cost(usage)
    }

    /// The list price.
    pub const fn list(&self) -> &Prices {
        &self.list
    }

    /// The dearer tiers, ascending.
    pub fn tiers(&self) -> &[PriceTier] {
        &self.tiers
    }

    /// The cheaper hours.
    pub const fn off_peak(&self) -> Option<&OffPeak> {
        self.off_peak.as_ref()
    }
}

/// Why a price list does not hold together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InvalidRates {
    /// Too many tiers, or their bounds do not ascend.
    Tiers,
    /// Cheap hours without a window, or with too many.
    Windows,
    /// A weekday that is not 1 to 7, or none.
    Weekday,
    /// Hours that are not `HH:MM-HH:MM` within one day.
    Hours,
}

impl fmt::Display for InvalidRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tiers => write!(f, "at most {} tiers, their bounds ascending", limits::PRICE_TIERS),
            Self::Windows => write!(f, "cheap hours need 1 to {} windows", limits::PRICE_WINDOWS),
            Self::Weekday => f.write_str("weekdays are 1 (Monday) to 7 (Sunday), at least one"),
            Self::Hours => f.write_str("hours are HH:MM-HH:MM in UTC within one day"),
        }
    }
}

impl core::error::Error for InvalidRates {}
