//! The load: some connections, each with one request under way at any time, for a while.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes};
use hyper_util::rt::TokioIo;
use live::Failure;
use serde::Serialize;
use tokio::{net::TcpStream, runtime::Runtime};

use super::{Case, hosts::Host};

/// Most requests of one measurement.
const REQUESTS: usize = 200_000;

/// What was measured in one window.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// Requests a second.
    pub(crate) rps: f64,
    /// Median time of a request, in microseconds.
    pub(crate) p50_us: f64,
    /// The time that one of a hundred requests takes longer than.
    pub(crate) p99_us: f64,
    /// The host's own CPU time per request, all threads.
    pub(crate) cpu_us: f64,
}

/// A client with a thread of its own, so that its work is not the host's.
#[derive(Debug)]
pub(crate) struct Load {
    runtime: Runtime,
    connections: usize,
}

impl Load {
    /// A client with so many connections.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn new(connections: usize) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, connections })
    }

    /// Keeps a host busy for a while.
    ///
    /// # Errors
    /// An answer that is no 200 or not whole.
    #[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a second")]
    pub(crate) fn run(&self, host: &Host, case: &'static Case, window: Duration) -> Result<Sample, Failure> {
        let address = host.address();
        self.runtime.block_on(async {
            let mut workers = Vec::new();
            for _ in 0..self.connections {
                workers.push(Worker::open(address).await?);
            }
            let (cpu, began) = (host.cpu_nanos(), Instant::now());
            let end = began + window;
            let running: Vec<_> =
                workers.into_iter().map(|worker| tokio::spawn(worker.work(case, end))).collect();
            let mut times = Vec::new();
            for worker in running {
                times.extend(worker.await.map_err(|error| Failure::new(error.to_string()))??);
            }
            let (took, cpu) = (began.elapsed(), host.cpu_nanos().saturating_sub(cpu));
            times.sort_unstable();
            let at = |permille: usize| {
                times.get(times.len() * permille / 1000).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
            };
            let count = times.len().max(1) as f64;
            Ok(Sample {
                rps: count / took.as_secs_f64(),
                p50_us: at(500),
                p99_us: at(990),
                cpu_us: cpu as f64 / 1000.0 / count,
            })
        })
    }
}

struct Worker(hyper::client::conn::http1::SendRequest<Full<Bytes>>);

impl Worker {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self(sender))
    }

    /// Times of the requests, in nanoseconds.
    async fn work(mut self, case: &'static Case, end: Instant) -> Result<Vec<u64>, Failure> {
        let body = Bytes::from_static(case.body().as_bytes());
        let mut times = Vec::with_capacity(4096);
        while Instant::now() < end && times.len() < REQUESTS {
            let request = Request::builder()
                .method(Method::POST)
                .uri("/v1/chat/completions")
                .header("host", "gateway.test")
                .header("authorization", "Bearer sk-client")
                .header("content-type", "application/json")
                .header("user-agent", "OpenAI/Python 3.54.0")
                .body(Full::new(body.clone()))
                .map_err(|error| failed(&error))?;
            let began = Instant::now();
            self.0.ready().await.map_err(|error| failed(&error))?;
            let response = self.0.send_request(request).await.map_err(|error| failed(&error))?;
            let status = response.status();
            let mut incoming = response.into_body();
            let mut bytes = 0;
            while let Some(frame) = incoming.frame().await {
                bytes += frame.map_err(|error| failed(&error))?.data_ref().map_or(0, Bytes::len);
            }
            if status != 200 || bytes == 0 {
                return Err(Failure::new(format!("{}: status {status} with {bytes} bytes", case.title())));
            }
            times.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(times)
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the load broke off: {error}"))
}
