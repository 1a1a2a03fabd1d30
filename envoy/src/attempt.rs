//! The role *attempt*: makes a request right for the one provider that this attempt goes to.
//!
//! What an attempt does to the headers is still there in the next one. So nothing is assumed of them: every header that
//! any attempt may set is set or removed here. The body starts anew each time, as *decide* left it.

use std::mem;

use pointsman::{
    Auth, BodySplice, Dialect, HEADER_PREFIX, Rejection,
    plan::{self, BodyLength, PlannedAttempt},
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{
    DIALECT, PLAN, REJECTED, UPSTREAM,
    decide::splice,
    host::{self, Buffer, Header, Map, Refused},
    metrics,
};

/// The name that the endpoint carries. Never the number of the attempt: Envoy skips upstreams that rest.
const ENDPOINT: &str = "xds\0upstream_host_metadata\0filter_metadata\0pointsman\0upstream";

/// Where the credential injector of a provider puts its key; the provider's name follows.
const CREDENTIAL: &str = "x-pointsman-credential-";

pub(crate) struct Attempt {
    stage: Stage,
    upstream: Option<String>,
}

enum Stage {
    Idle,
    /// The body is held, to be spliced when it is whole and then to have this length.
    Awaiting(Vec<BodySplice>, BodyLength),
    /// Nothing is left to do to the request.
    Sent,
    /// Answered by this filter.
    Rejected,
}

/// Why an attempt cannot be made.
enum Cause {
    UnknownUpstream,
    NoPlan,
    NoCredential(String),
    Host,
}

impl From<Refused> for Cause {
    fn from(Refused: Refused) -> Self {
        Self::Host
    }
}

impl Attempt {
    pub(crate) const fn new() -> Self {
        Self { stage: Stage::Idle, upstream: None }
    }

    fn begin(&mut self, end: bool) -> Result<Action, Cause> {
        let upstream = host::property(ENDPOINT).and_then(|name| String::from_utf8(name).ok());
        let upstream = upstream.filter(|name| !name.is_empty()).ok_or(Cause::UnknownUpstream)?;
        let plan = host::property(PLAN).ok_or(Cause::NoPlan)?;
        let planned = plan::find(&plan, &upstream).ok_or(Cause::NoPlan)?;
        self.upstream = Some(upstream);
        edit_head(&planned)?;
        if planned.splices.is_empty() {
            self.stage = Stage::Sent;
            return Ok(Action::Continue);
        }
        self.stage = Stage::Awaiting(planned.splices, planned.length);
        if end { self.splice() } else { Ok(Action::Pause) }
    }

    fn splice(&mut self) -> Result<Action, Cause> {
        match mem::replace(&mut self.stage, Stage::Sent) {
            Stage::Awaiting(splices, length) => {
                let body = host::buffer(Buffer::RequestBody)?;
                // The length is already promised in the head.
                if let BodyLength::Set(promised) = length
                    && plan::edited_length(body.len(), &splices) != promised
                {
                    return Err(Cause::NoPlan);
                }
                splice(&body, &splices)?;
                Ok(Action::Continue)
            }
            Stage::Rejected => {
                self.stage = Stage::Rejected;
                Ok(Action::Pause)
            }
            stage => {
                self.stage = stage;
                Ok(Action::Continue)
            }
        }
    }

    /// Answers the client. The next provider is not tried: this is a mistake in the set-up, and it must be seen.
    fn or_refuse(&mut self, outcome: Result<Action, Cause>) -> Action {
        let cause = match outcome {
            Ok(action) => return action,
            Err(cause) => cause,
        };
        self.stage = Stage::Rejected;
        let dialect = host::property(DIALECT);
        let dialect =
            Dialect::ALL.into_iter().find(|known| Some(known.name().as_bytes()) == dialect.as_deref());
        let rejection = cause.rejection(dialect);
        // They only say more about an answer that is given anyway.
        let _ = host::set_header(Map::Request, REJECTED, rejection.code.as_bytes());
        let _ = host::set_property("pointsman.reason", rejection.code.as_bytes());
        // No upstream had a part in this answer.
        self.upstream = None;
        metrics::rejected(rejection.code);
        host::respond(rejection.status, &rejection.headers, &rejection.body);
        Action::Pause
    }
}

impl Cause {
    fn rejection(&self, dialect: Option<Dialect>) -> Rejection {
        let (code, message) = match self {
            Self::UnknownUpstream => (
                "unknown_upstream",
                "the endpoint does not say which upstream it is (`pointsman.upstream`)".into(),
            ),
            Self::NoPlan => ("no_plan", "the request has no plan for this upstream".into()),
            Self::NoCredential(provider) => {
                ("no_credential", format!("there is no key for the provider `{provider}`"))
            }
            Self::Host => ("host", "the request could not be edited".into()),
        };
        Rejection::new(dialect, 503, code, &message)
    }
}

fn edit_head(planned: &PlannedAttempt) -> Result<(), Cause> {
    let headers = host::headers(Map::Request)?;
    let headers: Vec<Header<'_>> = headers.iter().collect();
    let key = key(&headers, planned)?;
    for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(HEADER_PREFIX)) {
        host::remove_header(Map::Request, name)?;
    }
    let (bearer, api_key) = match planned.auth {
        Auth::None => (None, None),
        Auth::Bearer => (Some([b"Bearer ", key].concat()), None),
        Auth::XApiKey => (None, Some(key)),
    };
    put(&headers, "authorization", bearer.as_deref())?;
    put(&headers, "x-api-key", api_key)?;
    put(&headers, ":path", Some(planned.path.as_bytes()))?;
    for edit in &planned.edits {
        host::edit(Map::Request, edit)?;
    }
    match planned.length {
        BodyLength::Keep => {}
        BodyLength::Remove => put(&headers, "content-length", None)?,
        BodyLength::Set(length) => put(&headers, "content-length", Some(length.to_string().as_bytes()))?,
    }
    Ok(())
}

/// The provider's own key, and no other; empty where it wants none.
fn key<'a>(headers: &[Header<'a>], planned: &PlannedAttempt) -> Result<&'a [u8], Cause> {
    let own = |name: &str| name.strip_prefix(CREDENTIAL) == Some(&planned.provider);
    let key = headers.iter().find(|(name, _)| own(name)).map_or(&[][..], |(_, value)| value.trim_ascii());
    if key.is_empty() && planned.auth != Auth::None {
        return Err(Cause::NoCredential(planned.provider.clone()));
    }
    Ok(key)
}

/// Brings a header to this value, without a call where it has it already.
fn put(headers: &[Header<'_>], name: &str, value: Option<&[u8]>) -> Result<(), Refused> {
    let mut present = headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (value, present.next(), present.next()) {
        (None, None, _) => Ok(()),
        (Some(wanted), Some(found), None) if wanted == *found => Ok(()),
        (None, Some(_), _) => host::remove_header(Map::Request, name),
        (Some(wanted), _, _) => host::set_header(Map::Request, name, wanted),
    }
}

impl Context for Attempt {
    /// Runs at the end of an attempt whatever became of it: one that never had an answer is counted here.
    fn on_done(&mut self) -> bool {
        if let Some(upstream) = self.upstream.take() {
            metrics::attempt(&upstream, None);
        }
        true
    }
}

impl HttpContext for Attempt {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        let outcome = self.begin(end);
        self.or_refuse(outcome)
    }

    fn on_http_request_body(&mut self, _: usize, end: bool) -> Action {
        match self.stage {
            Stage::Awaiting(..) if !end => Action::Pause,
            _ => {
                let outcome = self.splice();
                self.or_refuse(outcome)
            }
        }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let outcome = self.splice();
        self.or_refuse(outcome)
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Some(upstream) = self.upstream.take() {
            metrics::attempt(&upstream, host::header(Map::Response, ":status").as_deref());
            // Without it the answer is not billed, but it is still the answer.
            let _ = host::set_header(Map::Response, UPSTREAM, upstream.as_bytes());
        }
        Action::Continue
    }
}
