//! What is remembered of conversations, in the data that all workers of an Envoy share.
//!
//! That data cannot be deleted, so there is a fixed number of places, and a conversation has the one that its hash leads to.
//! It is read before the decision and written after the answer. Whatever is lost or refused on the way makes the next
//! decision the one of the history alone.

use pointsman::{Identity, Remembered, Shelf};

use crate::host;

/// How often another worker may be faster before a note is given up: it costs sharpness alone.
const TRIES: usize = 8;

#[derive(Debug)]
pub(crate) struct Memory(Shelf);

impl Memory {
    pub(crate) fn new(document: &[u8]) -> Self {
        Self(Shelf::new(document))
    }

    fn key(&self, identity: Identity) -> String {
        format!("pointsman.memory.{:x}", self.0.place(identity))
    }

    /// What is remembered of a conversation; `now` is in seconds since 1970.
    pub(crate) fn recall(&self, identity: Identity, now: u64) -> Option<Remembered> {
        let (bytes, _) = host::shared(&self.key(identity));
        self.0.read(identity, &bytes, now)
    }

    /// Remembers it, unless a later call of the conversation was faster.
    pub(crate) fn keep(&self, identity: Identity, remembered: Remembered) {
        let key = self.key(identity);
        for _ in 0..TRIES {
            let (standing, version) = host::shared(&key);
            let Some(place) = self.0.write(identity, remembered, &standing) else { return };
            // A host that does not share is no reason to try again.
            if host::share(&key, &place, version).unwrap_or(true) {
                return;
            }
        }
    }
}
