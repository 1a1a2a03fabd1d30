//! Bodies of answers: whole, in frames over time, or never.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Told of each chunk that is taken.
type OnChunk = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Told whether the body was taken to its end.
type OnEnd = Box<dyn FnOnce(bool) + Send + Sync>;

/// How a stream ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// In good order.
    Good,
    /// With the connection.
    Cut,
    /// Not at all.
    Never,
}

/// The body of an answer.
pub(crate) struct SimBody {
    chunks: VecDeque<Bytes>,
    end: End,
    gap: Duration,
    first: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Give the connection a chance to write each chunk by itself.
    yielded: bool,
    whole: bool,
    on_chunk: Option<OnChunk>,
    on_end: Option<OnEnd>,
}

impl SimBody {
    /// One piece, with a `content-length`.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let chunks = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self {
            chunks,
            end: End::Good,
            gap: Duration::ZERO,
            first: Duration::ZERO,
            sleep: None,
            yielded: true,
            whole: true,
            on_chunk: None,
            on_end: None,
        }
    }

    /// Pieces that are written one by one, `first` before the first and `gap` before the others.
    pub(crate) fn pieces(chunks: Vec<Bytes>, first: Duration, gap: Duration, end: End) -> Self {
        Self {
            chunks: chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect(),
            end,
            gap,
            first,
            sleep: None,
            yielded: false,
            whole: false,
            on_chunk: None,
            on_end: None,
        }
    }

    pub(crate) fn on_chunk(mut self, told: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.on_chunk = Some(Box::new(told));
        self
    }

    pub(crate) fn on_end(mut self, told: impl FnOnce(bool) + Send + Sync + 'static) -> Self {
        self.on_end = Some(Box::new(told));
        self
    }

    fn tell(&mut self, finished: bool) {
        if let Some(told) = self.on_end.take() {
            told(finished);
        }
    }

    /// Waits between chunks.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            return Poll::Ready(());
        }
        let pause = std::mem::replace(&mut self.first, self.gap);
        if pause > Duration::ZERO {
            let mut sleep = Box::pin(sleep(pause));
            if sleep.as_mut().poll(context).is_pending() {
                self.sleep = Some(sleep);
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        if self.yielded {
            self.yielded = self.whole;
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.get_mut();
        if body.chunks.is_empty() {
            return match body.end {
                End::Good => {
                    body.tell(true);
                    Poll::Ready(None)
                }
                End::Cut => {
                    if body.wait(context).is_pending() {
                        return Poll::Pending;
                    }
                    body.tell(false);
                    Poll::Ready(Some(Err(io::Error::other("cut by the simulator"))))
                }
                End::Never => Poll::Pending,
            };
        }
        if body.wait(context).is_pending() {
            return Poll::Pending;
        }
        let chunk = body.chunks.pop_front();
        if let (Some(told), Some(chunk)) = (&body.on_chunk, &chunk) {
            told(chunk);
        }
        // Nobody asks again once a body of known length is out.
        if body.whole && body.chunks.is_empty() && body.end == End::Good {
            body.tell(true);
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.end == End::Good && self.on_end.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.whole && self.end == End::Good {
            SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
        } else {
            SizeHint::default()
        }
    }
}

impl Drop for SimBody {
    fn drop(&mut self) {
        let empty = self.chunks.is_empty() && self.end == End::Good;
        self.tell(empty);
    }
}
