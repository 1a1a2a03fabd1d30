//! Connections: accepting them, reading their handshake, resetting them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::server::{Core, answer};

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) sni: Option<String>,
    /// Ends with a reset instead of an orderly close.
    pub(crate) reset: Arc<AtomicBool>,
}

/// A listener and its connections; both end when it is dropped.
pub(crate) struct Running {
    accept: JoinHandle<()>,
    reset_all: Arc<AtomicBool>,
}

impl Running {
    /// Ends the listener and all connections, with a reset: a stopped process says no goodbye.
    pub(crate) async fn stop(mut self) {
        self.reset_all.store(true, Ordering::SeqCst);
        self.accept.abort();
        // Cancelled, as asked.
        let _ = (&mut self.accept).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Binds `addr`, also if connections of an earlier listener linger.
pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(1024)
}

/// Serves until dropped.
pub(crate) fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, core: Arc<Core>) -> Running {
    let reset_all = Arc::new(AtomicBool::new(false));
    let all = reset_all.clone();
    let accept = tokio::spawn(async move {
        let counter = AtomicU64::new(0);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let number = counter.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(connection(stream, number, tls.clone(), core.clone(), all.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Running { accept, reset_all }
}

async fn connection(
    stream: TcpStream,
    number: u64,
    tls: Option<TlsAcceptor>,
    core: Arc<Core>,
    all: Arc<AtomicBool>,
) {
    // Events are to leave one by one.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let io = Io { stream, reset: reset.clone(), all };
    let Some(acceptor) = tls else {
        return http(TokioIo::new(io), Link { number, sni: None, reset }, core).await;
    };
    let Ok(io) = acceptor.accept(io).await else { return };
    let sni = io.get_ref().1.server_name().map(str::to_owned);
    http(TokioIo::new(io), Link { number, sni, reset }, core).await;
}

/// HTTP/1.1 or HTTP/2, by what the client begins with.
async fn http<I>(io: I, link: Link, core: Arc<Core>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let link = Arc::new(link);
    let service = service_fn(move |request| answer(core.clone(), link.clone(), request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 22);
    // An error here is the client's going away or a fault that was asked for.
    let _ = builder.serve_connection(io, service).await;
}

/// A TCP stream that can end with a reset.
struct Io {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
    all: Arc<AtomicBool>,
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) || self.all.load(Ordering::SeqCst) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An orderly close before the reset would hide it.
        if self.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
