//! What a tier says of asking more than once.

/// How a tier's answers are sampled, for requests that qualify.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sampling {
    /// How.
    pub mode: Mode,
    /// Vote: samples to begin with, and the lead that settles it. Cascade: samples that must agree. At least one.
    pub min: u8,
    /// Most samples of the tier, at most [`limits::SAMPLES`](crate::limits::SAMPLES). Race: how many run.
    pub max: u8,
    /// After so many milliseconds the best answer so far is delivered, or the first that comes.
    pub deadline_ms: u32,
}

/// A way of asking more than once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Several answers vote, more of them until the vote is settled.
    Vote,
    /// Several run, the first good one wins, the others are cancelled.
    Race,
    /// The answer is checked; where it does not hold, the next tier is asked.
    Cascade,
    /// Race, vote or a single one, by the model's class and how much the tier may think.
    Auto,
}

impl Mode {
    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Race => "race",
            Self::Cascade => "cascade",
            Self::Auto => "auto",
        }
    }
}
