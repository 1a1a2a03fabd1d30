//! OpenRouter: drops what a model does not know, refuses what no host of it can do.

use super::{Check, effort_word, has_part};
use crate::ask::Ask;
use crate::json::Json;
use crate::models::{Effort, Quirk};
use crate::refusal::{Kind, Refusal};
use crate::vendor::Dialect;

/// What is refused on any dialect.
pub(super) fn any(ask: &mut Ask, body: &Json) -> Check {
    if !ask.model.has(Quirk::Images) && has_part(body, &["image", "image_url", "input_image"]) {
        return Err(Refusal::new(404, Kind::Model, "No endpoints found that support image input"));
    }
    match ask.dialect {
        Dialect::Chat => chat(ask, body),
        Dialect::Messages => {
            ask.thinks = ask.model.has(Quirk::Thinks) && super::thinking_type(body) != "disabled";
            Ok(())
        }
        Dialect::Responses => {
            offered(ask.effort)?;
            ask.thinks = ask.effort > Effort::None;
            Ok(())
        }
    }
}

fn chat(ask: &mut Ask, body: &Json) -> Check {
    let nested = body.get("reasoning");
    let word = match nested.map(|nested| (nested.get("effort"), nested.get("max_tokens"))) {
        Some((Some(_), Some(_))) => {
            return Err(Refusal::invalid(
                "Only one of \"reasoning.effort\" and \"reasoning.max_tokens\" can be specified",
            ));
        }
        Some((Some(effort), None)) => Some(effort.as_str().and_then(Effort::named).ok_or_else(|| {
            Refusal::invalid(format!("reasoning.effort: Invalid option {}", effort.compact()))
        })?),
        Some((None, Some(limit))) => {
            ask.budget = limit.as_u64();
            Some(Effort::Medium)
        }
        _ => effort_word(body)?,
    };
    if let Some(effort) = word {
        offered(effort)?;
        ask.effort = effort;
    }
    ask.thinks = ask.effort > Effort::None && (ask.model.has(Quirk::Thinks) || word.is_some());
    let excluded = nested.and_then(|nested| nested.get("exclude")).and_then(Json::as_bool) == Some(true);
    if excluded {
        ask.show = crate::ask::Show::Nothing;
    }
    if body.at(&["usage", "include"]).and_then(Json::as_bool) == Some(true) {
        ask.include_usage = true;
    }
    Ok(())
}

fn offered(effort: Effort) -> Check {
    if effort == Effort::Max {
        return Err(Refusal::invalid(
            "reasoning.effort: Invalid option: expected one of \"xhigh\"|\"high\"|\"medium\"|\"low\"|\"minimal\"|\"none\"",
        ));
    }
    Ok(())
}
