//! The kinds of work that a prompt may ask for.

use core::fmt;

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Task {
    /// Small talk, opinions, advice: nothing to look up or to work out.
    #[default]
    Chat,
    /// To write, change or explain a program.
    Code,
    /// To calculate or to prove.
    Maths,
    /// Puzzles and inference from what is given.
    Logic,
    /// Facts of everyday and general education.
    Knowledge,
    /// Facts and reasoning of natural science and engineering.
    Science,
    /// Medicine, biology and nutrition.
    Health,
    /// Law.
    Law,
    /// Business and economics.
    Business,
    /// History, philosophy, society.
    Humanities,
    /// To write a text of one's own.
    Writing,
    /// To take facts out of a text, or to put it into a class.
    Extraction,
    /// To shorten a text.
    Summarising,
    /// To put a text into another language.
    Translation,
    /// To call a function for it.
    ToolUse,
    /// A step of an agent that works on files, a shell or a customer's case.
    AgentStep,
}

impl Task {
    /// All of them, in the order of the weights.
    pub const ALL: [Self; 16] = [
        Self::Chat,
        Self::Code,
        Self::Maths,
        Self::Logic,
        Self::Knowledge,
        Self::Science,
        Self::Health,
        Self::Law,
        Self::Business,
        Self::Humanities,
        Self::Writing,
        Self::Extraction,
        Self::Summarising,
        Self::Translation,
        Self::ToolUse,
        Self::AgentStep,
    ];

    /// A stable word for logs and metrics; subjects of knowledge stand behind a slash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Code => "code",
            Self::Maths => "maths",
            Self::Logic => "logic",
            Self::Knowledge => "knowledge",
            Self::Science => "knowledge/science",
            Self::Health => "knowledge/health",
            Self::Law => "knowledge/law",
            Self::Business => "knowledge/business",
            Self::Humanities => "knowledge/humanities",
            Self::Writing => "writing",
            Self::Extraction => "extraction",
            Self::Summarising => "summarising",
            Self::Translation => "translation",
            Self::ToolUse => "tool_use",
            Self::AgentStep => "agent_step",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
