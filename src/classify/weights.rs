//! The learned weights: how they are laid out, and what they say of a shape. Whole numbers only.
//!
//! All numbers are little-endian. In this order:
//!
//! ```text
//! magic "PMW1", digest of the feature space u32, features u16, trees u16, points u16, tasks u16, words u16, shares u16
//! per feature:  lowest, highest (clip), mean, least known, most known, where a text is foreign   6 × i16; weight i32
//! per tree:     inner nodes u8; per node: feature u8, left u8, right u8, threshold i16; leaves (nodes + 1) × i16
//! per point:    raw score i32, expected gain u32 (millionths), rising in both
//! common words: bits by hash, `words` bytes
//! shares:       difficulty u16 (permille) that the 1, 2, …, `shares` 100ths of the stated mix reach
//! tasks:        per task bias i32; per task and feature i16; per bucket and task i8
//! ```

use alloc::vec::Vec;

use super::shape::{FEATURES, Shape};

const MAGIC: &[u8] = b"PMW1";

/// A leaf, as against an inner node, in a tree's `left` and `right`.
pub const LEAF: u8 = 0x80;

/// Buckets of words in the head that tells tasks apart.
pub const BUCKETS: usize = 2048;

/// Tasks that the head may tell apart.
const MOST_TASKS: usize = 16;

/// What is added to a bucket's weights.
const HALF: u8 = 0x80;

/// A raw score's unit is the 2^20th part of a gain from 0 to 1.
pub const RAW_BITS: u32 = 20;

/// In a feature's value for foreign texts: leave as it is.
pub const AS_COUNTED: i16 = i16::MIN;

/// What was learned.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    features: Features,
    /// Where the trees begin: a node's number, or a leaf's with [`LEAVES`].
    roots: Vec<u16>,
    /// Those of all trees.
    nodes: Vec<Node>,
    leaves: Vec<i16>,
    points: Vec<(i32, u32)>,
    common: Vec<u8>,
    shares: Vec<u16>,
    biases: Vec<i32>,
    shapes: Vec<i16>,
    /// Half of their range is added, so that they can be summed without a sign.
    buckets: Vec<[u8; MOST_TASKS]>,
}

/// Of each feature, one number in each list.
#[derive(Clone, Debug)]
struct Features {
    lowest: [i16; FEATURES],
    highest: [i16; FEATURES],
    mean: [i16; FEATURES],
    least: [i16; FEATURES],
    most: [i16; FEATURES],
    foreign: [i16; FEATURES],
    weights: [i32; FEATURES],
}

impl Default for Features {
    /// Nothing is known of them.
    fn default() -> Self {
        Self {
            lowest: [i16::MIN; FEATURES],
            highest: [i16::MAX; FEATURES],
            mean: [0; FEATURES],
            least: [i16::MIN; FEATURES],
            most: [i16::MAX; FEATURES],
            foreign: [AS_COUNTED; FEATURES],
            weights: [0; FEATURES],
        }
    }
}

impl Features {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, WeightsError> {
        let mut found = Self::default();
        for feature in 0..FEATURES {
            let lists = [
                &mut found.lowest,
                &mut found.highest,
                &mut found.mean,
                &mut found.least,
                &mut found.most,
                &mut found.foreign,
            ];
            for place in lists.into_iter().filter_map(|list| list.get_mut(feature)) {
                *place = bytes.i16()?;
            }
            if let Some(weight) = found.weights.get_mut(feature) {
                *weight = bytes.i32()?;
            }
        }
        Ok(found)
    }

    /// The clip and the mean of each.
    fn bounds(&self) -> impl Iterator<Item = (i16, i16, i16)> {
        let clips = self.lowest.iter().zip(&self.highest);
        clips.zip(&self.mean).map(|((lowest, highest), mean)| (*lowest, *highest, *mean))
    }
}

/// An inner node, in the numbers of all nodes and leaves.
#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: i16,
    /// Where to go up to the threshold, and above it.
    next: [u16; 2],
    feature: u8,
}

/// Set in the number of a leaf, as against that of an inner node.
const LEAVES: u16 = 0x8000;

/// Room for the values of as many features as a node may name, so that none is out of bounds.
const ROOM: usize = FEATURES.next_power_of_two();

/// Why bytes are no weights of this extractor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WeightsError {
    /// They do not begin as weights do.
    Magic,
    /// They were made for another set of features.
    FeatureSpace,
    /// They end early, or go on too long, or point outside.
    Malformed,
}

struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let (found, rest) = self.0.split_first_chunk::<N>().ok_or(WeightsError::Malformed)?;
        self.0 = rest;
        Ok(*found)
    }

    fn u8(&mut self) -> Result<u8, WeightsError> {
        self.take().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, WeightsError> {
        self.take().map(u16::from_le_bytes)
    }

    fn i16(&mut self) -> Result<i16, WeightsError> {
        self.take().map(i16::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32, WeightsError> {
        self.take().map(i32::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, WeightsError> {
        self.take().map(u32::from_le_bytes)
    }
}

impl Weights {
    /// Reads weights, and checks that they were made for this extractor.
    ///
    /// # Errors
    /// [`WeightsError`].
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut bytes = Bytes(bytes.strip_prefix(MAGIC).ok_or(WeightsError::Magic)?);
        if bytes.u32()? != super::feature_space() || usize::from(bytes.u16()?) != FEATURES {
            return Err(WeightsError::FeatureSpace);
        }
        let (trees, points, tasks) = (bytes.u16()?, bytes.u16()?, usize::from(bytes.u16()?));
        let (words, shares) = (bytes.u16()?, bytes.u16()?);
        let mut found = Self { features: Features::read(&mut bytes)?, ..Self::default() };
        if found.features.bounds().any(|(lowest, highest, _)| lowest > highest) {
            return Err(WeightsError::Malformed);
        }
        for _ in 0..trees {
            found.tree(&mut bytes)?;
        }
        for _ in 0..points {
            found.points.push((bytes.i32()?, bytes.u32()?));
        }
        if !found.points.is_sorted_by(|before, after| before.0 < after.0 && before.1 <= after.1) {
            return Err(WeightsError::Malformed);
        }
        for _ in 0..words {
            found.common.push(bytes.u8()?);
        }
        for _ in 0..shares {
            found.shares.push(bytes.u16()?);
        }
        for _ in 0..tasks {
            found.biases.push(bytes.i32()?);
        }
        for _ in 0..tasks * FEATURES {
            found.shapes.push(bytes.i16()?);
        }
        // In rows of one length, whatever the number of tasks.
        for _ in 0..if tasks > 0 { BUCKETS } else { 0 } {
            let mut bucket = [HALF; MOST_TASKS];
            for weight in bucket.iter_mut().take(tasks) {
                *weight = bytes.u8()?.wrapping_add(HALF);
            }
            found.buckets.push(bucket);
        }
        let most = |weights: &[i16]| {
            let term = |((lowest, highest, mean), weight): ((i16, i16, i16), &i16)| {
                i64::from(lowest.abs_diff(mean).max(highest.abs_diff(mean)))
                    * i64::from(weight.unsigned_abs())
            };
            found.features.bounds().zip(weights).map(term).sum::<i64>()
        };
        let far = |(lowest, highest, mean): (i16, i16, i16)| {
            lowest.checked_sub(mean).is_none() || highest.checked_sub(mean).is_none()
        };
        if tasks > MOST_TASKS
            || found.features.bounds().any(far)
            || found.shapes.chunks(FEATURES).any(|weights| i32::try_from(most(weights)).is_err())
        {
            return Err(WeightsError::Malformed);
        }
        if bytes.0.is_empty() { Ok(found) } else { Err(WeightsError::Malformed) }
    }

    /// Nothing but common words, as bits by hash.
    pub(super) fn with_common(common: Vec<u8>) -> Self {
        Self { common, ..Self::default() }
    }

    /// Which words are common, as bits by hash.
    pub(super) fn common(&self) -> &[u8] {
        &self.common
    }

    /// The least difficulty, in permille, of the hardest `share` (in permille, above 0) of the mix that the weights are
    /// calibrated on.
    pub(super) fn threshold(&self, share: u16) -> u16 {
        if share == 0 {
            return 1000;
        }
        // The table is by hundredths.
        let at = usize::from(share.min(1000)) / 10;
        if at > self.shares.len() {
            return 0;
        }
        at.checked_sub(1).and_then(|at| self.shares.get(at)).copied().unwrap_or(1000)
    }

    /// A foreign text's features, where those that only mean something in English say nothing.
    pub(super) fn neutral(&self, shape: &Shape) -> [i16; FEATURES] {
        let mut values = shape.values;
        if shape.foreign {
            for (value, foreign) in values.iter_mut().zip(&self.features.foreign) {
                if *foreign != AS_COUNTED {
                    *value = *foreign;
                }
            }
        }
        values
    }

    /// How far the values, within their bounds, lie from the mean. `read` has seen to it that the differences fit.
    fn centred(&self, values: &[i16; FEATURES]) -> [i16; FEATURES] {
        let Features { lowest, highest, mean, .. } = &self.features;
        let mut centred = *values;
        for (value, (lowest, (highest, mean))) in
            centred.iter_mut().zip(lowest.iter().zip(highest.iter().zip(mean)))
        {
            *value = (*value).max(*lowest).min(*highest).wrapping_sub(*mean);
        }
        centred
    }

    /// The raw score.
    pub(super) fn raw(&self, values: &[i16; FEATURES]) -> i64 {
        let line = |(weight, value): (&i32, i16)| i64::from(value) * i64::from(*weight);
        let linear: i64 = self.features.weights.iter().zip(self.centred(values)).map(line).sum();
        let mut room = [0; ROOM];
        for (place, value) in room.iter_mut().zip(values) {
            *place = *value;
        }
        let trees: i64 = self.roots.iter().map(|root| i64::from(self.leaf(*root, &room))).sum();
        (linear >> 8) + (trees << 4)
    }

    /// How many features lie outside of what the training data had.
    pub(super) fn unknown(&self, values: &[i16; FEATURES]) -> u32 {
        let known = self.features.least.iter().zip(&self.features.most);
        let outside =
            known.zip(values).map(|((least, most), value)| u16::from((value < least) | (value > most)));
        u32::from(outside.sum::<u16>())
    }

    /// The expected gain, in millionths, for a raw score.
    pub(super) fn gain(&self, raw: i64) -> u32 {
        let at = self.points.partition_point(|(point, _)| i64::from(*point) <= raw);
        let before = at.checked_sub(1).and_then(|at| self.points.get(at));
        match (before, self.points.get(at)) {
            (Some((from, low)), Some((to, high))) => {
                let part = raw.saturating_sub(i64::from(*from)) * (i64::from(*high) - i64::from(*low));
                let width = (i64::from(*to) - i64::from(*from)).max(1);
                u32::try_from(i64::from(*low) + part / width).unwrap_or_default()
            }
            (Some((_, last)), None) => *last,
            (None, Some((_, first))) => *first,
            (None, None) => 0,
        }
    }

    /// Scores of the tasks, by number.
    pub(super) fn tasks(&self, shape: &Shape, values: &[i16; FEATURES]) -> Vec<i64> {
        let mut scores: Vec<i64> = self.biases.iter().map(|bias| i64::from(*bias)).collect();
        let centred = self.centred(values);
        for (score, weights) in scores.iter_mut().zip(self.shapes.chunks_exact(FEATURES)) {
            // `read` has seen to it that such a sum fits.
            let products =
                centred.iter().zip(weights).map(|(value, weight)| i32::from(*value) * i32::from(*weight));
            *score += i64::from(products.fold(0i32, i32::wrapping_add)) >> 2;
        }
        let mut sums = Sums::default();
        let mut words = 0i64;
        for (at, bits) in shape.seen.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let bucket = (at * 64 + bits.trailing_zeros() as usize) / 2;
                bits &= bits - 1;
                words += 1;
                if let Some(weights) = self.buckets.get(bucket) {
                    sums.add(weights);
                }
            }
            sums.settle(64);
        }
        let norm = i64::from(words.max(1).unsigned_abs().isqrt() as u32).max(1);
        for (score, sum) in scores.iter_mut().zip(sums.all()) {
            *score += i64::from(sum) * 256 / norm;
        }
        scores
    }
}

/// Sums of the weights of buckets, by task. Those that are not settled stand in lanes of 16 bits, of four tasks that are
/// two apart in each number.
#[derive(Default)]
struct Sums {
    lanes: [[u64; 2]; 2],
    unsettled: u32,
    settled: [i32; MOST_TASKS],
}

impl Sums {
    /// How many buckets a lane has room for.
    const ROOM: u32 = 0xFFFF / 0xFF;

    fn add(&mut self, weights: &[u8; MOST_TASKS]) {
        const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
        let both = u128::from_le_bytes(*weights);
        for ([even, odd], half) in self.lanes.iter_mut().zip([both as u64, (both >> 64) as u64]) {
            *even = even.wrapping_add(half & EVEN);
            *odd = odd.wrapping_add(half >> 8 & EVEN);
        }
        self.unsettled += 1;
    }

    /// Makes room for so many more buckets.
    fn settle(&mut self, more: u32) {
        if self.unsettled + more > Self::ROOM {
            self.settle_all();
        }
    }

    #[inline(never)]
    fn settle_all(&mut self) {
        let halves = u32::from(HALF) * core::mem::take(&mut self.unsettled);
        for (task, sum) in self.settled.iter_mut().enumerate() {
            let lanes = self.lanes.get(task / 8).and_then(|lanes| lanes.get(task % 2)).copied();
            let lane = lanes.unwrap_or_default() >> (task % 8 / 2 * 16);
            *sum += (lane as u32 & 0xFFFF).wrapping_sub(halves) as i32;
        }
        self.lanes = [[0; 2]; 2];
    }

    fn all(mut self) -> [i32; MOST_TASKS] {
        self.settle_all();
        self.settled
    }
}

impl Weights {
    fn tree(&mut self, bytes: &mut Bytes<'_>) -> Result<(), WeightsError> {
        let count = bytes.u8()?;
        // In the numbers of all nodes and leaves.
        let number = |before: usize, own: u8| {
            u16::try_from(before + usize::from(own)).ok().filter(|number| *number < LEAVES)
        };
        let (nodes, leaves) = (self.nodes.len(), self.leaves.len());
        let place_of = |child: u8| match child.checked_sub(LEAF) {
            Some(leaf) => number(leaves, leaf).map(|number| number | LEAVES),
            None => number(nodes, child),
        };
        let place_of = |child: u8| place_of(child).ok_or(WeightsError::Malformed);
        self.roots.push(place_of(if count == 0 { LEAF } else { 0 })?);
        for place in 0..count {
            let feature = bytes.u8()?;
            let [low, high] = bytes.take()?;
            // Children stand behind their parent, so that every walk ends.
            let fits = |child: u8| match child.checked_sub(LEAF) {
                Some(leaf) => leaf <= count,
                None => child > place && child < count,
            };
            if usize::from(feature) >= FEATURES || !fits(low) || !fits(high) {
                return Err(WeightsError::Malformed);
            }
            let next = [place_of(low)?, place_of(high)?];
            self.nodes.push(Node { threshold: bytes.i16()?, next, feature });
        }
        for _ in 0..=count {
            self.leaves.push(bytes.i16()?);
        }
        Ok(())
    }

    #[inline(always)]
    fn leaf(&self, root: u16, values: &[i16; ROOM]) -> i16 {
        let mut at = root;
        while at & LEAVES == 0 {
            let Some(node) = self.nodes.get(usize::from(at)) else { break };
            let value = values.get(usize::from(node.feature) % ROOM).copied().unwrap_or_default();
            // Chosen by place: which way it goes is anybody's guess.
            let [low, high] = node.next;
            at = if value > node.threshold { high } else { low };
        }
        self.leaves.get(usize::from(at & !LEAVES)).copied().unwrap_or_default()
    }
}
