//! Who is talking, at which step of its work, and how well the work goes.
//!
//! Agents send their whole history with every call, so one request tells all of it: [`Hints`] reads the head (which
//! client, which conversation, what the client itself says of the call), [`Story`] the parts of the body (user turns,
//! and where between them the agent repeated itself or failed), [`Step`] what this one call is for. Nothing is stored:
//! the same bytes tell the same story, and a longer history only adds to it.
//!
//! Sources of the headers and sentinels: the clients' own documentation and source, as noted where they stand.

pub mod brief;
mod hash;
mod hints;
mod identity;
mod language;
mod phrase;
mod result;
mod step;
mod story;

pub use hints::{Client, Hints};
pub use identity::Identity;
pub use language::Language;
pub(crate) use phrase::Phrases;
pub use result::Severity;
pub use step::Step;
pub(crate) use story::is_aside;
pub use story::{Event, EventKind, Story, Turn};
