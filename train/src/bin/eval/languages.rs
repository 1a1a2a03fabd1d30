//! Whether a question lands on the same rung in another language.

use pointsman::classify::Classifier;
use serde::Serialize;

/// A language, and how many of its questions land where the English ones do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Agreement {
    pub(crate) language: String,
    /// Questions.
    pub(crate) n: usize,
    /// Share on the same side of the default dial.
    pub(crate) same_rung: f64,
    /// The same at the median.
    pub(crate) same_half: f64,
}

/// The part that must agree.
pub(crate) const BAR: f64 = 0.85;

/// The table; empty where there are no translated questions.
pub(crate) fn agreement(_classifier: &Classifier) -> Vec<Agreement> {
    Vec::new()
}
