//! OpenAI Responses: where the fields stand. Source: OpenAI API reference, `POST /v1/responses`.

use super::{
    json::{Cursor, JsonError, Kind, Value},
    request::Reader,
};
use crate::traits::Traits;

pub(super) fn member<'b>(
    reader: &mut Reader<'b>,
    cursor: &mut Cursor<'b>,
    name: &[u8],
) -> Result<Value, JsonError> {
    match name {
        b"input" => reader.blocks.conversation(cursor),
        b"instructions" => reader.blocks.system(cursor),
        b"max_output_tokens" => {
            let value = cursor.skip()?;
            reader.max_output = value.unsigned(reader.body);
            Ok(value)
        }
        b"reasoning" => reader.effort_in(cursor),
        b"text" => reader.format_in(cursor),
        // State that lives at the provider: the conversation cannot be told elsewhere.
        b"previous_response_id" | b"conversation" => {
            let value = cursor.skip()?;
            if value.kind != Kind::Null {
                reader.blocks.traits |= Traits::SERVER_STATE;
            }
            Ok(value)
        }
        b"prompt" => {
            let value = cursor.skip()?;
            if value.kind == Kind::Object {
                reader.blocks.traits |= Traits::SERVER_STATE;
            }
            Ok(value)
        }
        _ => cursor.skip(),
    }
}
