//! Seals on thinking: what a provider gives out with its reasoning and wants back untouched.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::hash::{Dice, HEX, Hash};

/// What a Claude model makes of a thinking block that it is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Its own.
    Good,
    /// Genuine, but of another Claude model or account: dropped without a word.
    Unreadable,
    /// Its own, but another prefix stood before it.
    Bound,
    /// Not a seal of this vendor, or the text was changed.
    Invalid,
}

/// What a Claude seal is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) model: u64,
    pub(crate) account: u64,
    pub(crate) binding: u64,
}

/// Begins with `E` in Base64, like the real ones.
const CLAUDE: [u8; 3] = [0x12, 0xa4, 0x01];
/// Begins with `gAAAAA` in URL-safe Base64, as Fernet tokens do.
const OPENAI: [u8; 5] = [0x80, 0, 0, 0, 0];

/// The `signature` of a Claude thinking block with this text.
pub(crate) fn claude(claim: Claim, text: &str) -> String {
    let mac = claude_mac(claim, text);
    let mut bytes = CLAUDE.to_vec();
    for number in [claim.model, claim.account, claim.binding, mac] {
        bytes.extend(number.to_le_bytes());
    }
    fill(&mut bytes, mac, 18);
    STANDARD.encode(bytes)
}

/// Judges a thinking block shown to a Claude model.
///
/// `strict_prefix`, `strict_account`: whether the model ties its blocks to those.
pub(crate) fn judge(
    signature: &str,
    text: &str,
    now: Claim,
    strict_prefix: bool,
    strict_account: bool,
) -> Verdict {
    let Ok(bytes) = STANDARD.decode(signature) else { return Verdict::Invalid };
    let Some(rest) = bytes.strip_prefix(&CLAUDE) else { return Verdict::Invalid };
    let number = |position: usize| {
        let slice = rest.get(position * 8..position * 8 + 8)?;
        slice.try_into().ok().map(u64::from_le_bytes)
    };
    let (Some(model), Some(account), Some(binding), Some(mac)) = (number(0), number(1), number(2), number(3))
    else {
        return Verdict::Invalid;
    };
    if mac != claude_mac(Claim { model, account, binding }, text) {
        return Verdict::Invalid;
    }
    if model != now.model || (strict_account && account != now.account) {
        return Verdict::Unreadable;
    }
    if strict_prefix && binding != now.binding { Verdict::Bound } else { Verdict::Good }
}

/// The `signature` of a MiniMax thinking block: 64 hexadecimal digits.
pub(crate) fn minimax(text: &str, seed: u64) -> String {
    Dice::new(seed ^ Hash::of(text)).string(HEX, 64)
}

/// The `encrypted_content` of an OpenAI reasoning item.
pub(crate) fn openai(account: u64, seed: u64, length: u64) -> String {
    let mac = openai_mac(account, seed);
    let mut bytes = OPENAI.to_vec();
    for number in [account, seed, mac] {
        bytes.extend(number.to_le_bytes());
    }
    fill(&mut bytes, mac, (length / 8 + 8).min(256));
    URL_SAFE.encode(bytes)
}

/// Whether OpenAI can read this `encrypted_content` for this account.
pub(crate) fn openai_reads(content: &str, account: u64) -> bool {
    let Ok(bytes) = URL_SAFE.decode(content) else { return false };
    let Some(rest) = bytes.strip_prefix(&OPENAI) else { return false };
    let number = |position: usize| {
        let slice = rest.get(position * 8..position * 8 + 8)?;
        slice.try_into().ok().map(u64::from_le_bytes)
    };
    match (number(0), number(1), number(2)) {
        (Some(owner), Some(seed), Some(mac)) => owner == account && mac == openai_mac(owner, seed),
        _ => false,
    }
}

fn claude_mac(claim: Claim, text: &str) -> u64 {
    Hash::new()
        .with("claude")
        .with(text)
        .number(claim.model)
        .number(claim.account)
        .number(claim.binding)
        .value()
}

fn openai_mac(account: u64, seed: u64) -> u64 {
    Hash::new().with("openai").number(account).number(seed).value()
}

fn fill(bytes: &mut Vec<u8>, seed: u64, words: u64) {
    let mut dice = Dice::new(seed);
    for _ in 0..words {
        bytes.extend(dice.next().to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim { model: 1, account: 2, binding: 3 };

    #[test]
    fn a_claude_seal_knows_its_text_model_account_and_prefix() {
        let seal = claude(CLAIM, "hm");
        assert!(seal.starts_with('E'));
        assert_eq!(judge(&seal, "hm", CLAIM, true, true), Verdict::Good);
        assert_eq!(judge(&seal, "HM", CLAIM, true, true), Verdict::Invalid);
        assert_eq!(judge(&seal, "hm", Claim { model: 9, ..CLAIM }, true, true), Verdict::Unreadable);
        assert_eq!(judge(&seal, "hm", Claim { account: 9, ..CLAIM }, true, true), Verdict::Unreadable);
        assert_eq!(judge(&seal, "hm", Claim { account: 9, ..CLAIM }, true, false), Verdict::Good);
        assert_eq!(judge(&seal, "hm", Claim { binding: 9, ..CLAIM }, true, true), Verdict::Bound);
        assert_eq!(judge(&seal, "hm", Claim { binding: 9, ..CLAIM }, false, true), Verdict::Good);
        assert_eq!(judge(&minimax("hm", 5), "hm", CLAIM, true, true), Verdict::Invalid);
    }

    #[test]
    fn an_openai_seal_knows_its_account() {
        let seal = openai(7, 1, 100);
        assert!(seal.starts_with("gAAAAA"));
        assert!(openai_reads(&seal, 7));
        assert!(!openai_reads(&seal, 8));
        assert!(!openai_reads("gAAAAA", 7));
    }
}
