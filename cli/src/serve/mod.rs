//! `pointsman serve`: the local gateway, the native door.
//!
//! ```text
//! listener ─▶ exchange ─▶ received ─▶ (core: route) ─▶ attempts ─▶ upstream ─▶ provider
//!                │                                        │
//!                └── story: log, counters ◀── answer ◀────┘  the provider's bytes as they come
//! ```
//!
//! A connection stays on one of the [`threads`], and so does what is asked of providers for it.
//! What one document comes to is a [`setup`], replaced as a whole by [`reload`].

mod access_log;
mod admin;
mod answer;
mod attempts;
mod counters;
mod exchange;
mod gateway;
mod keys;
mod listener;
mod patient;
mod purses;
mod received;
mod reload;
mod samples;
mod settings;
mod setup;
mod signals;
mod story;
mod streams;
mod threads;
mod upstream;
mod welcome;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use pointsman::Ledger;
use tokio::{net::TcpListener, sync::oneshot};

pub use self::settings::Settings;
use self::{
    access_log::AccessLog, gateway::Gateway, purses::Purses, reload::Stamp, setup::Setup, signals::Signals,
    threads::Threads, welcome::Welcome,
};
use crate::{descriptors, paint};

/// Runs the gateway until it is told to end by SIGTERM, SIGINT or Ctrl-C. Requests under way are then served to their
/// end, within `drain_timeout_ms`; a second signal ends it at once.
///
/// # Errors
/// A document that is wrong, an address that is taken, a log that cannot be written.
pub fn run(path: &Path, as_json: bool) -> Result<(), Box<dyn std::error::Error>> {
    descriptors::raise();
    // Takes connections, and does what is done beside them; requests are served by threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(path, as_json))
}

async fn serve(path: &Path, as_json: bool) -> Result<(), Box<dyn std::error::Error>> {
    let stamp = Stamp::of(path);
    let (setup, document) = Setup::read(path)?;
    let settings = &setup.settings;
    let listener = bind("listen", settings.listen).await?;
    let admin = bind("admin", settings.admin).await?;
    let log = AccessLog::open(&settings.access_log)
        .map_err(|error| format!("/serve/access_log: {}: {error}", settings.access_log))?;
    let file = settings.budget_file.clone();
    let ledger = file.as_deref().map_or_else(|| Ok(Ledger::default()), purses::load).map_err(|error| {
        format!("/serve/budget_file: {} {error}", file.as_deref().unwrap_or_else(|| Path::new("")).display())
    })?;
    let signals = Signals::catch()?;
    let welcome = Welcome {
        listen: listener.local_addr()?,
        admin: admin.local_addr()?,
        document: &document,
        setup: &setup,
    };
    welcome.print(as_json);
    let gateway = Arc::new(Gateway::new(setup, log, ledger));
    let threads = Threads::start(&gateway)?;
    let (ended, end_of_all) = oneshot::channel::<()>();
    let kept = file.map(|file| {
        let told = async {
            let _ = end_of_all.await;
        };
        tokio::spawn(purses::keep(Purses::new(file), Arc::clone(&gateway), told))
    });
    tokio::spawn(admin::serve(admin, Arc::clone(&gateway)));
    tokio::spawn(reload::watch(path.to_owned(), stamp, Arc::clone(&gateway), signals.hangups));
    let (end, now) = (signals.end, signals.now);
    let told = async {
        let _ = end.await;
        paint::note("ending: no new connections; requests under way are served to their end");
    };
    let now = async {
        let _ = now.await;
    };
    let left = listener::serve(listener, threads, Arc::clone(&gateway), told, now).await;
    if left > 0 {
        paint::warning(&format!("{left} requests were cut off"));
    }
    gateway.log.close();
    drop(ended);
    if let Some(kept) = kept {
        let _ = kept.await;
    }
    Ok(())
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let cure = if error.kind() == io::ErrorKind::AddrInUse {
            format!(": somebody listens there already; give another one in `serve: {{ {key}: … }}`")
        } else {
            String::new()
        };
        format!("/serve/{key}: {address}: {error}{cure}")
    })
}
