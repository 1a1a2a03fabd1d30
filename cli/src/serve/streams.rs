//! HTTP/2 streams with an end to their patience: a client may read one of its connection's streams and not another.
//!
//! hyper asks a body for more only when its client's window has room, and a body that nobody asks cannot end by itself. So each
//! stream's task is watched from outside. Dropped, it resets its stream with CANCEL; the provider is left, and the story ends.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use hyper::rt::Executor;
use tokio::time::sleep;

tokio::task_local! {
    static TURN: Turn;
}

/// Looks at a stream in the time that its client has. What stalls is noticed within a fourth of it more.
const LOOKS: u32 = 4;

/// Whose turn it is on a stream: odd while the client is to take something. Each time it has, this is another number.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<AtomicU32>);

/// Runs the tasks of a connection's streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    patience: Duration,
}

impl Turn {
    /// That of the stream whose task this is. HTTP/1 has no such tasks: there its connection is watched.
    pub(super) fn here() -> Option<Self> {
        TURN.try_with(Self::clone).ok()
    }

    /// There is something to take, anew.
    pub(super) fn clients(&self) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store((before | 1).wrapping_add(2), Ordering::Relaxed);
    }

    /// The client has all that there is.
    pub(super) fn providers(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) & !1, Ordering::Relaxed);
    }

    /// Comes back once the client has taken nothing for so long.
    async fn stalls(self, patience: Duration) {
        let mut looks = 0;
        let mut last = 0;
        while looks < LOOKS {
            sleep(patience / LOOKS).await;
            let now = self.0.load(Ordering::Relaxed);
            looks = if now % 2 == 1 && now == last { looks + 1 } else { 0 };
            last = now;
        }
    }
}

impl Streams {
    pub(super) const fn new(patience: Duration) -> Self {
        Self { patience }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (turn, patience) = (Turn::default(), self.patience);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = TURN.scope(turn.clone(), stream) => {}
                () = turn.clone().stalls(patience) => {}
            }
        });
    }
}
