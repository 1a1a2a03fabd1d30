//! Lines and tables for people. Colour where the output is a terminal, plain text elsewhere.

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, ContentArrangement, LineStyle, Table, TableStyle};

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// A line under the heading, and nothing else that is not content.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// An error, to standard error.
pub fn error(text: &str) {
    eprintln!("{RED}error{RED:#}: {text}");
}

/// Something that deserves a look, to standard error.
pub fn warning(text: &str) {
    eprintln!("{YELLOW}warning{YELLOW:#}: {text}");
}

/// Something that was done.
pub fn done(text: &str) {
    println!("{GREEN}✓{GREEN:#} {text}");
}

/// What to do next.
pub fn next(text: &str) {
    println!("{CYAN}next{CYAN:#}: {text}");
}

/// Something that happened meanwhile, to standard error: standard output belongs to the log.
pub fn note(text: &str) {
    eprintln!("{CYAN}note{CYAN:#}: {text}");
}

/// A title and lines to copy, unbroken.
pub fn recipe(title: &str, lines: &[String]) {
    println!("  {title}");
    for line in lines {
        println!("    {GREEN}{line}{GREEN:#}");
    }
}

/// A heading.
pub fn heading(text: &str) {
    println!("\n{CYAN}{text}{CYAN:#}");
}

/// A line that explains and is not the point.
pub fn aside(text: &str) {
    println!("{DIM}{text}{DIM:#}");
}

/// A name and its value.
pub fn fact(name: &str, value: &str) {
    println!("{DIM}{name:>12}{DIM:#}  {value}");
}

/// Removed and added text of a change.
pub fn change(removed: &str, added: &str) {
    println!("              {RED}- {removed}{RED:#}");
    println!("              {GREEN}+ {added}{GREEN:#}");
}

/// A table with a heading row, as wide as the terminal allows.
pub fn table(heading: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heading.iter().map(|text| Cell::new(*text)));
    for row in rows {
        table.add_row(row);
    }
    println!("{table}");
}
