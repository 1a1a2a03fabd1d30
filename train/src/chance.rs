//! Numbers that look random and are the same in every run.

/// A generator of 64-bit numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// One stream for each seed and name.
    pub fn new(seed: u64, name: &str) -> Self {
        Self(name.bytes().fold(seed ^ 0xCBF2_9CE4_8422_2325, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        }))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % (bound as u64).max(1)).unwrap_or_default()
    }

    /// True in `permille` of a thousand cases.
    pub fn is(&mut self, permille: u64) -> bool {
        self.draw() % 1000 < permille
    }

    /// One of these texts.
    pub fn of<'a, T: AsRef<str>>(&mut self, choices: &'a [T]) -> &'a str {
        choices[self.below(choices.len())].as_ref()
    }
}
