//! What each [feature](super::FEATURES) costs, and what is added besides text.
//!
//! The two tables are printed by `cargo run -- --fit` in `tokencheck`; they are data, not to be edited by hand.

use super::FEATURES;

/// Units of the tables in one token.
pub(super) const SCALE: u64 = 256;

/// English prose has about four bytes a token. Only for a strand that no sample fell on.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// What makes the answer begin: three in OpenAI's published recipe for counting chat messages.
pub(super) const REQUEST: u64 = 3;

/// Delimiters and role of one message: three and one by the same recipe.
pub(super) const MESSAGE: u64 = 4;

/// An image whose size is not known without decoding it. Not measured: a picture of nearly one megapixel by Anthropic's
/// published rule of a token for every 750 pixels; OpenAI's tiles come to less.
pub(super) const IMAGE: u64 = 1_200;

/// A document of unknown length. Not measured, a guess: a few pages of 1,500 tokens and more.
pub(super) const DOCUMENT: u64 = 6_000;

/// Tool definitions are not read as the JSON they are sent in. In the TypeScript-like form that OpenAI's models are known
/// to read, those measured came to 63 to 70 % of the raw JSON's tokens. Other providers are nearer to the raw JSON.
pub(super) const SCHEMA_PERCENT: u64 = 70;

/// For `o200k_base`.
#[rustfmt::skip]
pub(super) const O200K: [u16; FEATURES] = [
    217, 249, 286, 337, 320, 722, 702, 211, 271, 298, 294, 526, 582, 506,
    257, 329, 573, 207, 296, 689, 1024, 252, 270, 262, 364, 417, 833, 783,
    215, 290, 254, 194, 683, 391, 717, 268, 228, 407, 353, 297, 903, 1042,
    65, 160, 8, 268, 281, 159, 183, 267, 14, 66, 265, 291, 254, 91,
    308, 255, 181, 141, 179, 117, 222, 34, 280, 180, 33, 0, 239, 14,
    247, 82, 257, 90, 281, 111, 260, 76, 75, 187, 303, 124, 0, 246,
    158, 374, 363, 183,
];

/// For `cl100k_base`.
#[rustfmt::skip]
pub(super) const CL100K: [u16; FEATURES] = [
    234, 246, 292, 332, 302, 452, 670, 206, 261, 286, 347, 534, 595, 618,
    258, 323, 611, 154, 327, 670, 1024, 259, 253, 229, 335, 232, 839, 782,
    230, 294, 254, 152, 424, 417, 717, 281, 214, 478, 327, 173, 894, 1034,
    217, 291, 20, 270, 261, 159, 168, 267, 22, 64, 262, 307, 271, 88,
    329, 304, 191, 146, 16, 293, 293, 83, 330, 389, 279, 46, 291, 218,
    295, 329, 260, 266, 310, 235, 262, 92, 233, 303, 286, 107, 0, 246,
    415, 507, 360, 181,
];
