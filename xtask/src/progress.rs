//! What is going on, on standard error: one line that changes where that is a terminal, a line a step elsewhere.

use std::{
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A running display. It is cleared away when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shared: Arc<Mutex<Shared>>,
    painter: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    text: String,
    since: Instant,
    ended: bool,
}

impl Progress {
    /// Begins with this step.
    pub(crate) fn begin(text: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            eprintln!("· {text}");
        }
        Self::quiet(text)
    }

    /// The same, without a word where there is no terminal.
    pub(crate) fn quiet(text: &str) -> Self {
        let shared = Shared { text: text.to_owned(), since: Instant::now(), ended: false };
        let shared = Arc::new(Mutex::new(shared));
        if !std::io::stderr().is_terminal() {
            return Self { shared, painter: None };
        }
        let seen = Arc::clone(&shared);
        let painter = std::thread::spawn(move || paint(&seen));
        Self { shared, painter: Some(painter) }
    }

    /// The next step.
    pub(crate) fn step(&self, text: &str) {
        if self.painter.is_none() {
            eprintln!("· {text}");
        }
        let mut shared = lock(&self.shared);
        text.clone_into(&mut shared.text);
        shared.since = Instant::now();
    }

    /// Prints a line that stays.
    pub(crate) fn print(&self, line: &str) {
        // Held, so that the changing line does not come back in between.
        let _shared = lock(&self.shared);
        if self.painter.is_some() {
            eprint!("\r\x1b[2K");
        }
        anstream::println!("{line}");
    }

    /// A detail of the step: shown on a terminal only.
    pub(crate) fn detail(&self, text: &str) {
        text.clone_into(&mut lock(&self.shared).text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
        if let Some(painter) = self.painter.take() {
            // A display that failed has nothing to say.
            let _ = painter.join();
        }
    }
}

fn paint(shared: &Mutex<Shared>) {
    let mut stderr = std::io::stderr();
    for frame in FRAMES.iter().cycle() {
        {
            let shared = lock(shared);
            if shared.ended {
                break;
            }
            let (text, seconds) = (&shared.text, shared.since.elapsed().as_secs());
            let time = if seconds > 1 { format!(" {seconds} s") } else { String::new() };
            let _ = write!(stderr, "\r\x1b[2K\x1b[36m{frame}\x1b[0m {text}\x1b[2m{time}\x1b[0m");
            let _ = stderr.flush();
        }
        std::thread::sleep(Duration::from_millis(80));
    }
    let _ = write!(stderr, "\r\x1b[2K");
    let _ = stderr.flush();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
