//! Connections to providers: pooled, HTTP/2 where a provider offers it, by TLS with its certificate checked.

use std::{
    collections::VecDeque,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::{
    Request, Response, Uri,
    body::{Body, Frame, Incoming, SizeHint},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use pointsman::{
    BodySplice,
    edit::{self, Piece},
    failover::Failure,
};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tower_service::Service;

use super::{Settings, threads};

/// Where systems keep their certificate authorities.
const SYSTEM_CA: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How long an unused connection is kept. Load balancers close theirs after a minute or more.
const IDLE: Duration = Duration::from_secs(55);

/// HTTP/2: what a stream may have under way. A client that reads slowly makes us hold as much.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for a connection, out of reach: a stream that is not read must not hold up the others.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// A machine that slept, a network that changed: a dead HTTP/2 connection is noticed by a ping.
const PING: Duration = Duration::from_secs(20);

/// Requests under way over one pool. A provider takes some hundred at once on a connection of HTTP/2, and a pool keeps
/// one such: beyond that requests would wait for each other.
const BUSY: usize = 90;

/// Pools. The first ones are used first, so that usually there is one.
const LANES: usize = 32;

/// Bytes between two edits from which on they are sent as they lie. Shorter stretches are copied together: a piece of
/// its own costs more than they do.
const APART: usize = 8 * 1024;

/// Pools of one thread, each with the requests under way over it.
type Lanes = Vec<(Client<Timed, Payload>, Arc<AtomicUsize>)>;

/// All providers of one document.
#[derive(Debug)]
pub(super) struct Upstreams {
    /// For each thread that serves: a connection lives on the thread that made it.
    threads: Vec<Lanes>,
}

/// A place in a pool, held while an answer is under way.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request's body on its way to a provider.
#[derive(Debug)]
pub(super) enum Payload {
    /// Read, and edited: what is left of it, stretch by stretch.
    Whole(VecDeque<Bytes>),
    /// Passed on as it comes.
    Passing(Incoming),
}

impl Upstreams {
    /// Makes ready to connect; connects to nobody.
    ///
    /// # Errors
    /// A CA file that cannot be read or holds no certificate.
    pub(super) fn new(settings: &Settings) -> io::Result<Self> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots(settings.ca.as_deref())?)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout()));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions();
        let connector = Timed { inner: connector.wrap_connector(tcp), patience: settings.connect_timeout() };
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING / 2);
        let lane = |_| (builder.build(connector.clone()), Arc::default());
        let lanes = |_| (0..LANES).map(lane).collect();
        Ok(Self { threads: (0..threads::count()).map(lanes).collect() })
    }

    /// The first pool with room; where none has any, the one with the fewest requests.
    fn lane(&self, thread: usize) -> Option<(&Client<Timed, Payload>, Place)> {
        // There may be fewer processors than when the threads began.
        let lanes = self.threads.get(thread.checked_rem(self.threads.len())?)?;
        let busy = |lane: &&(_, Arc<AtomicUsize>)| lane.1.load(Ordering::Relaxed);
        let room = lanes.iter().find(|lane| busy(lane) < BUSY);
        let (client, count) = room.or_else(|| lanes.iter().min_by_key(busy))?;
        count.fetch_add(1, Ordering::Relaxed);
        Some((client, Place(Arc::clone(count))))
    }

    /// Sends a request and waits for the head of the answer, at most `patience`.
    pub(super) async fn send(
        &self,
        thread: usize,
        request: Request<Payload>,
        patience: Duration,
    ) -> Result<(Response<Incoming>, Place), Failure> {
        let (client, place) = self.lane(thread).ok_or(Failure::Connect)?;
        match tokio::time::timeout(patience, client.request(request)).await {
            Ok(Ok(response)) => Ok((response, place)),
            Ok(Err(error)) if error.is_connect() => Err(Failure::Connect),
            Ok(Err(_)) => Err(Failure::Reset),
            Err(_) => Err(Failure::Timeout),
        }
    }
}

impl Payload {
    /// A body with its edits. What stays of a large one is sent from where it lies.
    pub(super) fn edited(body: &Bytes, splices: &[BodySplice]) -> Self {
        let mut stretches = VecDeque::new();
        let mut joined = BytesMut::new();
        for piece in edit::pieces(body.len(), splices) {
            match piece {
                Piece::Kept(range) if range.len() >= APART => {
                    if !joined.is_empty() {
                        stretches.push_back(joined.split().freeze());
                    }
                    stretches.push_back(body.slice(range));
                }
                Piece::Kept(range) => joined.extend_from_slice(body.get(range).unwrap_or_default()),
                Piece::With(bytes) => joined.extend_from_slice(bytes),
            }
        }
        if !joined.is_empty() {
            stretches.push_back(joined.freeze());
        }
        Self::Whole(stretches)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(stretches) => Poll::Ready(stretches.pop_front().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Passing(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(stretches) => stretches.is_empty(),
            Self::Passing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(stretches) => {
                SizeHint::with_exact(stretches.iter().map(|stretch| stretch.len() as u64).sum())
            }
            Self::Passing(body) => body.size_hint(),
        }
    }
}

/// Certificates to trust: the file's, the system's, or Mozilla's.
fn roots(file: Option<&Path>) -> io::Result<RootCertStore> {
    let system = || SYSTEM_CA.iter().map(PathBuf::from).find(|path| path.exists());
    let mut roots = RootCertStore::empty();
    let Some(path) = file.map(Path::to_owned).or_else(system) else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let certificates = CertificateDer::pem_slice_iter(&fs::read(&path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    // A system's bundle may hold one that is too odd to be used; the others are good.
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(io::Error::other("holds no certificate"));
    }
    Ok(roots)
}

/// A connector that gives up: on the name, the connection and TLS together.
#[derive(Clone, Debug)]
struct Timed {
    inner: HttpsConnector<HttpConnector>,
    patience: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Timed {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let patience = self.patience;
        Box::pin(async move {
            tokio::time::timeout(patience, connecting)
                .await
                .map_err(|_| BoxError::from("no connection within the time for it"))?
        })
    }
}
