//! Plots as SVG, without scripts.

use std::ops::Range;

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};
use train::{gain, samples::Samples};

use crate::{
    calibration::{Calibrated, Part},
    labels::Labels,
    scores::Scores,
    table::{Trivial, shuffled},
};

const SIZE: (u32, u32) = (340, 290);
/// Points of a curve.
const STEPS: usize = 100;

/// What is drawn, its colour, and how thick.
pub(crate) const LINES: [(&str, RGBColor, u32); 6] = [
    ("scorer, groups of near-equal prompts left out", RGBColor(31, 94, 201), 3),
    ("scorer, whole source left out", RGBColor(217, 95, 2), 3),
    ("length", RGBColor(122, 122, 122), 1),
    ("numbers", RGBColor(120, 172, 90), 1),
    ("shuffled, at equal cost", RGBColor(200, 160, 200), 1),
    ("random, with two standard deviations", RGBColor(205, 208, 214), 1),
];

type Drawn = Result<String, Box<dyn std::error::Error>>;

fn svg(draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>) -> Drawn {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'c, 'a> = ChartContext<'c, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An empty plot with its axes, both labelled in the same way.
fn chart<'c, 'a>(
    area: &'c Area<'a>,
    across: Range<f64>,
    up: Range<f64>,
    what: &str,
    label: &dyn Fn(&f64) -> String,
) -> Result<Chart<'c, 'a>, Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(18)
        .x_label_area_size(34)
        .y_label_area_size(40)
        .build_cartesian_2d(across, up)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(238, 239, 242))
        .axis_style(RGBColor(170, 174, 180))
        .x_labels(6)
        .y_labels(6)
        .x_desc(what)
        .label_style(("sans-serif", 11))
        .x_label_formatter(label)
        .y_label_formatter(label)
        .draw()?;
    Ok(chart)
}

/// The cost-quality curve of a source on its usual pair, with the controls.
pub(crate) fn cost_quality(samples: &Samples, labels: &Labels, scores: &Scores) -> Drawn {
    let of = |scores: &[u32]| -> Vec<f64> { labels.rows.iter().map(|row| f64::from(scores[*row])).collect() };
    let trivial = Trivial::of(samples, &labels.rows);
    let own = of(&scores.folds);
    let rankings = [own.clone(), of(&scores.left_out), trivial.length, trivial.numbers, shuffled(&own)];
    let curves: Vec<Vec<f64>> =
        rankings.iter().map(|scores| gain::curve(scores, &labels.gains, STEPS)).collect();
    let most = curves.iter().flatten().copied().fold(1.0, f64::max);
    let least = curves.iter().flatten().copied().fold(0.0, f64::min);
    svg(|area| {
        let percent = |part: &f64| format!("{:.0} %", part * 100.0);
        let mut chart = chart(area, 0.0..1.0, least..most * 1.02, "calls to the strong model", &percent)?;
        // A sum over k of n rows in random order varies by the root of k (n - k) / n.
        let count = labels.gains.len() as f64;
        let mean = labels.gains.iter().sum::<f64>() / count;
        let squares: f64 = labels.gains.iter().map(|gain| (gain - mean) * (gain - mean)).sum();
        let spread = (squares / (count - 1.0)).sqrt();
        let band = |side: f64| {
            (0..=STEPS).map(move |step| {
                let share = step as f64 / STEPS as f64;
                let deviation = spread * (share * (1.0 - share) / count).sqrt() / mean.abs();
                (share, share + side * 2.0 * deviation)
            })
        };
        let outline: Vec<(f64, f64)> =
            band(1.0).chain(band(-1.0).collect::<Vec<_>>().into_iter().rev()).collect();
        let (_, grey, _) = LINES[5];
        chart.draw_series([Polygon::new(outline, grey.mix(0.45).filled())])?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], grey))?;
        for (curve, (_, colour, width)) in curves.iter().zip(LINES).rev() {
            let points = curve.iter().enumerate().map(|(step, part)| (step as f64 / STEPS as f64, *part));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(width)))?;
        }
        Ok(())
    })
}

/// Predicted and found gain by tenths of a source.
pub(crate) fn calibration(source: &Calibrated) -> Drawn {
    let both = || source.groups.iter().chain(&source.left_out);
    let most = both().map(|part| part.predicted.max(part.found + part.within)).fold(0.05, f64::max) * 1000.0;
    let least = both().map(|part| (part.found - part.within).min(0.0)).fold(0.0, f64::min) * 1000.0;
    let right = both().map(|part| part.predicted).fold(0.05, f64::max) * 1050.0;
    svg(|area| {
        let whole = |permille: &f64| format!("{permille:.0}");
        let mut chart = chart(area, 0.0..right, least..most * 1.05, "predicted gain, ‰", &whole)?;
        let end = right.min(most * 1.05);
        chart.draw_series(LineSeries::new([(0.0, 0.0), (end, end)], LINES[5].1.stroke_width(2)))?;
        for (parts, (_, colour, _)) in [(&source.left_out, LINES[1]), (&source.groups, LINES[0])] {
            let at = |part: &Part, found: f64| (part.predicted * 1000.0, found * 1000.0);
            for part in parts {
                let ends = [at(part, part.found - part.within), at(part, part.found + part.within)];
                chart.draw_series(LineSeries::new(ends, colour.mix(0.5)))?;
            }
            chart.draw_series(
                parts.iter().map(|part| Circle::new(at(part, part.found), 3, colour.filled())),
            )?;
        }
        Ok(())
    })
}
