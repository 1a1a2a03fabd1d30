//! The body of an answer on its way to the client: the provider's bytes as they come, with a copy to the meter.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{patient::Outlet, story::Story, streams::Turn, upstream::Place};

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// The gateway's own.
    Own(Full<Bytes>),
    /// A provider's.
    Passing(Box<Tee>),
}

/// A provider's body that passes. Dropped before its end, it cancels the provider's work: the client has left.
#[derive(Debug)]
pub(super) struct Tee {
    opening: Opening,
    body: Incoming,
    _place: Place,
    /// `None` once the end was told.
    story: Option<Story>,
    idle: Duration,
    /// How long the end of a broken answer waits for the client to take what came before it.
    patience: Duration,
    outlet: Outlet,
    /// By HTTP/2.
    turn: Option<Turn>,
    breaking: Option<Breaking>,
    silence: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

/// A provider has broken off. What it sent before is still on its way to the client.
#[derive(Debug)]
struct Breaking {
    error: io::Error,
    next: Pin<Box<Sleep>>,
    end: Instant,
}

/// Time for what came before a break to be written. hyper drops what it has not written once a body fails, the head of the
/// answer included.
const SETTLE: Duration = Duration::from_millis(25);

/// Most bytes that an HTTP/2 client is given at a time: all of them in the time for one piece is not too much to ask.
const PIECE: usize = 16 * 1024;

/// What was read of a body before it went to the client.
#[derive(Debug, Default)]
pub(super) struct Opening {
    frames: VecDeque<Frame<Bytes>>,
    /// It broke off behind them.
    broken: Option<hyper::Error>,
}

impl Answer {
    pub(super) fn own(body: Vec<u8>) -> Self {
        Self::Own(Full::new(Bytes::from(body)))
    }

    /// A provider's answer, of which `opening` was read already. A silence longer than the idle timeout breaks it off.
    pub(super) fn passing(arrived: (Opening, Incoming, Place), story: Story, outlet: Outlet) -> Self {
        let (opening, body, place) = arrived;
        let settings = &story.setup.settings;
        let mut tee = Tee {
            opening,
            body,
            _place: place,
            idle: settings.idle_timeout(),
            patience: settings.write_timeout(),
            story: Some(story),
            outlet,
            turn: Turn::here(),
            breaking: None,
            silence: None,
            waiting: false,
        };
        tee.notice_end();
        Self::Passing(Box::new(tee))
    }
}

impl Opening {
    pub(super) fn push(&mut self, frame: Frame<Bytes>) {
        self.frames.push_back(frame);
    }

    pub(super) fn broke(&mut self, error: hyper::Error) {
        self.broken = Some(error);
    }

    const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The bytes so far.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.frames.iter().filter_map(Frame::data_ref).flatten().copied().collect()
    }

    fn len(&self) -> u64 {
        self.frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum()
    }
}

impl Tee {
    fn tell(&mut self, mut frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = frame.data_mut().filter(|data| self.turn.is_some() && data.len() > PIECE) {
            let rest = data.split_off(PIECE);
            self.opening.frames.push_front(Frame::data(rest));
        }
        if let (Some(story), Some(data)) = (&mut self.story, frame.data_ref()) {
            story.passes(data);
        }
        self.notice_end();
        Poll::Ready(Some(Ok(frame)))
    }

    /// Where the length is known, nobody asks for the end of a body that has come in full.
    fn notice_end(&mut self) {
        if self.is_over() {
            self.end(None);
        }
    }

    fn is_over(&self) -> bool {
        self.opening.frames.is_empty() && !self.opening.is_broken() && self.body.is_end_stream()
    }

    fn end(&mut self, cause: Option<&'static str>) {
        if let Some(mut story) = self.story.take() {
            story.ends(cause);
        }
    }

    fn breaks(
        &mut self,
        context: &mut Context<'_>,
        cause: &'static str,
        error: io::Error,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.end(Some(cause));
        let next = Box::pin(sleep(SETTLE));
        self.breaking = Some(Breaking { error, next, end: Instant::now() + self.patience });
        self.poll_break(context)
    }

    /// Holds the error back until the client has what came before it.
    fn poll_break(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        while let Some(breaking) = &mut self.breaking {
            if breaking.next.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.outlet.is_full() && now < breaking.end {
                breaking.next.as_mut().reset(now + SETTLE);
                continue;
            }
            let error = std::mem::replace(&mut breaking.error, io::ErrorKind::Other.into());
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Ready(None)
    }

    /// How long the provider has been silent. The client's own slowness does not count: the clock starts when there is
    /// nothing to send.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(idle)));
        if !self.waiting {
            self.waiting = true;
            silence.as_mut().reset(Instant::now() + idle);
        }
        silence.as_mut().poll(context)
    }
}

impl Tee {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.breaking.is_some() {
            return self.poll_break(context);
        }
        if let Some(frame) = self.opening.frames.pop_front() {
            return self.tell(frame);
        }
        if let Some(error) = self.opening.broken.take() {
            return self.breaks(context, "upstream_reset", io::Error::other(error));
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = false;
                self.tell(frame)
            }
            Poll::Ready(Some(Err(error))) => self.breaks(context, "upstream_reset", io::Error::other(error)),
            Poll::Ready(None) => {
                self.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => match self.poll_silence(context) {
                Poll::Ready(()) => self.breaks(context, "upstream_silent", io::ErrorKind::TimedOut.into()),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl Body for Tee {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let tee = self.get_mut();
        let next = tee.poll_next(context);
        if let Some(turn) = &tee.turn {
            if next.is_ready() { turn.clients() } else { turn.providers() }
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, before) = (self.body.size_hint(), self.opening.len());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(before));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(before));
        }
        hint
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Passing(tee) => Pin::new(tee.as_mut()).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Passing(tee) => tee.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Passing(tee) => tee.size_hint(),
        }
    }
}
