//! In the place of Workers KV: a server with one value that can be changed.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// The server.
pub(crate) struct Kv {
    value: Arc<Mutex<String>>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Kv {
    pub(crate) async fn start(value: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let value = Arc::new(Mutex::new(value));
        let shown = Arc::clone(&value);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let value = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(async move {
                    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
                    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                        match stream.read(&mut piece).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => request.extend_from_slice(&piece[..count]),
                        }
                    }
                    let known = request.starts_with(b"GET /config?");
                    let (status, value) =
                        if known { ("200 OK", value) } else { ("404 Not Found", String::new()) };
                    let length = value.len();
                    let head =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                    let _ = stream.write_all((head + &value).as_bytes()).await;
                });
            }
        });
        Self { value, address, task }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, value: String) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl Drop for Kv {
    fn drop(&mut self) {
        self.task.abort();
    }
}
