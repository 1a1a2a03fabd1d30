//! What a provider says when it will not answer, in its own shape.

use crate::json::{Json, obj};
use crate::vendor::{Dialect, Vendor};

/// Why; each vendor has its own word for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The request is at fault.
    Invalid,
    /// The key is.
    Auth,
    /// No money left.
    Billing,
    /// The key may not do this.
    Permission,
    /// No such model.
    Model,
    /// No such path.
    Path,
    /// Not this method.
    Method,
    /// Too many bytes.
    TooLarge,
    /// Slow down.
    RateLimit,
    /// A money or plan limit that waiting does not lift.
    Quota,
    /// The provider failed.
    Server,
    /// The provider is full.
    Overloaded,
    /// The provider was too slow.
    Timeout,
    /// Not the provider's word but the simulator's: something arrived that must never leave the router.
    Leak,
}

/// A refusal before it has a shape.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, kind: Kind, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), param: None, code: None }
    }

    /// A plain 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, Kind::Invalid, message)
    }

    pub(crate) fn unexpected_header(message: impl Into<String>) -> Self {
        Self::new(400, Kind::Leak, format!("unexpected_header: {}", message.into())).code("unexpected_header")
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The typical answer of `vendor` with this status, for faults.
    pub(crate) fn typical(vendor: Vendor, status: u16) -> Self {
        let (kind, message) = match status {
            400 | 422 => (Kind::Invalid, "The request is invalid."),
            401 => (Kind::Auth, "invalid x-api-key"),
            402 if vendor == Vendor::Anthropic => (
                Kind::Billing,
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade \
                 or purchase credits.",
            ),
            402 if vendor == Vendor::OpenRouter => {
                (Kind::Billing, "Insufficient credits. Add more using https://openrouter.ai/settings/credits")
            }
            402 => (Kind::Billing, "Insufficient Balance"),
            403 => (Kind::Permission, "Your API key does not have permission to use the specified resource"),
            404 => (Kind::Model, "The requested resource could not be found"),
            408 | 504 => (Kind::Timeout, "The request timed out. Please try again later."),
            413 => (Kind::TooLarge, "Request exceeds the maximum size"),
            429 => (Kind::RateLimit, rate_limit_text(vendor)),
            503 if vendor == Vendor::OpenAi => {
                (Kind::Overloaded, "The engine is currently overloaded, please try again later")
            }
            503 | 529 => (Kind::Overloaded, "Overloaded"),
            _ if vendor == Vendor::Anthropic => (Kind::Server, "Internal server error"),
            _ => (
                Kind::Server,
                "The server had an error while processing your request. Sorry about that! Please try again.",
            ),
        };
        let refusal = Self::new(status, kind, message);
        match (vendor, status) {
            (Vendor::MiniMax, 429) => refusal.code("1002"),
            (Vendor::MiniMax, 402) => refusal.code("1008"),
            (Vendor::Zai, 429) => refusal.code("1302"),
            (Vendor::Zai, 402) => refusal.code("1113"),
            (Vendor::Zai, 500..) => refusal.code("1234"),
            _ => refusal,
        }
    }

    /// The 429 that waiting does not cure.
    pub(crate) fn quota(vendor: Vendor) -> Self {
        let (message, code) = match vendor {
            Vendor::Anthropic => (
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
                "workspace_spend_limit_reached",
            ),
            Vendor::Zai => ("Insufficient balance or no resource package. Please recharge.", "1113"),
            Vendor::MiniMax => ("insufficient balance (1008)", "1008"),
            _ => (
                "You exceeded your current quota, please check your plan and billing details. For more information on \
                 this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
                "insufficient_quota",
            ),
        };
        Self::new(429, Kind::Quota, message).code(code)
    }

    /// The body, in the shape `vendor` uses on `dialect`.
    pub(crate) fn body(&self, vendor: Vendor, dialect: Dialect, id: &str) -> Json {
        match (vendor, dialect) {
            // Its Messages path refuses in the OpenAI shape (seen in public error logs).
            (Vendor::DeepSeek, _) => self.openai_shape(vendor),
            (Vendor::Zai, Dialect::Chat) if self.kind == Kind::Path => obj! {
                "timestamp": "2026-11-23T00:00:00.000+00:00", "status": 404, "error": "Not Found", "path": &self.message,
            },
            (Vendor::Zai, Dialect::Chat) => {
                obj! {"error": obj! {"code": self.code.as_deref().unwrap_or("1210"), "message": &self.message}}
            }
            (Vendor::MiniMax, Dialect::Chat) => obj! {
                "type": "error",
                "error": obj! {
                    "type": self.minimax_type(), "message": &self.message, "http_code": self.status.to_string(),
                },
                "request_id": id,
            },
            (Vendor::MiniMax, Dialect::Responses) => {
                let code = if self.kind == Kind::Invalid { "invalid_prompt" } else { self.openai_type() };
                obj! {"error": obj! {"message": &self.message, "code": code}}
            }
            (_, Dialect::Messages) => obj! {
                "type": "error",
                "error": self.anthropic_error(),
                "request_id": format!("req_{id}"),
            },
            (Vendor::OpenRouter, _) => {
                let mut error = vec![
                    ("message".to_owned(), Json::from(&self.message)),
                    ("code".to_owned(), Json::from(self.status)),
                ];
                if self.status >= 429 {
                    let provider = obj! {"provider_name": "Upstream", "raw": &self.message};
                    error.push(("metadata".to_owned(), provider));
                }
                obj! {"error": Json::Object(error), "user_id": "user_sim"}
            }
            (Vendor::Moonshot, _) => {
                obj! {"error": obj! {"message": &self.message, "type": self.moonshot_type()}}
            }
            (Vendor::Generic, _) => obj! {"error": obj! {
                "message": &self.message,
                "type": self.vllm_type(),
                "param": self.param.as_deref(),
                "code": self.status,
            }},
            _ => self.openai_shape(vendor),
        }
    }

    fn openai_shape(&self, vendor: Vendor) -> Json {
        let (kind, code) = if vendor == Vendor::DeepSeek {
            let kind = if self.kind == Kind::Auth { "authentication_error" } else { self.openai_type() };
            (kind, Some(self.code.as_deref().unwrap_or("invalid_request_error")))
        } else {
            (self.openai_type(), self.code.as_deref().or_else(|| self.openai_code()))
        };
        obj! {"error": obj! {"message": &self.message, "type": kind, "param": self.param.as_deref(), "code": code}}
    }

    /// The `error` member of the Messages dialect.
    pub(crate) fn anthropic_error(&self) -> Json {
        let kind = match self.kind {
            Kind::Invalid | Kind::Method | Kind::Leak => "invalid_request_error",
            Kind::Auth => "authentication_error",
            Kind::Billing => "billing_error",
            Kind::Permission => "permission_error",
            Kind::Model | Kind::Path => "not_found_error",
            Kind::TooLarge => "request_too_large",
            Kind::RateLimit | Kind::Quota => "rate_limit_error",
            Kind::Server => "api_error",
            Kind::Overloaded => "overloaded_error",
            Kind::Timeout => "timeout_error",
        };
        match (self.kind, self.code.as_deref()) {
            (Kind::Quota, Some(code)) => {
                obj! {"type": kind, "message": &self.message, "details": obj! {"error_code": code}}
            }
            _ => obj! {"type": kind, "message": &self.message},
        }
    }

    const fn openai_type(&self) -> &'static str {
        match self.kind {
            Kind::Invalid
            | Kind::Auth
            | Kind::Model
            | Kind::Path
            | Kind::Method
            | Kind::TooLarge
            | Kind::Leak => "invalid_request_error",
            Kind::Billing => "billing_error",
            Kind::Permission => "permission_error",
            Kind::RateLimit => "requests",
            Kind::Quota => "insufficient_quota",
            Kind::Server | Kind::Overloaded => "server_error",
            Kind::Timeout => "timeout",
        }
    }

    const fn openai_code(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Model => Some("model_not_found"),
            Kind::RateLimit => Some("rate_limit_exceeded"),
            _ => None,
        }
    }

    const fn moonshot_type(&self) -> &'static str {
        match self.kind {
            Kind::Auth => "invalid_authentication_error",
            Kind::Model | Kind::Path => "resource_not_found_error",
            Kind::RateLimit => "rate_limit_reached_error",
            Kind::Quota | Kind::Billing => "exceeded_current_quota_error",
            Kind::Overloaded => "engine_overloaded_error",
            Kind::Server | Kind::Timeout => "server_error",
            _ => "invalid_request_error",
        }
    }

    const fn minimax_type(&self) -> &'static str {
        match self.kind {
            Kind::Auth => "authorized_error",
            Kind::RateLimit => "rate_limit_error",
            Kind::Quota | Kind::Billing => "insufficient_balance_error",
            Kind::Overloaded => "overloaded_error",
            Kind::Server | Kind::Timeout => "server_error",
            _ => "bad_request_error",
        }
    }

    const fn vllm_type(&self) -> &'static str {
        match self.kind {
            Kind::Model | Kind::Path => "NotFoundError",
            Kind::Auth => "AuthenticationError",
            Kind::RateLimit | Kind::Quota => "RateLimitError",
            Kind::Server | Kind::Overloaded | Kind::Timeout => "InternalServerError",
            _ => "BadRequestError",
        }
    }
}

const fn rate_limit_text(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Anthropic => {
            "This request would exceed your organization's rate limit of 2,000,000 input tokens per minute."
        }
        Vendor::MiniMax => "rate limit exceeded(RPM) (1002)",
        Vendor::Zai => "Rate limit reached for requests",
        Vendor::Moonshot => "Your account request reached max request: 20, please try again after 1 seconds",
        _ => "Rate limit reached for requests. Please try again in 6ms.",
    }
}
