//! Connections from clients: HTTP/1.1 and HTTP/2, plain or by TLS, until the gateway ends.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::{sleep, timeout},
};

use super::{exchange::exchange, gateway::Gateway};

/// Time for TLS, and for the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Requests under way on one HTTP/2 connection.
const STREAMS: u32 = 1000;

/// What a client may send on one HTTP/2 stream before it is read.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// The same for a connection: a body that waits for its provider must not hold up the others.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;

/// Takes connections until `end`, then waits for the requests under way. Returns how many were still open when the time
/// for that was up, or `now` cut it short.
pub(super) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    end: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
) -> u64 {
    let graceful = GracefulShutdown::new();
    let builder = builder();
    tokio::pin!(end);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    rest_from(&error).await;
                    continue;
                }
            },
            () = &mut end => break,
        };
        // An answer's events are small: each goes out at once.
        let _ = stream.set_nodelay(true);
        let (gateway, builder, watcher) = (Arc::clone(&gateway), builder.clone(), graceful.watcher());
        tokio::spawn(async move {
            match gateway.setup().tls.clone() {
                None => converse(builder, gateway, watcher, stream).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.0.accept(stream)).await {
                        converse(builder, gateway, watcher, stream).await;
                    }
                }
            }
        });
    }
    drop(listener);
    gateway.end();
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(gateway.setup().settings.drain_timeout()) => {}
        () = now => {}
    }
    gateway.open()
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

/// One client. How its connection ends concerns it alone.
async fn converse<S>(builder: Builder<TokioExecutor>, gateway: Arc<Gateway>, watcher: Watcher, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let answer = exchange(Arc::clone(&gateway), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let _ = watcher.watch(connection).await;
}

/// Too many open files, mostly: asking again at once would only burn the processor.
async fn rest_from(error: &io::Error) {
    let theirs = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
    if !theirs.contains(&error.kind()) {
        sleep(Duration::from_millis(50)).await;
    }
}
