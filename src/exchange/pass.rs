//! Requests that pass untouched: their path or model is not ours, or nobody can read them.

use alloc::{format, string::String, vec::Vec};

use super::{
    Attempt, Forward, Opened, Pending, Routed, Router, Summary,
    endpoint::{EndpointKind, auth, endpoint_path, provider_path},
    head::Head,
};
use crate::{
    agent::Client,
    config::{OnUnreadable, Provider},
    edit::Rejection,
    policy::Reason,
    wire::{
        Dialect,
        request::{RequestView, Unreadable},
    },
};

impl Router {
    pub(super) fn other_path(&self, head: Head, path: &[u8]) -> Opened {
        let Some(provider) = self.config.passthrough(None) else {
            let message = "this path is no completion endpoint, and the configuration names no provider for other \
                           paths; the cure is `passthrough: { other: PROVIDER }`";
            return Opened::Reject(Rejection::new(None, 404, "not_found", message));
        };
        let path = format!("{}{}", provider_path(provider, &String::from_utf8_lossy(path)), head.query);
        Opened::Forward(self.pass(head, provider, path, None, Reason::OtherPath))
    }

    pub(super) fn unreadable(
        &self,
        head: Head,
        dialect: Dialect,
        endpoint: EndpointKind,
        cause: Unreadable,
    ) -> Routed {
        let refuse = |cure: &str| {
            let message = format!("{cause}; {cure}");
            Routed::Reject(Rejection::new(Some(dialect), 400, cause.code(), &message))
        };
        if self.config.on_unreadable() == OnUnreadable::Reject {
            return refuse("the operator chose to reject what cannot be read");
        }
        let Some(provider) = self.config.passthrough(Some(dialect)) else {
            return refuse("no provider is configured to take it as it is (`passthrough`)");
        };
        let Some(path) = endpoint_path(provider, dialect, endpoint, &head.query) else {
            return refuse("the provider configured to take it as it is does not speak this dialect");
        };
        let mut forward = self.pass(head, provider, path, Some(dialect), Reason::Unreadable(cause));
        forward.billed = endpoint != EndpointKind::CountTokens;
        Routed::Forward(forward)
    }

    /// Forwards untouched to a provider.
    pub(super) fn pass(
        &self,
        head: Head,
        provider: &Provider,
        path: String,
        dialect: Option<Dialect>,
        reason: Reason,
    ) -> Forward {
        // A provider that speaks Messages natively is told what the client said, word for word.
        let edits = head.vendor_edits(None);
        let attempt = Attempt {
            upstream: provider.name.clone(),
            provider: provider.name.clone(),
            target: provider.name.clone(),
            model: None,
            path,
            auth: auth(provider, dialect),
            effort: None,
            edits,
            splices: Vec::new(),
            applied: Vec::new(),
            index: None,
        };
        Forward {
            edits: head.edits,
            attempts: Vec::from([attempt]),
            summary: Summary {
                dialect,
                caller: head.caller,
                alias: None,
                tier: None,
                reason,
                difficulty: None,
                task: None,
                confidence: None,
                step: None,
                client: Client::Other,
                stream: false,
            },
            dialect,
            billed: dialect.is_some(),
            baseline: None,
            response_headers: self.config.response_headers,
            memo: None,
            tab: None,
            expected: None,
            sampled: None,
        }
    }
}

impl Pending {
    pub(super) fn not_routed(self, router: &Router, view: &RequestView) -> Routed {
        let config = &router.config;
        let target = config.passthrough(Some(self.dialect)).and_then(|provider| {
            Some((provider, endpoint_path(provider, self.dialect, self.endpoint, &self.head.query)?))
        });
        let Some((provider, path)) = target else {
            let names: Vec<&str> = config.aliases().iter().take(8).map(|alias| alias.name.as_str()).collect();
            let message = format!(
                "the model `{}` is not routed here, and no provider is configured to take it as it is; routed \
                 models: {}",
                view.model,
                names.join(", ")
            );
            return Routed::Reject(Rejection::new(Some(self.dialect), 404, "model_not_found", &message));
        };
        let mut forward = router.pass(self.head, provider, path, Some(self.dialect), Reason::NotRouted);
        forward.billed = self.endpoint != EndpointKind::CountTokens;
        forward.summary.stream = view.stream;
        Routed::Forward(forward)
    }
}
