//! The shapes of answers and of their events, as far as the meter reads them.
//!
//! Everything else in them is skipped without being looked at, and so is the text of errors.

use alloc::string::String;

use serde::de::SeqAccess;
use serde::{Deserialize, Deserializer};

use crate::limits;
use crate::wire::usage::{ChatUsage, FromAnyJson, Maybe, MessagesUsage, Name, ResponsesUsage, from_any_json};

/// Reads an object, or the first of a list of them: Gemini wraps its errors so. Anything else that is JSON
/// has no fields.
pub(super) fn parse<'j, T: Deserialize<'j> + Default>(json: &'j [u8]) -> Option<T> {
    serde_json::from_slice::<Maybe<T>>(json).ok().map(Maybe::object)
}

/// A finish reason, a status or the type of an event.
type Word = Name<64>;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Chat {
    pub(super) model: Name<{ limits::MODEL_NAME }>,
    pub(super) usage: Maybe<ChatUsage>,
    pub(super) choices: Maybe<Choice>,
    pub(super) error: Maybe<Fault>,
    /// `error` in the flat error bodies of vLLM and Mistral.
    pub(super) object: Word,
    pub(super) r#type: Name<{ limits::ERROR_CODE }>,
    pub(super) code: Name<{ limits::ERROR_CODE }>,
    pub(super) x_groq: Maybe<Groq>,
    pub(super) base_resp: Maybe<BaseResp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) finish_reason: Word,
    /// Older models of Moonshot report here.
    pub(super) usage: Maybe<ChatUsage>,
}

/// Groq's streams report here.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Maybe<ChatUsage>,
    pub(super) error: Maybe<Fault>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Messages {
    pub(super) r#type: Word,
    pub(super) model: Name<{ limits::MODEL_NAME }>,
    pub(super) usage: Maybe<MessagesUsage>,
    pub(super) stop_reason: Word,
    /// Of `message_start`.
    pub(super) message: Maybe<MessageStart>,
    /// Of `message_delta`.
    pub(super) delta: Maybe<MessageDelta>,
    pub(super) error: Maybe<Fault>,
    pub(super) base_resp: Maybe<BaseResp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct MessageStart {
    pub(super) model: Name<{ limits::MODEL_NAME }>,
    pub(super) usage: Maybe<MessagesUsage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct MessageDelta {
    pub(super) stop_reason: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Responses {
    pub(super) r#type: Word,
    pub(super) response: Maybe<Response>,
    pub(super) code: Name<{ limits::ERROR_CODE }>,
    pub(super) model: Name<{ limits::MODEL_NAME }>,
    pub(super) status: Word,
    pub(super) usage: Maybe<ResponsesUsage>,
    pub(super) error: Maybe<Fault>,
    pub(super) incomplete_details: Maybe<IncompleteDetails>,
    pub(super) output: CallsTool,
    pub(super) base_resp: Maybe<BaseResp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Response {
    pub(super) model: Name<{ limits::MODEL_NAME }>,
    pub(super) status: Word,
    pub(super) usage: Maybe<ResponsesUsage>,
    pub(super) error: Maybe<Fault>,
    pub(super) incomplete_details: Maybe<IncompleteDetails>,
    pub(super) output: CallsTool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct IncompleteDetails {
    pub(super) reason: Word,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct BaseResp {
    pub(super) status_code: Name<{ limits::ERROR_CODE }>,
}

/// The parts of an error that name it. Its message is left alone.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) code: Name<{ limits::ERROR_CODE }>,
    pub(super) r#type: Name<{ limits::ERROR_CODE }>,
    /// Gemini.
    pub(super) status: Name<{ limits::ERROR_CODE }>,
}

impl Fault {
    /// The most telling name: words before numbers, the narrow before the broad. A text with spaces is no
    /// name.
    pub(super) fn code(self) -> Option<String> {
        let is_name = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        let code = self.code.0.filter(is_name);
        let word = code.clone().filter(|code| !is_number(code));
        word.or_else(|| self.r#type.0.filter(is_name)).or_else(|| self.status.0.filter(is_name)).or(code)
    }
}

/// Whether a list of output items holds work for the client.
#[derive(Default)]
pub(super) struct CallsTool(pub(super) bool);

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputItem {
    r#type: Word,
}

impl<'de> Deserialize<'de> for CallsTool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

impl<'de> FromAnyJson<'de> for CallsTool {
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut calls = false;
        while let Some(item) = list.next_element::<Maybe<OutputItem>>()? {
            calls |= item.object().r#type.0.is_some_and(|kind| TOOL_CALLS.contains(&kind.as_str()));
        }
        Ok(Self(calls))
    }
}

/// Calls that the client has to answer, unlike those of tools that the provider runs itself.
const TOOL_CALLS: [&str; 6] = [
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "computer_call",
];
