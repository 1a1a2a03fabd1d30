//! A straight line over the features, held to the same score for rewordings of a prompt.

/// One weight a feature, for features as given.
#[derive(Clone, Debug)]
pub struct Line {
    /// Least value that counts; smaller ones count as this.
    pub lowest: Vec<f64>,
    /// Greatest value that counts.
    pub highest: Vec<f64>,
    /// Mean over the training rows.
    pub mean: Vec<f64>,
    /// Gain for one unit of the feature; 0 where the feature is not used.
    pub weight: Vec<f64>,
}

/// Standard deviations from the mean beyond which a value is cut.
const CUT: f64 = 2.5;

/// Rows to fit.
#[derive(Debug)]
pub struct Rows<'r> {
    /// Features of the prompts.
    pub clean: &'r [&'r [i16]],
    /// Features of rewordings; as many as prompts, for each kind.
    pub copies: &'r [Vec<&'r [i16]>],
    /// Gains.
    pub targets: &'r [f64],
    /// Weights of the rows.
    pub weights: &'r [f64],
    /// Where the rows come from, by number.
    pub sources: &'r [usize],
}

/// Penalties of a fit.
#[derive(Clone, Copy, Debug)]
pub struct Penalties {
    /// On the weights that all sources share.
    pub alpha: f64,
    /// On what a source's weights differ by from the shared ones.
    pub apart: f64,
    /// On what the mean score of a source differs by from its mean target. The targets are centred, so this says that the
    /// shared weights must not set one source above another: what they learned within sources says nothing of that.
    pub level: f64,
    /// On differences between a prompt and its rewordings.
    pub consistency: f64,
}

/// Fits; `used` says which features take part.
///
/// Each source has weights of its own beside the shared ones, which take up what holds in that source alone (Khosla et
/// al. 2012, "Undoing the damage of dataset bias"). Only the shared ones are kept: they do better on a source that was
/// left out.
pub fn fit(rows: &Rows<'_>, used: &[bool], penalties: &Penalties) -> Line {
    let features = used.len();
    let total: f64 = rows.weights.iter().sum();
    let (mut mean, mut square) = (vec![0.0; features], vec![0.0; features]);
    for (row, weight) in rows.clean.iter().zip(rows.weights) {
        for (at, value) in row.iter().enumerate() {
            let value = f64::from(*value);
            mean[at] += weight * value;
            square[at] += weight * value * value;
        }
    }
    let mut spread = vec![0.0; features];
    for at in 0..features {
        mean[at] /= total;
        spread[at] = (square[at] / total - mean[at] * mean[at]).max(0.0).sqrt();
    }
    let chosen: Vec<usize> = (0..features).filter(|at| used[*at] && spread[*at] > 1e-9).collect();
    let size = chosen.len();
    let scaled = |row: &[i16], into: &mut [f64]| {
        for (place, at) in into.iter_mut().zip(&chosen) {
            *place = ((f64::from(row[*at]) - mean[*at]) / spread[*at]).clamp(-CUT, CUT);
        }
    };
    let count = rows.sources.iter().max().map_or(0, |most| most + 1);
    // Of each source the squares and products with the target, and what the shared weights alone must heed.
    let mut squares = vec![vec![0.0; size * size]; count];
    let mut products = vec![vec![0.0; size]; count];
    let mut common = vec![0.0; size * size];
    // Of each source the sum of its rows, of its targets and of its weights.
    let mut sums = vec![(vec![0.0; size], 0.0, 0.0); count];
    let (mut one, mut other) = (vec![0.0; size], vec![0.0; size]);
    for (n, row) in rows.clean.iter().enumerate() {
        scaled(row, &mut one);
        let (weight, source) = (rows.weights[n], rows.sources[n]);
        add_square(&mut squares[source], &one, weight);
        for (sum, value) in products[source].iter_mut().zip(&one) {
            *sum += weight * value * rows.targets[n];
        }
        for (sum, value) in sums[source].0.iter_mut().zip(&one) {
            *sum += weight * value;
        }
        sums[source].1 += weight * rows.targets[n];
        sums[source].2 += weight;
        for copies in rows.copies {
            scaled(copies[n], &mut other);
            for (value, first) in other.iter_mut().zip(&one) {
                *value -= first;
            }
            add_square(&mut common, &other, weight * penalties.consistency);
        }
    }
    let present: Vec<usize> = (0..count).filter(|source| sums[*source].2 > 0.0).collect();
    let mut level = vec![0.0; size];
    for (rows, targets, weight) in present.iter().map(|source| &sums[*source]) {
        add_square(&mut common, rows, penalties.level / weight);
        for (sum, value) in level.iter_mut().zip(rows) {
            *sum += penalties.level / weight * value * targets;
        }
    }
    let whole = size * (present.len() + 1);
    let (mut matrix, mut right) = (vec![0.0; whole * whole], vec![0.0; whole]);
    for row in 0..size {
        for column in 0..=row {
            let shared: f64 = present.iter().map(|source| squares[*source][row * size + column]).sum();
            matrix[row * whole + column] = shared + common[row * size + column];
        }
        matrix[row * whole + row] += penalties.alpha * total;
        right[row] = level[row] + present.iter().map(|source| products[*source][row]).sum::<f64>();
    }
    for (place, source) in present.iter().enumerate() {
        let from = size * (place + 1);
        let of = |row: usize, column: usize| squares[*source][row.max(column) * size + row.min(column)];
        for row in 0..size {
            for column in 0..size {
                matrix[(from + row) * whole + column] = of(row, column);
                matrix[(from + row) * whole + from + column] = of(row, column);
            }
            matrix[(from + row) * whole + from + row] += penalties.apart * total / present.len() as f64;
            right[from + row] = products[*source][row];
        }
    }
    let solved = solve(matrix, right);
    let mut weight = vec![0.0; features];
    // The first are the shared ones.
    for (at, value) in chosen.iter().zip(solved) {
        weight[*at] = value / spread[*at];
    }
    Line {
        lowest: (0..features).map(|at| mean[at] - CUT * spread[at]).collect(),
        highest: (0..features).map(|at| mean[at] + CUT * spread[at]).collect(),
        mean,
        weight,
    }
}

/// Adds `weight · v vᵀ`, lower half.
fn add_square(matrix: &mut [f64], vector: &[f64], weight: f64) {
    let size = vector.len();
    for (at, value) in vector.iter().enumerate() {
        let scaled = weight * value;
        if scaled != 0.0 {
            for (sum, other) in matrix[at * size..=at * size + at].iter_mut().zip(vector) {
                *sum += scaled * other;
            }
        }
    }
}

/// Solves `matrix · x = right` by Cholesky's method; of the matrix, the lower half is read.
pub fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let mut sum = matrix[row * size + column];
            for at in 0..column {
                sum -= matrix[row * size + at] * matrix[column * size + at];
            }
            matrix[row * size + column] =
                if row == column { sum.max(1e-12).sqrt() } else { sum / matrix[column * size + column] };
        }
        let mut sum = right[row];
        for at in 0..row {
            sum -= matrix[row * size + at] * right[at];
        }
        right[row] = sum / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        let mut sum = right[row];
        for at in row + 1..size {
            sum -= matrix[at * size + row] * right[at];
        }
        right[row] = sum / matrix[row * size + row];
    }
    right
}

impl Line {
    /// The score of a row, without a constant.
    pub fn score(&self, row: &[i16]) -> f64 {
        let term = |at: usize| {
            let value = f64::from(row[at]).clamp(self.lowest[at], self.highest[at]);
            (value - self.mean[at]) * self.weight[at]
        };
        (0..row.len()).map(term).sum()
    }
}
