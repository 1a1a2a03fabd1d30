//! A server that keeps the very bytes it received, connection by connection, and gives one fixed answer.
//!
//! It reads requests as a provider's server does: a head, then as many bytes as `content-length` says, or chunks. What
//! stands behind them is the next request. A body that is longer than its stated length is then seen as what it is: a
//! request that somebody smuggled in.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// A running recorder; it ends when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

/// A request as it stood on the connection.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Head and the empty line after it, as text.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Number of the connection, from 0.
    pub connection: usize,
}

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

impl Recorder {
    /// Listens and answers every request with 200 and a small completion.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let connections: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let number = {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut piece = vec![0; 64 * 1024];
                    let mut answered = 0;
                    while let Ok(count) = stream.read(&mut piece).await
                        && count > 0
                    {
                        let whole = {
                            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                            kept[number].extend_from_slice(&piece[..count]);
                            parse(&kept[number], number).len()
                        };
                        for _ in answered..whole {
                            let head = format!(
                                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
                                ANSWER.len()
                            );
                            if stream.write_all(head.as_bytes()).await.is_err() {
                                return;
                            }
                        }
                        answered = whole;
                    }
                });
            }
        });
        Ok(Self { address, connections, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far, connection by connection.
    pub fn requests(&self) -> Vec<Recorded> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().enumerate().flat_map(|(number, bytes)| parse(bytes, number)).collect()
    }

    /// Every byte that ever arrived.
    pub fn bytes(&self) -> Vec<u8> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().flatten().copied().collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorded {
    /// All headers in their order, names in lower case. What is no text in a value is as the head's text has it.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().as_bytes().to_vec())).collect()
    }

    /// A header's value; `None` where it is not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The whole requests on a connection.
pub(crate) fn parse(bytes: &[u8], connection: usize) -> Vec<Recorded> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(end) = find(rest, b"\r\n\r\n") {
        let (head, after) = rest.split_at(end + 4);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut request = Recorded { head, body: Vec::new(), connection };
        let chunked = request.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let used = if chunked {
            let Some((body, used)) = unchunk(after) else { break };
            request.body = body;
            used
        } else {
            let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let Some(body) = after.get(..length) else { break };
            request.body = body.to_vec();
            length
        };
        rest = &after[used..];
        found.push(request);
    }
    found
}

/// A chunked body and the bytes that it took up, trailers included; `None` where its end has not come.
fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = find(bytes.get(at..)?, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            // Trailers, if any, end with an empty line.
            loop {
                let line = find(bytes.get(at..)?, b"\r\n")?;
                at += line + 2;
                if line == 0 {
                    return Some((body, at));
                }
            }
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_the_stated_length_are_the_next_request() {
        let bytes = b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nabPOST /b HTTP/1.1\r\n\r\nrest";
        let found = parse(bytes, 0);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].body, b"ab");
        assert!(found[1].head.starts_with("POST /b "));
    }

    #[test]
    fn chunks_and_trailers_are_one_request() {
        let bytes =
            b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nx: y\r\n\r\n";
        let found = parse(bytes, 0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].body, b"abcd");
        assert!(parse(&bytes[..bytes.len() - 1], 0).is_empty());
    }
}
