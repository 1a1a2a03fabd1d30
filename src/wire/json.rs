//! A strict JSON cursor: walks a body once, hands out spans, builds nothing.
//!
//! It accepts what `serde_json` accepts (tests and a fuzz target hold it to that), so that the router and a strict
//! provider never disagree about what a body says. It is stricter in two places: every string is UTF-8, and nesting is
//! bounded by [`limits::JSON_DEPTH`], skipped values included. It is laxer in two, where clients differ and the bytes
//! are forwarded as they stand anyway: a value may hold a lone surrogate (`"\ud83d"`, half of an emoji that a client
//! cut), and a number may be larger than an `f64`.
//!
//! The walk is iterative wherever the caller does not ask to enter a value.

mod string;

use alloc::borrow::Cow;
use core::fmt;

pub use self::string::unescape;

use super::Span;
use crate::limits;

/// A position in a JSON text, and the bytes behind it.
#[derive(Clone, Debug)]
pub struct Cursor<'b> {
    body: &'b [u8],
    at: usize,
    depth: usize,
}

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the six kinds of RFC 8259, by their own names")]
pub enum Kind {
    Array,
    False,
    Null,
    Number,
    Object,
    String,
    True,
}

/// A value that was walked over: its kind and its bytes, quotes and brackets included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
    /// For a string: whether it holds an escape. False for every other kind.
    pub escaped: bool,
}

/// A member name, as it stands and as it reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key<'b> {
    /// Its bytes, quotes included.
    pub span: Span,
    name: Cow<'b, [u8]>,
}

impl Key<'_> {
    /// The name with escapes resolved, so that `"mod\u0065l"` is `model`.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// Why a body is not JSON, and where. `Copy`, no allocation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JsonError {
    /// What was wrong.
    pub kind: JsonErrorKind,
    /// Offset of the offending byte.
    pub offset: usize,
}

/// What was wrong with a JSON text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JsonErrorKind {
    /// A byte that cannot stand here.
    Byte,
    /// Nested deeper than [`limits::JSON_DEPTH`].
    Depth,
    /// The same member name twice where the router reads it.
    Duplicate,
    /// The text ended within a value.
    End,
    /// A string that is not UTF-8.
    Utf8,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            JsonErrorKind::Byte => "unexpected byte",
            JsonErrorKind::Depth => "nested too deeply",
            JsonErrorKind::Duplicate => "duplicate member",
            JsonErrorKind::End => "ends too early",
            JsonErrorKind::Utf8 => "not UTF-8",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl core::error::Error for JsonError {}

type Result<T> = core::result::Result<T, JsonError>;

impl<'b> Cursor<'b> {
    /// Starts at the first byte.
    pub const fn new(body: &'b [u8]) -> Self {
        Self { body, at: 0, depth: 0 }
    }

    /// Starts within a body that was walked before, at a value that [`Value::span`] named.
    pub const fn at(body: &'b [u8], value: Span) -> Self {
        Self { body, at: value.start as usize, depth: 1 }
    }

    /// The whole body.
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// Offset of the next byte.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The kind of the next value, without walking it.
    pub fn peek(&mut self) -> Result<Kind> {
        self.white();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b't') => Ok(Kind::True),
            Some(b'f') => Ok(Kind::False),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(_) => Err(self.wrong(JsonErrorKind::Byte)),
            None => Err(self.wrong(JsonErrorKind::End)),
        }
    }

    /// Walks over one value of any kind.
    pub fn skip(&mut self) -> Result<Value> {
        let kind = self.peek()?;
        let start = self.at;
        let mut escaped = false;
        match kind {
            Kind::Object | Kind::Array => self.container()?,
            Kind::String => escaped = self.string_bytes()?,
            _ => self.scalar(kind)?,
        }
        Ok(Value { kind, span: self.span_from(start), escaped })
    }

    /// Walks an object, calling `member` behind each colon; `member` must walk exactly one value.
    /// A value of another kind is skipped: look at [`Value::kind`].
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Key<'b>) -> Result<()>) -> Result<Value> {
        if self.peek()? != Kind::Object {
            return self.skip();
        }
        let start = self.at;
        self.enter()?;
        self.white();
        if self.byte() == Some(b'}') {
            return Ok(self.leave(Kind::Object, start));
        }
        loop {
            self.white();
            let key = self.key()?;
            self.white();
            self.expect(b':')?;
            member(self, key)?;
            self.white();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => return Ok(self.leave(Kind::Object, start)),
                Some(_) => return Err(self.wrong(JsonErrorKind::Byte)),
                None => return Err(self.wrong(JsonErrorKind::End)),
            }
        }
    }

    /// Walks an object of which only the members called `names` matter; walks over the others by itself.
    ///
    /// Calls `member` behind the colon with the name it found; `member` must walk exactly one value. A second member of
    /// the same listed name is [`JsonErrorKind::Duplicate`], since readers differ about which of the two counts.
    /// At most 32 names. A value of another kind is skipped: look at [`Value::kind`].
    pub fn fields(
        &mut self,
        names: &[&'static [u8]],
        mut member: impl FnMut(&mut Self, &'static [u8]) -> Result<()>,
    ) -> Result<Value> {
        debug_assert!(names.len() <= 32, "one bit a name");
        let mut seen = 0u32;
        self.object(|cursor, key| {
            let found = key.name();
            // Most names differ in length or first letter; only then is it worth a call to compare them.
            let same =
                |name: &[u8]| name.len() == found.len() && name.first() == found.first() && name == found;
            let Some((index, name)) = names.iter().enumerate().find(|(_, name)| same(name)) else {
                return cursor.skip().map(drop);
            };
            let bit = 1u32 << (index & 31);
            if seen & bit != 0 {
                return Err(JsonError { kind: JsonErrorKind::Duplicate, offset: key.span.start as usize });
            }
            seen |= bit;
            member(cursor, name)
        })
    }

    /// Walks an array, calling `element` at each element; `element` must walk exactly one value.
    /// A value of another kind is skipped: look at [`Value::kind`].
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<Value> {
        if self.peek()? != Kind::Array {
            return self.skip();
        }
        let start = self.at;
        self.enter()?;
        self.white();
        if self.byte() == Some(b']') {
            return Ok(self.leave(Kind::Array, start));
        }
        loop {
            element(self)?;
            self.white();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => return Ok(self.leave(Kind::Array, start)),
                Some(_) => return Err(self.wrong(JsonErrorKind::Byte)),
                None => return Err(self.wrong(JsonErrorKind::End)),
            }
        }
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Result<()> {
        self.white();
        if self.at < self.body.len() { Err(self.wrong(JsonErrorKind::Byte)) } else { Ok(()) }
    }

    /// An error at the current offset.
    pub const fn wrong(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.at }
    }

    fn byte(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        match self.byte() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.wrong(JsonErrorKind::Byte)),
            None => Err(self.wrong(JsonErrorKind::End)),
        }
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth >= limits::JSON_DEPTH {
            return Err(self.wrong(JsonErrorKind::Depth));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, kind: Kind, start: usize) -> Value {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        Value { kind, span: self.span_from(start), escaped: false }
    }

    fn span_from(&self, start: usize) -> Span {
        // Bodies are bounded by limits::REQUEST_BODY before they get here; saturating keeps the cast honest.
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: narrow(self.at) }
    }

    fn key(&mut self) -> Result<Key<'b>> {
        if self.byte() != Some(b'"') {
            let kind = if self.byte().is_none() { JsonErrorKind::End } else { JsonErrorKind::Byte };
            return Err(self.wrong(kind));
        }
        let start = self.at;
        let escaped = self.string_bytes()?;
        let span = self.span_from(start);
        let raw = inner(span.of(self.body));
        let name = if escaped {
            match unescape(raw) {
                Some(text) => Cow::Owned(text.into_bytes()),
                None => return Err(JsonError { kind: JsonErrorKind::Utf8, offset: start }),
            }
        } else {
            Cow::Borrowed(raw)
        };
        Ok(Key { span, name })
    }

    /// Walks a string from its opening quote; tells whether it holds an escape.
    fn string_bytes(&mut self) -> Result<bool> {
        let scan = string::scan(self.body, self.at.saturating_add(1))?;
        self.at = scan.end;
        Ok(scan.escaped)
    }

    fn scalar(&mut self, kind: Kind) -> Result<()> {
        let word: &[u8] = match kind {
            Kind::True => b"true",
            Kind::False => b"false",
            Kind::Null => b"null",
            _ => return self.number(),
        };
        word.iter().try_for_each(|&byte| self.expect(byte))
    }

    fn number(&mut self) -> Result<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        match self.byte() {
            Some(b'0'..=b'9') => {}
            Some(_) => return Err(self.wrong(JsonErrorKind::Byte)),
            None => return Err(self.wrong(JsonErrorKind::End)),
        }
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        Ok(())
    }

    /// Walks an object or array without recursion: one bit a level says which of the two it is.
    fn container(&mut self) -> Result<()> {
        let outer = self.depth;
        let mut objects: u128 = 0;
        loop {
            // At the start of a value.
            match self.peek()? {
                kind @ (Kind::Object | Kind::Array) => {
                    self.enter()?;
                    objects = (objects << 1) | u128::from(kind == Kind::Object);
                    self.white();
                    let close = if kind == Kind::Object { b'}' } else { b']' };
                    if self.byte() != Some(close) {
                        if kind == Kind::Object {
                            self.member_name()?;
                        }
                        continue;
                    }
                    // Empty: falls through to the closing bracket below.
                }
                Kind::String => {
                    self.string_bytes()?;
                }
                kind => self.scalar(kind)?,
            }
            // Behind a value: close as many levels as end here.
            loop {
                self.white();
                let object = objects & 1 == 1;
                match self.byte() {
                    Some(b',') => {
                        self.at += 1;
                        self.white();
                        if object {
                            self.member_name()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    Some(_) => return Err(self.wrong(JsonErrorKind::Byte)),
                    None => return Err(self.wrong(JsonErrorKind::End)),
                }
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                objects >>= 1;
                if self.depth == outer {
                    return Ok(());
                }
            }
        }
    }

    fn member_name(&mut self) -> Result<()> {
        match self.byte() {
            Some(b'"') => {}
            Some(_) => return Err(self.wrong(JsonErrorKind::Byte)),
            None => return Err(self.wrong(JsonErrorKind::End)),
        }
        self.string_bytes()?;
        self.white();
        self.expect(b':')
    }
}

impl Value {
    /// For a string: its bytes without the quotes, still escaped. Empty for other kinds.
    pub fn raw<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        if self.kind == Kind::String { inner(self.span.of(body)) } else { &[] }
    }

    /// For a string: its text with escapes resolved. `None` for other kinds and for lone surrogates.
    pub fn text<'b>(&self, body: &'b [u8]) -> Option<Cow<'b, str>> {
        if self.kind != Kind::String {
            return None;
        }
        let raw = self.raw(body);
        if self.escaped {
            unescape(raw).map(Cow::Owned)
        } else {
            core::str::from_utf8(raw).ok().map(Cow::Borrowed)
        }
    }

    /// For a string: its bytes without the quotes, escapes resolved where there are any, so that `"us\u0065r"` is
    /// `user`. Empty for other kinds and for lone surrogates: no word of a wire format holds one.
    pub fn word<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        let raw = self.raw(body);
        if self.escaped {
            Cow::Owned(unescape(raw).unwrap_or_default().into_bytes())
        } else {
            Cow::Borrowed(raw)
        }
    }

    /// For a string: its content span, without the quotes. Empty for other kinds.
    pub const fn content(&self) -> Span {
        match self.kind {
            Kind::String => {
                Span { start: self.span.start.saturating_add(1), end: self.span.end.saturating_sub(1) }
            }
            _ => Span { start: 0, end: 0 },
        }
    }

    /// For a number without fraction, exponent or sign: its value, saturating.
    pub fn unsigned(&self, body: &[u8]) -> Option<u64> {
        if self.kind != Kind::Number {
            return None;
        }
        let mut n = 0u64;
        for &byte in self.span.of(body) {
            if !byte.is_ascii_digit() {
                return None;
            }
            n = n.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        }
        Some(n)
    }

    /// For `true` and `false`.
    pub const fn boolean(&self) -> Option<bool> {
        match self.kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }
}

/// The bytes between the quotes.
fn inner(quoted: &[u8]) -> &[u8] {
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
}
