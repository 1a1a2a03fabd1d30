//! `samples` of a tier.

use alloc::format;

use super::super::{ConfigError, Mode, Sampling};
use super::node::Node;
use crate::limits;

/// Reads the settings. `last` is whether no tier stands above, to go up to.
pub(super) fn samples(node: &Node<'_>, last: bool) -> Result<Sampling, ConfigError> {
    let settings = node.object(&["mode", "min", "max", "deadline_ms"])?;
    let mode_at = settings.need("mode")?;
    let mode =
        mode_at.word(&[Mode::Vote, Mode::Race, Mode::Cascade, Mode::Auto].map(|mode| (mode.name(), mode)))?;
    if mode == Mode::Cascade && last {
        return Err(mode_at.error("nothing stands above the last tier: a cascade goes up to the next"));
    }
    let (min, max) = match mode {
        Mode::Vote | Mode::Auto => (3, 7),
        Mode::Race => (3, 3),
        Mode::Cascade => (1, 1),
    };
    let count = |key: &str| settings.get(key).map(|node| node.integer(1..=limits::SAMPLES)).transpose();
    let (said_min, said_max) = (count("min")?, count("max")?);
    let min = said_min.unwrap_or_else(|| said_max.map_or(min, |max| max.min(min)));
    let max = said_max.unwrap_or(max).max(if said_max.is_some() { 0 } else { min });
    if min > max {
        return Err(node.error(format!("`min` is {min} and `max` is {max}: not more than `max` are asked")));
    }
    let deadline_ms =
        settings.get("deadline_ms").map(|node| node.integer(1000..=u16::MAX)).transpose()?.unwrap_or(60_000);
    let narrow = |count: u16| u8::try_from(count).unwrap_or(u8::MAX);
    Ok(Sampling { mode, min: narrow(min), max: narrow(max), deadline_ms: u32::from(deadline_ms) })
}
