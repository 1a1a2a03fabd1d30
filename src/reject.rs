//! Rejections: an answer in the client's own dialect, so that its SDK raises the error it knows.

use alloc::{format, string::String, vec::Vec};

use crate::{edit::Rejection, wire::Dialect};

impl Rejection {
    /// An error body in the shape of `dialect` (OpenAI's where the endpoint is none of ours).
    ///
    /// `code` is stable and for machines; `message` is for people and holds no prompt text and no credential.
    pub fn new(dialect: Option<Dialect>, status: u16, code: &'static str, message: &str) -> Self {
        let text = quote(message);
        let body = match dialect {
            Some(Dialect::Messages) => {
                let kind = match status {
                    401 => "authentication_error",
                    404 => "not_found_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    500.. => "api_error",
                    _ => "invalid_request_error",
                };
                format!(
                    r#"{{"type":"error","error":{{"type":"{kind}","message":{text}}},"code":"pointsman_{code}"}}"#
                )
            }
            _ => {
                let kind = match status {
                    429 => "insufficient_quota",
                    500.. => "server_error",
                    _ => "invalid_request_error",
                };
                format!(
                    r#"{{"error":{{"message":{text},"type":"{kind}","param":null,"code":"pointsman_{code}"}}}}"#
                )
            }
        };
        Self { status, body: body.into_bytes(), code, headers: Vec::new(), about: None }
    }
}

/// A JSON string. Writing a string cannot fail; the empty fallback keeps the body well-formed all the same.
pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| String::from("\"\""))
}
