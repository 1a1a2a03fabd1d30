//! Tables with numbers on the right, lines that reach across, and one column that gives way on a narrow terminal.

use anstream::println;
use anstyle::{AnsiColor, Style};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const BLUE: Style = AnsiColor::Blue.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const MAGENTA: Style = AnsiColor::Magenta.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();

/// Between two columns.
const GAP: usize = 2;

/// The narrowest that a column becomes which gives way.
const NARROWEST: usize = 10;

/// A column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    /// Text, from the left.
    Left(&'static str),
    /// Text from the left, cut where the terminal is too narrow.
    Giving(&'static str),
    /// Numbers, to the right.
    Right(&'static str),
}

/// What stands in a column.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

/// A table, printed when it is complete.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Row(Vec<Cell>),
    Across(String, Style),
    Rule,
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::Giving(title) | Self::Right(title) => title,
        }
    }
}

impl Cell {
    /// Text in a style.
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: PLAIN }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), style: PLAIN }
    }
}

impl Table {
    /// An empty one.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), lines: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.lines.push(Line::Row(cells));
    }

    /// Adds a sentence that reaches across all columns.
    pub(crate) fn across(&mut self, text: &str, style: Style) {
        self.lines.push(Line::Across(text.to_owned(), style));
    }

    /// Adds a line.
    pub(crate) fn rule(&mut self) {
        self.lines.push(Line::Rule);
    }

    /// Prints it, no wider than the terminal as far as possible.
    pub(crate) fn print(&self) {
        let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        for line in self.render(terminal) {
            println!("{line}");
        }
    }

    /// Its lines, with styles.
    fn render(&self, terminal: Option<usize>) -> Vec<String> {
        let widths = self.widths(terminal);
        let whole = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let rule = format!("{DIM}{}{DIM:#}", "─".repeat(whole));
        let titles: Vec<Cell> = self.columns.iter().map(|column| Cell::new(column.title(), BOLD)).collect();
        let mut lines = vec![self.render_row(&titles, &widths), rule.clone()];
        for line in &self.lines {
            lines.push(match line {
                Line::Row(cells) => self.render_row(cells, &widths),
                Line::Across(text, style) => {
                    let rest = whole.saturating_sub(width(text) + 4);
                    format!("{style}── {text} {}{style:#}", "─".repeat(rest))
                }
                Line::Rule => rule.clone(),
            });
        }
        lines
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| width(column.title())).collect();
        for line in &self.lines {
            let Line::Row(cells) = line else { continue };
            for (known, cell) in widths.iter_mut().zip(cells) {
                *known = (*known).max(width(&cell.text));
            }
        }
        let whole = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut over = whole.saturating_sub(terminal.unwrap_or(usize::MAX));
        for (column, width) in self.columns.iter().zip(&mut widths) {
            if matches!(column, Column::Giving(_)) {
                let given = over.min(width.saturating_sub(NARROWEST));
                *width -= given;
                over -= given;
            }
        }
        widths
    }

    fn render_row(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        for (i, ((cell, column), wanted)) in cells.iter().zip(&self.columns).zip(widths).enumerate() {
            if i > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let text = cut(&cell.text, *wanted);
            let padding = " ".repeat(wanted.saturating_sub(width(&text)));
            let style = cell.style;
            line.push_str(&match column {
                Column::Right(_) => format!("{padding}{style}{text}{style:#}"),
                _ => format!("{style}{text}{style:#}{padding}"),
            });
        }
        line.trim_end().to_owned()
    }
}

/// Columns on a terminal. What is printed here holds no wide characters.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, wanted: usize) -> String {
    if width(text) <= wanted {
        return text.to_owned();
    }
    let kept: String = text.chars().take(wanted.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[Column::Left("name"), Column::Giving("why"), Column::Right("n")]);
        table.row(vec!["a".into(), "because it is so and not otherwise".into(), "12".into()]);
        table.across("half", PLAIN);
        table.row(vec!["long name".into(), "so".into(), "3".into()]);
        table
    }

    fn plain(lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn numbers_stand_on_the_right_and_a_sentence_reaches_across() {
        let lines = plain(&table().render(None));
        assert_eq!(lines[0], "name       why                                  n");
        assert_eq!(lines[2], "a          because it is so and not otherwise  12");
        assert_eq!(lines[3].chars().count(), lines[1].chars().count());
        assert_eq!(lines[4], "long name  so                                   3");
    }

    #[test]
    fn only_the_giving_column_gives_way() {
        let lines = plain(&table().render(Some(30)));
        assert_eq!(lines[2], "a          because it is …  12");
        assert!(lines.iter().all(|line| line.chars().count() <= 30), "{lines:#?}");
    }
}
