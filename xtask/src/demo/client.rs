//! A client of the host: HTTP/1.1 on one connection, one request after the other.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use live::Failure;
use tokio::net::TcpStream;

/// Longest time from a request to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// An answer, taken to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// In how many pieces the body came.
    pub(crate) pieces: usize,
}

/// A connection, opened when it is needed.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Answer {
    /// A header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Client {
    /// A client of this address.
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Posts a body and takes the whole answer.
    ///
    /// # Errors
    /// Where no answer came, or it broke off.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(path, headers, body)).await;
        answer.map_err(|_| Failure::new(format!("no answer to {path} within {PATIENCE:?}")))?
    }

    async fn exchange(
        &mut self,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(Method::POST).uri(path).header("host", "gateway.test");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request =
            request.body(Full::new(Bytes::copy_from_slice(body))).map_err(|error| failed(&error))?;
        let response = self.sender().await?.send_request(request).await.map_err(|error| failed(&error))?;
        let (head, mut incoming) = response.into_parts();
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut answer = Answer {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            ..Answer::default()
        };
        while let Some(frame) = incoming.frame().await {
            if let Ok(data) = frame.map_err(|error| failed(&error))?.into_data() {
                answer.body.extend_from_slice(&data);
                answer.pieces += 1;
            }
        }
        Ok(answer)
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (sender, connection) = handshake.map_err(|error| failed(&error))?;
            // It ends with the connection; what went wrong is told by the request.
            tokio::spawn(async move { drop(connection.await) });
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or_else(|| Failure::new("there is no connection"))
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("no answer from the host: {error}"))
}
