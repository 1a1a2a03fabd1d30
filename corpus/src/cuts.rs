//! Chunk boundaries, drawn at random from a seed that is printed.

/// A source of boundaries. The same seed gives the same ones.
#[derive(Clone, Debug)]
pub struct Cuts(u64);

impl Cuts {
    /// From the environment's `CORPUS_SEED`, else from the time; the seed is printed.
    #[expect(clippy::disallowed_methods, reason = "a test has a clock and an environment")]
    pub fn drawn(what: &str) -> Self {
        let given = std::env::var("CORPUS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            now.as_secs() ^ u64::from(now.subsec_nanos())
        });
        println!("{what}: chunks are cut with CORPUS_SEED={seed}");
        Self(seed)
    }

    /// No cut at all: every body is one piece.
    pub const fn none() -> Self {
        Self(0)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// The largest piece of a body of this length: now one byte, now a few, now all of it.
    pub fn size(&mut self, length: usize) -> usize {
        if self.0 == 0 {
            return usize::MAX;
        }
        match self.below(4) {
            // Byte by byte only where that is soon done.
            0 if length < 20_000 => 1,
            0 | 1 => 2 + self.below(96) + length / 1000,
            2 => 1 + self.below(length.max(1)),
            _ => usize::MAX,
        }
    }

    /// A body in pieces of uneven size. None is empty; there is none where the body is.
    pub fn pieces<'a>(&mut self, body: &'a [u8]) -> Vec<&'a [u8]> {
        let most = self.size(body.len());
        let (mut pieces, mut rest) = (Vec::new(), body);
        while !rest.is_empty() {
            let length = if most >= rest.len() { rest.len() } else { 1 + self.below(most) };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
