//! A request's or an answer's head as the host hands it in: one line each for what it begins with, then a name and a
//! value in turn.

/// The text of a head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head(String);

impl Head {
    /// Keeps the text. A host that hands in anything but UTF-8 would hand in no header either.
    pub(crate) fn new(text: &[u8]) -> Self {
        Self(String::from_utf8_lossy(text).into_owned())
    }

    /// The method of a request; the status of an answer.
    pub(crate) fn first(&self) -> &str {
        self.0.split('\n').next().unwrap_or_default()
    }

    /// Path and query of a request's URL.
    pub(crate) fn path(&self) -> &str {
        let url = self.0.split('\n').nth(1).unwrap_or_default();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
    }

    /// The headers behind so many lines.
    pub(crate) fn headers(&self, lines: usize) -> Vec<(&str, &[u8])> {
        let mut lines = self.0.split('\n').skip(lines);
        let pair = || Some((lines.next()?, lines.next()?.as_bytes()));
        std::iter::from_fn(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let head = Head::new(b"POST\nhttps://gw.example/v1/messages?beta=true\nx-api-key\nk\naccept\n*/*");
        assert_eq!((head.first(), head.path()), ("POST", "/v1/messages?beta=true"));
        assert_eq!(head.headers(2), [("x-api-key", &b"k"[..]), ("accept", b"*/*")]);
        assert_eq!(Head::new(b"GET\nhttps://gw.example").path(), "/");
        assert_eq!(Head::new(b"").headers(2), []);
    }
}
