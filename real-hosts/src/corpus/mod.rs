//! The golden corpus on a real host: servers that play the providers, a client, and the host's own log.

mod cast;

use std::{net::SocketAddr, time::Duration};

use pointsman::{Config, Dialect};
use pointsman_corpus::{
    Case, Cuts, Delivered, Door, Failover, Seen, Sent,
    case::key_of,
    seen::{LOGGED, logged},
};
use serde_json::{Value, json};

use self::cast::Cast;
use crate::{
    client::{Ask, Connection, Protocol},
    play, until,
};

/// A host that runs.
pub trait Running {
    /// Where clients connect.
    fn address(&self) -> SocketAddr;

    /// Its log so far, one value a request.
    fn access_log(&self) -> Vec<Value>;
}

/// Starts a host on a document, with the environment that has the providers' keys.
pub type Start = fn(&Value, &[(String, String)]) -> Box<dyn Running>;

/// A kind of host, held to the corpus.
pub struct HostDoor {
    /// Its name.
    pub name: &'static str,
    /// Whose failover it has.
    pub failover: Failover,
    /// Headers of its own making, by the beginning of their names.
    pub adds: &'static [&'static str],
    start: Start,
    document: Value,
    cast: Option<Cast>,
    running: Option<Box<dyn Running>>,
    /// Providers without a key in the process that runs.
    keyless: Vec<String>,
    /// A case has left something behind that the next one must not meet.
    stale: bool,
}

impl HostDoor {
    /// A kind of host by the way it is started.
    pub fn new(name: &'static str, failover: Failover, adds: &'static [&'static str], start: Start) -> Self {
        Self {
            name,
            failover,
            adds,
            start,
            document: Value::Null,
            cast: None,
            running: None,
            keyless: Vec::new(),
            stale: true,
        }
    }

    /// A process that remembers nothing, for a case.
    fn refresh(&mut self, case: &Case) {
        let keyless: Vec<String> = case.keyless.iter().cloned().collect();
        if self.running.is_some() && !self.stale && keyless == self.keyless {
            return;
        }
        self.running = None;
        let config = Config::from_json(self.document.to_string().as_bytes()).expect("a document");
        let keyed = config.providers().iter().filter(|provider| !keyless.contains(&provider.name));
        let keys: Vec<(String, String)> =
            keyed.filter_map(|provider| Some((provider.key_env.clone()?, key_of(&provider.name)))).collect();
        self.running = Some((self.start)(&self.document, &keys));
        self.keyless = keyless;
        self.stale = false;
    }
}

impl Door for HostDoor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn failover(&self) -> Failover {
        self.failover
    }

    fn shows(&self) -> &'static [&'static str] {
        &LOGGED
    }

    fn adds(&self) -> &'static [&'static str] {
        self.adds
    }

    fn tells_upstreams(&self) -> bool {
        false
    }

    fn configure(&mut self, document: &str) {
        self.running = None;
        let mut document: Value = serde_json::from_str(document).expect("a document");
        let config = Config::from_json(document.to_string().as_bytes()).expect("a document");
        let names: Vec<&str> = config.providers().iter().map(|provider| provider.name.as_str()).collect();
        let cast = play(Cast::start(&names));
        // Every provider at the server that plays it, with its own paths and manners.
        for provider in config.providers() {
            let mut endpoints = json!({});
            for dialect in Dialect::ALL {
                if let Some(endpoint) = provider.endpoint(dialect) {
                    let url = format!("http://{}{}", cast.address(&provider.name), endpoint.path());
                    endpoints[dialect.name()] = json!(url);
                }
            }
            let settings = &mut document["providers"][&provider.name];
            if settings.is_null() {
                *settings = json!({});
            }
            if let Some(settings) = settings.as_object_mut() {
                settings.remove("base_url");
                settings.remove("speaks");
                settings.insert("endpoints".to_owned(), endpoints);
            }
        }
        for (section, key) in [("envoy", "rest_after"), ("serve", "rest_after"), ("worker", "rest_after")] {
            document[section] = json!({ key: if section == "envoy" { 1000 } else { 0 } });
        }
        self.document = document;
        self.cast = Some(cast);
        self.stale = true;
    }

    fn play(&mut self, case: &Case, cuts: &mut Cuts) -> Seen {
        self.refresh(case);
        self.stale = case.leaves_a_rest() && self.failover == Failover::Core;
        let (running, cast) = (self.running.as_ref().expect("started"), self.cast.as_ref().expect("started"));
        let before = running.access_log().len();
        cast.rehearse(case, cuts.clone());
        let mut ask = Ask::new(&case.method, &case.path).body(case.body.clone());
        for (name, value) in &case.headers {
            ask = ask.header(name, value);
        }
        let size = cuts.size(case.body.len()).max(case.body.len() / 500);
        if size < case.body.len() {
            ask = ask.in_pieces(size);
        }
        let address = running.address();
        let answer = play(async {
            let mut connection = Connection::open(Protocol::H1, address).await.expect("a connection");
            connection.send(ask).await.ok()
        });
        let line = play(until(Duration::from_secs(5), || running.access_log().get(before).cloned()));
        let sent = cast.received().into_iter().map(|(upstream, request)| Sent {
            upstream,
            method: request.head.split(' ').next().unwrap_or_default().to_owned(),
            path: request.head.split(' ').nth(1).unwrap_or_default().to_owned(),
            headers: request.headers(),
            body: request.body,
            splices: Vec::new(),
        });
        Seen {
            facts: line.map(|line| logged(&line)).unwrap_or_default(),
            sent: sent.collect(),
            delivered: answer.map(|answer| Delivered {
                status: answer.status,
                headers: answer
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                    .collect(),
                body: answer.body,
                cut: answer.cut,
            }),
        }
    }
}
