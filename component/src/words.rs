//! The core's words and the package's: the same, one for one.

use pointsman::{
    BodySplice, Dialect, Effort, Rejection, ResponseHead,
    failover::{AnswerHead, Failure, Verdict},
    meter::{FinishReason, Metered, Peek, StreamEnd},
    outgoing,
};

use crate::bindings::exports::pointsman::router::routing::{self, Header};

pub(crate) fn owned(headers: Vec<outgoing::Header<'_>>) -> Vec<Header> {
    headers.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The first value of that name.
fn value<'a>(headers: &[(&str, &'a [u8])], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

pub(crate) fn response_head<'a>(status: u16, headers: &[(&str, &'a [u8])]) -> ResponseHead<'a> {
    ResponseHead {
        status,
        content_type: value(headers, "content-type"),
        content_encoding: value(headers, "content-encoding"),
    }
}

pub(crate) fn answer_head<'a>(status: u16, headers: &[(&str, &'a [u8])]) -> AnswerHead<'a> {
    AnswerHead {
        status,
        should_retry: value(headers, "x-should-retry"),
        retry_after: value(headers, "retry-after"),
        retry_after_ms: value(headers, "retry-after-ms"),
    }
}

pub(crate) fn rejection(rejection: Rejection) -> routing::Rejection {
    let header = |(name, value): (&str, String)| (name.to_owned(), value.into_bytes());
    routing::Rejection {
        status: rejection.status,
        code: rejection.code.to_owned(),
        body: rejection.body,
        headers: rejection.headers.into_iter().map(header).collect(),
    }
}

pub(crate) fn splice(splice: &BodySplice) -> routing::Splice {
    // A body has at most 32 MiB.
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    routing::Splice { start: offset(splice.start), end: offset(splice.end), replacement: splice.with.clone() }
}

pub(crate) const fn dialect(dialect: Dialect) -> routing::Dialect {
    match dialect {
        Dialect::Chat => routing::Dialect::Chat,
        Dialect::Messages => routing::Dialect::Messages,
        Dialect::Responses => routing::Dialect::Responses,
    }
}

pub(crate) const fn effort(effort: Effort) -> routing::Effort {
    match effort {
        Effort::None => routing::Effort::None,
        Effort::Minimal => routing::Effort::Minimal,
        Effort::Low => routing::Effort::Low,
        Effort::Medium => routing::Effort::Medium,
        Effort::High => routing::Effort::High,
        Effort::Xhigh => routing::Effort::Xhigh,
        Effort::Max => routing::Effort::Max,
    }
}

pub(crate) const fn failure(failure: routing::Failure) -> Failure {
    match failure {
        routing::Failure::Connect => Failure::Connect,
        routing::Failure::Reset => Failure::Reset,
        routing::Failure::Timeout => Failure::Timeout,
    }
}

pub(crate) const fn verdict(verdict: Verdict) -> routing::Verdict {
    match verdict {
        Verdict::Deliver => routing::Verdict::Deliver,
        Verdict::Next => routing::Verdict::Next,
    }
}

pub(crate) const fn peek(peek: Peek) -> routing::Peek {
    match peek {
        Peek::Wait => routing::Peek::Wait,
        Peek::Deliver => routing::Peek::Deliver,
        Peek::Failed => routing::Peek::Failed,
    }
}

pub(crate) const fn usage(metered: &Metered) -> routing::Usage {
    let usage = &metered.usage;
    routing::Usage {
        input: usage.input,
        cache_read: usage.cache_read,
        cache_write_short: usage.cache_write_short,
        cache_write_long: usage.cache_write_long,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}

pub(crate) const fn end(end: StreamEnd) -> routing::End {
    match end {
        StreamEnd::Complete => routing::End::Complete,
        StreamEnd::Truncated => routing::End::Truncated,
        StreamEnd::Error => routing::End::Error,
    }
}

pub(crate) const fn stop(stop: FinishReason) -> routing::Stop {
    match stop {
        FinishReason::Stop => routing::Stop::Stop,
        FinishReason::Length => routing::Stop::Length,
        FinishReason::ToolUse => routing::Stop::ToolUse,
        FinishReason::Filtered => routing::Stop::Filtered,
        FinishReason::Paused => routing::Stop::Paused,
        FinishReason::Other => routing::Stop::Other,
    }
}
