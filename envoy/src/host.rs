//! Every call to the host, in one place.
//!
//! The SDK's own wrappers panic on a status they do not expect, and copy each header into two strings. A panic ends
//! every stream of the VM, so the ABI is called here directly: a status that is not `Ok` becomes `None` or
//! [`Refused`], and the header map stays one buffer. What remains of the SDK is its dispatcher and its allocator.

#![expect(unsafe_code, reason = "the proxy-wasm ABI is pointers; each call says why it is sound")]

use std::{
    panic::{self, PanicHookInfo},
    ptr::{null, null_mut},
};

use pointsman::HeaderEdit;

/// The host did not do what it was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refused;

/// A header map, by its number in the ABI.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Map {
    Request = 0,
    Response = 2,
}

/// A buffer, by its number in the ABI.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    PluginConfiguration = 7,
}

/// A kind of metric, by its number in the ABI.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Metric {
    Counter = 0,
    Histogram = 2,
}

/// A header: its name in lower case, and its value.
pub(crate) type Header<'a> = (&'a str, &'a [u8]);

/// All headers of a message as the host handed them over.
#[derive(Debug, Default)]
pub(crate) struct Headers(Vec<u8>);

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, size: usize, data: *const u8, length: usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

const OK: u32 = 0;
const CAS_MISMATCH: u32 = 8;
const ERROR: u32 = 4;
const CRITICAL: u32 = 5;

/// More than any buffer holds: the host gives what there is.
const EVERYTHING: usize = 1 << 30;

/// Writes a line to the host's log, as an error.
pub(crate) fn log_error(message: &str) {
    log(ERROR, message);
}

fn log(level: u32, message: &str) {
    // Sound: the host reads `message` during the call and keeps nothing.
    unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

/// Makes a panic say where it happened. Its message stays out of the log: it can quote the text it tripped over.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| match info.location() {
        Some(place) => log(CRITICAL, &format!("panic at {}:{}", place.file(), place.line())),
        None => log(CRITICAL, "panic"),
    }));
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let mut time = 0;
    // Sound: the host writes eight bytes to a valid pointer.
    unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    time
}

/// The whole of a buffer; empty where there is none.
pub(crate) fn buffer(buffer: Buffer) -> Result<Vec<u8>, Refused> {
    // Sound: see `returned`.
    returned(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, EVERYTHING, data, size) })
}

/// Replaces the first `size` bytes of the request's body.
pub(crate) fn replace_body(size: usize, with: &[u8]) -> Result<(), Refused> {
    // Sound: the host copies `with` during the call.
    status(unsafe { proxy_set_buffer_bytes(Buffer::RequestBody as u32, 0, size, with.as_ptr(), with.len()) })
}

/// All headers of a message.
pub(crate) fn headers(map: Map) -> Result<Headers, Refused> {
    // Sound: see `returned`.
    returned(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) }).map(Headers)
}

/// The value of one header.
pub(crate) fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    // Sound: see `returned`; the name is read during the call.
    returned(|data, size| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
    })
    .ok()
}

/// Sets a header, whatever there was of that name.
pub(crate) fn set_header(map: Map, name: &str, value: &[u8]) -> Result<(), Refused> {
    // Sound: name and value are copied during the call.
    status(unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes every header of a name.
pub(crate) fn remove_header(map: Map, name: &str) -> Result<(), Refused> {
    // Sound: the name is read during the call.
    status(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Makes an edit.
pub(crate) fn edit(map: Map, edit: &HeaderEdit) -> Result<(), Refused> {
    match edit {
        HeaderEdit::Remove(name) => remove_header(map, name),
        HeaderEdit::Set(name, value) => set_header(map, name, value.as_bytes()),
    }
}

/// A property of the stream; `path` has a NUL between its segments.
pub(crate) fn property(path: &str) -> Option<Vec<u8>> {
    // Sound: see `returned`; the path is read during the call.
    returned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }).ok()
}

/// Sets a property: filter state that both roles, and the access log as `wasm.PATH`, can read.
pub(crate) fn set_property(path: &str, value: &[u8]) -> Result<(), Refused> {
    // Sound: path and value are copied during the call.
    status(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// What all workers of this Envoy share under a key, with its version; version 0 where there is nothing.
pub(crate) fn shared(key: &str) -> (Vec<u8>, u32) {
    let mut version = 0;
    // Sound: see `returned`; the key is read during the call, and the host writes four bytes to a valid pointer.
    let found = returned(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version)
    });
    found.map_or((Vec::new(), 0), |value| (value, version))
}

/// Shares a value in place of the one of this version. `Ok(false)` where another worker was faster.
pub(crate) fn share(key: &str, value: &[u8], version: u32) -> Result<bool, Refused> {
    // The host takes 0 for "whatever stands there". It takes any other where nothing does, and never gives this one out.
    let version = if version == 0 { u32::MAX } else { version };
    // Sound: key and value are copied during the call.
    let code =
        unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) };
    if code == CAS_MISMATCH { Ok(false) } else { status(code).map(|()| true) }
}

/// Answers the request with a JSON body. The host acts on it after the callback.
pub(crate) fn respond(code: u16, headers: &[(&str, String)], body: &[u8]) {
    let headers = header_map(headers);
    // Sound: the host copies body and headers during the call. -1 says that there is no gRPC status.
    let sent = status(unsafe {
        proxy_send_local_response(
            u32::from(code),
            null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    });
    if sent.is_err() {
        log_error("the host took no local response");
    }
}

/// The content type and these headers in the ABI's map form: count, lengths, then names and values with a NUL after each.
fn header_map(headers: &[(&str, String)]) -> Vec<u8> {
    let all = || {
        let own = headers.iter().map(|(name, value)| (*name, value.as_str()));
        own.chain([("content-type", "application/json")])
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut map = number(all().count()).to_vec();
    for (name, value) in all() {
        map.extend(number(name.len()));
        map.extend(number(value.len()));
    }
    for text in all().flat_map(|(name, value)| [name, value]) {
        map.extend(text.as_bytes());
        map.push(0);
    }
    map
}

/// Makes a metric known. Each call makes a new number, even for a known name: the caller keeps it.
pub(crate) fn define(kind: Metric, name: &str) -> Option<u32> {
    let mut id = 0;
    // Sound: the name is copied during the call, and the host writes four bytes to a valid pointer.
    let defined = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) };
    status(defined).is_ok().then_some(id)
}

/// Adds to a counter.
pub(crate) fn increment(id: u32, by: u64) {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    // The host takes 0 for a mistake.
    if by > 0 {
        // Sound: numbers only.
        unsafe { proxy_increment_metric(id, by) };
    }
}

/// Adds a value to a histogram.
pub(crate) fn record(id: u32, value: u64) {
    // Sound: numbers only.
    unsafe { proxy_record_metric(id, value) };
}

fn status(code: u32) -> Result<(), Refused> {
    if code == OK { Ok(()) } else { Err(Refused) }
}

/// Bytes that the host allocated by the exported `malloc` and hands over for good.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Refused> {
    let mut data: *mut u8 = null_mut();
    let mut size = 0;
    let code = call(&mut data, &mut size);
    status(code)?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // Sound: `malloc` is the SDK's, which gives out a boxed slice of exactly `size` bytes, and nobody else owns it.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

impl Headers {
    /// The headers in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        let count = self.number(0).unwrap_or(0);
        let values_at = count.saturating_mul(8).saturating_add(4);
        (0..count)
            .scan(values_at, |at, i| {
                let lengths = i.saturating_mul(8).saturating_add(4);
                let name_size = self.number(lengths)?;
                let value_size = self.number(lengths.saturating_add(4))?;
                let name_end = at.saturating_add(name_size);
                let value_at = name_end.saturating_add(1);
                let value_end = value_at.saturating_add(value_size);
                let name = self.0.get(*at..name_end)?;
                let value = self.0.get(value_at..value_end)?;
                *at = value_end.saturating_add(1);
                Some((name, value))
            })
            // Names are tokens of ASCII; anything else is not a header that anyone reads.
            .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)))
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }
}
