//! The body of a request: read to its end within bounds, or let go in good manners.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{sleep, timeout};

/// How long the rest of a body that nobody wants is taken in.
const LINGER: Duration = Duration::from_secs(10);

/// First allocation for a body, in bytes, whatever length it claims.
const FIRST: usize = 64 * 1024;

/// Why a body is not there.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is larger than the bound; the rest is still to come.
    TooLarge(Incoming),
    /// The client fell silent.
    Silent,
    /// The client went away.
    Broken,
}

/// Reads a body of at most `most` bytes. Trailers are dropped: no API has any.
pub(super) async fn read(mut body: Incoming, most: usize, silence: Duration) -> Result<Bytes, Unread> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(Unread::TooLarge(body));
    }
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    loop {
        let frame = match timeout(silence, body.frame()).await {
            Err(_) => return Err(Unread::Silent),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let length = first.as_ref().map_or(whole.len(), Bytes::len);
        if length.saturating_add(data.len()) > most {
            return Err(Unread::TooLarge(body));
        }
        // Most bodies come in one piece, which is then not copied.
        match first.take() {
            None if whole.is_empty() => first = Some(data),
            None => whole.extend_from_slice(&data),
            Some(piece) => {
                whole.reserve(announced.clamp(FIRST, most));
                whole.extend_from_slice(&piece);
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Takes in the rest of a body that nobody wants. A connection that is closed on bytes under way is reset, and the
/// client never reads why.
pub(super) fn let_go(body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let mut body = body;
        let drain = async { while let Some(Ok(_)) = body.frame().await {} };
        tokio::select! {
            () = drain => {}
            () = sleep(LINGER) => {}
        }
    });
}
