//! Anthropic Messages: where the fields stand. Source: Anthropic API reference, `POST /v1/messages`.

use super::{
    json::{Cursor, JsonError, Value},
    request::Reader,
};

pub(super) fn member<'b>(
    reader: &mut Reader<'b>,
    cursor: &mut Cursor<'b>,
    name: &[u8],
) -> Result<Value, JsonError> {
    match name {
        b"messages" => reader.blocks.conversation(cursor),
        b"system" => reader.blocks.system(cursor),
        b"max_tokens" => {
            let value = cursor.skip()?;
            reader.max_output = value.unsigned(reader.body);
            Ok(value)
        }
        // {"effort": "high", "format": {"type": "json_schema", …}}; the format alone in the older output_format
        b"output_config" | b"output_format" => reader.format_in(cursor),
        _ => cursor.skip(),
    }
}
