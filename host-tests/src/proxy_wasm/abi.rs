//! The host functions of the proxy-wasm ABI 0.2.1 that the door calls.

use std::collections::BTreeMap;

use wasmtime::{Caller, Extern, Linker, Memory, Result};

use super::{Headers, Quirks};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const CAS_MISMATCH: u32 = 8;
const INTERNAL_FAILURE: u32 = 10;

/// Where Envoy keeps the name that an endpoint carries.
const ENDPOINT: &[u8] = b"xds\0upstream_host_metadata\0filter_metadata\0pointsman\0upstream";

/// What the filter can reach.
pub(crate) struct Host {
    pub(super) quirks: Quirks,
    pub(super) plugin: Vec<u8>,
    pub(super) log: Vec<String>,
    pub(super) metrics: Vec<Metric>,
    /// Shared data, each value with its version.
    pub(super) shared: BTreeMap<String, (Vec<u8>, u32)>,
    /// So many writes of other workers come in between, each to be repeated.
    pub(super) rivals: u32,
    /// Nanoseconds since 1970.
    pub(super) now: u64,
    /// The exchange whose callback is running.
    pub(super) stream: Stream,
}

pub(crate) struct Metric {
    pub(super) name: String,
    pub(super) histogram: bool,
    pub(super) value: u64,
}

/// The state of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(super) request: Option<Headers>,
    pub(super) response: Option<Headers>,
    pub(super) request_body: Option<Vec<u8>>,
    pub(super) response_body: Option<Vec<u8>>,
    /// Filter state.
    pub(super) state: BTreeMap<String, Vec<u8>>,
    /// The upstream that this attempt goes to; `None` outside of attempts.
    pub(super) upstream: Option<String>,
    /// A local response, to be acted on after the callback.
    pub(super) local: Option<Local>,
}

#[derive(Debug)]
pub(crate) struct Local {
    pub(super) status: u32,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Host {
    pub(super) fn new(quirks: Quirks) -> Self {
        Self {
            quirks,
            plugin: Vec::new(),
            log: Vec::new(),
            metrics: Vec::new(),
            shared: BTreeMap::new(),
            rivals: 0,
            // Always the same moment: nothing here depends on how long a test takes.
            now: 1_767_225_600_000_000_000,
            stream: Stream::default(),
        }
    }

    fn map(&mut self, map: u32) -> Option<&mut Headers> {
        match map {
            0 => self.stream.request.as_mut(),
            2 => self.stream.response.as_mut(),
            _ => None,
        }
    }

    fn buffer(&mut self, buffer: u32) -> Option<&mut Vec<u8>> {
        match buffer {
            0 => self.stream.request_body.as_mut(),
            1 => self.stream.response_body.as_mut(),
            7 => Some(&mut self.plugin),
            _ => None,
        }
    }

    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        if path == ENDPOINT {
            let upstream = self.stream.upstream.as_ref().filter(|_| self.quirks.host_metadata);
            return upstream.map(|name| name.as_bytes().to_vec());
        }
        let path = str::from_utf8(path).ok()?;
        self.stream.state.get(path).filter(|_| !self.quirks.forgets_state).cloned()
    }
}

/// A callback's view of the VM.
struct Guest<'a>(Caller<'a, Host>);

impl Guest<'_> {
    fn memory(&mut self) -> Memory {
        self.0.get_export("memory").and_then(Extern::into_memory).expect("an exported memory")
    }

    fn read(&mut self, at: u32, size: u32) -> Vec<u8> {
        let memory = self.memory();
        let (at, size) = (at as usize, size as usize);
        if size == 0 {
            return Vec::new();
        }
        memory.data(&self.0)[at..at + size].to_vec()
    }

    fn text(&mut self, at: u32, size: u32) -> String {
        String::from_utf8(self.read(at, size)).expect("names are UTF-8")
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let memory = self.memory();
        memory.write(&mut self.0, at as usize, bytes).expect("a pointer into the memory");
    }

    /// Hands bytes over for good, in memory that the guest allocates.
    fn give(&mut self, bytes: &[u8], data: u32, size: u32) -> Result<u32> {
        let mut at = 0;
        if !bytes.is_empty() {
            let malloc = self.0.get_export("malloc").and_then(Extern::into_func).expect("malloc");
            at = malloc.typed::<u32, u32>(&self.0)?.call(&mut self.0, bytes.len() as u32)?;
            self.write(at, bytes);
        }
        self.write(data, &at.to_le_bytes());
        self.write(size, &(bytes.len() as u32).to_le_bytes());
        Ok(OK)
    }

    fn give_or(&mut self, bytes: Option<Vec<u8>>, otherwise: u32, data: u32, size: u32) -> Result<u32> {
        match bytes {
            Some(bytes) => self.give(&bytes, data, size),
            None => Ok(otherwise),
        }
    }

    fn fails(&self, name: &str) -> bool {
        self.0.data().quirks.failing == Some(name)
    }
}

/// Runs the body of a host function, unless this Envoy is one in which it fails.
macro_rules! host {
    ($linker:ident, $name:literal, |$guest:ident $(, $arg:ident: $ty:ty)*| $body:expr) => {
        $linker.func_wrap("env", $name, |caller: Caller<'_, Host> $(, $arg: $ty)*| -> Result<u32> {
            #[allow(unused_mut, reason = "not every function writes")]
            let mut $guest = Guest(caller);
            if $guest.fails($name) {
                return Ok(INTERNAL_FAILURE);
            }
            $body
        })?;
    };
}

pub(super) fn define(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_log", |guest, level: u32, at: u32, size: u32| {
        let line = format!("{level} {}", String::from_utf8_lossy(&guest.read(at, size)));
        guest.0.data_mut().log.push(line);
        Ok(OK)
    });
    host!(linker, "proxy_get_current_time_nanoseconds", |guest, at: u32| {
        let now = guest.0.data().now;
        guest.write(at, &now.to_le_bytes());
        Ok(OK)
    });
    buffers(linker)?;
    headers(linker)?;
    properties(linker)?;
    shared(linker)?;
    metrics(linker)
}

fn buffers(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_get_buffer_bytes", |guest,
                                             buffer: u32,
                                             start: u32,
                                             max: u32,
                                             data: u32,
                                             size: u32| {
        let found = guest.0.data_mut().buffer(buffer).map(|bytes| {
            let start = (start as usize).min(bytes.len());
            let end = start.saturating_add(max as usize).min(bytes.len());
            bytes[start..end].to_vec()
        });
        guest.give_or(found, NOT_FOUND, data, size)
    });
    host!(linker, "proxy_set_buffer_bytes", |guest,
                                             buffer: u32,
                                             start: u32,
                                             size: u32,
                                             at: u32,
                                             length: u32| {
        let with = guest.read(at, length);
        let prefix = guest.0.data().quirks.replaces_prefix;
        let Some(bytes) = guest.0.data_mut().buffer(buffer) else { return Ok(NOT_FOUND) };
        let (start, size) = (start as usize, size as usize);
        if start == 0 && (size == 0 || size >= bytes.len() || prefix) {
            bytes.splice(..size.min(bytes.len()), with);
            return Ok(OK);
        }
        if start >= bytes.len() {
            bytes.extend(with);
            return Ok(OK);
        }
        Ok(BAD_ARGUMENT)
    });
    Ok(())
}

fn headers(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_get_header_map_pairs", |guest, map: u32, data: u32, size: u32| {
        let found = guest.0.data_mut().map(map).map(|headers| pairs(headers));
        guest.give_or(found, BAD_ARGUMENT, data, size)
    });
    host!(linker, "proxy_get_header_map_value", |guest,
                                                 map: u32,
                                                 at: u32,
                                                 length: u32,
                                                 data: u32,
                                                 size: u32| {
        let name = guest.text(at, length);
        let Some(headers) = guest.0.data_mut().map(map) else { return Ok(BAD_ARGUMENT) };
        let found = headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        guest.give_or(found, NOT_FOUND, data, size)
    });
    host!(
        linker,
        "proxy_replace_header_map_value",
        |guest, map: u32, at: u32, length: u32, data: u32, size: u32| {
            let (name, value) = (guest.text(at, length), guest.read(data, size));
            let Some(headers) = guest.0.data_mut().map(map) else { return Ok(BAD_ARGUMENT) };
            set(headers, &name, value);
            Ok(OK)
        }
    );
    host!(linker, "proxy_remove_header_map_value", |guest, map: u32, at: u32, length: u32| {
        let name = guest.text(at, length);
        let Some(headers) = guest.0.data_mut().map(map) else { return Ok(BAD_ARGUMENT) };
        headers.retain(|(known, _)| *known != name);
        Ok(OK)
    });
    Ok(())
}

fn properties(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_get_property", |guest, at: u32, length: u32, data: u32, size: u32| {
        let path = guest.read(at, length);
        let found = guest.0.data().property(&path);
        guest.give_or(found, NOT_FOUND, data, size)
    });
    host!(linker, "proxy_set_property", |guest, at: u32, length: u32, data: u32, size: u32| {
        let (path, value) = (guest.text(at, length), guest.read(data, size));
        guest.0.data_mut().stream.state.insert(path, value);
        Ok(OK)
    });
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |caller: Caller<'_, Host>,
         status: u32,
         _details: u32,
         _details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         _grpc: u32|
         -> Result<u32> {
            let mut guest = Guest(caller);
            let body = guest.read(body, body_size);
            let headers = parse(&guest.read(headers, headers_size));
            let local = &mut guest.0.data_mut().stream.local;
            assert!(local.is_none(), "two local responses to one request");
            *local = Some(Local { status, headers, body });
            Ok(OK)
        },
    )?;
    Ok(())
}

fn shared(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_get_shared_data", |guest,
                                            at: u32,
                                            length: u32,
                                            data: u32,
                                            size: u32,
                                            version: u32| {
        let key = guest.text(at, length);
        let Some((value, number)) = guest.0.data().shared.get(&key).cloned() else {
            return Ok(NOT_FOUND);
        };
        guest.write(version, &number.to_le_bytes());
        guest.give(&value, data, size)
    });
    host!(linker, "proxy_set_shared_data", |guest,
                                            at: u32,
                                            length: u32,
                                            data: u32,
                                            size: u32,
                                            version: u32| {
        let (key, value) = (guest.text(at, length), guest.read(data, size));
        let host = guest.0.data_mut();
        let known = host.shared.get(&key).map(|(_, number)| *number);
        // As Envoy: 0 replaces whatever stands there, and a key that is new takes any version.
        if host.rivals > 0 {
            host.rivals -= 1;
            let (old, number) = host.shared.get(&key).cloned().unwrap_or_default();
            host.shared.insert(key, (old, number + 1));
            return Ok(CAS_MISMATCH);
        }
        if known.is_some_and(|known| version != 0 && version != known) {
            return Ok(CAS_MISMATCH);
        }
        host.shared.insert(key, (value, known.unwrap_or_default() + 1));
        Ok(OK)
    });
    Ok(())
}

fn metrics(linker: &mut Linker<Host>) -> Result<()> {
    host!(linker, "proxy_define_metric", |guest, kind: u32, at: u32, size: u32, id: u32| {
        let name = guest.text(at, size);
        let metrics = &mut guest.0.data_mut().metrics;
        metrics.push(Metric { name, histogram: kind == 2, value: 0 });
        let number = metrics.len() as u32;
        guest.write(id, &number.to_le_bytes());
        Ok(OK)
    });
    host!(linker, "proxy_increment_metric", |guest, id: u32, offset: i64| {
        let Some(metric) = guest.0.data_mut().metrics.get_mut((id as usize).wrapping_sub(1)) else {
            return Ok(NOT_FOUND);
        };
        // As Envoy: a counter only grows.
        let Some(offset) = u64::try_from(offset).ok().filter(|offset| *offset > 0 && !metric.histogram)
        else {
            return Ok(BAD_ARGUMENT);
        };
        metric.value += offset;
        Ok(OK)
    });
    host!(linker, "proxy_record_metric", |guest, id: u32, _value: u64| {
        let Some(metric) = guest.0.data_mut().metrics.get_mut((id as usize).wrapping_sub(1)) else {
            return Ok(NOT_FOUND);
        };
        assert!(metric.histogram, "only histograms are recorded");
        metric.value += 1;
        Ok(OK)
    });
    Ok(())
}

/// Sets a header in place, or at the end.
pub(super) fn set(headers: &mut Headers, name: &str, value: Vec<u8>) {
    let first = headers.iter().position(|(known, _)| known == name);
    let mut i = 0;
    headers.retain(|(known, _)| {
        let kept = known != name || Some(i) == first;
        i += 1;
        kept
    });
    match first {
        Some(first) => headers[first].1 = value,
        None => headers.push((name.to_owned(), value)),
    }
}

/// The ABI's form of a header map: count, lengths, then names and values, a NUL after each.
fn pairs(headers: &Headers) -> Vec<u8> {
    let mut out = (headers.len() as u32).to_le_bytes().to_vec();
    for (name, value) in headers {
        out.extend((name.len() as u32).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in headers {
        out.extend(name.as_bytes());
        out.push(0);
        out.extend(value);
        out.push(0);
    }
    out
}

fn parse(bytes: &[u8]) -> Headers {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let count = number(0);
    let mut at = 4 + count * 8;
    let mut headers = Vec::new();
    for i in 0..count {
        let (name, value) = (number(4 + i * 8), number(8 + i * 8));
        let text = String::from_utf8(bytes[at..at + name].to_vec()).expect("names are UTF-8");
        headers.push((text, bytes[at + name + 1..at + name + 1 + value].to_vec()));
        at += name + value + 2;
    }
    assert_eq!(at, bytes.len(), "a header map with something after its end");
    headers
}
