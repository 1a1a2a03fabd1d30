//! Entries as they stand in a document, and how they become checked values.
//!
//! The built-in catalogue and the operator's overlay have the same shape. An overlay leaves out what is to stay as it
//! is: absent fields come from the entry it is laid over, and without one from the assumptions stated here.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::str::FromStr;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::{
    Auth, Capabilities, CatalogError, ChatTools, Date, Endpoint, Family, Lifecycle, LifecycleState, Model,
    Problem, Provider, Reasoning, ThinkingType, Window,
};
use crate::{
    effort::Effort,
    limits,
    price::{Hours, InvalidRates, OffPeak, PicoUsd, PriceTier, Prices, Rates},
    wire::Dialect,
};

/// Context window of a model of which nobody told: what small open models have at least.
const ASSUMED_CONTEXT: u64 = 128_000;

/// Longest completion of a model of which nobody told.
const ASSUMED_MAX_OUTPUT: u64 = 32_000;

/// A provider in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    /// The name that model entries refer to.
    pub name: String,
    /// The name for people; absent: `name`.
    pub display: Option<String>,
    /// How all endpoints that do not say otherwise want the key; absent: as a bearer token.
    pub auth: Option<Auth>,
    /// Endpoints by dialect (`chat`, `messages`, `responses`). If given, these are all it has: an operator who points a
    /// provider at a proxy does not want the rest to go to the old address.
    pub endpoints: Option<BTreeMap<String, EndpointEntry>>,
    /// Environment variable of the key.
    pub key_env: Option<String>,
    /// Shape of an address that differs by account.
    pub base_url_hint: Option<String>,
    /// Region, caveats.
    pub note: Option<String>,
}

/// An endpoint in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointEntry {
    /// The whole URL.
    pub url: String,
    /// How it wants the key; absent: as the provider.
    pub auth: Option<Auth>,
}

impl Provider {
    /// Checks an entry; `base` supplies what it leaves out. Pointers of errors start at the entry.
    pub fn from_entry(entry: ProviderEntry, base: Option<&Self>) -> Result<Self, CatalogError> {
        check_name("/name", &entry.name)?;
        let mut endpoints = base.map(|base| base.endpoints.clone()).unwrap_or_default();
        if let Some(entries) = entry.endpoints {
            endpoints = Default::default();
            for (name, endpoint) in entries {
                let pointer = format!("/endpoints/{}", super::escape(&name));
                let dialect = dialect_named(&pointer, &name)?;
                let auth = endpoint.auth.or(entry.auth).unwrap_or_default();
                let endpoint = Endpoint::parse(&endpoint.url, auth)
                    .map_err(|e| CatalogError::new(format!("{pointer}/url"), Problem::Url(e)))?;
                let place = Dialect::ALL.iter().position(|known| *known == dialect);
                if let Some(slot) = place.and_then(|place| endpoints.get_mut(place)) {
                    *slot = Some(endpoint);
                }
            }
        }
        Ok(Self {
            display: entry
                .display
                .or_else(|| base.map(|base| base.display.clone()))
                .unwrap_or_else(|| entry.name.clone()),
            name: entry.name,
            endpoints,
            key_env: entry.key_env.or_else(|| base?.key_env.clone()),
            base_url_hint: entry.base_url_hint.or_else(|| base?.base_url_hint.clone()),
            note: entry.note.or_else(|| base?.note.clone()),
        })
    }
}

/// A model in a document. Only `provider` and `id` are required; see [`Model`] for the meaning of the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `Model`")]
pub struct ModelEntry {
    pub provider: String,
    pub id: String,
    pub aliases: Option<Vec<String>>,
    /// Absent: the last segment of `id`, in lower case.
    pub canonical: Option<String>,
    /// Absent: told by the beginning of `canonical`.
    pub family: Option<Family>,
    pub usd_per_mtok: Option<RatesEntry>,
    pub context: Option<u64>,
    pub window: Option<Window>,
    pub max_output: Option<u64>,
    #[serde(default)]
    pub capabilities: CapabilitiesEntry,
    pub chat_tools: Option<ChatTools>,
    /// Names of dialects. Absent: all that the provider speaks.
    pub dialects: Option<Vec<String>>,
    pub reasoning: Option<ReasoningEntry>,
    pub cache_min_prefix_tokens: Option<u64>,
    pub cache_life_seconds: Option<u32>,
    /// Replaces the whole lifecycle.
    pub lifecycle: Option<LifecycleEntry>,
    pub released: Option<String>,
    pub speed_tps: Option<u32>,
    pub suggested_tier: Option<String>,
    pub as_of: Option<String>,
    pub sources: Option<Vec<String>>,
    pub note: Option<String>,
}

impl Model {
    /// Checks an entry; `base` supplies what it leaves out, down to single prices, capabilities and reasoning fields.
    /// Pointers of errors start at the entry.
    pub fn from_entry(entry: ModelEntry, base: Option<&Self>) -> Result<Self, CatalogError> {
        check_name("/provider", &entry.provider)?;
        check_name("/id", &entry.id)?;
        let aliases = entry.aliases.or_else(|| Some(base?.aliases.clone())).unwrap_or_default();
        for (index, alias) in aliases.iter().enumerate() {
            check_name(&format!("/aliases/{index}"), alias)?;
        }
        let canonical = match (entry.canonical, base) {
            (Some(name), _) => name,
            (None, Some(base)) => base.canonical.clone(),
            (None, None) => entry.id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase(),
        };
        check_name("/canonical", &canonical)?;
        let rates = match entry.usd_per_mtok {
            Some(rates) => Some(rates.checked(base.and_then(|base| base.rates.as_ref()))?),
            None => base.and_then(|base| base.rates.clone()),
        };
        let dialects = match entry.dialects {
            Some(names) => {
                let named =
                    |(index, name): (usize, &String)| dialect_named(&format!("/dialects/{index}"), name);
                Some(names.iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?)
            }
            None => base.and_then(|base| base.dialects.clone()),
        };
        let size = |pointer, value: Option<u64>, inherited: Option<u64>, assumed| match value {
            Some(0) => Err(CatalogError::new(pointer, Problem::Zero)),
            value => Ok(value.or(inherited).unwrap_or(assumed)),
        };
        Ok(Self {
            family: entry.family.or_else(|| Some(base?.family)).unwrap_or_else(|| Family::of(&canonical)),
            canonical,
            context: size("/context", entry.context, base.map(|base| base.context), ASSUMED_CONTEXT)?,
            max_output: size(
                "/max_output",
                entry.max_output,
                base.map(|base| base.max_output),
                ASSUMED_MAX_OUTPUT,
            )?,
            window: entry.window.or_else(|| Some(base?.window)).unwrap_or_default(),
            capabilities: entry
                .capabilities
                .over(base.map_or(Capabilities::ASSUMED, |base| base.capabilities)),
            chat_tools: entry.chat_tools.or_else(|| Some(base?.chat_tools)).unwrap_or_default(),
            reasoning: match entry.reasoning {
                Some(reasoning) => reasoning.checked(base.map(|base| &base.reasoning))?,
                None => base.map(|base| base.reasoning.clone()).unwrap_or_default(),
            },
            lifecycle: match entry.lifecycle {
                Some(lifecycle) => Some(lifecycle.checked()?),
                None => base.and_then(|base| base.lifecycle.clone()),
            },
            released: date("/released", entry.released.as_deref())?.or_else(|| base?.released),
            as_of: date("/as_of", entry.as_of.as_deref())?.or_else(|| base?.as_of),
            cache_min_prefix_tokens: entry.cache_min_prefix_tokens.or_else(|| base?.cache_min_prefix_tokens),
            cache_life_seconds: entry.cache_life_seconds.or_else(|| base?.cache_life_seconds),
            speed_tps: entry.speed_tps.or_else(|| base?.speed_tps),
            suggested_tier: entry.suggested_tier.or_else(|| base?.suggested_tier.clone()),
            sources: entry.sources.or_else(|| Some(base?.sources.clone())).unwrap_or_default(),
            note: entry.note.or_else(|| base?.note.clone()),
            provider: entry.provider,
            id: entry.id,
            aliases,
            rates,
            dialects,
        })
    }
}

/// Prices in a document, in dollars per million tokens, at most six decimals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `Prices` and `Rates`")]
pub struct RatesEntry {
    pub input: Option<Number>,
    pub output: Option<Number>,
    pub cache_read: Option<Number>,
    pub cache_write_short: Option<Number>,
    pub cache_write_long: Option<Number>,
    /// Replaces all tiers; `[]` removes them.
    pub tiers: Option<Vec<TierEntry>>,
    /// Replaces the cheap hours; `null` removes them.
    #[serde(default, deserialize_with = "present")]
    pub off_peak: Option<Option<OffPeakEntry>>,
}

/// A price tier in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `PriceTier`")]
pub struct TierEntry {
    pub above_prompt_tokens: u64,
    pub input: Number,
    pub output: Number,
    pub cache_read: Option<Number>,
    pub cache_write_short: Option<Number>,
    pub cache_write_long: Option<Number>,
}

/// Cheap hours in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `OffPeak`")]
pub struct OffPeakEntry {
    pub input: Number,
    pub output: Number,
    pub cache_read: Option<Number>,
    pub cache_write_short: Option<Number>,
    pub cache_write_long: Option<Number>,
    pub windows_utc: Vec<WindowEntry>,
}

/// Hours of certain weekdays in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowEntry {
    /// 1 (Monday) to 7 (Sunday).
    pub weekdays: Vec<u8>,
    /// `HH:MM-HH:MM`.
    pub hours: Vec<String>,
}

/// Keeps an explicit `null` apart from an absent field.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl RatesEntry {
    fn checked(self, base: Option<&Rates>) -> Result<Rates, CatalogError> {
        const AT: &str = "/usd_per_mtok";
        let inherited = base.map(|base| *base.list());
        let missing = |field| CatalogError::new(format!("{AT}/{field}"), Problem::Missing);
        let input = price(AT, "input", self.input.as_ref())?.or_else(|| Some(inherited?.input));
        let output = price(AT, "output", self.output.as_ref())?.or_else(|| Some(inherited?.output));
        let list = Prices {
            input: input.ok_or_else(|| missing("input"))?,
            output: output.ok_or_else(|| missing("output"))?,
            cache_read: price(AT, "cache_read", self.cache_read.as_ref())?.or_else(|| inherited?.cache_read),
            cache_write_short: price(AT, "cache_write_short", self.cache_write_short.as_ref())?
                .or_else(|| inherited?.cache_write_short),
            cache_write_long: price(AT, "cache_write_long", self.cache_write_long.as_ref())?
                .or_else(|| inherited?.cache_write_long),
        };
        let tiers = match self.tiers {
            Some(tiers) => tiers.iter().enumerate().map(TierEntry::checked).collect::<Result<Vec<_>, _>>()?,
            None => base.map(|base| base.tiers().to_vec()).unwrap_or_default(),
        };
        let off_peak = match self.off_peak {
            Some(off_peak) => off_peak.as_ref().map(OffPeakEntry::checked).transpose()?,
            None => base.and_then(|base| base.off_peak().cloned()),
        };
        Rates::new(list, tiers, off_peak).map_err(|e| {
            let field = if e == InvalidRates::Windows { "off_peak/windows_utc" } else { "tiers" };
            CatalogError::new(format!("{AT}/{field}"), Problem::Rates(e))
        })
    }
}

impl TierEntry {
    fn checked((index, tier): (usize, &Self)) -> Result<PriceTier, CatalogError> {
        let at = format!("/usd_per_mtok/tiers/{index}");
        let prices = Prices {
            input: price(&at, "input", Some(&tier.input))?.unwrap_or_default(),
            output: price(&at, "output", Some(&tier.output))?.unwrap_or_default(),
            cache_read: price(&at, "cache_read", tier.cache_read.as_ref())?,
            cache_write_short: price(&at, "cache_write_short", tier.cache_write_short.as_ref())?,
            cache_write_long: price(&at, "cache_write_long", tier.cache_write_long.as_ref())?,
        };
        Ok(PriceTier { above_prompt_tokens: tier.above_prompt_tokens, prices })
    }
}

impl OffPeakEntry {
    fn checked(&self) -> Result<OffPeak, CatalogError> {
        const AT: &str = "/usd_per_mtok/off_peak";
        let prices = Prices {
            input: price(AT, "input", Some(&self.input))?.unwrap_or_default(),
            output: price(AT, "output", Some(&self.output))?.unwrap_or_default(),
            cache_read: price(AT, "cache_read", self.cache_read.as_ref())?,
            cache_write_short: price(AT, "cache_write_short", self.cache_write_short.as_ref())?,
            cache_write_long: price(AT, "cache_write_long", self.cache_write_long.as_ref())?,
        };
        let mut windows = Vec::new();
        for (place, entry) in self.windows_utc.iter().enumerate() {
            for (index, hours) in entry.hours.iter().enumerate() {
                let pointer = || format!("{AT}/windows_utc/{place}/hours/{index}");
                let window = Hours::new(&entry.weekdays, hours);
                windows.push(window.map_err(|e| CatalogError::new(pointer(), Problem::Rates(e)))?);
            }
        }
        Ok(OffPeak { prices, windows })
    }
}

/// Reads a price by the shortest text of the number, so that no arithmetic on floats is involved. A decimal of up to 15
/// digits survives the way through a JSON number unchanged; a price has fewer.
fn price(at: &str, field: &str, number: Option<&Number>) -> Result<Option<PicoUsd>, CatalogError> {
    let Some(number) = number else { return Ok(None) };
    match PicoUsd::per_token_from_usd_per_mtok(&number.to_string()) {
        Ok(price) => Ok(Some(price)),
        Err(e) => Err(CatalogError::new(format!("{at}/{field}"), Problem::Price(e))),
    }
}

/// Capabilities in a document; absent ones stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names of `Capabilities`")]
pub struct CapabilitiesEntry {
    pub tools: Option<bool>,
    pub parallel_tools: Option<bool>,
    pub forced_tool_choice: Option<bool>,
    pub images: Option<bool>,
    pub documents: Option<bool>,
    pub audio: Option<bool>,
    pub json_schema: Option<bool>,
    pub prompt_cache: Option<bool>,
    pub sampling_params: Option<bool>,
    pub prefill: Option<bool>,
}

impl CapabilitiesEntry {
    fn over(&self, base: Capabilities) -> Capabilities {
        let said = [
            (Capabilities::TOOLS, self.tools),
            (Capabilities::PARALLEL_TOOLS, self.parallel_tools),
            (Capabilities::FORCED_TOOL_CHOICE, self.forced_tool_choice),
            (Capabilities::IMAGES, self.images),
            (Capabilities::DOCUMENTS, self.documents),
            (Capabilities::AUDIO, self.audio),
            (Capabilities::JSON_SCHEMA, self.json_schema),
            (Capabilities::PROMPT_CACHE, self.prompt_cache),
            (Capabilities::SAMPLING_PARAMS, self.sampling_params),
            (Capabilities::PREFILL, self.prefill),
        ];
        said.into_iter().fold(base, |set, (capability, said)| match said {
            Some(present) => set.set(capability, present),
            None => set,
        })
    }
}

/// How a model thinks, in a document. An entry that is there at all says that it does, unless `thinks` is false.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `Reasoning`")]
pub struct ReasoningEntry {
    pub thinks: Option<bool>,
    pub efforts: Option<Vec<String>>,
    pub default: Option<String>,
    /// Absent: whether `efforts` holds `none`.
    pub can_disable: Option<bool>,
    pub disable_max_effort: Option<String>,
    pub chat_max_effort: Option<String>,
    pub thinking_types: Option<Vec<ThinkingType>>,
    pub budget_min: Option<u64>,
    pub budget_max: Option<u64>,
}

impl ReasoningEntry {
    fn checked(self, base: Option<&Reasoning>) -> Result<Reasoning, CatalogError> {
        let one = |field: &str, name: Option<&String>| {
            name.map(|name| effort_named(&format!("/reasoning/{field}"), name)).transpose()
        };
        let mut efforts = match &self.efforts {
            Some(names) => {
                let named = |(index, name): (usize, &String)| {
                    effort_named(&format!("/reasoning/efforts/{index}"), name)
                };
                names.iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?
            }
            None => base.map(|base| base.efforts.clone()).unwrap_or_default(),
        };
        efforts.sort_unstable();
        efforts.dedup();
        let mut default = one("default", self.default.as_ref())?;
        if let Some(effort) = default
            && !efforts.is_empty()
            && !efforts.contains(&effort)
        {
            return Err(CatalogError::new("/reasoning/default", Problem::NotListed));
        }
        if default.is_none() {
            default = base.and_then(|base| base.default).filter(|effort| efforts.contains(effort));
        }
        let mut thinking_types =
            self.thinking_types.or_else(|| Some(base?.thinking_types.clone())).unwrap_or_default();
        thinking_types.sort_unstable();
        thinking_types.dedup();
        Ok(Reasoning {
            thinks: self.thinks.unwrap_or(true),
            can_disable: self
                .can_disable
                .or_else(|| self.efforts.is_none().then_some(base?.can_disable))
                .unwrap_or_else(|| efforts.contains(&Effort::None)),
            default,
            efforts,
            disable_max_effort: one("disable_max_effort", self.disable_max_effort.as_ref())?
                .or_else(|| base?.disable_max_effort),
            chat_max_effort: one("chat_max_effort", self.chat_max_effort.as_ref())?
                .or_else(|| base?.chat_max_effort),
            thinking_types,
            budget_min: self.budget_min.or_else(|| base?.budget_min),
            budget_max: self.budget_max.or_else(|| base?.budget_max),
        })
    }
}

/// A lifecycle in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of `Lifecycle`")]
pub struct LifecycleEntry {
    pub state: LifecycleState,
    pub date: Option<String>,
    pub successor: Option<String>,
}

impl LifecycleEntry {
    fn checked(self) -> Result<Lifecycle, CatalogError> {
        if let Some(successor) = &self.successor {
            check_name("/lifecycle/successor", successor)?;
        }
        let date = date("/lifecycle/date", self.date.as_deref())?;
        Ok(Lifecycle { state: self.state, date, successor: self.successor })
    }
}

/// A name that can go into a request or a header: visible ASCII, bounded.
fn check_name(pointer: &str, name: &str) -> Result<(), CatalogError> {
    let visible = name.bytes().all(|b| b.is_ascii_graphic());
    if name.is_empty() || name.len() > limits::MODEL_NAME || !visible {
        return Err(CatalogError::new(pointer, Problem::Name));
    }
    Ok(())
}

fn date(pointer: &str, text: Option<&str>) -> Result<Option<Date>, CatalogError> {
    text.map(Date::from_str).transpose().map_err(|e| CatalogError::new(pointer, Problem::Date(e)))
}

fn dialect_named(pointer: &str, name: &str) -> Result<Dialect, CatalogError> {
    let found = Dialect::ALL.into_iter().find(|dialect| dialect.name() == name);
    found.ok_or_else(|| CatalogError::new(pointer, Problem::Unknown(name.to_owned())))
}

fn effort_named(pointer: &str, name: &str) -> Result<Effort, CatalogError> {
    Effort::parse(name.as_bytes())
        .ok_or_else(|| CatalogError::new(pointer, Problem::Unknown(name.to_owned())))
}
