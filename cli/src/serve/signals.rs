//! What the operating system tells the gateway.

use std::io;

use tokio::sync::{mpsc, oneshot};

/// Signals, each as something to wait for.
#[derive(Debug)]
pub(super) struct Signals {
    /// The first SIGTERM, SIGINT or Ctrl-C.
    pub(super) end: oneshot::Receiver<()>,
    /// The second.
    pub(super) now: oneshot::Receiver<()>,
    /// Each SIGHUP.
    pub(super) hangups: mpsc::Receiver<()>,
}

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// The system gives none.
    pub(super) fn catch() -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        let (now, at_once) = oneshot::channel();
        let (hang, hangups) = mpsc::channel(1);
        let mut ends = ends()?;
        tokio::spawn(async move {
            ends.next().await;
            let _ = end.send(());
            ends.next().await;
            let _ = now.send(());
        });
        watch_hangups(hang)?;
        Ok(Self { end: ended, now: at_once, hangups })
    }
}

#[cfg(unix)]
use self::unix::{ends, watch_hangups};

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::{
        signal::unix::{Signal, SignalKind, signal},
        sync::mpsc,
    };

    pub(super) struct Ends {
        terminate: Signal,
        interrupt: Signal,
    }

    pub(super) fn ends() -> io::Result<Ends> {
        Ok(Ends { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    impl Ends {
        pub(super) async fn next(&mut self) {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }

    pub(super) fn watch_hangups(told: mpsc::Sender<()>) -> io::Result<()> {
        let mut hangups = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                // One that waits already says the same.
                let _ = told.try_send(());
            }
        });
        Ok(())
    }
}

#[cfg(not(unix))]
struct Ends;

#[cfg(not(unix))]
fn ends() -> io::Result<Ends> {
    Ok(Ends)
}

#[cfg(not(unix))]
impl Ends {
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(not(unix))]
fn watch_hangups(told: mpsc::Sender<()>) -> io::Result<()> {
    // There is no such signal: the file alone is watched. The channel stays open.
    std::mem::forget(told);
    Ok(())
}
