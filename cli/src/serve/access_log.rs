//! The access log: one line a request, written by a thread of its own. A disk that is slow or full holds up nobody.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Lines that may wait to be written. Beyond, the newest are lost and counted.
const WAITING: usize = 8192;

/// Where lines go; `None` inside where there is no log.
#[derive(Debug, Default)]
pub(super) struct AccessLog {
    writer: Option<SyncSender<Order>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Order {
    Line(String),
    Reopen,
    End,
}

impl AccessLog {
    /// Opens the file, or standard output, and starts the thread.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn open(path: &str) -> io::Result<Self> {
        if path == "off" {
            return Ok(Self::default());
        }
        let path = path.to_owned();
        let mut file = open(&path)?;
        let (writer, orders) = sync_channel(WAITING);
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            while let Some(order) = work(&mut file, &orders) {
                match order {
                    // Moved away by whoever rotates logs: the name is opened anew.
                    Order::Reopen => {
                        if let Ok(fresh) = open(&path) {
                            file = fresh;
                        }
                    }
                    Order::End | Order::Line(_) => return,
                }
            }
        })?;
        Ok(Self { writer: Some(writer), thread: Mutex::new(Some(thread)) })
    }

    /// Whether lines are wanted.
    pub(super) const fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Hands a line over; never waits. Returns whether it was taken.
    pub(super) fn write(&self, line: String) -> bool {
        let Some(writer) = &self.writer else { return true };
        !matches!(writer.try_send(Order::Line(line)), Err(TrySendError::Full(_)))
    }

    /// Opens the file anew under its name.
    pub(super) fn reopen(&self) {
        if let Some(writer) = &self.writer {
            let _ = writer.try_send(Order::Reopen);
        }
    }

    /// Writes what is left.
    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(writer), Some(thread)) = (&self.writer, thread)
            && writer.send(Order::End).is_ok()
        {
            let _ = thread.join();
        }
    }
}

/// Writes lines until there is another order. Flushes whenever nothing waits.
fn work(file: &mut BufWriter<File>, orders: &Receiver<Order>) -> Option<Order> {
    loop {
        let order = match orders.try_recv() {
            Ok(order) => order,
            Err(_) => {
                // A full disk must not end the gateway.
                let _ = file.flush();
                orders.recv().ok()?
            }
        };
        match order {
            Order::Line(mut line) => {
                line.push('\n');
                let _ = file.write_all(line.as_bytes());
            }
            order => {
                let _ = file.flush();
                return Some(order);
            }
        }
    }
}

fn open(path: &str) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    // Where standard output is a socket (systemd), its name cannot be opened, but it can be written to.
    let file = file.or_else(|error| if path == "/dev/stdout" { stdout() } else { Err(error) })?;
    Ok(BufWriter::new(file))
}

#[cfg(unix)]
fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn stdout() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
