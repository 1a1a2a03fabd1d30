//! A filter that holds every request until its body is whole, and lets it go as it came.
//!
//! It is the floor under every filter that reads bodies: whatever the real one costs above this one is its own doing.

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};

/// The exported `_initialize`; in a module of its own because the macro writes no documentation.
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(crate::Root));
    }}
}

struct Root;

struct Buffer;

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Buffer))
    }
}

impl Context for Buffer {}

impl HttpContext for Buffer {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        if end { Action::Continue } else { Action::Pause }
    }

    fn on_http_request_body(&mut self, _: usize, end: bool) -> Action {
        if end { Action::Continue } else { Action::Pause }
    }
}
