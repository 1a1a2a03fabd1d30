//! The threads that serve. Each has a runtime of its own, and what concerns a connection stays on one of them: its
//! requests, their decisions, and the connections to providers. Handing a request from thread to thread costs more than
//! most of what is done for it. What the gateway remembers is not theirs: all of them share it.

use std::{
    io,
    net::TcpStream,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use hyper_util::server::graceful::Watcher;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{gateway::Gateway, listener};

/// One for each processor.
#[derive(Debug)]
pub(super) struct Threads {
    all: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    arrivals: UnboundedSender<Arrival>,
    connections: Arc<AtomicUsize>,
    handle: JoinHandle<()>,
}

/// A client that has connected.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) watcher: Watcher,
    pub(super) seat: Seat,
}

/// A connection's place on a thread, given back when it ends.
#[derive(Debug)]
pub(super) struct Seat {
    /// The thread's number.
    pub(super) thread: usize,
    connections: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many threads serve.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// The system has no thread or no descriptor to spare.
    pub(super) fn start(gateway: &Arc<Gateway>) -> io::Result<Self> {
        let all = (0..count()).map(|number| Thread::start(number, Arc::clone(gateway)));
        Ok(Self { all: all.collect::<io::Result<_>>()? })
    }

    /// Gives a client to the thread with the fewest, among equals to the first: where few are served at a time, it has the
    /// connections to providers that are open already.
    pub(super) fn take(&self, stream: TcpStream, watcher: Watcher) {
        let open = |thread: &Thread| thread.connections.load(Ordering::Relaxed);
        let Some((at, thread)) = self.all.iter().enumerate().min_by_key(|(_, thread)| open(thread)) else {
            return;
        };
        thread.connections.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { thread: at, connections: Arc::clone(&thread.connections) };
        // It listens until it is told to end.
        let _ = thread.arrivals.send(Arrival { stream, watcher, seat });
    }

    /// Ends them, and with them what is still under way.
    pub(super) fn end(self) {
        let handles: Vec<_> = self.all.into_iter().map(|thread| thread.handle).collect();
        for handle in handles {
            let _ = handle.join();
        }
    }
}

impl Thread {
    fn start(number: usize, gateway: Arc<Gateway>) -> io::Result<Self> {
        let (sender, arrivals) = unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = thread::Builder::new()
            .name(format!("serve-{number}"))
            .spawn(move || work(runtime, gateway, arrivals))?;
        Ok(Self { arrivals: sender, connections: Arc::default(), handle })
    }
}

fn work(runtime: Runtime, gateway: Arc<Gateway>, mut arrivals: UnboundedReceiver<Arrival>) {
    runtime.block_on(async {
        while let Some(arrival) = arrivals.recv().await {
            tokio::spawn(listener::attend(Arc::clone(&gateway), arrival));
        }
    });
    // Drops all connections, but waits for no name that is still being looked up.
    runtime.shutdown_background();
}
