//! `pointsman token`: a token for a caller, and the digest that the configuration states in its place.

use std::{error::Error, io::Read};

use anstream::println;
use sha2::{Digest, Sha256};

use crate::paint;

/// Random bytes of a token: too many to be guessed, few enough for one line.
const RANDOM: usize = 32;

/// Makes a token and prints it once, with the line for `callers`.
///
/// # Errors
/// No randomness, an unreadable or an empty standard input.
pub fn run(name: &str, stdin: bool) -> Result<(), Box<dyn Error>> {
    let token = if stdin { given()? } else { fresh()? };
    if !stdin {
        println!("{token}");
        paint::warning("this is the only time that the token is shown: give it to the caller");
    }
    paint::next(&format!(
        "under `callers:` in the configuration, {}: \"{}\"",
        serde_json::to_string(name)?,
        digest(&token)
    ));
    Ok(())
}

/// The digest of a token as the configuration states it.
pub fn digest(token: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(token.as_bytes())))
}

fn fresh() -> Result<String, Box<dyn Error>> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random)?;
    Ok(format!("pm-{}", hex(&random)))
}

fn given() -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    match text.trim() {
        "" => Err("standard input holds no token".into()),
        token => Ok(token.to_owned()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_lets_the_token_in() {
        assert_eq!(digest("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 3 + 2 * RANDOM);
    }
}
