//! Ways for a provider to fail.

use std::time::Duration;

/// What goes wrong with the next requests. Credentials and leaks are checked first: a wrong key is a 401 whatever the
/// fault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// This status with the vendor's typical body.
    Status(u16),
    /// The same, with a `retry-after` header in seconds.
    RetryAfter {
        /// The status.
        status: u16,
        /// The seconds.
        seconds: u64,
    },
    /// The same, with any headers.
    StatusWith {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
    },
    /// A 429 for want of money or plan, which waiting does not cure.
    InsufficientQuota429,
    /// Any answer at all.
    Raw {
        /// The status.
        status: u16,
        /// Its `content-type`.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Once the request is read: TCP reset on HTTP/1.1, stream reset on HTTP/2.
    Reset,
    /// Never answers.
    Hang,
    /// Waits so long before the answer's head.
    SlowHead(Duration),
    /// Sends the head of the answer and then nothing.
    HangAfterHeaders,
    /// A stream that begins as usual and fails before the first piece of the answer; as a whole, a 529 or 500.
    ErrorInStreamBeforeContent,
    /// A stream that fails after the first pieces of the answer.
    ErrorInStreamAfterContent,
    /// A stream whose connection breaks off after so many events; a whole answer breaks off half-way.
    CutStream {
        /// The events that still arrive.
        after_events: usize,
    },
    /// A stream that ends in good order after so many events, but without its last ones.
    EndEarly {
        /// The events that still arrive.
        after_events: usize,
    },
    /// So much time before each event.
    SlowStream {
        /// The time.
        delay: Duration,
    },
    /// A gzip answer although `identity` was asked for.
    Compressed,
    /// 200 without a body.
    EmptyBody200,
    /// 200 with `base_resp.status_code` 1002, as MiniMax used to say "too many requests".
    Disguised200,
    /// The first `n` requests have this fault, the rest none.
    FirstN(u64, Box<Self>),
    /// The faults of the next requests, one each; then none.
    Sequence(Vec<Self>),
}

impl Fault {
    /// The fault of one request; counts it.
    pub(crate) fn take(&mut self) -> Self {
        match self {
            Self::FirstN(0, _) => Self::None,
            Self::FirstN(left, fault) => {
                *left -= 1;
                fault.take()
            }
            Self::Sequence(faults) if faults.is_empty() => Self::None,
            Self::Sequence(faults) => faults.remove(0).take(),
            other => other.clone(),
        }
    }
}
