//! A document that changes is taken up without a pause; one that is wrong is reported, and the old one stays.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use pointsman::record::Count;
use tokio::sync::mpsc;

use super::{Settings, gateway::Gateway, setup::Setup};
use crate::paint;

/// How often the file is looked at. A look costs microseconds, and sees what notifications miss: network folders,
/// editors that rename, links that are swapped.
const LOOK: Duration = Duration::from_millis(300);

/// What tells one version of a file from another without reading it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

/// Watches the file, which was read when it looked like `known`, and takes it up also when told to by `hangups`, until
/// it is dropped.
pub(super) async fn watch(
    path: PathBuf,
    mut known: Option<Stamp>,
    gateway: Arc<Gateway>,
    mut hangups: mpsc::Receiver<()>,
) {
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            Some(()) = hangups.recv() => true,
        };
        let stamp = Stamp::of(&path);
        // A file that is missing for a moment is being replaced.
        if !told && (stamp == known || stamp.is_none()) {
            continue;
        }
        known = stamp;
        if told {
            gateway.log.reopen();
        }
        let (path, gateway) = (path.clone(), Arc::clone(&gateway));
        // Reading and checking is work for a thread that has time.
        let _ = tokio::task::spawn_blocking(move || take_up(&path, &gateway)).await;
    }
}

fn take_up(path: &Path, gateway: &Gateway) {
    let result = match Setup::read(path) {
        Ok((setup, _)) => {
            let fixed = fixed(&gateway.setup().settings, &setup.settings);
            gateway.replace(setup);
            paint::note(&format!("{} was taken up", path.display()));
            for key in fixed {
                paint::warning(&format!("/serve/{key} changes only when the gateway is started anew"));
            }
            "taken"
        }
        Err(error) => {
            paint::error(&format!("{error}\nthe configuration that was in force stays in force"));
            "refused"
        }
    };
    let labels = vec![("result", Cow::Borrowed(result))];
    gateway.count(Count { name: "pointsman_reloads", labels, add: 1 });
}

/// Settings that a running gateway cannot change.
fn fixed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let pairs = [
        ("listen", old.listen != new.listen),
        ("admin", old.admin != new.admin),
        ("access_log", old.access_log != new.access_log),
        ("budget_file", old.budget_file != new.budget_file),
    ];
    pairs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

impl Stamp {
    /// Of the file as it is. Taken before it is read, so that a change meanwhile is not missed.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let number = 0;
        Some(Self { modified: found.modified().ok(), length: found.len(), number })
    }
}
