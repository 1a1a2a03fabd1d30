//! Prompts of our own: templates with slots, for the kinds of text that the labelled data lacks.

use pointsman::classify::Task;

use crate::chance::Chance;

/// Prompts made of each template that has slots.
const COPIES: usize = 12;
/// How often a prompt without slots counts.
const PLAIN_COPIES: usize = 4;

const TEXT: &str = include_str!("../prompts.txt");

/// All of them: task, step up or down from its usual gain, number of the template, text.
///
/// # Panics
/// Where the file names an unknown task or slot.
pub fn all() -> Vec<(Task, i8, usize, String)> {
    let mut slots: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut found = Vec::new();
    let mut chance = Chance::new(5, "prompts");
    for (number, line) in TEXT.lines().filter(|line| !line.starts_with('#')).enumerate() {
        if let Some((name, list)) = line.strip_prefix('$').and_then(|line| line.split_once(" = ")) {
            slots.push((name, list.split(" | ").collect()));
            continue;
        }
        let Some((name, template)) = line.split_once(" | ") else { continue };
        let (name, step) = match name.split_once(' ') {
            Some((name, sign)) => (name, if sign == "+" { 1 } else { -1 }),
            None => (name, 0),
        };
        let task = Task::ALL.into_iter().find(|task| task.name() == name);
        let task = task.unwrap_or_else(|| panic!("prompts.txt: no task is called {name}"));
        for _ in 0..if template.contains('{') { COPIES } else { PLAIN_COPIES } {
            let mut text = String::new();
            let mut rest = template;
            while let Some((before, behind)) = rest.split_once('{') {
                let (slot, after) = behind.split_once('}').expect("a slot ends");
                let (_, list) = slots.iter().find(|(name, _)| *name == slot).expect("a slot has a list");
                text.push_str(before);
                text.push_str(chance.of(list));
                rest = after;
            }
            text.push_str(rest);
            found.push((task, step, number, text));
        }
    }
    found
}

/// What a strong model is thought to gain on a task, above or below the mean of all: our own estimate, for lack of data.
pub fn prior(task: Task, step: i8) -> f64 {
    let usual = match task {
        Task::Chat => -0.15,
        Task::Translation | Task::Extraction | Task::Summarising => -0.10,
        Task::Writing => -0.05,
        Task::Knowledge => -0.04,
        Task::Maths | Task::Logic => 0.05,
        Task::Code => 0.06,
        Task::AgentStep => 0.10,
        // As measured on calls of functions.
        Task::ToolUse => 0.02,
        Task::Science | Task::Health | Task::Law | Task::Business | Task::Humanities => 0.0,
    };
    usual + 0.1 * f64::from(step)
}
