//! The Envoy filter, held to the corpus.

use std::collections::BTreeMap;

use pointsman_corpus::{Case, Cuts, Delivered, Door, Failover, Seen, Sent, seen::present};
use serde_json::Value;

use super::{Answer, Envoy, Headers, Request};

/// The filter in its host, with the configuration of the moment.
#[derive(Default)]
pub struct EnvoyDoor(Option<Envoy>);

impl Door for EnvoyDoor {
    fn name(&self) -> &'static str {
        "Envoy filter"
    }

    fn failover(&self) -> Failover {
        Failover::Envoy
    }

    fn shows(&self) -> &'static [&'static str] {
        &[
            "dialect",
            "alias",
            "tier",
            "reason",
            "difficulty",
            "target",
            "prompt_tokens",
            "cache_read",
            "output",
            "cost",
            "baseline",
        ]
    }

    fn configure(&mut self, document: &str) {
        let document: Value = serde_json::from_str(document).expect("a document");
        self.0 = Some(Envoy::start(&document));
    }

    fn play(&mut self, case: &Case, cuts: &mut Cuts) -> Seen {
        let envoy = self.0.as_mut().expect("configured");
        envoy.cut(cuts.size(case.body.len()), cuts.size(2000), cuts.below(2) == 1);
        envoy.use_keys(|provider| case.key(provider));
        let mut request = Request::new(&case.method, &case.path);
        for (name, value) in &case.headers {
            request = request.header(name, value);
        }
        if !case.body.is_empty() {
            request = request.header("content-length", case.body.len().to_string());
        }
        let outcome = envoy.exchange(request.body(case.body.clone()), |_, sent| {
            let answer = case.answer(&sent.upstream);
            if answer.reset {
                return Answer::Reset;
            }
            let mut headers: Headers = vec![(":status".to_owned(), answer.status.to_string().into_bytes())];
            headers.extend(answer.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())));
            Answer::Full { headers, body: answer.body.0.clone(), trailers: false, cut: answer.cut }
        });
        let noted = |name: &str| outcome.noted(name).map(str::to_owned);
        let usd = |name: &str| noted(name).map(|usd| format!("${usd}"));
        let sent = outcome.sent.iter().map(|sent| Sent {
            upstream: sent.upstream.clone(),
            method: sent.header(":method").unwrap_or_default().to_owned(),
            path: sent.header(":path").unwrap_or_default().to_owned(),
            headers: sent.headers.clone(),
            body: sent.body.clone(),
            splices: Vec::new(),
        });
        let facts: BTreeMap<_, _> = present([
            ("dialect", noted("dialect")),
            ("alias", noted("alias")),
            ("tier", noted("tier")),
            ("reason", noted("reason")),
            ("difficulty", noted("difficulty")),
            ("target", noted("target")),
            ("prompt_tokens", noted("input_tokens")),
            ("cache_read", noted("cached_tokens")),
            ("output", noted("output_tokens")),
            ("cost", usd("cost_usd")),
            ("baseline", usd("baseline_usd")),
        ]);
        let cut = outcome.sent.last().is_some_and(|sent| case.answer(&sent.upstream).cut);
        Seen {
            facts,
            sent: sent.collect(),
            delivered: Some(Delivered {
                status: outcome.status,
                headers: outcome.headers,
                body: outcome.body,
                cut,
            }),
        }
    }
}
