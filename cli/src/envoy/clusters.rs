//! Clusters: one for each upstream, one composite for each chain of them.

use std::{collections::BTreeMap, net::IpAddr};

use pointsman::{Config, Provider, chain_name, chains, warm_chains};
use serde_json::{Value, json};

use super::Settings;

/// The clusters as Envoy's cluster discovery reads them from a file.
pub(super) fn clusters(config: &Config, settings: &Settings) -> Value {
    let chains = prepared(config, settings);
    let mut upstreams: BTreeMap<&str, &Provider> = BTreeMap::new();
    for upstream in chains.iter().flatten() {
        let name = upstream.split('.').next().unwrap_or(upstream);
        if let Some(provider) = config.providers().iter().find(|provider| provider.name == name) {
            upstreams.insert(upstream, provider);
        }
    }
    let single = upstreams.iter().filter_map(|(name, provider)| upstream(name, provider, settings));
    let composite = chains.iter().map(|chain| composite(chain, settings));
    let resources: Vec<Value> = single.chain(composite).map(with_type).collect();
    json!({ "resources": resources })
}

/// The chains that a request can be given.
pub(super) fn prepared(config: &Config, settings: &Settings) -> Vec<Vec<String>> {
    if settings.memory { warm_chains(config) } else { chains(config) }
}

fn with_type(mut cluster: Value) -> Value {
    cluster["@type"] = json!("type.googleapis.com/envoy.config.cluster.v3.Cluster");
    cluster
}

/// A provider's own cluster. Its endpoint carries the upstream's name: that, and not the number of the attempt, tells
/// the filter whose turn it is.
fn upstream(name: &str, provider: &Provider, settings: &Settings) -> Option<Value> {
    let origin = provider.endpoints.iter().flatten().next()?.origin();
    let host = origin.host();
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let address = literal.map_or_else(|| host.to_owned(), |ip| ip.to_string());
    let mut cluster = json!({
        "name": name,
        "type": if literal.is_some() { "STATIC" } else { "LOGICAL_DNS" },
        "dns_lookup_family": "ALL",
        "connect_timeout": seconds(settings.connect_timeout_ms),
        "per_connection_buffer_limit_bytes": settings.max_body,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{
                "endpoint": {
                    "hostname": origin.authority(),
                    "address": { "socket_address": { "address": address, "port_value": origin.port() } },
                },
                "metadata": { "filter_metadata": { "pointsman": { "upstream": name } } },
            }]}],
        },
        "common_lb_config": { "healthy_panic_threshold": { "value": 0.0 } },
        "outlier_detection": {
            "consecutive_5xx": settings.rest_after,
            "consecutive_gateway_failure": settings.rest_after,
            "enforcing_consecutive_gateway_failure": 100,
            "interval": "1s",
            "base_ejection_time": seconds(settings.rest_ms),
            "max_ejection_percent": 100,
        },
        "circuit_breakers": wide_open(),
    });
    let protocol = if origin.tls() {
        cluster["transport_socket"] = tls(host, settings, literal.is_some());
        // ALPN decides: HTTP/2 where the provider offers it.
        json!({ "auto_config": {
            "http_protocol_options": {},
            "http2_protocol_options": { "initial_stream_window_size": WINDOW, "initial_connection_window_size": WINDOW },
        }})
    } else {
        json!({ "explicit_http_config": { "http_protocol_options": {} } })
    };
    let mut options = protocol;
    options["@type"] = json!("type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
    options["common_http_protocol_options"] = json!({ "idle_timeout": "300s" });
    cluster["typed_extension_protocol_options"] =
        json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options });
    Some(cluster)
}

const WINDOW: u32 = 16 * 1024 * 1024;

/// TLS with the provider's name in SNI, its certificate checked against the CA file and the same name.
fn tls(host: &str, settings: &Settings, literal: bool) -> Value {
    let san_type = if literal { "IP_ADDRESS" } else { "DNS" };
    let mut socket = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                "tls_params": { "tls_minimum_protocol_version": "TLSv1_2" },
                "validation_context": {
                    "trusted_ca": { "filename": settings.ca },
                    "match_typed_subject_alt_names": [{ "san_type": san_type, "matcher": { "exact": host.trim_matches(['[', ']']) } }],
                },
            },
        },
    });
    // SNI names hosts, never addresses (RFC 6066).
    if !literal {
        socket["typed_config"]["sni"] = json!(host);
    }
    socket
}

/// A chain: attempt n goes to the n-th upstream.
fn composite(chain: &[String], settings: &Settings) -> Value {
    let clusters: Vec<Value> = chain.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "name": chain_name(chain.iter().map(String::as_str)),
        "connect_timeout": seconds(settings.connect_timeout_ms),
        "per_connection_buffer_limit_bytes": settings.max_body,
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {
            "name": "envoy.clusters.composite",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig",
                "clusters": clusters,
            },
        },
        "circuit_breakers": wide_open(),
    })
}

/// Envoy's own breaker would stop failover at three retries at a time. Providers limit us, not we them.
fn wide_open() -> Value {
    json!({ "thresholds": [{
        "max_connections": 1_000_000, "max_pending_requests": 1_000_000,
        "max_requests": 1_000_000, "max_retries": 1_000_000,
    }]})
}

pub(super) fn seconds(milliseconds: u32) -> String {
    format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000)
}
