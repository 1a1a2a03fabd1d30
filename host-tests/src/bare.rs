//! The core in a module without a door, for measurements: `bench-core` in wasmtime.
//!
//! A call repeats its work inside the module, so that what is timed is the module's code, however this host was built.

#![allow(clippy::disallowed_methods, reason = "a measurement has a clock")]

use std::time::{Duration, Instant};

use wasmtime::{Engine, Instance, Module, Store};

/// The module, with its memory.
pub struct Bare {
    store: Store<()>,
    instance: Instance,
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").finish_non_exhaustive()
    }
}

impl Bare {
    /// Builds it with the profile that ships, and starts it.
    ///
    /// # Panics
    /// Where it cannot be built.
    pub fn start() -> Self {
        let engine = Engine::default();
        let built = live::filter::package("bench-core").unwrap_or_else(|failure| panic!("{failure}"));
        let module = Module::from_file(&engine, built).expect("a module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
        Self { store, instance }
    }

    /// Gives it a configuration document, which `decide` needs.
    ///
    /// # Panics
    /// Where that is no document.
    pub fn configure(&mut self, document: &[u8]) {
        self.take(document);
        let configure =
            self.instance.get_typed_func::<u32, u32>(&mut self.store, "configure").expect("an export");
        let length = u32::try_from(document.len()).expect("small");
        assert_eq!(configure.call(&mut self.store, length).expect("no trap"), 1);
    }

    /// Gives it a body.
    ///
    /// # Panics
    /// Where there is no room for it.
    pub fn take(&mut self, bytes: &[u8]) {
        let input = self.instance.get_typed_func::<u32, u32>(&mut self.store, "input").expect("an export");
        let at = input.call(&mut self.store, u32::try_from(bytes.len()).expect("small")).expect("no trap");
        let memory = self.instance.get_memory(&mut self.store, "memory").expect("a memory");
        memory.write(&mut self.store, at as usize, bytes).expect("room");
    }

    /// What one of so many calls of an export on the first `length` bytes took.
    ///
    /// # Panics
    /// Where one of them failed.
    pub fn call(&mut self, export: &str, length: usize, times: usize) -> Duration {
        let call =
            self.instance.get_typed_func::<(u32, u32), u32>(&mut self.store, export).expect("an export");
        let (length, times) = (u32::try_from(length).expect("small"), u32::try_from(times).expect("small"));
        let began = Instant::now();
        let succeeded = call.call(&mut self.store, (length, times)).expect("no trap");
        let took = began.elapsed() / times;
        assert!(succeeded >= times, "{export} failed");
        took
    }
}
