//! The same questions in ten languages, written for this project: the score should not hang on the language.

/// The languages, in the order of each block of the file. The first is what the others are held against.
pub const LANGUAGES: [&str; 10] = [
    "English",
    "German",
    "French",
    "Spanish",
    "Italian",
    "Portuguese",
    "Dutch",
    "Polish",
    "Russian",
    "Chinese",
];

const TEXT: &str = include_str!("../languages.txt");

/// The questions, each in all of [`LANGUAGES`].
///
/// # Panics
/// Where a block of the file has not a line for each language.
pub fn questions() -> Vec<[String; LANGUAGES.len()]> {
    let read = |(at, block): (usize, &str)| {
        let lines: Vec<String> = block.trim().lines().map(|line| line.replace("\\n", "\n")).collect();
        lines.try_into().unwrap_or_else(|lines: Vec<String>| {
            panic!("languages.txt: block {} has {} lines of {}", at + 1, lines.len(), LANGUAGES.len())
        })
    };
    TEXT.split("\n\n").filter(|block| !block.starts_with('#')).enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_there_in_every_language() {
        let questions = questions();
        assert!(questions.len() >= 30, "{}", questions.len());
        assert_eq!(questions[0][0], "Hello, how are you today?");
        assert!(questions.iter().flatten().all(|text| !text.is_empty()));
    }
}
