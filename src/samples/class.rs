//! What more thinking does to a model, by its class: a table in data/classes.json.

use alloc::vec::Vec;

use serde::Deserialize;

use crate::{
    config::{Mode, Pattern},
    effort::Effort,
};

const TABLE: &[u8] = include_bytes!("../../data/classes.json");

/// The table, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    classes: Vec<(Pattern, Class)>,
    modes: Vec<Row>,
}

/// How a model's answers change with more thinking.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Class {
    /// It thinks, and its short thoughts are the better ones at any difficulty.
    Short,
    /// It thinks, and hard questions need its long thoughts.
    Long,
    /// It does not think.
    Plain,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Row {
    class: Class,
    /// At efforts below `high`.
    low: Choice,
    /// From `high` on.
    high: Choice,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Single,
    Vote,
    Race,
}

impl Classes {
    /// The table that comes with the core.
    pub fn shipped() -> Self {
        #[derive(Deserialize)]
        struct Table<'t> {
            #[serde(borrow)]
            classes: Vec<Model<'t>>,
            modes: Vec<Row>,
        }
        #[derive(Deserialize)]
        struct Model<'t> {
            model: &'t str,
            class: Class,
        }
        // A test reads it; without it no request is sampled by class.
        let Ok(table) = serde_json::from_slice::<Table<'_>>(TABLE) else { return Self::default() };
        let classes = table.classes.iter().map(|row| (Pattern(row.model.into()), row.class)).collect();
        Self { classes, modes: table.modes }
    }

    /// How a model at this effort is best asked more than once; `None`: once.
    pub fn mode(&self, model: &str, thinks: bool, effort: Option<Effort>) -> Option<Mode> {
        let name = model.to_ascii_lowercase();
        let known = self.classes.iter().find(|(pattern, _)| pattern.matches(name.as_bytes()));
        let class = known.map_or(if thinks { Class::Long } else { Class::Plain }, |(_, class)| *class);
        let row = self.modes.iter().find(|row| row.class == class)?;
        match if effort >= Some(Effort::High) { row.high } else { row.low } {
            Choice::Single => None,
            Choice::Vote => Some(Mode::Vote),
            Choice::Race => Some(Mode::Race),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_study_says() {
        let classes = Classes::shipped();
        for (model, thinks, effort, mode) in [
            ("deepseek-r1", true, None, Some(Mode::Race)),
            ("DeepSeek-R1-Distill-Qwen-32B", true, None, None),
            ("QwQ-32B", true, Some(Effort::High), Some(Mode::Vote)),
            ("openai/gpt-oss-120b", true, Some(Effort::Low), None),
            ("openai/gpt-oss-120b", true, Some(Effort::High), Some(Mode::Vote)),
            ("qwen3-235b-a22b-instruct", false, None, Some(Mode::Race)),
            ("something-new", true, None, None),
            ("something-new", false, None, Some(Mode::Race)),
        ] {
            assert_eq!(classes.mode(model, thinks, effort), mode, "{model} {effort:?}");
        }
    }
}
