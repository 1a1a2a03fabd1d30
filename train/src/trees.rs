//! Gradient-boosted regression trees on features in bins: small trees, grown at the leaf that gains most.

use crate::chance::Chance;

/// How to grow them.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// How many trees.
    pub trees: usize,
    /// Leaves of each.
    pub leaves: usize,
    /// Part of each tree's correction that is used.
    pub rate: f64,
    /// Rows that a leaf needs.
    pub least_rows: usize,
    /// Penalty on the values of leaves, in rows of weight 1.
    pub penalty: f64,
    /// Features that a tree may use, in thousandths.
    pub features: u64,
}

/// An inner node: left where the feature is at most the threshold.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Which feature.
    pub feature: usize,
    /// The greatest value that goes left.
    pub threshold: i16,
    /// A child.
    pub left: Child,
    /// A child.
    pub right: Child,
}

/// Where a branch leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Child {
    /// To an inner node.
    Node(usize),
    /// To a leaf.
    Leaf(usize),
}

/// One tree. Children stand behind their parents.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Inner nodes; the first is the root.
    pub nodes: Vec<Node>,
    /// What the leaves add to the score.
    pub leaves: Vec<f64>,
}

/// Bins of a feature.
const BINS: usize = 64;

/// Rows in bins, by feature.
struct Binned {
    bins: Vec<Vec<u8>>,
    /// Greatest value of each bin but the last.
    edges: Vec<Vec<i16>>,
}

impl Binned {
    fn new(rows: &[&[i16]], used: &[bool]) -> Self {
        let (mut bins, mut edges) = (Vec::new(), Vec::new());
        for (at, used) in used.iter().enumerate() {
            if !used {
                bins.push(Vec::new());
                edges.push(Vec::new());
                continue;
            }
            let mut values: Vec<i16> = rows.iter().map(|row| row[at]).collect();
            values.sort_unstable();
            let mut cuts: Vec<i16> =
                (1..BINS).map(|bin| values[(bin * values.len() / BINS).min(values.len() - 1)]).collect();
            cuts.dedup();
            if cuts.last() == values.last() {
                cuts.pop();
            }
            bins.push(rows.iter().map(|row| cuts.partition_point(|cut| *cut < row[at]) as u8).collect());
            edges.push(cuts);
        }
        Self { bins, edges }
    }
}

/// Of each bin of a feature: the sum of weighted targets, of weights, and how many rows.
type Bins = [(f64, f64, u32); BINS];

/// A leaf while the tree grows.
struct Open {
    rows: Vec<u32>,
    sum: f64,
    weight: f64,
    /// For each feature that is tried.
    bins: Vec<Bins>,
    best: Option<Split>,
    /// Where it hangs: the parent, and whether on its left.
    parent: Option<(usize, bool)>,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    bin: usize,
}

/// Fits trees to targets.
pub fn fit(
    rows: &[&[i16]],
    targets: &[f64],
    weights: &[f64],
    used: &[bool],
    growth: &Growth,
    seed: u64,
) -> Vec<Tree> {
    let binned = Binned::new(rows, used);
    let usable: Vec<usize> = (0..used.len()).filter(|at| !binned.edges[*at].is_empty()).collect();
    let mut chance = Chance::new(seed, "trees");
    let total: f64 = weights.iter().sum();
    let mean = targets.iter().zip(weights).map(|(target, weight)| target * weight).sum::<f64>() / total;
    let mut left: Vec<f64> = targets.iter().map(|target| target - mean).collect();
    let mut grown = Vec::new();
    for _ in 0..growth.trees {
        let tried: Vec<usize> = usable.iter().copied().filter(|_| chance.is(growth.features)).collect();
        let (tree, members) = grow(&binned, &left, weights, &tried, growth);
        for (leaf, rows) in members.iter().enumerate() {
            for row in rows {
                left[*row as usize] -= tree.leaves[leaf];
            }
        }
        grown.push(tree);
    }
    grown
}

fn grow(
    binned: &Binned,
    left: &[f64],
    weights: &[f64],
    tried: &[usize],
    growth: &Growth,
) -> (Tree, Vec<Vec<u32>>) {
    let count = |rows: &[u32]| -> Vec<Bins> {
        let gradients: Vec<(f64, f64)> = rows
            .iter()
            .map(|row| (left[*row as usize] * weights[*row as usize], weights[*row as usize]))
            .collect();
        let of = |feature: &usize| {
            let mut found = [(0.0, 0.0, 0); BINS];
            let bins = &binned.bins[*feature];
            for (row, (gradient, weight)) in rows.iter().zip(&gradients) {
                let place = &mut found[usize::from(bins[*row as usize])];
                place.0 += gradient;
                place.1 += weight;
                place.2 += 1;
            }
            found
        };
        tried.iter().map(of).collect()
    };
    let open = |rows: Vec<u32>, bins: Vec<Bins>, parent| {
        let sum = rows.iter().map(|row| left[*row as usize] * weights[*row as usize]).sum();
        let weight = rows.iter().map(|row| weights[*row as usize]).sum();
        let mut leaf = Open { rows, sum, weight, bins, best: None, parent };
        leaf.best = best(binned, tried, growth, &leaf);
        leaf
    };
    let all: Vec<u32> = (0..left.len() as u32).collect();
    let bins = count(&all);
    let mut leaves = vec![open(all, bins, None)];
    let mut nodes: Vec<Node> = Vec::new();
    while leaves.len() < growth.leaves {
        let best = leaves
            .iter()
            .enumerate()
            .filter_map(|(at, leaf)| Some((at, leaf.best?)))
            .max_by(|(a, one), (b, other)| one.gain.total_cmp(&other.gain).then(b.cmp(a)));
        let Some((at, split)) = best else { break };
        let leaf = leaves.swap_remove(at);
        let (low, high): (Vec<u32>, Vec<u32>) = leaf
            .rows
            .iter()
            .partition(|row| usize::from(binned.bins[split.feature][**row as usize]) <= split.bin);
        let node = nodes.len();
        nodes.push(Node {
            feature: split.feature,
            threshold: binned.edges[split.feature][split.bin],
            left: Child::Leaf(0),
            right: Child::Leaf(0),
        });
        hang(&mut nodes, leaf.parent, Child::Node(node));
        // The smaller side is counted, the other is what is left of their parent.
        let smaller = count(if low.len() <= high.len() { &low } else { &high });
        let mut larger = leaf.bins;
        for (place, taken) in larger.iter_mut().flatten().zip(smaller.iter().flatten()) {
            *place = (place.0 - taken.0, place.1 - taken.1, place.2 - taken.2);
        }
        let (of_low, of_high) = if low.len() <= high.len() { (smaller, larger) } else { (larger, smaller) };
        leaves.push(open(low, of_low, Some((node, true))));
        leaves.push(open(high, of_high, Some((node, false))));
    }
    let mut values = Vec::new();
    let mut members = Vec::new();
    for (at, leaf) in leaves.into_iter().enumerate() {
        values.push(growth.rate * leaf.sum / (leaf.weight + growth.penalty));
        hang(&mut nodes, leaf.parent, Child::Leaf(at));
        members.push(leaf.rows);
    }
    (Tree { nodes, leaves: values }, members)
}

fn hang(nodes: &mut [Node], parent: Option<(usize, bool)>, child: Child) {
    match parent {
        Some((at, true)) => nodes[at].left = child,
        Some((at, false)) => nodes[at].right = child,
        None => {}
    }
}

fn best(binned: &Binned, tried: &[usize], growth: &Growth, leaf: &Open) -> Option<Split> {
    if leaf.rows.len() < 2 * growth.least_rows {
        return None;
    }
    let score = |sum: f64, weight: f64| sum * sum / (weight + growth.penalty);
    let own = score(leaf.sum, leaf.weight);
    let mut found: Option<Split> = None;
    for (feature, sums) in tried.iter().zip(&leaf.bins) {
        let (mut sum, mut weight, mut count) = (0.0, 0.0, 0);
        for (bin, place) in sums.iter().enumerate().take(binned.edges[*feature].len()) {
            sum += place.0;
            weight += place.1;
            count += place.2 as usize;
            if count < growth.least_rows {
                continue;
            }
            if leaf.rows.len() - count < growth.least_rows {
                break;
            }
            let gain = score(sum, weight) + score(leaf.sum - sum, leaf.weight - weight) - own;
            if gain > found.map_or(1e-9, |found| found.gain) {
                found = Some(Split { gain, feature: *feature, bin });
            }
        }
    }
    found
}

/// The score of a row, without a constant.
pub fn score(trees: &[Tree], row: &[i16]) -> f64 {
    trees.iter().map(|tree| tree.score(row)).sum()
}

impl Tree {
    fn score(&self, row: &[i16]) -> f64 {
        let mut at = if self.nodes.is_empty() { Child::Leaf(0) } else { Child::Node(0) };
        loop {
            match at {
                Child::Leaf(leaf) => return self.leaves[leaf],
                Child::Node(node) => {
                    let node = &self.nodes[node];
                    at = if row[node.feature] <= node.threshold { node.left } else { node.right };
                }
            }
        }
    }
}
