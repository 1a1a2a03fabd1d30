//! OpenAI Chat Completions: where the fields stand. Source: OpenAI API reference, `POST /v1/chat/completions`.

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
        b"max_tokens" | b"max_completion_tokens" => {
            let value = cursor.skip()?;
            // The older name and the newer: where a client sends both, the order they stand in says nothing.
            reader.max_output = reader.max_output.max(value.unsigned(reader.body));
            Ok(value)
        }
        b"reasoning_effort" => reader.effort(cursor),
        b"reasoning" => reader.effort_in(cursor),
        b"response_format" => reader.format_in(cursor),
        b"stream_options" => {
            let stream_usage = &mut reader.stream_usage;
            cursor.fields(&[b"include_usage"], |cursor, _| {
                *stream_usage = cursor.skip()?.boolean().unwrap_or(false);
                Ok(())
            })
        }
        _ => cursor.skip(),
    }
}
