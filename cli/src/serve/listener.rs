//! Connections from clients: HTTP/1.1 and HTTP/2, plain or by TLS, until the gateway ends.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{
    Settings,
    exchange::exchange,
    gateway::Gateway,
    patient::Patient,
    streams::{Streams, Turn},
    threads::{Arrival, Seat, Threads},
};

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
    threads: Threads,
    gateway: Arc<Gateway>,
    end: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
) -> u64 {
    let graceful = GracefulShutdown::new();
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
        if let Ok(stream) = stream.into_std() {
            threads.take(stream, graceful.watcher());
        }
    }
    drop(listener);
    gateway.end();
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(gateway.setup().settings.drain_timeout()) => {}
        () = now => {}
    }
    let left = gateway.open();
    threads.end();
    left
}

/// One client, on the thread that serves it.
pub(super) async fn attend(gateway: Arc<Gateway>, arrival: Arrival) {
    let Arrival { stream, watcher, seat } = arrival;
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let setup = gateway.setup();
    match setup.tls.clone() {
        None => converse(&setup.settings, gateway, watcher, stream, &seat).await,
        Some(tls) => {
            let handshake = timeout(setup.settings.head_timeout(), tls.0.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                converse(&setup.settings, gateway, watcher, stream, &seat).await;
            }
        }
    }
}

fn builder(settings: &Settings) -> Builder<Streams> {
    let mut builder = Builder::new(Streams::new(settings.write_timeout()));
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.head_timeout());
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
async fn converse<S>(settings: &Settings, gateway: Arc<Gateway>, watcher: Watcher, stream: S, seat: &Seat)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = Patient::new(stream, settings.head_timeout(), settings.write_timeout());
    let (outlet, thread) = (stream.outlet(), seat.thread);
    let service = service_fn(move |request| {
        let answer = exchange(Arc::clone(&gateway), request, outlet.clone(), thread);
        async move {
            let answer = answer.await;
            if let Some(turn) = Turn::here() {
                turn.clients();
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let builder = builder(settings);
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
