//! What a request says about tools and about the form of the answer.

use super::Blocks;
use crate::{
    traits::Traits,
    wire::{
        Dialect,
        json::{Cursor, JsonError, Kind, Value},
    },
};

impl<'b> Blocks<'b> {
    /// `tools` and the older `functions`.
    pub(in crate::wire) fn tools(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        cursor.array(|cursor| {
            let (mut extras, mut kind) = (false, None);
            let value = cursor.fields(&TOOL_FIELDS, |cursor, field| {
                match field {
                    b"type" => kind = Some(cursor.skip()?),
                    b"cache_control" => self.cache_control(cursor)?,
                    b"function" => {
                        cursor.fields(&[b"strict"], |cursor, _| {
                            extras = true;
                            cursor.skip().map(drop)
                        })?;
                    }
                    _ => {
                        extras = true;
                        cursor.skip()?;
                    }
                }
                Ok(())
            })?;
            if value.kind == Kind::Object {
                let kind =
                    kind.filter(|kind: &Value| kind.kind != Kind::Null).map(|kind| kind.word(self.body));
                self.traits |= Traits::TOOLS;
                if extras {
                    self.traits |= Traits::TOOL_EXTRAS;
                }
                self.traits |= match (self.dialect, kind.as_deref()) {
                    (Dialect::Messages, Some(b"custom")) => Traits::TOOL_TYPE_CUSTOM,
                    (Dialect::Chat | Dialect::Responses, Some(b"function")) => Traits::NONE,
                    // Messages tools need no type, and the older `functions` of Chat have none.
                    (Dialect::Messages | Dialect::Chat, None) => Traits::NONE,
                    _ => Traits::HOSTED_TOOLS,
                };
            }
            Ok(())
        })
    }

    /// `tool_choice`, and the older `function_call` of Chat: a word or an object. Only "this tool" and "some tool" are
    /// a demand; `auto`, `none` and lists of what is allowed are not, unless one of the list is required.
    pub(in crate::wire) fn tool_choice(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        let (mut kind, mut mode, mut named) = (None, None, false);
        let value = cursor.fields(&[b"type", b"name", b"mode", b"allowed_tools"], |cursor, field| {
            match field {
                b"type" => kind = Some(cursor.skip()?),
                b"mode" => mode = Some(cursor.skip()?),
                b"allowed_tools" => {
                    cursor.fields(&[b"mode"], |cursor, _| {
                        mode = Some(cursor.skip()?);
                        Ok(())
                    })?;
                }
                _ => named = cursor.skip()?.kind == Kind::String,
            }
            Ok(())
        })?;
        let word = |value: Option<Value>| value.map(|value| value.word(self.body)).unwrap_or_default();
        let forced = match value.kind {
            Kind::String => matches!(&*value.word(self.body), b"required" | b"any"),
            Kind::Object => match &*word(kind) {
                b"auto" | b"none" => false,
                b"allowed_tools" => &*word(mode) == b"required",
                b"" => named, // {"name": …}, as function_call has it
                _ => true,
            },
            _ => false,
        };
        if forced {
            self.traits |= Traits::FORCED_TOOL;
        }
        Ok(value)
    }

    /// The `type` of a response format.
    pub(in crate::wire) fn format(&mut self, kind: &Value) {
        match &*kind.word(self.body) {
            b"json_schema" => self.traits |= Traits::JSON_SCHEMA,
            b"json_object" => self.traits |= Traits::JSON_OBJECT,
            _ => {}
        }
    }
}

/// Members of a tool that the reader looks at; the unnamed arm above takes the extras.
const TOOL_FIELDS: [&[u8]; 6] =
    [b"type", b"function", b"cache_control", b"strict", b"defer_loading", b"eager_input_streaming"];
