//! Many streams at once, each for a while: what the gateway, or workerd, holds in memory meanwhile.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes};
use hyper_util::rt::TokioIo;
use live::{
    Failure,
    gateway::{self, Gateway},
    workerd::{Site, Workerd},
};
use pointsman_cli::{descriptors, paint};
use pointsman_sim::{Options, Provider, Vendor};
use serde_json::{Value, json};
use tokio::{net::TcpStream, runtime::Runtime};

use crate::progress::Progress;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Events of a stream.
const EVENTS: u32 = 60;

/// The most that memory may grow from the first look with all streams open to the last, in percent.
const GROWTH: u64 = 10;
/// Seconds after the start from when memory counts: the client has a connection well before its first event comes.
const SETTLED: f64 = 10.0;

/// Memory over time.
#[derive(Debug)]
pub(crate) struct Course {
    count: u32,
    seconds: u64,
    /// Before the first stream, in bytes.
    idle: u64,
    /// Seconds since the first stream, streams that are open, bytes.
    looks: Vec<(f64, u64, u64)>,
    /// Some seconds after the last stream, in bytes.
    after: u64,
    whole: u32,
}

/// Who carries the streams.
#[derive(Debug)]
enum Carrier {
    Gateway(Gateway),
    Worker(Workerd),
}

impl Carrier {
    fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Gateway(gateway) => gateway.address(),
            Self::Worker(workerd) => workerd.address("pointsman"),
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Self::Gateway(gateway) => gateway.memory(),
            Self::Worker(workerd) => workerd.memory(),
        }
    }
}

/// Runs `count` streams of that length through a gateway, or a workerd, of its own.
///
/// # Errors
/// It does not start, or a stream is not whole.
pub(crate) fn run(worker: bool, count: u32, length: Duration) -> Result<Course, Failure> {
    descriptors::raise();
    let progress = Progress::begin(if worker { "building the Worker" } else { "building the gateway" });
    let binary = if worker { live::worker::build()? } else { gateway::build_for_speed()? };
    progress.step(&format!("{count} streams of {} s", length.as_secs()));
    Runtime::new()?.block_on(async {
        let mut options = Options::new(Vendor::Generic, "sk-bench");
        options.speed.gap = length / EVENTS;
        options.speed.deltas = usize::try_from(EVENTS).ok();
        let provider = Provider::start(options).await?;
        let document = json!({
            "version": 1,
            "providers": { "slow": {
                "base_url": format!("http://{}/v1", provider.addr()), "speaks": ["chat"], "key_env": "SLOW_KEY",
            }},
            "ladders": { "default": { "tiers": [{ "name": "only", "targets": ["slow/model"] }] } },
            "aliases": { "auto": "default" },
        });
        let keys = [("SLOW_KEY".to_owned(), "sk-bench".to_owned())];
        let carrier = if worker {
            Carrier::Worker(Workerd::start(&[Site::pointsman(&document, &keys)?])?)
        } else {
            Carrier::Gateway(Gateway::start(&binary, &document, &keys)?)
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        let idle = carrier.memory();
        let began = Instant::now();
        let mut streams = tokio::task::JoinSet::new();
        for _ in 0..count {
            streams.spawn(stream(carrier.address()));
        }
        let mut looks = Vec::new();
        let mut whole = 0;
        let mut ticks = tokio::time::interval(LOOK);
        while !streams.is_empty() {
            tokio::select! {
                Some(ended) = streams.join_next() => {
                    ended.map_err(|error| Failure::new(error.to_string()))??;
                    whole += 1;
                }
                _ = ticks.tick() => {
                    let open = open(&carrier, count - whole);
                    progress.detail(&format!("{open} open, {:.1} MB", megabytes(carrier.memory())));
                    looks.push((began.elapsed().as_secs_f64(), open, carrier.memory()));
                }
            }
        }
        tokio::time::sleep(LOOK).await;
        let after = carrier.memory();
        Ok(Course { count, seconds: length.as_secs(), idle, looks, after, whole })
    })
}

/// One stream on a connection of its own, to its end.
async fn stream(to: std::net::SocketAddr) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(format!("a stream broke off: {error}"));
    let socket = TcpStream::connect(to).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(|error| failed(&error))?;
    tokio::spawn(async move { drop(connection.await) });
    let body = json!({
        "model": "auto", "stream": true, "messages": [{ "role": "user", "content": "Tell me a long story." }],
    });
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/chat/completions")
        .header("host", "gateway.test")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    let mut incoming = response.into_body();
    let mut tail = Vec::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame.map_err(|error| failed(&error))?.into_data() {
            tail.extend_from_slice(&data);
            let cut = tail.len().saturating_sub(64);
            tail.drain(..cut);
        }
    }
    if status == 200 && tail.ends_with(b"data: [DONE]\n\n") {
        return Ok(());
    }
    Err(Failure::new(format!("a stream of status {status} ended with {:?}", String::from_utf8_lossy(&tail))))
}

/// Streams that are open: by the gateway's own count, which workerd does not have.
fn open(carrier: &Carrier, running: u32) -> u64 {
    let Carrier::Gateway(gateway) = carrier else { return running.into() };
    let page = gateway.prometheus().unwrap_or_default();
    let found = page.lines().find_map(|line| line.strip_prefix("pointsman_open_requests{} ")?.parse().ok());
    found.unwrap_or(0)
}

impl Course {
    /// Memory at the first and at the last look with all streams open and answered.
    fn full(&self) -> Option<(u64, u64)> {
        let mut full =
            self.looks.iter().filter(|(at, open, _)| *at >= SETTLED && *open == u64::from(self.count));
        let first = full.next()?.2;
        Some((first, full.next_back().map_or(first, |look| look.2)))
    }

    /// As data.
    pub(crate) fn json(&self) -> Value {
        json!({
            "streams": self.count,
            "seconds": self.seconds,
            "whole": self.whole,
            "idle_bytes": self.idle,
            "after_bytes": self.after,
            "course": self.looks.iter().map(|(at, open, bytes)| json!({
                "second": (at * 10.0).round() / 10.0, "open": open, "rss_bytes": bytes,
            })).collect::<Vec<_>>(),
        })
    }

    /// As bars.
    pub(crate) fn print(&self) {
        paint::heading(&format!("resident memory under {} streams of {} s", self.count, self.seconds));
        let most = self.looks.iter().map(|look| look.2).max().unwrap_or(1).max(1);
        let line = |label: &str, open: u64, bytes: u64| {
            let width = usize::try_from(bytes.saturating_mul(50) / most).unwrap_or(0);
            anstream::println!(
                "{label:>7} {open:>5} open {:>7.1} MB {}",
                megabytes(bytes),
                "█".repeat(width)
            );
        };
        line("idle", 0, self.idle);
        for (at, open, bytes) in &self.looks {
            line(&format!("{at:.0} s"), *open, *bytes);
        }
        line("after", 0, self.after);
        if let Some((first, last)) = self.full() {
            let each = first.saturating_sub(self.idle) / u64::from(self.count.max(1));
            paint::done(&format!(
                "{} of {} streams whole; {:.1} MB when all were open, {:.1} MB at the end; {} KB a stream",
                self.whole,
                self.count,
                megabytes(first),
                megabytes(last),
                each / 1000
            ));
        }
    }

    /// Whether memory stayed flat.
    ///
    /// # Errors
    /// It grew, or the streams were never all open at once.
    pub(crate) fn judge(&self) -> Result<(), Failure> {
        let (first, last) =
            self.full().ok_or_else(|| Failure::new("the streams were never all open at once"))?;
        if last > first + first * GROWTH / 100 {
            let (first, last) = (megabytes(first), megabytes(last));
            return Err(Failure::new(format!(
                "memory grew from {first:.1} to {last:.1} MB while nothing else changed"
            )));
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a process has less than 2^53 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
