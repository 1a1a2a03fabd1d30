//! Trains the classifier that the core ships: labelled prompts in, `weights.bin` and its card out.
//!
//! Everything is done in one thread order, with additions, multiplications, divisions and square roots only, so that the
//! same data gives the same bytes everywhere. The numbers that describe a text come from the core's own extractor.

pub mod calibrate;
pub mod card;
pub mod chance;
pub mod data;
pub mod dial;
pub mod fit;
pub mod gain;
pub mod groups;
pub mod languages;
pub mod noise;
pub mod order;
pub mod prompts;
pub mod rewording;
pub mod ridge;
pub mod samples;
pub mod tasks;
pub mod trees;
pub mod weights;
