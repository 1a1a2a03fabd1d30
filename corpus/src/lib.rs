//! The golden corpus: exchanges of every kind, and what must come of them in every door.
//!
//! - [`case`]: what is played. A configuration, a request, and what each provider does.
//! - [`seen`]: what came of it: the facts of the decision and the bill, every byte sent to a provider, the answer that
//!   the client got.
//! - [`native`]: plays a case on the core itself. Its outcome is the reference.
//! - [`golden`]: the reference as text under `golden/`, to be read in review. After a change that is meant,
//!   `UPDATE=1 cargo test -p pointsman-corpus -- --nocapture` writes it anew and prints what differs, and
//!   `UPDATE=1 cargo test -p host-tests fuel_of_each_case` does the same for the fuel that the component burns.
//! - [`parity`]: holds a [`Door`] to the reference.
//!
//! Cases, configurations and answers are YAML files under `cases/`, `configs/` and `answers.yaml`: our own writing.

pub mod bytes;
pub mod case;
pub mod cuts;
pub mod golden;
pub mod native;
pub mod parity;
pub mod seen;

pub use case::{Answer, Case, Corpus};
pub use cuts::Cuts;
pub use parity::{Door, Failover};
pub use seen::{Delivered, Seen, Sent};
