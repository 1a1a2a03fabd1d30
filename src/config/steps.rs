//! What the operator says of the steps of an agent's work, and of thinking.

use alloc::vec::Vec;

use crate::{agent::Step, classify::Difficulty, effort::Effort};

/// Bounds and effort of one step.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bounds {
    /// Index of the lowest tier that it may go to.
    pub floor: Option<usize>,
    /// Index of the highest.
    pub ceiling: Option<usize>,
    /// How much it may think.
    pub effort: Option<Effort>,
}

/// What a ladder says of the steps; of one that it does not name, nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Steps(pub(crate) Vec<(Step, Bounds)>);

impl Steps {
    /// What is said of a step.
    pub fn get(&self, step: Step) -> Bounds {
        self.0.iter().find(|(known, _)| *known == step).map_or_else(Bounds::default, |(_, bounds)| *bounds)
    }

    /// The steps that are named.
    pub fn named(&self) -> &[(Step, Bounds)] {
        &self.0
    }
}

/// Effort by difficulty: each row holds from its difficulty up to the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Efforts(pub(crate) Vec<(Difficulty, Effort)>);

impl Efforts {
    /// The effort at a difficulty; `None` below the first row, and where there was nothing to judge.
    pub fn of(&self, difficulty: Option<Difficulty>) -> Option<Effort> {
        let difficulty = difficulty?;
        self.0.iter().rfind(|(from, _)| *from <= difficulty).map(|(_, effort)| *effort)
    }
}
