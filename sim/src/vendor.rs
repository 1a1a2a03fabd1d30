//! Who is simulated: paths, credentials and the headers of each provider.

use hyper::{HeaderMap, Method};

use crate::json::Json;
use crate::refusal::{Kind, Refusal};

/// A model provider.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Vendor {
    /// `api.anthropic.com`: Messages, token counting, and a Chat Completions layer.
    Anthropic,
    /// `api.openai.com`: Chat Completions and Responses.
    OpenAi,
    /// `api.minimax.io`: all three dialects.
    MiniMax,
    /// `api.deepseek.com`: Chat Completions and Messages.
    DeepSeek,
    /// `api.moonshot.ai`: Chat Completions and Messages.
    Moonshot,
    /// `api.z.ai`: Chat Completions and Messages.
    Zai,
    /// `openrouter.ai`: all three dialects, models of other vendors.
    OpenRouter,
    /// Any host that speaks Chat Completions, such as vLLM.
    Generic,
}

/// A wire format.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

/// What a path stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    /// Asks a model.
    Inference(Dialect),
    /// Counts the tokens of a Messages request.
    CountTokens,
    /// Lists the models.
    Models,
}

impl Endpoint {
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Inference(dialect) => dialect,
            Self::CountTokens => Dialect::Messages,
            Self::Models => Dialect::Chat,
        }
    }
}

impl Vendor {
    /// Every vendor.
    pub const ALL: [Self; 8] = [
        Self::Anthropic,
        Self::OpenAi,
        Self::MiniMax,
        Self::DeepSeek,
        Self::Moonshot,
        Self::Zai,
        Self::OpenRouter,
        Self::Generic,
    ];

    /// The name used on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::MiniMax => "minimax",
            Self::DeepSeek => "deepseek",
            Self::Moonshot => "moonshot",
            Self::Zai => "zai",
            Self::OpenRouter => "openrouter",
            Self::Generic => "generic",
        }
    }

    /// The vendor of that [`name`](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }

    /// The paths of this vendor. `base` is where a generic host has its Chat Completions, such as `/v1`.
    fn paths(self, base: &str) -> Vec<(String, Endpoint)> {
        use Dialect::{Chat, Messages, Responses};
        use Endpoint::{CountTokens, Inference, Models};
        let fixed: &[(&str, Endpoint)] = match self {
            Self::Anthropic => &[
                ("/v1/messages", Inference(Messages)),
                ("/v1/messages/count_tokens", CountTokens),
                ("/v1/chat/completions", Inference(Chat)),
                ("/v1/models", Models),
            ],
            Self::OpenAi => &[
                ("/v1/chat/completions", Inference(Chat)),
                ("/v1/responses", Inference(Responses)),
                ("/v1/models", Models),
            ],
            Self::MiniMax => &[
                ("/v1/chat/completions", Inference(Chat)),
                ("/v1/responses", Inference(Responses)),
                ("/anthropic/v1/messages", Inference(Messages)),
            ],
            Self::DeepSeek => &[
                ("/chat/completions", Inference(Chat)),
                ("/v1/chat/completions", Inference(Chat)),
                ("/anthropic/v1/messages", Inference(Messages)),
                ("/models", Models),
                ("/v1/models", Models),
            ],
            Self::Moonshot => &[
                ("/v1/chat/completions", Inference(Chat)),
                ("/anthropic/v1/messages", Inference(Messages)),
                ("/v1/models", Models),
            ],
            Self::Zai => &[
                ("/api/paas/v4/chat/completions", Inference(Chat)),
                ("/api/anthropic/v1/messages", Inference(Messages)),
            ],
            Self::OpenRouter => &[
                ("/api/v1/chat/completions", Inference(Chat)),
                ("/api/v1/responses", Inference(Responses)),
                ("/api/v1/messages", Inference(Messages)),
                ("/api/v1/models", Models),
            ],
            Self::Generic => {
                return vec![
                    (format!("{base}/chat/completions"), Inference(Chat)),
                    (format!("{base}/models"), Models),
                ];
            }
        };
        fixed.iter().map(|(path, endpoint)| ((*path).to_owned(), *endpoint)).collect()
    }

    /// What `method path` asks for. The query is ignored, as the real ones do with `?beta=true`.
    pub(crate) fn route(self, base: &str, method: &Method, path: &str) -> Result<Endpoint, Refusal> {
        let endpoint =
            self.paths(base).into_iter().find(|(known, _)| known == path).map(|(_, endpoint)| endpoint);
        let wanted = match endpoint {
            Some(Endpoint::Models) => Method::GET,
            _ => Method::POST,
        };
        match endpoint {
            Some(endpoint) if *method == wanted => Ok(endpoint),
            Some(_) => Err(Refusal::new(405, Kind::Method, "Method Not Allowed")),
            None => Err(Refusal::new(404, Kind::Path, format!("Invalid URL ({method} {path})"))),
        }
    }

    /// Checks the credential, and that no other credential and no internal header of the router has come along.
    pub(crate) fn authorize(self, dialect: Dialect, key: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        self.refuse_leaks(headers)?;
        let bearer = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let api_key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
        if key.is_empty() {
            return match (bearer, api_key) {
                (None, None) => Ok(()),
                _ => Err(Refusal::unexpected_header("a credential was sent to a host that takes none")),
            };
        }
        // Which of the two headers counts, by vendor and path.
        let (takes_bearer, takes_api_key) = match (self, dialect) {
            // A Bearer token is for OAuth; a plain key in it is refused.
            (Self::Anthropic, Dialect::Messages) => (key.starts_with("sk-ant-oat"), true),
            (Self::Anthropic, _) => (true, true),
            (Self::MiniMax | Self::DeepSeek | Self::Moonshot | Self::Zai, Dialect::Messages) => (true, true),
            _ => (true, false),
        };
        let known = (takes_bearer && bearer == Some(key)) || (takes_api_key && api_key == Some(key));
        if known { Ok(()) } else { Err(self.unauthorized(headers)) }
    }

    fn refuse_leaks(self, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.contains_key("authorization") && headers.contains_key("x-api-key") {
            return Err(Refusal::unexpected_header("both authorization and x-api-key were sent"));
        }
        for name in ["authorization", "x-api-key"] {
            if headers.get_all(name).iter().count() > 1 {
                return Err(Refusal::unexpected_header(format!("{name} was sent more than once")));
            }
        }
        for name in headers.keys() {
            let foreign = matches!(name.as_str(), "api-key" | "x-goog-api-key" | "proxy-authorization");
            if foreign || name.as_str().starts_with("x-pointsman-") {
                return Err(Refusal::unexpected_header(format!("{name} was sent to {}", self.name())));
            }
        }
        Ok(())
    }

    fn unauthorized(self, headers: &HeaderMap) -> Refusal {
        let missing = !headers.contains_key("authorization") && !headers.contains_key("x-api-key");
        let message = match (self, missing) {
            (Self::Anthropic, true) => "x-api-key header is required",
            (Self::Anthropic, false) => "invalid x-api-key",
            (Self::OpenAi, true) => {
                "You didn't provide an API key. You need to provide your API key in an Authorization header using \
                 Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
            }
            (Self::OpenAi, false) => {
                "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
            }
            (Self::MiniMax, _) => {
                "login fail: Please carry the API secret key in the 'Authorization' field (1004)"
            }
            (Self::DeepSeek, true) => "Authentication Fails (auth header format should be Bearer sk-...)",
            (Self::DeepSeek, false) => "Authentication Fails, Your api key is invalid",
            (Self::Moonshot, _) => "Invalid Authentication",
            (Self::Zai, _) => "Authentication Failed",
            (Self::OpenRouter, true) => "No auth credentials found",
            (Self::OpenRouter, false) => "User not found.",
            (Self::Generic, _) => "Unauthorized",
        };
        let code = match (self, missing) {
            (Self::OpenAi, false) => Some("invalid_api_key"),
            (Self::Zai, true) => Some("1001"),
            (Self::Zai, false) => Some("1000"),
            _ => None,
        };
        let refusal = Refusal::new(401, Kind::Auth, message);
        if let Some(code) = code { refusal.code(code) } else { refusal }
    }

    /// The headers that come with every answer of this vendor.
    pub(crate) fn headers(self, dialect: Dialect, id: &str) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_owned();
        match self {
            Self::Anthropic => vec![
                ("request-id", format!("req_{id}")),
                ("anthropic-organization-id", text("00000000-0000-4000-8000-000000000001")),
                ("anthropic-ratelimit-requests-limit", text("4000")),
                ("anthropic-ratelimit-requests-remaining", text("3999")),
                ("anthropic-ratelimit-requests-reset", text("2026-11-23T12:00:00Z")),
                ("anthropic-ratelimit-input-tokens-limit", text("2000000")),
                ("anthropic-ratelimit-input-tokens-remaining", text("1999000")),
                ("anthropic-ratelimit-input-tokens-reset", text("2026-11-23T12:00:00Z")),
                ("anthropic-ratelimit-output-tokens-limit", text("400000")),
                ("anthropic-ratelimit-output-tokens-remaining", text("400000")),
                ("anthropic-ratelimit-output-tokens-reset", text("2026-11-23T12:00:00Z")),
            ],
            Self::OpenAi => vec![
                ("x-request-id", format!("req_{id}")),
                ("openai-version", text("2020-10-01")),
                ("openai-processing-ms", text("42")),
                ("x-ratelimit-limit-requests", text("10000")),
                ("x-ratelimit-remaining-requests", text("9999")),
                ("x-ratelimit-reset-requests", text("6ms")),
                ("x-ratelimit-limit-tokens", text("2000000")),
                ("x-ratelimit-remaining-tokens", text("1999000")),
                ("x-ratelimit-reset-tokens", text("30ms")),
            ],
            Self::MiniMax if dialect == Dialect::Messages => {
                vec![("request-id", text(id)), ("trace-id", text(id))]
            }
            Self::MiniMax => vec![("trace-id", text(id))],
            Self::DeepSeek => vec![("x-ds-trace-id", text(id))],
            Self::Moonshot => vec![("msh-request-id", text(id)), ("msh-trace-mode", text("on"))],
            Self::Zai => vec![("x-log-id", text(id))],
            Self::OpenRouter => vec![("x-generation-id", format!("gen-{id}"))],
            Self::Generic => Vec::new(),
        }
    }

    /// The list behind `GET …/models`.
    pub(crate) fn list(self, ids: &[&str]) -> Json {
        use crate::json::{arr, obj};
        if self == Self::Anthropic {
            let data: Vec<Json> = ids
                .iter()
                .map(|id| {
                    obj! {"type": "model", "id": *id, "display_name": *id, "created_at": "2026-01-01T00:00:00Z"}
                })
                .collect();
            return obj! {
                "data": data,
                "has_more": false,
                "first_id": ids.first().copied(),
                "last_id": ids.last().copied(),
            };
        }
        let data: Vec<Json> = ids
            .iter()
            .map(|id| obj! {"id": *id, "object": "model", "created": crate::answer::EPOCH, "owned_by": self.name()})
            .collect();
        if data.is_empty() {
            obj! {"object": "list", "data": arr![]}
        } else {
            obj! {"object": "list", "data": data}
        }
    }
}
