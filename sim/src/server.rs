//! The provider: options, the running server, and the way of one request through it.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio_rustls::TlsAcceptor;

use crate::bench::{Bench, Canned};
use crate::body::SimBody;
use crate::cache::Cache;
use crate::conn::{Link, Running, bind, serve};
use crate::exchange::{Outcome, exchange};
use crate::fault::Fault;
use crate::json::Json;
use crate::seen::Seen;
use crate::tls::TlsIdentity;
use crate::vendor::Vendor;

/// Bytes of body beyond which the simulator itself gives up.
const LARGEST_BODY: u64 = 256 << 20;

/// How a provider is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose wire format and rules.
    pub vendor: Vendor,
    /// A name for logs.
    pub name: String,
    /// The only key it accepts; empty: no credential is wanted, and none may arrive.
    pub key: String,
    /// TLS with ALPN h2 and http/1.1; `None`: plain HTTP/1.1 and HTTP/2 with prior knowledge.
    pub tls: Option<TlsIdentity>,
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The pace of its answers.
    pub speed: Speed,
    /// For a generic host: the models it has; empty: any.
    pub models: Vec<String>,
    /// For a generic host: what stands before `/chat/completions`.
    pub base_path: String,
    /// Lowers the window of every model to so many tokens, so that tests need no megabytes.
    pub context: Option<u64>,
    /// For Anthropic: the account is one of those (made after August 2026) whose thinking blocks are tied to the prefix
    /// that produced them.
    pub thinking_bound: bool,
    /// Answers at once with fixed bytes and checks nothing.
    pub bench: Option<Bench>,
}

impl Options {
    /// The usual ones: plain HTTP on a free port of loopback, a fast pace.
    #[must_use]
    pub fn new(vendor: Vendor, key: &str) -> Self {
        Self {
            vendor,
            name: vendor.name().to_owned(),
            key: key.to_owned(),
            tls: None,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            speed: Speed::default(),
            models: Vec::new(),
            base_path: "/v1".to_owned(),
            context: None,
            thinking_bound: true,
            bench: None,
        }
    }
}

/// The pace of answers.
#[derive(Clone, Debug)]
pub struct Speed {
    /// Before the head of an answer.
    pub head: Duration,
    /// Between the head and the first event.
    pub first_event: Duration,
    /// Between events.
    pub gap: Duration,
    /// In how many deltas a text is sent; `None`: about twelve bytes each.
    pub deltas: Option<usize>,
    /// Cuts the bytes of a stream into writes of this size, wherever that falls; `None`: one write an event.
    pub fragment: Option<usize>,
}

impl Default for Speed {
    fn default() -> Self {
        Self {
            head: Duration::ZERO,
            first_event: Duration::ZERO,
            gap: Duration::from_millis(1),
            deltas: None,
            fragment: None,
        }
    }
}

/// A simulated provider, running until it is stopped or dropped.
pub struct Provider {
    core: Arc<Core>,
    addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    running: Mutex<Option<Running>>,
}

impl Provider {
    /// Binds and serves.
    ///
    /// # Errors
    /// If the address is taken or the certificate is no good.
    pub async fn start(options: Options) -> io::Result<Self> {
        let tls = options.tls.as_ref().map(TlsIdentity::acceptor).transpose()?;
        let listener = bind(options.addr)?;
        let addr = listener.local_addr()?;
        let core = Arc::new(Core::new(options));
        let running = serve(listener, tls.clone(), core.clone());
        Ok(Self { core, addr, tls, running: Mutex::new(Some(running)) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.options.name
    }

    /// Whose format it speaks.
    #[must_use]
    pub fn vendor(&self) -> Vendor {
        self.core.options.vendor
    }

    /// Everything it received since the last [`clear`](Self::clear), in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.core.seen).clone()
    }

    /// The latest request.
    #[must_use]
    pub fn last(&self) -> Option<Seen> {
        lock(&self.core.seen).last().cloned()
    }

    /// How many requests arrived since it was started; counts on while benching, when nothing else is kept.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.core.served.load(Ordering::Relaxed)
    }

    /// Waits until `count` requests are there, at most `patience`; says whether they came.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while lock(&self.core.seen).len() < count {
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }

    /// Forgets the requests, not the cache.
    pub fn clear(&self) {
        lock(&self.core.seen).clear();
    }

    /// Hands out, and forgets, the requests whose answers have ended one way or the other.
    pub fn take_answered(&self) -> Vec<Seen> {
        let mut seen = lock(&self.core.seen);
        let (done, open) =
            std::mem::take(&mut *seen).into_iter().partition(|seen: &Seen| seen.ended || !seen.complete);
        *seen = open;
        done
    }

    /// Forgets the prompt cache, as after a long silence.
    pub fn forget_cache(&self) {
        lock(&self.core.cache).clear();
    }

    /// What goes wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.core.fault) = fault;
    }

    /// Kills the listener and its connections: from now on connections are refused.
    pub async fn stop(&self) {
        let running = lock(&self.running).take();
        if let Some(running) = running {
            running.stop().await;
        }
    }

    /// Serves again on the same address; requests and cache are kept. Does nothing if it runs.
    ///
    /// # Errors
    /// If another process has taken the port.
    pub async fn restart(&self) -> io::Result<()> {
        let mut running = lock(&self.running);
        if running.is_none() {
            let listener = bind(self.addr)?;
            *running = Some(serve(listener, self.tls.clone(), self.core.clone()));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Provider").field("name", &self.name()).field("addr", &self.addr).finish()
    }
}

/// What all connections of a provider share.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) fault: Mutex<Fault>,
    /// OpenAI's kept responses: id → items of input and output.
    pub(crate) kept: Mutex<HashMap<String, Vec<Json>>>,
    seen: Mutex<Vec<Seen>>,
    served: AtomicU64,
    canned: Option<Canned>,
}

impl Core {
    fn new(options: Options) -> Self {
        let canned = options.bench.map(|bench| Canned::new(options.vendor, bench));
        Self {
            options,
            cache: Mutex::default(),
            fault: Mutex::default(),
            kept: Mutex::default(),
            seen: Mutex::default(),
            served: AtomicU64::new(0),
            canned,
        }
    }

    fn note(&self, number: u64, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = lock(&self.seen).iter_mut().rev().find(|seen| seen.number == number) {
            change(seen);
        }
    }
}

/// A poisoned lock holds data that is still good: every change under it is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request. An error resets the stream.
pub(crate) async fn answer(
    core: Arc<Core>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> io::Result<Response<SimBody>> {
    let number = core.served.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    if let Some(canned) = &core.canned {
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        return Ok(canned.answer(head.uri.path(), &body));
    }
    let (bytes, complete) = read(body).await;
    let host = head.headers.get("host").and_then(|value| value.to_str().ok());
    let path = head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string);
    lock(&core.seen).push(Seen {
        number,
        method: head.method.to_string(),
        path,
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body: bytes.clone(),
        version: head.version,
        authority: head
            .uri
            .authority()
            .map(ToString::to_string)
            .or_else(|| host.map(str::to_owned))
            .unwrap_or_default(),
        sni: link.sni.clone(),
        connection: link.number,
        at: Instant::now(),
        complete,
        status: None,
        refusal: None,
        billed: None,
        sent: Vec::new(),
        ended: false,
        finished: false,
    });
    if !complete {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match exchange(&core, &head, &bytes, number) {
        Outcome::Hang => std::future::pending().await,
        Outcome::Reset => {
            core.note(number, |seen| seen.ended = true);
            if head.version < hyper::Version::HTTP_2 {
                link.reset.store(true, Ordering::SeqCst);
            }
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Outcome::Reply(reply) => {
            let reply = *reply;
            let wait = core.options.speed.head + reply.wait;
            if wait > Duration::ZERO {
                tokio::time::sleep(wait).await;
            }
            core.note(number, |seen| {
                seen.status = Some(reply.status);
                seen.refusal = reply.refusal;
                seen.billed = reply.billed;
            });
            let (told, kept) = (core.clone(), core.clone());
            let body = reply
                .body
                .on_chunk(move |chunk| kept.note(number, |seen| seen.sent.extend_from_slice(chunk)))
                .on_end(move |finished| {
                    told.note(number, |seen| (seen.ended, seen.finished) = (true, finished))
                });
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(name, value);
            }
            response.body(body).map_err(io::Error::other)
        }
    }
}

/// Reads the body; false if it broke off or is beyond all bounds.
async fn read(mut body: Incoming) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (bytes, false) };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() as u64 > LARGEST_BODY {
            return (bytes, false);
        }
    }
    (bytes, true)
}
