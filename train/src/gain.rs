//! What a ranking of prompts is worth, as RouteLLM defines it (arXiv 2406.18665), with every prompt as a cut point.

/// Rows by falling score. Equal scores keep their order, so callers must not sort by outcome before.
pub fn ranking(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    order
}

/// Average performance gap recovered over all shares of calls to the strong model: 0.5 is a random ranking.
///
/// `gains` are strong less cheap scores of each row.
pub fn apgr(scores: &[f64], gains: &[f64]) -> f64 {
    let (mut area, mut total) = (0.0, 0.0);
    let count = gains.len() as f64;
    // Rows of equal score share their mean rank.
    let order = ranking(scores);
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && scores[order[end]] == scores[order[start]] {
            end += 1;
        }
        let rank = (start + end - 1) as f64 / 2.0 + 0.5;
        for row in &order[start..end] {
            area += gains[*row] * (1.0 - rank / count);
            total += gains[*row];
        }
        start = end;
    }
    area / total
}

/// Share of the gap recovered when this share of the calls goes to the strong model: the cost-quality curve.
pub fn curve(scores: &[f64], gains: &[f64], steps: usize) -> Vec<f64> {
    let order = ranking(scores);
    let total: f64 = gains.iter().sum();
    let mut sums = vec![0.0];
    for row in &order {
        sums.push(sums[sums.len() - 1] + gains[*row]);
    }
    (0..=steps).map(|step| sums[step * order.len() / steps] / total).collect()
}

/// Call-performance threshold: the least share of calls to the strong model that recovers this part of the gap.
pub fn cpt(scores: &[f64], gains: &[f64], part: f64) -> f64 {
    let order = ranking(scores);
    let total: f64 = gains.iter().sum();
    let mut sum = 0.0;
    for (n, row) in order.iter().enumerate() {
        sum += gains[*row];
        if sum >= part * total {
            return (n + 1) as f64 / order.len() as f64;
        }
    }
    1.0
}

/// Chance that a row where the strong model is better stands above one where it is not.
pub fn auc(scores: &[f64], gains: &[f64]) -> f64 {
    let order = ranking(scores);
    let (mut above, mut pairs_won, mut others) = (0.0, 0.0, 0.0);
    let mut start = 0;
    while start < order.len() {
        let mut end = start;
        let (mut up, mut down) = (0.0, 0.0);
        while end < order.len() && scores[order[end]] == scores[order[start]] {
            if gains[order[end]] > 0.0 {
                up += 1.0
            } else {
                down += 1.0
            }
            end += 1;
        }
        pairs_won += down * (above + up / 2.0);
        above += up;
        others += down;
        start = end;
    }
    pairs_won / (above * others)
}
