//! Clients: HTTP/1.1 and HTTP/2, plain and by TLS, whole bodies, chunked ones, trailers, and raw bytes.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, Uri, Version,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::{http1, http2},
    header::{HeaderName, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// Longest silence that a client waits through.
const SILENCE: Duration = Duration::from_secs(40);

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2: with prior knowledge, by ALPN where there is TLS.
    H2,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    payload: Payload,
}

/// A body: frames, and whether their length is announced.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    frames: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    announced: bool,
}

/// An answer, taken to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Each piece of the body with the time of its arrival.
    pub pieces: Vec<(Instant, Vec<u8>)>,
    /// The body broke off before its end.
    pub cut: bool,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Flow {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
}

/// A connection that carries one request after the other.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    driver: JoinHandle<()>,
    scheme: &'static str,
}

#[derive(Debug)]
enum Sender {
    H1(http1::SendRequest<Payload>),
    H2(http2::SendRequest<Payload>),
}

impl Ask {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        let method = method.parse().expect("a method");
        Self { method, path: path.to_owned(), headers: Vec::new(), payload: Payload::announced(Bytes::new()) }
    }

    /// A POST of JSON text, with the headers that every client of that API sends.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        let ask = Self { payload: Payload::announced(body.into()), ..Self::new("POST", path) }
            .header("content-type", "application/json");
        if path.starts_with("/v1/messages") { ask.header("anthropic-version", "2023-06-01") } else { ask }
    }

    /// A POST of a JSON value.
    pub fn json(path: &str, body: &Value) -> Self {
        Self::post(path, body.to_string())
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = name.parse().expect("a header's name");
        self.headers.push((name, HeaderValue::from_bytes(value.as_ref()).expect("a header's value")));
        self
    }

    /// With this body, its length announced.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.payload = Payload::announced(body.into());
        self
    }

    /// The same body in pieces of this size, its length not announced.
    #[must_use]
    pub fn in_pieces(mut self, size: usize) -> Self {
        let whole: Vec<u8> = self.payload.frames.iter().flatten().copied().collect();
        self.payload.frames = whole.chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
        self.payload.announced = false;
        self
    }

    /// With a trailer after the body, whose length is then not announced.
    #[must_use]
    pub fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, HeaderValue::from_static(value));
        self.payload.trailers = Some(trailers);
        self.payload.announced = false;
        self.header("te", "trailers")
    }

    /// Sends it on a connection of its own and takes the whole answer.
    pub async fn send(self, to: SocketAddr) -> Answer {
        self.send_by(Protocol::H1, to).await
    }

    /// The same, by this protocol.
    pub async fn send_by(self, protocol: Protocol, to: SocketAddr) -> Answer {
        let mut connection = Connection::open(protocol, to).await.expect("a connection");
        connection.send(self).await.expect("an answer")
    }
}

impl Payload {
    fn announced(body: Bytes) -> Self {
        let frames = if body.is_empty() { VecDeque::new() } else { VecDeque::from([body]) };
        Self { frames, trailers: None, announced: true }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        let data = body.frames.pop_front().map(Frame::data);
        Poll::Ready(data.or_else(|| body.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced {
            SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum())
        } else {
            SizeHint::default()
        }
    }
}

impl Answer {
    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }
}

impl Flow {
    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some(frame) = patient(self.body.frame()).await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The rest of the answer.
    pub async fn finish(mut self) -> Answer {
        let mut answer = Answer {
            status: self.status,
            headers: self.headers.clone(),
            body: Vec::new(),
            pieces: Vec::new(),
            cut: false,
        };
        loop {
            match self.next().await {
                // HTTP/2 may end a stream with an empty frame.
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(Some(piece)) => {
                    answer.body.extend_from_slice(&piece);
                    answer.pieces.push((Instant::now(), piece.to_vec()));
                }
                Ok(None) => return answer,
                Err(_) => {
                    answer.cut = true;
                    return answer;
                }
            }
        }
    }
}

impl Connection {
    /// Opens a plain one.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn open(protocol: Protocol, to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Self::over(protocol, stream, "http").await
    }

    /// Opens one by TLS, for this name and trusting this authority alone. The protocol is asked for by ALPN.
    ///
    /// # Errors
    /// Those of the socket, and a certificate that is not trusted.
    pub async fn open_tls(protocol: Protocol, to: SocketAddr, name: &str, ca_pem: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let wanted: &[u8] = if protocol == Protocol::H2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![wanted.to_vec()];
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect(to).await?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(wanted), "the server chose another protocol");
        Self::over(protocol, stream, "https").await
    }

    async fn over<S>(protocol: Protocol, stream: S, scheme: &'static str) -> io::Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(stream);
        let (sender, driver) = match protocol {
            Protocol::H1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
                (Sender::H1(sender), tokio::spawn(async move { drop(connection.await) }))
            }
            Protocol::H2 => {
                let executor = TokioExecutor::new();
                let (sender, connection) =
                    http2::handshake(executor, stream).await.map_err(io::Error::other)?;
                (Sender::H2(sender), tokio::spawn(async move { drop(connection.await) }))
            }
        };
        Ok(Self { sender, driver, scheme })
    }

    /// Sends a request and takes the whole answer.
    ///
    /// # Errors
    /// Where no answer came.
    pub async fn send(&mut self, ask: Ask) -> Result<Answer, hyper::Error> {
        Ok(self.start(ask).await?.finish().await)
    }

    /// Sends a request and takes the head of the answer.
    ///
    /// # Errors
    /// Where no answer came.
    pub async fn start(&mut self, ask: Ask) -> Result<Flow, hyper::Error> {
        let mut request = Request::new(ask.payload);
        *request.method_mut() = ask.method;
        match &mut self.sender {
            Sender::H1(_) => {
                *request.uri_mut() = ask.path.parse().expect("a path");
                request.headers_mut().insert("host", HeaderValue::from_static("router.test"));
            }
            Sender::H2(_) => {
                let uri = format!("{}://router.test{}", self.scheme, ask.path);
                *request.uri_mut() = uri.parse::<Uri>().expect("a path");
                *request.version_mut() = Version::HTTP_2;
            }
        }
        for (name, value) in ask.headers {
            request.headers_mut().append(name, value);
        }
        let response: Response<Incoming> = match &mut self.sender {
            Sender::H1(sender) => {
                sender.ready().await?;
                patient(sender.send_request(request)).await?
            }
            Sender::H2(sender) => {
                sender.ready().await?;
                patient(sender.send_request(request)).await?
            }
        };
        let (head, body) = response.into_parts();
        Ok(Flow { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Goes away without a word.
    pub fn hang_up(self) {
        self.driver.abort();
    }
}

/// Sends bytes as they are and returns everything that comes back until the server closes, or falls silent for
/// `silence`.
///
/// # Errors
/// Those of the connection.
pub async fn raw(to: SocketAddr, bytes: &[u8], silence: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    // A server that has answered already may refuse the rest.
    let _ = stream.write_all(bytes).await;
    let mut back = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match tokio::time::timeout(silence, stream.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) | Err(_) => return Ok(back),
            Ok(Ok(count)) => back.extend_from_slice(&piece[..count]),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SILENCE, future).await.expect("the other side fell silent")
}
