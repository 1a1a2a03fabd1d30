//! A body in a YAML file: text as it stands, or pieces for what text cannot say.

use serde::{Deserialize, Deserializer, de::Error};

/// The bytes that a file describes.
///
/// Text is taken as it stands. A list is joined from pieces: text, `{ hex: "ff fe" }`, or `{ repeat: "[", times: 200 }`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bytes(pub Vec<u8>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Pieces(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Hex { hex: String },
    Repeat { repeat: String, times: usize },
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pieces = match Written::deserialize(deserializer)? {
            Written::Text(text) => return Ok(Self(text.into_bytes())),
            Written::Pieces(pieces) => pieces,
        };
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => bytes.extend(text.into_bytes()),
                Piece::Repeat { repeat, times } => bytes.extend(repeat.repeat(times).into_bytes()),
                Piece::Hex { hex } => {
                    for pair in hex.split_whitespace() {
                        bytes.push(u8::from_str_radix(pair, 16).map_err(D::Error::custom)?);
                    }
                }
            }
        }
        Ok(Self(bytes))
    }
}
