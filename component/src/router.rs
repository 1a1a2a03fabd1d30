//! A configuration ready to route.

use std::{collections::BTreeSet, rc::Rc};

use pointsman::{Config, Opened, Pending, RequestHead, Routed, limits};

use crate::{
    bindings::exports::pointsman::router::routing::{self, GuestRouter, LedgerBorrow, Outcome},
    exchange::Exchange,
    fields::Fields,
    ledger::Ledger,
    words::rejection,
};

pub(crate) struct Router(Rc<pointsman::Router>);

impl GuestRouter for Router {
    fn configure(document: Vec<u8>) -> Result<routing::Router, routing::ConfigError> {
        match Config::from_json(&document) {
            Ok(config) => Ok(routing::Router::new(Self(Rc::new(pointsman::Router::new(config))))),
            Err(error) => Err(routing::ConfigError { pointer: error.pointer, message: error.message }),
        }
    }

    fn warnings(&self) -> Vec<routing::Warning> {
        let warning = |warning: &pointsman::Warning| routing::Warning {
            pointer: warning.pointer.clone(),
            message: warning.message.clone(),
        };
        self.0.config().warnings().iter().map(warning).collect()
    }

    fn key_variables(&self) -> Vec<String> {
        let providers = self.0.config().providers().iter();
        let names: BTreeSet<&String> = providers.filter_map(|provider| provider.key_env.as_ref()).collect();
        names.into_iter().cloned().collect()
    }

    fn reads_body(&self, head: routing::RequestHead) -> bool {
        let routing::RequestHead { method, path, fields } = head;
        matches!(self.open(&method, &path, &Fields::new(fields)), Opened::NeedBody(_))
    }

    fn route(&self, head: routing::RequestHead, body: Vec<u8>) -> Outcome {
        self.outcome(head, body, None)
    }

    fn route_within(
        &self,
        head: routing::RequestHead,
        body: Vec<u8>,
        ledger: LedgerBorrow<'_>,
        unix_seconds: u64,
    ) -> Outcome {
        self.outcome(head, body, Some((&mut ledger.get::<Ledger>().0.borrow_mut(), unix_seconds)))
    }
}

/// What is spent, and the time in seconds since 1970.
type Within<'l> = (&'l mut pointsman::Ledger, u64);

impl Router {
    fn open(&self, method: &str, path: &str, fields: &Fields) -> Opened {
        let headers = fields.pairs();
        let head = RequestHead { method: method.as_bytes(), path: path.as_bytes(), headers: &headers };
        self.0.open(&head)
    }

    fn outcome(&self, head: routing::RequestHead, body: Vec<u8>, within: Option<Within<'_>>) -> Outcome {
        let routing::RequestHead { method, path, fields } = head;
        let fields = Fields::new(fields);
        match self.open(&method, &path, &fields) {
            Opened::Forward(forward) => {
                let routed = match within {
                    Some((ledger, now)) => forward.afford(&self.0, now, |account| ledger.weight(account)),
                    None => Routed::Forward(forward),
                };
                match routed {
                    Routed::Forward(forward) => {
                        Outcome::Forward(Exchange::begin(&self.0, forward, fields, body))
                    }
                    Routed::Reject(refused) => Outcome::Reject(rejection(refused)),
                }
            }
            Opened::Answer(answer) => {
                Outcome::Answer(routing::Answer { status: answer.status, body: answer.body })
            }
            Opened::Reject(refused) => Outcome::Reject(rejection(refused)),
            Opened::NeedBody(pending) => match self.decide(pending, &body, within) {
                Routed::Forward(forward) => Outcome::Forward(Exchange::begin(&self.0, forward, fields, body)),
                Routed::Reject(refused) => Outcome::Reject(rejection(refused)),
            },
        }
    }

    fn decide(&self, pending: Pending, body: &[u8], within: Option<Within<'_>>) -> Routed {
        if body.len() > limits::REQUEST_BODY {
            return Routed::Reject(pending.too_large(limits::REQUEST_BODY));
        }
        let Some((ledger, now)) = within else { return pending.route(&self.0, body) };
        let heard = pending.read(body).afford(&self.0, now, |account| ledger.weight(account));
        let routed = heard.route(&self.0, None, None);
        if let Routed::Forward(forward) = &routed
            && let Some(tab) = forward.tab()
        {
            ledger.hold(tab);
        }
        routed
    }
}
