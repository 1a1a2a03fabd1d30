//! A client's connection with an end to its patience: with clients that do not begin, and with those that stop reading.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How a connection of HTTP/2 begins. Whoever begins otherwise speaks HTTP/1, whose heads have their own time.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    /// Until it is known which protocol is spoken.
    greeting: Option<Pin<Box<Sleep>>>,
    /// Bytes of the preface that have come.
    greeted: usize,
    /// Longest time in which nothing can be written.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    outlet: Outlet,
}

/// Whether what was written to a client's connection waits for the client.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlet(Arc<AtomicBool>);

impl Outlet {
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S> Patient<S> {
    /// `begin` is the time for the first bytes, `patience` that in which the client reads none.
    pub(super) fn new(stream: S, begin: Duration, patience: Duration) -> Self {
        let greeting = Some(Box::pin(sleep(begin)));
        Self { stream, greeting, greeted: 0, patience, stalled: None, outlet: Outlet::default() }
    }

    pub(super) fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }

    /// Looks at what was read for the protocol.
    fn greet(&mut self, bytes: &[u8]) {
        let rest = PREFACE.get(self.greeted..).unwrap_or_default();
        let other = bytes.iter().zip(rest).any(|(byte, expected)| byte != expected);
        self.greeted = self.greeted.saturating_add(bytes.len());
        if other || self.greeted >= PREFACE.len() {
            self.greeting = None;
        }
    }

    /// What became of an attempt to write; an error where none has come through for too long.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stalled.take().is_some() {
                self.outlet.0.store(false, Ordering::Relaxed);
            }
            return written;
        }
        self.outlet.0.store(true, Ordering::Relaxed);
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        let Some(greeting) = &mut this.greeting else { return read };
        if read.is_pending() {
            return greeting.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        this.greet(into.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.bounded(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, pieces);
        this.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.bounded(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(context);
        this.bounded(context, shut)
    }
}
