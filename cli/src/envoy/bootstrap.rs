//! The bootstrap: listener, filters, routes, stats, access log, admin.

use std::path::Path;

use pointsman::{Config, chains, failover::NEXT_TARGET_ON};
use serde_json::{Value, json};

use super::{Settings, clusters::seconds, secret_name};

/// Name of the filter's configuration in filter discovery.
const FILTER: &str = "pointsman";

pub(super) fn bootstrap(config: &Config, settings: &Settings, folder: &Path) -> Value {
    json!({
        // Discovery from files asks for a name.
        "node": { "id": "pointsman", "cluster": "pointsman" },
        "admin": { "address": socket(settings.admin) },
        "stats_config": stats(),
        "dynamic_resources": { "cds_config": watched(&folder.join("clusters.json")) },
        "static_resources": { "listeners": [listener(config, settings, folder)] },
        "layered_runtime": { "layers": [{ "name": "static", "static_layer": {
            // One of Envoy's own warnings at start: no limit on downstream connections.
            "envoy.resource_limits.listener.pointsman.connection_limit": 100_000,
        }}]},
    })
}

/// The role `decide`, as filter discovery reads it from a file.
pub(super) fn filter(document: &Value, settings: &Settings) -> Value {
    let plugin = json!({
        "role": "decide",
        "max_body": settings.max_body,
        // Words for a log that nobody writes would cost a call each.
        "access_log": settings.access_log != "off",
        "memory": settings.memory,
        "config": document,
    });
    json!({ "resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": FILTER,
        "typed_config": wasm(settings, "decide", &plugin),
    }]})
}

fn listener(config: &Config, settings: &Settings, folder: &Path) -> Value {
    let mut chain = json!({ "filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager(config, settings, folder),
    }]});
    if let Some(identity) = &settings.tls {
        chain["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{
                        "certificate_chain": { "filename": identity.certificate },
                        "private_key": { "filename": identity.key },
                    }],
                },
            },
        });
    }
    json!({
        "name": "pointsman",
        "address": socket(settings.listen),
        "per_connection_buffer_limit_bytes": settings.max_body,
        "filter_chains": [chain],
    })
}

fn connection_manager(config: &Config, settings: &Settings, folder: &Path) -> Value {
    let filter_types = json!(["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"]);
    let longest = chains(config).iter().map(Vec::len).max().unwrap_or(1);
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "pointsman",
        "codec_type": "AUTO",
        // Who the client is concerns nobody upstream.
        "use_remote_address": true,
        "skip_xff_append": true,
        "generate_request_id": false,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": seconds(settings.first_byte_timeout_ms.max(settings.idle_timeout_ms).saturating_add(5_000)),
        "http2_protocol_options": {
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": settings.max_body.max(65_535),
            "initial_connection_window_size": settings.max_body.max(65_535),
        },
        "http_filters": [
            { "name": FILTER, "config_discovery": {
                "config_source": watched(&folder.join("filter.json")),
                "type_urls": filter_types,
            }},
            { "name": "envoy.filters.http.router", "typed_config": router(config, settings, folder) },
        ],
        "local_reply_config": local_replies(),
        "route_config": {
            "name": "pointsman",
            "virtual_hosts": [{
                "name": "pointsman",
                "domains": ["*"],
                // A body that is not kept cannot be sent to the next target.
                "request_body_buffer_limit": u64::from(settings.max_body) + 1024 * 1024,
                "routes": [{
                    "match": { "prefix": "/" },
                    "request_headers_to_remove": ["x-pointsman-cluster", "x-forwarded-proto", "x-forwarded-for"],
                    "route": {
                        "cluster_header": "x-pointsman-cluster",
                        "timeout": "0s",
                        "auto_host_rewrite": true,
                        "retry_policy": {
                            "retry_on": "5xx,retriable-status-codes,reset,connect-failure",
                            "retriable_status_codes": NEXT_TARGET_ON,
                            "num_retries": longest.saturating_sub(1),
                            "per_try_timeout": seconds(settings.first_byte_timeout_ms),
                            "per_try_idle_timeout": seconds(settings.idle_timeout_ms.max(settings.first_byte_timeout_ms)),
                            "retry_back_off": { "base_interval": "0.005s", "max_interval": "0.020s" },
                        },
                    },
                }],
            }],
        },
    });
    if settings.access_log != "off" {
        manager["access_log"] = json!([access_log(&settings.access_log)]);
    }
    manager
}

/// The router, and what runs once for each attempt: every provider's key into a header of its own, then the role
/// `attempt`, which keeps one of them and removes them all.
fn router(config: &Config, settings: &Settings, folder: &Path) -> Value {
    let mut filters: Vec<Value> = config
        .providers()
        .iter()
        .filter(|provider| provider.key_env.is_some())
        .map(|provider| credential(&provider.name, folder))
        .collect();
    let plugin = json!({ "role": "attempt" });
    filters.push(json!({ "name": "pointsman.attempt", "typed_config": wasm(settings, "attempt", &plugin) }));
    filters.push(json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" },
    }));
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": true,
        "upstream_http_filters": filters,
    })
}

fn credential(provider: &str, folder: &Path) -> Value {
    json!({
        "name": format!("credential.{provider}"),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": true,
            // A missing key must not stop the attempts at other providers; the filter refuses the attempt that needs it.
            "allow_request_without_credential": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "credential": {
                        "name": secret_name(provider),
                        "sds_config": watched(&folder.join("secrets").join(format!("{provider}.json"))),
                    },
                    "header": format!("x-pointsman-credential-{provider}"),
                },
            },
        },
    })
}

/// The filter in one of its roles. One VM serves both: same id, same code, same VM configuration.
fn wasm(settings: &Settings, role: &str, plugin: &Value) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": format!("pointsman.{role}"),
            "root_id": role,
            // Never FAIL_OPEN: a request must not leave with the client's credentials and an alias for a model.
            "failure_policy": "FAIL_RELOAD",
            "reload_config": { "backoff": { "base_interval": "1s" } },
            // Without it a filter that waits for the body waits for ever.
            "allow_on_headers_stop_iteration": true,
            "vm_config": {
                "vm_id": "pointsman",
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": settings.wasm } },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": plugin.to_string(),
            },
        },
    })
}

/// Envoy's own refusals (no upstream left, body too large, timeout) in the client's dialect. The filter's own are
/// already, and say so in a header of the request.
fn local_replies() -> Value {
    let ours = |present: bool| {
        json!({ "header_filter": { "header": {
            "name": "x-pointsman-rejected", "present_match": true, "invert_match": !present,
        }}})
    };
    let messages = json!({ "header_filter": { "header": {
        "name": ":path", "string_match": { "contains": "/messages" },
    }}});
    let message = "the gateway could not answer: %LOCAL_REPLY_BODY% (%RESPONSE_CODE_DETAILS%)";
    json!({ "mappers": [
        {
            "filter": { "and_filter": { "filters": [ours(false), messages] } },
            "body_format_override": { "json_format": {
                "type": "error",
                "error": { "type": "api_error", "message": message },
            }},
        },
        {
            "filter": ours(false),
            "body_format_override": { "json_format": {
                "error": { "message": message, "type": "server_error", "param": null, "code": "pointsman_gateway" },
            }},
        },
    ]})
}

fn access_log(path: &str) -> Value {
    let state = |name: &str| format!("%FILTER_STATE(wasm.pointsman.{name}:PLAIN)%");
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": { "json_format": {
                "time": "%START_TIME%",
                "method": "%REQ(:METHOD)%",
                "path": state("path"),
                "upstream_path": "%REQ(:PATH)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                "bytes_in": "%BYTES_RECEIVED%",
                "bytes_out": "%BYTES_SENT%",
                "duration_ms": "%DURATION%",
                "caller": state("caller"),
                "dialect": state("dialect"),
                "alias": state("alias"),
                "tier": state("tier"),
                "target": state("target"),
                "effort": state("effort"),
                "reason": state("reason"),
                "difficulty": state("difficulty"),
                "input_tokens": state("input_tokens"),
                "cached_tokens": state("cached_tokens"),
                "output_tokens": state("output_tokens"),
                "cost_usd": state("cost_usd"),
                "baseline_usd": state("baseline_usd"),
            }},
        },
    })
}

fn stats() -> Value {
    // The filter writes labels into the metric's name as `.label=value`; Envoy cuts them out as tags.
    let tag = |label: &str| json!({ "tag_name": label, "regex": format!(r"^wasmcustom\.pointsman_.*?(\.{label}=([^.]+))") });
    let tags: Vec<Value> =
        ["dialect", "tier", "reason", "target", "upstream", "status", "kind", "effort", "budget"]
            .into_iter()
            .map(tag)
            .collect();
    json!({
        "stats_tags": tags,
        "histogram_bucket_settings": [{
            "match": { "prefix": "wasmcustom.pointsman_decision_us" },
            "buckets": [5, 10, 25, 50, 100, 250, 500, 1000, 5000],
        }],
    })
}

fn watched(path: &Path) -> Value {
    json!({ "resource_api_version": "V3", "path_config_source": { "path": path } })
}

fn socket(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
