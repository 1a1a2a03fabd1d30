//! The report as one page, without scripts and without anything fetched.

use pointsman::limits;
use train::samples::Samples;

use crate::{
    Report,
    confusion::Confusion,
    labels::Labels,
    plots::{self, LINES},
    scores::Scores,
    table::{Row, Table},
};

const STYLE: &str = include_str!("page.css");

/// The page.
///
/// # Errors
/// Where a plot cannot be drawn.
pub(crate) fn page(
    report: &Report,
    samples: &Samples,
    labels: &[Labels],
    scores: &Scores,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>The difficulty scorer</title><style>{STYLE}</style><main><h1>The difficulty scorer</h1>\
         <p>How much would a strong model gain on a prompt? This is what the answer is worth, on outcomes that no model here was \
         trained on. Weights <code>{}</code>, {} prompts.</p>",
        &report.weights_sha256[..12],
        samples.rows.len()
    );
    page.push_str(&bars(report));
    page.push_str("<h2>Ranking</h2><p>APGR: part of the gap between the two models that is recovered, averaged over all shares of \
         calls to the strong one; .5 is a random order, the same calls dealt to other prompts. CPT: the least share of calls \
         that recovers half, and 80 %, of the gap. AUC: mean quality over all shares. Intervals are 95 % of samples drawn with \
         replacement.</p>");
    for table in &report.tables {
        page.push_str(&ranking(table));
    }
    page.push_str("<h2>Cost and quality</h2><p>Part of the gap between cheap and strong that is recovered, on the usual pair: all \
         calls to the cheap model are at the lower left, all to the strong one at the upper right.</p>");
    page.push_str(&legend());
    page.push_str("<div class=grid>");
    for labels in labels.iter().filter(|labels| labels.pair == Some(0)) {
        let caption = format!("<b>{}</b> {}", labels.source_name(), escape(&labels.name));
        page.push_str(&figure(&plots::cost_quality(samples, labels, scores)?, &caption));
    }
    page.push_str("</div><h2>Calibration</h2><p>Gain that the score predicts and gain that was found, by tenths of each source, with \
         95 % intervals; on the line they agree. The table from score to gain has not seen the fold or the source \
         either.</p><div class=grid>");
    for source in &report.calibration {
        let caption = format!(
            "<b>{}</b> off by {:.0}‰, source left out {:.0}‰",
            source.source,
            source.off_groups * 1000.0,
            source.off_left_out * 1000.0
        );
        page.push_str(&figure(&plots::calibration(source)?, &caption));
    }
    page.push_str("</div>");
    page.push_str(&stability(report));
    page.push_str(&tasks(&report.tasks));
    page.push_str(&speed(report));
    page.push_str("</main></html>\n");
    Ok(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn figure(svg: &str, caption: &str) -> String {
    format!("<figure><figcaption>{caption}</figcaption>{svg}</figure>")
}

fn legend() -> String {
    let items = LINES.iter().map(|(name, colour, width)| {
        let (r, g, b) = (colour.0, colour.1, colour.2);
        format!("<span><i style=\"background:rgb({r},{g},{b});height:{width}px\"></i>{name}</span>")
    });
    format!("<p class=legend>{}</p>", items.collect::<String>())
}

fn bars(report: &Report) -> String {
    let rows = report.bars.iter().map(|bar| {
        let (class, mark) = match bar.met {
            Some(true) => ("yes", "✓"),
            Some(false) => ("no", "✗"),
            None => ("", "?"),
        };
        format!(
            "<tr><td class={class:?}>{mark}<td>{}<td class=n>{}<td>{}",
            escape(&bar.what),
            escape(&bar.bar),
            escape(&bar.found)
        )
    });
    format!(
        "<table class=bars><tr><th><th>asked for<th class=n>bar<th>found</tr>{}</table>",
        rows.collect::<String>()
    )
}

/// `.612`, as papers write what lies between 0 and 1.
fn decimal(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.strip_prefix("0.") {
        Some(digits) => format!(".{digits}"),
        None => text,
    }
}

fn ranking(table: &Table) -> String {
    let mut out = format!(
        "<h3>{}</h3><p>{}.</p><table><tr><th>source<th>strong / cheap<th>rows<th>APGR<th>95 %<th>CPT 50<th>CPT 80<th>AUC<th \
         class=c>random<th>length<th>numbers<th>shuffled<th>all cheap<th>all strong</tr>",
        if table.split == "groups" { "Near-equal prompts left out" } else { "Whole source left out" },
        table.what
    );
    let mut before = "";
    // A source with one model on each side has one pair, and its mean is the same again.
    for row in table.rows.iter().filter(|row| row.pair != "mean of 1 strong / 1 cheap") {
        let source = if row.source == before { "" } else { row.source };
        before = row.source;
        out.push_str(&ranked(row, source));
    }
    for mean in &table.means {
        out.push_str(&format!(
            "<tr class=mean><td>mean of {}<td>{}<td><td><b>{}</b><td class=n>{}–{}<td><td><td><td class=\"n c\">.500<td \
             class=n>{}<td class=n>{}<td><td><td>",
            mean.sources,
            mean.of,
            decimal(mean.apgr),
            decimal(mean.interval[0]),
            decimal(mean.interval[1]),
            decimal(mean.length),
            decimal(mean.numbers)
        ));
    }
    out.push_str("</table>");
    out
}

fn ranked(row: &Row, source: &str) -> String {
    let controls = &row.controls;
    let best = 0.5f64.max(controls.length).max(controls.numbers);
    let control = |value: f64| {
        let class = if value == best && row.why.is_some() { "n better" } else { "n" };
        format!("<td class={class:?}>{}", decimal(value))
    };
    let numbers = [row.cpt50, row.cpt80, row.auc].map(|value| format!("<td class=n>{}", decimal(value)));
    let mut out = format!(
        "<tr><td><b>{source}</b><td class=pair>{}<td class=n>{}<td class=n><b>{}</b><td class=n>{}–{}{}<td class=\"n c\">.500 ± \
         {}{}{}<td class=n>{}<td class=n>{}<td class=n>{}",
        escape(&row.pair),
        row.rows,
        decimal(row.apgr),
        decimal(row.interval[0]),
        decimal(row.interval[1]),
        numbers.concat(),
        decimal(row.labels.random_spread),
        control(controls.length),
        control(controls.numbers),
        decimal(controls.shuffled),
        decimal(row.all_cheap),
        decimal(row.all_frontier),
    );
    if let Some(why) = &row.why {
        out.push_str(&format!("<tr class=why><td><td colspan=13>{}", escape(why)));
    }
    out
}

fn stability(report: &Report) -> String {
    let mut out = "<h2>Other words, other languages</h2><p>Part of the prompts that stay on their side of the dial. Light and heavy \
         rewordings come from the generator of the training noise with another seed, which flatters; the sentences of the \
         adversarial ones are others than in training.</p><table><tr><th>reworded<th>how<th>prompts<th>at the \
         median<th>at a dial of 20 %</tr>"
        .to_owned();
    let percent = |part: f64, bar: f64| {
        let class = if part >= bar { "n yes" } else { "n no" };
        format!("<td class={class:?}>{:.1} %", part * 100.0)
    };
    for row in &report.rewordings {
        out.push_str(&format!(
            "<tr><td>{}<td>{}<td class=n>{}{}{}",
            row.kind,
            row.what,
            row.prompts,
            percent(row.median, row.bar_median),
            percent(row.dial_20, row.bar_dial_20)
        ));
    }
    out.push_str("</table>");
    out.push_str(&format!(
        "<p>Questions of our own in ten languages, by the weights that ship; {:.0} % of the English ones are above the default \
         dial.</p><table><tr><th>language<th>questions<th>on the rung of the English one<th>the same at a dial of 50 %</tr>",
        report.english_above * 100.0
    ));
    for row in &report.languages {
        out.push_str(&format!(
            "<tr><td>{}<td class=n>{}{}{}",
            escape(&row.language),
            row.n,
            percent(row.same_rung, crate::languages::BAR),
            percent(row.same_half, crate::languages::BAR)
        ));
    }
    out.push_str(&format!(
        "</table><p>Of {} easy and {} hard open prompts of ours, the hard one stands above in {:.1} % of the pairs.</p>",
        train::order::EASY.len(),
        train::order::HARD.len(),
        report.easy_below_hard * 100.0
    ));
    out
}

fn tasks(tasks: &Confusion) -> String {
    let mut out = format!(
        "<h2>Tasks</h2><p>What the data's categories and our own prompts say is asked for (rows), and what the task head says \
         (columns), in per cent of the row; no head has seen what it is asked here. {:.1} % are told right, {:.1} % on average over \
         tasks.</p><table class=heat><tr><th><th>prompts",
        tasks.right * 100.0,
        tasks.right_by_task * 100.0
    );
    for task in &tasks.tasks {
        out.push_str(&format!("<th class=up><span>{task}</span>"));
    }
    for (task, (name, row)) in tasks.tasks.iter().zip(&tasks.counts).enumerate() {
        let total: u32 = row.iter().sum();
        out.push_str(&format!("<tr><td>{name}<td class=n>{total}"));
        for (told, count) in row.iter().enumerate() {
            let part = f64::from(*count) / f64::from(total.max(1));
            let colour = if told == task { "31,94,201" } else { "217,95,2" };
            let text = if part >= 0.005 { format!("{:.0}", part * 100.0) } else { String::new() };
            let white = if part > 0.6 { ";color:#fff" } else { "" };
            out.push_str(&format!("<td class=n style=\"background:rgba({colour},{part:.2}){white}\">{text}"));
        }
    }
    out.push_str("</table>");
    out
}

fn speed(report: &Report) -> String {
    let mut out = format!(
        "<h2>Size and speed</h2><p>{:.1} KB of weights. Microseconds a call, medians over rounds, on whatever machine made this report. \
         Reading is the pass over the body that routing needs in any case; judging is what the scorer adds, by the path that a \
         request takes. It looks closely at {} KB at most: the beginning and the end of the person's newest turn, and of a short one \
         also the turn before: there the question stands. In WebAssembly: the shipped profile, compiled by Cranelift in \
         wasmtime; only calls into the module are timed, each repeating its work inside.</p><table><tr><th>request<th>bytes<th>reading, \
         native<th>judging, native<th>best round<th>bar<th>reading, wasm<th>judging, wasm<th>best round<th>bar</tr>",
        report.weights_bytes as f64 / 1000.0,
        limits::JUDGED_TEXT / 1024
    );
    for row in &report.speed {
        out.push_str(&format!("<tr><td>{}<td class=n>{}", row.name, row.bytes));
        for (took, bar) in [(Some(row.native), row.native_bar), (row.wasm, row.wasm_bar)] {
            let Some(took) = took else {
                out.push_str("<td><td><td><td>");
                continue;
            };
            let class = match bar {
                Some(bar) if took.judge <= bar => "n yes",
                Some(_) => "n no",
                None => "n",
            };
            out.push_str(&format!(
                "<td class=n>{:.1}<td class={class:?}>{:.1}<td class=n>{:.1}<td class=n>{}",
                took.read,
                took.judge,
                took.judge_best,
                bar.map_or_else(String::new, |bar| format!("{bar:.0}"))
            ));
        }
    }
    out.push_str("</table>");
    out
}
