//! A prompt cache that really remembers: what a provider would bill as read and as written.
//!
//! Entries are prefixes, cut at the segments of a request (tools, system, content blocks or messages), each known by
//! the hash of everything before its end. They belong to one key, one model and one scope, and they expire.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ask::{Ask, Ttl};
use crate::hash::Hash;
use crate::models::{Family, Quirk};
use crate::vendor::{Dialect, Vendor};

/// Blocks before a mark in which an older entry is still found.
const LOOK_BACK: usize = 20;

/// What a provider charges for, in tokens; every token of the exchange is in exactly one field, except that
/// `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Billed {
    /// Prompt tokens neither read from nor written to a cache.
    pub fresh: u64,
    /// Prompt tokens read from the cache.
    pub cache_read: u64,
    /// Prompt tokens written to the cache for its usual time.
    pub cache_write_short: u64,
    /// Prompt tokens written to the cache for its longer time.
    pub cache_write_long: u64,
    /// All tokens of the answer.
    pub output: u64,
    /// Those of the answer that were thinking.
    pub reasoning: u64,
}

impl Billed {
    /// All tokens of the prompt.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.fresh + self.cache_read + self.cache_write()
    }

    /// Prompt tokens written to the cache.
    #[must_use]
    pub const fn cache_write(&self) -> u64 {
        self.cache_write_short + self.cache_write_long
    }
}

/// How a provider caches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// Not at all.
    Never,
    /// Where the request says so.
    Marked,
    /// At the end of the prompt and where the request says so; writes are billed.
    Breakpoints,
    /// Whatever was seen before, in units of so many tokens.
    Automatic { unit: u64, bills_writes: bool },
}

/// The cache of one provider.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: HashMap<u64, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Instant,
    life: Duration,
}

/// The prompt as prefixes: hash and tokens up to and including each segment.
struct Prefixes {
    hashes: Vec<u64>,
    tokens: Vec<u64>,
}

impl Cache {
    /// Forgets everything, as after an hour of silence.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Looks the prompt up, remembers it, and says how it is billed; `output` is left at zero.
    pub(crate) fn bill(&mut self, ask: &Ask, key: &str, now: Instant) -> Billed {
        let prefixes = prefixes(ask, key);
        match way(ask) {
            Way::Never => Billed { fresh: ask.prompt_tokens(), ..Billed::default() },
            Way::Marked => self.marked(ask, &prefixes, now),
            Way::Breakpoints => self.breakpoints(ask, &prefixes, now),
            Way::Automatic { unit, bills_writes } => self.automatic(ask, &prefixes, now, unit, bills_writes),
        }
    }

    fn marked(&mut self, ask: &Ask, prefixes: &Prefixes, now: Instant) -> Billed {
        let total = ask.prompt_tokens();
        let marks: Vec<(usize, Ttl)> = ask
            .prompt
            .iter()
            .enumerate()
            .filter_map(|(index, segment)| segment.mark.map(|ttl| (index, ttl)))
            .filter(|(index, _)| prefixes.tokens[*index] >= ask.model.cache_min)
            .collect();
        let hit = marks
            .iter()
            .flat_map(|(mark, _)| mark.saturating_sub(LOOK_BACK)..=*mark)
            .filter(|index| self.alive(prefixes.hashes[*index], now))
            .max();
        if let Some(hit) = hit {
            self.refresh(prefixes.hashes[hit], now);
        }
        let mut done = hit.map_or(0, |hit| prefixes.tokens[hit]);
        let mut billed = Billed { cache_read: done, ..Billed::default() };
        for (index, ttl) in &marks {
            let written = prefixes.tokens[*index].saturating_sub(done);
            done += written;
            match ttl {
                Ttl::Short => billed.cache_write_short += written,
                Ttl::Long => billed.cache_write_long += written,
            }
            let life = if *ttl == Ttl::Long { 3600 } else { 300 };
            self.keep(prefixes.hashes[*index], Duration::from_secs(life), now);
        }
        billed.fresh = total - billed.cache_read - billed.cache_write();
        billed
    }

    fn breakpoints(&mut self, ask: &Ask, prefixes: &Prefixes, now: Instant) -> Billed {
        let total = ask.prompt_tokens();
        let last = prefixes.hashes.len().saturating_sub(1);
        let hit = (last.saturating_sub(79)..=last)
            .rev()
            .find(|index| prefixes.hashes.get(*index).is_some_and(|hash| self.alive(*hash, now)))
            .filter(|index| prefixes.tokens[*index] >= ask.model.cache_min);
        let read = hit.map_or(0, |hit| prefixes.tokens[hit]);
        if let Some(hit) = hit {
            self.refresh(prefixes.hashes[hit], now);
        }
        let (mut written_to, mut long) = (read, 0);
        for (index, segment) in ask.prompt.iter().enumerate() {
            let implicit = index == last && !ask.cache_marked_only;
            if (segment.mark.is_none() && !implicit) || prefixes.tokens[index] < ask.model.cache_min {
                continue;
            }
            let is_long = ask.cache_long || segment.mark == Some(Ttl::Long);
            let written = prefixes.tokens[index].saturating_sub(written_to);
            written_to += written;
            long += if is_long { written } else { 0 };
            let life = if is_long { 12 * 3600 } else { 1800 };
            self.keep(prefixes.hashes[index], Duration::from_secs(life), now);
        }
        Billed {
            fresh: total - written_to,
            cache_read: read,
            cache_write_short: written_to - read - long,
            cache_write_long: long,
            ..Billed::default()
        }
    }

    fn automatic(
        &mut self,
        ask: &Ask,
        prefixes: &Prefixes,
        now: Instant,
        unit: u64,
        bills_writes: bool,
    ) -> Billed {
        let total = ask.prompt_tokens();
        let known = prefixes.hashes.iter().rposition(|hash| self.alive(*hash, now));
        let known = known.map_or(0, |index| prefixes.tokens[index]) / unit * unit;
        let read = if known >= ask.model.cache_min { known } else { 0 };
        for hash in &prefixes.hashes {
            self.keep(*hash, Duration::from_secs(600), now);
        }
        let written = if bills_writes { total - read } else { 0 };
        Billed {
            fresh: total - read - written,
            cache_read: read,
            cache_write_short: written,
            ..Billed::default()
        }
    }

    fn alive(&self, hash: u64, now: Instant) -> bool {
        self.entries.get(&hash).is_some_and(|entry| entry.until > now)
    }

    fn refresh(&mut self, hash: u64, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&hash) {
            entry.until = now + entry.life;
        }
    }

    fn keep(&mut self, hash: u64, life: Duration, now: Instant) {
        self.entries.insert(hash, Entry { until: now + life, life });
    }
}

fn way(ask: &Ask) -> Way {
    let marks = ask.prompt.iter().any(|segment| segment.mark.is_some());
    match (ask.vendor, ask.dialect, ask.model.family) {
        (Vendor::Anthropic, Dialect::Messages, _) | (Vendor::OpenRouter, _, Family::Claude) => Way::Marked,
        (Vendor::Anthropic, _, _) => Way::Never,
        (Vendor::MiniMax, Dialect::Messages, _) if marks => Way::Marked,
        (Vendor::OpenAi | Vendor::OpenRouter, _, Family::Gpt) if ask.model.has(Quirk::CacheOptions) => {
            Way::Breakpoints
        }
        (Vendor::OpenAi, _, _) => Way::Automatic { unit: 128, bills_writes: false },
        (Vendor::Moonshot, _, _) => {
            Way::Automatic { unit: ask.model.cache_min, bills_writes: ask.model.has(Quirk::CacheOptions) }
        }
        (Vendor::MiniMax, _, _) => Way::Automatic { unit: 1, bills_writes: false },
        _ => Way::Automatic { unit: ask.model.cache_min, bills_writes: false },
    }
}

fn prefixes(ask: &Ask, key: &str) -> Prefixes {
    let mut hash = Hash::new().with(key).with(ask.model.id).number(ask.scope);
    // A change of these is a change of everything in `messages`.
    let settings = Hash::new()
        .with(ask.effort.name())
        .number(u64::from(ask.thinks))
        .with(format!("{:?}", ask.choice))
        .value();
    let settings_count = matches!(way(ask), Way::Marked);
    let (mut hashes, mut tokens, mut sum) = (Vec::new(), Vec::new(), 0);
    let mut inside = false;
    for segment in &ask.prompt {
        if segment.in_messages && !inside && settings_count {
            inside = true;
            hash = hash.number(settings);
        }
        hash = hash.number(segment.hash);
        sum += segment.tokens;
        hashes.push(hash.value());
        tokens.push(sum);
    }
    Prefixes { hashes, tokens }
}
