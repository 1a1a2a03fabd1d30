//! The report as a page: cost over the steps of a run, and the policies beside each other.

use live::Failure;
use plotters::prelude::*;

use super::{
    replay::{OURS, POLICIES, Replayed, Ride},
    report::{BAR, Results},
    run::Run,
};

/// Runs that are drawn: the dearest of each source.
const DRAWN: usize = 8;

const SIZE: (u32, u32) = (720, 300);

const COLOURS: [RGBColor; 5] = [
    RGBColor(192, 57, 43),
    RGBColor(39, 174, 96),
    RGBColor(243, 156, 18),
    RGBColor(127, 140, 141),
    RGBColor(41, 98, 205),
];

/// Draws everything into one page without scripts.
pub(super) fn page(results: &Results, runs: &[Run], replayed: &[Replayed]) -> Result<String, Failure> {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Agents: the bill</title><style>\
         body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#222}\
         table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
         td:first-child,th:first-child{text-align:left}figure{margin:1.5rem 0}figcaption{color:#666}\
         tr.ours{font-weight:600}svg{max-width:100%;height:auto}</style>",
    );
    page.push_str(&format!(
        "<h1>Agents: the bill</h1><p>{} runs, {} calls.</p>",
        results.runs, results.calls
    ));
    page.push_str(
        "<table><tr><th>policy<th>bill<th>of frontier<th>cache hits<th>switches<th>tasks kept</tr>",
    );
    for (n, sum) in results.sums.iter().enumerate() {
        let class = if n == OURS { " class=\"ours\"" } else { "" };
        let kept = sum.kept.map_or_else(|| "?".to_owned(), |kept| format!("{:.1} %", 100.0 * kept));
        page.push_str(&format!(
            "<tr{class}><td>{}<td>${:.2}<td>{:.3}<td>{:.1} %<td>{:.0}<td>{kept}</tr>",
            sum.name,
            sum.cost,
            sum.cost / results.sums[0].cost,
            100.0 * sum.hit_share(),
            sum.switches
        ));
    }
    page.push_str("</table>");
    page.push_str(&figure(
        &bills(results)?,
        &format!("Bill of each policy as a share of the frontier's; the line is {BAR}."),
    ));
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by(|a, b| replayed[*b].rides[0].cost().total_cmp(&replayed[*a].rides[0].cost()));
    let mut drawn = 0;
    let mut sources: Vec<&str> = Vec::new();
    for n in order {
        let source = runs[n].source.as_str();
        if sources.iter().filter(|known| **known == source).count() >= 2 || drawn >= DRAWN {
            continue;
        }
        sources.push(source);
        drawn += 1;
        page.push_str(&figure(
            &steps(&replayed[n])?,
            &escape(&format!("{}: dollars so far, over its calls", runs[n].id)),
        ));
    }
    page.push_str("</html>");
    Ok(page)
}

fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>{svg}<figcaption>{caption}</figcaption></figure>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the plot cannot be drawn: {error}"))
}

#[expect(clippy::cast_precision_loss, reason = "there are six policies")]
fn bills(results: &Results) -> Result<String, Failure> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let frontier = results.sums[0].cost;
        let names: Vec<String> = results.sums.iter().map(|sum| sum.name.clone()).collect();
        let most = results.sums.iter().map(|sum| sum.cost / frontier).fold(1.0, f64::max);
        let count = results.sums.len();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..count as f64, 0.0..most * 1.05)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(count * 2 + 1)
            .x_label_formatter(&|x| {
                let at = x.floor();
                let middle = (x - at - 0.5).abs() < 0.01;
                let name =
                    names.iter().enumerate().find(|(n, _)| *n as f64 == at).map(|(_, name)| name.clone());
                name.filter(|_| middle).unwrap_or_default()
            })
            .draw()
            .map_err(failed)?;
        for (n, sum) in results.sums.iter().enumerate() {
            let x = n as f64;
            let colour = COLOURS.get(n).copied().unwrap_or(RGBColor(155, 89, 182));
            chart
                .draw_series([Rectangle::new(
                    [(x + 0.2, 0.0), (x + 0.8, sum.cost / frontier)],
                    colour.filled(),
                )])
                .map_err(failed)?;
        }
        chart.draw_series(LineSeries::new([(0.0, BAR), (count as f64, BAR)], BLACK)).map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^53 calls")]
fn steps(replayed: &Replayed) -> Result<String, Failure> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let calls = replayed.rides[0].costs.len();
        let most = replayed.rides.iter().map(Ride::cost).fold(0.001, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..calls as f64, 0.0..most * 1.05)
            .map_err(failed)?;
        chart.configure_mesh().x_desc("call").y_desc("dollars").draw().map_err(failed)?;
        for (n, ride) in replayed.rides.iter().enumerate() {
            let mut sum = 0.0;
            let points = ride.costs.iter().enumerate().map(|(call, cost)| {
                sum += cost;
                (call as f64 + 1.0, sum)
            });
            let colour = COLOURS[n];
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(if n == OURS { 3 } else { 1 })))
                .map_err(failed)?
                .label(POLICIES[n])
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 15, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}
