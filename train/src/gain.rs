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

/// Chance that a row where the strong model is better stands above one where it is not: the area under the ROC curve. (What
/// RouteLLM calls AUC is the mean quality over all shares: the cheap model's score and APGR times the mean gain.)
pub fn roc_auc(scores: &[f64], gains: &[f64]) -> f64 {
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

/// A ranking that is asked about many samples of its rows.
#[derive(Clone, Debug)]
pub struct Ranked {
    order: Vec<usize>,
    /// Where in the order a run of equal scores ends.
    ends: Vec<usize>,
}

impl Ranked {
    /// Rows by falling score.
    pub fn new(scores: &[f64]) -> Self {
        let order = ranking(scores);
        let ends = (1..=order.len())
            .filter(|end| order.get(*end).is_none_or(|next| scores[*next] != scores[order[end - 1]]))
            .collect();
        Self { order, ends }
    }

    /// [`apgr`] where each row counts so many times.
    pub fn apgr(&self, counts: &[u32], gains: &[f64]) -> f64 {
        let all: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let (mut area, mut total, mut before, mut start) = (0.0, 0.0, 0.0, 0);
        for end in &self.ends {
            let (mut gain, mut count) = (0.0, 0.0);
            for row in &self.order[start..*end] {
                gain += gains[*row] * f64::from(counts[*row]);
                count += f64::from(counts[*row]);
            }
            area += gain * (1.0 - (before + count / 2.0) / all);
            total += gain;
            before += count;
            start = *end;
        }
        area / total
    }
}

/// Standard deviation of the APGR of a random order.
pub fn random_spread(gains: &[f64]) -> f64 {
    let count = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / count;
    let squares: f64 = gains.iter().map(|gain| (gain - mean) * (gain - mean)).sum();
    // Of n evenly spaced ranks, as shares of n.
    let ranks = (count * count - 1.0) / (12.0 * count * count);
    (ranks * squares * count / (count - 1.0)).sqrt() / (mean * count).abs()
}

/// Pearson's correlation.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    let (of_a, of_b) = (mean(a), mean(b));
    let (mut both, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - of_a) * (b - of_b);
        squares_a += (a - of_a) * (a - of_a);
        squares_b += (b - of_b) * (b - of_b);
    }
    both / (squares_a * squares_b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn the_best_order_the_worst_and_none() {
        let gains = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(apgr(&[4.0, 3.0, 2.0, 1.0], &gains), 0.875);
        assert_eq!(apgr(&[1.0, 3.0, 2.0, 4.0], &gains), 0.125);
        assert_eq!(apgr(&[1.0; 4], &gains), 0.5, "without an order, half");
        assert_eq!(cpt(&[4.0, 3.0, 2.0, 1.0], &gains, 0.8), 0.25);
        assert_eq!(curve(&[4.0, 3.0, 2.0, 1.0], &[1.0, 1.0, 0.0, 0.0], 4), [0.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(roc_auc(&[4.0, 3.0, 2.0, 1.0], &gains), 1.0);
    }

    #[test]
    fn a_sample_of_every_row_once_is_the_whole_and_a_double_row_counts_twice() {
        let mut chance = Chance::new(1, "rows");
        let scores: Vec<f64> = (0..200).map(|_| chance.below(40) as f64).collect();
        let gains: Vec<f64> = (0..200).map(|_| chance.below(3) as f64 - 0.5).collect();
        let ranked = Ranked::new(&scores);
        assert!((ranked.apgr(&[1; 200], &gains) - apgr(&scores, &gains)).abs() < 1e-12);
        let counts: Vec<u32> = (0..200).map(|n| n % 3).collect();
        let repeated: (Vec<f64>, Vec<f64>) =
            (0..200).flat_map(|n| std::iter::repeat_n((scores[n], gains[n]), n % 3)).unzip();
        assert!((ranked.apgr(&counts, &gains) - apgr(&repeated.0, &repeated.1)).abs() < 1e-12);
    }

    #[test]
    fn the_spread_of_a_random_order_is_that_of_many() {
        let mut chance = Chance::new(2, "orders");
        let gains: Vec<f64> = (0..300).map(|_| chance.below(3) as f64 - 0.6).collect();
        let found: Vec<f64> = (0..4000)
            .map(|_| apgr(&(0..300).map(|_| chance.draw() as f64).collect::<Vec<_>>(), &gains))
            .collect();
        let mean = found.iter().sum::<f64>() / 4000.0;
        let spread = (found.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / 4000.0).sqrt();
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!((spread / random_spread(&gains) - 1.0).abs() < 0.05, "{spread} {}", random_spread(&gains));
    }

    #[test]
    fn correlations() {
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
    }
}
