//! A small client that shows everything: status, headers, chunks, and how the answer ended.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its own part")]

pub mod said;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pointsman_sim::{Options, Provider, Vendor};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

pub const KEY: &str = "sk-test-1";

#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub chunks: usize,
    /// The body broke off.
    pub broken: bool,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The events of a stream: name (if any) and data.
    pub fn events(&self) -> Vec<(String, String)> {
        let text = self.text();
        assert!(text.ends_with("\n\n"), "a stream ends with a blank line");
        text.split_terminator("\n\n")
            .filter(|block| !block.starts_with(':'))
            .map(|block| {
                let mut event = (String::new(), String::new());
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("event", name)) => event.0 = name.to_owned(),
                        Some(("data", data)) => event.1.push_str(data),
                        _ => panic!("not a line of an event stream: {line:?}"),
                    }
                }
                event
            })
            .collect()
    }

    /// The data of the events that are JSON.
    pub fn datas(&self) -> Vec<Value> {
        self.events()
            .iter()
            .filter(|(_, data)| data != "[DONE]")
            .map(|(_, data)| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")))
            .collect()
    }
}

/// How to talk to a provider.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    pub http2: bool,
    /// Trusted authority (PEM) and the name to ask for.
    pub tls: Option<(String, String)>,
}

pub async fn send(
    wire: &Wire,
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    let stream = TcpStream::connect(addr).await.map_err(|error| error.to_string())?;
    let Some((ca, name)) = &wire.tls else {
        return talk(wire, TokioIo::new(stream), method, path, headers, body.into(), "http").await;
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if wire.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let name = ServerName::try_from(name.clone()).unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(if wire.http2 { &b"h2"[..] } else { b"http/1.1" }));
    talk(wire, TokioIo::new(stream), method, path, headers, body.into(), "https").await
}

async fn talk<I>(
    wire: &Wire,
    io: I,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
    scheme: &str,
) -> Result<Reply, String>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let uri = if wire.http2 { format!("{scheme}://provider.test{path}") } else { path.to_owned() };
    let mut request = Request::builder().method(method).uri(uri);
    if !wire.http2 {
        request = request.header("host", "provider.test");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).unwrap();
    let text = |error: hyper::Error| format!("{error:?}");
    let response = if wire.http2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.map_err(text)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(text)?
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(text)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(text)?
    };
    let (head, mut body) = response.into_parts();
    let mut reply = Reply { status: head.status.as_u16(), headers: head.headers, ..Reply::default() };
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    reply.chunks += 1;
                    reply.body.extend_from_slice(&data);
                }
            }
            Err(_) => {
                reply.broken = true;
                break;
            }
        }
    }
    Ok(reply)
}

/// The usual path of a dialect and the usual headers of a vendor.
pub fn headers(vendor: Vendor, path: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if vendor == Vendor::Anthropic && path.contains("/messages") {
        headers.push(("x-api-key", KEY.to_owned()));
        headers.push(("anthropic-version", "2023-06-01".to_owned()));
    } else {
        headers.push(("authorization", format!("Bearer {KEY}")));
    }
    headers
}

pub async fn post(provider: &Provider, path: &str, body: &Value) -> Reply {
    post_with(provider, path, &[], body).await
}

pub async fn post_with(provider: &Provider, path: &str, more: &[(&str, &str)], body: &Value) -> Reply {
    let own = headers(provider.vendor(), path);
    let mut headers: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.extend_from_slice(more);
    let wire = Wire::default();
    let sent = send(&wire, provider.addr(), "POST", path, &headers, body.to_string());
    tokio::time::timeout(Duration::from_secs(20), sent).await.expect("in time").expect("an answer")
}

pub async fn start(vendor: Vendor) -> Provider {
    start_with(vendor, |_| {}).await
}

pub async fn start_with(vendor: Vendor, change: impl FnOnce(&mut Options)) -> Provider {
    let mut options = Options::new(vendor, KEY);
    options.speed.gap = Duration::ZERO;
    change(&mut options);
    Provider::start(options).await.expect("a provider")
}
