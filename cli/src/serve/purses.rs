//! What is spent of budgets, kept in a file across restarts.
//!
//! The file is replaced as a whole every few seconds, so that a power cut leaves the old one or the new one. What was
//! spent since the last time is lost in a crash, and nothing when the gateway is told to end.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pointsman::{Ledger, PicoUsd};
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use crate::paint;

/// How often the file is written, where something changed.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u8,
    purses: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// 16 hexadecimal digits.
    key: String,
    /// When its window began, in seconds since 1970.
    from: u64,
    spent_picodollars: u64,
}

/// What the file says; nothing where there is none yet.
///
/// # Errors
/// A file that cannot be read, or was written by somebody else: money that was spent is not forgotten in silence.
pub(super) fn load(path: &Path) -> io::Result<Ledger> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ledger::default()),
        Err(error) => return Err(error),
    };
    let wrong = |what: &str| {
        io::Error::other(format!("is no file of budgets ({what}); remove it to begin with nothing spent"))
    };
    let page: Page = serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))?;
    if page.version != 1 {
        return Err(wrong("its version is not 1"));
    }
    let mut ledger = Ledger::default();
    for line in page.purses {
        let key = u64::from_str_radix(&line.key, 16).map_err(|error| wrong(&error.to_string()))?;
        ledger.restore(key, line.from, PicoUsd::from_pico(line.spent_picodollars));
    }
    Ok(ledger)
}

fn page(ledger: &Ledger) -> Vec<u8> {
    let line = |(key, from, spent): (u64, u64, PicoUsd)| Line {
        key: format!("{key:016x}"),
        from,
        spent_picodollars: spent.pico(),
    };
    let page = Page { version: 1, purses: ledger.purses().map(line).collect() };
    serde_json::to_vec_pretty(&page).unwrap_or_default()
}

/// Replaces the file.
fn write(path: &Path, page: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".fresh");
    let fresh = PathBuf::from(fresh);
    let mut file = File::create(&fresh)?;
    file.write_all(page)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// The file, and what it holds.
#[derive(Debug)]
pub(super) struct Purses {
    path: PathBuf,
    written: Vec<u8>,
}

impl Purses {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, written: Vec::new() }
    }

    /// Writes what is spent now, where that is not what the file holds.
    pub(super) fn save(&mut self, gateway: &Gateway) {
        let page = page(&gateway.ledger());
        if page == self.written {
            return;
        }
        match write(&self.path, &page) {
            Ok(()) => self.written = page,
            // Said again each time: a restart would forget what was spent.
            Err(error) => {
                paint::error(&format!("/serve/budget_file: {}: {error}", self.path.display()));
            }
        }
    }
}

/// Writes the file again and again, until `told` to end; then once more.
pub(super) async fn keep(mut purses: Purses, gateway: Arc<Gateway>, told: impl Future<Output = ()>) {
    tokio::pin!(told);
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(PAUSE) => false,
            () = &mut told => true,
        };
        let own = Arc::clone(&gateway);
        let saved = tokio::task::spawn_blocking(move || {
            purses.save(&own);
            purses
        });
        match saved.await {
            Ok(same) if !last => purses = same,
            _ => return,
        }
    }
}
